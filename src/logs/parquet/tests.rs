use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{Float64Builder, ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use tempfile::TempDir;

use super::*;
use crate::evaluation::choices::Choices;

type Columns = Vec<(&'static str, ArrayRef)>;

fn numbers(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn text_lists(lists: &[&[&str]]) -> ArrayRef {
    let mut builder = ListBuilder::new(StringBuilder::new());
    for list in lists {
        list.iter()
            .for_each(|text| builder.values().append_value(text));
        builder.append(true);
    }
    Arc::new(builder.finish())
}

fn number_lists(lists: &[&[f64]]) -> ArrayRef {
    let mut builder = ListBuilder::new(Float64Builder::new());
    for list in lists {
        builder.values().append_slice(list);
        builder.append(true);
    }
    Arc::new(builder.finish())
}

fn log() -> Columns {
    vec![
        ("action", texts(&["tea", "cake", "tea"])),
        ("propensity", numbers(&[0.25, 1.0, 0.5])),
        ("reward", numbers(&[1.0, 0.0, 1.0])),
        (
            "actions",
            text_lists(&[&["tea", "cake"], &["cake"], &["cake", "tea"]]),
        ),
        (
            "probabilities",
            number_lists(&[&[0.25, 0.75], &[1.0], &[0.5, 0.5]]),
        ),
        ("segment", texts(&["gold", "other", "gold"])),
    ]
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn write(&self, columns: Columns) -> PathBuf {
        let path = self.0.path().join("log.parquet");
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let file = fs::File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        path
    }
}

fn read(path: &Path, dialect: Dialect) -> Result<Vec<Choices>, String> {
    let problem = |error: crate::logs::fault::LogError| error.problem.to_string();
    let survey = survey(path, dialect).map_err(problem)?;
    let log = ParquetChoices::open(path, dialect, survey).map_err(problem)?;
    log.map(|batch| batch.map_err(problem)).collect()
}

fn refusal(columns: Columns) -> String {
    read(&Folder::new().write(columns), Dialect::OWN).unwrap_err()
}

fn with(name: &'static str, column: ArrayRef) -> Columns {
    let mut columns = log();
    columns.retain(|(known, _)| *known != name);
    columns.push((name, column));
    columns
}

#[test]
fn what_others_wrote_is_read() {
    let batches = read(&Folder::new().write(log()), Dialect::OWN).unwrap();
    let [choices] = &batches[..] else { panic!() };
    let names: Vec<&str> = choices.vocabulary().actions.iter().collect();
    assert_eq!(names, ["tea", "cake"]);
    let last = choices.get(2);
    assert_eq!((last.actions, last.chosen), (&[1, 0][..], 1));
    assert_eq!(last.probabilities, Some(&[0.5, 0.5][..]));
    assert_eq!(choices.columns().segment, [0, 1, 0]);
}

#[test]
fn without_a_list_every_action_of_the_log_is_on_offer() {
    let mut columns = log();
    columns.retain(|(name, _)| !["actions", "probabilities"].contains(name));
    let batches = read(&Folder::new().write(columns), Dialect::OWN).unwrap();
    let second = batches[0].get(1);
    assert_eq!((second.actions, second.chosen), (&[0, 1][..], 1));
    assert_eq!(second.probabilities, None);
}

#[test]
fn whole_numbers_are_actions_and_pipelines_names_are_read() {
    let columns: Columns = vec![
        ("action", Arc::new(Int64Array::from(vec![2, 0]))),
        ("pscore", numbers(&[0.5, 0.25])),
        ("reward", numbers(&[0.0, 1.0])),
        ("position", Arc::new(Int64Array::from(vec![0, 1]))),
        (
            "pi_b",
            number_lists(&[&[0.25, 0.25, 0.5], &[0.25, 0.5, 0.25]]),
        ),
    ];
    let path = Folder::new();
    let path = path.write(columns);
    let batches = read(&path, Dialect::OBP).unwrap();
    let names: Vec<&str> = batches[0].vocabulary().actions.iter().collect();
    assert_eq!(names, ["0", "1", "2"]);
    assert_eq!(batches[0].get(0).chosen, 2);
    assert_eq!(batches[0].get(1).position, 1);
}

/// The loggers are numbered by their names, whatever row comes first.
#[test]
fn every_loggers_probability_stands_in_the_order_of_names() {
    let of = |lists: &[&[f64]]| {
        let mut columns = with("logger", texts(&["new", "old", "late"]));
        columns.push(("logger_propensities", number_lists(lists)));
        columns
    };
    let lists: [&[f64]; 3] = [&[0.5, 0.25, 0.0], &[0.0, 0.5, 1.0], &[0.5, 0.25, 0.125]];
    let batches = read(&Folder::new().write(of(&lists)), Dialect::OWN).unwrap();
    let names: Vec<&str> = batches[0].vocabulary().loggers.iter().collect();
    assert_eq!(names, ["late", "new", "old"]);
    let loggers = [1, 2, 0].map(Some);
    assert_eq!([0, 1, 2].map(|row| batches[0].get(row).logger), loggers);
    assert_eq!(batches[0].get(1).logger_propensities, Some(lists[1]));

    let mut writer = ParquetWriter::new(Vec::new());
    writer.add(&batches[0]).unwrap();
    let folder = Folder::new();
    let path = folder.0.path().join("again.parquet");
    fs::write(&path, writer.finish().unwrap().unwrap()).unwrap();
    assert_eq!(read(&path, Dialect::OWN).unwrap(), batches);

    let own = [&[0.5, 0.25, 0.0], &[0.0, 0.5, 0.75], lists[2]];
    assert_eq!(
        refusal(of(&own)),
        "row 2, column logger_propensities: 0.75 is not the row's propensity, which is 1"
    );
    assert_eq!(
        refusal(of(&[lists[0], &[0.0, 1.0], lists[2]])),
        "row 2, column logger_propensities: a list of 2 is not one number for each of 3 loggers, in \
         the order of names"
    );
    assert_eq!(
        refusal(with("logger_propensities", number_lists(&lists))),
        "row 1, column logger_propensities: a list is not beside a column logger, which says whose \
         propensity is the row's"
    );
}

#[test]
fn what_is_wrong_is_named_with_row_and_column() {
    let null = Float64Array::from(vec![Some(0.5), None, Some(0.5)]);
    for (columns, message) in [
        (
            with("propensity", numbers(&[0.25, 0.0, 0.5])),
            "row 2, column propensity: 0 is not in (0, 1]",
        ),
        (
            with("propensity", numbers(&[0.25, 1.0, 1.5])),
            "row 3, column propensity: 1.5 is not in (0, 1]",
        ),
        (
            with("propensity", Arc::new(null)),
            "row 2, column propensity: null is not a number",
        ),
        (
            with("propensity", numbers(&[0.75, 1.0, 0.5])),
            "row 1, column propensity: 0.75 is not the chosen action's probability, which is 0.25",
        ),
        (
            with("reward", numbers(&[1.0, f64::NAN, 0.0])),
            "row 2, column reward: NaN is not finite",
        ),
        (
            with("action", texts(&["tea", "tea", "tea"])),
            "row 2, column action: \"tea\" is not one of the actions that were on offer",
        ),
        (
            with(
                "probabilities",
                number_lists(&[&[0.25, 0.75], &[0.5, 0.5], &[0.5, 0.5]]),
            ),
            "row 2, column probabilities: a list of 2 is not one number for each of 1 actions",
        ),
        (
            with(
                "probabilities",
                number_lists(&[&[0.25, 0.75], &[1.0], &[0.5, 0.75]]),
            ),
            "row 3, column probabilities: 1.25 is not 1 within 1e-6, which probabilities sum to",
        ),
        (
            with(
                "actions",
                text_lists(&[&["tea", "cake"], &[], &["cake", "tea"]]),
            ),
            "row 2, column probabilities: a list of 1 is not one number for each of 0 actions",
        ),
        (
            with("price", numbers(&[1.0, 1.0, 1.0])),
            "column price is not known; known are action, propensity, reward, actions, \
             probabilities, position, segment, placement, shopper, decided_at, sequence, decision, \
             logger, logger_propensities, conversion, revenue, margin, discount_cost",
        ),
        (
            with("segment", numbers(&[1.0, 1.0, 1.0])),
            "column segment is of type Float64, texts or whole numbers were expected",
        ),
        (
            with("position", Arc::new(Int64Array::from(vec![0, -1, 0]))),
            "row 2, column position: -1 is not a whole number from 0 and below 10000",
        ),
    ] {
        assert_eq!(refusal(columns), message);
    }
    let mut columns = log();
    columns.remove(1);
    assert_eq!(
        refusal(columns),
        "there is no column propensity; there are action, reward, actions, probabilities, segment"
    );
}

#[test]
fn files_that_are_not_whole_are_refused() {
    let folder = Folder::new();
    let path = folder.write(log());
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 9]).unwrap();
    assert!(
        read(&path, Dialect::OWN)
            .unwrap_err()
            .starts_with("the file was cut short")
    );
    fs::write(&path, "reward,action\n1,2\n").unwrap();
    assert_eq!(
        read(&path, Dialect::OWN).unwrap_err(),
        "the file is not Parquet"
    );
    fs::write(&path, "").unwrap();
    assert!(
        read(&path, Dialect::OWN)
            .unwrap_err()
            .starts_with("the file is empty")
    );
    let none = folder.write(
        log()
            .into_iter()
            .map(|(name, it)| (name, it.slice(0, 0)))
            .collect(),
    );
    assert_eq!(
        read(&none, Dialect::OWN).unwrap_err(),
        "the file has no row, at least 1 was expected"
    );
}
