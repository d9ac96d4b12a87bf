//! Catalogues made of logs.

use super::*;
use crate::catalog::{Catalog, Numbering, read_toml};
use crate::domain::attribute::Attributes;
use crate::domain::ids::CatalogVersion;
use crate::domain::outcome::OutcomeKind;
use crate::learning::Policy;

const SAMPLE: &[u8] = include_bytes!("../../../../simulations/data/obd-random-all-sample.csv.gz");

fn sample() -> ObdReader<'static> {
    ObdReader::new("sample.csv.gz", SAMPLE).expect("a header")
}

fn build(made: &ObdCatalog) -> Catalog {
    let text = made.to_toml().expect("TOML");
    let document = read_toml(&text, "made.toml").expect("no fault");
    assert_eq!(document, made.document);
    Catalog::build(document, CatalogVersion(1), &Numbering::default()).expect("no fault")
}

#[test]
fn the_sample_makes_a_catalogue_that_loads() {
    let made = obd_catalog(sample(), &ObdCatalogOptions::default()).expect("a log");
    assert_eq!(made.rows, 1_000);
    let catalog = build(&made);
    assert_eq!(catalog.offers().len(), 80);
    assert_eq!(catalog.placements().len(), 3);
    for placement in catalog.placements() {
        assert_eq!(placement.offers.len(), 80);
        assert_eq!(placement.conversion_events, [OutcomeKind::Click]);
        let policy = catalog.policy(placement.number);
        assert!(matches!(policy, Some(Policy::ThompsonBeta(_))));
    }
    assert!(catalog.placement_by_id("position-3").is_some());
    assert!(catalog.offer_by_id("item-0").is_some());
    let names: Vec<&str> = catalog.attributes().keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "user_feature_0",
            "user_feature_1",
            "user_feature_2",
            "user_feature_3"
        ]
    );
}

#[test]
fn the_file_opens_with_how_it_was_made() {
    let made = obd_catalog(sample(), &ObdCatalogOptions::default()).expect("a log");
    let text = made.to_toml().expect("TOML");
    let first = text.lines().next().expect("a line");
    assert_eq!(first, "# Made by promobandit of the log sample.csv.gz");
    assert!(text.contains("arXiv 2008.07146"));
}

#[test]
fn rows_fall_into_the_segments_made_of_their_features() {
    let options = ObdCatalogOptions {
        segment_features: vec!["user_feature_0".to_owned(), "user_feature_1".to_owned()],
        max_segments: 3,
        ..ObdCatalogOptions::default()
    };
    let made = obd_catalog(sample(), &options).expect("a log");
    let catalog = build(&made);
    assert_eq!(catalog.segmentation().len(), 4);
    let reader = sample();
    let names = reader.feature_names().to_vec();
    let mut in_segments = 0;
    for row in reader {
        let features = row.expect("a row").user_features;
        let values = features.into_iter().map(AttributeValue::String);
        let attributes: Attributes = names.iter().cloned().zip(values).collect();
        let segment = catalog.segmentation().assign(&attributes);
        in_segments += u64::from(segment.condition.is_some());
    }
    assert_eq!(in_segments, made.rows_in_segments);
    assert!(in_segments > 0 && in_segments < 1_000);
}

#[test]
fn without_features_everybody_is_in_the_default() {
    let options = ObdCatalogOptions {
        segment_features: Vec::new(),
        ..ObdCatalogOptions::default()
    };
    let made = obd_catalog(sample(), &options).expect("a log");
    assert_eq!(build(&made).segmentation().len(), 1);
    assert_eq!(made.rows_in_segments, 0);
}

#[test]
fn values_that_begin_alike_get_ids_of_their_own() {
    let log = ",timestamp,item_id,position,click,propensity_score,user_feature_0\n\
               0,2019-11-24 00:00:00Z,1,1,0,0.5,The Long Value A\n\
               1,2019-11-24 00:00:00Z,2,1,0,0.5,The Long Value B\n\
               2,2019-11-24 00:00:00Z,2,1,0,0.5,\n";
    let reader = ObdReader::new("log", log.as_bytes()).expect("a header");
    let made = obd_catalog(reader, &ObdCatalogOptions::default()).expect("a log");
    let ids: Vec<&str> = made.document.segments.iter().map(|it| &*it.id).collect();
    assert_eq!(ids, ["0-the-long-v", "0-the-long-v-2", "default"]);
    build(&made);
}

#[test]
fn ids_fit_however_many_features_are_combined() {
    let names: Vec<String> = (0..4).map(|n| format!("user_feature_100000{n}")).collect();
    let value = "0123456789abcdef";
    let log = format!(
        ",timestamp,item_id,position,click,propensity_score,{}\n\
         0,2019-11-24 00:00:00Z,1,1,0,0.5,{value},{value},{value},{value}\n\
         1,2019-11-24 00:00:00Z,1,1,0,0.5,{value},{value},{value},{value}x\n",
        names.join(",")
    );
    let options = ObdCatalogOptions {
        segment_features: names,
        ..ObdCatalogOptions::default()
    };
    let reader = ObdReader::new("log", log.as_bytes()).expect("a header");
    let catalog = build(&obd_catalog(reader, &options).expect("a log"));
    assert_eq!(catalog.segmentation().len(), 3);
}

#[test]
fn options_that_do_not_fit_are_refused() {
    let refused = |options: ObdCatalogOptions| {
        obd_catalog(sample(), &options)
            .expect_err("the options do not fit")
            .to_string()
    };
    let base = ObdCatalogOptions::default();
    let unknown = refused(ObdCatalogOptions {
        segment_features: vec!["age".to_owned()],
        ..base.clone()
    });
    assert!(unknown.starts_with("\"age\" is no user feature of the log, which has user_feature_0"));
    let features = (0..5).map(|number| format!("user_feature_{number}"));
    let many = refused(ObdCatalogOptions {
        segment_features: features.collect(),
        ..base.clone()
    });
    assert!(many.starts_with("5 features"), "{many}");
    let segments = refused(ObdCatalogOptions {
        max_segments: 65,
        ..base
    });
    assert!(segments.starts_with("65 segments"), "{segments}");
}

#[test]
fn a_log_that_is_wrong_makes_no_catalogue() {
    let reader = ObdReader::new("cut.gz", &SAMPLE[..SAMPLE.len() / 2]).expect("a header");
    let refused = obd_catalog(reader, &ObdCatalogOptions::default()).expect_err("cut short");
    assert!(refused.to_string().contains("cut short"), "{refused}");
}
