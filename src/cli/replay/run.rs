//! The replay method: Li, Chu, Langford, Wang (2011), "Unbiased offline
//! evaluation of contextual-bandit-based news article recommendation
//! algorithms", WSDM, <https://arxiv.org/abs/1003.5956>.
//!
//! The policy that is evaluated answers each logged impression in turn. Where
//! it chose what was logged, the log knows what came of it: the policy learns
//! that, and it counts. Every other impression is passed over. When the log's
//! policy was uniform, and impressions are independent, what counts is
//! distributed as if the policy had served the shop itself. Cost: of K items
//! about one impression in K counts.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, bail};
use tokio::task::JoinSet;
use tonic::transport::Channel;

use super::catalogue;
use super::impression::{Choice, Replayed, Replayer};
use super::report::{Counts, LedgerCounts, ReplayReport};
use super::survey::Survey;
use crate::cli::client::{connect, refusal};
use crate::cli::output::progress_bar;
use crate::logs::obd::ObdReader;
use crate::proto::promobandit::v1::ledger_service_client::LedgerServiceClient;
use crate::proto::promobandit::v1::{RecordRewardRequest, StatsRequest};

/// How many events of answers that were not used are sent together.
const NOT_SHOWN_BATCH: usize = 200;
/// How many such batches may be under way.
const NOT_SHOWN_UNDER_WAY: usize = 4;

/// How to replay.
#[derive(Debug, Clone, Copy)]
pub struct ReplayOptions {
    /// How many decisions may be under way together, from 1.
    pub in_flight: usize,
    /// What request ids are made of.
    pub seed: u64,
    /// Replay a log of another than the uniform policy all the same.
    pub force: bool,
}

/// Replays a log through the service at `endpoint`.
///
/// # Errors
/// When the log is refused, was not logged by a uniform policy, or does not
/// fit the service's catalogue; or when the service refuses a call.
pub async fn replay(
    log: &Path,
    endpoint: &str,
    options: ReplayOptions,
) -> anyhow::Result<ReplayReport> {
    let survey = Survey::of(log)?;
    let channel = connect(endpoint).await?;
    let offered = catalogue::check(channel.clone(), &survey, log).await?;
    let uniform = check_uniform(&survey, &offered);
    if let (Err(reason), false) = (&uniform, options.force) {
        bail!("{}: {reason}", log.display());
    }
    let before = ledger_counts(&channel).await?;
    let reader = ObdReader::open(log)?;
    let replayer = Replayer::new(&channel, reader.feature_names(), options.seed);
    let started = Instant::now();
    let counts = all_rows(reader, &replayer, &survey, options.in_flight).await?;
    let elapsed = started.elapsed();
    Ok(ReplayReport {
        log: log.display().to_string(),
        seed: options.seed,
        in_flight: options.in_flight,
        rows: survey.rows,
        logged_clicks: survey.clicks,
        counts,
        elapsed,
        ledger_before: before,
        ledger: ledger_counts(&channel).await?,
        not_uniform: uniform.err(),
    })
}

/// Plain replay estimates something only on a uniform policy's log.
fn check_uniform(survey: &Survey, offered: &BTreeSet<usize>) -> Result<(), String> {
    let mut counts = offered.iter();
    let (Some(items), None) = (counts.next(), counts.next()) else {
        return Err(format!(
            "the placements offer different numbers of items ({offered:?}); a uniform log has one \
             propensity"
        ));
    };
    match survey.not_uniform(*items) {
        None => Ok(()),
        Some((row, propensity)) => Err(format!(
            "row {row} was logged with propensity {propensity}, a uniform policy over the {items} \
             items gives 1/{items}; where some items were likelier than others the matches are no \
             fair sample, so replay would mislead; use a uniform log, or --force to replay all the \
             same"
        )),
    }
}

async fn ledger_counts(channel: &Channel) -> anyhow::Result<LedgerCounts> {
    let mut client = LedgerServiceClient::new(channel.clone());
    let stats = client.stats(StatsRequest {}).await;
    let stats = stats.map_err(|status| refusal(&status))?.into_inner();
    Ok(LedgerCounts {
        decisions: stats.decisions,
        settled: stats.settled,
        clicks: stats.clicks,
    })
}

/// Replays row after row, at most `in_flight` together.
async fn all_rows(
    mut reader: ObdReader<'static>,
    replayer: &Replayer,
    survey: &Survey,
    in_flight: usize,
) -> anyhow::Result<Counts> {
    let bar = progress_bar(survey.rows, "impressions");
    let mut tally = Tally {
        counts: Counts::default(),
        first_half_rows: survey.rows / 2,
        not_shown: NotShown::new(replayer.clone()),
    };
    let mut under_way = JoinSet::new();
    loop {
        while under_way.len() < in_flight {
            match reader.next() {
                Some(row) => under_way.spawn(replayer.clone().replay(row?)),
                None => break,
            };
        }
        let Some(replayed) = under_way.join_next().await else {
            break;
        };
        tally
            .add(replayed.context("an impression was given up")??)
            .await?;
        bar.inc(1);
    }
    tally.not_shown.finish().await?;
    bar.finish_and_clear();
    Ok(tally.counts)
}

struct Tally {
    counts: Counts,
    first_half_rows: u64,
    not_shown: NotShown,
}

impl Tally {
    async fn add(&mut self, replayed: Replayed) -> anyhow::Result<()> {
        let counts = &mut self.counts;
        counts.requests += 1;
        counts.reused += u64::from(replayed.reused);
        match replayed.choice {
            Choice::NoOffer => counts.no_offer += 1,
            Choice::Other(event) => self.not_shown.add(*event).await?,
            Choice::Match { click, duplicates } => {
                let half = if replayed.row <= self.first_half_rows {
                    &mut counts.first_half
                } else {
                    &mut counts.second_half
                };
                half.trials += 1;
                half.clicks += u64::from(click);
                counts.duplicate_settled += u64::from(duplicates.settled);
                counts.duplicate_clicks += u64::from(duplicates.click);
            }
        }
        Ok(())
    }
}

/// Collects the events of answers that were not used, and sends them in
/// batches beside the replay.
struct NotShown {
    replayer: Replayer,
    waiting: Vec<RecordRewardRequest>,
    under_way: JoinSet<anyhow::Result<()>>,
}

impl NotShown {
    fn new(replayer: Replayer) -> Self {
        Self {
            replayer,
            waiting: Vec::new(),
            under_way: JoinSet::new(),
        }
    }

    async fn add(&mut self, event: RecordRewardRequest) -> anyhow::Result<()> {
        self.waiting.push(event);
        if self.waiting.len() >= NOT_SHOWN_BATCH {
            self.send();
        }
        while self.under_way.len() > NOT_SHOWN_UNDER_WAY {
            self.wait_for_one().await?;
        }
        Ok(())
    }

    fn send(&mut self) {
        let batch = std::mem::take(&mut self.waiting);
        self.under_way
            .spawn(self.replayer.clone().record_not_shown(batch));
    }

    async fn wait_for_one(&mut self) -> anyhow::Result<()> {
        match self.under_way.join_next().await {
            Some(sent) => sent.context("a batch of events was given up")?,
            None => Ok(()),
        }
    }

    async fn finish(&mut self) -> anyhow::Result<()> {
        if !self.waiting.is_empty() {
            self.send();
        }
        while !self.under_way.is_empty() {
            self.wait_for_one().await?;
        }
        Ok(())
    }
}
