//! Policies change, are reset, and reset themselves when rewards change: each
//! by an event that a replay meets in its place.

mod support;

use std::ops::ControlFlow;

use promobandit::catalog::{CatalogDocument, read_toml};
use promobandit::domain::ids::CatalogVersion;
use promobandit::engine::Engine;
use promobandit::engine::clock::Clock as _;
use promobandit::engine::policies::{PolicyUpdateError, ResetRequest};
use promobandit::engine::priors::{BelievedRewards, PriorRequest};
use promobandit::engine::revise::Rehearsal;
use promobandit::learning::PolicyConfig;
use support::{CATALOG, Shop, document, join_all, purchase};
use uuid::Uuid;

/// The catalogue with change detection at the checkout, where what is chosen is
/// taken to be shown.
fn watchful() -> CatalogDocument {
    let policy = "kind = \"thompson_beta\"";
    let text = CATALOG
        .replace(
            policy,
            &format!("{policy}\nmemory = {{ until_change = \"bernoulli_glr\" }}"),
        )
        .replacen(
            "[placement.policy]",
            "assume_shown = true\n[placement.policy]",
            1,
        );
    read_toml(&text, "test.toml").unwrap_or_else(|faults| panic!("{faults}"))
}

fn policy(text: &str) -> PolicyConfig {
    serde_json::from_str(text).expect("a policy")
}

/// Decides `count` times at the checkout for shoppers of one segment, all of
/// whom buy or none; then every window closes.
async fn season(shop: &Shop, from: u64, count: u64, buys: bool) {
    for number in (from..)
        .filter(|number| number % 3 != 0)
        .take(count as usize)
    {
        let decision = shop.choose(number, "checkout").await;
        if buys {
            let mut bought = purchase(&format!("{number}-buy"), decision, 5_000);
            bought.event_time = shop.clock.now();
            shop.engine.record(&bought).await.expect("recorded");
        }
    }
    shop.close_all().await;
}

fn assert_whole(engine: &Engine, decisions: u64) {
    let report = engine.verify(None, &mut |_| ControlFlow::Continue(()));
    let report = report.unwrap_or_else(|error| panic!("{error}"));
    assert!(report.is_ok(), "{:?}", report.faults);
    assert_eq!(report.rederived, decisions);
    assert_eq!(report.state_hash, engine.state_hash());
}

#[tokio::test]
async fn a_change_of_rewards_resets_the_segment_by_an_event() {
    let shop = Shop::open().await;
    let imported = shop.engine.import_catalog(watchful(), "test").await;
    assert!(imported.expect("the catalogue holds").is_some());
    season(&shop, 0, 60, true).await;
    assert_eq!(shop.engine.stats().counters.resets, 0);
    season(&shop, 1_000, 60, false).await;
    let stats = shop.engine.stats();
    assert!(stats.counters.resets >= 1, "{:?}", stats.counters);
    assert_eq!(stats.counters.learnt, 120);
    // What came after the reset is all that is known.
    let pulls: u64 = stats
        .learnt
        .iter()
        .flat_map(|segment| &segment.arms)
        .map(|arm| arm.pulls)
        .sum();
    assert!(pulls < 60, "{pulls} rewards are still known");
    assert_whole(&shop.engine, 120);
    let again = shop.reopened();
    assert_eq!(again.engine.state_hash(), shop.engine.state_hash());
    assert_eq!(again.engine.stats().counters.resets, stats.counters.resets);
}

#[tokio::test]
async fn an_operator_resets_a_part_of_what_was_learnt() {
    let shop = Shop::open().await;
    shop.engine
        .import_catalog(watchful(), "test")
        .await
        .expect("the catalogue holds");
    season(&shop, 0, 40, true).await;
    let request = |placement: &str, segment: Option<&str>, offer: Option<&str>| ResetRequest {
        placement: placement.to_owned(),
        segment: segment.map(str::to_owned),
        offer: offer.map(str::to_owned),
        reason: "the photographs were replaced".to_owned(),
        actor: "test".to_owned(),
    };
    for (placement, segment, offer, message) in [
        ("till", None, None, "there is no placement \"till\""),
        (
            "checkout",
            Some("silver"),
            None,
            "there is no segment \"silver\"",
        ),
        ("checkout", None, Some("gold"), "there is no offer \"gold\""),
    ] {
        let refused = shop
            .engine
            .reset_policy(&request(placement, segment, offer))
            .await;
        assert_eq!(refused.unwrap_err().to_string(), message);
    }
    let reset = async |segment, offer| {
        let request = request("checkout", segment, offer);
        shop.engine.reset_policy(&request).await.expect("a reset")
    };
    assert_eq!(reset(Some("gold"), None).await, 0);
    let of_one = reset(None, Some("gift")).await;
    assert!((1..40).contains(&of_one), "{of_one}");
    assert_eq!(reset(None, None).await, 40 - of_one);
    assert_eq!(reset(None, None).await, 0);
    assert_whole(&shop.engine, 40);
    assert_eq!(
        shop.reopened().engine.state_hash(),
        shop.engine.state_hash()
    );
}

#[tokio::test]
async fn a_change_of_policy_is_an_event_and_keeps_what_it_can() {
    let shop = Shop::open().await;
    shop.engine
        .import_catalog(watchful(), "test")
        .await
        .expect("the catalogue holds");
    season(&shop, 0, 40, true).await;
    let greedy = policy(r#"{"kind": "epsilon_greedy", "epsilon": 0.2, "step": 0.1}"#);
    let changed = shop
        .engine
        .change_policy("checkout", &greedy, "test", Rehearsal::No)
        .await;
    let changed = changed.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(changed.version, CatalogVersion(3));
    let carried = changed.carried_over.expect("something had been learnt");
    assert_eq!(
        carried.to_string(),
        "checkout: what was learnt of 3 arms is kept, 0 start anew; the rewards of 3 can no \
         longer be corrected"
    );
    assert_eq!(
        shop.engine.catalog().expect("a catalogue").version(),
        changed.version
    );

    // One that learns successes only does not fit where money is learnt.
    let beta = policy(r#"{"kind": "thompson_beta"}"#);
    let refused = shop
        .engine
        .change_policy("cart", &beta, "test", Rehearsal::No)
        .await;
    assert!(
        matches!(refused, Err(PolicyUpdateError::Faults(_))),
        "{refused:?}"
    );
    let refused = shop
        .engine
        .change_policy("till", &beta, "test", Rehearsal::No)
        .await;
    assert!(
        matches!(refused, Err(PolicyUpdateError::Unknown { .. })),
        "{refused:?}"
    );

    season(&shop, 1_000, 20, false).await;
    assert_whole(&shop.engine, 60);
    assert_eq!(
        shop.reopened().engine.state_hash(),
        shop.engine.state_hash()
    );
}

/// Symptom: two imports at once made two catalogues of one version, and the
/// decisions of the first could not be derived again. Cause: the version was
/// counted from a snapshot and nothing checked it later. Fix: a change rests on
/// the version that it was made from.
#[tokio::test]
async fn changes_at_the_same_time_follow_each_other() {
    let shop = Shop::open().await;
    let policies = [0.1, 0.2, 0.3].map(|epsilon| {
        policy(&format!(
            r#"{{"kind": "epsilon_greedy", "epsilon": {epsilon}}}"#
        ))
    });
    let changes = policies.iter().map(|policy| {
        shop.engine
            .change_policy("cart", policy, "test", Rehearsal::No)
    });
    let mut versions: Vec<u32> = join_all(changes)
        .await
        .into_iter()
        .map(|changed| changed.expect("a change").version.0)
        .collect();
    versions.sort_unstable();
    assert_eq!(versions, [2, 3, 4]);
    let imports = [watchful(), document()].map(|it| shop.engine.import_catalog(it, "test"));
    let mut versions: Vec<u32> = join_all(imports)
        .await
        .into_iter()
        .map(|imported| imported.expect("it holds").expect("it is new").version.0)
        .collect();
    versions.sort_unstable();
    assert_eq!(versions, [5, 6]);
}

/// What is believed has the effect of rewards that came: the same counts, and so
/// the same probabilities.
#[tokio::test]
async fn priors_count_as_rewards_that_were_seen() {
    let shop = Shop::open().await;
    let believed = |offer: &str, reward, times| BelievedRewards {
        segment: Some("gold".to_owned()),
        offer: offer.to_owned(),
        reward,
        times,
        features: Vec::new(),
    };
    let request = PriorRequest {
        id: Uuid::from_u128(7),
        placement: "checkout".to_owned(),
        rewards: vec![believed("gift", 1.0, 30), believed("gift", 0.0, 270)],
        actor: "test".to_owned(),
    };
    let imports = [&request, &request].map(|it| shop.engine.import_priors(it));
    let mut told: Vec<(u64, bool)> = join_all(imports)
        .await
        .into_iter()
        .map(|told| told.map(|told| (told.learnt, told.duplicate)))
        .collect::<Result<_, _>>()
        .unwrap_or_else(|error| panic!("{error}"));
    told.sort_unstable();
    assert_eq!(told, [(0, true), (300, false)], "at the same time");

    let stats = shop.engine.stats();
    assert_eq!(stats.counters.prior_rewards, 300);
    assert_eq!(stats.counters.learnt, 0);
    let arms: Vec<(u64, Option<f64>)> = stats
        .learnt
        .iter()
        .flat_map(|segment| &segment.arms)
        .filter(|arm| arm.pulls > 0)
        .map(|arm| (arm.pulls, arm.mean))
        .collect();
    assert_eq!(arms, [(300, Some(0.1))]);

    shop.choose(1, "checkout").await;
    assert_whole(&shop.engine, 1);
    let again = shop.reopened();
    assert_eq!(again.engine.state_hash(), shop.engine.state_hash());
    let told = again
        .engine
        .import_priors(&request)
        .await
        .expect("it holds");
    assert!(told.duplicate, "also after it was opened again");

    let mut outside = request.clone();
    outside.id = Uuid::from_u128(8);
    outside.rewards = vec![believed("gift", 1.5, 1)];
    let refused = shop.engine.import_priors(&outside).await;
    assert_eq!(
        refused.expect_err("conversions are 0 or 1").to_string(),
        "rewards[0].reward is 1.5: must be a reward that the policy of \"checkout\" learns, in \
         the unit of the objective conversion"
    );
}
