//! A NAT between phone and node, on an island of the test's own: the one or the other has a private address that leads nowhere outside.

use std::time::Duration;

use serde_json::Value;
use tests::{
    island::{self, INSIDE, NAT, OUTSIDE, Side, on_an_island},
    node::{Node, Plan},
    program::Program,
    wav_ears::{WavEars, held},
};

use super::{pjsua, report, rung};

/// A node in the open, to which everybody behind the NAT is the trunk `branch`.
fn open_node(nat: bool) -> Node {
    Node::prepared(|ports, _| Plan {
        media: "listen = \"0.0.0.0\"",
        routes: format!(
            "[[route]]\ndialled = \"100\"\nbridge = \"sip:uas@127.0.0.1:{}\"\n\n\
             [[sip]]\nname = \"open\"\nlisten = \"{OUTSIDE}:5060\"\n\n[[trunk]]\nname = \"branch\"\nsources = [\"{NAT}/32\"]\nnat = {nat}\n\n{}",
            ports.peer(0),
            rung::agent("tandem")
        ),
        ..Plan::default()
    })
}

/// A phone beyond the NAT.
fn phone(node: &Node, address: &str, more: &[&str]) -> Program {
    pjsua::start(node, &mut island::beyond(&pjsua::python()), &[&["--address", address], more].concat())
}

/// The agent's phone beyond the NAT, registered at `registrar`.
fn registered(node: &Node, address: &str, registrar: &str) -> Program {
    let uri = format!("sip:{registrar}:5060");
    let mut phone = phone(node, address, &["--number", "700", "--registrar", &uri, "--password", rung::PASSWORD]);
    pjsua::wait_for(&mut phone, "registration 200");
    phone
}

#[test]
fn a_phone_behind_nat_calls_in_and_both_hear_each_other() {
    on_an_island("nat::a_phone_behind_nat_calls_in_and_both_hear_each_other", Side::Outside, || {
        let node = open_node(true);
        let address = format!("127.0.0.1:{}", node.ports.peer(0));
        let mut called =
            node.dial(&["--listen", &address, "--tone", "880", "--expect-tone", "440", "--expect-share", "90", "--calls", "1"]);
        let mut phone = phone(&node, INSIDE, &["--call", &format!("sip:100@{OUTSIDE}")]);
        pjsua::wait_for(&mut phone, "voices go");
        std::thread::sleep(Duration::from_secs(4));
        pjsua::hang_up(&mut phone);
        let called = report(&called.end(Duration::from_secs(30)));
        assert_eq!(called["ok"], true, "{called}");
        let heard = WavEars::of_torn(&node.directory().join("heard.wav")).tone(0, 880.0);
        assert!(held(&heard) >= 25, "the phone hears 880 Hz: {heard:?}");
    });
}

/// Without this the test above would prove nothing of `nat`.
#[test]
fn a_phone_behind_nat_hears_nothing_where_its_trunk_does_not_say_so() {
    on_an_island("nat::a_phone_behind_nat_hears_nothing_where_its_trunk_does_not_say_so", Side::Outside, || {
        let node = open_node(false);
        let mut phone = phone(&node, INSIDE, &["--call", &format!("sip:main@{OUTSIDE}")]);
        pjsua::wait_for(&mut phone, "voices go");
        std::thread::sleep(Duration::from_secs(3));
        pjsua::hang_up(&mut phone);
        let heard = WavEars::of_torn(&node.directory().join("heard.wav"));
        assert_eq!(held(&heard.loud(0)), 0, "the menu speaks to an address that leads nowhere");
    });
}

#[test]
fn a_phone_behind_nat_is_called_by_the_flow_of_its_registration() {
    on_an_island("nat::a_phone_behind_nat_is_called_by_the_flow_of_its_registration", Side::Outside, || {
        let node = open_node(false);
        let mut phone = registered(&node, INSIDE, OUTSIDE);
        let caller = rung::caller_of_the_agent(&node);
        rung::assert_heard(&node, &mut phone, caller, 1);
    });
}

/// A node behind the NAT, which lets SIP and RTP in to it.
fn hidden_node() -> Node {
    let node = Node::prepared(|_, _| Plan {
        // For browsers; what phones are told is the listener's.
        media: "listen = \"0.0.0.0\"",
        routes: format!("[[sip]]\nname = \"hidden\"\nlisten = \"{INSIDE}:5060\"\nadvertised = \"{NAT}\"\n\n{}", rung::agent("tandem")),
        ..Plan::default()
    });
    let (first, last) = node.ports.media();
    island::forward(5060, 5060);
    island::forward(first, last);
    node
}

#[test]
fn a_node_behind_nat_reaches_a_phone_outside_by_the_address_that_it_advertises() {
    on_an_island("nat::a_node_behind_nat_reaches_a_phone_outside_by_the_address_that_it_advertises", Side::Inside, || {
        let node = hidden_node();
        let mut phone = registered(&node, OUTSIDE, NAT);
        let caller = rung::caller_of_the_agent(&node);
        let call = rung::assert_heard(&node, &mut phone, caller, 1);
        // This phone answers whoever speaks to it; another would send where it was told to.
        let ladder = node.api("GET", &format!("/v1/calls/{}/ladder", call["id"]), &Value::Null).json();
        let is_ours = |message: &&Value| message["way"] == "out" && message["label"] == "INVITE (sdp)";
        let invite = ladder["messages"].as_array().unwrap().iter().find(is_ours).unwrap()["text"].as_str().unwrap().to_owned();
        assert!(invite.contains(&format!("Contact: <sip:{NAT}:5060>")) && invite.contains(&format!("c=IN IP4 {NAT}")), "{invite}");
    });
}
