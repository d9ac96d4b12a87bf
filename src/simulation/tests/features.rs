//! Environments with features.

use super::*;
use crate::simulation::{ClassificationDocument, LabelledRows};

const LOGISTIC: &str = "name = 'l'\nrounds = 600\nseeds = '0..2'\n\
    [environment]\nkind = 'logistic'\noffers = 3\ndimension = 4\nspread = 3.0\nbase_rate = 0.3\n\
    [[policies]]\nname = 'uniform'\nkind = 'uniform'\n\
    [[policies]]\nname = 'reg_cb'\nkind = 'reg_cb'\nmodel = { random_features = 16 }\nrecommended = true";

#[test]
fn a_policy_that_looks_at_features_earns_more() {
    let linear = LOGISTIC
        .replace("'logistic'", "'linear'")
        .replace("base_rate = 0.3", "noise = 0.5")
        .replace("kind = 'reg_cb'", "kind = 'lin_ucb'");
    for text in [LOGISTIC.to_owned(), linear] {
        let summary = played(&text, &[]);
        let regrets: Vec<f64> = summary.policies.iter().map(|it| it.regret_mean).collect();
        assert!(regrets[1] < 0.4 * regrets[0], "{regrets:?}");
        let recommended: Vec<bool> = summary.policies.iter().map(|it| it.recommended).collect();
        assert_eq!(recommended, [false, true]);
    }
}

const CLASSES: &str = "name = 'c'\nseeds = '0..1'\n\
    [environment]\nkind = 'classification'\ndata = 'rows'\n\
    [[policies]]\nkind = 'linear_thompson'";

/// Two classes of numbers.
struct Classes;

impl Files for Classes {
    fn rows(&self, document: &ClassificationDocument) -> Result<LabelledRows, String> {
        rows(document)
    }

    fn text(&self, name: &str) -> Result<String, String> {
        Err(format!("{name} is not here"))
    }
}

fn rows(document: &ClassificationDocument) -> Result<LabelledRows, String> {
    let count = 200;
    let features = (0..count)
        .map(|row| (row * 37 % 200) as f64)
        .collect::<Vec<_>>();
    let labels = features
        .iter()
        .map(|entry| usize::from(*entry >= 100.0))
        .collect();
    let order = |seed| (seed, (0..count).rev().collect());
    let orders = document.order.as_ref().map(|_| vec![order(0), order(1)]);
    LabelledRows::new(1, features, labels, orders)
}

fn read(overrides: &[&str]) -> Result<Scenario, String> {
    let overrides: Vec<Override> = overrides.iter().map(|it| it.parse().unwrap()).collect();
    Scenario::read_with(CLASSES, &overrides, &Classes).map_err(|error| error.to_string())
}

#[test]
fn a_classified_data_set_is_played_once_through() {
    for overrides in [&[][..], &["environment.order=file"]] {
        let scenario = read(overrides).unwrap();
        assert_eq!(scenario.rounds, 200);
        let played = run(&scenario, &|_| ControlFlow::Continue(()));
        let summary = played.unwrap().summary;
        assert!(summary.policies[0].reward_mean > 0.8, "{summary:?}");
        let mean = summary.policies[0].reward_mean;
        let regret = summary.policies[0].regret_mean;
        assert!((200.0 * (1.0 - mean) - regret).abs() < 1e-9);
    }
}

#[test]
fn what_is_wrong_with_features_is_told() {
    assert_eq!(
        read(&["environment.order=file", "seeds=0..2"]).unwrap_err(),
        "environment.order has no column seed_2, and seeds asks for that seed"
    );
    assert_eq!(
        scenario(CLASSES, &[]).unwrap_err(),
        "environment: data names the file \"rows\", which is not read here"
    );
    let told = scenario(LOGISTIC, &["policies.uniform.recommended=true"]).unwrap_err();
    assert_eq!(
        told,
        "policies.reg_cb: recommended stands at another policy already"
    );
    let tabular = "name = 't'\nrounds = 5\nseeds = 1\n[environment]\nkind = 'bernoulli'\n\
        rates = [0.1]\n[[policies]]\nkind = 'lin_ucb'";
    assert_eq!(
        scenario(tabular, &[]).unwrap_err(),
        "policies.lin_ucb: features has 0 entries, it must have from 1 to 1023, and the \
         environment says how many there are"
    );
    let bad = |features: Vec<f64>, labels: Vec<usize>| LabelledRows::new(1, features, labels, None);
    assert_eq!(
        bad(vec![1.0, f64::NAN], vec![0, 1]).unwrap_err(),
        "feature 0 of row 1 is NaN, it must be finite"
    );
    assert_eq!(
        bad(vec![1.0], vec![0]).unwrap_err(),
        "there are 1 classes, there must be from 2 to 1000"
    );
}
