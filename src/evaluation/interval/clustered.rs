//! Student's t where rounds of the same shopper have to do with each other: the
//! standard error comes from groups of whole shoppers.
//!
//! Kott (2001), "The delete-a-group jackknife", Journal of Official Statistics
//! 17(4), 521–526; Wolter (2007), "Introduction to variance estimation", chapter
//! 2, <https://doi.org/10.1007/978-0-387-35099-8>: random groups. With one shopper
//! a group it is the cluster-robust error of Liang, Zeger (1986),
//! <https://doi.org/10.1093/biomet/73.1.13>.
//!
//! A shopper falls into one of [`GROUPS`] groups by a hash of the number, always
//! into the same. With the estimate's gradient g over the means m of its terms,
//! group k has the influence Iₖ = g·Σ(x − m) over its rounds, and
//!
//! variance = K/(K − 1) · ΣIₖ² / n²,   K − 1 degrees of freedom,
//!
//! where K counts the groups that have a round. Holds for a number of shoppers
//! that is large, or K that is small and groups that are alike; few shoppers give
//! few degrees of freedom and so a wide interval. Constant memory, any order,
//! merges. Costs an addition a term and round.

use super::super::estimator::{Accumulator, Estimator};
use super::super::logged::{MissingColumn, Rounds};
use super::super::moments::MOST_TERMS;
use super::super::quantile::student_two_sided;
use super::super::reward_model::fold_of;
use super::{Ends, Level};
use crate::domain::math;

/// How many groups there are: the standard error is then known to some 2 %.
pub const GROUPS: usize = 1_024;

/// Which group a shopper falls into.
#[must_use]
pub fn group_of(shopper: u64) -> u32 {
    u32::try_from(fold_of(shopper, GROUPS)).unwrap_or_default()
}

/// Which group each of a batch's shoppers falls into.
#[must_use]
pub fn groups_of(shoppers: &[u64]) -> Vec<u32> {
    shoppers.iter().copied().map(group_of).collect()
}

/// How many entries each group has, and the sums of their terms.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupSums(Vec<(f64, [f64; MOST_TERMS])>);

impl Default for GroupSums {
    fn default() -> Self {
        Self(vec![(0.0, [0.0; MOST_TERMS]); GROUPS])
    }
}

impl GroupSums {
    /// Adds an entry's terms to a group.
    ///
    /// # Panics
    /// When there is no such group.
    pub fn add(&mut self, group: u32, terms: &[f64; MOST_TERMS]) {
        let (count, sums) = &mut self.0[group as usize];
        *count += 1.0;
        for (sum, term) in sums.iter_mut().zip(terms) {
            *sum += term;
        }
    }

    /// Adds what another pass saw.
    pub fn merge(&mut self, other: &Self) {
        for ((count, sums), (more, others)) in self.0.iter_mut().zip(&other.0) {
            *count += more;
            for (sum, other) in sums.iter_mut().zip(others) {
                *sum += other;
            }
        }
    }

    /// The interval of an estimate that is `value` of the means of the first
    /// `terms` terms, with `gradient` there; `None` where all entries are of one
    /// group or the estimate is not defined.
    #[must_use]
    pub fn ends(
        &self,
        level: Level,
        terms: usize,
        value: impl Fn(&[f64]) -> Option<f64>,
        gradient: impl Fn(&[f64]) -> [f64; MOST_TERMS],
    ) -> Option<Ends> {
        let (mut entries, mut groups, mut means) = (0.0, 0.0, [0.0; MOST_TERMS]);
        for (count, sums) in self.0.iter().filter(|(count, _)| *count > 0.0) {
            entries += count;
            groups += 1.0;
            for (mean, sum) in means.iter_mut().zip(sums) {
                *mean += sum;
            }
        }
        if !(groups > 1.0) {
            return None;
        }
        means.iter_mut().for_each(|mean| *mean /= entries);
        let value = value(&means[..terms])?;
        let gradient = gradient(&means[..terms]);
        let squares = self.0.iter().map(|(count, sums)| {
            let parts = sums.iter().zip(means).zip(gradient).take(terms);
            let influence: f64 = parts
                .map(|((sum, mean), slope)| slope * (sum - count * mean))
                .sum();
            influence * influence
        });
        let variance = groups / (groups - 1.0) * squares.sum::<f64>();
        let error = math::sqrt(variance) / entries;
        let half = student_two_sided(level.get(), groups - 1.0)? * error;
        Ends::new(value - half, value + half)
    }
}

/// One estimator's terms, summed group by group.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupedTerms {
    estimator: Estimator,
    sums: GroupSums,
}

impl GroupedTerms {
    /// Nothing seen yet; `None` of an estimator without a formula.
    #[must_use]
    pub fn new(estimator: Estimator) -> Option<Self> {
        estimator.formula()?;
        Some(Self {
            estimator,
            sums: GroupSums::default(),
        })
    }

    /// The estimator.
    #[must_use]
    pub const fn estimator(&self) -> Estimator {
        self.estimator
    }

    /// Adds a batch whose rounds fall into `groups`.
    ///
    /// # Errors
    /// When the log lacks a column that the estimator reads.
    ///
    /// # Panics
    /// When there is not one group a round.
    pub fn add(&mut self, rounds: &Rounds, groups: &[u32]) -> Result<(), MissingColumn> {
        assert_eq!(groups.len(), rounds.len(), "every round has a group");
        let Some(formula) = self.estimator.formula() else {
            return Ok(());
        };
        let (sums, mut start) = (&mut self.sums, 0);
        Accumulator::for_each_chunk(formula, rounds, |columns, rows| {
            for (row, group) in groups[start..start + rows].iter().enumerate() {
                let terms = std::array::from_fn(|term| columns[term][row]);
                sums.add(*group, &terms);
            }
            start += rows;
        })
    }

    /// Adds what another pass saw of the same estimator; another's is left.
    pub fn merge(&mut self, other: &Self) {
        if self.estimator == other.estimator {
            self.sums.merge(&other.sums);
        }
    }

    /// value ± t·SE; `None` where there is no standard error.
    #[must_use]
    pub fn ends(&self, level: Level) -> Option<Ends> {
        let formula = self.estimator.formula()?;
        let value = |means: &[f64]| formula.value(means);
        let gradient = |means: &[f64]| formula.gradient(means);
        self.sums.ends(level, formula.terms(), value, gradient)
    }
}
