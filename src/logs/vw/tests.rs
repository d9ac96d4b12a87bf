use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::evaluation::choices::Choices;

fn read(path: &Path) -> Result<Choices, String> {
    let problem = |error: crate::logs::fault::LogError| error.problem.to_string();
    let survey = VwChoices::survey(path).map_err(problem)?;
    let log = VwChoices::open(path, survey).map_err(problem)?;
    let batches: Vec<Choices> = log.collect::<Result<_, _>>().map_err(problem)?;
    assert_eq!(batches.len(), 1);
    Ok(batches[0].clone())
}

fn read_text(text: &str) -> Result<Choices, String> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log.vw");
    fs::write(&path, text).unwrap();
    read(&path)
}

#[test]
fn a_line_a_decision() {
    let choices = read_text("1:2:0.4 | a c\n3:-1:0.2 | b\n1 2:0:0.5 4 | a\n").unwrap();
    let names: Vec<&str> = choices.vocabulary().actions.iter().collect();
    assert_eq!(names, ["1", "2", "3", "4"]);
    let rows: Vec<(f64, f64, usize, usize)> = (0..3)
        .map(|index| choices.get(index))
        .map(|it| (it.reward, it.propensity, it.chosen, it.actions.len()))
        .collect();
    assert_eq!(
        rows,
        [(-2.0, 0.4, 0, 4), (1.0, 0.2, 2, 4), (0.0, 0.5, 1, 3)]
    );
    assert_eq!(choices.get(2).actions, [0, 1, 3]);
}

#[test]
fn a_block_a_decision() {
    let text = "shared | s_1\n0:1.0:0.5 'tea | a\n'cake | b\n\nshared | s_2\n'cake | b\n\
                1:-2:0.25 'tea | a\n'lantern| c\n";
    let choices = read_text(text).unwrap();
    let names: Vec<&str> = choices.vocabulary().actions.iter().collect();
    assert_eq!(names, ["tea", "cake", "lantern"]);
    let second = choices.get(1);
    assert_eq!((second.actions, second.chosen), (&[1, 0, 2][..], 1));
    assert_eq!((second.reward, second.propensity), (2.0, 0.25));
    let untagged = read_text("| a\n0:0:1 | b\n").unwrap();
    assert_eq!(untagged.get(0).chosen, 1);
}

#[test]
fn what_is_wrong_is_named_with_row_and_column() {
    for (text, message) in [
        (
            "1:2:0.4 | a\n2:1:0 | b\n",
            "row 2, column probability: 0 is not in (0, 1]",
        ),
        (
            "1:2:0.4 | a\n2:1:1.5 | b\n",
            "row 2, column probability: 1.5 is not in (0, 1]",
        ),
        (
            "1:2:0.4 | a\n2:nan:0.5 | b\n",
            "row 2, column cost: NaN is not finite",
        ),
        (
            "1:2:0.4 | a\n2:x:0.5 | b\n",
            "row 2, column cost: \"x\" is not a number",
        ),
        (
            "1:2:0.4 | a\n2:1 | b\n",
            "row 2, column label: \"2:1\" is not action:cost:probability",
        ),
        (
            "1:2:0.4 | a\n0:1:0.5 | b\n",
            "row 2, column action: \"0\" is not a whole number from 1 to 1000000",
        ),
        (
            "1:2:0.4 | a\n1:1:0.5\n",
            "row 2, column label: \"1:1:0.5\" is not a line with a bar before its features",
        ),
        (
            "shared | s\n| a\n| b\n",
            "row 1, column label: \"\" is not a block in which one action has its cost and probability",
        ),
        (
            "shared | s\n0:1:0.5 | a\n0:1:0.5 | b\n",
            "row 3, column label: \"1\" is not a line without a cost: another action of the block has one",
        ),
        ("", "the file is empty, Vowpal Wabbit's text was expected"),
        ("\n\n", "the file has no row, at least 1 was expected"),
    ] {
        assert_eq!(read_text(text).unwrap_err().replace("-NaN", "NaN"), message);
    }
}
