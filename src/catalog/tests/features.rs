//! Features of placements.

use super::*;

/// The placement `checkout` with features.
fn with_features(features: &str) -> String {
    spoiled(
        "id = \"checkout\"",
        &format!("id = \"checkout\"\nfeatures = [{features}]"),
    )
}

fn refuses(feature: &str, place: &str, told: &str) {
    let expected = format!("placement[0].features{place} (placement \"checkout\"){told}");
    assert_eq!(
        faults_of(&with_features(feature)),
        [expected],
        "for {feature}"
    );
}

#[test]
fn features_of_every_kind_are_taken() {
    let text = with_features(
        r#"
        { attribute = "tier", one_of = ["gold", "silver"] },
        { attribute = "tier", name = "tier_hashed", hash_bits = 4 },
        { cart = "value", logarithm = true, max = 1e6 },
        { cart = "category", hash_bits = 3 },
        { request = "segment", one_of = ["gold", "default"] },
        { request = "shopper", one_of = ["new", "returning"] },
        { time = "time_of_day", time_zone = "Asia/Shanghai" },
        { time = "day_of_week" },
        "#,
    )
    .replace(
        "id = \"checkout\"",
        "id = \"checkout\"\nfeature_interactions = [[\"tier\", \"segment\"]]",
    );
    let document = read_toml(&text, "shop.toml").unwrap_or_else(|faults| panic!("{faults}"));
    let again = write_toml(&document, "Features.").expect("TOML");
    assert_eq!(read_toml(&again, "again.toml"), Ok(document.clone()));
    let json = document.to_json().expect("JSON");
    assert_eq!(
        CatalogDocument::from_json(&json).expect("a document"),
        document
    );
    let catalog = build(document);
    let features = &catalog
        .placement_by_id("checkout")
        .expect("a placement")
        .features;
    assert_eq!(features.dimension(), features.names().len());
    assert!(
        features
            .names()
            .contains(&"tier=gold*segment=default".to_owned())
    );
}

#[test]
fn what_is_wrong_with_a_feature_is_told_at_its_place() {
    refuses(
        "{ name = \"x\" }",
        "[0]",
        ": comes from nowhere: give one of attribute, cart, request, time",
    );
    refuses(
        "{ attribute = \"tier\", cart = \"value\", hash_bits = 2 }",
        "[0].cart",
        ": stands beside attribute: a feature comes from one of them",
    );
    refuses(
        "{ attribute = \"teir\", hash_bits = 2 }",
        "[0].attribute",
        " is \"teir\": must name a declared attribute; did you mean \"tier\"?",
    );
    refuses(
        "{ attribute = \"tier\" }",
        "[0]",
        ": is a text: give one_of, the texts that matter, or hash_bits",
    );
    refuses(
        "{ cart = \"value\", one_of = [\"1\"] }",
        "[0].one_of",
        ": says nothing about a number, which takes missing, min, max, outside, logarithm",
    );
    refuses(
        "{ cart = \"value\", min = 3.0, max = 3.0 }",
        "[0].max",
        " is 3: must be above min, which is 3",
    );
    refuses(
        "{ cart = \"value\", missing = nan }",
        "[0].missing",
        " is NaN: must be from -1000000000 to 1000000000",
    );
    refuses(
        "{ request = \"segment\", one_of = [\"golt\"] }",
        "[0].one_of[0]",
        " is \"golt\": must name an entry of segment; did you mean \"gold\"?",
    );
    refuses(
        "{ attribute = \"tier\", hash_bits = 9 }",
        "[0].hash_bits",
        " is 9: must be from 1 to 8",
    );
    refuses(
        "{ cart = \"value\" }, { cart = \"value\" }",
        "[1].name",
        " is \"cart_value\": is the name of an earlier feature: give this one another",
    );
    refuses(
        "{ time = \"day_of_week\", time_zone = \"Asia/Shangai\" }",
        "[0].time_zone",
        " is \"Asia/Shangai\": must be an IANA time zone such as Asia/Shanghai; did you mean \"Asia/Shanghai\"?",
    );
}

#[test]
fn a_policy_that_learns_from_features_needs_some_and_not_too_many() {
    let contextual = spoiled("kind = \"thompson_beta\"", "kind = \"square_cb\"");
    assert_eq!(
        faults_of(&contextual),
        [
            "placement[0].policy.kind (placement \"checkout\"): square_cb learns from features, and this \
             placement declares none"
        ]
    );
    let hashed =
        |name: &str| format!("{{ attribute = \"tier\", name = \"{name}\", hash_bits = 8 }}");
    refuses(
        &["a", "b", "c"].map(hashed).join(", "),
        "",
        ": make 768 entries together, may make at most 512",
    );
    let pair = with_features("{ cart = \"value\" }").replace(
        "id = \"checkout\"",
        "id = \"checkout\"\nfeature_interactions = [[\"cart_value\", \"tier\"]]",
    );
    assert_eq!(
        faults_of(&pair),
        [
            "placement[0].feature_interactions[0][1] (placement \"checkout\") is \"tier\": must name a \
             feature of this placement"
        ]
    );
}
