//! What may be asked of a log of choices besides its estimates.

use super::*;

/// A log, its checkout, and what is asked of it.
struct Asked {
    folder: TempDir,
    log: String,
}

impl Asked {
    fn new(rounds: usize) -> Self {
        let folder = TempDir::new().unwrap();
        let log = dsjson(&folder, rounds, -1.0);
        Self { folder, log }
    }

    fn arguments<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let first = ["--log", &self.log, "--placement", "checkout"];
        let mut arguments = [&first[..], &["--bootstrap", "0"]].concat();
        arguments.extend(more);
        arguments
    }

    fn answer(&self, more: &[&str]) -> Value {
        json(&self.arguments(more)).0
    }

    fn refused(&self, more: &[&str]) -> String {
        format!("{:#}", outcome(&self.arguments(more)).unwrap_err())
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

#[test]
fn the_list_says_what_each_can_do() {
    let list = outcome(&["--list-estimators"]).unwrap().report;
    for word in [
        "aw_dr_stable_var",
        "clustered_t",
        "by shopper",
        "every look",
    ] {
        assert!(list.contains(word), "{list}");
    }
    // A log is needed for anything else, and the list goes with nothing else.
    assert!(outcome(&["--target", "uniform"]).is_err());
    assert!(outcome(&["--list-estimators", "--force"]).is_err());
}

#[test]
fn winsorised_rewards_are_counted_and_named() {
    let asked = Asked::new(3_000);
    let revenue = |range: &'static str| {
        let words = [
            "--target",
            "uniform",
            "--metric",
            "revenue",
            "--reward-range",
        ];
        [&words[..], &[range]].concat()
    };
    let whole = asked.answer(&revenue("0:700"));
    assert!(whole["estimand"].is_null());
    let refused = asked.refused(&revenue("0:350"));
    assert!(refused.contains("700 is not in the declared range [0, 350]"));
    let half = asked.answer(&[&revenue("0:350")[..], &["--winsorise"]].concat());
    assert_eq!(half["estimand"], "the mean revenue, winsorised to [0, 350]");
    let moved = half["diagnostics"]["winsorised_rewards"].as_f64().unwrap();
    let rewarded = whole["diagnostics"]["mean_reward"].as_f64().unwrap() / 700.0 * 2_000.0;
    assert!((moved - rewarded).abs() < 1e-6);
    let (whole, half) = (value(&whole, "ips").unwrap(), value(&half, "ips").unwrap());
    assert!((half - 0.5 * whole).abs() < 1e-9);
}

/// With an embedding of its own for each action, weights are the plain ones.
#[test]
fn embeddings_come_from_a_table_with_every_name() {
    let asked = Asked::new(1_500);
    let with = |table: &str| {
        let file = asked.file("embeddings.csv", table);
        let words = [
            "--target",
            "uniform",
            "--estimators",
            "ips,mips",
            "--embeddings",
            &file,
        ];
        outcome(&asked.arguments(&words)).map_err(|error| format!("{error:#}"))
    };
    let file = asked.file("own.csv", "action,kind\ntea,drink\ncake,food\n");
    let words = [
        "--target",
        "uniform",
        "--estimators",
        "ips,mips",
        "--embeddings",
        &file,
    ];
    let answer = asked.answer(&words);
    assert_eq!(value(&answer, "ips"), value(&answer, "mips"));
    let refused = with("action,kind\ntea,drink\n").unwrap_err();
    assert!(
        refused.contains("row 1, the action \"cake\" has no embedding"),
        "{refused}"
    );
    assert!(
        with("action\ntea\n")
            .unwrap_err()
            .contains("no column but action")
    );
    assert!(
        with("name,kind\ntea,drink\n")
            .unwrap_err()
            .contains("no column action")
    );
    let twice = with("action,kind\ntea,drink\ntea,food\n").unwrap_err();
    assert!(twice.contains("row 2: the action \"tea\" is there twice"));
    let bare = asked.refused(&["--target", "uniform", "--estimators", "mips"]);
    assert_eq!(
        bare,
        "mips cannot be computed: the log has no action embeddings"
    );
}

/// The log shows the cake, which earns 0.6, with 0.25, so that no weight exceeds 4;
/// a policy that learns to show it with 0.9 earns some 0.55 in the end.
#[test]
fn a_policy_may_learn_on_the_way() {
    let asked = Asked::new(12_000);
    let file = asked.file("policy.toml", "kind = 'epsilon_greedy'\nepsilon = 0.2\n");
    let target = format!("learning:{file}");
    let refused = asked.refused(&["--target", &target]);
    assert!(refused.contains("needs --max-weight"), "{refused}");
    let answer = asked.answer(&["--target", &target, "--max-weight", "4"]);
    let replay = &answer["replay"];
    // Of 8,000 rounds a quarter are accepted.
    let accepted = replay["accepted_rounds"].as_f64().unwrap();
    assert!((accepted - 2_000.0).abs() < 160.0, "{accepted}");
    let replayed = replay["value"].as_f64().unwrap();
    let robust = value(&answer, "anytime_dr").unwrap();
    assert!((replayed - 0.55).abs() < 0.06, "{replayed}");
    assert!((robust - replayed).abs() < 0.07, "{robust} {replayed}");
    let wrong = asked.file("wrong.toml", "kind = 'epsilon_greedy'\nepsilon = 2\n");
    let target = format!("learning:{wrong}");
    assert!(
        asked
            .refused(&["--target", &target, "--max-weight", "4"])
            .contains("epsilon")
    );
    let other = asked.refused(&["--target", "config:7:policy.toml"]);
    assert!(other.starts_with("only a ledger has the policy of a position"));
}

#[test]
fn a_page_stands_for_itself() {
    let asked = Asked::new(1_500);
    let page = asked.folder.path().join("page.html");
    let path = page.display().to_string();
    asked.answer(&["--target", "uniform", "--report", &path]);
    let html = std::fs::read_to_string(&page).unwrap();
    for words in [
        "The log can answer.",
        "Over time",
        "Weights and support",
        "<svg",
        "cake",
    ] {
        assert!(html.contains(words), "no {words:?}");
    }
    assert!(!html.contains("http://") && !html.contains("https://"));
    // A log that cannot answer has a page too, which shows no estimate.
    let few = Asked::new(60);
    few.answer(&["--target", "uniform", "--report", &path]);
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.contains("Not identifiable") && !html.contains("Over time"));
}

#[test]
fn rows_without_decisions_are_no_slates() {
    let asked = Asked::new(90);
    let refused = asked.refused(&["--target", "uniform", "--slates", "all"]);
    assert!(refused.contains("does not say which decision"), "{refused}");
    assert!(outcome(&asked.arguments(&["--target", "uniform", "--slates", "ips"])).is_err());
}

/// Shoppers of the log are rows here; nothing that reads the log in its order is
/// told of a policy that knows later rows.
#[test]
fn a_policy_that_learns_from_the_log_is_cross_fitted() {
    let asked = Asked::new(3_000);
    let file = asked.file("policy.toml", "kind = 'epsilon_greedy'\nepsilon = 0.2");
    let target = format!("cross-fitted:{file}");
    let answer = asked.answer(&["--target", &target, "--folds", "4", "--max-weight", "10"]);
    let label = answer["target_is"].as_str().unwrap();
    assert!(label.starts_with("cross-fitted in 4 folds by "), "{label}");
    assert!(value(&answer, "ips").is_some());
    assert!(value(&answer, "anytime_dr").is_none());
    let kinds = answer["intervals"].as_array().unwrap().iter();
    let kinds: Vec<&str> = kinds.filter_map(|line| line["kind"].as_str()).collect();
    assert!(!kinds.contains(&"confidence_sequence") && !kinds.contains(&"anytime_valid"));
    let named = asked.refused(&["--target", &target, "--estimators", "anytime_dr"]);
    assert!(named.contains("no later round"), "{named}");
    let gate = ["--against", "current", "--candidate", &target];
    assert!(asked.refused(&gate).contains("snapshot:POSITION"));
    let today = asked.refused(&["--target", "cross-fitted"]);
    assert!(today.contains("only a ledger"), "{today}");
}
