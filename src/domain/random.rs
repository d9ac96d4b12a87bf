//! Randomness as a value: a recorded seed, and generators whose bits never
//! change.
//!
//! Every draw of a decision follows from its [`DecisionSeed`], which the
//! ledger keeps, so that the decision can be derived again. The generators are
//! written out here instead of taken from a library, because a library may
//! improve its generators between versions and these must not change.
//!
//! - SplitMix64: Steele, Lea, Flood (2014), "Fast splittable pseudorandom
//!   number generators", <https://doi.org/10.1145/2660193.2660195>.
//! - xoshiro256++: Blackman, Vigna (2021), "Scrambled linear pseudorandom
//!   number generators", <https://doi.org/10.1145/3460772>.

use std::convert::Infallible;
use std::fmt;

use serde::{Deserialize, Serialize};

/// 2⁶⁴ divided by the golden ratio, made odd: SplitMix64's step.
const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64's output function: a bijection of 64-bit words in which each
/// bit of the input changes about half of the bits of the output.
const fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// The `index`-th output, from 0, of SplitMix64 started at `state`.
const fn split_mix(state: u64, index: u64) -> u64 {
    mix(state.wrapping_add(GOLDEN_GAMMA.wrapping_mul(index.wrapping_add(1))))
}

/// A word in which each bit depends on all of `word`, the same for ever:
/// SplitMix64's first output from it. For hashing, not for secrets.
#[must_use]
pub const fn mixed(word: u64) -> u64 {
    split_mix(word, 0)
}

/// A word's upper 53 bits as a number in [0, 1).
#[allow(clippy::cast_precision_loss)] // 53 bits fit exactly
const fn unit_interval(word: u64) -> f64 {
    const SPACING: f64 = 1.0 / (1u64 << 53) as f64;
    (word >> 11) as f64 * SPACING
}

/// What one decision's randomness is for. Streams of one seed are independent
/// of each other, so a policy that uses more of one leaves the others alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream(u64);

impl Stream {
    /// The draw of each slot's offer.
    pub const SLOTS: Self = Self(0);
    /// A policy's own draws of parameters from their posterior.
    pub const POSTERIOR: Self = Self(1);
    /// Which of a policy's two tables learns the decision.
    pub const TABLE: Self = Self(2);

    /// Another stream. Numbers below 16 are kept for the streams named here.
    #[must_use]
    pub const fn numbered(number: u32) -> Self {
        Self(number as u64)
    }
}

/// The seed of one decision, kept in its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DecisionSeed(pub u64);

impl DecisionSeed {
    /// Where SplitMix64 starts for one stream of this seed.
    const fn start_of(self, stream: Stream) -> u64 {
        mix(self.0 ^ mix(stream.0.wrapping_add(GOLDEN_GAMMA)))
    }

    /// The number in [0, 1), a multiple of 2⁻⁵³, from which slot `slot`
    /// (from 0) is drawn: SplitMix64's output number `slot` on
    /// [`Stream::SLOTS`].
    #[must_use]
    pub const fn slot_uniform(self, slot: usize) -> f64 {
        unit_interval(split_mix(self.start_of(Stream::SLOTS), slot as u64))
    }

    /// A generator for many draws from one stream.
    #[must_use]
    pub const fn generator(self, stream: Stream) -> Generator {
        Generator::from_seed(self.start_of(stream))
    }
}

impl fmt::Display for DecisionSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// xoshiro256++ with its state filled by SplitMix64, as its authors advise:
/// period 2²⁵⁶ − 1, not for secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generator {
    state: [u64; 4],
}

impl Generator {
    /// The generator of a seed; any seed will do.
    #[must_use]
    pub const fn from_seed(seed: u64) -> Self {
        Self {
            state: [
                split_mix(seed, 0),
                split_mix(seed, 1),
                split_mix(seed, 2),
                split_mix(seed, 3),
            ],
        }
    }

    /// The next 64 bits.
    pub const fn next_word(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let output = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let c = c ^ a;
        let d = d ^ b;
        self.state = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        output
    }

    /// The next number in [0, 1), a multiple of 2⁻⁵³.
    pub const fn next_uniform(&mut self) -> f64 {
        unit_interval(self.next_word())
    }

    /// A whole number below `bound`, each with the same probability; 0 when
    /// `bound` is 0 or 1. Lemire (2019), <https://doi.org/10.1145/3230636>.
    #[allow(clippy::cast_possible_truncation)] // the two halves of a product
    pub const fn next_below(&mut self, bound: u64) -> u64 {
        if bound < 2 {
            return 0;
        }
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = self.next_word() as u128 * bound as u128;
            if product as u64 >= threshold {
                return (product >> 64) as u64;
            }
        }
    }
}

impl rand::TryRng for Generator {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        #[allow(clippy::cast_possible_truncation)] // the upper half
        Ok((self.next_word() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.next_word())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next_word().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_mix_gives_its_published_sequence() {
        let outputs: Vec<u64> = (0..5).map(|index| split_mix(1_234_567, index)).collect();
        assert_eq!(
            outputs,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423,
                4_593_380_528_125_082_431,
                16_408_922_859_458_223_821,
            ]
        );
    }

    #[test]
    fn xoshiro_gives_its_published_sequence() {
        let mut generator = Generator {
            state: [1, 2, 3, 4],
        };
        let outputs: Vec<u64> = (0..6).map(|_| generator.next_word()).collect();
        assert_eq!(
            outputs,
            [
                41_943_041,
                58_720_359,
                3_588_806_011_781_223,
                3_591_011_842_654_386,
                9_228_616_714_210_784_205,
                9_973_669_472_204_895_162,
            ]
        );
    }

    #[test]
    fn the_extremes_of_a_word_stay_inside_the_unit_interval() {
        assert_eq!(unit_interval(0), 0.0);
        assert!(unit_interval(u64::MAX) < 1.0);
    }

    #[test]
    fn bounded_numbers_are_even() {
        let mut generator = Generator::from_seed(7);
        let mut counts = [0u32; 6];
        for _ in 0..60_000 {
            counts[usize::try_from(generator.next_below(6)).unwrap()] += 1;
        }
        // Standard deviation 91; five of them either way.
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 460));
        assert_eq!(generator.next_below(1), 0);
        assert_eq!(generator.next_below(0), 0);
    }

    #[test]
    fn streams_and_slots_differ() {
        let seed = DecisionSeed(1);
        let slot = seed.slot_uniform(0);
        assert_ne!(slot, seed.slot_uniform(1));
        assert_ne!(slot, DecisionSeed(2).slot_uniform(0));
        assert_ne!(
            seed.generator(Stream::POSTERIOR).next_word(),
            seed.generator(Stream::numbered(16)).next_word()
        );
    }
}
