//! Folding decisions.

use std::sync::Arc;

use super::limits::hold;
use super::{Effect, FoldError, OpenDecision, State};
use crate::domain::decision::{DecisionKind, DecisionRecord};
use crate::engine::attribution::OpenSlot;

impl State {
    pub(super) fn apply_decision(&mut self, record: &DecisionRecord) -> Result<Effect, FoldError> {
        let catalog = self.catalog_for(record.catalog_version)?;
        let placement = catalog
            .placement(record.placement)
            .ok_or_else(|| FoldError::Dangling {
                position: self.position,
                what: format!(
                    "placement number {}, which catalogue version {} does not have",
                    record.placement, record.catalog_version
                ),
            })?;
        let ahead = self.begin_stage(record).map(Box::new);
        let decided_at = self.now;
        let closes_at = placement.closes_at(decided_at);
        self.open.insert(
            self.position,
            Arc::new(OpenDecision {
                request_id: record.request_id,
                decided_at,
                attribution_closes_at: placement.attribution_closes_at(decided_at),
                closes_at,
                placement: record.placement,
                segment: record.segment,
                arm: record.arm.clone(),
                catalog_version: record.catalog_version,
                test: record.test,
                slots: record
                    .slots
                    .iter()
                    .map(|draw| OpenSlot {
                        offer: draw.offer(),
                        propensity: draw.propensity(),
                    })
                    .collect(),
                features: record.features.clone(),
                ahead,
                subject: record.subject,
                outcomes: Vec::new(),
            }),
        );
        self.due.insert((closes_at, self.position));
        hold(
            &mut self.limits,
            self.position,
            record,
            &catalog,
            decided_at,
        );
        let position = self.position;
        self.suggest(position);
        self.note_subject(record.subject);
        self.count_decision(record);
        Ok(Effect::Decided {
            request_id: record.request_id,
            fingerprint: record.request_fingerprint,
            position: self.position,
            reload: record
                .reload_key
                .map(|key| (key, placement.offer_valid_until(decided_at))),
        })
    }

    const fn count_decision(&mut self, record: &DecisionRecord) {
        if record.test {
            self.counters.test_decisions += 1;
            return;
        }
        self.counters.decisions += 1;
        match record.kind {
            DecisionKind::Offers => {}
            DecisionKind::NoOffer(_) => self.counters.no_offer += 1,
            DecisionKind::Holdout => self.counters.holdout += 1,
        }
    }
}
