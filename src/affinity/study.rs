//! What each part and the hybrid are worth, seen on baskets that they were not
//! made of.
//!
//! Leave-one-out within held-out baskets: of each held-out basket of two items
//! or more, every item in turn is left out and looked for among all items that
//! are not in the rest. First the parts are made of the baskets for making,
//! and the weights fitted on those for fitting; then the parts are made of
//! both and everything is judged on those for testing, which nothing was made
//! of or fitted on.
//!
//! Of large files only so many items are left out as give a sharp answer:
//! [`MAX_QUERIES`] for fitting and as many for testing, at most
//! [`MAX_QUERIES_PER_BASKET`] of a basket; baskets evenly spread over those
//! held out, items evenly spread over the basket.

use thiserror::Error;

use super::baskets::Baskets;
use super::hold_out::{HoldOut, HoldOutError, Split};
use super::hybrid::{Queries, Weights, fit};
use super::parts::{ItemTexts, Part, PartParameters, Parts, PartsError, Scorer};
use super::ranking::Ranking;

/// Items that are left out for fitting, and again for testing.
pub const MAX_QUERIES: usize = 20_000;

/// Items that are left out of one basket.
pub const MAX_QUERIES_PER_BASKET: usize = 50;

/// How the study is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StudyParameters {
    /// How the parts are made.
    pub parts: PartParameters,
    /// The share of baskets for fitting, and again for testing.
    pub held_out: f64,
    /// How baskets are parted.
    pub split: Split,
    /// So many first places count.
    pub places: u32,
}

/// Why there is no study.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum StudyError {
    /// The baskets cannot be parted.
    #[error(transparent)]
    HoldOut(#[from] HoldOutError),
    /// The parts cannot be made.
    #[error(transparent)]
    Parts(#[from] PartsError),
    /// Nothing can be left out.
    #[error(
        "none of the {baskets} baskets held out for {purpose} has two items, so none can be left \
         out and looked for: give more baskets, or a larger held-out"
    )]
    NothingToLeaveOut {
        /// How many are held out.
        baskets: usize,
        /// What for.
        purpose: &'static str,
    },
    /// No place counts.
    #[error("hits are counted in the first 0 places, it must be at least 1")]
    NoPlace,
}

/// What the study is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StudyStep {
    /// Making parts.
    Making,
    /// Scoring left-out items: so many of so many baskets are done.
    Scoring {
        /// Done.
        done: usize,
        /// Of so many.
        of: usize,
    },
    /// Trying weights.
    Fitting,
}

/// How many baskets and items answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Baskets that were held out.
    pub held_out: usize,
    /// Baskets of which items were left out.
    pub baskets: usize,
    /// Items that were left out.
    pub items: usize,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Study {
    /// Baskets that the parts were made of while the weights were fitted.
    pub made_of: usize,
    /// What the weights were fitted on.
    pub fitted_on: Asked,
    /// What judged.
    pub tested_on: Asked,
    /// The fitted weights.
    pub weights: Weights,
    /// The mean gain, over all places, of the weights on what they were fitted
    /// on.
    pub fitted_gain: f64,
    /// The parts alone, in the order of [`Part::ALL`].
    pub parts: Vec<(Part, Ranking)>,
    /// The hybrid.
    pub hybrid: Ranking,
}

impl Study {
    /// Makes the study; `progress` hears what it is doing.
    ///
    /// # Errors
    /// When the baskets cannot be parted, the parts not be made, or no item
    /// left out.
    pub fn of(
        baskets: &Baskets,
        texts: &ItemTexts,
        parameters: &StudyParameters,
        progress: &mut dyn FnMut(StudyStep),
    ) -> Result<Self, StudyError> {
        if parameters.places == 0 {
            return Err(StudyError::NoPlace);
        }
        let split = HoldOut::of(baskets.len(), parameters.held_out, parameters.split)?;
        let fitting = LeftOut::of(baskets, &split.fitting, "fitting")?;
        let testing = LeftOut::of(baskets, &split.testing, "testing")?;

        progress(StudyStep::Making);
        let making = baskets.select(split.making.iter().copied());
        let parts = Parts::of(&making, texts, &parameters.parts)?;
        let mut queries = Queries::default();
        let mut scorer = Scorer::new(&parts);
        fitting.each(baskets, progress, |_, rest, left_out| {
            queries.push(scorer.candidates(rest), left_out);
        });
        let fitted = fit(&queries, &mut || progress(StudyStep::Fitting));
        let (weights, fitted_gain) = fitted.ok_or(StudyError::NothingToLeaveOut {
            baskets: split.fitting.len(),
            purpose: "fitting",
        })?;

        progress(StudyStep::Making);
        let mut known = [split.making.as_slice(), &split.fitting].concat();
        known.sort_unstable();
        let parts = Parts::of(&baskets.select(known), texts, &parameters.parts)?;
        let (parts, hybrid) = judge(baskets, &parts, &weights, &testing, parameters, progress);
        Ok(Self {
            made_of: split.making.len(),
            fitted_on: fitting.asked,
            tested_on: testing.asked,
            weights,
            fitted_gain,
            parts,
            hybrid,
        })
    }

    /// The part with the highest hit rate, the first of equals.
    #[must_use]
    pub fn best_part(&self) -> Option<&(Part, Ranking)> {
        let rate = |ranking: &Ranking| ranking.hit_rate().map_or(0.0, |rate| rate.mean);
        self.parts.iter().reduce(|best, next| {
            if rate(&next.1) > rate(&best.1) {
                next
            } else {
                best
            }
        })
    }

    /// How one part did.
    #[must_use]
    pub fn part(&self, part: Part) -> Option<&Ranking> {
        let found = self.parts.iter().find(|(other, _)| *other == part);
        found.map(|(_, ranking)| ranking)
    }
}

/// Ranks every left-out item by every part and by the hybrid.
fn judge(
    baskets: &Baskets,
    parts: &Parts,
    weights: &Weights,
    testing: &LeftOut,
    parameters: &StudyParameters,
    progress: &mut dyn FnMut(StudyStep),
) -> (Vec<(Part, Ranking)>, Ranking) {
    let ranking = || Ranking::new(parameters.places);
    let mut by_part = Part::ALL.map(|part| (part, Weights::only(part), ranking()));
    let mut hybrid = ranking();
    let mut scorer = Scorer::new(parts);
    testing.each(baskets, progress, |is_first, rest, left_out| {
        let candidates = scorer.candidates(rest);
        let place = candidates.items().iter().position(|item| *item == left_out);
        let rank = |weights: &Weights, ranking: &mut Ranking| {
            if is_first {
                ranking.begin_basket();
            }
            ranking.push(place.map(|place| weights.rank(candidates.scores(), place)));
        };
        for (_, weights, ranking) in &mut by_part {
            rank(weights, ranking);
        }
        rank(weights, &mut hybrid);
    });
    let by_part = by_part.into_iter();
    (
        by_part.map(|(part, _, ranking)| (part, ranking)).collect(),
        hybrid,
    )
}

/// Baskets of which items are left out.
struct LeftOut {
    places: Vec<usize>,
    asked: Asked,
}

impl LeftOut {
    /// Those of `held_out` that have two items or more, thinned out evenly
    /// where there would be too many queries.
    fn of(
        baskets: &Baskets,
        held_out: &[usize],
        purpose: &'static str,
    ) -> Result<Self, StudyError> {
        let length = |place: usize| baskets.numbers(place).len();
        let queries_of = |place: usize| length(place).min(MAX_QUERIES_PER_BASKET);
        let all = held_out.iter().copied();
        let mut places: Vec<usize> = all.filter(|place| length(*place) > 1).collect();
        let queries = |places: &[usize]| places.iter().map(|it| queries_of(*it)).sum::<usize>();
        let every = queries(&places).div_ceil(MAX_QUERIES).max(1);
        places = places.into_iter().step_by(every).collect();
        if places.is_empty() {
            return Err(StudyError::NothingToLeaveOut {
                baskets: held_out.len(),
                purpose,
            });
        }
        let asked = Asked {
            held_out: held_out.len(),
            baskets: places.len(),
            items: queries(&places),
        };
        Ok(Self { places, asked })
    }

    /// Calls for every left-out item with whether it is its basket's first,
    /// with the rest of the basket, ascending, and with the item.
    fn each(
        &self,
        baskets: &Baskets,
        progress: &mut dyn FnMut(StudyStep),
        mut call: impl FnMut(bool, &[u32], u32),
    ) {
        let mut rest = Vec::new();
        for (done, place) in self.places.iter().enumerate() {
            let basket = baskets.numbers(*place);
            let asked = basket.len().min(MAX_QUERIES_PER_BASKET);
            for query in 0..asked {
                let left_out = query * basket.len() / asked;
                rest.clear();
                rest.extend_from_slice(&basket[..left_out]);
                rest.extend_from_slice(&basket[left_out + 1..]);
                call(query == 0, &rest, basket[left_out]);
            }
            progress(StudyStep::Scoring {
                done: done + 1,
                of: self.places.len(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::affinity::baskets::BasketsBuilder;
    use crate::affinity::frequent_itemsets::{MinSupport, MiningParameters};
    use crate::affinity::generator::BasketGenerator;
    use crate::affinity::rules::{MinConfidence, RuleParameters};
    use crate::affinity::similarity::Similarity;

    fn generated(count: usize, seed: u64) -> Baskets {
        let mut generator = BasketGenerator::new(60, 5, seed);
        let mut builder = BasketsBuilder::new();
        for _ in 0..count {
            let names: Vec<String> = generator.next_basket().map(|n| n.to_string()).collect();
            builder.push(names.iter().map(String::as_str)).unwrap();
        }
        builder.finish().unwrap()
    }

    fn parameters(split: Split) -> StudyParameters {
        StudyParameters {
            parts: PartParameters {
                mining: MiningParameters {
                    min_support: MinSupport::new(0.005).unwrap(),
                    max_length: Some(3),
                    max_itemsets: MiningParameters::DEFAULT_MAX_ITEMSETS,
                },
                min_confidence: MinConfidence::new(0.05).unwrap(),
                max_rules: RuleParameters::DEFAULT_MAX_RULES,
                similarity: Similarity::Cosine,
                min_together: 2,
                neighbours: 50,
            },
            held_out: 0.2,
            split,
            places: 5,
        }
    }

    fn study(baskets: &Baskets, parameters: &StudyParameters) -> Study {
        let texts = ItemTexts::names_of(baskets);
        Study::of(baskets, &texts, parameters, &mut |_| {}).unwrap()
    }

    /// The baskets are made up of groups of four items, so what goes with a
    /// basket can be learnt; the names say nothing.
    #[test]
    fn the_hybrid_finds_more_than_popularity_and_no_less_than_any_part() {
        let baskets = generated(800, 5);
        let study = study(&baskets, &parameters(Split::Random { seed: 1 }));
        let (best, best_ranking) = study.best_part().unwrap();
        assert_ne!(*best, Part::Popularity);
        let above = study.hybrid.hit_rate_above(best_ranking).unwrap();
        // Two standard errors: the weights were fitted on other baskets.
        assert!(
            above.mean > -2.0 * above.standard_error.unwrap(),
            "{above:?}"
        );
        let popular = study.part(Part::Popularity).unwrap();
        let above = study.hybrid.hit_rate_above(popular).unwrap();
        assert!(
            above.mean > 4.0 * above.standard_error.unwrap(),
            "{above:?}"
        );
        assert!(study.weights.of(Part::Content) < 0.2, "{:?}", study.weights);
    }

    #[test]
    fn a_study_is_a_function_of_its_baskets_and_seed() {
        let baskets = generated(100, 6);
        let at = |seed| study(&baskets, &parameters(Split::Random { seed }));
        assert_eq!(at(3).weights, at(3).weights);
        assert_eq!(at(3).hybrid.ndcg(), at(3).hybrid.ndcg());
        assert_ne!(at(3).hybrid.ndcg(), at(4).hybrid.ndcg());
        let asked = at(3).tested_on;
        assert_eq!(asked.held_out, 20);
        assert!(asked.items > asked.baskets && asked.baskets <= 20);
    }

    #[test]
    fn baskets_of_one_item_cannot_be_studied() {
        let mut builder = BasketsBuilder::new();
        for _ in 0..20 {
            builder.push(["tea"]).unwrap();
        }
        let baskets = builder.finish().unwrap();
        let texts = ItemTexts::names_of(&baskets);
        let of = |parameters| Study::of(&baskets, &texts, &parameters, &mut |_| {});
        let refused = of(parameters(Split::Temporal)).unwrap_err();
        assert!(
            refused.to_string().contains("none of the 4 baskets"),
            "{refused}"
        );
        let mut nowhere = parameters(Split::Temporal);
        nowhere.places = 0;
        assert_eq!(of(nowhere).unwrap_err(), StudyError::NoPlace);
    }
}
