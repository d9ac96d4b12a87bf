//! Lines over a common axis, each with a band where it may be instead.

use super::axis::{Axis, Unit};
use super::canvas::Canvas;
use super::figure::Figure;
use super::frame::{Frame, Tag};
use super::number;
use super::style::series_class;

/// A point of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// How far along.
    pub x: f64,
    /// How high. Where it is not finite, the line is interrupted.
    pub y: f64,
    /// The lower and the upper end of the band there, if it has one.
    pub band: Option<(f64, f64)>,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What the legend calls it.
    pub name: String,
    /// Which colour and number it has, from 0. What has the same one in several
    /// plots is seen to be the same thing.
    pub series: usize,
    /// From left to right.
    pub points: Vec<Point>,
}

/// A plot of lines.
#[derive(Debug, Clone, PartialEq)]
pub struct LinePlot {
    /// Above the plot.
    pub title: String,
    /// What x is, with its unit.
    pub x_name: String,
    /// What y is, with its unit.
    pub y_name: String,
    /// Whether y is a share, to be told in percent.
    pub percent: bool,
    /// Whether 0 is shown though no line comes near it.
    pub from_zero: bool,
    /// The lines.
    pub lines: Vec<Line>,
}

impl LinePlot {
    /// The plot as a figure.
    #[must_use]
    pub fn figure(&self) -> Figure {
        let mut canvas = Canvas::new(Frame::height());
        let frame = Frame::draw(
            &mut canvas,
            (self.x_axis(), &self.x_name),
            (self.y_axis(), &self.y_name),
        );
        for line in &self.lines {
            for run in line.runs() {
                draw_band(&mut canvas, &frame, line, run);
            }
        }
        for line in &self.lines {
            let class = format!("curve {}", series_class(line.series));
            for run in line.runs() {
                let points: Vec<(f64, f64)> = run
                    .iter()
                    .filter_map(|point| frame.at(point.x, point.y))
                    .collect();
                canvas.curve(&class, &points, &line.name);
            }
        }
        let end = |line: &Line| {
            let mut points = line.points.iter().rev();
            let (_, y) = points.find_map(|point| frame.at(point.x, point.y))?;
            let series = line.series;
            Some(Tag { series, y })
        };
        frame.tag_ends(&mut canvas, self.lines.iter().filter_map(end).collect());
        let legend = self.lines.iter();
        let legend = legend
            .map(|line| (line.series, line.name.clone()))
            .collect();
        Figure::new(&self.title, canvas.finish(&self.in_words()), legend)
    }

    fn points(&self) -> impl Iterator<Item = &Point> {
        self.lines.iter().flat_map(|line| &line.points)
    }

    fn x_axis(&self) -> Axis {
        Axis::over(self.points().map(|point| point.x), 5, Unit::Number)
    }

    fn y_axis(&self) -> Axis {
        let zero = self.from_zero.then_some(0.0);
        let heights = self.points().flat_map(|point| {
            let (lower, upper) = point.band.unwrap_or((point.y, point.y));
            [lower, point.y, upper]
        });
        let unit = Unit::of(self.percent);
        Axis::over(heights.chain(zero), 5, unit).with_headroom()
    }

    /// What the plot shows, for those who cannot see it: where each line ends.
    fn in_words(&self) -> String {
        let mut words = format!("{}: {} over {}", self.title, self.y_name, self.x_name);
        for line in &self.lines {
            if let Some(last) = line.points.last() {
                let value = if self.percent {
                    number::percent(last.y, last.band)
                } else {
                    number::with_interval(last.y, last.band)
                };
                words.push_str(&format!("; {} ends at {value}", line.name));
            }
        }
        words
    }
}

impl Line {
    /// The parts without an interruption.
    fn runs(&self) -> impl Iterator<Item = &[Point]> {
        self.points
            .split(|point| !point.y.is_finite())
            .filter(|run| !run.is_empty())
    }
}

fn draw_band(canvas: &mut Canvas, frame: &Frame, line: &Line, run: &[Point]) {
    let end = |point: &Point, upper: bool| {
        let (low, high) = point.band?;
        frame.at(point.x, if upper { high } else { low })
    };
    let above = run.iter().filter_map(|point| end(point, true));
    let below = run.iter().rev().filter_map(|point| end(point, false));
    let edge: Vec<(f64, f64)> = above.chain(below).collect();
    let class = format!("band {}", series_class(line.series));
    canvas.area(&class, &edge, &line.name);
}
