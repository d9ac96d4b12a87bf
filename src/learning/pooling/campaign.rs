//! The campaign's level: what offers tell of the other offers of their
//! campaign, and what a placement believes in the end.
//!
//! At a point of the grid of own shares, offer j's posterior alone is worth
//! a_j successes and b_j failures: as many as its Beta prior would need to come
//! to the same mean and variance. With g the campaign's mean and λ the offers'
//! concentration around it, they are Beta-binomial. Their sum in the
//! overdispersed binomial's weights (λ + 1)/(λ + n_j) (Williams (1982),
//! <https://doi.org/10.2307/2347977>) gives g's posterior, a Beta; each offer
//! then lies around g.
//!
//! The campaign's share of the variance that segments have in common is one of
//! [`SHARES`]; their weights are the probabilities of what was seen, by the
//! identity p(data) = p(data | g)·p(g)/p(g | data) at the posterior's mean
//! (Chib (1995), <https://doi.org/10.2307/2291521>). Cost: about 0.1 µs for
//! each offer, share and own share.

use std::collections::BTreeMap;

use super::curve::Posterior;
use super::{Moments, POINTS, Pooling, below, split};
use crate::domain::ids::OfferNumber;
use crate::domain::math;
use crate::learning::beta::{Beta, ln_beta};

/// The campaign's shares that are considered. 0 leaves offers apart.
const SHARES: [f64; 3] = [0.0, 0.5, 0.875];

/// What is believed of the rates of a placement.
#[derive(Debug, Clone)]
pub struct Beliefs {
    pooling: Pooling,
    /// The weight of each own share; they sum to 1.
    weights: [f64; POINTS],
    /// By own share: what every segment may expect of the offers that were
    /// seen, in ascending order of offer, …
    offers: Vec<(OfferNumber, [Moments; POINTS])>,
    /// … and of one that was not, by campaign.
    new: BTreeMap<Option<u32>, [Moments; POINTS]>,
}

/// One offer at one point of the grid.
#[derive(Debug, Clone, Copy)]
struct Seen {
    campaign: Option<u32>,
    alone: Posterior,
    successes: f64,
    trials: f64,
}

/// One campaign under one share, at one point of the grid.
#[derive(Debug, Clone, Copy)]
struct Campaign {
    mean: Moments,
    /// λ.
    around: f64,
    /// What the share makes of the probability of what was seen.
    ln_ratio: f64,
}

/// The prior at a point of the grid: where offers lie around the prior's mean.
#[derive(Debug, Clone, Copy)]
struct Top {
    mean: f64,
    concentration: f64,
}

impl Top {
    fn prior(self) -> Moments {
        Moments {
            mean: self.mean,
            variance: self.mean * (1.0 - self.mean) / (self.concentration + 1.0),
        }
    }

    /// What a posterior is worth in successes and trials.
    fn worth(self, alone: Posterior, campaign: Option<u32>) -> Seen {
        let Moments { mean, variance } = alone.moments;
        let concentration = mean * (1.0 - mean) / variance - 1.0;
        let trials = (concentration - self.concentration).max(0.0);
        let successes = concentration * mean - self.concentration * self.mean;
        Seen {
            campaign,
            alone,
            successes: successes.clamp(0.0, trials),
            trials,
        }
    }

    /// A campaign that has `share` of the variance.
    fn campaign(self, share: f64, seen: &[Seen]) -> Campaign {
        let (upper, around) = split(self.concentration, share);
        let prior = Beta::new(upper * self.mean, upper * (1.0 - self.mean));
        let (mut successes, mut failures) = (0.0, 0.0);
        for offer in seen {
            let weight = (around + 1.0) / (around + offer.trials);
            successes += weight * offer.successes;
            failures += weight * (offer.trials - offer.successes);
        }
        let posterior = Beta::new(prior.alpha() + successes, prior.beta() + failures);
        let mean = posterior.mean();
        let (ln_mean, ln_complement) = (math::ln(mean), math::ln_1p(-mean));
        let mut ln_ratio = ln_beta(posterior.alpha(), posterior.beta())
            - ln_beta(prior.alpha(), prior.beta())
            - successes * ln_mean
            - failures * ln_complement;
        let within = Marginal::new(mean, around);
        let without = Marginal::new(self.mean, self.concentration);
        for offer in seen {
            ln_ratio += within.ln_of(offer) - without.ln_of(offer);
        }
        Campaign {
            mean: Moments::of(posterior),
            around,
            ln_ratio,
        }
    }
}

/// The Beta-binomial probability of what was seen of an offer, but for what
/// depends on that alone.
struct Marginal {
    alpha: f64,
    beta: f64,
    ln_prior: f64,
}

impl Marginal {
    fn new(mean: f64, concentration: f64) -> Self {
        let (alpha, beta) = (concentration * mean, concentration * (1.0 - mean));
        Self {
            alpha,
            beta,
            ln_prior: ln_beta(alpha, beta),
        }
    }

    fn ln_of(&self, seen: &Seen) -> f64 {
        let failures = seen.trials - seen.successes;
        ln_beta(self.alpha + seen.successes, self.beta + failures) - self.ln_prior
    }
}

/// Probabilities in proportion to the exponentials, and the logarithm of the
/// exponentials' mean.
#[allow(clippy::cast_precision_loss)] // a few
fn normalised<const N: usize>(logarithms: [f64; N]) -> ([f64; N], f64) {
    let largest = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut weights = logarithms.map(|ln| math::exp(ln - largest));
    let total: f64 = weights.iter().sum();
    for weight in &mut weights {
        *weight /= total;
    }
    (weights, largest + math::ln(total / N as f64))
}

/// The moments of a mixture.
pub(super) fn mixed(weights: &[f64], parts: impl Iterator<Item = Moments> + Clone) -> Moments {
    let weighted = || weights.iter().zip(parts.clone());
    let mean: f64 = weighted().map(|(weight, part)| weight * part.mean).sum();
    let variance = weighted().map(|(weight, part)| {
        let off = part.mean - mean;
        weight * (part.variance + off * off)
    });
    Moments {
        mean,
        variance: variance.sum(),
    }
}

/// What is believed at one point of the grid.
struct AtPoint {
    ln_evidence: f64,
    offers: Vec<Moments>,
    new: BTreeMap<Option<u32>, Moments>,
}

impl Beliefs {
    /// From each offer's posteriors as if it were alone, ascending by offer.
    pub(super) fn new<'a>(
        pooling: &Pooling,
        offers: impl Iterator<Item = (OfferNumber, &'a [Posterior; POINTS])> + Clone,
    ) -> Self {
        let points: [AtPoint; POINTS] = std::array::from_fn(|point| {
            let alone = offers
                .clone()
                .map(|(offer, posteriors)| (pooling.campaign(offer), posteriors[point]));
            at_point(pooling, point, alone)
        });
        let (weights, _) = normalised(std::array::from_fn(|point| points[point].ln_evidence));
        let campaigns = points[0].new.keys().copied();
        Self {
            pooling: pooling.clone(),
            weights,
            new: campaigns
                .map(|campaign| {
                    let of = |point: usize| points[point].new[&campaign];
                    (campaign, std::array::from_fn(of))
                })
                .collect(),
            offers: offers
                .enumerate()
                .map(|(place, (offer, _))| {
                    let of = |point: usize| points[point].offers[place];
                    (offer, std::array::from_fn(of))
                })
                .collect(),
        }
    }

    /// What it rests on.
    pub(super) const fn pooling(&self) -> &Pooling {
        &self.pooling
    }

    /// The probability of each of [`OWN_SHARES`](super::OWN_SHARES).
    #[must_use]
    pub const fn weights(&self) -> &[f64; POINTS] {
        &self.weights
    }

    /// What a segment may expect of an offer at a point of the grid, before it
    /// looks at its own counts again.
    pub(super) fn offer(&self, point: usize, offer: OfferNumber) -> Moments {
        if let Ok(place) = self.offers.binary_search_by_key(&offer, |known| known.0) {
            return self.offers[place].1[point];
        }
        let campaign = self.pooling.campaign(offer);
        match self.new.get(&campaign) {
            Some(moments) => moments[point],
            None => top(&self.pooling, point).map_or(
                Moments {
                    mean: self.pooling.prior().mean(),
                    variance: 0.0,
                },
                Top::prior,
            ),
        }
    }
}

fn top(pooling: &Pooling, point: usize) -> Option<Top> {
    Some(Top {
        mean: pooling.prior().mean(),
        concentration: pooling.points[point].common?,
    })
}

fn at_point(
    pooling: &Pooling,
    point: usize,
    alone: impl Iterator<Item = (Option<u32>, Posterior)> + Clone,
) -> AtPoint {
    let ln_evidence = alone
        .clone()
        .map(|(_, posterior)| posterior.ln_evidence)
        .sum();
    let Some(top) = top(pooling, point) else {
        let known = Moments {
            mean: pooling.prior().mean(),
            variance: 0.0,
        };
        return AtPoint {
            ln_evidence,
            offers: alone.clone().map(|_| known).collect(),
            new: alone.map(|(campaign, _)| (campaign, known)).collect(),
        };
    };
    let seen: Vec<Seen> = alone
        .map(|(campaign, posterior)| top.worth(posterior, campaign))
        .collect();
    let mut members: BTreeMap<Option<u32>, Vec<Seen>> = BTreeMap::new();
    for offer in &seen {
        members.entry(offer.campaign).or_default().push(*offer);
    }
    // No campaign under share 0, which leaves offers apart.
    let shares = SHARES.map(|share| {
        let campaigns = members.iter().filter(|_| share > 0.0);
        campaigns
            .map(|(campaign, seen)| (*campaign, top.campaign(share, seen)))
            .collect::<BTreeMap<_, _>>()
    });
    let ln_ratios = std::array::from_fn::<f64, { SHARES.len() }, _>(|share| {
        let campaigns = shares[share].values();
        campaigns.map(|campaign| campaign.ln_ratio).sum()
    });
    let (weights, ln_mean_ratio) = normalised(ln_ratios);
    let around = |campaign: Option<u32>, apart: Moments, successes: f64, trials: f64| {
        let parts = shares.iter().map(|campaigns| {
            campaigns.get(&campaign).map_or(apart, |campaign| {
                below(campaign.mean, campaign.around, successes, trials)
            })
        });
        mixed(&weights, parts)
    };
    AtPoint {
        ln_evidence: ln_evidence + ln_mean_ratio,
        offers: seen
            .iter()
            .map(|it| around(it.campaign, it.alone.moments, it.successes, it.trials))
            .collect(),
        new: members
            .keys()
            .map(|campaign| (*campaign, around(*campaign, top.prior(), 0.0, 0.0)))
            .collect(),
    }
}
