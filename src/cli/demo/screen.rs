//! What the demo shows.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::time::{Duration, Instant};

use super::tally::{Books, Tally};
use super::tastes::{PLACEMENT, Tastes};
use super::visit::LEARNT_SHARE;
use crate::cli::table::Table;
use crate::proto::promobandit::v1::{ArmSummary, StatsResponse};

/// Where nobody watches, a line is printed so often.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows how the demo goes: a page that is drawn again and again on a terminal,
/// a line now and then elsewhere.
#[derive(Debug)]
pub struct Screen {
    is_terminal: bool,
    /// How many lines the page has that is on the terminal now.
    lines: usize,
    last_line_at: Option<Instant>,
}

impl Screen {
    /// A screen on standard output.
    pub fn new() -> Self {
        Self {
            is_terminal: io::stdout().is_terminal(),
            lines: 0,
            last_line_at: None,
        }
    }

    /// Shows how it stands. What cannot be written is not shown.
    pub fn show(&mut self, tastes: &Tastes, tally: &Tally, stats: &StatsResponse) {
        if self.is_terminal {
            let page = page(tastes, tally, stats);
            let mut out = io::stdout().lock();
            if self.lines > 0 {
                // Up to the page's first line, and everything below is cleared.
                let _ = write!(out, "\x1b[{}F\x1b[J", self.lines);
            }
            let _ = out.write_all(page.as_bytes()).and_then(|()| out.flush());
            self.lines = page.lines().count();
        } else if self
            .last_line_at
            .is_none_or(|at| at.elapsed() >= LINE_EVERY)
        {
            self.last_line_at = Some(Instant::now());
            let mut out = io::stdout().lock();
            let line = line(tastes, tally, stats);
            let _ = writeln!(out, "{line}").and_then(|()| out.flush());
        }
    }

    /// Shows how it ended: a last page, and what was sent beside what was
    /// counted.
    pub fn finish(
        &mut self,
        tastes: &Tastes,
        tally: &Tally,
        stats: &StatsResponse,
        counted: &Books,
    ) {
        let mut summary = page(tastes, tally, stats);
        summary.push_str(&comparison(tally, counted));
        let mut out = io::stdout().lock();
        if self.is_terminal && self.lines > 0 {
            let _ = write!(out, "\x1b[{}F\x1b[J", self.lines);
        }
        let _ = out.write_all(summary.as_bytes()).and_then(|()| out.flush());
        self.lines = 0;
    }
}

/// What was learnt about one offer in a segment.
fn arm<'a>(stats: &'a StatsResponse, segment: &str, offer: &str) -> Option<&'a ArmSummary> {
    arms(stats, segment).find(|arm| arm.offer_id == offer)
}

fn arms<'a>(stats: &'a StatsResponse, segment: &str) -> impl Iterator<Item = &'a ArmSummary> {
    let here = stats
        .policies
        .iter()
        .find(|policy| policy.placement == PLACEMENT && policy.segment == segment);
    here.into_iter().flat_map(|policy| &policy.arms)
}

/// What the policy takes an offer's reward to be.
fn believed(arm: &ArmSummary) -> f64 {
    arm.estimate.unwrap_or(arm.mean)
}

/// The offer that was learnt to be the best.
fn learnt_best<'a>(stats: &'a StatsResponse, segment: &str) -> Option<&'a ArmSummary> {
    let shown = arms(stats, segment).filter(|arm| arm.pulls > 0);
    shown.max_by(|one, other| believed(one).total_cmp(&believed(other)))
}

fn page(tastes: &Tastes, tally: &Tally, stats: &StatsResponse) -> String {
    let recent = tally.recent();
    let mut page = String::new();
    let _ = writeln!(page, "\n{}", pace(tally, stats));
    let mut table = Table::new([
        "segment",
        "best by truth",
        "truth",
        "learnt",
        "95 %",
        "best learnt",
        "best shown lately",
    ]);
    for (index, taste) in tastes.iter().enumerate() {
        let (best, rate) = taste.best();
        let known = arm(stats, taste.segment, best);
        let learnt = learnt_best(stats, taste.segment);
        let share = tally.best_share(index);
        table.row([
            taste.segment.to_owned(),
            best.to_owned(),
            format!("{:.3}", rate * LEARNT_SHARE),
            known.map_or_else(String::new, |arm| format!("{:.3}", believed(arm))),
            known.map_or_else(String::new, |arm| {
                format!("[{:.3}, {:.3}]", arm.lower, arm.upper)
            }),
            learnt.map_or_else(|| "nothing yet".to_owned(), |arm| arm.offer_id.clone()),
            share.map_or_else(String::new, |share| format!("{:.0} %", share * 100.0)),
        ]);
    }
    let _ = writeln!(page, "{table}");
    let _ = writeln!(
        page,
        "  probability of a purchase, last decisions: {:.3} (at random {:.3}, knowing all {:.3})",
        recent.rate, recent.uniform, recent.best
    );
    let (regret, at_random) = tally.regret();
    let _ = writeln!(
        page,
        "  regret per decision since the start: {regret:.4} (at random {at_random:.4})"
    );
    page
}

fn pace(tally: &Tally, stats: &StatsResponse) -> String {
    let recent = tally.recent();
    format!(
        "demo: {} decisions, {:.0} a second, p50 {:.1} ms, p99 {:.1} ms, ledger position {}, {}",
        tally.books.decisions,
        tally.per_second(),
        recent.p50.as_secs_f64() * 1e3,
        recent.p99.as_secs_f64() * 1e3,
        stats.position,
        if recent.durable {
            "each answer on disk before it left"
        } else {
            "answers leave before they are on disk"
        },
    )
}

fn line(tastes: &Tastes, tally: &Tally, stats: &StatsResponse) -> String {
    let recent = tally.recent();
    let found = tastes.iter().filter(|taste| {
        learnt_best(stats, taste.segment).is_some_and(|arm| arm.offer_id == taste.best().0)
    });
    format!(
        "{}; best offer found in {} of {} segments; purchase {:.3} (at random {:.3}, knowing all \
         {:.3}); regret {:.4}",
        pace(tally, stats),
        found.count(),
        tastes.iter().len(),
        recent.rate,
        recent.uniform,
        recent.best,
        tally.regret().0,
    )
}

/// What was sent beside what the ledger counted.
fn comparison(tally: &Tally, counted: &Books) -> String {
    let mut page = String::new();
    let repeats = &tally.repeats;
    let _ = writeln!(
        page,
        "\n  sent twice: {} requests at the same time, {} pages loaded again, {} events; answers \
         that were not the first one's: {}",
        repeats.retries, repeats.reloads, repeats.doubled, repeats.broken
    );
    let mut table = Table::new(["", "sent", "counted by the ledger"]);
    for ((name, sent), (_, counted)) in tally.books.lines().into_iter().zip(counted.lines()) {
        table.row([name.to_owned(), sent.to_string(), counted.to_string()]);
    }
    let _ = writeln!(page, "{table}");
    let verdict = if agrees(tally, counted) {
        "nothing was lost and nothing was counted twice"
    } else {
        "THE COUNTS DIFFER: unless somebody else used the service meanwhile, this is a fault"
    };
    let _ = writeln!(page, "  {verdict}");
    page
}

/// Whether the ledger counted what was sent, once each.
pub fn agrees(tally: &Tally, counted: &Books) -> bool {
    tally.books == *counted && tally.repeats.broken == 0
}
