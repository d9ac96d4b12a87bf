//! Quantiles that intervals need, by inverting what `domain::math` and the
//! Beta distribution give: the same bits everywhere.

use crate::domain::math;
use crate::learning::beta::Beta;

/// Below this many degrees of freedom Student's t is told from the normal
/// distribution; above, the two agree to 7 digits.
const NEARLY_NORMAL: f64 = 1e8;

/// The standard normal's cumulative distribution.
#[must_use]
pub fn normal_cumulative(x: f64) -> f64 {
    0.5 * math::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

/// The x with P(Z ≤ x) = `probability`, Z standard normal, by bisection;
/// `None` outside (0, 1).
#[must_use]
pub fn normal_quantile(probability: f64) -> Option<f64> {
    if !(probability > 0.0 && probability < 1.0) {
        return None;
    }
    // Only the lower tail is looked at, where the distribution is exact.
    let tail = probability.min(1.0 - probability);
    let (mut low, mut high) = (-40.0, 0.0);
    loop {
        let middle = 0.5 * (low + high);
        if !(middle > low && middle < high) {
            return Some(if probability < 0.5 { middle } else { -middle });
        }
        if normal_cumulative(middle) < tail {
            low = middle;
        } else {
            high = middle;
        }
    }
}

/// The t ≥ 0 with P(|T| ≤ t) = `level`, T Student's with `freedom` degrees;
/// `None` unless `level` is in (0, 1) and `freedom` above 0. T² / (freedom +
/// T²) is Beta(½, freedom/2).
#[must_use]
pub fn student_two_sided(level: f64, freedom: f64) -> Option<f64> {
    if !(level > 0.0 && level < 1.0 && freedom > 0.0) {
        return None;
    }
    if freedom >= NEARLY_NORMAL {
        return normal_quantile(0.5 + 0.5 * level);
    }
    let share = Beta::new(0.5, 0.5 * freedom).quantile(level);
    Some(math::sqrt(freedom * share / (1.0 - share)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(ours: Option<f64>, table: f64, tolerance: f64) {
        let ours = ours.unwrap();
        assert!((ours - table).abs() < tolerance, "{ours} is not {table}");
    }

    #[test]
    fn quantiles_are_those_of_the_tables() {
        close(normal_quantile(0.975), 1.959_963_984_540_054, 1e-12);
        close(normal_quantile(0.025), -1.959_963_984_540_054, 1e-12);
        close(normal_quantile(0.5), 0.0, 1e-12);
        close(normal_quantile(1e-9), -5.997_807_015_007_711, 1e-9);
        close(student_two_sided(0.95, 1.0), 12.706_204_736_174_7, 1e-7);
        close(student_two_sided(0.95, 10.0), 2.228_138_851_986_27, 1e-9);
        close(
            student_two_sided(0.95, 10_000.0),
            1.960_201_239_890_626,
            1e-9,
        );
        close(student_two_sided(0.95, 1e9), 1.959_963_984_540_054, 1e-7);
        assert_eq!(normal_quantile(0.0), None);
        assert_eq!(normal_quantile(f64::NAN), None);
        assert_eq!(student_two_sided(1.0, 3.0), None);
    }
}
