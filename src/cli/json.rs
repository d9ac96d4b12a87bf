//! Answers of the service as JSON: the names of the fields are those of the
//! wire contract, enumerations are their names there, instants are RFC 3339.
//! Counts are numbers; the seed, which may need all 64 bits, is a string.

use prost_types::Timestamp;
use serde_json::{Map, Value, json};

use crate::proto::promobandit::v1::{
    ArmSummary, Candidate, CurrencyTotal, Decision, DecisionKind, DecisionProgress, Durability,
    ExplainResponse, LimitUsage, NoOfferReason, OutcomeKind, PolicyStats, Rederivation,
    RewardResult, StatsResponse, VerifyReport,
};

/// An instant in RFC 3339, empty for one that no calendar has.
#[must_use]
pub fn instant(at: &Timestamp) -> String {
    jiff::Timestamp::new(at.seconds, at.nanos).map_or_else(|_| String::new(), |at| at.to_string())
}

/// What `explain` tells.
#[must_use]
pub fn explanation(told: &ExplainResponse) -> Value {
    json!({
        "decision": told.decision.as_ref().map(decision),
        "candidates": told.candidates.iter().map(candidate).collect::<Vec<_>>(),
        "segment_reason": told.segment_reason,
        "seed": told.seed.to_string(),
        "position": told.position,
        "snapshot_position": told.snapshot_position,
        "algorithm_version": told.algorithm_version,
        "draws": told.draws,
        "progress": told.progress.as_ref().map(progress),
        "rederivation": rederivation(told.rederivation).as_str_name(),
        "arms": told.arms.iter().map(arm).collect::<Vec<_>>(),
    })
}

/// An enumeration's value; one that this program does not know is unspecified.
#[must_use]
pub fn rederivation(value: i32) -> Rederivation {
    Rederivation::try_from(value).unwrap_or_default()
}

/// A decision.
#[must_use]
pub fn decision(decision: &Decision) -> Value {
    let kind = DecisionKind::try_from(decision.kind).unwrap_or_default();
    let reason = NoOfferReason::try_from(decision.no_offer_reason).unwrap_or_default();
    let durability = Durability::try_from(decision.durability).unwrap_or_default();
    let offers = decision.offers.iter().map(|offer| {
        json!({
            "slot": offer.slot,
            "offer_id": offer.offer_id,
            "campaign_id": offer.campaign_id,
            "title": offer.title,
            "render_payload": offer.render_payload,
            "propensity": offer.propensity,
        })
    });
    json!({
        "decision_id": decision.decision_id,
        "request_id": decision.request_id,
        "placement": decision.placement,
        "kind": kind.as_str_name(),
        "no_offer_reason": reason.as_str_name(),
        "offers": offers.collect::<Vec<_>>(),
        "segment": decision.segment,
        "policy": decision.policy,
        "state_position": decision.state_position,
        "catalog_version": decision.catalog_version,
        "create_time": decision.create_time.as_ref().map(instant),
        "offer_valid_until": decision.offer_valid_until.as_ref().map(instant),
        "attribution_closes_at": decision.attribution_closes_at.as_ref().map(instant),
        "test": decision.test,
        "durability": durability.as_str_name(),
    })
}

/// An offer of a placement, as it was judged.
#[must_use]
pub fn candidate(candidate: &Candidate) -> Value {
    json!({
        "offer_id": candidate.offer_id,
        "eligible": candidate.eligible,
        "rejection_code": candidate.rejection_code,
        "rejection_reason": candidate.rejection_reason,
        "probabilities": candidate.probabilities,
        "chosen_slot": candidate.chosen_slot,
        "affinity_lift": candidate.affinity_lift,
    })
}

fn progress(progress: &DecisionProgress) -> Value {
    let outcomes = progress.outcomes.iter().map(|outcome| {
        json!({
            "position": outcome.position,
            "kind": OutcomeKind::try_from(outcome.kind).unwrap_or_default().as_str_name(),
            "result": RewardResult::try_from(outcome.result).unwrap_or_default().as_str_name(),
            "conversion": outcome.conversion,
        })
    });
    json!({
        "closed": progress.closed,
        "closes_at": progress.closes_at.as_ref().map(instant),
        "shown": progress.shown,
        "rewards": progress.rewards,
        "rewards_as_they_came": progress.rewards_as_they_came,
        "outcomes": outcomes.collect::<Vec<_>>(),
    })
}

fn arm(arm: &ArmSummary) -> Value {
    json!({
        "offer_id": arm.offer_id,
        "pulls": arm.pulls,
        "mean": arm.mean,
        "lower": arm.lower,
        "upper": arm.upper,
        "estimate": arm.estimate,
    })
}

/// What `ledger verify` found.
#[must_use]
pub fn verify_report(report: &VerifyReport) -> Value {
    let mut others: Vec<(&u32, &u64)> = report.other_algorithm.iter().collect();
    others.sort_unstable();
    let others: Map<String, Value> = others
        .into_iter()
        .map(|(version, count)| (version.to_string(), json!(count)))
        .collect();
    let faults = report
        .faults
        .iter()
        .map(|fault| json!({ "position": fault.position, "what": fault.what }));
    json!({
        "ok": report.ok,
        "first_position": report.first_position,
        "last_position": report.last_position,
        "chain_head": report.chain_head,
        "state_hash": report.state_hash,
        "events": report.events,
        "decisions": report.decisions,
        "rederived": report.rederived,
        "erased": report.erased,
        "other_algorithm": others,
        "before_retained": report.before_retained,
        "faults": faults.collect::<Vec<_>>(),
        "faults_total": report.faults_total,
    })
}

/// What `ledger stats` counts.
#[must_use]
pub fn stats(stats: &StatsResponse) -> Value {
    json!({
        "position": stats.position,
        "first_position": stats.first_position,
        "chain_head": stats.chain_head,
        "state_hash": stats.state_hash,
        "catalog_version": stats.catalog_version,
        "decisions": stats.decisions,
        "no_offer": stats.no_offer,
        "holdout": stats.holdout,
        "test_decisions": stats.test_decisions,
        "open_decisions": stats.open_decisions,
        "closed_decisions": stats.closed_decisions,
        "learnt": stats.learnt,
        "not_shown": stats.not_shown,
        "unlearnable": stats.unlearnable,
        "resets": stats.resets,
        "winsorised": stats.winsorised,
        "prior_rewards": stats.prior_rewards,
        "over_limit": stats.over_limit,
        "limits": stats.limits.iter().map(limit).collect::<Vec<_>>(),
        "outcomes": stats.outcomes,
        "exposures": stats.exposures,
        "clicks": stats.clicks,
        "purchases": stats.purchases,
        "refunds": stats.refunds,
        "cancellations": stats.cancellations,
        "settled": stats.settled,
        "custom": stats.custom,
        "late": stats.late,
        "over_window": stats.over_window,
        "skewed": stats.skewed,
        "corrected": stats.corrected,
        "not_unlearnt": stats.not_unlearnt,
        "not_shown_events": stats.not_shown_events,
        "totals": stats.totals.iter().map(total).collect::<Vec<_>>(),
        "events": stats.events,
        "disk_bytes": stats.disk_bytes,
        "policies": stats.policies.iter().map(policy).collect::<Vec<_>>(),
    })
}

fn total(total: &CurrencyTotal) -> Value {
    json!({
        "currency": total.currency,
        "paid": total.paid,
        "refunded": total.refunded,
        "discount": total.discount,
    })
}

fn limit(limit: &LimitUsage) -> Value {
    json!({
        "limit": limit.limit,
        "most": limit.most,
        "shares": limit.shares,
        "committed": limit.committed,
        "reserved": limit.reserved,
        "overrun": limit.overrun,
    })
}

fn policy(policy: &PolicyStats) -> Value {
    json!({
        "placement": policy.placement,
        "segment": policy.segment,
        "policy": policy.policy,
        "arms": policy.arms.iter().map(arm).collect::<Vec<_>>(),
    })
}
