//! Tests of the catalogue as a whole.
use super::*;

#[test]
fn the_starter_builds() {
    let starter = starter::starter();
    Catalog::build(starter, CatalogVersion(1), &Numbering::default()).expect("no fault");
}
