//! Sums and maxima over columns, in lanes that run side by side, so that the
//! processor's vector units are used.
//!
//! A chunk is summed plainly: with some 250 terms in 8 lanes, rounding loses
//! two of the 16 digits at most. Chunks are then put together with care
//! ([`CompensatedSum`](crate::domain::compensated_sum::CompensatedSum),
//! [`Moments`](super::moments::Moments)).

/// How many rows a chunk has; a few columns of it fit the first cache.
pub const CHUNK: usize = 256;
/// Sums that run side by side.
const LANES: usize = 8;

/// The sums of several terms of each row of two columns; up to three of them stay
/// in registers.
#[must_use]
pub fn sums<const N: usize>(
    left: &[f64],
    right: &[f64],
    terms: impl Fn(f64, f64) -> [f64; N],
) -> [f64; N] {
    let mut lanes = [[0.0; LANES]; N];
    let (wide_left, rest_left) = left.as_chunks::<LANES>();
    let (wide_right, rest_right) = right.as_chunks::<LANES>();
    for (left, right) in wide_left.iter().zip(wide_right) {
        for lane in 0..LANES {
            let terms = terms(left[lane], right[lane]);
            for (lanes, term) in lanes.iter_mut().zip(terms) {
                lanes[lane] += term;
            }
        }
    }
    for (left, right) in rest_left.iter().zip(rest_right) {
        for (lanes, term) in lanes.iter_mut().zip(terms(*left, *right)) {
            lanes[0] += term;
        }
    }
    lanes.map(|lanes| lanes.iter().sum())
}

/// The largest of `least` and a column.
#[must_use]
pub fn largest(least: f64, column: &[f64]) -> f64 {
    largest_of(least, column, |value| value)
}

/// The largest of `least` and what `rule` makes of a column.
#[must_use]
pub fn largest_of(least: f64, column: &[f64], rule: impl Fn(f64) -> f64) -> f64 {
    let mut lanes = [least; LANES];
    let (wide, rest) = column.as_chunks::<LANES>();
    // A comparison, not `max`, whose rule for NaN costs more; there is none here.
    let keep = |most: &mut f64, value: f64| {
        if value > *most {
            *most = value;
        }
    };
    for values in wide {
        for (most, value) in lanes.iter_mut().zip(values) {
            keep(most, rule(*value));
        }
    }
    for value in rest {
        keep(&mut lanes[0], rule(*value));
    }
    lanes.into_iter().fold(least, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_and_rest_are_all_counted() {
        let left: Vec<f64> = (0..21).map(f64::from).collect();
        let right = vec![2.0; 21];
        assert_eq!(sums(&left, &right, |x, y| [x, x * y]), [210.0, 420.0]);
        assert_eq!(largest(3.0, &left), 20.0);
        assert_eq!(largest(30.0, &left), 30.0);
        assert_eq!(largest_of(-5.0, &left, |value| -value), 0.0);
        assert_eq!(largest(0.0, &[]), 0.0);
    }
}
