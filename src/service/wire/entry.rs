//! Campaigns and offers as they are written, and their changes.

use super::choose::ID_BYTES;
use super::decision::decision;
use super::explanation::candidate;
use super::field::{Field, Quoted, Reader};
use super::page::{List, PageRequest, page};
use super::{timestamp, version};
use crate::catalog::edit::{Edit, EntryKind, Step, etag};
use crate::catalog::{Catalog, CatalogDocument};
use crate::engine::explain::Candidate;
use crate::engine::fault::FieldFault;
use crate::engine::policies::ResetRequest;
use crate::engine::priors::{BelievedRewards, PriorRequest};
use crate::engine::revise::{PastEntry, Rehearsal};
use crate::engine::view::DecisionView;
use crate::learning::PolicyConfig;
use crate::learning::config::UniformConfig;
use crate::proto::promobandit::v1;

/// The most bytes of an entry's content.
const ENTRY_BYTES: usize = 1024 * 1024;
/// The most bytes of whoever makes a change.
const ACTOR_BYTES: usize = 128;
/// The most bytes of a reason.
const REASON_BYTES: usize = 1_024;
/// The most paths of a mask.
const MOST_PATHS: usize = 100;

/// A change of one entry: of which kind, what, by whom, and whether it is only
/// rehearsed.
pub(in crate::service) type Revision = (EntryKind, Edit, String, Rehearsal);

fn read_kind(reader: &mut Reader, kind: i32) -> EntryKind {
    match v1::EntryKind::try_from(kind) {
        Ok(v1::EntryKind::Campaign) => EntryKind::Campaign,
        Ok(v1::EntryKind::Offer) => EntryKind::Offer,
        Ok(v1::EntryKind::Unspecified) | Err(_) => {
            let expected = "ENTRY_KIND_CAMPAIGN (1) or ENTRY_KIND_OFFER (2)";
            reader.refuse(&Field::of("kind"), kind, expected);
            EntryKind::Offer
        }
    }
}

fn read_json(reader: &mut Reader, json: String) -> String {
    let field = Field::of("document_json");
    if json.is_empty() {
        reader.lack(&field, "an entry in the catalogue file's form, as JSON");
    } else if json.len() > ENTRY_BYTES {
        let expected = format!("at most {ENTRY_BYTES} bytes");
        reader.refuse(&field, format!("{} bytes", json.len()), expected);
    }
    json
}

fn read_actor(reader: &mut Reader, actor: String) -> String {
    reader.text(&Field::of("actor"), actor, ACTOR_BYTES)
}

const fn rehearsal(validate_only: bool) -> Rehearsal {
    if validate_only {
        Rehearsal::Yes
    } else {
        Rehearsal::No
    }
}

/// Reads which entry a request is about.
pub(in crate::service) fn entry_name(
    kind: i32,
    id: String,
) -> Result<(EntryKind, String), Vec<FieldFault>> {
    let mut reader = Reader::default();
    let name = (
        read_kind(&mut reader, kind),
        reader.required_text(&Field::of("id"), id, ID_BYTES),
    );
    reader.finish(name)
}

/// Reads a creation.
pub(in crate::service) fn creation(
    request: v1::CreateEntryRequest,
) -> Result<Revision, Vec<FieldFault>> {
    let mut reader = Reader::default();
    let kind = read_kind(&mut reader, request.kind);
    let json = read_json(&mut reader, request.document_json);
    let actor = read_actor(&mut reader, request.actor);
    let revision = (
        kind,
        Edit::Create { json },
        actor,
        rehearsal(request.validate_only),
    );
    reader.finish(revision)
}

/// Reads an update.
pub(in crate::service) fn update(
    request: v1::UpdateEntryRequest,
) -> Result<Revision, Vec<FieldFault>> {
    let mut reader = Reader::default();
    let kind = read_kind(&mut reader, request.kind);
    let fields = request.update_mask.unwrap_or_default().paths;
    reader.at_most(&Field::of("update_mask"), fields.len(), MOST_PATHS, "paths");
    let edit = Edit::Update {
        id: reader.required_text(&Field::of("id"), request.id, ID_BYTES),
        json: read_json(&mut reader, request.document_json),
        fields,
        etag: reader.text(&Field::of("etag"), request.etag, ID_BYTES),
    };
    let actor = read_actor(&mut reader, request.actor);
    reader.finish((kind, edit, actor, rehearsal(request.validate_only)))
}

/// Reads a change of status.
pub(in crate::service) fn status_change(
    request: v1::ChangeEntryStatusRequest,
) -> Result<Revision, Vec<FieldFault>> {
    let mut reader = Reader::default();
    let kind = read_kind(&mut reader, request.kind);
    let edit = Edit::Move {
        id: reader.required_text(&Field::of("id"), request.id, ID_BYTES),
        step: read_step(&mut reader, request.action),
        etag: reader.text(&Field::of("etag"), request.etag, ID_BYTES),
    };
    let actor = read_actor(&mut reader, request.actor);
    if actor.is_empty() && request.action == i32::from(v1::EntryAction::Approve) {
        reader.lack(&Field::of("actor"), "who approves");
    }
    reader.finish((kind, edit, actor, rehearsal(request.validate_only)))
}

fn read_step(reader: &mut Reader, action: i32) -> Step {
    match v1::EntryAction::try_from(action) {
        Ok(v1::EntryAction::Approve) => Step::Approve,
        Ok(v1::EntryAction::Activate) => Step::Activate,
        Ok(v1::EntryAction::Pause) => Step::Pause,
        Ok(v1::EntryAction::End) => Step::End,
        Ok(v1::EntryAction::Delete) => Step::Delete,
        Ok(v1::EntryAction::Undelete) => Step::Undelete,
        Ok(v1::EntryAction::Unspecified) | Err(_) => {
            let expected = "an EntryAction from 1 to 6";
            reader.refuse(&Field::of("action"), action, expected);
            Step::Pause
        }
    }
}

/// Reads a whole catalogue; its faults are told by its check.
pub(in crate::service) fn whole_catalog(
    request: &v1::ApplyCatalogRequest,
) -> Result<(CatalogDocument, String), Vec<FieldFault>> {
    let mut reader = Reader::default();
    let actor = read_actor(&mut reader, request.actor.clone());
    let document = CatalogDocument::from_json(&request.document_json).map_err(|error| {
        let expected = "a catalogue in the catalogue file's form, as JSON";
        let told = error.to_string();
        reader.refuse(&Field::of("document_json"), Quoted(&told), expected);
    });
    reader.finish((document.unwrap_or_default(), actor))
}

/// Reads a change of a policy; its faults are told by the catalogue's check.
pub(in crate::service) fn policy_change(
    request: v1::ChangePolicyRequest,
) -> Result<(String, PolicyConfig, String, Rehearsal), Vec<FieldFault>> {
    let mut reader = Reader::default();
    let placement = reader.required_text(&Field::of("placement"), request.placement, ID_BYTES);
    let actor = read_actor(&mut reader, request.actor);
    let policy = serde_json::from_str(&request.policy_json).map_err(|error| {
        let expected = "a policy in the catalogue file's form, as JSON";
        let told = error.to_string();
        reader.refuse(&Field::of("policy_json"), Quoted(&told), expected);
    });
    let policy = policy.unwrap_or(PolicyConfig::Uniform(UniformConfig {}));
    reader.finish((placement, policy, actor, rehearsal(request.validate_only)))
}

/// Reads what is to be forgotten.
pub(in crate::service) fn policy_reset(
    request: v1::ResetPolicyRequest,
) -> Result<ResetRequest, Vec<FieldFault>> {
    let mut reader = Reader::default();
    let mut name = |field, id: String| {
        let id = reader.text(&Field::of(field), id, ID_BYTES);
        (!id.is_empty()).then_some(id)
    };
    let (segment, offer) = (
        name("segment", request.segment),
        name("offer_id", request.offer_id),
    );
    let reset = ResetRequest {
        placement: reader.required_text(&Field::of("placement"), request.placement, ID_BYTES),
        segment,
        offer,
        reason: reader.text(&Field::of("reason"), request.reason, REASON_BYTES),
        actor: read_actor(&mut reader, request.actor),
    };
    reader.finish(reset)
}

/// Reads what is believed of offers; what the catalogue and the policy say of it
/// is told by the engine.
pub(in crate::service) fn priors(
    request: v1::ImportPriorsRequest,
) -> Result<PriorRequest, Vec<FieldFault>> {
    let mut reader = Reader::default();
    let id = reader.uuid(&Field::of("import_id"), &request.import_id);
    let placement = reader.required_text(&Field::of("placement"), request.placement, ID_BYTES);
    let actor = read_actor(&mut reader, request.actor);
    let list = Field::of("rewards");
    if request.rewards.is_empty() {
        reader.lack(&list, "at least one entry");
    }
    let mut rewards = Vec::with_capacity(request.rewards.len());
    for (index, believed) in request.rewards.into_iter().enumerate() {
        let entry = list.index(index);
        let segment = reader.text(&entry.name("segment"), believed.segment, ID_BYTES);
        rewards.push(BelievedRewards {
            segment: (!segment.is_empty()).then_some(segment),
            offer: reader.required_text(&entry.name("offer_id"), believed.offer_id, ID_BYTES),
            reward: believed.reward,
            times: believed.times,
            features: believed.features,
        });
    }
    reader.finish(PriorRequest {
        id,
        placement,
        rewards,
        actor,
    })
}

/// An entry of a catalogue.
pub(in crate::service) fn entry(
    catalog: &Catalog,
    kind: EntryKind,
    id: &str,
) -> Option<v1::CatalogEntry> {
    match kind {
        EntryKind::Campaign => {
            let written = catalog.written_campaign(id)?;
            Some(to_wire(catalog, kind, id, &**written))
        }
        EntryKind::Offer => {
            let written = catalog.written_offer(id)?;
            Some(to_wire(catalog, kind, id, &**written))
        }
    }
}

fn to_wire(
    catalog: &Catalog,
    kind: EntryKind,
    id: &str,
    written: &impl serde::Serialize,
) -> v1::CatalogEntry {
    // What a checked catalogue holds has been written as JSON before.
    let json = serde_json::to_string(written).unwrap_or_default();
    let kind = match kind {
        EntryKind::Campaign => v1::EntryKind::Campaign,
        EntryKind::Offer => v1::EntryKind::Offer,
    };
    v1::CatalogEntry {
        kind: kind.into(),
        id: id.to_owned(),
        etag: etag(json.as_bytes()),
        document_json: json,
        catalog_version: version(catalog.version().0),
    }
}

/// A page of the entries of a kind.
pub(in crate::service) fn list_entries(
    catalog: &Catalog,
    request: &v1::ListEntriesRequest,
) -> Result<v1::ListEntriesResponse, Vec<FieldFault>> {
    let mut reader = Reader::default();
    let kind = read_kind(&mut reader, request.kind);
    reader.finish(())?;
    let asked = PageRequest {
        page_size: request.page_size,
        page_token: &request.page_token,
    };
    let list = List {
        kind: "entries",
        of: kind.name(),
        version: catalog.version(),
    };
    let (entries, next_page_token) = match kind {
        EntryKind::Campaign => page(list, &asked, catalog.written_campaigns(), |it| {
            to_wire(catalog, kind, &it.id, &**it)
        })?,
        EntryKind::Offer => page(list, &asked, catalog.written_offers(), |it| {
            to_wire(catalog, kind, &it.id, &**it)
        })?,
    };
    Ok(v1::ListEntriesResponse {
        entries,
        next_page_token,
    })
}

/// A page of what an entry was.
pub(in crate::service) fn list_history(
    catalog: &Catalog,
    past: &[PastEntry],
    request: &v1::ListEntryHistoryRequest,
) -> Result<v1::ListEntryHistoryResponse, Vec<FieldFault>> {
    let asked = PageRequest {
        page_size: request.page_size,
        page_token: &request.page_token,
    };
    let list = List {
        kind: "history",
        of: &request.id,
        version: catalog.version(),
    };
    let to_wire = |past: &PastEntry| v1::PastEntry {
        catalog_version: version(past.version.0),
        change_time: Some(timestamp(past.at)),
        actor: past.actor.clone(),
        document_json: past.json.clone().unwrap_or_default(),
    };
    let (entries, next_page_token) = page(list, &asked, past.iter(), to_wire)?;
    Ok(v1::ListEntryHistoryResponse {
        entries,
        next_page_token,
    })
}

/// What a request would see, and why.
pub(in crate::service) fn preview(
    view: &DecisionView,
    candidates: &[Candidate],
) -> v1::PreviewOffersResponse {
    v1::PreviewOffersResponse {
        decision: Some(decision(view)),
        candidates: candidates.iter().map(|it| candidate(view, it)).collect(),
    }
}
