use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, Float64Array, Int16Array, RecordBatch, UInt8Array};
use parquet::arrow::ArrowWriter;
use tempfile::TempDir;

use super::*;
use crate::evaluation::logged::{RewardRange, Rounds};
use crate::evaluation::target::TargetTable;
use crate::logs::fault::{LogError, LogProblem};

type Columns = Vec<(String, ArrayRef)>;

fn doubles(name: &str, values: Vec<f64>) -> (String, ArrayRef) {
    (name.to_owned(), Arc::new(Float64Array::from(values)))
}

/// Four rounds, two actions, two positions.
fn log() -> Columns {
    let singles = |name: &str, values: Vec<f32>| -> (String, ArrayRef) {
        (name.to_owned(), Arc::new(Float32Array::from(values)))
    };
    vec![
        (
            "reward".to_owned(),
            Arc::new(UInt8Array::from(vec![0, 1, 0, 1])),
        ),
        (
            "action".to_owned(),
            Arc::new(Int16Array::from(vec![0, 1, 1, 0])),
        ),
        (
            "position".to_owned(),
            Arc::new(UInt8Array::from(vec![0, 0, 1, 1])),
        ),
        doubles("pscore", vec![0.5, 0.5, 0.25, 0.75]),
        doubles("w_hat", vec![1.0, 2.0, 0.5, 0.0]),
        singles("q_0", vec![0.5, 0.5, 0.25, 0.25]),
        singles("q_1", vec![0.75, 0.75, 1.0, 1.0]),
    ]
}

fn target() -> Columns {
    vec![
        doubles("pos_0", vec![0.25, 0.75]),
        doubles("pos_1", vec![0.5, 0.5]),
    ]
}

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("log.parquet")
    }

    fn write(&self, name: &str, columns: Columns) -> PathBuf {
        let path = self.0.path().join(name);
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut writer =
            ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        path
    }
}

fn read(path: &Path) -> Result<Vec<Rounds>, LogError> {
    let target = TargetTable::new(&[vec![0.25, 0.75], vec![0.5, 0.5]]).unwrap();
    PredictionReader::open(path, &target, RewardRange::UNIT)?.collect()
}

fn replaced(name: &str, column: ArrayRef) -> Columns {
    let mut columns = log();
    let place = columns.iter().position(|(known, _)| known == name).unwrap();
    columns[place].1 = column;
    columns
}

fn refusal(columns: Columns) -> String {
    let files = Files::new();
    let path = files.write("log.parquet", columns);
    let refused = read(&path).unwrap_err().to_string();
    assert!(refused.starts_with(&path.display().to_string()));
    refused
}

#[test]
fn a_log_is_read_and_weighed() {
    let files = Files::new();
    let path = files.write("log.parquet", log());
    files.write("log_evalpi.parquet", target());
    let target = read_target(&target_path(&path)).unwrap();
    assert_eq!((target.actions(), target.positions()), (2, 2));
    let reader = PredictionReader::open(&path, &target, RewardRange::UNIT).unwrap();
    let batches: Vec<Rounds> = reader.map(Result::unwrap).collect();
    assert_eq!(batches.len(), 1);
    let rounds = &batches[0];
    assert_eq!(rounds.reward(), [0.0, 1.0, 0.0, 1.0]);
    assert_eq!(rounds.weight(), [0.5, 1.5, 2.0, 0.5 / 0.75]);
    let view = rounds.view(0..4);
    let predictions = view.predictions().unwrap();
    assert_eq!(predictions.logged, [0.5, 0.75, 1.0, 0.25]);
    assert_eq!(predictions.target, [0.6875, 0.6875, 0.625, 0.625]);
    assert_eq!(view.balanced_weight().unwrap(), [1.0, 2.0, 0.5, 0.0]);
}

#[test]
fn a_log_longer_than_a_batch_keeps_its_rows() {
    let files = Files::new();
    let rows = 20_000;
    let long = vec![
        doubles("reward", (0..rows).map(|row| f64::from(row % 2)).collect()),
        doubles("action", vec![1.0; 20_000]),
        doubles("position", vec![0.0; 20_000]),
        doubles("pscore", vec![0.5; 20_000]),
    ];
    let path = files.write("log.parquet", long.clone());
    let batches = read(&path).unwrap();
    assert!(batches.len() > 1);
    assert_eq!(batches.iter().map(Rounds::len).sum::<usize>(), 20_000);
    assert!(!batches[0].has(crate::evaluation::logged::Column::Prediction));

    let mut wrong = long;
    let mut propensities = vec![0.5; 20_000];
    propensities[16_999] = 0.0;
    wrong[3] = doubles("pscore", propensities);
    let refused = refusal(wrong);
    assert!(
        refused.ends_with("row 17000, column pscore: 0 is not in (0, 1]"),
        "{refused}"
    );
}

#[test]
fn wrong_values_are_refused_with_row_and_column() {
    let column = |values: Vec<f64>| -> ArrayRef { Arc::new(Float64Array::from(values)) };
    let cases: [(&str, ArrayRef, &str); 10] = [
        (
            "pscore",
            column(vec![0.5, 0.0, 0.5, 0.5]),
            "row 2, column pscore: 0 is not in (0, 1]",
        ),
        (
            "pscore",
            column(vec![0.5, 0.5, 1.5, 0.5]),
            "row 3, column pscore: 1.5 is not in (0, 1]",
        ),
        (
            "pscore",
            column(vec![f64::NAN, 0.5, 0.5, 0.5]),
            "row 1, column pscore: NaN is not in (0, 1]",
        ),
        (
            "reward",
            column(vec![0.0, 1.0, 0.0, -1.0]),
            "row 4, column reward: -1 is not in the declared range [0, 1]",
        ),
        (
            "reward",
            column(vec![0.0, f64::NAN, 0.0, 1.0]),
            "row 2, column reward: NaN is not in the declared range [0, 1]",
        ),
        (
            "action",
            column(vec![0.0, 1.0, 2.0, 0.0]),
            "row 3, column action: 2 is not below 2, as the target has 2",
        ),
        (
            "action",
            column(vec![0.0, -1.0, 1.0, 0.0]),
            "row 2, column action: -1 is not a whole number from 0",
        ),
        (
            "position",
            column(vec![0.0, 0.0, 1.0, 2.0]),
            "row 4, column position: 2 is not below 2, as the target has 2",
        ),
        (
            "w_hat",
            column(vec![0.0, 0.0, -0.5, 2.0]),
            "row 3, column w_hat: -0.5 is not finite and at least 0",
        ),
        (
            "q_1",
            column(vec![0.0, 0.0, 0.5, f64::NAN]),
            "row 4, column q_1: NaN is not finite",
        ),
    ];
    for (name, values, expected) in cases {
        let refused = refusal(replaced(name, values));
        assert!(refused.ends_with(expected), "{refused}");
    }
    let gap: ArrayRef = Arc::new(Float64Array::from(vec![
        Some(0.5),
        None,
        Some(0.5),
        Some(0.5),
    ]));
    let refused = refusal(replaced("pscore", gap));
    assert!(
        refused.ends_with("row 2, column pscore: null is not a number"),
        "{refused}"
    );
}

#[test]
fn wrong_columns_are_refused_by_name() {
    let without = |name: &str| {
        let mut columns = log();
        columns.retain(|(known, _)| known != name);
        columns
    };
    for name in ["reward", "action", "position", "pscore", "q_0"] {
        let refused = refusal(without(name));
        assert!(
            refused.contains(&format!("no column {name}; there are ")),
            "{refused}"
        );
    }
    let refused = refusal(without("q_1"));
    assert!(
        refused.contains("predictions of 1 actions, q_0 to q_0; the target has 2"),
        "{refused}"
    );
    let mut extra = log();
    extra.push(doubles("cost", vec![0.0; 4]));
    assert!(refusal(extra).contains("column cost is not known"));
    let texts: ArrayRef = Arc::new(arrow_array::StringArray::from(vec!["a", "b", "c", "d"]));
    assert!(refusal(replaced("reward", texts)).contains("column reward is of type Utf8"));
}

#[test]
fn files_that_are_not_whole_are_refused() {
    let files = Files::new();
    let path = files.path();
    fs::write(&path, b"").unwrap();
    assert!(matches!(
        read(&path).unwrap_err().problem,
        LogProblem::Empty { .. }
    ));
    fs::write(&path, b"reward,action\n0,1\n").unwrap();
    assert!(matches!(
        read(&path).unwrap_err().problem,
        LogProblem::OtherFormat { .. }
    ));
    let whole = fs::read(files.write("whole.parquet", log())).unwrap();
    for kept in [8, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..kept]).unwrap();
        let problem = read(&path).unwrap_err().problem;
        assert!(matches!(problem, LogProblem::Truncated { .. }), "{problem}");
    }
    let mut holed = whole.clone();
    holed.drain(100..200);
    fs::write(&path, &holed).unwrap();
    let problem = read(&path).unwrap_err().problem;
    assert!(
        matches!(problem, LogProblem::Undecodable { .. }),
        "{problem}"
    );

    let empty = vec![
        doubles("reward", vec![]),
        doubles("action", vec![]),
        doubles("position", vec![]),
        doubles("pscore", vec![]),
    ];
    let path = files.write("empty.parquet", empty);
    assert!(matches!(
        read(&path).unwrap_err().problem,
        LogProblem::NoRows
    ));
    let nowhere = files.0.path().join("nowhere.parquet");
    assert!(matches!(
        read(&nowhere).unwrap_err().problem,
        LogProblem::Unreadable(_)
    ));
}

#[test]
fn a_target_that_is_no_distribution_is_refused() {
    let files = Files::new();
    let refusal = |columns: Columns| {
        read_target(&files.write("t_evalpi.parquet", columns))
            .unwrap_err()
            .to_string()
    };
    let short = refusal(vec![doubles("pos_0", vec![0.25, 0.5])]);
    assert!(
        short.contains("position 0 has probabilities that sum to 0.75"),
        "{short}"
    );
    let nan = refusal(vec![doubles("pos_0", vec![f64::NAN, 0.5])]);
    assert!(
        nan.contains("action 0 at position 0 has probability NaN"),
        "{nan}"
    );
    let gap = refusal(vec![
        doubles("pos_0", vec![1.0]),
        doubles("pos_2", vec![1.0]),
    ]);
    assert!(gap.contains("no column pos_1"), "{gap}");
    let other = refusal(vec![doubles("p", vec![1.0])]);
    assert!(other.contains("column p is not known"), "{other}");
}
