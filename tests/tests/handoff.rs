//! From the menu to an agent: the gate, and every way in which an agent does not take the call.

use std::time::Duration;

use gateway_core::{acd::AgentState, events::page::ClientMessage, events::record::Happened};
use tests::{
    config,
    desk::{Manner, Take},
    ears::WINDOW,
    oracles,
    phone::Act,
    shop::MUSIC_HZ,
    world::World,
};

/// A caller who asks for a person and hangs up so long after the answer.
fn caller(world: &mut World, talk_ms: u64) -> usize {
    let caller = world.caller();
    let ms = Duration::from_millis;
    world.phones[caller].habits = vec![(ms(500), Act::Press('0')), (ms(talk_ms), Act::HangUp)];
    world.dial(caller, "100");
    caller
}

/// One such caller, and one agent of this manner.
fn one_call(manner: Manner, talk_ms: u64) -> World {
    let mut world = World::new(7, 1);
    world.desks[0].manners = [manner].into();
    caller(&mut world, talk_ms);
    world
}

/// To the end of all timers, and then all oracles.
fn judge(world: &mut World) {
    world.run(150_000);
    oracles::ask_all(world);
}

/// When the card was said to be drawn, in ms after the offer, and whether the bridge was late.
fn handoffs(world: &World) -> Vec<(Option<u32>, bool)> {
    let handoff = |happened: &Happened| {
        let Happened::Handoff { acked_after_ms, late, .. } = happened else { return None };
        Some((*acked_after_ms, *late))
    };
    world.records.iter().filter_map(|record| handoff(&record.happened)).collect()
}

fn state(world: &World) -> Option<AgentState> {
    world.switch.agents().next().map(|agent| agent.state())
}

#[test]
fn an_agent_who_has_read_the_card_is_joined_at_the_accept() {
    let mut world = one_call(Manner::GOOD, 9_000);
    judge(&mut world);
    assert_eq!(handoffs(&world), [(Some(150), false)]);
    let visit = world.desks[0].visit();
    let (bridged, _) = visit.bridged.unwrap();
    assert_eq!(Some(bridged), visit.accepted, "at once");
    let (agent, caller) = (visit.line.ear.as_ref().unwrap(), world.phones[0].talk().line.ear.as_ref().unwrap());
    let end = world.phones[0].talk().ended.unwrap();
    assert!(agent.share(world.phones[0].hz, bridged + WINDOW * 3, end) > 0.95);
    assert!(caller.share(world.desks[0].hz, bridged + WINDOW * 3, end) > 0.95);
}

#[test]
fn an_accept_before_the_card_is_drawn_waits_for_it() {
    let mut world = one_call(Manner { ack: Some(1_500), ..Manner::GOOD }, 9_000);
    judge(&mut world);
    assert_eq!(handoffs(&world), [(Some(1_500), false)]);
    let visit = world.desks[0].visit();
    assert_eq!(visit.bridged.unwrap().0, visit.acked.unwrap());
    assert_eq!(visit.bridged.unwrap().0 - visit.accepted.unwrap(), Duration::from_millis(500));
}

#[test]
fn a_card_that_is_never_drawn_opens_the_gate_late_and_says_so() {
    let mut world = one_call(Manner { ack: None, ..Manner::GOOD }, 9_000);
    judge(&mut world);
    assert_eq!(handoffs(&world), [(None, true)]);
    let visit = world.desks[0].visit();
    assert_eq!(visit.bridged.unwrap().0 - visit.accepted.unwrap(), Duration::from_millis(800));
}

#[test]
fn an_ack_of_another_version_is_not_an_ack() {
    let mut world = one_call(Manner { ack: None, ..Manner::GOOD }, 9_000);
    world.run_until(5_000, "the desk rings", |world| !world.desks[0].visits.is_empty());
    let (call, context_id, at) = (world.desks[0].visit().call, world.desks[0].visit().card.context_id.clone(), world.instant);
    let old = ClientMessage::ContextAck { call, context_id, version: 0, rendered_ms: 1 };
    world.desks[0].say_at(at, old);
    world.run(20_000);
    assert_eq!(handoffs(&world), [(None, true)]);
}

/// The proof of the gate, with the gate taken away: the desk hears the caller with no card before it.
#[test]
fn without_the_gate_the_proof_fails() {
    let mut config = config::usual(1);
    config.guards.gate = false;
    let mut world = World::with(7, config);
    world.desks[0].manners = [Manner { ack: Some(1_500), ..Manner::GOOD }].into();
    caller(&mut world, 9_000);
    world.run(150_000);
    let found = oracles::verdicts(&world).join("\n");
    assert!(found.contains("no desk hears anybody before it accepts and the gate opens"), "{found}");
}

#[test]
fn an_agent_who_declines_is_asked_again_only_when_nobody_else_is_there() {
    let mut world = World::new(7, 2);
    world.desks[0].manners = [Manner { take: Take::Decline(500), ..Manner::GOOD }].into();
    caller(&mut world, 20_000);
    judge(&mut world);
    assert_eq!((world.desks[0].visits.len(), world.desks[1].visits.len()), (1, 1));
    assert_eq!(world.desks[1].visit().card.version, 2);
    assert!(world.desks[1].visit().bridged.is_some());
    assert_eq!(world.desks[1].visit().card.routing.tried, [world.desks[0].agent]);
}

#[test]
fn a_desk_that_rings_out_is_unreachable_and_the_caller_goes_on_to_the_next() {
    let mut world = World::new(7, 2);
    world.desks[0].manners = [Manner { take: Take::Ignore, ..Manner::GOOD }].into();
    caller(&mut world, 40_000);
    judge(&mut world);
    let (first, second) = (world.desks[0].visit(), world.desks[1].visit());
    assert_eq!(first.ended.unwrap() - first.offered, Duration::from_secs(15), "queue.ring_s");
    assert!(second.bridged.is_some());
    assert_eq!(state(&world), Some(AgentState::Unreachable));
}

#[test]
fn a_desk_that_closes_while_it_rings_loses_no_caller() {
    let mut world = World::new(7, 2);
    world.desks[0].manners = [Manner { take: Take::Close(700), ..Manner::GOOD }].into();
    caller(&mut world, 20_000);
    judge(&mut world);
    assert!(world.desks[1].visit().bridged.is_some());
}

#[test]
fn a_caller_for_whom_nobody_is_there_hears_music_and_then_a_goodbye() {
    let mut world = World::new(7, 0);
    caller(&mut world, 300_000);
    judge(&mut world);
    let talk = world.phones[0].talk();
    let waited = talk.ended.unwrap() - talk.answered.unwrap();
    assert!((60_000..64_000).contains(&waited.as_millis()), "queue.wait_max_s, {waited:?}");
    let ear = talk.line.ear.as_ref().unwrap();
    assert!(ear.share(MUSIC_HZ, talk.answered.unwrap() + Duration::from_secs(5), talk.ended.unwrap()) > 0.95);
}

#[test]
fn an_agent_lost_in_talk_leaves_the_caller_first_in_line() {
    let mut world = World::new(7, 1);
    world.desks[0].manners = [Manner { lost: Some(4_000), ..Manner::GOOD }].into();
    let mut config = config::usual(2);
    config.agents.swap(0, 1);
    caller(&mut world, 25_000);
    world.run(30_000);
    let talk = world.phones[0].talk();
    assert!(talk.answered.is_some() && world.desks[0].visit().bridged.is_some());
    let lost = world.desks[0].visit().ended.unwrap();
    let ear = talk.line.ear.as_ref().unwrap();
    assert!(ear.share(MUSIC_HZ, lost + WINDOW * 3, lost + Duration::from_secs(5)) > 0.95, "music again");
    judge(&mut world);
}

/// The page closes its media as it hangs up, and the shard's word overtakes the page's.
#[test]
fn a_goodbye_that_comes_after_the_media_has_gone_still_ends_the_call() {
    let mut world = World::new(7, 1);
    world.desks[0].manners = [Manner { talk: Some(3_000), ..Manner::GOOD }].into();
    caller(&mut world, 60_000);
    world.run_until(30_000, "they talk", |world| world.desks[0].visits.first().is_some_and(|visit| visit.bridged.is_some()));
    world.run(2_800);
    world.lose_path();
    world.run(5_000);
    judge(&mut world);
    assert_eq!(world.desks[0].visits.len(), 1, "the caller is not queued again");
    assert!(world.phones[0].talk().ended.is_some());
}

#[test]
fn a_media_path_that_is_gone_for_good_leaves_the_caller_first_in_line() {
    let mut world = World::new(7, 1);
    caller(&mut world, 30_000);
    world.run_until(30_000, "they talk", |world| world.desks[0].visits.first().is_some_and(|visit| visit.bridged.is_some()));
    world.lose_path();
    world.run(3_000);
    assert_eq!(state(&world), Some(AgentState::Unreachable));
    judge(&mut world);
}

#[test]
fn the_agent_holds_the_caller_with_music_and_comes_back() {
    let mut world = one_call(Manner { hold: Some((2_000, 5_000)), ..Manner::GOOD }, 15_000);
    judge(&mut world);
    let (from, to) = world.desks[0].visit().holds[0];
    let ear = world.phones[0].talk().line.ear.as_ref().unwrap();
    assert!(ear.share(MUSIC_HZ, from + WINDOW * 2, to.unwrap()) > 0.9);
}

#[test]
fn the_agent_hangs_up_and_the_caller_gets_a_bye() {
    let mut world = one_call(Manner { talk: Some(3_000), ..Manner::GOOD }, 60_000);
    judge(&mut world);
    assert_eq!(state(&world), Some(AgentState::Available), "wrapped up");
}

/// A desk says "available" of itself while it rings, as a page that was reloaded does.
#[test]
fn a_desk_that_rings_is_not_made_available_by_its_own_word() {
    let mut world = World::new(7, 1);
    world.desks[0].manners = [Manner { take: Take::Accept(6_000), ..Manner::GOOD }].into();
    caller(&mut world, 30_000);
    caller(&mut world, 30_000);
    world.run_until(5_000, "the desk rings", |world| !world.desks[0].visits.is_empty());
    let at = world.instant;
    world.desks[0].say_at(at, ClientMessage::Status { state: "available".to_owned() });
    world.run(3_000);
    assert_eq!(world.desks[0].visits.len(), 1, "one caller at a time");
    judge(&mut world);
}

#[test]
fn an_agent_who_skips_the_wrap_up_gives_the_reservation_back() {
    let mut world = one_call(Manner { wrapup: None, talk: Some(2_000), ..Manner::GOOD }, 60_000);
    world.run_until(20_000, "wraps up", |world| matches!(state(world), Some(AgentState::WrapUp(_))));
    let at = world.instant;
    world.desks[0].say_at(at, ClientMessage::Status { state: "available".to_owned() });
    world.run(100);
    assert_eq!(state(&world), Some(AgentState::Available));
    assert!(world.outside.reserved.is_empty());
    judge(&mut world);
}

#[test]
fn a_desk_that_closes_in_wrap_up_gives_the_reservation_back() {
    let mut world = one_call(Manner { wrapup: None, talk: Some(2_000), ..Manner::GOOD }, 60_000);
    world.run_until(20_000, "wraps up", |world| matches!(state(world), Some(AgentState::WrapUp(_))));
    let at = world.instant;
    world.desks[0].leave_at(at);
    world.run(100);
    assert!(world.outside.reserved.is_empty());
    judge(&mut world);
}

#[test]
fn a_reservation_that_comes_too_late_is_given_back() {
    let mut world = one_call(Manner::GOOD, 8_000);
    world.outside.manners.reserve = Some(Duration::from_millis(1_300));
    judge(&mut world);
    assert!(world.desks[0].visits.is_empty());
}

#[test]
fn a_reservation_that_outlives_its_call_is_given_back_as_it_comes() {
    let mut world = World::new(7, 1);
    (world.outside.manners.reserve, world.outside.manners.overtaken) = (Some(Duration::from_millis(900)), true);
    caller(&mut world, 12_000);
    world.run_until(5_000, "reserving", |world| world.switch.calls().any(|call| world.switch.phase_of(call) == Some("reserving")));
    world.plan(0, 0, Act::HangUp);
    world.run_until(800, "the call is gone", |world| world.switch.calls().count() == 0);
    assert_eq!(world.outside.coming.len(), 1, "the reservation is still on its way");
    world.run(900);
    assert!(world.outside.coming.is_empty() && world.outside.reserved.is_empty(), "{:?}", world.outside.reserved);
    judge(&mut world);
}

#[test]
fn a_desk_that_closes_while_it_is_being_reserved_is_not_waited_for() {
    let mut world = World::new(7, 2);
    world.outside.manners.reserve = Some(Duration::from_millis(200));
    caller(&mut world, 12_000);
    world.run_until(5_000, "reserving", |world| world.switch.calls().any(|call| world.switch.phase_of(call) == Some("reserving")));
    let at = world.instant;
    world.desks[0].leave_at(at);
    world.run(6_000);
    assert!(world.desks[1].visits.iter().any(|visit| visit.bridged.is_some()), "{}", world.ladder);
    judge(&mut world);
}
