//! Which column is what.

use arrow_schema::{DataType, Schema};

use crate::evaluation::choices::Metric;
use crate::logs::fault::{LogProblem, missing};
use crate::logs::parquet_file::{texts, values};

/// What a column says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Action,
    Propensity,
    Reward,
    Actions,
    Probabilities,
    Position,
    Segment,
    Placement,
    Shopper,
    DecidedAt,
    Sequence,
    Decision,
    Logger,
    LoggerPropensities,
    Metric(Metric),
}

/// What the columns are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    names: &'static [(Role, &'static str)],
    known: &'static str,
}

impl Dialect {
    /// The project's own.
    pub const OWN: Self = Self {
        names: &[
            (Role::Action, "action"),
            (Role::Propensity, "propensity"),
            (Role::Reward, "reward"),
            (Role::Actions, "actions"),
            (Role::Probabilities, "probabilities"),
            (Role::Position, "position"),
            (Role::Segment, "segment"),
            (Role::Placement, "placement"),
            (Role::Shopper, "shopper"),
            (Role::DecidedAt, "decided_at"),
            (Role::Sequence, "sequence"),
            (Role::Decision, "decision"),
            (Role::Logger, "logger"),
            (Role::LoggerPropensities, "logger_propensities"),
            (Role::Metric(Metric::Conversion), "conversion"),
            (Role::Metric(Metric::Revenue), "revenue"),
            (Role::Metric(Metric::Margin), "margin"),
            (Role::Metric(Metric::DiscountCost), "discount_cost"),
        ],
        known: super::KNOWN,
    };

    /// Open Bandit Pipeline's.
    pub const OBP: Self = Self {
        names: &[
            (Role::Action, "action"),
            (Role::Propensity, "pscore"),
            (Role::Reward, "reward"),
            (Role::Probabilities, "pi_b"),
            (Role::Position, "position"),
        ],
        known: "action, pscore, reward, position, pi_b",
    };

    /// What a column is called here.
    pub(super) fn name(&self, role: Role) -> &'static str {
        let mut names = self.names.iter();
        names
            .find(|(known, _)| *known == role)
            .map_or("", |(_, name)| name)
    }
}

/// Where each column stands.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    dialect: Dialect,
    places: Vec<(Role, usize)>,
}

impl Layout {
    /// Finds the columns.
    ///
    /// # Errors
    /// When one is missing, unknown, there twice or of a type that it cannot
    /// have.
    pub fn find(schema: &Schema, dialect: Dialect) -> Result<Self, LogProblem> {
        let mut places: Vec<(Role, usize)> = Vec::new();
        for (place, field) in schema.fields().iter().enumerate() {
            let name = field.name().as_str();
            let Some((role, _)) = dialect.names.iter().find(|(_, known)| *known == name) else {
                return Err(LogProblem::UnknownColumn {
                    column: name.to_owned(),
                    known: dialect.known,
                });
            };
            if places.iter().any(|(known, _)| known == role) {
                return Err(LogProblem::RepeatedColumn {
                    column: name.to_owned(),
                });
            }
            check_type(*role, name, field.data_type())?;
            places.push((*role, place));
        }
        let layout = Self { dialect, places };
        for role in [Role::Action, Role::Propensity, Role::Reward] {
            if layout.place(role).is_none() {
                let found = schema.fields().iter().map(|field| field.name().as_str());
                return Err(missing(dialect.name(role), found));
            }
        }
        Ok(layout)
    }

    /// The columns of a batch that holds only some of a file's, which was
    /// checked whole.
    pub fn projected(schema: &Schema, dialect: Dialect) -> Self {
        let fields = schema.fields().iter().enumerate();
        let places = fields.filter_map(|(place, field)| {
            let mut names = dialect.names.iter();
            let (role, _) = names.find(|(_, known)| *known == field.name().as_str())?;
            Some((*role, place))
        });
        Self {
            dialect,
            places: places.collect(),
        }
    }

    /// Where a column stands, if it is there.
    pub fn place(&self, role: Role) -> Option<usize> {
        let mut places = self.places.iter();
        places.find(|(known, _)| *known == role).map(|(_, it)| *it)
    }

    /// What a column is called.
    pub fn name(&self, role: Role) -> &'static str {
        self.dialect.name(role)
    }
}

fn check_type(role: Role, name: &str, found: &DataType) -> Result<(), LogProblem> {
    let item = |kind: &DataType| match kind {
        DataType::List(field) => Some(field.data_type().clone()),
        _ => None,
    };
    let (holds, expected) = match role {
        Role::Action | Role::Segment | Role::Placement | Role::Shopper | Role::Logger => {
            (texts::are_names(found), "texts or whole numbers")
        }
        Role::Propensity | Role::Reward | Role::Metric(_) => {
            (values::are_numbers(found), "numbers")
        }
        Role::Position | Role::Sequence => (found.is_integer(), "whole numbers"),
        Role::Actions => (
            item(found).is_some_and(|item| texts::are_names(&item)),
            "lists of texts or whole numbers",
        ),
        Role::Probabilities | Role::LoggerPropensities => (
            item(found).is_some_and(|item| values::are_numbers(&item)),
            "lists of numbers",
        ),
        Role::DecidedAt => (
            found.is_integer() || matches!(found, DataType::Timestamp(_, _)),
            "timestamps or whole numbers of milliseconds",
        ),
        Role::Decision => (
            matches!(found, DataType::Utf8 | DataType::LargeUtf8),
            "UUIDs as text",
        ),
    };
    if holds {
        return Ok(());
    }
    Err(LogProblem::ColumnType {
        column: name.to_owned(),
        found: found.to_string(),
        expected,
    })
}
