//! `promobandit serve`: opens the ledger, recovers, serves, drains.
//!
//! The socket is there from the start, so that a supervisor can ask for the
//! health; callers are let in once the state is recovered and the catalogue is
//! in force.

use std::future::Future;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, SetOnce, watch};
use tokio::task::spawn_blocking;

use super::config::{Config, ConfigError};
use super::demo::{self, DemoArgs, DemoEnd};
use super::{EXIT_FAILURE, EXIT_WANTING};
use crate::catalog::starter::starter;
use crate::catalog::{CatalogDifference, CatalogDocument};
use crate::domain::keys::HashKey;
use crate::engine::clock::SystemClock;
use crate::engine::{Engine, Imported, Progress, Storage};
use crate::ledger::open::{self as opening, Opened, Probe};
use crate::service::{self, Gate, ServeError};

/// How often a recovery that takes long says how far it is.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// Where a demonstration keeps its ledger unless it is told.
const DEMO_DATA_DIR: &str = "promobandit-demo";

/// What to serve, and where.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The configuration: a TOML file with the catalogue's tables and, beside
    /// them, [server], [ledger] and [shop]. A file that holds only a catalogue
    /// is one too.
    #[arg(long, value_name = "FILE", env = "PROMOBANDIT_CONFIG")]
    config: Option<PathBuf>,
    /// Where the ledger is; made when it is not there. Unless given:
    /// ledger.data_dir of the configuration, or ./promobandit-data.
    #[arg(long, value_name = "DIR", env = "PROMOBANDIT_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// The address to listen on, a loopback one; port 0 lets the system choose.
    /// Unless given: server.listen of the configuration, or 127.0.0.1:7117.
    #[arg(long, value_name = "ADDRESS", env = "PROMOBANDIT_LISTEN")]
    listen: Option<String>,
    /// Let callers ask for the contract itself, as grpcurl does.
    #[arg(long)]
    reflection: bool,
    #[command(flatten)]
    demo: DemoArgs,
}

/// Runs the service until it is told to stop.
///
/// # Errors
/// When the configuration does not hold, the data directory is refused, the
/// address cannot be listened on, or the ledger fails.
pub async fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let config = configuration(&args)?;
    let signals = Signals::new().context("the signals to stop cannot be waited for")?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("{} cannot be listened on", config.listen))?;
    let address = listener
        .local_addr()
        .context("the address that is listened on is not known")?;
    let gate = Gate::closed();
    let given_up = CancelOnDrop::default();
    let curtain = Arc::new(Curtain::default());
    let demo_curtain = args.demo.demo.then(|| curtain.clone());
    let stop = first_of(signals, given_up.0.clone(), demo_curtain);
    let serving = service::run(listener, gate.clone(), config.service_settings(), stop);
    let mut serving = pin!(serving);
    tokio::select! {
        ended = &mut serving => ended?,
        started = start(config, &gate) => match started {
            Ok(()) => {
                announce(address).context("the standard output cannot be written to")?;
                if args.demo.demo {
                    let stage = Stage { address, curtain, stop: given_up.0.clone() };
                    return serve_demo(serving, &args.demo, &stage).await;
                }
                serving.await?;
            }
            Err(error) => {
                drop(given_up);
                serving.await?;
                return Err(error);
            }
        }
    }
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

fn configuration(args: &ServeArgs) -> anyhow::Result<Config> {
    let mut config = match &args.config {
        Some(path) => Config::read(path)?,
        None => Config::default(),
    };
    if args.demo.demo {
        prepare_demo(&mut config)?;
    }
    if let Some(data_dir) = &args.data_dir {
        config.data_dir.clone_from(data_dir);
    }
    if let Some(listen) = &args.listen {
        config.listen_at(listen)?;
    }
    config.service.reflection |= args.reflection;
    Ok(config)
}

/// Makes the engine and lets callers in.
async fn start(config: Config, gate: &Gate) -> anyhow::Result<()> {
    let catalog = config.catalog.clone();
    let (engine, data_dir) = open(config).await?;
    import(&engine, catalog).await?;
    tracing::info!(data_dir = %data_dir.display(), "ready");
    gate.open(engine);
    Ok(())
}

/// Opens the ledger and recovers, off the asynchronous threads, and says how
/// far that is when it takes long.
async fn open(config: Config) -> anyhow::Result<(Engine, PathBuf)> {
    let (told, progress) = watch::channel(None);
    let data_dir = config.data_dir.clone();
    let mut opening = spawn_blocking(move || open_engine(&config, &told));
    let mut seconds = tokio::time::interval(PROGRESS_EVERY);
    seconds.tick().await;
    loop {
        tokio::select! {
            opened = &mut opening => {
                let engine = opened.context("opening the ledger came to no end")??;
                return Ok((engine, data_dir));
            }
            _ = seconds.tick() => match *progress.borrow() {
                Some(Progress { position, last }) => {
                    tracing::info!(%position, %last, "recovering the state");
                }
                None => tracing::info!("looking through the records"),
            }
        }
    }
}

fn open_engine(config: &Config, told: &watch::Sender<Option<Progress>>) -> anyhow::Result<Engine> {
    let program = std::env::current_exe().context("this program's own path is not known")?;
    let settings = opening::Settings {
        cache_bytes: config.cache_bytes,
        probe: Probe::InChild {
            program,
            timeout: None,
        },
        shop_key: config.shop_key.clone(),
    };
    let opened = opening::open(&config.data_dir, &settings)?;
    let root = config.data_dir.display();
    if opened.created {
        tracing::info!(data_dir = %root, "made a data directory");
    }
    let mut settings = config.engine.clone();
    settings.master_seed = config.seed.unwrap_or_else(|| own_seed(&opened));
    let storage = Storage {
        ledger: opened.ledger,
        secrets: Arc::new(opened.secrets),
        checkpoints: Some(opened.checkpoints),
    };
    let mut progress = |at| {
        told.send_replace(Some(at));
    };
    let clock = Arc::new(SystemClock);
    let (engine, recovered) = Engine::open(storage, clock, settings, &mut progress)?;
    for passed_over in &recovered.passed_over {
        tracing::warn!(reason = %passed_over, "a checkpoint was passed over");
    }
    tracing::info!(
        position = %recovered.position,
        checkpoint = %recovered.checkpoint_position,
        folded = recovered.folded_events,
        "recovered"
    );
    Ok(engine)
}

/// A seed that nobody outside can know and that stays the same from start to
/// start.
fn own_seed(opened: &Opened) -> u64 {
    HashKey::new(*opened.secrets.shop_key().as_bytes()).hash_u64(b"master seed", &[])
}

/// Sees to a catalogue being in force. The first one comes from the
/// configuration, or is the built-in one; from then on the ledger's wins, and a
/// configuration that has another is told of.
async fn import(engine: &Engine, configured: Option<CatalogDocument>) -> anyhow::Result<()> {
    if let Some(catalog) = engine.catalog() {
        let version = catalog.version();
        let in_force = catalog.document();
        match configured {
            None => tracing::info!(%version, "no catalogue is configured, the ledger's own stays"),
            Some(configured) if configured == in_force => {
                tracing::info!(%version, "the catalogue is the one that was in force");
            }
            Some(configured) => {
                let difference = CatalogDifference::between(&in_force, &configured);
                tracing::warn!(
                    code = "CATALOG_FILE_DIFFERS",
                    %version,
                    "the ledger's catalogue stays in force, the configured one differs: \
                     {difference}; `promobandit catalog apply` puts a file in force"
                );
            }
        }
        return Ok(());
    }
    let document = configured.unwrap_or_else(starter);
    if let Some(Imported {
        version,
        difference,
        ..
    }) = engine.import_catalog(document, "serve").await?
    {
        tracing::info!(%version, "the catalogue is in force: {difference}");
    }
    Ok(())
}

/// Tells scripts where the service is, once it is ready: the only line on the
/// standard output.
fn announce(address: SocketAddr) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "ready on {address}")?;
    out.flush()
}

/// Where a demonstration is given.
struct Stage {
    address: SocketAddr,
    curtain: Arc<Curtain>,
    /// Stops the service.
    stop: Arc<Notify>,
}

/// When a demonstration is to end, and that it has: a service that is told to
/// stop lets it finish first, so that its last calls are answered.
#[derive(Default)]
struct Curtain {
    wanted: SetOnce<()>,
    fallen: SetOnce<()>,
}

/// Serves to the end with the demonstration beside it.
async fn serve_demo(
    mut serving: Pin<&mut impl Future<Output = Result<(), ServeError>>>,
    args: &DemoArgs,
    stage: &Stage,
) -> anyhow::Result<ExitCode> {
    let endpoint = format!("http://{}", stage.address);
    let stop = async {
        stage.curtain.wanted.wait().await;
    };
    let ended = tokio::select! {
        ended = &mut serving => {
            ended?;
            return Ok(ExitCode::SUCCESS);
        }
        ended = demo::drive(&endpoint, args, stop) => ended,
    };
    let _ = stage.curtain.fallen.set(());
    if args.demo_exit || ended.is_err() {
        stage.stop.notify_one();
    }
    serving.await?;
    Ok(match ended? {
        DemoEnd::Differs if args.demo_exit => ExitCode::from(EXIT_WANTING),
        DemoEnd::Agrees | DemoEnd::Differs => ExitCode::SUCCESS,
    })
}

/// Gives a demonstration its catalogue, and a data directory of its own unless
/// the configuration or a flag has one.
fn prepare_demo(config: &mut Config) -> anyhow::Result<()> {
    if config.catalog.is_some() {
        return Err(ConfigError::DemoCatalog.into());
    }
    config.catalog = Some(demo::demo_catalog());
    if config.data_dir == Config::default().data_dir {
        config.data_dir = PathBuf::from(DEMO_DATA_DIR);
    }
    Ok(())
}

/// Tells whoever waits that this was dropped.
#[derive(Default)]
struct CancelOnDrop(Arc<Notify>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// Waits for a signal, and then for the demonstration; or for the start to be
/// given up. A second signal ends the
/// process at once: what was acknowledged as durable is safe.
async fn first_of(mut signals: Signals, given_up: Arc<Notify>, curtain: Option<Arc<Curtain>>) {
    tokio::select! {
        signal = signals.next() => tracing::info!(signal, "draining"),
        () = given_up.notified() => return,
    }
    tokio::spawn(async move {
        let signal = signals.next().await;
        tracing::warn!(signal, "stopping without draining");
        std::process::exit(i32::from(EXIT_FAILURE));
    });
    if let Some(curtain) = curtain {
        let _ = curtain.wanted.set(());
        tokio::select! {
            _ = curtain.fallen.wait() => {}
            () = given_up.notified() => {}
        }
    }
}

/// SIGINT and SIGTERM.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
