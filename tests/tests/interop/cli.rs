//! The command line of the built binary: what people read, what programs read, and how a node ends.

use std::{fs, time::Duration};

use serde_json::Value;
use tests::{
    node::{Node, Plan, binary, root, tandem},
    program::{Ended, Program, wait_until},
};

use super::report;

fn path(file: &str) -> String {
    root().join(file).to_str().unwrap().to_owned()
}

/// The one object of a verb with --json.
fn json(arguments: &[&str]) -> (Value, Ended) {
    let mut all = vec!["--json"];
    all.extend(arguments);
    // Configurations name their scripts from the workspace's top, as `make` does.
    let ended = Program::start(std::process::Command::new(binary()).args(&all).current_dir(root())).end(Duration::from_secs(20));
    let told = serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {ended:?}"));
    (told, ended)
}

#[test]
fn what_is_shipped_is_sound() {
    for file in ["deploy/tandem.example.toml", "deploy/bench.toml"] {
        let (told, ended) = json(&["check", "-c", file]);
        assert_eq!((&told["ok"], ended.status.code()), (&true.into(), Some(0)), "{file}: {told}");
        assert!(told["scripts"].as_u64().unwrap() >= 2, "{told}");
    }
}

#[test]
fn a_good_script_passes_and_a_bad_one_is_told_with_its_place() {
    let scripts = |kind: &str| {
        let mut files: Vec<_> =
            fs::read_dir(root().join("ivr-scripts/examples").join(kind)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(files.len() >= 5, "{files:?}");
        files
    };
    for good in scripts("good") {
        let (told, ended) = json(&["check", "-c", "deploy/tandem.example.toml", good.to_str().unwrap()]);
        assert_eq!((&told["ok"], ended.status.code()), (&true.into(), Some(0)), "{}: {told}", good.display());
    }
    for bad in scripts("bad") {
        let (told, ended) = json(&["check", "-c", "deploy/tandem.example.toml", bad.to_str().unwrap()]);
        assert_eq!((&told["ok"], ended.status.code()), (&false.into(), Some(1)), "{}: {told}", bad.display());
        // The first lines of each say what is expected: `# fault LINE:COLUMN: words`.
        let text = fs::read_to_string(&bad).unwrap();
        let wanted: Vec<(&str, &str)> = text.lines().filter_map(|line| line.strip_prefix("# fault ")?.split_once(": ")).collect();
        assert!(!wanted.is_empty(), "{} says no fault", bad.display());
        let remarks = told["remarks"].as_array().unwrap();
        for (place, words) in wanted {
            let (line, column) = place.split_once(':').unwrap();
            let (line, column): (u64, u64) = (line.parse().unwrap(), column.parse().unwrap());
            let found = remarks.iter().any(|remark| {
                remark["line"] == line
                    && remark["column"] == column
                    && remark["file"].as_str().is_some_and(|file| file.ends_with(bad.file_name().unwrap().to_str().unwrap()))
                    && format!("{} ({})", remark["message"].as_str().unwrap(), remark["help"].as_str().unwrap_or_default())
                        .contains(words.split(" (").next().unwrap())
            });
            assert!(found, "{}: {place}: {words} is not among {remarks:?}", bad.display());
        }
    }
}

#[test]
fn a_wrong_key_is_shown_with_file_line_column_and_the_nearest_name() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("wrong.toml");
    fs::write(&file, "[node]\nname = \"x\"\n\n[recordng]\non = true\n").unwrap();
    let file = file.to_str().unwrap();
    let ended = tandem(&["check", "-c", file]);
    assert_eq!((ended.status.code(), ended.out.as_str()), (Some(1), ""), "{ended:?}");
    assert!(ended.err.contains(&format!("{file}:4:2")), "{}", ended.err);
    assert!(ended.err.contains("recordng") && ended.err.contains("did you mean `recording`?"), "{}", ended.err);
    let (told, _) = json(&["check", "-c", file]);
    assert_eq!((&told["remarks"][0]["line"], &told["remarks"][0]["column"]), (&4.into(), &2.into()), "{told}");
    // A node does not start on it either.
    let ended = tandem(&["run", "-c", file]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let ended = tandem(&["check", "-c", "/nowhere/at-all.toml"]);
    assert!(ended.status.code() == Some(1) && ended.err.contains("/nowhere/at-all.toml"), "{ended:?}");
}

#[test]
fn what_is_in_force_is_shown_without_secrets() {
    let (told, ended) = json(&["config", "show", "-c", "deploy/tandem.example.toml"]);
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!((&told["node"]["drain_s"], &told["agent"][0]["login"]), (&60.into(), &"ada".into()), "{told}");
    assert!(!ended.out.contains("argon2id"), "{told}");
    // The text reads as a configuration again.
    let text = tandem(&["config", "show", "-c", &path("deploy/tandem.example.toml")]);
    assert_eq!(text.status.code(), Some(0), "{text:?}");
    assert!(text.out.contains("drain_s = 60"), "{}", text.out);
}

#[test]
fn a_password_becomes_a_hash_that_opens_the_desk() {
    let mut hash =
        Program::start(std::process::Command::new("sh").arg("-c").arg(format!("echo secret | {} config hash --json", binary().display())));
    let told = report(&hash.end(Duration::from_secs(30)));
    assert!(told["password_hash"].as_str().unwrap().starts_with("$argon2id$"), "{told}");
}

#[test]
fn every_verb_answers_failure_in_json_too() {
    let nowhere = path("no-such-place");
    for arguments in [
        vec!["check", "-c", nowhere.as_str()],
        vec!["run", "-c", &nowhere],
        vec!["config", "show", "-c", &nowhere],
        vec!["ivr", "explain", "--caller", "+380501112233", "--data", &nowhere],
        vec!["dial", "sip:nobody@127.0.0.1:9", "--reply-timeout", "1"],
    ] {
        let (told, ended) = json(&arguments);
        assert_eq!(told["ok"], false, "{arguments:?}: {told}");
        assert_ne!(ended.status.code(), Some(0), "{arguments:?}");
    }
}

#[test]
fn the_demo_is_ready_with_customers_who_each_hear_an_order_of_their_own() {
    let directory = tempfile::tempdir().unwrap();
    let (data, scripts) = (directory.path().join("data"), path("ivr-scripts"));
    let data = data.to_str().unwrap();
    let mut demo = Program::start(std::process::Command::new(binary()).args(["demo", "--json", "--data", data, "--scripts", &scripts]));
    let ready: Value = demo.wait_for("that it is ready", Duration::from_secs(10), |said| {
        said.lines().find(|line| line.contains("ready_ms")).and_then(|line| serde_json::from_str(line).ok())
    });
    let sip = ready["sip"][0].as_str().unwrap();
    assert!(ready["url"].as_str().unwrap().starts_with("http://localhost:"), "{ready}");
    let mut firsts = Vec::new();
    for caller in ["+380501112233", "+380671234567", "+491701234567"] {
        let (told, _) = json(&["ivr", "explain", "--caller", caller, "--data", data, "--scripts", &scripts]);
        firsts.push(told["menu"]["order"][0]["item"].as_str().unwrap().to_owned());
    }
    assert_eq!(firsts, ["delivery", "billing", "returns"]);
    let ended = tandem(&["dial", &format!("sip:demo@{sip}"), "--as", "+380501112233", "--expect-audio", "--duration", "2", "--json"]);
    assert_eq!(report(&ended)["ok"], true, "{ended:?}\n{}", demo.story());
    demo.signal("TERM");
    assert!(demo.end(Duration::from_secs(30)).status.success(), "{}", demo.story());
}

#[test]
fn a_node_that_drains_refuses_new_calls_and_ends_when_the_last_one_does() {
    let mut node = Node::with(&Plan { drain_s: 15, ..Plan::default() });
    let uri = node.sip_uri("main");
    let mut old = node.dial(&[&uri, "--as", "+380501112233", "--tone", "440", "--expect-audio", "--stay", "--duration", "5"]);
    let up = wait_until(Duration::from_secs(30), || (!node.calls().is_empty()).then_some(()));
    assert!(up.is_some(), "{}", node.log());
    node.terminate();
    let draining = wait_until(Duration::from_secs(30), || {
        let answer = tests::http::ask(node.ports.http(), "GET", "/readyz", &[], &[]);
        (answer.status == 503 && answer.json()["draining"] == true).then_some(())
    });
    assert!(draining.is_some(), "it does not say that it drains\n{}", node.log());
    let refused = report(&node.dial(&[&uri, "--as", "+380671234567", "--duration", "1"]).end(Duration::from_secs(30)));
    assert_eq!((&refused["exit"], &refused["failure"]["status"]), (&13.into(), &503.into()), "{refused}");
    assert!(node.is_running(), "it ended before its last call did\n{}", node.log());
    let old = report(&old.end(Duration::from_secs(30)));
    assert_eq!(old["ok"], true, "{old}");
    let ended = node.end(Duration::from_secs(30));
    assert!(ended.status.success(), "{}", ended.err);
    // What happened was written down before the end.
    node.restart();
    let calls = node.calls();
    assert_eq!((calls.len(), &calls[0]["crashed"]), (1, &false.into()), "{calls:?}");
    assert!(!calls[0]["ended"].is_null(), "{calls:?}");
}
