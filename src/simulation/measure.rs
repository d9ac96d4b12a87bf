//! What curves tell: figures that follow from a replication's sums.

use super::trace::{Column, Sums};

/// A figure over the rounds of a replication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// What was earned until then.
    Reward,
    /// What was missed until then: what the best offers earn in the mean, less
    /// what the chosen ones do.
    Regret,
    /// What part of what the best offers earn in the mean the chosen ones do,
    /// since the point before.
    PartOfBest,
    /// What exploring cost until then: what the favourite offer of each
    /// decision earns in the mean, less what the drawn one does.
    PriceOfExploration,
    /// Of the decisions with an offer, the part that led to a purchase.
    ConversionRate,
    /// What was paid until then.
    Revenue,
    /// The margin until then.
    Margin,
    /// What offers took off until then.
    DiscountCost,
    /// The rate of conversion less that of held-out shoppers.
    ConversionLift,
    /// The margin of a decision less that of a held-out one.
    MarginLift,
    /// What offers brought in margin before their own cost, against held-out
    /// shoppers, for each unit of money that they took off: above 1 they pay.
    BenefitPerCost,
    /// Of the decisions with an offer, the part after which the product of a
    /// cross-sell was bought.
    CrossSellRate,
    /// What was spent of limited budgets until then.
    BudgetSpent,
}

/// In what a measure is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeasureUnit {
    /// The scenario's unit of reward.
    Reward,
    /// A part of a whole.
    Share,
    /// A pure number.
    Ratio,
}

impl Measure {
    /// All of them, in reading order.
    pub const ALL: [Self; 13] = [
        Self::Reward,
        Self::Regret,
        Self::PartOfBest,
        Self::PriceOfExploration,
        Self::ConversionRate,
        Self::Revenue,
        Self::Margin,
        Self::DiscountCost,
        Self::BenefitPerCost,
        Self::ConversionLift,
        Self::MarginLift,
        Self::CrossSellRate,
        Self::BudgetSpent,
    ];

    /// Its name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reward => "reward",
            Self::Regret => "regret",
            Self::PartOfBest => "part_of_best",
            Self::PriceOfExploration => "price_of_exploration",
            Self::ConversionRate => "conversion_rate",
            Self::Revenue => "revenue",
            Self::Margin => "margin",
            Self::DiscountCost => "discount_cost",
            Self::ConversionLift => "conversion_lift",
            Self::MarginLift => "margin_lift",
            Self::BenefitPerCost => "benefit_per_cost",
            Self::CrossSellRate => "cross_sell_rate",
            Self::BudgetSpent => "budget_spent",
        }
    }

    /// Its name for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Reward => "Cumulative reward",
            Self::Regret => "Cumulative regret",
            Self::PartOfBest => "Part of the best possible",
            Self::PriceOfExploration => "Price of exploration",
            Self::ConversionRate => "Conversion",
            Self::Revenue => "Revenue",
            Self::Margin => "Margin",
            Self::DiscountCost => "Cost of discounts",
            Self::ConversionLift => "Lift in conversion over holdout",
            Self::MarginLift => "Lift in margin a decision over holdout",
            Self::BenefitPerCost => "Benefit for each unit of cost",
            Self::CrossSellRate => "Cross-sell rate",
            Self::BudgetSpent => "Budget spent",
        }
    }

    /// In what it is told.
    #[must_use]
    pub const fn unit(self) -> MeasureUnit {
        match self {
            Self::Reward
            | Self::Regret
            | Self::PriceOfExploration
            | Self::Revenue
            | Self::Margin
            | Self::DiscountCost
            | Self::MarginLift
            | Self::BudgetSpent => MeasureUnit::Reward,
            Self::PartOfBest
            | Self::ConversionRate
            | Self::ConversionLift
            | Self::CrossSellRate => MeasureUnit::Share,
            Self::BenefitPerCost => MeasureUnit::Ratio,
        }
    }

    /// The columns that it follows from.
    #[must_use]
    pub const fn columns(self) -> &'static [Column] {
        match self {
            Self::Reward => &[Column::Reward],
            Self::Regret => &[Column::Regret],
            Self::PartOfBest => &[Column::Best, Column::Regret],
            Self::PriceOfExploration => &[Column::Exploration],
            Self::ConversionRate => &[Column::Treated, Column::Conversions],
            Self::Revenue => &[Column::Revenue],
            Self::Margin => &[Column::Margin],
            Self::DiscountCost => &[Column::DiscountCost],
            Self::ConversionLift => &[
                Column::Treated,
                Column::Conversions,
                Column::HeldOut,
                Column::HeldOutConversions,
            ],
            Self::MarginLift => &[
                Column::Treated,
                Column::Margin,
                Column::HeldOut,
                Column::HeldOutMargin,
            ],
            Self::BenefitPerCost => &[
                Column::Treated,
                Column::Margin,
                Column::HeldOut,
                Column::HeldOutMargin,
                Column::DiscountCost,
            ],
            Self::CrossSellRate => &[Column::Treated, Column::CrossSells],
            Self::BudgetSpent => &[Column::BudgetSpent],
        }
    }

    /// Its value where the sums are `now`, and were `before` at the point
    /// before; `None` where it has none, such as a rate of no decisions.
    #[must_use]
    pub fn value(self, now: &Sums, before: &Sums) -> Option<f64> {
        let per = |sum: Column, count: Column| ratio(now.of(sum), now.of(count));
        match self {
            Self::Reward => Some(now.of(Column::Reward)),
            Self::Regret => Some(now.of(Column::Regret)),
            Self::PriceOfExploration => Some(now.of(Column::Exploration)),
            Self::Revenue => Some(now.of(Column::Revenue)),
            Self::Margin => Some(now.of(Column::Margin)),
            Self::DiscountCost => Some(now.of(Column::DiscountCost)),
            Self::BudgetSpent => Some(now.of(Column::BudgetSpent)),
            Self::PartOfBest => {
                let since = |column: Column| now.of(column) - before.of(column);
                let missed = ratio(since(Column::Regret), since(Column::Best))?;
                Some(1.0 - missed)
            }
            Self::ConversionRate => per(Column::Conversions, Column::Treated),
            Self::CrossSellRate => per(Column::CrossSells, Column::Treated),
            Self::ConversionLift => {
                let held_out = per(Column::HeldOutConversions, Column::HeldOut)?;
                Some(per(Column::Conversions, Column::Treated)? - held_out)
            }
            Self::MarginLift => {
                let held_out = per(Column::HeldOutMargin, Column::HeldOut)?;
                Some(per(Column::Margin, Column::Treated)? - held_out)
            }
            Self::BenefitPerCost => {
                let lift = Self::MarginLift.value(now, before)?;
                let cost = now.of(Column::DiscountCost);
                ratio(lift * now.of(Column::Treated) + cost, cost)
            }
        }
    }
}

/// A ratio to what must be above 0.
fn ratio(sum: f64, count: f64) -> Option<f64> {
    (count > 0.0).then(|| sum / count)
}
