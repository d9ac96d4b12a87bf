//! Synthetic logs in the form of the Open Bandit Dataset, with click rates
//! that are known.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use thiserror::Error;

use super::POSITIONS;
use crate::domain::random::Generator;

/// When the log begins: 2019-11-24T00:00:00Z, like the real one.
const STARTS_AT_US: i64 = 1_574_553_600_000_000;
/// How long it lasts: seven days.
const LASTS_US: i64 = 604_800_000_000;
/// How many values each user feature has.
const FEATURE_VALUES: [u64; 4] = [4, 6, 10, 10];
/// The most items.
const MAX_ITEMS: u32 = 10_000;
/// The most rows.
const MAX_ROWS: u64 = 1_000_000_000;

/// What the log is to be like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ObdGenerateOptions {
    /// How many impressions, 1 to 1,000,000,000.
    pub rows: u64,
    /// How many items, 1 to 10,000.
    pub items: u32,
    /// The same seed makes the same log.
    pub seed: u64,
    /// The click rate of the worst item, in [0, 1].
    pub lowest_rate: f64,
    /// The click rate of the best item, from `lowest_rate` to 1.
    pub highest_rate: f64,
}

impl Default for ObdGenerateOptions {
    fn default() -> Self {
        Self {
            rows: 100_000,
            items: 10,
            seed: 1,
            lowest_rate: 0.01,
            highest_rate: 0.15,
        }
    }
}

/// Why no log is generated.
#[derive(Debug, Error)]
pub enum ObdGenerateError {
    /// A number out of its bounds.
    #[error("{key} is {value}, it must be from {least} to {most}")]
    OutOfBounds {
        /// Which option.
        key: &'static str,
        /// What was given.
        value: f64,
        /// The least that is allowed.
        least: f64,
        /// The most that is allowed.
        most: f64,
    },
    /// The log could not be written.
    #[error("the generated log could not be written: {0}")]
    Write(#[from] io::Error),
}

/// The click rates that a log was generated with: at least one.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownRates(Vec<f64>);

impl KnownRates {
    /// The rates of the items 0, 1, 2 ….
    #[must_use]
    pub fn rates(&self) -> &[f64] {
        &self.0
    }

    /// The rate of one item.
    #[must_use]
    pub fn rate(&self, item_id: u32) -> Option<f64> {
        self.0.get(usize::try_from(item_id).ok()?).copied()
    }

    /// The largest rate: what a policy reaches that knows them.
    #[must_use]
    pub fn best(&self) -> f64 {
        self.0.iter().copied().fold(0.0, f64::max)
    }

    /// The mean rate: what the uniform policy earns.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // at most 10,000 items
    pub fn uniform(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len() as f64
    }

    /// Writes `item_id,click_rate` as CSV.
    ///
    /// # Errors
    /// When the output fails.
    pub fn write_csv(&self, mut output: impl Write) -> io::Result<()> {
        writeln!(output, "item_id,click_rate")?;
        for (item_id, rate) in self.0.iter().enumerate() {
            writeln!(output, "{item_id},{rate}")?;
        }
        output.flush()
    }

    /// Rates that rise with the cube of their rank, so that a few items are
    /// much better than the rest, in an order that the seed shuffles.
    fn spread(options: &ObdGenerateOptions, generator: &mut Generator) -> Self {
        let steps = f64::from(options.items.max(2) - 1);
        let span = options.highest_rate - options.lowest_rate;
        let mut rates: Vec<f64> = (0..options.items)
            .map(|rank| {
                let share = 1.0 - f64::from(rank) / steps;
                options.lowest_rate + span * share * share * share
            })
            .collect();
        for last in (1..rates.len()).rev() {
            rates.swap(last, draw_below(generator, last + 1));
        }
        Self(rates)
    }
}

/// Writes a log of a uniform policy: in each row an item and a position, each
/// equally probable, clicked with the item's rate whatever the position and the
/// user. The columns are those of the real log; the affinities are zeros. The
/// bytes are the same for the same options on every machine.
///
/// # Errors
/// When an option is out of its bounds, or the output fails.
pub fn obd_generate(
    options: &ObdGenerateOptions,
    output: impl Write,
) -> Result<KnownRates, ObdGenerateError> {
    check(options)?;
    let mut generator = Generator::from_seed(options.seed);
    let rates = KnownRates::spread(options, &mut generator);
    let values: Vec<Vec<String>> = (0..FEATURE_VALUES.len()).map(feature_values).collect();
    let mut output = BufWriter::new(output);
    write_header(&mut output, options.items)?;
    let affinities = ",0.0".repeat(rates.0.len());
    let step_us = (LASTS_US / i64::try_from(options.rows).unwrap_or(i64::MAX)).max(1);
    let propensity = 1.0 / f64::from(options.items);
    let mut at_us = STARTS_AT_US;
    for row in 0..options.rows {
        let item_id = draw_below(&mut generator, rates.0.len());
        let position = 1 + generator.next_below(u64::from(POSITIONS));
        let click = u8::from(generator.next_uniform() < rates.0[item_id]);
        let at = timestamp(at_us)?;
        write!(
            output,
            "{row},{at},{item_id},{position},{click},{propensity}"
        )?;
        for values in &values {
            write!(output, ",{}", values[skewed(&mut generator, values.len())])?;
        }
        writeln!(output, "{affinities}")?;
        at_us += step_us;
    }
    output.flush()?;
    Ok(rates)
}

/// Writes a generated log to a file, as gzip when its name ends in `.gz`.
///
/// # Errors
/// When an option is out of its bounds, or the file cannot be written.
pub fn obd_generate_file(
    options: &ObdGenerateOptions,
    path: &Path,
) -> Result<KnownRates, ObdGenerateError> {
    check(options)?;
    let file = File::create(path)?;
    if path.extension().is_some_and(|extension| extension == "gz") {
        let mut gzip = GzEncoder::new(file, Compression::default());
        let rates = obd_generate(options, &mut gzip)?;
        gzip.finish()?;
        Ok(rates)
    } else {
        obd_generate(options, file)
    }
}

#[allow(clippy::cast_precision_loss)] // bounds far below 2^53
fn check(options: &ObdGenerateOptions) -> Result<(), ObdGenerateError> {
    let lowest = options.lowest_rate;
    let bounds = [
        ("rows", options.rows as f64, 1.0, MAX_ROWS as f64),
        ("items", f64::from(options.items), 1.0, f64::from(MAX_ITEMS)),
        ("lowest_rate", lowest, 0.0, 1.0),
        ("highest_rate", options.highest_rate, lowest, 1.0),
    ];
    for (key, value, least, most) in bounds {
        // NaN lies in no range.
        if !(least..=most).contains(&value) {
            return Err(ObdGenerateError::OutOfBounds {
                key,
                value,
                least,
                most,
            });
        }
    }
    Ok(())
}

fn write_header(output: &mut impl Write, items: u32) -> io::Result<()> {
    write!(output, ",timestamp,item_id,position,click,propensity_score")?;
    for feature in 0..FEATURE_VALUES.len() {
        write!(output, ",user_feature_{feature}")?;
    }
    for item_id in 0..items {
        write!(output, ",user-item_affinity_{item_id}")?;
    }
    writeln!(output)
}

/// Values that look like the real log's: 32 hexadecimal digits.
fn feature_values(feature: usize) -> Vec<String> {
    (0..FEATURE_VALUES[feature])
        .map(|value| {
            let hash = blake3::hash(format!("user_feature_{feature} {value}").as_bytes());
            hash.to_hex()[..32].to_owned()
        })
        .collect()
}

/// An index below `count`, each equally probable.
#[allow(clippy::cast_possible_truncation)] // below a usize
fn draw_below(generator: &mut Generator, count: usize) -> usize {
    generator.next_below(count as u64) as usize
}

/// An index below `count`, the smaller of two draws, so that some values are
/// frequent and others rare.
fn skewed(generator: &mut Generator, count: usize) -> usize {
    draw_below(generator, count).min(draw_below(generator, count))
}

fn timestamp(at_us: i64) -> io::Result<String> {
    let at = jiff::Timestamp::from_microsecond(at_us).map_err(io::Error::other)?;
    Ok(at.strftime("%Y-%m-%d %H:%M:%S.%6f+00:00").to_string())
}

#[cfg(test)]
mod tests;
