//! What goes with what, as a part of a catalogue file.

use std::io::Write;

use super::Mined;
use super::hybrid::Judged;
use crate::affinity::{CompanionParameters, FoundCompanion};
use crate::catalog::{AffinityDocument, AffinityFile, CompanionDocument};
use crate::domain::math;
use clap::Args;

/// Which pairs are written.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Hybrid")]
pub(super) struct CompanionArgs {
    /// To how many items each item may lead in the affinity file.
    #[arg(long, default_value_t = 10, requires = "affinity_out")]
    companions: usize,
    /// The least lift of a pair in the affinity file, above 0.
    #[arg(long, default_value_t = 1.1, requires = "affinity_out")]
    min_lift: f64,
}

/// How many items may lead to one: as many as a catalogue takes.
const PER_PRODUCT: usize = 200;

impl CompanionArgs {
    /// Checked.
    pub(super) fn parameters(&self) -> anyhow::Result<CompanionParameters> {
        anyhow::ensure!(
            self.companions > 0,
            "companions is 0, it must be at least 1"
        );
        anyhow::ensure!(
            self.min_lift > 0.0 && self.min_lift.is_finite(),
            "min-lift is {}, it must be above 0: 1 is chance",
            self.min_lift
        );
        Ok(CompanionParameters {
            per_item: self.companions,
            per_product: PER_PRODUCT,
            min_lift: self.min_lift,
        })
    }
}

/// Writes the pairs as `[[affinity]]` entries, by product.
pub(super) fn write(
    mut file: impl Write,
    mined: &Mined<'_>,
    judged: &Judged,
) -> anyhow::Result<()> {
    writeln!(
        file,
        "# What goes with what, of {} baskets: part of a catalogue file, to be added to one.\n\
         # An offer that cross-sells `sku` is a candidate when the cart has all `skus` of an entry;\n\
         # `lift` is how many times likelier it is then than usual.\n",
        mined.baskets.len()
    )?;
    let part = AffinityFile {
        affinity: entries(mined, &judged.companions),
    };
    file.write_all(toml::to_string(&part)?.as_bytes())?;
    Ok(file.flush()?)
}

fn entries(mined: &Mined<'_>, companions: &[FoundCompanion]) -> Vec<AffinityDocument> {
    let name = |item| mined.baskets.name(item).to_owned();
    let products = companions.chunk_by(|left, right| left.product == right.product);
    products
        .map(|of_one| AffinityDocument {
            sku: name(of_one[0].product),
            with: of_one
                .iter()
                .map(|it| CompanionDocument {
                    skus: vec![name(it.item)],
                    lift: rounded(it.lift),
                })
                .collect(),
        })
        .collect()
}

/// To four significant digits: more would say what the baskets do not.
fn rounded(lift: f64) -> f64 {
    let magnitude = (math::ln(lift.max(1e-9)) / std::f64::consts::LN_10).floor();
    let scale = math::pow(10.0, 3.0 - magnitude);
    (lift * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifts_have_four_digits() {
        assert_eq!(rounded(1.234_567), 1.235);
        assert_eq!(rounded(123.456), 123.5);
        assert_eq!(rounded(0.001_234_56), 0.001_235);
    }
}
