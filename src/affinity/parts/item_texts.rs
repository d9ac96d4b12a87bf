//! What is written about items: the words that content similarity compares.

use std::collections::HashMap;

use crate::affinity::baskets::{Baskets, ItemNumber, narrow};

/// At most this many words of one item count.
const MAX_WORDS: usize = 10_000;

/// The words of every item of some baskets, as numbers.
#[derive(Debug, Clone)]
pub struct ItemTexts {
    /// One more than there are items.
    starts: Vec<usize>,
    words: Vec<u32>,
    different_words: usize,
}

impl ItemTexts {
    /// The names of the items as their texts.
    #[must_use]
    pub fn names_of(baskets: &Baskets) -> Self {
        let mut builder = ItemTextsBuilder::new(baskets);
        for (item, name) in (0..).zip(baskets.names()) {
            builder.push(ItemNumber(item), name);
        }
        builder.finish()
    }

    /// How many items there are.
    pub(super) const fn item_count(&self) -> usize {
        self.starts.len() - 1
    }

    /// The words of an item, as often as they stand.
    pub(super) fn words(&self, item: usize) -> &[u32] {
        &self.words[self.starts[item]..self.starts[item + 1]]
    }

    /// How many different words there are.
    pub(super) const fn different_words(&self) -> usize {
        self.different_words
    }

    /// How many items have a word at all.
    #[must_use]
    pub fn items_with_text(&self) -> usize {
        let ends = self.starts.windows(2);
        ends.filter(|ends| ends[0] < ends[1]).count()
    }
}

/// Takes texts in, in any order.
#[derive(Debug)]
pub struct ItemTextsBuilder {
    numbers: HashMap<Box<str>, u32>,
    by_item: Vec<Vec<u32>>,
}

impl ItemTextsBuilder {
    /// For the items of baskets, none with a text yet.
    #[must_use]
    pub fn new(baskets: &Baskets) -> Self {
        Self {
            numbers: HashMap::new(),
            by_item: vec![Vec::new(); baskets.item_count()],
        }
    }

    /// Adds to what is written about an item.
    ///
    /// # Panics
    /// When the item belongs to other baskets.
    pub fn push(&mut self, item: ItemNumber, text: &str) {
        let words = &mut self.by_item[item.index()];
        let numbers = &mut self.numbers;
        for_each_word(text, |word| {
            if words.len() < MAX_WORDS {
                let next = narrow(numbers.len());
                let number = match numbers.get(word) {
                    Some(number) => *number,
                    None => *numbers.entry(word.into()).or_insert(next),
                };
                words.push(number);
            }
        });
    }

    /// The texts.
    #[must_use]
    pub fn finish(self) -> ItemTexts {
        let mut starts = vec![0];
        let mut words = Vec::new();
        for mut of_item in self.by_item {
            words.append(&mut of_item);
            starts.push(words.len());
        }
        ItemTexts {
            starts,
            words,
            different_words: self.numbers.len(),
        }
    }
}

/// Calls with each word: letters and digits between other characters, in lower
/// case. A run of characters of a script that puts no spaces between words
/// counts as its pairs of neighbours, a single one as itself (Nie, Ren 1999,
/// <https://doi.org/10.1016/S0306-4573(98)00051-7>).
fn for_each_word(text: &str, mut call: impl FnMut(&str)) {
    let lower = text.to_lowercase();
    for run in lower.split(|letter: char| !letter.is_alphanumeric()) {
        let mut rest = run;
        while let Some(first) = rest.chars().next() {
            let unspaced = is_unspaced(first);
            let end = rest
                .find(|letter| is_unspaced(letter) != unspaced)
                .unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            if unspaced {
                for_each_pair(word, &mut call);
            } else {
                call(word);
            }
            rest = after;
        }
    }
}

fn for_each_pair(run: &str, call: &mut impl FnMut(&str)) {
    let ends: Vec<usize> = run
        .char_indices()
        .map(|(place, letter)| place + letter.len_utf8())
        .collect();
    if let [only] = ends.as_slice() {
        call(&run[..*only]);
    }
    let mut start = 0;
    for pair in ends.windows(2) {
        call(&run[start..pair[1]]);
        start = pair[0];
    }
}

/// Han, kana and their like.
const fn is_unspaced(letter: char) -> bool {
    matches!(letter, '\u{2e80}'..='\u{31ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3134f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        for_each_word(text, |word| words.push(word.to_owned()));
        words
    }

    #[test]
    fn words_are_runs_of_letters_and_digits_in_lower_case() {
        assert_eq!(words("UHT-Milk, 3.5 %"), ["uht", "milk", "3", "5"]);
        assert_eq!(words("Crème brûlée"), ["crème", "brûlée"]);
        assert!(words(" -- ").is_empty());
    }

    #[test]
    fn scripts_without_spaces_count_by_pairs() {
        assert_eq!(words("全脂牛奶 1L"), ["全脂", "脂牛", "牛奶", "1l"]);
        assert_eq!(words("茶 tea茶叶"), ["茶", "tea", "茶叶"]);
    }
}
