//! What a replay found.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::EXIT_WANTING;
use crate::cli::table::Table;

/// The 97.5 % quantile of the normal distribution.
const NORMAL_QUANTILE_975: f64 = 1.959_963_984_540_054;

/// How a click rate is estimated, for whoever reads the figures.
const ESTIMATOR: &str = "replay (arXiv 1003.5956): clicks / matches over the impressions for which \
                         the service chose the logged item; standard error binomial, \
                         sqrt(p (1 - p) / matches); 95 % intervals by Wilson, of the difference \
                         by Newcombe";

/// Clicks among trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClickRate {
    /// How often something was shown.
    pub trials: u64,
    /// How often it was clicked.
    pub clicks: u64,
}

#[allow(clippy::cast_precision_loss)] // counts of a log
impl ClickRate {
    /// The share that was clicked; `None` when nothing was shown.
    #[must_use]
    pub fn estimate(self) -> Option<f64> {
        (self.trials > 0).then(|| self.clicks as f64 / self.trials as f64)
    }

    /// The binomial standard error of the estimate.
    #[must_use]
    pub fn standard_error(self) -> Option<f64> {
        let rate = self.estimate()?;
        Some((rate * (1.0 - rate) / self.trials as f64).sqrt())
    }

    /// Wilson's 95 % interval, which holds for few clicks and for none: Wilson
    /// (1927), "Probable inference, the law of succession, and statistical
    /// inference", <https://doi.org/10.1080/01621459.1927.10502953>.
    #[must_use]
    pub fn interval(self) -> Option<[f64; 2]> {
        let (rate, trials) = (self.estimate()?, self.trials as f64);
        let spread = NORMAL_QUANTILE_975 * NORMAL_QUANTILE_975 / trials;
        let middle = (rate + spread / 2.0) / (1.0 + spread);
        let variance = rate * (1.0 - rate) / trials + spread / (4.0 * trials);
        let half_width = NORMAL_QUANTILE_975 * variance.sqrt() / (1.0 + spread);
        Some([
            (middle - half_width).max(0.0),
            (middle + half_width).min(1.0),
        ])
    }

    /// This rate less another, with Newcombe's 95 % interval made of Wilson's:
    /// Newcombe (1998), "Interval estimation for the difference between
    /// independent proportions: comparison of eleven methods", Statistics in
    /// Medicine 17, 873–890, method 10.
    #[must_use]
    pub fn less(self, other: Self) -> Option<Difference> {
        let (here, there) = (self.estimate()?, other.estimate()?);
        let ([here_lower, here_upper], [there_lower, there_upper]) =
            (self.interval()?, other.interval()?);
        let root = |one: f64, two: f64| (one * one + two * two).sqrt();
        let estimate = here - there;
        Some(Difference {
            estimate,
            lower: estimate - root(here - here_lower, there_upper - there),
            upper: estimate + root(here_upper - here, there - there_lower),
        })
    }

    fn and(self, other: Self) -> Self {
        Self {
            trials: self.trials + other.trials,
            clicks: self.clicks + other.clicks,
        }
    }

    fn json(self) -> Value {
        json!({
            "matches": self.trials,
            "clicks": self.clicks,
            "click_rate": self.estimate(),
            "standard_error": self.standard_error(),
            "interval": self.interval(),
        })
    }
}

/// How far two rates are apart, with a 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// The difference of the estimates.
    pub estimate: f64,
    /// The interval's lower end.
    pub lower: f64,
    /// The interval's upper end.
    pub upper: f64,
}

/// What the ledger counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LedgerCounts {
    /// Decisions.
    pub decisions: u64,
    /// Settled events.
    pub settled: u64,
    /// Clicks.
    pub clicks: u64,
}

/// What a replay counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Impressions that the service answered.
    pub requests: u64,
    /// Those that it had answered before.
    pub reused: u64,
    /// Those that it answered with no offer.
    pub no_offer: u64,
    /// Matches in the first half of the log.
    pub first_half: ClickRate,
    /// Matches in the second half of the log.
    pub second_half: ClickRate,
    /// Settled events that the service had recorded before.
    pub duplicate_settled: u64,
    /// Clicks that the service had recorded before.
    pub duplicate_clicks: u64,
}

/// What a replay found.
#[derive(Debug, Clone)]
pub struct ReplayReport {
    /// The log's file.
    pub log: String,
    /// What request ids were made of.
    pub seed: u64,
    /// How many decisions were under way together.
    pub in_flight: usize,
    /// How many impressions the log has.
    pub rows: u64,
    /// How many of them were clicked.
    pub logged_clicks: u64,
    /// What was counted.
    pub counts: Counts,
    /// How long it took.
    pub elapsed: Duration,
    /// The ledger's counts before.
    pub ledger_before: LedgerCounts,
    /// The ledger's counts after.
    pub ledger: LedgerCounts,
    /// Why the log's policy was not uniform, when it was replayed all the same.
    pub not_uniform: Option<String>,
}

impl ReplayReport {
    /// The policy's clicks where it chose what was logged.
    #[must_use]
    pub fn matched(&self) -> ClickRate {
        self.counts.first_half.and(self.counts.second_half)
    }

    /// The clicks of the log's own policy: of all impressions.
    #[must_use]
    pub const fn logged(&self) -> ClickRate {
        ClickRate {
            trials: self.rows,
            clicks: self.logged_clicks,
        }
    }

    /// How much better than the log's own policy, with an interval. The matches
    /// are impressions of the log too, so the two are correlated and the
    /// interval is a little wider than it need be.
    #[must_use]
    pub fn uplift(&self) -> Option<Difference> {
        self.matched().less(self.logged())
    }

    /// Whether the ledger counts what was sent: what came before and what it
    /// had recorded already apart.
    #[must_use]
    pub fn ledger_agrees(&self) -> bool {
        let (counts, matched) = (&self.counts, self.matched());
        let settled = self.ledger_before.settled + matched.trials - counts.duplicate_settled;
        let clicks = self.ledger_before.clicks + matched.clicks - counts.duplicate_clicks;
        self.ledger.settled == settled && self.ledger.clicks == clicks
    }

    /// 0, or 3 when the ledger counts something else than was sent.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        if self.ledger_agrees() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(EXIT_WANTING)
        }
    }

    #[allow(clippy::cast_precision_loss)] // a log's rows
    fn requests_per_second(&self) -> f64 {
        self.counts.requests as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// The report as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let (matched, logged, counts) = (self.matched(), self.logged(), &self.counts);
        json!({
            "log": self.log,
            "seed": self.seed,
            "in_flight": self.in_flight,
            "requests": counts.requests,
            "matches": matched.trials,
            "clicks": matched.clicks,
            "click_rate": matched.estimate(),
            "standard_error": matched.standard_error(),
            "interval": matched.interval(),
            "estimator": ESTIMATOR,
            "valid": self.not_uniform.is_none(),
            "not_uniform": self.not_uniform,
            "first_half": counts.first_half.json(),
            "second_half": counts.second_half.json(),
            "logged": {
                "impressions": logged.trials,
                "clicks": logged.clicks,
                "click_rate": logged.estimate(),
                "standard_error": logged.standard_error(),
                "interval": logged.interval(),
            },
            "uplift": self.uplift().map(|uplift| json!({
                "estimate": uplift.estimate,
                "lower": uplift.lower,
                "upper": uplift.upper,
            })),
            "no_offer": counts.no_offer,
            "reused": counts.reused,
            "duplicate_settled": counts.duplicate_settled,
            "duplicate_clicks": counts.duplicate_clicks,
            "seconds": self.elapsed.as_secs_f64(),
            "requests_per_second": self.requests_per_second(),
            "ledger": {
                "decisions": self.ledger.decisions,
                "settled": self.ledger.settled,
                "clicks": self.ledger.clicks,
                "settled_before": self.ledger_before.settled,
                "clicks_before": self.ledger_before.clicks,
                "agrees": self.ledger_agrees(),
            },
        })
    }

    /// The report for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut page = String::new();
        let counts = &self.counts;
        if let Some(reason) = &self.not_uniform {
            let _ = writeln!(page, "NO VALID ESTIMATE: {reason}\n");
        }
        let _ = writeln!(
            page,
            "replayed {} (seed {}, {} in flight): {} requests in {:.1} s, {:.0} a second",
            self.log,
            self.seed,
            self.in_flight,
            counts.requests,
            self.elapsed.as_secs_f64(),
            self.requests_per_second(),
        );
        if counts.reused + counts.no_offer > 0 {
            let _ = writeln!(
                page,
                "{} had been answered before, {} got no offer",
                counts.reused, counts.no_offer
            );
        }
        let _ = write!(page, "\n{}", self.rates());
        let _ = writeln!(page, "\n{}", self.uplift_text());
        let _ = writeln!(page, "estimator: {ESTIMATOR}");
        let _ = writeln!(page, "{}", self.ledger_text());
        page
    }

    fn rates(&self) -> Table {
        let mut table = Table::new([
            "",
            "shown",
            "clicks",
            "click rate",
            "standard error",
            "95 %",
        ]);
        let number = |value: Option<f64>| value.map_or_else(String::new, |it| format!("{it:.6}"));
        let lines = [
            ("matches", self.matched()),
            ("  first half of the log", self.counts.first_half),
            ("  second half of the log", self.counts.second_half),
            ("the log's own policy", self.logged()),
        ];
        for (name, rate) in lines {
            table.row([
                name.to_owned(),
                rate.trials.to_string(),
                rate.clicks.to_string(),
                number(rate.estimate()),
                number(rate.standard_error()),
                rate.interval().map_or_else(String::new, |[lower, upper]| {
                    format!("[{lower:.6}, {upper:.6}]")
                }),
            ]);
        }
        table
    }

    fn uplift_text(&self) -> String {
        match self.uplift() {
            None => "nothing matched, so nothing is estimated".to_owned(),
            Some(Difference {
                estimate,
                lower,
                upper,
            }) => {
                let verdict = if lower > 0.0 {
                    "better"
                } else if upper < 0.0 {
                    "worse"
                } else {
                    "no difference shown"
                };
                format!(
                    "against the log's own policy: {estimate:+.6}, 95 % interval [{lower:+.6}, \
                     {upper:+.6}]: {verdict}"
                )
            }
        }
    }

    fn ledger_text(&self) -> String {
        let LedgerCounts {
            settled, clicks, ..
        } = self.ledger;
        let before = self.ledger_before;
        if self.ledger_agrees() {
            format!(
                "the ledger agrees: settled {settled}, clicks {clicks} ({} and {} before)",
                before.settled, before.clicks
            )
        } else {
            format!(
                "THE LEDGER DOES NOT AGREE: settled {settled}, clicks {clicks} ({} and {} \
                 before); did somebody else use the service meanwhile?",
                before.settled, before.clicks
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: ClickRate = ClickRate {
        trials: 400,
        clicks: 100,
    };

    #[test]
    fn the_standard_error_is_binomial() {
        assert_eq!(RATE.estimate(), Some(0.25));
        let error = RATE.standard_error().expect("trials");
        assert!((error - (0.25 * 0.75 / 400.0_f64).sqrt()).abs() < 1e-15);
    }

    #[test]
    fn nothing_shown_estimates_nothing() {
        assert_eq!(ClickRate::default().estimate(), None);
        assert_eq!(ClickRate::default().standard_error(), None);
        assert_eq!(RATE.less(ClickRate::default()), None);
    }

    /// Symptom: a replay in which none of 129 matches was clicked called the
    /// policy worse than one with 38 clicks in 10,000. Cause: the interval was
    /// made of the binomial standard error, which is 0 without clicks. Fix:
    /// Wilson's interval, and Newcombe's for the difference.
    #[test]
    fn no_clicks_in_few_trials_prove_nothing() {
        let none = ClickRate {
            trials: 129,
            clicks: 0,
        };
        let logged = ClickRate {
            trials: 10_000,
            clicks: 38,
        };
        let difference = none.less(logged).expect("trials");
        assert!(
            difference.lower < 0.0 && difference.upper > 0.0,
            "{difference:?}"
        );
    }

    /// The figures of Newcombe (1998), table II, row (a): 56/70 against 48/80.
    #[test]
    fn the_difference_is_that_of_the_paper() {
        let one = ClickRate {
            trials: 70,
            clicks: 56,
        };
        let other = ClickRate {
            trials: 80,
            clicks: 48,
        };
        let difference = one.less(other).expect("trials");
        assert!((difference.lower - 0.0524).abs() < 5e-5, "{difference:?}");
        assert!((difference.upper - 0.3339).abs() < 5e-5, "{difference:?}");
    }

    #[test]
    fn a_difference_has_an_interval_around_it() {
        let worse = ClickRate {
            trials: 400,
            clicks: 40,
        };
        let difference = RATE.less(worse).expect("trials");
        assert!((difference.estimate - 0.15).abs() < 1e-15);
        assert!(difference.lower > 0.0 && difference.upper < 0.3);
        let none = RATE.less(RATE).expect("trials");
        assert!(none.lower < 0.0 && none.upper > 0.0);
    }
}
