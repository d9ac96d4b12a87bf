//! kill -9 under load, a hundred times: the real program, real sockets.
//!
//! After each restart every acknowledged decision reads back as it was
//! acknowledged, every acknowledged reward is a duplicate with the same answer,
//! and the state equals a fold of the ledger from its start. Under limits, what
//! is committed and reserved never exceeds them, and what is given back can be
//! had again.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use promobandit::domain::random::Generator;
use promobandit::proto::promobandit::v1;
use promobandit::proto::promobandit::v1::ledger_service_client::LedgerServiceClient;
use promobandit::proto::promobandit::v1::offer_service_client::OfferServiceClient;
use promobandit::proto::promobandit::v1::reward_service_client::RewardServiceClient;
use promobandit::proto::promobandit::v1::verify_response::Message;
use prost_types::Timestamp;
use tokio::sync::Notify;
use tonic::transport::Channel;
use uuid::Uuid;

#[path = "cli/served.rs"]
#[allow(dead_code)] // this file uses its share
mod served;

use served::Served;

const KILLS: u64 = 100;
const CALLERS: u64 = 16;

/// Checkpoints come so often that most kills have one behind them and events
/// after it.
const CONFIGURATION: &str = "[ledger]\ncheckpoint_every_events = 1000\n";

/// What the service acknowledged.
#[derive(Default)]
struct Acknowledged {
    decisions: Vec<v1::Decision>,
    rewards: Vec<(v1::RecordRewardRequest, v1::RecordRewardResponse)>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_kills_lose_nothing_that_was_acknowledged() {
    let directory = tempfile::tempdir().expect("a folder");
    let configuration = directory.path().join("kill.toml");
    std::fs::write(&configuration, CONFIGURATION).expect("a file");
    let data_dir = directory.path().join("data");
    let mut draws = Generator::from_seed(20_260_217);
    let mut all = Acknowledged::default();
    for kill in 0..KILLS {
        let served = start(&data_dir, &configuration).await;
        let checked_from = if kill == KILLS - 1 {
            0
        } else {
            all.decisions.len().saturating_sub(400)
        };
        check(&served.endpoint, &all, checked_from).await;
        let wanted = 20 + usize::try_from(draws.next_below(200)).expect("small");
        load_until_killed(served, kill, wanted, &mut all).await;
    }
    let served = start(&data_dir, &configuration).await;
    check(&served.endpoint, &all, 0).await;
    println!(
        "{KILLS} kills: {} decisions and {} rewards were acknowledged and are there",
        all.decisions.len(),
        all.rewards.len()
    );
    assert!(all.decisions.len() > 1_000 && all.rewards.len() > 500);
}

async fn start(data_dir: &Path, configuration: &Path) -> Served {
    Served::start(
        data_dir,
        &["--config", configuration.to_str().expect("text")],
    )
    .await
}

/// Every acknowledged answer is still the answer; the state is the ledger's.
async fn check(endpoint: &str, all: &Acknowledged, from: usize) {
    let mut offers = OfferServiceClient::connect(endpoint.to_owned())
        .await
        .expect("it listens");
    for decision in &all.decisions[from..] {
        let request = v1::GetDecisionRequest {
            decision_id: decision.decision_id.clone(),
        };
        let answer = offers
            .get_decision(request)
            .await
            .expect("the decision is there");
        assert_eq!(answer.into_inner().decision.as_ref(), Some(decision));
    }
    let mut rewards = RewardServiceClient::connect(endpoint.to_owned())
        .await
        .expect("it listens");
    let from = if from == 0 {
        0
    } else {
        all.rewards.len().saturating_sub(200)
    };
    for (request, first) in &all.rewards[from..] {
        let answer = rewards
            .record_reward(request.clone())
            .await
            .expect("a duplicate");
        let expected = v1::RecordRewardResponse {
            duplicate: true,
            ..first.clone()
        };
        assert_eq!(answer.into_inner(), expected);
    }
    let mut ledger = LedgerServiceClient::connect(endpoint.to_owned())
        .await
        .expect("it listens");
    let stats = ledger
        .stats(v1::StatsRequest {})
        .await
        .expect("counts")
        .into_inner();
    let request = v1::VerifyRequest {
        expect_head: stats.chain_head.clone(),
    };
    let mut messages = ledger.verify(request).await.expect("a report").into_inner();
    while let Some(message) = messages.message().await.expect("a report") {
        if let Some(Message::Report(report)) = message.message {
            assert!(report.ok, "{:?}", report.faults);
            assert_eq!(report.last_position, stats.position);
            assert_eq!(report.state_hash, stats.state_hash);
            assert_eq!(report.rederived, report.decisions);
            return;
        }
    }
    panic!("verify ended without a report");
}

/// Calls from many sides until so many answers have come, then kills the service
/// in the middle of the rest.
async fn load_until_killed(served: Served, kill: u64, wanted: usize, all: &mut Acknowledged) {
    let answers = Arc::new(AtomicUsize::new(0));
    let enough = Arc::new(Notify::new());
    let acknowledged = Arc::new(Mutex::new(std::mem::take(all)));
    let mut callers = Vec::new();
    for caller in 0..CALLERS {
        let channel = Channel::from_shared(served.endpoint.clone()).expect("an address");
        let channel = channel.connect().await.expect("it listens");
        let (answers, enough) = (answers.clone(), enough.clone());
        let acknowledged = acknowledged.clone();
        callers.push(tokio::spawn(async move {
            let mut number = kill << 32 | caller << 16;
            while call(&channel, number, &acknowledged).await.is_ok() {
                number += 1;
                if answers.fetch_add(1, Ordering::SeqCst) + 1 == wanted {
                    enough.notify_one();
                }
            }
        }));
    }
    enough.notified().await;
    drop(served); // kill -9
    for caller in callers {
        caller.await.expect("a caller");
    }
    let acknowledged = Arc::into_inner(acknowledged).expect("all callers have ended");
    *all = acknowledged.into_inner().expect("no caller panicked");
}

/// One decision, and for most of them a reward; what is acknowledged is kept.
async fn call(
    channel: &Channel,
    number: u64,
    acknowledged: &Mutex<Acknowledged>,
) -> Result<(), tonic::Status> {
    let placement =
        ["checkout", "cart", "post_purchase"][usize::try_from(number % 3).expect("small")];
    let request = v1::ChooseOfferRequest {
        request_id: Uuid::from_u128(1 << 64 | u128::from(number)).to_string(),
        placement: placement.to_owned(),
        shopper_id: format!("shopper-{}", number % 50),
        ..v1::ChooseOfferRequest::default()
    };
    let answer = OfferServiceClient::new(channel.clone())
        .choose_offer(request)
        .await?;
    let decision = answer.into_inner().decision.expect("a decision");
    let reward = v1::RecordRewardRequest {
        event_id: format!("event-{number}"),
        decision_id: decision.decision_id.clone(),
        kind: match number % 4 {
            0 => v1::OutcomeKind::Exposure,
            1 => v1::OutcomeKind::Click,
            2 => v1::OutcomeKind::Settled,
            _ => v1::OutcomeKind::NotShown,
        }
        .into(),
        event_time: decision.create_time.map(|at| Timestamp { ..at }),
        ..v1::RecordRewardRequest::default()
    };
    acknowledged
        .lock()
        .expect("no caller panicked")
        .decisions
        .push(decision);
    if number % 5 == 4 {
        return Ok(());
    }
    let mut client = RewardServiceClient::new(channel.clone());
    let answer = client.record_reward(reward.clone()).await?.into_inner();
    acknowledged
        .lock()
        .expect("no caller panicked")
        .rewards
        .push((reward, answer));
    Ok(())
}

const KILLS_UNDER_LIMITS: u64 = 12;
/// What there is of the offer that everybody is shown first.
const MOST: i64 = 60;

const UNDER_LIMITS: &str = r#"
[ledger]
checkpoint_every_events = 1000

[[placement]]
id = "checkout"
objective = "conversion"
currency = "CNY"
offer_valid_for = "1d"
policy = { kind = "fixed", preference = ["scarce", "plenty"] }

[[offer]]
id = "scarce"
placements = ["checkout"]
limits = [{ most = 60 }]
benefit = { kind = "amount_off", amount = "10.00" }

[[offer]]
id = "plenty"
placements = ["checkout"]
benefit = { kind = "free_shipping" }
"#;

/// What was asked and bought, whether or not an answer came.
#[derive(Default)]
struct Asked {
    requests: Vec<u64>,
    /// Purchases that were acknowledged.
    bought: Vec<u64>,
    /// Purchases whose answer never came: recorded or not.
    unsure: Vec<u64>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_kill_lets_a_limit_be_exceeded_or_keeps_what_was_given_back() {
    let directory = tempfile::tempdir().expect("a folder");
    let configuration = directory.path().join("limits.toml");
    std::fs::write(&configuration, UNDER_LIMITS).expect("a file");
    let data_dir = directory.path().join("data");
    let mut draws = Generator::from_seed(6);
    let mut committed = 0;
    let mut given_back = 0;
    for kill in 0..KILLS_UNDER_LIMITS {
        let served = start(&data_dir, &configuration).await;
        let wanted = 40 + usize::try_from(draws.next_below(120)).expect("small");
        let asked = buy_until_killed(served, kill, wanted).await;

        let served = start(&data_dir, &configuration).await;
        let (now_committed, reserved) = used(&served.endpoint).await;
        let count = |numbers: &Vec<u64>| i64::try_from(numbers.len()).expect("few");
        let (bought, unsure) = (count(&asked.bought), count(&asked.unsure));
        assert!(
            now_committed + reserved <= MOST,
            "{now_committed} and {reserved}"
        );
        let grown = now_committed - committed;
        assert!(
            (bought..=bought + unsure).contains(&grown),
            "{grown} more are committed; {bought} were acknowledged, {unsure} may have been recorded"
        );
        committed = now_committed;
        // A retry finds what was decided, also where the answer never came; what
        // was not bought is given back.
        for number in &asked.requests {
            let (decision, is_scarce) = take(&served.endpoint, *number).await;
            if is_scarce && !asked.bought.contains(number) && !asked.unsure.contains(number) {
                given_back += 1;
                let kind = v1::OutcomeKind::NotShown;
                report(&served.endpoint, *number, &decision, kind)
                    .await
                    .expect("taken");
            }
        }
        for number in &asked.unsure {
            let (decision, _) = take(&served.endpoint, *number).await;
            let kind = v1::OutcomeKind::Purchase;
            report(&served.endpoint, *number, &decision, kind)
                .await
                .expect("taken");
        }
        committed = used(&served.endpoint).await.0.max(committed);
        let (now_committed, reserved) = used(&served.endpoint).await;
        assert_eq!(
            (now_committed, reserved),
            (committed, 0),
            "all of it came back"
        );
        // As much as is left can be had, and no more.
        let mut had = 0;
        let first = (kill << 32) | (1 << 31);
        let mut numbers = Vec::new();
        for number in first..first + u64::try_from(MOST - committed + 3).expect("positive") {
            let (decision, is_scarce) = take(&served.endpoint, number).await;
            had += i64::from(is_scarce);
            numbers.push((number, decision, is_scarce));
        }
        assert_eq!(had, MOST - committed);
        for (number, decision, _) in numbers.iter().filter(|(_, _, is_scarce)| *is_scarce) {
            let kind = v1::OutcomeKind::NotShown;
            report(&served.endpoint, *number, decision, kind)
                .await
                .expect("taken");
        }
        check(&served.endpoint, &Acknowledged::default(), 0).await;
        served.stop();
    }
    println!(
        "{KILLS_UNDER_LIMITS} kills: {committed} of {MOST} bought, {given_back} given back after a restart"
    );
    assert!(committed > 5 && given_back > 20);
}

/// What is committed and reserved of the scarce offer.
async fn used(endpoint: &str) -> (i64, i64) {
    let ledger = LedgerServiceClient::connect(endpoint.to_owned()).await;
    let stats = ledger.expect("it listens").stats(v1::StatsRequest {}).await;
    let limits = stats.expect("counts").into_inner().limits;
    let usage = limits
        .first()
        .map(|limit| (limit.committed, limit.reserved));
    usage.unwrap_or_default()
}

/// The decision of a request, and whether it shows the scarce offer.
async fn take(endpoint: &str, number: u64) -> (v1::Decision, bool) {
    let channel = Channel::from_shared(endpoint.to_owned()).expect("an address");
    let channel = channel.connect().await.expect("it listens");
    choose(&channel, number).await.expect("a decision")
}

async fn choose(channel: &Channel, number: u64) -> Result<(v1::Decision, bool), tonic::Status> {
    let request = v1::ChooseOfferRequest {
        request_id: Uuid::from_u128((2 << 64) | u128::from(number)).to_string(),
        placement: "checkout".to_owned(),
        ..v1::ChooseOfferRequest::default()
    };
    let answer = OfferServiceClient::new(channel.clone())
        .choose_offer(request)
        .await?;
    let decision = answer.into_inner().decision.expect("a decision");
    let is_scarce = decision
        .offers
        .iter()
        .any(|offer| offer.offer_id == "scarce");
    Ok((decision, is_scarce))
}

async fn report(
    endpoint: &str,
    number: u64,
    decision: &v1::Decision,
    kind: v1::OutcomeKind,
) -> Result<(), tonic::Status> {
    let channel = Channel::from_shared(endpoint.to_owned()).expect("an address");
    let channel = channel.connect().await.expect("it listens");
    record(&channel, number, decision, kind).await
}

async fn record(
    channel: &Channel,
    number: u64,
    decision: &v1::Decision,
    kind: v1::OutcomeKind,
) -> Result<(), tonic::Status> {
    let cny = |units| promobandit::proto::google::r#type::Money {
        currency_code: "CNY".to_owned(),
        units,
        nanos: 0,
    };
    let line = v1::OrderLine {
        sku: "tea".to_owned(),
        quantity: 1,
        price_paid: Some(cny(80)),
        discount_applied: Some(cny(10)),
        ..v1::OrderLine::default()
    };
    let is_purchase = kind == v1::OutcomeKind::Purchase;
    let event = v1::RecordRewardRequest {
        event_id: format!("{}-{number}", kind.as_str_name()),
        decision_id: decision.decision_id.clone(),
        kind: kind.into(),
        event_time: decision.create_time,
        lines: if is_purchase { vec![line] } else { Vec::new() },
        ..v1::RecordRewardRequest::default()
    };
    RewardServiceClient::new(channel.clone())
        .record_reward(event)
        .await
        .map(drop)
}

/// Callers who race for the scarce offer and buy every eighth time, until so many
/// answers have come; then the service is killed in the middle of the rest.
async fn buy_until_killed(served: Served, kill: u64, wanted: usize) -> Asked {
    let answers = Arc::new(AtomicUsize::new(0));
    let enough = Arc::new(Notify::new());
    let asked = Arc::new(Mutex::new(Asked::default()));
    let mut callers = Vec::new();
    for caller in 0..CALLERS {
        let channel = Channel::from_shared(served.endpoint.clone()).expect("an address");
        let channel = channel.connect().await.expect("it listens");
        let (answers, enough, asked) = (answers.clone(), enough.clone(), asked.clone());
        callers.push(tokio::spawn(async move {
            let mut number = (kill << 32) | (caller << 16);
            loop {
                asked.lock().expect("no panic").requests.push(number);
                let Ok((decision, is_scarce)) = choose(&channel, number).await else {
                    return;
                };
                if is_scarce && number.is_multiple_of(8) {
                    asked.lock().expect("no panic").unsure.push(number);
                    let kind = v1::OutcomeKind::Purchase;
                    if record(&channel, number, &decision, kind).await.is_err() {
                        return;
                    }
                    let mut asked = asked.lock().expect("no panic");
                    asked.unsure.retain(|unsure| *unsure != number);
                    asked.bought.push(number);
                }
                number += 1;
                if answers.fetch_add(1, Ordering::SeqCst) + 1 == wanted {
                    enough.notify_one();
                }
            }
        }));
    }
    enough.notified().await;
    drop(served); // kill -9
    for caller in callers {
        caller.await.expect("a caller");
    }
    let asked = Arc::into_inner(asked).expect("all callers have ended");
    asked.into_inner().expect("no caller panicked")
}
