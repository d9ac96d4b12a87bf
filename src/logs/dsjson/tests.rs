use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::evaluation::choices::{Choices, Vocabulary};

/// As another program writes it: single precision, no tags.
const FOREIGN: &str = r#"{"_label_cost":-1,"_label_probability":0.8,"_label_Action":2,"_labelIndex":1,"o":[],"Timestamp":"2026-02-17T10:00:00.5Z","Version":"1","EventId":"e1","a":[2,1,3],"c":{"U":{"age":4},"_multi":[{"T":{"id":1}},{"T":{"id":2}},{"T":{"id":3}}]},"p":[0.8,0.1,0.1],"VWState":{"m":"x"}}
{"_label_cost":0,"_label_probability":0.1,"_label_Action":1,"_labelIndex":0,"Timestamp":"2026-02-17T10:00:01Z","a":[1,2,3],"c":{"_multi":[{"T":{"id":1}},{"T":{"id":2}},{"T":{"id":3}}]},"p":[0.1,0.8,0.1]}
"#;

fn read_text(text: &str) -> Result<Vec<Choices>, String> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log.dsjson");
    fs::write(&path, text).unwrap();
    read(&path)
}

fn read(path: &Path) -> Result<Vec<Choices>, String> {
    let log = DsjsonChoices::open(path, Vocabulary::default());
    let log = log.map_err(|error| error.problem.to_string())?;
    log.map(|batch| batch.map_err(|error| error.problem.to_string()))
        .collect()
}

#[test]
fn what_others_wrote_is_read() {
    let batches = read_text(FOREIGN).unwrap();
    let [choices] = &batches[..] else { panic!() };
    let first = choices.get(0);
    assert_eq!(
        (first.reward, first.propensity, first.chosen),
        (1.0, 0.8, 1)
    );
    assert_eq!(first.probabilities, Some(&[0.1, 0.8, 0.1][..]));
    assert_eq!(first.decided_at_ms, Some(1_771_322_400_500));
    assert!(choices.get(1).reward.is_sign_positive());
    let names: Vec<&str> = choices.vocabulary().actions.iter().collect();
    assert_eq!(names, ["1", "2", "3"]);
}

#[test]
fn what_is_wrong_is_named_with_row_and_key() {
    let second = |from: &str, to: &str| {
        let (first, rest) = FOREIGN.split_once('\n').unwrap();
        read_text(&format!("{first}\n{}", rest.replacen(from, to, 1))).unwrap_err()
    };
    for (from, to, message) in [
        (
            r#""_label_probability":0.1"#,
            r#""_label_probability":0"#,
            "row 2, column _label_probability: 0 is not in (0, 1]",
        ),
        (
            r#""_label_cost":0,"#,
            "",
            "row 2, column _label_cost: nothing is not minus the reward",
        ),
        (
            r#""_labelIndex":0"#,
            r#""_labelIndex":3"#,
            "row 2, column _labelIndex: 3 is not 0 to 2, an action that was on offer",
        ),
        (
            r#""p":[0.1,0.8,0.1]"#,
            r#""p":[0.1,0.9]"#,
            "row 2, column p: a list of 2 is not 3, one for each action",
        ),
        (
            r#""p":[0.1,0.8,0.1]"#,
            r#""p":[0.1,0.8,0.2]"#,
            "row 2, column p: 1.1 is not 1 within 1e-6, which probabilities sum to",
        ),
        (
            r#""a":[1,2,3]"#,
            r#""a":[1,2,2]"#,
            "row 2, column a: 2 is not each of 1 to 3 once",
        ),
        (
            r#""Timestamp":"2026-02-17T10:00:01Z","#,
            "",
            "row 2, column Timestamp: nothing is not there, as in the lines before",
        ),
    ] {
        assert_eq!(second(from, to), message);
    }
    let cut = second(r#""p":[0.1,0.8,0.1]}"#, r#""p":[0.1,0.8"#);
    assert!(
        cut.starts_with("after row 1 the file could not be decoded: row 2: EOF while parsing"),
        "{cut}"
    );
    let word = second(r#""_label_probability":0.1"#, r#""_label_probability":NaN"#);
    assert!(word.contains("row 2: expected value"), "{word}");
    assert_eq!(
        read_text("").unwrap_err(),
        "the file is empty, dsjson, one decision a line, was expected"
    );
}

#[test]
fn what_was_written_reads_back_the_same() {
    let batches = read_text(FOREIGN).unwrap();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log.dsjson");
    let mut writer = DsjsonWriter::new(fs::File::create(&path).unwrap());
    writer.add(&batches[0]).unwrap();
    assert_eq!(writer.rows(), 2);
    drop(writer.finish());
    assert_eq!(read(&path).unwrap(), batches);
    let survey = DsjsonChoices::survey(&path).unwrap();
    assert_eq!((survey.rows, survey.positions), (2, 1));
}
