//! The column that says who responded.

use std::collections::BTreeSet;

use anyhow::{bail, ensure};

use crate::logs::sheet::{Sheet, Values};

/// How many values of a column are shown.
const SHOWN: usize = 5;

/// Who responded.
#[derive(Debug, PartialEq)]
pub(super) struct Label {
    /// The value that counts as a response.
    pub positive: String,
    /// One a row; `None` where it is missing.
    pub responses: Vec<Option<bool>>,
}

impl Label {
    /// Of a column with two values, of which the greater is a response; with
    /// `positive` this value is one, and whatever else the column has is none.
    pub(super) fn read(
        sheet: &Sheet,
        column: &str,
        positive: Option<&str>,
    ) -> anyhow::Result<Self> {
        let texts: Vec<Option<String>> = match &sheet.column(column)?.values {
            Values::Numbers(numbers) => {
                // −0 is 0.
                let text = |number: &f64| (!number.is_nan()).then(|| (number + 0.0).to_string());
                numbers.iter().map(text).collect()
            }
            Values::Texts(texts) => texts.clone(),
            Values::Other(kind) => bail!(
                "{}: column {column} is of type {kind}, numbers or texts were expected",
                sheet.name()
            ),
        };
        let is_numeric = matches!(&sheet.column(column)?.values, Values::Numbers(_));
        let positive = positive_value(sheet, column, is_numeric, &texts, positive)?;
        let response = |text: Option<String>| text.map(|text| text == positive);
        Ok(Self {
            responses: texts.into_iter().map(response).collect(),
            positive,
        })
    }
}

fn positive_value(
    sheet: &Sheet,
    column: &str,
    is_numeric: bool,
    texts: &[Option<String>],
    asked: Option<&str>,
) -> anyhow::Result<String> {
    let values: BTreeSet<&str> = texts.iter().flatten().map(String::as_str).collect();
    let mut values: Vec<&str> = values.into_iter().collect();
    if is_numeric {
        let number = |text: &str| text.parse().unwrap_or(f64::NAN);
        values.sort_by(|left, right| number(left).total_cmp(&number(right)));
    }
    let shown = values
        .iter()
        .take(SHOWN)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    let more = if values.len() > SHOWN { ", …" } else { "" };
    let has = format!(
        "{}: column {column} has the values {shown}{more}",
        sheet.name()
    );
    if let Some(asked) = asked {
        let same = |value: &&&str| {
            let is_same_number = || {
                asked
                    .parse()
                    .is_ok_and(|asked: f64| value.parse() == Ok(asked))
            };
            **value == asked || (is_numeric && is_same_number())
        };
        let Some(found) = values.iter().find(same) else {
            bail!("{has}, none of them is the response {asked:?}");
        };
        return Ok((*found).to_owned());
    }
    ensure!(
        !values.is_empty(),
        "{}: column {column} has no entry",
        sheet.name()
    );
    ensure!(
        values.len() == 2,
        "{has}; a response is told by 2 values: name the one that is a response with --positive"
    );
    Ok(values[1].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, positive: Option<&str>) -> Result<Label, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rows.csv");
        std::fs::write(&path, text).unwrap();
        let sheet = Sheet::read(&path).unwrap();
        let name = format!("{}: ", path.display());
        Label::read(&sheet, "y", positive).map_err(|error| error.to_string().replace(&name, ""))
    }

    #[test]
    fn the_greater_of_two_values_is_a_response() {
        let label = read("x,y\n1,9\n2,10\n3,\n4,9\n", None).unwrap();
        assert_eq!(label.positive, "10");
        assert_eq!(
            label.responses,
            [Some(false), Some(true), None, Some(false)]
        );
        assert_eq!(read("x,y\n1,yes\n2,no\n", None).unwrap().positive, "yes");
    }

    #[test]
    fn a_named_value_is_a_response_among_many() {
        let label = read("x,y\n1,1\n2,2\n3,3\n", Some("2.0")).unwrap();
        assert_eq!(label.positive, "2");
        assert_eq!(label.responses, [Some(false), Some(true), Some(false)]);
    }

    #[test]
    fn what_tells_no_response_is_refused() {
        let many = "x,y\n1,a\n2,b\n3,c\n";
        let message = "column y has the values a, b, c; a response is told by 2 values: name the one \
                       that is a response with --positive";
        assert_eq!(read(many, None).unwrap_err(), message);
        let message = "column y has the values a, b, c, none of them is the response \"d\"";
        assert_eq!(read(many, Some("d")).unwrap_err(), message);
        assert_eq!(
            read("x,y\n1,\n", None).unwrap_err(),
            "column y has no entry"
        );
    }
}
