//! Changing and resetting policies, and telling them what is believed, over the
//! wire.

use promobandit::proto::promobandit::v1::{
    BelievedRewards, ChangePolicyRequest, GetPlacementRequest, ImportPriorsRequest,
    ListOffersRequest, ListSegmentsRequest, ResetPolicyRequest,
};
use tonic::Code;

use crate::harness::{Service, assert_refusal, new_id};

fn change(placement: &str, policy: &str) -> ChangePolicyRequest {
    ChangePolicyRequest {
        placement: placement.to_owned(),
        policy_json: policy.to_owned(),
        actor: "ann".to_owned(),
        validate_only: false,
    }
}

async fn policy_of(service: &Service, placement: &str) -> String {
    let asked = GetPlacementRequest {
        placement: placement.to_owned(),
    };
    let told = service.catalogs().get_placement(asked).await;
    let told = told.expect("it is there").into_inner();
    told.placement.expect("a placement").policy_json
}

#[tokio::test]
async fn a_policy_changes_when_it_holds() {
    let service = Service::start().await;
    let softmax = r#"{"kind":"softmax","temperature":0.5}"#;
    let mut rehearsal = change("cart", softmax);
    rehearsal.validate_only = true;
    let told = service.catalogs().change_policy(rehearsal).await;
    assert_eq!(told.expect("it holds").into_inner().version, 2);
    assert!(policy_of(&service, "cart").await.contains("epsilon_greedy"));

    let told = service
        .catalogs()
        .change_policy(change("cart", softmax))
        .await;
    let told = told.expect("it holds").into_inner();
    assert_eq!((told.version, told.carried_over.as_str()), (2, ""));
    assert!(policy_of(&service, "cart").await.contains("softmax"));

    let beta = r#"{"kind":"thompson_beta"}"#;
    for (placement, policy, code, told) in [
        ("till", softmax, Code::NotFound, "placement is \"till\""),
        ("cart", "{", Code::InvalidArgument, "policy_json"),
        (
            "cart",
            beta,
            Code::InvalidArgument,
            "needs the objective conversion",
        ),
    ] {
        let mut catalogs = service.catalogs();
        let refused = catalogs.change_policy(change(placement, policy)).await;
        let refused = refused.expect_err("it does not hold");
        assert_eq!(refused.code(), code, "{policy}: {refused}");
        assert!(refused.message().contains(told), "{}", refused.message());
    }
}

#[tokio::test]
async fn a_reset_names_what_there_is_and_is_counted() {
    let service = Service::start().await;
    let reset = |placement: &str, segment: &str, offer: &str| ResetPolicyRequest {
        placement: placement.to_owned(),
        segment: segment.to_owned(),
        offer_id: offer.to_owned(),
        reason: "the photographs were replaced".to_owned(),
        actor: "ann".to_owned(),
    };
    let told = service.catalogs().reset_policy(reset("cart", "", "")).await;
    assert_eq!(told.expect("it is there").into_inner().forgotten, 0);
    for (request, reason, field) in [
        (reset("till", "", ""), "PLACEMENT_NOT_FOUND", "placement"),
        (reset("cart", "lead", ""), "SEGMENT_NOT_FOUND", "segment"),
        (reset("cart", "", "lead"), "OFFER_NOT_FOUND", "offer_id"),
    ] {
        let refused = service.catalogs().reset_policy(request).await;
        let refused = refused.expect_err("there is none");
        assert_refusal(&refused, reason, Code::NotFound, reason, &[field]);
    }
    assert_eq!(service.stats().await.resets, 1);
}

#[tokio::test]
async fn priors_are_learnt_once_and_their_faults_are_all_named() {
    let service = Service::start().await;
    let believed = |segment: &str, offer: &str, reward, times| BelievedRewards {
        segment: segment.to_owned(),
        offer_id: offer.to_owned(),
        reward,
        times,
        features: Vec::new(),
    };
    let mut catalogs = service.catalogs();
    let offers = catalogs.list_offers(ListOffersRequest::default()).await;
    let catalog = offers.expect("offers").into_inner();
    let offer = &catalog.offers[0].id;
    let import = ImportPriorsRequest {
        import_id: new_id(),
        placement: "cart".to_owned(),
        rewards: vec![
            believed("", offer, 0.0, 90),
            believed("", offer, 5_000.0, 10),
        ],
        actor: "ann".to_owned(),
    };
    let segments = catalogs.list_segments(ListSegmentsRequest::default()).await;
    let segments = segments.expect("segments").into_inner().segments.len() as u64;
    let told = catalogs.import_priors(import.clone()).await;
    let told = told.expect("it holds").into_inner();
    assert_eq!((told.learnt, told.duplicate), (100 * segments, false));
    let told = catalogs.import_priors(import.clone()).await;
    let told = told.expect("it holds").into_inner();
    assert_eq!((told.learnt, told.duplicate), (0, true));
    assert_eq!(service.stats().await.prior_rewards, 100 * segments);

    let mut empty = believed("", offer, f64::NAN, 0);
    empty.features = vec![1.0];
    let faulty = ImportPriorsRequest {
        import_id: new_id(),
        rewards: vec![believed("lead", "lead", 1.0, 1), empty],
        ..import.clone()
    };
    let refused = catalogs.import_priors(faulty).await.expect_err("faults");
    let fields = [
        "rewards[0].offer_id",
        "rewards[0].segment",
        "rewards[1].reward",
        "rewards[1].times",
        "rewards[1].features",
    ];
    let invalid = Code::InvalidArgument;
    assert_refusal(&refused, "faults", invalid, "FIELD_INVALID", &fields);
    for (what, request, code, reason, fields) in [
        (
            "too many",
            ImportPriorsRequest {
                import_id: new_id(),
                rewards: vec![believed("", offer, 1.0, 10_001)],
                ..import.clone()
            },
            invalid,
            "FIELD_INVALID",
            vec!["rewards"],
        ),
        (
            "nothing",
            ImportPriorsRequest::default(),
            invalid,
            "FIELD_INVALID",
            vec!["import_id", "placement", "rewards"],
        ),
        (
            "no placement",
            ImportPriorsRequest {
                import_id: new_id(),
                placement: "till".to_owned(),
                ..import
            },
            Code::NotFound,
            "PLACEMENT_NOT_FOUND",
            vec!["placement"],
        ),
    ] {
        let refused = catalogs.import_priors(request).await;
        assert_refusal(&refused.expect_err(what), what, code, reason, &fields);
    }
}
