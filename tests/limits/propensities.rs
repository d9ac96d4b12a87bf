//! Stated propensities against what is drawn, and what is estimated by them, while
//! rules, exposure caps, pacing and limits that are nearly always used up take
//! offers away, a policy learns, and 64 callers ask at once.

use std::collections::BTreeMap;

use promobandit::catalog::{CatalogDocument, read_toml};
use promobandit::domain::math;
use promobandit::domain::outcome::OutcomeKind;
use promobandit::domain::random::Generator;
use promobandit::domain::time::Span;
use promobandit::engine::choose::{ChooseRequest, Chosen};
use promobandit::engine::clock::Clock;
use promobandit::engine::record::RewardRequest;

use super::support::{Shop, event, join_all, purchase, request};
use super::{open, refusals, verify};

/// How stated probabilities are grouped.
const BINS: usize = 10;

/// `flash` and `spring` are used up within each second, `spring` is paid from a
/// paced budget, `gold` and `app` have rules, `app` a cap; Thompson sampling
/// learns from windows of seconds.
fn catalogue() -> CatalogDocument {
    let text = r#"
[[attribute]]
name = "tier"
kind = "string"

[[segment]]
id = "gold"
when = { attribute = "tier", equals = "gold" }

[[placement]]
id = "checkout"
slots = 2
objective = "conversion"
currency = "CNY"
attribution_window = "5s"
allowed_lateness = "1s"
offer_valid_for = "2s"
policy = { kind = "thompson_beta", exploration_floor = 0.02 }

[[campaign]]
id = "spring"
schedule = { starts_at = "2026-02-16T00:00:00Z", ends_at = "2026-02-19T00:00:00Z" }
limits = [{ most = 9, within = "1s", counts = "choices" }]
budget = { amount = "900000", currency = "CNY" }
pacing = { kind = "even" }

[[offer]]
id = "flash"
placements = ["checkout"]
limits = [{ most = 6, within = "1s", counts = "choices" }]
benefit = { kind = "amount_off", amount = "10.00" }

[[offer]]
id = "spring"
campaign = "spring"
placements = ["checkout"]
benefit = { kind = "amount_off", amount = "20.00" }

[[offer]]
id = "gold"
placements = ["checkout"]
eligibility = { segment = ["gold"] }
benefit = { kind = "percent_off", discount_basis_points = 1000 }

[[offer]]
id = "app"
placements = ["checkout"]
eligibility = { all = [{ channel = ["app"] }, { cart = { sku = ["tea"], min_quantity = 2 } }] }
exposure_caps = [{ most = 1, within = "20s" }]
benefit = { kind = "points", fixed = 100 }

[[offer]]
id = "plain"
placements = ["checkout"]
benefit = { kind = "free_shipping" }
"#;
    read_toml(text, "propensities.toml").unwrap_or_else(|faults| panic!("{faults}"))
}

fn offer_id(chosen: &Chosen, place: usize, slot: usize) -> &str {
    let draw = &chosen.decision.record.slots[slot];
    let number = draw.eligible().get(place).expect("an offer");
    let offer = chosen.decision.catalog.offer(number).expect("an offer");
    &offer.id
}

/// Draws and their stated probabilities, by offer and group of probabilities: how
/// many more came out than were stated, and the variance of that.
#[derive(Default)]
struct Agreement {
    cells: BTreeMap<(String, usize), (f64, f64)>,
    /// Σ estimate − truth, and its variance.
    estimate: (f64, f64),
    draws: u64,
    /// Decisions that a limit took an offer from.
    contested: u64,
    decisions: u64,
}

impl Agreement {
    fn add(&mut self, chosen: &Chosen) {
        let record = &chosen.decision.record;
        self.decisions += 1;
        self.contested += u64::from(!refusals(chosen).is_empty());
        for (slot, draw) in record.slots.iter().enumerate() {
            self.draws += 1;
            let probabilities = draw.distribution().probabilities();
            for (place, probability) in probabilities.iter().enumerate() {
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let bin = ((probability * BINS as f64) as usize).min(BINS - 1);
                let key = (offer_id(chosen, place, slot).to_owned(), bin);
                let (surplus, variance) = self.cells.entry(key).or_default();
                *surplus += f64::from(u8::from(draw.index() == place)) - probability;
                *variance += probability * (1.0 - probability);
            }
        }
        self.estimate_by_weights(chosen);
    }

    /// The inverse-propensity estimate of another policy on the decision's own
    /// state: it shows offers in proportion to weights of its own, among what the
    /// first slot could show; each earns what belongs to it.
    fn estimate_by_weights(&mut self, chosen: &Chosen) {
        let Some(draw) = chosen.decision.record.slots.first() else {
            return;
        };
        let logged = draw.distribution().probabilities();
        let target = |place: usize| match offer_id(chosen, place, 0) {
            _ if logged[place] == 0.0 => (0.0, 0.0),
            "flash" => (3.0, 1.0),
            "spring" => (2.0, 0.5),
            "gold" => (2.0, 0.8),
            "app" => (1.0, 0.3),
            _ => (1.0, 0.2),
        };
        let target: Vec<(f64, f64)> = (0..logged.len()).map(target).collect();
        let total: f64 = target.iter().map(|(weight, _)| weight).sum();
        let (mut earned, mut square) = (0.0, 0.0);
        for ((weight, reward), probability) in target.iter().zip(logged) {
            if *weight > 0.0 {
                let share = weight / total;
                earned += share * reward;
                square += share * share * reward * reward / probability;
            }
        }
        let (weight, reward) = target[draw.index()];
        self.estimate.0 += weight / total / logged[draw.index()] * reward - earned;
        self.estimate.1 += square - earned * earned;
    }

    /// For each offer the chi-squared statistic over the groups of its stated
    /// probabilities, as a normal deviate (Wilson and Hilferty 1931,
    /// <https://doi.org/10.1073/pnas.17.12.684>), and its degrees of freedom.
    /// Groups of less than 20 expected either way are left out.
    fn chi_squared(&self) -> BTreeMap<&str, (f64, f64)> {
        let mut sums: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        for ((offer, _), (surplus, variance)) in &self.cells {
            if *variance >= 20.0 {
                let (statistic, freedom) = sums.entry(offer).or_default();
                *statistic += surplus * surplus / variance;
                *freedom += 1.0;
            }
        }
        sums.into_iter()
            .map(|(offer, (statistic, freedom))| {
                let spread = 2.0 / (9.0 * freedom);
                let deviate =
                    (math::pow(statistic / freedom, 1.0 / 3.0) - (1.0 - spread)) / spread.sqrt();
                (offer, (deviate, freedom))
            })
            .collect()
    }

    fn error_of_estimate(&self) -> f64 {
        (self.estimate.0 / f64::sqrt(self.estimate.1)).abs()
    }

    /// A biased redraw gives tens of standard deviations here; a sound one exceeds
    /// 4.5 in one of the six statistics once in 25,000 runs.
    fn assert_exact(&self) {
        assert!(
            self.contested > self.decisions / 2,
            "{} of {} met a limit",
            self.contested,
            self.decisions
        );
        let statistics = self.chi_squared();
        assert_eq!(statistics.len(), 5, "{statistics:?}");
        for (offer, (deviate, freedom)) in &statistics {
            assert!(
                *deviate < 4.5,
                "{offer}: chi-squared of {freedom} groups is {deviate} standard deviations up"
            );
        }
        let error = self.error_of_estimate();
        assert!(
            error < 4.5,
            "the estimate is off by {error} standard errors"
        );
    }
}

/// 64 callers at once in each of so many seconds; of what they are shown some is
/// seen and some is bought, so that the policy learns.
async fn seconds(first: u64, count: u64, agreement: &mut Agreement) {
    let shop = open(catalogue()).await;
    let mut draws = Generator::from_seed(first);
    for second in first..first + count {
        // Before what is recorded, which then takes the fold's time along: a tick
        // that came later would come while the ledger is verified.
        shop.clock.advance(Span::from_seconds(1));
        let callers = (0..64).map(|caller| {
            let engine = shop.engine.clone();
            let number = second * 64 + caller;
            let request = ChooseRequest {
                slots: Some(1 + u32::from(number % 3 == 0)),
                channel: ["app", "web"][usize::from(number % 5 == 0)].to_owned(),
                ..request(number, "checkout")
            };
            tokio::spawn(async move { engine.choose(&request).await })
        });
        let mut shown = Vec::new();
        for answer in join_all(callers).await {
            let chosen = answer
                .expect("no panic")
                .unwrap_or_else(|error| panic!("{error}"));
            agreement.add(&chosen);
            shown.push(chosen);
        }
        report(&shop, &shown, &mut draws).await;
    }
    verify(&shop);
}

/// Every fourth decision is seen, and bought by a rate that its first offer has.
async fn report(shop: &Shop, shown: &[Chosen], draws: &mut Generator) {
    let at = shop.clock.now();
    let mut events = Vec::new();
    for chosen in shown
        .iter()
        .filter(|it| !it.decision.record.slots.is_empty())
    {
        if draws.next_below(4) > 0 {
            continue;
        }
        let recorded = chosen.decision.recorded.expect("recorded");
        let (id, name) = (recorded.id, recorded.position.0);
        events.push(event(&format!("{name}-seen"), id, OutcomeKind::Exposure));
        let place = chosen.decision.record.slots[0].index();
        let rate = match offer_id(chosen, place, 0) {
            "flash" => 0.5,
            "spring" => 0.3,
            _ => 0.1,
        };
        if draws.next_uniform() < rate {
            events.push(purchase(&format!("{name}-buy"), id, 8_000));
        }
    }
    for event in events {
        let event = RewardRequest {
            event_time: at,
            ..event
        };
        let recorded = shop.engine.record(&event).await;
        recorded.unwrap_or_else(|error| panic!("{error}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn propensities_are_exact_while_64_callers_take_the_last_units() {
    let mut agreement = Agreement::default();
    seconds(0, 60, &mut agreement).await;
    agreement.assert_exact();
}

/// The same over a million draws, in 20 shops with other draws;
/// `cargo test --release --test limits -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "takes minutes"]
async fn propensities_are_exact_over_a_million_draws() {
    let mut agreement = Agreement::default();
    for shop in 0..20 {
        seconds(shop * 1_000, 600, &mut agreement).await;
    }
    println!(
        "{} draws of {} decisions, {} of which met a limit; the estimate is off by {:.2} standard \
         errors; chi-squared as a normal deviate, and groups:",
        agreement.draws,
        agreement.decisions,
        agreement.contested,
        agreement.error_of_estimate()
    );
    for (offer, (deviate, freedom)) in agreement.chi_squared() {
        println!("  {offer}: {deviate:.2} ({freedom})");
    }
    assert!(agreement.draws > 1_000_000);
    agreement.assert_exact();
}
