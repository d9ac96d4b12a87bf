//! Counts, and what `verify` found.

use super::version;
use crate::catalog::Catalog;
use crate::domain::outcome::OutcomeKind;
use crate::engine::stats::{LimitStats, SegmentStats, Stats};
use crate::engine::verify::VerifyReport;
use crate::learning::ArmSummary;
use crate::proto::promobandit::v1;

/// Counts. How much disk they take, whoever knows the data directory adds.
#[must_use]
pub fn stats(stats: &Stats) -> v1::StatsResponse {
    let counters = &stats.counters;
    let of = |kind| counters.of_kind(kind);
    let catalog = stats.catalog.as_deref();
    v1::StatsResponse {
        position: stats.position.0,
        first_position: stats.first_position.0,
        chain_head: stats.chain.to_string(),
        state_hash: stats.state_hash.to_string(),
        catalog_version: catalog.map_or(0, |catalog| version(catalog.version().0)),
        decisions: counters.decisions,
        no_offer: counters.no_offer,
        holdout: counters.holdout,
        test_decisions: counters.test_decisions,
        open_decisions: stats.open_decisions,
        closed_decisions: counters.closed,
        learnt: counters.learnt,
        not_shown: counters.not_shown,
        outcomes: counters.outcomes,
        exposures: of(OutcomeKind::Exposure),
        clicks: of(OutcomeKind::Click),
        purchases: of(OutcomeKind::Purchase),
        refunds: of(OutcomeKind::Refund),
        cancellations: of(OutcomeKind::Cancellation),
        settled: of(OutcomeKind::Settled),
        custom: of(OutcomeKind::Custom),
        late: counters.late,
        over_window: counters.over_window,
        skewed: counters.skewed,
        corrected: counters.corrected,
        not_unlearnt: counters.not_unlearnt,
        not_shown_events: of(OutcomeKind::NotShown),
        totals: counters
            .totals
            .iter()
            .map(|total| v1::CurrencyTotal {
                currency: total.currency.code().to_owned(),
                paid: total.paid_minor,
                refunded: total.refunded_minor,
                discount: total.discount_minor,
            })
            .collect(),
        events: counters.events,
        disk_bytes: 0,
        policies: catalog
            .map(|catalog| {
                let learnt = stats.learnt.iter();
                learnt.map(|it| policy_stats(catalog, it)).collect()
            })
            .unwrap_or_default(),
        unlearnable: counters.unlearnable,
        resets: counters.resets,
        winsorised: counters.winsorised,
        prior_rewards: counters.prior_rewards,
        over_limit: counters.over_limit,
        limits: catalog
            .map(|catalog| {
                stats
                    .limits
                    .iter()
                    .map(|it| limit_usage(catalog, it))
                    .collect()
            })
            .unwrap_or_default(),
    }
}

fn limit_usage(catalog: &Catalog, usage: &LimitStats) -> v1::LimitUsage {
    let name = catalog.numbering().limit_name(usage.limit);
    v1::LimitUsage {
        limit: name.unwrap_or_default().to_owned(),
        most: usage.most.unwrap_or_default(),
        shares: usage.shares,
        committed: usage.committed,
        reserved: usage.reserved,
        overrun: usage.overrun,
    }
}

fn policy_stats(catalog: &Catalog, learnt: &SegmentStats) -> v1::PolicyStats {
    let numbering = catalog.numbering();
    let policy = catalog.policy(learnt.placement);
    let name = |id: Option<&str>| id.unwrap_or_default().to_owned();
    v1::PolicyStats {
        placement: name(numbering.placement_id(learnt.placement)),
        segment: name(numbering.segment_id(learnt.segment)),
        policy: name(policy.map(|policy| policy.kind())),
        split_arm: name(learnt.arm.as_deref()),
        arms: arms(catalog, &learnt.arms),
    }
}

pub(super) fn arms(catalog: &Catalog, arms: &[ArmSummary]) -> Vec<v1::ArmSummary> {
    arms.iter()
        .map(|arm| v1::ArmSummary {
            offer_id: catalog
                .numbering()
                .offer_id(arm.offer)
                .unwrap_or_default()
                .to_owned(),
            pulls: arm.pulls,
            mean: arm.mean.unwrap_or_default(),
            lower: arm.posterior.map_or(0.0, |posterior| posterior.lower),
            upper: arm.posterior.map_or(0.0, |posterior| posterior.upper),
            estimate: arm.estimate,
        })
        .collect()
}

/// What `verify` found.
#[must_use]
pub fn verify_report(report: &VerifyReport) -> v1::VerifyReport {
    let other_algorithm = report.other_algorithm.iter();
    v1::VerifyReport {
        ok: report.is_ok(),
        first_position: report.first_position.0,
        last_position: report.last_position.0,
        chain_head: report.chain.to_string(),
        state_hash: report.state_hash.to_string(),
        events: report.events,
        decisions: report.decisions,
        rederived: report.rederived,
        erased: report.erased,
        other_algorithm: other_algorithm
            .map(|(version, count)| (*version, *count))
            .collect(),
        before_retained: report.before_retained,
        faults: report
            .faults
            .iter()
            .map(|fault| v1::VerifyFault {
                position: fault.position.0,
                what: fault.what.clone(),
            })
            .collect(),
        faults_total: report.faults_total,
    }
}
