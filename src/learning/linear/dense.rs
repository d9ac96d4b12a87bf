//! The few operations on dense vectors and triangular matrices that linear
//! models need, in one fixed order of additions.
//!
//! A symmetric or lower triangular matrix of dimension d is kept by columns
//! below and on the diagonal: column 0 has d entries, column 1 has d − 1, and
//! so on, d(d + 1)/2 in all. Every inner loop runs along a column.

use crate::domain::math;

/// How many sums a dot product keeps side by side.
const LANES: usize = 4;

/// How many numbers a packed triangle of this dimension has.
#[must_use]
pub const fn packed_length(dimension: usize) -> usize {
    dimension * (dimension + 1) / 2
}

/// The sum of products of two vectors of the same length, in `LANES` sums.
#[must_use]
pub fn dot(left: &[f64], right: &[f64]) -> f64 {
    let (left_whole, left_rest) = left.as_chunks::<LANES>();
    let (right_whole, right_rest) = right.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (l, r) in left_whole.iter().zip(right_whole) {
        for lane in 0..LANES {
            sums[lane] += l[lane] * r[lane];
        }
    }
    let rest: f64 = left_rest.iter().zip(right_rest).map(|(l, r)| l * r).sum();
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

/// `target += factor · row`.
pub fn add_scaled(target: &mut [f64], factor: f64, row: &[f64]) {
    for (target, entry) in target.iter_mut().zip(row) {
        *target += factor * entry;
    }
}

/// `matrix += weight · row rowᵀ`, packed.
pub fn add_outer(matrix: &mut [f64], row: &[f64], weight: f64) {
    let mut rest = matrix;
    for first in 0..row.len() {
        let (column, after) = rest.split_at_mut(row.len() - first);
        let factor = weight * row[first];
        if factor != 0.0 {
            add_scaled(column, factor, &row[first..]);
        }
        rest = after;
    }
}

/// Makes the packed symmetric `matrix` its lower Cholesky factor; `false`, and
/// `matrix` in pieces, when it is not positive definite.
#[must_use]
pub fn factorise(matrix: &mut [f64], dimension: usize) -> bool {
    let mut rest = matrix;
    for first in 0..dimension {
        let (column, mut after) = rest.split_at_mut(dimension - first);
        if !(column[0] > 0.0 && column[0].is_finite()) {
            return false;
        }
        let root = math::sqrt(column[0]);
        column[0] = root;
        for entry in &mut column[1..] {
            *entry /= root;
        }
        // What the later columns lose to this one.
        let below = &column[1..];
        for place in 0..below.len() {
            let (later, further) = after.split_at_mut(below.len() - place);
            add_scaled(later, -below[place], &below[place..]);
            after = further;
        }
        rest = &mut rest[dimension - first..];
    }
    true
}

/// Makes `factor` the Cholesky factor of L Lᵀ + row rowᵀ; `row` is used up.
///
/// Gill, Golub, Murray, Saunders (1974), "Methods for modifying matrix
/// factorizations", <https://doi.org/10.1090/S0025-5718-1974-0343558-6>: plane
/// rotations, so that the diagonal only grows.
pub fn update_factor(factor: &mut [f64], row: &mut [f64]) {
    let mut rest = factor;
    for first in 0..row.len() {
        let (column, after) = rest.split_at_mut(row.len() - first);
        let entry = row[first];
        if entry != 0.0 {
            let diagonal = column[0];
            let radius = math::sqrt(diagonal * diagonal + entry * entry);
            let (cosine, sine) = (diagonal / radius, entry / radius);
            column[0] = radius;
            for (lower, entry) in column[1..].iter_mut().zip(&mut row[first + 1..]) {
                let rotated = cosine * *lower + sine * *entry;
                *entry = cosine * *entry - sine * *lower;
                *lower = rotated;
            }
        }
        rest = after;
    }
}

/// `vector` becomes L⁻¹ `vector`.
pub fn solve_lower(factor: &[f64], vector: &mut [f64]) {
    solve_lower_each([factor], [vector]);
}

/// The same for vectors of one dimension, each with a factor of its own, side by
/// side: one alone is a chain of divisions that wait for each other.
pub fn solve_lower_each<const N: usize>(factors: [&[f64]; N], mut vectors: [&mut [f64]; N]) {
    let dimension = vectors.first().map_or(0, |vector| vector.len());
    let mut start = 0;
    for first in 0..dimension {
        let end = start + dimension - first;
        for (factor, vector) in factors.iter().zip(&mut vectors) {
            let column = &factor[start..end];
            let solved = vector[first] / column[0];
            vector[first] = solved;
            if solved != 0.0 {
                add_scaled(&mut vector[first + 1..], -solved, &column[1..]);
            }
        }
        start = end;
    }
}

/// `vector` becomes L⁻ᵀ `vector`.
pub fn solve_upper(factor: &[f64], vector: &mut [f64]) {
    solve_upper_each(factor, [vector]);
}

/// The same for vectors of one dimension, side by side.
pub fn solve_upper_each<const N: usize>(factor: &[f64], mut vectors: [&mut [f64]; N]) {
    let dimension = vectors.first().map_or(0, |vector| vector.len());
    let mut end = packed_length(dimension);
    for first in (0..dimension).rev() {
        let column = &factor[end - (dimension - first)..end];
        for vector in &mut vectors {
            let known = dot(&column[1..], &vector[first + 1..]);
            vector[first] = (vector[first] - known) / column[0];
        }
        end -= dimension - first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The matrix [[4, 2, −2], [2, 10, 2], [−2, 2, 6]] has the factor
    /// [[2, 0, 0], [1, 3, 0], [−1, 1, 2]].
    #[test]
    fn a_factor_by_hand() {
        let mut matrix = [4.0, 2.0, -2.0, 10.0, 2.0, 6.0];
        assert!(factorise(&mut matrix, 3));
        assert_eq!(matrix, [2.0, 1.0, -1.0, 3.0, 1.0, 2.0]);
        let mut vector = [2.0, 4.0, 3.0];
        solve_lower(&matrix, &mut vector);
        assert_eq!(vector, [1.0, 1.0, 1.5]);
        solve_upper(&matrix, &mut vector);
        assert_eq!(vector, [(1.0 - 1.0 / 12.0 + 0.75) / 2.0, 1.0 / 12.0, 0.75]);
        let mut updated = matrix;
        update_factor(&mut updated, &mut [3.0, -1.0, 0.5]);
        let mut fresh = [4.0, 2.0, -2.0, 10.0, 2.0, 6.0];
        add_outer(&mut fresh, &[3.0, -1.0, 0.5], 1.0);
        assert!(factorise(&mut fresh, 3));
        for (one, other) in updated.iter().zip(&fresh) {
            assert!((one - other).abs() < 1e-14, "{updated:?} {fresh:?}");
        }
    }

    #[test]
    fn what_is_not_positive_definite_is_told() {
        assert!(!factorise(&mut [1.0, 2.0, 1.0], 2));
        assert!(!factorise(&mut [f64::NAN], 1));
        assert!(!factorise(&mut [f64::INFINITY], 1));
    }

    #[test]
    fn a_dot_product_takes_every_entry_once() {
        let numbers: Vec<f64> = (1..=11).map(f64::from).collect();
        for length in 0..=11usize {
            let exact = (length * (length + 1) * (2 * length + 1) / 6) as f64;
            assert_eq!(dot(&numbers[..length], &numbers[..length]), exact);
        }
    }
}
