//! Segments: which group a shopper falls into.
//!
//! A [`Segmentation`] is an ordered list of segments; a shopper belongs to the
//! first one whose condition holds. The last one has no condition, so
//! [`Segmentation::assign`] always has an answer, for a request without any
//! attribute too. The order matters, the numbers do not: a number belongs to a
//! segment's id for good, whatever place the segment moves to.
//!
//! Invariants: assignment is a function of the attributes alone; exactly one
//! segment has no condition, and it is the last.

use thiserror::Error;

use crate::domain::attribute::{Attributes, Condition};
use crate::domain::ids::SegmentNumber;

/// A group of shoppers.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// The catalogue's number for it.
    pub number: SegmentNumber,
    /// The id that people use.
    pub id: String,
    /// For people.
    pub title: String,
    /// Who belongs here, unless an earlier segment has them already; `None`
    /// for everybody who is left.
    pub condition: Option<Condition>,
}

/// All segments, in the order in which they are tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Segmentation {
    conditional: Vec<Segment>,
    default: Segment,
}

/// Why segments make no segmentation.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SegmentationError {
    /// There is none.
    #[error("a segmentation has no segment, at least 1 is needed")]
    Empty,
    /// The last one does not take everybody who is left.
    #[error("the last segment, {id:?}, has a condition: it must take everybody who is left")]
    LastHasCondition {
        /// Its id.
        id: String,
    },
    /// One without a condition keeps those after it empty.
    #[error("segment {id:?} has no condition and is not the last: those after it would be empty")]
    DefaultNotLast {
        /// Its id.
        id: String,
    },
}

impl Segmentation {
    /// From segments in the order in which they are tried.
    ///
    /// # Errors
    /// Unless the last one, and only the last one, has no condition.
    pub fn new(mut segments: Vec<Segment>) -> Result<Self, SegmentationError> {
        let default = segments.pop().ok_or(SegmentationError::Empty)?;
        if default.condition.is_some() {
            return Err(SegmentationError::LastHasCondition { id: default.id });
        }
        match segments.iter().find(|segment| segment.condition.is_none()) {
            Some(early) => Err(SegmentationError::DefaultNotLast {
                id: early.id.clone(),
            }),
            None => Ok(Self {
                conditional: segments,
                default,
            }),
        }
    }

    /// The segment of a shopper with these attributes.
    #[must_use]
    pub fn assign(&self, attributes: &Attributes) -> &Segment {
        self.conditional
            .iter()
            .find(|segment| {
                segment
                    .condition
                    .as_ref()
                    .is_some_and(|condition| condition.holds(attributes))
            })
            .unwrap_or(&self.default)
    }

    /// The segment of everybody whom no condition takes, and of requests that
    /// use nothing of the shopper.
    #[must_use]
    pub const fn default_segment(&self) -> &Segment {
        &self.default
    }

    /// The segments in the order in which they are tried; the default is the
    /// last.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Segment> {
        self.conditional
            .iter()
            .chain(std::iter::once(&self.default))
    }

    /// How many segments there are: 1 or more.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // never empty
    pub fn len(&self) -> usize {
        self.conditional.len() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::attribute::{AttributeTest, AttributeValue, Comparison};

    fn spends_at_least(number: u32, id: &str, bound: f64) -> Segment {
        Segment {
            number: SegmentNumber(number),
            id: id.to_owned(),
            title: id.to_owned(),
            condition: Some(Condition::Test(AttributeTest {
                name: "yearly_spend".to_owned(),
                comparison: Comparison::Between {
                    at_least: Some(bound),
                    below: None,
                },
            })),
        }
    }

    fn everybody(number: u32) -> Segment {
        Segment {
            condition: None,
            ..spends_at_least(number, "default", 0.0)
        }
    }

    fn attributes(yearly_spend: f64) -> Attributes {
        let value = AttributeValue::Number(yearly_spend);
        Attributes::from([("yearly_spend".to_owned(), value)])
    }

    #[test]
    fn the_first_segment_that_holds_takes_the_shopper() {
        let segmentation = Segmentation::new(vec![
            spends_at_least(7, "high", 1_000.0),
            spends_at_least(3, "middle", 100.0),
            everybody(5),
        ])
        .expect("a default at the end");
        let id = |attributes: &Attributes| segmentation.assign(attributes).id.as_str();
        assert_eq!(id(&attributes(1_000.0)), "high");
        assert_eq!(id(&attributes(999.99)), "middle");
        assert_eq!(id(&attributes(99.0)), "default");
        assert_eq!(id(&Attributes::new()), "default");
        assert_eq!(segmentation.default_segment().number, SegmentNumber(5));
        let order: Vec<&str> = segmentation.iter().map(|segment| &*segment.id).collect();
        assert_eq!(order, ["high", "middle", "default"]);
        assert_eq!(segmentation.len(), 3);
    }

    #[test]
    fn exactly_the_last_segment_has_no_condition() {
        assert_eq!(Segmentation::new(vec![]), Err(SegmentationError::Empty));
        assert_eq!(
            Segmentation::new(vec![spends_at_least(0, "high", 1.0)]),
            Err(SegmentationError::LastHasCondition { id: "high".into() })
        );
        assert_eq!(
            Segmentation::new(vec![everybody(0), everybody(1)]),
            Err(SegmentationError::DefaultNotLast {
                id: "default".into()
            })
        );
    }
}
