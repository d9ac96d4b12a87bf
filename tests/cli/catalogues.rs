//! `promobandit catalog` on files and on a running service.

use std::fmt::Write as _;

use serde_json::json;

use crate::served::{Served, json, run, stderr};

/// A catalogue of 5,000 offers with 12 faults, each with the key and a word of
/// what is told of it.
fn faulty() -> (String, [(&'static str, &'static str); 12]) {
    let mut text = "[[attribute]]\nname = \"tier\"\nkind = \"string\"\n\
        [[placement]]\nid = \"checkout\"\nobjective = \"conversion\"\ncurrency = \"CNY\"\n\
        policy = { kind = \"thompson_beta\" }\n\
        [[placement]]\nid = \"shop-eu\"\nobjective = \"margin\"\ncurrency = \"EUR\"\n\
        policy = { kind = \"epsilon_greedy\", epsilon = 0.1 }\n\
        [[campaign]]\nid = \"spring\"\n"
        .to_owned();
    let benefit = "benefit = { kind = \"amount_off\", amount = \"1.00\" }";
    let faults = [
        (
            17,
            "eligibility = { all = [{ shopper = \"new\" }, { shopper = \"returning\" }] }",
            benefit,
        ),
        (
            411,
            "",
            "benefit = { kind = \"spend_threshold\", tiers = [{ spend = \"100\", save = \"10\" }, { spend = \"90\", save = \"20\" }] }",
        ),
        (802, "", "benefit = { kind = \"gift\", sku = \"tea\" }"),
        (1_203, "PLACEMENTS = [\"checkout\", \"shop-eu\"]", benefit),
        (
            1_604,
            "schedule = { starts_at = \"2027-02-06T00:00:00Z\", ends_at = \"2027-02-05T00:00:00Z\" }",
            benefit,
        ),
        (
            2_005,
            "schedule = { starts_at = \"2026-03-29T02:30:00\", time_zone = \"Europe/Berlin\" }",
            benefit,
        ),
        (
            2_406,
            "schedule = { starts_at = \"2026-10-25T02:30:00\", time_zone = \"Europe/Berlin\" }",
            benefit,
        ),
        (
            2_807,
            "schedule = { time_zone = \"Asia/Shanghia\" }",
            benefit,
        ),
        (3_208, "campaign = \"sprin\"", benefit),
        (3_609, "titel = \"x\"", benefit),
        (
            4_010,
            "",
            "benefit = { kind = \"amount_off\", amount = \"1.001\" }",
        ),
        (
            4_999,
            "eligibility = { attribute = \"teir\", equals = \"gold\" }",
            benefit,
        ),
    ];
    for number in 0..5_000 {
        let fault = faults.iter().find(|(place, _, _)| *place == number);
        let (more, benefit) = fault.map_or(("", benefit), |(_, more, benefit)| (*more, *benefit));
        let placements = match more.strip_prefix("PLACEMENTS") {
            Some(placements) => format!("placements{placements}"),
            None => format!("placements = [\"checkout\"]\n{more}"),
        };
        let _ = writeln!(
            text,
            "[[offer]]\nid = \"offer-{number}\"\n{placements}\n{benefit}"
        );
    }
    let told = [
        ("offer[17].eligibility", "can never hold"),
        (
            "offer[411].benefit.tiers[1].spend",
            "above the spend of the tier before",
        ),
        ("offer[802].benefit.sku", "a gift without stock"),
        ("offer[1203].placements", "one currency"),
        ("offer[1604].schedule.ends_at", "later than starts_at"),
        (
            "offer[2005].schedule.starts_at",
            "does not exist in Europe/Berlin",
        ),
        (
            "offer[2406].schedule.starts_at",
            "comes twice in Europe/Berlin",
        ),
        (
            "offer[2807].schedule.time_zone",
            "did you mean \"Asia/Shanghai\"",
        ),
        ("offer[3208].campaign", "must name an entry of campaign"),
        ("offer[3609].titel", "unknown field"),
        ("offer[4010].benefit.amount", "too fine"),
        ("offer[4999].eligibility.attribute", "declared attribute"),
    ];
    (text, told)
}

#[test]
fn check_names_every_fault_with_line_and_key() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("shop.toml");
    let (text, planted) = faulty();
    std::fs::write(&file, &text).expect("written");
    let file = file.to_str().expect("a path");
    let checked = run(["catalog", "check", file, "--output", "json"]);
    assert_eq!(checked.status.code(), Some(3), "{}", stderr(&checked));
    let told: serde_json::Value = serde_json::from_slice(&checked.stdout).expect("JSON");
    assert_eq!(told["ok"], json!(false));
    let faults = told["faults"].as_array().expect("a list");
    let lines: Vec<&str> = text.lines().collect();
    for (key, word) in planted {
        let fault = faults.iter().find(|fault| fault["key"] == json!(key));
        let fault = fault.unwrap_or_else(|| panic!("{key} is not among {faults:#?}"));
        assert!(
            fault.to_string().replace("\\", "").contains(word),
            "{fault}"
        );
        let line = usize::try_from(fault["line"].as_u64().expect("a line")).expect("a line");
        let innermost = key.rsplit('.').next().expect("a key");
        let innermost = innermost.split('[').next().expect("a key");
        assert!(
            lines[line - 1].contains(innermost),
            "{key}: {:?}",
            lines[line - 1]
        );
    }
    assert_eq!(faults.len(), planted.len(), "{faults:#?}");
}

#[tokio::test]
async fn a_file_is_compared_and_put_in_force() {
    let directory = tempfile::tempdir().expect("a directory");
    let (data_dir, file) = (
        directory.path().join("data"),
        directory.path().join("shop.toml"),
    );
    let shop = |amount: &str| {
        format!(
            "[[placement]]\nid = \"checkout\"\nobjective = \"conversion\"\ncurrency = \"CNY\"\n\
             policy = {{ kind = \"uniform\" }}\n[[offer]]\nid = \"save\"\nplacements = [\"checkout\"]\n\
             eligibility = {{ channel = [\"app\"] }}\n\
             benefit = {{ kind = \"amount_off\", amount = \"{amount}\" }}\n"
        )
    };
    std::fs::write(&file, shop("1.00")).expect("written");
    let path = file.to_str().expect("a path");
    let served = Served::start(&data_dir, &["--config", path]).await;
    let endpoint = served.endpoint.clone();
    let same = json([
        "catalog",
        "diff",
        path,
        "--endpoint",
        &endpoint,
        "--output",
        "json",
    ]);
    assert_eq!(same["same"], json!(true));

    std::fs::write(&file, shop("2.00")).expect("written");
    let differs = run(["catalog", "diff", path, "--endpoint", &endpoint]);
    assert_eq!(differs.status.code(), Some(3));
    assert_eq!(
        String::from_utf8_lossy(&differs.stdout).trim_end(),
        "against version 1: offers: 1 changed (save)"
    );
    let apply = [
        "catalog",
        "apply",
        path,
        "--endpoint",
        &endpoint,
        "--actor",
        "ann",
        "--output",
        "json",
    ];
    let applied = json(apply);
    assert_eq!(
        (&applied["version"], &applied["unchanged"]),
        (&json!(2), &json!(false))
    );
    assert_eq!(json(apply)["unchanged"], json!(true));

    let preview = |channel: &str| {
        json([
            "catalog",
            "preview",
            "--endpoint",
            &endpoint,
            "--placement",
            "checkout",
            "--channel",
            channel,
            "--line",
            "tea:2:49.90:drinks",
            "--output",
            "json",
        ])
    };
    let app = preview("app");
    assert_eq!(app["decision"]["offers"][0]["offer_id"], json!("save"));
    let web = preview("web");
    assert_eq!(
        web["candidates"][0]["rejection_code"],
        json!("CHANNEL_EXCLUDED")
    );
    assert_eq!(web["decision"]["kind"], json!("DECISION_KIND_NO_OFFER"));
}
