//! Scores of items for one basket, most of them 0.

/// A score for each item; which are above 0 is kept apart, so that a shop of
/// many items costs nothing where few are scored.
#[derive(Debug, Clone)]
pub(super) struct Scores {
    by_item: Vec<f64>,
    scored: Vec<u32>,
}

impl Scores {
    /// No score for any of `items` items.
    pub(super) fn none(items: usize) -> Self {
        Self {
            by_item: vec![0.0; items],
            scored: Vec::new(),
        }
    }

    /// Takes all scores away.
    pub(super) fn clear(&mut self) {
        for item in self.scored.drain(..) {
            self.by_item[item as usize] = 0.0;
        }
    }

    /// Adds to an item's score; what is not above 0 adds nothing.
    pub(super) fn add(&mut self, item: u32, score: f64) {
        if score > 0.0 {
            let entry = self.entry(item);
            *entry += score;
        }
    }

    /// Makes an item's score at least this.
    pub(super) fn raise(&mut self, item: u32, score: f64) {
        if score > 0.0 {
            let entry = self.entry(item);
            *entry = entry.max(score);
        }
    }

    fn entry(&mut self, item: u32) -> &mut f64 {
        let entry = &mut self.by_item[item as usize];
        if *entry == 0.0 {
            self.scored.push(item);
        }
        entry
    }

    /// An item's score; 0 for none.
    pub(super) fn of(&self, item: u32) -> f64 {
        self.by_item[item as usize]
    }

    /// The items with a score, in the order in which they got it.
    pub(super) fn scored(&self) -> &[u32] {
        &self.scored
    }
}
