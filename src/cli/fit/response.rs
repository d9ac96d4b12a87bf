//! `promobandit fit response`: who responds.

mod answer;
mod files;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::label::Label;
use crate::cli::features::FeatureArgs;
use crate::cli::output::{Output, progress_bar};
use crate::evaluation::response::{Plan, PlanSettings, ResponseFit, ResponseRows, Selection};
use crate::logs::sheet::Sheet;
use files::{FileArgs, Outputs};

/// Fits a logistic regression of yes or no on features.
///
/// FILE is CSV (as it is or packed by gzip) or Parquet, with a header. Rows that
/// lack an entry are left out, then rows that repeat an earlier one; both are
/// counted. A share of the rows is held out, as scikit-learn's train_test_split
/// holds them out for the same seed. Features are brought to mean 0 and deviation
/// 1 by the others. Each C is tried on folds of these (scikit-learn's
/// StratifiedKFold without shuffling), the best is fitted on all of them, and the
/// model is tried on the rows held out.
#[derive(Debug, Args)]
pub struct ResponseArgs {
    /// The table, one row a shopper, an offer shown, or whatever responds.
    file: PathBuf,
    /// The column that says who responded.
    #[arg(long, default_value = "label", value_name = "COLUMN")]
    label: String,
    /// The value of that column that is a response, all others being none; the
    /// greater of its two values when not given.
    #[arg(long, value_name = "VALUE")]
    positive: Option<String>,
    #[command(flatten)]
    features: FeatureArgs,
    /// The C to try, separated by commas: 1 over the strength of the penalty. One
    /// alone is fitted without being tried on folds.
    #[arg(long, value_name = "C", value_delimiter = ',', default_values_t = [0.1, 1.0, 10.0])]
    c: Vec<f64>,
    /// How many folds each C is tried on, from 2 to 100.
    #[arg(long, default_value_t = 5)]
    folds: usize,
    /// By what the C are compared, as a mean over the folds.
    #[arg(long, value_enum, default_value_t)]
    select: Select,
    /// The share of rows that is held out.
    #[arg(long, default_value_t = 0.2, value_name = "SHARE")]
    test_share: f64,
    /// The seed by which rows are shuffled before some are held out.
    #[arg(long, default_value_t = 42)]
    seed: u32,
    /// Holds nothing out: the model is fitted on all rows.
    #[arg(long, conflicts_with_all = ["test_share", "seed"])]
    no_split: bool,
    /// Leaves features in their units.
    #[arg(long)]
    no_scale: bool,
    #[command(flatten)]
    files: FileArgs,
    /// For people or for programs.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// [`Selection`] on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Select {
    /// The share of rows foreseen rightly.
    #[default]
    Accuracy,
    /// The area under the receiver operating characteristic.
    Auc,
    /// The log loss, with its sign turned.
    LogLoss,
}

impl Select {
    const fn selection(self) -> Selection {
        match self {
            Self::Accuracy => Selection::Accuracy,
            Self::Auc => Selection::AreaUnderCurve,
            Self::LogLoss => Selection::LogLoss,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::Auc => "auc",
            Self::LogLoss => "log_loss",
        }
    }
}

/// What was found, for every form of the answer.
struct Found<'a> {
    args: &'a ResponseArgs,
    /// Rows of the file.
    read: usize,
    positive: &'a str,
    rows: &'a ResponseRows,
    fit: &'a ResponseFit,
}

/// Runs the command.
///
/// # Errors
/// When an option is out of its bounds, the file cannot be read as a table, the
/// rows cannot be fitted on, or a file cannot be written. Then no file is changed.
pub(super) fn run(args: &ResponseArgs) -> anyhow::Result<()> {
    let plan = Plan::new(PlanSettings {
        held_out: (!args.no_split).then_some((args.test_share, args.seed)),
        folds: args.folds,
        grid: args.c.clone(),
        selection: args.select.selection(),
        is_standardised: !args.no_scale,
    })?;
    let outputs = Outputs::create(&args.files, &args.file)?;
    let sheet = Sheet::read(&args.file)?;
    let label = Label::read(&sheet, &args.label, args.positive.as_deref())?;
    let columns = args.features.choose(&sheet, &[&args.label])?;
    let rows = ResponseRows::new(&columns, &label.responses)?;
    let bar = progress_bar(plan.fits() as u64, "models");
    let fit = plan.run(&rows, &mut || bar.inc(1));
    bar.finish_and_clear();
    let found = Found {
        args,
        read: sheet.rows(),
        positive: &label.positive,
        rows: &rows,
        fit: &fit?,
    };
    let written = outputs.write(&found)?;
    args.output.print(
        || answer::text(&found, &written),
        || answer::json(&found, &written),
    )
}
