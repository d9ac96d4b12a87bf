//! Which baskets something is made of, which it is fitted on, and which judge
//! it: no basket does two of these.

use thiserror::Error;

use crate::domain::random::Generator;

/// How baskets are parted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// At random, by this seed.
    Random {
        /// Any number.
        seed: u64,
    },
    /// In their order, the last ones held out: what a shop would have seen,
    /// where that is the order of time.
    Temporal,
}

/// The places of the baskets of each kind, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldOut {
    /// What the parts are made of while weights are fitted.
    pub making: Vec<usize>,
    /// What the weights are fitted on; afterwards the parts are made of these
    /// too.
    pub fitting: Vec<usize>,
    /// What judges.
    pub testing: Vec<usize>,
}

/// Why baskets cannot be parted.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum HoldOutError {
    /// No share, or too large a one.
    #[error("held-out is {share}, it must be above 0 and at most 0.4: so much is held out twice")]
    Share {
        /// What was given.
        share: f64,
    },
    /// Fewer baskets than kinds.
    #[error(
        "{baskets} baskets are too few to hold {share} of them out twice: at least one has to be \
         made of, one fitted on and one kept for judging"
    )]
    TooFew {
        /// How many there are.
        baskets: usize,
        /// The share.
        share: f64,
    },
}

impl HoldOut {
    /// Parts `baskets` baskets: `share` of them are for fitting, as many for
    /// testing.
    ///
    /// # Errors
    /// When the share is none, or leaves a kind without a basket.
    pub fn of(baskets: usize, share: f64, split: Split) -> Result<Self, HoldOutError> {
        if !(share > 0.0 && share <= 0.4) {
            return Err(HoldOutError::Share { share });
        }
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss
        )] // a part of a count
        let held_out = (share * baskets as f64).round() as usize;
        if held_out == 0 || 2 * held_out >= baskets {
            return Err(HoldOutError::TooFew { baskets, share });
        }
        let mut making: Vec<usize> = (0..baskets).collect();
        if let Split::Random { seed } = split {
            shuffle(&mut making, seed);
        }
        let mut testing = making.split_off(baskets - held_out);
        let mut fitting = making.split_off(baskets - 2 * held_out);
        for places in [&mut making, &mut fitting, &mut testing] {
            places.sort_unstable();
        }
        Ok(Self {
            making,
            fitting,
            testing,
        })
    }
}

/// Fisher, Yates (1938), in the form of Durstenfeld (1964),
/// <https://doi.org/10.1145/364520.364540>.
fn shuffle(places: &mut [usize], seed: u64) {
    let mut generator = Generator::from_seed(seed);
    for last in (1..places.len()).rev() {
        let other = generator.next_below(last as u64 + 1);
        places.swap(last, usize::try_from(other).unwrap_or(last));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_basket_is_of_one_kind() {
        for split in [Split::Temporal, Split::Random { seed: 7 }] {
            let held_out = HoldOut::of(103, 0.2, split).unwrap();
            let HoldOut {
                making,
                fitting,
                testing,
            } = &held_out;
            assert_eq!((making.len(), fitting.len(), testing.len()), (61, 21, 21));
            let mut all = [making.clone(), fitting.clone(), testing.clone()].concat();
            all.sort_unstable();
            assert_eq!(all, (0..103).collect::<Vec<_>>());
            assert_eq!(HoldOut::of(103, 0.2, split).unwrap(), held_out);
        }
        let last = HoldOut::of(10, 0.2, Split::Temporal).unwrap();
        assert_eq!((last.fitting, last.testing), (vec![6, 7], vec![8, 9]));
        let seeded = |seed| HoldOut::of(103, 0.2, Split::Random { seed }).unwrap();
        assert_ne!(seeded(1), seeded(2));
    }

    #[test]
    fn a_share_that_leaves_nothing_is_refused() {
        for share in [0.0, -0.1, 0.41, f64::NAN] {
            let refused = HoldOut::of(100, share, Split::Temporal).unwrap_err();
            assert!(refused.to_string().contains("above 0"), "{refused}");
        }
        let few = HoldOut::of(2, 0.2, Split::Temporal).unwrap_err();
        assert!(few.to_string().contains("2 baskets are too few"), "{few}");
        assert!(HoldOut::of(3, 0.33, Split::Temporal).is_ok());
    }
}
