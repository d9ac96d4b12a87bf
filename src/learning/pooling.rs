//! Partial pooling: what the segments of a placement tell of one another, and
//! the offers of a campaign.
//!
//! A hierarchy of rates of conversion, each level around the one above:
//!
//! ```text
//! campaign c   g_c  ~ Beta around the prior's mean
//! offer j      m_j  ~ Beta(λ·g_c, λ·(1 − g_c))
//! segment s    θ_js ~ Beta(κ·m_j, κ·(1 − m_j))      what a decision earns in the mean
//! ```
//!
//! The prior says how much rates differ in all; how that splits between the
//! levels is not known beforehand and is learnt. Whatever the split, each θ
//! alone has the prior's mean and variance, so a policy that pools and one that
//! does not start from the same belief.
//!
//! - The **own share** is the part of the variance that lies between segments:
//!   1 means that they have nothing in common, and then pooling is the same as
//!   `thompson_beta` with the same prior. It runs over the grid
//!   [`OWN_SHARES`], each point as probable as the next before anything is
//!   learnt; a point's weight afterwards is the probability of all that was
//!   seen under it. What rests on it is mixed over the grid, never computed at
//!   a single best value.
//! - The **campaign's share** of what is left runs over a grid likewise
//!   (`campaign`).
//! - Given the own share, the likelihood of m_j is a product of one
//!   Beta-binomial a segment. Its logarithm is kept as sums at fixed nodes, in
//!   whole numbers (`sums`): one more reward changes one segment's term, so
//!   learning costs the same whatever the number of segments, and the sums are
//!   a function of the counts alone, in whatever order they were learnt or
//!   corrected. Between the nodes they are interpolated (`curve`).
//!
//! The Beta-binomial hierarchy is that of Gelman, Carlin, Stern, Dunson,
//! Vehtari, Rubin (2013), "Bayesian data analysis", 3rd edition, chapter 5,
//! whose α, β of a group are κ·m, κ·(1 − m) here; for bandits, hierarchical
//! Thompson sampling: Hong, Kveton, Zaheer, Ghavamzadeh (2022), arXiv
//! 2111.06929.
//!
//! What is approximate: a θ's posterior, a mixture of Betas over m_j, is the
//! Beta of the same mean and variance; the campaign's level takes each offer's
//! likelihood as that of the successes and failures that its posterior is worth;
//! and the scores of a segment's offers are taken as independent given the own
//! share, although offers share a campaign: what moves all of them alike hardly
//! says which is best. Rates beyond e^±6 times the prior's odds (or five of its
//! deviations) are not considered for m_j.

mod campaign;
mod curve;
mod sums;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::ids::OfferNumber;
use crate::learning::beta::Beta;

pub use campaign::Beliefs;
pub use sums::{Counts, Pool};

/// The own shares that are considered: the part of a rate's variance that lies
/// between segments.
pub const OWN_SHARES: [f64; POINTS] = [
    1.0,
    1.0 / 2.0,
    1.0 / 4.0,
    1.0 / 8.0,
    1.0 / 16.0,
    1.0 / 32.0,
    1.0 / 64.0,
];

/// How many there are.
const POINTS: usize = 7;

/// Points of the grid that weigh less than this part of the heaviest are left
/// out of a decision.
const LEAST_WEIGHT: f64 = 0.01;

/// What pooling rests on besides what was learnt: the prior, and which offers
/// belong together.
#[derive(Debug, Clone)]
pub struct Pooling {
    prior: Beta,
    /// The campaign of each offer that has one; all others belong together.
    campaigns: BTreeMap<OfferNumber, u32>,
    nodes: Arc<curve::Nodes>,
    points: Arc<[Point; POINTS]>,
}

/// One point of the grid.
#[derive(Debug, Clone)]
struct Point {
    /// κ: how close segments lie to their offer.
    own: f64,
    /// The concentration of m_j's prior; `None` where m_j is the prior's mean.
    common: Option<f64>,
    /// The Beta parameters κ·m and κ·(1 − m) of a segment, by node.
    at_nodes: Vec<Beta>,
}

/// A mean in (0, 1) and a variance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// The mean.
    pub mean: f64,
    /// The variance.
    pub variance: f64,
}

impl PartialEq for Pooling {
    fn eq(&self, other: &Self) -> bool {
        self.prior == other.prior && self.campaigns == other.campaigns
    }
}

impl Pooling {
    /// Pooling under a prior of a rate, with all offers in one campaign.
    #[must_use]
    pub fn new(prior: Beta) -> Self {
        let nodes = curve::Nodes::new(prior);
        let points = OWN_SHARES.map(|share| Point::new(prior, share, &nodes));
        Self {
            prior,
            campaigns: BTreeMap::new(),
            nodes: Arc::new(nodes),
            points: Arc::new(points),
        }
    }

    /// The same with other campaigns.
    #[must_use]
    pub fn with_campaigns(self, campaigns: BTreeMap<OfferNumber, u32>) -> Self {
        Self { campaigns, ..self }
    }

    /// The prior of a rate.
    #[must_use]
    pub const fn prior(&self) -> Beta {
        self.prior
    }

    fn campaign(&self, offer: OfferNumber) -> Option<u32> {
        self.campaigns.get(&offer).copied()
    }

    /// κ at a point of the grid.
    #[must_use]
    pub fn own_concentration(&self, point: usize) -> f64 {
        self.points[point].own
    }
}

impl Point {
    fn new(prior: Beta, own_share: f64, nodes: &curve::Nodes) -> Self {
        let concentration = prior.alpha() + prior.beta();
        let (common, own) = if own_share < 1.0 {
            let (common, own) = split(concentration, 1.0 - own_share);
            (Some(common), own)
        } else {
            (None, concentration)
        };
        Self {
            own,
            common,
            at_nodes: nodes
                .means()
                .map(|(mean, complement)| Beta::new(own * mean, own * complement))
                .collect(),
        }
    }
}

/// Splits a Beta of a concentration in two levels of which the upper one has
/// `share`, in (0, 1), of the variance: the upper and the lower concentration.
///
/// With x ~ Beta of concentration U and y ~ Beta around x of concentration L,
/// Var y = μ(1 − μ)·(1/(U + 1) + U/((U + 1)(L + 1))).
fn split(concentration: f64, share: f64) -> (f64, f64) {
    let upper = (concentration + 1.0) / share - 1.0;
    let lower = (concentration + 1.0) * upper / ((upper + 1.0) * (1.0 - share)) - 1.0;
    (upper, lower)
}

/// The moments of a rate that lies around `above` with `concentration` and was
/// seen to succeed `successes` times of `trials`, `above` being what is
/// believed after all that was seen, this included.
fn below(above: Moments, concentration: f64, successes: f64, trials: f64) -> Moments {
    let total = concentration + trials;
    let mean = (concentration * above.mean + successes) / total;
    let inherited = above.variance * (concentration / total) * (concentration / total);
    let own = (mean * (1.0 - mean) - inherited).max(0.0) / (total + 1.0);
    Moments {
        mean,
        variance: own + inherited,
    }
}

impl Moments {
    /// Of a Beta.
    fn of(beta: Beta) -> Self {
        let mean = beta.mean();
        Self {
            mean,
            variance: mean * (1.0 - mean) / (beta.alpha() + beta.beta() + 1.0),
        }
    }

    /// The Beta of these moments; no parameter of it below 10⁻², where scores
    /// are no longer computed.
    #[must_use]
    pub fn to_beta(self) -> Beta {
        const LEAST: f64 = 0.01;
        let spread = self.mean * (1.0 - self.mean);
        let concentration = (spread / self.variance - 1.0).max(0.0);
        Beta::new(
            (self.mean * concentration).max(LEAST),
            ((1.0 - self.mean) * concentration).max(LEAST),
        )
    }
}

/// What is believed of a segment's rates at each point of the grid.
impl Beliefs {
    /// The points that weigh enough to count, with their weights, which sum to
    /// 1.
    pub fn points(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        let heaviest = self.weights().iter().copied().fold(0.0, f64::max);
        let least = LEAST_WEIGHT * heaviest;
        let kept = move |weight: &f64| *weight >= least;
        let total: f64 = self.weights().iter().copied().filter(kept).sum();
        let kept = self.weights().iter().copied().enumerate();
        kept.filter(move |(_, weight)| *weight >= least)
            .map(move |(point, weight)| (point, weight / total))
    }

    /// The posterior of an offer's rate in a segment that saw `counts` of it,
    /// at a point of the grid.
    #[must_use]
    pub fn rate(&self, point: usize, offer: OfferNumber, counts: Counts) -> Beta {
        let own = self.pooling().own_concentration(point);
        below(
            self.offer(point, offer),
            own,
            counts.successes,
            counts.successes + counts.failures,
        )
        .to_beta()
    }

    /// The Beta of the moments of an offer's rate in a segment, over all points
    /// that count.
    #[must_use]
    pub fn mean_rate(&self, offer: OfferNumber, counts: Counts) -> Beta {
        let (weights, parts): (Vec<f64>, Vec<Moments>) = self
            .points()
            .map(|(point, weight)| (weight, Moments::of(self.rate(point, offer, counts))))
            .unzip();
        campaign::mixed(&weights, parts.into_iter()).to_beta()
    }
}

#[cfg(test)]
mod tests;
