//! Files that cannot be read: notation, keys, lines.

use super::*;

fn lines_of(text: &str) -> Vec<usize> {
    let refused = read_toml(text, "shop.toml").expect_err("the file has a fault");
    let lines = refused
        .faults()
        .iter()
        .map(|fault| fault.line.expect("a line"));
    lines.collect()
}

/// The line, from 1, that holds a text.
fn line_with(text: &str, part: &str) -> usize {
    let before = text.find(part).expect("the text is there");
    text[..before].matches('\n').count() + 1
}

#[test]
fn the_message_names_file_line_key_value_and_bound() {
    let text = spoiled(
        "objective = \"conversion\"",
        "slots = 21\nobjective = \"conversion\"",
    );
    let refused = read_toml(&text, "conf/shop.toml").expect_err("a fault");
    let line = line_with(&text, "slots = 21");
    assert_eq!(
        refused.to_string(),
        format!(
            "conf/shop.toml has 1 fault\n  line {line}: placement[0].slots (placement \"checkout\") is 21: must be from 1 to 20"
        )
    );
    assert_eq!(refused.source_name(), Some("conf/shop.toml"));
}

#[test]
fn lines_lead_into_nested_values() {
    let text = spoiled("save = \"160\"", "save = \"400\"");
    assert_eq!(lines_of(&text), [line_with(&text, "save = \"400\"")]);
    let text = spoiled("equals = \"gold\"", "equals = 7");
    assert_eq!(lines_of(&text), [line_with(&text, "equals = 7")]);
    let text = spoiled("[\"cart\"]", "[\n  \"cart\",\n  \"kart\",\n]");
    assert_eq!(lines_of(&text), [line_with(&text, "kart")]);
}

#[test]
fn without_a_file_there_are_no_lines() {
    let mut document = base();
    document.placements[0].slots = 0;
    let refused = Catalog::build(document, CatalogVersion(1), &Numbering::default());
    assert_eq!(
        refused.expect_err("a fault").to_string(),
        "the catalogue has 1 fault\n  placement[0].slots (placement \"checkout\") is 0: must be from 1 to 20"
    );
}

#[test]
fn what_is_not_toml_is_refused_with_its_line() {
    let text = spoiled("kind = \"number\"", "kind = \"number");
    let refused = read_toml(&text, "shop.toml").expect_err("a fault");
    let message = refused.to_string();
    let line = line_with(&text, "kind = \"number");
    assert!(
        message.contains(&format!("line {line}: is not TOML: ")),
        "{message}"
    );
    for twice in ["id = \"gold\"\nid = \"gold\"", "id = "] {
        let text = spoiled("id = \"gold\"", twice);
        let message = faults_of(&text).join("\n");
        assert!(message.contains("is not TOML: "), "{message}");
    }
}

#[test]
fn keys_that_nobody_knows_are_refused_with_the_nearest() {
    let faults = faults_of(&spoiled("[[campaign]]", "[[campain]]"));
    assert!(
        faults.contains(
            &"campain: is unknown: a catalogue has attribute, segment, placement, calendar, campaign, offer, stock, exchange_rate, affinity; did you mean \"campaign\"?"
                .to_owned()
        ),
        "{faults:?}"
    );
    let text = spoiled("objective = \"conversion\"", "objektive = \"conversion\"");
    let faults = faults_of(&text);
    let [fault] = faults.as_slice() else {
        panic!("{faults:?}");
    };
    assert!(
        fault.starts_with("placement[0].objektive (placement \"checkout\"): unknown field `objektive`, expected one of `id`"),
        "{fault}"
    );
    assert!(fault.ends_with("; did you mean \"objective\"?"), "{fault}");
    assert_eq!(lines_of(&text), [line_with(&text, "objektive")]);
}

#[test]
fn an_unknown_kind_of_benefit_or_policy_is_refused() {
    let fault = faults_of(&spoiled("kind = \"percent_off\"", "kind = \"percentoff\"")).join("\n");
    assert!(
        fault.contains("(offer \"tea10\"): unknown variant `percentoff`"),
        "{fault}"
    );
    assert!(
        fault.ends_with("; did you mean \"percent_off\"?"),
        "{fault}"
    );
    let fault = faults_of(&spoiled("\"thompson_beta\"", "\"thompson_bet\"")).join("\n");
    assert!(fault.contains("unknown variant `thompson_bet`"), "{fault}");
    assert!(
        fault.ends_with("; did you mean \"thompson_beta\"?"),
        "{fault}"
    );
    let fault = faults_of(&spoiled("epsilon = 0.1", "epsilo = 0.1")).join("\n");
    assert!(fault.ends_with("; did you mean \"epsilon\"?"), "{fault}");
    let fault = faults_of(&spoiled("max_discount =", "max_discont =")).join("\n");
    assert!(
        fault.ends_with("; did you mean \"max_discount\"?"),
        "{fault}"
    );
}

#[test]
fn missing_keys_and_wrong_types_are_refused() {
    let fault = faults_of(&spoiled("currency = \"CNY\"\n", "")).join("\n");
    assert_eq!(
        fault,
        "placement[0] (placement \"checkout\"): missing field `currency`"
    );
    let fault = faults_of(&spoiled("id = \"gold\"", "id = 7")).join("\n");
    assert!(
        fault.starts_with("segment[0].id: invalid type: integer `7`, expected a string"),
        "{fault}"
    );
    let fault = faults_of(&spoiled("max_discount = \"30.00\"", "max_discount = 30.5")).join("\n");
    assert!(
        fault.contains("expected an amount in quotes such as \"49.90\", or a whole number"),
        "{fault}"
    );
    let text = spoiled("[[campaign]]", "[campaign]");
    assert!(
        faults_of(&text)
            .contains(&"campaign: must be written as [[campaign]], once for each".into()),
    );
}

#[test]
fn whole_amounts_may_do_without_quotes() {
    let text = spoiled("max_discount = \"30.00\"", "max_discount = 30");
    let catalog = build(read_toml(&text, "shop.toml").expect("no fault"));
    let tea10 = catalog.offer_by_id("tea10").expect("an offer");
    let Benefit::PercentOff(percent) = &tea10.benefit else {
        panic!("{:?}", tea10.benefit);
    };
    assert_eq!(percent.max_discount_minor, Some(3_000));
}

#[test]
fn an_entry_that_cannot_be_read_is_not_missed_by_others() {
    // The placement has a wrong key, the offers that name it have none.
    let text = spoiled("id = \"cart\"", "id = \"cart\"\nslot = 1");
    let faults = faults_of(&text);
    assert_eq!(faults.len(), 1, "{faults:?}");
    let text = spoiled("id = \"spring\"", "id = \"spring\"\nbudget = 1");
    assert_eq!(faults_of(&text).len(), 1);
    let text = spoiled("name = \"tier\"", "name = \"tier\"\nsecret = true");
    assert_eq!(faults_of(&text).len(), 1);
    // Entries after it keep their places.
    let text = text.replace(
        "attribute = \"spend\", at_least",
        "attribute = \"spent\", at_least",
    );
    let text = text.replace(
        "name = \"member\"\nkind = \"boolean\"",
        "name = \"member\"\nkind = \"bool\"",
    );
    let faults = faults_of(&text).join("\n");
    assert!(
        faults.contains("attribute[2].kind (attribute \"member\") is \"bool\""),
        "{faults}"
    );
    assert!(faults.contains("did you mean \"spend\"?"), "{faults}");
}

#[test]
fn all_faults_of_a_large_file_come_at_once() {
    let mut text = BASE.to_owned();
    for number in 0..5_000 {
        text.push_str(&format!(
            "\n[[offer]]\nid = \"offer-{number}\"\nplacements = [\"cart\"]\nbenefit = {{ kind = \"cross_sell\", sku = \"sku-{number}\" }}\n"
        ));
    }
    let planted = [
        ("id = \"offer-100\"\n", "id = \"offer 100\"\n"),
        ("id = \"offer-200\"\n", "id = \"offer-201\"\n"),
        (
            "id = \"offer-300\"\n",
            "id = \"offer-300\"\ntitel = \"x\"\n",
        ),
        (
            "id = \"offer-400\"\nplacements = [\"cart\"]",
            "id = \"offer-400\"\nplacements = [\"kart\"]",
        ),
        (
            "id = \"offer-500\"\nplacements = [\"cart\"]",
            "id = \"offer-500\"\nplacements = []",
        ),
        (
            "id = \"offer-600\"\n",
            "id = \"offer-600\"\ncampaign = \"sprin\"\n",
        ),
        ("sku = \"sku-700\"", "sku = \"\""),
        (
            "id = \"offer-800\"\n",
            "id = \"offer-800\"\nstatus = \"aktive\"\n",
        ),
        (
            "sku = \"sku-900\"",
            "sku = \"sku-900\", discount_basis_points = 10001",
        ),
        (
            "\"cross_sell\", sku = \"sku-1000\"",
            "\"cross_sel\", sku = \"sku-1000\"",
        ),
        ("sku = \"sku-1100\"", "sku = 1100"),
        (
            "id = \"offer-1200\"\n",
            "id = \"offer-1200\"\nschedule = { time_zone = \"Mars\" }\n",
        ),
    ];
    for (from, to) in planted {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    let refused = read_toml(&text, "large.toml").expect_err("twelve faults");
    assert_eq!(refused.faults().len(), planted.len(), "{refused}");
    let lines: Vec<_> = refused.faults().iter().map(|fault| fault.line).collect();
    assert!(
        lines.is_sorted() && lines.iter().all(Option::is_some),
        "{lines:?}"
    );
}
