//! Flows of the catalogues through the whole gateway: RFC 3665, 3725, 5359 and 5407, each judged by every oracle and by ear.

use std::time::Duration;

use media::sdp::Flow;
use tests::{
    carrier::{Carrier, Will},
    oracles,
    phone::{Act, Answering},
    world::{UAS_HZ, World},
};

/// The one who is called, and the one who calls.
const CALLED: usize = 0;
const CALLER: usize = 1;

fn two_phones(answering: Answering) -> World {
    let mut world = World::new(23, 0);
    assert_eq!((world.uas(), world.caller()), (CALLED, CALLER));
    world.phones[CALLED].answering = answering;
    world.dial(CALLER, "200");
    world
}

fn taken() -> World {
    two_phones(Answering::Take(Duration::from_millis(400)))
}

fn judge(mut world: World) -> World {
    world.plan(CALLER, 10_000, Act::HangUp);
    world.run(240_000);
    oracles::ask_all(&world);
    world
}

fn share(world: &World, phone: usize, hz: f64, from: u64, to: u64) -> f64 {
    world.phones[phone].talk().line.ear.as_ref().expect("media was agreed").share(hz, world.at(from), world.at(to))
}

#[test]
fn rfc_3665_3_1_a_call_is_made_and_both_hear_each_other() {
    let world = judge(taken());
    let hz = world.phones[CALLER].hz;
    assert!(share(&world, CALLER, UAS_HZ, 1_000, 9_900) > 0.95, "{}", world.ladder);
    assert!(share(&world, CALLED, hz, 1_000, 9_900) > 0.95, "{}", world.ladder);
}

#[test]
fn rfc_3665_3_8_nobody_answers_and_the_caller_gives_up() {
    let world = judge(two_phones(Answering::Ring));
    assert_eq!((world.phones[CALLER].talk().refused, world.phones[CALLED].talk().refused), (Some(487), Some(487)), "{}", world.ladder);
}

#[test]
fn rfc_3665_3_9_and_3_11_busy_and_unavailable_are_told_as_they_are() {
    for status in [486, 480] {
        let world = judge(two_phones(Answering::Refuse(status, Duration::from_millis(400))));
        assert_eq!(world.phones[CALLER].talk().refused, Some(status), "{}", world.ladder);
    }
}

#[test]
fn rfc_3665_3_10_a_phone_that_is_not_there_costs_the_caller_no_more_than_timer_b() {
    let mut world = taken();
    world.phones[CALLED].carrier = Carrier::new(vec![Will::Silent]);
    world.run(34_000);
    let talk = world.phones[CALLER].talk();
    assert!(talk.refused.is_some() || talk.ended.is_some(), "{}", world.ladder);
    judge(world);
}

#[test]
fn rfc_3725_an_invite_without_an_offer_is_answered_by_an_offer_and_heard_after_its_ack() {
    let mut world = taken();
    world.phones[CALLER].offers_late = true;
    let world = judge(world);
    let invite = world.wire.iter().find(|seen| seen.inbound && seen.is_request("INVITE")).expect("it called");
    assert_eq!(invite.header("Content-Type"), None);
    let hz = world.phones[CALLER].hz;
    assert!(share(&world, CALLER, UAS_HZ, 1_000, 9_900) > 0.95, "{}", world.ladder);
    assert!(share(&world, CALLED, hz, 1_000, 9_900) > 0.95, "{}", world.ladder);
}

#[test]
fn rfc_5359_2_1_the_called_phone_holds_with_its_music_and_comes_back() {
    let mut world = taken();
    world.plan(CALLED, 3_000, Act::Direct(Flow::SendOnly));
    world.plan(CALLED, 6_000, Act::Direct(Flow::SendRecv));
    let world = judge(world);
    let hz = world.phones[CALLER].hz;
    assert!(share(&world, CALLER, UAS_HZ, 1_000, 9_900) > 0.95, "its music\n{}", world.ladder);
    assert!(share(&world, CALLED, hz, 3_400, 5_900) < 0.05, "held\n{}", world.ladder);
    assert!(share(&world, CALLED, hz, 6_500, 9_900) > 0.95, "and back\n{}", world.ladder);
}

#[test]
fn rfc_5407_3_1_2_a_cancel_that_crosses_the_200_leaves_no_call_and_no_port() {
    let mut world = two_phones(Answering::Take(Duration::from_millis(1_000)));
    world.phones[CALLED].carrier = Carrier::new(vec![Will::Slow("CANCEL", Duration::from_millis(500))]);
    world.plan(CALLER, 900, Act::HangUp);
    let world = judge(world);
    assert_eq!(world.phones[CALLER].talk().refused, Some(487));
    let is_hung_up = world.wire.iter().any(|seen| !seen.inbound && seen.is_request("BYE"));
    assert!(is_hung_up && world.phones[CALLED].talk().ended.is_some(), "{}", world.ladder);
}

#[test]
fn rfc_5407_3_2_1_byes_of_the_same_millisecond_are_each_answered_and_booked_once() {
    for apart in 0..12 {
        let mut world = taken();
        world.plan(CALLER, 4_000, Act::HangUp);
        world.plan(CALLED, 4_000 + apart, Act::HangUp);
        judge(world);
    }
}
