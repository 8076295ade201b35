//! Calls that change hands: REFER by pjsua2, REFER to a carrier and Replaces by SIPp; an echo proves the audio both ways.

use std::{net::Ipv4Addr, thread, time::Duration};

use serde_json::Value;
use tests::{
    echo::Echo,
    node::Node,
    program::{Program, wait_until},
    sipp::Sipp,
    wav_ears::{WavEars, held},
};

use super::{OUT, PATIENCE, kinds, on, pjsua, report, rung::PASSWORD, sip_of};

/// The phone 700 may hand its calls on; `third` is who answers at 127.0.0.2.
fn node(more: impl FnOnce(u16) -> String) -> Node {
    Node::with_routes(|ports| {
        format!(
            "[[phone]]\nuser = \"700\"\nrealm = \"tandem\"\npassword = \"{PASSWORD}\"\ntransfer = true\n\n\
             [[route]]\ndialled = \"700\"\nbridge = \"sip:700@tandem\"\n\n\
             [[route]]\ndialled = \"third\"\nbridge = \"sip:third@{}\"\n\n{}",
            on(2, ports.peer(0)),
            more(ports.peer(1))
        )
    })
}

/// The phone 700, which no trunk speaks for.
fn phone(node: &Node) -> Program {
    let registrar = format!("sip:{}", sip_of(node));
    let address = Ipv4Addr::new(127, 0, 0, 4).to_string();
    let arguments = ["--number", "700", "--address", &address, "--registrar", &registrar, "--password", PASSWORD];
    let mut phone = pjsua::start(node, &mut pjsua::python(), &arguments);
    pjsua::wait_for(&mut phone, "registration 200");
    phone
}

/// A caller whom the phone hands on to the third: each heard the other first, and then the caller heard itself by the third.
fn hands_on(scenario: &str, hand_on: impl FnOnce(&mut Program, &str)) {
    let (node, echo) = (node(|_| String::new()), Echo::on(2));
    let mut phone = phone(&node);
    let mut third = Sipp::listen(node.directory(), scenario, &echo.words(), on(2, node.ports.peer(0)), 1);
    let uri = node.sip_uri("700");
    let caller = ["--as", "+31207654321", "--tone", "880", "--expect-tone", "880", "--duration", "9", "--record", "caller.wav"];
    let mut caller = node.dial(&[&[uri.as_str()], &caller[..]].concat());
    pjsua::wait_for(&mut phone, "voices go");
    thread::sleep(Duration::from_millis(1500));
    hand_on(&mut phone, &node.sip_uri("third"));
    pjsua::wait_for(&mut phone, "refer 200");
    let told = report(&caller.end(PATIENCE));
    assert_eq!(told["ok"], true, "{told}\n{}\n{}", phone.story(), node.log());
    assert!(told["media"]["tone_windows"].as_u64().unwrap() >= 20, "the caller hears itself by the third: {told}");
    third.went_well();
    let ended = phone.end(PATIENCE);
    assert!(ended.out.contains("state DISCONNECTED 200"), "the phone is said goodbye to: {ended:?}");
    let (agent, caller) = (node.directory().join("heard.wav"), node.directory().join("caller.wav"));
    assert!(held(&WavEars::of_torn(&agent).tone(0, 880.0)) >= 10, "the phone has heard the caller");
    assert!(held(&WavEars::of_torn(&caller).tone(0, 440.0)) >= 10, "the caller has heard the phone");
}

#[test]
fn a_call_that_a_phone_hands_on_blindly_reaches_the_third_who_is_told_by_whom() {
    hands_on("is-referred-to.xml", |phone, third| phone.type_in(&format!("refer {third}\n")));
}

#[test]
fn a_call_that_a_phone_hands_on_after_a_word_with_the_third_joins_the_two() {
    hands_on("picks-up.xml", |phone, third| {
        phone.type_in("hold\n");
        pjsua::wait_for(phone, "voices rest");
        let before = phone.out().matches("voices go").count();
        phone.type_in(&format!("consult {third}\n"));
        phone.wait_for("voices go, by the third", PATIENCE, |said| (said.matches("voices go").count() > before).then_some(()));
        phone.type_in("join\n");
    });
}

#[test]
fn a_carrier_that_takes_refer_is_handed_its_caller_back() {
    let node = node(|port| {
        let address = on(2, port);
        format!(
            "[[trunk]]\nname = \"carrier\"\nsources = [\"127.0.0.2/32\"]\nhost = \"{address}\"\noutbound = [\"+31\"]\nrefer = \"send\"\n"
        )
    });
    let echo = Echo::on(2);
    let mut phone = phone(&node);
    let dialled = format!("700@{}", sip_of(&node));
    let words = [&echo.words()[..], &[("DIALLED", dialled.as_str())]].concat();
    let mut carrier = Sipp::call(node.directory(), "follows.xml", &words, on(2, node.ports.peer(1)), sip_of(&node));
    pjsua::wait_for(&mut phone, "voices go");
    thread::sleep(Duration::from_millis(1500));
    phone.type_in(&format!("refer {}\n", node.sip_uri("+31201112222")));
    pjsua::wait_for(&mut phone, "refer 180");
    pjsua::wait_for(&mut phone, "refer 200");
    carrier.went_well();
    phone.end(PATIENCE);
    assert!(held(&WavEars::of_torn(&node.directory().join("heard.wav")).tone(0, 440.0)) >= 10, "the phone heard itself by the carrier");
    let call = node.ended_calls(1).remove(0);
    assert_eq!(kinds(&node.records(&call["id"]), "handed_back").len(), 1, "{call}");
}

#[test]
fn an_invite_with_replaces_takes_the_place_of_the_called_and_the_caller_hears_on() {
    let node = Node::with_routes(|ports| {
        let address = on(2, ports.peer(0));
        let more = "sources = [\"127.0.0.2/32\"]\noutbound = [\"+31\"]\ntransfer = true\n";
        format!("[[trunk]]\nname = \"carrier\"\nhost = \"{address}\"\n{more}{OUT}")
    });
    let (first, second) = (Echo::on(2), Echo::on(3));
    let mut replaced = Sipp::listen(node.directory(), "taken-over.xml", &first.words(), on(2, node.ports.peer(0)), 1);
    let arguments = ["--as", "+31207654321", "--tone", "440", "--expect-tone", "440", "--duration", "5"];
    let mut caller = node.dial(&[&[node.sip_uri("out").as_str()], &arguments[..]].concat());
    let talks = wait_until(PATIENCE, || (first.heard(PCMA) > 30).then_some(()));
    assert!(talks.is_some(), "{first:?}\n{}", node.log());
    let replaces = replaced.log().lines().find_map(|line| line.strip_prefix("replaces ").map(str::to_owned)).unwrap();
    let dialled = format!("main@{}", sip_of(&node));
    let words = [&second.words()[..], &[("DIALLED", dialled.as_str()), ("REPLACES", replaces.trim())]].concat();
    let mut replacing = Sipp::call(node.directory(), "takes-over.xml", &words, on(2, node.ports.peer(1)), sip_of(&node));
    replaced.went_well();
    let told: Value = report(&caller.end(PATIENCE));
    assert_eq!(told["ok"], true, "{told}");
    assert!(told["media"]["tone_windows"].as_u64().unwrap() >= 40, "the caller hears itself throughout: {told}");
    replacing.went_well();
    assert!(second.heard(PCMA) >= 60, "{second:?}");
}

/// Static payload type (RFC 3551 6).
const PCMA: u8 = 8;
