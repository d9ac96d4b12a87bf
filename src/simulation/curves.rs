//! The curves of a policy: its measures, and the shares of its offers, over the
//! rounds of a replication, as means over replications with 95 % intervals.

use super::estimate::{Estimate, Quantiles, Spread};
use super::measure::{Measure, MeasureUnit};
use super::points::Points;
use super::summary::Replication;
use super::trace::{Column, Layout, MOST_SHARES, Stop, Sums, Trace};

/// A measure over the points of a replication.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Which.
    pub measure: Measure,
    /// One a point; `None` where it has no value in any replication.
    pub points: Vec<Option<Estimate>>,
}

impl Curve {
    /// Its value at the end.
    #[must_use]
    pub fn last(&self) -> Option<Estimate> {
        self.points.last().copied().flatten()
    }
}

/// What all replications of one policy came to.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyCurves {
    /// Where the points lie.
    pub points: Points,
    /// One a measure that the world knows of, in the order of
    /// [`Measure::ALL`].
    pub curves: Vec<Curve>,
    /// By offer, then by point: what part of the decisions since the point
    /// before chose it; empty beyond [`MOST_SHARES`] offers.
    pub shares: Vec<Vec<Option<Estimate>>>,
    /// How often each offer was chosen, in all replications.
    pub choices: Vec<u64>,
    /// The same by group of segments.
    pub group_choices: Vec<Vec<u64>>,
    /// What each replication came to, in the order of seeds.
    pub replications: Vec<Replication>,
}

impl PolicyCurves {
    /// The curve of a measure.
    #[must_use]
    pub fn curve(&self, measure: Measure) -> Option<&Curve> {
        self.curves.iter().find(|curve| curve.measure == measure)
    }
}

/// Puts replications together, in the order of their seeds.
#[derive(Debug, Clone)]
pub struct CurveBuilder {
    points: Points,
    measures: Vec<(Measure, Vec<Spread>)>,
    /// By offer, then by point.
    shares: Vec<Vec<Spread>>,
    choices: Vec<u64>,
    group_choices: Vec<Vec<u64>>,
    replications: Vec<Replication>,
}

impl CurveBuilder {
    /// Of nothing yet, for a world that knows of `columns`.
    #[must_use]
    pub fn new(layout: &Layout, columns: &[Column]) -> Self {
        let Layout {
            points,
            groups,
            offers,
            ..
        } = *layout;
        let is_known = |measure: &Measure| {
            let mut needed = measure.columns().iter();
            needed.all(|column| columns.contains(column))
        };
        let nothing = vec![Spread::default(); points.len()];
        let known = Measure::ALL.into_iter().filter(is_known);
        let shares = if offers <= MOST_SHARES { offers } else { 0 };
        Self {
            points,
            measures: known.map(|it| (it, nothing.clone())).collect(),
            shares: vec![nothing; shares],
            choices: vec![0; offers],
            group_choices: vec![vec![0; offers]; groups],
            replications: Vec::new(),
        }
    }

    /// Adds a replication.
    pub fn add(&mut self, trace: Trace) {
        let start = Stop {
            sums: Sums::default(),
            choices: vec![0; self.shares.len()],
        };
        let before = std::iter::once(&start).chain(trace.stops());
        for (place, (now, before)) in trace.stops().iter().zip(before).enumerate() {
            for (measure, spreads) in &mut self.measures {
                if let Some(value) = measure.value(&now.sums, &before.sums) {
                    spreads[place].add(value);
                }
            }
            add_shares(&mut self.shares, place, now, before);
        }
        add_counts(&mut self.choices, trace.choices());
        for (sum, counts) in self.group_choices.iter_mut().zip(trace.group_choices()) {
            add_counts(sum, counts);
        }
        self.replications.push(trace.total);
    }

    /// The curves of what was added.
    #[must_use]
    pub fn finish(self) -> PolicyCurves {
        let mut quantiles = Quantiles::default();
        let mut told = |spreads: Vec<Spread>, is_share: bool| -> Vec<Option<Estimate>> {
            let estimates = spreads.iter().map(|it| it.estimate(&mut quantiles));
            if is_share {
                estimates.map(|it| it.map(within_a_whole)).collect()
            } else {
                estimates.collect()
            }
        };
        let curves = self.measures.into_iter().map(|(measure, spreads)| {
            let is_share = measure.unit() == MeasureUnit::Share;
            // A lift may lie below 0.
            let is_part = is_share && measure != Measure::ConversionLift;
            Curve {
                measure,
                points: told(spreads, is_part),
            }
        });
        let curves = curves.collect();
        let shares = self.shares.into_iter().map(|it| told(it, true));
        PolicyCurves {
            points: self.points,
            curves,
            shares: shares.collect(),
            choices: self.choices,
            group_choices: self.group_choices,
            replications: self.replications,
        }
    }
}

/// A part of a whole lies in [0, 1], and so does where it may be instead.
fn within_a_whole(estimate: Estimate) -> Estimate {
    Estimate {
        lower: estimate.lower.map(|it| it.max(0.0)),
        upper: estimate.upper.map(|it| it.min(1.0)),
        ..estimate
    }
}

fn add_counts(sum: &mut [u64], counts: &[u64]) {
    for (sum, count) in sum.iter_mut().zip(counts) {
        *sum += count;
    }
}

#[allow(clippy::cast_precision_loss)] // counts of decisions
fn add_shares(shares: &mut [Vec<Spread>], place: usize, now: &Stop, before: &Stop) {
    let since = |offer: usize| now.choices[offer] - before.choices[offer];
    let all: u64 = (0..shares.len()).map(since).sum();
    if all == 0 {
        return;
    }
    for (offer, spreads) in shares.iter_mut().enumerate() {
        spreads[place].add(since(offer) as f64 / all as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::super::trace::Counted;
    use super::*;

    fn layout(rounds: u64) -> Layout {
        Layout {
            points: Points::new(0, rounds),
            groups: 1,
            offers: 2,
            early: vec![1, 3],
        }
    }

    fn trace(rewards: &[f64]) -> Trace {
        let mut trace = Trace::new(layout(rewards.len() as u64));
        for (round, reward) in rewards.iter().enumerate() {
            trace.decided(Counted {
                group: Some(0),
                offer: round % 2,
                reward: *reward,
                best_mean: 0.5,
                favourite_mean: 0.45,
                mean: 0.4,
            });
            trace.end_round(round as u64);
        }
        trace
    }

    #[test]
    fn a_curve_is_the_mean_of_its_replications() {
        let mut builder = CurveBuilder::new(&layout(4), &Column::OF_TRUTH);
        builder.add(trace(&[1.0, 0.0, 1.0, 1.0]));
        builder.add(trace(&[0.0, 0.0, 1.0, 0.0]));
        let curves = builder.finish();
        let reward = curves.curve(Measure::Reward).unwrap();
        let means: Vec<f64> = reward.points.iter().map(|it| it.unwrap().value).collect();
        assert_eq!(means, [0.5, 0.5, 1.5, 2.0]);
        let close = |measure: Measure, place: usize, value: f64| {
            let estimate = curves.curve(measure).unwrap().points[place].unwrap();
            assert!((estimate.value - value).abs() < 1e-12, "{measure:?}");
        };
        close(Measure::Regret, 3, 0.4);
        close(Measure::PriceOfExploration, 3, 0.2);
        close(Measure::PartOfBest, 1, 0.8);
        // What the world does not know of has no curve.
        assert_eq!(curves.curve(Measure::Revenue), None);
        assert_eq!(
            (curves.choices, &curves.group_choices[0][..]),
            (vec![4, 4], &[4, 4][..])
        );
        assert_eq!(curves.shares[1][1].unwrap().value, 1.0);
        assert_eq!(curves.shares[1][2].unwrap().value, 0.0);
        let early = curves.replications[0].early.iter();
        let early: Vec<(u64, f64)> = early.map(|it| (it.decisions, it.reward)).collect();
        assert_eq!(early, [(1, 1.0), (3, 2.0)]);
        let groups = &curves.replications[0].groups[0];
        assert_eq!((groups.decisions, groups.reward), (4, 3.0));
    }
}
