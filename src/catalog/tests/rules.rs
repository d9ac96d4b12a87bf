//! Rules, priorities, days and hours.

use super::*;

/// The rule of the offer `tea10`.
fn with_rule(rule: &str) -> String {
    spoiled(
        "id = \"tea10\"",
        &format!("id = \"tea10\"\neligibility = {rule}"),
    )
}

fn refuses_rule(rule: &str, place: &str, told: &str) {
    let expected = format!("offer[1].eligibility{place} (offer \"tea10\"){told}");
    assert_eq!(faults_of(&with_rule(rule)), [expected], "for {rule}");
}

fn takes_rule(rule: &str) {
    let read = read_toml(&with_rule(rule), "shop.toml");
    let document = read.unwrap_or_else(|faults| panic!("{faults}"));
    let text = write_toml(&document, "A rule.").expect("TOML");
    assert_eq!(
        read_toml(&text, "again.toml"),
        Ok(document.clone()),
        "for {rule}"
    );
    let json = document.to_json().expect("JSON");
    let stored = CatalogDocument::from_json(&json).expect("a document");
    assert_eq!(stored, document, "for {rule}");
    assert!(
        build(document)
            .offer_by_id("tea10")
            .expect("an offer")
            .rule
            .is_some()
    );
}

#[test]
fn rules_of_every_kind_are_taken() {
    for rule in [
        r#"{ cart = { min_spend = "100.00" } }"#,
        r#"{ cart = { category = ["tea"], brand = ["da hong pao"], min_quantity = 3 } }"#,
        r#"{ segment = ["gold", "default"] }"#,
        r#"{ shopper = "new" }"#,
        r#"{ channel = ["app", "web"] }"#,
        r#"{ attribute = "tier", one_of = ["gold", "silver"] }"#,
        r#"{ all = [{ region = ["CN-31"] }, { store = ["12"] }, { device = ["phone"] }] }"#,
        r#"{ any = [{ shopper = "new" }, { not = { cart = { sku = ["cup"] } } }] }"#,
        r#"{ all = [{ cart = { min_spend = "50" } }, { not = { cart = { min_spend = "100" } } }] }"#,
    ] {
        takes_rule(rule);
    }
}

#[test]
fn rules_name_what_there_is() {
    refuses_rule(
        r#"{ segment = ["gold", "golt"] }"#,
        ".segment[1]",
        " is \"golt\": must name an entry of segment; did you mean \"gold\"?",
    );
    refuses_rule(
        r#"{ attribute = "teir", present = true }"#,
        ".attribute",
        " is \"teir\": must name a declared attribute; did you mean \"tier\"?",
    );
    refuses_rule(
        r#"{ shopper = "old" }"#,
        ".shopper",
        " is \"old\": must be one of new, returning",
    );
    refuses_rule(
        r#"{ cart = { min_quantity = 0 } }"#,
        ".cart",
        ": asks for nothing: min_quantity or min_spend must be above 0",
    );
    refuses_rule(
        r#"{ cart = { min_spend = "1.001" } }"#,
        ".cart.min_spend",
        ": \"1.001\" is too fine: CNY has 2 decimals",
    );
    refuses_rule(
        r#"{ all = [{ channel = [] }, { region = ["a"] }] }"#,
        ".all[0].channel",
        ": has 0 names, must have 1 to 1000",
    );
    refuses_rule(
        r#"{ channel = ["app"], shopper = "new" }"#,
        "",
        ": must have exactly one of attribute, all, any and not, or of cart, segment, shopper, channel, device, store and region",
    );
    refuses(
        "when = { attribute = \"tier\", equals = \"gold\" }",
        "when = { shopper = \"new\" }",
        "segment[0].when (segment \"gold\"): belongs to the rule of an offer or a campaign: a segment is told by attributes alone",
    );
}

#[test]
fn a_rule_that_no_request_can_meet_is_refused() {
    for (rule, why) in [
        (
            r#"{ all = [{ shopper = "new" }, { shopper = "returning" }] }"#,
            "no shopper is both new and returning",
        ),
        (
            r#"{ all = [{ segment = ["gold"] }, { any = [{ segment = ["heavy"] }, { segment = ["default"] }] }] }"#,
            "a shopper falls into one segment, and the lists share none",
        ),
        (
            r#"{ all = [{ channel = ["app"] }, { channel = ["web"] }] }"#,
            "a request comes from one place of a kind, and the lists share none",
        ),
        (
            r#"{ all = [{ attribute = "tier", equals = "gold" }, { attribute = "tier", one_of = ["silver", "plain"] }] }"#,
            "no value of the attribute is both",
        ),
        (
            r#"{ all = [{ cart = { sku = ["tea"], min_quantity = 2 } }, { not = { cart = { sku = ["tea", "cup"] } } }] }"#,
            "what is asked for is excluded too",
        ),
        (
            r#"{ all = [{ cart = { min_spend = "100" } }, { not = { cart = { min_quantity = 0, min_spend = "80" } } }] }"#,
            "what is asked for is excluded too",
        ),
        (
            r#"{ not = { any = [{ attribute = "tier", present = true }, { not = { attribute = "tier", present = true } }] } }"#,
            "what is asked for is excluded too",
        ),
    ] {
        refuses_rule(rule, "", &format!(": can never hold: {why}"));
    }
    let text = spoiled(
        "id = \"spring\"",
        "id = \"spring\"\neligibility = { shopper = \"new\" }",
    );
    let text = text.replacen(
        "id = \"full100\"",
        "id = \"full100\"\neligibility = { shopper = \"returning\" }",
        1,
    );
    assert_eq!(
        faults_of(&text),
        [
            "offer[0].eligibility (offer \"full100\"): can never hold together with the rule of its campaign \"spring\": no shopper is both new and returning"
        ]
    );
}

#[test]
fn an_offer_has_its_own_priority_or_its_campaigns() {
    let text = spoiled("id = \"spring\"", "id = \"spring\"\npriority = 7");
    let priority_of = |text: &str| {
        let catalog =
            build(read_toml(text, "shop.toml").unwrap_or_else(|faults| panic!("{faults}")));
        let full100 = catalog.offer_by_id("full100").expect("an offer").priority;
        let cart = catalog.placement_by_id("cart").expect("a placement");
        (full100, cart.is_ranked)
    };
    assert_eq!(priority_of(BASE), (0, false));
    assert_eq!(priority_of(&text), (7, true));
    let own = text.replacen("id = \"full100\"", "id = \"full100\"\npriority = 0", 1);
    assert_eq!(priority_of(&own), (0, false));
    let exclusive = spoiled("id = \"tea10\"", "id = \"tea10\"\nexclusive = true");
    assert_eq!(priority_of(&exclusive), (0, true));
    refuses(
        "id = \"tea10\"",
        "id = \"tea10\"\npriority = 1001",
        "offer[1].priority (offer \"tea10\") is 1001: must be from -1000 to 1000",
    );
}

#[test]
fn days_and_hours_are_checked() {
    let calendar = "[[calendar]]\nid = \"cn\"\ndates = [\"2027-02-06/2027-02-12\"]\n";
    let faults = |schedule: &str| {
        let text = spoiled(
            "id = \"tea10\"",
            &format!("id = \"tea10\"\nschedule = {schedule}"),
        );
        faults_of(&format!("{text}\n{calendar}"))
    };
    for (schedule, told) in [
        (
            r#"{ days = ["mon"] }"#,
            ".time_zone (offer \"tea10\"): is missing: days and hours are those of a time zone such as Asia/Shanghai",
        ),
        (
            r#"{ days = ["mo"], time_zone = "Asia/Shanghai" }"#,
            ".days[0] (offer \"tea10\") is \"mo\": must be one of mon, tue, wed, thu, fri, sat, sun; did you mean \"mon\"?",
        ),
        (
            r#"{ hours = [{ from = "24:00", until = "02:00" }], time_zone = "Asia/Shanghai" }"#,
            ".hours[0].from (offer \"tea10\") is \"24:00\": must be a time from 00:00 to 23:59",
        ),
        (
            r#"{ hours = [{ from = "10:00", until = "10:00" }], time_zone = "Asia/Shanghai" }"#,
            ".hours[0].until (offer \"tea10\") is \"10:00\": must differ from from",
        ),
        (
            r#"{ only_on = ["ch"], time_zone = "Asia/Shanghai" }"#,
            ".only_on[0] (offer \"tea10\") is \"ch\": must name an entry of calendar; did you mean \"cn\"?",
        ),
        (
            r#"{ only_on = ["cn"], except_on = ["cn"], time_zone = "Asia/Shanghai" }"#,
            ".only_on (offer \"tea10\"): is never on: none of the days of only_on is among days and not in except_on",
        ),
    ] {
        assert_eq!(
            faults(schedule),
            [format!("offer[1].schedule{told}")],
            "for {schedule}"
        );
    }
    for (dates, told) in [
        (
            "[]",
            ".dates (calendar \"cn\"): is empty, must name at least 1 day",
        ),
        (
            "[\"2027-02-30\"]",
            ".dates[0] (calendar \"cn\") is \"2027-02-30\": must be a day such as 2027-02-06, or days such as 2027-02-06/2027-02-12",
        ),
        (
            "[\"2027-02-12/2027-02-06\"]",
            ".dates[0] (calendar \"cn\") is \"2027-02-12/2027-02-06\": must not end before it begins",
        ),
        (
            "[\"1900-01-01/2100-01-01\"]",
            ".dates (calendar \"cn\"): has more than 10000 days",
        ),
    ] {
        let text = format!("{BASE}\n[[calendar]]\nid = \"cn\"\ndates = {dates}\n");
        assert_eq!(
            faults_of(&text),
            [format!("calendar[0]{told}")],
            "for {dates}"
        );
    }
}
