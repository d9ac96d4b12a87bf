//! Tests of the catalogue as a whole: what it answers, how it is kept, how
//! its names are numbered.

mod centroids;
mod entry_faults;
mod affinity;
mod features;
mod files;
mod limits;
mod offer_faults;
mod rules;
mod schedules;

use proptest::prelude::*;

use super::*;
use crate::domain::attribute::{AttributeValue, Attributes};
use crate::domain::decision::RequestContext;
use crate::domain::ids::SegmentNumber;
use crate::domain::offer::{Benefit, Status};
use crate::domain::time::{Instant, Span};
use crate::promotion;

/// A small catalogue without a fault, with an entry of every kind that the
/// tests of faults spoil.
const BASE: &str = r#"
[[attribute]]
name = "tier"
kind = "string"

[[attribute]]
name = "spend"
kind = "number"

[[attribute]]
name = "member"
kind = "boolean"

[[segment]]
id = "gold"
when = { attribute = "tier", equals = "gold" }

[[segment]]
id = "heavy"
when = { all = [{ attribute = "spend", at_least = 100, below = 1000.5 }, { not = { attribute = "member", present = true } }] }

[[placement]]
id = "checkout"
objective = "conversion"
currency = "CNY"
policy = { kind = "thompson_beta" }

[[placement]]
id = "cart"
objective = "net_revenue"
currency = "CNY"
policy = { kind = "epsilon_greedy", epsilon = 0.1 }

[[campaign]]
id = "spring"
schedule = { starts_at = "2026-02-17T00:00:00", ends_at = "2026-03-04T00:00:00", time_zone = "Asia/Shanghai" }

[[offer]]
id = "full100"
campaign = "spring"
placements = ["checkout", "cart"]

[offer.benefit]
kind = "spend_threshold"
tiers = [
    { spend = "100.00", save = "50.00" },
    { spend = "300", save = "160" },
]

[[offer]]
id = "tea10"
placements = ["cart"]
benefit = { kind = "percent_off", discount_basis_points = 1000, max_discount = "30.00" }

[[stock]]
sku = "tea"
"#;

/// The base with one text in place of another, which must be there.
fn spoiled(from: &str, to: &str) -> String {
    assert!(BASE.contains(from), "the base has no {from:?}");
    BASE.replacen(from, to, 1)
}

/// What is said of each fault of a file, without the lines.
fn faults_of(text: &str) -> Vec<String> {
    let refused = read_toml(text, "shop.toml").expect_err("the file has a fault");
    refused
        .faults()
        .iter()
        .map(|fault| {
            assert!(fault.line.is_some(), "{fault} has no line");
            let mut fault = fault.clone();
            fault.line = None;
            fault.to_string()
        })
        .collect()
}

/// Checks that one spoiled text gives exactly one fault, said so.
fn refuses(from: &str, to: &str, expected: &str) {
    assert_eq!(faults_of(&spoiled(from, to)), [expected], "for {to:?}");
}

fn base() -> CatalogDocument {
    read_toml(BASE, "base.toml").expect("the base has no fault")
}

fn build(document: CatalogDocument) -> Catalog {
    Catalog::build(document, CatalogVersion(1), &Numbering::default()).expect("no fault")
}

#[test]
fn a_catalogue_finds_everything_by_number_and_by_id() {
    let catalog = build(base());
    assert_eq!(catalog.version(), CatalogVersion(1));
    let checkout = catalog.placement_by_id("checkout").expect("a placement");
    assert_eq!(checkout.number, PlacementNumber(0));
    assert_eq!(checkout.slots, 1);
    assert_eq!(checkout.title, "checkout");
    assert_eq!(checkout.attribution_window, Span::from_seconds(7 * 86_400));
    assert_eq!(checkout.allowed_lateness, Span::from_seconds(3 * 86_400));
    assert_eq!(checkout.refund_window, Span::from_seconds(90 * 86_400));
    assert_eq!(checkout.offer_valid_for, Span::from_seconds(900));
    let policy = catalog.policy(checkout.number);
    assert!(matches!(policy, Some(Policy::ThompsonBeta(_))));
    let config = catalog.policy_config(checkout.number);
    assert!(matches!(config, Some(PolicyConfig::ThompsonBeta(_))));
    let full100 = catalog.offer_by_id("full100").expect("an offer");
    assert_eq!(catalog.offer(full100.number), Some(full100));
    assert_eq!(full100.status, Status::Active);
    assert_eq!(full100.placements, [PlacementNumber(0), PlacementNumber(1)]);
    let Benefit::SpendThreshold { tiers } = &full100.benefit else {
        panic!("{:?}", full100.benefit);
    };
    assert_eq!(
        (tiers[1].spend_minor, tiers[1].save_minor),
        (30_000, 16_000)
    );
    let campaign = catalog.campaign_of(full100).expect("a campaign");
    assert_eq!(campaign.id, "spring");
    assert_eq!(catalog.campaign_by_id("spring"), Some(campaign));
    let cart = catalog.placement_by_id("cart").expect("a placement");
    let at_cart: Vec<(&str, bool)> = catalog
        .offers_at(cart)
        .map(|(offer, campaign)| (offer.id.as_str(), campaign.is_some()))
        .collect();
    assert_eq!(at_cart, [("full100", true), ("tea10", false)]);
    assert_eq!(
        catalog.attributes().get("spend"),
        Some(&AttributeKind::Number)
    );
    assert!(catalog.offer(OfferNumber(99)).is_none());
    assert!(catalog.placement(PlacementNumber(99)).is_none());
    assert!(catalog.offer_by_id("coffee").is_none());
    assert!(catalog.segment_document("gold").is_some());
    assert!(catalog.segment_document(DEFAULT_SEGMENT).is_none());
}

#[test]
fn a_default_segment_is_added_at_the_end() {
    let catalog = build(base());
    let segmentation = catalog.segmentation();
    let default = segmentation.default_segment();
    assert_eq!(default.id, DEFAULT_SEGMENT);
    assert_eq!(default.number, SegmentNumber(2));
    assert_eq!(segmentation.assign(&Attributes::new()), default);
    let spends = |spend| {
        let attributes = Attributes::from([("spend".to_owned(), AttributeValue::Number(spend))]);
        segmentation.assign(&attributes).id.clone()
    };
    assert_eq!(spends(100.0), "heavy");
    assert_eq!(spends(1_000.5), DEFAULT_SEGMENT);
}

#[test]
fn a_written_default_may_have_any_name() {
    let text = format!("{BASE}\n[[segment]]\nid = \"rest\"\ntitle = \"The rest\"\n");
    let catalog = build(read_toml(&text, "shop.toml").expect("no fault"));
    assert_eq!(catalog.segmentation().default_segment().id, "rest");
    assert_eq!(catalog.segmentation().len(), 3);
    assert_eq!(catalog.numbering().segment(DEFAULT_SEGMENT), None);
}

#[test]
fn the_starter_has_offers_now_and_for_years() {
    let catalog = build(starter::starter());
    // From November 2026 to November 2099.
    for unix_ms in [1_795_500_000_000, 4_100_000_000_000] {
        let request = RequestContext::default();
        let occasion = promotion::Occasion {
            at: Instant::from_unix_ms(unix_ms),
            segment: catalog.segmentation().default_segment().number,
            request: promotion::Known::Request(&request),
        };
        for placement in catalog.placements() {
            let on = promotion::eligible(catalog.offers_at(placement), &occasion);
            let on = on.expect("offers at every placement");
            assert_eq!(on.as_slice(), placement.offers);
            assert!(on.len() >= 6, "{} at {}", on.len(), placement.id);
        }
    }
    let kinds: std::collections::BTreeSet<_> = catalog
        .offers()
        .map(|offer| std::mem::discriminant(&offer.benefit))
        .map(|kind| format!("{kind:?}"))
        .collect();
    assert_eq!(kinds.len(), 10, "every kind of benefit");
    let segments: Vec<&str> = catalog.segmentation().iter().map(|it| &*it.id).collect();
    assert_eq!(
        segments,
        [
            "high_value",
            "sport_lovers",
            "middle_value",
            "low_value",
            "default"
        ]
    );
}

#[test]
fn a_document_survives_json_and_toml() {
    for document in [base(), starter::starter()] {
        let json = document.to_json().expect("JSON");
        let from_json = CatalogDocument::from_json(&json).expect("a document");
        assert_eq!(from_json, document);
        assert_eq!(from_json.to_json().expect("JSON"), json);
        let text = write_toml(&document, "A comment\n\nof three lines").expect("TOML");
        assert!(text.starts_with("# A comment\n#\n# of three lines\n\n"));
        assert_eq!(read_toml(&text, "again.toml").expect("no fault"), document);
        let (first, second) = (build(document), build(from_json));
        assert!(first.offers().eq(second.offers()));
        assert_eq!(first.segmentation(), second.segmentation());
    }
}

#[test]
fn what_is_kept_says_every_default() {
    let json = String::from_utf8(base().to_json().expect("JSON")).expect("text");
    for written in [
        r#""slots":1"#,
        r#""attribution_window":"7d""#,
        r#""allowed_lateness":"3d""#,
        r#""refund_window":"90d""#,
        r#""offer_valid_for":"15min""#,
        r#""conversion_events":["PURCHASE"]"#,
        r#""holdout_basis_points":0"#,
        r#""status":"active""#,
        r#""exploration_floor":0.0"#,
    ] {
        assert!(json.contains(written), "{written} is not in {json}");
    }
}

#[test]
fn windows_can_be_made_short() {
    let mut document = base();
    document.override_windows(&Windows {
        attribution_window: Span::from_seconds(10),
        allowed_lateness: Span::from_ms(1_500),
        refund_window: Span::ZERO,
        offer_valid_for: Span::from_seconds(5),
    });
    for placement in build(document).placements() {
        assert_eq!(placement.attribution_window, Span::from_seconds(10));
        assert_eq!(placement.allowed_lateness, Span::from_ms(1_500));
        assert_eq!(placement.refund_window, Span::ZERO);
        assert_eq!(placement.offer_valid_for, Span::from_seconds(5));
    }
}

#[test]
fn a_name_keeps_its_number_while_it_is_gone() {
    let before = build(base());
    let mut document = base();
    let tea10 = document.offers.remove(1);
    document.offers[0].id = "full200".to_owned();
    let without = Catalog::build(document.clone(), CatalogVersion(2), before.numbering());
    let without = without.expect("no fault");
    assert!(without.offer_by_id("tea10").is_none());
    assert!(without.offer(OfferNumber(1)).is_none());
    assert_eq!(without.numbering().offer_id(OfferNumber(1)), Some("tea10"));
    let renamed = without.offer_by_id("full200").expect("renamed");
    assert_eq!(renamed.number, OfferNumber(2));
    document.offers.insert(0, tea10);
    let again = Catalog::build(document, CatalogVersion(3), without.numbering());
    let again = again.expect("no fault");
    assert_eq!(
        again.offer_by_id("tea10").expect("back").number,
        OfferNumber(1)
    );
    let cart = again.placement_by_id("cart").expect("a placement");
    assert_eq!(cart.offers, [OfferNumber(1), OfferNumber(2)]);
}

#[test]
fn a_change_records_what_is_new() {
    let numbering = Numbering::default();
    let first = build(base());
    let change = first.change(&numbering, "importer").expect("JSON");
    assert_eq!(change.version, CatalogVersion(1));
    assert_eq!(change.new_placements, ["checkout", "cart"]);
    assert_eq!(change.new_offers, ["full100", "tea10"]);
    assert_eq!(change.new_segments, ["gold", "heavy", DEFAULT_SEGMENT]);
    assert_eq!(change.actor, "importer");
    let document = CatalogDocument::from_json(&change.document).expect("a document");
    assert_eq!(document, first.document());
    let replayed = numbering.after(&change).expect("new names");
    assert_eq!(&replayed, first.numbering());
    let same = first.change(&replayed, "importer").expect("JSON");
    assert!(same.new_placements.is_empty() && same.new_offers.is_empty());
    let twice = replayed.after(&change).expect_err("the names are not new");
    assert_eq!(
        twice.to_string(),
        "the placement \"checkout\" comes as new, it has the number 0 already"
    );
}

#[test]
fn a_numbering_survives_its_serialised_form() {
    let numbering = build(starter::starter()).numbering().clone();
    let json = serde_json::to_string(&numbering).expect("JSON");
    assert_eq!(
        serde_json::from_str::<Numbering>(&json).expect("a numbering"),
        numbering
    );
    let bytes = postcard::to_stdvec(&numbering).expect("bytes");
    assert_eq!(
        postcard::from_bytes::<Numbering>(&bytes).expect("a numbering"),
        numbering
    );
    let twice = r#"{"placements":["a","a"],"offers":[],"segments":[]}"#;
    assert!(serde_json::from_str::<Numbering>(twice).is_err());
}

/// A document with these offers alone: enough for numbering, which needs no
/// check.
fn with_offers(names: &[u8]) -> CatalogDocument {
    let offer = base().offers.remove(1);
    CatalogDocument {
        offers: names
            .iter()
            .map(|name| document::OfferDocument {
                id: format!("offer-{name}"),
                ..offer.clone()
            })
            .collect(),
        ..CatalogDocument::default()
    }
}

proptest! {
    #[test]
    fn numbers_are_given_once_and_for_good(
        versions in prop::collection::vec(prop::collection::vec(0_u8..40, 0..20), 1..12),
    ) {
        let mut live = Numbering::default();
        let mut replayed = Numbering::default();
        for names in &versions {
            let document = with_offers(names);
            let new = live.new_names(&document);
            let next = live.including(&document);
            for name in 0_u8..40 {
                let id = format!("offer-{name}");
                if let Some(number) = live.offer(&id) {
                    prop_assert_eq!(next.offer(&id), Some(number));
                }
                let number = next.offer(&id);
                prop_assert_eq!(number.is_some(), live.offer(&id).is_some() || names.contains(&name));
                if let Some(number) = number {
                    prop_assert_eq!(next.offer_id(number), Some(id.as_str()));
                }
            }
            replayed = replayed.with(&new).expect("new names are new");
            prop_assert_eq!(&replayed, &next);
            prop_assert!(next.new_names(&document).offers.is_empty());
            live = next;
        }
    }
}

#[test]
fn a_difference_names_what_changed() {
    let before = base();
    let mut after = base();
    assert!(CatalogDifference::between(&before, &after).is_empty());
    assert_eq!(
        CatalogDifference::between(&before, &after).to_string(),
        "no difference"
    );
    after.offers[1].id = "coffee".to_owned();
    after.offers[0].status = "paused".to_owned();
    after.placements[0].slots = 2;
    after.segments.swap(0, 1);
    assert_eq!(
        CatalogDifference::between(&before, &after).to_string(),
        "placements: 1 changed (checkout); \
         offers: 1 added (coffee), 1 removed (tea10), 1 changed (full100); segments reordered"
    );
    let many = with_offers(&[1, 2, 3, 4, 5, 6, 7]);
    let none = CatalogDocument::default();
    assert_eq!(
        CatalogDifference::between(&none, &many).to_string(),
        "offers: 7 added (offer-1, offer-2, offer-3, offer-4, offer-5, …)"
    );
}
