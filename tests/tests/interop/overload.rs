//! Floods: who asks too often is turned away, and a call that stands, a trunk and the memory of the node do not notice.

use std::{
    net::{Ipv4Addr, SocketAddr},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tests::{
    caller::{Caller, status, value},
    node::Node,
};

use super::{on, report, sip_of};

/// A node with a trunk at 127.0.0.2, and none for the rest of the network but the test phone's.
fn node(limits: &str) -> Node {
    Node::with_routes(|_| format!("{limits}[[trunk]]\nname = \"carrier\"\nsources = [\"127.0.0.2/32\"]\n"))
}

/// So many OPTIONS at once from one address: how many are answered 200, and how many 503 with a time to come again.
fn ask_many(node: &Node, host: u8, count: usize) -> (usize, usize) {
    let caller = Caller::at(on(host, node.ports.peer(0)), sip_of(node));
    (0..count).for_each(|_| caller.tell("OPTIONS", "anybody", ""));
    let (mut taken, mut away) = (0, 0);
    let mut last = Instant::now();
    while last.elapsed() < SILENCE {
        let Some(text) = caller.hear() else { continue };
        last = Instant::now();
        match status(&text) {
            200 => taken += 1,
            503 if value(&text, "Retry-After").is_some() => away += 1,
            _ => panic!("{text}"),
        }
    }
    (taken, away)
}

#[test]
fn one_who_asks_too_often_is_turned_away_and_a_trunk_and_another_stranger_are_served() {
    let strict = node("[limits]\nstranger = { per_s = 1, burst = 10 }\n");
    let (taken, away) = ask_many(&strict, 9, 60);
    // What comes a second later may be taken; answers to a flood are not a flood themselves.
    assert!((10..30).contains(&taken) && (1..10).contains(&away), "{taken} taken, {away} turned away");
    assert_eq!(ask_many(&strict, 8, 10), (10, 0), "another stranger has a measure of its own");
    assert_eq!(ask_many(&strict, 2, 60), (60, 0), "a trunk has its own");
    assert!(strict.metric("tandem_sip_turned_away_total").unwrap_or_default() >= 30.0);

    let open = node("[limits]\nstranger = { per_s = 1000, burst = 1000 }\n");
    assert_eq!(ask_many(&open, 9, 60), (60, 0), "with the measure wide open nobody is turned away");
}

/// Sends INVITE, REGISTER and OPTIONS from one address until the time is over, and hears nothing; how many went.
fn flood(address: SocketAddr, gateway: SocketAddr, until: Instant) -> usize {
    let caller = Caller::at(address, gateway);
    let mut sent = 0;
    while Instant::now() < until {
        for _ in 0..20 {
            match sent % 3 {
                0 => drop(caller.invite("main", "", None)),
                1 => caller.tell("REGISTER", "desk", "Expires: 60\r\n"),
                _ => caller.tell("OPTIONS", "anybody", ""),
            }
            sent += 1;
        }
        // As fast as a line of some megabits brings it, and not as fast as this machine can write.
        thread::sleep(Duration::from_millis(50));
    }
    sent
}

#[test]
fn a_flood_leaves_a_standing_call_its_voice_and_its_requests_and_the_node_its_memory() {
    let mut node = node("");
    let (gateway, port) = (sip_of(&node), node.ports.peer(0));
    let uri = node.sip_uri("main");
    let mut phone = node.dial(&[&uri, "--as", "+380501112233", "--tone", "440", "--expect-audio", "--stay", "--duration", "7"]);
    let carrier = Caller::at(on(2, port), gateway);
    let mut call = carrier.invite("main", "", None);
    assert_eq!(status(&call.answered()), 200);

    let before = node.resident_kib();
    let until = Instant::now() + FLOOD;
    let sources = (1..=20).map(|n| SocketAddr::from((Ipv4Addr::new(127, 0, 9, n), port)));
    let floods: Vec<_> = sources.map(|source| thread::spawn(move || flood(source, gateway, until))).collect();
    let (mut asked, mut slowest) = (0, Duration::ZERO);
    while Instant::now() < until {
        let begun = Instant::now();
        let answer = call.ask("INVITE", "", &carrier.offer("RTP/AVP", ""));
        assert_eq!(status(&answer), 200, "{answer}");
        (asked, slowest) = (asked + 1, slowest.max(begun.elapsed()));
        // A new call of the trunk comes in too.
        let fresh = Caller::at(on(2, node.ports.peer(1)), gateway);
        let mut new = fresh.invite("main", "", None);
        assert_eq!(status(&new.answered()), 200);
        new.hang_up();
        thread::sleep(Duration::from_millis(200));
    }
    let sent: usize = floods.into_iter().map(|flood| flood.join().unwrap()).sum();
    let growth = node.resident_kib().saturating_sub(before);
    call.hang_up();
    assert!(sent >= 5_000, "{sent} requests are no flood");
    assert!(asked >= 3 && slowest < Duration::from_secs(2), "{asked} re-INVITEs, the slowest after {slowest:?}");
    assert!(growth < 64 * 1024, "{growth} KiB more after {sent} requests");
    let told = report(&phone.end(PATIENCE));
    assert_eq!((&told["ok"], &told["media"]["lost"]), (&true.into(), &0.into()), "{told}");
    assert!(node.metric("tandem_sip_turned_away_total").unwrap_or_default() > 0.0, "nothing was turned away");
    node.assert_alive();
}

#[test]
fn a_forger_of_a_trunks_address_does_not_lock_the_trunk_out() {
    let node = Node::with_routes(|_| {
        "[[phone]]\nuser = \"desk\"\nrealm = \"tandem\"\npassword = \"a long secret\"\n\
         [[trunk]]\nname = \"carrier\"\nsources = [\"127.0.0.2/32\"]\n"
            .to_owned()
    });
    let gateway = sip_of(&node);
    // Guesses of a password, junk, and more than the trunk's own measure, all under its address.
    let forger = Caller::at(on(2, node.ports.peer(0)), gateway);
    let guess = "Authorization: Digest username=\"desk\",realm=\"tandem\",nonce=\"00\",uri=\"sip:x\",response=\"00\",algorithm=MD5\r\n";
    for n in 0..200 {
        assert_eq!(status(&forger.ask("REGISTER", "desk", guess)), 401, "{n}");
    }
    for _ in 0..500 {
        forger.send(b"\x00\xff junk \r\n\r\n");
    }
    for _ in 0..6_000 {
        forger.tell("OPTIONS", "anybody", "");
    }
    let carrier = Caller::at(on(2, node.ports.peer(1)), gateway);
    let begun = Instant::now();
    let served = loop {
        let mut call = carrier.invite("main", "", None);
        if status(&call.answered()) == 200 {
            call.hang_up();
            break begun.elapsed();
        }
        assert!(begun.elapsed() < PATIENCE, "the trunk is locked out\n{}", node.log());
    };
    assert!(served < Duration::from_secs(5), "served after {served:?}");
    let rows = node.api("GET", "/v1/trunks", &Value::Null).json();
    assert!(rows["trunks"].as_array().is_some_and(|trunks| trunks.iter().any(|trunk| trunk["name"] == "carrier")), "{rows}");
}

/// Nothing more comes after it.
const SILENCE: Duration = Duration::from_millis(800);
const FLOOD: Duration = Duration::from_secs(4);

/// On a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
