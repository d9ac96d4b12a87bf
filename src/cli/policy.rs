//! `promobandit policy`: another policy for a placement of a running service, what
//! it has learnt forgotten, and what is believed beforehand learnt.

mod priors;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::json;
use tonic::transport::Channel;

use self::priors::PriorArgs;
use super::client::{connect, refusal};
use super::output::Output;
use crate::learning::PolicyConfig;
use crate::proto::promobandit::v1::catalog_service_client::CatalogServiceClient;
use crate::proto::promobandit::v1::{ChangePolicyRequest, ResetPolicyRequest};

/// Something to do with the policy of a placement.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Gives a placement another policy. What was learnt is kept as far as the new
    /// one can go on from it; the answer says how far.
    Change(ChangeArgs),
    /// Makes a placement forget what it learnt, or a segment's or an offer's part
    /// of it.
    Reset(ResetArgs),
    /// Has a placement learn what is believed of its offers before they were shown:
    /// rewards that are thought to have been seen, from a table or from a log.
    Priors(Box<PriorArgs>),
}

/// Where, and what.
#[derive(Debug, Args)]
pub struct ChangeArgs {
    /// The placement's id.
    placement: String,
    /// The policy in TOML: `kind = "…"` and the keys of that kind.
    file: PathBuf,
    /// The service that runs here, such as http://127.0.0.1:7117.
    #[arg(long, value_name = "URL")]
    endpoint: String,
    /// Who makes the change; kept with it.
    #[arg(long, default_value = "", value_name = "NAME")]
    actor: String,
    /// Only check.
    #[arg(long)]
    dry_run: bool,
    /// For people or for programs.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Where, and what of it.
#[derive(Debug, Args)]
pub struct ResetArgs {
    /// The placement's id.
    placement: String,
    /// Only in this segment [default: all].
    #[arg(long, default_value = "", hide_default_value = true, value_name = "ID")]
    segment: String,
    /// Only of this offer [default: all].
    #[arg(long, default_value = "", hide_default_value = true, value_name = "ID")]
    offer: String,
    /// Why; kept with it.
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "TEXT"
    )]
    reason: String,
    /// The service that runs here, such as http://127.0.0.1:7117.
    #[arg(long, value_name = "URL")]
    endpoint: String,
    /// Who does so; kept with it.
    #[arg(long, default_value = "", value_name = "NAME")]
    actor: String,
    /// For people or for programs.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs the command.
///
/// # Errors
/// When a file cannot be read, the service cannot be asked, or it refuses.
pub async fn run(command: PolicyCommand) -> anyhow::Result<ExitCode> {
    match command {
        PolicyCommand::Change(args) => change(&args).await?,
        PolicyCommand::Reset(args) => reset(args).await?,
        PolicyCommand::Priors(args) => priors::run(*args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn client(endpoint: &str) -> anyhow::Result<CatalogServiceClient<Channel>> {
    Ok(CatalogServiceClient::new(connect(endpoint).await?))
}

async fn change(args: &ChangeArgs) -> anyhow::Result<()> {
    let file = args.file.display();
    let text = std::fs::read_to_string(&args.file);
    let text = text.with_context(|| format!("{file} cannot be read"))?;
    let policy: PolicyConfig =
        toml::from_str(&text).with_context(|| format!("{file} is no policy"))?;
    let request = ChangePolicyRequest {
        placement: args.placement.clone(),
        policy_json: serde_json::to_string(&policy).context("the policy cannot be sent")?,
        actor: args.actor.clone(),
        validate_only: args.dry_run,
    };
    let mut client = client(&args.endpoint).await?;
    let changed = client.change_policy(request).await;
    let changed = changed.map_err(|status| refusal(&status))?.into_inner();
    let version = changed.version;
    args.output.print(
        || match (args.dry_run, changed.carried_over.as_str()) {
            (true, _) => format!("the policy holds; catalogue version {version} would have it"),
            (false, "") => format!("catalogue version {version} has it; nothing had been learnt"),
            (false, carried_over) => format!("catalogue version {version} has it\n{carried_over}"),
        },
        || {
            json!({
                "version": version,
                "dry_run": args.dry_run,
                "carried_over": changed.carried_over,
            })
        },
    )
}

async fn reset(args: ResetArgs) -> anyhow::Result<()> {
    let request = ResetPolicyRequest {
        placement: args.placement,
        segment: args.segment,
        offer_id: args.offer,
        reason: args.reason,
        actor: args.actor,
    };
    let mut client = client(&args.endpoint).await?;
    let reset = client.reset_policy(request).await;
    let forgotten = reset.map_err(|status| refusal(&status))?.into_inner();
    let forgotten = forgotten.forgotten;
    args.output.print(
        || format!("{forgotten} rewards are forgotten"),
        || json!({ "forgotten": forgotten }),
    )
}
