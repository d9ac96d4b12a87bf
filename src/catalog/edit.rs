//! Edits of single entries: campaigns and offers, in the catalogue file's form
//! as JSON.
//!
//! An edit only says which entry becomes what; the catalogue that it leads to
//! is checked whole before anything takes effect.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use thiserror::Error;

use super::document::{CampaignDocument, OfferDocument};
use super::{Catalog, CatalogPatch};
use crate::domain::offer::Status;

/// What kind of entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A campaign.
    Campaign,
    /// An offer.
    Offer,
}

impl EntryKind {
    /// The kind's name in the catalogue file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Campaign => "campaign",
            Self::Offer => "offer",
        }
    }
}

/// What becomes of an entry.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// It is new.
    Create {
        /// Its content.
        json: String,
    },
    /// It has another content.
    Update {
        /// Which.
        id: String,
        /// What the fields are to be.
        json: String,
        /// The fields that change, as paths such as `schedule.ends_at`: one that
        /// `json` lacks is taken away. Empty means the whole entry.
        fields: Vec<String>,
        /// The content that the caller saw; empty to not look.
        etag: String,
    },
    /// It has another status.
    Move {
        /// Which.
        id: String,
        /// How.
        step: Step,
        /// The content that the caller saw; empty to not look.
        etag: String,
    },
}

/// A step from status to status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// From draft: somebody else has looked at it.
    Approve,
    /// Into use.
    Activate,
    /// Out of use for now.
    Pause,
    /// Out of use for good.
    End,
    /// Taken away; nothing that refers to it breaks.
    Delete,
    /// Brought back, paused.
    Undelete,
}

impl Step {
    /// The statuses that it leads from, and the one that it leads to.
    const fn way(self) -> (&'static [Status], Status) {
        use Status::{Active, Approved, Deleted, Draft, Ended, Paused};
        match self {
            Self::Approve => (&[Draft], Approved),
            Self::Activate => (&[Draft, Approved, Paused], Active),
            Self::Pause => (&[Active], Paused),
            Self::End => (&[Draft, Approved, Active, Paused], Ended),
            Self::Delete => (&[Draft, Approved, Active, Paused, Ended], Deleted),
            Self::Undelete => (&[Deleted], Paused),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Activate => "activate",
            Self::Pause => "pause",
            Self::End => "end",
            Self::Delete => "delete",
            Self::Undelete => "undelete",
        }
    }
}

/// Why an edit cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EditError {
    /// The content is no entry of its kind.
    #[error("the content is no {}: {reason}", .kind.name())]
    Content {
        /// Of which kind.
        kind: EntryKind,
        /// What is wrong.
        reason: String,
    },
    /// A path names no field.
    #[error("{path:?} is no field of a catalogue's entry that can change")]
    Path {
        /// Which.
        path: String,
    },
    /// There is no such entry.
    #[error("the catalogue has no {} {id:?}", .kind.name())]
    NotFound {
        /// Of which kind.
        kind: EntryKind,
        /// Which.
        id: String,
    },
    /// There is one already.
    #[error("the catalogue has the {} {id:?} already", .kind.name())]
    Exists {
        /// Of which kind.
        kind: EntryKind,
        /// Which.
        id: String,
    },
    /// The entry changed since the caller looked.
    #[error("the {} {id:?} changed meanwhile: its etag is {current:?} now", .kind.name())]
    Conflict {
        /// Of which kind.
        kind: EntryKind,
        /// Which.
        id: String,
        /// Its etag now.
        current: String,
    },
    /// The status allows no such step.
    #[error("{:?} cannot {} while it is {}", .id, .step.name(), .status)]
    Step {
        /// Which entry.
        id: String,
        /// The step.
        step: Step,
        /// Its status.
        status: String,
    },
    /// Whoever changed it since it was last approved may not approve it.
    #[error("{id:?} was changed by {actor:?}: somebody else has to approve it")]
    OwnApproval {
        /// Which entry.
        id: String,
        /// Who.
        actor: String,
    },
    /// Nobody knows who asks, where changes have to be approved by somebody else.
    #[error(
        "{id:?} needs an approval by somebody else: whoever changes or approves it must be named"
    )]
    Anonymous {
        /// Which entry.
        id: String,
    },
    /// What is new and needs an approval begins as a draft.
    #[error("{id:?} needs an approval and must begin as a draft, its status is {status:?}")]
    NotADraft {
        /// Which entry.
        id: String,
        /// Its status.
        status: String,
    },
    /// An approval has to come first.
    #[error("{id:?} needs an approval before it can become active")]
    NotApproved {
        /// Which entry.
        id: String,
    },
}

/// What campaigns and offers have in common.
trait Entry: Serialize + DeserializeOwned + Clone {
    const KIND: EntryKind;
    fn id(&self) -> &str;
    fn status(&self) -> &str;
    fn set_status(&mut self, status: Status);
    fn needs_approval(&self) -> bool;
    fn find<'c>(catalog: &'c Catalog, id: &str) -> Option<&'c Self>;
    fn into_patch(self) -> CatalogPatch;
}

impl Entry for OfferDocument {
    const KIND: EntryKind = EntryKind::Offer;

    fn id(&self) -> &str {
        &self.id
    }

    fn status(&self) -> &str {
        &self.status
    }

    fn set_status(&mut self, status: Status) {
        status.name().clone_into(&mut self.status);
    }

    fn needs_approval(&self) -> bool {
        self.needs_approval
    }

    fn find<'c>(catalog: &'c Catalog, id: &str) -> Option<&'c Self> {
        catalog.written_offer(id).map(AsRef::as_ref)
    }

    fn into_patch(self) -> CatalogPatch {
        CatalogPatch {
            offers: vec![self],
            ..CatalogPatch::default()
        }
    }
}

impl Entry for CampaignDocument {
    const KIND: EntryKind = EntryKind::Campaign;

    fn id(&self) -> &str {
        &self.id
    }

    fn status(&self) -> &str {
        &self.status
    }

    fn set_status(&mut self, status: Status) {
        status.name().clone_into(&mut self.status);
    }

    fn needs_approval(&self) -> bool {
        self.needs_approval
    }

    fn find<'c>(catalog: &'c Catalog, id: &str) -> Option<&'c Self> {
        catalog.written_campaign(id).map(AsRef::as_ref)
    }

    fn into_patch(self) -> CatalogPatch {
        CatalogPatch {
            campaigns: vec![self],
            ..CatalogPatch::default()
        }
    }
}

/// Tells one content of an entry from another: 16 hexadecimal digits.
#[must_use]
pub fn etag(json: &[u8]) -> String {
    let hash = blake3::hash(json);
    let bytes = hash.as_bytes()[..8].iter();
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

/// The id of the entry that an edit is about, and the patch that makes the edit.
/// `authors` says who has changed the entry since it was last approved.
///
/// # Errors
/// See [`EditError`].
pub fn patch(
    catalog: &Catalog,
    kind: EntryKind,
    edit: &Edit,
    actor: &str,
    authors: impl Fn(&str) -> Vec<String>,
) -> Result<(String, CatalogPatch), EditError> {
    match kind {
        EntryKind::Campaign => make::<CampaignDocument>(catalog, edit, actor, authors),
        EntryKind::Offer => make::<OfferDocument>(catalog, edit, actor, authors),
    }
}

fn make<T: Entry>(
    catalog: &Catalog,
    edit: &Edit,
    actor: &str,
    authors: impl Fn(&str) -> Vec<String>,
) -> Result<(String, CatalogPatch), EditError> {
    let entry = match edit {
        Edit::Create { json } => named(created::<T>(catalog, json)?, actor)?,
        Edit::Update {
            id,
            json,
            fields,
            etag,
        } => {
            let known = current::<T>(catalog, id, etag)?;
            named(drafted(known, updated(known, json, fields)?), actor)?
        }
        Edit::Move { id, step, etag } => {
            let known = current::<T>(catalog, id, etag)?;
            moved(known, *step, actor, authors)?
        }
    };
    Ok((entry.id().to_owned(), entry.into_patch()))
}

fn created<T: Entry>(catalog: &Catalog, json: &str) -> Result<T, EditError> {
    let entry: T = serde_json::from_str(json).map_err(|error| not_content::<T>(&error))?;
    match T::find(catalog, entry.id()) {
        None if entry.needs_approval() && entry.status() != Status::Draft.name() => {
            Err(EditError::NotADraft {
                id: entry.id().to_owned(),
                status: entry.status().to_owned(),
            })
        }
        None => Ok(entry),
        Some(_) => Err(EditError::Exists {
            kind: T::KIND,
            id: entry.id().to_owned(),
        }),
    }
}

/// An entry whose author is named, where somebody else has to approve it.
fn named<T: Entry>(entry: T, actor: &str) -> Result<T, EditError> {
    if entry.needs_approval() && actor.is_empty() {
        let id = entry.id().to_owned();
        return Err(EditError::Anonymous { id });
    }
    Ok(entry)
}

/// What was changed of an entry that needs an approval needs a new one: it is a
/// draft again, unless it is over.
fn drafted<T: Entry>(known: &T, mut entry: T) -> T {
    let over = [Status::Ended, Status::Deleted].map(Status::name);
    if (known.needs_approval() || entry.needs_approval()) && !over.contains(&known.status()) {
        entry.set_status(Status::Draft);
    }
    entry
}

fn current<'c, T: Entry>(catalog: &'c Catalog, id: &str, seen: &str) -> Result<&'c T, EditError> {
    let (kind, id) = (T::KIND, id.to_owned());
    let Some(entry) = T::find(catalog, &id) else {
        return Err(EditError::NotFound { kind, id });
    };
    let json = serde_json::to_vec(entry).map_err(|error| not_content::<T>(&error))?;
    let current = etag(&json);
    if seen.is_empty() || seen == current {
        Ok(entry)
    } else {
        Err(EditError::Conflict { kind, id, current })
    }
}

fn not_content<T: Entry>(error: &serde_json::Error) -> EditError {
    EditError::Content {
        kind: T::KIND,
        reason: error.to_string(),
    }
}

fn updated<T: Entry>(known: &T, json: &str, fields: &[String]) -> Result<T, EditError> {
    let content = |error: serde_json::Error| not_content::<T>(&error);
    let given: Value = serde_json::from_str(json).map_err(content)?;
    let mut value = if fields.is_empty() {
        given
    } else {
        let mut value = serde_json::to_value(known).map_err(content)?;
        for path in fields {
            copy(&mut value, &given, path)?;
        }
        value
    };
    // An update never renames.
    if let Value::Object(object) = &mut value {
        object.insert("id".to_owned(), Value::String(known.id().to_owned()));
    }
    serde_json::from_value(value).map_err(content)
}

/// Makes the field at `path` of `into` what it is in `from`.
fn copy(into: &mut Value, from: &Value, path: &str) -> Result<(), EditError> {
    let unknown = || EditError::Path {
        path: path.to_owned(),
    };
    let steps: Vec<&str> = path.split('.').collect();
    let well_formed = steps.iter().all(|step| !step.is_empty()) && steps[0] != "id";
    let (Some((last, way)), true) = (steps.split_last(), well_formed) else {
        return Err(unknown());
    };
    let given = steps.iter().try_fold(from, |value, step| value.get(step));
    let mut place = into;
    for step in way {
        let Value::Object(object) = place else {
            return Err(unknown());
        };
        place = object
            .entry(*step)
            .or_insert_with(|| Value::Object(Map::new()));
    }
    let Value::Object(object) = place else {
        return Err(unknown());
    };
    match given {
        Some(given) => {
            object.insert((*last).to_owned(), given.clone());
        }
        None => {
            object.remove(*last);
        }
    }
    Ok(())
}

fn moved<T: Entry>(
    known: &T,
    step: Step,
    actor: &str,
    authors: impl Fn(&str) -> Vec<String>,
) -> Result<T, EditError> {
    let id = || known.id().to_owned();
    let (from, to) = step.way();
    if !from.iter().any(|status| status.name() == known.status()) {
        return Err(EditError::Step {
            id: id(),
            step,
            status: known.status().to_owned(),
        });
    }
    if step == Step::Approve {
        if actor.is_empty() {
            return Err(EditError::Anonymous { id: id() });
        }
        if authors(known.id()).iter().any(|author| author == actor) {
            let actor = actor.to_owned();
            return Err(EditError::OwnApproval { id: id(), actor });
        }
    }
    let is_draft = known.status() == Status::Draft.name();
    if step == Step::Activate && is_draft && known.needs_approval() {
        return Err(EditError::NotApproved { id: id() });
    }
    // What was taken away may never have been approved.
    let returns = step == Step::Undelete && known.needs_approval();
    let mut entry = known.clone();
    entry.set_status(if returns { Status::Draft } else { to });
    Ok(entry)
}
