//! SIPp as callers; the scenarios in sipp/ were written for these tests, and their voice is generated here.

use std::{collections::BTreeSet, fs, process::Command, time::Duration};

use serde_json::Value;
use tests::{
    node::{Node, root},
    pcap::Capture,
    program::Program,
};

use super::kinds;

/// 1.2 s of a tone, key 1, 2 s of the tone.
fn caller(node: &Node) {
    Capture::default().hum(440.0, 1200).press(1).hum(440.0, 2000).write(&node.directory().join("caller.pcap")).unwrap();
}

/// Plays a scenario; with `-nr` SIPp shows repeated messages to the scenario instead of dealing with them by itself.
///
/// SIPp's exit code is 0 only if every call went as it is written.
pub(crate) fn play(node: &Node, scenario: &str, first_port: u16, more: &[&str]) {
    let file = root().join("tests/tests/interop/sipp").join(scenario);
    let (target, port, media) =
        (format!("127.0.0.1:{}", node.ports.sip()), node.ports.peer(first_port).to_string(), node.ports.peer(first_port + 1).to_string());
    let mut arguments = vec![
        target.as_str(),
        "-sf",
        file.to_str().unwrap(),
        "-i",
        "127.0.0.1",
        "-p",
        &port,
        "-mi",
        "127.0.0.1",
        "-mp",
        &media,
        "-nostdin",
        "-timeout",
        "15s",
        "-timeout_error",
        "-trace_err",
        "-error_file",
        "/dev/stderr",
    ];
    arguments.extend(more);
    // Captures are looked for where SIPp runs.
    let ended = Program::start(Command::new("sipp").args(&arguments).current_dir(node.directory())).end(Duration::from_secs(18));
    assert_eq!(ended.status.code(), Some(0), "{scenario}: {}\n{}\n{}", last_screen(&ended.out), ended.err, node.log());
}

/// SIPp redraws its screen each second; the last one has the sums.
fn last_screen(out: &str) -> &str {
    out.rfind("Scenario Screen").map_or(out, |from| &out[from..])
}

#[test]
fn twenty_callers_with_voice_and_digits_each_reach_their_queue() {
    let node = Node::start();
    caller(&node);
    play(&node, "menu.xml", 0, &["-m", "20", "-r", "10"]);
    let calls = node.ended_calls(20);
    assert_eq!(calls.len(), 20);
    let ids: BTreeSet<String> = calls.iter().map(|call| call["id"].to_string()).collect();
    assert_eq!(ids.len(), 20);
    for call in &calls {
        let records = node.records(&call["id"]);
        assert_eq!(kinds(&records, "call_ended").len(), 1, "{records:?}");
        let chosen = kinds(&records, "menu_chosen");
        assert_eq!(chosen.len(), 1, "{records:?}");
        assert_eq!((&chosen[0]["item"], &chosen[0]["key"]), (&Value::from("billing"), &Value::from("1")));
        assert_eq!(kinds(&records, "queued").len(), 1, "{records:?}");
        // All of the voice came in: 160 packets, and 7 of the key.
        let left = kinds(&records, "leg_ended");
        assert_eq!((left.len(), &left[0]["quality"]["lost"]), (1, &Value::from(0)), "{left:?}");
        assert!(left[0]["quality"]["received"].as_u64().unwrap() >= 160, "{left:?}");
        let sealed = kinds(&records, "recording_sealed");
        assert_eq!(sealed.len(), 1, "{records:?}");
        assert!(node.data().join("recordings").join(sealed[0]["file"].as_str().unwrap()).exists());
    }
}

#[test]
fn a_call_that_is_cancelled_while_it_rings_ends_once_on_both_sides() {
    let node = Node::with_routes(|ports| format!("[[route]]\ndialled = \"ringing\"\nbridge = \"sip:uas@127.0.0.1:{}\"\n", ports.peer(10)));
    let phone = format!("127.0.0.1:{}", node.ports.peer(10));
    let mut callee = node.dial(&["--listen", &phone, "--answer-after", "9000", "--calls", "1"]);
    play(&node, "cancel.xml", 0, &["-m", "1"]);
    let callee = callee.end(Duration::from_secs(30));
    let report: Value = serde_json::from_str(&callee.out).unwrap();
    assert!(report["media"].is_null(), "nobody has answered: {report}");
    let calls = node.ended_calls(1);
    let records = node.records(&calls[0]["id"]);
    let ended = kinds(&records, "call_ended");
    assert_eq!(ended.len(), 1, "{records:?}");
    assert_eq!((&ended[0]["cause"]["fault"], &ended[0]["talked_ms"]), (&Value::from("caller"), &Value::from(0)), "{ended:?}");
}

#[test]
fn a_number_without_a_route_is_refused_with_its_reason_and_leaves_no_call() {
    let node = Node::start();
    play(&node, "refused.xml", 0, &["-m", "3", "-r", "10"]);
    assert!(node.metric_of("tandem_switch_outputs_total", "kind=\"rejected\"") >= 3.0);
    assert_eq!(node.calls(), Vec::<Value>::new());
}

#[test]
fn options_are_answered() {
    let node = Node::start();
    play(&node, "options.xml", 0, &["-m", "5", "-r", "10"]);
}

#[test]
fn an_invite_that_comes_three_times_is_one_call() {
    let node = Node::start();
    play(&node, "repeated.xml", 0, &["-m", "1", "-nr"]);
    let calls = node.ended_calls(1);
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!(kinds(&node.records(&calls[0]["id"]), "call_ended").len(), 1);
}

#[test]
fn the_answer_is_repeated_until_a_late_ack_comes_and_then_no_more() {
    let node = Node::start();
    play(&node, "late-ack.xml", 0, &["-m", "1", "-nr"]);
    let records = node.records(&node.ended_calls(1)[0]["id"]);
    let at = |kind: &str| kinds(&records, kind)[0]["at"].as_u64().unwrap();
    // The first word is not cut: nothing is said before the ACK.
    assert!(at("menu_presented") >= at("call_started") + 1400, "{records:?}");
}

#[test]
fn a_ringing_that_must_arrive_is_repeated_until_its_prack() {
    let node = Node::with_routes(|ports| format!("[[route]]\ndialled = \"ringing\"\nbridge = \"sip:uas@127.0.0.1:{}\"\n", ports.peer(10)));
    let phone = format!("127.0.0.1:{}", node.ports.peer(10));
    let mut callee = node.dial(&["--listen", &phone, "--answer-after", "1500", "--calls", "1"]);
    play(&node, "prack.xml", 0, &["-m", "1", "-nr"]);
    callee.end(Duration::from_secs(15));
    assert_eq!(kinds(&node.records(&node.ended_calls(1)[0]["id"]), "call_ended").len(), 1);
}

#[test]
fn a_caller_who_holds_in_every_way_is_heard_again_afterwards() {
    let node = Node::start();
    caller(&node);
    play(&node, "hold.xml", 0, &["-m", "1"]);
    let records = node.records(&node.ended_calls(1)[0]["id"]);
    assert_eq!(kinds(&records, "menu_chosen").len(), 1, "{records:?}");
    assert!(kinds(&records, "leg_ended")[0]["quality"]["received"].as_u64().unwrap() >= 150, "{records:?}");
}

#[test]
fn a_short_session_is_refused_and_a_fair_one_refreshed() {
    let node = Node::start();
    play(&node, "session-timer.xml", 0, &["-m", "1"]);
    assert_eq!(node.ended_calls(1).len(), 1);
}

#[test]
fn a_call_without_an_offer_gets_ours_and_its_voice_arrives() {
    let node = Node::start();
    caller(&node);
    play(&node, "late-offer.xml", 0, &["-m", "1"]);
    let records = node.records(&node.ended_calls(1)[0]["id"]);
    assert_eq!(kinds(&records, "menu_chosen").len(), 1, "{records:?}");
    assert_eq!(kinds(&records, "recording_sealed").len(), 1, "{records:?}");
}

#[test]
fn what_a_dialog_does_not_serve_is_refused_with_what_it_does() {
    let node = Node::start();
    play(&node, "in-dialog.xml", 0, &["-m", "1"]);
    assert_eq!(node.ended_calls(1).len(), 1);
}

#[test]
fn an_asserted_caller_in_every_spelling_is_believed_from_a_trusted_trunk_alone() {
    let node = Node::with_routes(|_| "[[trunk]]\nname = \"trusted\"\nsources = [\"127.0.0.2/32\"]\ntrusted = true\n".to_owned());
    let scenario = fs::read_to_string(root().join("tests/tests/interop/sipp/asserted.xml")).unwrap();
    let spellings = [
        "P-Asserted-Identity: <sip:+31207654321@carrier.example>",
        "p-asserted-identity  :   \"Carrier, Ltd\" <tel:+31207654321>",
        "P-Asserted-Identity:\n[fold]<sip:+31207654321@carrier.example;user=phone>",
        "P-ASSERTED-IDENTITY: <sip:+31207654321@carrier.example>, <tel:+31207654321>",
        "P-Asserted-Identity: <sip:+31207654321@carrier.example>\nP-Asserted-Identity: <tel:+31207654321>",
    ];
    let mut calls = 0;
    for (address, caller) in [("127.0.0.2", "+31207654321"), ("127.0.0.1", "+380501112233")] {
        for spelling in spellings {
            let file = node.directory().join("asserted.xml");
            fs::write(&file, scenario.replace("ASSERTED", spelling)).unwrap();
            // SIPp takes blanks off the beginning of a line, but not off a word that it puts in.
            play(&node, file.to_str().unwrap(), 0, &["-i", address, "-m", "1", "-key", "fold", " "]);
            calls += 1;
            assert_eq!(node.ended_calls(calls)[0]["caller"], caller, "{spelling} from {address}");
        }
    }
}
