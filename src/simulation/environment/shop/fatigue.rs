//! Offers wear off: each exposure takes a share of an offer's effect on a
//! shopper away, and exposures are forgotten by half-life.

use smallvec::SmallVec;

use super::document::FatigueDocument;
use crate::domain::math;
use crate::domain::time::Instant;

const DAY_MS: f64 = 86_400_000.0;

/// How fast offers wear off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fatigue {
    /// ln(1 − loss); minus infinity where one exposure takes all.
    ln_kept: f64,
    half_life_ms: f64,
}

/// What a replication's shoppers were shown.
#[derive(Debug, Clone, Default)]
pub(super) struct Exposures {
    /// By shopper: offer, exposures not forgotten at the instant, the instant.
    by_shopper: Vec<SmallVec<[(u32, f64, Instant); 2]>>,
}

impl Fatigue {
    /// Of a document whose numbers lie within their bounds.
    pub fn new(document: FatigueDocument) -> Self {
        Self {
            ln_kept: math::ln_1p(-document.loss),
            half_life_ms: document.half_life_days * DAY_MS,
        }
    }

    /// How much of an offer's effect is left after so many exposures.
    fn left(&self, exposures: f64) -> f64 {
        if exposures > 0.0 {
            math::exp(self.ln_kept * exposures)
        } else {
            1.0
        }
    }

    #[allow(clippy::cast_precision_loss)] // milliseconds of a simulation
    fn remembered(&self, exposures: f64, since: Instant, at: Instant) -> f64 {
        exposures * math::exp2(-(at.since(since).ms() as f64) / self.half_life_ms)
    }
}

impl Exposures {
    pub fn of(shoppers: usize) -> Self {
        Self {
            by_shopper: vec![SmallVec::new(); shoppers],
        }
    }

    /// The share of an offer's effect that is left for a shopper.
    pub fn left(&self, fatigue: &Fatigue, shopper: usize, offer: u32, at: Instant) -> f64 {
        let known = self.by_shopper[shopper].iter().find(|it| it.0 == offer);
        known.map_or(1.0, |(_, exposures, since)| {
            fatigue.left(fatigue.remembered(*exposures, *since, at))
        })
    }

    /// A shopper was shown an offer.
    pub fn add(&mut self, fatigue: &Fatigue, shopper: usize, offer: u32, at: Instant) {
        let known = &mut self.by_shopper[shopper];
        match known.iter_mut().find(|it| it.0 == offer) {
            Some((_, exposures, since)) => {
                *exposures = 1.0 + fatigue.remembered(*exposures, *since, at);
                *since = at;
            }
            None => known.push((offer, 1.0, at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Span;

    #[test]
    fn effects_fall_with_exposure_and_come_back() {
        let fatigue = Fatigue::new(FatigueDocument {
            loss: 0.3,
            half_life_days: 7.0,
        });
        let at = Instant::from_unix_ms(0);
        let mut exposures = Exposures::of(2);
        assert_eq!(exposures.left(&fatigue, 1, 5, at), 1.0);
        exposures.add(&fatigue, 1, 5, at);
        exposures.add(&fatigue, 1, 5, at);
        let near = |left: f64, expected: f64| assert!((left - expected).abs() < 1e-12, "{left}");
        near(exposures.left(&fatigue, 1, 5, at), 0.49);
        // Half of two exposures is one.
        let week = at.plus(Span::from_seconds(7 * 86_400));
        near(exposures.left(&fatigue, 1, 5, week), 0.7);
        assert_eq!(exposures.left(&fatigue, 0, 5, at), 1.0);
        assert_eq!(exposures.left(&fatigue, 1, 4, at), 1.0);
    }

    #[test]
    fn an_offer_may_wear_off_at_once() {
        let fatigue = Fatigue::new(FatigueDocument {
            loss: 1.0,
            half_life_days: 7.0,
        });
        let at = Instant::from_unix_ms(0);
        let mut exposures = Exposures::of(1);
        assert_eq!(exposures.left(&fatigue, 0, 1, at), 1.0);
        exposures.add(&fatigue, 0, 1, at);
        assert_eq!(exposures.left(&fatigue, 0, 1, at), 0.0);
    }
}
