//! The FP-tree: baskets as paths from a root, those with the same beginning
//! sharing it, items more frequent nearer the root.
//!
//! Nodes are four flat lists, 16 bytes a node, and know their parent and the
//! next node of the same item, not their children: rows are sorted before the
//! tree is made, so that a row shares a path with the row just before it and
//! with no other.

/// Rows of ranks, ascending, each with a weight.
#[derive(Debug, Default)]
pub(super) struct Rows {
    ranks: Vec<u32>,
    spans: Vec<Span>,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    start: usize,
    length: u32,
    weight: u32,
}

impl Rows {
    /// With room for so many rows and ranks in all of them.
    pub(super) fn with_capacity(rows: usize, ranks: usize) -> Self {
        Self {
            ranks: Vec::with_capacity(ranks),
            spans: Vec::with_capacity(rows),
        }
    }

    /// Adds a row, in whatever order; an empty one is left out.
    pub(super) fn push(&mut self, ranks: impl Iterator<Item = u32>, weight: u32) {
        let start = self.ranks.len();
        self.ranks.extend(ranks);
        let row = &mut self.ranks[start..];
        row.sort_unstable();
        if let Ok(length @ 1..) = u32::try_from(row.len()) {
            self.spans.push(Span {
                start,
                length,
                weight,
            });
        }
    }

    fn row(&self, span: Span) -> &[u32] {
        &self.ranks[span.start..span.start + span.length as usize]
    }

    fn clear(&mut self) {
        self.ranks.clear();
        self.spans.clear();
    }

    /// Puts the rows in lexicographic order.
    fn sort(&mut self) {
        let Self { ranks, spans } = self;
        let row = |span: &Span| &ranks[span.start..span.start + span.length as usize];
        spans.sort_unstable_by(|left, right| row(left).cmp(row(right)));
    }
}

/// The node that every path begins at, and the end of every list of nodes.
const ROOT: u32 = 0;

/// An FP-tree over its own ranks: 0 is the item nearest the root.
#[derive(Debug)]
pub(super) struct Tree {
    /// By rank, the caller's number of the item.
    items: Vec<u32>,
    /// By rank, the weight of all rows that have it.
    supports: Vec<u32>,
    /// By rank, the newest node of it.
    heads: Vec<u32>,
    ranks: Vec<u32>,
    parents: Vec<u32>,
    counts: Vec<u32>,
    siblings: Vec<u32>,
}

impl Tree {
    /// A tree of rows; `items` and `supports` by rank.
    pub(super) fn new(items: Vec<u32>, supports: Vec<u32>, rows: &mut Rows) -> Self {
        rows.sort();
        let mut tree = Self {
            heads: vec![ROOT; items.len()],
            items,
            supports,
            ranks: vec![0],
            parents: vec![ROOT],
            counts: vec![0],
            siblings: vec![ROOT],
        };
        let mut path: Vec<u32> = Vec::new();
        let mut before: &[u32] = &[];
        for span in &rows.spans {
            let row = rows.row(*span);
            let shared = before.iter().zip(row).take_while(|(a, b)| a == b).count();
            path.truncate(shared);
            for node in &path {
                tree.counts[*node as usize] += span.weight;
            }
            for rank in &row[shared..] {
                let parent = path.last().copied().unwrap_or(ROOT);
                path.push(tree.add(*rank, parent, span.weight));
            }
            before = row;
        }
        tree
    }

    fn add(&mut self, rank: u32, parent: u32, weight: u32) -> u32 {
        let node = super::narrow(self.ranks.len());
        self.ranks.push(rank);
        self.parents.push(parent);
        self.counts.push(weight);
        let head = &mut self.heads[rank as usize];
        self.siblings.push(*head);
        *head = node;
        node
    }

    /// How many items it is over.
    pub(super) const fn len(&self) -> usize {
        self.items.len()
    }

    /// The caller's number of the item at a rank.
    pub(super) fn item(&self, rank: usize) -> u32 {
        self.items[rank]
    }

    /// In how many baskets that item is, of those the tree is made of.
    pub(super) fn support(&self, rank: usize) -> u32 {
        self.supports[rank]
    }

    /// The nodes of an item, newest first.
    fn nodes(&self, rank: usize) -> impl Iterator<Item = usize> {
        let mut next = self.heads[rank];
        std::iter::from_fn(move || {
            (next != ROOT).then(|| {
                let node = next as usize;
                next = self.siblings[node];
                node
            })
        })
    }

    /// The ranks above a node, nearest first.
    fn above(&self, node: usize) -> impl Iterator<Item = u32> {
        let mut next = self.parents[node];
        std::iter::from_fn(move || {
            (next != ROOT).then(|| {
                let rank = self.ranks[next as usize];
                next = self.parents[next as usize];
                rank
            })
        })
    }

    /// The most items on one path that at least `min_count` baskets share from
    /// its beginning: each of its subsets is frequent.
    pub(super) fn longest_frequent_path(&self, min_count: u32) -> usize {
        let mut depths = vec![0usize; self.ranks.len()];
        let mut longest = 0;
        for node in 1..self.ranks.len() {
            // A parent is always older than its children.
            depths[node] = depths[self.parents[node] as usize] + 1;
            if self.counts[node] >= min_count {
                longest = longest.max(depths[node]);
            }
        }
        longest
    }

    /// The tree of what goes with an item among those of lower rank, items
    /// below `min_count` left out; `None` when nothing is left.
    pub(super) fn project(
        &self,
        rank: usize,
        min_count: u32,
        scratch: &mut Scratch,
    ) -> Option<Self> {
        let (items, supports) = self.partners(rank, min_count, scratch);
        if items.is_empty() {
            return None;
        }
        let Scratch {
            rows, new_ranks, ..
        } = scratch;
        rows.clear();
        if items.len() > 1 {
            for node in self.nodes(rank) {
                let kept = self.above(node).map(|above| new_ranks[above as usize]);
                rows.push(kept.filter(|new| *new != LEFT_OUT), self.counts[node]);
            }
        }
        // With one item left, its support says all that its nodes would.
        Some(Self::new(items, supports, rows))
    }

    /// The items that are frequent beside `rank`, and their supports; leaves
    /// their new ranks in the scratch.
    fn partners(&self, rank: usize, min_count: u32, scratch: &mut Scratch) -> (Vec<u32>, Vec<u32>) {
        let counts = &mut scratch.counts;
        counts.clear();
        counts.resize(rank, 0);
        for node in self.nodes(rank) {
            for above in self.above(node) {
                counts[above as usize] += self.counts[node];
            }
        }
        scratch.new_ranks.clear();
        let mut items = Vec::new();
        let mut supports = Vec::new();
        for (above, count) in counts.iter().enumerate() {
            if *count >= min_count {
                scratch.new_ranks.push(super::narrow(items.len()));
                items.push(self.items[above]);
                supports.push(*count);
            } else {
                scratch.new_ranks.push(LEFT_OUT);
            }
        }
        (items, supports)
    }
}

/// The new rank of an item that is not frequent enough.
const LEFT_OUT: u32 = u32::MAX;

/// Room that one projection after the other uses.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    rows: Rows,
    counts: Vec<u32>,
    new_ranks: Vec<u32>,
}
