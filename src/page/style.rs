//! What every page looks like, and the script that sorts its tables.

pub(super) const STYLE: &str = include_str!("style.css");
pub(super) const SORT: &str = include_str!("sort.js");

/// How many colours there are; after them they come again, with dashed lines.
const COLOURS: usize = 8;

/// How many kinds of dashes a line may have, the whole line among them.
const DASHES: usize = 4;

/// The class names that give the `place`-th of several things its colour and
/// its dashes.
pub(super) fn series_class(place: usize) -> String {
    let (colour, dash) = (place % COLOURS, place / COLOURS % DASHES);
    format!("s{colour} d{dash}")
}
