use proptest::prelude::*;

use super::*;
use crate::domain::distribution::{EligibleOffers, Propensity};
use crate::domain::math;
use crate::domain::random::{DecisionSeed, Stream};
use crate::learning::{Context, Policy, PolicyConfig, PolicyState, RewardedDecision};

const SEGMENT: SegmentNumber = SegmentNumber(2);

/// 32 hours, so that a bin is an hour.
const OPEN_FOR: Span = Span::from_seconds(32 * 3_600);

fn hour(hours: f64) -> Instant {
    #[allow(clippy::cast_possible_truncation)] // some days
    Instant::from_unix_ms((hours * 3_600_000.0) as i64)
}

fn one(offer: u32, reward: f64) -> std::iter::Once<(OfferNumber, f64)> {
    std::iter::once((OfferNumber(offer), reward))
}

fn thompson() -> Policy {
    let config: PolicyConfig = toml::from_str("kind = 'thompson_beta'").unwrap();
    Policy::check(&config, |_| None).unwrap()
}

fn pulls(overlay: &Overlay, feedback: Feedback, at: Instant) -> Vec<(u32, u64)> {
    let suggested = overlay.suggested(feedback, SEGMENT, at);
    suggested
        .iter()
        .map(|(offer, more)| (offer.0, more.pulls()))
        .collect()
}

/// 100 decisions for offer 1 in the first hour, 40 for offer 5 in the tenth.
fn waiting() -> Overlay {
    let mut overlay = Overlay::new(OPEN_FOR);
    for key in 0..100 {
        overlay.put(key, SEGMENT, hour(0.5), one(1, 0.0), None);
    }
    for key in 100..140 {
        overlay.put(key, SEGMENT, hour(9.5), one(5, 0.0), None);
    }
    overlay
}

#[test]
fn open_decisions_count_by_what_the_placement_asks_for() {
    let overlay = waiting();
    let at = hour(16.5);
    assert_eq!(pulls(&overlay, Feedback::AtClosing, at), []);
    let all = [(1, 100), (5, 40)];
    assert_eq!(pulls(&overlay, Feedback::Provisional, at), all);
    // Nothing is known of delays: half of the time makes half of a decision.
    // 40 · 7/32 = 8.75.
    let parts = [(1, 50), (5, 9)];
    assert_eq!(pulls(&overlay, Feedback::DelayCorrected, at), parts);
    let nobody = overlay.suggested(Feedback::Provisional, SegmentNumber(7), at);
    assert_eq!(nobody, []);
}

#[test]
fn one_that_earned_counts_whole_and_tells_of_delays() {
    let mut overlay = waiting();
    for key in 0..90 {
        overlay.put(key, SEGMENT, hour(0.5), one(1, 1.0), Some(hour(1.2)));
    }
    // Conversions come within the hour after, as far as the oldest can show.
    let at = hour(33.5);
    let parts = pulls(&overlay, Feedback::DelayCorrected, at);
    assert_eq!(parts[0].1, 100);
    assert!(parts[1].1 >= 39, "{parts:?}");
    // The delay is that of the first time that it was known.
    overlay.put(0, SEGMENT, hour(0.5), one(1, 2.0), Some(hour(14.0)));
    let again = pulls(&overlay, Feedback::DelayCorrected, at);
    assert_eq!(again, parts);
    // Closed, they still tell.
    for key in 0..100 {
        overlay.close(key);
    }
    let closed = pulls(&overlay, Feedback::DelayCorrected, at);
    assert_eq!(closed.len(), 1);
    assert!(closed[0].1 >= 39, "{closed:?}");
}

#[test]
fn a_segment_without_delays_takes_those_of_the_placement() {
    let mut overlay = waiting();
    let elsewhere = SegmentNumber(40);
    for key in 1_000..1_200 {
        overlay.put(key, elsewhere, hour(0.2), one(9, 0.0), None);
        overlay.put(key, elsewhere, hour(0.2), one(9, 1.0), Some(hour(0.9)));
    }
    let parts = pulls(&overlay, Feedback::DelayCorrected, hour(33.5));
    assert!(parts[0].1 >= 99 && parts[1].1 >= 39, "{parts:?}");
}

/// Exponential delays with a mean of 8 of 32 hours; a conversion is seen only
/// when its decision has grown old enough. The estimate from the young is that
/// of the law, not of the short delays that the young could show.
#[test]
fn the_law_is_estimated_from_decisions_that_are_still_young() {
    let mut delays = Delays::default();
    let mut generator = DecisionSeed(3).generator(Stream::numbered(98));
    let now = 20;
    for decided in 0..now {
        for _ in 0..2_000 {
            let delay = -8.0 * math::ln_1p(-generator.next_uniform());
            let at = generator.next_uniform();
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // some hours
            if at + delay < f64::from(now - decided) {
                delays.count_open(i64::from(decided), delay as usize, 1);
            }
        }
    }
    let law = Law::uniform().after(&delays, i64::from(now), 1.0);
    let truth = |hours: f64| -math::exp_m1(-hours / 8.0);
    // Beyond what the oldest could show nothing is known: up to there it is.
    let oldest = law.part(19.0);
    for hours in [1.0, 2.0, 5.0, 10.0, 15.0] {
        let (ours, exact) = (law.part(hours) / oldest, truth(hours) / truth(19.0));
        assert!(
            (ours - exact).abs() < 0.01,
            "{hours} h: {ours} is not {exact}"
        );
    }
}

#[test]
fn closed_decisions_give_the_share_that_was_seen() {
    let mut delays = Delays::default();
    for (delay, count) in [(0, 500), (3, 300), (31, 200)] {
        for _ in 0..count {
            delays.count_closed(delay);
        }
    }
    let law = Law::uniform().after(&delays, 0, 1.0);
    for (hours, share) in [(1.0, 0.5), (3.0, 0.5), (4.0, 0.8), (31.0, 0.8), (32.0, 1.0)] {
        assert!((law.part(hours) - share).abs() < 0.003, "{hours}");
    }
    assert_eq!(law.part(1e9), 1.0);
    assert_eq!(law.part(f64::NAN), 1.0);
}

#[test]
fn what_is_seen_is_what_would_have_been_learnt() {
    let policy = thompson();
    let (mut learnt, mut both) = (PolicyState::new(), PolicyState::new());
    let mut overlay = Overlay::new(OPEN_FOR);
    for number in 0..60_u32 {
        let (offer, reward) = (number % 4, f64::from(u8::from(number % 7 == 0)));
        let decision = RewardedDecision {
            segment: SEGMENT,
            offer: OfferNumber(offer),
            features: &[],
            propensity: Propensity::CERTAIN,
            decided_at: hour(0.0),
            reward,
        };
        policy.learn(&mut both, &decision).unwrap();
        if number < 25 {
            policy.learn(&mut learnt, &decision).unwrap();
        } else {
            overlay.put(number.into(), SEGMENT, hour(1.0), one(offer, reward), None);
        }
    }
    let eligible = EligibleOffers::new((0..5).map(OfferNumber)).unwrap();
    let context = Context {
        segment: SEGMENT,
        features: &[],
        seed: DecisionSeed(0),
        decided_at: hour(2.0),
    };
    let at = context.decided_at;
    let seen = policy.seeing(&learnt, &overlay, Feedback::Provisional, SEGMENT, at);
    assert_eq!(
        policy.distribution(&seen, &context, &eligible),
        policy.distribution(&both, &context, &eligible)
    );
    // Nothing of it was learnt.
    assert_ne!(learnt, both);
    assert_eq!(
        policy.seeing(&learnt, &overlay, Feedback::AtClosing, SEGMENT, at),
        learnt
    );
}

#[test]
fn golden_parts() {
    let mut overlay = waiting();
    for key in (0..100).step_by(9) {
        let known = hour(1.0 + f64::from(u32::try_from(key).unwrap()) / 10.0);
        overlay.put(key, SEGMENT, hour(0.5), one(1, 1.0), Some(known));
    }
    let pooled: PolicyConfig = toml::from_str("kind = 'pooled_thompson'").unwrap();
    let pooled = Policy::check(&pooled, |_| None).unwrap();
    let eligible = EligibleOffers::new([1, 5, 6].map(OfferNumber)).unwrap();
    let bits = |policy: &Policy| {
        let context = Context {
            segment: SEGMENT,
            features: &[],
            seed: DecisionSeed(0),
            decided_at: hour(18.0),
        };
        let (learnt, at) = (PolicyState::new(), context.decided_at);
        let seen = policy.seeing(&learnt, &overlay, Feedback::DelayCorrected, SEGMENT, at);
        let all = policy.distribution(&seen, &context, &eligible);
        let words = all.probabilities().iter();
        let words: Vec<String> = words.map(|p| format!("{:016x}", p.to_bits())).collect();
        words.join(" ")
    };
    assert_eq!(
        [bits(&thompson()), bits(&pooled)],
        [
            "3fca523beb3d5619 3f750d2052b81b31 3fe94156c48b3a44",
            "3fe56f03a67ff938 3fc3421bef4fcfbf 3fc701d576b04b60"
        ]
    );
}

#[derive(Debug, Clone)]
enum Step {
    Put(u64, u32, i32, bool),
    TakeOff(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..12u64, 0..3u32, 0..40i32, prop::bool::ANY)
            .prop_map(|(key, offer, hours, earned)| Step::Put(key, offer, hours, earned)),
        1 => (0..12u64).prop_map(Step::TakeOff),
    ]
}

proptest! {
    #[test]
    fn what_was_put_on_comes_off_without_a_trace(steps in prop::collection::vec(step(), 0..60)) {
        let mut overlay = Overlay::new(OPEN_FOR);
        for step in &steps {
            match step {
                Step::Put(key, offer, hours, earned) => {
                    let reward = f64::from(u8::from(*earned));
                    let decided_at = hour(f64::from(*hours));
                    let segment = SegmentNumber(offer % 2);
                    let seen = Some(hour(f64::from(*hours) + 1.5));
                    overlay.put(*key, segment, decided_at, one(*offer, reward), seen);
                }
                Step::TakeOff(key) => overlay.take_off(*key),
            }
        }
        let bytes = postcard::to_stdvec(&overlay).unwrap();
        prop_assert_eq!(&postcard::from_bytes::<Overlay>(&bytes).unwrap(), &overlay);
        for key in 0..12 {
            overlay.take_off(key);
        }
        prop_assert_eq!(overlay, Overlay::new(OPEN_FOR));
    }

    #[test]
    fn a_law_never_falls(
        closed in prop::collection::vec(0..BINS, 0..40),
        open in prop::collection::vec((0..40i64, 0..BINS), 0..40),
        now in 0..50i64,
    ) {
        let mut delays = Delays::default();
        for delay in closed {
            delays.count_closed(delay);
        }
        for (decided, delay) in open {
            delays.count_open(decided, delay, 1);
        }
        let law = Law::uniform().after(&delays, now, 1.0).after(&delays, now, 10.0);
        let parts: Vec<f64> = (0..=320).map(|tenth| law.part(f64::from(tenth) / 10.0)).collect();
        prop_assert_eq!(parts[0], 0.0);
        prop_assert_eq!(parts[320], 1.0);
        prop_assert!(parts.windows(2).all(|pair| pair[0] <= pair[1] + 1e-12));
    }
}
