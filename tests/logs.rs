//! The ledger as a log, and what it is written to: a round trip keeps every
//! choice.

mod support;

use std::fs::File;

use promobandit::domain::outcome::OutcomeKind;
use promobandit::domain::time::Span;
use promobandit::engine::choose::ChooseRequest;
use promobandit::engine::history::History;
use promobandit::evaluation::choices::{Choices, Metric};
use promobandit::evaluation::diagnostics::Thresholds;
use promobandit::evaluation::interval::Level;
use promobandit::evaluation::logged::RewardRange;
use promobandit::evaluation::slates::{SlateEstimator, SlatePass};
use promobandit::evaluation::target_policy::LoggingTarget;
use promobandit::evaluation::weigh::{Weighing, weigh};
use promobandit::logs::ledger::{LedgerChoices, LeftOut};
use promobandit::logs::parquet::{self, Dialect, ParquetChoices, ParquetWriter};

use support::{START, Shop, event, purchase, refund, request};
use uuid::Uuid;

/// Reads a shop's ledger, in batches of what it likes.
fn read(shop: &Shop, placement: Option<&str>) -> (Vec<Choices>, LeftOut) {
    let secrets = Some(shop.secrets.as_ref());
    let history = History::open(shop.ledger.as_ref(), secrets, None, |_| {}).expect("a history");
    let mut log = LedgerChoices::new(history, placement).expect("a log");
    let batches = (&mut log).collect::<Result<_, _>>().expect("choices");
    (batches, log.left_out())
}

/// Chooses for every slot that the placement has.
async fn choose(shop: &Shop, number: u64, placement: &str) -> Uuid {
    let slots = if placement == "checkout" { 3 } else { 1 };
    let request = ChooseRequest {
        slots: Some(slots),
        ..request(number, placement)
    };
    let chosen = shop.engine.choose(&request).await.expect("a decision");
    chosen.decision.recorded.expect("it was recorded").id
}

/// Forty decisions at each of three placements. Every second is shown, every
/// fourth of those buys, one purchase is partly given back in time and one
/// after its decision has closed.
async fn busy_shop() -> Shop {
    let shop = Shop::open().await;
    let mut bought = Vec::new();
    for number in 0..120 {
        let placement = ["checkout", "cart", "post_purchase"][number as usize % 3];
        let decision = choose(&shop, number, placement).await;
        if number % 2 == 0 {
            let shown = event(&format!("seen-{number}"), decision, OutcomeKind::Exposure);
            shop.engine.record(&shown).await.expect("an exposure");
        }
        if number % 8 == 0 {
            let id = format!("buy-{number}");
            let paid = 9_000 + i64::try_from(number).expect("a small number");
            let buys = purchase(&id, decision, paid);
            shop.engine.record(&buys).await.expect("a purchase");
            bought.push((id, decision));
        }
    }
    let (id, decision) = &bought[1];
    let back = refund("soon", *decision, id, 1, 1_000);
    shop.engine.record(&back).await.expect("a refund in time");
    shop.close_all().await;
    let (id, decision) = &bought[2];
    let mut back = refund("later", *decision, id, 2, 2_000);
    back.event_time = START.plus(Span::from_seconds(4 * 24 * 3_600));
    shop.engine.record(&back).await.expect("a late refund");
    shop
}

fn metric(choices: &Choices, metric: Metric) -> &[f64] {
    choices.metric(metric).expect("the ledger has every metric")
}

#[tokio::test]
async fn a_row_is_one_slot_of_a_decision_that_was_shown_and_has_closed() {
    let shop = busy_shop().await;
    shop.choose(500, "cart").await;
    shop.choose(501, "checkout").await;

    let (batches, left_out) = read(&shop, Some("cart"));
    let [cart] = &batches[..] else {
        panic!("one batch")
    };
    // Of 40 decisions 20 were shown; one slot each.
    assert_eq!(cart.len(), 20);
    assert_eq!(
        left_out,
        LeftOut {
            open: 1,
            not_shown: 20,
            ..LeftOut::default()
        }
    );
    let names = &cart.vocabulary().actions;
    for index in 0..cart.len() {
        let choice = cart.get(index);
        let offers: Vec<_> = choice
            .actions
            .iter()
            .filter_map(|it| names.get(*it))
            .collect();
        assert_eq!(offers, ["save-50", "ten-off", "gift"]);
        let probabilities = choice.probabilities.expect("whole distributions");
        assert_eq!(probabilities[choice.chosen], choice.propensity);
    }
    assert!(cart.columns().sequence.is_sorted());
    assert_eq!(cart.columns().reward, metric(cart, Metric::Revenue));

    // The checkout shows three slots, so each decision has three rows.
    let (batches, _) = read(&shop, Some("checkout"));
    assert_eq!(batches[0].len(), 60);
    assert_eq!(batches[0].columns().position[..3], [0, 1, 2]);
    let left: Vec<usize> = (0..3).map(|it| batches[0].get(it).actions.len()).collect();
    assert_eq!(left, [3, 2, 1]);
}

#[tokio::test]
async fn what_was_given_back_later_is_taken_off() {
    let shop = busy_shop().await;
    let (batches, _) = read(&shop, None);
    let of = |sum: fn(&Choices) -> &[f64]| -> f64 { batches.iter().flat_map(sum).sum() };
    // Purchases of the 120 decisions: numbers 0, 8, 16, … 112; the checkout
    // (numbers divisible by 3) shows three slots, and a purchase that names no
    // slot counts for each of them.
    let mut revenue = 0.0;
    for number in (0..120).step_by(8) {
        let slots = if number % 3 == 0 { 3.0 } else { 1.0 };
        let given_back = match number {
            8 => 1_000.0,
            16 => 2_000.0,
            _ => 0.0,
        };
        revenue += slots * (9_000.0 + f64::from(number) - given_back);
    }
    assert_eq!(of(|batch| metric(batch, Metric::Revenue)), revenue);
    // A reward is what the policy has learnt by now.
    let (batches, _) = read(&shop, Some("post_purchase"));
    let post_purchase = shop
        .engine
        .catalog()
        .and_then(|catalog| Some(catalog.placement_by_id("post_purchase")?.number))
        .expect("the catalogue has the placement");
    let learnt: f64 = shop
        .engine
        .stats()
        .learnt
        .iter()
        .filter(|learnt| learnt.placement == post_purchase)
        .flat_map(|learnt| &learnt.arms)
        .map(|arm| arm.pulls as f64 * arm.mean.unwrap_or_default())
        .sum();
    let logged: f64 = batches.iter().flat_map(|it| &it.columns().reward).sum();
    assert!(
        (learnt - logged).abs() < 1e-6 * learnt.abs(),
        "{learnt} {logged}"
    );
}

#[tokio::test]
async fn rows_end_before_the_oldest_open_decision() {
    let shop = Shop::open().await;
    shop.choose(1, "post_purchase").await;
    let second = shop.choose(2, "post_purchase").await;
    for (id, kind) in [("a", OutcomeKind::Exposure), ("b", OutcomeKind::Settled)] {
        let event = event(id, second, kind);
        shop.engine.record(&event).await.expect("an outcome");
    }
    let (batches, left_out) = read(&shop, None);
    assert!(batches.is_empty());
    assert_eq!((left_out.open, left_out.after_open), (1, 1));
    shop.close_all().await;
    let (batches, _) = read(&shop, None);
    assert_eq!(batches[0].len(), 2);
}

#[tokio::test]
async fn a_ledger_written_to_parquet_reads_back_the_same() {
    let shop = busy_shop().await;
    let (batches, _) = read(&shop, None);
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log.parquet");
    let mut writer = ParquetWriter::new(File::create(&path).expect("a file"));
    for batch in &batches {
        writer.add(batch).expect("a batch");
    }
    writer.finish().expect("a file");
    let survey = parquet::survey(&path, Dialect::OWN).expect("a survey");
    assert_eq!(survey.rows, 20 + 60 + 40);
    let read = ParquetChoices::open(&path, Dialect::OWN, survey).expect("a log");
    let read: Vec<Choices> = read.collect::<Result<_, _>>().expect("choices");
    assert_eq!(read, batches);
}

/// With the policy that made the log as the target, a decision earns what it earned;
/// slots that show no offer twice have no marginal probabilities.
#[tokio::test]
async fn the_slots_of_a_decision_are_a_slate() {
    let shop = busy_shop().await;
    let (batches, _) = read(&shop, Some("checkout"));
    let range = RewardRange::new(0.0, 20_000.0).expect("a range");
    let mut pass = SlatePass::new(&SlateEstimator::ALL, range, Level::USUAL, false);
    for batch in batches {
        let rounds = weigh(batch, &mut LoggingTarget, &mut Weighing::new(range));
        pass.add(&rounds.expect("rounds")).expect("slates");
    }
    let answer = pass.answer(&Thresholds::default());
    assert_eq!((answer.slates, answer.slots), (20, 60));
    let logged = answer.logged.expect("decisions");
    assert!(logged > 0.0);
    for line in &answer.lines[..2] {
        assert!((line.estimate.value - logged).abs() < 1e-9 * logged);
    }
    let refused: Vec<_> = answer.refused.iter().map(|(it, _)| it.name()).collect();
    assert_eq!(refused, ["iips", "pseudo_inverse"]);
}
