//! What currencies are worth in others.

use super::super::document::CatalogDocument;
use super::super::fault::{Faults, Place, quoted};
use super::placement::check_currency;
use crate::domain::exchange::{Conversion, ExchangeRate};

/// Checks all rates: each pair of currencies stands once.
pub(super) fn check(document: &CatalogDocument, faults: &mut Faults) -> Vec<Conversion> {
    let list = Place::top("exchange_rate");
    let mut checked: Vec<Conversion> = Vec::new();
    for (index, written) in document.exchange_rates.iter().enumerate() {
        let entry = list.index(index);
        let from = check_currency(&entry.key("from"), &written.from, faults);
        let to = check_currency(&entry.key("to"), &written.to, faults);
        let rate = ExchangeRate::parse(written.rate.as_str());
        if rate.is_none() {
            let rule = "must be above 0, at most 1000000000, with at most 9 decimals";
            faults.refuse(&entry.key("rate"), quoted(written.rate.as_str()), rule);
        }
        let (Some(from), Some(to), Some(rate)) = (from, to, rate) else {
            continue;
        };
        if from == to {
            faults.refuse(
                &entry.key("to"),
                quoted(&written.to),
                "must be another than from",
            );
        } else if checked
            .iter()
            .any(|known| (known.from, known.to) == (from, to))
        {
            let rule = format!("must stand once for {from} to {to}");
            faults.refuse(&entry.key("from"), quoted(&written.from), rule);
        } else {
            checked.push(Conversion { from, to, rate });
        }
    }
    checked
}
