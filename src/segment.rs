//! Segments: which group a shopper falls into.
//!
//! A [`Segmentation`] is an ordered list of segments; a shopper belongs to the
//! first one whose condition holds, else to the [nearest](centroids) of those that
//! have a centroid, where there are such and all their attributes are known. The
//! last one takes everybody, so [`Segmentation::assign`] always has an answer, for
//! a request without any attribute too. The order matters, the numbers do not: a
//! number belongs to a segment's id for good, whatever place the segment moves to.
//!
//! [`k_means`] finds centroids, [`silhouette`] tells how well they stand apart.
//!
//! Invariants: assignment is a function of the attributes alone; exactly one
//! segment has neither condition nor centroid, and it is the last.

pub mod centroids;
pub mod k_means;
pub mod silhouette;

use thiserror::Error;

use crate::domain::attribute::{Attributes, Condition};
use crate::domain::ids::SegmentNumber;
use centroids::Centroids;

/// A group of shoppers.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// The catalogue's number for it.
    pub number: SegmentNumber,
    /// The id that people use.
    pub id: String,
    /// For people.
    pub title: String,
    /// Who belongs here, unless an earlier segment has them already; `None` for
    /// those near its centroid, and for everybody who is left.
    pub condition: Option<Condition>,
}

/// All segments, in the order in which they are tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Segmentation {
    conditional: Vec<Segment>,
    nearest: Option<Nearest>,
    default: Segment,
}

/// Segments of which the nearest takes the shopper.
#[derive(Debug, Clone, PartialEq)]
pub struct Nearest {
    segments: Vec<Segment>,
    /// One a segment.
    centroids: Centroids,
}

impl Nearest {
    /// `None` unless there is one segment a centre.
    #[must_use]
    pub fn new(segments: Vec<Segment>, centroids: Centroids) -> Option<Self> {
        (segments.len() == centroids.len()).then_some(Self {
            segments,
            centroids,
        })
    }
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
                nearest: None,
                default,
            }),
        }
    }

    /// The same, with segments that take whom no condition took by their centroids.
    #[must_use]
    pub fn with_nearest(mut self, nearest: Nearest) -> Self {
        self.nearest = Some(nearest);
        self
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
            .or_else(|| {
                let nearest = self.nearest.as_ref()?;
                Some(&nearest.segments[nearest.centroids.nearest(attributes)?])
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
            .chain(self.nearest.iter().flat_map(|nearest| &nearest.segments))
            .chain(std::iter::once(&self.default))
    }

    /// How many segments there are: 1 or more.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // never empty
    pub fn len(&self) -> usize {
        let near = self.nearest.as_ref();
        self.conditional.len() + near.map_or(0, |nearest| nearest.segments.len()) + 1
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
    fn whom_no_condition_takes_the_nearest_centroid_does() {
        let near = |number, id| Segment {
            condition: None,
            ..spends_at_least(number, id, 0.0)
        };
        let centres = [vec![10.0], vec![60.0]];
        let centroids = Centroids::new(vec![("yearly_spend".to_owned(), 5.0)], &centres).unwrap();
        let segments = vec![near(1, "little"), near(2, "some")];
        assert_eq!(
            Nearest::new(segments[..1].to_vec(), centroids.clone()),
            None
        );
        let segmentation = Segmentation::new(vec![spends_at_least(0, "high", 50.0), everybody(3)])
            .unwrap()
            .with_nearest(Nearest::new(segments, centroids).unwrap());
        let id = |attributes: &Attributes| segmentation.assign(attributes).id.as_str();
        assert_eq!(id(&attributes(61.0)), "high");
        assert_eq!(id(&attributes(49.0)), "some");
        assert_eq!(id(&attributes(-9.0)), "little");
        assert_eq!(id(&Attributes::new()), "default");
        let order: Vec<&str> = segmentation.iter().map(|segment| &*segment.id).collect();
        assert_eq!(order, ["high", "little", "some", "default"]);
        assert_eq!(segmentation.len(), 4);
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
