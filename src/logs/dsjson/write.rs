//! The writer.

use std::io::{self, Write};

use serde::Serialize;
use uuid::Uuid;

use crate::evaluation::choices::{Choices, Metric};

/// Writes one line a choice. Vowpal Wabbit sees the segment and the placement
/// as shared features (namespace `S`) and each offer's name as its own
/// (namespace `A`); `promobandit` holds what the reader needs besides, and
/// Vowpal Wabbit passes it over.
#[derive(Debug)]
pub struct DsjsonWriter<W: Write> {
    out: W,
    rows: u64,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(rename = "_label_cost")]
    cost: f64,
    #[serde(rename = "_label_probability")]
    probability: f64,
    #[serde(rename = "_label_Action")]
    action: usize,
    #[serde(rename = "_labelIndex")]
    index: usize,
    #[serde(rename = "Timestamp", skip_serializing_if = "Option::is_none")]
    timestamp: Option<jiff::Timestamp>,
    #[serde(rename = "Version")]
    version: &'static str,
    #[serde(rename = "EventId")]
    event: String,
    a: Vec<usize>,
    c: Context<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p: Option<Vec<f64>>,
    promobandit: Extras<'a>,
}

#[derive(Serialize)]
struct Context<'a> {
    #[serde(rename = "S")]
    shared: Shared<'a>,
    #[serde(rename = "_multi")]
    multi: Vec<Action<'a>>,
}

#[derive(Serialize)]
struct Shared<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    segment: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    placement: Option<&'a str>,
}

#[derive(Serialize)]
struct Action<'a> {
    #[serde(rename = "_tag")]
    tag: &'a str,
    #[serde(rename = "A")]
    own: Own<'a>,
}

#[derive(Serialize)]
struct Own<'a> {
    offer: &'a str,
}

#[derive(Serialize)]
struct Extras<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    position: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    segment: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    placement: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shopper: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversion: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revenue: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    margin: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    discount_cost: Option<f64>,
}

impl<W: Write> DsjsonWriter<W> {
    /// Nothing written yet.
    pub const fn new(out: W) -> Self {
        Self { out, rows: 0 }
    }

    /// How many lines were written.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds a batch.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&mut self, choices: &Choices) -> io::Result<()> {
        for index in 0..choices.len() {
            serde_json::to_writer(&mut self.out, &line(choices, index, self.rows))?;
            self.out.write_all(b"\n")?;
            self.rows += 1;
        }
        Ok(())
    }

    /// Gives back what it was written to.
    pub fn finish(self) -> W {
        self.out
    }
}

fn line(choices: &Choices, index: usize, row: u64) -> Line<'_> {
    let choice = choices.get(index);
    let vocabulary = choices.vocabulary();
    let segment = choice.segment.and_then(|it| vocabulary.segments.get(it));
    let placement = choice
        .placement
        .and_then(|it| vocabulary.placements.get(it));
    let decision = choices.columns().decision.get(index);
    let decision = decision.map(|id| Uuid::from_u128(*id));
    // The chosen action first, then the others in their order.
    let others = (0..choice.actions.len()).filter(|place| *place != choice.chosen);
    let order: Vec<usize> = std::iter::once(choice.chosen).chain(others).collect();
    let in_order = |all: &[f64]| order.iter().map(|place| all[*place]).collect();
    let metric = |metric| Some(choices.metric(metric)?[index]);
    Line {
        // 0 − reward: a reward of 0 is a cost of 0 and not of −0.
        cost: 0.0 - choice.reward,
        probability: choice.propensity,
        action: choice.chosen + 1,
        index: choice.chosen,
        timestamp: choice
            .decided_at_ms
            .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()),
        version: "1",
        event: match decision {
            Some(id) => format!("{id}/{}", choice.position),
            None => row.to_string(),
        },
        p: choice.probabilities.map(in_order),
        a: order.iter().map(|place| place + 1).collect(),
        c: Context {
            shared: Shared { segment, placement },
            multi: choice
                .actions
                .iter()
                .map(|action| {
                    let name = vocabulary.actions.get(*action).unwrap_or_default();
                    Action {
                        tag: name,
                        own: Own { offer: name },
                    }
                })
                .collect(),
        },
        promobandit: Extras {
            decision,
            sequence: choice.sequence,
            position: choice.position,
            segment,
            placement,
            shopper: choice.shopper.map(u64::cast_signed),
            conversion: metric(Metric::Conversion),
            revenue: metric(Metric::Revenue),
            margin: metric(Metric::Margin),
            discount_cost: metric(Metric::DiscountCost),
        },
    }
}
