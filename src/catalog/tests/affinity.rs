//! What goes with what, and what a policy expects of it.

use super::*;

const AFFINITY: &str = r#"
[[affinity]]
sku = "cup"
with = [{ skus = ["tea"], lift = 1.5 }, { skus = ["milk", "cake"], lift = 2.0 }]
"#;

#[test]
fn affinity_is_read_and_written_again() {
    let text = spoiled(
        "policy = { kind = \"thompson_beta\" }",
        "affinity_prior = { base_rate = 0.02, decisions = 50 }\npolicy = { kind = \"thompson_beta\" }",
    ) + AFFINITY
        + "[[offer]]\nid = \"cups\"\nplacements = [\"checkout\"]\n\
           benefit = { kind = \"cross_sell\", sku = \"cup\" }\n\
           eligibility = { channel = [\"app\"] }\n";
    let document = read_toml(&text, "shop.toml").unwrap_or_else(|faults| panic!("{faults}"));
    let again = write_toml(&document, "Affinity.").expect("TOML");
    assert_eq!(read_toml(&again, "again.toml"), Ok(document.clone()));
    let json = document.to_json().expect("JSON");
    assert_eq!(
        CatalogDocument::from_json(&json).expect("a document"),
        document
    );
    let catalog = build(document.clone());
    assert_eq!(catalog.document(), document);
    let companions = catalog
        .offer_by_id("cups")
        .expect("an offer")
        .companions
        .as_ref();
    assert_eq!(companions.expect("companions").as_slice().len(), 2);
    assert_eq!(
        catalog.offer_by_id("tea10").expect("an offer").companions,
        None
    );
    let prior = catalog
        .placement_by_id("checkout")
        .expect("a placement")
        .affinity_prior;
    let prior = prior.expect("a prior");
    assert_eq!((prior.rate(10.0), prior.rate(1e3)), (0.2, 1.0));
    let other =
        read_toml(&text.replace("lift = 1.5", "lift = 1.6"), "shop.toml").expect("no fault");
    let difference = CatalogDifference::between(&document, &other);
    assert_eq!(difference.to_string(), "affinity: 1 changed (cup)");
}

#[test]
fn faults_of_affinity_are_named() {
    let faults = |from: &str, to: &str| {
        assert!(AFFINITY.contains(from), "{from}");
        faults_of(&(BASE.to_owned() + &AFFINITY.replacen(from, to, 1)))
    };
    let refuses = |from: &str, to: &str, expected: &str| {
        assert_eq!(faults(from, to), [expected], "for {to}");
    };
    let of = "(affinity \"cup\")";
    refuses(
        "lift = 1.5",
        "lift = 0.0",
        &format!("affinity[0].with[0].lift {of} is 0: must be above 0 and at most 1000000"),
    );
    refuses(
        "[\"tea\"]",
        "[]",
        &format!("affinity[0].with[0].skus {of}: has 0 entries, must have 1 to 4"),
    );
    refuses(
        "[\"tea\"]",
        "[\"cup\"]",
        &format!("affinity[0].with[0].skus[0] {of} is \"cup\": must be another article"),
    );
    refuses(
        "[\"milk\", \"cake\"]",
        "[\"milk\", \"milk\"]",
        &format!("affinity[0].with[1].skus[1] {of} is \"milk\": must stand once"),
    );
    let twice = faults_of(&(BASE.to_owned() + AFFINITY + AFFINITY));
    assert_eq!(twice, ["affinity[1].sku is \"cup\": must stand once"]);
}

#[test]
fn an_expectation_needs_rates_and_counts() {
    let told = |placement: &str, prior: &str| {
        let from = format!("id = \"{placement}\"\nobjective");
        faults_of(&spoiled(
            &from,
            &format!("id = \"{placement}\"\naffinity_prior = {prior}\nobjective"),
        ))
    };
    let checkout = told("checkout", "{ base_rate = 1.0, decisions = 0 }");
    assert_eq!(checkout.len(), 2, "{checkout:?}");
    assert!(checkout[0].contains("base_rate") && checkout[0].contains("above 0 and below 1"));
    assert!(checkout[1].contains("decisions") && checkout[1].contains('1'));
    let cart = told("cart", "{ base_rate = 0.1, decisions = 5 }");
    assert_eq!(cart.len(), 1, "{cart:?}");
    assert!(cart[0].contains("needs the objective conversion, which is net_revenue here"));
}
