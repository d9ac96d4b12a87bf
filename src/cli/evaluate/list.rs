//! `promobandit evaluate --list-estimators`: what each estimator and interval can
//! do with a log.

use crate::cli::table::Table;
use crate::evaluation::demands::Demands;
use crate::evaluation::estimator::Estimator;
use crate::evaluation::logged::RewardRange;
use crate::evaluation::pass::Kind;

/// Both tables.
pub(super) fn text() -> String {
    let mut estimators = Table::new(["estimator", "needs", "by shopper", "merges", "order"]);
    for estimator in Estimator::all() {
        let needs = estimator.needs().map(|column| column.to_string());
        let [clusters, merges, order] = words(estimator.demands());
        let needs = needs.unwrap_or_default();
        estimators.row([estimator.to_string(), needs, clusters, merges, order]);
    }
    let mut intervals = Table::new(["interval", "claims for", "by shopper", "merges", "order"]);
    for kind in Kind::all(RewardRange::UNIT) {
        let claims = if kind.holds_at_every_look() {
            "every look"
        } else {
            "one look"
        };
        let [clusters, merges, order] = words(kind.demands());
        intervals.row([kind.to_string(), claims.to_owned(), clusters, merges, order]);
    }
    format!(
        "{estimators}\n{intervals}\nby shopper: rounds of the same shopper may have to do with each \
         other (an estimator: it has such an interval)\nmerges: passes over parts of a log say \
         together what one pass says\norder: reads the log in its order; an interval of such an \
         estimator holds by shopper, whatever its kind\n"
    )
}

fn words(demands: Demands) -> [String; 3] {
    let word = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    [
        word(demands.clusters),
        word(demands.merges),
        word(demands.order),
    ]
}
