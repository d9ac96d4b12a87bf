//! Which events of a batch have to keep their order: those that are linked by a
//! decision, an order, or an event id that another reverses or repeats.

use std::collections::HashMap;

use crate::proto::promobandit::v1::RecordRewardRequest;

/// What an event names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Name<'a> {
    Decision(&'a str),
    Order(&'a str),
    Event(&'a str),
}

/// The events' places, by groups of related ones; places ascend within a group.
pub(super) fn groups(events: &[RecordRewardRequest]) -> Vec<Vec<usize>> {
    let mut links = Links::new(events.len());
    let mut first_with: HashMap<Name<'_>, usize> = HashMap::new();
    for (index, event) in events.iter().enumerate() {
        for name in names(event) {
            let first = *first_with.entry(name).or_insert(index);
            links.join(first, index);
        }
    }
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut group_of: HashMap<usize, usize> = HashMap::new();
    for index in 0..events.len() {
        let group = *group_of.entry(links.root(index)).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[group].push(index);
    }
    groups
}

fn names(event: &RecordRewardRequest) -> impl Iterator<Item = Name<'_>> {
    [
        (&event.decision_id, Name::Decision(&event.decision_id)),
        (&event.order_id, Name::Order(&event.order_id)),
        (&event.event_id, Name::Event(&event.event_id)),
        (
            &event.reverses_event_id,
            Name::Event(&event.reverses_event_id),
        ),
    ]
    .into_iter()
    .filter(|(text, _)| !text.is_empty())
    .map(|(_, name)| name)
}

/// Disjoint sets: each place points towards the first of its set.
struct Links(Vec<usize>);

impl Links {
    fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    fn root(&mut self, mut place: usize) -> usize {
        while self.0[place] != place {
            self.0[place] = self.0[self.0[place]];
            place = self.0[place];
        }
        place
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.0[one.max(other)] = one.min(other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(
        event_id: &str,
        decision_id: &str,
        order_id: &str,
        reverses_event_id: &str,
    ) -> RecordRewardRequest {
        RecordRewardRequest {
            event_id: event_id.to_owned(),
            decision_id: decision_id.to_owned(),
            order_id: order_id.to_owned(),
            reverses_event_id: reverses_event_id.to_owned(),
            ..Default::default()
        }
    }

    #[test]
    fn related_events_keep_their_order() {
        let events = [
            event("refund", "", "", "purchase"),
            event("click", "d1", "", ""),
            event("other", "d2", "", ""),
            event("purchase", "d1", "o1", ""),
            event("by-order", "", "o1", ""),
            event("other", "", "", ""),
            event("alone", "", "", ""),
        ];
        assert_eq!(
            groups(&events),
            [vec![0, 1, 3, 4], vec![2, 5], vec![6]],
            "the refund belongs to its purchase, that to its decision and its order"
        );
        assert!(groups(&[]).is_empty());
    }
}
