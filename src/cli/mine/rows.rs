//! What was mined as CSV. Numbers are the shortest that read back as the same
//! bits; what is infinite is `inf`.

use std::io::Write;

use super::Mined;
use crate::affinity::{Baskets, Itemset};

/// One rule a line.
pub(super) fn rules(file: impl Write, mined: &Mined<'_>, join: char) -> anyhow::Result<()> {
    let mut csv = csv::Writer::from_writer(file);
    csv.write_record([
        "antecedents",
        "consequents",
        "support",
        "confidence",
        "lift",
        "leverage",
        "conviction",
        "zhangs_metric",
    ])?;
    for rule in mined.rules.iter() {
        let measures = rule.measures;
        csv.write_field(joined(mined.baskets, rule.antecedent, join))?;
        csv.write_field(joined(mined.baskets, rule.consequent, join))?;
        for value in [
            measures.support,
            measures.confidence,
            measures.lift,
            measures.leverage,
            measures.conviction,
            measures.zhangs_metric,
        ] {
            csv.write_field(value.to_string())?;
        }
        csv.write_record(None::<&[u8]>)?;
    }
    Ok(csv.flush()?)
}

/// One itemset a line.
pub(super) fn itemsets(file: impl Write, mined: &Mined<'_>, join: char) -> anyhow::Result<()> {
    let mut csv = csv::Writer::from_writer(file);
    csv.write_record(["itemset", "length", "baskets", "support"])?;
    for itemset in mined.itemsets.iter() {
        csv.write_record([
            joined(mined.baskets, itemset, join),
            itemset.len().to_string(),
            itemset.count().to_string(),
            mined.itemsets.support(itemset).to_string(),
        ])?;
    }
    Ok(csv.flush()?)
}

/// One pair a line, the most similar of each item first.
pub(super) fn similarity(file: impl Write, mined: &Mined<'_>) -> anyhow::Result<()> {
    let Some(similar) = &mined.similar else {
        return Ok(());
    };
    let mut csv = csv::Writer::from_writer(file);
    csv.write_record(["item", "similar_item", similar.similarity.name(), "baskets"])?;
    for (name, near) in mined.baskets.names().iter().zip(&similar.by_item) {
        for neighbour in near {
            csv.write_record([
                name,
                mined.baskets.name(neighbour.item),
                &neighbour.similarity.to_string(),
                &neighbour.both.to_string(),
            ])?;
        }
    }
    Ok(csv.flush()?)
}

/// The names of an itemset, in order.
pub(super) fn names<'b>(
    baskets: &'b Baskets,
    itemset: Itemset<'b>,
) -> impl Iterator<Item = &'b str> {
    itemset.items().map(|item| baskets.name(item))
}

fn joined(baskets: &Baskets, itemset: Itemset<'_>, join: char) -> String {
    let mut text = String::new();
    for name in names(baskets, itemset) {
        if !text.is_empty() {
            text.push(join);
        }
        text.push_str(name);
    }
    text
}
