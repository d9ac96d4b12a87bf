//! Estimates as dots, each on the interval in which the truth should lie.

use super::axis::{Axis, Unit};
use super::figure::Figure;
use super::number;
use super::rows::Rows;
use super::style::series_class;

/// One estimate.
#[derive(Debug, Clone, PartialEq)]
pub struct Dot {
    /// What is estimated.
    pub name: String,
    /// Which colour it has, from 0.
    pub series: usize,
    /// The estimate.
    pub value: f64,
    /// Its interval, where there is one.
    pub interval: Option<(f64, f64)>,
}

/// A plot of estimates, one a row.
#[derive(Debug, Clone, PartialEq)]
pub struct IntervalPlot {
    /// Above the plot.
    pub title: String,
    /// What is estimated, with its unit.
    pub x_name: String,
    /// Whether the values are shares, to be told in percent.
    pub percent: bool,
    /// A value to compare with, such as 0 for differences; it is shown.
    pub reference: Option<f64>,
    /// From top to bottom.
    pub dots: Vec<Dot>,
}

impl IntervalPlot {
    /// The plot as a figure.
    #[must_use]
    pub fn figure(&self) -> Figure {
        let unit = Unit::of(self.percent);
        let ends = self.dots.iter().flat_map(|dot| {
            let (lower, upper) = dot.interval.unwrap_or((dot.value, dot.value));
            [lower, dot.value, upper]
        });
        let axis = Axis::over(ends.chain(self.reference), 5, unit);
        let (rows, mut canvas) = Rows::draw(axis, &self.x_name, self.dots.len());
        if let Some(reference) = self.reference {
            rows.reference(&mut canvas, reference);
        }
        let mut words = format!("{}: {}", self.title, self.x_name);
        for (row, dot) in self.dots.iter().enumerate() {
            let figure = if self.percent {
                number::percent(dot.value, dot.interval)
            } else {
                number::with_interval(dot.value, dot.interval)
            };
            words.push_str(&format!("; {} {figure}", dot.name));
            Rows::label(&mut canvas, row, &dot.name, &figure);
            let (y, class) = (Rows::y(row), series_class(dot.series));
            if let Some((lower, upper)) = dot.interval
                && lower.is_finite()
                && upper.is_finite()
            {
                let whisker = format!("whisker {class}");
                canvas.line(&whisker, (rows.x(lower), y), (rows.x(upper), y));
            }
            if dot.value.is_finite() {
                let title = format!("{}: {figure}", dot.name);
                canvas.circle(&format!("dot {class}"), (rows.x(dot.value), y), 5.0, &title);
            }
        }
        Figure::new(&self.title, canvas.finish(&words), Vec::new())
    }
}
