//! kill -9 under load, a hundred times: the real program, real sockets.
//!
//! After each restart every acknowledged decision reads back as it was
//! acknowledged, every acknowledged reward is a duplicate with the same answer,
//! and the state equals a fold of the ledger from its start.

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
