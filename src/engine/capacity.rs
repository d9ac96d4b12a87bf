//! What is left of limits at each place of a batch.
//!
//! The committer walks through a batch and asks, before each decision, what the
//! limits would refuse at just that place: a copy of the fold's book, with the
//! events of the batch before it applied by the fold's own functions. So what a
//! decision holds fits when the fold comes to it.

use super::choose::{Grounds, PreparedRequest};
use super::shared::Shared;
use super::state::{State, hold, use_limits};
use crate::domain::decision::DecisionRecord;
use crate::domain::event::EventBody;
use crate::domain::ids::Position;
use crate::domain::time::Instant;
use crate::promotion::constraints::Constraints;
use crate::promotion::constraints::book::LimitBook;

/// The book as it will be at a place of the batch.
pub(super) struct Capacity<'a> {
    state: &'a State,
    now: Instant,
    /// `None` while no event of the batch needed it and none changed it.
    book: Option<LimitBook>,
    no_limits: Constraints,
}

impl<'a> Capacity<'a> {
    /// Before the first event of a batch that is recorded at `now`.
    pub fn new(state: &'a State, now: Instant) -> Self {
        Self {
            state,
            now,
            book: None,
            no_limits: Constraints::default(),
        }
    }

    /// Whether the limits refuse here what they refused when the decision was
    /// drawn.
    pub fn still_fits(
        &mut self,
        request: &PreparedRequest,
        grounds: &Grounds,
        record: &DecisionRecord,
    ) -> bool {
        self.prepare();
        let book = self.book.as_ref();
        book.is_some_and(|book| request.still_fits(grounds, record, book, self.in_force()))
    }

    /// Draws the decision as it is at this place.
    pub fn draw(
        &mut self,
        shared: &Shared,
        request: &PreparedRequest,
        grounds: &Grounds,
    ) -> DecisionRecord {
        self.prepare();
        let nothing = LimitBook::default();
        let book = self.book.as_ref().unwrap_or(&nothing);
        request.draw(shared, grounds, book, Some(self.in_force()))
    }

    /// The next event of the batch.
    pub fn follow(&mut self, position: Position, body: &EventBody) {
        match body {
            EventBody::Decision(record) if !record.holds.is_empty() => {
                self.prepare();
                let catalog = self.state.catalog_of(record.catalog_version);
                if let (Some(book), Some(catalog)) = (&mut self.book, catalog) {
                    hold(book, position, record, catalog, self.now);
                }
            }
            EventBody::Outcome(record)
                if !self.state.limits().is_empty() || !record.holds.is_empty() =>
            {
                self.prepare();
                if let Some(book) = &mut self.book {
                    use_limits(book, self.state, record, self.now);
                }
            }
            _ => {}
        }
    }

    /// The limits in force.
    fn in_force(&self) -> &Constraints {
        let catalog = self.state.catalog();
        catalog.map_or(&self.no_limits, |catalog| catalog.constraints())
    }

    fn prepare(&mut self) {
        let (state, now) = (self.state, self.now);
        self.book.get_or_insert_with(|| {
            let mut book = state.limits().clone();
            book.pass_time(now);
            book
        });
    }
}
