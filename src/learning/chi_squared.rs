//! Whether counts are those of draws with given probabilities: for tests.

use crate::domain::math;

/// The quantile of chi-squared with `degrees` degrees of freedom that a standard
/// normal variable exceeds `deviations` with the same probability: Wilson,
/// Hilferty (1931), <https://doi.org/10.1073/pnas.17.12.684>.
pub fn limit(degrees: f64, deviations: f64) -> f64 {
    let spread = 2.0 / (9.0 * degrees);
    let root = 1.0 - spread + deviations * math::sqrt(spread);
    degrees * root * root * root
}

/// The statistic and its degrees of freedom; cells that expect fewer than 10
/// are taken together.
pub fn statistic(counts: &[u64], probabilities: &[f64]) -> (f64, f64) {
    let draws = counts.iter().sum::<u64>() as f64;
    let mut cells: Vec<(f64, f64)> = Vec::new();
    let mut rare = (0.0, 0.0);
    for (count, probability) in counts.iter().zip(probabilities) {
        let cell = (*count as f64, probability * draws);
        if cell.1 < 10.0 {
            rare = (rare.0 + cell.0, rare.1 + cell.1);
        } else {
            cells.push(cell);
        }
    }
    if rare.1 >= 1.0 {
        cells.push(rare);
    } else {
        assert!(
            rare.0 <= 12.0,
            "{} draws of what is next to impossible",
            rare.0
        );
    }
    let terms = cells
        .iter()
        .map(|(seen, expected)| (seen - expected) * (seen - expected) / expected);
    (terms.sum(), cells.len() as f64 - 1.0)
}
