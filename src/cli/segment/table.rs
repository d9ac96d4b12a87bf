//! The features of shoppers as rows, with nothing missing.

use anyhow::{Context as _, bail, ensure};
use clap::ValueEnum;

use crate::catalog::{id_rule, is_id};
use crate::segment::centroids::MOST_FEATURES;

/// What becomes of a shopper of whom a feature is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Missing {
    /// The shopper is left out.
    #[default]
    Drop,
    /// The feature's mean over the others stands in its place.
    Mean,
}

impl Missing {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Mean => "mean",
        }
    }
}

/// Rows of finite numbers.
pub(super) struct Shoppers<'a> {
    pub names: Vec<&'a str>,
    /// Row after row.
    pub entries: Vec<f64>,
    /// Rows in which an entry was missing.
    pub incomplete: usize,
}

impl<'a> Shoppers<'a> {
    /// From columns, NaN where an entry is missing.
    pub(super) fn new(columns: &[(&'a str, &[f64])], missing: Missing) -> anyhow::Result<Self> {
        ensure!(
            !columns.is_empty(),
            "there is no feature, at least 1 is needed"
        );
        let width = columns.len();
        ensure!(
            width <= MOST_FEATURES,
            "there are {width} features, at most {MOST_FEATURES} are allowed: choose with --features"
        );
        for (name, _) in columns {
            ensure!(
                is_id(name),
                "feature {name:?} cannot be the name of an attribute: it {}; rename the column",
                id_rule()
            );
        }
        let means = columns.iter().map(|(name, entries)| {
            mean_known(entries).with_context(|| format!("feature {name} is missing in all rows"))
        });
        let means: Vec<f64> = means.collect::<anyhow::Result<_>>()?;
        let rows = columns[0].1.len();
        let is_whole = |row: &usize| columns.iter().all(|(_, entries)| !entries[*row].is_nan());
        let whole = (0..rows).filter(is_whole).count();
        let kept = (0..rows).filter(|row| missing == Missing::Mean || is_whole(row));
        let entry = |row: usize| {
            let known = columns.iter().zip(&means);
            known.map(move |((_, entries), mean)| {
                if entries[row].is_nan() {
                    *mean
                } else {
                    entries[row]
                }
            })
        };
        let shoppers = Self {
            names: columns.iter().map(|(name, _)| *name).collect(),
            entries: kept.flat_map(entry).collect(),
            incomplete: rows - whole,
        };
        shoppers.check()?;
        Ok(shoppers)
    }

    fn check(&self) -> anyhow::Result<()> {
        let width = self.names.len();
        let Some(first) = self.entries.get(..width) else {
            bail!(
                "no row is left: all {} lack an entry; --missing mean fills it in",
                self.incomplete
            );
        };
        let is_constant = |place: &usize| {
            let mut entries = self.entries.iter().skip(*place).step_by(width);
            entries.all(|entry| *entry == first[*place])
        };
        let constant = (0..width).filter(is_constant);
        let told: Vec<String> = constant
            .map(|place| format!("{} ({})", self.names[place], first[place]))
            .collect();
        ensure!(
            told.is_empty(),
            "constant over all rows: {}; leave such features out with --exclude",
            told.join(", ")
        );
        Ok(())
    }
}

/// The mean of the entries that are there.
#[allow(clippy::cast_precision_loss)] // far fewer rows than 2^53
fn mean_known(entries: &[f64]) -> Option<f64> {
    let known = entries.iter().filter(|entry| !entry.is_nan());
    let count = known.clone().count();
    (count > 0).then(|| known.sum::<f64>() / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: f64 = f64::NAN;

    #[test]
    fn gaps_are_left_out_or_filled_as_declared() {
        let (a, b) = ([1.0, 2.0, GAP, 6.0], [5.0, GAP, 7.0, 9.0]);
        let columns = [("a", a.as_slice()), ("b", b.as_slice())];
        let dropped = Shoppers::new(&columns, Missing::Drop).unwrap();
        assert_eq!(
            (dropped.entries, dropped.incomplete),
            (vec![1.0, 5.0, 6.0, 9.0], 2)
        );
        let filled = Shoppers::new(&columns, Missing::Mean).unwrap();
        assert_eq!(filled.entries, [1.0, 5.0, 2.0, 7.0, 3.0, 7.0, 6.0, 9.0]);
        assert_eq!(filled.incomplete, 2);
    }

    #[test]
    fn what_tells_no_shoppers_apart_is_refused() {
        let told = |columns: &[(&str, &[f64])]| {
            let refused = Shoppers::new(columns, Missing::Drop)
                .map(|_| ())
                .unwrap_err();
            format!("{refused:#}")
        };
        assert_eq!(told(&[]), "there is no feature, at least 1 is needed");
        let message = "constant over all rows: b (4); leave such features out with --exclude";
        assert_eq!(told(&[("a", &[1.0, 2.0]), ("b", &[4.0, 4.0])]), message);
        let message = "no row is left: all 2 lack an entry; --missing mean fills it in";
        assert_eq!(told(&[("a", &[1.0, GAP]), ("b", &[GAP, 4.0])]), message);
        assert_eq!(
            told(&[("a", &[GAP, GAP])]),
            "feature a is missing in all rows"
        );
        assert!(told(&[("Spend €", &[1.0])]).starts_with("feature \"Spend €\" cannot be the name"));
    }
}
