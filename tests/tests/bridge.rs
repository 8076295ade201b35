//! A number that is bridged to a SIP address: relayed, refused, given up.

use std::time::Duration;

use gateway_core::config::{Config, Peering, RouteAction, RouteNumber, Trunk};
use media::codec::CodecKind;
use tests::{
    config::UAS,
    ears::WINDOW,
    oracles,
    phone::{Act, Answering},
    world::{UAS_HZ, World},
};

/// A caller of the bridged number, and who is rung.
fn two_phones(answering: Answering) -> World {
    let mut world = World::new(11, 0);
    let caller = world.caller();
    let uas = world.uas();
    world.phones[uas].answering = answering;
    world.dial(caller, "200");
    world
}

fn judge(world: &mut World) {
    world.run(60_000);
    oracles::ask_all(world);
}

#[test]
fn both_phones_hear_each_other() {
    let mut world = two_phones(Answering::Take(Duration::from_millis(400)));
    world.plan(0, 6_000, Act::HangUp);
    judge(&mut world);
    let (caller, called) = (world.phones[0].talk(), world.phones[1].talk());
    let (from, to) = (caller.answered.unwrap() + WINDOW * 3, caller.ended.unwrap());
    assert!(caller.line.ear.as_ref().unwrap().share(UAS_HZ, from, to) > 0.95);
    assert!(called.line.ear.as_ref().unwrap().share(world.phones[0].hz, from, to) > 0.95);
}

#[test]
fn a_bridge_between_two_codecs_carries_both_voices() {
    let mut world = two_phones(Answering::Take(Duration::from_millis(400)));
    world.phones[0].codecs = vec![CodecKind::Pcma];
    world.phones[1].codecs = vec![CodecKind::Pcmu];
    world.plan(0, 6_000, Act::HangUp);
    judge(&mut world);
    assert!(world.phones[0].talk().answered.is_some());
}

#[test]
fn the_called_phone_hangs_up_and_the_caller_gets_a_bye() {
    let mut world = two_phones(Answering::Take(Duration::from_millis(400)));
    world.plan(1, 4_000, Act::HangUp);
    judge(&mut world);
    assert!(world.phones[0].talk().ended.is_some());
}

#[test]
fn a_refusal_is_the_callers_too() {
    let mut world = two_phones(Answering::Refuse(486, Duration::from_millis(400)));
    judge(&mut world);
    assert_eq!(world.phones[0].talk().refused, Some(486));
}

#[test]
fn a_caller_who_gives_up_takes_the_ringing_back() {
    let mut world = two_phones(Answering::Ring);
    world.plan(0, 3_000, Act::HangUp);
    judge(&mut world);
    assert_eq!((world.phones[0].talk().refused, world.phones[1].talk().refused), (Some(487), Some(487)));
}

#[test]
fn a_phone_that_rings_for_ever_is_given_up_after_two_minutes() {
    let mut world = two_phones(Answering::Ring);
    world.run(122_000);
    assert_eq!(world.phones[0].talk().refused, Some(480));
    judge(&mut world);
}

#[test]
fn refused_bridges_cost_no_rtp_addresses() {
    let mut world = two_phones(Answering::Refuse(486, Duration::from_millis(50)));
    world.run(5_000);
    let idle = world.switch.idle_ports();
    for _ in 0..20 {
        world.dial(0, "200");
        world.run(40_000);
    }
    assert_eq!(world.switch.idle_ports(), idle);
    judge(&mut world);
}

#[test]
fn a_caller_on_hold_is_heard_again_afterwards() {
    let mut world = two_phones(Answering::Take(Duration::from_millis(400)));
    world.plan(0, 3_000, Act::Hold(true));
    world.plan(0, 6_000, Act::Hold(false));
    world.plan(0, 10_000, Act::HangUp);
    judge(&mut world);
    let called = world.phones[1].talk().line.ear.as_ref().unwrap();
    let hz = world.phones[0].hz;
    assert!(called.share(hz, world.at(3_300), world.at(5_900)) < 0.05, "held");
    assert!(called.share(hz, world.at(6_400), world.at(9_900)) > 0.95, "and back");
}

#[test]
fn a_trunk_is_told_the_address_that_its_own_block_advertises() {
    let mut config = tests::config::usual(0);
    for trunk in &mut config.trunks {
        trunk.advertised = Some([203, 0, 113, 9].into());
    }
    let mut world = World::with(7, config);
    let caller = world.caller();
    world.dial(caller, "100");
    world.run(2_000);
    let answered = world.wire.iter().find(|seen| !seen.inbound && seen.start_line().starts_with("SIP/2.0 200")).expect("it is answered");
    let contact = answered.text.lines().find(|line| line.starts_with("Contact:")).expect("a 200 has a Contact");
    assert!(contact.contains("203.0.113.9"), "{contact}");
}

/// Its trunk sees us by another address than the called phone does.
#[test]
fn the_called_phone_is_told_our_address_on_its_own_side_and_not_that_on_the_callers() {
    let mut config = tests::config::usual(0);
    config.trunks[0].advertised = Some([198, 18, 7, 7].into());
    let mut world = World::with(11, config);
    let caller = world.caller();
    let uas = world.uas();
    world.phones[uas].answering = Answering::Take(Duration::from_millis(400));
    world.dial(caller, "200");
    world.run(3_000);
    let called = world.phones[1].talk().line.remote().expect("it is agreed");
    assert_eq!(called.ip(), tests::config::GATEWAY.ip(), "{}", world.ladder);
}

/// The bridged number leads to a number behind a carrier that takes PCMA alone.
fn behind_a_trunk_of_one_codec() -> Config {
    let mut config = tests::config::usual(0);
    let peering = Peering { host: Some(format!("sip:{UAS}")), outbound: vec!["+31".to_owned()], ..Peering::default() };
    config.trunks.push(Trunk { name: "narrow".to_owned(), codecs: vec![CodecKind::Pcma], peering, ..Trunk::default() });
    config.routes[1].action =
        RouteAction::Number(RouteNumber { number: Some("+31201234567".to_owned()), trunk: Some("narrow".to_owned()) });
    config
}

#[test]
fn a_trunk_is_offered_no_codec_but_its_own_and_a_caller_of_another_is_heard_all_the_same() {
    let mut world = World::with(11, behind_a_trunk_of_one_codec());
    let caller = world.caller();
    let uas = world.uas();
    world.phones[caller].codecs = vec![CodecKind::Pcmu];
    world.phones[uas].codecs = vec![CodecKind::Pcmu, CodecKind::Pcma];
    world.phones[uas].answering = Answering::Take(Duration::from_millis(400));
    world.dial(caller, "200");
    world.plan(0, 6_000, Act::HangUp);
    world.run(60_000);
    let invite = world.wire.iter().find(|seen| !seen.inbound && seen.is_request("INVITE")).expect("the carrier is called");
    let line = invite.text.lines().find(|line| line.starts_with("m=audio")).expect("with an offer");
    assert!(line.contains(" RTP/AVP 8 ") && !invite.text.contains("PCMU"), "{}", invite.text);
    let (caller, called) = (world.phones[caller].talk(), world.phones[uas].talk());
    let (from, to) = (caller.answered.unwrap() + WINDOW * 3, caller.ended.unwrap());
    assert!(caller.line.ear.as_ref().unwrap().share(UAS_HZ, from, to) > 0.95, "{}", world.ladder);
    assert!(called.line.ear.as_ref().unwrap().share(world.phones[0].hz, from, to) > 0.95, "{}", world.ladder);
}
