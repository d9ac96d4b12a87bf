//! Amounts as bars from 0, one a row.

use super::axis::{Axis, Unit};
use super::figure::Figure;
use super::number;
use super::rows::Rows;
use super::style::series_class;

/// How thick a bar is.
const THICKNESS: f64 = 10.0;

/// One amount.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// What it is an amount of.
    pub name: String,
    /// Which colour it has, from 0.
    pub series: usize,
    /// The amount, below 0 too.
    pub value: f64,
}

/// A plot of amounts.
#[derive(Debug, Clone, PartialEq)]
pub struct BarPlot {
    /// Above the plot.
    pub title: String,
    /// What the amounts are, with their unit.
    pub x_name: String,
    /// Whether they are shares, to be told in percent.
    pub percent: bool,
    /// From top to bottom.
    pub bars: Vec<Bar>,
}

impl BarPlot {
    /// The plot as a figure.
    #[must_use]
    pub fn figure(&self) -> Figure {
        let unit = Unit::of(self.percent);
        let ends = self.bars.iter().map(|bar| bar.value).chain([0.0]);
        let (rows, mut canvas) =
            Rows::draw(Axis::over(ends, 5, unit), &self.x_name, self.bars.len());
        let mut words = format!("{}: {}", self.title, self.x_name);
        for (row, bar) in self.bars.iter().enumerate() {
            let figure = if self.percent {
                number::percent(bar.value, None)
            } else {
                number::significant(bar.value, 4)
            };
            let title = format!("{}: {figure}", bar.name);
            words.push_str(&format!("; {title}"));
            Rows::label(&mut canvas, row, &bar.name, &figure);
            if bar.value.is_finite() {
                let (from, to) = (rows.x(bar.value.min(0.0)), rows.x(bar.value.max(0.0)));
                let class = format!("bar {}", series_class(bar.series));
                let corner = (from, Rows::y(row) - 0.5 * THICKNESS);
                canvas.rectangle(&class, corner, ((to - from).max(0.5), THICKNESS), &title);
            }
        }
        Figure::new(&self.title, canvas.finish(&words), Vec::new())
    }
}
