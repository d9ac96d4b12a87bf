//! The engine's promises, under a manual clock and with its ledger in memory.

mod support;

use std::ops::ControlFlow;

use promobandit::domain::decision::DecisionKind;
use promobandit::domain::outcome::{OutcomeKind, OutcomeResult};
use promobandit::domain::time::Span;
use promobandit::engine::choose::{ChooseError, ChooseRequest};
use promobandit::engine::clock::Clock;
use promobandit::engine::record::{RecordError, RewardRequest};
use promobandit::engine::stats::Stats;
use support::{START, Shop, bought, cny, event, join_all, purchase, refund, request};

/// The mean reward and the number of decisions learnt, over all segments, of
/// what one placement shows.
fn learnt(stats: &Stats, placement: &str) -> (u64, f64) {
    let catalog = stats.catalog.as_ref().expect("a catalogue");
    let number = catalog
        .placement_by_id(placement)
        .expect("a placement")
        .number;
    let arms = stats
        .learnt
        .iter()
        .filter(|segment| segment.placement == number)
        .flat_map(|segment| &segment.arms);
    arms.fold((0, 0.0), |(pulls, sum), arm| {
        #[allow(clippy::cast_precision_loss)]
        let earned = arm.mean.unwrap_or(0.0) * arm.pulls as f64;
        (pulls + arm.pulls, sum + earned)
    })
}

#[tokio::test]
async fn a_retry_gets_the_first_answer_and_other_content_is_told() {
    let shop = Shop::open().await;
    let first = shop
        .engine
        .choose(&request(1, "checkout"))
        .await
        .expect("a decision");
    let again = shop
        .engine
        .choose(&request(1, "checkout"))
        .await
        .expect("a decision");
    assert!(!first.reused && again.reused);
    assert_eq!(first.decision.recorded, again.decision.recorded);
    assert_eq!(first.decision.record, again.decision.record);

    let mut other = request(1, "checkout");
    other.cart[0].quantity = 3;
    other.shopper_id = "somebody else".to_owned();
    match shop.engine.choose(&other).await {
        Err(ChooseError::OtherContent { fields, .. }) => {
            assert_eq!(fields, ["shopper_id", "cart"]);
        }
        answer => panic!("{answer:?}"),
    }
    assert_eq!(shop.engine.stats().counters.decisions, 1);
}

#[tokio::test]
async fn concurrent_retries_get_one_decision() {
    let shop = Shop::open().await;
    let request = request(1, "checkout");
    let calls = (0..50).map(|_| shop.engine.choose(&request));
    let answers = join_all(calls).await;
    let ids: std::collections::BTreeSet<_> = answers
        .into_iter()
        .map(|answer| {
            answer
                .expect("a decision")
                .decision
                .recorded
                .expect("recorded")
                .id
        })
        .collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(shop.engine.stats().counters.decisions, 1);
}

#[tokio::test]
async fn a_reload_draws_nothing_new_until_the_offer_is_over() {
    let shop = Shop::open().await;
    let load = request_in_session;
    let first = shop.engine.choose(&load(1)).await.expect("a decision");
    let second = shop.engine.choose(&load(2)).await.expect("a decision");
    assert_eq!(first.decision.recorded, second.decision.recorded);
    assert!(second.reused);
    // A retry of the reload, after the offer is over, still gets what the reload
    // got.
    shop.clock.advance(Span::from_seconds(15 * 60));
    let retry = shop.engine.choose(&load(2)).await.expect("a decision");
    assert_eq!(first.decision.recorded, retry.decision.recorded);
    // A new load after that is a new decision.
    let third = shop.engine.choose(&load(3)).await.expect("a decision");
    assert_ne!(first.decision.recorded, third.decision.recorded);
    // Another cart is another decision; a rehearsal never gets the real one.
    let mut other_cart = load(4);
    other_cart.cart.clear();
    let mut rehearsal = load(5);
    rehearsal.test = true;
    for request in [other_cart, rehearsal] {
        let other = shop.engine.choose(&request).await.expect("a decision");
        assert_ne!(third.decision.recorded, other.decision.recorded);
    }
    // All of it is known again after a restart.
    let hash = shop.engine.state_hash();
    let reopened = shop.reopened();
    assert_eq!(reopened.engine.state_hash(), hash);
    let retry = reopened.engine.choose(&load(2)).await.expect("a decision");
    assert_eq!(first.decision.recorded, retry.decision.recorded);
    let reload = reopened.engine.choose(&load(6)).await.expect("a decision");
    assert_eq!(third.decision.recorded, reload.decision.recorded);
}

fn request_in_session(number: u64) -> ChooseRequest {
    let mut request = request(7, "checkout");
    request.request_id = support::request(number, "checkout").request_id;
    request.session_id = "visit-1".to_owned();
    request
}

#[tokio::test]
async fn slots_are_filled_without_repetition_and_stop_at_the_offers() {
    let shop = Shop::open().await;
    let mut wide = request(1, "checkout");
    wide.slots = Some(3);
    let chosen = shop.engine.choose(&wide).await.expect("a decision");
    let record = &chosen.decision.record;
    assert_eq!(record.kind, DecisionKind::Offers);
    let mut offers: Vec<_> = record.chosen().collect();
    offers.sort_unstable();
    offers.dedup();
    assert_eq!(offers.len(), 3);
    for (slot, draw) in record.slots.iter().enumerate() {
        assert_eq!(draw.distribution().len(), 3 - slot);
    }
    wide.slots = Some(4);
    wide.request_id = request(2, "checkout").request_id;
    assert!(matches!(
        shop.engine.choose(&wide).await,
        Err(ChooseError::Invalid(_))
    ));
}

#[tokio::test]
async fn a_decision_teaches_only_once_it_was_shown() {
    let shop = Shop::open().await;
    let silent = shop.choose(1, "checkout").await;
    let shown = shop.choose(2, "checkout").await;
    let denied = shop.choose(3, "checkout").await;
    let denied_and_shown = shop.choose(4, "checkout").await;
    let assumed = shop.choose(5, "post_purchase").await;
    let assumed_and_denied = shop.choose(6, "post_purchase").await;
    let _ = (silent, assumed);
    for event in [
        event("a", shown, OutcomeKind::Exposure),
        event("b", denied, OutcomeKind::NotShown),
        event("c", denied_and_shown, OutcomeKind::NotShown),
        event("d", denied_and_shown, OutcomeKind::Click),
        event("e", assumed_and_denied, OutcomeKind::NotShown),
    ] {
        let answer = shop.engine.record(&event).await.expect("recorded");
        assert_eq!(answer.result, OutcomeResult::Recorded);
    }
    shop.close_all().await;
    let stats = shop.engine.stats();
    assert_eq!(learnt(&stats, "checkout").0, 2);
    assert_eq!(learnt(&stats, "post_purchase").0, 1);
    assert_eq!((stats.counters.learnt, stats.counters.not_shown), (3, 3));
    assert_eq!(stats.open_decisions, 0);
}

#[tokio::test]
async fn settled_closes_at_once_and_what_comes_later_is_late() {
    let shop = Shop::open().await;
    let decision = shop.choose(1, "checkout").await;
    shop.engine
        .record(&purchase("buy", decision, 9_000))
        .await
        .expect("recorded");
    shop.engine
        .record(&event("end", decision, OutcomeKind::Settled))
        .await
        .expect("recorded");
    assert_eq!(learnt(&shop.engine.stats(), "checkout"), (1, 1.0));

    let late = event("click", decision, OutcomeKind::Click);
    let answer = shop.engine.record(&late).await.expect("recorded");
    assert_eq!(
        (answer.result, answer.duplicate),
        (OutcomeResult::Late, false)
    );
    // Retries repeat the first answers, from before and after closing, also
    // once the closings were written down and the ledger was opened again.
    let reopened = {
        shop.engine.drain().expect("no failure");
        shop.reopened()
    };
    for _ in 0..2 {
        let answer = reopened.engine.record(&late).await.expect("recorded");
        assert_eq!(
            (answer.result, answer.duplicate),
            (OutcomeResult::Late, true)
        );
        let again = reopened
            .engine
            .record(&purchase("buy", decision, 9_000))
            .await;
        let again = again.expect("recorded");
        assert_eq!(
            (again.result, again.duplicate),
            (OutcomeResult::Recorded, true)
        );
        assert_eq!(again.decisions, [decision]);
    }
    let stats = reopened.engine.stats();
    assert_eq!((stats.counters.outcomes, stats.counters.late), (3, 1));
    assert_eq!(stats.counters.totals[0].paid_minor, 9_000);
}

#[tokio::test]
async fn event_time_decides_what_lies_inside_the_window() {
    let shop = Shop::open().await;
    let decision = shop.choose(1, "checkout").await;
    let at = |id: &str, seconds: i64| RewardRequest {
        event_time: if seconds < 0 {
            START.minus(Span::from_seconds(-seconds))
        } else {
            START.plus(Span::from_seconds(seconds))
        },
        ..event(id, decision, OutcomeKind::Click)
    };
    const WINDOW: i64 = 2 * 24 * 3_600;
    // Within the tolerance for clocks that differ, before and ahead.
    for (id, seconds) in [("before", -300), ("ahead", 300)] {
        let answer = shop
            .engine
            .record(&at(id, seconds))
            .await
            .expect("recorded");
        assert_eq!(answer.result, OutcomeResult::Recorded);
    }
    for (id, seconds) in [("too early", -301), ("too far ahead", 301)] {
        match shop.engine.record(&at(id, seconds)).await {
            Err(RecordError::Invalid(faults)) => assert_eq!(faults[0].field, "event_time"),
            answer => panic!("{id}: {answer:?}"),
        }
    }
    shop.clock.advance(Span::from_seconds(WINDOW + 3_600));
    for (id, seconds, result) in [
        ("last", WINDOW, OutcomeResult::Recorded),
        ("beyond", WINDOW + 1, OutcomeResult::OverWindow),
    ] {
        let answer = shop
            .engine
            .record(&at(id, seconds))
            .await
            .expect("recorded");
        assert_eq!(answer.result, result, "{id}");
    }
    let counters = shop.engine.stats().counters;
    assert_eq!(
        (counters.skewed, counters.over_window, counters.outcomes),
        (2, 1, 4)
    );
}

#[tokio::test]
async fn money_follows_the_objective() {
    let shop = Shop::open().await;
    let revenue = shop.choose(1, "cart").await;
    let margin = shop.choose(2, "post_purchase").await;
    shop.engine
        .record(&purchase("r", revenue, 9_000))
        .await
        .expect("recorded");
    shop.engine
        .record(&refund("r-back", revenue, "r", 1, 2_000))
        .await
        .expect("recorded");
    shop.engine
        .record(&purchase("m", margin, 9_000))
        .await
        .expect("recorded");
    shop.engine
        .record(&refund("m-back", margin, "m", 1, 2_000))
        .await
        .expect("recorded");
    let gift = {
        let decision = shop.engine.decision(margin).expect("a decision");
        let offer = decision.record.chosen().next().expect("an offer");
        decision.catalog.offer(offer).expect("an offer").id == "gift"
    };
    shop.close_all().await;
    let stats = shop.engine.stats();
    assert_eq!(learnt(&stats, "cart"), (1, 7_000.0));
    // Two pieces at 10.00, one of them kept; the lantern costs 3.00.
    let expected = 9_000.0 - 2_000.0 - 1_000.0 - if gift { 300.0 } else { 0.0 };
    assert_eq!(learnt(&stats, "post_purchase"), (1, expected));
    let total = stats.counters.totals[0];
    assert_eq!(
        (total.paid_minor, total.refunded_minor, total.discount_minor),
        (18_000, 4_000, 1_000)
    );
}

#[tokio::test]
async fn a_margin_without_a_cost_names_the_article() {
    let shop = Shop::open().await;
    let decision = shop.choose(1, "post_purchase").await;
    let mut request = purchase("m", decision, 9_000);
    request.lines[0].unit_cost = None;
    match shop.engine.record(&request).await {
        Err(RecordError::Invalid(faults)) => {
            assert_eq!(faults[0].field, "lines[0].unit_cost");
            assert!(faults[0].expected.contains("\"tea\""), "{}", faults[0]);
        }
        answer => panic!("{answer:?}"),
    }
}

#[tokio::test]
async fn a_refund_never_exceeds_its_purchase() {
    let shop = Shop::open().await;
    let decision = shop.choose(1, "cart").await;
    shop.engine
        .record(&purchase("buy", decision, 9_000))
        .await
        .expect("recorded");
    let too_much = shop
        .engine
        .record(&refund("x", decision, "buy", 1, 9_001))
        .await;
    assert!(
        matches!(too_much, Err(RecordError::Precondition(fault)) if fault.field == "lines[0].refunded_amount")
    );
    let too_many = shop
        .engine
        .record(&refund("y", decision, "buy", 3, 1))
        .await;
    assert!(
        matches!(too_many, Err(RecordError::Precondition(fault)) if fault.field == "lines[0].quantity")
    );
    // Twenty refunds at once of a tenth each: ten fit.
    let refunds: Vec<_> = (0..20)
        .map(|number| refund(&format!("back-{number}"), decision, "buy", 0, 900))
        .collect();
    let answers = join_all(refunds.iter().map(|refund| shop.engine.record(refund))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 10);
    assert_eq!(shop.engine.stats().counters.totals[0].refunded_minor, 9_000);
    // Nor when it comes first: what is above the purchase does not count.
    let other = shop.choose(2, "cart").await;
    shop.engine
        .record(&refund("early", other, "later", 1, 50_000))
        .await
        .expect("recorded");
    shop.engine
        .record(&purchase("later", other, 9_000))
        .await
        .expect("recorded");
    shop.close_all().await;
    assert_eq!(learnt(&shop.engine.stats(), "cart"), (2, 0.0));
    assert_eq!(
        shop.engine.stats().counters.totals[0].refunded_minor,
        18_000
    );
}

#[tokio::test]
async fn a_refund_of_nothing_is_refused() {
    let shop = Shop::open().await;
    let decision = shop.choose(1, "cart").await;
    let position = shop.engine.stats().position;
    let zero = refund("z", decision, "buy", 1, 0);
    let no_lines = RewardRequest {
        lines: Vec::new(),
        ..refund("n", decision, "buy", 1, 1)
    };
    let nothing_named = refund("w", decision, "", 1, 1);
    for request in [zero, no_lines, nothing_named] {
        assert!(matches!(
            shop.engine.record(&request).await,
            Err(RecordError::Invalid(_))
        ));
    }
    assert_eq!(shop.engine.stats().position, position);
    shop.close_all().await;
    let unknown = shop
        .engine
        .record(&refund("u", decision, "never", 1, 1))
        .await;
    assert!(
        matches!(unknown, Err(RecordError::NotFound(fault)) if fault.field == "reverses_event_id")
    );
}

#[tokio::test]
async fn a_refund_inside_the_window_leaves_the_state_of_the_run_without_both() {
    for placement in ["checkout", "cart", "post_purchase"] {
        let with = Shop::open().await;
        let without = Shop::open().await;
        for shop in [&with, &without] {
            for number in 0..20 {
                let decision = shop.choose(number, placement).await;
                let id = format!("seen-{number}");
                shop.engine
                    .record(&event(&id, decision, OutcomeKind::Exposure))
                    .await
                    .expect("recorded");
                if number % 2 == 0 {
                    let id = format!("kept-{number}");
                    shop.engine
                        .record(&purchase(&id, decision, 4_000))
                        .await
                        .expect("recorded");
                }
            }
        }
        for number in (1..20).step_by(2) {
            let decision = with.choose(number, placement).await;
            let id = format!("sent-back-{number}");
            with.engine
                .record(&purchase(&id, decision, 8_000))
                .await
                .expect("recorded");
            let back = if number % 4 == 1 {
                refund(&format!("b{number}"), decision, &id, 2, 8_000)
            } else {
                RewardRequest {
                    reverses_event_id: id.clone(),
                    ..event(&format!("b{number}"), decision, OutcomeKind::Cancellation)
                }
            };
            with.engine.record(&back).await.expect("recorded");
        }
        with.close_all().await;
        without.close_all().await;
        assert_eq!(
            with.engine.state_hash(),
            without.engine.state_hash(),
            "{placement}"
        );
    }
}

#[tokio::test]
async fn a_refund_after_closing_corrects_what_was_learnt() {
    for (placement, exact) in [("checkout", true), ("cart", true), ("post_purchase", false)] {
        let late = Shop::open().await;
        let early = Shop::open().await;
        let mut decisions = Vec::new();
        for number in 0..30 {
            let decision = late.choose(number, placement).await;
            assert_eq!(decision, early.choose(number, placement).await);
            for shop in [&late, &early] {
                let id = format!("buy-{number}");
                shop.engine
                    .record(&purchase(
                        &id,
                        decision,
                        4_000 + 10 * i64::try_from(number).expect("small"),
                    ))
                    .await
                    .expect("recorded");
            }
            decisions.push(decision);
        }
        let back = |number: usize| {
            refund(
                &format!("back-{number}"),
                decisions[number],
                &format!("buy-{number}"),
                1,
                4_000,
            )
        };
        let whole = |number: usize| RewardRequest {
            reverses_event_id: format!("buy-{number}"),
            ..event(
                &format!("off-{number}"),
                decisions[number],
                OutcomeKind::Cancellation,
            )
        };
        for number in [3, 4, 9] {
            early.engine.record(&back(number)).await.expect("recorded");
            early
                .engine
                .record(&whole(number + 10))
                .await
                .expect("recorded");
        }
        late.close_all().await;
        early.close_all().await;
        assert_ne!(late.engine.state_hash(), early.engine.state_hash());
        for number in [9, 3, 4] {
            let answer = late.engine.record(&back(number)).await.expect("recorded");
            assert_eq!(answer.result, OutcomeResult::Late);
            late.engine
                .record(&whole(number + 10))
                .await
                .expect("recorded");
        }
        let (after, expected) = (late.engine.stats(), early.engine.stats());
        if exact {
            assert_eq!(after.state_hash, expected.state_hash, "{placement}");
        }
        let (pulls, sum) = learnt(&after, placement);
        let (expected_pulls, expected_sum) = learnt(&expected, placement);
        assert_eq!(pulls, expected_pulls);
        assert!(
            (sum - expected_sum).abs() <= 1e-9 * expected_sum.abs(),
            "{sum} {expected_sum}"
        );
        assert!(after.counters.corrected > 0 && after.counters.not_unlearnt == 0);
        // A conversion that was refunded in part is a conversion still.
        let kept_whole = if placement == "checkout" { 3 } else { 6 };
        assert_eq!(after.counters.corrected, kept_whole);
        // The refund window ends; what comes later is kept and corrects nothing.
        late.clock.advance(Span::from_seconds(40 * 24 * 3_600));
        let answer = late.engine.record(&back(5)).await.expect("recorded");
        assert_eq!(answer.result, OutcomeResult::Late);
        assert_eq!(late.engine.stats().counters.corrected, kept_whole);
        assert_eq!(late.engine.state_hash(), after.state_hash);
        assert_eq!(late.reopened().engine.state_hash(), after.state_hash);
    }
}

#[tokio::test]
async fn an_orders_line_counts_once_a_placement_and_once_in_the_totals() {
    let shop = Shop::open().await;
    let first = shop.choose(1, "cart").await;
    let second = shop.choose(2, "cart").await;
    let elsewhere = shop.choose(3, "checkout").await;
    for (id, decision) in [("1", first), ("2", second), ("3", elsewhere)] {
        let mut request = purchase(id, decision, 9_000);
        request.order_id = "order-7".to_owned();
        shop.engine.record(&request).await.expect("recorded");
    }
    // The order alone stands for its decisions.
    let by_order = RewardRequest {
        decision_id: None,
        order_id: "order-7".to_owned(),
        reverses_event_id: "2".to_owned(),
        lines: refund("", second, "", 1, 3_000).lines,
        ..event("back", second, OutcomeKind::Refund)
    };
    let answer = shop.engine.record(&by_order).await.expect("recorded");
    assert_eq!(answer.decisions.len(), 3);
    shop.close_all().await;
    let stats = shop.engine.stats();
    assert_eq!(learnt(&stats, "cart"), (2, 6_000.0));
    assert_eq!(learnt(&stats, "checkout"), (1, 1.0));
    let total = stats.counters.totals[0];
    assert_eq!((total.paid_minor, total.refunded_minor), (9_000, 3_000));
    // A refund by another decision's purchase reaches the one that counts the
    // line, although both have closed.
    let rest = refund("rest", second, "2", 1, 6_000);
    shop.engine.record(&rest).await.expect("recorded");
    let stats = shop.engine.stats();
    assert_eq!(learnt(&stats, "cart"), (2, 0.0));
    assert_eq!(stats.counters.totals[0].refunded_minor, 9_000);
}

#[tokio::test]
async fn an_order_without_a_decision_counts_in_the_totals() {
    let shop = Shop::open().await;
    let decision = shop.choose(1, "cart").await;
    let orphan = |id: &str, kind| RewardRequest {
        decision_id: None,
        shopper_id: "shopper-5".to_owned(),
        ..event(id, decision, kind)
    };
    let mut buy = orphan("o", OutcomeKind::Purchase);
    buy.lines = vec![bought("tea", 1, 2_500)];
    for duplicate in [false, true] {
        let answer = shop.engine.record(&buy).await.expect("recorded");
        assert_eq!((answer.duplicate, answer.decisions.len()), (duplicate, 0));
    }
    let mut back = orphan("p", OutcomeKind::Refund);
    back.reverses_event_id = "o".to_owned();
    back.lines = refund("", decision, "", 1, 2_500).lines;
    shop.engine.record(&back).await.expect("recorded");
    let total = shop.engine.stats().counters.totals[0];
    assert_eq!((total.paid_minor, total.refunded_minor), (2_500, 2_500));
    let click = orphan("q", OutcomeKind::Click);
    assert!(matches!(
        shop.engine.record(&click).await,
        Err(RecordError::Invalid(_))
    ));
}

#[tokio::test]
async fn an_event_id_with_other_content_is_told() {
    let shop = Shop::open().await;
    let decision = shop.choose(1, "cart").await;
    let other_decision = shop.choose(2, "cart").await;
    shop.engine
        .record(&purchase("buy", decision, 9_000))
        .await
        .expect("recorded");
    for (other, field) in [
        (purchase("buy", decision, 9_100), "lines"),
        (purchase("buy", other_decision, 9_000), "decision_id"),
        (event("buy", decision, OutcomeKind::Click), "kind"),
    ] {
        match shop.engine.record(&other).await {
            Err(RecordError::OtherContent { fields, .. }) => {
                assert!(fields.contains(&field), "{fields:?}")
            }
            answer => panic!("{answer:?}"),
        }
    }
    let mut mixed = purchase("usd", decision, 9_000);
    mixed.lines[0].discount_applied = Some(promobandit::domain::money::Money {
        currency: promobandit::domain::money::Currency::from_code("USD").expect("a currency"),
        ..cny(1)
    });
    assert!(matches!(
        shop.engine.record(&mixed).await,
        Err(RecordError::Invalid(_))
    ));
}

#[tokio::test]
async fn rehearsals_teach_and_count_nothing() {
    let shop = Shop::open().await;
    let mut rehearsal = request(1, "checkout");
    rehearsal.test = true;
    let chosen = shop.engine.choose(&rehearsal).await.expect("a decision");
    let decision = chosen.decision.recorded.expect("recorded").id;
    shop.engine
        .record(&purchase("buy", decision, 9_000))
        .await
        .expect("recorded");
    shop.close_all().await;
    let counters = shop.engine.stats().counters;
    assert_eq!(
        (counters.test_decisions, counters.decisions, counters.learnt),
        (1, 0, 0)
    );
    assert_eq!((counters.outcomes, counters.totals.len()), (0, 0));
}

#[tokio::test]
async fn without_personalisation_nothing_of_the_shopper_is_used_or_kept() {
    let shop = Shop::open().await;
    let mut request = request(3, "checkout");
    request.unpersonalized = true;
    let chosen = shop.engine.choose(&request).await.expect("a decision");
    let catalog = &chosen.decision.catalog;
    let segment = catalog.segmentation().default_segment().number;
    assert_eq!(chosen.decision.record.segment, segment);
    let explained = shop
        .engine
        .explain(chosen.decision.recorded.expect("recorded").id);
    let context = explained.expect("explained").context.expect("not erased");
    assert!(context.shopper.is_none() && context.attributes.is_empty());
    assert_eq!(context.cart.lines.len(), 1);
}

#[tokio::test]
async fn verify_derives_every_decision_again() {
    let shop = Shop::open().await;
    for number in 0..300 {
        let placement = ["checkout", "cart", "post_purchase"][number as usize % 3];
        let decision = shop.choose(number, placement).await;
        let id = format!("e{number}");
        let request = match number % 4 {
            0 => purchase(&id, decision, 1_000),
            1 => event(&id, decision, OutcomeKind::Settled),
            _ => event(&id, decision, OutcomeKind::Exposure),
        };
        let request = RewardRequest {
            event_time: shop.clock.now(),
            ..request
        };
        shop.engine.record(&request).await.expect("recorded");
        if number % 50 == 0 {
            shop.clock.advance(Span::from_seconds(24 * 3_600));
        }
    }
    let report = shop
        .engine
        .verify(None, &mut |_| ControlFlow::Continue(()))
        .expect("the ledger is whole");
    assert!(report.is_ok(), "{:?}", report.faults);
    assert_eq!((report.decisions, report.rederived), (300, 300));
    assert_eq!(report.state_hash, shop.engine.state_hash());
    assert_eq!(report.chain, shop.engine.stats().chain);
}
