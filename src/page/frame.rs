//! Two axes with their ticks and names, and where a value lies between them.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, LETTER, WIDTH};

/// Room on the right, for the numbers at the ends of lines.
const RIGHT: f64 = 30.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 40.0;
/// How high what is drawn between the axes is.
const INNER: f64 = 186.0;

/// The axes of a plot.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    x: Axis,
    y: Axis,
    left: f64,
}

impl Frame {
    /// Draws both axes; the name of the upright one stands above it.
    pub(super) fn draw(canvas: &mut Canvas, x: (Axis, &str), y: (Axis, &str)) -> Self {
        let ((x, x_name), (y, y_name)) = (x, y);
        let widths = y
            .ticks()
            .into_iter()
            .map(|(_, label)| label.chars().count());
        #[allow(clippy::cast_precision_loss)] // a label's letters
        let left = LETTER * widths.max().unwrap_or(0) as f64 + 10.0;
        let frame = Self { x, y, left };
        let bottom = TOP + INNER;
        for (value, label) in frame.y.ticks() {
            let y = frame.y(value);
            let class = if value == 0.0 { "base" } else { "grid" };
            canvas.line(class, (left, y), (WIDTH - RIGHT, y));
            canvas.text("tick", Anchor::End, (left - 6.0, y + 4.0), &label);
        }
        let ticks = frame.x.ticks().into_iter();
        let ticks: Vec<(f64, String)> = ticks.map(|(at, label)| (frame.x(at), label)).collect();
        for (x, _) in &ticks {
            canvas.line("base", (*x, bottom), (*x, bottom + 4.0));
        }
        canvas.labels_below(bottom + 17.0, ticks);
        canvas.line("base", (left, bottom), (WIDTH - RIGHT, bottom));
        canvas.text("name", Anchor::Start, (2.0, 12.0), y_name);
        canvas.text("name", Anchor::End, (WIDTH - RIGHT, bottom + 34.0), x_name);
        frame
    }

    /// How high a canvas with such a frame is.
    pub(super) const fn height() -> f64 {
        TOP + INNER + BOTTOM
    }

    pub(super) fn x(&self, value: f64) -> f64 {
        self.left + self.x.place(value) * (WIDTH - RIGHT - self.left)
    }

    pub(super) fn y(&self, value: f64) -> f64 {
        TOP + (1.0 - self.y.place(value)) * INNER
    }

    /// A point, when it lies between the axes.
    pub(super) fn at(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let is_seen = self.x.holds(x) && self.y.holds(y);
        is_seen.then(|| (self.x(x), self.y(y)))
    }

    /// Puts the numbers of things at the right end, near where they end, none
    /// upon another.
    pub(super) fn tag_ends(&self, canvas: &mut Canvas, mut ends: Vec<Tag>) {
        const APART: f64 = 13.0;
        ends.sort_by(|left, right| left.y.total_cmp(&right.y));
        let mut places: Vec<f64> = Vec::with_capacity(ends.len());
        for end in &ends {
            let free = places.last().map_or(f64::NEG_INFINITY, |it| it + APART);
            places.push(end.y.max(free));
        }
        // What was pushed beyond the bottom goes back up.
        let mut lowest = TOP + INNER + 2.0;
        for place in places.iter_mut().rev() {
            *place = place.min(lowest);
            lowest = *place - APART;
        }
        let x = WIDTH - RIGHT;
        for (end, place) in ends.iter().zip(places) {
            let class = super::style::series_class(end.series);
            let leader = format!("leader {class}");
            canvas.line(&leader, (x, end.y), (x + 9.0, place));
            let number = (end.series + 1).to_string();
            let class = format!("tag {class}");
            canvas.text(&class, Anchor::Start, (x + 11.0, place + 4.0), &number);
        }
    }
}

/// Where one of several things ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tag {
    pub(super) series: usize,
    pub(super) y: f64,
}
