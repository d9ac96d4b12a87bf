use proptest::prelude::*;

use super::*;
use crate::domain::distribution::{EligibleOffers, Propensity};
use crate::domain::ids::SegmentNumber;
use crate::domain::math;
use crate::domain::random::{DecisionSeed, Stream};
use crate::domain::time::Instant;
use crate::learning::beta::ln_beta;
use crate::learning::{Context, Policy, PolicyConfig, PolicyState, RewardedDecision};

const STREAM: Stream = Stream::numbered(99);

fn prior() -> Beta {
    Beta::new(2.0, 38.0)
}

/// Offers below 100 belong to campaign 0, those from 100 to campaign 1, those
/// from 200 to none.
fn policy() -> Policy {
    let text = "kind = 'pooled_thompson'\nprior_successes = 2.0\nprior_failures = 38.0";
    let config: PolicyConfig = toml::from_str(text).unwrap();
    let campaigns = (0..200).map(|offer| (OfferNumber(offer), offer / 100));
    let policy = Policy::check(&config, |_| None).unwrap();
    policy.with_campaigns(campaigns.collect())
}

fn decision(segment: u32, offer: u32, reward: f64) -> RewardedDecision<'static> {
    RewardedDecision {
        segment: SegmentNumber(segment),
        offer: OfferNumber(offer),
        features: &[],
        propensity: Propensity::CERTAIN,
        decided_at: Instant::from_unix_ms(0),
        reward,
    }
}

fn learn(state: &mut PolicyState, cells: &[(u32, u32, u32, u32)]) {
    for (segment, offer, successes, failures) in cells {
        for pull in 0..successes + failures {
            let reward = f64::from(u8::from(pull < *successes));
            let decision = decision(*segment, *offer, reward);
            policy().learn(state, &decision).unwrap();
        }
    }
}

fn pooling() -> Pooling {
    Pooling::new(prior())
}

fn beliefs(cells: &[(u32, u32, u32, u32)]) -> Arc<Beliefs> {
    let mut state = PolicyState::new();
    learn(&mut state, cells);
    Pool::of(&pooling(), &state).beliefs().clone()
}

fn distribution(state: &PolicyState, segment: u32, offers: &[u32]) -> Vec<f64> {
    let context = Context {
        segment: SegmentNumber(segment),
        features: &[],
        seed: DecisionSeed(0),
        decided_at: Instant::from_unix_ms(0),
    };
    let eligible = EligibleOffers::new(offers.iter().copied().map(OfferNumber)).unwrap();
    let distribution = policy().distribution(state, &context, &eligible);
    distribution.probabilities().to_vec()
}

#[test]
fn every_split_keeps_the_variance() {
    for (share, point) in OWN_SHARES.iter().zip(pooling().points.iter()) {
        let own = |above: Moments| below(above, point.own, 0.0, 0.0);
        let above = point.common.map_or(
            Moments {
                mean: prior().mean(),
                variance: 0.0,
            },
            |common| Moments::of(Beta::new(common * 0.05, common * 0.95)),
        );
        let all = Moments::of(prior());
        let ours = own(above);
        assert!((ours.mean - all.mean).abs() < 1e-15);
        assert!((ours.variance / all.variance - 1.0).abs() < 1e-12);
        let between = ours.variance - above.variance;
        assert!((between / all.variance - share).abs() < 1e-12);
    }
}

#[test]
fn without_data_every_rate_has_the_prior() {
    let beliefs = beliefs(&[]);
    for (point, weight) in beliefs.points() {
        assert!((weight - 1.0 / 7.0).abs() < 1e-12);
        let rate = beliefs.rate(point, OfferNumber(3), Counts::default());
        assert!((rate.alpha() - 2.0).abs() < 1e-9 && (rate.beta() - 38.0).abs() < 1e-9);
    }
    assert_eq!(
        distribution(&PolicyState::new(), 0, &[1, 2, 3, 4]),
        [0.25; 4]
    );
}

/// ln ∫ of exp over the logit of m as far as it is considered, and the moments
/// of m under it, on 8,000 points.
fn by_force(ln_density: impl Fn(f64) -> f64) -> (f64, Moments) {
    let steps = 8_000;
    let reach = 5.0 * math::sqrt(1.0 / 2.0 + 1.0 / 38.0);
    let from = math::ln(2.0 / 38.0) - reach;
    let width = 2.0 * reach / f64::from(steps);
    let at = |step: i32| from + width * f64::from(step);
    let peak = (0..=steps)
        .map(|step| ln_density(at(step)))
        .fold(f64::NEG_INFINITY, f64::max);
    let (mut mass, mut first, mut second) = (0.0, 0.0, 0.0);
    for step in 0..=steps {
        let weight = math::exp(ln_density(at(step)) - peak);
        let mean = math::logistic(at(step));
        mass += weight;
        first += weight * mean;
        second += weight * mean * mean;
    }
    let mean = first / mass;
    let variance = second / mass - mean * mean;
    (peak + math::ln(mass * width), Moments { mean, variance })
}

/// One offer in some segments: what each point of the grid makes of it, summed
/// up without nodes, interpolation or ticks.
#[test]
fn an_offers_posterior_is_that_of_the_hierarchy() {
    let cells: [&[(u32, u32)]; 4] = [
        &[(1, 30)],
        &[(0, 5), (0, 3), (2, 10), (1, 1)],
        &[(40, 900), (3, 20), (0, 1), (11, 90)],
        &[(900, 20_000), (700, 9_000), (30, 1_500)],
    ];
    for cells in cells {
        let mut pool = Pool::of(&pooling(), &PolicyState::new());
        for (successes, failures) in cells {
            let after = Counts {
                successes: f64::from(*successes),
                failures: f64::from(*failures),
            };
            pool.replace(OfferNumber(1), Counts::default(), after);
        }
        let posteriors = pool.posteriors_of(OfferNumber(1)).unwrap();
        for (point, posterior) in pooling().points.iter().zip(posteriors) {
            let likelihood = |t: f64| {
                let (mean, complement) = (math::logistic(t), math::logistic(-t));
                let (alpha, beta) = (point.own * mean, point.own * complement);
                let cell = |(successes, failures): &(u32, u32)| {
                    ln_beta(alpha + f64::from(*successes), beta + f64::from(*failures))
                        - ln_beta(alpha, beta)
                };
                cells.iter().map(cell).sum::<f64>()
            };
            let (ln_evidence, moments) = match point.common {
                None => (
                    likelihood(math::ln(2.0 / 38.0)),
                    Moments {
                        mean: 0.05,
                        variance: 0.0,
                    },
                ),
                Some(common) => {
                    let (alpha, beta) = (0.05 * common, 0.95 * common);
                    by_force(|t| {
                        likelihood(t) + alpha * math::ln_logistic(t) + beta * math::ln_logistic(-t)
                            - ln_beta(alpha, beta)
                    })
                }
            };
            let off = (posterior.ln_evidence - ln_evidence).abs();
            assert!(off < 2e-4, "{cells:?}: evidence off by {off}");
            let mean = posterior.moments.mean / moments.mean - 1.0;
            assert!(mean.abs() < 1e-4, "{cells:?}: mean off by {mean}");
            if moments.variance > 0.0 {
                let variance = posterior.moments.variance / moments.variance - 1.0;
                assert!(
                    variance.abs() < 1e-3,
                    "{cells:?}: variance off by {variance}"
                );
            }
        }
    }
}

#[test]
fn at_the_own_share_1_a_segment_stands_alone() {
    let beliefs = beliefs(&[(0, 1, 40, 400), (1, 1, 3, 10), (2, 2, 9, 80)]);
    let counts = Counts {
        successes: 3.0,
        failures: 10.0,
    };
    let rate = beliefs.rate(0, OfferNumber(1), counts);
    assert!((rate.alpha() - 5.0).abs() < 1e-9 && (rate.beta() - 48.0).abs() < 1e-9);
}

#[test]
fn the_own_share_is_learnt() {
    // Twelve segments that convert alike, and twelve that do not.
    let alike: Vec<_> = (0..12).map(|segment| (segment, 1, 50, 950)).collect();
    let beliefs_alike = beliefs(&alike);
    assert!(beliefs_alike.weights()[6] > 0.3 && beliefs_alike.weights()[0] < 1e-3);
    let apart: Vec<_> = (0..12)
        .map(|segment| (segment, 1, 8 + 10 * segment, 992 - 10 * segment))
        .collect();
    let beliefs_apart = beliefs(&apart);
    assert!(beliefs_apart.weights()[..2].iter().sum::<f64>() > 0.9);
    // A new segment expects what the others have, or what the prior says.
    let new = |beliefs: &Beliefs| beliefs.mean_rate(OfferNumber(1), Counts::default());
    let deviation = |rate: Beta| math::sqrt(Moments::of(rate).variance);
    assert!(deviation(new(&beliefs_alike)) < 0.5 * deviation(new(&beliefs_apart)));
}

#[test]
fn a_new_segment_starts_from_the_others_and_a_new_offer_from_its_campaign() {
    let mut state = PolicyState::new();
    for segment in 0..6 {
        let cells = [
            (segment, 1, 90, 910),
            (segment, 2, 85, 915),
            (segment, 3, 95, 905),
            (segment, 101, 20, 980),
            (segment, 102, 22, 978),
            (segment, 103, 21, 979),
        ];
        learn(&mut state, &cells);
    }
    let summary = |offers: &[u32]| {
        let eligible = EligibleOffers::new(offers.iter().copied().map(OfferNumber)).unwrap();
        policy().summary(
            &state,
            SegmentNumber(77),
            &eligible,
            Instant::from_unix_ms(0),
        )
    };
    let known = summary(&[1, 101]);
    assert!((known[0].estimate.unwrap() - 0.09).abs() < 0.006);
    assert!((known[1].estimate.unwrap() - 0.02).abs() < 0.004);
    let new = summary(&[50, 150, 250]);
    let estimate = |place: usize| new[place].estimate.unwrap();
    assert!(estimate(0) > 0.08 && estimate(1) < 0.027, "{new:?}");
    // Without campaign: the prior.
    assert!((estimate(2) - 0.05).abs() < 1e-6);
}

#[test]
fn stated_probabilities_are_those_of_the_draws() {
    let mut generator = DecisionSeed(5).generator(STREAM);
    for _ in 0..6 {
        let mut state = PolicyState::new();
        let mut cells = Vec::new();
        for segment in 0..4 {
            for offer in [1, 2, 3, 101, 201] {
                let below = |generator: &mut crate::domain::random::Generator, most: u64| {
                    u32::try_from(generator.next_below(most)).unwrap()
                };
                cells.push((
                    segment,
                    offer,
                    below(&mut generator, 6),
                    below(&mut generator, 80),
                ));
            }
        }
        learn(&mut state, &cells);
        let stated = distribution(&state, 2, &[1, 2, 101, 150]);
        let pool = Pool::of(&policy_pooling(), &state);
        let beliefs = pool.beliefs();
        let points: Vec<(usize, f64)> = beliefs.points().collect();
        let rates: Vec<Vec<Beta>> = points
            .iter()
            .map(|(point, _)| {
                [1, 2, 101, 150]
                    .map(|offer| {
                        let segment = state.segment(SegmentNumber(2)).unwrap();
                        let counts = Counts::of(segment.arm(OfferNumber(offer)));
                        beliefs.rate(*point, OfferNumber(offer), counts)
                    })
                    .to_vec()
            })
            .collect();
        let draws = 40_000;
        let mut wins = [0_u32; 4];
        let mut random = Draws(generator.next_word());
        for _ in 0..draws {
            let mut uniform = generator.next_uniform();
            let mut chosen = points.len() - 1;
            for (place, (_, weight)) in points.iter().enumerate() {
                uniform -= weight;
                if uniform < 0.0 {
                    chosen = place;
                    break;
                }
            }
            let scores = rates[chosen].iter().map(|rate| random.beta(*rate));
            let best = scores
                .enumerate()
                .max_by(|left, right| left.1.total_cmp(&right.1))
                .unwrap();
            wins[best.0] += 1;
        }
        for (stated, wins) in stated.iter().zip(wins) {
            let seen = f64::from(wins) / f64::from(draws);
            let error = math::sqrt(stated * (1.0 - stated) / f64::from(draws));
            // 24 comparisons: 4.5 standard errors miss one in 6,000 runs.
            assert!(
                (seen - stated).abs() < 4.5 * error + 1e-5,
                "{seen} {stated}"
            );
        }
    }
}

fn policy_pooling() -> Pooling {
    let campaigns = (0..200).map(|offer| (OfferNumber(offer), offer / 100));
    pooling().with_campaigns(campaigns.collect())
}

/// Beta numbers from another crate's generator.
struct Draws(u64);

impl Draws {
    fn beta(&mut self, rate: Beta) -> f64 {
        use rand::SeedableRng;
        use rand_distr::Distribution;
        self.0 = self.0.wrapping_add(1);
        let mut generator = rand::rngs::SmallRng::seed_from_u64(self.0);
        let beta = rand_distr::Beta::new(rate.alpha(), rate.beta()).unwrap();
        beta.sample(&mut generator)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_kept_is_what_the_counts_say(
        steps in prop::collection::vec((0..4u32, 0..5u32, 0..3u8, prop::bool::ANY), 1..40)
    ) {
        let policy = policy();
        let mut state = PolicyState::new();
        let mut learnt = Vec::new();
        for (segment, offer, kind, corrected) in steps {
            let reward = [0.0, 1.0, 0.3][usize::from(kind)];
            let before = decision(segment, offer, reward);
            let receipt = policy.learn(&mut state, &before).unwrap().receipt;
            if corrected {
                policy.correct(&mut state, &before, receipt, 1.0 - reward).unwrap();
            }
            learnt.push((segment, offer, if corrected { 1.0 - reward } else { reward }));
        }
        // Read back, the state keeps nothing beside its counts.
        let stored = postcard::to_stdvec(&state).unwrap();
        let mut read: PolicyState = postcard::from_bytes(&stored).unwrap();
        // The same rewards in another order.
        let mut other = PolicyState::new();
        for (segment, offer, reward) in learnt.iter().rev() {
            policy.learn(&mut other, &decision(*segment, *offer, *reward)).unwrap();
        }
        let asked = |state: &PolicyState| distribution(state, 1, &[0, 1, 2, 120, 300]);
        let bits = |all: Vec<f64>| all.into_iter().map(f64::to_bits).collect::<Vec<_>>();
        let expected = bits(asked(&state));
        prop_assert_eq!(&bits(asked(&read)), &expected);
        policy.prepare(&mut read);
        prop_assert_eq!(&bits(asked(&read)), &expected);
        prop_assert_eq!(&bits(asked(&other)), &expected);
    }
}
