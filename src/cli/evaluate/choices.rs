//! Logs of choices: opened, read as often as it takes, weighed for a target.

#[cfg(feature = "offline")]
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};

use super::log::LogSource;
use super::targets::ChoiceTarget;
use crate::catalog::Catalog;
use crate::cli::output::progress_bar;
use crate::cli::records::open_stopped;
use crate::domain::ids::Position;
use crate::domain::time::Instant;
use crate::engine::history::{FirstReading, History};
use crate::evaluation::choices::Choices;
use crate::evaluation::logged::Rounds;
use crate::evaluation::weigh::{Weighing, weigh};
use crate::learning::{Policy, PolicyState};
use crate::ledger::open::Opened;
use crate::logs::dsjson::DsjsonChoices;
use crate::logs::ledger::{LedgerChoices, LeftOut};
use crate::logs::survey::Survey;
use crate::logs::vw::VwChoices;

/// A log that was opened and looked through.
pub struct ChoiceLog {
    kind: Kind,
    placement: Option<String>,
}

enum Kind {
    /// Read once; every further reading folds it.
    Ledger(Box<Opened>, FirstReading),
    #[cfg(feature = "offline")]
    Parquet(PathBuf, crate::logs::parquet::Dialect, Box<Survey>),
    #[cfg(feature = "offline")]
    Obp(Box<crate::logs::obp::ObpChoices>),
    Dsjson(PathBuf, Box<Survey>),
    Vw(PathBuf, Box<Survey>),
}

impl ChoiceLog {
    /// Opens a log; `None` when it is not one of choices.
    ///
    /// # Errors
    /// When it is refused, or has several placements and none was chosen.
    pub fn open(source: &LogSource, placement: Option<&str>) -> Result<Option<Self>> {
        let kind = match source {
            LogSource::Golden(_) | LogSource::Obd(_) => return Ok(None),
            LogSource::Ledger(directory) => {
                let opened = open_stopped(directory)?;
                let first = FirstReading::of(opened.ledger.as_ref(), None)?;
                Kind::Ledger(Box::new(opened), first)
            }
            LogSource::Dsjson(file) => {
                let survey = DsjsonChoices::survey(file)?;
                Kind::Dsjson(file.clone(), Box::new(survey))
            }
            LogSource::Vw(file) => Kind::Vw(file.clone(), Box::new(VwChoices::survey(file)?)),
            #[cfg(feature = "offline")]
            LogSource::Parquet(file) => parquet(file, crate::logs::parquet::Dialect::OWN)?,
            #[cfg(feature = "offline")]
            LogSource::Obp(file) if file.extension().is_some_and(|it| it == "parquet") => {
                parquet(file, crate::logs::parquet::Dialect::OBP)?
            }
            #[cfg(feature = "offline")]
            LogSource::Obp(file) => Kind::Obp(Box::new(crate::logs::obp::ObpChoices::open(file)?)),
            #[cfg(not(feature = "offline"))]
            LogSource::Parquet(_) | LogSource::Obp(_) => {
                bail!("this program was built without the feature offline and reads no such file")
            }
        };
        let log = Self {
            kind,
            placement: placement.map(str::to_owned),
        };
        log.check_placement()?;
        Ok(Some(log))
    }

    /// What is known of it before its first row.
    pub fn survey(&self) -> Result<Survey> {
        Ok(match &self.kind {
            Kind::Ledger(opened, first) => {
                let ledger = opened.ledger.as_ref();
                let history = History::after(first, ledger, None, Position::START, |_| {});
                LedgerChoices::new(history, None)?.survey()
            }
            #[cfg(feature = "offline")]
            Kind::Parquet(_, _, survey) => survey.as_ref().clone(),
            #[cfg(feature = "offline")]
            Kind::Obp(choices) => choices.survey().clone(),
            Kind::Dsjson(_, survey) | Kind::Vw(_, survey) => survey.as_ref().clone(),
        })
    }

    /// Rewards of different placements are not of one kind.
    fn check_placement(&self) -> Result<()> {
        let survey = self.survey()?;
        let names: Vec<&str> = survey.placements.iter().map(String::as_str).collect();
        match &self.placement {
            None if names.len() > 1 => bail!(
                "the log has several placements, whose rewards are not of one kind: choose one \
                 with --placement {}",
                names.join("|")
            ),
            Some(wanted) if !names.contains(&wanted.as_str()) => bail!(
                "the log has no placement {wanted:?}; it has {}",
                if names.is_empty() {
                    "none".to_owned()
                } else {
                    names.join(", ")
                }
            ),
            _ => Ok(()),
        }
    }

    /// Reads it from its start. Of a ledger only decisions after a position are
    /// read.
    ///
    /// # Errors
    /// When it cannot be opened again.
    pub fn read(&self, after: Position) -> Result<Reading<'_>> {
        let from = match &self.kind {
            Kind::Ledger(opened, first) => {
                let bar = progress_bar(0, "events");
                let told = move |told: crate::engine::Progress| {
                    bar.set_length(told.last.0);
                    bar.set_position(told.position.0);
                };
                let ledger = opened.ledger.as_ref();
                let (secrets, head) = (Some(&opened.secrets), ledger.head().position);
                let history = History::after(first, ledger, secrets, head, told);
                let choices = LedgerChoices::new(history, self.placement.as_deref())?;
                From::Ledger(Box::new(choices.only_after(after)))
            }
            #[cfg(feature = "offline")]
            Kind::Parquet(file, dialect, survey) => {
                use crate::logs::parquet::ParquetChoices;
                let rows = survey.rows;
                let choices = ParquetChoices::open(file, *dialect, survey.as_ref().clone())?;
                From::file(choices.map(|batch| anyhow::Ok(batch?)), rows)
            }
            #[cfg(feature = "offline")]
            Kind::Obp(choices) => {
                let rows = choices.survey().rows;
                From::file(
                    choices.as_ref().clone().map(|batch| anyhow::Ok(batch?)),
                    rows,
                )
            }
            Kind::Dsjson(file, survey) => {
                let choices = DsjsonChoices::open(file, survey.vocabulary.clone())?;
                From::file(choices.map(|batch| anyhow::Ok(batch?)), survey.rows)
            }
            Kind::Vw(file, survey) => {
                let choices = VwChoices::open(file, survey.as_ref().clone())?;
                From::file(choices.map(|batch| anyhow::Ok(batch?)), survey.rows)
            }
        };
        Ok(Reading {
            from,
            placement: self.placement.clone(),
        })
    }

    /// The policy that the placement of a ledger had at a position, and what it
    /// had learnt.
    ///
    /// # Errors
    /// When there is none, or the log is no ledger.
    pub fn policy_at(&self, position: Position) -> Result<PolicyAt> {
        let head = self.head()?;
        if position >= head {
            bail!(
                "the policy at position {position} has learnt from every row of this ledger, which \
                 ends at {head}: evaluate the policy of an earlier position, on what came after it, or with \
                 --target cross-fitted, which learns from other shoppers than it is evaluated on"
            );
        }
        self.policy_known_at(position)
    }

    /// The policy that the placement of a ledger has at its end.
    ///
    /// # Errors
    /// As [`Self::policy_at`].
    pub fn policy_today(&self) -> Result<PolicyAt> {
        self.policy_known_at(self.head()?)
    }

    fn head(&self) -> Result<Position> {
        let (opened, _) = self.ledger()?;
        Ok(opened.ledger.head().position)
    }

    fn ledger(&self) -> Result<(&Opened, &FirstReading)> {
        match &self.kind {
            Kind::Ledger(opened, first) => Ok((opened, first)),
            _ => bail!("only a ledger has the policy of a position; the log is a file"),
        }
    }

    fn policy_known_at(&self, position: Position) -> Result<PolicyAt> {
        let (opened, first) = self.ledger()?;
        let ledger = opened.ledger.as_ref();
        let mut history = History::after(first, ledger, None, position, |_| {});
        for decision in &mut history {
            decision?;
        }
        let state = history.state();
        let catalog = state.catalog().cloned().with_context(|| {
            format!("at position {position} there is no catalogue, and so no policy")
        })?;
        let placement = match &self.placement {
            Some(id) => catalog.placement_by_id(id),
            None => catalog.placements().next(),
        };
        let placement = placement
            .with_context(|| format!("at position {position} there is no such placement"))?;
        let policy = catalog
            .policy(placement.number)
            .with_context(|| format!("at position {position} the placement has no policy"))?;
        Ok(PolicyAt {
            policy: policy.clone(),
            learnt: state
                .learnt()
                .get(&placement.number)
                .cloned()
                .unwrap_or_default(),
            now: state.now(),
            catalog,
        })
    }
}

/// A placement's policy at a position.
pub struct PolicyAt {
    pub policy: Policy,
    pub learnt: PolicyState,
    pub catalog: Arc<Catalog>,
    pub now: Instant,
}

#[cfg(feature = "offline")]
fn parquet(file: &Path, dialect: crate::logs::parquet::Dialect) -> Result<Kind> {
    let survey = crate::logs::parquet::survey(file, dialect)?;
    Ok(Kind::Parquet(file.to_path_buf(), dialect, Box::new(survey)))
}

/// A log that is being read.
pub struct Reading<'a> {
    from: From<'a>,
    placement: Option<String>,
}

enum From<'a> {
    Ledger(Box<LedgerChoices<'a>>),
    File {
        batches: Box<dyn Iterator<Item = Result<Choices>> + 'a>,
        bar: indicatif::ProgressBar,
    },
}

impl<'a> From<'a> {
    fn file(batches: impl Iterator<Item = Result<Choices>> + 'a, rows: u64) -> Self {
        Self::File {
            batches: Box::new(batches),
            bar: progress_bar(rows, "rows"),
        }
    }
}

impl Reading<'_> {
    /// What a ledger left out; complete once it was read to its end.
    pub fn left_out(&self) -> LeftOut {
        match &self.from {
            From::Ledger(choices) => choices.left_out(),
            From::File { .. } => LeftOut::default(),
        }
    }
}

impl Iterator for Reading<'_> {
    type Item = Result<Choices>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = match &mut self.from {
            From::Ledger(choices) => return choices.next().map(|batch| anyhow::Ok(batch?)),
            From::File { batches, bar } => {
                let batch = batches.next();
                match &batch {
                    Some(Ok(batch)) => bar.inc(batch.len() as u64),
                    _ => bar.finish_and_clear(),
                }
                batch?
            }
        };
        let wanted = self.placement.as_deref();
        Some(batch.map(|batch| match wanted {
            None => batch,
            Some(wanted) => {
                let number = batch.vocabulary().placements.number(wanted);
                batch.only(|choice| choice.placement == number)
            }
        }))
    }
}

/// Weighs a batch; a fault names its row.
pub(super) fn weigh_batch(
    batch: Choices,
    target: &mut ChoiceTarget,
    weighing: &mut Weighing,
    rows_before: u64,
) -> Result<Rounds> {
    let sequence = batch.columns().sequence.clone();
    weigh(batch, target.policy.as_mut(), weighing).map_err(|fault| {
        let place = match fault.index() {
            None => String::new(),
            Some(index) => match sequence.get(index) {
                Some(position) => format!("the decision at position {position}, "),
                None => format!("row {}, ", rows_before + index as u64 + 1),
            },
        };
        let hint = if fault.looks_like_a_cost(weighing.range) {
            "; it would be, were it minus that: a reward is wanted, not a cost"
        } else {
            ""
        };
        anyhow::anyhow!("{place}{fault}{hint}")
    })
}
