//! `promobandit segment` as a whole: a table in, entries of a catalogue and
//! descriptions out, nothing half written.

use std::fs;
use std::path::Path;

use clap::Parser;
use promobandit::catalog::{Catalog, Numbering, read_segments, read_toml};
use promobandit::cli::segment::{SegmentCommand, run};
use promobandit::domain::attribute::{AttributeValue, Attributes};
use promobandit::domain::ids::CatalogVersion;
use promobandit::domain::random::Generator;

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: SegmentCommand,
}

fn segment(command: &str, file: &Path, options: &[&str]) -> anyhow::Result<()> {
    let file = file.to_str().expect("the path is UTF-8");
    let line = Line::try_parse_from([&["segment", command, file], options].concat())?;
    run(&line.command)
}

/// Three kinds of shoppers who stand apart; one in 50 lacks an entry.
fn table(shoppers: usize) -> String {
    let mut generator = Generator::from_seed(9);
    let mut text = String::from("shopper,recency_days,orders,spend\n");
    for number in 0..shoppers {
        let (recency, orders, spend) =
            [(5.0, 20.0, 900.0), (60.0, 6.0, 200.0), (300.0, 1.0, 30.0)][number % 3];
        let mut around = |middle: f64| middle * (0.8 + 0.4 * generator.next_uniform());
        let spend = if number % 50 == 49 {
            String::new()
        } else {
            around(spend).to_string()
        };
        text.push_str(&format!(
            "s{number},{},{},{spend}\n",
            around(recency),
            around(orders)
        ));
    }
    text
}

#[test]
fn groups_that_are_found_are_entries_of_a_catalogue() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("shoppers.csv"), table(900)).unwrap();
    let (out, page) = (at("segments.toml"), at("segments.html"));
    let files = [
        "--out",
        out.to_str().unwrap(),
        "--html",
        page.to_str().unwrap(),
    ];
    let options = [
        &files[..],
        &[
            "--exclude",
            "shopper",
            "--value",
            "spend",
            "--max-clusters",
            "5",
        ],
    ];
    segment("fit", &at("shoppers.csv"), &options.concat()).unwrap();
    let found = fs::read_to_string(&out).unwrap();

    // Three were made; their middles are found in the units of the table.
    let segmentation = read_segments(&found, "segments.toml").unwrap();
    let ids: Vec<&str> = segmentation.iter().map(|segment| &*segment.id).collect();
    assert_eq!(ids, ["high_value", "middle_value", "low_value", "default"]);
    let of = |recency: f64, orders: f64, spend: Option<f64>| {
        let known = [
            ("recency_days", Some(recency)),
            ("orders", Some(orders)),
            ("spend", spend),
        ];
        let named = known
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        let attributes: Attributes = named
            .map(|(name, value)| (name.to_owned(), AttributeValue::Number(value)))
            .collect();
        segmentation.assign(&attributes).id.clone()
    };
    assert_eq!(of(4.0, 22.0, Some(1_000.0)), "high_value");
    assert_eq!(of(50.0, 7.0, Some(180.0)), "middle_value");
    assert_eq!(of(400.0, 1.0, Some(10.0)), "low_value");
    assert_eq!(of(4.0, 22.0, None), "default");

    // Appended to a catalogue they make a catalogue, which survives being stored.
    let placement = "[[placement]]\nid = \"checkout\"\nobjective = \"conversion\"\n\
                     currency = \"EUR\"\npolicy = { kind = \"uniform\" }\n";
    let document = read_toml(&format!("{placement}{found}"), "shop.toml").unwrap();
    let catalog = Catalog::build(document, CatalogVersion(1), &Numbering::default()).unwrap();
    assert_eq!(catalog.segmentation(), &segmentation);
    let change = catalog.change(&Numbering::default(), "test").unwrap();
    let stored = Catalog::from_stored(None, &change, catalog.numbering()).unwrap();
    assert_eq!(stored.segmentation(), &segmentation);

    assert!(fs::read_to_string(&page).unwrap().contains("High value"));
    let described = ["--segments", out.to_str().unwrap(), "--output", "json"];
    segment("describe", &at("shoppers.csv"), &described).unwrap();
}

#[test]
fn what_is_wrong_is_told_and_nothing_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("shoppers.csv"), table(90)).unwrap();
    fs::write(at("few.csv"), "a,b\n1,2\n3,4\n1,2\n").unwrap();
    fs::write(at("constant.csv"), "a,b\n1,2\n3,2\n5,2\n").unwrap();
    let out = at("segments.toml");
    let written = ["--out", out.to_str().unwrap()];
    for (file, options, message) in [
        (
            "shoppers.csv",
            vec![],
            "column shopper: \"s0\" is not a finite number",
        ),
        (
            "shoppers.csv",
            vec!["--features", "orders,age"],
            "there is no column age",
        ),
        (
            "shoppers.csv",
            vec!["--features", "orders", "--value", "spend"],
            "--value names spend",
        ),
        (
            "few.csv",
            vec!["--clusters", "3"],
            "there are 3 clusters and 3 rows, of which 2 differ",
        ),
        (
            "few.csv",
            vec!["--clusters", "1"],
            "there are 1 clusters, at least 2 are needed",
        ),
        (
            "few.csv",
            vec!["--max-clusters", "1"],
            "--max-clusters is 1, at least 2 are needed",
        ),
        ("constant.csv", vec![], "constant over all rows: b (2)"),
    ] {
        let refused = segment("fit", &at(file), &[&written[..], &options].concat()).unwrap_err();
        assert!(
            format!("{refused:#}").contains(message),
            "{message}: {refused:#}"
        );
    }
    assert!(!out.exists());
    fs::write(&out, "[[segment]]\nid = \"x\"\ncentroid = { a = 1.0 }\n").unwrap();
    let refused = segment(
        "describe",
        &at("few.csv"),
        &["--segments", out.to_str().unwrap()],
    );
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.contains("must name an entry of attribute"),
        "{refused}"
    );
}
