//! How well scores tell those who respond from those who do not.
//!
//! The area under the receiver operating characteristic is the chance that one
//! who responded has a higher score than one who did not, ties counting half:
//! Hanley, McNeil (1982), <https://doi.org/10.1148/radiology.143.1.7063747>; by
//! ranks, in n ln n.

use crate::domain::math;

/// What came of rows whose response is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// Responses that were foreseen.
    pub true_positives: u64,
    /// Responses that were foreseen and did not come.
    pub false_positives: u64,
    /// Rows without a response, as foreseen.
    pub true_negatives: u64,
    /// Responses that were not foreseen.
    pub false_negatives: u64,
    /// The area under the curve; `None` of rows of one class.
    pub area_under_curve: Option<f64>,
    /// The mean of −ln of the probability of what came.
    pub log_loss: f64,
}

impl Quality {
    /// Of rows' scores, the logits of their probabilities: a response is foreseen
    /// where it is above 0. `None` without rows.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // far fewer rows than 2^53
    pub fn of(rows: &[(f64, bool)]) -> Option<Self> {
        if rows.is_empty() {
            return None;
        }
        let count = |foreseen: bool, came: bool| {
            let is_such = |row: &&(f64, bool)| (row.0 > 0.0) == foreseen && row.1 == came;
            rows.iter().filter(is_such).count() as u64
        };
        let loss = rows
            .iter()
            .map(|(score, came)| -math::ln_logistic(if *came { *score } else { -score }));
        Some(Self {
            true_positives: count(true, true),
            false_positives: count(true, false),
            true_negatives: count(false, false),
            false_negatives: count(false, true),
            area_under_curve: area_under_curve(rows),
            log_loss: loss.sum::<f64>() / rows.len() as f64,
        })
    }

    /// The share of rows that were foreseen rightly.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        let right = self.true_positives + self.true_negatives;
        let wrong = self.false_positives + self.false_negatives;
        share(right, right + wrong).unwrap_or(0.0)
    }

    /// Of the responses that were foreseen, the share that came; `None` when
    /// none was foreseen.
    #[must_use]
    pub fn precision(&self) -> Option<f64> {
        share(
            self.true_positives,
            self.true_positives + self.false_positives,
        )
    }

    /// Of the responses that came, the share that was foreseen; `None` when none
    /// came.
    #[must_use]
    pub fn recall(&self) -> Option<f64> {
        share(
            self.true_positives,
            self.true_positives + self.false_negatives,
        )
    }

    /// The harmonic mean of precision and recall; `None` when nothing was
    /// foreseen and nothing came.
    #[must_use]
    pub fn f1(&self) -> Option<f64> {
        let right = 2 * self.true_positives;
        share(right, right + self.false_positives + self.false_negatives)
    }
}

#[allow(clippy::cast_precision_loss)] // counts of rows
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[allow(clippy::cast_precision_loss)] // counts of rows
fn area_under_curve(rows: &[(f64, bool)]) -> Option<f64> {
    let mut sorted = rows.to_vec();
    sorted.sort_by(|left, right| left.0.total_cmp(&right.0));
    let came = rows.iter().filter(|row| row.1).count() as f64;
    let other = rows.len() as f64 - came;
    if came == 0.0 || other == 0.0 {
        return None;
    }
    let (mut below, mut pairs) = (0.0, 0.0);
    for tied in sorted.chunk_by(|left, right| left.0 == right.0) {
        let came = tied.iter().filter(|row| row.1).count() as f64;
        let other = tied.len() as f64 - came;
        pairs += came * (below + 0.5 * other);
        below += other;
    }
    Some(pairs / (came * other))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the 3 · 2 pairs four are in order and one is tied.
    #[test]
    fn measures_by_hand() {
        let rows = [
            (2.0, true),
            (0.5, false),
            (0.5, true),
            (-1.0, true),
            (-3.0, false),
        ];
        let quality = Quality::of(&rows).unwrap();
        assert_eq!(quality.area_under_curve, Some(4.5 / 6.0));
        assert_eq!(quality.accuracy(), 0.6);
        assert_eq!(quality.precision(), Some(2.0 / 3.0));
        assert_eq!(quality.recall(), Some(2.0 / 3.0));
        assert_eq!(quality.f1(), Some(2.0 / 3.0));
        let loss = [
            (2.0, 1.0),
            (0.5, -1.0),
            (0.5, 1.0),
            (-1.0, 1.0),
            (-3.0, -1.0),
        ]
        .iter()
        .map(|(score, sign): &(f64, f64)| math::ln_1p(math::exp(-score * sign)));
        assert!((quality.log_loss - loss.sum::<f64>() / 5.0).abs() < 1e-15);
    }

    #[test]
    fn what_nothing_tells_is_none() {
        assert_eq!(Quality::of(&[]), None);
        let quality = Quality::of(&[(-1.0, false), (-2.0, false)]).unwrap();
        assert_eq!(quality.area_under_curve, None);
        assert_eq!(
            (quality.precision(), quality.recall(), quality.f1()),
            (None, None, None)
        );
        assert_eq!(quality.accuracy(), 1.0);
    }

    /// Scores of which the logistic function is 1 are still told apart.
    #[test]
    fn far_scores_are_ranked() {
        let quality = Quality::of(&[(50.0, false), (60.0, true)]).unwrap();
        assert_eq!(quality.area_under_curve, Some(1.0));
    }
}
