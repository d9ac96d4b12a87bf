//! `promobandit policy` beside a running service.

use crate::served::{Served, json, run, stderr};

const CATALOG: &str = r#"
[[placement]]
id = "checkout"
objective = "conversion"
currency = "CNY"
policy = { kind = "thompson_beta" }

[[offer]]
id = "ten-off"
placements = ["checkout"]
benefit = { kind = "percent_off", discount_basis_points = 1000 }

[[offer]]
id = "free"
placements = ["checkout"]
benefit = { kind = "free_shipping" }
"#;

#[tokio::test]
async fn priors_are_told_changed_policies_keep_them_and_a_reset_forgets_them() {
    let directory = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.to_str().expect("UTF-8").to_owned()
    };
    let catalog = file("catalog.toml", CATALOG);
    let served = Served::start(&directory.path().join("data"), &["--config", &catalog]).await;
    let endpoint = served.endpoint.as_str();
    let priors = file(
        "priors.csv",
        "offer,reward,times\nten-off,1,3000\nten-off,0,27000\nfree,1,20\nfree,0,380\n",
    );
    let asked = ["policy", "priors", "checkout", &priors, "--most", "20000"];
    let [policy, verb, placement, path, most, bound] = asked;
    let learnt = |more: &'static str| {
        let first = [policy, verb, placement, path, most, bound];
        let [a, b, c, d, e, f] = first;
        json([a, b, c, d, e, f, "--endpoint", endpoint, "--output", more])
    };
    let told = learnt("json");
    assert_eq!(told["learnt"], 20_400, "{told}");
    assert_eq!(told["arms"][0]["rewards"], 400);
    assert_eq!(told["arms"][1]["rewards"], 20_000);
    assert_eq!(told["arms"][1]["mean"], 0.1);
    assert!(told["imports"].as_u64() > Some(2), "{told}");
    // The same command again changes nothing.
    let again = learnt("json");
    assert_eq!(again["learnt"], 0, "{again}");
    assert_eq!(again["duplicates"], again["imports"]);

    let epsilon = file("policy.toml", "kind = \"epsilon_greedy\"\nepsilon = 0.02\n");
    let change = [
        "policy",
        "change",
        "checkout",
        &epsilon,
        "--endpoint",
        endpoint,
    ];
    let [a, b, c, d, e, f] = change;
    let changed = json([a, b, c, d, e, f, "--output", "json"]);
    assert_eq!(changed["version"], 2);
    let carried = changed["carried_over"].as_str().expect("text");
    assert!(carried.contains("2 arms is kept"), "{carried}");

    let reset = [
        "policy",
        "reset",
        "checkout",
        "--offer",
        "free",
        "--endpoint",
        endpoint,
    ];
    let [a, b, c, d, e, f, g] = reset;
    let reset = json([a, b, c, d, e, f, g, "--output", "json"]);
    assert_eq!(reset["forgotten"], 400);

    for (name, text, message) in [
        (
            "bad.csv",
            "offer,reward\nfree,1\n",
            "the header has no column times",
        ),
        (
            "none.csv",
            "offer,reward,times\nfree,1,0\n",
            "row 1, column times: \"0\"",
        ),
        (
            "other.csv",
            "offer,reward,times,price\nfree,1,1,2\n",
            "the column \"price\"",
        ),
        (
            "who.csv",
            "offer,reward,times\nlead,1,1\n",
            "rewards[0].offer_id",
        ),
    ] {
        let path = file(name, text);
        let refused = run([
            "policy",
            "priors",
            "checkout",
            &path,
            "--endpoint",
            endpoint,
        ]);
        assert!(!refused.status.success(), "{name}");
        let told = stderr(&refused);
        assert!(told.contains(message), "{name}: {told}");
    }
    served.stop();
}
