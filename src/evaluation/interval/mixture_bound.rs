//! A lower bound of a mean that holds at every round at once, from values that
//! are bounded below only.
//!
//! Waudby-Smith, Ramdas (2020), "Estimating means of bounded random variables by
//! betting", <https://arxiv.org/abs/2010.09686>, and Waudby-Smith, Wu, Ramdas,
//! Karampatziakis, Mineiro (2022), <https://arxiv.org/abs/2210.10768>, who bet on
//! off-policy values; the mixture is the method of Robbins (1970), "Statistical
//! methods related to the law of the iterated logarithm",
//! <https://doi.org/10.1214/aoms/1177696786>.
//!
//! Values Xₜ have the mean m given all that went before, and Xₜ ≥ −kₜ, where kₜ
//! was known before Xₜ was drawn. With a centre cₜ in \[0, 1\] that was known
//! then, too, bₜ = kₜ + cₜ and yₜ = (Xₜ − cₜ)/bₜ ≥ −1, a bet θ in \[0, 1) has the
//! wealth ∏ₜ (1 + θ·yₜ). Since 1 + θ·(m − c)/b ≤ exp(θ·(m − c)/b),
//!
//! M(m) = Σⱼ pⱼ · ∏ₜ (1 + θⱼ·yₜ) · exp(θⱼ·Σₜ(cₜ − m)/bₜ)
//!
//! is a nonnegative supermartingale that starts at 1; by Ville's inequality it
//! ever reaches 1/α with a probability of at most α. The bound is the least m at
//! which it has not. That the wealth enters m by a sum alone, through the centre,
//! saves a grid over m; what it costs is of the order of (m − c)².
//!
//! The bets are θⱼ = 2^(−(j + 1)/2), j = 0 to 35. Four fifths of the mass lie on
//! them as a normal distribution over j, around the bet that is best while Σy² is
//! some 5,000: rounds by the ten thousand. The rest falls with 1/j², so that the
//! bound goes on to narrow with 1/√t until Σy² is some 10¹¹.
//!
//! A wealth and three sums are the whole state; the price of a round is one
//! multiplication a bet, and a logarithm a bet every [`TOGETHER`] rounds. If the
//! conditional means change from round to round, the bound is of their mean,
//! weighted by 1/b. Needs the log in its order, does not merge.

use crate::domain::math;

/// How many bets there are: the least is 2⁻¹⁸.
const BETS: usize = 36;
/// Where most of the mass lies, and how much.
const MIDDLE: f64 = 8.0;
const DEVIATION: f64 = 3.0;
const MOST: f64 = 0.8;
/// The rest of pⱼ is proportional to 1 / ((j + SHIFT)(j + SHIFT + 1)), of which
/// the sum over all j is 1 / SHIFT.
const SHIFT: f64 = 5.0;
/// No b is smaller: where values hardly go below 0, the largest bet is still of
/// the size of what rare rewards ask for.
const LEAST_SCALE: f64 = 0.25;
/// Rounds whose factors are multiplied before a logarithm is taken.
const TOGETHER: u32 = 32;
/// A larger y has its logarithm taken at once, so that no product overflows: a
/// factor is between 0.29 and this, but for those.
const LARGE: f64 = 1e4;

/// The bound, at the rounds seen so far.
#[derive(Debug, Clone, PartialEq)]
pub struct MixtureBound {
    /// ln(1/α).
    log: f64,
    rounds: f64,
    /// ΣX.
    sum: f64,
    /// Σ(X − c)².
    squares: f64,
    /// ΣX/b.
    scaled_sum: f64,
    /// Σ1/b.
    scaled_rounds: f64,
    /// Σc/b.
    scaled_centres: f64,
    /// The logarithm of each bet's wealth, but for the last few rounds.
    logs: [f64; BETS],
    /// Their factors, and how many rounds these are.
    products: [f64; BETS],
    held: u32,
}

impl MixtureBound {
    /// Nothing seen yet; `miss` is α, the probability in (0, 1) with which the
    /// bound may ever be above the mean.
    #[must_use]
    pub fn new(miss: f64) -> Self {
        Self {
            log: -math::ln(miss),
            rounds: 0.0,
            sum: 0.0,
            squares: 0.0,
            scaled_sum: 0.0,
            scaled_rounds: 0.0,
            scaled_centres: 0.0,
            logs: [0.0; BETS],
            products: [1.0; BETS],
            held: 0,
        }
    }

    /// cₜ of the next round: the mean so far, in \[0, 1\].
    fn centre(&self) -> f64 {
        ((self.sum + 0.5) / (self.rounds + 1.0)).clamp(0.0, 1.0)
    }

    /// √Σ(X − c)²: how far values lay from their centres.
    #[must_use]
    pub fn spread(&self) -> f64 {
        math::sqrt(self.squares)
    }

    /// Adds the next value, at least −`below` with `below` ≥ 0 known before it
    /// was drawn.
    pub fn push(&mut self, value: f64, below: f64) {
        let centre = self.centre();
        let scale = (below + centre).max(LEAST_SCALE);
        let gap = value - centre;
        self.rounds += 1.0;
        self.sum += value;
        self.squares += gap * gap;
        self.scaled_sum += value / scale;
        self.scaled_rounds += 1.0 / scale;
        self.scaled_centres += centre / scale;
        self.bet(gap / scale);
    }

    fn bet(&mut self, y: f64) {
        if y > LARGE {
            self.take_logarithms();
        }
        for (product, bet) in self.products.iter_mut().zip(&THETA) {
            *product *= 1.0 + bet * y;
        }
        self.held += 1;
        if self.held == TOGETHER || y > LARGE {
            self.take_logarithms();
        }
    }

    fn take_logarithms(&mut self) {
        self.logs = self.wealth();
        self.products = [1.0; BETS];
        self.held = 0;
    }

    /// The logarithm of each bet's wealth.
    fn wealth(&self) -> [f64; BETS] {
        let mut wealth = self.logs;
        if self.held > 0 {
            for (log, product) in wealth.iter_mut().zip(&self.products) {
                *log += math::ln(*product);
            }
        }
        wealth
    }

    /// The mean of the values, weighted by 1/b; `None` of nothing.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.rounds > 0.0).then(|| self.scaled_sum / self.scaled_rounds)
    }

    /// The p-value of "the mean is at most `mean`": one over M, at most 1. Valid
    /// at any round at which one chooses to stop.
    #[must_use]
    pub fn p_value_of_at_most(&self, mean: f64) -> f64 {
        let distance = self.scaled_centres - mean * self.scaled_rounds;
        let mut logs = self.wealth();
        for (place, (log, bet)) in logs.iter_mut().zip(&THETA).enumerate() {
            *log += math::ln(mass(place)) + bet * distance;
        }
        let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logs.iter().map(|log| math::exp(log - largest)).sum();
        math::exp(-(largest + math::ln(sum))).min(1.0)
    }

    /// The bound, which may lie below 0; `None` of nothing.
    #[must_use]
    pub fn lower(&self) -> Option<f64> {
        self.lower_by(self.log)
    }

    /// The bound at another α, `miss`, in (0, 1): any that is chosen without
    /// looking at the values.
    #[must_use]
    pub fn lower_at(&self, miss: f64) -> Option<f64> {
        self.lower_by(-math::ln(miss))
    }

    fn lower_by(&self, log: f64) -> Option<f64> {
        let mut levels = self.wealth();
        for (place, level) in levels.iter_mut().enumerate() {
            *level += math::ln(mass(place)) - log;
        }
        let bound = (self.scaled_centres - reach(&levels)) / self.scaled_rounds;
        (self.rounds > 0.0).then_some(bound)
    }
}

/// θⱼ.
const THETA: [f64; BETS] = bets();

const fn bets() -> [f64; BETS] {
    let mut bets = [std::f64::consts::FRAC_1_SQRT_2; BETS];
    let mut place = 1;
    while place < BETS {
        bets[place] = bets[place - 1] * std::f64::consts::FRAC_1_SQRT_2;
        place += 1;
    }
    bets
}

/// pⱼ.
#[allow(clippy::cast_precision_loss)] // small numbers
fn mass(place: usize) -> f64 {
    let steps = (place as f64 - MIDDLE) / DEVIATION;
    // The density's sum over all whole numbers is 1, to many digits.
    let root = DEVIATION * math::sqrt(2.0 * std::f64::consts::PI);
    let near = MOST * math::exp(-0.5 * steps * steps) / root;
    let shifted = place as f64 + SHIFT;
    near + (1.0 - MOST) * SHIFT / (shifted * (shifted + 1.0))
}

/// The D at which Σⱼ exp(θⱼ·D + `levels`ⱼ) is 1, by bisection; the sum grows
/// with D.
#[allow(clippy::cast_precision_loss)] // few bets
fn reach(levels: &[f64; BETS]) -> f64 {
    // Each bet alone reaches 1 at −level/θ; together they reach it before the
    // first of them does, and not where each is still below its share.
    let first = |share: f64| {
        let alone = THETA.iter().zip(levels);
        let alone = alone.map(|(bet, level)| -(share + level) / bet);
        alone.fold(f64::INFINITY, f64::min)
    };
    let (mut low, mut high) = (first(math::ln(BETS as f64)), first(0.0));
    let reached = |distance: f64| {
        let terms = THETA.iter().zip(levels);
        let terms = terms.map(|(bet, level)| bet * distance + level);
        // Below −40 a term is less than 1e-17.
        terms
            .filter(|term| *term > -40.0)
            .map(math::exp)
            .sum::<f64>()
            >= 1.0
    };
    for _ in 0..48 {
        let middle = 0.5 * (low + high);
        if reached(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::random::Generator;

    /// Σ pⱼ is at most 1, and the reach is where the mixture meets its level.
    #[test]
    fn the_reach_solves_its_equation() {
        let masses: f64 = (0..BETS).map(mass).sum();
        assert!(masses < 1.0 && masses > 0.9, "{masses}");
        for squares in [0.0, 3.0, 1e4, 1e9] {
            let mut levels = [0.0; BETS];
            for (place, (level, bet)) in levels.iter_mut().zip(THETA).enumerate() {
                *level = math::ln(mass(place) / 20.0) - 0.5 * bet * bet * squares;
            }
            let reach = reach(&levels);
            let terms = THETA.iter().zip(levels);
            let total: f64 = terms
                .map(|(bet, level)| math::exp(bet * reach + level))
                .sum();
            assert!((total - 1.0).abs() < 1e-6, "{squares}: {total}");
        }
    }

    /// Products over a few rounds at a time are the product over all, whatever
    /// the size of a value.
    #[test]
    fn the_wealth_is_the_product_of_its_factors() {
        let mut bound = MixtureBound::new(0.05);
        let mut logs = [0.0; BETS];
        for round in 0..1_000 {
            let value = match round % 97 {
                13 => 1e150,
                14 => 1e5,
                rest => f64::from(rest) / 50.0 - 0.5,
            };
            let y = (value - bound.centre()) / (0.5 + bound.centre()).max(LEAST_SCALE);
            for (log, bet) in logs.iter_mut().zip(THETA) {
                *log += math::ln_1p(bet * y);
            }
            bound.push(value, 0.5);
        }
        for (ours, theirs) in bound.wealth().into_iter().zip(logs) {
            assert!((ours - theirs).abs() < 1e-9 * theirs.abs().max(1.0));
        }
        assert!(bound.lower().unwrap().is_finite());
    }

    /// The bound is the mean at which the p-value is α.
    #[test]
    fn the_p_value_at_the_bound_is_the_level() {
        let mut bound = MixtureBound::new(0.05);
        for round in 0..1_000 {
            bound.push(f64::from(u8::from(round % 7 == 0)), 1.0);
        }
        let lower = bound.lower().unwrap();
        assert!((bound.p_value_of_at_most(lower) / 0.05 - 1.0).abs() < 1e-6);
        assert_eq!(bound.p_value_of_at_most(1.0), 1.0);
    }

    /// Coins of rate 0.1, watched for 2,000 rounds, 400 times: a bound at 5 %
    /// may be crossed 20 times, give or take 4.4.
    #[test]
    fn a_mean_is_rarely_below_its_bound_at_any_round() {
        let mut crossed = 0;
        let mut last = 0.0;
        for seed in 0..400 {
            let mut generator = Generator::from_seed(seed);
            let mut bound = MixtureBound::new(0.05);
            let mut ever = false;
            for round in 0..2_000 {
                let coin = f64::from(u8::from(generator.next_uniform() < 0.1));
                bound.push(coin, 0.0);
                if round % 100 == 99 {
                    last = bound.lower().unwrap();
                    ever |= last > 0.1;
                }
            }
            crossed += u32::from(ever);
        }
        assert!(crossed <= 37, "{crossed}");
        // 0.1 less about 3 standard errors of 0.0067.
        assert!(last > 0.06 && last < 0.11, "{last}");
    }
}
