//! A scenario as a person writes it in TOML, and its checked form.
//!
//! ```toml
//! # How much does Thompson sampling lose on ten offers?
//! name = "ten_offers"
//! rounds = 100_000
//! seeds = "0..199"
//!
//! [environment]
//! kind = "bernoulli"
//! rates = [0.02, 0.065]
//!
//! [[policies]]
//! name = "thompson"
//! kind = "thompson_beta"
//! ```
//!
//! Lengths of time in a policy's `memory` may be written in rounds there:
//! `memory = { half_life = "20000 rounds" }`.

use serde::Deserialize;
use thiserror::Error;
use toml::Table;

use super::comparison::{Comparison, ComparisonDocument};
use super::environment::classification::{ClassificationDocument, LabelledRows};
use super::environment::shop::{self, AffinityUse, Placing, Shop};
use super::environment::{Environment, EnvironmentDocument};
use super::grid::{self, MOST_POLICIES};
use super::overrides::{BadOverride, Override};
use super::seeds::{NotSeeds, SeedRange};
use crate::catalog::{AffinityPriorDocument, CatalogFaults};
use crate::domain::distribution::Propensity;
use crate::domain::ids::{OfferNumber, SegmentNumber};
use crate::domain::placement::{Feedback, Objective};
use crate::domain::time::Instant;
use crate::learning::contextual::FeatureError;
use crate::learning::{
    LearnError, Policy, PolicyConfig, PolicyError, PolicyState, RewardedDecision,
};

/// The most rounds of one replication.
pub const MOST_ROUNDS: u64 = 1_000_000_000;

/// A checked scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// Decisions in one replication, at least 1.
    pub rounds: u64,
    /// The first round, from 0, whose reward and regret are counted.
    pub count_from: u64,
    /// One replication for each.
    pub seeds: SeedRange,
    /// The world.
    pub environment: Environment,
    /// The policies that are compared, at least one, each name once.
    pub candidates: Vec<Candidate>,
    /// Pairs of them whose difference is told besides.
    pub comparisons: Vec<Comparison>,
    /// In what its figures are told.
    pub report: Report,
    /// What replaced values of the file, as given.
    pub set: Vec<String>,
    /// BLAKE3 of what is played: the values after all were replaced, and the
    /// data of files that they name.
    pub hash: String,
}

/// In what a scenario's figures are told.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The unit of rewards, such as `conversions` or `CNY`.
    pub unit: String,
    /// How many decisions are taken for a day; `None` where nothing says.
    pub decisions_per_day: Option<f64>,
}

/// One policy that is compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Its name in the report.
    pub name: String,
    /// The policy as written, with rounds as lengths of time.
    pub config: PolicyConfig,
    /// The checked policy.
    pub policy: Policy,
    /// When it learns what a decision earned.
    pub feedback: Timing,
    /// What its placement is after, where the world is a shop.
    pub objective: Objective,
    /// What it makes of what goes with what, where the world is a shop.
    pub affinity: AffinityUse,
    /// It sees what was learnt only after every so many decisions, at least 1.
    pub update_every: u64,
    /// The one that the scenario recommends.
    pub recommended: bool,
}

/// When a policy learns what a decision earned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// When the decision's window closes; without delays that is at once.
    #[default]
    AtClosing,
    /// At the decision itself, as if nothing were delayed: the bound that a
    /// delayed policy is measured against.
    Undelayed,
    /// At closing; meanwhile a decision counts with what it has earned so far.
    Provisional,
    /// At closing; meanwhile a decision that has not earned counts for the
    /// chance that it would have by now.
    DelayCorrected,
}

impl Timing {
    /// As a placement has it; `None` where nothing is delayed.
    #[must_use]
    pub const fn of_placement(self) -> Option<Feedback> {
        match self {
            Self::Undelayed => None,
            Self::AtClosing => Some(Feedback::AtClosing),
            Self::Provisional => Some(Feedback::Provisional),
            Self::DelayCorrected => Some(Feedback::DelayCorrected),
        }
    }
}

impl From<Feedback> for Timing {
    fn from(feedback: Feedback) -> Self {
        match feedback {
            Feedback::AtClosing => Self::AtClosing,
            Feedback::Provisional => Self::Provisional,
            Feedback::DelayCorrected => Self::DelayCorrected,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScenarioDocument {
    /// What the scenario is called in what comes out.
    name: String,
    /// How many decisions one replication has, in [1, 10⁹]; default all of an
    /// environment that ends, otherwise it is needed.
    rounds: Option<i64>,
    /// The first decision, from 0, whose reward and regret count, below
    /// `rounds`; default 0.
    #[serde(default)]
    count_from: i64,
    /// One replication for each: `7`, or `"0..199"`, both ends among them; at
    /// most 1 000 000.
    seeds: SeedsDocument,
    /// What happens to a decision.
    environment: Table,
    /// The policies that are compared, at least 1 and at most 1 000.
    policies: Vec<Table>,
    /// Pairs of policies whose difference is told besides; default none.
    #[serde(default)]
    compare: Vec<ComparisonDocument>,
    /// In what figures are told; default nothing said.
    #[serde(default)]
    report: ReportDocument,
}

/// In what the figures are told, as written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReportDocument {
    /// The unit of rewards, such as `"conversions"` or `"CNY"`; default
    /// `"reward"`.
    unit: Option<String>,
    /// How many decisions are taken for a day when something is told a day, in
    /// [0.001, 10⁹]; default what the environment says, if it does.
    decisions_per_day: Option<f64>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a whole number, or a range such as \"0..199\"")]
enum SeedsDocument {
    One(u64),
    Range(String),
}

/// What every policy may say beside its parameters.
#[derive(Deserialize)]
struct CandidateDocument {
    /// What the policy is called, each name once; default its kind.
    #[serde(default)]
    name: String,
    /// When it learns what a decision earned, in an environment with delays;
    /// default `"at_closing"`, in a shop what its catalogue says.
    feedback: Option<Timing>,
    /// What its placement is after, in a shop: `"conversion"`, `"net_revenue"`
    /// or `"margin"`; default what the catalogue says.
    objective: Option<String>,
    /// Whether, in a shop, cross-sells are candidates only for carts that they go
    /// with, as `environment.affinity` has it; default false.
    #[serde(default)]
    affinity: bool,
    /// What it expects, in a shop, of what goes with the cart before it has
    /// learnt; default what the catalogue says.
    affinity_prior: Option<AffinityPriorDocument>,
    /// It sees what was learnt only after every so many decisions, in
    /// [1, 10⁹]; default 1.
    #[serde(default = "one")]
    update_every: i64,
    /// Whether it is the one that the scenario recommends; default false.
    #[serde(default)]
    recommended: bool,
}

const fn one() -> i64 {
    1
}

/// Why a scenario cannot be played.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ScenarioError {
    /// Not TOML at all; says where.
    #[error("not TOML: {0}")]
    Syntax(String),
    /// A key is missing, unknown or of another type.
    #[error("{place}{message}")]
    Shape {
        /// Where, with a colon after it; empty at the top.
        place: String,
        /// What is wrong there.
        message: String,
    },
    /// A number out of its bounds.
    #[error("{key} is {value}, it must be in {bound}")]
    OutOfBounds {
        /// Which key.
        key: String,
        /// What was written.
        value: f64,
        /// Where it must lie.
        bound: String,
    },
    /// Not a range of seeds.
    #[error("seeds: {0}")]
    Seeds(#[from] NotSeeds),
    /// A policy's parameters.
    #[error("policies.{name}: {error}")]
    Policy {
        /// Which policy.
        name: String,
        /// What is wrong with it.
        error: PolicyError,
    },
    /// A policy that needs shoppers who can be told apart.
    #[error(
        "policies.{name}: a split assigns shoppers to arms, and a scenario's rounds have none; \
         let each arm be a policy of its own"
    )]
    Split {
        /// Which policy.
        name: String,
    },
    /// A policy that would refuse what the environment's offers earn.
    #[error("policies.{name}: {error}, and an offer of this environment earns it")]
    Reward {
        /// Which policy.
        name: String,
        /// What it would answer.
        error: LearnError,
    },
    /// A policy that cannot learn rewards of any size.
    #[error("policies.{name}: {error}, and offers of this environment earn any amount")]
    AnyReward {
        /// Which policy.
        name: String,
        /// What it would answer.
        error: LearnError,
    },
    /// A policy that looks at features where there are none, or too many.
    #[error("policies.{name}: {error}, and the environment says how many there are")]
    Features {
        /// Which policy.
        name: String,
        /// What it would answer.
        error: FeatureError,
    },
    /// In a policy's place, the shop's catalogue has faults.
    #[error("policies.{name}: {faults}")]
    Catalogue {
        /// Which policy.
        name: String,
        /// What is wrong.
        faults: CatalogFaults,
    },
    /// A file that the environment names.
    #[error("environment: {0}")]
    Data(String),
    /// A seed without a column in the file of orders.
    #[error("environment.order has no column seed_{0}, and seeds asks for that seed")]
    NoOrder(u64),
    /// More than one policy that is recommended.
    #[error("policies.{0}: recommended stands at another policy already")]
    RecommendedTwice(String),
    /// Two policies of one name.
    #[error("policies: the name {0:?} stands twice, each may stand once")]
    RepeatedName(String),
    /// No policy to play.
    #[error("policies is empty, it needs at least 1")]
    NoPolicies,
    /// A grid with more cells than a scenario has room for.
    #[error(
        "policies.{name}.grid has {cells} cells, a scenario has at most {most} policies: they \
         would take {duration} at a million decisions a second; name fewer values for its keys, \
         or look at one key at a time with --set policies.{name}.grid.KEY=[VALUE]",
        most = MOST_POLICIES
    )]
    TooManyCells {
        /// Which policy's.
        name: String,
        /// How many combinations there are.
        cells: u64,
        /// How long they would take.
        duration: String,
    },
    /// Two policies that cannot be compared.
    #[error("compare.{place}.{key} is {value}: {message}")]
    Comparison {
        /// Which pair, from 0.
        place: usize,
        /// Which key of it.
        key: &'static str,
        /// What was written.
        value: String,
        /// What is wrong with it.
        message: String,
    },
    /// Feedback that only an environment with delays has.
    #[error("policies.{0}: feedback needs an environment with delays, such as kind = \"delayed\"")]
    NoDelays(String),
    /// Feedback that the policy cannot take.
    #[error(
        "policies.{name}: feedback is not at_closing, but {kind} acts on more than counts and sums \
         of rewards"
    )]
    NotOnCounts {
        /// Which policy.
        name: String,
        /// Its kind.
        kind: &'static str,
    },
    /// A `--set` that fits nowhere.
    #[error("--set {0}")]
    Override(#[from] BadOverride),
}

impl ScenarioError {
    /// A key out of its bounds.
    pub(super) fn out_of_bounds(
        key: impl Into<String>,
        value: f64,
        bound: impl Into<String>,
    ) -> Self {
        Self::OutOfBounds {
            key: key.into(),
            value,
            bound: bound.into(),
        }
    }
}

/// Reads the files that a scenario names. What is wrong with one is told
/// without the key that names it.
pub trait Files {
    /// A classified data set.
    ///
    /// # Errors
    /// When it cannot be read.
    fn rows(&self, document: &ClassificationDocument) -> Result<LabelledRows, String>;

    /// A file of text.
    ///
    /// # Errors
    /// When it cannot be read.
    fn text(&self, name: &str) -> Result<String, String>;
}

/// Where no file is read.
struct NoFiles;

impl Files for NoFiles {
    fn rows(&self, document: &ClassificationDocument) -> Result<LabelledRows, String> {
        let name = &document.data;
        Err(format!(
            "data names the file {name:?}, which is not read here"
        ))
    }

    fn text(&self, name: &str) -> Result<String, String> {
        Err(format!("the file {name:?} is not read here"))
    }
}

impl Scenario {
    /// Reads and checks a scenario that names no files; `overrides` are applied
    /// in their order before anything is checked.
    ///
    /// # Errors
    /// Names the key, its value and its bound, or the nearest known name of a
    /// key that is unknown.
    pub fn read(text: &str, overrides: &[Override]) -> Result<Self, ScenarioError> {
        Self::read_with(text, overrides, &NoFiles)
    }

    /// The same for a scenario that may name files.
    ///
    /// # Errors
    /// As [`read`](Self::read), and what `files` finds wrong.
    pub fn read_with(
        text: &str,
        overrides: &[Override],
        files: &dyn Files,
    ) -> Result<Self, ScenarioError> {
        let mut table: Table = toml::from_str(text)
            .map_err(|error| ScenarioError::Syntax(error.to_string().trim_end().to_owned()))?;
        for change in overrides {
            change.apply(&mut table)?;
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(table.to_string().as_bytes());
        let document: ScenarioDocument = shaped("", table)?;
        let environment: EnvironmentDocument = shaped("environment: ", document.environment)?;
        let environment = Environment::check(&environment, files)?;
        let rounds = match (document.rounds, environment.natural_rounds()) {
            (Some(rounds), natural) => {
                let most = natural.unwrap_or(MOST_ROUNDS);
                whole_within("rounds", rounds, 1, most)?
            }
            (None, Some(natural)) => natural,
            (None, None) => {
                return Err(ScenarioError::Shape {
                    place: String::new(),
                    message: "missing field `rounds`".to_owned(),
                });
            }
        };
        let count_from = whole_within("count_from", document.count_from, 0, rounds - 1)?;
        let seeds = match document.seeds {
            SeedsDocument::One(seed) => seed.to_string().parse()?,
            SeedsDocument::Range(range) => range.parse()?,
        };
        let seeds: SeedRange = seeds;
        environment.check_seeds(seeds.iter())?;
        #[allow(clippy::cast_precision_loss)] // for people to read
        let decisions = rounds as f64 * seeds.count() as f64;
        let policies = grid::expand(document.policies, decisions)?;
        let candidates = candidates(policies, &environment)?;
        let names: Vec<&str> = candidates.iter().map(|it| it.name.as_str()).collect();
        let comparisons = document.compare.iter().enumerate();
        let comparisons = comparisons
            .map(|(place, written)| Comparison::check(place, written, &names, rounds - count_from));
        let comparisons = comparisons.collect::<Result<_, _>>()?;
        let report = report(document.report, &environment)?;
        environment.hash_data(&mut |bytes| {
            hasher.update(bytes);
        });
        Ok(Self {
            name: document.name,
            rounds,
            count_from,
            seeds,
            environment,
            candidates,
            comparisons,
            report,
            set: overrides.iter().map(ToString::to_string).collect(),
            hash: hasher.finalize().to_string(),
        })
    }
}

fn report(document: ReportDocument, environment: &Environment) -> Result<Report, ScenarioError> {
    if let Some(decisions) = document.decisions_per_day
        && !(1e-3..=1e9).contains(&decisions)
    {
        let key = "report.decisions_per_day";
        return Err(ScenarioError::out_of_bounds(key, decisions, "[0.001, 1e9]"));
    }
    let own = environment.decisions_per_day();
    Ok(Report {
        unit: document.unit.unwrap_or_else(|| "reward".to_owned()),
        decisions_per_day: document.decisions_per_day.or(own),
    })
}

fn candidates(
    tables: Vec<Table>,
    environment: &Environment,
) -> Result<Vec<Candidate>, ScenarioError> {
    if tables.is_empty() {
        return Err(ScenarioError::NoPolicies);
    }
    let mut candidates: Vec<Candidate> = Vec::with_capacity(tables.len());
    for (place, table) in tables.into_iter().enumerate() {
        let candidate = candidate(place, table, environment)?;
        if candidates.iter().any(|other| other.name == candidate.name) {
            return Err(ScenarioError::RepeatedName(candidate.name));
        }
        if candidate.recommended && candidates.iter().any(|other| other.recommended) {
            return Err(ScenarioError::RecommendedTwice(candidate.name));
        }
        candidates.push(candidate);
    }
    Ok(candidates)
}

fn candidate(
    place: usize,
    mut table: Table,
    environment: &Environment,
) -> Result<Candidate, ScenarioError> {
    // A policy without a name is called by its kind.
    let name = table.remove("name").or_else(|| table.get("kind").cloned());
    let name = name.unwrap_or_else(|| place.to_string().into());
    let mut own = Table::from_iter([("name".to_owned(), name.clone())]);
    for key in ["feedback", "update_every", "recommended"] {
        own.extend(table.remove_entry(key));
    }
    if let Environment::Shop(_) = environment {
        for key in ["objective", "affinity", "affinity_prior"] {
            own.extend(table.remove_entry(key));
        }
    }
    if own.contains_key("feedback") && !environment.has_delays() {
        let name = name.as_str().map(str::to_owned);
        return Err(ScenarioError::NoDelays(
            name.unwrap_or_else(|| place.to_string()),
        ));
    }
    let CandidateDocument {
        name,
        feedback,
        objective,
        affinity,
        affinity_prior,
        update_every,
        recommended,
    } = shaped(&format!("policies.{place}: "), own)?;
    let key = format!("policies.{name}.update_every");
    let update_every = whole_within(&key, update_every, 1, MOST_ROUNDS)?;
    write_rounds_as_time(&mut table, environment);
    let config: PolicyConfig = shaped(&format!("policies.{name}: "), table)?;
    if let Environment::Shop(shop) = environment {
        // A shop's decisions always see what was learnt last.
        whole_within(&key, i64::try_from(update_every).unwrap_or(i64::MAX), 1, 1)?;
        let objective = objective
            .map(|objective| shop::objective(&format!("policies.{name}.objective"), &objective));
        if feedback == Some(Timing::Undelayed) {
            return Err(ScenarioError::Shape {
                place: format!("policies.{name}.feedback: "),
                message: "a shop knows at_closing, provisional and delay_corrected".to_owned(),
            });
        }
        let placing = Placing {
            objective: objective.transpose()?,
            feedback: feedback.and_then(Timing::of_placement),
            affinity: AffinityUse {
                is_filter: affinity,
                prior: affinity_prior,
            },
        };
        let (policy, feedback, objective) = in_shop(&name, shop, &config, &placing)?;
        return Ok(Candidate {
            name,
            config,
            policy,
            feedback,
            objective,
            affinity: placing.affinity,
            recommended,
            update_every,
        });
    }
    let feedback = feedback.unwrap_or_default();
    let number = |offer: &str| environment.offer_number(offer);
    let policy = Policy::check(&config, number).map_err(|error| ScenarioError::Policy {
        name: name.clone(),
        error,
    })?;
    if policy.split().is_some() {
        return Err(ScenarioError::Split { name });
    }
    let on_top = !matches!(feedback, Timing::AtClosing | Timing::Undelayed);
    if on_top && !policy.acts_on_counts() {
        let kind = policy.kind();
        return Err(ScenarioError::NotOnCounts { name, kind });
    }
    let features = vec![0.0; environment.features()];
    for reward in environment.rewards() {
        let decision = RewardedDecision {
            segment: SegmentNumber(0),
            offer: OfferNumber(0),
            features: &features,
            propensity: Propensity::CERTAIN,
            decided_at: Instant::from_unix_ms(0),
            reward,
        };
        let tried = policy.learn(&mut PolicyState::new(), &decision);
        tried.map_err(|error| {
            let name = name.clone();
            match error {
                LearnError::Features(error) => ScenarioError::Features { name, error },
                error if environment.rewards() == [0.0, 1.0] => {
                    ScenarioError::Reward { name, error }
                }
                error => ScenarioError::AnyReward { name, error },
            }
        })?;
    }
    Ok(Candidate {
        name,
        config,
        policy,
        feedback,
        objective: Objective::Conversion,
        affinity: AffinityUse::default(),
        recommended,
        update_every,
    })
}

/// A policy in its place in a shop's catalogue.
fn in_shop(
    name: &str,
    shop: &Shop,
    config: &PolicyConfig,
    placing: &Placing,
) -> Result<(Policy, Timing, Objective), ScenarioError> {
    if let Some((key, message)) = shop.affinity_fault(&placing.affinity) {
        return Err(ScenarioError::Shape {
            place: format!("policies.{name}.{key}: "),
            message: message.to_owned(),
        });
    }
    let document = shop.catalogue(config, placing);
    let catalog = Shop::built(document).map_err(|faults| ScenarioError::Catalogue {
        name: name.to_owned(),
        faults,
    })?;
    let placement = catalog.placement(shop.placement().number);
    let policy = catalog.policy(shop.placement().number).cloned();
    let (Some(placement), Some(policy)) = (placement, policy) else {
        unreachable!("the catalogue has the placement that it had before");
    };
    Ok((policy, placement.feedback.into(), placement.objective))
}

/// Where a policy's memory names a length of time in rounds, `"20000 rounds"`,
/// it becomes the time that they take in this environment.
fn write_rounds_as_time(policy: &mut Table, environment: &Environment) {
    let Some(toml::Value::Table(memory)) = policy.get_mut("memory") else {
        return;
    };
    for key in ["half_life", "window"] {
        let Some(toml::Value::String(text)) = memory.get_mut(key) else {
            continue;
        };
        let count = text.strip_suffix(" rounds").map(str::parse::<u32>);
        if let Some(Ok(count)) = count {
            *text = environment.span_of_rounds(count).to_string();
        }
    }
}

/// `value` when it lies within.
pub(super) fn whole_within(
    key: &str,
    value: i64,
    least: u64,
    most: u64,
) -> Result<u64, ScenarioError> {
    match u64::try_from(value) {
        Ok(value) if (least..=most).contains(&value) => Ok(value),
        #[allow(clippy::cast_precision_loss)] // for people to read
        _ => Err(ScenarioError::out_of_bounds(
            key,
            value as f64,
            format!("[{least}, {most}]"),
        )),
    }
}

/// A table as its document; what does not fit is told with its place and, for
/// an unknown name, the nearest known one.
pub(super) fn shaped<'de, T: Deserialize<'de>>(
    place: &str,
    table: Table,
) -> Result<T, ScenarioError> {
    T::deserialize(toml::Value::Table(table)).map_err(|error| {
        let message = error.message();
        ScenarioError::Shape {
            place: place.to_owned(),
            message: format!("{message}{}", nearest_in(message)),
        }
    })
}

/// The hint for "unknown field `a`, expected one of `b`, `c`".
fn nearest_in(message: &str) -> String {
    if !message.starts_with("unknown ") {
        return String::new();
    }
    let mut names = message.split('`').skip(1).step_by(2);
    let unknown = names.next().unwrap_or_default().to_owned();
    nearest(&unknown, names)
}

/// "; the nearest known name is …" when one of `known` is near enough.
pub(super) fn nearest<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> String {
    known
        .map(|name| (strsim::damerau_levenshtein(unknown, name), name))
        .min()
        .filter(|(distance, name)| 2 * distance <= name.len().max(unknown.len()))
        .map(|(_, name)| format!("; the nearest known name is {name:?}"))
        .unwrap_or_default()
}
