//! The frame of plots that have one row a thing: its name and its figure above
//! what is drawn, so that long names have room on a narrow screen.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, LETTER, WIDTH, fitted};

const TOP: f64 = 6.0;
/// How high a row is.
const ROW: f64 = 36.0;
const BOTTOM: f64 = 42.0;
/// Room at both sides, for half of a tick's label.
const SIDE: f64 = 24.0;

/// Rows over one axis.
pub(super) struct Rows {
    axis: Axis,
    count: usize,
}

impl Rows {
    /// An empty canvas for so many rows, with its axis.
    pub(super) fn draw(axis: Axis, name: &str, count: usize) -> (Self, Canvas) {
        #[allow(clippy::cast_precision_loss)] // a plot's rows
        let bottom = TOP + ROW * count as f64;
        let mut canvas = Canvas::new(bottom + BOTTOM);
        let rows = Self { axis, count };
        let ticks = rows.axis.ticks().into_iter();
        let ticks: Vec<(f64, String)> = ticks.map(|(at, label)| (rows.x(at), label)).collect();
        for (x, _) in &ticks {
            canvas.line("grid", (*x, TOP), (*x, bottom + 4.0));
        }
        canvas.labels_below(bottom + 18.0, ticks);
        canvas.line("base", (SIDE, bottom), (WIDTH - SIDE, bottom));
        canvas.text("name", Anchor::End, (WIDTH - 2.0, bottom + 35.0), name);
        (rows, canvas)
    }

    pub(super) fn x(&self, value: f64) -> f64 {
        SIDE + self.axis.place(value).clamp(0.0, 1.0) * (WIDTH - 2.0 * SIDE)
    }

    /// The height of what is drawn in a row.
    #[allow(clippy::cast_precision_loss)] // a plot's rows
    pub(super) fn y(row: usize) -> f64 {
        TOP + ROW * row as f64 + 24.0
    }

    /// Writes what a row is called and the figure that it stands for.
    #[allow(clippy::cast_precision_loss)] // a label's letters
    pub(super) fn label(canvas: &mut Canvas, row: usize, name: &str, figure: &str) {
        let y = Self::y(row) - 11.0;
        let free = WIDTH - LETTER * (figure.chars().count() + 2) as f64;
        let name = fitted(name, free);
        canvas.text("ink", Anchor::Start, (2.0, y), &name);
        canvas.text("figure", Anchor::End, (WIDTH - 2.0, y), figure);
    }

    /// An upright line at a value that the rows are compared with.
    pub(super) fn reference(&self, canvas: &mut Canvas, value: f64) {
        if self.axis.holds(value) {
            let (x, bottom) = (self.x(value), Self::y(self.count) - 24.0);
            canvas.line("reference", (x, TOP), (x, bottom));
        }
    }
}
