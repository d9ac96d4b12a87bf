//! Means and second moments of a few columns, in one pass and mergeable.
//!
//! Chan, Golub, LeVeque (1983), "Algorithms for computing the sample
//! variance", <https://doi.org/10.1080/00031305.1983.10483115>: each chunk is
//! summed about the mean of those before it, and chunks are put together by
//! their equation for pairs. Nothing cancels, whatever the mean: where a chunk's
//! mean is far from that of those before, so are the rows of the whole from each
//! other.

/// The most columns.
pub const MOST_TERMS: usize = 3;
pub use super::columns::CHUNK;
use super::columns::sums;

/// One chunk of columns.
pub type Terms = [[f64; CHUNK]; MOST_TERMS];

/// n, the means m and the centred products Σ (x − m)(y − m) of up to
/// [`MOST_TERMS`] columns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    terms: usize,
    count: u64,
    mean: [f64; MOST_TERMS],
    product: [[f64; MOST_TERMS]; MOST_TERMS],
}

#[allow(clippy::cast_precision_loss)] // no log has 2^53 rounds
fn real(count: u64) -> f64 {
    count as f64
}

impl Moments {
    /// Of nothing yet.
    ///
    /// # Panics
    /// When there are to be more than [`MOST_TERMS`] columns.
    #[must_use]
    pub fn new(terms: usize) -> Self {
        assert!(
            terms <= MOST_TERMS,
            "{terms} columns are more than {MOST_TERMS}"
        );
        Self {
            terms,
            count: 0,
            mean: [0.0; MOST_TERMS],
            product: [[0.0; MOST_TERMS]; MOST_TERMS],
        }
    }

    /// Adds the first `rows` rows of a chunk.
    pub fn add(&mut self, columns: &Terms, rows: usize) {
        let rows = rows.min(CHUNK);
        if rows == 0 {
            return;
        }
        let chunk = self.chunk(columns, rows);
        self.merge(&chunk);
    }

    /// The moments of a chunk alone. Deviations are from the mean of what was seen
    /// before it, so that one reading tells the mean as well; how far the chunk's own
    /// mean is from that one is taken off afterwards.
    fn chunk(&self, columns: &Terms, rows: usize) -> Self {
        let mut chunk = Self::new(self.terms);
        chunk.count = rows as u64;
        let count = real(chunk.count);
        let mut about = self.mean;
        if self.count == 0 {
            for (about, column) in about.iter_mut().zip(columns) {
                *about = column[0];
            }
        }
        let mut gaps = [0.0; MOST_TERMS];
        for first in 0..self.terms {
            let (x, mean_x) = (&columns[first][..rows], about[first]);
            let [gap] = sums(x, x, |x, _| [x - mean_x]);
            gaps[first] = gap / count;
            chunk.mean[first] = mean_x + gaps[first];
            for second in 0..=first {
                let (y, mean_y) = (&columns[second][..rows], about[second]);
                let [product] = sums(x, y, |x, y| [(x - mean_x) * (y - mean_y)]);
                let product = product - gap * gaps[second];
                chunk.product[first][second] = product;
                chunk.product[second][first] = product;
            }
        }
        chunk
    }

    /// Adds what another pass saw.
    ///
    /// # Panics
    /// When the two are of different columns, which is an error of the caller.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(self.terms, other.terms, "moments of the same columns merge");
        if other.count == 0 {
            return;
        }
        let (ours, theirs) = (real(self.count), real(other.count));
        let both = ours + theirs;
        let mut gap = [0.0; MOST_TERMS];
        for (term, gap) in gap.iter_mut().enumerate() {
            *gap = other.mean[term] - self.mean[term];
        }
        for first in 0..self.terms {
            for second in 0..self.terms {
                self.product[first][second] += other.product[first][second]
                    + gap[first] * gap[second] * (ours * theirs / both);
            }
        }
        for (mean, gap) in self.mean.iter_mut().zip(gap) {
            *mean += gap * (theirs / both);
        }
        self.count += other.count;
    }

    /// How many rows were added.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The means; `None` of nothing.
    #[must_use]
    pub fn means(&self) -> Option<&[f64]> {
        (self.count > 0).then(|| &self.mean[..self.terms])
    }

    /// The sample variance (divisor n − 1) of the columns' sum weighted by
    /// `weights`; `None` below 2 rows.
    #[must_use]
    pub fn variance_along(&self, weights: &[f64]) -> Option<f64> {
        if self.count < 2 {
            return None;
        }
        let mut total = 0.0;
        for (first, row) in weights.iter().zip(&self.product) {
            for (second, product) in weights.iter().zip(row) {
                total += first * second * product;
            }
        }
        Some((total / real(self.count - 1)).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::random::Generator;

    fn chunks(rows: usize) -> Vec<(Box<Terms>, usize)> {
        let mut generator = Generator::from_seed(5);
        let mut left = rows;
        let mut chunks = Vec::new();
        while left > 0 {
            let mut terms = Box::new([[0.0; CHUNK]; MOST_TERMS]);
            for column in terms.iter_mut() {
                column.fill_with(|| 1e6 + generator.next_uniform());
            }
            chunks.push((terms, left.min(CHUNK)));
            left -= left.min(CHUNK);
        }
        chunks
    }

    #[test]
    fn parts_that_merge_equal_one_pass() {
        let chunks = chunks(5_003);
        let mut whole = Moments::new(3);
        let mut parts = [Moments::new(3), Moments::new(3)];
        for (index, (terms, rows)) in chunks.iter().enumerate() {
            whole.add(terms, *rows);
            parts[index % 2].add(terms, *rows);
        }
        let [mut merged, second] = parts;
        merged.merge(&second);
        assert_eq!(merged.count(), 5_003);
        for (ours, theirs) in merged.means().unwrap().iter().zip(whole.means().unwrap()) {
            assert!((ours - theirs).abs() < 1e-6);
        }
        for weights in [[1.0, 0.0, 0.0], [1.0, -2.0, 0.5]] {
            let ours = merged.variance_along(&weights).unwrap();
            let theirs = whole.variance_along(&weights).unwrap();
            assert!((ours / theirs - 1.0).abs() < 1e-9, "{ours} is not {theirs}");
        }
        // The uniform distribution's variance, though the mean is 10^6.
        assert!((whole.variance_along(&[1.0, 0.0, 0.0]).unwrap() - 1.0 / 12.0).abs() < 0.005);
    }

    #[test]
    fn nothing_has_no_mean_and_one_has_no_variance() {
        let mut moments = Moments::new(1);
        assert_eq!(moments.means(), None);
        moments.add(&[[2.0; CHUNK]; MOST_TERMS], 1);
        assert_eq!(moments.means(), Some(&[2.0][..]));
        assert_eq!(moments.variance_along(&[1.0]), None);
    }
}
