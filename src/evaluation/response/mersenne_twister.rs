//! The order into which NumPy's `RandomState(seed).permutation(n)` shuffles n
//! rows, so that a split made here is the split of an analyst's notebook.
//!
//! MT19937: Matsumoto, Nishimura (1998), "Mersenne twister: a 623-dimensionally
//! equidistributed uniform pseudo-random number generator",
//! <https://doi.org/10.1145/272991.272995>, with the seeding of its authors of
//! 2002. The shuffle is Fisher and Yates's from the last row on; a place below a
//! bound is the lowest bits of a word, drawn again while they are above it.
//! NumPy has promised not to change the bits of `RandomState`.

/// n and m of the paper.
const WORDS: usize = 624;
const APART: usize = 397;
/// a: the last row of the twist.
const TWIST: u32 = 0x9908_b0df;
/// The bits of a word above and below the paper's r.
const UPPER: u32 = 0x8000_0000;
const LOWER: u32 = 0x7fff_ffff;

/// The generator.
struct MersenneTwister {
    state: [u32; WORDS],
    next: usize,
}

impl MersenneTwister {
    fn from_seed(seed: u32) -> Self {
        let mut state = [0; WORDS];
        state[0] = seed;
        for (place, number) in (1..WORDS).zip(1u32..) {
            let before = state[place - 1];
            state[place] = (before ^ (before >> 30))
                .wrapping_mul(1_812_433_253)
                .wrapping_add(number);
        }
        Self { state, next: WORDS }
    }

    fn twist(&mut self) {
        for place in 0..WORDS {
            let word = (self.state[place] & UPPER) | (self.state[(place + 1) % WORDS] & LOWER);
            let twisted = (word >> 1) ^ if word & 1 == 1 { TWIST } else { 0 };
            self.state[place] = self.state[(place + APART) % WORDS] ^ twisted;
        }
        self.next = 0;
    }

    fn next_word(&mut self) -> u32 {
        if self.next == WORDS {
            self.twist();
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    /// A number from 0 to `most`.
    fn next_up_to(&mut self, most: u32) -> u32 {
        let mask = u32::MAX.checked_shr(most.leading_zeros()).unwrap_or(0);
        loop {
            let drawn = self.next_word() & mask;
            if drawn <= most {
                return drawn;
            }
        }
    }
}

/// The numbers below `count`, shuffled.
#[must_use]
pub(super) fn permutation(count: u32, seed: u32) -> Vec<u32> {
    let mut generator = MersenneTwister::from_seed(seed);
    let mut order: Vec<u32> = (0..count).collect();
    for last in (1..count).rev() {
        let place = generator.next_up_to(last);
        order.swap(last as usize, place as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The C++ standard (rand.predef) gives the 10,000th word of the default
    /// seed.
    #[test]
    fn words_are_those_of_the_standard() {
        let mut generator = MersenneTwister::from_seed(5_489);
        let word = (0..10_000).map(|_| generator.next_word()).last();
        assert_eq!(word, Some(4_123_659_995));
    }

    /// `numpy.random.RandomState(42).permutation(10)`.
    #[test]
    fn a_shuffle_is_the_one_of_numpy() {
        assert_eq!(permutation(10, 42), [8, 1, 5, 0, 7, 2, 9, 4, 3, 6]);
        assert_eq!(permutation(1, 42), [0]);
        assert!(permutation(0, 42).is_empty());
    }
}
