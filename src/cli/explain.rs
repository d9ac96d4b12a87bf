//! `promobandit explain`: why a decision came out as it did.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use uuid::Uuid;

use super::json;
use super::output::Output;
use super::records::RecordsArgs;
use super::table::Table;
use crate::proto::promobandit::v1::{
    Candidate, Decision, DecisionKind, DecisionProgress, ExplainResponse, OutcomeKind,
    Rederivation, RewardResult,
};

/// Tells why a decision came out as it did: what was on offer, what was
/// rejected, the probabilities, the draw, and what came of it.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The decision's id, as ChooseOffer answered it.
    #[arg(value_parser = decision_id)]
    decision_id: Uuid,
    #[command(flatten)]
    records: RecordsArgs,
    /// For people or for programs.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

fn decision_id(text: &str) -> Result<Uuid, &'static str> {
    Uuid::parse_str(text).map_err(|_| "expected a UUID, as ChooseOffer answers it")
}

/// Runs the command.
///
/// # Errors
/// When there is no such decision or its records cannot be asked.
pub async fn run(args: ExplainArgs) -> anyhow::Result<ExitCode> {
    let told = args.records.open().await?.explain(args.decision_id).await?;
    args.output
        .print(|| text(&told), || json::explanation(&told))?;
    Ok(ExitCode::SUCCESS)
}

/// The explanation as a page of text.
fn text(told: &ExplainResponse) -> String {
    let mut page = String::new();
    if let Some(decision) = &told.decision {
        push(&mut page, "decision", &decision.decision_id);
        push(&mut page, "request", &decision.request_id);
        push(&mut page, "made", &made(decision));
    }
    let segment = told.decision.as_ref().map_or("", |it| &it.segment);
    push(
        &mut page,
        "segment",
        &reasoned(segment, &told.segment_reason),
    );
    let policy = told.decision.as_ref().map_or("", |it| &it.policy);
    let version = told.algorithm_version;
    push(
        &mut page,
        "policy",
        &format!("{policy} (algorithm version {version})"),
    );
    if !told.split_arm.is_empty() {
        push(&mut page, "arm of the split", &told.split_arm);
    }
    let (position, from) = (told.position, told.snapshot_position);
    push(
        &mut page,
        "position",
        &format!("{position}, drawn from the state at {from}"),
    );
    push(&mut page, "seed", &format!("{:016x}", told.seed));
    push(
        &mut page,
        "repeated",
        derived_again(json::rederivation(told.rederivation)),
    );
    page.push('\n');
    page.push_str(&candidates(told));
    for (slot, draw) in (1..).zip(&told.draws) {
        let _ = writeln!(page, "\n  {}", drawn(told, slot, *draw));
    }
    if let Some(progress) = &told.progress {
        page.push('\n');
        page.push_str(&outcomes(progress));
    }
    page
}

fn push(page: &mut String, name: &str, value: &str) {
    let _ = writeln!(page, "{name:<10} {value}");
}

fn made(decision: &Decision) -> String {
    let kind = match DecisionKind::try_from(decision.kind).unwrap_or_default() {
        DecisionKind::Offers => "offers",
        DecisionKind::NoOffer => "no offer",
        DecisionKind::Holdout => "holdout: this shopper sees no offer",
        DecisionKind::Unspecified => "of unknown kind",
    };
    let rehearsal = if decision.test { ", a rehearsal" } else { "" };
    let at = decision.create_time.as_ref().map(json::instant);
    format!(
        "{} at {}, catalogue version {}: {kind}{rehearsal}",
        at.unwrap_or_default(),
        decision.placement,
        decision.catalog_version
    )
}

fn reasoned(what: &str, reason: &str) -> String {
    if reason.is_empty() {
        what.to_owned()
    } else {
        format!("{what}: {reason}")
    }
}

const fn derived_again(rederivation: Rederivation) -> &'static str {
    match rederivation {
        Rederivation::Matches => "derived again now, the same bit for bit",
        Rederivation::Differs => "derived again now, NOT THE SAME: run `promobandit ledger verify`",
        Rederivation::Erased => {
            "the shopper was erased; what does not rest on the shopper is the same bit for bit"
        }
        Rederivation::OtherAlgorithm => "made by another version of the algorithm, not repeated",
        Rederivation::NeedsVerify => {
            "segment, eligible offers and draws are the same; `promobandit ledger verify` repeats \
             the distributions too"
        }
        Rederivation::Unspecified => "not said",
    }
}

/// Every offer of the placement: its probabilities, or why it was rejected, and
/// what the policy knows of it now.
fn candidates(told: &ExplainResponse) -> String {
    let slots = told.draws.len();
    let slot_names: Vec<String> = (1..=slots).map(|slot| format!("p(slot {slot})")).collect();
    let titles = ["offer", "chosen"].into_iter();
    let titles = titles.chain(slot_names.iter().map(String::as_str));
    let has_lifts = told.candidates.iter().any(|it| it.affinity_lift.is_some());
    let lift_title = has_lifts.then_some("lift");
    let titles = titles.chain(lift_title);
    let mut table = Table::new(titles.chain(["pulls now", "learnt now", "95 % now", "rejected"]));
    for candidate in &told.candidates {
        let arm = told
            .arms
            .iter()
            .find(|arm| arm.offer_id == candidate.offer_id);
        let probabilities = (0..slots).map(|slot| probability(candidate, slot));
        let learnt = match arm {
            Some(arm) => [
                arm.pulls.to_string(),
                format!("{:.4}", arm.estimate.unwrap_or(arm.mean)),
                format!("[{:.4}, {:.4}]", arm.lower, arm.upper),
            ],
            None => Default::default(),
        };
        let cells = [candidate.offer_id.clone(), chosen(candidate)].into_iter();
        let lift = candidate.affinity_lift.map(|lift| format!("{lift:.4}"));
        let lift = has_lifts.then(|| lift.unwrap_or_default());
        let cells = cells.chain(probabilities).chain(lift).chain(learnt);
        table.row(cells.chain([rejected(candidate)]));
    }
    if table.is_empty() {
        "  the placement has no offer\n".to_owned()
    } else {
        table.to_string()
    }
}

fn chosen(candidate: &Candidate) -> String {
    if candidate.chosen_slot > 0 {
        format!("slot {}", candidate.chosen_slot)
    } else {
        String::new()
    }
}

fn probability(candidate: &Candidate, slot: usize) -> String {
    let chosen_above = usize::try_from(candidate.chosen_slot).unwrap_or(0);
    match candidate.probabilities.get(slot) {
        Some(_) if chosen_above > 0 && slot >= chosen_above => "taken".to_owned(),
        Some(probability) if candidate.eligible => format!("{probability:.6}"),
        _ => String::new(),
    }
}

fn rejected(candidate: &Candidate) -> String {
    if candidate.eligible {
        String::new()
    } else {
        reasoned(&candidate.rejection_code, &candidate.rejection_reason)
    }
}

fn drawn(told: &ExplainResponse, slot: i32, draw: f64) -> String {
    let offer = told.decision.as_ref().and_then(|decision| {
        let mut offers = decision.offers.iter();
        offers.find(|offer| offer.slot == slot)
    });
    match offer {
        Some(offer) => format!(
            "slot {slot}: the draw {draw:.6} fell to {} with probability {:.6}",
            offer.offer_id, offer.propensity
        ),
        None => format!("slot {slot}: the draw {draw:.6}"),
    }
}

fn outcomes(progress: &DecisionProgress) -> String {
    let shown = if progress.shown {
        "shown"
    } else {
        "not known to have been shown"
    };
    let at = progress.closes_at.as_ref().map(json::instant);
    let at = at.unwrap_or_default();
    let closing = if progress.closed {
        "closed"
    } else {
        "open, closes"
    };
    let rewards: Vec<String> = progress.rewards.iter().map(f64::to_string).collect();
    let mut page = String::new();
    push(
        &mut page,
        "outcomes",
        &format!("{shown}; {closing} at {at}"),
    );
    push(
        &mut page,
        "reward",
        &format!("{} (by slot)", rewards.join(", ")),
    );
    if progress.rewards_as_they_came != progress.rewards {
        let came = progress.rewards_as_they_came.iter();
        let came: Vec<String> = came.map(f64::to_string).collect();
        push(&mut page, "before the winsor", &came.join(", "));
    }
    let mut table = Table::new(["position", "outcome", "result", ""]);
    for outcome in &progress.outcomes {
        let kind = OutcomeKind::try_from(outcome.kind).unwrap_or_default();
        let result = RewardResult::try_from(outcome.result).unwrap_or_default();
        table.row([
            outcome.position.to_string(),
            without(kind.as_str_name(), "OUTCOME_KIND_"),
            without(result.as_str_name(), "REWARD_RESULT_"),
            outcome.conversion.clone(),
        ]);
    }
    if !table.is_empty() {
        page.push_str(&table.to_string());
    }
    page
}

fn without(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_owned()
}
