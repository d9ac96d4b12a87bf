//! Attributes and segments.

use std::collections::BTreeMap;

use super::super::document::CatalogDocument;
use super::super::fault::{Faults, Place};
use super::super::numbering::Numbering;
use super::DEFAULT_SEGMENT;
use super::condition::{self, Declared};
use super::names::{self, Names};
use crate::domain::attribute::AttributeKind;
use crate::segment::{Segment, Segmentation};

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
        if let Some(kind) = kind {
            kinds.insert(attribute.name.clone(), kind);
        }
    }
    kinds
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
    let mut segments = Vec::new();
    for (index, written) in document.segments.iter().enumerate() {
        let entry = list.index(index);
        let title = names::title(&entry, written.title.as_deref(), &written.id, faults);
        let condition = match &written.when {
            Some(when) => {
                refuse_default_with_condition(&entry, &written.id, faults);
                condition::check(&entry.key("when"), when, &declared, faults)
            }
            None if index == last => None,
            None => {
                faults.lack(
                    &entry.key("when"),
                    "is missing: only the last segment takes everybody who is left",
                );
                None
            }
        };
        segments.push(Segment {
            number: numbering.segment(&written.id)?,
            id: written.id.clone(),
            title,
            condition,
        });
    }
    if document
        .segments
        .last()
        .is_none_or(|last| last.when.is_some())
    {
        segments.push(Segment {
            number: numbering.segment(DEFAULT_SEGMENT)?,
            id: DEFAULT_SEGMENT.to_owned(),
            title: "Everybody else".to_owned(),
            condition: None,
        });
    }
    Segmentation::new(segments).ok()
}

fn refuse_default_with_condition(entry: &Place<'_>, id: &str, faults: &mut Faults) {
    if id == DEFAULT_SEGMENT {
        let rule =
            "belongs to the segment that takes everybody who is left, and this one has a condition";
        faults.refuse(&entry.key("id"), super::super::fault::quoted(id), rule);
    }
}
