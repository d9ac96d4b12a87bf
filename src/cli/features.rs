//! Which columns of a sheet are features.

use anyhow::bail;
use clap::Args;

use crate::logs::fault::LogError;
use crate::logs::sheet::Sheet;

/// The columns that count.
#[derive(Debug, Clone, Default, Args)]
pub struct FeatureArgs {
    /// The columns to use, separated by commas; all others than those that have
    /// another use when not given.
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    features: Vec<String>,
    /// Columns to leave aside, separated by commas.
    #[arg(
        long,
        value_name = "COLUMNS",
        value_delimiter = ',',
        conflicts_with = "features"
    )]
    exclude: Vec<String>,
}

impl FeatureArgs {
    /// The features with their entries, NaN where one is missing, in the order in
    /// which they are given, else of the file. `taken` has another use.
    ///
    /// # Errors
    /// When a column is not there, is asked for twice, has another use or holds
    /// anything but numbers.
    pub fn choose<'s>(
        &'s self,
        sheet: &'s Sheet,
        taken: &[&str],
    ) -> anyhow::Result<Vec<(&'s str, &'s [f64])>> {
        for (place, name) in self.features.iter().enumerate() {
            if self.features[..place].contains(name) {
                bail!("--features names {name} twice");
            }
            if taken.contains(&name.as_str()) {
                bail!("--features names {name}, which has another use");
            }
        }
        for name in &self.exclude {
            sheet.column(name)?;
        }
        let names: Vec<&str> = if self.features.is_empty() {
            let columns = sheet.columns().iter().map(|column| column.name.as_str());
            let is_free = |name: &&str| {
                !taken.contains(name) && self.exclude.iter().all(|excluded| excluded != name)
            };
            columns.filter(is_free).collect()
        } else {
            self.features.iter().map(String::as_str).collect()
        };
        let chosen = names
            .into_iter()
            .map(|name| Ok((name, sheet.numbers(name)?)));
        let advice = "leave a column that is no feature aside with --exclude";
        let chosen: Result<_, LogError> = chosen.collect();
        chosen.map_err(|error| anyhow::anyhow!("{error}; {advice}"))
    }
}
