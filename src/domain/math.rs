//! Transcendental functions with the same bits on every machine.
//!
//! The standard library's `exp`, `ln`, `powf` and their kin call the system's
//! libm, whose last bits differ between systems and versions; `powi` may
//! differ between builds. A decision is re-derived bit for bit on another
//! machine years later, so the pure rooms take these functions from here and
//! from nowhere else (`clippy.toml` enforces it). They are software, in plain
//! IEEE 754 additions and multiplications, from the `libm` crate.
//!
//! `f64::sqrt`, `abs`, `floor`, `mul_add` and the four operations are exactly
//! rounded everywhere by IEEE 754 and need no wrapper.

mod each;

pub use each::{exp_each, exp_m1_each};

/// e to the power `x`.
#[inline]
#[must_use]
pub fn exp(x: f64) -> f64 {
    libm::exp(x)
}

/// e to the power `x`, less 1, accurate for small `x`.
#[inline]
#[must_use]
pub fn exp_m1(x: f64) -> f64 {
    libm::expm1(x)
}

/// 2 to the power `x`.
#[inline]
#[must_use]
pub fn exp2(x: f64) -> f64 {
    libm::exp2(x)
}

/// The natural logarithm of `x`; NaN below 0, −∞ at 0.
#[inline]
#[must_use]
pub fn ln(x: f64) -> f64 {
    libm::log(x)
}

/// The natural logarithm of 1 + `x`, accurate for small `x`.
#[inline]
#[must_use]
pub fn ln_1p(x: f64) -> f64 {
    libm::log1p(x)
}

/// `base` to the power `exponent`.
#[inline]
#[must_use]
pub fn pow(base: f64, exponent: f64) -> f64 {
    libm::pow(base, exponent)
}

/// `base` to a whole power, by repeated squaring: one fixed order of
/// multiplications, unlike `f64::powi`.
#[inline]
#[must_use]
pub fn pow_whole(base: f64, mut exponent: u64) -> f64 {
    let mut result = 1.0;
    let mut square = base;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result *= square;
        }
        square *= square;
        exponent >>= 1;
    }
    result
}

/// `x` · 2^`exponent`, exact where the result is a normal number; 0 or infinite
/// where it is too small or too large.
#[inline]
#[must_use]
pub fn times_power_of_two(x: f64, exponent: i64) -> f64 {
    // No number stays within range beyond ±2,200.
    let bounded = i32::try_from(exponent.clamp(-2_200, 2_200)).unwrap_or(0);
    libm::scalbn(x, bounded)
}

/// The square root of `x`, exactly rounded; NaN below 0.
#[inline]
#[must_use]
pub fn sqrt(x: f64) -> f64 {
    x.sqrt()
}

/// The sine of `x`, in radians.
#[inline]
#[must_use]
pub fn sin(x: f64) -> f64 {
    libm::sin(x)
}

/// The cosine of `x`, in radians.
#[inline]
#[must_use]
pub fn cos(x: f64) -> f64 {
    libm::cos(x)
}

/// ln Γ(`x`) for `x` > 0.
#[inline]
#[must_use]
pub fn ln_gamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// The error function.
#[inline]
#[must_use]
pub fn erf(x: f64) -> f64 {
    libm::erf(x)
}

/// 1 − erf(`x`), accurate for large `x`.
#[inline]
#[must_use]
pub fn erfc(x: f64) -> f64 {
    libm::erfc(x)
}

/// ln σ(`t`) = −ln(1 + e^−t), the logarithm of the logistic function, without
/// overflow at either end. ln(1 − σ(t)) is `ln_logistic(t) − t`.
#[inline]
#[must_use]
pub fn ln_logistic(t: f64) -> f64 {
    if t >= 0.0 {
        -ln_1p(exp(-t))
    } else {
        t - ln_1p(exp(t))
    }
}

/// The logistic function 1 / (1 + e^−t).
#[inline]
#[must_use]
pub fn logistic(t: f64) -> f64 {
    if t >= 0.0 {
        1.0 / (1.0 + exp(-t))
    } else {
        let power = exp(t);
        power / (1.0 + power)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_do_not_change() {
        let golden: [(f64, u64); 10] = [
            (cos(1.0), 0x3fe1_4a28_0fb5_068c),
            (exp(1.0), 0x4005_bf0a_8b14_576a),
            (exp(-0.3), 0x3fe7_b4c8_69c3_7c05),
            (ln(10.0), 0x4002_6bb1_bbb5_5516),
            (ln_1p(1e-9), 0x3e11_2e0b_e801_f1d9),
            (exp2(0.5), 0x3ff6_a09e_667f_3bcd),
            (pow(1.5, 2.5), 0x4006_0b9f_d68a_4554),
            (ln_gamma(0.5), 0x3fe2_50d0_48e7_a1bd),
            (erf(0.5), 0x3fe0_a7ef_5c18_edd2),
            (ln_logistic(-2.0), 0xc001_03f2_d543_01d5),
        ];
        let bits: Vec<String> = golden
            .iter()
            .map(|(value, _)| format!("{:#x}", value.to_bits()))
            .collect();
        let expected: Vec<String> = golden
            .iter()
            .map(|(_, bits)| format!("{bits:#x}"))
            .collect();
        assert_eq!(bits, expected);
    }

    #[test]
    fn whole_powers_multiply_out() {
        assert_eq!(pow_whole(3.0, 0), 1.0);
        assert_eq!(pow_whole(3.0, 5), 243.0);
        assert_eq!(pow_whole(0.0, 3), 0.0);
        assert_eq!(pow_whole(1.0, u64::MAX), 1.0);
    }

    #[test]
    fn powers_of_two_scale_exactly() {
        assert_eq!(times_power_of_two(1.5, 10), 1_536.0);
        assert_eq!(times_power_of_two(1.5, -1), 0.75);
        assert_eq!(times_power_of_two(1.0, i64::MIN), 0.0);
        assert_eq!(times_power_of_two(-1.0, i64::MAX), f64::NEG_INFINITY);
        assert_eq!(times_power_of_two(0.0, i64::MAX), 0.0);
    }

    #[test]
    fn the_logistic_function_survives_both_ends() {
        assert_eq!(ln_logistic(-800.0), -800.0);
        assert_eq!(ln_logistic(800.0), 0.0);
        assert_eq!(logistic(800.0), 1.0);
        assert!(logistic(-700.0) > 0.0);
        assert!((ln_logistic(0.3) - ln(logistic(0.3))).abs() < 1e-15);
    }
}
