//! Floods, and who is served in them.

use std::net::IpAddr;

use super::{
    super::{
        UaOutput,
        wall::{Entry, STRANGERS_MAX, Wall},
    },
    *,
};
use crate::config::Rate;

const FEW: Rate = Rate { per_s: 10, burst: 5 };
const MANY: Rate = Rate { per_s: 1000, burst: 50 };

fn limits() -> Limits {
    Limits { stranger: FEW, strangers: MANY, trunk: MANY, ..Limits::default() }
}

/// An OPTIONS outside calls from `source`; the statuses of what is answered.
fn probes(scene: &mut Scene, source: &str, count: u32) -> Vec<String> {
    for n in 0..count {
        let text = asks("OPTIONS", n + 1, &format!("{source}-{n}"), "", "");
        scene.hears_from(source, text.as_bytes());
    }
    scene.said()
}

fn count(said: &[String], word: &str) -> usize {
    said.iter().filter(|said| *said == word).count()
}

#[test]
fn a_stranger_that_floods_is_told_once_a_second_and_served_again_when_it_slows_down() {
    let mut scene = Scene::with(|settings| settings.limits = limits());
    let said = probes(&mut scene, "198.51.100.9:5060", 50);
    assert_eq!((count(&said, "200 OPTIONS"), count(&said, "503 OPTIONS"), said.len()), (5, 1, 6));
    assert_eq!(scene.agent.turned_away().collect::<Vec<_>>(), [(TurnedAway::Rate, 1), (TurnedAway::Flood, 44)]);
    scene.pass(200);
    let said = probes(&mut scene, "198.51.100.9:5060", 10);
    assert_eq!((count(&said, "200 OPTIONS"), said.len()), (2, 2), "ten a second are two in 200 ms");
}

#[test]
fn a_flood_of_forged_strangers_takes_nothing_from_a_trunk() {
    let mut scene = Scene::with(|settings| settings.limits = limits());
    scene.agent.set_trunk_networks([("203.0.113.0".parse::<IpAddr>().unwrap(), 24)].into_iter());
    for n in 0..200 {
        probes(&mut scene, &format!("198.51.100.{n}:5060"), 1);
    }
    assert_eq!(probes(&mut scene, "198.51.100.250:5060", 1), Vec::<String>::new(), "all strangers together have had their share");
    assert_eq!(probes(&mut scene, "203.0.113.7:5060", 40), vec!["200 OPTIONS"; 40]);
}

#[test]
fn with_the_guard_off_the_flood_is_served() {
    let mut scene = Scene::with(|settings| (settings.limits, settings.wall_guard) = (limits(), false));
    assert_eq!(probes(&mut scene, "198.51.100.9:5060", 50), vec!["200 OPTIONS"; 50]);
}

#[test]
fn what_belongs_to_a_call_passes_an_empty_bucket() {
    let mut scene = Scene::with(|settings| settings.limits = limits());
    let (usage, tag) = established(&mut scene);
    probes(&mut scene, "192.0.2.1:5060", 50);
    scene.events.clear();
    scene.hears(&asks_within("BYE", 2, "b1", &tag, "", ""));
    assert_eq!(scene.said(), ["200 BYE"]);
    assert_eq!(scene.event(), UaEvent::Bye { usage, reason: None });
}

#[test]
fn broken_messages_count_and_are_not_answered_without_end() {
    let mut scene = Scene::with(|settings| settings.limits = limits());
    for _ in 0..50 {
        let text = asks("OPTIONS", 1, "x", "Max-Forwards: 300\r\n", "");
        scene.agent.receive(scene.now(), SIP0, "198.51.100.9:5060".parse().unwrap(), text.as_bytes());
    }
    let answers = std::iter::from_fn(|| scene.agent.poll()).filter(|output| matches!(output, UaOutput::Transmit { .. })).count();
    assert_eq!(answers, 5);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "virtual time must begin somewhere")]
fn strangers_are_forgotten_before_they_fill_the_memory() {
    let mut wall = Wall::new(limits(), true);
    let (now, busy) = (Instant::now(), IpAddr::from([198, 51, 100, 1]));
    for n in 0..u32::try_from(STRANGERS_MAX).unwrap() * 2 {
        // Who keeps asking is not the one that is forgotten.
        wall.admit(now, busy);
        wall.admit(now, IpAddr::V4((0x0a00_0000 + n).into()));
    }
    assert_eq!(wall.strangers(), (STRANGERS_MAX, STRANGERS_MAX));
    assert_eq!(wall.admit(now, busy), Entry::Ignored, "its bucket was not filled by forgetting");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "virtual time must begin somewhere")]
fn the_addresses_of_one_ipv6_network_share_a_bucket() {
    let mut wall = Wall::new(limits(), true);
    let now = Instant::now();
    let entries: Vec<_> = (0..7u128).map(|host| wall.admit(now, IpAddr::V6((0x2001_0db8_u128 << 96 | host).into()))).collect();
    assert_eq!(entries, [Entry::Open, Entry::Open, Entry::Open, Entry::Open, Entry::Open, Entry::Refused, Entry::Ignored]);
    assert_eq!(wall.admit(now, IpAddr::V6((0x2001_0db8_0000_0001_u128 << 64).into())), Entry::Open);
    wall.refund("2001:db8::1".parse().unwrap());
    assert_eq!(wall.admit(now, "2001:db8::2".parse().unwrap()), Entry::Open, "who proves himself has his tokens back");
}

#[test]
fn under_load_calls_come_before_registrations_and_those_before_probes() {
    let mut scene = Scene::with(|settings| settings.limits.transactions = 16);
    let fill = |scene: &mut Scene, upto: usize| {
        while scene.agent.load().0 < upto {
            let n = scene.agent.load().0;
            scene.hears(&asks("INVITE", 1, &format!("fill{n}"), "", OFFER).replace("call-1", &format!("fill-{n}")));
        }
        scene.said();
        scene.events.clear();
    };
    let status = |scene: &mut Scene, method: &str, body: &str| {
        let n = scene.agent.load().0;
        scene.hears(&asks(method, 1, &format!("{method}{n}"), "", body).replace("call-1", &format!("{method}-{n}")));
        let answer = scene.response();
        assert_eq!(answer.status == 503, answer.headers.first("Retry-After").is_some());
        answer.status
    };
    let (_, tag) = established(&mut scene);
    assert_eq!((status(&mut scene, "OPTIONS", ""), status(&mut scene, "REGISTER", "")), (200, 401));
    fill(&mut scene, 12);
    assert_eq!((status(&mut scene, "OPTIONS", ""), status(&mut scene, "REGISTER", "")), (503, 401));
    fill(&mut scene, 14);
    assert_eq!((status(&mut scene, "REGISTER", ""), status(&mut scene, "INVITE", OFFER)), (503, 100));
    fill(&mut scene, 16);
    assert_eq!(status(&mut scene, "INVITE", OFFER), 503);
    assert_eq!(scene.agent.turned_away().collect::<Vec<_>>(), [(TurnedAway::Transactions, 3)]);
    scene.hears(&asks_within("BYE", 2, "b1", &tag, "", ""));
    assert_eq!(scene.said(), ["200 BYE"]);
}

#[test]
fn there_are_no_more_calls_than_we_can_hold() {
    let mut scene = Scene::with(|settings| settings.limits.dialogs = 3);
    for n in 0..5 {
        scene.hears(&asks("INVITE", 1, &format!("i{n}"), "", OFFER).replace("call-1", &format!("call-{n}")));
    }
    assert_eq!(scene.said(), ["100 INVITE", "100 INVITE", "100 INVITE", "503 INVITE", "503 INVITE"]);
    assert_eq!(scene.agent.load().1, 3);
    assert_eq!(scene.agent.turned_away().collect::<Vec<_>>(), [(TurnedAway::Dialogs, 2)]);
}
