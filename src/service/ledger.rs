//! `LedgerService`: what operators and analysts ask.
//!
//! Each call reads much or computes long, so that it runs on a thread of its
//! own: the threads that serve decisions wait for none of it.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::spawn_blocking;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::gate::Gate;
use super::lift;
use super::status::Refusal;
use super::wire;
use crate::domain::ids::ChainHash;
use crate::engine::{Engine, Progress};
use crate::ledger::data_dir::Layout;
use crate::proto::promobandit::v1;
use crate::proto::promobandit::v1::ledger_service_server::LedgerService;
use crate::proto::promobandit::v1::verify_response::Message;

/// So many messages wait for a caller who reads slowly; progress beyond that is
/// left out.
const WAITING_MESSAGES: usize = 4;

type VerifyItem = Result<v1::VerifyResponse, Status>;

/// Answers operators.
#[derive(Clone)]
pub(super) struct Ledgers {
    gate: Gate,
    /// Where the ledger is, when it is on disk.
    data_dir: Option<PathBuf>,
    /// One verification at a time: each keeps a core busy.
    verifying: Arc<Semaphore>,
    /// One report at a time, likewise.
    reporting: Arc<Semaphore>,
}

impl Ledgers {
    pub fn new(gate: Gate, data_dir: Option<PathBuf>) -> Self {
        Self {
            gate,
            data_dir,
            verifying: Arc::new(Semaphore::new(1)),
            reporting: Arc::new(Semaphore::new(1)),
        }
    }

    async fn explain(&self, decision_id: &str) -> Result<v1::ExplainResponse, Refusal> {
        let engine = self.gate.enter()?.clone();
        let id = wire::decision_id(decision_id)?;
        let told = spawn_blocking(move || engine.explain(id)).await;
        let told = told.map_err(|_| Refusal::internal("the explanation came to no end"))?;
        Ok(wire::explanation(&told?))
    }

    async fn stats(&self) -> Result<v1::StatsResponse, Refusal> {
        let engine = self.gate.enter()?.clone();
        let data_dir = self.data_dir.clone();
        let counted = spawn_blocking(move || {
            let counted = wire::stats(&engine.stats());
            let disk_bytes = data_dir.map_or(0, |root| Layout::of(&root).disk_bytes());
            v1::StatsResponse {
                disk_bytes,
                ..counted
            }
        });
        counted
            .await
            .map_err(|_| Refusal::internal("the counting came to no end"))
    }

    fn verify(&self, expect_head: &str) -> Result<ReceiverStream<VerifyItem>, Refusal> {
        let engine = self.gate.enter()?.clone();
        let expected_head = wire::expected_head(expect_head)?;
        let verifying = self.verifying.clone().try_acquire_owned();
        let what = "the ledger is being verified";
        let turn = verifying.map_err(|_| Refusal::under_way("VERIFY_UNDER_WAY", what))?;
        let (sender, receiver) = mpsc::channel(WAITING_MESSAGES);
        let gate = self.gate.clone();
        spawn_blocking(move || {
            let _turn = turn;
            verify(&engine, &gate, expected_head, &sender);
        });
        Ok(ReceiverStream::new(receiver))
    }

    async fn report_lift(
        &self,
        request: &v1::ReportLiftRequest,
    ) -> Result<v1::ReportLiftResponse, Refusal> {
        let engine = self.gate.enter()?.clone();
        let asked = wire::lift_request(request)?;
        let reporting = self.reporting.clone().try_acquire_owned();
        let what = "a report is being made";
        let turn = reporting.map_err(|_| Refusal::under_way("REPORT_UNDER_WAY", what))?;
        let reported = spawn_blocking(move || {
            let _turn = turn;
            lift::report(&engine, &asked)
        });
        let reported = reported.await;
        Ok(reported.map_err(|_| Refusal::internal("the report came to no end"))??)
    }
}

fn verify(
    engine: &Engine,
    gate: &Gate,
    expected_head: Option<ChainHash>,
    messages: &mpsc::Sender<VerifyItem>,
) {
    let mut progress = |told: Progress| {
        let message = v1::VerifyResponse {
            message: Some(Message::Progress(v1::VerifyProgress {
                position: told.position.0,
                last_position: told.last.0,
            })),
        };
        // A caller who reads slowly misses some; one who has left wants none.
        let _ = messages.try_send(Ok(message));
        if messages.is_closed() || gate.is_draining() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let report = engine.verify(expected_head, &mut progress);
    let last = match report {
        Ok(report) => Ok(v1::VerifyResponse {
            message: Some(Message::Report(wire::verify_report(&report))),
        }),
        Err(error) => Err(Refusal::from(error).into()),
    };
    // The caller may have left in the meantime.
    let _ = messages.blocking_send(last);
}

#[tonic::async_trait]
impl LedgerService for Ledgers {
    type VerifyStream = ReceiverStream<VerifyItem>;

    async fn explain(
        &self,
        request: Request<v1::ExplainRequest>,
    ) -> Result<Response<v1::ExplainResponse>, Status> {
        let answer = self.explain(&request.get_ref().decision_id).await;
        Ok(Response::new(answer?))
    }

    async fn verify(
        &self,
        request: Request<v1::VerifyRequest>,
    ) -> Result<Response<Self::VerifyStream>, Status> {
        let answer = self.verify(&request.get_ref().expect_head);
        Ok(Response::new(answer?))
    }

    async fn stats(
        &self,
        _: Request<v1::StatsRequest>,
    ) -> Result<Response<v1::StatsResponse>, Status> {
        Ok(Response::new(self.stats().await?))
    }

    async fn report_lift(
        &self,
        request: Request<v1::ReportLiftRequest>,
    ) -> Result<Response<v1::ReportLiftResponse>, Status> {
        let answer = self.report_lift(request.get_ref()).await;
        Ok(Response::new(answer?))
    }
}
