//! What is believed of an arm's mean revenue when most decisions earn nothing:
//! a conversion rate times the mean value of a conversion.

use super::beta::Beta;
use super::gamma::Gamma;

/// p·v with p ~ Beta and v = k / r, r ~ Gamma(a, b): the mean of a Gamma value
/// of known shape k whose rate r is not known. E v = k·b / (a − 1), which is
/// finite because a > 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Revenue {
    conversion: Beta,
    value_rate: Gamma,
    value_shape: f64,
}

impl Revenue {
    /// # Panics
    /// When `value_rate` has a shape of 1 or less, or `value_shape` is not
    /// finite and above 0: configuration is checked before.
    #[must_use]
    pub fn new(conversion: Beta, value_rate: Gamma, value_shape: f64) -> Self {
        assert!(
            value_rate.shape() > 1.0,
            "{value_rate:?} gives a value without a mean"
        );
        assert!(
            value_shape > 0.0 && value_shape.is_finite(),
            "a value's shape {value_shape} must be finite and above 0"
        );
        Self {
            conversion,
            value_rate,
            value_shape,
        }
    }

    /// The rate of conversion, p.
    #[must_use]
    pub const fn conversion(&self) -> Beta {
        self.conversion
    }

    /// The rate parameter of the values, r.
    #[must_use]
    pub const fn value_rate(&self) -> Gamma {
        self.value_rate
    }

    /// The shape parameter of the values, k.
    #[must_use]
    pub const fn value_shape(&self) -> f64 {
        self.value_shape
    }

    /// What a decision earns in the mean.
    #[must_use]
    pub fn mean(&self) -> f64 {
        let rate = &self.value_rate;
        self.conversion.mean() * self.value_shape * rate.rate() / (rate.shape() - 1.0)
    }
}
