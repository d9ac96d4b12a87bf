//! Sharing an amount out over lines, to the last minor unit: the largest
//! remainder method (Hamilton's).
//!
//! Each line gets its exact share rounded down; what is left, fewer units than
//! there are lines, goes one by one to the lines with the largest remainders,
//! and among equal remainders to the earlier line. So the shares add up, none
//! differs from its exact share by a whole unit, and none is above its weight
//! while the amount is not above the sum of the weights.
//!
//! Cost: O(n log n) for n lines.

/// Shares `amount` out in proportion to `weights`, both 0 or more. Without a
/// weight above 0 there is nobody to give to, and all shares are 0.
#[must_use]
pub fn share_out(amount: i64, weights: &[i64]) -> Vec<i64> {
    let total: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
    let mut shares = vec![0; weights.len()];
    if total <= 0 || amount <= 0 {
        return shares;
    }
    let mut remainders: Vec<(i128, usize)> = Vec::with_capacity(weights.len());
    let mut left = amount;
    for (place, weight) in weights.iter().enumerate() {
        // Both factors are below 2^63, so their product fits an i128; so does
        // the quotient an i64, being at most the amount.
        let exact = i128::from(amount) * i128::from(*weight);
        let share = i64::try_from(exact / total).unwrap_or(amount);
        shares[place] = share;
        left -= share;
        remainders.push((exact % total, place));
    }
    remainders
        .sort_unstable_by(|(one, place), (other, later)| other.cmp(one).then(place.cmp(later)));
    for (_, place) in remainders {
        if left == 0 {
            break;
        }
        shares[place] += 1;
        left -= 1;
    }
    shares
}
