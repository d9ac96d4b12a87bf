//! UCB1: the offer whose mean, together with what its few pulls leave open,
//! is the largest.
//!
//! Auer, Cesa-Bianchi, Fischer (2002),
//! <https://doi.org/10.1023/A:1013689704352>. Their index
//! x̄ⱼ + √(2 ln n / nⱼ), with c (`exploration`) for the 2 and n the pulls of the
//! eligible arms; an arm that was never learnt comes first.
//!
//! Deterministic but for ties: set an `exploration_floor` where its log is to
//! be evaluated. Valid for rewards in [0, 1]; with rates of a few per cent its
//! bonus is far too wide, and KL-UCB or IMED do better. Cost: O(K).

use super::index::{Counted, choose_largest};
use super::tabular::Tabular;
use crate::domain::distribution::{ActionDistribution, EligibleOffers};
use crate::domain::math;
use crate::domain::time::Instant;
use crate::learning::config::index::Ucb1Config;
use crate::learning::config::{Bound, PolicyError};
use crate::learning::state::SegmentState;

/// The checked UCB1 policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Ucb1 {
    exploration: f64,
    pub(super) tabular: Tabular,
}

impl Ucb1 {
    pub(super) fn check(config: &Ucb1Config) -> Result<Self, PolicyError> {
        Ok(Self {
            exploration: Bound::CONFIDENCE_FROM_0.check("exploration", config.exploration)?,
            tabular: Tabular::check_unit(config.exploration_floor, config.outside, &config.memory)?,
        })
    }

    pub(super) fn distribution(
        &self,
        segment: Option<&SegmentState>,
        eligible: &EligibleOffers,
        now: Instant,
    ) -> ActionDistribution {
        let arms = Counted::all(&self.tabular.evidence(segment, eligible, now));
        let pulls: f64 = arms.iter().map(|arm| arm.pulls).sum();
        let spread = self.exploration * math::ln(pulls.max(1.0));
        choose_largest(&arms, eligible, &self.tabular, |arm| {
            arm.mean + math::sqrt(spread / arm.pulls)
        })
    }
}
