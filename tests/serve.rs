//! `promobandit serve` as a process: what it prints, what it exits with.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use promobandit::proto::promobandit::v1::ledger_service_client::LedgerServiceClient;
use promobandit::proto::promobandit::v1::offer_service_client::OfferServiceClient;
use promobandit::proto::promobandit::v1::{ChooseOfferRequest, StatsRequest};
use rustix::process::{Pid, Signal, kill_process};

const REQUEST_ID: &str = "0198c6f2-5d1e-7c3a-9b40-2f6f1d0c8a57";

fn serve(data_dir: &Path, arguments: &[&str]) -> Command {
    let mut command = serve_at("127.0.0.1:0", data_dir);
    command.args(arguments);
    command
}

fn serve_at(address: &str, data_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_promobandit"));
    command
        .args(["serve", "--listen", address, "--data-dir"])
        .arg(data_dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A running service; killed when it is dropped.
struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
    endpoint: String,
}

impl Running {
    fn start(data_dir: &Path, arguments: &[&str]) -> Self {
        let mut child = serve(data_dir, arguments).spawn().expect("a process");
        let mut out = BufReader::new(child.stdout.take().expect("its output"));
        let mut line = String::new();
        out.read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("ready on ");
        let endpoint = format!("http://{}", address.expect("where it is"));
        Self {
            child,
            out,
            endpoint,
        }
    }

    /// Ends it by a signal: its exit code, and what it wrote meanwhile.
    fn end(mut self, signal: Signal) -> (Option<i32>, String, String) {
        let pid = i32::try_from(self.child.id()).expect("a process id");
        kill_process(Pid::from_raw(pid).expect("a process id"), signal).expect("sent");
        let status = self.child.wait().expect("its end");
        let (mut out, mut log) = (String::new(), String::new());
        self.out.read_to_string(&mut out).expect("text");
        let mut stderr = self.child.stderr.take().expect("its log");
        stderr.read_to_string(&mut log).expect("text");
        (status.code(), out, log)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn assert_refused(command: &mut Command, code: i32, told: &[&str]) {
    let mut child = command.spawn().expect("a process");
    let mut out = child.stdout.take().expect("its output");
    if out.read(&mut [0]).expect("its output") > 0 {
        let _ = child.kill();
        panic!("it was to be refused and says that it is ready");
    }
    let output = child.wait_with_output().expect("its end");
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{log}");
    for told in told {
        assert!(log.contains(told), "{log}\ndoes not tell {told}");
    }
}

async fn choose(endpoint: &str) -> String {
    let client = OfferServiceClient::connect(endpoint.to_owned()).await;
    let request = ChooseOfferRequest {
        request_id: REQUEST_ID.to_owned(),
        placement: "checkout".to_owned(),
        ..Default::default()
    };
    let chosen = client.expect("a connection").choose_offer(request).await;
    let chosen = chosen.expect("the request holds").into_inner();
    chosen.decision.expect("a decision").decision_id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_outlives_the_process() {
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path().join("data");
    let service = Running::start(&data_dir, &["--log-format", "json"]);
    let first = choose(&service.endpoint).await;
    let stats = LedgerServiceClient::connect(service.endpoint.clone()).await;
    let stats = stats.expect("a connection").stats(StatsRequest {}).await;
    assert!(stats.expect("counts").into_inner().disk_bytes > 0);
    let (code, out, log) = service.end(Signal::TERM);
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(out, "", "one line on the standard output");
    for line in log.lines() {
        let read: serde_json::Value = serde_json::from_str(line).expect("JSON lines");
        assert!(
            read["level"].is_string() && read["message"].is_string(),
            "{line}"
        );
    }

    let service = Running::start(&data_dir, &[]);
    assert_eq!(choose(&service.endpoint).await, first, "a retry");
    let (_, _, log) = service.end(Signal::KILL);
    assert!(log.contains("the ledger's own stays"), "{log}");
    let service = Running::start(&data_dir, &[]);
    assert_eq!(choose(&service.endpoint).await, first, "after kill -9");
    let (code, _, log) = service.end(Signal::INT);
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn a_second_process_on_a_directory_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let service = Running::start(directory.path(), &[]);
    let mut second = serve(directory.path(), &[]);
    let holder = format!("pid {}", service.child.id());
    assert_refused(&mut second, 3, &["in use", &holder, "--endpoint"]);
}

#[test]
fn a_directory_that_is_none_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("diary.txt"), "mine").expect("a file");
    let mut refused = serve(directory.path(), &[]);
    assert_refused(&mut refused, 3, &["diary.txt", "is not a data directory"]);
}

#[test]
fn a_ledger_of_another_shop_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path().join("data");
    Running::start(&data_dir, &[]).end(Signal::TERM);
    let config = directory.path().join("shop.toml");
    std::fs::write(&config, "[shop]\nid = \"north\"\n").expect("a file");
    let config = config.to_str().expect("a plain path");
    let mut refused = serve(&data_dir, &["--config", config]);
    assert_refused(&mut refused, 3, &["\"shop\"", "\"north\""]);
}

#[test]
fn what_does_not_hold_is_refused_before_anything_is_made() {
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path().join("data");
    let config = directory.path().join("shop.toml");
    std::fs::write(&config, "[server]\nlisten = \"0.0.0.0:80\"\n[offr]\n").expect("a file");
    let config = config.to_str().expect("a plain path");
    let rows: [(&[&str], &[&str]); 4] = [
        (
            &["--config", config],
            &[
                "shop.toml has 2 faults",
                "line 2: server.listen is \"0.0.0.0:80\"",
                "offer",
            ],
        ),
        (
            &["--config", "no-such.toml"],
            &["no-such.toml cannot be read"],
        ),
        (&["--log-format", "xml"], &["xml", "human"]),
        (&["--no-such-flag"], &["--no-such-flag"]),
    ];
    for (arguments, told) in rows {
        assert_refused(&mut serve(&data_dir, arguments), 2, told);
    }
    let mut afar = serve_at("192.0.2.1:7117", &data_dir);
    let told = ["--listen", "192.0.2.1:7117", "loopback", "TLS"];
    assert_refused(&mut afar, 2, &told);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    assert_refused(&mut serve_at(&address, &data_dir), 1, &[&address]);
    assert!(!data_dir.exists(), "nothing was made");
}
