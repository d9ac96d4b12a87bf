//! A lower bound of a mean that holds at every round at once, from values that
//! are bounded below only.
//!
//! Howard, Ramdas, McAuliffe, Sekhon (2021), "Time-uniform, nonparametric,
//! nonasymptotic confidence sequences", <https://doi.org/10.1214/20-AOS1991>
//! (<https://arxiv.org/abs/1810.08240>), theorem 4, with the exponential
//! inequality of Fan, Grama, Liu (2015), <https://arxiv.org/abs/1501.02191>:
//! for y ≥ −1 and θ in \[0, 1), exp(θy − ψ(θ)y²) ≤ 1 + θy, where
//! ψ(θ) = −ln(1 − θ) − θ. Waudby-Smith, Wu, Ramdas, Karampatziakis, Mineiro
//! (2022), <https://arxiv.org/abs/2210.10768>, use it for off-policy values.
//!
//! Values Xₜ have the mean m given all that went before, and Xₜ ≥ −kₜ, where kₜ
//! was known before Xₜ was drawn. With a centre cₜ in \[0, 1\] that was known
//! then, too, and bₜ = kₜ + cₜ,
//!
//! M(m) = Σⱼ pⱼ · exp(θⱼ·Σₜ(Xₜ − m)/bₜ − ψ(θⱼ)·Σₜ((Xₜ − cₜ)/bₜ)²)
//!
//! is a nonnegative supermartingale that starts at 1; by Ville's inequality it
//! ever reaches 1/α with a probability of at most α. The bound is the least m at
//! which it has not. The bets are θⱼ = 2^(−(j + 1)/2). Four fifths of the mass lie
//! evenly on j = 2 to 14, which are the best bets while Σ((X − c)/b)² is between
//! some 30 and 10⁶, and there the bound is 1.7 to 2 times as far from the mean
//! as the normal one; the rest falls with 1/j², so that the bound narrows with
//! 1/√t for ever.
//!
//! Three sums are the whole state; the price of a round is a few
//! multiplications. If the conditional means change from round to round, the
//! bound is of their mean, weighted by 1/bₜ. Needs the log in its order, does not
//! merge.

use crate::domain::math;

/// How many bets there are: the least is 2⁻²⁴, which is the best one after some
/// 10¹⁴ rounds.
const BETS: usize = 48;
/// The bets that most of the mass lies on, and how much.
const MOSTLY: std::ops::RangeInclusive<usize> = 2..=14;
const MOST: f64 = 0.8;
/// The rest of pⱼ is proportional to 1 / ((j + SHIFT)(j + SHIFT + 1)), of which
/// the sum over all j is 1 / SHIFT.
const SHIFT: f64 = 5.0;
/// No b is smaller: where values hardly go below 0, the largest bet is still of
/// the size of what rare rewards ask for.
const LEAST_SCALE: f64 = 0.25;

/// The bound, at the rounds seen so far.
#[derive(Debug, Clone, Copy, PartialEq)]
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
    /// Σ((X − c)/b)².
    scaled_squares: f64,
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
            scaled_squares: 0.0,
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
        let scaled = gap / scale;
        self.rounds += 1.0;
        self.sum += value;
        self.squares += gap * gap;
        self.scaled_sum += value / scale;
        self.scaled_rounds += 1.0 / scale;
        self.scaled_squares += scaled * scaled;
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
        let distance = self.scaled_sum - mean * self.scaled_rounds;
        let mut bet = 1.0;
        let mut logs = [0.0; BETS];
        for (place, log) in logs.iter_mut().enumerate() {
            bet *= std::f64::consts::FRAC_1_SQRT_2;
            *log = math::ln(mass(place)) + bet * distance - cost(bet) * self.scaled_squares;
        }
        let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logs.iter().map(|log| math::exp(log - largest)).sum();
        math::exp(-(largest + math::ln(sum))).min(1.0)
    }

    /// The bound, which may lie below 0; `None` of nothing.
    #[must_use]
    pub fn lower(&self) -> Option<f64> {
        let reach = reach(self.scaled_squares, self.log) / self.scaled_rounds;
        Some(self.mean()? - reach)
    }
}

/// ψ(θ).
fn cost(bet: f64) -> f64 {
    -math::ln_1p(-bet) - bet
}

/// pⱼ.
#[allow(clippy::cast_precision_loss)] // small numbers
fn mass(place: usize) -> f64 {
    let even = if MOSTLY.contains(&place) {
        MOST / (MOSTLY.end() - MOSTLY.start() + 1) as f64
    } else {
        0.0
    };
    let shifted = place as f64 + SHIFT;
    even + (1.0 - MOST) * SHIFT / (shifted * (shifted + 1.0))
}

/// The D at which Σⱼ pⱼ·exp(θⱼ·D − ψ(θⱼ)·`squares`) is e^`log`, by bisection; the
/// sum grows with D.
fn reach(squares: f64, log: f64) -> f64 {
    let mut slopes = [0.0; BETS];
    let mut levels = [0.0; BETS];
    let mut bet = 1.0;
    for (place, (slope, level)) in slopes.iter_mut().zip(&mut levels).enumerate() {
        bet *= std::f64::consts::FRAC_1_SQRT_2;
        *slope = bet;
        *level = math::ln(mass(place)) - cost(bet) * squares - log;
    }
    // Each bet alone reaches the level at −level/slope; together they reach it
    // before the first of them does.
    let alone = slopes
        .iter()
        .zip(levels)
        .map(|(slope, level)| -level / slope);
    let (mut low, mut high) = (0.0, alone.fold(f64::INFINITY, f64::min));
    let reached = |distance: f64| {
        let terms = slopes.iter().zip(levels);
        // Below −40 a term is less than 1e-17.
        let terms = terms.map(|(slope, level)| slope * distance + level);
        terms
            .filter(|term| *term > -40.0)
            .map(math::exp)
            .sum::<f64>()
            >= 1.0
    };
    for _ in 0..40 {
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
        for squares in [0.0, 3.0, 1e4, 1e9] {
            let log = math::ln(20.0);
            let reach = reach(squares, log);
            let (mut total, mut masses) = (0.0, 0.0);
            let mut bet = 1.0;
            for place in 0..BETS {
                bet *= std::f64::consts::FRAC_1_SQRT_2;
                masses += mass(place);
                total += mass(place) * math::exp(bet * reach - cost(bet) * squares);
            }
            assert!(masses < 1.0);
            assert!((total / 20.0 - 1.0).abs() < 1e-6, "{squares}: {total}");
        }
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
                if round % 20 == 19 {
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

    /// The exponential inequality itself, where y is as low as it may be.
    #[test]
    fn the_inequality_holds_from_minus_one_up() {
        for step in 0..400 {
            let y = -1.0 + f64::from(step) * 0.02;
            for bet in [0.01, 0.3, 0.70] {
                let left = math::exp(bet * y - cost(bet) * y * y);
                assert!(left <= 1.0 + bet * y + 1e-12, "{y}, {bet}");
            }
        }
    }
}
