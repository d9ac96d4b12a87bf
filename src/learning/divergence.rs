//! The Kullback-Leibler divergence of Bernoulli variables, and its inverse.

use crate::domain::math;

/// kl(p, q): the Kullback-Leibler divergence of a Bernoulli variable of mean
/// `q` from one of mean `p`, both in [0, 1]; infinite where `q` excludes what
/// `p` allows.
pub(super) fn bernoulli_divergence(p: f64, q: f64) -> f64 {
    let part = |p: f64, q: f64| if p > 0.0 { p * math::ln(p / q) } else { 0.0 };
    (part(p, q) + part(1.0 - p, 1.0 - q)).max(0.0)
}

/// The largest q ≥ `p` with kl(p, q) ≤ `bound`, by Newton's method from an
/// upper bound: kl is convex in q, so every iterate stays above the root.
pub(super) fn upper_confidence(p: f64, bound: f64) -> f64 {
    if p >= 1.0 {
        return 1.0;
    }
    if !(bound > 0.0) {
        return p;
    }
    // Pinsker's inequality, and kl without its part −p ln q, which is ≥ 0.
    let entropy = if p > 0.0 { -p * math::ln(p) } else { 0.0 };
    let near_one = 1.0 - (1.0 - p) * math::exp(-(bound + entropy) / (1.0 - p));
    let mut q = near_one.min(p + math::sqrt(0.5 * bound));
    for _ in 0..40 {
        let slope = (q - p) / (q * (1.0 - q));
        let excess = bernoulli_divergence(p, q) - bound;
        let next = q - excess / slope;
        if !(next > p && next < q) {
            break;
        }
        let step = q - next;
        q = next;
        if step <= 1e-13 * q {
            break;
        }
    }
    q.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_divergence_has_its_known_values() {
        assert_eq!(bernoulli_divergence(0.3, 0.3), 0.0);
        assert!((bernoulli_divergence(0.0, 0.5) - math::ln(2.0)).abs() < 1e-15);
        assert!((bernoulli_divergence(0.5, 0.25) - 0.5 * math::ln(4.0 / 3.0)).abs() < 1e-15);
        assert_eq!(bernoulli_divergence(0.5, 1.0), f64::INFINITY);
        assert_eq!(bernoulli_divergence(1.0, 1.0), 0.0);
    }

    #[test]
    fn the_upper_confidence_limit_inverts_the_divergence() {
        for p in [0.0, 1e-6, 0.02, 0.065, 0.5, 0.97, 0.999_999] {
            for bound in [1e-9, 1e-6, 1e-3, 0.1, 1.0, 5.0] {
                let q = upper_confidence(p, bound);
                assert!(q > p && q <= 1.0, "{q} for {p}, {bound}");
                let back = bernoulli_divergence(p, q);
                let close = 1e-9 * bound + 1e-13;
                assert!(
                    (back - bound).abs() <= close || 1.0 - q < 1e-12,
                    "kl({p}, {q}) is {back}, not {bound}"
                );
            }
        }
        assert_eq!(upper_confidence(0.4, 0.0), 0.4);
        assert_eq!(upper_confidence(1.0, 3.0), 1.0);
    }
}
