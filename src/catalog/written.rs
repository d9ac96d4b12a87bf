//! What a version was written as, and how versions share what is the same.

use std::sync::Arc;

use imbl::Vector;

use super::document::{
    AffinityDocument, AttributeDocument, CalendarDocument, CampaignDocument, CatalogDocument,
    ExchangeRateDocument, OfferDocument, PlacementDocument, SegmentDocument, StockDocument,
};

/// A document in shared pieces: a change of one offer costs one offer.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub attributes: Arc<Vec<AttributeDocument>>,
    pub segments: Arc<Vec<SegmentDocument>>,
    pub placements: Arc<Vec<PlacementDocument>>,
    pub calendars: Arc<Vec<CalendarDocument>>,
    pub campaigns: Vector<Arc<CampaignDocument>>,
    pub offers: Vector<Arc<OfferDocument>>,
    pub stocks: Arc<Vec<StockDocument>>,
    pub exchange_rates: Arc<Vec<ExchangeRateDocument>>,
    pub affinity: Arc<Vec<AffinityDocument>>,
}

impl Written {
    /// The pieces of a document, those of the one before where they are the
    /// same.
    pub fn after(before: Option<&Self>, document: CatalogDocument) -> Self {
        Self {
            attributes: kept(before.map(|it| &it.attributes), document.attributes),
            segments: kept(before.map(|it| &it.segments), document.segments),
            placements: kept(before.map(|it| &it.placements), document.placements),
            calendars: kept(before.map(|it| &it.calendars), document.calendars),
            campaigns: grafted(before.map(|it| &it.campaigns), document.campaigns),
            offers: grafted(before.map(|it| &it.offers), document.offers),
            stocks: kept(before.map(|it| &it.stocks), document.stocks),
            exchange_rates: kept(before.map(|it| &it.exchange_rates), document.exchange_rates),
            affinity: kept(before.map(|it| &it.affinity), document.affinity),
        }
    }

    /// The document, put together again.
    pub fn document(&self) -> CatalogDocument {
        CatalogDocument {
            attributes: (*self.attributes).clone(),
            segments: (*self.segments).clone(),
            placements: (*self.placements).clone(),
            calendars: (*self.calendars).clone(),
            campaigns: self.campaigns.iter().map(|it| (**it).clone()).collect(),
            offers: self.offers.iter().map(|it| (**it).clone()).collect(),
            stocks: (*self.stocks).clone(),
            exchange_rates: (*self.exchange_rates).clone(),
            affinity: (*self.affinity).clone(),
        }
    }
}

/// What is now, by the pointer before where it is the same.
pub(super) fn kept<T: PartialEq>(before: Option<&Arc<T>>, now: T) -> Arc<T> {
    match before {
        Some(before) if **before == now => before.clone(),
        _ => Arc::new(now),
    }
}

/// The list of what is now, with the structure of the one before wherever an
/// entry at a place is the same.
pub(super) fn grafted<T: PartialEq>(
    before: Option<&Vector<Arc<T>>>,
    now: Vec<T>,
) -> Vector<Arc<T>> {
    let mut list = before.cloned().unwrap_or_default();
    list.truncate(now.len().min(list.len()));
    for (place, entry) in now.into_iter().enumerate() {
        match list.get(place) {
            Some(known) if **known == entry => {}
            Some(_) => drop(list.set(place, Arc::new(entry))),
            None => list.push_back(Arc::new(entry)),
        }
    }
    list
}
