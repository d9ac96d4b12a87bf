//! Segments with a centroid: what is read, and faults.

use super::*;

/// The base with a scale of `spend` and two centroids after the conditions.
fn with_centroids() -> String {
    let scaled = spoiled(
        "name = \"spend\"\nkind = \"number\"",
        "name = \"spend\"\nkind = \"number\"\nscale = 50.0",
    );
    let near = "[[segment]]\nid = \"little\"\ncentroid = { spend = 20.0 }\n\n\
                [[segment]]\nid = \"some\"\ncentroid = { spend = 80.0 }\n\n[[placement]]";
    scaled.replacen("[[placement]]", near, 1)
}

fn refused(from: &str, to: &str) -> Vec<String> {
    let text = with_centroids();
    assert!(text.contains(from), "there is no {from:?}");
    faults_of(&text.replacen(from, to, 1))
}

#[test]
fn the_nearest_centroid_takes_whom_no_condition_does() {
    let catalog = build(read_toml(&with_centroids(), "shop.toml").unwrap());
    let of = |spend: Option<f64>| {
        let value = spend.map(|spend| ("spend".to_owned(), AttributeValue::Number(spend)));
        let segment = catalog.segmentation().assign(&value.into_iter().collect());
        segment.id.clone()
    };
    assert_eq!(of(Some(500.0)), "heavy");
    assert_eq!(of(Some(49.0)), "little");
    assert_eq!(of(Some(51.0)), "some");
    assert_eq!(of(None), "default");
    let again = read_toml(&write_toml(&catalog.document(), "").unwrap(), "again.toml").unwrap();
    assert_eq!(again, catalog.document());
}

#[test]
fn faults_of_centroids_are_told() {
    for (from, to, fault) in [
        (
            "scale = 50.0",
            "scale = 0.0",
            "attribute[1].scale (attribute \"spend\") is 0: must be above 0 and finite",
        ),
        (
            "kind = \"boolean\"",
            "kind = \"boolean\"\nscale = 2.0",
            "attribute[2].scale (attribute \"member\") is 2: belongs to a number, this attribute is a boolean",
        ),
        (
            "\nscale = 50.0",
            "",
            "segment[2].centroid (segment \"little\") is \"spend\": must be of attributes that declare a \
             scale: how large a difference counts as 1",
        ),
        (
            "centroid = { spend = 80.0 }",
            "centroid = { spend = nan }",
            "segment[3].centroid (segment \"some\") is spend = NaN: must be finite",
        ),
        (
            "centroid = { spend = 80.0 }",
            "centroid = { orders = 80.0 }",
            "segment[3].centroid (segment \"some\"): must have the attributes of segment[2]: spend",
        ),
        (
            "centroid = { spend = 80.0 }",
            "when = { attribute = \"member\", present = true }",
            "segment[3].when (segment \"some\"): must stand before the segments with a centroid: \
             conditions are tried first",
        ),
        (
            "id = \"some\"",
            "id = \"default\"",
            "segment[3].id is \"default\": belongs to the segment that takes everybody who is left, and \
             this one has a centroid",
        ),
        (
            "centroid = { spend = 80.0 }",
            "centroid = { spend = 80.0 }\nwhen = { attribute = \"member\", present = true }",
            "segment[3].centroid (segment \"some\"): cannot stand beside when: a segment has one of them",
        ),
    ] {
        let faults = refused(from, to);
        assert!(
            faults.iter().any(|told| told == fault),
            "{fault}: {faults:?}"
        );
    }
    let both = "{ spend = 20.0 }\n\n[[segment]]\nid = \"some\"\ncentroid = { spend = 80.0 }";
    let unknown = refused(both, &both.replace("spend", "spent"));
    let fault = "segment[2].centroid (segment \"little\") is \"spent\": must name an entry of attribute; \
                 did you mean \"spend\"?";
    assert_eq!(unknown, [fault]);
    let words = refused(both, &both.replace("spend", "tier"));
    let fault = "segment[2].centroid (segment \"little\") is \"tier\": must be of numbers, this attribute \
                 is a string";
    assert_eq!(words, [fault]);
    let alone = refused(
        "[[segment]]\nid = \"some\"\ncentroid = { spend = 80.0 }\n",
        "",
    );
    let fault = "segment[2].centroid (segment \"little\"): is the only one: at least 2 segments need a \
                 centroid, the nearest takes the shopper";
    assert_eq!(alone, [fault]);
}

#[test]
fn segments_are_read_without_the_rest_of_a_catalogue() {
    let text = with_centroids();
    let whole = build(read_toml(&text, "shop.toml").unwrap());
    assert_eq!(
        &read_segments(&text, "shop.toml").unwrap(),
        whole.segmentation()
    );
    let told = |text: &str| read_segments(text, "s.toml").unwrap_err().to_string();
    let none = told("[[attribute]]\nname = \"spend\"\nkind = \"number\"\n");
    assert_eq!(
        none,
        "s.toml has 1 fault\n  line 1: segment: is missing: there is no segment"
    );
    let wrong = told("[[segment]]\nid = \"a\"\nwhen = { attribute = \"b\", present = true }\n");
    assert!(
        wrong.contains("line 3: segment[0].when.attribute (segment \"a\") is \"b\""),
        "{wrong}"
    );
}
