//! Calls that are not let in: the status, and what the peer may know of why.

use gateway_core::switch::AdminCommand;
use media::codec::CodecKind;
use std::net::SocketAddr;
use tests::{
    config, oracles,
    phone::{Act, Phone},
    sip_text::Seen,
    world::World,
};

/// One call to this user by a phone, and the final answer to it.
fn refused(world: &mut World, phone: usize, user: &str) -> Seen {
    world.dial(phone, user);
    world.run(40_000);
    oracles::ask_all(world);
    assert!(world.records.is_empty(), "no call began");
    let is_final = |seen: &&Seen| !seen.inbound && seen.method() == "INVITE" && seen.status().is_some_and(|status| status >= 200);
    world.wire.iter().rev().find(is_final).cloned().expect("a final answer")
}

#[test]
fn a_stranger_gets_a_bare_403_and_the_log_names_the_nearest_trunk() {
    let mut world = World::new(1, 0);
    let phone = world.add_phone(Phone::new("+31201234999", SocketAddr::new(config::STRANGER, 5060), 500.0));
    let answer = refused(&mut world, phone, "100");
    assert_eq!((answer.status(), answer.header("Warning"), answer.header("Reason")), (Some(403), None, None));
    assert!(world.rejections[0].refusal.to_string().contains("nearest is trunk carrier"), "{:?}", world.rejections);
}

#[test]
fn a_trunk_is_told_why_by_warning_and_reason() {
    let mut world = World::new(1, 0);
    let caller = world.caller();
    let answer = refused(&mut world, caller, "999");
    assert_eq!(answer.status(), Some(404));
    assert!(
        answer.header("Warning").is_some_and(|warning| warning.starts_with("399 ") && warning.contains("no route for 999")),
        "{}",
        answer.text
    );
    assert!(answer.header("Reason").is_some_and(|reason| reason.contains("Q.850") && reason.contains("cause=1")), "{}", answer.text);
}

#[test]
fn a_codec_that_nobody_knows_is_488() {
    let mut world = World::new(1, 0);
    let caller = world.caller();
    world.phones[caller].codecs = vec![CodecKind::Opus];
    world.dial(caller, "100");
    world.run(60_000);
    assert_eq!(world.phones[caller].talk().refused, Some(488));
    oracles::ask_all(&world);
}

#[test]
fn a_node_that_drains_sends_new_calls_elsewhere_and_keeps_the_old() {
    let mut world = World::new(1, 0);
    let (first, second) = (world.caller(), world.caller());
    world.dial(first, "100");
    world.run(1_000);
    world.tell(AdminCommand::Drain);
    world.dial(second, "100");
    world.run(2_000);
    assert_eq!(world.phones[second].talk().refused, Some(503));
    assert!(world.phones[first].talk().ended.is_none());
    world.plan(first, 0, Act::HangUp);
    world.run(60_000);
    oracles::ask_all(&world);
}

#[test]
fn withheld_and_unknown_numbers_are_served_as_anybody() {
    let mut world = World::new(1, 0);
    let (withheld, odd) = (world.caller(), world.caller());
    world.phones[withheld].number.clear();
    world.phones[odd].number = "12".to_owned();
    for phone in [withheld, odd] {
        world.dial(phone, "100");
        world.plan(phone, 3_000, Act::HangUp);
        world.run(1_000);
        assert!(world.phones[phone].talk().answered.is_some());
    }
    world.run(60_000);
    oracles::ask_all(&world);
}

/// Someone who only says that he is a phone of ours, from outside of any trunk.
fn impostor(digest: bool, password: Option<&str>) -> World {
    let mut config = config::usual(0);
    config.guards.digest = digest;
    let mut world = World::with(1, config);
    let mut phone = Phone::new("desk7", SocketAddr::new(config::STRANGER, 5060), 500.0);
    phone.password = password.map(str::to_owned);
    let phone = world.add_phone(phone);
    world.dial(phone, "100");
    world.run(2_000);
    world
}

#[test]
fn whoever_claims_to_be_a_phone_of_ours_proves_it() {
    assert_eq!(impostor(true, None).phones[0].talk().refused, Some(401));
    assert!(impostor(true, Some("guess")).phones[0].talk().answered.is_none());
    assert!(impostor(true, Some(config::PASSWORD)).phones[0].talk().answered.is_some());
}

/// The proof of the digest, with the digest taken away: a wrong password gets in.
#[test]
fn without_the_digest_the_proof_fails() {
    let with = |digest| {
        let mut config = config::usual(0);
        config.guards.digest = digest;
        let mut world = World::with(1, config);
        let mut phone = Phone::new("desk7", SocketAddr::from(([10, 1, 0, 9], 5060)), 500.0);
        phone.password = Some("guess".to_owned());
        let phone = world.add_phone(phone);
        world.dial(phone, "100");
        world.run(2_000);
        world.phones[0].talk().answered.is_some()
    };
    assert!(!with(true));
    assert!(with(false));
}
