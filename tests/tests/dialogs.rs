//! Dialogs as phones lead them: early media, every kind of hold, ends that die without a word.

use std::time::Duration;

use gateway_core::{cause::Cause, events::record::Happened};
use media::sdp::Flow;
use tests::{
    ears::WINDOW,
    net::Link,
    oracles,
    phone::{Act, Answering},
    world::{UAS_HZ, World},
};

/// Nothing gets through, either way.
const DEAD: Link = Link { delay: Duration::ZERO, jitter: Duration::ZERO, loss: 1_000 };

/// A caller of the bridged number, and who is rung.
fn two_phones(answering: Answering) -> World {
    let mut world = World::new(17, 0);
    let caller = world.caller();
    let uas = world.uas();
    world.phones[uas].answering = answering;
    world.dial(caller, "200");
    world
}

fn taken_at_once() -> World {
    two_phones(Answering::Take(Duration::from_millis(400)))
}

/// How much of that time, in ms since the start, the n-th phone heard this tone.
fn share(world: &World, phone: usize, hz: f64, from: u64, to: u64) -> f64 {
    world.phones[phone].talk().line.ear.as_ref().expect("media was agreed").share(hz, world.at(from), world.at(to))
}

fn hears(world: &World, phone: usize, hz: f64, from: u64, to: u64) {
    let share = share(world, phone, hz, from, to);
    assert!(share > 0.95, "phone {phone} hears {hz} Hz for {share} of {from}..{to}\n{}", world.ladder);
}

fn is_deaf_to(world: &World, phone: usize, hz: f64, from: u64, to: u64) {
    let share = share(world, phone, hz, from, to);
    assert!(share < 0.05, "phone {phone} hears {hz} Hz for {share} of {from}..{to}\n{}", world.ladder);
}

/// Why calls ended, in order.
fn ends(world: &World) -> Vec<Cause> {
    let ended = |happened: &Happened| match happened {
        Happened::CallEnded { cause, .. } => Some(*cause),
        _ => None,
    };
    world.records.iter().filter_map(|record| ended(&record.happened)).collect()
}

#[test]
fn the_caller_hears_the_called_network_before_anybody_answers_and_a_180_after_that_changes_nothing() {
    let mut world = two_phones(Answering::Early(Duration::from_millis(300), Duration::from_millis(4_000)));
    world.run(5_000);
    hears(&world, 0, UAS_HZ, 800, 3_900);
    assert_eq!(world.phones[0].talk().heard, [180, 183, 180], "{}", world.ladder);
    assert!(world.phones[0].talk().answered.is_some_and(|at| at >= world.at(3_900)), "{}", world.ladder);
    world.run(2_000);
    hears(&world, 0, UAS_HZ, 4_400, 6_900);
    let hz = world.phones[0].hz;
    hears(&world, 1, hz, 4_400, 6_900);
    world.plan(0, 0, Act::HangUp);
    world.run(40_000);
    assert_eq!(ends(&world).len(), 1);
}

#[test]
fn a_caller_who_gives_up_during_early_media_leaves_nothing_behind() {
    let mut world = two_phones(Answering::Early(Duration::from_millis(300), Duration::from_secs(60)));
    world.plan(0, 3_000, Act::HangUp);
    world.run(90_000);
    assert_eq!(world.phones[0].talk().refused, Some(487), "{}", world.ladder);
    assert_eq!((world.switch.sip_load(), ends(&world).len()), ((0, 0), 1));
}

#[test]
fn a_call_that_goes_through_has_one_hop_less_to_go() {
    let mut world = taken_at_once();
    world.phones[0].headers = vec![("Max-Forwards".to_owned(), "7".to_owned())];
    world.run(2_000);
    let hops = |inbound| {
        let invite = world.wire.iter().find(|seen| seen.inbound == inbound && seen.is_request("INVITE")).unwrap();
        invite.header("Max-Forwards").unwrap().to_owned()
    };
    assert_eq!((hops(true).as_str(), hops(false).as_str()), ("7", "6"), "{}", world.ladder);
}

#[test]
fn whoever_holds_with_music_is_heard_and_hears_nothing() {
    for holder in [0, 1] {
        let mut world = taken_at_once();
        world.plan(holder, 3_000, Act::Direct(Flow::SendOnly));
        world.plan(holder, 6_000, Act::Direct(Flow::SendRecv));
        world.run(9_000);
        let hz = [world.phones[0].hz, UAS_HZ];
        let other = 1 - holder;
        hears(&world, other, hz[holder], 3_400, 8_900);
        is_deaf_to(&world, holder, hz[other], 3_400, 5_900);
        hears(&world, holder, hz[other], 6_400, 8_900);
        world.plan(0, 0, Act::HangUp);
        world.run(60_000);
        assert_eq!(ends(&world).len(), 1);
    }
}

#[test]
fn a_silent_hold_is_silent_both_ways_and_outlasts_every_media_timeout() {
    for holder in [0, 1] {
        let mut world = taken_at_once();
        world.plan(holder, 3_000, Act::Hold(true));
        world.plan(holder, 200_000, Act::Hold(false));
        world.run(205_000);
        let hz = [world.phones[0].hz, UAS_HZ];
        for phone in [0, 1] {
            is_deaf_to(&world, phone, hz[1 - phone], 3_400, 199_000);
            hears(&world, phone, hz[1 - phone], 200_600, 204_900);
        }
        assert_eq!(ends(&world), []);
    }
}

#[test]
fn a_phone_that_suppresses_silence_is_asked_and_stays() {
    let mut world = taken_at_once();
    world.plan(0, 2_000, Act::Mute(true));
    world.plan(0, 120_000, Act::Mute(false));
    world.run(125_000);
    assert!(world.ladder.to_string().contains("OPTIONS"), "it is asked\n{}", world.ladder);
    assert_eq!(ends(&world), []);
    let hz = world.phones[0].hz;
    hears(&world, 1, hz, 121_000, 124_900);
}

#[test]
fn a_phone_whose_network_dies_is_found_out_by_its_silence_and_the_other_is_told() {
    for dead in [0, 1] {
        let mut world = taken_at_once();
        world.run(3_000);
        world.connect(dead, DEAD);
        // 10 s of silence, as this world has it, and 32 s for the question.
        world.run(50_000);
        assert_eq!(ends(&world), [Cause::MEDIA_LOST], "{}", world.ladder);
        let other = world.phones[1 - dead].talk();
        assert!(other.ended.is_some_and(|at| at <= world.at(48_000)), "{}", world.ladder);
        world.run(60_000);
        assert_eq!(world.switch.sip_load(), (0, 0));
    }
}

#[test]
fn two_phones_that_die_on_hold_are_found_out_by_the_session_timer() {
    let mut world = taken_at_once();
    world.plan(0, 2_000, Act::Hold(true));
    world.run(5_000);
    world.connect(0, DEAD);
    world.connect(1, DEAD);
    world.run(1_900_000);
    assert_eq!(ends(&world).len(), 1, "{}", world.ladder);
    assert_eq!(world.switch.sip_load(), (0, 0));
}

#[test]
fn a_call_of_an_hour_is_refreshed_and_its_voice_is_not_troubled() {
    let mut world = taken_at_once();
    world.run(3_600_000);
    assert_eq!(ends(&world), []);
    let now = 3_600_000;
    let hz = world.phones[0].hz;
    hears(&world, 0, UAS_HZ, now - 3_000, now - 100);
    hears(&world, 1, hz, now - 3_000, now - 100);
    world.plan(0, 0, Act::HangUp);
    world.run(60_000);
    oracles::ask_all(&world);
    let talk = world.phones[0].talk();
    assert!(talk.ended.unwrap() - talk.answered.unwrap() > WINDOW);
}
