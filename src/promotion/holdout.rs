//! Stable shares of the shoppers: the holdout, who see no offer at a placement,
//! and the arms of a split.

use crate::domain::keys::{HashKey, Pseudonym};
use crate::domain::money::BasisPoints;

/// Whether a shopper belongs to the holdout of a group of placements.
///
/// A keyed hash of group and pseudonym, uniform over 64 bits, is multiplied
/// by 10,000 and compared by its upper part with the share. Each of the 10,000
/// basis points owns 2⁶⁴ / 10,000 hash values, give or take one, so the share
/// is exact to 10⁻¹⁵ and no decision is drawn for it. The answer is the same at every visit and on
/// every node that has the key; a larger share only adds shoppers; the
/// holdouts of two groups are independent of each other.
#[must_use]
pub fn in_holdout(key: &HashKey, group: &str, shopper: &Pseudonym, share: BasisPoints) -> bool {
    basis_point(key, b"holdout", group, &shopper.0) < u32::from(share.get())
}

/// Which of the 10,000 basis points of an experiment somebody belongs to, known
/// by a keyed hash: in the same way, and independent of every holdout.
#[must_use]
pub fn experiment_basis_point(key: &HashKey, experiment: &str, who: &[u8; 16]) -> u32 {
    basis_point(key, b"split", experiment, who)
}

#[allow(clippy::cast_possible_truncation)] // below 10,000
fn basis_point(key: &HashKey, purpose: &[u8], group: &str, who: &[u8; 16]) -> u32 {
    let hash = key.hash_u64(purpose, &[group.as_bytes(), who]);
    ((u128::from(hash) * u128::from(BasisPoints::ALL)) >> 64) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shopper(key: &HashKey, number: u32) -> Pseudonym {
        Pseudonym::of(key, &number.to_le_bytes())
    }

    fn share(basis_points: u16) -> BasisPoints {
        BasisPoints::new(basis_points).expect("at most 10,000")
    }

    #[test]
    fn the_share_is_met_within_binomial_error() {
        const SHOPPERS: u32 = 100_000;
        let key = HashKey::new([3; 32]);
        for basis_points in [1, 50, 500, 3_333, 9_900] {
            let held = (0..SHOPPERS)
                .filter(|number| {
                    in_holdout(&key, "cart", &shopper(&key, *number), share(basis_points))
                })
                .count();
            let rate = f64::from(basis_points) / 10_000.0;
            let expected = f64::from(SHOPPERS) * rate;
            let deviation = (expected * (1.0 - rate)).sqrt();
            let held = f64::from(u32::try_from(held).expect("a count of shoppers"));
            assert!(
                (held - expected).abs() < 4.0 * deviation,
                "{held} of {SHOPPERS} at {basis_points} basis points"
            );
        }
    }

    #[test]
    fn nobody_at_nothing_and_everybody_at_all() {
        let key = HashKey::new([3; 32]);
        for number in 0..1_000 {
            let shopper = shopper(&key, number);
            assert!(!in_holdout(&key, "cart", &shopper, share(0)));
            assert!(in_holdout(&key, "cart", &shopper, share(10_000)));
        }
    }

    #[test]
    fn a_larger_share_keeps_whom_a_smaller_one_had() {
        let key = HashKey::new([3; 32]);
        for number in 0..10_000 {
            let shopper = shopper(&key, number);
            if in_holdout(&key, "cart", &shopper, share(500)) {
                assert!(in_holdout(&key, "cart", &shopper, share(501)));
            }
        }
    }

    #[test]
    fn placements_hold_out_independently() {
        let key = HashKey::new([3; 32]);
        let both = (0..100_000)
            .map(|number| shopper(&key, number))
            .filter(|shopper| in_holdout(&key, "cart", shopper, share(1_000)))
            .filter(|shopper| in_holdout(&key, "checkout", shopper, share(1_000)))
            .count();
        // 1,000 expected, standard deviation 31.
        assert!(both.abs_diff(1_000) < 125, "{both} in both");
    }

    #[test]
    fn the_assignment_never_changes() {
        let key = HashKey::new([3; 32]);
        let held: Vec<u32> = (0..200)
            .filter(|number| in_holdout(&key, "cart", &shopper(&key, *number), share(500)))
            .collect();
        assert_eq!(held, GOLDEN_HOLDOUT);
    }

    /// Who of 200 shoppers is held out under the key of threes at 5 %. A
    /// change here reassigns the shoppers of every running experiment.
    const GOLDEN_HOLDOUT: &[u32] = &[46, 90, 99, 109, 112, 119, 132, 143, 146, 186, 197];
}
