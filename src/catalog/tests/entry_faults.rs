//! Faults of names, attributes, segments, conditions and placements.

use super::*;

#[test]
fn ids_have_an_alphabet_and_a_length() {
    let long = "x".repeat(65);
    for bad in ["", "Gold", "gold!", "金", "a b", long.as_str()] {
        let faults = faults_of(&spoiled("id = \"gold\"", &format!("id = \"{bad}\"")));
        let [fault] = faults.as_slice() else {
            panic!("{faults:?}");
        };
        assert!(fault.starts_with("segment[0].id is \""), "{fault}");
        assert!(
            fault.ends_with("must have 1 to 64 of the characters a to z, 0 to 9, '_', '-' and '.'"),
            "{fault}"
        );
    }
    let long = "x".repeat(64);
    let text = spoiled("id = \"gold\"", &format!("id = \"{long}\""));
    assert!(read_toml(&text, "shop.toml").is_ok());
}

#[test]
fn ids_are_used_once() {
    refuses(
        "id = \"heavy\"",
        "id = \"gold\"",
        "segment[1].id is \"gold\": must be used once, segment[0] has it already",
    );
    refuses(
        "name = \"member\"\nkind = \"boolean\"",
        "name = \"member\"\nkind = \"boolean\"\n[[attribute]]\nname = \"tier\"\nkind = \"string\"",
        "attribute[3].name is \"tier\": must be used once, attribute[0] has it already",
    );
    let placement = "[[placement]]\nid = \"cart\"\nobjective = \"conversion\"\ncurrency = \"CNY\"\npolicy = { kind = \"uniform\" }\n";
    let faults = faults_of(&format!("{BASE}\n{placement}"));
    assert_eq!(
        faults,
        ["placement[2].id is \"cart\": must be used once, placement[1] has it already"]
    );
    let faults = faults_of(&format!("{BASE}\n[[campaign]]\nid = \"spring\"\n"));
    assert_eq!(
        faults,
        ["campaign[1].id is \"spring\": must be used once, campaign[0] has it already"]
    );
    refuses(
        "id = \"tea10\"",
        "id = \"full100\"",
        "offer[1].id is \"full100\": must be used once, offer[0] has it already",
    );
}

#[test]
fn titles_have_a_length_and_no_control_characters() {
    let long = "字".repeat(201);
    for bad in ["", "a\\nb", long.as_str()] {
        let faults = faults_of(&spoiled(
            "id = \"gold\"",
            &format!("id = \"gold\"\ntitle = \"{bad}\""),
        ));
        let [fault] = faults.as_slice() else {
            panic!("{faults:?}");
        };
        assert!(
            fault.starts_with("segment[0].title (segment \"gold\") is "),
            "{fault}"
        );
        assert!(fault.ends_with("must have 1 to 200 characters and no control characters"));
    }
    let fits = "字".repeat(200);
    let text = spoiled(
        "id = \"gold\"",
        &format!("id = \"gold\"\ntitle = \"{fits}\""),
    );
    assert!(read_toml(&text, "shop.toml").is_ok());
}

#[test]
fn attributes_have_a_known_kind() {
    refuses(
        "name = \"member\"\nkind = \"boolean\"",
        "name = \"member\"\nkind = \"bolean\"",
        "attribute[2].kind (attribute \"member\") is \"bolean\": must be one of string, number, boolean; did you mean \"boolean\"?",
    );
}

#[test]
fn only_the_last_segment_has_no_condition() {
    refuses(
        "when = { attribute = \"tier\", equals = \"gold\" }",
        "",
        "segment[0].when (segment \"gold\"): is missing: only the last segment takes everybody who is left",
    );
    refuses(
        "id = \"gold\"",
        "id = \"default\"",
        "segment[0].id is \"default\": belongs to the segment that takes everybody who is left, and this one has a condition",
    );
}

#[test]
fn conditions_say_one_thing_at_a_time() {
    let gold = "{ attribute = \"tier\", equals = \"gold\" }";
    for (written, expected) in [
        (
            "{}",
            "segment[0].when (segment \"gold\"): must have exactly one of attribute, all, any and not",
        ),
        (
            "{ attribute = \"tier\", equals = \"gold\", not = { attribute = \"member\", present = true } }",
            "segment[0].when (segment \"gold\"): must have exactly one of attribute, all, any and not",
        ),
        (
            "{ equals = \"gold\" }",
            "segment[0].when (segment \"gold\"): must have exactly one of attribute, all, any and not",
        ),
        (
            "{ all = [{ attribute = \"tier\", present = true }], equals = \"gold\" }",
            "segment[0].when (segment \"gold\"): must name the attribute that equals, one_of, at_least, below or present compares",
        ),
        (
            "{ attribute = \"tier\" }",
            "segment[0].when (segment \"gold\"): must compare in exactly one way: equals, one_of, at_least with or without below, below, or present",
        ),
        (
            "{ attribute = \"tier\", equals = \"gold\", one_of = [\"gold\"] }",
            "segment[0].when (segment \"gold\"): must compare in exactly one way: equals, one_of, at_least with or without below, below, or present",
        ),
        (
            "{ attribute = \"tier\", present = false }",
            "segment[0].when.present (segment \"gold\") is false: must be true; write not = { attribute = …, present = true } for the opposite",
        ),
        (
            "{ all = [] }",
            "segment[0].when.all (segment \"gold\"): has 0 parts, must have 1 to 1000",
        ),
        (
            "{ any = [] }",
            "segment[0].when.any (segment \"gold\"): has 0 parts, must have 1 to 1000",
        ),
        (
            "{ attribute = \"tier\", one_of = [] }",
            "segment[0].when.one_of (segment \"gold\"): has 0 values, must have 1 to 1000",
        ),
    ] {
        refuses(gold, written, expected);
    }
}

#[test]
fn conditions_compare_declared_attributes_of_the_right_kind() {
    let gold = "{ attribute = \"tier\", equals = \"gold\" }";
    let long = "x".repeat(257);
    let too_long = format!("{{ attribute = \"tier\", equals = \"{long}\" }}");
    let too_long_fault = format!(
        "segment[0].when.equals (segment \"gold\") is {:?} (cut short): must have at most 256 bytes",
        "x".repeat(60)
    );
    for (written, expected) in [
        (
            "{ attribute = \"teir\", equals = \"gold\" }",
            "segment[0].when.attribute (segment \"gold\") is \"teir\": must name a declared attribute; did you mean \"tier\"?",
        ),
        (
            "{ attribute = \"tier\", equals = 7 }",
            "segment[0].when.equals (segment \"gold\") is 7: must be a string, as the attribute is declared",
        ),
        (
            "{ attribute = \"spend\", equals = \"much\" }",
            "segment[0].when.equals (segment \"gold\") is \"much\": must be a number, as the attribute is declared",
        ),
        (
            "{ attribute = \"member\", one_of = [true, \"yes\"] }",
            "segment[0].when.one_of[1] (segment \"gold\") is \"yes\": must be a boolean, as the attribute is declared",
        ),
        (
            "{ attribute = \"tier\", at_least = 1 }",
            "segment[0].when (segment \"gold\"): at_least and below compare numbers, the attribute is a string",
        ),
        (
            "{ attribute = \"spend\", at_least = 5, below = 5 }",
            "segment[0].when.below (segment \"gold\") is 5: must be above at_least, which is 5",
        ),
        (
            "{ attribute = \"spend\", at_least = nan }",
            "segment[0].when.at_least (segment \"gold\") is NaN: must be finite",
        ),
        (
            "{ attribute = \"spend\", below = inf }",
            "segment[0].when.below (segment \"gold\") is inf: must be finite",
        ),
        (
            "{ attribute = \"spend\", equals = nan }",
            "segment[0].when.equals (segment \"gold\") is NaN: must be finite",
        ),
        (too_long.as_str(), too_long_fault.as_str()),
    ] {
        refuses(gold, written, expected);
    }
}

#[test]
fn every_part_of_a_condition_is_checked() {
    let text = spoiled(
        "{ attribute = \"tier\", equals = \"gold\" }",
        "{ any = [{ attribute = \"teir\", present = true }, { not = { all = [{ attribute = \"spend\", equals = true }] } }] }",
    );
    let faults = faults_of(&text);
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(
        faults
            .iter()
            .any(|fault| fault.starts_with("segment[0].when.any[0].attribute"))
    );
    let deep = "segment[0].when.any[1].not.all[0].equals";
    assert!(
        faults.iter().any(|fault| fault.starts_with(deep)),
        "{faults:?}"
    );
}

#[test]
fn conditions_stand_only_so_deep_in_each_other() {
    let nested = |depth: usize| {
        let mut condition = document::ConditionDocument {
            attribute: Some("tier".to_owned()),
            present: Some(true),
            ..document::ConditionDocument::default()
        };
        for _ in 1..depth {
            condition = document::ConditionDocument {
                not: Some(Box::new(condition)),
                ..document::ConditionDocument::default()
            };
        }
        let mut document = base();
        document.segments[0].when = Some(condition);
        Catalog::build(document, CatalogVersion(1), &Numbering::default())
    };
    assert!(nested(16).is_ok());
    let refused = nested(17).expect_err("too deep").to_string();
    assert!(
        refused.ends_with("stands deeper than 16 conditions in each other"),
        "{refused}"
    );
}

#[test]
fn placements_keep_their_bounds() {
    let objective = "objective = \"conversion\"";
    let with = |key: &str| format!("{key}\n{objective}");
    for (written, place, rule) in [
        (
            "slots = 0",
            "slots (placement \"checkout\") is 0",
            "must be from 1 to 20",
        ),
        (
            "slots = -1",
            "slots (placement \"checkout\") is -1",
            "must be from 1 to 20",
        ),
        (
            "holdout_basis_points = 10001",
            "holdout_basis_points (placement \"checkout\") is 10001",
            "must be from 0 to 10000",
        ),
        (
            "holdout_basis_points = -1",
            "holdout_basis_points (placement \"checkout\") is -1",
            "must be from 0 to 10000",
        ),
        (
            "attribution_window = \"0s\"",
            "attribution_window (placement \"checkout\") is \"0s\"",
            "must be from 1ms to 400d",
        ),
        (
            "attribution_window = \"401d\"",
            "attribution_window (placement \"checkout\") is \"401d\"",
            "must be from 1ms to 400d",
        ),
        (
            "allowed_lateness = \"9601h\"",
            "allowed_lateness (placement \"checkout\") is \"9601h\"",
            "must be from 0ms to 400d",
        ),
        (
            "refund_window = \"401d\"",
            "refund_window (placement \"checkout\") is \"401d\"",
            "must be from 0ms to 400d",
        ),
        (
            "offer_valid_for = \"31d\"",
            "offer_valid_for (placement \"checkout\") is \"31d\"",
            "must be from 1ms to 30d",
        ),
        (
            "refund_window = \"90 days\"",
            "refund_window (placement \"checkout\")",
            "\"90 days\" is not a length of time such as 7d, 12h, 90min, 30s or 500ms",
        ),
    ] {
        refuses(
            objective,
            &with(written),
            &format!("placement[0].{place}: {rule}"),
        );
    }
    for fits in [
        "slots = 20",
        "allowed_lateness = \"0s\"",
        "allowed_lateness = \"400d\"",
    ] {
        assert!(
            read_toml(&spoiled(objective, &with(fits)), "shop.toml").is_ok(),
            "{fits}"
        );
    }
}

#[test]
fn placements_name_known_objectives_currencies_and_events() {
    let objective = "objective = \"conversion\"";
    let with = |key: &str| format!("{key}\n{objective}");
    refuses(
        objective,
        "objective = \"conversions\"",
        "placement[0].objective (placement \"checkout\") is \"conversions\": must be one of conversion, net_revenue, margin, weighted; did you mean \"conversion\"?",
    );
    refuses(
        "currency = \"CNY\"\npolicy = { kind = \"thompson_beta\" }",
        "currency = \"RMB\"\npolicy = { kind = \"thompson_beta\" }",
        "placement[0].currency (placement \"checkout\") is \"RMB\": must be an ISO 4217 currency code such as CNY or EUR",
    );
    refuses(
        objective,
        &with("conversion_events = []"),
        "placement[0].conversion_events (placement \"checkout\"): is empty, must name at least 1 kind of outcome",
    );
    refuses(
        objective,
        &with("conversion_events = [\"CLICK\", \"PURCHASES\"]"),
        "placement[0].conversion_events[1] (placement \"checkout\") is \"PURCHASES\": must be one of EXPOSURE, CLICK, PURCHASE, CUSTOM; did you mean \"PURCHASE\"?",
    );
    refuses(
        objective,
        &with("conversion_events = [\"CLICK\", \"CLICK\"]"),
        "placement[0].conversion_events[1] (placement \"checkout\") is \"CLICK\": must stand once",
    );
    for never in ["REFUND", "CANCELLATION", "NOT_SHOWN", "SETTLED"] {
        let faults = faults_of(&spoiled(
            objective,
            &with(&format!("conversion_events = [\"{never}\"]")),
        ));
        assert_eq!(faults.len(), 1, "{faults:?}");
    }
}

#[test]
fn a_policys_own_faults_have_their_place() {
    refuses(
        "{ kind = \"thompson_beta\" }",
        "{ kind = \"thompson_beta\", prior_failures = 0 }",
        "placement[0].policy.prior_failures (placement \"checkout\") is 0: must be in [0.01, 1e9]",
    );
    refuses(
        "epsilon = 0.1",
        "epsilon = 1.5",
        "placement[1].policy.epsilon (placement \"cart\") is 1.5: must be in [0, 1]",
    );
    refuses(
        "epsilon = 0.1",
        "reward = { min = 5, max = 1 }",
        "placement[1].policy.reward.max (placement \"cart\") is 1: must be in (reward.min, 2^52]",
    );
    let fixed = |preference: &str| format!("{{ kind = \"fixed\", preference = {preference} }}");
    let beta = "{ kind = \"thompson_beta\" }";
    refuses(
        beta,
        &fixed("[]"),
        "placement[0].policy.preference (placement \"checkout\"): is empty, must name at least 1 offer",
    );
    refuses(
        beta,
        &fixed("[\"full10\"]"),
        "placement[0].policy.preference (placement \"checkout\") is \"full10\": must name an entry of offer; did you mean \"full100\"?",
    );
    refuses(
        beta,
        &fixed("[\"full100\", \"full100\"]"),
        "placement[0].policy.preference (placement \"checkout\") is \"full100\": must stand once",
    );
    refuses(
        beta,
        &fixed("[\"full100\", \"tea10\"]"),
        "placement[0].policy.preference[1] (placement \"checkout\") is \"tea10\": must name an offer of the placement \"checkout\"",
    );
}

#[test]
fn beta_posteriors_need_the_objective_conversion() {
    for objective in ["net_revenue", "margin"] {
        refuses(
            "objective = \"conversion\"",
            &format!("objective = \"{objective}\""),
            &format!(
                "placement[0].policy.kind (placement \"checkout\"): thompson_beta learns successes and failures and needs the objective conversion, which is {objective} here"
            ),
        );
    }
}

#[test]
fn a_catalogue_needs_a_placement() {
    let refused = read_toml("", "empty.toml").expect_err("a fault");
    assert_eq!(
        refused.to_string(),
        "empty.toml has 1 fault\n  line 1: placement: is missing: a catalogue needs at least 1 placement"
    );
}

#[test]
fn each_kind_has_a_most() {
    let mut document = base();
    let attribute = document.attributes[0].clone();
    for number in document.attributes.len()..=MAX_ATTRIBUTES {
        document.attributes.push(document::AttributeDocument {
            name: format!("attribute-{number}"),
            ..attribute.clone()
        });
    }
    let refused = Catalog::build(document, CatalogVersion(1), &Numbering::default());
    let refused = refused.expect_err("too many").to_string();
    assert!(
        refused.ends_with("attribute: has 201 entries, may have at most 200"),
        "{refused}"
    );
    let names: Vec<u8> = vec![0];
    let mut document = with_offers(&names);
    document.placements = base().placements;
    let offer = document.offers[0].clone();
    document.offers = (0..=MAX_OFFERS)
        .map(|number| document::OfferDocument {
            id: format!("offer-{number}"),
            ..offer.clone()
        })
        .collect();
    let refused = Catalog::build(document, CatalogVersion(1), &Numbering::default());
    let refused = refused.expect_err("too many").to_string();
    assert!(
        refused.ends_with("offer: has 100001 entries, may have at most 100000"),
        "{refused}"
    );
}
