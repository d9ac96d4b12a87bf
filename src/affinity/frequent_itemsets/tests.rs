use std::collections::BTreeMap;

use super::*;
use crate::affinity::baskets::BasketsBuilder;
use crate::affinity::generator::BasketGenerator;

fn baskets(rows: &[&str]) -> Baskets {
    let mut builder = BasketsBuilder::new();
    for row in rows {
        builder.push(row.split_whitespace()).unwrap();
    }
    builder.finish().unwrap()
}

fn parameters(min_support: f64) -> MiningParameters {
    MiningParameters {
        min_support: MinSupport::new(min_support).unwrap(),
        max_length: None,
        max_itemsets: MiningParameters::DEFAULT_MAX_ITEMSETS,
    }
}

fn mine(baskets: &Baskets, parameters: &MiningParameters) -> FrequentItemsets {
    FrequentItemsets::mine(baskets, parameters, &mut |_, _| {}).unwrap()
}

fn refused(baskets: &Baskets, parameters: &MiningParameters) -> TooManyItemsets {
    match FrequentItemsets::mine(baskets, parameters, &mut |_, _| {}) {
        Err(MiningError::TooMany(refusal)) => *refusal,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

/// Every set of at most `max_length` items with its count, by trying them all.
fn by_trying_all(baskets: &Baskets, min_count: u32, max_length: usize) -> BTreeMap<Vec<u32>, u32> {
    let items = baskets.item_count();
    assert!(items <= 12);
    let mut frequent = BTreeMap::new();
    for mask in 1u32..1 << items {
        let set: Vec<u32> = (0..12).filter(|item| mask >> item & 1 == 1).collect();
        let has_all = |basket: &&[u32]| set.iter().all(|item| basket.contains(item));
        let count = narrow(baskets.iter_numbers().filter(has_all).count());
        if count >= min_count && set.len() <= max_length {
            frequent.insert(set, count);
        }
    }
    frequent
}

fn as_map(found: &FrequentItemsets) -> BTreeMap<Vec<u32>, u32> {
    let entries = found.iter();
    entries
        .map(|itemset| (itemset.numbers().to_vec(), itemset.count()))
        .collect()
}

/// The example of the paper, table 1 and section 2.2.
#[test]
fn the_papers_example_comes_out() {
    let baskets = baskets(&[
        "f a c d g i m p",
        "a b c f l m o",
        "b f h j o",
        "b c k s p",
        "a f c e l p m n",
    ]);
    let found = mine(&baskets, &parameters(0.6));
    let named = |itemset: Itemset<'_>| {
        let names: Vec<&str> = itemset.items().map(|item| baskets.name(item)).collect();
        (names.concat(), itemset.count())
    };
    let listed: Vec<(String, u32)> = found.iter().map(named).collect();
    let expected = [
        ("c", 4),
        ("f", 4),
        ("a", 3),
        ("b", 3),
        ("m", 3),
        ("p", 3),
        ("ac", 3),
        ("af", 3),
        ("am", 3),
        ("cf", 3),
        ("cm", 3),
        ("cp", 3),
        ("fm", 3),
        ("acf", 3),
        ("acm", 3),
        ("afm", 3),
        ("cfm", 3),
        ("acfm", 3),
    ];
    let expected = expected.map(|(names, count)| (names.to_owned(), count));
    assert_eq!(listed, expected);
}

#[test]
fn generated_baskets_give_what_trying_all_sets_gives() {
    for seed in 0..40 {
        let mut generator = BasketGenerator::new(11, 4, seed);
        let mut builder = BasketsBuilder::new();
        for _ in 0..60 {
            let names: Vec<String> = generator.next_basket().map(|n| n.to_string()).collect();
            builder.push(names.iter().map(String::as_str)).unwrap();
        }
        let baskets = builder.finish().unwrap();
        for (min_count, max_length) in [(1, 12), (2, 12), (5, 12), (3, 2), (1, 3), (2, 1)] {
            let mut asked = parameters(f64::from(min_count) / 60.0);
            asked.max_length = Some(max_length);
            let found = mine(&baskets, &asked);
            let expected = by_trying_all(&baskets, min_count, max_length);
            assert_eq!(
                as_map(&found),
                expected,
                "seed {seed}, {min_count}, {max_length}"
            );
            assert_eq!(found.len(), expected.len());
        }
    }
}

#[test]
fn the_order_of_the_baskets_does_not_matter() {
    let rows = ["a b c", "b c", "a c d", "d", "a b c d"];
    let mut turned = rows;
    turned.reverse();
    let asked = parameters(0.2);
    assert_eq!(
        mine(&baskets(&rows), &asked),
        mine(&baskets(&turned), &asked)
    );
}

#[test]
fn a_share_is_reached_by_the_quotient_that_is_reported() {
    let share = |share: f64| MinSupport::new(share).unwrap();
    // 0.07 × 100 is 7.000000000000001, 0.29 × 100 is 28.999999999999996.
    assert_eq!(share(0.07).min_count(100), 7);
    assert_eq!(share(0.29).min_count(100), 29);
    assert_eq!(share(0.01).min_count(9_835), 99);
    assert_eq!(share(1.0).min_count(7), 7);
    assert_eq!(share(1e-12).min_count(7), 1);
    assert_eq!(share(0.0).min_count(7), 0);
    for baskets in 1..200usize {
        for count in 1..=baskets {
            let quotient = f64::from(narrow(count)) / f64::from(narrow(baskets));
            assert_eq!(share(quotient).min_count(baskets), narrow(count));
        }
    }
}

#[test]
fn a_share_outside_0_to_1_is_refused() {
    for share in [-0.1, 1.5, f64::NAN, f64::INFINITY] {
        let refused = MinSupport::new(share).unwrap_err().to_string();
        assert!(refused.contains("from 0 to 1"), "{refused}");
    }
    let mut asked = parameters(0.5);
    asked.max_length = Some(0);
    let refused = FrequentItemsets::mine(&baskets(&["a"]), &asked, &mut |_, _| {});
    assert_eq!(refused.unwrap_err(), MiningError::MaxLength);
}

#[test]
fn a_support_of_0_is_refused_with_how_many_sets_there_are() {
    let baskets = baskets(&["a b c", "b c", "c d"]);
    let refusal = refused(&baskets, &parameters(0.0));
    assert_eq!(
        refusal.to_string(),
        "min-support 0 (0 of 3 baskets) has at least 15 frequent itemsets; max-itemsets is \
         2,000,000: give a min-support of 0.2 (9 itemsets), a max-length such as 3, or a higher \
         max-itemsets"
    );
}

#[test]
fn one_long_basket_is_refused_before_it_is_mined() {
    let long: Vec<String> = (0..2_000).map(|item| format!("i{item}")).collect();
    let rows = [long.join(" "), "i1 i2".to_owned(), "i1".to_owned()];
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let refusal = refused(&baskets(&rows), &parameters(0.3));
    assert_eq!(refusal.at_least, SetCount::subsets(2_000, usize::MAX));
    assert_eq!(refusal.fits, Some((0.5, 3)));
}

/// Each basket lacks another item, so no path of the tree is long, and yet
/// every set of up to 20 of the 40 items is frequent.
#[test]
fn what_explodes_without_a_long_path_is_refused_too() {
    let items: Vec<String> = (0..40).map(|item| format!("i{item}")).collect();
    let without = |left_out: usize| {
        let kept = items
            .iter()
            .enumerate()
            .filter(|(item, _)| *item != left_out);
        kept.map(|(_, name)| name.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let rows: Vec<String> = (0..40).map(without).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let mut asked = parameters(0.5);
    asked.max_itemsets = 10_000;
    let refusal = refused(&baskets(&rows), &asked);
    assert!(refusal.at_least.exceeds(refusal.parameters.max_itemsets));
    assert!(refusal.about.is_some());
}

#[test]
fn as_many_as_may_be_kept_are_kept_and_one_more_is_refused() {
    let baskets = baskets(&["a b c", "a b", "b c d"]);
    let mut asked = parameters(0.3);
    let all = mine(&baskets, &asked).len();
    asked.max_itemsets = all;
    assert_eq!(mine(&baskets, &asked).len(), all);
    asked.max_itemsets = all - 1;
    assert_eq!(refused(&baskets, &asked).at_least, SetCount::exact(all));
}

#[test]
fn an_estimate_is_of_the_right_size() {
    let mut generator = BasketGenerator::new(60, 8, 3);
    let mut builder = BasketsBuilder::new();
    for _ in 0..2_000 {
        let names: Vec<String> = generator.next_basket().map(|n| n.to_string()).collect();
        builder.push(names.iter().map(String::as_str)).unwrap();
    }
    let baskets = builder.finish().unwrap();
    for min_count in [10, 20, 60] {
        let exact = mine(&baskets, &parameters(f64::from(min_count) / 2_000.0)).len();
        let about = estimate::itemsets(&tree_of(&baskets, min_count), min_count, usize::MAX);
        assert!(about.exceeds(exact / 2), "{about} for {exact}");
        assert!(!about.exceeds(exact * 2), "{about} for {exact}");
    }
}
