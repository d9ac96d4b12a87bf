//! Each cell's mean so far, drawn a little toward the mean of all.
//!
//! A cell is an action at a position, or whatever else rounds are told apart
//! by. With S the sum of n rewards in \[0, 1\] of a cell and m the mean of all so
//! far, the prediction is (S + m) / (n + 1), and m itself begins at ½ with the
//! weight of one round. So predictions lie in \[0, 1\] and know nothing of the
//! round that they are made for.

/// What was seen of each cell.
#[derive(Debug, Clone, PartialEq)]
pub struct RunningMeans {
    /// Sum and count.
    cells: Vec<(f64, f64)>,
    sum: f64,
    count: f64,
}

impl RunningMeans {
    /// Nothing seen yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            cells: Vec::new(),
            sum: 0.5,
            count: 1.0,
        }
    }

    /// The prediction of a cell, in \[0, 1\].
    #[must_use]
    pub fn predict(&self, cell: usize) -> f64 {
        let (sum, count) = self.cells.get(cell).copied().unwrap_or_default();
        (sum + self.sum / self.count) / (count + 1.0)
    }

    /// Learns a reward in \[0, 1\].
    pub fn learn(&mut self, cell: usize, reward: f64) {
        if cell >= self.cells.len() {
            self.cells.resize(cell + 1, (0.0, 0.0));
        }
        let (sum, count) = &mut self.cells[cell];
        *sum += reward;
        *count += 1.0;
        self.sum += reward;
        self.count += 1.0;
    }
}

impl Default for RunningMeans {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_start_even_and_follow_the_cell() {
        let mut means = RunningMeans::new();
        assert_eq!(means.predict(3), 0.5);
        for _ in 0..99 {
            means.learn(1, 0.0);
        }
        means.learn(0, 1.0);
        // All: 1.5 of 101. Cell 0: one reward of 1, and the mean of all.
        let mean = 1.5 / 101.0;
        assert!((means.predict(0) - (1.0 + mean) / 2.0).abs() < 1e-15);
        assert!((means.predict(1) - mean / 100.0).abs() < 1e-15);
        assert!((means.predict(7) - mean).abs() < 1e-15);
    }
}
