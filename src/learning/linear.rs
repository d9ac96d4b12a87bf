//! Linear models that learn one row at a time.
//!
//! [`precision`] is the kernel: a sum of weighted outer products that stays
//! symmetric positive definite, and its Cholesky factor. [`regression`] is one
//! Gaussian posterior over weights on top of it: Bayesian ridge regression
//! exactly, and Bayesian logistic regression by an approximation that the file
//! states. [`scale`] estimates how large features are, which the priors rest
//! on.

pub mod dense;
pub mod precision;
pub mod regression;
pub mod scale;

pub use precision::Precision;
pub use regression::Regression;
pub use scale::FeatureScale;
