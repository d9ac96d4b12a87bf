//! A catalogue that a log can be replayed against.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::{ObdError, ObdReader, ObdRow, POSITIONS, position_placement_id};
use crate::catalog::document::{
    AttributeDocument, BenefitDocument, ConditionDocument, OfferDocument, PlacementDocument,
};
use crate::catalog::{CatalogDocument, DEFAULT_SEGMENT, SegmentDocument, write_toml};
use crate::domain::attribute::AttributeValue;
use crate::domain::money::Currency;
use crate::domain::placement::Objective;
use crate::learning::PolicyConfig;
use crate::learning::config::ThompsonBetaConfig;
use crate::learning::config::memory::MemoryConfig;
use crate::learning::reward::Outside;

/// The most segments besides the default.
const MAX_SEGMENTS: usize = 64;
/// The most features that a segment may combine: its id shows them all.
const MAX_FEATURES: usize = 4;
/// How much of a feature's value goes into a segment's id.
const ID_CHARS_A_FEATURE: usize = 10;
/// The most characters of a segment's id, before a number that tells it from
/// others that begin alike; the catalogue allows 64.
const MAX_ID_CHARS: usize = 60;

/// What the catalogue is to be like.
#[derive(Debug, Clone, PartialEq)]
pub struct ObdCatalogOptions {
    /// The user features whose combinations make the segments, at most 4; none
    /// for a single segment.
    pub segment_features: Vec<String>,
    /// How many of the most frequent combinations get a segment of their own,
    /// at most 64; the rest belong to the default.
    pub max_segments: usize,
    /// Each placement's policy.
    pub policy: PolicyConfig,
}

impl Default for ObdCatalogOptions {
    /// One segment for each value of `user_feature_0`; Thompson sampling with
    /// a prior of one click in a hundred and a floor of 0.001.
    fn default() -> Self {
        Self {
            segment_features: vec!["user_feature_0".to_owned()],
            max_segments: MAX_SEGMENTS,
            policy: PolicyConfig::ThompsonBeta(ThompsonBetaConfig {
                prior_successes: 1.0,
                prior_failures: 99.0,
                exploration_floor: 0.001,
                outside: Outside::Refuse,
                memory: MemoryConfig::default(),
            }),
        }
    }
}

/// Why no catalogue is made.
#[derive(Debug, Error)]
pub enum ObdCatalogError {
    /// The log is refused.
    #[error(transparent)]
    Log(#[from] ObdError),
    /// A feature that the log does not have.
    #[error("{feature:?} is no user feature of the log, which has {known}")]
    UnknownFeature {
        /// What was asked for.
        feature: String,
        /// What there is.
        known: String,
    },
    /// More features than a segment's id can show.
    #[error("{count} features were given to make segments of, at most {MAX_FEATURES} are allowed")]
    TooManyFeatures {
        /// How many.
        count: usize,
    },
    /// More segments than are allowed.
    #[error("{count} segments were asked for, at most {MAX_SEGMENTS} are allowed")]
    TooManySegments {
        /// How many.
        count: usize,
    },
}

/// A catalogue made of a log, and what the log was like.
#[derive(Debug, Clone, PartialEq)]
pub struct ObdCatalog {
    /// The catalogue.
    pub document: CatalogDocument,
    /// How it was made, for the top of its file.
    pub comment: String,
    /// How many impressions the log has.
    pub rows: u64,
    /// How many of them were clicked.
    pub clicks: u64,
    /// How many rows belong to a segment of their own.
    pub rows_in_segments: u64,
}

impl ObdCatalog {
    /// The catalogue as a file.
    ///
    /// # Errors
    /// When the document cannot be written as TOML, which one made of a log
    /// can.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        write_toml(&self.document, &self.comment)
    }
}

/// The id of the offer that stands for an item; its article number too.
#[must_use]
pub fn item_offer_id(item_id: u32) -> String {
    format!("item-{item_id}")
}

/// Makes a catalogue of a log, which is read to its end: each item becomes a
/// cross-sell offer, each position a placement that offers every item, each
/// user feature a declared attribute, and the most frequent combinations of
/// the chosen features become segments.
///
/// The objective is conversion by CLICK. Windows are short, because a replay
/// settles each decision at once: outcomes count for ten minutes and may
/// arrive one minute later, nothing is refunded, and an answer is good for a
/// minute.
///
/// # Errors
/// When the log is refused or the options do not fit it.
pub fn obd_catalog(
    reader: ObdReader<'_>,
    options: &ObdCatalogOptions,
) -> Result<ObdCatalog, ObdCatalogError> {
    let feature_names = reader.feature_names().to_vec();
    let chosen = chosen_features(&feature_names, options)?;
    let name = reader.name().to_owned();
    let mut survey = Survey::default();
    for row in reader {
        survey.add(&row?, &chosen);
    }
    let groups = survey.frequent_groups(options.max_segments);
    let document = CatalogDocument {
        attributes: feature_names.iter().map(|name| attribute(name)).collect(),
        segments: segments(&groups, &options.segment_features),
        placements: (1..=POSITIONS)
            .map(|position| placement(position, &options.policy))
            .collect(),
        offers: survey.items.iter().map(|item| offer(*item)).collect(),
        ..CatalogDocument::default()
    };
    Ok(ObdCatalog {
        comment: comment(&name, &survey, groups.len(), &options.segment_features),
        rows: survey.rows,
        clicks: survey.clicks,
        rows_in_segments: groups.iter().map(|group| group.rows).sum(),
        document,
    })
}

fn chosen_features(
    known: &[String],
    options: &ObdCatalogOptions,
) -> Result<Vec<usize>, ObdCatalogError> {
    let count = options.segment_features.len();
    if count > MAX_FEATURES {
        return Err(ObdCatalogError::TooManyFeatures { count });
    }
    if options.max_segments > MAX_SEGMENTS {
        return Err(ObdCatalogError::TooManySegments {
            count: options.max_segments,
        });
    }
    let find = |feature: &String| {
        let place = known.iter().position(|name| name == feature);
        place.ok_or_else(|| ObdCatalogError::UnknownFeature {
            feature: feature.clone(),
            known: known.join(", "),
        })
    };
    options.segment_features.iter().map(find).collect()
}

/// What a log is like.
#[derive(Default)]
struct Survey {
    rows: u64,
    clicks: u64,
    items: BTreeSet<u32>,
    /// How many rows have a combination of the chosen features.
    combinations: BTreeMap<Vec<String>, u64>,
}

/// The rows with one combination of the chosen features.
struct Group<'a> {
    values: &'a [String],
    rows: u64,
}

impl Survey {
    fn add(&mut self, row: &ObdRow, chosen: &[usize]) {
        self.rows += 1;
        self.clicks += u64::from(row.click);
        self.items.insert(row.item_id);
        let features = chosen.iter().map(|index| &row.user_features[*index]);
        let combination: Vec<String> = features.cloned().collect();
        // Who lacks a feature is in no group that it makes.
        if !combination.is_empty() && combination.iter().all(|value| !value.is_empty()) {
            *self.combinations.entry(combination).or_default() += 1;
        }
    }

    /// The most frequent groups first; equally frequent ones in the order of
    /// their values.
    fn frequent_groups(&self, most: usize) -> Vec<Group<'_>> {
        let groups = self.combinations.iter();
        let mut groups: Vec<Group<'_>> = groups
            .map(|(values, rows)| Group {
                values,
                rows: *rows,
            })
            .collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.rows));
        groups.truncate(most);
        groups
    }
}

fn attribute(name: &str) -> AttributeDocument {
    AttributeDocument {
        name: name.to_owned(),
        kind: "string".to_owned(),
        scale: None,
    }
}

fn segments(groups: &[Group<'_>], features: &[String]) -> Vec<SegmentDocument> {
    let mut ids: BTreeSet<String> = BTreeSet::new();
    let mut segments: Vec<SegmentDocument> = Vec::new();
    for group in groups {
        let base = segment_id(group.values, features);
        let numbered = (2..).map(|count| format!("{base}-{count}"));
        let mut candidates = std::iter::once(base.clone()).chain(numbered);
        let id = candidates.find(|id| !ids.contains(id)).unwrap_or(base);
        ids.insert(id.clone());
        segments.push(SegmentDocument {
            id,
            title: Some(format!("{} rows of the log", group.rows)),
            when: Some(condition(group.values, features)),
            centroid: None,
        });
    }
    segments.push(SegmentDocument {
        id: DEFAULT_SEGMENT.to_owned(),
        title: Some("Everybody else".to_owned()),
        when: None,
        centroid: None,
    });
    segments
}

/// An id that says the features' numbers and how their values begin, so that
/// the same group has the same id in catalogues of other logs.
fn segment_id(values: &[String], features: &[String]) -> String {
    let parts = features.iter().zip(values).map(|(feature, value)| {
        let number = feature.rsplit('_').next().unwrap_or_default();
        let value: String = value
            .chars()
            .take(ID_CHARS_A_FEATURE)
            .map(|letter| match letter.to_ascii_lowercase() {
                allowed @ ('a'..='z' | '0'..='9') => allowed,
                _ => '-',
            })
            .collect();
        format!("{number}-{value}")
    });
    let mut id = parts.collect::<Vec<_>>().join(".");
    id.truncate(MAX_ID_CHARS);
    id
}

fn condition(values: &[String], features: &[String]) -> ConditionDocument {
    let equals = |(feature, value): (&String, &String)| ConditionDocument {
        attribute: Some(feature.clone()),
        equals: Some(AttributeValue::String(value.clone())),
        ..ConditionDocument::default()
    };
    let parts: Vec<ConditionDocument> = features.iter().zip(values).map(equals).collect();
    match <[ConditionDocument; 1]>::try_from(parts) {
        Ok([only]) => only,
        Err(parts) => ConditionDocument {
            all: Some(parts),
            ..ConditionDocument::default()
        },
    }
}

fn placement(position: u32, policy: &PolicyConfig) -> PlacementDocument {
    let id = position_placement_id(position);
    PlacementDocument {
        conversion_events: vec!["CLICK".to_owned()],
        attribution_window: "10min".to_owned(),
        allowed_lateness: "1min".to_owned(),
        refund_window: "0s".to_owned(),
        offer_valid_for: "1min".to_owned(),
        ..PlacementDocument::new(id, Objective::Conversion, yen(), policy.clone())
    }
}

fn yen() -> Currency {
    Currency::from_code("JPY").expect("ISO 4217 knows it")
}

fn offer(item_id: u32) -> OfferDocument {
    let placements = (1..=POSITIONS).map(position_placement_id).collect();
    let benefit = BenefitDocument::CrossSell {
        sku: item_offer_id(item_id),
        discount_basis_points: 0,
    };
    OfferDocument {
        title: Some(format!("Item {item_id}")),
        ..OfferDocument::new(item_offer_id(item_id), placements, benefit)
    }
}

fn comment(name: &str, survey: &Survey, segments: usize, features: &[String]) -> String {
    let name: String = name.chars().filter(|letter| !letter.is_control()).collect();
    let (rows, clicks, items) = (survey.rows, survey.clicks, survey.items.len());
    let grouping = if features.is_empty() {
        "Everybody belongs to the default segment.".to_owned()
    } else {
        let features = features.join(" with ");
        format!(
            "The {segments} most frequent values of {features}\n\
             are segments; everybody else belongs to the default."
        )
    };
    format!(
        "Made by promobandit of the log {name}\n\
         ({rows} impressions, {clicks} clicks, {items} items), in the form of the Open Bandit Dataset:\n\
         Saito, Aihara, Matsutani, Narita (2020), arXiv 2008.07146.\n\
         \n\
         Each item is a cross-sell offer, each position a placement, each user feature an\n\
         attribute. {grouping}\n\
         Windows are short, because a replay settles each decision at once."
    )
}

#[cfg(test)]
mod tests;
