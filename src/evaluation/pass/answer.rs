//! What comes of a pass: estimates, intervals, and what was left out and why.

use std::fmt;

use thiserror::Error;

use super::super::demands::Demands;
use super::super::diagnostics::{Summary, Verdict};
use super::super::estimator::{Estimate, Estimator};
use super::super::interval::Ends;
use super::super::logged::{MissingColumn, RewardRange};

/// A kind of interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Normal, by the delta method.
    Normal,
    /// Student's t, by the delta method.
    StudentT,
    /// The bootstrap's percentiles.
    BootstrapPercentile,
    /// The bootstrap, bias-corrected and accelerated.
    BootstrapBca,
    /// Hoeffding's.
    Hoeffding,
    /// Empirical Bernstein.
    EmpiricalBernstein,
    /// The confidence sequence, which holds at every round at once.
    ConfidenceSequence,
    /// The default: holds at every round at once, around a doubly robust score.
    AnytimeValid,
    /// Student's t, with the standard error of groups of whole shoppers.
    ClusteredT,
    /// The bootstrap that streams: each shopper counts a Poisson number of times.
    BootstrapPoisson,
    /// Vowpal Wabbit's: the normal interval of inverse propensity scores.
    Gaussian,
    /// Vowpal Wabbit's: Clopper-Pearson with weights.
    ClopperPearson,
    /// Vowpal Wabbit's: empirical Cressie-Read, for rewards in this range.
    CressieRead(RewardRange),
}

impl Kind {
    /// Every kind, for rewards in a range.
    #[must_use]
    pub const fn all(range: RewardRange) -> [Self; 13] {
        [
            Self::AnytimeValid,
            Self::ConfidenceSequence,
            Self::ClusteredT,
            Self::BootstrapPoisson,
            Self::Normal,
            Self::StudentT,
            Self::BootstrapPercentile,
            Self::BootstrapBca,
            Self::Hoeffding,
            Self::EmpiricalBernstein,
            Self::Gaussian,
            Self::ClopperPearson,
            Self::CressieRead(range),
        ]
    }

    /// What it can do with a log.
    #[must_use]
    pub const fn demands(self) -> Demands {
        match self {
            Self::AnytimeValid | Self::ConfidenceSequence => Demands::SERIAL,
            Self::ClusteredT | Self::BootstrapPoisson => Demands::CLUSTERED,
            _ => Demands::INDEPENDENT,
        }
    }

    /// Whether it may be told of this estimator although rounds of the same
    /// shopper have to do with each other. An estimate that reads the log in its
    /// order has scores that may depend on all rounds before them.
    #[must_use]
    pub fn clusters_for(self, estimator: &Estimator) -> bool {
        self.demands().clusters || estimator.demands().order
    }

    /// Whether it claims to hold at every look at once, not at one that was fixed
    /// before.
    #[must_use]
    pub const fn holds_at_every_look(self) -> bool {
        matches!(self, Self::ConfidenceSequence | Self::AnytimeValid)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("normal"),
            Self::StudentT => f.write_str("student_t"),
            Self::BootstrapPercentile => f.write_str("bootstrap_percentile"),
            Self::BootstrapBca => f.write_str("bootstrap_bca"),
            Self::Hoeffding => f.write_str("hoeffding"),
            Self::EmpiricalBernstein => f.write_str("empirical_bernstein"),
            Self::ConfidenceSequence => f.write_str("confidence_sequence"),
            Self::AnytimeValid => f.write_str("anytime_valid"),
            Self::ClusteredT => f.write_str("clustered_t"),
            Self::BootstrapPoisson => f.write_str("bootstrap_poisson"),
            Self::Gaussian => f.write_str("gaussian_interval"),
            Self::ClopperPearson => f.write_str("clopper_pearson_interval"),
            Self::CressieRead(range) => {
                let (low, high) = (range.low(), range.high());
                write!(f, "cressieread_interval_rmin{low}_rmax{high}")
            }
        }
    }
}

/// One interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IntervalLine {
    /// Which.
    pub kind: Kind,
    /// Of which estimator.
    pub estimator: Estimator,
    /// Its ends.
    pub ends: Ends,
}

/// An estimator that could say nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Skipped {
    /// Which.
    pub estimator: Estimator,
    /// Why.
    pub why: WhySkipped,
}

/// Why an estimator said nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WhySkipped {
    /// The log lacks what it reads.
    #[error(transparent)]
    Missing(#[from] MissingColumn),
    /// Replay is for uniform logs.
    #[error("the log's propensities are not all the same, and replay is for uniform logs")]
    NotUniform,
    /// It is computed for a target that is a table.
    #[error("it needs a target that is the same for every round of a position")]
    NoTable,
    /// It is computed for a target that knows the rounds before alone.
    #[error("it needs a target that rests on no later round")]
    LooksAhead,
    /// It needs the log's order, and passes were merged.
    #[error("it needs the log in one pass, in its order")]
    Merged,
    /// It is not defined on this log.
    #[error("it is not defined on this log, or needs more of its weights than are kept")]
    Undefined,
}

/// What came of a pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What the log is like.
    pub summary: Summary,
    /// Whether it can answer.
    pub verdict: Verdict,
    /// The estimates, in the order of the question.
    pub estimates: Vec<(Estimator, Estimate)>,
    /// The intervals.
    pub intervals: Vec<IntervalLine>,
    /// Intervals that count rounds as independent, left out because the log
    /// names shoppers.
    pub unclustered: Vec<Kind>,
    /// Whether the default interval says nothing of its upper end, because the
    /// log has neither whole distributions nor a declared largest weight.
    pub one_sided: bool,
    /// The estimators that said nothing.
    pub skipped: Vec<Skipped>,
}
