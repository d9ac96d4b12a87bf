//! Why a decision came out as it did.

use super::reward::{outcome_kind, result};
use super::stats::arms;
use super::{decision, timestamp, version};
use crate::domain::decision::RequestContext;
use crate::engine::explain::{Candidate, DecisionProgress, Explanation, Rederivation};
use crate::engine::view::DecisionView;
use crate::proto::promobandit::v1;

/// An explanation.
#[must_use]
pub fn explanation(told: &Explanation) -> v1::ExplainResponse {
    let view = &told.decision;
    let record = &view.record;
    let learnt = told.learnt.as_ref().map(|learnt| learnt.arms.as_slice());
    v1::ExplainResponse {
        decision: Some(decision(view)),
        candidates: told
            .candidates
            .iter()
            .map(|it| candidate(view, it))
            .collect(),
        segment_reason: segment_reason(view, told.context.as_ref()),
        seed: record.seed.0,
        position: view.recorded.map_or(0, |recorded| recorded.position.0),
        snapshot_position: record.snapshot_position.0,
        algorithm_version: version(told.algorithm_version),
        draws: told.draws.clone(),
        progress: Some(progress(&told.progress)),
        rederivation: rederivation(told.rederivation).into(),
        arms: arms(&view.catalog, learnt.unwrap_or_default()),
        split_arm: record.arm.as_deref().unwrap_or_default().to_owned(),
    }
}

pub(super) fn candidate(view: &DecisionView, candidate: &Candidate) -> v1::Candidate {
    let offer = view.catalog.offer(candidate.offer);
    let rejection = candidate.rejection.as_ref();
    let refusal = candidate.refusal.as_ref();
    let refused_at_once = refusal.is_some_and(|refusal| refusal.at_once);
    v1::Candidate {
        offer_id: offer.map(|offer| offer.id.clone()).unwrap_or_default(),
        eligible: rejection.is_none() && !refused_at_once,
        rejection_code: rejection
            .map(|rejection| rejection.code().to_owned())
            .or_else(|| refusal.map(|refusal| refusal.code.clone()))
            .unwrap_or_default(),
        rejection_reason: rejection
            .map(ToString::to_string)
            .or_else(|| refusal.map(|refusal| refusal.reason.clone()))
            .unwrap_or_default(),
        probabilities: candidate.probabilities.clone(),
        affinity_lift: candidate.lift,
        chosen_slot: candidate.chosen_slot.map_or(0, version),
    }
}

fn segment_reason(view: &DecisionView, context: Option<&RequestContext>) -> String {
    let catalog = &view.catalog;
    let default = catalog.segmentation().default_segment();
    let id = catalog.numbering().segment_id(view.record.segment);
    let written = id.and_then(|id| catalog.segment_document(id)?.when.as_ref());
    let condition = written.and_then(|written| serde_json::to_string(written).ok());
    if view.record.unpersonalized {
        "the request allowed no use of shopper data, so the default segment was taken".to_owned()
    } else if context.is_none() {
        "the shopper was erased; the segment is the one that the record keeps".to_owned()
    } else if view.record.segment == default.number {
        "no segment's condition held for the shopper's attributes".to_owned()
    } else {
        let condition = condition.unwrap_or_default();
        format!("the first segment whose condition held: {condition}")
    }
}

fn progress(progress: &DecisionProgress) -> v1::DecisionProgress {
    v1::DecisionProgress {
        closed: progress.closed,
        closes_at: Some(timestamp(progress.closes_at)),
        shown: progress.shown,
        rewards: progress.rewards.clone(),
        rewards_as_they_came: progress.rewards_as_they_came.clone(),
        outcomes: progress
            .outcomes
            .iter()
            .map(|told| v1::RecordedOutcome {
                position: told.event.position.0,
                kind: outcome_kind(told.kind).into(),
                result: result(told.event.result).into(),
                conversion: told
                    .conversion
                    .map_or_else(String::new, |it| it.to_string()),
            })
            .collect(),
    }
}

const fn rederivation(rederivation: Rederivation) -> v1::Rederivation {
    match rederivation {
        Rederivation::Matches => v1::Rederivation::Matches,
        Rederivation::Differs => v1::Rederivation::Differs,
        Rederivation::Erased => v1::Rederivation::Erased,
        Rederivation::OtherAlgorithm => v1::Rederivation::OtherAlgorithm,
        Rederivation::NeedsVerify => v1::Rederivation::NeedsVerify,
    }
}
