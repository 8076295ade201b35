//! From the menu to an agent: the gate, and every way in which an agent does not take the call.

use gateway_core::{acd::AgentState, events::record::Happened};
use tests::{
    config,
    desk::{Manner, Take},
    ears::WINDOW,
    oracles,
    phone::Act,
    world::World,
};

/// One caller who asks for a person, and one agent with this manner; a bound of time for all of it.
fn one_call(manner: Manner, talk_ms: u64) -> World {
    let mut world = World::new(7, 1);
    world.desks[0].manners = [manner].into();
    let caller = world.caller();
    world.phones[caller].habits = habits(talk_ms);
    world.dial(caller, "100");
    world
}

/// Presses 0 for a person, and hangs up so long after the answer.
fn habits(talk_ms: u64) -> Vec<(std::time::Duration, Act)> {
    let ms = std::time::Duration::from_millis;
    vec![(ms(500), Act::Press('0')), (ms(talk_ms), Act::HangUp)]
}

/// When media joined, after how many ms of the card's drawing, and whether late.
fn handoffs(world: &World) -> Vec<(Option<u32>, bool)> {
    let handoff = |happened: &Happened| match happened {
        Happened::Handoff { acked_after_ms, late, .. } => Some((*acked_after_ms, *late)),
        _ => None,
    };
    world.records.iter().filter_map(|record| handoff(&record.happened)).collect()
}

#[test]
fn an_agent_who_has_read_the_card_is_joined_at_the_accept() {
    let mut world = one_call(Manner::GOOD, 9_000);
    world.run(60_000);
    assert_eq!(handoffs(&world), [(Some(150), false)]);
    let visit = world.desks[0].visit();
    let (bridged, _) = visit.bridged.unwrap();
    assert_eq!(Some(bridged), visit.accepted, "at once");
    let (agent, caller) = (visit.line.ear.as_ref().unwrap(), world.phones[0].talk().line.ear.as_ref().unwrap());
    let end = world.phones[0].talk().ended.unwrap();
    assert!(agent.share(world.phones[0].hz, bridged + WINDOW * 3, end) > 0.95);
    assert!(caller.share(world.desks[0].hz, bridged + WINDOW * 3, end) > 0.95);
    oracles::ask_all(&world);
}
