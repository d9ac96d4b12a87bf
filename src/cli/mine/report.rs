//! What was mined, as a page of text or as JSON.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Mined, Similar, Timings, hybrid, rows};
use crate::affinity::{Itemset, Rule, SetCount};
use crate::cli::table::Table;

/// For people.
pub(super) fn text(mined: &Mined<'_>, written: &[PathBuf], timings: &Timings) -> String {
    let mut page = String::new();
    push_baskets(&mut page, mined);
    push_itemsets(&mut page, mined);
    push_rules(&mut page, mined);
    if let Some(similar) = &mined.similar {
        push_similar(&mut page, mined, similar);
    }
    if let Some(judged) = &mined.judged {
        page.push_str(&hybrid::text(&mined.args.hybrid, judged));
    }
    for path in written {
        push(&mut page, &format!("wrote {}", path.display()));
    }
    let seconds = |spent: Duration| format!("{:.3} s", spent.as_secs_f64());
    let parts = [
        ("reading", timings.read),
        ("itemsets", timings.itemsets),
        ("rules", timings.rules),
        ("similarity", timings.similarity),
        ("evaluation", timings.evaluation),
        ("writing", timings.write),
    ];
    let spent = parts.map(|(part, spent)| format!("{part} {}", seconds(spent)));
    push(&mut page, &spent.join(", "));
    page
}

fn push(page: &mut String, line: &str) {
    page.push_str(line);
    page.push('\n');
}

pub(super) fn number(count: usize) -> String {
    SetCount::exact(count).to_string()
}

/// `1 basket`, `2 baskets`.
fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { many })
}

fn push_baskets(page: &mut String, mined: &Mined<'_>) {
    let counts = mined.baskets.counts();
    let baskets = counted(counts.baskets, "basket", "baskets");
    let items = counted(mined.baskets.item_count(), "item", "items");
    let single = number(counts.single_item_baskets);
    push(
        page,
        &format!("{baskets} of {items}, {single} of them of one item"),
    );
    let set_aside = [
        (counts.empty_baskets, "empty basket", "empty baskets"),
        (counts.empty_names, "empty name", "empty names"),
        (counts.duplicates, "repeated item", "repeated items"),
    ];
    let told: Vec<String> = set_aside
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many)| counted(count, one, many))
        .collect();
    if !told.is_empty() {
        push(page, &format!("left out: {}", told.join(", ")));
    }
}

fn push_itemsets(page: &mut String, mined: &Mined<'_>) {
    let found = counted(
        mined.itemsets.len(),
        "frequent itemset",
        "frequent itemsets",
    );
    let least = counted(mined.min_count as usize, "basket", "baskets");
    let share = mined.args.min_support;
    let mut line = format!("{found} with a support of at least {share} ({least})");
    for (place, (length, count)) in by_length(mined).into_iter().enumerate() {
        let start = if place == 0 { ": " } else { ", " };
        let items = if length == 1 { "item" } else { "items" };
        let _ = write!(line, "{start}{} of {length} {items}", number(count));
    }
    push(page, &line);
}

/// How many itemsets of each length there are.
fn by_length(mined: &Mined<'_>) -> Vec<(usize, usize)> {
    let mut counts = Vec::new();
    for itemset in mined.itemsets.iter() {
        if counts.len() < itemset.len() {
            counts.resize(itemset.len(), 0);
        }
        counts[itemset.len() - 1] += 1;
    }
    (1..).zip(counts).collect()
}

fn push_rules(page: &mut String, mined: &Mined<'_>) {
    let found = counted(mined.rules.len(), "rule", "rules");
    let share = mined.args.min_confidence;
    let shown = mined.args.top.min(mined.rules.len());
    let order = mined.args.order.name();
    let mut line = format!("{found} with a confidence of at least {share}");
    if shown > 0 {
        let _ = write!(line, ", by {order}, the first {}:", number(shown));
    }
    push(page, &line);
    let mut table = Table::new([
        "antecedents",
        "consequents",
        "baskets",
        "support",
        "confidence",
        "lift",
        "leverage",
        "conviction",
        "zhang",
    ]);
    for rule in mined.rules.iter().take(shown) {
        let measures = rule.measures;
        table.row([
            listed(mined, rule.antecedent),
            listed(mined, rule.consequent),
            rule.count.to_string(),
            format!("{:.4}", measures.support),
            format!("{:.4}", measures.confidence),
            format!("{:.3}", measures.lift),
            format!("{:.4}", measures.leverage),
            format!("{:.3}", measures.conviction),
            format!("{:.4}", measures.zhangs_metric),
        ]);
    }
    if shown > 0 {
        let _ = write!(page, "\n{table}\n");
    }
}

fn listed(mined: &Mined<'_>, itemset: Itemset<'_>) -> String {
    let names: Vec<&str> = rows::names(mined.baskets, itemset).collect();
    names.join(", ")
}

fn push_similar(page: &mut String, mined: &Mined<'_>, similar: &Similar) {
    let name = similar.similarity.name();
    let pairs = strongest(similar, mined.args.top);
    push(
        page,
        &format!(
            "most alike by {name}, {}:",
            counted(pairs.len(), "pair", "pairs")
        ),
    );
    let mut table = Table::new(["item", "similar item", name, "baskets"]);
    for (item, near) in pairs {
        table.row([
            mined.baskets.names()[item].to_string(),
            mined.baskets.name(near.item).to_owned(),
            format!("{:.4}", near.similarity),
            near.both.to_string(),
        ]);
    }
    let _ = write!(page, "\n{table}\n");
}

/// The most similar pairs, each once.
fn strongest(
    similar: &Similar,
    top: usize,
) -> Vec<(usize, crate::affinity::similarity::Neighbour)> {
    let near = similar.by_item.iter().enumerate();
    let mut pairs: Vec<_> = near
        .flat_map(|(item, near)| near.iter().map(move |neighbour| (item, *neighbour)))
        .filter(|(item, neighbour)| {
            let other = neighbour.item.index();
            let back = &similar.by_item[other];
            *item < other || back.iter().all(|neighbour| neighbour.item.index() != *item)
        })
        .collect();
    pairs.sort_by(|left, right| right.1.similarity.total_cmp(&left.1.similarity));
    pairs.truncate(top);
    pairs
}

/// For programs. What is infinite is null: JSON has no number for it.
pub(super) fn json(mined: &Mined<'_>, written: &[PathBuf], timings: &Timings) -> Value {
    let counts = mined.baskets.counts();
    let args = mined.args;
    let lengths = by_length(mined);
    let top: Vec<Value> = mined
        .rules
        .iter()
        .take(args.top)
        .map(|rule| rule_json(mined, &rule))
        .collect();
    let milliseconds = |spent: Duration| (spent.as_secs_f64() * 1e6).round() / 1e3;
    json!({
        "file": args.file.display().to_string(),
        "parameters": {
            "min_support": args.min_support,
            "min_support_baskets": mined.min_count,
            "min_confidence": args.min_confidence,
            "max_length": args.max_length,
            "order": args.order.name(),
        },
        "baskets": counts.baskets,
        "items": mined.baskets.item_count(),
        "single_item_baskets": counts.single_item_baskets,
        "left_out": {
            "empty_baskets": counts.empty_baskets,
            "empty_names": counts.empty_names,
            "repeated_items": counts.duplicates,
        },
        "itemsets": mined.itemsets.len(),
        "itemsets_by_length": lengths.iter().map(|(_, count)| count).collect::<Vec<_>>(),
        "rules": mined.rules.len(),
        "top_rules": top,
        "similarity": mined.similar.as_ref().map(|similar| similar_json(mined, similar)),
        "hybrid": mined.judged.as_ref().map(|judged| hybrid::json(&args.hybrid, judged)),
        "files": written.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
        "timings_ms": {
            "read": milliseconds(timings.read),
            "itemsets": milliseconds(timings.itemsets),
            "rules": milliseconds(timings.rules),
            "similarity": milliseconds(timings.similarity),
            "evaluation": milliseconds(timings.evaluation),
            "write": milliseconds(timings.write),
        },
    })
}

fn rule_json(mined: &Mined<'_>, rule: &Rule<'_>) -> Value {
    let names = |itemset| rows::names(mined.baskets, itemset).collect::<Vec<_>>();
    let measures = rule.measures;
    json!({
        "antecedents": names(rule.antecedent),
        "consequents": names(rule.consequent),
        "baskets": rule.count,
        "support": measures.support,
        "confidence": measures.confidence,
        "lift": measures.lift,
        "leverage": measures.leverage,
        "conviction": measures.conviction,
        "zhangs_metric": measures.zhangs_metric,
    })
}

fn similar_json(mined: &Mined<'_>, similar: &Similar) -> Value {
    let pairs: Vec<Value> = strongest(similar, mined.args.top)
        .into_iter()
        .map(|(item, near)| {
            json!({
                "item": mined.baskets.names()[item],
                "similar_item": mined.baskets.name(near.item),
                "similarity": near.similarity,
                "baskets": near.both,
            })
        })
        .collect();
    json!({ "measure": similar.similarity.name(), "top_pairs": pairs })
}
