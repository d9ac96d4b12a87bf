//! A classified data set as a bandit: the features are a row's, the offers are
//! the classes, and the right one earns 1. Each row comes once.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;

use super::MOST_ARMS;
use crate::domain::random::Generator;
use crate::simulation::ScenarioError;

/// As written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassificationDocument {
    /// The file of the rows: a column `label` and one column a feature, as CSV
    /// or Parquet.
    pub data: String,
    /// The file of the visiting orders: a column `seed_N` a seed, row numbers
    /// from 0. Each seed shuffles for itself where there is none.
    pub order: Option<String>,
}

/// A data set and in which orders its rows may come.
#[derive(Clone, PartialEq)]
pub struct LabelledRows {
    /// Features of one row, at least 1.
    dimension: usize,
    /// All rows' features, row after row.
    features: Vec<f64>,
    /// Each row's class, from 0.
    labels: Vec<usize>,
    classes: usize,
    /// By seed, when orders were given.
    orders: Option<Vec<(u64, Vec<usize>)>>,
}

impl fmt::Debug for LabelledRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, features, classes) = (self.labels.len(), self.dimension, self.classes);
        write!(
            f,
            "LabelledRows({rows} rows, {features} features, {classes} classes)"
        )
    }
}

impl LabelledRows {
    /// # Errors
    /// In words: no row, no feature, fewer than 2 classes or more than 1,000, a
    /// number that is not finite, an order that names a row that is not there
    /// or has fewer than all of them.
    pub fn new(
        dimension: usize,
        features: Vec<f64>,
        labels: Vec<usize>,
        orders: Option<Vec<(u64, Vec<usize>)>>,
    ) -> Result<Self, String> {
        let rows = labels.len();
        if rows == 0 || dimension == 0 || features.len() != rows * dimension {
            return Err(format!(
                "{rows} rows of {dimension} features are no data set"
            ));
        }
        if let Some(place) = features.iter().position(|value| !value.is_finite()) {
            let (row, column, value) = (place / dimension, place % dimension, features[place]);
            return Err(format!(
                "feature {column} of row {row} is {value}, it must be finite"
            ));
        }
        let classes = labels.iter().max().map_or(0, |most| most + 1);
        if !(2..=MOST_ARMS).contains(&classes) {
            return Err(format!(
                "there are {classes} classes, there must be from 2 to {MOST_ARMS}"
            ));
        }
        for (seed, order) in orders.iter().flatten() {
            if order.len() < rows {
                return Err(format!(
                    "the order of seed {seed} has {} entries, the data set {rows} rows",
                    order.len()
                ));
            }
            if let Some(row) = order.iter().find(|row| **row >= rows) {
                return Err(format!(
                    "the order of seed {seed} names row {row}, the last one is {}",
                    rows - 1
                ));
            }
        }
        Ok(Self {
            dimension,
            features,
            labels,
            classes,
            orders,
        })
    }

    fn row(&self, row: usize) -> &[f64] {
        &self.features[row * self.dimension..(row + 1) * self.dimension]
    }
}

/// The checked environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Classification {
    rows: Arc<LabelledRows>,
}

impl Classification {
    pub(super) const fn new(rows: Arc<LabelledRows>) -> Self {
        Self { rows }
    }

    #[allow(clippy::cast_possible_truncation)] // at most MOST_ARMS
    pub(super) fn classes(&self) -> u32 {
        self.rows.classes as u32
    }

    pub(super) fn rounds(&self) -> u64 {
        self.rows.labels.len() as u64
    }

    pub(super) fn dimension(&self) -> usize {
        self.rows.dimension
    }

    /// Gives all that was read.
    pub(super) fn hash_data(&self, update: &mut dyn FnMut(&[u8])) {
        let rows = &self.rows;
        for value in &rows.features {
            update(&value.to_bits().to_le_bytes());
        }
        let orders = rows.orders.iter().flatten();
        let orders = orders.flat_map(|(_, order)| order);
        for number in rows.labels.iter().chain(orders) {
            update(&(*number as u64).to_le_bytes());
        }
    }

    /// Every seed needs an order, where orders were given.
    pub(super) fn check_seeds(
        &self,
        seeds: impl Iterator<Item = u64>,
    ) -> Result<(), ScenarioError> {
        let Some(orders) = &self.rows.orders else {
            return Ok(());
        };
        for seed in seeds {
            if !orders.iter().any(|(known, _)| *known == seed) {
                return Err(ScenarioError::NoOrder(seed));
            }
        }
        Ok(())
    }

    /// The order of one seed's rows.
    pub(super) fn begin(&self, seed: u64, generator: &mut Generator) -> ClassificationWorld {
        let known = self.rows.orders.iter().flatten();
        let order = known
            .filter(|(of, _)| *of == seed)
            .map(|(_, order)| order[..self.rows.labels.len()].to_vec())
            .next();
        ClassificationWorld {
            rows: self.rows.clone(),
            order: order.unwrap_or_else(|| shuffled(self.rows.labels.len(), generator)),
        }
    }
}

/// Fisher and Yates's shuffle.
#[allow(clippy::cast_possible_truncation)] // below the number of rows
fn shuffled(count: usize, generator: &mut Generator) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        order.swap(last, generator.next_below(last as u64 + 1) as usize);
    }
    order
}

/// One replication.
#[derive(Debug, Clone)]
pub struct ClassificationWorld {
    rows: Arc<LabelledRows>,
    order: Vec<usize>,
}

impl ClassificationWorld {
    /// The features of a round and what each class earns.
    pub(super) fn round(&self, round: u64, features: &mut Vec<f64>, means: &mut Vec<f64>) {
        let place = usize::try_from(round).unwrap_or(usize::MAX);
        let row = self.order[place % self.order.len()];
        features.clear();
        features.extend_from_slice(self.rows.row(row));
        means.clear();
        means.resize(self.rows.classes, 0.0);
        means[self.rows.labels[row]] = 1.0;
    }
}
