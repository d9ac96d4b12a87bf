//! What changed between two documents.

use std::collections::BTreeMap;
use std::fmt;

use super::document::CatalogDocument;

/// How many ids of a kind a line shows.
const SHOWN_IDS: usize = 5;

/// What changed, by id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CatalogDifference {
    /// Of attributes, by name.
    pub attributes: Changes,
    /// Of segments.
    pub segments: Changes,
    /// Of placements, their policies included.
    pub placements: Changes,
    /// Of calendars.
    pub calendars: Changes,
    /// Of campaigns.
    pub campaigns: Changes,
    /// Of offers.
    pub offers: Changes,
    /// Of stocks, by article.
    pub stocks: Changes,
    /// Of exchange rates, by their currencies.
    pub exchange_rates: Changes,
    /// Of what articles go with, by article.
    pub affinity: Changes,
    /// Segments that both documents have are tried in another order.
    pub segments_reordered: bool,
}

/// Changed ids of one kind, ascending.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Only in the later document.
    pub added: Vec<String>,
    /// Only in the earlier document.
    pub removed: Vec<String>,
    /// In both, with another content.
    pub changed: Vec<String>,
}

impl CatalogDifference {
    /// What became of `before` in `after`.
    #[must_use]
    pub fn between(before: &CatalogDocument, after: &CatalogDocument) -> Self {
        let kept_order = |document: &CatalogDocument, other: &CatalogDocument| -> Vec<String> {
            let ids = document.segments.iter().map(|segment| segment.id.clone());
            ids.filter(|id| other.segments.iter().any(|segment| segment.id == *id))
                .collect()
        };
        Self {
            attributes: Changes::of(&before.attributes, &after.attributes, |it| it.name.clone()),
            segments: Changes::of(&before.segments, &after.segments, |it| it.id.clone()),
            placements: Changes::of(&before.placements, &after.placements, |it| it.id.clone()),
            calendars: Changes::of(&before.calendars, &after.calendars, |it| it.id.clone()),
            campaigns: Changes::of(&before.campaigns, &after.campaigns, |it| it.id.clone()),
            offers: Changes::of(&before.offers, &after.offers, |it| it.id.clone()),
            stocks: Changes::of(&before.stocks, &after.stocks, |it| it.sku.clone()),
            exchange_rates: Changes::of(&before.exchange_rates, &after.exchange_rates, |it| {
                format!("{} to {}", it.from, it.to)
            }),
            affinity: Changes::of(&before.affinity, &after.affinity, |it| it.sku.clone()),
            segments_reordered: kept_order(before, after) != kept_order(after, before),
        }
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn kinds(&self) -> [(&'static str, &Changes); 9] {
        [
            ("attributes", &self.attributes),
            ("segments", &self.segments),
            ("placements", &self.placements),
            ("calendars", &self.calendars),
            ("campaigns", &self.campaigns),
            ("offers", &self.offers),
            ("stocks", &self.stocks),
            ("exchange rates", &self.exchange_rates),
            ("affinity", &self.affinity),
        ]
    }
}

impl Changes {
    fn of<T: PartialEq>(before: &[T], after: &[T], id: impl Fn(&T) -> String) -> Self {
        let before: BTreeMap<String, &T> = before.iter().map(|it| (id(it), it)).collect();
        let after: BTreeMap<String, &T> = after.iter().map(|it| (id(it), it)).collect();
        let only = |these: &BTreeMap<String, &T>, those: &BTreeMap<String, &T>| {
            these
                .keys()
                .filter(|id| !those.contains_key(*id))
                .cloned()
                .collect()
        };
        Self {
            added: only(&after, &before),
            removed: only(&before, &after),
            changed: before
                .iter()
                .filter(|(id, it)| after.get(*id).is_some_and(|other| other != *it))
                .map(|(id, _)| id.clone())
                .collect(),
        }
    }
}

impl fmt::Display for CatalogDifference {
    /// `offers: 1 added (tea10), 2 changed (cny20, gift); segments reordered`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("no difference");
        }
        let mut separator = "";
        for (kind, changes) in self.kinds() {
            if *changes != Changes::default() {
                write!(f, "{separator}{kind}: {changes}")?;
                separator = "; ";
            }
        }
        if self.segments_reordered {
            write!(f, "{separator}segments reordered")?;
        }
        Ok(())
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("added", &self.added),
            ("removed", &self.removed),
            ("changed", &self.changed),
        ];
        let mut separator = "";
        for (word, ids) in parts.into_iter().filter(|(_, ids)| !ids.is_empty()) {
            let shown = ids.iter().take(SHOWN_IDS).map(String::as_str);
            let shown: Vec<&str> = shown.collect();
            write!(f, "{separator}{} {word} ({}", ids.len(), shown.join(", "))?;
            if ids.len() > SHOWN_IDS {
                f.write_str(", …")?;
            }
            f.write_str(")")?;
            separator = ", ";
        }
        Ok(())
    }
}
