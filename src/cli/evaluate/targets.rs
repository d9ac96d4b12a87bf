//! The policy that is evaluated, opened.

use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::EvaluateArgs;
use super::choices::{ChoiceLog, PolicyAt};
use super::log::TargetSource;
use super::tables::read_table;
use crate::domain::ids::{OfferNumber, Position};
use crate::evaluation::target_policy::{
    CrossFittedPolicy, LearningPolicy, LearntPolicy, LoggingTarget, UniformTarget,
};
use crate::evaluation::weigh::TargetPolicy;
use crate::learning::{Policy, PolicyConfig};

/// A target that was opened, and which rows of a ledger it has not learnt from.
pub(super) struct ChoiceTarget {
    pub policy: Box<dyn TargetPolicy>,
    pub after: Position,
}

impl ChoiceTarget {
    /// Opens a target.
    ///
    /// # Errors
    /// When it is refused, or does not fit the log.
    pub fn open(source: &TargetSource, log: &ChoiceLog, args: &EvaluateArgs) -> Result<Self> {
        let mut after = Position::START;
        let policy: Box<dyn TargetPolicy> = match source {
            TargetSource::Uniform => Box::new(UniformTarget),
            TargetSource::Logging => Box::new(LoggingTarget),
            TargetSource::Table(file) => {
                let table = read_table(file).with_context(|| format!("{}", file.display()))?;
                Box::new(table)
            }
            TargetSource::Snapshot(position) => {
                after = *position;
                let at = log.policy_at(*position)?;
                refuse_features(&at.policy)?;
                Box::new(LearntPolicy::new(at.policy, at.learnt))
            }
            TargetSource::Config(position, file) => {
                after = *position;
                let at = log.policy_at(*position)?;
                Box::new(configured(at, file).with_context(|| format!("{}", file.display()))?)
            }
            TargetSource::CrossFitted(file) => Box::new(cross_fitted(log, file.as_deref(), args)?),
            TargetSource::Learning(file) => {
                let learning = learning(log, file, args);
                Box::new(learning.with_context(|| format!("{}", file.display()))?)
            }
        };
        Ok(Self { policy, after })
    }
}

/// The policy of a file, with what the placement's own had learnt.
fn configured(at: PolicyAt, file: &Path) -> Result<LearntPolicy> {
    let catalog = at.catalog;
    let number = |name: &str| Some(catalog.offer_by_id(name)?.number);
    let policy = Policy::check(&read_policy(file)?, number)?;
    refuse_features(&policy)?;
    let mut learnt = at.learnt;
    policy.adopt(&mut learnt, &at.policy, at.now);
    Ok(LearntPolicy::new(policy, learnt))
}

/// A policy that has learnt from the log, fold by fold.
fn cross_fitted(
    log: &ChoiceLog,
    file: Option<&Path>,
    args: &EvaluateArgs,
) -> Result<CrossFittedPolicy> {
    let policy = match file {
        None => log.policy_today()?.policy,
        Some(file) => policy_of(log, file).with_context(|| format!("{}", file.display()))?,
    };
    refuse_features(&policy)?;
    let mut target = CrossFittedPolicy::new(&policy, args.folds as usize);
    for batch in log.read(Position::START)? {
        target.learn(&batch?)?;
    }
    target.begin_again();
    Ok(target)
}

/// The policy of a file, over the actions of the log.
fn policy_of(log: &ChoiceLog, file: &Path) -> Result<Policy> {
    let names = log.survey()?.vocabulary.actions;
    let number = |name: &str| names.number(name).map(OfferNumber);
    Ok(Policy::check(&read_policy(file)?, number)?)
}

/// The policy of a file, which begins with nothing learnt and learns on the way.
fn learning(log: &ChoiceLog, file: &Path, args: &EvaluateArgs) -> Result<LearningPolicy> {
    if args.metric.is_some() || args.winsorise {
        bail!(
            "a policy that learns on the way learns from the log's reward as it is: leave --metric and --winsorise out"
        );
    }
    let Some(largest_weight) = args.max_weight else {
        bail!(
            "a policy that learns on the way needs --max-weight: each round is accepted with its \
             weight over that"
        );
    };
    let policy = policy_of(log, file)?;
    refuse_features(&policy)?;
    Ok(LearningPolicy::new(policy, largest_weight, args.seed))
}

fn read_policy(file: &Path) -> Result<PolicyConfig> {
    let text = std::fs::read_to_string(file)?;
    Ok(toml::from_str(&text)?)
}

fn refuse_features(policy: &Policy) -> Result<()> {
    if policy.model().is_some() {
        bail!(
            "the policy {} chooses by features, which a log of choices does not keep",
            policy.kind()
        );
    }
    Ok(())
}
