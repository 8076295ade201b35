//! Calls as carriers make them hard: SIPp is the carrier, the test phone calls it through us, and an echo proves the audio both ways.

use std::net::{SocketAddr, UdpSocket};

use tests::{
    echo::Echo,
    node::Node,
    sipp::Sipp,
    wav_ears::{WavEars, held},
};

use super::{OUT, PATIENCE, kinds, on, pjsua, report, sip_of, sipp::play};

/// A number behind the trunk `carrier` by each of these names.
fn node(dialled: &[&str]) -> Node {
    Node::with_routes(|ports| {
        let route = |name: &&str| OUT.replace("\"out\"", &format!("\"{name}\""));
        let routes: String = dialled.iter().map(route).collect();
        format!("[[trunk]]\nname = \"carrier\"\nhost = \"{}\"\noutbound = [\"+31\"]\n{routes}", on(2, ports.peer(0)))
    })
}

fn carrier(node: &Node, scenario: &str, words: &[(&str, &str)]) -> Sipp {
    Sipp::listen(node.directory(), scenario, words, on(2, node.ports.peer(0)), 1)
}

/// A caller hums 440 Hz until it hangs up after so many seconds; for how long it heard itself, in windows of 100 ms.
fn heard_itself(node: &Node, dialled: &str, seconds: &str) -> u64 {
    let arguments = [&node.sip_uri(dialled), "--as", "+31207654321", "--tone", "440", "--expect-tone", "440", "--duration", seconds];
    let told = report(&node.dial(&arguments).end(PATIENCE));
    assert_eq!(told["ok"], true, "{told}\n{}", node.log());
    told["media"]["tone_windows"].as_u64().unwrap()
}

#[test]
fn what_a_carrier_says_before_it_answers_is_heard_though_it_rings_afterwards() {
    let (node, echo) = (node(&["out"]), Echo::on(2));
    let mut carrier = carrier(&node, "announces.xml", &echo.words());
    let mut caller = pjsua::start(&node, &mut pjsua::python(), &["--call", &node.sip_uri("out")]);
    carrier.went_well();
    let ended = caller.end(PATIENCE);
    let said: Vec<&str> = ended.out.lines().filter(|line| line.starts_with("state ")).collect();
    assert_eq!(said, ["state CALLING 0", "state EARLY 183", "state EARLY 180", "state DISCONNECTED 486"], "{ended:?}");
    // One second before it rings, two afterwards.
    let heard = WavEars::of_torn(&node.directory().join("heard.wav")).tone(0, 440.0);
    assert!(held(&heard) >= 22, "the caller hears itself by the carrier: {heard:?}");
}

#[test]
fn a_carrier_that_insists_on_prack_gets_it_and_moves_its_media_by_update_before_it_answers() {
    let (node, echo, next) = (node(&["out"]), Echo::on(2), Echo::on(3));
    let words = [&echo.words()[..], &[("NEXT_IP", next.ip()), ("NEXT_PORT", next.port())]].concat();
    let mut carrier = carrier(&node, "insists.xml", &words);
    assert!(heard_itself(&node, "out", "3") >= 22);
    carrier.went_well();
    assert!(next.heard(PCMA) >= 100, "{echo:?} {next:?}");
}

#[test]
fn a_session_that_a_carrier_finds_too_short_is_asked_for_longer_and_then_refreshed_by_update() {
    let (node, echo) = (node(&["out"]), Echo::on(2));
    let mut carrier = carrier(&node, "expires.xml", &echo.words());
    assert!(heard_itself(&node, "out", "5") >= 40);
    carrier.went_well();
}

#[test]
fn a_refresh_that_crosses_a_carriers_reinvite_is_sent_again_after_the_callers_wait() {
    let (node, echo) = (node(&["out"]), Echo::on(2));
    let mut carrier = carrier(&node, "glares.xml", &echo.words());
    assert!(heard_itself(&node, "out", "7") >= 60);
    carrier.went_well();
    let told = carrier.log();
    let at = |word: &str| -> u64 { told.lines().find_map(|line| line.strip_prefix(word)?.trim().parse().ok()).unwrap() };
    // The ticks of a busy SIPp are late.
    assert!((2000..4400).contains(&(at("again") - at("refused"))), "{told}");
}

#[test]
fn a_carrier_that_holds_in_every_way_is_heard_again_afterwards() {
    let (node, echo) = (node(&["out"]), Echo::on(2));
    let mut carrier = carrier(&node, "holds.xml", &echo.words());
    let windows = heard_itself(&node, "out", "7");
    carrier.went_well();
    // It holds for four times 700 ms, in the last of which it listens.
    assert!((25..=44).contains(&windows), "{windows} windows of 100 ms in 7 s");
}

#[test]
fn a_carrier_that_takes_its_media_to_another_address_and_codec_is_followed() {
    let (node, echo, next) = (node(&["out"]), Echo::on(2), Echo::on(3));
    let words = [&echo.words()[..], &[("NEXT_IP", next.ip()), ("NEXT_PORT", next.port())]].concat();
    let mut carrier = carrier(&node, "moves.xml", &words);
    assert!(heard_itself(&node, "out", "4") >= 32);
    carrier.went_well();
    assert!(echo.heard(PCMA) >= 50 && next.heard(PCMU) >= 80 && next.heard(PCMA) == 0, "{echo:?} {next:?}");
}

#[test]
fn the_second_of_two_answers_is_acknowledged_and_hung_up_and_the_first_has_the_call() {
    let (node, echo) = (node(&["out"]), Echo::on(2));
    let mut carrier = carrier(&node, "answers-twice.xml", &echo.words());
    assert!(heard_itself(&node, "out", "3") >= 22);
    carrier.went_well();
}

#[test]
fn an_answer_that_crosses_our_cancel_is_acknowledged_and_hung_up() {
    let (node, echo) = (node(&["ringing"]), Echo::on(2));
    let mut carrier = carrier(&node, "answers-cancel.xml", &echo.words());
    play(&node, "cancel.xml", 10, &["-m", "1"]);
    carrier.went_well();
    assert_eq!(node.ended_calls(1)[0]["talked_ms"], 0);
}

#[test]
fn a_cancel_that_crosses_our_answer_changes_nothing() {
    let node = Node::start();
    play(&node, "crossing.xml", 0, &["-m", "1"]);
    let call = node.ended_calls(1).remove(0);
    assert_eq!(kinds(&node.records(&call["id"]), "menu_presented").len(), 1, "{call}");
}

#[test]
fn what_is_turned_away_at_the_door_is_told_what_would_be_let_in() {
    let node = Node::start();
    play(&node, "door.xml", 0, &["-m", "1"]);
    assert_eq!(node.ended_calls(1).len(), 1);
}

#[test]
fn a_call_that_a_carrier_sends_back_to_us_unchanged_is_a_loop() {
    let node = node(&["out"]);
    let carrier = UdpSocket::bind(on(2, node.ports.peer(0))).unwrap();
    let mut caller = node.dial(&[&node.sip_uri("out"), "--as", "+31207654321", "--duration", "1"]);
    let answer = reflect(&carrier, sip_of(&node));
    assert!(answer.starts_with("SIP/2.0 482 "), "{answer}");
    let told = report(&caller.end(PATIENCE));
    assert_eq!((&told["ok"], &told["failure"]["status"]), (&false.into(), &482.into()), "{told}");
}

/// A proxy that knows no better than to send an INVITE back to where it came from; its final answer, which it hands on.
fn reflect(proxy: &UdpSocket, gateway: SocketAddr) -> String {
    proxy.set_read_timeout(Some(PATIENCE)).unwrap();
    let via = format!("Via: SIP/2.0/UDP {};branch=z9hG4bK-reflected\r\n", proxy.local_addr().unwrap());
    let mut bytes = [0; 4096];
    loop {
        let length = proxy.recv(&mut bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
        let (first, rest) = text.split_once("\r\n").unwrap();
        if first.starts_with("INVITE ") {
            proxy.send_to(format!("{first}\r\n{via}{rest}").as_bytes(), gateway).unwrap();
        } else if first.starts_with("SIP/2.0 ") && !first.starts_with("SIP/2.0 1") {
            let (ours, below) = rest.split_once("\r\n").unwrap();
            assert!(ours.contains("z9hG4bK-reflected"), "{text}");
            proxy.send_to(format!("{first}\r\n{below}").as_bytes(), gateway).unwrap();
            return text;
        }
    }
}

/// Static payload types (RFC 3551 6).
const PCMU: u8 = 0;
const PCMA: u8 = 8;
