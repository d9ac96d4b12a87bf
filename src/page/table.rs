//! Tables of words and numbers.

use std::fmt::Write as _;

use super::escape::Escaped;

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Words.
    Text(String),
    /// A number as it is read, and the number by which it is sorted.
    Number(String, f64),
    /// Nothing is known.
    Empty,
}

/// Rows under a header. The first column names the row and stays in view when
/// the others are moved on a narrow screen.
#[derive(Debug, Clone)]
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<Cell>>,
    caption: Option<String>,
    sortable: bool,
}

impl Table {
    /// A table with these columns.
    #[must_use]
    pub fn new<'a>(header: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            header: header.into_iter().map(str::to_owned).collect(),
            rows: Vec::new(),
            caption: None,
            sortable: false,
        }
    }

    /// The same with words above it.
    #[must_use]
    pub fn caption(mut self, caption: &str) -> Self {
        self.caption = Some(caption.to_owned());
        self
    }

    /// The same with a header that sorts when it is clicked.
    #[must_use]
    pub fn sortable(mut self) -> Self {
        self.sortable = true;
        self
    }

    /// Adds a row. Missing cells are empty, those beyond the header's are left
    /// out.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let mut row: Vec<Cell> = cells.into_iter().take(self.header.len()).collect();
        row.resize(self.header.len(), Cell::Empty);
        self.rows.push(row);
    }

    pub(super) const fn is_sortable(&self) -> bool {
        self.sortable
    }

    /// Whether a column has numbers and no words.
    fn is_numeric(&self, column: usize) -> bool {
        let cells = || self.rows.iter().map(|row| &row[column]);
        cells().any(|cell| matches!(cell, Cell::Number(..)))
            && !cells().any(|cell| matches!(cell, Cell::Text(_)))
    }

    pub(super) fn write(&self, out: &mut String) {
        let class = if self.sortable {
            " class=\"sortable\""
        } else {
            ""
        };
        let mut label = String::new();
        if let Some(caption) = &self.caption {
            // Above the part that moves, so that it is read whole.
            let caption = Escaped(caption);
            let _ = writeln!(out, "<p class=\"caption\">{caption}</p>");
            label = format!(" aria-label=\"{caption}\"");
        }
        let _ = write!(out, "<div class=\"table\"><table{class}{label}>");
        out.push_str("<thead><tr>");
        for (column, title) in self.header.iter().enumerate() {
            let class = number_class(self.is_numeric(column));
            let title = Escaped(title);
            let _ = if self.sortable {
                write!(
                    out,
                    "<th scope=\"col\"{class}><button type=\"button\">{title}</button></th>"
                )
            } else {
                write!(out, "<th scope=\"col\"{class}>{title}</th>")
            };
        }
        out.push_str("</tr></thead>\n<tbody>\n");
        for row in &self.rows {
            out.push_str("<tr>");
            for (column, cell) in row.iter().enumerate() {
                self.write_cell(out, column, cell);
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody></table></div>\n");
    }

    fn write_cell(&self, out: &mut String, column: usize, cell: &Cell) {
        let class = number_class(self.is_numeric(column));
        let _ = match cell {
            Cell::Text(text) if column == 0 => {
                write!(out, "<th scope=\"row\">{}</th>", Escaped(text))
            }
            Cell::Text(text) => write!(out, "<td{class}>{}</td>", Escaped(text)),
            Cell::Number(text, value) => {
                let value = JsNumber(*value);
                write!(
                    out,
                    "<td{class} data-value=\"{value}\">{}</td>",
                    Escaped(text)
                )
            }
            Cell::Empty => write!(out, "<td{class}></td>"),
        };
    }
}

const fn number_class(is_numeric: bool) -> &'static str {
    if is_numeric { " class=\"number\"" } else { "" }
}

/// A number as a script reads it.
struct JsNumber(f64);

impl std::fmt::Display for JsNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            value if value == f64::INFINITY => f.write_str("Infinity"),
            value if value == f64::NEG_INFINITY => f.write_str("-Infinity"),
            value => write!(f, "{value}"),
        }
    }
}
