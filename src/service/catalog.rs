//! `CatalogService`: reading the catalogue.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::gate::Gate;
use super::status::Refusal;
use super::wire;
use crate::catalog::Catalog;
use crate::domain::placement::Placement;
use crate::engine::fault::FieldFault;
use crate::proto::promobandit::v1;
use crate::proto::promobandit::v1::catalog_service_server::CatalogService;

/// Answers whoever wants to know what may be shown.
#[derive(Clone)]
pub(super) struct Catalogs {
    gate: Gate,
}

impl Catalogs {
    pub const fn new(gate: Gate) -> Self {
        Self { gate }
    }

    fn current(&self) -> Result<Arc<Catalog>, Refusal> {
        self.gate.enter()?.catalog().ok_or_else(Refusal::no_catalog)
    }

    fn summary(&self) -> Result<v1::GetCatalogResponse, Refusal> {
        let since = self.gate.enter()?.catalog_since();
        Ok(wire::catalog_summary(&*self.current()?, since))
    }

    fn placement(&self, id: String) -> Result<v1::GetPlacementResponse, Refusal> {
        let id = wire::required_id("placement", id)?;
        let catalog = self.current()?;
        let placement = placement_of(&catalog, &id)?;
        Ok(v1::GetPlacementResponse {
            placement: Some(wire::placement(&catalog, placement)),
        })
    }

    fn campaign(&self, id: String) -> Result<v1::GetCampaignResponse, Refusal> {
        let id = wire::required_id("campaign_id", id)?;
        let catalog = self.current()?;
        let unknown = || not_found("CAMPAIGN_NOT_FOUND", "campaign_id", &id, "a campaign");
        let campaign = catalog.campaign_by_id(&id).ok_or_else(unknown)?;
        Ok(v1::GetCampaignResponse {
            campaign: Some(wire::campaign(campaign)),
        })
    }

    fn offer(&self, id: String) -> Result<v1::GetOfferResponse, Refusal> {
        let id = wire::required_id("offer_id", id)?;
        let catalog = self.current()?;
        let unknown = || not_found("OFFER_NOT_FOUND", "offer_id", &id, "an offer");
        let offer = catalog.offer_by_id(&id).ok_or_else(unknown)?;
        Ok(v1::GetOfferResponse {
            offer: Some(wire::offer(&catalog, offer)),
        })
    }

    fn placements(
        &self,
        request: &v1::ListPlacementsRequest,
    ) -> Result<v1::ListPlacementsResponse, Refusal> {
        Ok(wire::list_placements(&*self.current()?, request)?)
    }

    fn campaigns(
        &self,
        request: &v1::ListCampaignsRequest,
    ) -> Result<v1::ListCampaignsResponse, Refusal> {
        Ok(wire::list_campaigns(&*self.current()?, request)?)
    }

    fn segments(
        &self,
        request: &v1::ListSegmentsRequest,
    ) -> Result<v1::ListSegmentsResponse, Refusal> {
        Ok(wire::list_segments(&*self.current()?, request)?)
    }

    fn offers(&self, request: &v1::ListOffersRequest) -> Result<v1::ListOffersResponse, Refusal> {
        let catalog = self.current()?;
        let of = match request.placement.as_str() {
            "" => None,
            id => Some(placement_of(&catalog, id)?),
        };
        Ok(wire::list_offers(&catalog, of, request)?)
    }
}

fn placement_of<'c>(catalog: &'c Catalog, id: &str) -> Result<&'c Placement, Refusal> {
    let unknown = || not_found("PLACEMENT_NOT_FOUND", "placement", id, "a placement");
    catalog.placement_by_id(id).ok_or_else(unknown)
}

fn not_found(reason: &'static str, field: &str, id: &str, what: &str) -> Refusal {
    let expected = format!("the id of {what} of the catalogue");
    Refusal::not_in_catalog(reason, FieldFault::new(field, format!("{id:?}"), expected))
}

#[tonic::async_trait]
impl CatalogService for Catalogs {
    async fn get_catalog(
        &self,
        _: Request<v1::GetCatalogRequest>,
    ) -> Result<Response<v1::GetCatalogResponse>, Status> {
        Ok(Response::new(self.summary()?))
    }

    async fn get_placement(
        &self,
        request: Request<v1::GetPlacementRequest>,
    ) -> Result<Response<v1::GetPlacementResponse>, Status> {
        let answer = self.placement(request.into_inner().placement);
        Ok(Response::new(answer?))
    }

    async fn list_placements(
        &self,
        request: Request<v1::ListPlacementsRequest>,
    ) -> Result<Response<v1::ListPlacementsResponse>, Status> {
        Ok(Response::new(self.placements(request.get_ref())?))
    }

    async fn get_campaign(
        &self,
        request: Request<v1::GetCampaignRequest>,
    ) -> Result<Response<v1::GetCampaignResponse>, Status> {
        let answer = self.campaign(request.into_inner().campaign_id);
        Ok(Response::new(answer?))
    }

    async fn list_campaigns(
        &self,
        request: Request<v1::ListCampaignsRequest>,
    ) -> Result<Response<v1::ListCampaignsResponse>, Status> {
        Ok(Response::new(self.campaigns(request.get_ref())?))
    }

    async fn get_offer(
        &self,
        request: Request<v1::GetOfferRequest>,
    ) -> Result<Response<v1::GetOfferResponse>, Status> {
        let answer = self.offer(request.into_inner().offer_id);
        Ok(Response::new(answer?))
    }

    async fn list_offers(
        &self,
        request: Request<v1::ListOffersRequest>,
    ) -> Result<Response<v1::ListOffersResponse>, Status> {
        Ok(Response::new(self.offers(request.get_ref())?))
    }

    async fn list_segments(
        &self,
        request: Request<v1::ListSegmentsRequest>,
    ) -> Result<Response<v1::ListSegmentsResponse>, Status> {
        Ok(Response::new(self.segments(request.get_ref())?))
    }
}
