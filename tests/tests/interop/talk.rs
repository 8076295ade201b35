//! A talk between a foreign phone that hums 440 Hz and the desk that hums 880 Hz, and the proof that each heard the other.

use std::{path::Path, thread, time::Duration};

use serde_json::Value;
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

/// The same, when the phone will hold: what the desk hears meanwhile is no fault of anybody's.
pub(crate) fn desk_of_a_phone_that_holds(node: &Node) -> Program {
    node.desk("ada", &["--tone", "880", "--expect-tone", "440", "--calls", "1", "--answer-after", "700"])
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

/// How long a phone talked before it held and after it came back, at least.
pub(crate) struct Held {
    pub(crate) before_ms: usize,
    pub(crate) after_ms: usize,
}

/// After a phone that held once has hung up: both heard each other before and after, and in between nobody heard the phone.
pub(crate) fn assert_both_heard_around_a_hold(node: &Node, mut desk: Program, heard: &Path, held_once: &Held) {
    let call = node.ended_calls(1)[0].clone();
    let desk = report(&desk.end(Duration::from_secs(30)));
    assert_eq!(desk["ok"], true, "{desk}");
    let whole = (held_once.before_ms + held_once.after_ms) / 100;
    assert!(desk["media"]["tone_windows"].as_u64().unwrap() >= whole as u64, "the desk hears 440 Hz: {desk}");

    // What it keeps stands still while it holds.
    let agent = WavEars::of_torn(heard).tone(0, 880.0);
    assert!(held(&agent) >= whole, "the phone hears 880 Hz: {agent:?}");
    let records = node.records(&call["id"]);
    let file = kinds(&records, "recording_sealed")[0]["file"].as_str().unwrap().to_owned();
    let recording = WavEars::of(&node.data().join("recordings").join(file));
    let caller: Vec<bool> = recording.tone(0, 440.0);
    // Before the desk there was the menu, in which the phone hummed too.
    let from = recording.tone(1, 880.0).iter().position(|holds| *holds).unwrap();
    let spans = spans(&caller[from..]);
    let (Some(first), Some(last)) = (spans.first(), spans.last()) else { panic!("440 Hz is nowhere left in the recording") };
    assert!(spans.len() >= 2, "440 Hz is left in the recording without a break, for {spans:?} windows of 100 ms");
    assert!(first * 100 >= held_once.before_ms && last * 100 >= held_once.after_ms, "440 Hz is left in the recording for {spans:?}");
}

/// The lengths of the stretches in which the windows hold; less than 300 ms without is no break.
fn spans(windows: &[bool]) -> Vec<usize> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (place, _) in windows.iter().enumerate().filter(|(_, holds)| **holds) {
        match found.last_mut() {
            Some((_, last)) if place - *last <= 3 => *last = place,
            Some(_) | None => found.push((place, place)),
        }
    }
    found.into_iter().map(|(first, last)| last - first + 1).collect()
}

fn wait_for(node: &Node, phone: &Program, kind: &str) {
    let seen = || node.calls().first().is_some_and(|call| !kinds(&node.records(&call["id"]), kind).is_empty());
    let found = wait_until(Duration::from_secs(30), || seen().then_some(()));
    let records = || node.calls().first().map(|call| Value::from(node.records(&call["id"])));
    assert!(found.is_some(), "no {kind}\n{}\n{}\n{:?}", phone.story(), node.log(), records());
}
