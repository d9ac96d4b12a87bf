//! `serve --demo`: that it shows what it promises, and comes to an end when it
//! is told to.

use crate::served::{run, stderr};

#[test]
fn a_demo_ends_and_its_books_agree_with_the_ledger() {
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path().join("data");
    let ended = run([
        "serve",
        "--demo",
        "--listen",
        "127.0.0.1:0",
        "--data-dir",
        data_dir.to_str().expect("text"),
        "--demo-rate",
        "400",
        "--demo-decisions",
        "1200",
        "--demo-exit",
    ]);
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(ended.status.success(), "{said}\n{}", stderr(&ended));
    assert!(
        said.contains("nothing was lost and nothing was counted twice"),
        "{said}"
    );
    assert!(
        said.contains("high_value") && said.contains("regret"),
        "{said}"
    );
}
