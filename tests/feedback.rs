//! What a placement tells its policy of open decisions: whatever that is, the
//! same is learnt, and every decision can be derived again.

mod support;

use std::ops::ControlFlow;

use promobandit::catalog::CatalogDocument;
use promobandit::domain::outcome::OutcomeKind;
use promobandit::domain::random::Generator;
use promobandit::domain::time::Span;
use promobandit::engine::state::{CheckpointPayload, State, StateHash};
use promobandit::learning::PolicyConfig;
use promobandit::ledger::Ledger;
use promobandit::ledger::codec::decode_event;
use support::{START, Shop, document, event, purchase, refund, request};

const FEEDBACK: [&str; 3] = ["at_closing", "provisional", "delay_corrected"];

/// The test's shop, whose checkout tells its policy that much.
fn telling(feedback: &str, policy: &str) -> CatalogDocument {
    let mut document = document();
    feedback.clone_into(&mut document.placements[0].feedback);
    document.placements[0].policy = toml::from_str::<PolicyConfig>(policy).expect("a policy");
    document
}

/// 300 decisions over ten days, most of which are seen; some buy, and some of
/// those give back. The window is two days, and a day of lateness.
async fn played(document: CatalogDocument) -> Shop {
    let shop = Shop::open().await;
    let imported = shop.engine.import_catalog(document, "test").await;
    imported.expect("the catalogue holds");
    let mut draws = Generator::from_seed(7);
    let mut due: Vec<(i64, promobandit::engine::record::RewardRequest)> = Vec::new();
    for number in 0..300_u64 {
        let now = i64::try_from(number).expect("small") * 48 * 60_000;
        due.sort_by_key(|(at, _)| *at);
        while due.first().is_some_and(|(at, _)| *at <= now) {
            let (at, outcome) = due.remove(0);
            shop.clock.set(START.plus(Span::from_ms(at)));
            shop.engine.record(&outcome).await.expect("it is taken");
        }
        shop.clock.set(START.plus(Span::from_ms(now)));
        let id = shop.choose(number, "checkout").await;
        let later = |draws: &mut Generator, most_hours: u64| {
            let hours = draws.next_below(most_hours * 60) + 1;
            now + i64::try_from(hours).expect("small") * 60_000
        };
        if draws.next_below(10) < 8 {
            let at = later(&mut draws, 1);
            let mut seen = event(&format!("{number}-seen"), id, OutcomeKind::Exposure);
            seen.event_time = START.plus(Span::from_ms(at));
            due.push((at, seen));
        }
        if draws.next_below(10) < 4 {
            let at = later(&mut draws, 40);
            let bought = format!("{number}-buy");
            let mut buy = purchase(&bought, id, 9_000);
            buy.event_time = START.plus(Span::from_ms(at));
            let given_back = draws.next_below(4) == 0;
            // Neighbours may share an order, which counts for one of them.
            if !given_back && draws.next_below(2) == 0 {
                buy.order_id = format!("order-{}", number / 2);
            }
            due.push((at, buy));
            if given_back {
                let mut back = refund(&format!("{number}-back"), id, &bought, 2, 9_000);
                back.event_time = START.plus(Span::from_ms(at + 60_000));
                due.push((at + 60_000, back));
            }
        }
    }
    shop
}

fn folded(shop: &Shop) -> State {
    let mut state = State::default();
    for record in shop.ledger.scan(shop.ledger.first_position(), None) {
        let record = record.expect("it reads");
        let event = decode_event(&record.bytes).expect("it decodes");
        state.apply(record.position, &event).expect("it folds");
    }
    state
}

#[tokio::test]
async fn the_same_is_learnt_whatever_is_told_of_open_decisions() {
    let mut hashes: Vec<(StateHash, StateHash)> = Vec::new();
    for feedback in FEEDBACK {
        let shop = played(telling(feedback, "kind = \"uniform\"")).await;
        let before = shop.engine.state_hash();
        let open: usize = folded(&shop)
            .overlays()
            .values()
            .map(|overlay| overlay.open_decisions())
            .sum();
        assert_eq!(open > 20, feedback != "at_closing", "{feedback}: {open}");
        shop.close_all().await;
        hashes.push((before, shop.engine.state_hash()));
        let left = folded(&shop);
        let mut left = left.overlays().values();
        assert!(left.all(|overlay| overlay.open_decisions() == 0));
    }
    assert_eq!(hashes[0], hashes[1]);
    assert_eq!(hashes[0], hashes[2]);
    assert_ne!(hashes[0].0, hashes[0].1);
}

#[tokio::test]
async fn what_was_drawn_over_open_decisions_is_derived_again() {
    for policy in ["kind = \"thompson_beta\"", "kind = \"pooled_thompson\""] {
        let mut last = Vec::new();
        for feedback in FEEDBACK {
            let shop = played(telling(feedback, policy)).await;
            let asked = shop.engine.preview(&request(1_000, "checkout"));
            let asked = asked.expect("a decision");
            last.push(asked.record.slots[0].distribution().clone());
            let report = shop
                .engine
                .verify(None, &mut |_| ControlFlow::Continue(()))
                .expect("it can be verified");
            assert!(report.is_ok(), "{feedback}: {:?}", report.faults);
            assert_eq!((report.decisions, report.rederived), (300, 300));
            assert_eq!(report.state_hash, shop.engine.state_hash());
        }
        assert_ne!(last[0], last[1]);
        assert_ne!(last[1], last[2]);
    }
}

#[tokio::test]
async fn a_checkpoint_keeps_what_open_decisions_suggest() {
    let shop = played(telling("delay_corrected", "kind = \"pooled_thompson\"")).await;
    let state = folded(&shop);
    let payload = state.to_payload();
    let bytes = postcard::to_stdvec(&payload).expect("it serialises");
    let read: CheckpointPayload = postcard::from_bytes(&bytes).expect("it reads");
    let read = State::from_payload(read).expect("it holds");
    assert_eq!(read.overlays(), state.overlays());
    assert_eq!(read.hash(), state.hash());
}

#[tokio::test]
async fn another_catalogue_may_ask_for_something_else() {
    let shop = played(telling("at_closing", "kind = \"thompson_beta\"")).await;
    let corrected = telling("delay_corrected", "kind = \"thompson_beta\"");
    let imported = shop.engine.import_catalog(corrected, "test").await;
    imported.expect("the catalogue holds");
    let open = |shop: &Shop| -> usize {
        let state = folded(shop);
        let overlays = state.overlays().values();
        overlays.map(|overlay| overlay.open_decisions()).sum()
    };
    assert!(open(&shop) > 20);
    for number in 400..420 {
        shop.choose(number, "checkout").await;
    }
    let report = shop
        .engine
        .verify(None, &mut |_| ControlFlow::Continue(()))
        .expect("it can be verified");
    assert!(report.is_ok(), "{:?}", report.faults);
    let closing = telling("at_closing", "kind = \"thompson_beta\"");
    let imported = shop.engine.import_catalog(closing, "test").await;
    imported.expect("the catalogue holds");
    assert_eq!(open(&shop), 0);
}
