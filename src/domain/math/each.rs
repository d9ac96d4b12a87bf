//! Exponentials of several numbers at once, bit for bit those of [`exp`] and
//! [`exp_m1`].
//!
//! One call of either waits for a chain of some twenty dependent operations.
//! Here the same operations are done for all numbers side by side, without a
//! branch, which a processor does several times as fast. The steps are those of
//! Sun's `e_exp.c` and `s_expm1.c` (fdlibm, 1993 and 2004), which `libm` follows:
//! x = k·ln 2 + r with |r| ≤ ½ ln 2, a rational function of r, times 2^k. Numbers
//! beyond the range in which 2^k is a normal number are left to `libm`.

use super::{exp, exp_m1};

const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// For |x| from ½ ln 2 on k is 1, from 3/2 ln 2 on x / ln 2 rounded: where the
/// upper halves of the words are above, and at least, these.
const HALF_LN_2: f64 = f64::from_bits(0x3fd6_2e43_0000_0000);
const THREE_HALVES_LN_2: f64 = f64::from_bits(0x3ff0_a2b2_0000_0000);

/// 1.5·2⁵²: what is added to a small number stands in the last bits of the sum.
const SHIFT: f64 = 6_755_399_441_055_744.0;

/// Which multiple of ln 2 is taken off, as a whole number.
#[inline(always)]
fn multiple_of_ln_2(x: f64) -> f64 {
    let sign = 1.0_f64.copysign(x);
    let rounded = std::f64::consts::LOG2_E * x + 0.5 * sign;
    // Towards 0, as a conversion to a whole number goes.
    let nearest = (rounded + SHIFT) - SHIFT;
    let beyond = nearest.abs() > rounded.abs();
    let whole = if beyond { nearest - sign } else { nearest };
    let size = x.abs();
    if size >= THREE_HALVES_LN_2 {
        whole
    } else if size >= HALF_LN_2 {
        sign
    } else {
        0.0
    }
}

/// 2^k for a whole k from −1,022 to 1,023.
#[inline(always)]
fn power_of_2(k: f64) -> f64 {
    // The last bits of the sum hold k in two's complement; what stands above
    // them is shifted out.
    f64::from_bits(((k + SHIFT).to_bits().wrapping_add(1_023)) << 52)
}

#[inline(always)]
fn exp_within(x: f64) -> f64 {
    const P1: f64 = 1.666_666_666_666_660_2e-1;
    const P2: f64 = -2.777_777_777_701_559_3e-3;
    const P3: f64 = 6.613_756_321_437_934e-5;
    const P4: f64 = -1.653_390_220_546_525_2e-6;
    const P5: f64 = 4.138_136_797_057_238_5e-8;
    const TINY: f64 = f64::from_bits(0x3e30_0001_0000_0000);
    let k = multiple_of_ln_2(x);
    let high = x - k * LN_2_HIGH;
    let low = k * LN_2_LOW;
    let r = high - low;
    let square = r * r;
    let c = r - square * (P1 + square * (P2 + square * (P3 + square * (P4 + square * P5))));
    let y = 1.0 + (r * c / (2.0 - c) - low + high);
    let y = if x.abs() < TINY { 1.0 + x } else { y };
    y * power_of_2(k)
}

#[inline(always)]
fn exp_m1_within(x: f64) -> f64 {
    const Q1: f64 = -3.333_333_333_333_313e-2;
    const Q2: f64 = 1.587_301_587_254_814_6e-3;
    const Q3: f64 = -7.936_507_578_674_878e-5;
    const Q4: f64 = 4.008_217_827_329_362e-6;
    const Q5: f64 = -2.010_992_181_836_243e-7;
    let k = multiple_of_ln_2(x);
    let high = x - k * LN_2_HIGH;
    let low = k * LN_2_LOW;
    let r = high - low;
    let c = (high - r) - low;
    let half = 0.5 * r;
    let square = r * half;
    let r1 = 1.0 + square * (Q1 + square * (Q2 + square * (Q3 + square * (Q4 + square * Q5))));
    let t = 3.0 - r1 * half;
    let e = square * ((r1 - t) / (6.0 - r * t));
    let e = (r * (e - c) - c) - square;
    let left = r - e;
    let (power, inverse) = (power_of_2(k), power_of_2(-k));
    let few = (left + (1.0 - inverse)) * power;
    let many = (r - (e + inverse) + 1.0) * power;
    let below = (left + 1.0) * power - 1.0;
    let of_1 = if r < -0.25 {
        -2.0 * (e - (r + 0.5))
    } else {
        1.0 + 2.0 * left
    };
    let of_minus_1 = 0.5 * left - 0.5;
    let far = if k < 0.0 {
        below
    } else if k < 20.0 {
        few
    } else {
        many
    };
    let near = if k == 0.0 {
        left
    } else if k == 1.0 {
        of_1
    } else {
        of_minus_1
    };
    if k.abs() <= 1.0 { near } else { far }
}

/// Puts e to the power of each number in its place.
#[inline]
pub fn exp_each(numbers: &mut [f64]) {
    const WIDEST: f64 = 700.0;
    if are_within(numbers, WIDEST) {
        numbers.iter_mut().for_each(|x| *x = exp_within(*x));
    } else {
        numbers.iter_mut().for_each(|x| *x = exp(*x));
    }
}

/// Puts e to the power of each number, less 1, in its place.
#[inline]
pub fn exp_m1_each(numbers: &mut [f64]) {
    const WIDEST: f64 = 38.0;
    if are_within(numbers, WIDEST) {
        numbers.iter_mut().for_each(|x| *x = exp_m1_within(*x));
    } else {
        numbers.iter_mut().for_each(|x| *x = exp_m1(*x));
    }
}

/// Whether the size of each number, none of them NaN, is below a bound.
#[inline]
fn are_within(numbers: &[f64], bound: f64) -> bool {
    let is_within = |all: bool, x: &f64| all & (x.abs() < bound);
    numbers.iter().fold(true, is_within)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::random::Generator;

    fn assert_alike(x: f64) {
        let (mut power, mut growth) = (x, x);
        exp_each(std::slice::from_mut(&mut power));
        exp_m1_each(std::slice::from_mut(&mut growth));
        for (name, ours, theirs) in [("exp", power, exp(x)), ("exp_m1", growth, exp_m1(x))] {
            assert_eq!(
                ours.to_bits(),
                theirs.to_bits(),
                "{name}({x:e}): {ours:e}, {theirs:e}"
            );
        }
    }

    /// Numbers of every size, and next to every bound between two ways.
    #[test]
    fn bits_are_those_of_one_number_at_a_time() {
        let mut generator = Generator::from_seed(5);
        for _ in 0..100_000 {
            assert_alike(1_600.0 * generator.next_uniform() - 800.0);
            assert_alike(80.0 * generator.next_uniform() - 40.0);
            assert_alike(4.0 * generator.next_uniform() - 2.0);
            assert_alike(f64::from_bits(generator.next_word() & !(0b11 << 61)));
        }
        let halves = (-110..=110).map(|k| 0.5 * f64::from(k) * std::f64::consts::LN_2);
        let bounds = [
            0.0,
            -0.0,
            HALF_LN_2,
            THREE_HALVES_LN_2,
            f64::from_bits(0x3e30_0000_0000_0000),
            f64::from_bits(0x3c90_0000_0000_0000),
            38.0,
            700.0,
        ];
        let signed = bounds.into_iter().flat_map(|bound| [bound, -bound]);
        for bound in halves.chain(signed) {
            for offset in -40..=40_i64 {
                let bits = bound.to_bits().saturating_add_signed(offset);
                assert_alike(f64::from_bits(bits));
                let word = bound.to_bits() & !0xffff_ffff;
                assert_alike(f64::from_bits(word.saturating_add_signed(offset)));
            }
        }
        for x in [
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MIN_POSITIVE,
            5e-324,
            1e308,
        ] {
            assert_alike(x);
        }
        let mut nan = [f64::NAN, 1.0];
        exp_each(&mut nan);
        assert!(nan[0].is_nan() && nan[1] == exp(1.0));
    }
}
