//! Calls that are handed back to the network: the carrier is asked to call the new party (REFER out), and bridged where it will not.

use std::{net::SocketAddr, time::Duration};

use gateway_core::{
    acd::AgentState,
    config::{Config, Peering, Refer, SrtpPolicy, Trunk},
    events::record::Happened,
};
use media::sdp::Srtp;
use tests::{
    config::{self, GATEWAY},
    oracles,
    phone::{Act, Answering, Phone},
    world::World,
};

/// Agent 1 has the phone desk7; the carrier takes numbers of one country.
fn config(refer: Refer) -> Config {
    let mut config = config::usual(1);
    config.agents[0].phone = Some("desk7".to_owned());
    config.trunks[0].peering.host = Some(format!("sip:{CARRIER}"));
    config.trunks[0].peering.outbound = vec!["+31".to_owned()];
    config.trunks[0].peering.refer = refer;
    config
}

/// Where the carrier takes calls.
const CARRIER: &str = "10.1.9.9:5060";
const NUMBER: &str = "+31201112222";
const AGENT: usize = 0;
const NETWORK: usize = 1;
const CALLER: usize = 2;

/// A caller who has come by the carrier, through the menu, to the agent's phone; whoever the carrier rings takes the call.
fn talking(refer: Refer) -> World {
    talking_by(config(refer))
}

fn talking_by(config: Config) -> World {
    let mut world = World::with(34, config);
    let mut phone = Phone::new("desk7", SocketAddr::from(([10, 4, 0, 1], 5060)), 1_600.0);
    phone.answering = Answering::Take(Duration::from_millis(500));
    assert_eq!(world.add_phone(phone), AGENT);
    world.register(AGENT, "desk7", 3_600);
    let mut network = Phone::new("network", CARRIER.parse().unwrap(), 1_700.0);
    network.answering = Answering::Take(Duration::from_millis(2_000));
    assert_eq!((world.add_phone(network), world.caller()), (NETWORK, CALLER));
    world.phones[CALLER].habits = vec![(Duration::from_millis(500), Act::Press('0'))];
    world.dial(CALLER, "100");
    world.run_until(8_000, "the agent talks", |world| matches!(state(world), Some(AgentState::Talking(_))));
    world.run(2_000);
    world
}

fn state(world: &World) -> Option<AgentState> {
    world.switch.agents().next().map(|agent| agent.state())
}

fn hand_on(world: &mut World, number: &str) {
    hand_on_to(world, format!("sip:{number}@{GATEWAY}"));
}

fn hand_on_to(world: &mut World, to: String) {
    world.plan(AGENT, 0, Act::Refer { call: 0, to, replacing: None });
}

/// The share of the last 1.5 s in which the latest call of `ear` heard `mouth`.
fn hears(world: &World, ear: usize, mouth: usize) -> f64 {
    let to = world.instant - Duration::from_millis(200);
    let line = &world.phones[ear].talk().line;
    line.ear.as_ref().map_or(0.0, |ear| ear.share(world.phones[mouth].hz, to - Duration::from_millis(1_500), to))
}

#[track_caller]
fn assert_both_hear(world: &World, one: usize, other: usize) {
    let heard = (hears(world, one, other), hears(world, other, one));
    assert!(heard.0 > 0.95 && heard.1 > 0.95, "{heard:?}\n{}", world.ladder);
}

fn judge(world: &mut World) {
    world.run(200_000);
    oracles::ask_of_wires(world);
    assert_eq!(world.switch.sip_load(), (0, 0));
}

/// The caller's carrier was asked, and how often history says that it did it.
fn handed_back(world: &World) -> (usize, usize) {
    let done = world.records.iter().filter(|record| matches!(record.happened, Happened::HandedBack { .. })).count();
    (world.phones[CALLER].referred.len(), done)
}

#[test]
fn a_carrier_that_follows_is_left_alone_with_the_call() {
    let mut world = talking(Refer::Send);
    world.phones[CALLER].follows = true;
    hand_on(&mut world, NUMBER);
    world.plan(CALLER, 500, Act::Notify(180));
    world.plan(CALLER, 3_000, Act::Notify(200));
    world.run(2_000);
    assert_eq!(world.phones[AGENT].notified, [180], "{}", world.ladder);
    assert!(world.phones[CALLER].talk().ended.is_none());
    world.run(2_000);
    assert_eq!(world.phones[CALLER].referred, [format!("sip:{NUMBER}@{CARRIER}")], "at its own address");
    let refer = world.wire.iter().find(|seen| !seen.inbound && seen.is_request("REFER")).unwrap();
    assert!(refer.header("Refer-To").is_some_and(|to| to.contains("?User-to-User=")), "the story goes along: {}", refer.text);
    assert_eq!(refer.header("Referred-By"), Some("<sip:10.4.0.1:5060>"));
    assert_eq!(world.phones[AGENT].notified, [180, 200]);
    assert!(world.phones[CALLER].talk().ended.is_some() && world.phones[AGENT].talk().ended.is_some(), "{}", world.ladder);
    assert!(matches!(state(&world), Some(AgentState::WrapUp(_))));
    assert!(world.phones[NETWORK].talks.is_empty(), "nobody was dialled\n{}", world.ladder);
    assert_eq!((handed_back(&world), world.switch.calls().count()), ((1, 1), 0));
    judge(&mut world);
}

#[test]
fn an_address_of_a_carrier_is_a_number_by_its_trunk_and_costs_no_more_than_the_trunk_allows() {
    let mut world = talking(Refer::Bridge);
    for (told, nobody) in ["+88161234567@10.1.9.9", "100@10.1.9.9", "10.1.9.9"].into_iter().enumerate() {
        hand_on_to(&mut world, format!("sip:{nobody}"));
        world.run(2_000);
        assert_eq!(world.phones[AGENT].notified, vec![403; told + 1], "{nobody}\n{}", world.ladder);
        assert_both_hear(&world, CALLER, AGENT);
    }
    assert!(world.phones[NETWORK].talks.is_empty(), "{}", world.ladder);
    hand_on_to(&mut world, format!("sip:{NUMBER}@10.1.7.7"));
    world.run(5_000);
    assert_both_hear(&world, CALLER, NETWORK);
    assert_eq!(world.phones[AGENT].notified.last(), Some(&200), "by the trunk's own host\n{}", world.ladder);
    world.plan(NETWORK, 0, Act::HangUp);
    judge(&mut world);
}

#[test]
fn an_agent_that_hangs_up_at_once_is_told_and_does_not_disturb_it() {
    let mut world = talking(Refer::Send);
    world.phones[CALLER].follows = true;
    hand_on(&mut world, NUMBER);
    world.plan(AGENT, 200, Act::HangUp);
    world.plan(CALLER, 3_000, Act::Notify(200));
    world.run(2_000);
    assert!(world.phones[CALLER].talk().ended.is_none());
    world.run(2_000);
    let told = world.wire.iter().filter(|seen| !seen.inbound && seen.is_request("NOTIFY") && seen.text.contains("SIP/2.0 200"));
    assert_eq!((told.count(), handed_back(&world)), (1, (1, 1)), "{}", world.ladder);
    judge(&mut world);
}

#[test]
fn where_the_carrier_refuses_or_fails_we_dial_and_bridge() {
    for follows in [false, true] {
        let mut world = talking(Refer::Send);
        world.phones[CALLER].follows = follows;
        hand_on(&mut world, NUMBER);
        world.plan(CALLER, 500, Act::Notify(503));
        world.run(6_000);
        assert_both_hear(&world, CALLER, NETWORK);
        assert_eq!(world.phones[AGENT].notified.last(), Some(&200));
        assert_eq!(handed_back(&world), (1, 0));
        world.plan(NETWORK, 0, Act::HangUp);
        judge(&mut world);
    }
}

#[test]
fn a_carrier_that_says_nothing_is_given_a_minute() {
    let mut world = talking(Refer::Send);
    world.phones[CALLER].follows = true;
    hand_on(&mut world, NUMBER);
    world.run(59_000);
    assert!(world.phones[NETWORK].talks.is_empty());
    world.run(6_000);
    assert_both_hear(&world, CALLER, NETWORK);
    world.plan(CALLER, 0, Act::HangUp);
    judge(&mut world);
}

#[test]
fn a_carrier_that_comes_late_gets_the_call_after_all_and_whom_we_dialled_is_let_go() {
    let mut world = talking(Refer::Send);
    world.phones[CALLER].follows = true;
    world.phones[NETWORK].answering = Answering::Ring;
    hand_on(&mut world, NUMBER);
    world.plan(CALLER, 63_000, Act::Notify(200));
    world.run(62_000);
    assert_eq!(world.phones[NETWORK].talks.len(), 1, "{}", world.ladder);
    world.run(2_000);
    assert_eq!(world.phones[NETWORK].talk().refused, Some(487));
    assert_eq!((handed_back(&world), world.switch.calls().count()), ((1, 1), 0));
    judge(&mut world);
}

#[test]
fn a_carrier_that_says_goodbye_without_a_word_of_success_has_taken_nothing_that_we_know_of() {
    let mut world = talking(Refer::Send);
    world.phones[CALLER].follows = true;
    hand_on(&mut world, NUMBER);
    world.plan(CALLER, 1_000, Act::Notify(100));
    world.plan(CALLER, 2_000, Act::HangUp);
    world.run(4_000);
    assert_eq!(world.phones[AGENT].notified.last(), Some(&487), "{}", world.ladder);
    assert!(world.phones[AGENT].talk().ended.is_some() && world.phones[NETWORK].talks.is_empty());
    assert!(matches!(state(&world), Some(AgentState::WrapUp(_))));
    assert_eq!((handed_back(&world), world.switch.calls().count()), ((1, 0), 0));
    judge(&mut world);
}

#[test]
fn a_number_that_the_trunk_may_not_be_asked_for_is_asked_of_nobody() {
    let mut world = talking(Refer::Send);
    hand_on(&mut world, "+49301112222");
    world.run(2_000);
    assert_eq!(handed_back(&world), (0, 0), "{}", world.ladder);
    assert!(world.phones[AGENT].notified.last().is_some_and(|status| *status >= 400));
    assert_both_hear(&world, CALLER, AGENT);
    world.plan(CALLER, 0, Act::HangUp);
    judge(&mut world);
}

#[test]
fn by_default_we_bridge_and_ask_nobody() {
    let mut world = talking(Refer::Bridge);
    world.phones[CALLER].follows = true;
    hand_on(&mut world, NUMBER);
    world.run(5_000);
    assert_both_hear(&world, CALLER, NETWORK);
    assert_eq!(handed_back(&world), (0, 0));
    world.plan(NETWORK, 0, Act::HangUp);
    judge(&mut world);
}

#[test]
fn a_caller_may_hang_up_at_any_moment_of_it() {
    for ms in (0..3_600).step_by(300) {
        for follows in [false, true] {
            let mut world = talking(Refer::Send);
            world.phones[CALLER].follows = follows;
            hand_on(&mut world, NUMBER);
            world.plan(CALLER, 1_500, Act::Notify(200));
            world.plan(CALLER, ms, Act::HangUp);
            world.plan(NETWORK, 6_000, Act::HangUp);
            judge(&mut world);
        }
    }
}

#[test]
fn the_carrier_of_a_new_party_is_offered_the_keys_that_it_requires() {
    let mut config = config(Refer::Bridge);
    let keyed = Trunk {
        name: "keyed".to_owned(),
        sources: Vec::new(),
        srtp: SrtpPolicy { wanted: Srtp::Require, over_clear: true },
        ..config.trunks[0].clone()
    };
    config.trunks[0].peering = Peering::default();
    config.trunks.push(keyed);
    let mut world = talking_by(config);
    world.phones[NETWORK].srtp = Srtp::Require;
    hand_on(&mut world, NUMBER);
    world.run(8_000);
    assert_both_hear(&world, CALLER, NETWORK);
    assert!(world.phones[NETWORK].talk().line.is_secured(), "{}", world.ladder);
    world.plan(CALLER, 0, Act::HangUp);
    judge(&mut world);
}
