//! Shares of a whole over time, one layer upon the other.

use super::axis::{Axis, Unit};
use super::canvas::{Anchor, Canvas};
use super::figure::Figure;
use super::frame::Frame;
use super::number;
use super::style::series_class;

/// A layer must be so thick somewhere to have its number in it.
const THICK_ENOUGH: f64 = 15.0;

/// One part of the whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// What the legend calls it.
    pub name: String,
    /// Which colour and number it has, from 0.
    pub series: usize,
    /// Its share at every x, in [0, 1].
    pub shares: Vec<f64>,
}

/// A plot of shares.
#[derive(Debug, Clone, PartialEq)]
pub struct SharePlot {
    /// Above the plot.
    pub title: String,
    /// What x is, with its unit.
    pub x_name: String,
    /// What the whole is.
    pub y_name: String,
    /// Ascending; as many as each layer has shares.
    pub x: Vec<f64>,
    /// The first lies at the bottom.
    pub layers: Vec<Layer>,
}

impl SharePlot {
    /// The plot as a figure.
    #[must_use]
    pub fn figure(&self) -> Figure {
        let mut canvas = Canvas::new(Frame::height());
        let x = Axis::over(self.x.iter().copied(), 5, Unit::Number);
        let y = Axis::over([0.0, 1.0], 5, Unit::Percent);
        let frame = Frame::draw(&mut canvas, (x, &self.x_name), (y, &self.y_name));
        let mut below = vec![0.0; self.x.len()];
        let mut numbers = Vec::new();
        let mut words = format!("{}: {} over {}", self.title, self.y_name, self.x_name);
        for layer in &self.layers {
            let above: Vec<f64> = below
                .iter()
                .zip(&layer.shares)
                .map(|(below, share)| below + share)
                .collect();
            let edge = |heights: &[f64]| -> Vec<(f64, f64)> {
                let points = self.x.iter().zip(heights);
                points.map(|(x, y)| (frame.x(*x), frame.y(*y))).collect()
            };
            let (lower, upper) = (edge(&below), edge(&above));
            numbers.extend(thickest(&lower, &upper).map(|place| (layer.series, place)));
            let outline: Vec<(f64, f64)> =
                upper.into_iter().chain(lower.into_iter().rev()).collect();
            let class = format!("layer {}", series_class(layer.series));
            canvas.area(&class, &outline, &layer.name);
            if let Some(last) = layer.shares.last() {
                let share = number::percent(*last, None);
                words.push_str(&format!("; {} ends at {share}", layer.name));
            }
            below = above;
        }
        for (series, (x, y)) in numbers {
            let number = (series + 1).to_string();
            canvas.text("within", Anchor::Middle, (x, y + 4.5), &number);
        }
        let legend = self.layers.iter();
        let legend = legend.map(|layer| (layer.series, layer.name.clone()));
        Figure::new(&self.title, canvas.finish(&words), legend.collect())
    }
}

/// The middle of a layer where it is thickest, away from both ends, when it is
/// thick enough there.
fn thickest(lower: &[(f64, f64)], upper: &[(f64, f64)]) -> Option<(f64, f64)> {
    let margin = lower.len() / 20;
    let places = margin..lower.len() - margin;
    let thickness = |place: usize| lower[place].1 - upper[place].1;
    let place = places.max_by(|left, right| thickness(*left).total_cmp(&thickness(*right)))?;
    let middle = 0.5 * (lower[place].1 + upper[place].1);
    (thickness(place) >= THICK_ENOUGH).then_some((lower[place].0, middle))
}
