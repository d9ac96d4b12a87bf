//! The demo's own books: what it was answered, so that the ledger's counts can
//! be held against it, and how well the service did.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::proto::promobandit::v1::{Durability, StatsResponse};

/// How many of the last decisions the running figures are of.
const RECENT_DECISIONS: usize = 2_000;
/// How many of a segment's last decisions its share is of.
const RECENT_OF_SEGMENT: usize = 200;

/// What the demo was answered. Each decision and each event is counted once,
/// however often it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Books {
    /// Decisions.
    pub decisions: u64,
    /// Events that offers were shown.
    pub exposures: u64,
    /// Purchases.
    pub purchases: u64,
    /// Refunds.
    pub refunds: u64,
    /// Events that were answered as too late.
    pub late: u64,
    /// What was paid, in minor units.
    pub paid: i64,
    /// What was paid back.
    pub refunded: i64,
}

impl Books {
    /// What the ledger counted between two times.
    #[must_use]
    pub fn between(before: &StatsResponse, after: &StatsResponse) -> Self {
        let paid = |stats: &StatsResponse| stats.totals.iter().map(|it| it.paid).sum::<i64>();
        let refunded =
            |stats: &StatsResponse| stats.totals.iter().map(|it| it.refunded).sum::<i64>();
        Self {
            decisions: after.decisions.saturating_sub(before.decisions),
            exposures: after.exposures.saturating_sub(before.exposures),
            purchases: after.purchases.saturating_sub(before.purchases),
            refunds: after.refunds.saturating_sub(before.refunds),
            late: after.late.saturating_sub(before.late),
            paid: paid(after) - paid(before),
            refunded: refunded(after) - refunded(before),
        }
    }

    /// Each count with its name.
    #[must_use]
    pub fn lines(&self) -> [(&'static str, i64); 7] {
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        [
            ("decisions", count(self.decisions)),
            ("exposures", count(self.exposures)),
            ("purchases", count(self.purchases)),
            ("refunds", count(self.refunds)),
            ("too late", count(self.late)),
            ("paid, minor units", self.paid),
            ("refunded, minor units", self.refunded),
        ]
    }
}

/// What was sent more than once, to see that it counts once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Repeats {
    /// Requests sent twice at the same time.
    pub retries: u64,
    /// Pages loaded again.
    pub reloads: u64,
    /// Events sent twice.
    pub doubled: u64,
    /// Answers to any of these that were not the first one's.
    pub broken: u64,
}

/// One decision as the demo judges it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// Which segment, by its place among the tastes.
    pub segment: usize,
    /// The probability of a purchase with the offer that was chosen.
    pub rate: f64,
    /// With the best offer.
    pub best: f64,
    /// With an offer at random.
    pub uniform: f64,
    /// How long the answer took.
    pub latency: Duration,
    /// How safe the answer was.
    pub durability: Durability,
}

/// The demo's books.
#[derive(Debug, Default)]
pub struct Tally {
    /// What was answered.
    pub books: Books,
    /// What was sent more than once.
    pub repeats: Repeats,
    /// The last decisions, the newest last.
    recent: VecDeque<Judged>,
    /// By segment, whether each of the last decisions chose the best offer.
    best_shown: Vec<VecDeque<bool>>,
    regret: f64,
    regret_uniform: f64,
    /// When the first and the last decision were answered.
    answered: Option<[Instant; 2]>,
}

/// How well the last decisions did, on average.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Recent {
    /// The probability of a purchase with what was chosen.
    pub rate: f64,
    /// With the best offers.
    pub best: f64,
    /// With offers at random.
    pub uniform: f64,
    /// Half of the answers were faster than this.
    pub p50: Duration,
    /// All but one in a hundred were.
    pub p99: Duration,
    /// Every answer was on disk before it left.
    pub durable: bool,
}

impl Tally {
    /// Books of so many segments.
    #[must_use]
    pub fn of_segments(segments: usize) -> Self {
        Self {
            best_shown: vec![VecDeque::new(); segments],
            ..Self::default()
        }
    }

    /// Counts a decision.
    pub fn decided(&mut self, judged: Judged) {
        self.books.decisions += 1;
        let now = Instant::now();
        let [_, last] = self.answered.get_or_insert([now, now]);
        *last = now;
        self.regret += judged.best - judged.rate;
        self.regret_uniform += judged.best - judged.uniform;
        push_bounded(&mut self.recent, judged, RECENT_DECISIONS);
        if let Some(shown) = self.best_shown.get_mut(judged.segment) {
            push_bounded(shown, judged.rate >= judged.best, RECENT_OF_SEGMENT);
        }
    }

    /// How many decisions a second were answered, from the first to the last.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // below 2^53
    pub fn per_second(&self) -> f64 {
        let time = self.answered.map_or(0.0, |[first, last]| {
            last.duration_since(first).as_secs_f64()
        });
        if time > 0.0 {
            self.books.decisions as f64 / time
        } else {
            0.0
        }
    }

    /// How often a segment's last decisions chose its best offer.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // a few hundred
    pub fn best_share(&self, segment: usize) -> Option<f64> {
        let shown = self.best_shown.get(segment).filter(|it| !it.is_empty())?;
        let best = shown.iter().filter(|best| **best).count();
        Some(best as f64 / shown.len() as f64)
    }

    /// What a decision has lost against the best one, on average since the
    /// start: the service's, and what a uniform policy would have lost.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // below 2^53
    pub fn regret(&self) -> (f64, f64) {
        let decisions = self.books.decisions.max(1) as f64;
        (self.regret / decisions, self.regret_uniform / decisions)
    }

    /// How well the last decisions did.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // a few thousand
    pub fn recent(&self) -> Recent {
        let count = self.recent.len().max(1) as f64;
        // Nothing sums to minus zero.
        let sum = |of: fn(&Judged) -> f64| self.recent.iter().map(of).fold(0.0, |a, b| a + b);
        let mean = |of| sum(of) / count;
        let mut latencies: Vec<Duration> = self.recent.iter().map(|it| it.latency).collect();
        latencies.sort_unstable();
        let at = |percent: usize| {
            let last = latencies.len().saturating_sub(1);
            latencies.get(last * percent / 100).copied()
        };
        Recent {
            rate: mean(|it| it.rate),
            best: mean(|it| it.best),
            uniform: mean(|it| it.uniform),
            p50: at(50).unwrap_or_default(),
            p99: at(99).unwrap_or_default(),
            durable: self
                .recent
                .iter()
                .all(|it| it.durability == Durability::Durable),
        }
    }
}

fn push_bounded<T>(queue: &mut VecDeque<T>, item: T, most: usize) {
    if queue.len() == most {
        queue.pop_front();
    }
    queue.push_back(item);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(segment: usize, rate: f64, latency_ms: u64) -> Judged {
        Judged {
            segment,
            rate,
            best: 0.3,
            uniform: 0.1,
            latency: Duration::from_millis(latency_ms),
            durability: Durability::Durable,
        }
    }

    #[test]
    fn regret_is_what_was_lost_against_the_best() {
        let mut tally = Tally::of_segments(1);
        tally.decided(judged(0, 0.3, 1));
        tally.decided(judged(0, 0.1, 3));
        let (regret, uniform) = tally.regret();
        assert!((regret - 0.1).abs() < 1e-12 && (uniform - 0.2).abs() < 1e-12);
        assert_eq!(tally.best_share(0), Some(0.5));
        assert_eq!(tally.best_share(1), None);
    }

    #[test]
    fn recent_figures_forget_what_is_long_past() {
        let mut tally = Tally::of_segments(1);
        for _ in 0..RECENT_DECISIONS {
            tally.decided(judged(0, 0.1, 1));
        }
        for _ in 0..RECENT_DECISIONS {
            tally.decided(judged(0, 0.3, 2));
        }
        let recent = tally.recent();
        assert!((recent.rate - 0.3).abs() < 1e-9);
        assert_eq!(recent.p50, Duration::from_millis(2));
        assert_eq!(tally.books.decisions, 2 * RECENT_DECISIONS as u64);
    }
}
