//! The catalogue in the fold: its changes one after the other, whole or as
//! patches, and those that come in parts.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Effect, FoldError, State};
use crate::catalog::Catalog;
use crate::domain::event::{CatalogChange, CatalogPart};
use crate::domain::ids::CatalogVersion;
use crate::domain::time::Instant;
use crate::ledger::codec::deflate::{deflate, inflate};

/// How a version of the catalogue came about: all that it takes to make it
/// again from the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Since when it is in force.
    pub at: Instant,
    /// Who changed it, where known.
    pub actor: String,
    /// The whole catalogue, compressed; empty for a patch.
    pub(super) document: Vec<u8>,
    /// The entries that changed; empty for a whole catalogue.
    pub(super) patch: Vec<u8>,
}

impl State {
    /// One more part. The first one takes the place of what an upload that came
    /// to no end has left.
    pub(super) fn apply_catalog_part(&mut self, part: &CatalogPart) -> Result<Effect, FoldError> {
        if part.index == 1 {
            self.catalog_parts.clear();
        }
        let expected = self.catalog_parts.len() + 1;
        if part.index as usize != expected {
            return Err(self.catalog_fault(format!(
                "part {} of a catalogue came where part {expected} was due",
                part.index
            )));
        }
        self.catalog_parts.push_back(Arc::new(part.clone()));
        Ok(Effect::Nothing)
    }

    /// The catalogue becomes another.
    pub(super) fn apply_catalog_change(
        &mut self,
        change: &CatalogChange,
    ) -> Result<Effect, FoldError> {
        let whole;
        let change = if change.parts == 0 {
            change
        } else {
            whole = CatalogChange {
                document: self.put_together(change.parts)?,
                ..change.clone()
            };
            &whole
        };
        let revision = Revision {
            at: self.now,
            actor: change.actor.clone(),
            document: if change.patch.is_empty() {
                deflate(&change.document)
            } else {
                Vec::new()
            },
            patch: change.patch.clone(),
        };
        let numbering = self
            .numbering
            .clone()
            .after(change)
            .map_err(|error| self.catalog_fault(error.to_string()))?;
        let before = self.catalog().cloned();
        let catalog = Catalog::from_stored(before.as_deref(), change, &numbering)
            .map_err(|error| self.catalog_fault(error.to_string()))?;
        let carried_over = self.carry_over(&catalog);
        // A catalogue that came in parts gives its new names their numbers
        // itself; for the others this changes nothing.
        self.numbering = catalog.numbering().clone();
        self.catalogs.insert(change.version, Arc::new(catalog));
        self.revisions.insert(change.version, Arc::new(revision));
        self.lay_anew();
        Ok(Effect::CatalogChanged { carried_over })
    }

    fn put_together(&mut self, parts: u32) -> Result<Vec<u8>, FoldError> {
        let have = self.catalog_parts.len();
        if have != parts as usize {
            return Err(self.catalog_fault(format!(
                "a catalogue of {parts} parts is complete after {have}"
            )));
        }
        let bytes: Vec<u8> = self
            .catalog_parts
            .iter()
            .flat_map(|part| part.bytes.iter().copied())
            .collect();
        self.catalog_parts.clear();
        inflate(&bytes).map_err(|error| self.catalog_fault(error.to_string()))
    }

    fn catalog_fault(&self, reason: String) -> FoldError {
        FoldError::Catalog {
            position: self.position,
            reason,
        }
    }
}

impl Revision {
    /// The change that it was, as far as making the catalogue again needs it.
    pub(super) fn change(&self, version: CatalogVersion) -> Result<CatalogChange, String> {
        let document = if self.patch.is_empty() {
            inflate(&self.document).map_err(|error| error.to_string())?
        } else {
            Vec::new()
        };
        Ok(CatalogChange {
            version,
            document,
            patch: self.patch.clone(),
            parts: 0,
            new_placements: Vec::new(),
            new_offers: Vec::new(),
            new_segments: Vec::new(),
            new_limits: Vec::new(),
            actor: self.actor.clone(),
        })
    }
}
