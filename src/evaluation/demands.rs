//! What an estimator or a kind of interval can do with a log.

/// Declared by [`Estimator::demands`](super::estimator::Estimator::demands) and
/// [`Kind::demands`](super::pass::Kind::demands).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demands {
    /// Of an interval: its claim holds although rounds of the same shopper have
    /// to do with each other. Of an estimator: it has such an interval.
    pub clusters: bool,
    /// Two passes over parts of a log say together what one pass over all says.
    pub merges: bool,
    /// It reads the log in its order.
    pub order: bool,
}

impl Demands {
    /// In any order, in parts, of rounds that count as independent.
    pub const INDEPENDENT: Self = Self {
        clusters: false,
        merges: true,
        order: false,
    };
    /// In any order, in parts, shopper by shopper.
    pub const CLUSTERED: Self = Self {
        clusters: true,
        ..Self::INDEPENDENT
    };
    /// In the log's order and in one pass, of rounds that may depend on all
    /// before them.
    pub const SERIAL: Self = Self {
        clusters: true,
        merges: false,
        order: true,
    };
}
