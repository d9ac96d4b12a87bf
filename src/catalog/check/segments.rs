//! Attributes and segments.

use std::collections::BTreeMap;

use super::super::document::CatalogDocument;
use super::super::fault::{Faults, Place, quoted};
use super::super::numbering::Numbering;
use super::DEFAULT_SEGMENT;
use super::condition::{self, Declared};
use super::names::{self, Names};
use crate::domain::attribute::AttributeKind;
use crate::segment::centroids::{BadCentroids, Centroids, MOST_FEATURES};
use crate::segment::{Nearest, Segment, Segmentation};

/// The declared kinds by name, without the declarations that have a fault.
pub(super) fn check_attributes(
    document: &CatalogDocument,
    faults: &mut Faults,
) -> BTreeMap<String, AttributeKind> {
    let list = Place::top("attribute");
    let mut kinds = BTreeMap::new();
    for (index, attribute) in document.attributes.iter().enumerate() {
        let entry = list.index(index);
        let place = entry.key("kind");
        let kind = names::one_of(
            &place,
            &attribute.kind,
            &AttributeKind::ALL,
            AttributeKind::name,
            faults,
        );
        if let Some(scale) = attribute.scale {
            check_scale(&entry.key("scale"), scale, kind, faults);
        }
        if let Some(kind) = kind {
            kinds.insert(attribute.name.clone(), kind);
        }
    }
    kinds
}

fn check_scale(place: &Place<'_>, scale: f64, kind: Option<AttributeKind>, faults: &mut Faults) {
    if !(scale > 0.0 && scale.is_finite()) {
        faults.refuse(place, scale, "must be above 0 and finite");
    }
    if let Some(kind) = kind.filter(|kind| *kind != AttributeKind::Number) {
        let rule = format!("belongs to a number, this attribute is a {}", kind.name());
        faults.refuse(place, scale, rule);
    }
}

/// The segments in order, with the implicit default where none is written;
/// `None` when there was a fault.
pub(super) fn check(
    document: &CatalogDocument,
    kinds: &BTreeMap<String, AttributeKind>,
    attributes: &Names<'_>,
    numbering: &Numbering,
    faults: &mut Faults,
) -> Option<Segmentation> {
    let declared = Declared {
        kinds,
        names: attributes,
    };
    let list = Place::top("segment");
    let last = document.segments.len().saturating_sub(1);
    let centres = check_centroids(document, kinds, attributes, faults);
    let mut near = Vec::new();
    let mut segments = Vec::new();
    for (index, written) in document.segments.iter().enumerate() {
        let entry = list.index(index);
        let title = names::title(&entry, written.title.as_deref(), &written.id, faults);
        let condition = match &written.when {
            Some(when) => {
                refuse_default_with_condition(&entry, &written.id, faults);
                condition::check(&entry.key("when"), when, &declared, faults)
            }
            None if index == last || written.centroid.is_some() => None,
            None => {
                faults.lack(
                    &entry.key("when"),
                    "is missing: only the last segment takes everybody who is left",
                );
                None
            }
        };
        let segment = Segment {
            number: numbering.segment(&written.id)?,
            id: written.id.clone(),
            title,
            condition,
        };
        if written.centroid.is_some() {
            near.push(segment);
        } else {
            segments.push(segment);
        }
    }
    if document
        .segments
        .last()
        .is_none_or(|last| !last.is_default())
    {
        segments.push(Segment {
            number: numbering.segment(DEFAULT_SEGMENT)?,
            id: DEFAULT_SEGMENT.to_owned(),
            title: "Everybody else".to_owned(),
            condition: None,
        });
    }
    let segmentation = Segmentation::new(segments).ok()?;
    Some(match centres {
        Some(centres) => segmentation.with_nearest(Nearest::new(near, centres)?),
        None => segmentation,
    })
}

/// The centres of the segments that have a centroid, in their order; `None` when
/// there is none, or there was a fault.
fn check_centroids(
    document: &CatalogDocument,
    kinds: &BTreeMap<String, AttributeKind>,
    attributes: &Names<'_>,
    faults: &mut Faults,
) -> Option<Centroids> {
    let list = Place::top("segment");
    let mut first: Option<(usize, &BTreeMap<String, f64>)> = None;
    let mut centres = Vec::new();
    for (index, written) in document.segments.iter().enumerate() {
        let entry = list.index(index);
        let Some(centroid) = &written.centroid else {
            if written.when.is_some() && first.is_some() {
                let rule =
                    "must stand before the segments with a centroid: conditions are tried first";
                faults.lack(&entry.key("when"), rule);
            }
            continue;
        };
        let place = entry.key("centroid");
        if written.when.is_some() {
            faults.lack(
                &place,
                "cannot stand beside when: a segment has one of them",
            );
        }
        if written.id == DEFAULT_SEGMENT {
            let rule = "belongs to the segment that takes everybody who is left, and this one has a centroid";
            faults.refuse(&entry.key("id"), quoted(&written.id), rule);
        }
        match first {
            None => {
                check_features(&place, document, centroid, kinds, attributes, faults);
                first = Some((index, centroid));
            }
            Some((of, first)) if !first.keys().eq(centroid.keys()) => {
                let names: Vec<&str> = first.keys().map(String::as_str).collect();
                let rule = format!(
                    "must have the attributes of segment[{of}]: {}",
                    names.join(", ")
                );
                faults.lack(&place, rule);
            }
            Some(_) => {}
        }
        if let Some((name, entry)) = centroid.iter().find(|(_, entry)| !entry.is_finite()) {
            faults.refuse(&place, format!("{name} = {entry}"), "must be finite");
        }
        centres.push(centroid.values().copied().collect::<Vec<f64>>());
    }
    let (index, first) = first?;
    if centres.len() < 2 {
        let rule =
            "is the only one: at least 2 segments need a centroid, the nearest takes the shopper";
        faults.lack(&list.index(index).key("centroid"), rule);
    }
    let scale_of = |name: &String| {
        let mut declared = document.attributes.iter();
        let declared = declared.find(|attribute| attribute.name == *name)?;
        Some((name.clone(), declared.scale?))
    };
    let features = first.keys().map(scale_of).collect::<Option<Vec<_>>>()?;
    match Centroids::new(features, &centres) {
        Ok(centres) => Some(centres),
        Err(BadCentroids::Entry { name, entry }) if entry.is_finite() => {
            let rule = "is too large to be counted in its attribute's scale";
            let place = list.index(index);
            faults.refuse(&place.key("centroid"), format!("{name} = {entry}"), rule);
            None
        }
        // Told above.
        Err(_) => None,
    }
}

/// The attributes of the first centroid, which the others share.
fn check_features(
    place: &Place<'_>,
    document: &CatalogDocument,
    centroid: &BTreeMap<String, f64>,
    kinds: &BTreeMap<String, AttributeKind>,
    attributes: &Names<'_>,
    faults: &mut Faults,
) {
    if !(1..=MOST_FEATURES).contains(&centroid.len()) {
        let rule = format!(
            "has {} attributes, 1 to {MOST_FEATURES} are allowed",
            centroid.len()
        );
        faults.lack(place, rule);
    }
    for name in centroid.keys() {
        let Some(index) = attributes.resolve(place, name, faults) else {
            continue;
        };
        match kinds.get(name) {
            Some(AttributeKind::Number) if document.attributes[index].scale.is_none() => {
                let rule = "must be of attributes that declare a scale: how large a difference counts as 1";
                faults.refuse(place, quoted(name), rule);
            }
            Some(AttributeKind::Number) | None => {}
            Some(kind) => {
                let rule = format!("must be of numbers, this attribute is a {}", kind.name());
                faults.refuse(place, quoted(name), rule);
            }
        }
    }
}

fn refuse_default_with_condition(entry: &Place<'_>, id: &str, faults: &mut Faults) {
    if id == DEFAULT_SEGMENT {
        let rule =
            "belongs to the segment that takes everybody who is left, and this one has a condition";
        faults.refuse(&entry.key("id"), quoted(id), rule);
    }
}
