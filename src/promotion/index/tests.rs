use proptest::prelude::*;

use super::*;
use crate::domain::attribute::Attributes;
use crate::domain::cart::{Cart, CartLine};
use crate::domain::money::BasisPoints;
use crate::domain::offer::Benefit;
use crate::domain::rule::{CartTest, ShopperHistory};
use crate::domain::schedule::Schedule;
use crate::domain::time::Instant;
use crate::promotion::{Known, Occasion, eligible};

fn name() -> impl Strategy<Value = String> {
    (0_u8..6).prop_map(|number| format!("n{number}"))
}

fn names() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(name(), 1..3)
}

fn cart_test() -> impl Strategy<Value = CartTest> {
    let list = || prop::collection::vec(name(), 0..3);
    (list(), list(), list(), 0_i64..4, 0_i64..300).prop_map(
        |(skus, categories, brands, min_quantity, min_spend_minor)| CartTest {
            skus,
            categories,
            brands,
            min_quantity,
            min_spend_minor,
        },
    )
}

fn value() -> impl Strategy<Value = AttributeValue> {
    prop_oneof![
        name().prop_map(AttributeValue::String),
        any::<bool>().prop_map(AttributeValue::Boolean),
        (0_u8..3).prop_map(|number| AttributeValue::Number(f64::from(number))),
    ]
}

fn comparison() -> impl Strategy<Value = Comparison> {
    prop_oneof![
        value().prop_map(Comparison::Equals),
        prop::collection::vec(value(), 1..3).prop_map(Comparison::OneOf),
        Just(Comparison::Present),
        Just(Comparison::Between {
            at_least: Some(1.0),
            below: None
        }),
    ]
}

fn test() -> impl Strategy<Value = RuleTest> {
    prop_oneof![
        3 => cart_test().prop_map(RuleTest::Cart),
        1 => prop::collection::vec((0_u32..4).prop_map(SegmentNumber), 1..3)
            .prop_map(RuleTest::Segment),
        1 => prop_oneof![Just(ShopperHistory::New), Just(ShopperHistory::Returning)]
            .prop_map(RuleTest::Shopper),
        2 => (0_usize..4, names())
            .prop_map(|(kind, one_of)| RuleTest::Place { kind: PlaceKind::ALL[kind], one_of }),
        2 => (name(), comparison()).prop_map(|(name, comparison)| {
            RuleTest::Attribute(AttributeTest { name, comparison })
        }),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    test()
        .prop_map(Condition::Test)
        .prop_recursive(3, 12, 3, |part| {
            prop_oneof![
                prop::collection::vec(part.clone(), 1..4).prop_map(Condition::All),
                prop::collection::vec(part.clone(), 1..4).prop_map(Condition::Any),
                part.prop_map(|part| Condition::Not(Box::new(part))),
            ]
        })
}

fn request() -> impl Strategy<Value = RequestContext> {
    let line = (
        name(),
        prop::collection::vec(name(), 0..3),
        name(),
        1_i64..4,
        0_i64..200,
    );
    let line = line.prop_map(
        |(sku, categories, brand, quantity, unit_price_minor)| CartLine {
            sku,
            categories,
            brand,
            quantity,
            unit_price_minor,
        },
    );
    let attributes = prop::collection::btree_map(name(), value(), 0..4);
    let lines = prop::collection::vec(line, 0..4);
    (lines, attributes, name(), name(), any::<Option<bool>>()).prop_map(
        |(lines, attributes, channel, store, returning)| RequestContext {
            channel,
            store,
            history: returning.map(|it| ShopperHistory::ALL[usize::from(it)]),
            attributes: Attributes::from_iter(attributes),
            cart: Cart { lines },
            ..RequestContext::default()
        },
    )
}

fn offer(number: u32, rule: Option<Rule>, status: Status) -> Offer {
    Offer {
        number: OfferNumber(number),
        id: format!("offer-{number}"),
        title: String::new(),
        campaign: None,
        categories: Vec::new(),
        placements: Vec::new(),
        status,
        schedule: Schedule::default(),
        rule,
        priority: 0,
        exclusive: false,
        companions: None,
        stacking_group: None,
        void_on_end: false,
        benefit: Benefit::CrossSell {
            sku: "case".to_owned(),
            discount: BasisPoints::default(),
        },
        render_payload: String::new(),
    }
}

proptest! {
    /// An index changes what a decision costs, never what comes out.
    #[test]
    fn the_candidates_lack_no_eligible_offer(
        rules in prop::collection::vec((prop::option::weighted(0.9, rule()), any::<bool>()), 1..20),
        shared in prop::option::of(rule()),
        request in request(),
        segment in 0_u32..4,
    ) {
        let campaign = Campaign {
            id: "spring".to_owned(),
            title: String::new(),
            status: Status::Active,
            schedule: Schedule::default(),
            rule: shared,
        };
        let offers: Vec<(Offer, Option<&Campaign>)> = (0..)
            .zip(rules)
            .map(|(number, (rule, of_campaign))| {
                (offer(number, rule, Status::Active), of_campaign.then_some(&campaign))
            })
            .collect();
        let pairs = || offers.iter().map(|(offer, campaign)| (offer, *campaign));
        let occasion = Occasion {
            at: Instant::from_unix_ms(0),
            segment: SegmentNumber(segment),
            request: Known::Request(&request),
        };
        let index = OfferIndex::of(pairs());
        let candidates = index.candidates(occasion.segment, &request);
        prop_assert!(candidates.windows(2).all(|pair| pair[0] < pair[1]));
        let of_candidates = pairs().filter(|(offer, _)| candidates.contains(&offer.number));
        prop_assert_eq!(eligible(of_candidates, &occasion), eligible(pairs(), &occasion));
    }
}

#[test]
fn an_offer_is_a_candidate_only_where_what_it_needs_is_there() {
    let needs = |sku: &str, category: &str| {
        let test = |skus: &[&str], categories: &[&str]| {
            let owned = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect();
            Condition::Test(RuleTest::Cart(CartTest {
                skus: owned(skus),
                categories: owned(categories),
                brands: Vec::new(),
                min_quantity: 1,
                min_spend_minor: 0,
            }))
        };
        Some(Condition::All(vec![
            test(&[], &[category]),
            test(&[sku], &[]),
        ]))
    };
    // Every offer needs the category, each another article: the article is
    // what they are listed under.
    let offers: Vec<Offer> = (0..100)
        .map(|number| {
            offer(
                number,
                needs(&format!("sku-{number}"), "food"),
                Status::Active,
            )
        })
        .chain([
            offer(100, None, Status::Active),
            offer(101, None, Status::Paused),
        ])
        .collect();
    let index = OfferIndex::of(offers.iter().map(|offer| (offer, None)));
    let mut request = RequestContext::default();
    let candidates = index.candidates(SegmentNumber(0), &request);
    assert_eq!(candidates, [OfferNumber(100)]);
    request.cart.lines.push(CartLine {
        sku: "sku-7".to_owned(),
        categories: vec!["food".to_owned()],
        brand: String::new(),
        quantity: 1,
        unit_price_minor: 100,
    });
    let candidates = index.candidates(SegmentNumber(0), &request);
    assert_eq!(candidates, [OfferNumber(7), OfferNumber(100)]);
}
