//! Numbers as people read them. What a figure looks like is decided here, so
//! that it looks the same in a sentence, in a table and beside a plot.

use crate::domain::digits::grouped;
use crate::domain::math;

/// From here on a number is written with its exponent.
const TOO_LONG: f64 = 1e15;

/// U+2212, as long as a plus sign.
const MINUS: &str = "\u{2212}";

/// A number with a comma after every three digits.
#[must_use]
pub fn count(number: u64) -> String {
    grouped(&number.to_string())
}

/// A number with so many digits after the point; a dash where there is no
/// number, and an exponent from 10¹⁵ on.
#[must_use]
pub fn fixed(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    if value.abs() >= TOO_LONG {
        return format!("{value:.3e}");
    }
    let text = format!("{:.digits$}", value.abs());
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let is_zero = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    let sign = if value < 0.0 && !is_zero { MINUS } else { "" };
    let point = if part.is_empty() { "" } else { "." };
    format!("{sign}{}{point}{part}", grouped(whole))
}

/// A number with so many digits that count, at least 1; whole numbers keep all
/// of theirs.
#[must_use]
pub fn significant(value: f64, figures: usize) -> String {
    fixed(value, digits_for(value, figures))
}

/// A value and what it may be instead: `12.3 (11.9 to 12.7)`, with two digits
/// that count of how far apart they are. Without an interval, the value alone.
#[must_use]
pub fn with_interval(value: f64, interval: Option<(f64, f64)>) -> String {
    match interval {
        Some((lower, upper)) => {
            let digits = digits_of_interval(value, lower, upper);
            let [value, lower, upper] = [value, lower, upper].map(|it| fixed(it, digits));
            format!("{value} ({lower} to {upper})")
        }
        None => significant(value, 4),
    }
}

/// A share as a percentage, with an interval if there is one:
/// `4.1 % (3.9 to 4.3 %)`.
#[must_use]
pub fn percent(share: f64, interval: Option<(f64, f64)>) -> String {
    let hundred = |value: f64| 100.0 * value;
    match interval {
        Some((lower, upper)) => {
            let (value, lower, upper) = (hundred(share), hundred(lower), hundred(upper));
            let digits = digits_of_interval(value, lower, upper);
            let [value, lower, upper] = [value, lower, upper].map(|it| fixed(it, digits));
            format!("{value} % ({lower} to {upper} %)")
        }
        None => format!("{} %", significant(hundred(share), 3)),
    }
}

/// How many digits after the point show `figures` digits that count.
fn digits_for(value: f64, figures: usize) -> usize {
    let figures = i32::try_from(figures).unwrap_or(i32::MAX);
    let digits = figures.saturating_sub(1).saturating_sub(exponent(value));
    usize::try_from(digits.clamp(0, 12)).unwrap_or(0)
}

fn digits_of_interval(value: f64, lower: f64, upper: f64) -> usize {
    let width = upper - lower;
    if width > 0.0 && width.is_finite() {
        digits_for(0.5 * width, 2)
    } else {
        digits_for(value, 4)
    }
}

/// The x with 10^x ≤ |`value`| < 10^(x + 1); 0 for zero and for what is not
/// finite.
pub(super) fn exponent(value: f64) -> i32 {
    if value == 0.0 || !value.is_finite() {
        return 0;
    }
    // What the standard library prints is exact, unlike a logarithm.
    let printed = format!("{:e}", value.abs());
    let exponent = printed.split_once('e').and_then(|(_, it)| it.parse().ok());
    exponent.unwrap_or(0)
}

/// 10 to a whole power that a number may have.
pub(super) fn power_of_ten(exponent: i32) -> f64 {
    let power = math::pow_whole(10.0, u64::from(exponent.unsigned_abs()));
    if exponent < 0 { 1.0 / power } else { power }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_follow_from_what_is_known() {
        assert_eq!(count(0), "0");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(fixed(-1_234.56, 1), "−1,234.6");
        assert_eq!(fixed(-0.001, 2), "0.00");
        assert_eq!(fixed(f64::NAN, 2), "–");
        assert_eq!(significant(0.012_345, 3), "0.0123");
        assert_eq!(significant(98_765.4, 3), "98,765");
        assert_eq!(
            with_interval(12.345, Some((11.9, 12.8))),
            "12.35 (11.90 to 12.80)"
        );
        assert_eq!(
            with_interval(1_512.3, Some((1_400.0, 1_624.6))),
            "1,512 (1,400 to 1,625)"
        );
        assert_eq!(
            with_interval(2.0, Some((2.0, 2.0))),
            "2.000 (2.000 to 2.000)"
        );
        assert_eq!(with_interval(0.5, None), "0.5000");
        assert_eq!(
            percent(0.0412, Some((0.039, 0.0434))),
            "4.12 % (3.90 to 4.34 %)"
        );
        assert_eq!(percent(0.5, None), "50.0 %");
    }

    #[test]
    fn an_exponent_is_exact_at_powers_of_ten() {
        for power in -300..300 {
            let value: f64 = format!("1e{power}").parse().unwrap();
            assert_eq!(exponent(value), power);
            assert_eq!(exponent(value.next_down()), power - 1);
        }
        assert_eq!((exponent(0.0), exponent(f64::INFINITY)), (0, 0));
    }
}
