//! Pages of HTML that stand for themselves: text, tables and plots in one
//! string.
//!
//! A [`Page`] takes headings, sentences, [`Table`]s and [`Figure`]s in reading
//! order; [`Page::finish`] gives the document. Plots ([`LinePlot`],
//! [`IntervalPlot`], [`BarPlot`], [`Histogram`], [`SharePlot`]) become figures
//! of inline SVG.
//!
//! Invariants:
//! - A page loads nothing, and its policy on content forbids it to.
//! - Every text that comes from outside is escaped, whatever it holds.
//! - Colours are light or dark as the reader's system asks. Each is told from
//!   its neighbours without colour too: by the number at a line's end or in a
//!   layer, which the legend repeats.
//! - Plots are drawn for a width that is legible on a phone and grow from
//!   there.
//! - The same input gives the same bytes; numbers are written by [`number`]
//!   alone.

pub mod number;
mod escape;
mod style;

mod table;

mod axis;
mod canvas;
mod figure;

mod frame;
mod lines;
mod shares;
mod histogram;

mod rows;
mod intervals;
mod bars;

pub use bars::{Bar, BarPlot};
pub use escape::Escaped;
pub use figure::Figure;
pub use histogram::Histogram;
pub use intervals::{Dot, IntervalPlot};
pub use lines::{Line, LinePlot, Point};
pub use shares::{Layer, SharePlot};
pub use table::{Cell, Table};

use std::fmt::Write as _;

/// A document that is being written.
#[derive(Debug, Clone)]
pub struct Page {
    title: String,
    body: String,
    has_sortable_table: bool,
}

impl Page {
    /// An empty page. Its title stands at its head.
    #[must_use]
    pub fn new(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            body: String::new(),
            has_sortable_table: false,
        }
    }

    /// Begins a section.
    pub fn section(&mut self, heading: &str) {
        self.element("h2", heading);
    }

    /// Begins a part of a section.
    pub fn part(&mut self, heading: &str) {
        self.element("h3", heading);
    }

    /// A paragraph.
    pub fn paragraph(&mut self, text: &str) {
        self.element("p", text);
    }

    /// A paragraph that says how to read what is near it.
    pub fn note(&mut self, text: &str) {
        let _ = writeln!(self.body, "<p class=\"note\">{}</p>", Escaped(text));
    }

    /// Questions, each with its answer.
    pub fn answers<'a>(&mut self, answers: impl IntoIterator<Item = (&'a str, String)>) {
        self.pairs("answers", answers);
    }

    /// Names, each with its value: where the page comes from.
    pub fn facts<'a>(&mut self, facts: impl IntoIterator<Item = (&'a str, String)>) {
        self.pairs("facts", facts);
    }

    /// A table.
    pub fn table(&mut self, table: &Table) {
        self.has_sortable_table |= table.is_sortable();
        table.write(&mut self.body);
    }

    /// Figures side by side where there is room.
    pub fn figures(&mut self, figures: impl IntoIterator<Item = Figure>) {
        self.body.push_str("<div class=\"figures\">\n");
        for figure in figures {
            figure.write(&mut self.body);
        }
        self.body.push_str("</div>\n");
    }

    /// The whole document.
    #[must_use]
    pub fn finish(self) -> String {
        let title = Escaped(&self.title);
        let script = if self.has_sortable_table {
            format!("<script>\n{}</script>\n", style::SORT)
        } else {
            String::new()
        };
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
             style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{title}</title>\n<style>\n{}</style>\n</head>\n<body>\n<h1>{title}</h1>\n\
             {}{script}</body>\n</html>\n",
            style::STYLE,
            self.body
        )
    }

    fn element(&mut self, name: &str, text: &str) {
        let _ = writeln!(self.body, "<{name}>{}</{name}>", Escaped(text));
    }

    fn pairs<'a>(&mut self, class: &str, pairs: impl IntoIterator<Item = (&'a str, String)>) {
        let _ = writeln!(self.body, "<dl class=\"{class}\">");
        for (name, value) in pairs {
            let (name, value) = (Escaped(name), Escaped(&value));
            let _ = writeln!(self.body, "<div><dt>{name}</dt><dd>{value}</dd></div>");
        }
        self.body.push_str("</dl>\n");
    }
}

#[cfg(test)]
mod tests;
