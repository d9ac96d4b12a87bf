//! Changing the catalogue: whole, or one entry at a time.
//!
//! A change is checked whole before anything is written, recorded as an event,
//! and takes effect when that is applied: a decision is made with the version
//! before or with the version after it. Every change rests on the version that
//! it was made for; if another came first, it is made again. What does not fit
//! one record goes ahead in parts, which mean nothing until the change itself
//! follows them.

use std::sync::Arc;

use smallvec::smallvec;
use thiserror::Error;

use super::policies::{PolicyChanged, PolicyUpdateError};
use super::queue::{CommitError, Condition, Entity, Proposal, Reply};
use super::shared::Shared;
use super::state::{CarriedOver, Effect};
use crate::catalog::edit::{self, Edit, EditError, EntryKind};
use crate::catalog::{Catalog, CatalogDifference, CatalogDocument, CatalogFaults, CatalogPatch};
use crate::domain::event::{CatalogChange, CatalogPart, EventBody, PolicyChange};
use crate::domain::ids::CatalogVersion;
use crate::domain::offer::Status;
use crate::domain::time::Instant;
use crate::learning::PolicyConfig;
use crate::ledger::codec::deflate::deflate;
use crate::ledger::codec::encode_body;

/// A change of more bytes goes ahead in parts of this size.
const PART_BYTES: usize = 512 * 1024;

/// Whether a change is only rehearsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rehearsal {
    /// It takes effect.
    No,
    /// It is checked, and nothing is recorded.
    Yes,
}

/// Why a catalogue was not taken over.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The document has faults.
    #[error(transparent)]
    Faults(#[from] CatalogFaults),
    /// Nothing is accepted now.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The document cannot be written down.
    #[error("the catalogue cannot be stored: {0}")]
    Encode(#[from] serde_json::Error),
}

/// What an import changed.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The version in force now.
    pub version: CatalogVersion,
    /// What is different from the version before; everything, the first time.
    pub difference: CatalogDifference,
    /// What became of what was learnt, for the placements whose policy or
    /// reward became another one; nothing in a rehearsal.
    pub carried_over: Vec<CarriedOver>,
}

/// Why an entry was not changed.
#[derive(Debug, Error)]
pub enum ReviseError {
    /// The edit cannot be made.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The catalogue would have faults.
    #[error(transparent)]
    Faults(#[from] CatalogFaults),
    /// There is no catalogue yet.
    #[error("there is no catalogue yet")]
    NoCatalog,
    /// Nothing is accepted now.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The entry cannot be written down.
    #[error("the entry cannot be stored: {0}")]
    Encode(#[from] serde_json::Error),
}

/// A campaign or an offer after a change.
#[derive(Debug, Clone)]
pub struct Revised {
    /// Its id.
    pub id: String,
    /// The catalogue that it stands in now, or would.
    pub catalog: Arc<Catalog>,
}

/// What a campaign or an offer was in a version of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastEntry {
    /// The first version that has it so.
    pub version: CatalogVersion,
    /// Since when.
    pub at: Instant,
    /// Who changed it, where known.
    pub actor: String,
    /// Its content as JSON; `None` where it was left out of the catalogue.
    pub json: Option<String>,
}

impl PastEntry {
    /// Its status, and all else that it was.
    fn content(&self) -> (Option<String>, Option<serde_json::Value>) {
        let json = self.json.as_deref();
        let entry = json.and_then(|json| serde_json::from_str(json).ok());
        let mut entry: Option<serde_json::Value> = entry;
        let fields = entry.as_mut().and_then(serde_json::Value::as_object_mut);
        let status = fields.and_then(|fields| fields.remove("status"));
        let status = status.and_then(|status| Some(status.as_str()?.to_owned()));
        (status, entry)
    }
}

/// Takes a whole catalogue over.
pub(super) async fn import(
    shared: &Shared,
    document: CatalogDocument,
    actor: &str,
    rehearsal: Rehearsal,
) -> Result<Option<Imported>, ImportError> {
    let _one_at_a_time = shared.catalog_changes.lock().await;
    loop {
        let (before, numbering) = {
            let state = shared.read_state();
            (state.catalog().cloned(), state.numbering().clone())
        };
        let known = before.as_ref().map(|catalog| catalog.document());
        let known = known.unwrap_or_default();
        if before.is_some() && known == document {
            return Ok(None);
        }
        let difference = CatalogDifference::between(&known, &document);
        let version = next_version(before.as_deref());
        let catalog =
            Catalog::build_after(before.as_deref(), document.clone(), version, &numbering)?;
        let carried_over = if rehearsal == Rehearsal::Yes {
            Some(Vec::new())
        } else {
            let change = catalog.change(&numbering, actor)?;
            commit(shared, before.as_deref(), change).await?
        };
        if let Some(carried_over) = carried_over {
            return Ok(Some(Imported {
                version,
                difference,
                carried_over,
            }));
        }
    }
}

/// Changes one entry.
pub(super) async fn revise(
    shared: &Shared,
    kind: EntryKind,
    edit: &Edit,
    actor: &str,
    rehearsal: Rehearsal,
) -> Result<Revised, ReviseError> {
    let _one_at_a_time = shared.catalog_changes.lock().await;
    loop {
        let (before, numbering) = {
            let state = shared.read_state();
            (state.catalog().cloned(), state.numbering().clone())
        };
        let before = before.ok_or(ReviseError::NoCatalog)?;
        let authors = |id: &str| authors(&history(shared, kind, id));
        let (id, patch) = edit::patch(&before, kind, edit, actor, authors)?;
        let json = patch.to_json()?;
        let mut document = before.document();
        patch.apply(&mut document);
        let new = numbering.new_names(&document);
        let version = next_version(Some(&before));
        let catalog = Catalog::build_after(Some(&before), document, version, &numbering)?;
        if rehearsal == Rehearsal::No {
            let change = CatalogChange {
                version,
                document: Vec::new(),
                patch: json,
                parts: 0,
                new_placements: new.placements,
                new_offers: new.offers,
                new_segments: new.segments,
                new_limits: new.limits,
                actor: actor.to_owned(),
            };
            if commit(shared, Some(&before), change).await?.is_none() {
                continue;
            }
        }
        let catalog = Arc::new(catalog);
        return Ok(Revised { id, catalog });
    }
}

/// Gives a placement another policy.
pub(super) async fn change_policy(
    shared: &Shared,
    placement: &str,
    policy: &PolicyConfig,
    actor: &str,
    rehearsal: Rehearsal,
) -> Result<PolicyChanged, PolicyUpdateError> {
    let _one_at_a_time = shared.catalog_changes.lock().await;
    loop {
        let before = shared.read_state().catalog().cloned();
        let unknown = || PolicyUpdateError::unknown("placement", placement);
        let before = before.ok_or_else(unknown)?;
        let number = before
            .placement_by_id(placement)
            .ok_or_else(unknown)?
            .number;
        let mut document = before.document();
        CatalogPatch::of_policy(placement.to_owned(), policy.clone()).apply(&mut document);
        let version = next_version(Some(&before));
        // The fold builds it again; what it would refuse is refused here.
        Catalog::build_after(Some(&before), document, version, before.numbering())?;
        let carried_over = if rehearsal == Rehearsal::Yes {
            Some(Vec::new())
        } else {
            let body = EventBody::PolicyChange(PolicyChange {
                placement: number,
                document: serde_json::to_vec(policy)?,
                actor: actor.to_owned(),
            });
            push(shared, body, Some(u64::from(before.version().0))).await?
        };
        if let Some(carried_over) = carried_over {
            return Ok(PolicyChanged {
                version,
                carried_over: carried_over.into_iter().next(),
            });
        }
    }
}

/// Who has changed an entry since it was last approved.
fn authors(history: &[PastEntry]) -> Vec<String> {
    let approved = Some(Status::Approved.name().to_owned());
    let contents: Vec<_> = history.iter().map(PastEntry::content).collect();
    (0..history.len())
        .rev()
        .take_while(|place| contents[*place].0 != approved)
        .filter(|place| *place == 0 || contents[place - 1].1 != contents[*place].1)
        .map(|place| history[place].actor.clone())
        .collect()
}

fn next_version(before: Option<&Catalog>) -> CatalogVersion {
    CatalogVersion(before.map_or(1, |catalog| catalog.version().0 + 1))
}

/// Records a change that rests on the catalogue before; what became of what was
/// learnt, or `None` when that catalogue is no longer the last one.
async fn commit(
    shared: &Shared,
    before: Option<&Catalog>,
    mut change: CatalogChange,
) -> Result<Option<Vec<CarriedOver>>, CommitError> {
    let compressed = if change.document.len() > PART_BYTES {
        deflate(&change.document)
    } else {
        Vec::new()
    };
    if compressed.len() > PART_BYTES || names_of(&change) > PART_BYTES {
        for (index, bytes) in (1..).zip(compressed.chunks(PART_BYTES)) {
            let bytes = bytes.to_vec();
            push(
                shared,
                EventBody::CatalogPart(CatalogPart { index, bytes }),
                None,
            )
            .await?;
            change.parts = index;
        }
        change.document.clear();
        change.new_placements.clear();
        change.new_offers.clear();
        change.new_segments.clear();
        change.new_limits.clear();
    }
    let seen = before.map_or(0, |catalog| u64::from(catalog.version().0));
    push(shared, EventBody::CatalogChange(change), Some(seen)).await
}

/// How many bytes the new names have.
fn names_of(change: &CatalogChange) -> usize {
    let lists = [
        &change.new_placements,
        &change.new_offers,
        &change.new_segments,
        &change.new_limits,
    ];
    lists.into_iter().flatten().map(String::len).sum()
}

async fn push(
    shared: &Shared,
    body: EventBody,
    catalog_seen: Option<u64>,
) -> Result<Option<Vec<CarriedOver>>, CommitError> {
    let condition = match catalog_seen {
        Some(seen) => Condition::Unchanged(smallvec![(Entity::Catalog, seen)]),
        None => Condition::None,
    };
    let proposal = Proposal {
        bytes: encode_body(&body),
        body,
        condition,
    };
    match shared.queue.push(proposal)?.reply().await {
        Reply::Committed(committed) => Ok(Some(match committed.effect {
            Effect::CatalogChanged { carried_over } => carried_over,
            _ => Vec::new(),
        })),
        Reply::Bounced => Ok(None),
        Reply::Failed(error) => Err(error),
    }
}

/// The contents that an entry had, oldest first. Versions in which it did not
/// change share it, so that telling is quick.
pub(super) fn history(shared: &Shared, kind: EntryKind, id: &str) -> Vec<PastEntry> {
    let state = shared.read_state().clone();
    let mut past: Vec<PastEntry> = Vec::new();
    let mut last: Option<Entry> = None;
    for (version, revision) in state.revisions() {
        let catalog = state.catalog_of(*version);
        let entry = catalog.and_then(|catalog| entry_of(catalog, kind, id));
        let same = match (&last, &entry) {
            (None, None) => true,
            (Some(last), Some(entry)) => last.is_same(entry),
            _ => false,
        };
        if same {
            continue;
        }
        past.push(PastEntry {
            version: *version,
            at: revision.at,
            actor: revision.actor.clone(),
            json: entry.as_ref().and_then(Entry::json),
        });
        last = entry;
    }
    past
}

/// A shared entry.
enum Entry {
    Campaign(Arc<crate::catalog::CampaignDocument>),
    Offer(Arc<crate::catalog::OfferDocument>),
}

fn entry_of(catalog: &Catalog, kind: EntryKind, id: &str) -> Option<Entry> {
    match kind {
        EntryKind::Campaign => catalog.written_campaign(id).cloned().map(Entry::Campaign),
        EntryKind::Offer => catalog.written_offer(id).cloned().map(Entry::Offer),
    }
}

impl Entry {
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Campaign(one), Self::Campaign(other)) => Arc::ptr_eq(one, other) || one == other,
            (Self::Offer(one), Self::Offer(other)) => Arc::ptr_eq(one, other) || one == other,
            _ => false,
        }
    }

    fn json(&self) -> Option<String> {
        match self {
            Self::Campaign(entry) => serde_json::to_string(&**entry),
            Self::Offer(entry) => serde_json::to_string(&**entry),
        }
        .ok()
    }
}
