//! Contextual policies: exact propensities, refusals, corrections, memory.

use super::*;
use crate::domain::random::Generator;
use crate::learning::gaussian::standard_normal;

pub(super) const KINDS: [&str; 10] = [
    "kind = 'linear_thompson'\nposterior_scale = 1.0",
    "kind = 'linear_thompson'\nposterior_scale = 1.0\nmodel = { parameters = 'shared', hash_bits = 4 }",
    "kind = 'lin_ucb'\nexploration_floor = 0.02",
    "kind = 'lin_ucb'\nmodel = { parameters = 'shared', hash_bits = 4 }",
    "kind = 'logistic_thompson'\nposterior_scale = 1.0\nmodel = { hash_bits = 2 }",
    "kind = 'square_cb'",
    "kind = 'square_cb'\nregression = 'ridge'\nmodel = { prior_variance = 4.0 }",
    "kind = 'reg_cb'\nexploration_floor = 0.01\nmodel = { random_features = 16 }",
    "kind = 'reg_cb'\nregression = 'ridge'\nmode = 'elimination'\nmodel = { random_features = 16 }",
    "kind = 'bagging'\nreplicates = 5",
];

/// A history of the policy's own making: it decides, and rates depend on the
/// features and the offer.
pub(super) struct History {
    policy: Policy,
    state: PolicyState,
    generator: Generator,
    learnt: Vec<(Vec<f64>, u32, f64, Receipt)>,
}

impl History {
    pub(super) fn new(policy: Policy, seed: u64) -> Self {
        Self {
            policy,
            state: PolicyState::new(),
            generator: Generator::from_seed(seed),
            learnt: Vec::new(),
        }
    }

    pub(super) fn features(&mut self) -> Vec<f64> {
        vec![
            standard_normal(&mut self.generator),
            40.0 + 10.0 * standard_normal(&mut self.generator),
            f64::from(u8::from(self.generator.next_uniform() < 0.3)),
        ]
    }

    pub(super) fn live(&mut self, rounds: usize, offers: &EligibleOffers) {
        for _ in 0..rounds {
            let features = self.features();
            let context = Context {
                features: &features,
                seed: DecisionSeed(self.generator.next_word()),
                ..context()
            };
            let distribution = self.policy.distribution(&self.state, &context, offers);
            let offer = offers.as_slice()[distribution.draw(self.generator.next_uniform())];
            let side = if offer.0.is_multiple_of(2) { 1.5 } else { -1.5 };
            let rate = math::logistic(side * features[0] + 0.1 * (features[1] - 40.0) - 0.5);
            let reward = f64::from(u8::from(self.generator.next_uniform() < rate));
            self.learn(features, offer.0, reward);
        }
    }

    fn learn(&mut self, features: Vec<f64>, offer: u32, reward: f64) {
        let decision = RewardedDecision {
            features: &features,
            ..rewarded(offer, reward)
        };
        let learnt = self.policy.learn(&mut self.state, &decision).unwrap();
        self.learnt.push((features, offer, reward, learnt.receipt));
    }

    pub(super) fn ask(
        &self,
        features: &[f64],
        seed: u64,
        eligible: &EligibleOffers,
    ) -> ActionDistribution {
        let context = Context {
            features,
            seed: DecisionSeed(seed),
            ..context()
        };
        self.policy.distribution(&self.state, &context, eligible)
    }
}

fn lived(text: &str, seed: u64, rounds: usize) -> History {
    let mut history = History::new(policy(text), seed);
    history.live(rounds, &offers(&[1, 2, 4, 9]));
    history
}

#[test]
fn golden_contextual_distributions() {
    let eligible = offers(&[1, 2, 4, 9, 30]);
    let hashes: Vec<String> = KINDS
        .iter()
        .map(|text| {
            let mut history = lived(text, 7, 90);
            let mut hasher = blake3::Hasher::new();
            for seed in 0..20 {
                let features = history.features();
                for probability in history.ask(&features, seed, &eligible).probabilities() {
                    hasher.update(&probability.to_bits().to_le_bytes());
                }
            }
            history.state.write_canonical(&mut |part| {
                hasher.update(part);
            });
            hasher.finalize().to_hex()[..16].to_string()
        })
        .collect();
    let golden: [&str; 10] = [
        "ee4ea40b596d70c0",
        "e397d03a9494c20d",
        "434a0862a244b862",
        "26b63f91de2b815d",
        "ac4f9a05c489fdcf",
        "3e9a1ddf4ff97189",
        "38cf133da343c476",
        "ec48ac601b9aa6ef",
        "2cc8f470c8d25bf3",
        "643c4d25fb4400dd",
    ];
    assert_eq!(hashes, golden);
}

/// Stated probabilities sum to 1, keep the floor, and are those of the draws:
/// over random states and subsets, the statistic of Pearson's test of the
/// drawn offers stays below a bound that all tests together exceed once in
/// 10,000 (Bonferroni; a chi-squared variable of k degrees exceeds
/// k + 2√(kx) + 2x with probability at most e^−x, Laurent and Massart 2000).
fn propensities_are_those_of_the_draws(states: u64, draws: u32) {
    let mut generator = Generator::from_seed(77);
    let bound = |degrees: f64| {
        let x = math::ln(1e4 * states as f64 * KINDS.len() as f64);
        degrees + 2.0 * math::sqrt(degrees * x) + 2.0 * x
    };
    for text in KINDS {
        for state in 0..states {
            let rounds = generator.next_below(120) as usize;
            let mut history = lived(text, 1_000 + state, rounds);
            let subset: Vec<u32> = [1, 2, 4, 9, 30]
                .into_iter()
                .filter(|_| generator.next_uniform() < 0.7)
                .collect();
            if subset.is_empty() {
                continue;
            }
            let features = history.features();
            let seed = generator.next_word();
            let stated = history.ask(&features, seed, &offers(&subset));
            let sum: f64 = stated.probabilities().iter().sum();
            assert!((sum - 1.0).abs() <= SUM_TOLERANCE, "{text}: {sum}");
            let mut counts = vec![0u32; subset.len()];
            for _ in 0..draws {
                counts[stated.draw(generator.next_uniform())] += 1;
            }
            let mut statistic = 0.0;
            let mut degrees: f64 = -1.0;
            for (count, probability) in counts.iter().zip(stated.probabilities()) {
                let expected = probability * f64::from(draws);
                if expected == 0.0 {
                    assert_eq!(*count, 0, "{text}");
                    continue;
                }
                let difference = f64::from(*count) - expected;
                // Rare offers are pooled by the bound's slack: at 5 expected
                // draws the statistic is close to its law.
                if expected >= 5.0 {
                    statistic += difference * difference / expected;
                    degrees += 1.0;
                }
            }
            assert!(statistic <= bound(degrees.max(1.0)), "{text}: {statistic}");
        }
    }
}

#[test]
fn stated_propensities_are_those_of_the_draws() {
    propensities_are_those_of_the_draws(3, 4_000);
}

/// `cargo test --release --lib million_draws -- --ignored`
#[test]
#[ignore = "takes minutes"]
fn stated_propensities_are_those_of_a_million_draws_in_200_states() {
    propensities_are_those_of_the_draws(200, 1_000_000);
}

/// Independent draws of the scores from the posterior win as often as the
/// quadrature says, within five standard errors.
fn quadrature_agrees_with_draws(states: u64, draws: u32) {
    use crate::learning::contextual::Beliefs;
    for text in [KINDS[0], KINDS[4]] {
        for state in 0..states {
            let mut history = lived(text, 500 + state, 60);
            let eligible = offers(&[1, 2, 4, 9, 30]);
            let features = history.features();
            let stated = history.ask(&features, 0, &eligible);
            let model = history.policy.model().unwrap();
            let memory = history.state.contextual().unwrap();
            let beliefs = Beliefs::of(model, memory, &features, &eligible);
            let mut wins = [0u32; 5];
            for _ in 0..draws {
                let mut best = (0, f64::NEG_INFINITY);
                for place in 0..5 {
                    let score = beliefs.means[place]
                        + beliefs.deviations[place] * standard_normal(&mut history.generator);
                    if score > best.1 {
                        best = (place, score);
                    }
                }
                wins[best.0] += 1;
            }
            for (wins, probability) in wins.iter().zip(stated.probabilities()) {
                let error = math::sqrt(probability * (1.0 - probability) / f64::from(draws));
                let difference = f64::from(*wins) / f64::from(draws) - probability;
                assert!(
                    difference.abs() <= 5.0 * error + 1e-4,
                    "{text}: {difference} at {probability}"
                );
            }
        }
    }
}

#[test]
fn disjoint_thompson_probabilities_are_those_of_posterior_draws() {
    quadrature_agrees_with_draws(3, 20_000);
}

#[test]
fn shared_draws_follow_the_recorded_seed() {
    let mut history = lived(KINDS[1], 3, 60);
    let features = history.features();
    let eligible = offers(&[1, 2, 4, 9]);
    let one = history.ask(&features, 5, &eligible);
    assert_eq!(one, history.ask(&features, 5, &eligible));
    // 100 draws: every probability is a whole number of hundredths.
    for probability in one.probabilities() {
        let hundredths = 100.0 * probability;
        assert!((hundredths - hundredths.round()).abs() < 1e-9, "{one:?}");
    }
    assert!((6..40).any(|seed| history.ask(&features, seed, &eligible) != one));
}

#[test]
fn a_memory_survives_its_bytes() {
    for text in KINDS {
        for rounds in [0, 5, 90] {
            let mut history = lived(text, 11, rounds);
            let bytes = postcard::to_stdvec(&history.state).unwrap();
            let read: PolicyState = postcard::from_bytes(&bytes).unwrap();
            assert_eq!(read, history.state, "{text}");
            let features = history.features();
            let eligible = offers(&[1, 2, 9]);
            let before = history.ask(&features, 1, &eligible);
            history.state = read;
            assert_eq!(history.ask(&features, 1, &eligible), before, "{text}");
            let bytes = canonical(&history.state);
            history.live(40, &eligible);
            assert_ne!(canonical(&history.state), bytes, "{text}");
        }
    }
}

#[test]
fn features_that_cannot_be_used_are_refused_and_change_nothing() {
    for text in KINDS {
        let mut history = lived(text, 13, 40);
        let before = history.state.clone();
        for (features, message) in [
            (
                &[0.0, f64::NAN, 1.0][..],
                "features[1] is NaN, it must be in [-1e9, 1e9]",
            ),
            (
                &[0.0, 1.0, f64::INFINITY],
                "features[2] is inf, it must be in [-1e9, 1e9]",
            ),
            (
                &[-2e9, 1.0, 1.0],
                "features[0] is -2000000000, it must be in [-1e9, 1e9]",
            ),
            (&[0.0, 1.0], "features has 2 entries, it must have 3"),
            (&[], "features has 0 entries, it must have 3"),
        ] {
            let decision = RewardedDecision {
                features,
                ..rewarded(1, 1.0)
            };
            let refused = history.policy.learn(&mut history.state, &decision);
            assert_eq!(refused.unwrap_err().to_string(), message);
            assert_eq!(history.state, before);
            let eligible = offers(&[1, 2]);
            let uniform = history.ask(features, 0, &eligible);
            assert_eq!(uniform.probabilities(), [0.5, 0.5]);
        }
    }
}

/// Ridge policies correct a reward as if the right one had come in the first
/// place, whether it was among the first or later; others say that they
/// cannot.
#[test]
fn corrections_are_exact_or_refused() {
    for text in KINDS {
        for wrong in [3, 30, 70] {
            let mut history = lived(text, 17, 100);
            let told = history.learnt.clone();
            let (features, offer, reward, receipt) = &told[wrong];
            let decision = RewardedDecision {
                features,
                ..rewarded(*offer, *reward)
            };
            let before = history.state.clone();
            let done = history
                .policy
                .correct(&mut history.state, &decision, *receipt, 1.0 - reward)
                .unwrap();
            let is_ridge = matches!(history.policy.model().unwrap().link(), Link::Identity);
            if !is_ridge {
                assert_eq!(done, Correction::NotUnlearnt(NotUnlearnt::Approximate));
                assert_eq!(history.state, before);
                continue;
            }
            assert_eq!(done, Correction::Corrected { clipped: false });
            let mut right = History::new(history.policy.clone(), 17);
            for (place, (features, offer, reward, _)) in told.iter().enumerate() {
                let reward = if place == wrong {
                    1.0 - reward
                } else {
                    *reward
                };
                right.learn(features.clone(), *offer, reward);
            }
            let eligible = offers(&[1, 2, 4, 9, 30]);
            for _ in 0..20 {
                let features = right.features();
                let pair = [&history, &right].map(|it| it.ask(&features, 3, &eligible));
                for (one, other) in pair[0].probabilities().iter().zip(pair[1].probabilities()) {
                    assert!((one - other).abs() < 1e-7, "{text} {wrong}: {pair:?}");
                }
            }
        }
    }
}

#[test]
fn a_reset_of_everything_forgets_the_models() {
    let mut history = lived(KINDS[7], 19, 80);
    history.state.reset(None, None);
    assert!(history.state.contextual().is_none());
    let features = history.features();
    let eligible = offers(&[1, 2]);
    assert_eq!(
        history.ask(&features, 0, &eligible).probabilities(),
        [0.5, 0.5]
    );
}

#[test]
fn a_policy_goes_on_with_models_of_the_same_make_only() {
    let mut history = lived("kind = 'square_cb'\nregression = 'ridge'", 23, 60);
    let memory = history.state.contextual().cloned();
    let ucb = policy("kind = 'lin_ucb'");
    ucb.adopt(&mut history.state, &history.policy, context().decided_at);
    assert_eq!(history.state.contextual().cloned(), memory);
    let logistic = policy("kind = 'square_cb'");
    let adopted = logistic.adopt(&mut history.state, &ucb, context().decided_at);
    assert!(history.state.contextual().is_none());
    assert_eq!(adopted.arms_settled, adopted.arms_kept);
    assert!(adopted.arms_kept > 0);
}

/// What tabular policies keep is what it was: a state without models has no
/// byte more.
#[test]
fn a_contextual_policy_counts_as_tabular_ones_do() {
    let history = lived(KINDS[5], 29, 50);
    let segment = history.state.segment(SEGMENT).unwrap();
    assert_eq!(segment.learnt(), 50);
    let summary = history.policy.summary(
        &history.state,
        SEGMENT,
        &offers(&[1, 2, 4, 9]),
        context().decided_at,
    );
    assert_eq!(summary.iter().map(|arm| arm.pulls).sum::<u64>(), 50);
}

#[test]
fn what_is_wrong_with_a_model_is_named() {
    for (text, message) in [
        (
            "kind = 'reg_cb'\nconfidence = -1.0",
            "confidence is -1, it must be in [0, 100]",
        ),
        (
            "kind = 'reg_cb'\nmodel = { random_features = 8 }",
            "model.random_features is 8, it must be in [16, 512]",
        ),
        (
            "kind = 'lin_ucb'\nmodel = { hash_bits = 11 }",
            "model.hash_bits is 11, it must be in [1, 10]",
        ),
        (
            "kind = 'lin_ucb'\nmodel = { prior_variance = nan }",
            "model.prior_variance is NaN, it must be in [1e-6, 1e6]",
        ),
        (
            "kind = 'lin_ucb'\nmodel = { parameters = 'shared', expansion = 'random_features' }",
            "model.expansion is \"random_features\", which is for model.parameters = \"disjoint\" only",
        ),
        (
            "kind = 'square_cb'\nmodel = { reward = { max = 2.0 } }",
            "reward.max is 2, it must be in (reward.min, 1]",
        ),
        (
            "kind = 'bagging'\nreplicates = 1",
            "replicates is 1, it must be in [2, 100]",
        ),
        (
            "kind = 'square_cb'\ngamma_scale = 0.0",
            "gamma_scale is 0, it must be in (0, 1e9]",
        ),
    ] {
        let config: PolicyConfig = toml::from_str(text).unwrap();
        let told = Policy::check(&config, |_| None).unwrap_err().to_string();
        assert_eq!(told, message);
    }
}
