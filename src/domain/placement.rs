//! Placements: where decisions are made, and what counts as success there.

use super::features::Features;
use super::ids::{OfferNumber, PlacementNumber};
use super::money::{BasisPoints, Currency};
use super::outcome::OutcomeKind;
use super::time::{Instant, Span};

/// What a placement is after: how the outcome events of a decision make its
/// reward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objective {
    /// 1 once a conversion event came that was not wholly reversed, otherwise
    /// 0.
    Conversion,
    /// What was paid less what was refunded, in minor units.
    NetRevenue,
    /// Net revenue less the cost of the goods kept, of gifts and of points, in
    /// minor units.
    Margin,
    /// The weighted sum of the placement's reward terms.
    Weighted,
}

/// What a weighted reward counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RewardOf {
    /// 1 once an outcome of this kind came; for a purchase, one that was not
    /// wholly reversed.
    Event(OutcomeKind),
    /// Net revenue, in minor units.
    NetRevenue,
    /// Margin, in minor units.
    Margin,
}

/// One term of a weighted reward.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RewardTerm {
    /// What is counted.
    pub of: RewardOf,
    /// What one of it is worth; finite.
    pub weight: f64,
}

/// Beyond which ends a reward counts as the end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Winsor {
    /// The least that a reward counts.
    pub min: f64,
    /// The most, no less.
    pub max: f64,
}

impl Winsor {
    /// What a reward counts.
    #[must_use]
    pub const fn of(self, reward: f64) -> f64 {
        reward.clamp(self.min, self.max)
    }
}

impl Objective {
    /// Every objective.
    pub const ALL: [Self; 4] = [
        Self::Conversion,
        Self::NetRevenue,
        Self::Margin,
        Self::Weighted,
    ];

    /// The name in the catalogue file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conversion => "conversion",
            Self::NetRevenue => "net_revenue",
            Self::Margin => "margin",
            Self::Weighted => "weighted",
        }
    }
}

/// What open decisions tell a policy before they close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Feedback {
    /// Nothing.
    #[default]
    AtClosing,
    /// Each counts with what it has earned so far.
    Provisional,
    /// One that has earned counts with that; one that has not, for the chance
    /// that it would have by now if it ever will.
    DelayCorrected,
}

impl Feedback {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::AtClosing, Self::Provisional, Self::DelayCorrected];

    /// The name in the catalogue file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AtClosing => "at_closing",
            Self::Provisional => "provisional",
            Self::DelayCorrected => "delay_corrected",
        }
    }
}

/// What affinity makes a policy expect: an offer whose article is `lift` times
/// likelier than usual with what is in the cart converts at `lift` times the base
/// rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AffinityPrior {
    /// The rate at a lift of 1, in (0, 1).
    pub base_rate: f64,
    /// The expectation counts as much as so many decisions, 1 or more.
    pub decisions: u64,
}

impl AffinityPrior {
    /// The rate that is expected at a lift, at most 1.
    #[must_use]
    pub fn rate(&self, lift: f64) -> f64 {
        (self.base_rate * lift).min(1.0)
    }
}

/// Where a decision is made.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    /// The catalogue's number for it.
    pub number: PlacementNumber,
    /// The id that requests name.
    pub id: String,
    /// For people.
    pub title: String,
    /// How many offers a decision may hold, 1 or more.
    pub slots: u32,
    /// What it is after.
    pub objective: Objective,
    /// The terms of a weighted objective; empty for the others.
    pub reward_terms: Vec<RewardTerm>,
    /// What its rewards are cut to; `None` where they count as they come.
    pub winsor: Option<Winsor>,
    /// The currency of its carts and orders.
    pub currency: Currency,
    /// Which outcomes convert.
    pub conversion_events: Vec<OutcomeKind>,
    /// How long after the decision outcomes count toward it.
    pub attribution_window: Span,
    /// How much later than that they may arrive.
    pub allowed_lateness: Span,
    /// How long after closing refunds still correct what was learnt.
    pub refund_window: Span,
    /// How long a decision is honoured and given again on a reload.
    pub offer_valid_for: Span,
    /// What open decisions tell its policy.
    pub feedback: Feedback,
    /// A decision counts as shown although nothing said so.
    pub assume_shown: bool,
    /// The share of shoppers who see no offer here.
    pub holdout: BasisPoints,
    /// Placements of the same group hold out the same shoppers: by its hash it
    /// is told who they are. The placement's own id unless it names a group.
    pub holdout_group: String,
    /// What its decisions carry for policies that learn from features.
    pub features: Features,
    /// What its policy expects of offers before it has learnt.
    pub affinity_prior: Option<AffinityPrior>,
    /// The offers that name this placement, ascending.
    pub offers: Vec<OfferNumber>,
    /// Its offers differ in priority, or some are not shown beside others: what
    /// a slot is drawn among has to be sorted out.
    pub is_ranked: bool,
}

impl Placement {
    /// Whether a reward here means the same as a reward there.
    #[must_use]
    pub fn rewards_like(&self, other: &Self) -> bool {
        self.objective == other.objective
            && self.reward_terms == other.reward_terms
            && self.winsor == other.winsor
            && (self.objective == Objective::Conversion || self.currency == other.currency)
    }

    /// Whether a reward here depends on what articles cost.
    #[must_use]
    pub fn counts_costs(&self) -> bool {
        let of_margin = |term: &RewardTerm| term.of == RewardOf::Margin;
        self.objective == Objective::Margin || self.reward_terms.iter().any(of_margin)
    }

    /// The last instant whose outcomes count toward a decision made at
    /// `decided_at`.
    #[must_use]
    pub fn attribution_closes_at(&self, decided_at: Instant) -> Instant {
        decided_at.plus(self.attribution_window)
    }

    /// When a decision made at `decided_at` closes unless it is settled before.
    #[must_use]
    pub fn closes_at(&self, decided_at: Instant) -> Instant {
        decided_at
            .plus(self.attribution_window)
            .plus(self.allowed_lateness)
    }

    /// The longest that a decision stays open.
    #[must_use]
    pub fn open_for(&self) -> Span {
        self.attribution_window.plus(self.allowed_lateness)
    }

    /// Until when a decision made at `decided_at` is honoured.
    #[must_use]
    pub fn offer_valid_until(&self, decided_at: Instant) -> Instant {
        decided_at.plus(self.offer_valid_for)
    }
}
