//! Folding changes of policies: what was learnt is carried over, or forgotten.

use std::fmt;

use super::closing::OBSERVE;
use super::{Effect, FoldError, State};
use crate::catalog::{Catalog, CatalogPatch};
use crate::domain::event::{CatalogChange, PolicyChange, PolicyReset};
use crate::domain::ids::{CatalogVersion, PlacementNumber};
use crate::learning::{Adopted, Alarm};

/// What became of what a placement had learnt when its policy, or what it calls
/// a reward, became another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedOver {
    /// The placement's id.
    pub placement: String,
    /// Its rewards now mean something else: it starts anew, and so many are
    /// forgotten.
    pub forgotten: u64,
    /// What the new policy made of the rest.
    pub adopted: Adopted,
}

impl fmt::Display for CarriedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            placement,
            forgotten,
            adopted,
        } = self;
        write!(f, "{placement}: ")?;
        if *forgotten > 0 {
            return write!(
                f,
                "its rewards mean something else, so the {forgotten} that were learnt are forgotten"
            );
        }
        write!(
            f,
            "what was learnt of {} arms is kept, {} start anew; the rewards of {} can no longer be \
             corrected",
            adopted.arms_kept, adopted.arms_reset, adopted.arms_settled
        )
    }
}

impl State {
    /// The next version of the catalogue, with one policy changed.
    pub(super) fn apply_policy_change(
        &mut self,
        change: &PolicyChange,
    ) -> Result<Effect, FoldError> {
        let before = self.catalog().ok_or_else(|| FoldError::Dangling {
            position: self.position,
            what: "the catalogue, which no event before it brought".to_owned(),
        })?;
        let placement = before.placement(change.placement);
        let placement = placement.ok_or_else(|| self.no_placement(change.placement))?;
        let policy = serde_json::from_slice(&change.document);
        let patch = policy
            .and_then(|policy| CatalogPatch::of_policy(placement.id.clone(), policy).to_json());
        let patch = patch.map_err(|error| FoldError::Catalog {
            position: self.position,
            reason: format!("the policy is none: {error}"),
        })?;
        self.apply_catalog_change(&CatalogChange {
            version: CatalogVersion(before.version().0 + 1),
            document: Vec::new(),
            patch,
            parts: 0,
            new_placements: Vec::new(),
            new_offers: Vec::new(),
            new_segments: Vec::new(),
            new_limits: Vec::new(),
            actor: change.actor.clone(),
        })
    }

    pub(super) fn no_placement(&self, number: PlacementNumber) -> FoldError {
        FoldError::Dangling {
            position: self.position,
            what: format!("placement number {number}"),
        }
    }

    /// What was learnt goes over to the new catalogue's policies. A placement
    /// whose rewards now mean something else starts anew.
    pub(super) fn carry_over(&mut self, catalog: &Catalog) -> Vec<CarriedOver> {
        let (before, now) = (self.catalog().cloned(), self.now);
        let mut all = Vec::new();
        for placement in catalog.placements() {
            let Some(state) = self.learnt.get_mut(&placement.number) else {
                continue;
            };
            let old = before
                .as_ref()
                .and_then(|before| before.placement(placement.number));
            let mut forgotten = 0;
            if old.is_some_and(|old| !old.rewards_like(placement)) {
                forgotten = state.reset(None, None);
            }
            let known = before
                .as_ref()
                .and_then(|before| before.policy(placement.number));
            let previous = known.unwrap_or(&OBSERVE);
            let policy = catalog.policy(placement.number);
            let changed = policy.filter(|policy| *policy != previous);
            let adopted = changed.map(|policy| policy.adopt(state, previous, now));
            if forgotten > 0 || adopted.is_some() {
                all.push(CarriedOver {
                    placement: placement.id.clone(),
                    forgotten,
                    adopted: adopted.unwrap_or_default(),
                });
            }
        }
        all
    }

    pub(super) fn apply_policy_reset(&mut self, reset: &PolicyReset) -> Result<Effect, FoldError> {
        if self.numbering.placement_id(reset.placement).is_none() {
            return Err(self.no_placement(reset.placement));
        }
        let state = self.learnt.get_mut(&reset.placement);
        let forgotten = state.map_or(0, |state| state.reset(reset.segment, reset.offer));
        self.counters.resets += 1;
        Ok(Effect::PolicyReset { forgotten })
    }

    /// What policies want reset because they have seen rewards change: in the
    /// order of placements, then of segments.
    pub fn alarms(&self) -> impl Iterator<Item = (PlacementNumber, Alarm)> + '_ {
        self.learnt
            .iter()
            .flat_map(|(placement, learnt)| learnt.alarms().map(|alarm| (*placement, alarm)))
    }
}
