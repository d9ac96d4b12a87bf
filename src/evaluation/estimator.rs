//! What the target policy would have earned: one estimator a file.
//!
//! Nearly all are smooth functions of the means of a few terms a round; such a
//! [`Formula`] says which terms and which function, and everything else
//! (streaming, merging, standard errors by the delta method, resampling)
//! follows from that. The two empirical-likelihood estimators, those that are
//! cross-fitted, those that read the log in its order and those that choose
//! their own parameter keep sums of their own.
//!
//! An estimator has a name under which people ask for it, parameter included:
//! `ips`, `ips_clip10`, `switch_dr_100`, `dros_0.5`.

mod accumulator;
mod adaptively_weighted;
mod balanced_ipw;
mod cressie_read;
mod cross_fitted;
mod direct_method;
mod doubly_robust;
mod dros;
mod ips;
mod marginalized_ips;
mod mle;
mod replay;
mod self_normalised_dr;
mod snips;
mod sub_gaussian;
mod switch_dr;
mod tuned;

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::demands::Demands;
use super::logged::{Column, MissingColumn, RewardRange, RoundsView};
use super::moments::Terms;

pub use accumulator::{Accumulator, Estimate, Unlike};
pub use adaptively_weighted::{AdaptivelyWeightedDr, Allocation};
pub use balanced_ipw::BalancedIpw;
pub use cressie_read::cressie_read;
pub use cross_fitted::{CellModel, CrossFittedCells};
pub use direct_method::DirectMethod;
pub use doubly_robust::DoublyRobust;
pub use dros::DoublyRobustShrinkage;
pub use ips::InversePropensity;
pub use marginalized_ips::MarginalizedIps;
pub use mle::MaximumLikelihood;
pub use replay::Replay;
pub use self_normalised_dr::SelfNormalisedDoublyRobust;
pub use snips::SelfNormalised;
pub use sub_gaussian::{SubGaussian, SubGaussianDoublyRobust};
pub use switch_dr::SwitchDoublyRobust;
pub use tuned::{Family, Rule, Tuned, TunedCandidates};

/// An estimator that is a smooth function of means of terms a round.
pub trait Formula {
    /// How many terms a round has: 1 to
    /// [`MOST_TERMS`](super::moments::MOST_TERMS).
    fn terms(&self) -> usize;

    /// Writes the rounds' terms, as many of each as there are rounds.
    ///
    /// # Errors
    /// When the log lacks a column that the estimator reads.
    fn fill(&self, rounds: RoundsView<'_>, terms: &mut Terms) -> Result<(), MissingColumn>;

    /// The estimate from the terms' means; `None` where it is not defined. The
    /// first mean, unless an estimator says otherwise.
    fn value(&self, means: &[f64]) -> Option<f64> {
        means.first().copied()
    }

    /// How the estimate moves with each mean: the delta method's gradient.
    fn gradient(&self, _means: &[f64]) -> [f64; 3] {
        [1.0, 0.0, 0.0]
    }

    /// How Open Bandit Pipeline adds a round's terms up to a "round value":
    /// the gradient with the normalising mean held fixed. Its standard error
    /// and bootstrap rest on these.
    fn round_weights(&self, means: &[f64]) -> [f64; 3] {
        self.gradient(means)
    }

    /// How far its expectation may be from the truth, where a parameter biases
    /// it knowingly and the bias has a bound.
    fn bias_bound(&self, _means: &[f64], _range: RewardRange) -> Option<f64> {
        None
    }
}

/// An estimator, with its parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Estimator {
    /// Inverse propensity scores, clipped or not.
    Ips(InversePropensity),
    /// Self-normalised inverse propensity scores.
    Snips(SelfNormalised),
    /// The direct method.
    Dm(DirectMethod),
    /// Doubly robust, clipped or not.
    Dr(DoublyRobust),
    /// Self-normalised doubly robust.
    Sndr(SelfNormalisedDoublyRobust),
    /// Switch doubly robust.
    SwitchDr(SwitchDoublyRobust),
    /// Doubly robust with optimistic shrinkage.
    Dros(DoublyRobustShrinkage),
    /// Sub-Gaussian inverse propensity weights.
    Sgipw(SubGaussian),
    /// Sub-Gaussian doubly robust.
    Sgdr(SubGaussianDoublyRobust),
    /// Balanced inverse propensity weights.
    Bipw(BalancedIpw),
    /// Maximum empirical likelihood.
    Mle,
    /// The empirical Cressie-Read estimator.
    CressieRead,
    /// Replay, of a uniform log.
    Replay(Replay),
    /// Doubly robust with a model of each cell, cross-fitted: DML or MRDR.
    CrossFitted(CellModel),
    /// One of a family, chosen on the log.
    Tuned(Tuned),
    /// Doubly robust with a model of the rounds before, in the log's order: see
    /// [`anytime`](super::anytime).
    AnytimeDr,
    /// Doubly robust, weighted for a logger that learns, in the log's order.
    AdaptivelyWeighted(Allocation),
    /// Inverse propensity scores of what actions are like.
    Mips(MarginalizedIps),
}

/// A name that is no estimator's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{name:?} is no estimator; there are ips, ips_clipL, snips, dm, dr, dr_clipL, sndr, switch_dr_L, \
     dros_L, sgipw_L, sgdr_L, bipw, mle, cressieread, replay, dml, mrdr, anytime_dr, \
     aw_dr_stable_var, aw_dr_min_var, mips, with a number for L (of ips_clip, dr_clip, \
     switch_dr_, dros_ and sgdr_ also the words slope and mse), and all"
)]
pub struct UnknownEstimator {
    /// The name.
    pub name: String,
}

impl Estimator {
    /// The estimators that `all` stands for.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let clipped = |limit| Self::Ips(InversePropensity { clip: Some(limit) });
        let clipped_dr = |limit| Self::Dr(DoublyRobust { clip: Some(limit) });
        let switch = |threshold| Self::SwitchDr(SwitchDoublyRobust { threshold });
        let shrunk = |shrinkage| Self::Dros(DoublyRobustShrinkage { shrinkage });
        let mut all = vec![
            Self::Ips(InversePropensity { clip: None }),
            clipped(10.0),
            clipped(1.0),
            Self::Snips(SelfNormalised),
            Self::Dm(DirectMethod),
            Self::Dr(DoublyRobust { clip: None }),
            clipped_dr(10.0),
            Self::Sndr(SelfNormalisedDoublyRobust),
            switch(1.0),
            switch(10.0),
            switch(100.0),
            shrunk(1.0),
            shrunk(100.0),
            Self::Sgipw(SubGaussian { mixing: 0.1 }),
            Self::Sgipw(SubGaussian { mixing: 0.5 }),
            Self::Sgdr(SubGaussianDoublyRobust { mixing: 0.1 }),
            Self::Sgdr(SubGaussianDoublyRobust { mixing: 0.5 }),
            Self::Bipw(BalancedIpw),
            Self::Mle,
            Self::CressieRead,
            Self::Replay(Replay),
            Self::CrossFitted(CellModel::Mean),
            Self::CrossFitted(CellModel::LeastVariance),
            Self::AnytimeDr,
            Self::Mips(MarginalizedIps),
        ];
        all.extend(Allocation::ALL.map(Self::AdaptivelyWeighted));
        all.extend(Tuned::all().map(Self::Tuned));
        all
    }

    /// What it can do with a log.
    #[must_use]
    pub fn demands(&self) -> Demands {
        match self {
            Self::AnytimeDr | Self::AdaptivelyWeighted(_) => Demands::SERIAL,
            _ if self.formula().is_some() => Demands::CLUSTERED,
            _ => Demands::INDEPENDENT,
        }
    }

    /// The formula, of those that have one.
    #[must_use]
    pub fn formula(&self) -> Option<&dyn Formula> {
        match self {
            Self::Ips(formula) => Some(formula),
            Self::Snips(formula) => Some(formula),
            Self::Dm(formula) => Some(formula),
            Self::Dr(formula) => Some(formula),
            Self::Sndr(formula) => Some(formula),
            Self::SwitchDr(formula) => Some(formula),
            Self::Dros(formula) => Some(formula),
            Self::Sgipw(formula) => Some(formula),
            Self::Sgdr(formula) => Some(formula),
            Self::Bipw(formula) => Some(formula),
            Self::Replay(formula) => Some(formula),
            Self::Mips(formula) => Some(formula),
            Self::Mle
            | Self::CressieRead
            | Self::CrossFitted(_)
            | Self::Tuned(_)
            | Self::AnytimeDr
            | Self::AdaptivelyWeighted(_) => None,
        }
    }

    /// The column that it reads and that not every log has.
    #[must_use]
    pub const fn needs(&self) -> Option<Column> {
        match self {
            Self::Dm(_)
            | Self::Dr(_)
            | Self::Sndr(_)
            | Self::SwitchDr(_)
            | Self::Dros(_)
            | Self::Sgdr(_) => Some(Column::Prediction),
            Self::Bipw(_) => Some(Column::BalancedWeight),
            Self::Mips(_) => Some(Column::Embedding),
            Self::AdaptivelyWeighted(_) => Some(Column::LoggingDistribution),
            Self::Tuned(Tuned {
                family: Family::IpsClip,
                ..
            })
            | Self::Replay(_)
            | Self::CrossFitted(_)
            | Self::Ips(_)
            | Self::Snips(_)
            | Self::Sgipw(_)
            | Self::Mle
            | Self::CressieRead
            | Self::AnytimeDr => None,
            Self::Tuned(_) => Some(Column::Prediction),
        }
    }

    /// What a reader of the figure has to know; `None` for those that are
    /// unbiased or consistent wherever their propensities or model are right.
    #[must_use]
    pub const fn caveat(&self) -> Option<&'static str> {
        match self {
            Self::Ips(InversePropensity { clip: Some(_) }) => {
                Some("large weights are cut, which biases it by at most bias_bound")
            }
            Self::Dr(DoublyRobust { clip: Some(_) })
            | Self::SwitchDr(_)
            | Self::Dros(_)
            | Self::Sgdr(_) => {
                Some("large weights are cut, which biases it toward the reward model")
            }
            Self::Sgipw(_) => Some("large weights are shrunk, which biases it toward 0"),
            Self::Dm(_) => Some("rests on the reward model alone"),
            Self::Bipw(_) => Some("rests on the classifier that gave its weights"),
            Self::Mips(_) => {
                Some("rests on actions earning what they do through their embeddings alone")
            }
            Self::Tuned(_) => {
                Some("its parameter was chosen on this log, which its interval does not know")
            }
            _ => None,
        }
    }
}

impl fmt::Display for Estimator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ips(InversePropensity { clip: None }) => f.write_str("ips"),
            Self::Ips(InversePropensity { clip: Some(limit) }) => write!(f, "ips_clip{limit}"),
            Self::Snips(_) => f.write_str("snips"),
            Self::Dm(_) => f.write_str("dm"),
            Self::Dr(DoublyRobust { clip: None }) => f.write_str("dr"),
            Self::Dr(DoublyRobust { clip: Some(limit) }) => write!(f, "dr_clip{limit}"),
            Self::Sndr(_) => f.write_str("sndr"),
            Self::SwitchDr(SwitchDoublyRobust { threshold }) => write!(f, "switch_dr_{threshold}"),
            Self::Dros(DoublyRobustShrinkage { shrinkage }) => write!(f, "dros_{shrinkage}"),
            Self::Sgipw(SubGaussian { mixing }) => write!(f, "sgipw_{mixing}"),
            Self::Sgdr(SubGaussianDoublyRobust { mixing }) => write!(f, "sgdr_{mixing}"),
            Self::Bipw(_) => f.write_str("bipw"),
            Self::Mle => f.write_str("mle"),
            Self::CressieRead => f.write_str("cressieread"),
            Self::Replay(_) => f.write_str("replay"),
            Self::CrossFitted(CellModel::Mean) => f.write_str("dml"),
            Self::CrossFitted(CellModel::LeastVariance) => f.write_str("mrdr"),
            Self::Tuned(tuned) => write!(f, "{tuned}"),
            Self::AnytimeDr => f.write_str("anytime_dr"),
            Self::AdaptivelyWeighted(Allocation::StableVariance) => f.write_str("aw_dr_stable_var"),
            Self::AdaptivelyWeighted(Allocation::LeastVariance) => f.write_str("aw_dr_min_var"),
            Self::Mips(_) => f.write_str("mips"),
        }
    }
}

impl FromStr for Estimator {
    type Err = UnknownEstimator;

    fn from_str(name: &str) -> Result<Self, UnknownEstimator> {
        let parameter = |prefix: &str, most: f64| {
            let number: f64 = name.strip_prefix(prefix)?.parse().ok()?;
            (number >= 0.0 && number <= most && number.is_finite()).then_some(number)
        };
        let found = match name {
            "ips" => Some(Self::Ips(InversePropensity { clip: None })),
            "snips" => Some(Self::Snips(SelfNormalised)),
            "dm" => Some(Self::Dm(DirectMethod)),
            "dr" => Some(Self::Dr(DoublyRobust { clip: None })),
            "sndr" => Some(Self::Sndr(SelfNormalisedDoublyRobust)),
            "bipw" => Some(Self::Bipw(BalancedIpw)),
            "mle" => Some(Self::Mle),
            "cressieread" => Some(Self::CressieRead),
            "anytime_dr" => Some(Self::AnytimeDr),
            "aw_dr_stable_var" => Some(Self::AdaptivelyWeighted(Allocation::StableVariance)),
            "aw_dr_min_var" => Some(Self::AdaptivelyWeighted(Allocation::LeastVariance)),
            "mips" => Some(Self::Mips(MarginalizedIps)),
            "replay" => Some(Self::Replay(Replay)),
            "dml" => Some(Self::CrossFitted(CellModel::Mean)),
            "mrdr" => Some(Self::CrossFitted(CellModel::LeastVariance)),
            _ => Tuned::all()
                .find(|tuned| tuned.to_string() == name)
                .map(Self::Tuned),
        };
        found
            .or_else(|| {
                let clip = Some(parameter("ips_clip", f64::MAX)?);
                Some(Self::Ips(InversePropensity { clip }))
            })
            .or_else(|| {
                let clip = Some(parameter("dr_clip", f64::MAX)?);
                Some(Self::Dr(DoublyRobust { clip }))
            })
            .or_else(|| {
                let threshold = parameter("switch_dr_", f64::MAX)?;
                Some(Self::SwitchDr(SwitchDoublyRobust { threshold }))
            })
            .or_else(|| {
                let shrinkage = parameter("dros_", f64::MAX)?;
                Some(Self::Dros(DoublyRobustShrinkage { shrinkage }))
            })
            .or_else(|| {
                let mixing = parameter("sgipw_", 1.0)?;
                Some(Self::Sgipw(SubGaussian { mixing }))
            })
            .or_else(|| {
                let mixing = parameter("sgdr_", 1.0)?;
                Some(Self::Sgdr(SubGaussianDoublyRobust { mixing }))
            })
            .ok_or_else(|| UnknownEstimator {
                name: name.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests;
