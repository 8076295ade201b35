//! Every script under ivr-scripts/ is replayed: the good ones pass, each bad one is refused for the reason that its first line names.

use std::{fs, path::PathBuf};

use super::*;

fn scripts() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../ivr-scripts"))
}

/// The shipped texts and recordings.
fn shipped() -> PromptBook {
    let mut book = PromptBook::new();
    for language in ["en", "ru", "uk"] {
        let source = fs::read_to_string(scripts().join(format!("prompts/{language}.ftl"))).expect("shipped texts");
        book.add_texts(language, &source).expect("sound Fluent");
        for entry in fs::read_dir(scripts().join("prompts").join(language)).expect("shipped recordings") {
            let path = entry.expect("a file").path();
            let id = path.file_stem().and_then(|stem| stem.to_str()).expect("a name");
            let bytes = u32::try_from(fs::metadata(&path).expect("a size").len()).expect("a short clip");
            book.add_clip(&format!("{language}/{id}"), f64::from(bytes) / 32_000.0);
        }
    }
    book
}

fn yaml_of(folder: &str) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = fs::read_dir(scripts().join(folder))
        .expect("a folder")
        .map(|entry| entry.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| (path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned(), fs::read_to_string(&path).expect("text")))
        .collect();
    all.sort();
    all
}

fn told(faults: &[Fault]) -> Vec<String> {
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn the_shipped_script_and_the_good_examples_pass() {
    let prompts = shipped();
    for (name, source) in [yaml_of("."), yaml_of("examples/good")].concat() {
        if let Err(faults) = Script::check(&name, &source, &prompts) {
            panic!("{}", told(&faults).join("\n"));
        }
    }
}

#[test]
fn each_bad_example_is_refused_for_the_reason_it_names() {
    let prompts = shipped();
    let bad = yaml_of("examples/bad");
    assert!(bad.len() >= 15, "the examples are found");
    let mut wrong = String::new();
    for (name, source) in bad {
        let expected: Vec<String> =
            source.lines().map_while(|line| line.strip_prefix("# fault ")).map(|fault| format!("{name}:{fault}")).collect();
        assert!(!expected.is_empty(), "{name} names its faults in its first lines");
        let faults = Script::check(&name, &source, &prompts).map(|_| "passed").expect_err(&name);
        if told(&faults) != expected {
            wrong.extend(told(&faults).into_iter().map(|fault| format!("{fault}\n")));
        }
    }
    assert!(wrong.is_empty(), "these say otherwise:\n{wrong}");
}

#[test]
fn every_greeting_is_short_and_every_text_recorded() {
    let prompts = shipped();
    for language in ["en", "ru", "uk"] {
        assert!(prompts.seconds(language, "welcome") < 4.0);
        let mute: Vec<&str> = prompts.ids(language).filter(|id| !prompts.has_clip(language, id)).collect();
        assert!(mute.is_empty(), "{language}: {mute:?}");
        assert!(prompts.ids(language).eq(prompts.ids("en")), "{language} says the same as en");
    }
}

#[test]
fn another_word_makes_another_version() {
    let prompts = shipped();
    let source = fs::read_to_string(scripts().join("main.yaml")).expect("text");
    let script = Script::check("main.yaml", &source, &prompts).expect("sound");
    let again = Script::check("main.yaml", &source, &prompts).expect("sound");
    let other = Script::check("main.yaml", &source.replace("margin: 0.15", "margin: 0.2"), &prompts).expect("sound");
    assert_eq!(script.version(), again.version());
    assert_ne!(script.version(), other.version());
    assert_eq!(script.queues().into_iter().collect::<Vec<_>>(), ["support"]);
    assert!(script.rules().intents.contains_key("parcel_late"));
}

#[test]
fn junk_is_refused_and_never_panics() {
    let prompts = shipped();
    let source = fs::read_to_string(scripts().join("main.yaml")).expect("text");
    for cut in (0..source.len()).step_by(7).filter(|cut| source.is_char_boundary(*cut)) {
        let _ = Script::check("cut.yaml", &source[..cut], &prompts);
        let _ = Script::check("cut.yaml", &source[cut..], &prompts);
    }
    for junk in ["", "- 1", "flow: [", "*a", "&a [*a]", "nodes: 3\nflow: {}", "\u{0}"] {
        assert!(Script::check("junk.yaml", junk, &prompts).is_err(), "{junk:?}");
    }
}
