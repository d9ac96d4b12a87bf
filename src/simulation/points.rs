//! At which rounds of a replication its sums are looked at.

/// The most points of a curve.
pub const MOST_POINTS: u64 = 128;

/// Evenly spaced rounds, the last one among them: at most [`MOST_POINTS`],
/// fewer where there are fewer rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Points {
    /// The first round that is counted, from 0.
    from: u64,
    /// How many are counted.
    counted: u64,
}

impl Points {
    /// Over `rounds` rounds, of which those from `from` on are counted.
    ///
    /// # Panics
    /// When none is counted: a checked scenario counts one.
    #[must_use]
    pub const fn new(from: u64, rounds: u64) -> Self {
        assert!(from < rounds, "a round is counted");
        Self {
            from,
            counted: rounds - from,
        }
    }

    /// The first round that is counted, from 0.
    #[must_use]
    pub const fn from(self) -> u64 {
        self.from
    }

    /// How many points there are: 1 or more.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // at most MOST_POINTS
    pub const fn len(self) -> usize {
        if self.counted < MOST_POINTS {
            self.counted as usize
        } else {
            MOST_POINTS as usize
        }
    }

    /// Never: there is a point.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        false
    }

    /// How many rounds are over at a point, from 0.
    #[must_use]
    pub const fn rounds_at(self, place: usize) -> u64 {
        let (place, points) = (place as u128 + 1, self.len() as u128);
        #[allow(clippy::cast_possible_truncation)] // no more than `counted`
        let counted = (place * self.counted as u128).div_ceil(points) as u64;
        self.from + counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(from: u64, rounds: u64) -> Vec<u64> {
        let points = Points::new(from, rounds);
        (0..points.len()).map(|it| points.rounds_at(it)).collect()
    }

    #[test]
    fn points_ascend_to_the_last_round() {
        assert_eq!(all(0, 3), [1, 2, 3]);
        assert_eq!(all(7, 8), [8]);
        for (from, rounds) in [(0, 128), (0, 129), (50, 1_000), (0, 1_000_000_000)] {
            let points = all(from, rounds);
            assert!(points.is_sorted_by(|left, right| left < right));
            assert_eq!((points.len(), points.last()), (128, Some(&rounds)));
            assert!(points[0] > from);
        }
    }
}
