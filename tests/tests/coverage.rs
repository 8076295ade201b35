//! The table of what is proven with real peers names tests that are there.

use std::fs;

use tests::node::root;

/// The rows of the table below `## Proven with real peers`.
fn rows(text: &str) -> Vec<Vec<String>> {
    let (_, part) = text.split_once("## Proven with real peers").expect("the heading");
    let lines = part.lines().skip(1).take_while(|line| !line.starts_with("## ")).filter(|line| line.starts_with('|'));
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect();
    lines.skip(2).map(cells).collect()
}

/// What is wrong with the rows, given all sources of the interop tests.
fn faults(rows: &[Vec<String>], sources: &str) -> Vec<String> {
    let is_whole = |row: &&Vec<String>| row.len() == 3 && row.iter().all(|cell| !cell.is_empty());
    let is_there = |row: &&Vec<String>| row.last().is_some_and(|test| sources.contains(&format!("#[test]\nfn {test}()")));
    rows.iter().filter(|row| !is_whole(row) || !is_there(row)).map(|row| row.join(" | ")).collect()
}

#[test]
fn every_row_names_a_bullet_a_peer_and_a_test_that_is_there() {
    let rows = rows(&fs::read_to_string(root().join("docs/specs/coverage.md")).unwrap());
    assert!(rows.len() >= 20, "{rows:?}");
    let files = fs::read_dir(root().join("tests/tests/interop")).unwrap().map(|entry| entry.unwrap().path());
    let sources: String = files.filter(|path| path.is_file()).map(|path| fs::read_to_string(path).unwrap()).collect();
    assert_eq!(faults(&rows, &sources), Vec::<String>::new());
}

#[test]
fn an_empty_cell_and_a_test_that_is_gone_are_faults() {
    let text = "## Proven with real peers\n\n| what | peer | test |\n|---|---|---|\n| UDP | SIPp | `calls` |\n| TCP | | `calls` |\n| TLS | SIPp | `gone` |\n";
    assert_eq!(faults(&rows(text), "#[test]\nfn calls() {}"), ["TCP |  | calls", "TLS | SIPp | gone"]);
}
