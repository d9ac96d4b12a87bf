//! Feedback as Open Bandit Pipeline has it: a dictionary of arrays, here in
//! NumPy's npz. (In Parquet it is a choice log of other names: see
//! [`Dialect::OBP`](super::parquet::Dialect::OBP).)
//!
//! Saito, Aihara, Matsutani, Narita (2020), <https://arxiv.org/abs/2008.07146>.
//!
//! | array | shape | what it holds |
//! | --- | --- | --- |
//! | `action` | n | what was chosen, from 0 |
//! | `reward` | n | what it earned |
//! | `pscore` | n | with which probability, in (0, 1\] |
//! | `position` | n | where, from 0; may be missing or `None` |
//! | `pi_b` | n × actions × positions | every probability; may be missing |
//! | `n_actions` | – | how many actions there are; may be missing |
//! | `action_names` | actions | what they are called; may be missing |
//!
//! `n_rounds`, `context`, `action_context` and `expected_reward` are known and
//! not read. An action of `pi_b` that has probability 0 counts as on offer: the
//! pipeline does not say what was. Arrays are read whole, one after the other.

mod npy;
mod read;
mod write;

pub use read::ObpChoices;
pub use write::{ObpColumns, ObpWriteError};

#[cfg(test)]
mod tests;
