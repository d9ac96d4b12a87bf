//! What a simulated log is like: which positions, how it was logged, what the
//! actions earn, what the target chooses.

use thiserror::Error;

use super::super::target::TargetTable;

/// The most places of a table that is simulated.
const MOST_CELLS: usize = 100_000;

/// Positions with their shares; for each position and action the logging
/// probability and the rate of success; the target. Logging probabilities are
/// above 0 wherever the target's are.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    target: TargetTable,
    /// Σ of the shares up to each position.
    shares: Vec<f64>,
    logging: Vec<f64>,
    rates: Vec<f64>,
}

/// Why there is nothing to simulate.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum NotAShape {
    /// No round, so no rate.
    #[error("the log has no round")]
    NoRounds,
    /// The target differs from round to round.
    #[error("the target is no table over positions and actions")]
    NoTable,
    /// Too large a table.
    #[error("the target has {0} actions at positions, at most {MOST_CELLS} are simulated")]
    TooLarge(usize),
    /// The target chooses what was never logged.
    #[error(
        "the target chooses action {action} at position {position} with {probability}, which the log \
         never shows there: no simulated log would hold the truth"
    )]
    Unsupported {
        /// Which action, from 0.
        action: usize,
        /// Which position, from 0.
        position: usize,
        /// The target's probability.
        probability: f64,
    },
}

impl Shape {
    /// From tables laid out as the target's: position by position, action by
    /// action. `shares`, one a position, need not sum to 1.
    ///
    /// # Errors
    /// When the target chooses what is never logged.
    ///
    /// # Panics
    /// When tables are not as large as the target, which is an error of the
    /// caller.
    pub fn new(
        target: TargetTable,
        shares: &[f64],
        logging: Vec<f64>,
        rates: Vec<f64>,
    ) -> Result<Self, NotAShape> {
        let cells = target.actions() * target.positions();
        assert!(
            shares.len() == target.positions() && logging.len() == cells && rates.len() == cells,
            "tables of a shape are as large as its target"
        );
        if cells > MOST_CELLS {
            return Err(NotAShape::TooLarge(cells));
        }
        let total: f64 = shares.iter().sum();
        if !(total > 0.0) {
            return Err(NotAShape::NoRounds);
        }
        for position in (0..target.positions()).filter(|position| shares[*position] > 0.0) {
            for (action, probability) in target.at(position).iter().enumerate() {
                if *probability > 0.0 && !(logging[position * target.actions() + action] > 0.0) {
                    return Err(NotAShape::Unsupported {
                        action,
                        position,
                        probability: *probability,
                    });
                }
            }
        }
        let mut sum = 0.0;
        let shares = shares.iter().map(|share| {
            sum += share / total;
            sum
        });
        Ok(Self {
            shares: shares.collect(),
            target,
            logging,
            rates,
        })
    }

    /// From what a log was like, place by place of the target's table: how many
    /// rounds, and the sum of their rewards, scaled to [0, 1]. How often an
    /// action was logged at its position is its logging probability; its mean
    /// reward, drawn toward the mean of all by the weight of one round, is its
    /// rate.
    ///
    /// # Errors
    /// When there is no round, or the target chooses what was never logged.
    pub fn of_log(target: TargetTable, places: &[(f64, f64)]) -> Result<Self, NotAShape> {
        let total = |pairs: &[(f64, f64)]| {
            let sum = |(n, s): (f64, f64), (rounds, sum): &(f64, f64)| (n + rounds, s + sum);
            pairs.iter().fold((0.0, 0.0), sum)
        };
        let (rounds, sum) = total(places);
        if !(rounds > 0.0) {
            return Err(NotAShape::NoRounds);
        }
        let mean = sum / rounds;
        let positions = places.chunks(target.actions());
        let shares: Vec<f64> = positions.map(|places| total(places).0).collect();
        let logging = places.iter().enumerate().map(|(place, (rounds, _))| {
            let share = shares[place / target.actions()];
            if share > 0.0 { rounds / share } else { 0.0 }
        });
        let logging = logging.collect();
        let rates = places
            .iter()
            .map(|(rounds, sum)| (sum + mean) / (rounds + 1.0));
        Self::new(target, &shares, logging, rates.collect())
    }

    /// The target.
    #[must_use]
    pub const fn target(&self) -> &TargetTable {
        &self.target
    }

    /// The position that comes at `uniform`, in [0, 1).
    pub(super) fn position(&self, uniform: f64) -> usize {
        let place = self.shares.partition_point(|sum| *sum <= uniform);
        // Rounding may leave the last sum a hair below 1.
        place.min(self.shares.len() - 1)
    }

    /// The logging policy's probabilities at a position.
    pub(super) fn logging(&self, position: usize) -> &[f64] {
        let actions = self.target.actions();
        &self.logging[position * actions..][..actions]
    }

    /// The rate of success of an action at a position.
    pub(super) fn rate(&self, position: usize, action: usize) -> f64 {
        self.rates[position * self.target.actions() + action]
    }

    /// The target's rate of success.
    #[must_use]
    pub fn truth(&self) -> f64 {
        let mut before = 0.0;
        let mut truth = 0.0;
        for (position, sum) in self.shares.iter().enumerate() {
            let rates = &self.rates[position * self.target.actions()..];
            let here = self.target.at(position).iter().zip(rates);
            let here: f64 = here.map(|(probability, rate)| probability * rate).sum();
            truth += (sum - before) * here / self.target.total(position);
            before = *sum;
        }
        truth
    }
}

/// A position as logs number it.
pub(super) fn number(place: usize) -> u32 {
    u32::try_from(place).expect("a shape has fewer places than 2^32")
}
