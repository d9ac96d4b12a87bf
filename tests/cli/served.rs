//! The real program as a child process, and what the tests ask of it.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use promobandit::proto::promobandit::v1::offer_service_client::OfferServiceClient;
use promobandit::proto::promobandit::v1::{ChooseOfferRequest, Decision};
use serde_json::Value;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

const PROGRAM: &str = env!("CARGO_BIN_EXE_promobandit");

/// What the service says on standard output once it has its address.
const ANNOUNCEMENT: &str = "ready on ";

/// Runs a command to its end.
pub fn run<const N: usize>(arguments: [&str; N]) -> Output {
    Command::new(PROGRAM)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the program runs")
}

/// Runs a command that succeeds, and reads its JSON.
pub fn json<const N: usize>(arguments: [&str; N]) -> Value {
    let output = run(arguments);
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        stderr(&output)
    );
    serde_json::from_slice(&output.stdout).expect("JSON on standard output")
}

/// What a command said on standard error.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A running service; killed when it is dropped.
pub struct Served {
    child: Child,
    pub endpoint: String,
}

impl Served {
    /// Starts a service on a free port and waits until it is ready.
    pub async fn start(data_dir: &Path, more: &[&str]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let stdout = child.stdout.take().expect("piped");
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let address = lines.find_map(|line| {
            let (_, after) = line.split_once(ANNOUNCEMENT)?;
            Some(after.split_whitespace().next()?.to_owned())
        });
        let Some(address) = address else {
            let mut said = String::new();
            let mut stderr = child.stderr.take().expect("piped");
            stderr.read_to_string(&mut said).expect("text");
            panic!("the service did not start: {said}");
        };
        // What the child writes must be read, or it stands still one day.
        std::thread::spawn(move || lines.for_each(drop));
        let mut stderr = child.stderr.take().expect("piped");
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        let endpoint = format!("http://{}", address.trim_start_matches("http://"));
        wait_until_ready(&endpoint).await;
        Self { child, endpoint }
    }

    /// Asks the service to stop, and waits until it has drained.
    pub fn stop(mut self) {
        let id = i32::try_from(self.child.id()).expect("a process id");
        let id = rustix::process::Pid::from_raw(id).expect("not zero");
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("it runs");
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "the service ended with {status}");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The health service tells when it changes, so nobody has to ask again.
async fn wait_until_ready(endpoint: &str) {
    let address = Endpoint::from_shared(endpoint.to_owned()).expect("an address");
    let channel = address.connect().await.expect("the service listens");
    let mut client = HealthClient::new(channel);
    let request = HealthCheckRequest {
        service: "promobandit.v1.OfferService".to_owned(),
    };
    let mut changes = client.watch(request).await.expect("health").into_inner();
    while let Some(told) = changes.message().await.expect("health") {
        if told.status() == ServingStatus::Serving {
            return;
        }
    }
    panic!("the service ended before it was ready");
}

/// Has the service make a decision.
pub async fn choose(endpoint: &str, placement: &str, request_id: &str) -> Decision {
    let mut client = OfferServiceClient::connect(endpoint.to_owned())
        .await
        .expect("the service listens");
    let request = ChooseOfferRequest {
        request_id: request_id.to_owned(),
        placement: placement.to_owned(),
        ..ChooseOfferRequest::default()
    };
    let answer = client.choose_offer(request).await.expect("a decision");
    answer.into_inner().decision.expect("a decision")
}
