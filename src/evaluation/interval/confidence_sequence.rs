//! A confidence sequence: intervals that hold at every round at once, so that
//! one may look after each of them and stop when one likes.
//!
//! Waudby-Smith, Ramdas (2020), "Estimating means of bounded random variables
//! by betting", <https://arxiv.org/abs/2010.09686>, theorem 2, the predictable
//! plug-in empirical Bernstein sequence, with X = w·r scaled to \[0, 1\] by a
//! declared largest weight: their λₜ is `bet`, ψ_E its cost, vₜ four times the
//! squared surprise, c = ½. That it holds for weighted rewards under a logging
//! policy that learns is in Waudby-Smith, Wu, Ramdas, Karampatziakis, Mineiro
//! (2022), "Anytime-valid off-policy inference for contextual bandits",
//! <https://arxiv.org/abs/2210.10768>: a round's propensity may depend on all
//! rounds before it.
//!
//! Needs the log in its order, and does not merge. Costs two logarithms a
//! round.

use super::super::logged::{RewardRange, Rounds};
use super::hoeffding::weighted_width;
use super::{Ends, Level};
use crate::domain::math;

/// c: the largest bet.
const LARGEST_BET: f64 = 0.5;

/// The sequence, at the rounds seen so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConfidenceSequence {
    lowest: f64,
    width: f64,
    /// ln(2/α).
    log: f64,
    /// t − 1.
    rounds: f64,
    /// ½ + ΣX, of which t makes μ̂ₜ₋₁.
    sum: f64,
    /// ¼ + Σ(Xᵢ − μ̂ᵢ)², of which t makes σ̂²ₜ₋₁.
    squares: f64,
    /// Σλ.
    bets: f64,
    /// ΣλX.
    bet_sum: f64,
    /// Σ v·ψ_E(λ).
    cost: f64,
    /// Whether w·r left the range that was declared: nothing holds then.
    broken: bool,
}

impl ConfidenceSequence {
    /// Nothing seen yet; `None` when the weight is not finite and above 0.
    #[must_use]
    pub fn new(range: RewardRange, largest_weight: f64, level: Level) -> Option<Self> {
        Some(Self {
            lowest: largest_weight * range.low().min(0.0),
            width: weighted_width(range, largest_weight)?,
            log: math::ln(2.0 / level.miss()),
            rounds: 0.0,
            sum: 0.5,
            squares: 0.25,
            bets: 0.0,
            bet_sum: 0.0,
            cost: 0.0,
            broken: false,
        })
    }

    /// Adds the rounds that come next.
    pub fn add(&mut self, rounds: &Rounds) {
        for (weight, reward) in rounds.weight().iter().zip(rounds.reward()) {
            self.push((weight * reward - self.lowest) / self.width);
        }
    }

    fn push(&mut self, x: f64) {
        // A weight of exactly the declared size may round to a hair above.
        self.broken |= !(-1e-12..=1.0 + 1e-12).contains(&x);
        let t = self.rounds + 1.0;
        let (mean, variance) = (self.sum / t, self.squares / t);
        let growth = variance * t * math::ln_1p(t);
        let bet = math::sqrt(2.0 * self.log / growth).min(LARGEST_BET);
        let surprise = x - mean;
        // vψ: the fours of v and of ψ cancel.
        self.cost += surprise * surprise * (-math::ln_1p(-bet) - bet);
        self.bets += bet;
        self.bet_sum += bet * x;
        self.rounds = t;
        self.sum += x;
        let after = x - self.sum / (t + 1.0);
        self.squares += after * after;
    }

    /// The interval; `None` of nothing, or where w·r was not within what was
    /// declared.
    #[must_use]
    pub fn ends(&self) -> Option<Ends> {
        if self.broken || self.rounds == 0.0 {
            return None;
        }
        let middle = self.bet_sum / self.bets;
        let half = (self.log + self.cost) / self.bets;
        Ends::new(
            self.lowest + self.width * (middle - half).max(0.0),
            self.lowest + self.width * (middle + half).min(1.0),
        )
    }
}
