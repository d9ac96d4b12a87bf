use super::*;
use crate::domain::attribute::Attributes;
use crate::domain::cart::{Cart, CartLine};

/// 2026-02-17T06:00Z, a Tuesday; 14:00 in Shanghai.
const AT: Instant = Instant::from_unix_ms(1_771_308_000_000);

const GOLD: SegmentNumber = SegmentNumber(4);

fn feature(name: &str, source: Source) -> Feature {
    Feature {
        name: name.to_owned(),
        source,
    }
}

fn number(of: NumberOf) -> Number {
    Number {
        of,
        missing: 0.0,
        min: -LARGEST_ENTRY,
        max: LARGEST_ENTRY,
        outside: OutsideRange::Clip,
        logarithm: false,
    }
}

fn listed(of: TextsOf, texts: &[&str]) -> Source {
    let texts = texts.iter().map(|text| (*text).to_owned()).collect();
    Source::Texts {
        of,
        coding: Coding::OneOf(texts),
    }
}

fn request() -> RequestContext {
    let line = |sku: &str, categories: &[&str], quantity| CartLine {
        sku: sku.to_owned(),
        categories: categories.iter().map(|it| (*it).to_owned()).collect(),
        brand: String::new(),
        quantity,
        unit_price_minor: 1_000,
    };
    RequestContext {
        device: "phone".to_owned(),
        channel: "app".to_owned(),
        history: Some(ShopperHistory::Returning),
        attributes: Attributes::from([
            ("age".to_owned(), AttributeValue::Number(41.0)),
            ("member".to_owned(), AttributeValue::Boolean(true)),
            ("tier".to_owned(), AttributeValue::String("gold".to_owned())),
        ]),
        cart: Cart {
            lines: vec![
                line("tea", &["drinks", "gifts"], 2),
                line("cup", &["gifts"], 3),
            ],
        },
        ..RequestContext::default()
    }
}

fn everything() -> Features {
    let zone = jiff::tz::TimeZoneDatabase::bundled()
        .get("Asia/Shanghai")
        .unwrap();
    let attribute = |name: &str| NumberOf::Attribute(name.to_owned());
    Features::new(
        vec![
            feature("age", Source::Number(number(attribute("age")))),
            feature(
                "member",
                Source::Flag {
                    attribute: "member".to_owned(),
                },
            ),
            feature(
                "tier",
                listed(TextsOf::Attribute("tier".to_owned()), &["silver", "gold"]),
            ),
            feature(
                "cart_value",
                Source::Number(Number {
                    logarithm: true,
                    ..number(NumberOf::CartValue)
                }),
            ),
            feature("lines", Source::Number(number(NumberOf::CartLines))),
            feature("pieces", Source::Number(number(NumberOf::CartPieces))),
            feature(
                "category",
                listed(TextsOf::CartCategories, &["drinks", "toys", "gifts"]),
            ),
            feature(
                "device",
                listed(TextsOf::Place(PlaceKind::Device), &["desktop", "phone"]),
            ),
            feature(
                "shopper",
                listed(TextsOf::ShopperHistory, &["new", "returning"]),
            ),
            feature(
                "segment",
                Source::Segment {
                    one_of: vec![
                        (SegmentNumber(0), "plain".to_owned()),
                        (GOLD, "gold".to_owned()),
                    ],
                },
            ),
            feature("hour", Source::TimeOfDay(zone.clone())),
            feature("day", Source::DayOfWeek(zone)),
        ],
        vec![(2, 1), (2, 7)],
        7,
    )
}

#[test]
fn a_vector_holds_what_is_declared_in_its_order() {
    let features = everything();
    let vector = features.vector(&request(), GOLD, AT);
    let expected = [
        41.0,
        1.0,
        0.0,
        1.0,
        math::ln_1p(5_000.0),
        2.0,
        5.0,
        1.0,
        0.0,
        1.0,
        0.0,
        1.0,
        0.0,
        1.0,
        0.0,
        1.0,
    ];
    assert_eq!(vector[..16], expected);
    // 14:00 is 210° of a turn.
    assert!((vector[16] + 0.5).abs() < 1e-12, "{}", vector[16]);
    assert!(
        (vector[17] + math::sqrt(0.75)).abs() < 1e-12,
        "{}",
        vector[17]
    );
    assert_eq!(vector[18..25], [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    // tier × member, tier × device.
    assert_eq!(vector[25..], [0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    assert_eq!(features.dimension(), vector.len());
    let names = features.names();
    assert_eq!(names.len(), vector.len());
    assert_eq!(names[..4], ["age", "member", "tier=silver", "tier=gold"]);
    assert_eq!(names[16..19], ["hour.sin", "hour.cos", "day=mon"]);
    assert_eq!(names[26], "tier=gold*member");
    assert_eq!(names[30], "tier=gold*device=phone");
}

#[test]
fn what_is_not_given_is_missing_and_no_text_is_listed() {
    let features = Features::new(
        vec![
            feature(
                "age",
                Source::Number(Number {
                    missing: 35.0,
                    ..number(NumberOf::Attribute("age".to_owned()))
                }),
            ),
            feature(
                "member",
                Source::Flag {
                    attribute: "member".to_owned(),
                },
            ),
            feature(
                "tier",
                listed(TextsOf::Attribute("tier".to_owned()), &["gold"]),
            ),
            feature(
                "store",
                Source::Texts {
                    of: TextsOf::Place(PlaceKind::Store),
                    coding: Coding::Hashed { bits: 2 },
                },
            ),
        ],
        Vec::new(),
        1,
    );
    let nothing = RequestContext::default();
    assert_eq!(
        features.vector(&nothing, GOLD, AT),
        [35.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    );
}

/// Whatever a request says, the vector is finite and within its bounds.
#[test]
fn numbers_are_clipped_and_nothing_is_infinite() {
    let of = |name: &str| NumberOf::Attribute(name.to_owned());
    let wild = Features::new(
        vec![
            feature("a", Source::Number(number(of("a")))),
            feature(
                "b",
                Source::Number(Number {
                    min: 0.0,
                    max: 2.0,
                    missing: 1.0,
                    ..number(of("b"))
                }),
            ),
            feature(
                "c",
                Source::Number(Number {
                    logarithm: true,
                    ..number(of("a"))
                }),
            ),
        ],
        vec![(0, 0)],
        1,
    );
    for value in [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MAX,
        -1e300,
        5e-324,
    ] {
        let mut request = request();
        for name in ["a", "b"] {
            request
                .attributes
                .insert(name.to_owned(), AttributeValue::Number(value));
        }
        let vector = wild.vector(&request, GOLD, AT);
        assert!(
            vector.iter().all(|entry| entry.abs() <= LARGEST_ENTRY),
            "{value}: {vector:?}"
        );
        assert!((0.0..=2.0).contains(&vector[1]));
    }
}

#[test]
fn a_number_out_of_range_is_refused_where_it_is_declared_so() {
    let age = Number {
        min: 0.0,
        max: 40.0,
        outside: OutsideRange::Refuse,
        ..number(NumberOf::Attribute("age".to_owned()))
    };
    let features = Features::new(vec![feature("age", Source::Number(age))], Vec::new(), 1);
    let mut request = request();
    let refused: Vec<f64> = features.refused(&request).map(|it| it.value).collect();
    assert_eq!(refused, [41.0]);
    request
        .attributes
        .insert("age".to_owned(), AttributeValue::Number(40.0));
    assert_eq!(features.refused(&request).count(), 0);
    request.attributes.clear();
    assert_eq!(features.refused(&request).count(), 0);
}

/// Golden: a text's entry and sign never change, or what was learnt would mean
/// something else.
#[test]
fn hashed_texts_keep_their_entries() {
    let hashed = Source::Texts {
        of: TextsOf::CartCategories,
        coding: Coding::Hashed { bits: 3 },
    };
    let features = Features::new(vec![feature("category", hashed)], Vec::new(), 1);
    let vector = features.vector(&request(), GOLD, AT);
    assert_eq!(vector.iter().map(|entry| entry.abs()).sum::<f64>(), 2.0);
    assert_eq!(text_hash("drinks"), 721_400_570_962_210_760);
    let again = RequestContext {
        cart: Cart {
            lines: request().cart.lines.into_iter().rev().collect(),
        },
        ..request()
    };
    assert_eq!(features.vector(&again, GOLD, AT), vector);
}
