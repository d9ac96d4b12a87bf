//! Vowpal Wabbit's text format for contextual bandits, both ways to write it.
//!
//! <https://github.com/VowpalWabbit/vowpal_wabbit/wiki/Contextual-Bandit-algorithms>.
//!
//! - `--cb`, one decision a line: `action:cost:probability | features`. Actions
//!   count from 1; those that stand without a cost are on offer as well, and
//!   when the chosen one stands alone, every action of the log is.
//! - `--cb_adf`, one decision a block that an empty line ends: perhaps a line
//!   `shared | features`, then a line an action; the chosen one's begins with
//!   `action:cost:probability`, the others' with the bar or a tag. An action is
//!   called by its tag (`'name|`), or by its place in the block, from 1.
//!
//! The reward is minus the cost. Features are passed over. Only the chosen
//! action's probability is known.

mod label;
mod read;

pub use read::VwChoices;

#[cfg(test)]
mod tests;
