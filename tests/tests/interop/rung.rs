//! A foreign phone that registers and is rung: by an agent's calls or a trunk's; it hums 440 Hz, and who calls it hums 880 Hz.

use std::time::Duration;

use serde_json::Value;
use tests::{
    node::{DEMO_HASH, Node},
    program::{Program, wait_until},
    wav_ears::{WavEars, held},
};

use super::report;

/// Of every phone.
pub(crate) const PASSWORD: &str = "a long password";

/// Blocks of an agent who has no desk, but the phone 700.
pub(crate) fn agent(realm: &str) -> String {
    format!(
        "[[phone]]\nuser = \"700\"\nrealm = \"{realm}\"\npassword = \"{PASSWORD}\"\n\n[[agent]]\nid = 3\nlogin = \"carol\"\n\
         password_hash = \"{DEMO_HASH}\"\nname = \"Carol\"\nphone = \"700\"\nskills = [\"support\", \"billing\", \"delivery\", \"returns\"]\n\
         languages = [\"en\", \"uk\", \"ru\"]\n\n"
    )
}

/// The test phone on its way to the phone's tone.
pub(crate) fn caller(node: &Node, user: &str, more: &[&str]) -> Program {
    let uri = node.sip_uri(user);
    node.dial(&[&[&uri, "--as", "+380501112233", "--tone", "880", "--expect-tone", "440"], more].concat())
}

/// The same by the menu, whose key 1 leads to the agent.
pub(crate) fn caller_of_the_agent(node: &Node) -> Program {
    caller(node, "main", &["--dtmf", "w1", "--dtmf-after-voice", "--duration", "8"])
}

/// A talk that the test phone ended: each heard the other for most of it. Gives the call, which is the last of so many.
pub(crate) fn assert_heard(node: &Node, phone: &mut Program, mut caller: Program, calls: usize) -> Value {
    let talking = wait_until(Duration::from_secs(30), || phone.out().contains("voices go").then_some(()));
    assert!(talking.is_some(), "no talk\n{}\n{}\n{}", phone.story(), caller.story(), node.log());
    let caller = report(&caller.end(Duration::from_secs(60)));
    assert_eq!(caller["ok"], true, "{caller}\n{}\n{}", phone.story(), node.log());
    phone.end(Duration::from_secs(30));
    let heard = WavEars::of_torn(&node.directory().join("heard.wav")).tone(0, 880.0);
    assert!(held(&heard) >= 25, "the phone hears 880 Hz: {heard:?}");
    assert!(caller["media"]["tone_windows"].as_u64().unwrap() >= 25, "the caller hears 440 Hz: {caller}");
    node.ended_calls(calls)[0].clone()
}
