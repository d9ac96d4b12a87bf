//! `CatalogService`: reading and changing the catalogue.

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
            campaign: Some(wire::campaign(&catalog, campaign)),
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

/// Changes, and what rests on how entries are written.
impl Catalogs {
    async fn revise(
        &self,
        (kind, edit, actor, rehearsal): wire::Revision,
    ) -> Result<v1::CatalogEntry, Refusal> {
        let engine = self.gate.enter()?;
        let revised = engine
            .revise_catalog(kind, &edit, &actor, rehearsal)
            .await?;
        let entry = wire::entry(&revised.catalog, kind, &revised.id);
        entry.ok_or_else(|| Refusal::internal("the entry is not in the catalogue that has it"))
    }

    fn entry(&self, request: v1::GetEntryRequest) -> Result<v1::GetEntryResponse, Refusal> {
        let (kind, id) = wire::entry_name(request.kind, request.id)?;
        let entry = wire::entry(&*self.current()?, kind, &id);
        let unknown = || not_found("ENTRY_NOT_FOUND", "id", &id, kind.name());
        Ok(v1::GetEntryResponse {
            entry: Some(entry.ok_or_else(unknown)?),
        })
    }

    fn history(
        &self,
        request: v1::ListEntryHistoryRequest,
    ) -> Result<v1::ListEntryHistoryResponse, Refusal> {
        let (kind, id) = wire::entry_name(request.kind, request.id.clone())?;
        let catalog = self.current()?;
        let past = self.gate.enter()?.catalog_history(kind, &id);
        if past.is_empty() {
            return Err(not_found("ENTRY_NOT_FOUND", "id", &id, kind.name()));
        }
        Ok(wire::list_history(&catalog, &past, &request)?)
    }

    fn export(&self) -> Result<v1::ExportCatalogResponse, Refusal> {
        let catalog = self.current()?;
        let json = catalog.document().to_json();
        Ok(v1::ExportCatalogResponse {
            version: wire::version(catalog.version().0),
            document_json: json.map_err(|error| Refusal::internal(error.to_string()))?,
        })
    }

    async fn apply(
        &self,
        request: v1::ApplyCatalogRequest,
    ) -> Result<v1::ApplyCatalogResponse, Refusal> {
        let engine = self.gate.enter()?;
        let (document, actor) = wire::whole_catalog(&request)?;
        let imported = if request.validate_only {
            engine.rehearse_import(document).await?
        } else {
            engine.import_catalog(document, &actor).await?
        };
        let now = engine.catalog().map_or(0, |catalog| catalog.version().0);
        Ok(v1::ApplyCatalogResponse {
            version: wire::version(imported.as_ref().map_or(now, |it| it.version.0)),
            unchanged: imported.is_none(),
            carried_over: imported
                .iter()
                .flat_map(|it| &it.carried_over)
                .map(ToString::to_string)
                .collect(),
            difference: imported.map_or_else(String::new, |it| it.difference.to_string()),
        })
    }

    async fn change_policy(
        &self,
        request: v1::ChangePolicyRequest,
    ) -> Result<v1::ChangePolicyResponse, Refusal> {
        let engine = self.gate.enter()?;
        let (placement, policy, actor, rehearsal) = wire::policy_change(request)?;
        let changed = engine
            .change_policy(&placement, &policy, &actor, rehearsal)
            .await?;
        Ok(v1::ChangePolicyResponse {
            version: wire::version(changed.version.0),
            carried_over: changed
                .carried_over
                .map_or_else(String::new, |carried| carried.to_string()),
        })
    }

    async fn reset_policy(
        &self,
        request: v1::ResetPolicyRequest,
    ) -> Result<v1::ResetPolicyResponse, Refusal> {
        let engine = self.gate.enter()?;
        let forgotten = engine.reset_policy(&wire::policy_reset(request)?).await?;
        Ok(v1::ResetPolicyResponse {
            forgotten: i64::try_from(forgotten).unwrap_or(i64::MAX),
        })
    }

    async fn import_priors(
        &self,
        request: v1::ImportPriorsRequest,
    ) -> Result<v1::ImportPriorsResponse, Refusal> {
        let engine = self.gate.enter()?;
        let imported = engine.import_priors(&wire::priors(request)?).await?;
        Ok(v1::ImportPriorsResponse {
            learnt: imported.learnt,
            duplicate: imported.duplicate,
        })
    }

    fn preview(
        &self,
        request: v1::PreviewOffersRequest,
    ) -> Result<v1::PreviewOffersResponse, Refusal> {
        let engine = self.gate.enter()?;
        let request = wire::choose_request(request.request.unwrap_or_default())?;
        let (decision, candidates) = engine.preview_explained(&request)?;
        Ok(wire::preview(&decision, &candidates))
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

    async fn get_entry(
        &self,
        request: Request<v1::GetEntryRequest>,
    ) -> Result<Response<v1::GetEntryResponse>, Status> {
        Ok(Response::new(self.entry(request.into_inner())?))
    }

    async fn list_entries(
        &self,
        request: Request<v1::ListEntriesRequest>,
    ) -> Result<Response<v1::ListEntriesResponse>, Status> {
        let catalog = self.current()?;
        let page = wire::list_entries(&catalog, request.get_ref());
        Ok(Response::new(page.map_err(Refusal::from)?))
    }

    async fn create_entry(
        &self,
        request: Request<v1::CreateEntryRequest>,
    ) -> Result<Response<v1::CreateEntryResponse>, Status> {
        let revision = wire::creation(request.into_inner()).map_err(Refusal::from)?;
        let entry = Some(self.revise(revision).await?);
        Ok(Response::new(v1::CreateEntryResponse { entry }))
    }

    async fn update_entry(
        &self,
        request: Request<v1::UpdateEntryRequest>,
    ) -> Result<Response<v1::UpdateEntryResponse>, Status> {
        let revision = wire::update(request.into_inner()).map_err(Refusal::from)?;
        let entry = Some(self.revise(revision).await?);
        Ok(Response::new(v1::UpdateEntryResponse { entry }))
    }

    async fn change_entry_status(
        &self,
        request: Request<v1::ChangeEntryStatusRequest>,
    ) -> Result<Response<v1::ChangeEntryStatusResponse>, Status> {
        let revision = wire::status_change(request.into_inner()).map_err(Refusal::from)?;
        let entry = Some(self.revise(revision).await?);
        Ok(Response::new(v1::ChangeEntryStatusResponse { entry }))
    }

    async fn list_entry_history(
        &self,
        request: Request<v1::ListEntryHistoryRequest>,
    ) -> Result<Response<v1::ListEntryHistoryResponse>, Status> {
        Ok(Response::new(self.history(request.into_inner())?))
    }

    async fn export_catalog(
        &self,
        _: Request<v1::ExportCatalogRequest>,
    ) -> Result<Response<v1::ExportCatalogResponse>, Status> {
        Ok(Response::new(self.export()?))
    }

    async fn apply_catalog(
        &self,
        request: Request<v1::ApplyCatalogRequest>,
    ) -> Result<Response<v1::ApplyCatalogResponse>, Status> {
        Ok(Response::new(self.apply(request.into_inner()).await?))
    }

    async fn change_policy(
        &self,
        request: Request<v1::ChangePolicyRequest>,
    ) -> Result<Response<v1::ChangePolicyResponse>, Status> {
        let answer = self.change_policy(request.into_inner());
        Ok(Response::new(answer.await?))
    }

    async fn reset_policy(
        &self,
        request: Request<v1::ResetPolicyRequest>,
    ) -> Result<Response<v1::ResetPolicyResponse>, Status> {
        let answer = self.reset_policy(request.into_inner());
        Ok(Response::new(answer.await?))
    }

    async fn import_priors(
        &self,
        request: Request<v1::ImportPriorsRequest>,
    ) -> Result<Response<v1::ImportPriorsResponse>, Status> {
        let answer = self.import_priors(request.into_inner());
        Ok(Response::new(answer.await?))
    }

    async fn preview_offers(
        &self,
        request: Request<v1::PreviewOffersRequest>,
    ) -> Result<Response<v1::PreviewOffersResponse>, Status> {
        Ok(Response::new(self.preview(request.into_inner())?))
    }
}
