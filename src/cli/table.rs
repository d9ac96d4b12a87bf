//! Tables for terminals: columns as wide as their widest cell.

use std::fmt;

/// Names with their values, one a line.
#[must_use]
pub fn facts<'a>(facts: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let facts: Vec<(&str, String)> = facts.into_iter().collect();
    let names = facts.iter().map(|(name, _)| name.chars().count());
    let width = names.max().unwrap_or(0);
    let lines = facts
        .iter()
        .map(|(name, value)| format!("  {name:<width$}  {value}\n"));
    lines.collect()
}

/// A table with a header. Numbers stand to the right, words to the left.
#[derive(Debug, Clone, Default)]
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns.
    #[must_use]
    pub fn new<'a>(header: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            header: header.into_iter().map(str::to_owned).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row. Cells beyond the header's are left out.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells = cells.into_iter().take(self.header.len()).collect();
        self.rows.push(cells);
    }

    /// Whether it has no row.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn cells_of(&self, column: usize) -> impl Iterator<Item = &str> {
        self.rows
            .iter()
            .map(move |row| row.get(column).map_or("", String::as_str))
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.cells_of(column).map(|cell| cell.chars().count());
        let title = self.header[column].chars().count();
        cells.chain([title]).max().unwrap_or(0)
    }

    /// Whether every cell that is not empty begins as a number does.
    fn is_numeric(&self, column: usize) -> bool {
        let begins_as_number = |cell: &str| {
            cell.trim_start_matches(['-', '+', '[', '±'])
                .starts_with(|letter: char| letter.is_ascii_digit())
        };
        let mut cells = self.cells_of(column).filter(|cell| !cell.is_empty());
        cells.all(begins_as_number)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<(usize, bool)> = (0..self.header.len())
            .map(|column| (self.width(column), self.is_numeric(column)))
            .collect();
        for row in std::iter::once(&self.header).chain(&self.rows) {
            let mut line = String::new();
            for (column, (width, numeric)) in columns.iter().enumerate() {
                let cell = row.get(column).map_or("", String::as_str);
                let space = " ".repeat(width - cell.chars().count());
                let (before, after) = if *numeric {
                    (&*space, "")
                } else {
                    ("", &*space)
                };
                line.push_str("  ");
                line.push_str(before);
                line.push_str(cell);
                line.push_str(after);
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_to_the_right_and_words_to_the_left() {
        let mut table = Table::new(["offer", "pulls"]);
        table.row(["tea_gift".to_owned(), "7".to_owned()]);
        table.row(["coupon".to_owned(), "1024".to_owned()]);
        let expected = "  offer     pulls\n  tea_gift      7\n  coupon     1024\n";
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn a_row_may_be_shorter_than_the_header() {
        let mut table = Table::new(["a", "b"]);
        table.row(["x".to_owned()]);
        assert_eq!(table.to_string(), "  a  b\n  x\n");
    }
}
