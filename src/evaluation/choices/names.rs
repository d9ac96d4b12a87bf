//! What numbers are called.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Names with numbers, from 0 in the order in which they came. Names are only
/// ever added.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    in_order: Vec<Arc<str>>,
    numbers: BTreeMap<Arc<str>, u32>,
}

impl Names {
    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.in_order.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.in_order.is_empty()
    }

    /// The name of a number.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&str> {
        self.in_order.get(number as usize).map(AsRef::as_ref)
    }

    /// The number of a name.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// The number of a name, which gets one when it has none.
    ///
    /// # Panics
    /// When there are 2³² names already.
    pub fn number_or_new(&mut self, name: &str) -> u32 {
        if let Some(number) = self.number(name) {
            return number;
        }
        let number = u32::try_from(self.in_order.len()).expect("fewer than 2^32 names");
        let name: Arc<str> = name.into();
        self.in_order.push(name.clone());
        self.numbers.insert(name, number);
        number
    }

    /// The number of a name in names that others hold as well: they keep what
    /// they had when this is a new one.
    pub fn number_in(shared: &mut Arc<Self>, name: &str) -> u32 {
        match shared.number(name) {
            Some(number) => number,
            None => Arc::make_mut(shared).number_or_new(name),
        }
    }

    /// The names, in the order of their numbers.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.in_order.iter().map(AsRef::as_ref)
    }
}

impl<'a> FromIterator<&'a str> for Names {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        let mut collected = Self::default();
        for name in names {
            collected.number_or_new(name);
        }
        collected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_and_others_keep_what_they_had() {
        let mut names = Arc::new(Names::from_iter(["tea", "cake", "tea"]));
        assert_eq!(names.len(), 2);
        let before = names.clone();
        assert_eq!(Names::number_in(&mut names, "cake"), 1);
        assert_eq!(Names::number_in(&mut names, "lantern"), 2);
        assert_eq!((before.len(), names.len()), (2, 3));
        assert_eq!(names.get(2), Some("lantern"));
    }
}
