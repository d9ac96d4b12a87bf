//! Shoppers who pass through stages, from the cart to what comes after the
//! purchase: what is offered now changes who they are at the next stage.
//!
//! A decision process with a finite end: the state is (stage, segment), and
//! `Session::check` solves it backwards from the last stage, so the best that
//! any policy could do is known (value iteration, Bellman 1957, which is exact
//! here after one sweep).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{MOST_ARMS, number_within};
use crate::domain::ids::{PlacementNumber, SegmentNumber};
use crate::domain::random::Generator;
use crate::simulation::ScenarioError;
use crate::simulation::scenario::{nearest, whole_within};

/// The most stages, and the most segments, of an environment.
const MOST_STATES: usize = 100;

/// The largest amount that an offer earns.
const LARGEST_VALUE: f64 = 1e9;

/// Shares may miss 1 by so much.
const SHARE_TOLERANCE: f64 = 1e-9;

/// As written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionDocument {
    /// The names of the stages, in their order.
    pub stages: Vec<String>,
    /// The names of the segments.
    pub segments: Vec<String>,
    /// The share of each segment among those who begin; sums to 1.
    pub start: BTreeMap<String, f64>,
    /// How many offers there are at every stage; they are numbered from 0.
    pub offers: i64,
    /// One for each stage, segment and offer.
    pub cells: Vec<CellDocument>,
}

/// What an offer does to a segment at a stage, as written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellDocument {
    /// The stage's name.
    pub stage: String,
    /// The segment's name.
    pub segment: String,
    /// The offer's number, from 0.
    pub offer: i64,
    /// The probability that it earns, in [0, 1].
    pub rate: f64,
    /// What it then earns, in [-10⁹, 10⁹].
    pub value: f64,
    /// The probability of each segment at the next stage; what is missing to 1
    /// leaves. Empty at the last stage.
    #[serde(default)]
    pub then: BTreeMap<String, f64>,
}

/// The checked environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    stages: usize,
    /// The names of the segments.
    segments: Vec<String>,
    offers: u32,
    /// The share of each segment at the start.
    start: Vec<f64>,
    /// By stage, segment and offer.
    cells: Vec<Vec<Vec<Cell>>>,
    /// What the rest of the session earns in the mean with this offer now and
    /// the best ones later; by stage, segment and offer.
    optimal: Vec<Vec<Vec<f64>>>,
}

#[derive(Debug, Clone, PartialEq)]
struct Cell {
    rate: f64,
    value: f64,
    /// The probability of each segment at the next stage.
    then: Vec<f64>,
}

/// Where the shopper of one replication is.
#[derive(Debug, Clone)]
pub(super) struct SessionWorld<'a> {
    session: &'a Session,
    stage: usize,
    segment: usize,
    begins: bool,
    /// This round's luck: who comes, and who goes on.
    luck: f64,
}

impl Session {
    pub(super) fn check(document: &SessionDocument) -> Result<Self, ScenarioError> {
        let stages = check_names("environment.stages", &document.stages)?;
        let segments = check_names("environment.segments", &document.segments)?;
        let offers = whole_within("environment.offers", document.offers, 1, MOST_ARMS as u64)?;
        let start = shares("environment.start", &document.start, &document.segments)?;
        let sum: f64 = start.iter().sum();
        if (sum - 1.0).abs() > SHARE_TOLERANCE {
            let key = "environment.start: the sum of the shares";
            return Err(ScenarioError::out_of_bounds(key, sum, "[1, 1]"));
        }
        let offers = u32::try_from(offers).unwrap_or(u32::MAX);
        let cells = check_cells(document, stages, segments, offers)?;
        let optimal = solve(&cells);
        Ok(Self {
            stages,
            segments: document.segments.clone(),
            offers,
            start,
            cells,
            optimal,
        })
    }

    pub(super) const fn offers(&self) -> u32 {
        self.offers
    }

    #[allow(clippy::cast_possible_truncation)] // at most MOST_STATES
    pub(super) const fn segments(&self) -> u32 {
        self.start.len() as u32
    }

    /// The segments are told apart.
    pub(super) fn groups(&self) -> Vec<String> {
        self.segments.clone()
    }

    /// Everything that an offer may earn, once each.
    pub(super) fn rewards(&self) -> impl Iterator<Item = f64> + '_ {
        let cells = self.cells.iter().flatten().flatten();
        cells.map(|cell| cell.value).chain([0.0])
    }

    pub(super) fn begin(&self) -> SessionWorld<'_> {
        SessionWorld {
            session: self,
            // As if a session had just ended.
            stage: self.stages,
            segment: 0,
            begins: true,
            luck: 0.0,
        }
    }
}

impl SessionWorld<'_> {
    /// Begins a round.
    pub fn next(&mut self, generator: &mut Generator) {
        let arrival = generator.next_uniform();
        self.luck = generator.next_uniform();
        self.begins = self.stage >= self.session.stages;
        if self.begins {
            self.stage = 0;
            self.segment = pick(&self.session.start, arrival).unwrap_or(0);
        }
    }

    /// The stage of this round.
    #[allow(clippy::cast_possible_truncation)] // at most MOST_STATES
    pub const fn stage(&self) -> PlacementNumber {
        PlacementNumber(self.stage as u32)
    }

    /// The shopper's segment at this stage.
    #[allow(clippy::cast_possible_truncation)] // at most MOST_STATES
    pub const fn segment(&self) -> SegmentNumber {
        SegmentNumber(self.segment as u32)
    }

    /// Whether this round is the first of a session.
    pub const fn begins(&self) -> bool {
        self.begins
    }

    /// What each offer earns in the mean by the end of the session, with the
    /// best ones after it.
    pub fn optimal(&self) -> &[f64] {
        &self.session.optimal[self.stage][self.segment]
    }

    /// What an offer earns now, given this round's luck.
    pub fn reward(&self, index: usize, luck: f64) -> f64 {
        let cell = &self.session.cells[self.stage][self.segment][index];
        if luck < cell.rate { cell.value } else { 0.0 }
    }

    /// The shopper was shown an offer and goes on, or leaves.
    pub fn go_on(&mut self, index: usize) {
        let cell = &self.session.cells[self.stage][self.segment][index];
        match pick(&cell.then, self.luck) {
            Some(segment) => {
                self.stage += 1;
                self.segment = segment;
            }
            None => self.stage = self.session.stages,
        }
    }
}

/// Which of several probabilities a number in [0, 1) falls on.
fn pick(probabilities: &[f64], luck: f64) -> Option<usize> {
    let mut reached = 0.0;
    probabilities.iter().position(|probability| {
        reached += probability;
        luck < reached
    })
}

/// Q*, backwards from the last stage.
fn solve(cells: &[Vec<Vec<Cell>>]) -> Vec<Vec<Vec<f64>>> {
    let mut optimal: Vec<Vec<Vec<f64>>> = Vec::with_capacity(cells.len());
    let mut best_after: Vec<f64> = Vec::new();
    for stage in cells.iter().rev() {
        let values: Vec<Vec<f64>> = stage
            .iter()
            .map(|segment| {
                let value = |cell: &Cell| {
                    let rest = cell.then.iter().zip(&best_after).map(|(p, best)| p * best);
                    cell.rate * cell.value + rest.sum::<f64>()
                };
                segment.iter().map(value).collect()
            })
            .collect();
        best_after = values
            .iter()
            .map(|offers: &Vec<f64>| offers.iter().copied().fold(f64::NEG_INFINITY, f64::max))
            .collect();
        optimal.push(values);
    }
    optimal.reverse();
    optimal
}

/// How many names there are: at least one, each once.
fn check_names(key: &str, names: &[String]) -> Result<usize, ScenarioError> {
    if names.is_empty() || names.len() > MOST_STATES {
        #[allow(clippy::cast_precision_loss)] // for people to read
        return Err(ScenarioError::out_of_bounds(
            format!("{key}: the number of names"),
            names.len() as f64,
            format!("[1, {MOST_STATES}]"),
        ));
    }
    let repeated = names
        .iter()
        .enumerate()
        .find(|(place, name)| names[..*place].contains(name));
    match repeated {
        Some((_, name)) => Err(shape(key, format!("the name {name:?} stands twice"))),
        None => Ok(names.len()),
    }
}

fn shape(key: &str, message: String) -> ScenarioError {
    ScenarioError::Shape {
        place: format!("{key}: "),
        message,
    }
}

/// Where a name stands among the known ones.
fn place_of(key: &str, name: &str, known: &[String]) -> Result<usize, ScenarioError> {
    known.iter().position(|other| other == name).ok_or_else(|| {
        let hint = nearest(name, known.iter().map(String::as_str));
        shape(key, format!("{name:?} is not known{hint}"))
    })
}

/// A probability for each segment, 0 where none is named; their sum is at most
/// 1.
fn shares(
    key: &str,
    named: &BTreeMap<String, f64>,
    segments: &[String],
) -> Result<Vec<f64>, ScenarioError> {
    let mut shares = vec![0.0; segments.len()];
    for (name, share) in named {
        let place = place_of(key, name, segments)?;
        shares[place] = number_within(&format!("{key}.{name}"), *share, 0.0, 1.0)?;
    }
    let sum: f64 = shares.iter().sum();
    number_within(
        &format!("{key}: the sum of the shares"),
        sum,
        0.0,
        1.0 + SHARE_TOLERANCE,
    )?;
    Ok(shares)
}

/// The cells by stage, segment and offer: each once.
fn check_cells(
    document: &SessionDocument,
    stages: usize,
    segments: usize,
    offers: u32,
) -> Result<Vec<Vec<Vec<Cell>>>, ScenarioError> {
    let offers = offers as usize;
    let mut cells = vec![vec![vec![None; offers]; segments]; stages];
    for (number, written) in document.cells.iter().enumerate() {
        let key = format!("environment.cells.{number}");
        let stage = place_of(&format!("{key}.stage"), &written.stage, &document.stages)?;
        let segment = place_of(
            &format!("{key}.segment"),
            &written.segment,
            &document.segments,
        )?;
        let last_offer = offers as u64 - 1;
        let offer = whole_within(&format!("{key}.offer"), written.offer, 0, last_offer)?;
        let value_key = format!("{key}.value");
        let cell = Cell {
            rate: number_within(&format!("{key}.rate"), written.rate, 0.0, 1.0)?,
            value: number_within(&value_key, written.value, -LARGEST_VALUE, LARGEST_VALUE)?,
            then: shares(&format!("{key}.then"), &written.then, &document.segments)?,
        };
        if stage + 1 == stages && !written.then.is_empty() {
            let message = format!("nothing follows {:?}, the last stage", written.stage);
            return Err(shape(&format!("{key}.then"), message));
        }
        #[allow(clippy::cast_possible_truncation)] // below the number of offers
        let place: &mut Option<Cell> = &mut cells[stage][segment][offer as usize];
        if place.replace(cell).is_some() {
            let message = "this stage, segment and offer stand twice".to_owned();
            return Err(shape(&key, message));
        }
    }
    let complete = |stage: usize, segment: usize, offer: usize, cell: Option<Cell>| {
        cell.ok_or_else(|| {
            let message = format!(
                "none for stage {:?}, segment {:?}, offer {offer}: every one needs its own",
                document.stages[stage], document.segments[segment]
            );
            shape("environment.cells", message)
        })
    };
    let mut checked = Vec::with_capacity(stages);
    for (stage, by_segment) in cells.into_iter().enumerate() {
        let mut rows = Vec::with_capacity(segments);
        for (segment, by_offer) in by_segment.into_iter().enumerate() {
            let row = by_offer.into_iter().enumerate();
            let row = row.map(|(offer, cell)| complete(stage, segment, offer, cell));
            rows.push(row.collect::<Result<Vec<Cell>, _>>()?);
        }
        checked.push(rows);
    }
    Ok(checked)
}
