//! Limits, exposure caps and abuse guards, under a manual clock and with the
//! ledger in memory.

#[path = "limits/propensities.rs"]
mod propensities;
mod support;

use std::ops::ControlFlow;
use std::sync::Arc;

use promobandit::catalog::{CatalogDocument, read_toml};
use promobandit::domain::decision::{DecisionKind, NoOfferReason};
use promobandit::domain::outcome::OutcomeKind;
use promobandit::domain::time::{Instant, Span};
use promobandit::engine::choose::{ChooseRequest, Chosen};
use promobandit::engine::clock::{Clock, ManualClock};
use promobandit::engine::record::RewardRequest;
use promobandit::engine::stats::LimitStats;
use promobandit::ledger::memory::MemoryLedger;
use promobandit::ledger::secrets::Secrets;
use proptest::prelude::*;
use support::{START, Shop, bought, event, join_all, purchase, request};
use uuid::Uuid;

/// The reservation of an offer ends so long after it was chosen.
const VALID_FOR: Span = Span::from_seconds(900);

/// A checkout that draws with equal probabilities from `flash`, which has
/// `limits`, and `plain`, which has none.
fn two_offers(limits: &str, of_campaign: &str, of_placement: &str, slots: u32) -> CatalogDocument {
    let text = format!(
        r#"
[[placement]]
id = "checkout"
slots = {slots}
objective = "conversion"
currency = "CNY"
attribution_window = "2d"
allowed_lateness = "1d"
{of_placement}
[placement.policy]
kind = "uniform"

[[campaign]]
id = "spring"
{of_campaign}

[[offer]]
id = "flash"
campaign = "spring"
placements = ["checkout"]
{limits}
benefit = {{ kind = "amount_off", amount = "10.00" }}

[[offer]]
id = "flash-too"
campaign = "spring"
placements = ["checkout"]
benefit = {{ kind = "amount_off", amount = "20.00" }}

[[offer]]
id = "plain"
placements = ["checkout"]
benefit = {{ kind = "cross_sell", sku = "case" }}
"#
    );
    read_toml(&text, "limits.toml").unwrap_or_else(|faults| panic!("{faults}"))
}

async fn open(document: CatalogDocument) -> Shop {
    let shop = Shop::over(
        Arc::new(MemoryLedger::new()),
        Arc::new(Secrets::derived([9; 32])),
        Arc::new(ManualClock::at(START)),
    );
    shop.engine
        .import_catalog(document, "test")
        .await
        .expect("the catalogue holds");
    shop
}

async fn choose(shop: &Shop, request: &ChooseRequest) -> Chosen {
    let chosen = shop.engine.choose(request).await;
    chosen.unwrap_or_else(|error| panic!("{error}"))
}

fn id(chosen: &Chosen) -> Uuid {
    chosen.decision.recorded.expect("recorded").id
}

fn offers(chosen: &Chosen) -> Vec<String> {
    let catalog = &chosen.decision.catalog;
    let name = |number| catalog.offer(number).expect("an offer").id.clone();
    chosen.decision.record.chosen().map(name).collect()
}

fn has(chosen: &Chosen, offer: &str) -> bool {
    offers(chosen).iter().any(|chosen| chosen == offer)
}

fn refusals(chosen: &Chosen) -> Vec<String> {
    let refusals = chosen.decision.record.refusals.iter();
    refusals.map(|refusal| refusal.code.clone()).collect()
}

/// Chooses, with new requests from `from` on, until an offer comes out.
async fn choose_until(shop: &Shop, from: u64, offer: &str) -> Chosen {
    for number in from..from + 200 {
        let chosen = choose(shop, &request(number, "checkout")).await;
        if has(&chosen, offer) {
            return chosen;
        }
        // What came out instead reserves nothing.
        let unused = event(
            &format!("unused-{number}"),
            id(&chosen),
            OutcomeKind::NotShown,
        );
        record(shop, unused).await;
    }
    panic!("{offer} never came out of 200 draws");
}

async fn record(shop: &Shop, event: RewardRequest) -> bool {
    let event = RewardRequest {
        event_time: shop.clock.now(),
        ..event
    };
    let recorded = shop.engine.record(&event).await;
    recorded
        .unwrap_or_else(|error| panic!("{error}"))
        .over_limit
}

fn only_limit(shop: &Shop) -> LimitStats {
    let limits = shop.engine.stats().limits;
    assert_eq!(limits.len(), 1, "{limits:?}");
    limits[0]
}

fn verify(shop: &Shop) {
    let report = shop
        .engine
        .verify(None, &mut |_| ControlFlow::Continue(()))
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(report.is_ok(), "{:?}", report.faults);
    let hash = shop.engine.state_hash();
    assert_eq!(report.state_hash, hash);
    assert_eq!(shop.reopened().engine.state_hash(), hash);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_thousand_concurrent_callers_one_gets_the_last_unit() {
    let shop = open(two_offers("limits = [{ most = 1 }]", "", "", 1)).await;
    let callers = (0..1_000).map(|number| {
        let engine = shop.engine.clone();
        tokio::spawn(async move { engine.choose(&request(number, "checkout")).await })
    });
    let mut got_it = 0;
    let mut refused = 0;
    for answer in join_all(callers).await {
        let chosen = answer
            .expect("no panic")
            .unwrap_or_else(|error| panic!("{error}"));
        got_it += u32::from(has(&chosen, "flash"));
        refused += u32::from(refusals(&chosen) == ["OFFER_LIMIT_GLOBAL_REDEMPTIONS"]);
    }
    assert_eq!(got_it, 1);
    assert!(refused > 900, "{refused} were told that it is gone");
    verify(&shop);
}

#[tokio::test]
async fn a_reservation_ends_with_the_offer_and_comes_back() {
    let shop = open(two_offers("limits = [{ most = 1 }]", "", "", 1)).await;
    choose_until(&shop, 0, "flash").await;
    let during = choose(&shop, &request(1_000, "checkout")).await;
    assert_eq!(refusals(&during), ["OFFER_LIMIT_GLOBAL_REDEMPTIONS"]);
    assert_eq!(
        during.decision.record.eligible.as_ref().map(|it| it.len()),
        Some(2)
    );
    shop.clock.advance(VALID_FOR);
    let after = choose(&shop, &request(1_001, "checkout")).await;
    assert!(refusals(&after).is_empty());
    verify(&shop);
}

#[tokio::test]
async fn a_purchase_commits_and_its_cancellation_gives_back() {
    let shop = open(two_offers("limits = [{ most = 1 }]", "", "", 1)).await;
    let chosen = choose_until(&shop, 0, "flash").await;
    assert!(!record(&shop, purchase("buy", id(&chosen), 8_000)).await);
    let usage = only_limit(&shop);
    assert_eq!((usage.committed, usage.reserved, usage.overrun), (1, 0, 0));
    // A second event of the same purchase, and one of the same order, count
    // nothing more.
    assert!(!record(&shop, purchase("buy", id(&chosen), 8_000)).await);
    shop.clock.advance(VALID_FOR);
    let later = choose(&shop, &request(1_000, "checkout")).await;
    assert_eq!(refusals(&later), ["OFFER_LIMIT_GLOBAL_REDEMPTIONS"]);
    let cancellation = RewardRequest {
        reverses_event_id: "buy".to_owned(),
        ..event("off", id(&chosen), OutcomeKind::Cancellation)
    };
    record(&shop, cancellation).await;
    assert!(shop.engine.stats().limits.is_empty());
    let again = choose(&shop, &request(1_001, "checkout")).await;
    assert!(refusals(&again).is_empty());
    verify(&shop);
}

#[tokio::test]
async fn a_purchase_after_its_reservation_takes_what_is_left_or_overruns() {
    let shop = open(two_offers("limits = [{ most = 1 }]", "", "", 1)).await;
    let first = choose_until(&shop, 0, "flash").await;
    shop.clock.advance(VALID_FOR);
    let second = choose_until(&shop, 1_000, "flash").await;
    // The first comes late and finds its unit reserved for the second.
    assert!(record(&shop, purchase("late", id(&first), 8_000)).await);
    let usage = only_limit(&shop);
    assert_eq!((usage.committed, usage.reserved, usage.overrun), (0, 1, 1));
    assert!(!record(&shop, purchase("in-time", id(&second), 8_000)).await);
    let usage = only_limit(&shop);
    assert_eq!((usage.committed, usage.reserved, usage.overrun), (1, 0, 1));
    let stats = shop.engine.stats();
    assert_eq!(
        (stats.counters.over_limit, stats.counters.outcomes),
        (1, stats.counters.outcomes)
    );
    // A retry of the late one is told the same.
    let retry = RewardRequest {
        event_time: shop.clock.now(),
        ..purchase("late", id(&first), 8_000)
    };
    let retry = shop.engine.record(&retry).await.expect("recorded before");
    assert!(retry.duplicate && retry.over_limit);
    verify(&shop);

    // Where something is left, a late purchase takes it; so does one that comes
    // after its decision has closed.
    let shop = open(two_offers("limits = [{ most = 2 }]", "", "", 1)).await;
    let first = choose_until(&shop, 0, "flash").await;
    let second = choose_until(&shop, 1_000, "flash").await;
    shop.clock.advance(VALID_FOR);
    assert!(!record(&shop, purchase("late", id(&first), 8_000)).await);
    shop.close_all().await;
    assert!(!record(&shop, purchase("later", id(&second), 8_000)).await);
    let usage = only_limit(&shop);
    assert_eq!((usage.committed, usage.reserved, usage.overrun), (2, 0, 0));
    verify(&shop);
}

#[tokio::test]
async fn an_order_uses_an_offer_once() {
    let shop = open(two_offers("limits = [{ most = 5 }]", "", "", 1)).await;
    let first = choose_until(&shop, 0, "flash").await;
    let second = choose_until(&shop, 1_000, "flash").await;
    for (name, decision) in [("link-1", &first), ("link-2", &second)] {
        let link = RewardRequest {
            order_id: "order".to_owned(),
            ..event(name, id(decision), OutcomeKind::Click)
        };
        record(&shop, link).await;
    }
    let bought = RewardRequest {
        decision_id: None,
        order_id: "order".to_owned(),
        ..purchase("buy", Uuid::nil(), 8_000)
    };
    record(&shop, bought).await;
    let usage = only_limit(&shop);
    assert_eq!((usage.committed, usage.reserved), (1, 0));
    verify(&shop);
}

#[tokio::test]
async fn a_limit_of_discount_counts_what_was_given() {
    let limits = r#"limits = [{ metric = "discount", most = "30.00" }]"#;
    let shop = open(two_offers("", limits, "", 1)).await;
    let first = choose_until(&shop, 0, "flash-too").await;
    assert_eq!(only_limit(&shop).reserved, 2_000);
    let second = choose(&shop, &request(1_000, "checkout")).await;
    // 10.00 are left: enough for the one, not for the other.
    assert_eq!(refusals(&second), ["CAMPAIGN_LIMIT_GLOBAL_DISCOUNT"]);
    assert_eq!(
        second.decision.record.eligible.as_ref().map(|it| it.len()),
        Some(2)
    );
    let given = RewardRequest {
        lines: vec![bought("tea", 2, 7_000)],
        ..purchase("buy", id(&first), 7_000)
    };
    record(&shop, given).await;
    // The line says that 5.00 were given, less than was reserved.
    assert_eq!(only_limit(&shop).committed, 500);
    verify(&shop);
}

#[tokio::test]
async fn slots_of_one_decision_share_what_is_left() {
    let shop = open(two_offers("", "limits = [{ most = 1 }]", "", 3)).await;
    for number in 0..50 {
        let wide = ChooseRequest {
            slots: Some(3),
            ..request(number, "checkout")
        };
        let chosen = choose(&shop, &wide).await;
        let record = &chosen.decision.record;
        assert_eq!(record.kind, DecisionKind::Offers);
        assert_eq!(record.slots.len(), 2, "{:?}", offers(&chosen));
        let campaign = usize::from(has(&chosen, "flash")) + usize::from(has(&chosen, "flash-too"));
        assert_eq!(campaign, 1);
        record_not_shown(&shop, number, &chosen).await;
        if offers(&chosen)[0] == "plain" {
            continue;
        }
        // The campaign's unit went to the first slot: its other offer has no
        // probability in the second.
        let second = record.slots[1].distribution().probabilities();
        let mut sorted = second.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        assert_eq!(sorted, [0.0, 1.0]);
        assert_eq!(refusals(&chosen), ["CAMPAIGN_LIMIT_GLOBAL_REDEMPTIONS"]);
        assert_eq!(record.refusals[0].slot, 1);
    }
    verify(&shop);
}

async fn record_not_shown(shop: &Shop, number: u64, chosen: &Chosen) {
    let unused = event(
        &format!("unused-{number}"),
        id(chosen),
        OutcomeKind::NotShown,
    );
    record(shop, unused).await;
}

#[tokio::test]
async fn shares_are_kept_apart_and_recurring_limits_count_anew() {
    let limits = r#"limits = [
        { scope = "shopper", most = 1, period = "day", time_zone = "Asia/Shanghai" },
    ]"#;
    let shop = open(two_offers(limits, "", "", 1)).await;
    let of = |number: u64, shopper: &str| ChooseRequest {
        shopper_id: shopper.to_owned(),
        ..request(number, "checkout")
    };
    let mut number = 0;
    let mut draw = async |shopper: &str| loop {
        number += 1;
        let chosen = choose(&shop, &of(number, shopper)).await;
        if has(&chosen, "flash") || !refusals(&chosen).is_empty() {
            return chosen;
        }
    };
    let first = draw("anna").await;
    record(&shop, purchase("anna-1", id(&first), 8_000)).await;
    let code = ["OFFER_LIMIT_SHOPPER_REDEMPTIONS"];
    assert_eq!(refusals(&draw("anna").await), code);
    assert!(has(&draw("bela").await, "flash"));
    // Nobody's share is not known: a limit that cannot be kept refuses.
    let nobody = choose(&shop, &of(5_000, "")).await;
    assert_eq!(refusals(&nobody), code);
    // START is 08:00 in Shanghai.
    shop.clock.advance(Span::from_seconds(16 * 3_600 - 1));
    assert_eq!(refusals(&draw("anna").await), code);
    shop.clock.advance(Span::from_seconds(1));
    assert!(has(&draw("anna").await, "flash"));
    verify(&shop);
}

#[tokio::test]
async fn exposures_are_capped_for_each_shopper() {
    let cap = r#"exposure_caps = [{ most = 2, within = "1h" }]"#;
    let shop = open(two_offers(cap, "", "", 1)).await;
    let of = |number: u64, shopper: &str| ChooseRequest {
        shopper_id: shopper.to_owned(),
        ..request(number, "checkout")
    };
    let mut shown = 0;
    for number in 0..40 {
        let chosen = choose(&shop, &of(number, "anna")).await;
        if has(&chosen, "flash") {
            shown += 1;
            // Reported twice, it was shown once.
            for report in ["seen", "seen-again"] {
                let name = format!("{report}-{number}");
                record(&shop, event(&name, id(&chosen), OutcomeKind::Exposure)).await;
            }
        } else if shown == 2 {
            assert_eq!(refusals(&chosen), ["OFFER_EXPOSURE_CAP"]);
        }
        shop.clock.advance(Span::from_seconds(60));
    }
    assert_eq!(shown, 2);
    assert!(refusals(&choose(&shop, &of(1_000, "bela")).await).is_empty());
    assert!(refusals(&choose(&shop, &of(1_001, "")).await).is_empty());
    shop.clock.advance(Span::from_seconds(3_600));
    assert!(refusals(&choose(&shop, &of(1_002, "anna")).await).is_empty());
    verify(&shop);
}

#[tokio::test]
async fn a_guard_answers_the_caller_alike_and_tells_the_merchandiser() {
    let guard = r#"guards = [{ per = "payment", most = 3, within = "1h" }]"#;
    let shop = open(two_offers("", "", guard, 1)).await;
    let pays = |number: u64, with: &str| ChooseRequest {
        payment_fingerprint: with.to_owned(),
        ..request(number, "checkout")
    };
    for number in 0..3 {
        let chosen = choose(&shop, &pays(number, "card")).await;
        assert_eq!(chosen.decision.record.kind, DecisionKind::Offers);
    }
    let fourth = choose(&shop, &pays(3, "card")).await;
    let record = &fourth.decision.record;
    assert_eq!(
        record.kind,
        DecisionKind::NoOffer(NoOfferReason::NoneEligible)
    );
    let explained = shop.engine.explain(id(&fourth)).expect("explained");
    for candidate in &explained.candidates {
        let refusal = candidate.refusal.as_ref().expect("a reason");
        assert_eq!(refusal.code, "VELOCITY_PAYMENT");
        assert_eq!(
            refusal.reason,
            "the placement's guard of 3 decisions for each payment within 1h has no room for it"
        );
    }
    let other = choose(&shop, &pays(4, "other card")).await;
    assert_eq!(other.decision.record.kind, DecisionKind::Offers);
    shop.clock.advance(Span::from_seconds(3_600));
    let later = choose(&shop, &pays(5, "card")).await;
    assert_eq!(later.decision.record.kind, DecisionKind::Offers);
    verify(&shop);
}

#[tokio::test]
async fn rehearsals_previews_retries_and_reloads_take_nothing() {
    let shop = open(two_offers("limits = [{ most = 1 }]", "", "", 1)).await;
    for number in 0..20 {
        let rehearsal = ChooseRequest {
            test: true,
            ..request(number, "checkout")
        };
        choose(&shop, &rehearsal).await;
        shop.engine
            .preview(&request(number, "checkout"))
            .expect("a preview");
    }
    assert!(shop.engine.stats().limits.is_empty());
    let mut number = 1_000;
    let chosen = loop {
        number += 1;
        let visit = ChooseRequest {
            session_id: format!("visit-{number}"),
            ..request(number, "checkout")
        };
        let chosen = choose(&shop, &visit).await;
        if has(&chosen, "flash") {
            assert!(choose(&shop, &visit).await.reused);
            let reload = ChooseRequest {
                request_id: Uuid::from_u128(u128::from(number)),
                ..visit
            };
            let reload = choose(&shop, &reload).await;
            assert!(reload.reused && has(&reload, "flash"));
            break chosen;
        }
    };
    assert_eq!(only_limit(&shop).reserved, 1);
    record(&shop, event("unused", id(&chosen), OutcomeKind::NotShown)).await;
    assert!(shop.engine.stats().limits.is_empty());
}

#[tokio::test]
async fn a_limit_that_is_lowered_lets_nothing_more_in() {
    let shop = open(two_offers("limits = [{ most = 3 }]", "", "", 1)).await;
    let first = choose_until(&shop, 0, "flash").await;
    let second = choose_until(&shop, 1_000, "flash").await;
    let lowered = two_offers("limits = [{ most = 1 }]", "", "", 1);
    let imported = shop.engine.import_catalog(lowered, "test").await;
    imported.expect("the catalogue holds");
    let refused = choose(&shop, &request(2_000, "checkout")).await;
    assert_eq!(refusals(&refused), ["OFFER_LIMIT_GLOBAL_REDEMPTIONS"]);
    // What was promised before is kept.
    assert!(!record(&shop, purchase("buy-1", id(&first), 8_000)).await);
    assert!(!record(&shop, purchase("buy-2", id(&second), 8_000)).await);
    let usage = only_limit(&shop);
    assert_eq!((usage.committed, usage.most), (2, Some(1)));
    verify(&shop);
}

/// Something that happens to a shop with a limit.
#[derive(Debug, Clone)]
enum Step {
    /// So many callers at once.
    Choose(u8),
    /// The decision of that place, counted from the last, is bought.
    Buy(u8),
    /// The purchase of that place is cancelled.
    Cancel(u8),
    /// The decision was not shown.
    Unused(u8),
    /// So many seconds pass.
    Wait(u16),
    /// The engine is dropped without draining, and opened again.
    Kill,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1_u8..24).prop_map(Step::Choose),
        3 => (0_u8..20).prop_map(Step::Buy),
        1 => (0_u8..6).prop_map(Step::Cancel),
        1 => (0_u8..20).prop_map(Step::Unused),
        2 => (1_u16..1_200).prop_map(Step::Wait),
        1 => Just(Step::Kill),
    ];
    prop::collection::vec(step, 1..40)
}

/// What must be so, told from the outside: decisions that hold a unit and how
/// long, purchases and what they took.
#[derive(Debug, Default)]
struct Model {
    /// (decision, until when it holds a unit)
    held: Vec<(Uuid, Instant)>,
    /// (decision, its purchase, whether it overran)
    bought: Vec<(Uuid, String, bool)>,
}

impl Model {
    fn committed(&self) -> i64 {
        let committed = self.bought.iter().filter(|(.., overran)| !overran);
        i64::try_from(committed.count()).expect("few")
    }

    fn reserved(&self, now: Instant) -> i64 {
        let held = self.held.iter().filter(|(_, until)| *until > now);
        i64::try_from(held.count()).expect("few")
    }
}

async fn run(most: i64, steps: Vec<Step>) {
    let mut shop = open(two_offers(
        &format!("limits = [{{ most = {most} }}]"),
        "",
        "",
        1,
    ))
    .await;
    let mut model = Model::default();
    let mut decisions: Vec<Uuid> = Vec::new();
    let mut killed = Vec::new();
    let mut number = 0;
    for (place, step) in steps.into_iter().enumerate() {
        match step {
            Step::Choose(callers) => {
                let requests: Vec<_> = (0..u64::from(callers))
                    .map(|caller| request(number + caller, "checkout"))
                    .collect();
                number += u64::from(callers);
                let calls = requests.iter().map(|request| shop.engine.choose(request));
                for answer in join_all(calls).await {
                    let chosen = answer.unwrap_or_else(|error| panic!("{error}"));
                    if has(&chosen, "flash") {
                        let until = chosen
                            .decision
                            .recorded
                            .expect("recorded")
                            .at
                            .plus(VALID_FOR);
                        model.held.push((id(&chosen), until));
                        decisions.push(id(&chosen));
                    }
                }
            }
            Step::Buy(back) => {
                let Some(decision) = from_last(&decisions, back) else {
                    continue;
                };
                let name = format!("buy-{place}");
                let holds = model
                    .held
                    .iter()
                    .any(|(held, until)| *held == decision && *until > shop.clock.now());
                let left = most - model.committed() - model.reserved(shop.clock.now());
                let overran = record(&shop, purchase(&name, decision, 8_000)).await;
                assert_eq!(overran, !holds && left <= 0, "{place}");
                model.held.retain(|(held, _)| *held != decision);
                model.bought.push((decision, name, overran));
            }
            Step::Cancel(back) => {
                let Some((decision, name, _)) = from_last(&model.bought, back) else {
                    continue;
                };
                let cancellation = RewardRequest {
                    reverses_event_id: name.clone(),
                    ..event(&format!("off-{place}"), decision, OutcomeKind::Cancellation)
                };
                record(&shop, cancellation).await;
                model.bought.retain(|(_, bought, _)| *bought != name);
            }
            Step::Unused(back) => {
                let Some(decision) = from_last(&decisions, back) else {
                    continue;
                };
                let unused = event(&format!("unused-{place}"), decision, OutcomeKind::NotShown);
                record(&shop, unused).await;
                model.held.retain(|(held, _)| *held != decision);
            }
            Step::Wait(seconds) => {
                shop.clock.advance(Span::from_seconds(i64::from(seconds)));
                shop.engine.tick().await.expect("a tick");
            }
            Step::Kill => {
                // The old engine commits nothing more; dropped now, it would
                // close the ledger for the new one.
                let opened = shop.reopened();
                killed.push(std::mem::replace(&mut shop, opened));
            }
        }
        let usage = shop.engine.stats().limits.first().copied();
        let (committed, reserved) = usage.map_or((0, 0), |it| (it.committed, it.reserved));
        assert!(
            committed + reserved <= most,
            "{committed} + {reserved} of {most}"
        );
        assert_eq!(committed, model.committed(), "committed after step {place}");
        assert_eq!(
            reserved,
            model.reserved(shop.clock.now()),
            "reserved after step {place}"
        );
    }
    verify(&shop);
}

fn from_last<T: Clone>(list: &[T], back: u8) -> Option<T> {
    let place = list.len().checked_sub(1 + usize::from(back))?;
    list.get(place).cloned()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_limit_holds_over_any_interleaving_and_restart(most in 1_i64..6, steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        runtime.block_on(run(most, steps));
    }
}
