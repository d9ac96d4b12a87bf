//! One policy as written becomes several: `grid` names keys and the values that
//! each of them takes, and every combination is a policy of its own.
//!
//! ```toml
//! [[policies]]
//! name = "greedy"
//! kind = "epsilon_greedy"
//! initial_value = 0.1
//! grid = { epsilon = { from = 0.01, to = 0.2, count = 4, scale = "log" }, step = [0.02, 0.1] }
//! ```
//!
//! A key within a table is written with a dot: `"memory.half_life"`.

use serde::Deserialize;
use toml::{Table, Value};

use super::overrides::Override;
use super::scenario::{ScenarioError, shaped};
use crate::domain::math;

/// The most policies of a scenario, those of grids among them.
pub const MOST_POLICIES: u64 = 1_000;

/// How many decisions a second are taken for saying how long something lasts:
/// a tabular policy's on one core.
const DECISIONS_A_SECOND: f64 = 1e6;

/// Evenly spaced values.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RangeDocument {
    /// The first value.
    from: f64,
    /// The last value.
    to: f64,
    /// How many there are, in [2, 1 000].
    count: u64,
    /// Evenly spaced themselves, `"linear"` (the default), or by their
    /// logarithms, `"log"`.
    #[serde(default)]
    scale: Scale,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Scale {
    /// Evenly spaced.
    #[default]
    Linear,
    /// Each the same multiple of the one before.
    Log,
}

/// A key and the values that it takes.
struct Axis {
    key: String,
    values: Vec<Value>,
}

/// The policies as written, those with a grid replaced by its cells.
/// `decisions` is what each has to play.
pub(super) fn expand(tables: Vec<Table>, decisions: f64) -> Result<Vec<Table>, ScenarioError> {
    let mut all = Vec::with_capacity(tables.len());
    for (place, mut table) in tables.into_iter().enumerate() {
        let name = name_of(&table).unwrap_or_else(|| place.to_string());
        let Some(grid) = table.remove("grid") else {
            all.push(table);
            continue;
        };
        let axes = axes(&name, grid)?;
        let cells = axes.iter().fold(1u64, |product, axis| {
            product.saturating_mul(axis.values.len() as u64)
        });
        if cells.saturating_add(all.len() as u64) > MOST_POLICIES {
            return Err(ScenarioError::TooManyCells {
                name,
                cells,
                duration: in_words(cells, decisions),
            });
        }
        for cell in 0..cells {
            all.push(cell_of(&table, &name, &axes, cell)?);
        }
    }
    Ok(all)
}

/// A policy without a name is called by its kind.
fn name_of(table: &Table) -> Option<String> {
    let name = table.get("name").or_else(|| table.get("kind"))?;
    name.as_str().map(str::to_owned)
}

fn axes(name: &str, grid: Value) -> Result<Vec<Axis>, ScenarioError> {
    let wrong = |key: Option<&str>, message: &str| ScenarioError::Shape {
        place: match key {
            Some(key) => format!("policies.{name}.grid.{key}: "),
            None => format!("policies.{name}.grid: "),
        },
        message: message.to_owned(),
    };
    let Value::Table(grid) = grid else {
        return Err(wrong(None, "must be a table of keys and their values"));
    };
    let axis = |(key, values): (String, Value)| {
        let values = match values {
            Value::Array(values) => values,
            Value::Table(range) => {
                let place = format!("policies.{name}.grid.{key}: ");
                spaced(&place, shaped(&place, range)?)?
            }
            _ => {
                let allowed = "must be a list of values, or a table of from, to, count and scale";
                return Err(wrong(Some(&key), allowed));
            }
        };
        if values.is_empty() {
            return Err(wrong(Some(&key), "is empty, it needs at least 1 value"));
        }
        if matches!(key.as_str(), "name" | "kind" | "recommended" | "grid") {
            return Err(wrong(Some(&key), "cannot differ within a grid"));
        }
        Ok(Axis { key, values })
    };
    grid.into_iter().map(axis).collect()
}

#[allow(clippy::cast_precision_loss)] // at most 1,000 values
fn spaced(place: &str, range: RangeDocument) -> Result<Vec<Value>, ScenarioError> {
    let wrong = |key: &str, value: f64, bound: &str| {
        let key = format!("{}.{key}", place.trim_end_matches(": "));
        ScenarioError::out_of_bounds(key, value, bound)
    };
    let RangeDocument { from, to, .. } = range;
    if !(2..=MOST_POLICIES).contains(&range.count) {
        return Err(wrong("count", range.count as f64, "[2, 1000]"));
    }
    let is_log = matches!(range.scale, Scale::Log);
    if !from.is_finite() || (is_log && from <= 0.0) {
        let bound = if is_log { "(0, to)" } else { "(-inf, to)" };
        return Err(wrong("from", from, bound));
    }
    if !(to > from && to.is_finite()) {
        return Err(wrong("to", to, "(from, inf)"));
    }
    let last = range.count - 1;
    let value = |place: u64| {
        let part = place as f64 / last as f64;
        let value = match range.scale {
            _ if place == 0 => from,
            _ if place == last => to,
            Scale::Linear => from + part * (to - from),
            Scale::Log => from * math::pow(to / from, part),
        };
        Value::Float(rounded(value))
    };
    Ok((0..=last).map(value).collect())
}

/// A number that is short to read: six digits that count.
fn rounded(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

/// One combination; the last key changes from cell to cell.
#[allow(clippy::cast_possible_truncation)] // a place in a list
fn cell_of(
    table: &Table,
    name: &str,
    axes: &[Axis],
    mut cell: u64,
) -> Result<Table, ScenarioError> {
    let mut table = table.clone();
    let mut named = Vec::with_capacity(axes.len());
    for axis in axes.iter().rev() {
        let count = axis.values.len() as u64;
        let value = &axis.values[(cell % count) as usize];
        cell /= count;
        Override::of(&axis.key, value.clone()).apply(&mut table)?;
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        named.push(format!(" {}={value}", axis.key));
    }
    named.reverse();
    let name = format!("{name}{}", named.concat());
    table.insert("name".to_owned(), Value::String(name));
    Ok(table)
}

/// How long so many policies take, about.
#[allow(clippy::cast_precision_loss)] // for people to read
fn in_words(policies: u64, decisions: f64) -> String {
    let seconds = policies as f64 * decisions / DECISIONS_A_SECOND;
    let (amount, unit) = match seconds {
        seconds if seconds < 120.0 => (seconds, "seconds"),
        seconds if seconds < 7_200.0 => (seconds / 60.0, "minutes"),
        seconds if seconds < 172_800.0 => (seconds / 3_600.0, "hours"),
        seconds => (seconds / 86_400.0, "days"),
    };
    format!("{amount:.0} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(policy: &str) -> Result<Vec<Table>, String> {
        let table: Table = toml::from_str(policy).unwrap();
        expand(vec![table], 1e7).map_err(|error| error.to_string())
    }

    #[test]
    fn every_combination_is_a_policy_of_its_own() {
        let cells = expanded(
            "name = 'g'\nkind = 'epsilon_greedy'\n\
             grid = { epsilon = [0.1, 0.2], 'memory.half_life' = ['1d', '2d', '3d'] }",
        )
        .unwrap();
        let names: Vec<&str> = cells
            .iter()
            .map(|it| it["name"].as_str().unwrap())
            .collect();
        assert_eq!(
            names,
            [
                "g epsilon=0.1 memory.half_life=1d",
                "g epsilon=0.1 memory.half_life=2d",
                "g epsilon=0.1 memory.half_life=3d",
                "g epsilon=0.2 memory.half_life=1d",
                "g epsilon=0.2 memory.half_life=2d",
                "g epsilon=0.2 memory.half_life=3d",
            ]
        );
        assert_eq!(cells[5]["epsilon"].as_float(), Some(0.2));
        assert_eq!(cells[5]["memory"]["half_life"].as_str(), Some("3d"));
        assert!(cells.iter().all(|cell| !cell.contains_key("grid")));
    }

    #[test]
    fn a_range_is_a_list_of_round_numbers() {
        let values = |range: &str| -> Vec<f64> {
            let cells = expanded(&format!("kind = 'k'\ngrid = {{ x = {range} }}")).unwrap();
            cells.iter().map(|it| it["x"].as_float().unwrap()).collect()
        };
        assert_eq!(
            values("{ from = 0.001, to = 1.0, count = 4, scale = 'log' }"),
            [0.001, 0.01, 0.1, 1.0]
        );
        assert_eq!(
            values("{ from = 0.0, to = 1.0, count = 4 }"),
            [0.0, 0.333333, 0.666667, 1.0]
        );
    }

    #[test]
    fn a_grid_that_cannot_be_played_is_told() {
        let many = "{ from = 0.0, to = 1.0, count = 1000 }";
        for (grid, message) in [
            (
                format!("{{ a = {many}, b = {many} }}"),
                "policies.k.grid has 1000000 cells, a scenario has at most 1000 policies: they \
                 would take 116 days at a million decisions a second; name fewer values for its \
                 keys, or look at one key at a time with --set policies.k.grid.KEY=[VALUE]",
            ),
            (
                "3".to_owned(),
                "policies.k.grid: must be a table of keys and their values",
            ),
            (
                "{ a = [] }".to_owned(),
                "policies.k.grid.a: is empty, it needs at least 1 value",
            ),
            (
                "{ a = 1 }".to_owned(),
                "policies.k.grid.a: must be a list of values, or a table of from, to, count and scale",
            ),
            (
                "{ a = { from = 0.0, to = 1.0, count = 3, scale = 'log' } }".to_owned(),
                "policies.k.grid.a.from is 0, it must be in (0, to)",
            ),
            (
                "{ a = { from = 2.0, to = 1.0, count = 3 } }".to_owned(),
                "policies.k.grid.a.to is 1, it must be in (from, inf)",
            ),
            (
                "{ kind = ['a'] }".to_owned(),
                "policies.k.grid.kind: cannot differ within a grid",
            ),
        ] {
            let refused = expanded(&format!("kind = 'k'\ngrid = {grid}")).unwrap_err();
            assert_eq!(refused, message);
        }
    }
}
