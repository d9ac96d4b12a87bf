//! How often values fall into each of some intervals.

use super::axis::{Axis, Unit};
use super::canvas::Canvas;
use super::figure::Figure;
use super::frame::Frame;
use super::number;
use super::style::series_class;

/// A histogram.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Above the plot.
    pub title: String,
    /// What the values are, with their unit.
    pub x_name: String,
    /// What is counted.
    pub y_name: String,
    /// Where the intervals begin and end, ascending: one more than `counts`.
    pub edges: Vec<f64>,
    /// How many values lie in each interval.
    pub counts: Vec<u64>,
}

impl Histogram {
    /// The plot as a figure.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // drawn, not reckoned with
    pub fn figure(&self) -> Figure {
        let mut canvas = Canvas::new(Frame::height());
        let x = Axis::over(self.edges.iter().copied(), 5, Unit::Number);
        let counts = self.counts.iter().map(|count| *count as f64);
        let y = Axis::over(counts.chain([0.0]), 4, Unit::Number).with_headroom();
        let frame = Frame::draw(&mut canvas, (x, &self.x_name), (y, &self.y_name));
        let class = format!("layer {}", series_class(0));
        let mut words = format!("{}: {} by {}", self.title, self.y_name, self.x_name);
        for (ends, count) in self.edges.windows(2).zip(&self.counts) {
            let (from, to) = (frame.x(ends[0]), frame.x(ends[1]));
            let (top, bottom) = (frame.y(*count as f64), frame.y(0.0));
            let within = ends.iter().map(|end| number::significant(*end, 4));
            let within: Vec<String> = within.collect();
            let title = format!("{}: {}", within.join(" to "), number::count(*count));
            words.push_str(&format!("; {title}"));
            canvas.rectangle(&class, (from, top), (to - from, bottom - top), &title);
        }
        Figure::new(&self.title, canvas.finish(&words), Vec::new())
    }
}
