//! Information-directed sampling: the least squared regret for each bit that is
//! learnt of which offer is the best.
//!
//! Russo, Van Roy (2014), "Learning to optimize via information-directed
//! sampling", arXiv 1403.5556, algorithms 1 and 4, for Bernoulli rewards under
//! Beta posteriors. Their Δ(a) is the expected regret ρ* − E θ_a, their g(a) the
//! information that a's reward brings about which arm is the best,
//! Σ_i P(A* = i) kl(E[θ_a | A* = i], E θ_a). The distribution π minimises
//! (πΔ)² / (πg); one that is on two arms at most does (their proposition 6), and
//! for a pair the share of the first has a closed form.
//!
//! Exact: two probabilities, in equal parts over arms with the same posterior,
//! then the floor. Without an `exploration_floor` most offers have probability
//! 0 and its log supports little evaluation. Valid for rewards in [0, 1]. Cost:
//! O(K²) a quadrature node, see
//! [`given_best`](crate::learning::best_arm::given_best).

use smallvec::SmallVec;

use super::tabular::Tabular;
use crate::domain::distribution::{ActionDistribution, EligibleOffers};
use crate::domain::time::Instant;
use crate::learning::best_arm::given_best::GivenBest;
use crate::learning::beta::Beta;
use crate::learning::config::PolicyError;
use crate::learning::config::posterior::InformationDirectedConfig;
use crate::learning::divergence::bernoulli_divergence;
use crate::learning::memory::Evidence;
use crate::learning::state::SegmentState;

/// The checked information-directed sampling policy.
#[derive(Debug, Clone, PartialEq)]
pub struct InformationDirected {
    prior: Beta,
    pub(super) tabular: Tabular,
}

/// What pulling an arm costs and brings.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Prospect {
    /// Δ.
    regret: f64,
    /// g.
    information: f64,
}

/// The best that two arms, or one, can do.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Mixture {
    first: usize,
    second: usize,
    /// The probability of the first.
    share: f64,
    ratio: f64,
}

impl InformationDirected {
    pub(super) fn check(config: &InformationDirectedConfig) -> Result<Self, PolicyError> {
        Ok(Self {
            prior: Beta::check_prior(config.prior_successes, config.prior_failures)?,
            tabular: Tabular::check_unit(config.exploration_floor, config.outside, &config.memory)?,
        })
    }

    /// What is believed of an arm's mean reward.
    pub(super) fn posterior(&self, evidence: &Evidence) -> Beta {
        let failures = evidence.pulls - evidence.reward_sum;
        self.prior.after(evidence.reward_sum, failures)
    }

    pub(super) fn distribution(
        &self,
        segment: Option<&SegmentState>,
        eligible: &EligibleOffers,
        now: Instant,
    ) -> ActionDistribution {
        let evidence = self.tabular.evidence(segment, eligible, now);
        let posteriors: SmallVec<[Beta; 16]> =
            evidence.iter().map(|arm| self.posterior(arm)).collect();
        let best = best_mixture(&prospects(&posteriors));
        let mut weights: SmallVec<[f64; 16]> = SmallVec::from_elem(0.0, posteriors.len());
        for (arm, share) in [(best.first, best.share), (best.second, 1.0 - best.share)] {
            let alike = |place: &usize| posteriors[*place] == posteriors[arm];
            #[allow(clippy::cast_precision_loss)] // far fewer offers than 2^53
            let count = (0..posteriors.len()).filter(alike).count() as f64;
            for place in (0..posteriors.len()).filter(alike) {
                weights[place] += share / count;
            }
        }
        ActionDistribution::from_weights(weights)
            .expect("two shares that sum to 1 are a distribution")
            .with_floor(self.tabular.exploration_floor)
    }
}

fn prospects(posteriors: &[Beta]) -> SmallVec<[Prospect; 16]> {
    let given = GivenBest::of(posteriors);
    let likely = || given.probability.iter().enumerate();
    let best_mean: f64 = likely().map(|(best, p)| p * given.mean(best, best)).sum();
    let prospect = |(arm, posterior): (usize, &Beta)| {
        let mean = posterior.mean();
        let parts = likely().map(|(best, p)| p * bernoulli_divergence(given.mean(best, arm), mean));
        Prospect {
            regret: (best_mean - mean).max(0.0),
            information: parts.sum(),
        }
    };
    posteriors.iter().enumerate().map(prospect).collect()
}

/// (πΔ)² / (πg); what costs nothing is best, whatever it brings.
fn information_ratio(regret: f64, information: f64) -> f64 {
    let square = regret * regret;
    if square > 0.0 {
        square / information
    } else {
        0.0
    }
}

/// The mixture of two arms with the least ratio; the first of equal ones.
fn best_mixture(prospects: &[Prospect]) -> Mixture {
    let mut best = Mixture {
        first: 0,
        second: 0,
        share: 1.0,
        ratio: information_ratio(prospects[0].regret, prospects[0].information),
    };
    for first in 0..prospects.len() {
        for second in first..prospects.len() {
            let mixture = mixture(prospects, first, second);
            if mixture.ratio < best.ratio {
                best = mixture;
            }
        }
    }
    best
}

/// Between the two ends the ratio (Δ₂ + qD)² / (g₂ + qG), D and G the
/// differences, is least at q = Δ₂/D − 2g₂/G, unless that lies outside.
fn mixture(prospects: &[Prospect], first: usize, second: usize) -> Mixture {
    let (one, other) = (prospects[first], prospects[second]);
    let difference = one.regret - other.regret;
    let gain = one.information - other.information;
    let at = |share: f64| Mixture {
        first,
        second,
        share,
        ratio: information_ratio(
            other.regret + share * difference,
            other.information + share * gain,
        ),
    };
    // The derivative is 0 where 2D(g₂ + qG) = G(Δ₂ + qD).
    let inner = other.regret / difference - 2.0 * other.information / gain;
    let ends = [at(0.0), at(1.0)];
    let candidates = ends
        .into_iter()
        .chain((inner > 0.0 && inner < 1.0).then(|| at(inner)));
    candidates.fold(ends[1], |least, next| {
        if next.ratio < least.ratio {
            next
        } else {
            least
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::random::Generator;

    /// No mixture of any two arms on a fine grid has a smaller ratio, nor has
    /// any of three.
    #[test]
    fn no_other_distribution_has_a_smaller_ratio() {
        let mut generator = Generator::from_seed(8);
        for _ in 0..200 {
            let prospects: Vec<Prospect> = (0..4)
                .map(|_| Prospect {
                    regret: 0.1 * generator.next_uniform(),
                    information: 0.01 * generator.next_uniform(),
                })
                .collect();
            let best = best_mixture(&prospects);
            let mut shares = [0.0; 4];
            for _ in 0..2_000 {
                let total: f64 = shares
                    .iter_mut()
                    .map(|share| {
                        let uniform = generator.next_uniform();
                        *share = uniform * uniform * uniform;
                        *share
                    })
                    .sum();
                let of = |value: fn(&Prospect) -> f64| -> f64 {
                    let pairs = prospects.iter().zip(&shares);
                    pairs.map(|(it, share)| value(it) * share / total).sum()
                };
                let ratio = information_ratio(of(|it| it.regret), of(|it| it.information));
                assert!(
                    best.ratio <= ratio * (1.0 + 1e-12),
                    "{best:?} {ratio} {prospects:?}"
                );
            }
        }
    }

    /// Two arms: to know which of two is better is all there is to know.
    #[test]
    fn a_certain_best_is_chosen_and_an_unknown_arm_is_tried() {
        let known = [Beta::new(5e5, 5e5), Beta::new(1e5, 9e5)];
        let best = best_mixture(&prospects(&known));
        let on_first = if best.first == 0 { best.share } else { 0.0 };
        assert!(on_first > 1.0 - 1e-6, "{best:?}");
        let unknown = [Beta::new(1.0, 1.0), Beta::new(5e5, 5e5)];
        let both = prospects(&unknown);
        // The known arm teaches nothing.
        assert!(both[1].information < 1e-6 * both[0].information);
        let best = best_mixture(&both);
        assert!(best.first == 0 && best.share > 0.5, "{best:?}");
    }
}
