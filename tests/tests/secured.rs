//! SRTP on one side of a bridge and RTP in the clear on the other: who hears whom, what is refused, and what a forger gets.

use std::time::Duration;

use gateway_core::{
    config::{Config, Peering, Route, RouteAction, RouteNumber, SrtpPolicy, Trunk},
    routing::Reason,
};
use media::{rtp::Header, sdp::Srtp};
use tests::{
    config::{self, GATEWAY},
    ears::WINDOW,
    oracles,
    phone::{Act, Answering, Phone},
    world::{UAS_HZ, World},
};

fn shop(wanted: Srtp, over_clear: bool) -> Config {
    let mut config = config::usual(0);
    config.trunks[0].srtp = SrtpPolicy { wanted, over_clear };
    config
}

/// What a page offers.
const PAGE: &str = include_str!("../../media/fixtures/chromium-156-offer.sdp");

/// A caller of the bridged number who wants its media like this.
fn dialling(config: Config, wants: Srtp) -> World {
    let mut world = World::with(11, config);
    let caller = world.caller();
    let uas = world.uas();
    world.phones[caller].srtp = wants;
    world.phones[uas].answering = Answering::Take(Duration::from_millis(400));
    world.dial(caller, "200");
    world
}

/// The share of its talk in which each hears the other: the caller, then the called.
fn shares(world: &World) -> (f64, f64) {
    let (caller, called) = (world.phones[0].talk(), world.phones[1].talk());
    let (from, to) = (caller.answered.unwrap() + WINDOW * 3, caller.ended.unwrap());
    let share = |talk: &tests::phone::Talk, hz| talk.line.ear.as_ref().unwrap().share(hz, from, to);
    (share(caller, UAS_HZ), share(called, world.phones[0].hz))
}

#[test]
fn a_secured_caller_and_a_clear_phone_hear_each_other() {
    for (policy, wants) in [(Srtp::Require, Srtp::Require), (Srtp::Prefer, Srtp::Require), (Srtp::Require, Srtp::Prefer)] {
        let mut world = dialling(shop(policy, true), wants);
        world.run(3_000);
        assert!(world.phones[0].talk().line.is_secured() && !world.phones[1].talk().line.is_secured());
        world.plan(0, 3_000, Act::HangUp);
        world.run(60_000);
        let (caller, called) = shares(&world);
        assert!(caller > 0.95 && called > 0.95, "{policy:?} {wants:?}: {caller} {called}\n{}", world.ladder);
        oracles::ask_all(&world);
    }
}

#[test]
fn audio_stays_through_hold_and_resume_of_a_secured_call() {
    let mut world = dialling(shop(Srtp::Require, true), Srtp::Require);
    world.plan(0, 3_000, Act::Hold(true));
    world.plan(0, 5_000, Act::Hold(false));
    world.run(5_500);
    let resumed = world.instant;
    world.plan(0, 4_000, Act::HangUp);
    world.run(60_000);
    let (caller, called) = (world.phones[0].talk(), world.phones[1].talk());
    let ended = caller.ended.unwrap();
    assert_eq!(caller.holds.len(), 1);
    assert!(caller.line.ear.as_ref().unwrap().share(UAS_HZ, resumed, ended) > 0.95, "{}", world.ladder);
    assert!(called.line.ear.as_ref().unwrap().share(world.phones[0].hz, resumed, ended) > 0.95, "{}", world.ladder);
    oracles::ask_all(&world);
}

#[test]
fn the_policy_is_kept_and_the_refusal_says_why() {
    let cases = [
        (shop(Srtp::None, true), Srtp::Require, "none"),
        (shop(Srtp::Require, true), Srtp::None, "required"),
        (shop(Srtp::Prefer, false), Srtp::Require, "TLS"),
    ];
    for (config, wants, word) in cases {
        let mut world = dialling(config, wants);
        world.run(10_000);
        assert_eq!(world.phones[0].talk().refused, Some(488), "{word}");
        let [rejection] = world.rejections.as_slice() else { panic!("{:?}", world.rejections) };
        assert_eq!(rejection.refusal.reason, Reason::Security);
        assert!(rejection.refusal.said.contains(word), "{}", rejection.refusal.said);
        assert!(world.phones[1].talks.is_empty(), "nobody is rung");
    }
}

#[test]
fn dtls_is_taken_where_srtp_is_wanted_and_refused_where_it_is_not() {
    for (policy, status) in [(Srtp::None, "488"), (Srtp::Prefer, "180"), (Srtp::Require, "180")] {
        let mut world = World::with(11, shop(policy, false));
        let (caller, uas) = (world.caller(), world.uas());
        world.phones[uas].answering = Answering::Ring;
        let sip = world.phones[caller].sip;
        let text = format!(
            "INVITE sip:200@{GATEWAY} SIP/2.0\r\nVia: SIP/2.0/UDP {sip};branch=z9hG4bKpage\r\nMax-Forwards: 70\r\nFrom: <sip:page@{sip}>;tag=p\r\n\
             To: <sip:200@{GATEWAY}>\r\nCall-ID: page\r\nCSeq: 1 INVITE\r\nContact: <sip:page@{sip}>\r\nContent-Type: application/sdp\r\n\
             Content-Length: {}\r\n\r\n{PAGE}",
            PAGE.len(),
        );
        world.send(sip, GATEWAY, text.as_bytes());
        world.run(2_000);
        let answers: Vec<_> =
            world.wire.iter().filter(|seen| !seen.inbound && seen.call_id() == "page").map(|seen| seen.start_line()).collect();
        assert!(answers.iter().any(|line| line.contains(status)), "{policy:?}: {answers:?}\n{}", world.ladder);
        let said: Vec<_> = world.rejections.iter().map(|rejection| rejection.refusal.said.contains("DTLS")).collect();
        assert_eq!(said, if policy == Srtp::None { vec![true] } else { vec![] });
    }
}

#[test]
fn keys_over_clear_signalling_are_not_answered_and_the_call_goes_on_in_the_clear() {
    let mut world = dialling(shop(Srtp::Prefer, false), Srtp::Prefer);
    world.run(3_000);
    assert!(world.phones[0].talk().answered.is_some() && !world.phones[0].talk().line.is_secured());
}

#[test]
fn a_flood_of_forged_packets_of_the_callers_address_is_counted_and_not_heard() {
    let mut world = dialling(shop(Srtp::Require, true), Srtp::Require);
    world.run(2_000);
    let line = &world.phones[0].talk().line;
    let (from, to) = (line.address, line.remote().expect("it is agreed"));
    world.plan(0, 4_000, Act::HangUp);
    let before = world.shard.counts().dropped;
    for n in 0..10_000_u16 {
        let mut bytes = Vec::new();
        let header = Header { marker: false, payload_type: 0, sequence: n, timestamp: u32::from(n) * 160, ssrc: 4_711 };
        header.write(&[0x2a; 170], &mut bytes);
        world.send(from, to, &bytes);
        if n % 50 == 49 {
            world.run(20);
        }
    }
    assert!(world.shard.counts().dropped - before >= 9_900, "{:?}", world.shard.counts());
    world.run(60_000);
    let (caller, called) = shares(&world);
    assert!(caller > 0.95 && called > 0.95, "{caller} {called}");
    oracles::ask_all(&world);
}

/// Where the carrier of outgoing calls is.
const CARRIER: &str = "10.1.9.9:5060";

/// 400 is a number of the world, which routing hands to the only trunk that may call it.
fn routed(policy: SrtpPolicy) -> Config {
    let mut config = shop(Srtp::None, false);
    let peering = Peering { host: Some(format!("sip:{CARRIER}")), outbound: vec!["+31".to_owned()], ..Peering::default() };
    config.trunks.push(Trunk { name: "out".to_owned(), srtp: policy, peering, ..Trunk::default() });
    let action = RouteAction::Number(RouteNumber { number: Some("+31201112222".to_owned()), trunk: None });
    config.routes.push(Route { dialled: "400".to_owned(), trunk: None, action, record: false });
    config
}

/// A caller without keys dials it, and the carrier that takes the call wants its media so.
fn by_routing(policy: SrtpPolicy, wants: Srtp) -> World {
    let mut world = World::with(12, routed(policy));
    let caller = world.caller();
    let mut network = Phone::new("network", CARRIER.parse().expect("an address"), UAS_HZ);
    (network.answering, network.srtp) = (Answering::Take(Duration::from_millis(400)), wants);
    world.add_phone(network);
    world.dial(caller, "400");
    world.run(3_000);
    world
}

#[test]
fn a_call_whose_trunk_is_found_by_routing_is_offered_as_that_trunk_prescribes() {
    let policy = |wanted| SrtpPolicy { wanted, over_clear: true };
    for (prescribed, wants, is_secured) in [
        (Srtp::Require, Srtp::Require, true),
        (Srtp::Prefer, Srtp::Prefer, true),
        (Srtp::Prefer, Srtp::None, false),
        (Srtp::None, Srtp::None, false),
    ] {
        let mut world = by_routing(policy(prescribed), wants);
        assert_eq!(world.phones[1].talk().line.is_secured(), is_secured, "{prescribed:?} {wants:?}\n{}", world.ladder);
        world.plan(0, 3_000, Act::HangUp);
        world.run(200_000);
        let (caller, called) = shares(&world);
        assert!(caller > 0.95 && called > 0.95, "{prescribed:?} {wants:?}: {caller} {called}\n{}", world.ladder);
        oracles::ask_of_wires(&world);
    }
}

#[test]
fn a_trunk_that_requires_keys_and_may_not_be_told_them_is_not_called() {
    let world = by_routing(SrtpPolicy { wanted: Srtp::Require, over_clear: false }, Srtp::Require);
    assert_eq!(world.phones[0].talk().refused, Some(488), "{}", world.ladder);
    assert!(world.phones[1].talks.is_empty(), "it was called\n{}", world.ladder);
}

#[test]
fn a_phone_that_requires_srtp_is_called_with_keys() {
    let mut config = shop(Srtp::None, false);
    config.phones[0].srtp = SrtpPolicy { wanted: Srtp::Require, over_clear: true };
    let action = RouteAction::Bridge(format!("sip:desk7@{GATEWAY}"));
    config.routes.push(Route { dialled: "500".to_owned(), trunk: None, action, record: false });
    let mut world = World::with(13, config);
    let caller = world.caller();
    let phone = world.handset(0, 0);
    world.phones[phone].srtp = Srtp::Require;
    world.phones[phone].answering = Answering::Take(Duration::from_millis(400));
    world.register(phone, "desk7", 3_600);
    world.run(1_000);
    world.dial(caller, "500");
    world.run(3_000);
    assert!(world.phones[phone].talk().line.is_secured(), "{}", world.ladder);
    world.plan(caller, 3_000, Act::HangUp);
    world.run(200_000);
    oracles::ask_of_wires(&world);
}
