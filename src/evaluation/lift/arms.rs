//! The arms of a split against each other: each with one that is named, by the
//! same linearised errors over shoppers as the lift against the holdout.
//!
//! Before anything is compared every arm's number of shoppers is tested against
//! the shares by which they were assigned. With Σ p and Σ p(1 − p) over all
//! shoppers as mean and variance of an arm's count, the smallest of the K
//! p-values is taken K times (Bonferroni); below [`BROKEN_BELOW`] there is no
//! report on any arm.

use super::{BROKEN_BELOW, Group, LEAST_SHOPPERS, LiftReport, NoLift, Shopper, two_sided};
use crate::evaluation::interval::Level;

/// Gathers the shoppers of the arms.
#[derive(Debug, Clone)]
pub struct Arms {
    groups: Vec<Group>,
    /// Σ p of each arm.
    expected: Vec<f64>,
    /// Σ p(1 − p).
    variance: Vec<f64>,
}

impl Arms {
    /// Nobody yet, in so many arms.
    #[must_use]
    pub fn new(arms: usize) -> Self {
        Self {
            groups: vec![Group::default(); arms],
            expected: vec![0.0; arms],
            variance: vec![0.0; arms],
        }
    }

    /// One more shopper of an arm, who was assigned to arm k with the probability
    /// `shares[k]`; to those beyond its end with none. Whether the shopper is held
    /// out is not asked.
    ///
    /// # Panics
    /// When there is no such arm.
    pub fn add(&mut self, arm: usize, shares: &[f64], shopper: &Shopper) {
        self.groups[arm].add(shopper);
        let sums = self.expected.iter_mut().zip(&mut self.variance);
        for ((expected, variance), share) in sums.zip(shares) {
            *expected += share;
            *variance += share * (1.0 - share);
        }
    }

    /// Shoppers of each arm.
    #[must_use]
    pub fn shoppers(&self) -> Vec<u64> {
        self.groups.iter().map(Group::shoppers).collect()
    }

    /// Each arm against one of them, by their places; arms that nobody was
    /// assigned to are left out.
    ///
    /// # Errors
    /// When an arm has too few shoppers, or the split is broken.
    pub fn report(&self, against: usize, level: Level) -> Result<Vec<(usize, LiftReport)>, NoLift> {
        let counts = self.shoppers();
        let taken = |arm: &usize| self.expected[*arm] > 0.0 || counts[*arm] > 0;
        let arms: Vec<usize> = (0..counts.len()).filter(taken).collect();
        if let Some(arm) = arms.iter().find(|arm| counts[**arm] < LEAST_SHOPPERS) {
            let (arm, shoppers) = (*arm, counts[*arm]);
            return Err(NoLift::TooFewInArm { arm, shoppers });
        }
        let split_p_value = self.test(&arms, &counts)?;
        let others = arms.into_iter().filter(|arm| *arm != against);
        Ok(others
            .map(|arm| {
                let groups = [&self.groups[arm], &self.groups[against]];
                (arm, LiftReport::between(groups, split_p_value, level))
            })
            .collect())
    }

    /// How likely counts at least as uneven are by chance.
    #[allow(clippy::cast_precision_loss)] // at most 20 arms
    fn test(&self, arms: &[usize], counts: &[u64]) -> Result<f64, NoLift> {
        let mut least = 1.0_f64;
        for arm in arms {
            let deviation = self.groups[*arm].sums[super::SHOPPERS] - self.expected[*arm];
            let p_value = two_sided(deviation, self.variance[*arm]) * arms.len() as f64;
            if !(p_value >= BROKEN_BELOW) {
                return Err(NoLift::BrokenArms {
                    arm: *arm,
                    shoppers: counts[*arm],
                    of: counts.iter().sum(),
                    expected: self.expected[*arm],
                    p_value,
                });
            }
            least = least.min(p_value);
        }
        Ok(least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::random::Generator;

    const SHARES: [f64; 3] = [0.5, 0.3, 0.2];
    const RATES: [f64; 3] = [0.10, 0.13, 0.10];

    /// Shoppers assigned by the shares, each coming several times; the last arm
    /// loses some of its shoppers.
    fn world(seed: u64, shoppers: usize, lost: f64) -> Arms {
        let mut random = Generator::from_seed(seed);
        let mut arms = Arms::new(3);
        for _ in 0..shoppers {
            let place = random.next_uniform();
            let arm = usize::from(place >= 0.5) + usize::from(place >= 0.8);
            let own = RATES[arm] * 2.0 * random.next_uniform();
            let decisions = 1 + random.next_below(6);
            if arm == 2 && random.next_uniform() < lost {
                continue;
            }
            let bought = (0..decisions)
                .filter(|_| random.next_uniform() < own)
                .count();
            let bought = f64::from(u32::try_from(bought).unwrap());
            let shopper = Shopper {
                held_out: false,
                holdout_share: 0.0,
                decisions: f64::from(u32::try_from(decisions).unwrap()),
                conversions: bought,
                revenue: bought * 5_000.0,
                margin: bought * 2_000.0,
                cross_sold: 0.0,
                cost: 0.0,
                returned: false,
            };
            arms.add(arm, &SHARES, &shopper);
        }
        arms
    }

    #[test]
    fn intervals_hold_the_differences_as_often_as_they_say() {
        let mut covered = [0; 2];
        for seed in 0..200 {
            let report = world(seed, 3_000, 0.0).report(0, Level::USUAL);
            let report = report.unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(report.len(), 2);
            for (place, (arm, compared)) in report.iter().enumerate() {
                let ends = compared
                    .conversion
                    .difference
                    .interval
                    .expect("an interval");
                let truth = RATES[*arm] - RATES[0];
                covered[place] += u32::from(ends.lower() <= truth && truth <= ends.upper());
            }
        }
        // 190 expected, standard deviation 3.1.
        for covered in covered {
            assert!((177..=199).contains(&covered), "{covered} of 200");
        }
    }

    #[test]
    fn an_arm_that_loses_shoppers_blocks_the_whole_report() {
        assert!(world(3, 20_000, 0.0).report(1, Level::USUAL).is_ok());
        let broken = world(3, 20_000, 0.15).report(1, Level::USUAL);
        let message = broken.expect_err("a broken split").to_string();
        assert!(message.contains("expected"), "{message}");
        let few = world(3, 100, 0.0).report(0, Level::USUAL);
        assert!(
            matches!(few, Err(NoLift::TooFewInArm { arm: 2, .. })),
            "{few:?}"
        );
    }

    #[test]
    fn sound_splits_are_rarely_called_broken() {
        let broken = (0..1_000)
            .filter(|seed| world(*seed, 600, 0.0).report(0, Level::USUAL).is_err())
            .count();
        // At most 1 expected at one in a thousand.
        assert!(broken <= 7, "{broken} of 1000");
    }
}
