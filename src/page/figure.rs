//! A drawing with its caption, its legend and what helps to read it.

use std::fmt::Write as _;

use super::escape::Escaped;
use super::style::series_class;

/// One drawing on a page.
#[derive(Debug, Clone)]
pub struct Figure {
    title: String,
    svg: String,
    /// Which colour, and what it stands for.
    legend: Vec<(usize, String)>,
    note: Option<String>,
    wide: bool,
}

impl Figure {
    pub(super) fn new(title: &str, svg: String, legend: Vec<(usize, String)>) -> Self {
        Self {
            title: title.to_owned(),
            svg,
            legend,
            note: None,
            wide: false,
        }
    }

    /// A drawing that none of the plots is: the inside of an `svg` element of
    /// this size, as wide as the page. What stands in it must have been
    /// escaped.
    #[must_use]
    pub fn drawing(title: &str, (width, height): (f64, f64), inside: &str) -> Self {
        let label = Escaped(title);
        let svg = format!(
            "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{label}\">\n{inside}</svg>\n"
        );
        Self {
            wide: true,
            ..Self::new(title, svg, Vec::new())
        }
    }

    /// The same with a sentence below it.
    #[must_use]
    pub fn note(mut self, note: &str) -> Self {
        self.note = Some(note.to_owned());
        self
    }

    pub(super) fn write(&self, out: &mut String) {
        let class = if self.wide { " class=\"wide\"" } else { "" };
        let title = Escaped(&self.title);
        let _ = write!(
            out,
            "<figure{class}>\n<figcaption>{title}</figcaption>\n{}",
            self.svg
        );
        if !self.legend.is_empty() {
            out.push_str("<ul class=\"legend\">");
            for (series, name) in &self.legend {
                let (class, number, name) = (series_class(*series), series + 1, Escaped(name));
                let _ = write!(out, "<li class=\"{class}\"><b>{number}</b>{name}</li>");
            }
            out.push_str("</ul>\n");
        }
        if let Some(note) = &self.note {
            let _ = writeln!(out, "<p class=\"note\">{}</p>", Escaped(note));
        }
        out.push_str("</figure>\n");
    }
}
