//! Groups as entries of a catalogue.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Context as _;
use serde::Serialize;

use super::fit::Fitted;
use crate::catalog::{AttributeDocument, SegmentDocument, write_toml};
use crate::domain::attribute::AttributeKind;
use crate::domain::standard_scores::StandardScores;
use crate::segment::k_means::Clusters;

/// Attributes with scales, segments with centroids.
#[derive(Serialize)]
pub(super) struct Fragment {
    #[serde(rename = "attribute")]
    attributes: Vec<AttributeDocument>,
    #[serde(rename = "segment")]
    segments: Vec<SegmentDocument>,
}

impl Fragment {
    /// From clusters of standard scores; ordered and named by the feature `value`,
    /// else by size.
    pub(super) fn new(
        names: &[&str],
        scores: &StandardScores,
        found: &Clusters,
        value: Option<&str>,
    ) -> Self {
        let attributes = names.iter().zip(scores.moments());
        let attributes = attributes.map(|(name, (_, deviation))| AttributeDocument {
            name: (*name).to_owned(),
            kind: AttributeKind::Number.name().to_owned(),
            scale: Some(*deviation),
        });
        let in_units = |centre: &[f64]| -> BTreeMap<String, f64> {
            let entries = names.iter().zip(centre).zip(scores.moments());
            entries
                .map(|((name, score), (mean, deviation))| {
                    ((*name).to_owned(), mean + score * deviation)
                })
                .collect()
        };
        let centres: Vec<&[f64]> = found.centres.chunks_exact(names.len()).collect();
        let order = order(names, &centres, found, value);
        let segments = order.iter().enumerate().map(|(rank, cluster)| {
            let (id, title) = name(rank, order.len(), value.is_some());
            SegmentDocument {
                id,
                title: Some(title),
                when: None,
                centroid: Some(in_units(centres[*cluster])),
            }
        });
        Self {
            attributes: attributes.collect(),
            segments: segments.collect(),
        }
    }

    /// As TOML that says where it comes from.
    pub(super) fn to_toml(&self, file: &str, fitted: &Fitted) -> anyhow::Result<String> {
        let mut comment = format!(
            "Groups of shoppers by k-means, from {} rows of {file}: {} clusters, the best of {}\n\
             starts by seed {}, inertia {}.\n",
            fitted.read, fitted.clusters, fitted.starts, fitted.seed, fitted.inertia
        );
        let _ = write!(
            comment,
            "A shopper belongs to the nearest centroid, a difference of one scale counting 1;\n\
             who lacks one of these attributes belongs to the default segment."
        );
        write_toml(self, &comment).context("the groups cannot be written as TOML")
    }
}

/// The clusters, the one of the highest value first, or else the largest.
fn order(names: &[&str], centres: &[&[f64]], found: &Clusters, value: Option<&str>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..centres.len()).collect();
    let place = value.and_then(|value| names.iter().position(|name| *name == value));
    match place {
        Some(place) => {
            order.sort_by(|left, right| centres[*right][place].total_cmp(&centres[*left][place]));
        }
        None => {
            let size = |cluster: usize| found.of_rows.iter().filter(|of| **of == cluster).count();
            order.sort_by_key(|cluster| std::cmp::Reverse(size(*cluster)));
        }
    }
    order
}

/// The id and the title of the group of a rank, from 0, the highest value first.
fn name(rank: usize, groups: usize, is_by_value: bool) -> (String, String) {
    let number = rank + 1;
    let word = match (groups, rank) {
        _ if !is_by_value => return (format!("group_{number}"), format!("Group {number}")),
        (2 | 3, 0) | (4 | 5, 1) => "high",
        (4 | 5, 0) => "highest",
        (3, 1) | (5, 2) => "middle",
        (2, 1) | (3, 2) | (4, 2) | (5, 3) => "low",
        (4, 3) | (5, 4) => "lowest",
        _ => {
            return (
                format!("value_{number}"),
                format!("Value {number} of {groups}, 1 the highest"),
            );
        }
    };
    let mut title = format!("{word} value");
    title[..1].make_ascii_uppercase();
    (format!("{word}_value"), title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_named_from_the_highest_value_to_the_lowest() {
        let ids = |groups: usize| -> Vec<String> {
            (0..groups).map(|rank| name(rank, groups, true).0).collect()
        };
        assert_eq!(ids(2), ["high_value", "low_value"]);
        assert_eq!(ids(3), ["high_value", "middle_value", "low_value"]);
        assert_eq!(
            ids(4),
            ["highest_value", "high_value", "low_value", "lowest_value"]
        );
        let five = [
            "highest_value",
            "high_value",
            "middle_value",
            "low_value",
            "lowest_value",
        ];
        assert_eq!(ids(5), five);
        assert_eq!(ids(6)[5], "value_6");
        assert_eq!(name(0, 3, true).1, "High value");
        assert_eq!(name(1, 3, false).0, "group_2");
    }
}
