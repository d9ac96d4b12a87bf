//! `promobandit replay`: a shop's own log through the running service.
//!
//! Three things it can do: write a catalogue that a log can be replayed
//! against, replay a log, and generate a log whose click rates are known.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{ArgGroup, Args};
use serde_json::json;

use super::output::Output;
use crate::learning::PolicyConfig;
use crate::logs::obd::{
    ObdCatalogOptions, ObdGenerateOptions, ObdReader, obd_catalog, obd_generate_file,
};

mod catalogue;
mod impression;
mod report;
mod run;
mod survey;

pub use report::{ClickRate, ReplayReport};

/// What stands before the file's name of an Open Bandit Dataset log.
const OBD_PREFIX: &str = "obd:";

/// Replays a logged shop's impressions through a running service, or prepares
/// that.
///
///   promobandit replay --log obd:LOG.csv.gz --write-config shop.toml
///   promobandit serve --config shop.toml
///   promobandit replay --log obd:LOG.csv.gz --endpoint http://127.0.0.1:7117
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
#[command(group(ArgGroup::new("what").required(true).args(["write_config", "endpoint", "generate"])))]
pub struct ReplayArgs {
    /// The log, as obd:FILE: CSV of the Open Bandit Dataset, plain or gzip.
    #[arg(long, value_name = "obd:FILE", required_unless_present = "generate", value_parser = log_path)]
    log: Option<PathBuf>,

    /// Write a catalogue for the log: its items as offers, its positions as
    /// placements, its user features as segments.
    #[arg(long, value_name = "FILE")]
    write_config: Option<PathBuf>,
    /// The placements' policy: uniform, epsilon_greedy, thompson_beta, or a
    /// TOML table such as 'kind = "epsilon_greedy", epsilon = 0.05'.
    #[arg(long, requires = "write_config")]
    policy: Option<String>,
    /// The user features whose combinations are segments, separated by commas;
    /// none for a single segment.
    #[arg(long, requires = "write_config", value_name = "FEATURES")]
    segments: Option<String>,

    /// Replay through the service that runs here.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// How many decisions may be under way together. With 1 each decision knows
    /// all that the impressions before it taught; with N up to N - 1 of the last
    /// may be missing, as in a busy shop.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    in_flight: u32,
    /// What request ids are made of, together with the row. The same seed makes
    /// the same requests, so that a second run is a retry of the first.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Replay a log of a policy that was not uniform all the same. The result
    /// is then no estimate of anything, and says so.
    #[arg(long, requires = "endpoint")]
    force: bool,

    /// Write a log of a uniform policy with known click rates.
    #[arg(long, value_name = "FILE", conflicts_with = "log")]
    generate: Option<PathBuf>,
    /// How many impressions the generated log has.
    #[arg(long, requires = "generate", default_value_t = 100_000)]
    rows: u64,
    /// How many items it has.
    #[arg(long, requires = "generate", default_value_t = 10)]
    items: u32,
    /// The click rate of its worst item.
    #[arg(long, requires = "generate", default_value_t = 0.01)]
    lowest_rate: f64,
    /// The click rate of its best item.
    #[arg(long, requires = "generate", default_value_t = 0.15)]
    highest_rate: f64,

    /// For people or for programs.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs the command.
///
/// # Errors
/// When the log is refused, the service does not fit it or refuses, or a file
/// cannot be written.
pub async fn run(args: ReplayArgs) -> anyhow::Result<ExitCode> {
    if let Some(path) = &args.generate {
        return generate(&args, path);
    }
    match (&args.log, &args.write_config, &args.endpoint) {
        (Some(log), Some(path), _) => write_config(&args, log, path),
        (Some(log), None, Some(endpoint)) => {
            let options = run::ReplayOptions {
                in_flight: args.in_flight as usize,
                seed: args.seed,
                force: args.force,
            };
            let report = run::replay(log, endpoint, options).await?;
            args.output.print(|| report.text(), || report.json())?;
            Ok(report.exit_code())
        }
        _ => bail!("--log says what to replay, --write-config or --endpoint what to do with it"),
    }
}

fn log_path(log: &str) -> Result<PathBuf, &'static str> {
    match log.strip_prefix(OBD_PREFIX) {
        Some(path) if !path.is_empty() => Ok(PathBuf::from(path)),
        _ => Err("expected obd:FILE, a log of the Open Bandit Dataset"),
    }
}

fn write_config(args: &ReplayArgs, log: &Path, path: &Path) -> anyhow::Result<ExitCode> {
    let mut options = ObdCatalogOptions::default();
    if let Some(policy) = &args.policy {
        options.policy = policy_config(policy, &options.policy)?;
    }
    if let Some(features) = &args.segments {
        options.segment_features = features
            .split(',')
            .map(|feature| feature.trim().to_owned())
            .filter(|feature| !feature.is_empty() && feature != "none")
            .collect();
    }
    let made = obd_catalog(ObdReader::open(log)?, &options)?;
    let text = made
        .to_toml()
        .context("the catalogue could not be written as TOML")?;
    write_new(path, &text)?;
    let (offers, segments) = (made.document.offers.len(), made.document.segments.len());
    args.output.print(
        || {
            format!(
                "wrote {}: {offers} offers, {segments} segments, of {} rows with {} clicks\n\
                 next: promobandit serve --config {}",
                path.display(),
                made.rows,
                made.clicks,
                path.display(),
            )
        },
        || {
            json!({
                "config": path.display().to_string(),
                "rows": made.rows,
                "clicks": made.clicks,
                "offers": offers,
                "segments": segments,
                "rows_in_segments": made.rows_in_segments,
            })
        },
    )?;
    Ok(ExitCode::SUCCESS)
}

fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("{} could not be written", path.display()))
}

/// A policy by its kind alone, or as a TOML table in one line.
fn policy_config(text: &str, thompson: &PolicyConfig) -> anyhow::Result<PolicyConfig> {
    let text = text.trim();
    if text == "thompson_beta" {
        return Ok(thompson.clone());
    }
    let table = if text.contains('=') {
        let inner = text.trim_start_matches('{').trim_end_matches('}');
        format!("policy = {{ {inner} }}")
    } else {
        format!("policy = {{ kind = {text:?} }}")
    };
    #[derive(serde::Deserialize)]
    struct Written {
        policy: PolicyConfig,
    }
    let written: Written = toml::from_str(&table).map_err(|error| {
        let reason = error.message().to_owned();
        anyhow::anyhow!(
            "--policy is {text:?}, expected uniform, epsilon_greedy, thompson_beta or the keys of \
             a policy's TOML table separated by commas: {reason}"
        )
    })?;
    Ok(written.policy)
}

fn generate(args: &ReplayArgs, path: &Path) -> anyhow::Result<ExitCode> {
    let options = ObdGenerateOptions {
        rows: args.rows,
        items: args.items,
        seed: args.seed,
        lowest_rate: args.lowest_rate,
        highest_rate: args.highest_rate,
    };
    let rates = obd_generate_file(&options, path)
        .with_context(|| format!("{} was not generated", path.display()))?;
    args.output.print(
        || {
            format!(
                "wrote {}: {} rows of {} items, seed {}\n\
                 click rate of the uniform policy {:.5}, of the best item {:.5}",
                path.display(),
                options.rows,
                options.items,
                options.seed,
                rates.uniform(),
                rates.best(),
            )
        },
        || {
            json!({
                "log": path.display().to_string(),
                "rows": options.rows,
                "items": options.items,
                "seed": options.seed,
                "uniform_click_rate": rates.uniform(),
                "best_click_rate": rates.best(),
                "click_rates": rates.rates(),
            })
        },
    )?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thompson() -> PolicyConfig {
        ObdCatalogOptions::default().policy
    }

    #[test]
    fn a_policy_is_a_kind_or_a_table() {
        let uniform = policy_config("uniform", &thompson()).expect("a policy");
        assert!(matches!(uniform, PolicyConfig::Uniform(_)));
        let text = r#"kind = "epsilon_greedy", epsilon = 0.25"#;
        let greedy = policy_config(text, &thompson()).expect("a policy");
        assert!(matches!(greedy, PolicyConfig::EpsilonGreedy(_)));
        let same = policy_config("thompson_beta", &thompson()).expect("a policy");
        assert_eq!(same, thompson());
    }

    #[test]
    fn a_policy_that_is_none_is_refused_with_what_was_given() {
        let refused = policy_config("thomson", &thompson()).expect_err("no policy");
        assert!(refused.to_string().starts_with("--policy is \"thomson\""));
    }

    #[test]
    fn a_log_says_its_format() {
        assert_eq!(
            log_path("obd:a.csv").expect("a log"),
            PathBuf::from("a.csv")
        );
        assert!(log_path("a.csv").is_err());
        assert!(log_path("obd:").is_err());
    }
}
