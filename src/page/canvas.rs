//! What is drawn, as SVG. Classes give it its colours; see `style.css`.

use std::fmt::Write as _;

use super::escape::Escaped;

/// How wide plots are drawn: text of 12.5 units stays above 10 pixels on a
/// screen of 390.
pub(super) const WIDTH: f64 = 420.0;

/// How wide a letter of a label is, about.
pub(super) const LETTER: f64 = 6.9;

/// A drawing that grows.
#[derive(Debug, Clone)]
pub(super) struct Canvas {
    height: f64,
    body: String,
}

/// Where a text stands in relation to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Canvas {
    pub(super) const fn new(height: f64) -> Self {
        Self {
            height,
            body: String::new(),
        }
    }

    pub(super) fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        let _ = writeln!(
            self.body,
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        );
    }

    pub(super) fn rectangle(
        &mut self,
        class: &str,
        (x, y): (f64, f64),
        (width, height): (f64, f64),
        title: &str,
    ) {
        let title = Escaped(title);
        let _ = writeln!(
            self.body,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" \
             height=\"{height:.1}\"><title>{title}</title></rect>"
        );
    }

    pub(super) fn circle(&mut self, class: &str, (x, y): (f64, f64), radius: f64, title: &str) {
        let title = Escaped(title);
        let _ = writeln!(
            self.body,
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\">\
             <title>{title}</title></circle>"
        );
    }

    /// An open line through points, or nothing when there are fewer than two.
    pub(super) fn curve(&mut self, class: &str, points: &[(f64, f64)], title: &str) {
        if points.len() > 1 {
            self.path(class, points, false, title);
        }
    }

    /// The area within points.
    pub(super) fn area(&mut self, class: &str, points: &[(f64, f64)], title: &str) {
        if points.len() > 2 {
            self.path(class, points, true, title);
        }
    }

    fn path(&mut self, class: &str, points: &[(f64, f64)], closed: bool, title: &str) {
        let _ = write!(self.body, "<path class=\"{class}\" d=\"");
        for (place, (x, y)) in points.iter().enumerate() {
            let letter = if place == 0 { 'M' } else { 'L' };
            let _ = write!(self.body, "{letter}{x:.1} {y:.1}");
        }
        let end = if closed { "Z" } else { "" };
        let title = Escaped(title);
        let _ = writeln!(self.body, "{end}\"><title>{title}</title></path>");
    }

    pub(super) fn text(&mut self, class: &str, anchor: Anchor, (x, y): (f64, f64), text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " middle",
            Anchor::End => " end",
        };
        let text = Escaped(text);
        let _ = writeln!(
            self.body,
            "<text class=\"{class}{anchor}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>"
        );
    }

    /// Labels below a level axis, from left to right, each under its place; one
    /// that would run into the label before it is left out.
    #[allow(clippy::cast_precision_loss)] // a label's letters
    pub(super) fn labels_below(&mut self, y: f64, labels: impl IntoIterator<Item = (f64, String)>) {
        let mut free_from = f64::NEG_INFINITY;
        for (x, label) in labels {
            let half = 0.5 * LETTER * label.chars().count() as f64;
            if x - half >= free_from {
                self.text("tick", Anchor::Middle, (x, y), &label);
                free_from = x + half + LETTER;
            }
        }
    }

    /// The drawing, with words for those who cannot see it.
    pub(super) fn finish(self, label: &str) -> String {
        let (height, label) = (self.height, Escaped(label));
        format!(
            "<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"{label}\">\n{}</svg>\n",
            self.body
        )
    }
}

/// `text` cut to what fits into `width`, with dots where something is missing.
pub(super) fn fitted(text: &str, width: f64) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // some dozens
    let most = (width / LETTER).max(1.0) as usize;
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most - 1).collect();
    format!("{}…", kept.trim_end())
}
