//! What there is of the articles that gifts give away.

use std::collections::BTreeMap;

use super::super::document::{BenefitDocument, CatalogDocument, name_of_stock};
use super::super::fault::{Faults, Place, quoted};
use super::super::numbering::Numbering;
use super::{Origin, Unreadable, names};
use crate::domain::limit::{Counts, Limit, LimitKind, LimitOwner, Metric, Period, Scope};

/// The most pieces of a stock.
const MAX_PIECES: i64 = 1_000_000_000_000;

/// The limit of each article that has one.
pub(super) type Stocks = BTreeMap<String, Limit>;

/// Checks all stocks, and that each gift has one. A gift of a catalogue that was
/// recorded before stocks were asked for may be without.
pub(super) fn check(
    document: &CatalogDocument,
    numbering: &Numbering,
    unreadable: &Unreadable,
    origin: Origin,
    faults: &mut Faults,
) -> Stocks {
    let list = Place::top("stock");
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    let mut stocks = Stocks::new();
    for (index, written) in document.stocks.iter().enumerate() {
        let entry = list.index(index);
        let place = entry.key("sku");
        names::sku(&place, &written.sku, faults);
        if let Some(first) = known.get(written.sku.as_str()) {
            let rule = format!("must be used once, stock[{first}] has it already");
            faults.refuse(&place, quoted(&written.sku), rule);
            continue;
        }
        known.insert(&written.sku, index);
        let Some(pieces) = written.pieces else {
            continue;
        };
        let pieces = names::whole(&entry.key("pieces"), pieces, 1, MAX_PIECES, faults);
        let number = numbering.limit(&name_of_stock(&written.sku));
        if let (Some(most), Some(number)) = (pieces, number) {
            let limit = Limit {
                number,
                kind: LimitKind::Stock,
                owner: LimitOwner::Article,
                scope: Scope::Global,
                metric: Metric::Pieces,
                counts: Counts::Purchases,
                period: Period::Always,
                most,
            };
            stocks.insert(written.sku.clone(), limit);
        }
    }
    if origin == Origin::Written {
        check_gifts(document, &known, unreadable, faults);
    }
    stocks
}

fn check_gifts(
    document: &CatalogDocument,
    known: &BTreeMap<&str, usize>,
    unreadable: &Unreadable,
    faults: &mut Faults,
) {
    let list = Place::top("offer");
    for (index, offer) in document.offers.iter().enumerate() {
        let BenefitDocument::Gift { sku, .. } = &offer.benefit else {
            continue;
        };
        let is_faulty = sku.is_empty() || unreadable.stocks.contains(sku);
        if is_faulty || known.contains_key(sku.as_str()) {
            continue;
        }
        let entry = list.index(index);
        let benefit = entry.key("benefit");
        let rule = format!(
            "is a gift without stock: declare [[stock]] with sku = {sku:?}, and with pieces unless \
             there are enough for all"
        );
        faults.refuse(&benefit.key("sku"), quoted(sku), rule);
    }
}
