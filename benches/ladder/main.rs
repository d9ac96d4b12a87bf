//! The ladder of costs of ChooseOffer, each rung one thing more than the one
//! above it:
//!
//! 1. `empty`: a gRPC call that answers a message of the same size, made before;
//! 2. `drawn`: the request checked, drawn, sealed and rendered (`validate_only`);
//! 3. `memory`: recorded in a ledger in memory;
//! 4. `plain`: recorded in a preallocated plain file, `fdatasync` per commit;
//! 5. `sled`: recorded in sled, durable before the answer;
//! 6. `async`: recorded in sled, durable within 50 ms of the answer.
//!
//! The rungs take turns in slices of at most a second, because such machines
//! drift by a factor of two within the hour; each figure is the median of the
//! slices, each ratio the median of the ratios within a round. The callers run
//! in a process of their own and count an answer only when its grpc-status is
//! OK.
//!
//! ```text
//! cargo bench --bench ladder [-- --slices 7 --slice-ms 500 --directory DIR
//!                                --offers 10,50,200 --in-flight 1,64,256]
//! ```

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use mimalloc::MiMalloc;
use promobandit::catalog::read_toml;
use promobandit::engine::clock::SystemClock;
use promobandit::engine::committer::Durability;
use promobandit::engine::{self, Engine, Storage};
use promobandit::ledger::memory::MemoryLedger;
use promobandit::ledger::open::{self, Probe};
use promobandit::ledger::secrets::Secrets;
use promobandit::service::{Gate, Settings, run};
use tokio::net::TcpListener;

mod caller;
mod counted;
mod empty;
#[path = "../support/plain_file.rs"]
mod plain_file;

use caller::{Slice, SliceOrder};
use counted::{Counted, Counts};
use plain_file::PlainFileLedger;

/// As in the program.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const OFFERS: [usize; 3] = [10, 50, 200];
const IN_FLIGHT: [usize; 3] = [1, 64, 256];
const ASYNC_SYNC_INTERVAL: Duration = Duration::from_millis(50);

/// What a rung's server answers, and where.
struct Rung {
    name: &'static str,
    address: SocketAddr,
    /// `validate_only` is set in its calls.
    only_checked: bool,
    counts: Option<Arc<Counts>>,
}

struct Options {
    slices: usize,
    slice_ms: u64,
    directory: Option<PathBuf>,
    offers: Vec<usize>,
    in_flight: Vec<usize>,
}

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::var_os(caller::ENVIRONMENT).is_some() {
        return caller::serve_orders();
    }
    let options = options()?;
    let scratch = match &options.directory {
        Some(directory) => tempfile::tempdir_in(directory)?,
        None => tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?,
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let rungs = runtime.block_on(rungs(scratch.path()))?;
    let mut callers = Callers::start()?;
    let disk = PlainFileLedger::create(&scratch.path().join("fdatasync"))?;
    for &offers in &options.offers {
        for &in_flight in &options.in_flight {
            let rounds = measure(&options, &mut callers, &rungs, &disk, offers, in_flight)?;
            print(&rungs, offers, in_flight, &rounds);
        }
    }
    Ok(())
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options {
        slices: 7,
        slice_ms: 500,
        directory: None,
        offers: OFFERS.to_vec(),
        in_flight: IN_FLIGHT.to_vec(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--slices" => options.slices = value()?.parse()?,
            "--slice-ms" => options.slice_ms = value()?.parse()?,
            "--directory" => options.directory = Some(value()?.into()),
            "--offers" => options.offers = some_of(&OFFERS, &value()?)?,
            "--in-flight" => options.in_flight = some_of(&IN_FLIGHT, &value()?)?,
            "--bench" => {}
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    Ok(options)
}

/// What is named of these, with commas between.
fn some_of(known: &[usize], text: &str) -> Result<Vec<usize>, Box<dyn Error>> {
    let named: Vec<usize> = text.split(',').map(str::parse).collect::<Result<_, _>>()?;
    match named.iter().find(|number| !known.contains(number)) {
        None => Ok(named),
        Some(other) => Err(format!("{other} is none of {known:?}").into()),
    }
}

/// Placements `offers-10`, `offers-50`, `offers-200`, each with so many offers.
fn catalogue() -> String {
    let mut text = String::from(
        "[[attribute]]\nname = \"tier\"\nkind = \"string\"\n\
         [[segment]]\nid = \"gold\"\nwhen = { attribute = \"tier\", equals = \"gold\" }\n",
    );
    for count in OFFERS {
        text += &format!(
            "[[placement]]\nid = \"offers-{count}\"\nobjective = \"conversion\"\ncurrency = \"CNY\"\n\
             [placement.policy]\nkind = \"thompson_beta\"\n"
        );
        for number in 0..count {
            text += &format!(
                "[[offer]]\nid = \"offer-{count}-{number}\"\nplacements = [\"offers-{count}\"]\n\
                 title = \"Ten off\"\nbenefit = {{ kind = \"percent_off\", discount_basis_points = 1000 }}\n"
            );
        }
    }
    text
}

async fn rungs(scratch: &Path) -> Result<Vec<Rung>, Box<dyn Error>> {
    let derived = || Arc::new(Secrets::derived([7; 32]));
    let memory = Counted::new(Arc::new(MemoryLedger::new()));
    let plain = Counted::new(Arc::new(PlainFileLedger::create(&scratch.join("plain"))?));
    let mut rungs = Vec::new();
    let memory_address = serve(memory.storage(derived()), Durability::Group).await?;
    let canned = caller::answers(memory_address).await?;
    rungs.push(Rung {
        name: "empty",
        address: empty::serve(canned).await?,
        only_checked: false,
        counts: None,
    });
    rungs.push(Rung {
        name: "drawn",
        address: memory_address,
        only_checked: true,
        counts: None,
    });
    rungs.push(Rung {
        name: "memory",
        address: memory_address,
        only_checked: false,
        counts: Some(memory.counts()),
    });
    rungs.push(Rung {
        name: "plain",
        address: serve(plain.storage(derived()), Durability::Group).await?,
        only_checked: false,
        counts: Some(plain.counts()),
    });
    for (name, durability) in [
        ("sled", Durability::Group),
        (
            "async",
            Durability::Async {
                sync_interval: ASYNC_SYNC_INTERVAL,
            },
        ),
    ] {
        let settings = open::Settings {
            cache_bytes: open::DEFAULT_CACHE_BYTES,
            probe: Probe::Skip,
            shop_key: None,
        };
        let opened = open::open(&scratch.join(name), &settings)?;
        let counted = Counted::new(opened.ledger.clone());
        let storage = counted.storage(Arc::new(opened.secrets));
        rungs.push(Rung {
            name,
            address: serve(storage, durability).await?,
            only_checked: false,
            counts: Some(counted.counts()),
        });
    }
    Ok(rungs)
}

/// Serves an engine until the process ends.
async fn serve(storage: Storage, durability: Durability) -> Result<SocketAddr, Box<dyn Error>> {
    let settings = engine::Settings {
        durability,
        ..engine::Settings::default()
    };
    let (engine, _) = Engine::open(storage, Arc::new(SystemClock), settings, &mut |_| {})?;
    engine
        .import_catalog(read_toml(&catalogue(), "ladder")?, "ladder")
        .await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let gate = Gate::with(engine);
    tokio::spawn(run(
        listener,
        gate,
        Settings::default(),
        std::future::pending(),
    ));
    Ok(address)
}

/// The callers' process.
struct Callers {
    orders: ChildStdin,
    reports: BufReader<ChildStdout>,
    _process: Child,
}

impl Callers {
    fn start() -> Result<Self, Box<dyn Error>> {
        let mut process = Command::new(std::env::current_exe()?)
            .env(caller::ENVIRONMENT, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = process.stdin.take().ok_or("no stdin")?;
        let reports = BufReader::new(process.stdout.take().ok_or("no stdout")?);
        Ok(Self {
            orders,
            reports,
            _process: process,
        })
    }

    fn slice(&mut self, order: &SliceOrder) -> Result<Slice, Box<dyn Error>> {
        writeln!(self.orders, "{}", serde_json::to_string(order)?)?;
        self.orders.flush()?;
        let mut line = String::new();
        self.reports.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }
}

/// A slice with what the ledger did meanwhile.
struct Measured {
    slice: Slice,
    bytes_per_record: f64,
    records_per_commit: f64,
}

/// One slice for each rung, and what the disk alone took just before.
struct Round {
    measured: Vec<Measured>,
    fdatasync_ms: f64,
}

/// Rounds of one slice for each rung; the first one warms up and is left out.
fn measure(
    options: &Options,
    callers: &mut Callers,
    rungs: &[Rung],
    disk: &PlainFileLedger,
    offers: usize,
    in_flight: usize,
) -> Result<Vec<Round>, Box<dyn Error>> {
    let mut rounds = Vec::new();
    for round in 0..=options.slices {
        let mut measured = Vec::new();
        let fdatasync_ms = fdatasync_ms(disk)?;
        for rung in rungs {
            let before = rung
                .counts
                .as_ref()
                .map(|counts| counts.read())
                .unwrap_or_default();
            let slice = callers.slice(&SliceOrder {
                address: rung.address.to_string(),
                offers,
                in_flight,
                only_checked: rung.only_checked,
                duration_ms: options.slice_ms,
            })?;
            let after = rung
                .counts
                .as_ref()
                .map(|counts| counts.read())
                .unwrap_or_default();
            if slice.refused > 0 {
                println!(
                    "{}: {} calls were refused: {}",
                    rung.name, slice.refused, slice.reason
                );
            }
            let (bytes_per_record, records_per_commit) = after.since(before);
            measured.push(Measured {
                slice,
                bytes_per_record,
                records_per_commit,
            });
        }
        if round > 0 {
            rounds.push(Round {
                measured,
                fdatasync_ms,
            });
        }
    }
    Ok(rounds)
}

#[allow(clippy::cast_precision_loss)] // counts of some seconds
fn print(rungs: &[Rung], offers: usize, in_flight: usize, rounds: &[Round]) {
    println!(
        "\n{offers} offers, {in_flight} in flight, {} slices",
        rounds.len()
    );
    println!(
        "  {:<8}{:>10}{:>9}{:>9}{:>10}{:>10}{:>12}{:>12}",
        "rung", "calls/s", "/empty", "/plain", "p50 ms", "p99 ms", "bytes/rec", "rec/commit"
    );
    let plain = rungs
        .iter()
        .position(|rung| rung.name == "plain")
        .unwrap_or(0);
    for (index, rung) in rungs.iter().enumerate() {
        let over = |figure: &dyn Fn(&[Measured]) -> f64| {
            median(rounds.iter().map(|round| figure(&round.measured)).collect())
        };
        let rate = |measured: &Measured| measured.slice.answered as f64 / measured.slice.seconds;
        println!(
            "  {:<8}{:>10.0}{:>9.3}{:>9.3}{:>10.3}{:>10.3}{:>12.0}{:>12.1}",
            rung.name,
            over(&|round| rate(&round[index])),
            over(&|round| rate(&round[index]) / rate(&round[0])),
            over(&|round| rate(&round[index]) / rate(&round[plain])),
            over(&|round| round[index].slice.p50_ms),
            over(&|round| round[index].slice.p99_ms),
            over(&|round| round[index].bytes_per_record),
            over(&|round| round[index].records_per_commit),
        );
    }
    let sled = rungs
        .iter()
        .position(|rung| rung.name == "sled")
        .unwrap_or(0);
    let own = |round: &Round| round.fdatasync_ms;
    let of = |figure: &dyn Fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
    println!(
        "  fdatasync alone, 400 bytes: p50 {:.3} ms; sled's p50 is {:.2} times that",
        of(&own),
        of(&|round| round.measured[sled].slice.p50_ms / own(round)),
    );
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The median time of writing 400 bytes to a preallocated file and syncing it.
fn fdatasync_ms(disk: &PlainFileLedger) -> Result<f64, Box<dyn Error>> {
    let record = [42; 400];
    let times = (0..50).map(|_| {
        let begun_at = std::time::Instant::now();
        disk.write_synced(&record)?;
        Ok(begun_at.elapsed().as_secs_f64() * 1_000.0)
    });
    Ok(median(times.collect::<std::io::Result<_>>()?))
}
