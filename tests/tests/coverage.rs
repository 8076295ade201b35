//! The tables of what is proven with real peers have a row for all that must be, and name tests that are there.

use std::fs;

use tests::node::root;

/// One proof.
struct Row {
    /// The heading that it stands below.
    bullet: String,
    /// What is proven, the peer, the test.
    cells: Vec<String>,
}

impl Row {
    /// It says just this, or this and what is special about it.
    fn proves(&self, clause: &str) -> bool {
        let rest = self.cells.first().and_then(|what| what.strip_prefix(clause));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(": "))
    }

    fn is_whole(&self, sources: &str) -> bool {
        let is_there = |test: &String| sources.contains(&format!("#[test]\nfn {test}()"));
        self.cells.len() == 3 && self.cells.iter().all(|cell| !cell.is_empty()) && self.cells.last().is_some_and(is_there)
    }
}

/// The rows of the tables below `## Proven with real peers`.
fn rows(text: &str) -> Vec<Row> {
    let (_, part) = text.split_once("## Proven with real peers").expect("the heading");
    let part = part.split("\n## ").next().expect("a text has a beginning");
    part.split("\n### ").skip(1).flat_map(rows_below).collect()
}

/// Those of one bullet: its heading, the table's own, and a rule stand above them.
fn rows_below(bullet: &str) -> Vec<Row> {
    let (heading, table) = bullet.split_once('\n').unwrap_or((bullet, ""));
    let lines = table.lines().filter(|line| line.starts_with('|')).skip(2);
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    lines.map(|line| Row { bullet: heading.to_owned(), cells: bare_test(cells(line)) }).collect()
}

/// The test's name stands in backticks.
fn bare_test(mut cells: Vec<String>) -> Vec<String> {
    if let Some(test) = cells.last_mut() {
        *test = test.trim_matches('`').to_owned();
    }
    cells
}

/// What is wrong with the rows, given all that must be proven and all sources of the interop tests.
fn faults(rows: &[Row], bullets: &[(&str, &[&str])], sources: &str) -> Vec<String> {
    let broken = rows.iter().filter(|row| !row.is_whole(sources)).map(|row| row.cells.join(" | "));
    let has = |bullet: &str, clause: &str| rows.iter().any(|row| row.bullet == bullet && row.proves(clause));
    let all = bullets.iter().flat_map(|(bullet, clauses)| clauses.iter().map(move |clause| (*bullet, *clause)));
    let missing = all.filter(|(bullet, clause)| !has(bullet, clause)).map(|(bullet, clause)| format!("{bullet}: {clause}"));
    broken.chain(missing).collect()
}

#[test]
fn every_clause_of_what_is_spoken_has_a_peer_and_a_test_that_is_there() {
    let rows = rows(&fs::read_to_string(root().join("docs/specs/coverage.md")).unwrap());
    let files = fs::read_dir(root().join("tests/tests/interop")).unwrap().map(|entry| entry.unwrap().path());
    let sources: String = files.filter(|path| path.is_file()).map(|path| fs::read_to_string(path).unwrap()).collect();
    assert_eq!(faults(&rows, &BULLETS, &sources), Vec::<String>::new());
}

#[test]
fn an_empty_cell_a_test_that_is_gone_and_a_clause_without_a_row_are_faults() {
    let text = "## Proven with real peers\n\n### Transports\n\n| what | peer | test |\n|---|---|---|\n\
                | UDP: by IPv6 | SIPp | `calls` |\n| TCP | | `calls` |\n| TLS | SIPp | `gone` |\n\n## Next\n\n### Calls\n";
    let bullets: [(&str, &[&str]); 2] = [("Transports", &["UDP", "TCP", "TLS", "WSS"]), ("Calls", &["UDP"])];
    let found = faults(&rows(text), &bullets, "#[test]\nfn calls() {}");
    assert_eq!(found, ["TCP |  | calls", "TLS | SIPp | gone", "Transports: WSS", "Calls: UDP"]);
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

/// What must be proven with real peers, bullet by bullet.
const BULLETS: [(&str, &[&str]); 9] = [
    (
        "Transports",
        &[
            "UDP",
            "TCP",
            "TLS",
            "WSS",
            "WS",
            "IPv6",
            "SNI",
            "requests above 1300 bytes: by TCP",
            "requests above 1300 bytes: by UDP where TCP is refused",
            "requests above 1300 bytes: by UDP where TCP is silent",
            "requests above 1300 bytes: by UDP at once",
            "keep-alives",
            "framing",
            "connection reuse",
            "`rport`",
        ],
    ),
    (
        "Trunks",
        &[
            "by digest",
            "by mutual TLS",
            "by REGISTER",
            "NAPTR, SRV and A, the next server on 503 and on silence",
            "OPTIONS with hysteresis",
            "OPTIONS answered by real state, 503 while draining",
            "calls at once",
            "calls per second",
            "allow-list for outbound calls",
            "by address",
            "number rules",
            "codec profile",
            "DTMF profile",
            "header profile",
        ],
    ),
    ("Registrar", &["Path", "REGISTER", "several contacts", "forking, losers cancelled", "second 2xx acknowledged and hung up", "GRUU"]),
    (
        "Calls",
        &[
            "CANCEL",
            "CANCEL: our answer crosses it",
            "CANCEL: ours crosses an answer",
            "retransmissions",
            "PRACK: as the called",
            "PRACK: as the caller",
            "session timers: refreshed by the caller, 422",
            "session timers: refreshed by us, 422 to us",
            "hold: by the caller",
            "hold: by the called",
            "late offer",
            "3xx under policy",
            "MESSAGE within a dialog",
            "record routes, BYE both ways",
            "early media, 180 after 183",
            "UPDATE: a carrier's",
            "UPDATE: ours",
            "new address",
            "codec change",
            "glare",
            "forking",
            "Replaces: an INVITE",
            "Replaces: within Refer-To",
            "REFER in: blind",
            "REFER in: attended",
            "REFER out, `refer = \"send\"`",
            "INFO DTMF",
            "Require unknown, 420",
            "method unknown, 405 and 501",
            "Max-Forwards, 483",
            "loops, 482: by two ways",
            "loops, 482: ours come back",
        ],
    ),
    (
        "Identity and trace headers",
        &[
            "P-Asserted-Identity from trusted trunks only, every spelling",
            "STIR/SHAKEN",
            "Diversion, User-to-User, X-Context-Ref, Session-ID on every leg, Max-Forwards, Reason on BYE",
            "History-Info",
            "trust headers of a trunk without trust, every spelling",
            "Privacy",
            "Reason on CANCEL",
        ],
    ),
    (
        "Media security by leg",
        &[
            "SRTP by SDES alone",
            "SDES of 128 bits alone, kept over hold and resume",
            "SDES of 256 bits alone, kept over hold and resume",
            "media security by trunk, inbound",
            "media security by trunk, outbound, the trunk found by routing",
        ],
    ),
    ("Behind NAT", &["`nat = true`", "`advertised`"]),
    (
        "Say why",
        &["`GET /v1/rejections`", "ladder of a call", "`tandem trunk test`", "Warning and Reason to a known trunk", "`tandem route-test`"],
    ),
    (
        "Robustness",
        &[
            "existing and missing users answered alike",
            "digest",
            "rate of one source",
            "a flood beside a call",
            "a forged source and a trunk's",
            "half-open handshakes",
        ],
    ),
];
