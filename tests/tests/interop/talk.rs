//! A talk between a foreign phone that hums 440 Hz and the desk that hums 880 Hz, and the proof that each heard the other.

use std::{path::Path, thread, time::Duration};

use tests::{
    node::Node,
    program::{Program, wait_until},
    wav_ears::{WavEars, held, share_between},
};

use super::{assert_heard_through, kinds, report};

/// The agent who will hear the phone.
pub(crate) fn desk(node: &Node) -> Program {
    node.desk("ada", &["--tone", "880", "--expect-tone", "440", "--expect-share", "90", "--calls", "1", "--answer-after", "700"])
}

/// Once the menu speaks, `press` is asked for key 1; once the desk has answered, four seconds pass.
pub(crate) fn through_the_menu(node: &Node, phone: &mut Program, press: impl FnOnce(&mut Program)) {
    wait_for(node, phone, "menu_presented");
    press(phone);
    wait_for(node, phone, "handoff");
    thread::sleep(Duration::from_secs(4));
}

/// After the phone has hung up: the desk, the phone's own recording and the node's agree on who said what.
pub(crate) fn assert_both_heard(node: &Node, mut desk: Program, heard: &Path) {
    let call = node.ended_calls(1)[0].clone();
    let desk = report(&desk.end(Duration::from_secs(30)));
    assert_eq!(desk["ok"], true, "{desk}");
    let talked_ms = call["talked_ms"].as_u64().unwrap();
    assert_heard_through("the desk hears 440 Hz", desk["media"]["tone_windows"].as_u64().unwrap(), talked_ms);

    let agent = WavEars::of_torn(heard).tone(0, 880.0);
    assert_heard_through("the phone hears 880 Hz", held(&agent) as u64, talked_ms);

    let records = node.records(&call["id"]);
    let file = kinds(&records, "recording_sealed")[0]["file"].as_str().unwrap().to_owned();
    let recording = WavEars::of(&node.data().join("recordings").join(file));
    let (left, right) = (recording.tone(0, 440.0), recording.tone(1, 880.0));
    assert!(share_between(&right) >= 0.95, "880 Hz is right in the recording: {right:?}");
    let (from, to) = (right.iter().position(|holds| *holds).unwrap(), right.iter().rposition(|holds| *holds).unwrap());
    let talk = &left[from..=to];
    assert!(held(talk) as f64 / talk.len() as f64 >= 0.9, "440 Hz is left in the recording: {left:?}");
    assert_eq!((held(&recording.tone(0, 880.0)[from..=to]), held(&recording.tone(1, 440.0))), (0, 0), "the sides are kept apart");
}

fn wait_for(node: &Node, phone: &Program, kind: &str) {
    let seen = || node.calls().first().is_some_and(|call| !kinds(&node.records(&call["id"]), kind).is_empty());
    let found = wait_until(Duration::from_secs(30), || seen().then_some(()));
    assert!(found.is_some(), "no {kind}\n{}\n{}", phone.story(), node.log());
}
