//! Limits, exposure caps, guards, budgets and pacing in the catalogue file.

use super::*;
use crate::domain::limit::{LimitKind, Metric, Scope};

/// The offer `tea10` with a limit, as it is said of its fault.
fn refuses_limit(limit: &str, place: &str, rule: &str) {
    refuses(
        "id = \"tea10\"",
        &format!("id = \"tea10\"\nlimits = [{{ {limit} }}]"),
        &format!("offer[1].limits[0]{place} (offer \"tea10\"){rule}"),
    );
}

#[test]
fn limits_say_what_they_lack() {
    refuses_limit(
        "most = 0",
        ".most",
        " is 0: must be from 1 to 1000000000000",
    );
    refuses_limit(
        "most = \"ten\"",
        ".most",
        " is \"ten\": must be a whole number from 1 to 1000000000000",
    );
    refuses_limit(
        "most = \"0.00\", metric = \"discount\"",
        ".most",
        " is \"0.00\": must be above 0 CNY",
    );
    refuses_limit(
        "most = \"1.005\", metric = \"discount\"",
        ".most",
        ": \"1.005\" is too fine: CNY has 2 decimals",
    );
    refuses_limit(
        "most = 1, scope = \"shoper\"",
        ".scope",
        " is \"shoper\": must be one of global, shopper, session, device, store, payment; did you mean \"shopper\"?",
    );
    refuses_limit(
        "most = 1, period = \"day\"",
        ".period",
        ": has no time_zone beside it: write whose clocks tell, such as Asia/Shanghai",
    );
    refuses_limit(
        "most = 1, period = \"day\", time_zone = \"Asia/Shanghia\"",
        ".time_zone",
        " is \"Asia/Shanghia\": must be an IANA time zone such as Asia/Shanghai; did you mean \"Asia/Shanghai\"?",
    );
    refuses_limit(
        "most = 1, time_zone = \"Asia/Shanghai\"",
        ".time_zone",
        " is \"Asia/Shanghai\": must stand beside a period: nothing else is told by a clock",
    );
    refuses_limit(
        "most = 1, period = \"day\", time_zone = \"Asia/Shanghai\", within = \"1h\"",
        ".within",
        " is \"1h\": must not stand beside period: a use counts for the one or the other",
    );
    refuses_limit(
        "most = 1, within = \"10ms\"",
        ".within",
        " is \"10ms\": must be from 1s to 400d",
    );
    let twice = "id = \"tea10\"\nlimits = [{ most = 1 }, { most = 2 }]";
    refuses(
        "id = \"tea10\"",
        twice,
        "offer[1].limits[1] (offer \"tea10\"): counts the same as entry 0 of the list, must stand once",
    );
    refuses(
        "id = \"tea10\"",
        "id = \"tea10\"\nexposure_caps = [{ most = 0, within = \"7d\" }]",
        "offer[1].exposure_caps[0].most (offer \"tea10\") is 0: must be from 1 to 10000",
    );
    refuses(
        "id = \"checkout\"\nobjective",
        "id = \"checkout\"\nguards = [{ per = \"global\", most = 9, within = \"1h\" }]\nobjective",
        "placement[0].guards[0].per (placement \"checkout\") is \"global\": must be one of shopper, session, device, store, payment",
    );
}

#[test]
fn money_needs_one_currency() {
    let euros = "currency = \"EUR\"\npolicy = { kind = \"epsilon_greedy\", epsilon = 0.1 }\n";
    let text = BASE
        .replace(
            "currency = \"CNY\"\npolicy = { kind = \"epsilon_greedy\", epsilon = 0.1 }\n",
            euros,
        )
        .replace(
            "placements = [\"checkout\", \"cart\"]",
            "placements = [\"checkout\"]",
        )
        .replace("id = \"tea10\"", "id = \"tea10\"\ncampaign = \"spring\"")
        .replace(
            "id = \"spring\"",
            "id = \"spring\"\nlimits = [{ metric = \"cost\", most = \"9.00\" }]\nbudget = { amount = \"0\", currency = \"EUR\" }",
        );
    assert_eq!(
        faults_of(&text),
        [
            "campaign[0].limits[0].most (campaign \"spring\"): is money and needs offers of one currency, these have CNY and EUR",
            "campaign[0].budget.currency (campaign \"spring\") is EUR: must be CNY, the currency of the campaign's offers",
        ]
    );
}

/// The campaign `spring`, whose schedule has a start and an end, with a budget
/// and this pacing.
fn paced(pacing: &str) -> String {
    spoiled(
        "id = \"spring\"",
        &format!(
            "id = \"spring\"\nbudget = {{ amount = \"1000\", currency = \"CNY\" }}\npacing = {{ {pacing} }}"
        ),
    )
}

#[test]
fn pacing_says_what_it_lacks() {
    for (pacing, expected) in [
        (
            "kind = \"evn\"",
            ".kind (campaign \"spring\") is \"evn\": must be one of even, front_loaded; did you mean \"even\"?",
        ),
        (
            "kind = \"even\", weekdays = [1, 2], time_zone = \"Asia/Shanghai\"",
            ".weekdays (campaign \"spring\"): has 2 weights, must have 7",
        ),
        (
            "kind = \"even\", weekdays = [1, 1, 1, 1, 1, 1, 1]",
            " (campaign \"spring\"): has weekdays or hours and no time_zone: write whose clocks tell them",
        ),
        (
            "kind = \"even\", start_percent = 200",
            ".start_percent (campaign \"spring\") is 200: must stand beside kind = \"front_loaded\"",
        ),
        (
            "kind = \"front_loaded\", start_percent = 100",
            ".start_percent (campaign \"spring\") is 100: must be from 101 to 10000",
        ),
        (
            "kind = \"even\", floor_basis_points = 0",
            ".floor_basis_points (campaign \"spring\") is 0: must be from 1 to 10000",
        ),
        (
            "kind = \"even\", weekdays = [0, 0, 0, 0, 0, 0, 0], time_zone = \"Asia/Shanghai\"",
            ".weekdays (campaign \"spring\"): has no weight above 0",
        ),
    ] {
        let place = "campaign[0].pacing";
        let [found] = faults_of(&paced(pacing)).try_into().expect("one fault");
        let found: String = found;
        assert_eq!(found, format!("{place}{expected}"), "for {pacing}");
    }
    refuses(
        "id = \"spring\"",
        "id = \"spring\"\npacing = { kind = \"even\" }",
        "campaign[0].pacing (campaign \"spring\"): has no budget beside it: there is nothing to pace",
    );
    let endless = paced("kind = \"even\"").replace("ends_at = \"2026-03-04T00:00:00\", ", "");
    assert_eq!(
        faults_of(&endless),
        [
            "campaign[0].pacing (campaign \"spring\"): needs schedule.ends_at: a budget is spread from a start to an end"
        ]
    );
}

#[test]
fn a_plan_follows_its_weights() {
    let at = |text: &str| {
        let timestamp: jiff::Timestamp = text.parse().expect("a time");
        Instant::from_unix_ms(timestamp.as_millisecond())
    };
    let share = |pacing: &str, time: &str| {
        let catalog = build(read_toml(&paced(pacing), "shop.toml").expect("no fault"));
        let constraints = catalog.constraints();
        let budget = constraints.limits().next().expect("a budget");
        assert_eq!((budget.kind, budget.most), (LimitKind::Budget, 100_000));
        let plan = constraints.plan(budget.number).expect("a plan");
        plan.share_before(at(time))
    };
    let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found}");
    // 15 days from midnight of 17 February, a Tuesday, in Shanghai.
    let even = "kind = \"even\"";
    near(share(even, "2026-02-16T16:00:00Z"), 0.0);
    near(share(even, "2026-02-19T16:00:00Z"), 3.0 / 15.0);
    near(share(even, "2026-03-03T16:00:00Z"), 1.0);
    near(share(even, "2027-01-01T00:00:00Z"), 1.0);
    // Three times as fast at the start as at the end: half of the time holds
    // (3 + 2) / 2 of (3 + 1).
    let falling = "kind = \"front_loaded\", start_percent = 300";
    near(share(falling, "2026-02-24T04:00:00Z"), 5.0 / 8.0);
    // Saturdays and Sundays weigh 3: two of each lie within the 15 days.
    let weekend =
        "kind = \"even\", weekdays = [1, 1, 1, 1, 1, 3, 3], time_zone = \"Asia/Shanghai\"";
    near(share(weekend, "2026-02-20T16:00:00Z"), 4.0 / 23.0);
    near(share(weekend, "2026-02-21T16:00:00Z"), 7.0 / 23.0);
    let nights = "kind = \"even\", hours = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], time_zone = \"Asia/Shanghai\"";
    near(share(nights, "2026-02-17T04:00:00Z"), 0.0);
    near(share(nights, "2026-02-17T10:00:00Z"), 0.5 / 15.0);
}

#[test]
fn limits_keep_their_numbers_and_reach_the_offers_that_they_bind() {
    let text = BASE
        .replace(
            "id = \"spring\"",
            "id = \"spring\"\nlimits = [{ most = 500 }]\nexposure_caps = [{ most = 3, within = \"7d\" }]",
        )
        .replace(
            "id = \"tea10\"",
            "id = \"tea10\"\nlimits = [{ scope = \"shopper\", metric = \"discount\", most = \"5.50\", period = \"month\", time_zone = \"Asia/Shanghai\" }]",
        )
        .replace(
            "id = \"cart\"",
            "id = \"cart\"\nguards = [{ per = \"device\", most = 20, within = \"1h\" }]",
        );
    let document = read_toml(&text, "shop.toml").unwrap_or_else(|faults| panic!("{faults}"));
    let catalog = build(document.clone());
    let at = |placement: &str, offer: &str| -> Vec<(LimitKind, Scope, Metric, i64)> {
        let placement = catalog.placement_by_id(placement).expect("a placement");
        let constraints = catalog.constraints();
        let offer = catalog.offer_by_id(offer).expect("an offer").number;
        let here = constraints.at(placement.number).expect("limits");
        here.of(offer)
            .iter()
            .filter_map(|number| constraints.limit(*number))
            .map(|limit| (limit.kind, limit.scope, limit.metric, limit.most))
            .collect()
    };
    let campaign = [
        (LimitKind::Limit, Scope::Global, Metric::Redemptions, 500),
        (
            LimitKind::ExposureCap,
            Scope::Shopper,
            Metric::Redemptions,
            3,
        ),
    ];
    let guard = (LimitKind::Guard, Scope::Device, Metric::Redemptions, 20);
    assert_eq!(at("checkout", "full100"), campaign);
    assert_eq!(at("cart", "full100"), [&campaign[..], &[guard]].concat());
    let own = (LimitKind::Limit, Scope::Shopper, Metric::Discount, 550);
    assert_eq!(at("cart", "tea10"), [own, guard]);

    // A raised limit is the same one, also after it was written and read back.
    let mut raised = document;
    raised.offers[1].limits[0].most = scalar::Amount::new("7.00");
    let stored = raised.to_json().expect("JSON");
    let numbering = catalog.numbering();
    let stored = CatalogDocument::from_json(&stored).expect("a document");
    let later = Catalog::build_after(Some(&catalog), stored, CatalogVersion(2), numbering);
    let later = later.expect("no fault");
    assert!(numbering.new_names(&later.document()).limits.is_empty());
    let of = |catalog: &Catalog| -> Vec<i64> {
        catalog.constraints().limits().map(|it| it.most).collect()
    };
    assert_eq!(of(&catalog), [20, 500, 3, 550]);
    assert_eq!(of(&later), [20, 500, 3, 700]);
}

#[test]
fn weighted_rewards_and_holdout_groups_say_what_they_lack() {
    let objective = "objective = \"net_revenue\"";
    for (written, expected) in [
        (
            "objective = \"weighted\"",
            "reward_terms (placement \"cart\"): is empty, a weighted objective needs at least 1 term",
        ),
        (
            "objective = \"net_revenue\"\nreward_terms = [{ event = \"CLICK\", weight = 1 }]",
            "reward_terms (placement \"cart\"): must stand beside objective = \"weighted\", which is net_revenue here",
        ),
        (
            "objective = \"weighted\"\nreward_terms = [{ event = \"CLICK\", value = \"margin\", weight = 1 }]",
            "reward_terms[0] (placement \"cart\"): must have exactly one of event and value",
        ),
        (
            "objective = \"weighted\"\nreward_terms = [{ event = \"REFUND\", weight = 1 }]",
            "reward_terms[0].event (placement \"cart\") is \"REFUND\": must be one of EXPOSURE, CLICK, PURCHASE, CUSTOM",
        ),
        (
            "objective = \"weighted\"\nreward_terms = [{ event = \"CLICK\", weight = nan }]",
            "reward_terms[0].weight (placement \"cart\") is NaN: must be from -1000000000 to 1000000000, not 0",
        ),
        (
            "objective = \"weighted\"\nreward_terms = [{ event = \"CLICK\", weight = 1 }, { event = \"CLICK\", weight = 2 }]",
            "reward_terms[1] (placement \"cart\"): counts the same as an earlier term, must stand once",
        ),
        (
            "objective = \"net_revenue\"\nholdout_group = \"all\"",
            "holdout_group (placement \"cart\") is \"all\": must stand beside holdout_basis_points above 0: nobody is held out here",
        ),
    ] {
        refuses(objective, written, &format!("placement[1].{expected}"));
    }
}
