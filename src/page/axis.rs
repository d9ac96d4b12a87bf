//! Scales from values to places, with ticks at round numbers.

use super::number::{self, exponent, power_of_ten};

/// What an axis counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Plain numbers.
    Number,
    /// Shares, told in percent.
    Percent,
}

impl Unit {
    /// Of shares that are to be told in percent, or of plain numbers.
    pub fn of(percent: bool) -> Self {
        if percent { Self::Percent } else { Self::Number }
    }
}

/// An interval of values that begins and ends where the data does, or a little
/// beyond, and the round numbers within.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    /// The distance of two ticks: `mantissa` · 10^`exponent`.
    mantissa: u8,
    exponent: i32,
    unit: Unit,
}

/// What is larger is not drawn: differences must be finite.
const LARGEST: f64 = 1e150;

/// Of what is below it, so much is left free above the highest value.
const HEADROOM: f64 = 0.04;

impl Axis {
    /// An axis over those of `values` that can be drawn, with about `ticks` ticks.
    /// Without two different values it is made wide enough to have a middle.
    pub(super) fn over(values: impl IntoIterator<Item = f64>, ticks: u8, unit: Unit) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.into_iter().filter(|it| it.abs() <= LARGEST) {
            low = low.min(value);
            high = high.max(value);
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        // Less than this cannot be told apart in the labels.
        let least = (1e-9 * low.abs().max(high.abs())).max(1.0 / LARGEST);
        if high - low <= least {
            let around = (0.5 * low.abs()).max(if low == 0.0 { 1.0 } else { least });
            (low, high) = (low - around, high + around);
        }
        let (mantissa, exponent) = round_step((high - low) / f64::from(ticks.max(1)));
        Self {
            low,
            high,
            mantissa,
            exponent,
            unit,
        }
    }

    /// The same with some room beyond both ends, but none beyond 0.
    pub(super) fn with_headroom(mut self) -> Self {
        let room = HEADROOM * (self.high - self.low);
        if self.high != 0.0 {
            self.high += room;
        }
        if self.low != 0.0 {
            self.low -= room;
        }
        self
    }

    /// Where a value lies: 0 at the low end, 1 at the high one.
    pub(super) fn place(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    pub(super) fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// The ticks and how they are written.
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)] // some dozens
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let step = f64::from(self.mantissa) * power_of_ten(self.exponent);
        let slack = 1e-9;
        let first = (self.low / step - slack).ceil() as i64;
        let last = (self.high / step + slack).floor() as i64;
        let values: Vec<f64> = (first..=last).map(|tick| self.multiple(tick)).collect();
        let most = values.iter().fold(0.0, |most: f64, it| most.max(it.abs()));
        let labelled = values.into_iter().map(|it| (it, self.label(it, most)));
        labelled.collect()
    }

    /// The `count`-fold of the step; divided, not multiplied, by what has no
    /// exact inverse.
    #[allow(clippy::cast_precision_loss)] // some dozens
    fn multiple(&self, count: i64) -> f64 {
        let steps = count as f64 * f64::from(self.mantissa);
        let power = power_of_ten(self.exponent.abs());
        if self.exponent < 0 {
            steps / power
        } else {
            steps * power
        }
    }

    fn label(&self, value: f64, most: f64) -> String {
        let digits = |exponent: i32| usize::try_from(-exponent).unwrap_or(0);
        if self.unit == Unit::Percent {
            let text = number::fixed(100.0 * value, digits(self.exponent + 2));
            return format!("{text} %");
        }
        let (power, letter) = match exponent(most) {
            15.. => return format!("{value:.1e}"),
            12.. => (12, "T"),
            9..=11 => (9, "G"),
            6..=8 => (6, "M"),
            4..=5 => (3, "k"),
            _ => (0, ""),
        };
        let scaled = value / power_of_ten(power);
        let text = number::fixed(scaled, digits(self.exponent - power));
        if value == 0.0 {
            "0".to_owned()
        } else {
            format!("{text}{letter}")
        }
    }
}

/// That of 1, 2, 5 times a power of ten which is nearest to `width`.
fn round_step(width: f64) -> (u8, i32) {
    let power = exponent(width);
    let part = width / power_of_ten(power);
    match part {
        part if part < 1.5 => (1, power),
        part if part < 3.5 => (2, power),
        part if part < 7.5 => (5, power),
        _ => (1, power + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64, unit: Unit) -> Vec<String> {
        let ticks = Axis::over([low, high], 5, unit).ticks();
        ticks.into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(
            labels(0.0, 100_000.0, Unit::Number),
            ["0", "20k", "40k", "60k", "80k", "100k"]
        );
        assert_eq!(
            labels(0.0, 2.5e6, Unit::Number),
            ["0", "0.5M", "1.0M", "1.5M", "2.0M", "2.5M"]
        );
        assert_eq!(
            labels(-0.03, 0.05, Unit::Number),
            ["−0.02", "0", "0.02", "0.04"]
        );
        assert_eq!(
            labels(0.0, 1.0, Unit::Percent),
            ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]
        );
        assert_eq!(
            labels(0.041, 0.043, Unit::Percent),
            ["4.10 %", "4.15 %", "4.20 %", "4.25 %", "4.30 %"]
        );
        assert_eq!(
            labels(2.0, 2.0, Unit::Number),
            ["1.0", "1.5", "2.0", "2.5", "3.0"]
        );
        assert_eq!(
            labels(f64::NAN, f64::INFINITY, Unit::Number),
            ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
    }

    #[test]
    fn a_tick_is_the_number_that_its_label_says() {
        for (low, high) in [(0.0, 0.7), (-12.0, 31.0), (1e-7, 9e-7), (2e9, 2.1e9)] {
            for (value, label) in Axis::over([low, high], 6, Unit::Number).ticks() {
                let (number, factor) = match label.strip_suffix('G') {
                    Some(number) => (number, 1e9),
                    None => (label.as_str(), 1.0),
                };
                let read: f64 = number.replace('−', "-").parse().unwrap();
                assert!(
                    (read * factor - value).abs() <= 1e-12 * value.abs(),
                    "{label}"
                );
            }
        }
    }
}
