//! How well clusters stand apart.
//!
//! Rousseeuw (1987), "Silhouettes: a graphical aid to the interpretation and
//! validation of cluster analysis",
//! <https://doi.org/10.1016/0377-0427(87)90125-7>: a row's s is (b − a) / max(a, b),
//! with a its mean distance from the other rows of its cluster and b the least
//! mean distance from the rows of another; 0 where it is alone in its cluster. The
//! mean of s is from −1 to 1, higher being better apart. n²d/2 multiplications,
//! for all clusterings of the same rows together.

use super::k_means::{Rows, squared_distance};
use crate::domain::math;

/// The mean silhouette of each of several clusterings of the same rows; `None` of
/// one with fewer than 2 clusters that have rows.
///
/// # Panics
/// When a clustering has not one cluster a row, which is an error of the caller.
#[must_use]
pub fn mean_silhouettes(rows: Rows<'_>, clusterings: &[&[usize]]) -> Vec<Option<f64>> {
    assert!(
        clusterings
            .iter()
            .all(|of_rows| of_rows.len() == rows.count()),
        "each row has a cluster"
    );
    let sizes: Vec<Vec<usize>> = clusterings.iter().map(|of_rows| sizes(of_rows)).collect();
    let mut sums: Vec<f64> = vec![0.0; clusterings.len()];
    let mut distances: Vec<Vec<f64>> = sizes.iter().map(|sizes| vec![0.0; sizes.len()]).collect();
    for row in 0..rows.count() {
        distances
            .iter_mut()
            .for_each(|to_clusters| to_clusters.fill(0.0));
        for other in 0..rows.count() {
            let distance = math::sqrt(squared_distance(rows.row(row), rows.row(other)));
            for (to_clusters, of_rows) in distances.iter_mut().zip(clusterings) {
                to_clusters[of_rows[other]] += distance;
            }
        }
        for (number, sum) in sums.iter_mut().enumerate() {
            *sum += silhouette(clusterings[number][row], &distances[number], &sizes[number]);
        }
    }
    let is_told = |sizes: &[usize]| sizes.iter().filter(|size| **size > 0).count() >= 2;
    let both = sums.iter().zip(&sizes);
    #[allow(clippy::cast_precision_loss)] // a sample's rows
    both.map(|(sum, sizes)| is_told(sizes).then(|| sum / rows.count() as f64))
        .collect()
}

fn sizes(of_rows: &[usize]) -> Vec<usize> {
    let clusters = of_rows.iter().max().map_or(0, |last| last + 1);
    let mut sizes = vec![0; clusters];
    of_rows.iter().for_each(|of_row| sizes[*of_row] += 1);
    sizes
}

/// A row's s, from the sums of its distances to the rows of each cluster.
#[allow(clippy::cast_precision_loss)] // a sample's rows
fn silhouette(own: usize, distances: &[f64], sizes: &[usize]) -> f64 {
    if sizes[own] < 2 {
        return 0.0;
    }
    let within = distances[own] / (sizes[own] - 1) as f64;
    let others = distances.iter().zip(sizes).enumerate();
    let nearest = others
        .filter(|(cluster, (_, size))| *cluster != own && **size > 0)
        .map(|(_, (distance, size))| distance / *size as f64)
        .fold(f64::INFINITY, f64::min);
    let largest = within.max(nearest);
    // All at one place, or one cluster.
    if largest > 0.0 && largest.is_finite() {
        (nearest - within) / largest
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows 0, 1 | 4, 6: s of 0 is (5 − 1)/5, of 1 (4 − 1)/4, of 4 (3.5 − 2)/3.5, of
    /// 6 (5.5 − 2)/5.5. With 0 alone: 0 of it; then a of 1 is 4, b is 1, and so on.
    #[test]
    fn silhouettes_by_hand() {
        let entries = [0.0, 1.0, 4.0, 6.0];
        let found = mean_silhouettes(
            Rows::new(1, &entries),
            &[&[0, 0, 1, 1], &[1, 0, 0, 0], &[0, 0, 0, 0]],
        );
        let expected = (0.8 + 0.75 + 1.5 / 3.5 + 3.5 / 5.5) / 4.0;
        assert!((found[0].unwrap() - expected).abs() < 1e-15);
        let alone = (0.0 - 0.75 + (4.0 - 2.5) / 4.0 + (6.0 - 3.5) / 6.0) / 4.0;
        assert!(
            (found[1].unwrap() - alone).abs() < 1e-15,
            "{found:?} {alone}"
        );
        assert_eq!(found[2], None);
    }
}
