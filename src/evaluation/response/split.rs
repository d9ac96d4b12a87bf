//! Which rows a model is fitted on, chosen by and tried on.
//!
//! Both splits are scikit-learn's with its defaults, row for row. The held-out
//! part is `train_test_split(test_size=share, random_state=seed)`: the rows are
//! shuffled by the seed, the first ⌈share·n⌉ are held out, and the others keep
//! the shuffled order. The folds are `StratifiedKFold(folds)`, without shuffling:
//! each class is dealt out evenly, in the order of the rows, the first of its
//! rows to the first fold.

use super::mersenne_twister::permutation;

/// Row numbers, in the order in which the rows are used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The rows to fit on.
    pub training: Vec<usize>,
    /// The rows to try the model on.
    pub held_out: Vec<usize>,
}

impl Split {
    /// All rows to fit on, in their order.
    #[must_use]
    pub fn none(rows: usize) -> Self {
        Self {
            training: (0..rows).collect(),
            held_out: Vec::new(),
        }
    }

    /// Holds out `share` of so many rows, a number in (0, 1).
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )] // at most 2^32 rows, and a share of them
    pub fn shuffled(rows: u32, share: f64, seed: u32) -> Self {
        let mut training = permutation(rows, seed).into_iter().map(|row| row as usize);
        let held_out = (share * f64::from(rows)).ceil() as usize;
        Self {
            held_out: training.by_ref().take(held_out).collect(),
            training: training.collect(),
        }
    }
}

/// The fold of each row, from 0, for rows of two classes.
#[must_use]
pub fn stratified_folds(responses: &[bool], folds: usize) -> Vec<usize> {
    let Some(first) = responses.first() else {
        return Vec::new();
    };
    let of_first = responses
        .iter()
        .filter(|response| *response == first)
        .count();
    // Sorted by class, the class of the first row before the other, every
    // `folds`-th row belongs to the same fold.
    let fold_sizes = |begin: usize, end: usize| -> Vec<usize> {
        let mut sizes = vec![0; folds];
        (begin..end).for_each(|place| sizes[place % folds] += 1);
        sizes
    };
    let deal = |begin: usize, end: usize| {
        let sizes = fold_sizes(begin, end).into_iter().enumerate();
        sizes.flat_map(|(fold, size)| std::iter::repeat_n(fold, size))
    };
    let mut firsts = deal(0, of_first);
    let mut others = deal(of_first, responses.len());
    let fold = |response: &bool| {
        let dealt = if response == first {
            firsts.next()
        } else {
            others.next()
        };
        dealt.unwrap_or(0)
    };
    responses.iter().map(fold).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `train_test_split(range(10), test_size=0.25, random_state=42)`.
    #[test]
    fn rows_are_held_out_as_scikit_learn_holds_them_out() {
        let split = Split::shuffled(10, 0.25, 42);
        assert_eq!(split.held_out, [8, 1, 5]);
        assert_eq!(split.training, [0, 7, 2, 9, 4, 3, 6]);
    }

    /// By hand: 1 is the class of the first row, with 4 rows; sorted, places 0 to
    /// 3 are its own, of which fold 0 has two. Of 0's places 4 to 7, fold 0 has
    /// one, fold 1 two, fold 2 one.
    #[test]
    fn folds_are_dealt_by_class() {
        let responses = [true, false, true, true, false, false, true, false];
        let folds = stratified_folds(&responses, 3);
        assert_eq!(folds, [0, 0, 0, 1, 1, 1, 2, 2]);
    }

    proptest! {
        #[test]
        fn each_fold_has_its_share_of_each_class(
            responses in prop::collection::vec(any::<bool>(), 1..200),
            folds in 2usize..8,
        ) {
            let dealt = stratified_folds(&responses, folds);
            for class in [false, true] {
                let of_class = || responses.iter().zip(&dealt).filter(|it| *it.0 == class);
                let sizes = (0..folds).map(|fold| of_class().filter(|it| *it.1 == fold).count());
                let least = of_class().count() / folds;
                prop_assert!(sizes.clone().all(|size| size == least || size == least + 1));
            }
            let sizes = (0..folds).map(|fold| dealt.iter().filter(|it| **it == fold).count());
            let least = responses.len() / folds;
            prop_assert!(sizes.clone().all(|size| size == least || size == least + 1));
        }

        #[test]
        fn a_split_has_each_row_once(rows in 2u32..300, seed in any::<u32>()) {
            let split = Split::shuffled(rows, 0.2, seed);
            let mut all = [split.held_out.clone(), split.training].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..rows as usize).collect::<Vec<_>>());
            prop_assert_eq!(split.held_out.len(), (rows as usize).div_ceil(5));
        }
    }
}
