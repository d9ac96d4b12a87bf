//! What actions are like: each has an embedding, and actions with the same one
//! are of a kind.

use std::collections::BTreeMap;

use super::choices::Names;

/// Embeddings by the names of actions, and the weight of an embedding.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Embeddings {
    /// The number of each action's embedding.
    by_name: BTreeMap<String, u32>,
    /// The same by the number of an action, looked up once; `None` where it has
    /// none.
    known: Vec<Option<u32>>,
}

impl Embeddings {
    /// From the embedding of each action: one value a dimension.
    #[must_use]
    pub fn new(by_name: BTreeMap<String, Vec<String>>) -> Self {
        let mut numbers = BTreeMap::new();
        let by_name = by_name.into_iter().map(|(name, embedding)| {
            let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            (name, *numbers.entry(embedding).or_insert(next))
        });
        Self {
            by_name: by_name.collect(),
            known: Vec::new(),
        }
    }

    fn of(&mut self, action: u32, names: &Names) -> Option<u32> {
        while self.known.len() <= action as usize && self.known.len() < names.len() {
            let number = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
            let name = names.get(number).unwrap_or_default();
            self.known.push(self.by_name.get(name).copied());
        }
        self.known.get(action as usize).copied().flatten()
    }

    /// p(e|π)/p(e|p₀) of the chosen action's embedding e.
    ///
    /// # Errors
    /// The first of the actions that has no embedding.
    ///
    /// # Panics
    /// When the slices are not as long as `actions`, or none is chosen.
    pub fn weight(
        &mut self,
        names: &Names,
        actions: &[u32],
        target: &[f64],
        logging: &[f64],
        chosen: usize,
    ) -> Result<f64, u32> {
        let mine = self.of(actions[chosen], names);
        let (mut wanted, mut logged) = (0.0, 0.0);
        for (place, action) in actions.iter().enumerate() {
            let embedding = self.of(*action, names);
            if embedding.is_none() {
                return Err(*action);
            }
            if embedding == mine {
                wanted += target[place];
                logged += logging[place];
            }
        }
        Ok(wanted / logged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_is_of_all_actions_of_a_kind() {
        let table = [("tea", "drink"), ("coffee", "drink"), ("cake", "food")];
        let entry = |(name, kind): (&str, &str)| (name.to_owned(), vec![kind.to_owned()]);
        let mut embeddings = Embeddings::new(table.into_iter().map(entry).collect());
        let names = Names::from_iter(["cake", "tea", "coffee", "lantern"]);
        let mut weight = |actions: &[u32], chosen| {
            let (target, logging) = ([0.2, 0.2, 0.6], [0.5, 0.1, 0.4]);
            embeddings.weight(&names, actions, &target, &logging, chosen)
        };
        // Tea and coffee: 0.8 of the target's choices, 0.5 of the log's.
        assert_eq!(weight(&[0, 1, 2], 1), Ok(1.6));
        assert_eq!(weight(&[0, 1, 2], 2), Ok(1.6));
        assert_eq!(weight(&[0, 1, 2], 0), Ok(0.4));
        assert_eq!(weight(&[0, 1, 3], 0), Err(3));
    }
}
