//! Values that replace those of a scenario's file: `--set key=value`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use toml::{Table, Value};

use super::scenario::nearest;

/// One `key=value`. The key is a path with dots; an entry of a list is named
/// by its place, from 0, or by its `name`. The value is read as TOML, and what
/// is not TOML is a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    /// As it was given.
    written: String,
    path: Vec<String>,
    value: Value,
}

/// Why a text is no [`Override`], or one that fits nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadOverride {
    /// No `=`, or an empty part of the path.
    #[error("{0:?} is not of the form key=value")]
    Unreadable(String),
    /// The path goes through something that has no keys.
    #[error("{path} is a value of its own and has no {key:?}")]
    NoTable {
        /// The path so far.
        path: String,
        /// What was looked for in it.
        key: String,
    },
    /// A list has no such entry.
    #[error("{path} has no entry {key:?}{}", nearest(key, names.iter().map(String::as_str)))]
    NoEntry {
        /// The list.
        path: String,
        /// What was looked for in it.
        key: String,
        /// The names of its entries.
        names: Vec<String>,
    },
}

impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl FromStr for Override {
    type Err = BadOverride;

    fn from_str(text: &str) -> Result<Self, BadOverride> {
        let unreadable = || BadOverride::Unreadable(text.to_owned());
        let (key, value) = text.split_once('=').ok_or_else(unreadable)?;
        let path: Vec<String> = key.split('.').map(|part| part.trim().to_owned()).collect();
        if path.iter().any(String::is_empty) {
            return Err(unreadable());
        }
        let value = value.trim();
        let read = toml::from_str::<Table>(&format!("value = {value}")).ok();
        let value = read
            .filter(|table| table.len() == 1)
            .and_then(|mut table| table.remove("value"))
            .unwrap_or_else(|| Value::String(value.to_owned()));
        let written = text.trim().to_owned();
        Ok(Self {
            written,
            path,
            value,
        })
    }
}

impl Override {
    /// The value for a path with dots.
    pub(super) fn of(path: &str, value: Value) -> Self {
        Self {
            written: format!("{path}={value}"),
            path: path.split('.').map(str::to_owned).collect(),
            value,
        }
    }

    /// Puts the value in its place in `document`; tables on the way are made.
    ///
    /// # Errors
    /// When the path leads nowhere.
    pub fn apply(&self, document: &mut Table) -> Result<(), BadOverride> {
        let (first, rest) = self
            .path
            .split_first()
            .expect("a path has at least one part");
        if rest.is_empty() {
            document.insert(first.clone(), self.value.clone());
            return Ok(());
        }
        let mut place = document
            .entry(first.clone())
            .or_insert_with(|| Value::Table(Table::new()));
        let mut path = first.clone();
        for (depth, key) in rest.iter().enumerate() {
            let is_last = depth + 1 == rest.len();
            place = match place {
                Value::Table(table) => {
                    if is_last {
                        table.insert(key.clone(), self.value.clone());
                        return Ok(());
                    }
                    table
                        .entry(key.clone())
                        .or_insert_with(|| Value::Table(Table::new()))
                }
                Value::Array(list) => {
                    let index = index_of(list, key).ok_or_else(|| BadOverride::NoEntry {
                        path: path.clone(),
                        key: key.clone(),
                        names: list.iter().filter_map(name_of).map(str::to_owned).collect(),
                    })?;
                    if is_last {
                        list[index] = self.value.clone();
                        return Ok(());
                    }
                    &mut list[index]
                }
                _ => {
                    return Err(BadOverride::NoTable {
                        path,
                        key: key.clone(),
                    });
                }
            };
            path = format!("{path}.{key}");
        }
        Ok(())
    }
}

fn name_of(entry: &Value) -> Option<&str> {
    entry.get("name").and_then(Value::as_str)
}

fn index_of(list: &[Value], key: &str) -> Option<usize> {
    let by_name = list.iter().position(|entry| name_of(entry) == Some(key));
    by_name.or_else(|| key.parse().ok().filter(|index| *index < list.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Table {
        toml::from_str(
            "rounds = 10\n[environment]\nrates = [0.1, 0.2]\n[[policies]]\nname = 'first'\nepsilon = 0.1",
        )
        .unwrap()
    }

    fn set(text: &str) -> Result<Table, String> {
        let mut document = document();
        let change: Override = text
            .parse()
            .map_err(|error: BadOverride| error.to_string())?;
        change
            .apply(&mut document)
            .map_err(|error| error.to_string())?;
        Ok(document)
    }

    #[test]
    fn a_value_lands_where_its_path_says() {
        let changed = |text: &str, expected: &str| {
            let expected: Table = toml::from_str(expected).unwrap();
            let changed = set(text).unwrap();
            for (key, value) in expected {
                assert_eq!(changed[&key], value, "{text}");
            }
        };
        changed("rounds=5", "rounds = 5");
        changed("seeds=0..9", "seeds = '0..9'");
        changed("environment.rates=[0.5]", "environment = { rates = [0.5] }");
        changed(
            "environment.rates.1=0.9",
            "environment = { rates = [0.1, 0.9] }",
        );
        changed(
            "policies.first.epsilon=0.2",
            "policies = [{ name = 'first', epsilon = 0.2 }]",
        );
        changed(
            "policies.0.epsilon = 0.3",
            "policies = [{ name = 'first', epsilon = 0.3 }]",
        );
        changed("new.deep=true", "new = { deep = true }");
    }

    #[test]
    fn a_path_that_leads_nowhere_is_refused() {
        for (text, message) in [
            ("rounds", "\"rounds\" is not of the form key=value"),
            ("a..b=1", "\"a..b=1\" is not of the form key=value"),
            (
                "rounds.deep=1",
                "rounds is a value of its own and has no \"deep\"",
            ),
            (
                "policies.frist.epsilon=1",
                "policies has no entry \"frist\"; the nearest known name is \"first\"",
            ),
            ("policies.7.epsilon=1", "policies has no entry \"7\""),
        ] {
            assert_eq!(set(text).unwrap_err(), message);
        }
    }
}
