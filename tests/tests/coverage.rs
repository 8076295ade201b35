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

/// All sources in which a flow may be proven.
fn sources(folders: &[&str]) -> String {
    let mut folders: Vec<_> = folders.iter().map(|folder| root().join(folder)).collect();
    let mut text = String::new();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            match path.extension().is_some_and(|extension| extension == "rs") {
                true => text.push_str(&fs::read_to_string(path).unwrap()),
                false if path.is_dir() => folders.push(path),
                false => {}
            }
        }
    }
    text
}

/// The flows that are neither proven by a test that is there nor explained, given all sources.
fn unproven(catalogue: &str, sources: &str) -> Vec<String> {
    let tests: Vec<&str> =
        sources.split("#[test]").skip(1).filter_map(|rest| rest.trim_start().strip_prefix("fn ")?.split('(').next()).collect();
    let rows = catalogue.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| flow |"));
    let is_fine = |row: &&str| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, flow, test, why, _] = cells[..] else { return false };
        let is_there = test.strip_prefix('`').and_then(|test| test.strip_suffix('`')).is_some_and(|test| tests.contains(&test));
        !flow.is_empty() && if test.is_empty() { !why.is_empty() } else { why.is_empty() && is_there }
    };
    rows.filter(|row| !is_fine(row)).map(str::to_owned).collect()
}

#[test]
fn every_flow_of_the_catalogues_is_proven_or_explained() {
    let catalogue = fs::read_to_string(root().join("docs/specs/catalogue.md")).unwrap();
    assert!(catalogue.lines().filter(|line| line.starts_with("| ")).count() > 60);
    let sources = sources(&["tests/tests", "gateway/core/src", "media/src"]);
    assert_eq!(unproven(&catalogue, &sources), Vec::<String>::new());
}

#[test]
fn a_flow_without_a_test_or_a_reason_or_with_a_test_that_is_gone_is_a_fault() {
    let catalogue = "| flow | test | why not |\n| 1 | `calls` | |\n| 2 | | not ours |\n| 3 | | |\n| 4 | `gone` | |\n| | `calls` | |\n";
    assert_eq!(unproven(catalogue, "#[test]\n    fn calls() {}"), ["| 3 | | |", "| 4 | `gone` | |", "| | `calls` | |"]);
}
