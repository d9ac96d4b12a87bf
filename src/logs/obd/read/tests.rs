//! What the reader takes and what it refuses.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

const HEADER: &str =
    ",timestamp,item_id,position,click,propensity_score,user_feature_1,user_feature_0";
const ROW: &str = "0,2019-11-24 00:00:34.762830+00:00,14,3,1,0.0125,b,a";

const SAMPLE: &[u8] = include_bytes!("../../../../simulations/data/obd-random-all-sample.csv.gz");

fn read(text: &str) -> Result<Vec<ObdRow>, ObdError> {
    ObdReader::new("log.csv", text.as_bytes())?.collect()
}

fn refusal(text: &str) -> String {
    read(text).expect_err("the log is wrong").to_string()
}

fn with_row(row: &str) -> String {
    format!("{HEADER}\n{ROW}\n{row}\n")
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

#[test]
fn a_row_is_read_with_its_features_in_order() {
    let rows = read(&with_row("1,2019-11-30T23:59:59Z,0,1,0,1e-6,d,c")).expect("a log");
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].row, 1);
    assert_eq!(rows[0].timestamp, Instant::from_unix_ms(1_574_553_634_762));
    assert_eq!((rows[0].item_id, rows[0].position), (14, 3));
    assert!(rows[0].click && !rows[1].click);
    assert_eq!(rows[0].propensity_score.get(), 0.0125);
    assert_eq!(rows[1].propensity_score.get(), 1e-6);
    assert_eq!(rows[0].user_features.as_slice(), ["a", "b"]);
    assert_eq!(rows[1].row, 2);
}

#[test]
fn the_propensity_may_be_called_action_prob() {
    let text = with_row(ROW).replace("propensity_score", "action_prob");
    assert_eq!(read(&text).expect("a log").len(), 2);
    let wrong = format!("{}\n{}\n", HEADER, ROW.replace("0.0125", "0"));
    let wrong = wrong.replace("propensity_score", "action_prob");
    assert!(refusal(&wrong).contains("column action_prob"));
}

#[test]
fn gzip_is_told_by_its_first_bytes() {
    let text = with_row(ROW);
    let packed = gzip(&text);
    let rows: Result<Vec<ObdRow>, ObdError> = ObdReader::new("log", packed.as_slice())
        .expect("a header")
        .collect();
    assert_eq!(rows.expect("a log"), read(&text).expect("a log"));
}

#[test]
fn the_committed_sample_reads_whole() {
    let reader = ObdReader::new("sample", SAMPLE).expect("a header");
    assert_eq!(
        reader.feature_names(),
        [
            "user_feature_0",
            "user_feature_1",
            "user_feature_2",
            "user_feature_3"
        ]
    );
    let rows: Vec<ObdRow> = reader.collect::<Result<_, _>>().expect("a log");
    assert_eq!(rows.len(), 1_000);
    assert!(rows.iter().all(|row| row.propensity_score.get() == 0.0125));
    assert!(rows.iter().all(|row| row.item_id < 80));
}

#[test]
fn every_wrong_value_is_named_with_row_and_column() {
    for (column, good, bad, expected) in [
        (
            "timestamp",
            "2019-11-24 00:00:34.762830+00:00",
            "yesterday",
            "a date and time",
        ),
        ("timestamp", "+00:00", "", "with an offset"),
        (
            "item_id",
            ",14,",
            ",-1,",
            "a whole number from 0 to 4294967295",
        ),
        ("item_id", ",14,", ",4294967296,", "a whole number"),
        ("position", ",3,1,", ",0,1,", "1, 2 or 3"),
        ("position", ",3,1,", ",4,1,", "1, 2 or 3"),
        ("click", ",3,1,", ",3,2,", "0 or 1"),
        ("click", ",3,1,", ",3,,", "0 or 1"),
        ("propensity_score", "0.0125", "0", "above 0 and at most 1"),
        ("propensity_score", "0.0125", "-0.1", "above 0"),
        ("propensity_score", "0.0125", "1.0000001", "at most 1"),
        ("propensity_score", "0.0125", "NaN", "a probability"),
        ("propensity_score", "0.0125", "inf", "a probability"),
        ("propensity_score", "0.0125", "", "a probability"),
    ] {
        let message = refusal(&with_row(&ROW.replace(good, bad)));
        assert!(
            message.starts_with(&format!("log.csv: row 2, column {column}: ")),
            "{message}"
        );
        assert!(message.contains(expected), "{message}");
    }
    assert_eq!(
        refusal(&with_row(&ROW.replace(",3,1,", ",4,1,"))),
        "log.csv: row 2, column position: \"4\" is not 1, 2 or 3"
    );
}

#[test]
fn a_header_must_have_every_column_once() {
    for column in ["timestamp", "item_id", "position", "click"] {
        let text = with_row(ROW).replacen(column, "other", 1);
        let message = refusal(&text);
        let expected = format!("log.csv: the header has no column {column}, it has ");
        assert!(message.starts_with(&expected), "{message}");
    }
    let message = refusal(&with_row(ROW).replace("propensity_score", "prob"));
    assert!(message.contains("no column propensity_score"), "{message}");
    let message = refusal(&with_row(ROW).replace("user_feature_1", "click"));
    assert!(message.contains("the column click twice"), "{message}");
}

#[test]
fn a_log_without_rows_is_refused() {
    assert!(refusal("").starts_with("log.csv: the log is empty"));
    assert!(refusal("\n\n").starts_with("log.csv: the log is empty"));
    assert!(refusal(&format!("{HEADER}\n")).contains("a header and no row"));
}

#[test]
fn a_row_is_as_long_as_the_header() {
    assert_eq!(
        refusal(&with_row("1,2019-11-24 00:00:34+00:00,14")),
        "log.csv: row 2 has 3 fields, 8 were expected, as in the header"
    );
}

#[test]
fn a_gzip_file_that_was_cut_short_is_refused_wherever_it_was_cut() {
    let mut text = format!("{HEADER}\n");
    for _ in 0..500 {
        text.push_str(ROW);
        text.push('\n');
    }
    let packed = gzip(&text);
    for kept in [3, packed.len() / 2, packed.len() - 9, packed.len() - 1] {
        let rows: Result<Vec<ObdRow>, ObdError> =
            ObdReader::new("log.gz", &packed[..kept]).and_then(Iterator::collect);
        let message = rows.expect_err("it was cut short").to_string();
        assert!(message.contains("cut short"), "{kept}: {message}");
    }
    let sample: Result<Vec<ObdRow>, ObdError> =
        ObdReader::new("sample", &SAMPLE[..SAMPLE.len() - 1_000]).and_then(Iterator::collect);
    assert!(sample.is_err());
}

#[test]
fn damaged_gzip_and_bytes_that_are_no_text_are_refused() {
    let mut packed = gzip(&with_row(ROW));
    let middle = packed.len() / 2;
    packed[middle] ^= 0x10;
    let rows: Result<Vec<ObdRow>, ObdError> =
        ObdReader::new("log.gz", packed.as_slice()).and_then(Iterator::collect);
    assert!(rows.is_err());
    let mut bytes = with_row(ROW).into_bytes();
    let end = bytes.len() - 2;
    bytes[end] = 0xff;
    let rows: Result<Vec<ObdRow>, ObdError> =
        ObdReader::new("log.csv", bytes.as_slice()).and_then(Iterator::collect);
    let message = rows.expect_err("not UTF-8").to_string();
    assert_eq!(message, "log.csv: row 2 is not UTF-8");
}

#[test]
fn after_a_refusal_nothing_more_comes() {
    let text = format!("{HEADER}\nwrong\n{ROW}\n");
    let mut reader = ObdReader::new("log.csv", text.as_bytes()).expect("a header");
    assert!(reader.next().is_some_and(|row| row.is_err()));
    assert!(reader.next().is_none());
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let path = Path::new("no-such-directory/log.csv");
    let message = ObdReader::open(path).expect_err("absent").to_string();
    assert!(
        message.starts_with("no-such-directory/log.csv: "),
        "{message}"
    );
}
