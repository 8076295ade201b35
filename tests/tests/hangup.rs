//! Either side hangs up, at every phase of a call.

use std::time::Duration;

use gateway_core::{
    cause::Cause,
    events::record::{Happened, Record},
};
use tests::{
    desk::{Manner, Take},
    net::Link,
    oracles,
    phone::{Act, Answering},
    world::World,
};

/// The phases of a call that reaches an agent, with the moments of its life in ms after the dialling.
const LIFE_MS: std::ops::Range<u64> = 0..9_000;

/// A call whose every stage takes its time, so that a step of time falls into each.
fn slow_world(seed: u64) -> World {
    let mut world = World::new(seed, 1);
    world.outside.manners.identify = Some(Duration::from_millis(300));
    world.outside.manners.reserve = Some(Duration::from_millis(400));
    world.desks[0].manners = [Manner { ack: Some(2_000), take: Take::Accept(1_500), ..Manner::GOOD }].into();
    let caller = world.caller();
    world.connect(caller, Link { delay: Duration::from_millis(30), ..Link::GOOD });
    world.phones[caller].habits = vec![(Duration::from_millis(900), Act::Press('0'))];
    world.dial(caller, "100");
    world
}

/// The phase of the only call, or none.
fn phase(world: &World) -> &'static str {
    world.switch.calls().next().and_then(|call| world.switch.phase_of(call)).unwrap_or("none")
}

#[test]
fn a_caller_may_hang_up_in_every_phase() {
    let mut phases = std::collections::BTreeSet::new();
    for ms in LIFE_MS.step_by(90) {
        let mut world = slow_world(ms);
        world.run(ms);
        phases.insert(phase(&world));
        world.plan(0, 0, Act::HangUp);
        world.run(41_000);
        assert_eq!(world.switch.calls().count(), 0, "hung up after {ms} ms\n{}", world.ladder);
        world.run(40_000);
        let found = oracles::verdicts(&world);
        assert!(found.is_empty(), "hung up after {ms} ms: {found:?}\n{}", world.ladder);
    }
    let all = ["none", "arriving", "connecting", "serving", "queued", "reserving", "offering", "gate", "talking"];
    assert!(all.iter().filter(|phase| **phase != "queued").all(|phase| phases.contains(phase)), "{phases:?}");
}

#[test]
fn an_operator_may_hang_up_in_every_phase() {
    for ms in LIFE_MS.step_by(210) {
        let mut world = slow_world(ms);
        world.run(ms);
        for call in world.switch.calls().collect::<Vec<_>>() {
            world.tell(gateway_core::switch::AdminCommand::Hangup { call });
        }
        let had_call = world.phones[0].talk().answered.is_some() || phase(&world) == "ending";
        world.plan(0, 6_000, Act::HangUp);
        world.run(100_000);
        let found = oracles::verdicts(&world);
        assert!(found.is_empty(), "ended after {ms} ms, {had_call}: {found:?}\n{}", world.ladder);
    }
}

#[test]
fn a_desk_may_close_in_every_phase() {
    for ms in LIFE_MS.step_by(190) {
        let mut world = slow_world(ms);
        let at = world.at(ms);
        world.desks[0].leave_at(at);
        world.plan(0, 12_000, Act::HangUp);
        world.run(120_000);
        let found = oracles::verdicts(&world);
        assert!(found.is_empty(), "closed after {ms} ms: {found:?}\n{}", world.ladder);
    }
}

#[test]
fn either_phone_of_a_bridge_may_hang_up_in_every_phase() {
    for ms in (0..4_000).step_by(70) {
        for side in [0, 1] {
            let mut world = World::new(ms, 0);
            let caller = world.caller();
            let uas = world.uas();
            world.phones[uas].answering = Answering::Take(Duration::from_millis(1_000));
            world.dial(caller, "200");
            world.plan([caller, uas][side], ms, Act::HangUp);
            world.plan(caller, 5_000, Act::HangUp);
            world.run(120_000);
            let found = oracles::verdicts(&world);
            assert!(found.is_empty(), "side {side} after {ms} ms: {found:?}\n{}", world.ladder);
        }
    }
}

#[test]
fn a_file_that_never_closes_does_not_keep_the_call() {
    let mut world = slow_world(1);
    world.disk = tests::recorder::Disk::Hangs;
    world.plan(0, 3_000, Act::HangUp);
    world.run(3_000 + 6_000);
    assert_eq!(world.switch.calls().count(), 0, "5 s are enough");
    world.run(40_000);
    oracles::ask_all(&world);
}

#[test]
fn a_disk_that_is_full_is_written_down() {
    let mut world = slow_world(1);
    world.disk = tests::recorder::Disk::Full;
    world.plan(0, 3_000, Act::HangUp);
    world.run(60_000);
    assert!(world.ladder.mentions("recording_failed"));
    oracles::ask_all(&world);
}

#[test]
fn a_caller_who_never_acknowledges_is_given_up_after_32_s() {
    let mut world = World::new(3, 0);
    let caller = world.caller();
    world.dial(caller, "100");
    // Our 200 is on its way; the ACK will not come.
    world.run(27);
    assert_eq!(phase(&world), "connecting");
    world.connect(caller, Link { loss: 1_000, ..Link::GOOD });
    world.run(200_000);
    assert_eq!(world.switch.calls().count(), 0);
    assert!(world.ladder.mentions("\"sip\":408"), "{}", world.ladder);
}

#[test]
fn a_port_that_breaks_ends_its_call_politely_and_no_other() {
    let mut world = World::new(7, 2);
    for _ in 0..2 {
        let caller = world.caller();
        world.phones[caller].habits = vec![(Duration::from_millis(500), Act::Press('0'))];
        world.dial(caller, "100");
    }
    let talking = |world: &World| world.switch.calls().filter(|call| world.switch.phase_of(*call) == Some("talking")).count();
    world.run_until(20_000, "both talk", |world| talking(world) == 2);
    let port = *world.ports.keys().next().unwrap();
    world.break_port(port);
    world.run(1_000);
    assert_eq!(talking(&world), 1, "{}", world.ladder);
    let broken = |record: &&Record| matches!(record.happened, Happened::CallEnded { cause: Cause::BROKEN, crashed: false, .. });
    assert_eq!(world.records.iter().filter(broken).count(), 1);
    assert_eq!(world.phones.iter().filter(|phone| phone.talk().ended.is_some()).count(), 1, "its caller has heard goodbye");
    let caller = world.phones.iter().position(|phone| phone.talk().ended.is_none()).unwrap();
    world.plan(caller, 0, Act::HangUp);
    world.run(120_000);
    oracles::ask_all(&world);
}
