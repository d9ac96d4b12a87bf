//! Whose records a command reads: those of a running service, or those of a
//! data directory whose service is stopped. Both answer in the words of the
//! wire contract, so that a command has one way to print them.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use tonic::transport::Channel;
use uuid::Uuid;

use super::client::{connect, refusal};
use crate::domain::ids::ChainHash;
use crate::domain::time::Instant;
use crate::engine::clock::ManualClock;
use crate::engine::{Engine, Settings, Storage};
use crate::ledger::Ledger;
use crate::ledger::codec::decode_event;
use crate::ledger::data_dir::Layout;
use crate::ledger::open::{self as opening, DEFAULT_CACHE_BYTES, Opened, Probe};
use crate::proto::promobandit::v1::ledger_service_client::LedgerServiceClient;
use crate::proto::promobandit::v1::verify_response::Message;
use crate::proto::promobandit::v1::{
    ExplainRequest, ExplainResponse, ReportLiftRequest, ReportLiftResponse, StatsRequest,
    StatsResponse, VerifyProgress, VerifyReport, VerifyRequest,
};
use crate::service::lift::{self, Asked};
use crate::service::wire;

/// Where the records are: exactly one of the two.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct RecordsArgs {
    /// Ask the service that runs here, such as http://127.0.0.1:7117.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Read this data directory; the service that uses it must be stopped.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl RecordsArgs {
    /// Connects to the service, or opens the data directory.
    ///
    /// # Errors
    /// When nobody answers, or the directory is in use, damaged or none.
    pub async fn open(&self) -> anyhow::Result<Records> {
        match (&self.endpoint, &self.data_dir) {
            (Some(endpoint), None) => {
                let client = LedgerServiceClient::new(connect(endpoint).await?);
                Ok(Records::Remote(client))
            }
            (None, Some(data_dir)) => {
                let data_dir = data_dir.clone();
                blocking(move || {
                    let engine = open_data_dir(&data_dir)?;
                    Ok(Records::Local(engine, Layout::of(&data_dir)))
                })
                .await
            }
            _ => bail!("exactly one of --endpoint and --data-dir says whose records are read"),
        }
    }
}

/// Records that can be asked.
pub enum Records {
    /// By a running service.
    Remote(LedgerServiceClient<Channel>),
    /// In a data directory that this process holds.
    Local(Engine, Layout),
}

impl Records {
    /// Why a decision came out as it did.
    ///
    /// # Errors
    /// When there is none of that id, or it cannot be read.
    pub async fn explain(self, id: Uuid) -> anyhow::Result<ExplainResponse> {
        match self {
            Self::Remote(mut client) => {
                let decision_id = id.to_string();
                let answer = client.explain(ExplainRequest { decision_id }).await;
                Ok(answer.map_err(|status| refusal(&status))?.into_inner())
            }
            Self::Local(engine, _) => {
                blocking(move || {
                    let told = engine.explain(id)?;
                    Ok(wire::explanation(&told))
                })
                .await
            }
        }
    }

    /// Reads everything and derives every decision again; `progress` is told
    /// how far it is.
    ///
    /// # Errors
    /// When the records cannot be read to their end. What is merely wrong
    /// stands in the report.
    pub async fn verify(
        self,
        expect_head: Option<ChainHash>,
        progress: impl Fn(VerifyProgress) + Send + 'static,
    ) -> anyhow::Result<VerifyReport> {
        match self {
            Self::Remote(client) => verify_remote(client, expect_head, progress).await,
            Self::Local(engine, _) => {
                blocking(move || {
                    let report = engine.verify(expect_head, &mut |told| {
                        progress(VerifyProgress {
                            position: told.position.0,
                            last_position: told.last.0,
                        });
                        ControlFlow::Continue(())
                    })?;
                    Ok(wire::verify_report(&report))
                })
                .await
            }
        }
    }

    /// What offers, or the arms of a split, bring.
    ///
    /// # Errors
    /// When there is no such placement or arm, or the records cannot be read.
    pub async fn report_lift(self, asked: Asked) -> anyhow::Result<ReportLiftResponse> {
        match self {
            Self::Remote(mut client) => {
                let request = ReportLiftRequest {
                    placement: asked.placement,
                    return_after_ms: Some(asked.return_after.ms()),
                    level: Some(asked.level.get()),
                    against_arm: asked.against_arm.unwrap_or_default(),
                };
                let answer = client.report_lift(request).await;
                Ok(answer.map_err(|status| refusal(&status))?.into_inner())
            }
            Self::Local(engine, _) => blocking(move || Ok(lift::report(&engine, &asked)?)).await,
        }
    }

    /// Counts.
    ///
    /// # Errors
    /// When the service refuses.
    pub async fn stats(self) -> anyhow::Result<StatsResponse> {
        match self {
            Self::Remote(mut client) => {
                let answer = client.stats(StatsRequest {}).await;
                Ok(answer.map_err(|status| refusal(&status))?.into_inner())
            }
            Self::Local(engine, layout) => {
                blocking(move || {
                    Ok(StatsResponse {
                        disk_bytes: layout.disk_bytes(),
                        ..wire::stats(&engine.stats())
                    })
                })
                .await
            }
        }
    }
}

async fn verify_remote(
    mut client: LedgerServiceClient<Channel>,
    expect_head: Option<ChainHash>,
    progress: impl Fn(VerifyProgress),
) -> anyhow::Result<VerifyReport> {
    let expect_head = expect_head.map_or_else(String::new, |head| head.to_string());
    let answer = client.verify(VerifyRequest { expect_head }).await;
    let mut messages = answer.map_err(|status| refusal(&status))?.into_inner();
    while let Some(told) = messages
        .message()
        .await
        .map_err(|status| refusal(&status))?
    {
        match told.message {
            Some(Message::Progress(told)) => progress(told),
            Some(Message::Report(report)) => return Ok(report),
            None => {}
        }
    }
    bail!("the service ended its answer without a report; is it stopping?")
}

/// Runs what reads the disk off the asynchronous threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .context("reading the records did not end")?
}

/// Opens a data directory to read it. Nothing is appended: the clock stands
/// still at the beginning of time, so nothing falls due, and the engine is not
/// drained.
fn open_data_dir(root: &Path) -> anyhow::Result<Engine> {
    let opened = open_stopped(root)?;
    let settings = settings_of(opened.ledger.as_ref(), root)?;
    let storage = Storage {
        ledger: opened.ledger,
        secrets: Arc::new(opened.secrets),
        checkpoints: Some(opened.checkpoints),
    };
    let clock = Arc::new(ManualClock::at(Instant::from_unix_ms(0)));
    let (engine, _) = Engine::open(storage, clock, settings, &mut |_| {})?;
    Ok(engine)
}

/// Opens what a data directory holds, to read it.
///
/// # Errors
/// When the directory is in use, damaged or none.
pub fn open_stopped(root: &Path) -> anyhow::Result<Opened> {
    // Opening creates what is not there; whoever wants to read does not.
    if !Layout::of(root).is_created() {
        let root = root.display();
        bail!("{root} is no data directory; name the one that `promobandit serve` was given");
    }
    let program = std::env::current_exe().context("this program's own path is not known")?;
    let settings = opening::Settings {
        cache_bytes: DEFAULT_CACHE_BYTES,
        probe: Probe::InChild {
            program,
            timeout: None,
        },
        shop_key: None,
    };
    Ok(opening::open(root, &settings)?)
}

/// The shop and the node are those that the ledger's first event names.
fn settings_of(ledger: &dyn Ledger, root: &Path) -> anyhow::Result<Settings> {
    let first = ledger.read(ledger.first_position())?;
    let Some(bytes) = first else {
        bail!(
            "the ledger in {} holds no event yet; start the service on it first",
            root.display()
        );
    };
    let event = decode_event(&bytes).context("the ledger's first event does not decode")?;
    Ok(Settings {
        shop_id: event.envelope.shop_id,
        node_id: event.envelope.node_id,
        checkpoint_every_events: u64::MAX,
        ..Settings::default()
    })
}
