//! `OfferService`: choosing, reading decisions back, pricing them again.

use tonic::{Request, Response, Status};

use super::gate::Gate;
use super::status::Refusal;
use super::wire;
use crate::proto::promobandit::v1;
use crate::proto::promobandit::v1::offer_service_server::OfferService;

/// Answers checkouts.
#[derive(Clone)]
pub(super) struct Offers {
    gate: Gate,
}

impl Offers {
    pub const fn new(gate: Gate) -> Self {
        Self { gate }
    }

    async fn choose(
        &self,
        request: v1::ChooseOfferRequest,
    ) -> Result<v1::ChooseOfferResponse, Refusal> {
        let engine = self.gate.enter()?;
        let only_checked = request.validate_only;
        let request = wire::choose_request(request)?;
        if only_checked {
            let decision = engine.preview(&request)?;
            return Ok(v1::ChooseOfferResponse {
                decision: Some(wire::decision(&decision)),
                reused: false,
            });
        }
        let chosen = engine.choose(&request).await?;
        Ok(v1::ChooseOfferResponse {
            decision: Some(wire::decision(&chosen.decision)),
            reused: chosen.reused,
        })
    }

    /// Reads the disk on the thread that serves the call, as a retry and a
    /// reload do: one record, from the page cache as a rule. Handing it to
    /// another thread costs more than that.
    fn decision(&self, decision_id: &str) -> Result<v1::GetDecisionResponse, Refusal> {
        let engine = self.gate.enter()?;
        let id = wire::decision_id(decision_id)?;
        let decision = engine.decision(id)?;
        Ok(v1::GetDecisionResponse {
            decision: Some(wire::decision(&decision)),
        })
    }

    /// Reads the disk as [`Self::decision`] does.
    fn price(&self, request: v1::PriceOfferRequest) -> Result<v1::PriceOfferResponse, Refusal> {
        let engine = self.gate.enter()?;
        let request = wire::price_request(request)?;
        Ok(wire::repriced(&engine.price(&request)?))
    }
}

#[tonic::async_trait]
impl OfferService for Offers {
    async fn choose_offer(
        &self,
        request: Request<v1::ChooseOfferRequest>,
    ) -> Result<Response<v1::ChooseOfferResponse>, Status> {
        let answer = self.choose(request.into_inner()).await;
        Ok(Response::new(answer?))
    }

    async fn get_decision(
        &self,
        request: Request<v1::GetDecisionRequest>,
    ) -> Result<Response<v1::GetDecisionResponse>, Status> {
        let answer = self.decision(&request.get_ref().decision_id);
        Ok(Response::new(answer?))
    }

    async fn price_offer(
        &self,
        request: Request<v1::PriceOfferRequest>,
    ) -> Result<Response<v1::PriceOfferResponse>, Status> {
        let answer = self.price(request.into_inner());
        Ok(Response::new(answer?))
    }
}
