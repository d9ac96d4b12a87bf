//! Shops: what shoppers do, and what is wrong with one.

use std::path::Path;

use super::*;
use crate::domain::ids::OfferNumber;
use crate::domain::math;

/// One segment; a tenth and a fifth off.
const SHOP: &str = r#"
name = "shop"
rounds = 4_000
seeds = "0..3"
[environment]
kind = "shop"
starts_on = "2027-02-01"
visits_per_day = 1_000
shoppers = 900
purchase_delay = "10min"
refund_rate = 0.2
refund_delay = "1d"
articles = [{ sku = "tea", price = "50.00", cost = "20.00" }]
[environment.catalog]
[[environment.catalog.placement]]
id = "checkout"
objective = "margin"
currency = "CNY"
attribution_window = "12h"
allowed_lateness = "0s"
refund_window = "2d"
holdout_basis_points = 2000
policy = { kind = "uniform" }
[[environment.catalog.offer]]
id = "tenth"
placements = ["checkout"]
benefit = { kind = "percent_off", discount_basis_points = 1000 }
[[environment.catalog.offer]]
id = "fifth"
placements = ["checkout"]
benefit = { kind = "percent_off", discount_basis_points = 2000 }
[[environment.segments]]
name = "everybody"
share = 1.0
purchase_rate = 0.25
price_sensitivity = 5.0
baskets = [{ lines = { tea = 2 } }]
[[policies]]
name = "fifth"
kind = "fixed"
preference = ["fifth"]
[[policies]]
name = "tenth"
kind = "fixed"
preference = ["tenth"]
"#;

/// The committed files beside the scenarios.
pub(super) struct Committed;

impl Files for Committed {
    fn rows(&self, document: &ClassificationDocument) -> Result<LabelledRows, String> {
        Err(format!("{} is not read here", document.data))
    }

    fn text(&self, name: &str) -> Result<String, String> {
        let path = Path::new("simulations").join(name);
        std::fs::read_to_string(path).map_err(|error| error.to_string())
    }
}

/// A reward follows from the cart, the discount and the chance of a purchase.
#[test]
fn a_shop_earns_what_its_numbers_say() {
    let summary = played(SHOP, &["environment.refund_rate=0.0"]);
    // Two for 50, of which 40 are costs; a fifth is 20, a tenth 10.
    let log_odds = -math::ln(3.0);
    let chance = math::logistic;
    let shown = [
        (chance(log_odds + 1.0), 40.0),
        (chance(log_odds + 0.5), 50.0),
    ];
    for (policy, (rate, margin)) in summary.policies.iter().zip(shown) {
        let expected = 0.8 * rate * margin + 0.2 * 0.25 * 60.0;
        let error = policy.reward_se.unwrap().max(0.3);
        assert!(
            (policy.reward_mean - expected).abs() < 4.5 * error,
            "{}: {} instead of {expected}",
            policy.name,
            policy.reward_mean
        );
        // Nobody earns more with a tenth than with a fifth off.
        assert!(
            (policy.regret_mean == 0.0) == (policy.name == "fifth"),
            "{policy:?}"
        );
    }
}

/// All policies meet the same shoppers with the same luck: whoever buys for less
/// buys for more.
#[test]
fn a_larger_discount_sells_to_everybody_whom_a_smaller_one_does() {
    let scenario = scenario(SHOP, &[]).unwrap();
    let mut world = scenario.environment.world(5);
    let mut sold = [0; 3];
    for _ in 0..2_000 {
        let situation = world.next_situation();
        let Some(eligible) = situation.eligible else {
            assert!(world.sale(None).is_some() || world.sale(Some(0)).is_none());
            continue;
        };
        assert_eq!(eligible.as_slice(), [OfferNumber(0), OfferNumber(1)]);
        let buys = [None, Some(0), Some(1)].map(|choice| world.sale(choice).is_some());
        assert!(buys[0] <= buys[1] && buys[1] <= buys[2], "{buys:?}");
        for (count, buys) in sold.iter_mut().zip(buys) {
            *count += u32::from(buys);
        }
        world.go_on(Some(1));
    }
    assert!(sold[0] < sold[1] && sold[1] < sold[2], "{sold:?}");
}

#[test]
fn about_a_fifth_is_held_out_and_always_the_same_shoppers() {
    let scenario = scenario(SHOP, &[]).unwrap();
    let mut world = scenario.environment.world(2);
    let mut held_out = std::collections::BTreeMap::new();
    for _ in 0..4_000 {
        let situation = world.next_situation();
        let shopper = situation.visitor.unwrap().shopper;
        let is_held_out = situation.eligible.is_none();
        assert_eq!(*held_out.entry(shopper).or_insert(is_held_out), is_held_out);
    }
    let shoppers = held_out.len();
    let held_out = held_out
        .values()
        .filter(|is_held_out| **is_held_out)
        .count();
    // Five standard deviations of a binomial share of a fifth.
    assert!(
        (5 * held_out).abs_diff(shoppers) < 300,
        "{held_out} of {shoppers}"
    );
}

/// Over the first decisions two policies come to what they come to in a scenario
/// of no more decisions.
#[test]
fn the_first_decisions_are_compared_as_if_there_were_no_more() {
    let compare = "compare=[{ policy = 'fifth', than = 'tenth', decisions = 900 }, \
                   { policy = 'tenth', than = 'fifth', decisions = 100000 }]";
    for from in ["count_from=0", "count_from=100"] {
        let long = played(SHOP, &[compare, from, "rounds=2000"]);
        let until = if from == "count_from=0" {
            "rounds=900"
        } else {
            "rounds=1000"
        };
        let short = played(SHOP, &[from, until]);
        let [early, all] = &long.comparisons[..] else {
            panic!("{:?}", long.comparisons);
        };
        let counted = long.policies[0].decisions;
        assert_eq!((early.decisions, all.decisions), (900, counted));
        // The one that misses nothing leads.
        let (short, long) = (&short.differences[0], &long.differences[0]);
        assert_eq!(long.than, "fifth");
        assert_eq!(
            (early.reward, early.regret),
            (short.reward.scaled(-1.0), short.regret.scaled(-1.0))
        );
        assert_eq!((all.reward, all.regret), (long.reward, long.regret));
        assert!(early.reward != all.reward.scaled(-1.0));
    }
}

#[test]
fn what_cannot_be_compared_is_told() {
    for (compare, message) in [
        (
            "[{ policy = 'fifht', than = 'tenth' }]",
            "compare.0.policy is \"fifht\": no policy has this name; the nearest known name is \
             \"fifth\"",
        ),
        (
            "[{ policy = 'fifth', than = 'fifth' }]",
            "compare.0.than is \"fifth\": it is compared with itself",
        ),
        (
            "[{ policy = 'fifth', than = 'tenth', decisions = 0 }]",
            "compare.0.decisions is 0, it must be in [1, 1000000000]",
        ),
    ] {
        let change = format!("compare={compare}");
        assert_eq!(scenario(SHOP, &[&change]).unwrap_err(), message);
    }
}

/// A scenario's files, made up.
struct MadeUp(&'static str);

impl Files for MadeUp {
    fn rows(&self, document: &ClassificationDocument) -> Result<LabelledRows, String> {
        Err(format!("{} is not read here", document.data))
    }

    fn text(&self, _: &str) -> Result<String, String> {
        Ok(self.0.to_owned())
    }
}

/// Beside tea, a cup or a rope is shown.
const CROSS_SELLS: &[&str] = &[
    "environment.counts=\"added\"",
    "environment.refund_rate=0.0",
    "environment.articles=[{ sku = 'tea', price = '50.00', cost = '20.00' }, \
     { sku = 'cup', price = '30.00', cost = '10.00' }, { sku = 'rope', price = '30.00', cost = '10.00' }]",
    "environment.catalog.placement.0.holdout_basis_points=0",
    "environment.catalog.offer.0.benefit={ kind = 'cross_sell', sku = 'cup' }",
    "environment.catalog.offer.1.benefit={ kind = 'cross_sell', sku = 'rope' }",
    "environment.segments.everybody.baskets=[{ lines = { tea = 1 }, adds = { cup = 0.5 } }]",
    "environment.affinity=\"affinity.toml\"",
    "policies=[{ name = 'all', kind = 'uniform' }, { name = 'companions', kind = 'uniform', affinity = true }]",
];

const ROPE_GOES_WITH_NAILS: &str = "affinity = [\
    { sku = 'cup', with = [{ skus = ['tea'], lift = 3.0 }] }, \
    { sku = 'rope', with = [{ skus = ['nails'], lift = 3.0 }] }]";

fn cross_selling(affinity: &'static str, more: &[&str]) -> Result<Scenario, String> {
    let overrides = CROSS_SELLS.iter().chain(more);
    let overrides: Vec<Override> = overrides.map(|set| set.parse().unwrap()).collect();
    Scenario::read_with(SHOP, &overrides, &MadeUp(affinity)).map_err(|error| error.to_string())
}

/// Who goes by affinity shows nothing that does not go with the cart, and misses
/// nothing here; whoever shows everything in turn misses half.
#[test]
fn a_policy_of_a_shop_may_show_companions_alone() {
    let scenario = cross_selling(ROPE_GOES_WITH_NAILS, &["rounds=600"]).unwrap();
    let played = run(&scenario, &|_| ControlFlow::Continue(())).unwrap();
    let [all, companions] = &played.policies[..] else {
        panic!("two policies were played");
    };
    assert_eq!(companions.choices, [4 * 600, 0]);
    assert!(
        all.choices.iter().all(|count| *count > 1_000),
        "{:?}",
        all.choices
    );
    let summary = &played.summary;
    assert_eq!(summary.policies[1].regret_mean, 0.0);
    assert!(summary.policies[0].regret_mean > 0.0);
}

#[test]
fn what_is_wrong_with_affinity_in_a_shop_is_told() {
    let told = |affinity, more: &[&str]| cross_selling(affinity, more).unwrap_err();
    let none = scenario(SHOP, &["policies.fifth.affinity=true"]);
    assert_eq!(
        none.unwrap_err(),
        "policies.fifth.affinity: environment.affinity has to name the file that says what goes with \
         what"
    );
    let prior = "policies.all.affinity_prior={ base_rate = 0.1, decisions = 5 }";
    assert_eq!(
        told(ROPE_GOES_WITH_NAILS, &[prior]),
        "policies.all.affinity_prior: needs affinity = true, or a catalogue that says what goes with \
         what"
    );
    // The catalogue's own check: the placement is after margin.
    let refused = told(ROPE_GOES_WITH_NAILS, &[&prior.replace("all", "companions")]);
    assert!(
        refused.contains("needs the objective conversion"),
        "{refused}"
    );
    let twice = "affinity = [{ sku = 'cup', with = [{ skus = ['cup'], lift = 3.0 }] }]";
    let refused = told(twice, &[]);
    assert!(
        refused.starts_with("environment.affinity: affinity.toml: the catalogue has 1 fault")
            && refused.contains("must be another article"),
        "{refused}"
    );
    let refused = told("affinities = []", &[]);
    assert!(
        refused.starts_with("environment.affinity: affinity.toml: "),
        "{refused}"
    );
}

#[test]
fn what_is_wrong_with_a_shop_is_told() {
    for (change, message) in [
        (
            "environment.segments.everybody.share=0.9",
            "environment.segments: the sum of the shares is 0.9, it must be in [1, 1]",
        ),
        (
            "environment.segments.everybody.purchase_rate=1.5",
            "environment.segments.everybody.purchase_rate is 1.5, it must be in [0.000000001, \
             0.999999999]",
        ),
        (
            "environment.starts_on=\"soon\"",
            "environment.starts_on: \"soon\" is not a day such as 2027-02-06",
        ),
        (
            "environment.time_zone=\"Asia/Shanghi\"",
            "environment.time_zone: \"Asia/Shanghi\" is not the name of a time zone",
        ),
        (
            "environment.placement=\"chekout\"",
            "environment.placement: \"chekout\" is no placement of the catalogue; the nearest known \
             name is \"checkout\"",
        ),
        (
            "environment.catalog=\"none.toml\"",
            "environment.catalog: the file \"none.toml\" is not read here",
        ),
        (
            "environment.segments.everybody.baskets.0.lines={ coffee = 1 }",
            "environment.segments.everybody.baskets.0.lines.coffee: \"coffee\" is no article of the \
             shop",
        ),
        (
            "environment.segments.everybody.appeal={ tenht = 1.0 }",
            "environment.segments.everybody.appeal: \"tenht\" is no offer of placement \"checkout\"; \
             the nearest known name is \"tenth\"",
        ),
        (
            "environment.segments.everybody.attributes={ tier = \"gold\" }",
            "environment.segments.everybody.attributes.tier: the catalogue does not declare it",
        ),
        (
            "environment.hours=[1, 2]",
            "environment.hours: has 2 weights, needs 24",
        ),
        (
            "environment.weekdays=[0, 0, 0, 0, 0, 0, 0]",
            "environment.weekdays: every weight is 0",
        ),
        (
            "policies.fifth.preference=[\"fifht\"]",
            "policies.fifth: the catalogue has 1 fault\n  placement[0].policy.preference (placement \
             \"checkout\") is \"fifht\": must name an entry of offer; did you mean \"fifth\"?",
        ),
        (
            "policies.fifth.objective=\"profit\"",
            "policies.fifth.objective: \"profit\" is not conversion, net_revenue or margin",
        ),
        (
            "policies.fifth.update_every=5",
            "policies.fifth.update_every is 5, it must be in [1, 1]",
        ),
    ] {
        assert_eq!(scenario(SHOP, &[change]).unwrap_err(), message, "{change}");
    }
}
