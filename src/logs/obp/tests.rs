use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::npy::Header;
use super::*;
use crate::evaluation::choices::{Choices, UncheckedChoices, Vocabulary};
use crate::logs::fault::LogError;
use crate::logs::survey::Survey;

type Array<'a> = (&'a str, &'a [usize], &'a [f64]);

const LOG: [Array<'_>; 5] = [
    ("action", &[2], &[1.0, 0.0]),
    ("reward", &[2], &[1.0, 0.0]),
    ("pscore", &[2], &[0.75, 0.5]),
    ("position", &[2], &[0.0, 1.0]),
    (
        "pi_b",
        &[2, 2, 2],
        &[0.25, 0.0, 0.75, 0.0, 0.0, 0.5, 0.0, 0.5],
    ),
];

struct Folder(TempDir);

impl Folder {
    fn write(arrays: &[Array<'_>]) -> (Self, PathBuf) {
        let folder = Self(TempDir::new().unwrap());
        let path = folder.0.path().join("log.npz");
        let mut zip = ZipWriter::new(fs::File::create(&path).unwrap());
        for (name, shape, numbers) in arrays {
            zip.start_file(format!("{name}.npy"), SimpleFileOptions::default())
                .unwrap();
            let header = Header {
                kind: "<f8".to_owned(),
                fortran_order: false,
                shape: shape.to_vec(),
            };
            header.write(&mut zip).unwrap();
            for number in *numbers {
                zip.write_all(&number.to_le_bytes()).unwrap();
            }
        }
        zip.finish().unwrap();
        (folder, path)
    }
}

fn read(arrays: &[Array<'_>]) -> Result<Vec<Choices>, String> {
    let (_folder, path) = Folder::write(arrays);
    let problem = |error: LogError| error.problem.to_string();
    let log = ObpChoices::open(&path).map_err(problem)?;
    log.map(|batch| batch.map_err(problem)).collect()
}

#[test]
fn arrays_become_choices() {
    let batches = read(&LOG).unwrap();
    let second = batches[0].get(1);
    assert_eq!(
        (second.chosen, second.position, second.propensity),
        (0, 1, 0.5)
    );
    assert_eq!(second.probabilities, Some(&[0.5, 0.5][..]));
    let narrow = read(&LOG[..3]).unwrap();
    assert_eq!(narrow[0].get(0).probabilities, None);
    assert_eq!(narrow[0].get(0).actions, [0, 1]);
}

#[test]
fn what_is_wrong_is_named_with_row_and_array() {
    let with = |changed: Array<'static>| {
        let mut arrays = LOG.to_vec();
        arrays.retain(|(name, ..)| *name != changed.0);
        arrays.push(changed);
        read(&arrays).unwrap_err()
    };
    for (array, message) in [
        (
            ("pscore", &[2][..], &[0.75, 0.0][..]),
            "row 2, column pscore: 0 is not in (0, 1]",
        ),
        (
            ("pscore", &[2], &[0.25, 0.5]),
            "row 1, column pscore: 0.25 is not the chosen action's probability, which is 0.75",
        ),
        (
            ("action", &[2], &[1.0, 2.0]),
            "row 2, column action: 2 is not below 2, as there are 2 actions",
        ),
        (
            ("action", &[2], &[0.5, 1.0]),
            "row 1, column action: 0.5 is not a whole number from 0 and below 1000000",
        ),
        (
            ("action", &[1], &[1.0]),
            "column action is of type 1 numbers, as many numbers as rewards were expected",
        ),
        (
            ("position", &[2], &[0.0, 2.0]),
            "row 2, column position: 2 is not below 2, as pi_b has 2 positions",
        ),
        (
            ("reward", &[2], &[1.0, f64::NAN]),
            "row 2, column reward: NaN is not finite",
        ),
        (
            ("price", &[2], &[1.0, 1.0]),
            "column price is not known; known are action, reward, pscore, position, pi_b, \
             n_actions, n_rounds, context, action_context, expected_reward, action_names",
        ),
        (
            ("reward", &[0], &[]),
            "the file has no row, at least 1 was expected",
        ),
        (
            ("pi_b", &[2, 2], &[0.25, 0.75, 0.5]),
            "after row 0 the file could not be decoded: array pi_b: after 0 numbers: failed to \
             fill whole buffer",
        ),
    ] {
        assert_eq!(with(array), message);
    }
    let missing = read(&LOG[..2]).unwrap_err();
    assert_eq!(
        missing,
        "there is no column pscore; there are action, reward"
    );
}

#[test]
fn files_that_are_not_whole_are_refused() {
    let (_folder, path) = Folder::write(&LOG);
    let refusal = || ObpChoices::open(&path).unwrap_err().problem.to_string();
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(refusal().starts_with("the file was cut short"));
    fs::write(&path, "action,reward\n").unwrap();
    assert_eq!(refusal(), "the file is not npz");
    fs::write(&path, "").unwrap();
    assert_eq!(refusal(), "the file is empty, an npz file was expected");
}

#[test]
fn what_was_written_reads_back_the_same() {
    let batches = read(&LOG).unwrap();
    let (_folder, path) = Folder::write(&LOG);
    let survey = ObpChoices::open(&path).unwrap().survey().clone();
    let mut columns = ObpColumns::new(survey);
    columns.add(&batches[0]);
    let again = batches.iter().cloned().map(Ok::<_, ObpWriteError>);
    columns
        .write(fs::File::create(&path).unwrap(), again)
        .unwrap();
    let log = ObpChoices::open(&path).unwrap();
    let read: Vec<Choices> = log.collect::<Result<_, _>>().unwrap();
    assert_eq!(read, batches);
}

#[test]
fn only_actions_that_occur_get_a_number() {
    let columns = UncheckedChoices {
        ends: vec![2],
        actions: vec![0, 2],
        probabilities: Some(vec![0.25, 0.75]),
        chosen: vec![1],
        propensity: vec![0.75],
        reward: vec![1.0],
        position: vec![0],
        ..UncheckedChoices::default()
    };
    let vocabulary = Vocabulary {
        actions: Arc::new(["tea", "cake", "lantern"].into_iter().collect()),
        ..Vocabulary::default()
    };
    let choices = Choices::new(columns, vocabulary).unwrap();
    let mut survey = Survey::default();
    survey.add(&choices);
    let mut columns = ObpColumns::new(survey);
    columns.add(&choices);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log.npz");
    let again = [Ok::<_, ObpWriteError>(choices)];
    columns
        .write(fs::File::create(&path).unwrap(), again)
        .unwrap();
    let mut log = ObpChoices::open(&path).unwrap();
    let read = log.next().unwrap().unwrap();
    let names: Vec<&str> = read.vocabulary().actions.iter().collect();
    assert_eq!((names, read.get(0).chosen), (vec!["tea", "lantern"], 1));
}
