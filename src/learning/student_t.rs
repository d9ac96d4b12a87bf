//! Student's t-distribution with a location and a scale: what is believed of
//! the mean of normal rewards whose spread is not known either.

/// A t-distribution with a finite mean: more than one degree of freedom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StudentT {
    location: f64,
    scale: f64,
    degrees: f64,
}

impl StudentT {
    /// # Panics
    /// When a parameter is not finite, the scale not above 0 or the degrees of
    /// freedom not above 1: configuration and rewards are checked before.
    #[must_use]
    pub fn new(location: f64, scale: f64, degrees: f64) -> Self {
        assert!(
            location.is_finite()
                && scale > 0.0
                && scale.is_finite()
                && degrees > 1.0
                && degrees.is_finite(),
            "a t-distribution at {location} of scale {scale} with {degrees} degrees of freedom"
        );
        Self {
            location,
            scale,
            degrees,
        }
    }

    /// The same, but no sharper than `scale`.
    #[must_use]
    pub const fn no_sharper_than(self, scale: f64) -> Self {
        Self {
            scale: self.scale.max(scale),
            ..self
        }
    }

    /// The mean, and the middle.
    #[must_use]
    pub const fn location(&self) -> f64 {
        self.location
    }

    /// The unit of its spread.
    #[must_use]
    pub const fn scale(&self) -> f64 {
        self.scale
    }

    /// How many degrees of freedom it has: the fewer, the heavier its tails.
    #[must_use]
    pub const fn degrees(&self) -> f64 {
        self.degrees
    }
}
