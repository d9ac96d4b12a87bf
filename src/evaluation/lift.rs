//! Lift: what the offers of a placement bring, against the shoppers who are
//! held out from them.
//!
//! The unit that was randomised is the shopper, so shoppers are the clusters:
//! every rate is a ratio of sums over shoppers, and its standard error is the
//! linearised one (Deng, Knoblich, Lu 2018, "Applying the delta method in metric
//! analytics", <https://doi.org/10.1145/3219819.3219919>). With the sums S of a
//! group's shoppers and f a smooth function of them, Var f ≈ K/(K − 1) · ∇fᵀ C ∇f,
//! where C holds the centred sums of products over its K shoppers.
//!
//! Before anything is compared, the number of held-out shoppers is tested
//! against the shares by which they were held out (Fabijan et al. 2019,
//! "Diagnosing sample ratio mismatch", <https://doi.org/10.1145/3292500.3330722>).
//! A split that such chance would bring about less than once in a thousand
//! times is broken, and nothing measured on it means anything: there is no
//! report.
//!
//! Validity: enough shoppers in each group for the normal distribution to hold
//! (no group under [`LEAST_SHOPPERS`] is compared). Cost: one pass, 36 sums a
//! group.

mod arms;

use thiserror::Error;

pub use arms::Arms;

use super::interval::{Ends, Level};
use super::quantile::normal_quantile;
use crate::domain::math::{erfc, sqrt};

/// Fewer shoppers in a group are not compared.
pub const LEAST_SHOPPERS: u64 = 30;
/// A split is broken when chance alone brings it about less often than this.
pub const BROKEN_BELOW: f64 = 0.001;

/// What is summed over shoppers.
const SUMS: usize = 8;
const SHOPPERS: usize = 0;
const DECISIONS: usize = 1;
const CONVERSIONS: usize = 2;
const REVENUE: usize = 3;
const MARGIN: usize = 4;
const CROSS_SOLD: usize = 5;
const COST: usize = 6;
const RETURNED: usize = 7;

/// What one shopper did at the placement. Amounts in minor units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shopper {
    /// Sees no offers here.
    pub held_out: bool,
    /// The probability with which such a shopper is held out, in [0, 1].
    pub holdout_share: f64,
    /// Decisions, 1 or more.
    pub decisions: f64,
    /// Decisions after which something was bought and kept.
    pub conversions: f64,
    /// Paid less paid back.
    pub revenue: f64,
    /// Revenue less the cost of goods and of what promotions gave.
    pub margin: f64,
    /// Decisions after which more than one article was bought.
    pub cross_sold: f64,
    /// Discounts, gifts and points.
    pub cost: f64,
    /// Bought again later.
    pub returned: bool,
}

/// The sums of one group.
#[derive(Debug, Clone, Copy, Default)]
struct Group {
    sums: [f64; SUMS],
    products: [[f64; SUMS]; SUMS],
}

impl Group {
    fn add(&mut self, shopper: &Shopper) {
        let values = [
            1.0,
            shopper.decisions,
            shopper.conversions,
            shopper.revenue,
            shopper.margin,
            shopper.cross_sold,
            shopper.cost,
            f64::from(u8::from(shopper.returned)),
        ];
        for (row, value) in values.iter().enumerate() {
            self.sums[row] += value;
            for (column, other) in values.iter().enumerate() {
                self.products[row][column] += value * other;
            }
        }
    }

    fn shoppers(&self) -> u64 {
        whole(self.sums[SHOPPERS])
    }

    /// Σ numerator / Σ denominator and its gradient.
    fn ratio(&self, numerator: usize, denominator: usize) -> (f64, [f64; SUMS]) {
        let mut gradient = [0.0; SUMS];
        let ratio = self.sums[numerator] / self.sums[denominator];
        gradient[numerator] = 1.0 / self.sums[denominator];
        gradient[denominator] -= ratio / self.sums[denominator];
        (ratio, gradient)
    }

    fn variance(&self, gradient: &[f64; SUMS]) -> f64 {
        let count = self.sums[SHOPPERS];
        let mut sum = 0.0;
        for (row, left) in gradient.iter().enumerate() {
            for (column, right) in gradient.iter().enumerate() {
                let mean_product = self.sums[row] * self.sums[column] / count;
                sum += left * right * (self.products[row][column] - mean_product);
            }
        }
        (sum * count / (count - 1.0)).max(0.0)
    }
}

/// A number with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimated {
    /// The estimate.
    pub value: f64,
    /// `None` where it has none: a division by nothing.
    pub interval: Option<Ends>,
}

/// One rate in both groups.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Compared {
    /// Of those who see offers, or of the arm.
    pub offered: f64,
    /// Of those who are held out, or of the arm that it is compared with.
    pub held_out: f64,
    /// The first less the second.
    pub difference: Estimated,
    /// That as a share of the second.
    pub relative: Estimated,
}

/// What the offers bring.
#[derive(Debug, Clone, PartialEq)]
pub struct LiftReport {
    /// How many shoppers see offers, and how many are held out; or of the arm, and
    /// of the one that it is compared with.
    pub shoppers: [u64; 2],
    /// How many decisions they had.
    pub decisions: [u64; 2],
    /// How likely a split at least as uneven is by chance.
    pub split_p_value: f64,
    /// Of the decisions, those after which something was bought and kept.
    pub conversion: Compared,
    /// Paid less paid back, a decision.
    pub revenue: Compared,
    /// Less the cost of goods and promotions.
    pub margin: Compared,
    /// Of the decisions, those after which more than one article was bought.
    pub cross_sell: Compared,
    /// Of the shoppers, those who bought again later.
    pub retention: Compared,
    /// What promotions brought, before their cost, for each unit of it: above
    /// 1 they paid for themselves.
    pub benefit_per_cost: Estimated,
}

/// Why there is no report.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum NoLift {
    /// Too few to compare.
    #[error(
        "{offered} shoppers saw offers and {held_out} were held out, each group needs at least \
         {LEAST_SHOPPERS}"
    )]
    TooFew {
        /// Who saw offers.
        offered: u64,
        /// Who did not.
        held_out: u64,
    },
    /// The split is not the one that was asked for.
    #[error(
        "the split is broken: {held_out} of {shoppers} shoppers were held out, {expected:.1} \
         expected; chance does so with probability {p_value:.2e}, below {BROKEN_BELOW}. Nothing \
         that is measured on it can be trusted; look for shoppers that one group loses"
    )]
    BrokenSplit {
        /// Who was held out.
        held_out: u64,
        /// Of how many.
        shoppers: u64,
        /// How many should have been.
        expected: f64,
        /// How likely that is.
        p_value: f64,
    },
    /// Too few shoppers in an arm.
    #[error("arm {arm} has {shoppers} shoppers, each arm needs at least {LEAST_SHOPPERS}")]
    TooFewInArm {
        /// Its place.
        arm: usize,
        /// How many it has.
        shoppers: u64,
    },
    /// The arms do not have the shares that they were given.
    #[error(
        "the split is broken: {shoppers} of {of} shoppers are in arm {arm}, {expected:.1} \
         expected; chance does so with probability {p_value:.2e}, below {BROKEN_BELOW}. Nothing \
         that is measured on it can be trusted; look for shoppers that one arm loses"
    )]
    BrokenArms {
        /// The arm's place.
        arm: usize,
        /// Who is in it.
        shoppers: u64,
        /// Of how many.
        of: u64,
        /// How many should be.
        expected: f64,
        /// How likely that is.
        p_value: f64,
    },
}

impl LiftReport {
    /// The first group against the second.
    fn between(groups: [&Group; 2], split_p_value: f64, level: Level) -> Self {
        let z = normal_quantile(1.0 - 0.5 * level.miss()).unwrap_or(f64::NAN);
        let compare = |numerator, denominator| compare(groups, numerator, denominator, z);
        Self {
            shoppers: groups.map(Group::shoppers),
            decisions: groups.map(|group| whole(group.sums[DECISIONS])),
            split_p_value,
            conversion: compare(CONVERSIONS, DECISIONS),
            revenue: compare(REVENUE, DECISIONS),
            margin: compare(MARGIN, DECISIONS),
            cross_sell: compare(CROSS_SOLD, DECISIONS),
            retention: compare(RETURNED, SHOPPERS),
            benefit_per_cost: benefit_per_cost(groups, z),
        }
    }
}

/// Gathers shoppers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lift {
    offered: Group,
    held_out: Group,
    expected: f64,
    variance: f64,
}

impl Lift {
    /// One more shopper.
    pub fn add(&mut self, shopper: &Shopper) {
        let share = shopper.holdout_share;
        self.expected += share;
        self.variance += share * (1.0 - share);
        let group = if shopper.held_out {
            &mut self.held_out
        } else {
            &mut self.offered
        };
        group.add(shopper);
    }

    /// What the offers bring.
    ///
    /// # Errors
    /// When there are too few shoppers, or the split is broken.
    pub fn report(&self, level: Level) -> Result<LiftReport, NoLift> {
        let groups = [&self.offered, &self.held_out];
        let [offered, held_out] = groups.map(Group::shoppers);
        if offered.min(held_out) < LEAST_SHOPPERS {
            return Err(NoLift::TooFew { offered, held_out });
        }
        let split_p_value = self.split_p_value();
        if !(split_p_value >= BROKEN_BELOW) {
            return Err(NoLift::BrokenSplit {
                held_out,
                shoppers: offered + held_out,
                expected: self.expected,
                p_value: split_p_value,
            });
        }
        Ok(LiftReport::between(groups, split_p_value, level))
    }

    /// How likely a split at least as uneven is by chance.
    fn split_p_value(&self) -> f64 {
        two_sided(self.held_out.sums[SHOPPERS] - self.expected, self.variance)
    }
}

/// How likely a normal deviation at least as large is, either way.
fn two_sided(deviation: f64, variance: f64) -> f64 {
    if variance > 0.0 {
        erfc(deviation.abs() / sqrt(2.0 * variance))
    } else if deviation == 0.0 {
        1.0
    } else {
        0.0
    }
}

fn compare(groups: [&Group; 2], numerator: usize, denominator: usize, z: f64) -> Compared {
    let [(offered, to_offered), (held_out, to_held_out)] =
        groups.map(|group| group.ratio(numerator, denominator));
    let of_offered = groups[0].variance(&to_offered);
    let of_held_out = groups[1].variance(&to_held_out);
    let ratio = offered / held_out;
    let of_ratio = (of_offered + ratio * ratio * of_held_out) / (held_out * held_out);
    Compared {
        offered,
        held_out,
        difference: around(offered - held_out, of_offered + of_held_out, z),
        relative: around(ratio - 1.0, of_ratio, z),
    }
}

/// With margins m and costs c a decision: (m₁ + c₁ − m₀ − c₀) / (c₁ − c₀),
/// which is 1 + (m₁ − m₀) / (c₁ − c₀).
fn benefit_per_cost(groups: [&Group; 2], z: f64) -> Estimated {
    let margins = groups.map(|group| group.ratio(MARGIN, DECISIONS));
    let costs = groups.map(|group| group.ratio(COST, DECISIONS));
    let (gain, spent) = (margins[0].0 - margins[1].0, costs[0].0 - costs[1].0);
    let mut variance = 0.0;
    for (place, group) in groups.iter().enumerate() {
        let mut gradient = [0.0; SUMS];
        for (at, slope) in gradient.iter_mut().enumerate() {
            *slope = margins[place].1[at] / spent - gain / (spent * spent) * costs[place].1[at];
        }
        variance += group.variance(&gradient);
    }
    around(1.0 + gain / spent, variance, z)
}

fn around(value: f64, variance: f64, z: f64) -> Estimated {
    let half = z * sqrt(variance);
    Estimated {
        value,
        interval: Ends::new(value - half, value + half),
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a count
fn whole(count: f64) -> u64 {
    count as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::random::Generator;

    const SHARE: f64 = 0.2;

    /// Shoppers with a rate of their own, who come several times: offers raise
    /// the chance to buy by `effect`.
    fn world(seed: u64, shoppers: usize, effect: f64, loses_held_out: f64) -> Lift {
        let mut random = Generator::from_seed(seed);
        let mut lift = Lift::default();
        for _ in 0..shoppers {
            let held_out = random.next_uniform() < SHARE;
            let own = 0.02 + 0.16 * random.next_uniform();
            let decisions = 1 + random.next_below(6);
            if held_out && random.next_uniform() < loses_held_out {
                continue;
            }
            let rate = if held_out { own } else { own + effect };
            let bought = (0..decisions)
                .filter(|_| random.next_uniform() < rate)
                .count();
            let bought = f64::from(u32::try_from(bought).unwrap());
            let given = if held_out { 0.0 } else { 100.0 };
            lift.add(&Shopper {
                held_out,
                holdout_share: SHARE,
                decisions: f64::from(u32::try_from(decisions).unwrap()),
                conversions: bought,
                revenue: bought * 5_000.0,
                margin: bought * (2_000.0 - given),
                cross_sold: 0.0,
                cost: bought * given,
                returned: bought > 1.0,
            });
        }
        lift
    }

    #[test]
    fn intervals_hold_the_effect_as_often_as_they_say() {
        let (mut held, mut paid) = (0, 0);
        for seed in 0..200 {
            let report = world(seed, 2_000, 0.03, 0.0)
                .report(Level::USUAL)
                .unwrap_or_else(|error| panic!("{error}"));
            let ends = report.conversion.difference.interval.expect("an interval");
            held += u32::from(ends.lower() <= 0.03 && 0.03 <= ends.upper());
            // 0.13 · 1900 − 0.10 · 2000 gained for 0.13 · 100 given.
            let truth = 1.0 + (0.13 * 1_900.0 - 0.10 * 2_000.0) / 13.0;
            let ends = report.benefit_per_cost.interval.expect("an interval");
            paid += u32::from(ends.lower() <= truth && truth <= ends.upper());
        }
        // 190 expected, standard deviation 3.1.
        for covered in [held, paid] {
            assert!((177..=199).contains(&covered), "{covered} of 200");
        }
    }

    #[test]
    fn a_broken_split_blocks_the_report() {
        assert!(world(1, 20_000, 0.0, 0.0).report(Level::USUAL).is_ok());
        let broken = world(1, 20_000, 0.0, 0.15).report(Level::USUAL);
        assert!(
            matches!(broken, Err(NoLift::BrokenSplit { .. })),
            "{broken:?}"
        );
        let few = world(1, 60, 0.0, 0.0).report(Level::USUAL);
        assert!(matches!(few, Err(NoLift::TooFew { .. })), "{few:?}");
    }

    #[test]
    fn sound_splits_are_rarely_called_broken() {
        let broken = (0..1_000)
            .filter(|seed| world(*seed, 500, 0.0, 0.0).report(Level::USUAL).is_err())
            .count();
        // 1 expected at one in a thousand.
        assert!(broken <= 7, "{broken} of 1000");
    }

    #[test]
    fn equal_shoppers_have_the_textbook_error() {
        // One decision each: the clustered error is that of two proportions.
        let mut lift = Lift::default();
        for number in 0..1_000_u32 {
            let held_out = number % 2 == 0;
            let bought = f64::from(u8::from(number % 10 < if held_out { 2 } else { 3 }));
            lift.add(&Shopper {
                held_out,
                holdout_share: 0.5,
                decisions: 1.0,
                conversions: bought,
                revenue: 0.0,
                margin: 0.0,
                cross_sold: 0.0,
                cost: 0.0,
                returned: false,
            });
        }
        let report = lift.report(Level::USUAL).expect("a split in half");
        let Compared {
            offered,
            held_out,
            difference,
            ..
        } = report.conversion;
        assert_eq!((offered, held_out), (0.2, 0.2));
        let ends = difference.interval.expect("an interval");
        let expected = 1.959_963_984_540_054 * (2.0 * 0.2 * 0.8 / 499.0_f64).sqrt();
        assert!((ends.upper() - expected).abs() < 1e-12, "{}", ends.upper());
    }
}
