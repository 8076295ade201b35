//! Agents without a browser, and users with several phones: all ring, one has the call.

use std::{net::SocketAddr, time::Duration};

use gateway_core::{acd::AgentState, config::Config, events::record::Happened};
use tests::{
    config,
    desk::{Manner, Take},
    ears::WINDOW,
    oracles,
    phone::{Act, Answering, Phone},
    world::World,
};

/// One agent, who has the phone `desk7`.
fn config() -> Config {
    let mut config = config::usual(1);
    config.agents[0].phone = Some("desk7".to_owned());
    config.routes[1].action = gateway_core::config::RouteAction::Bridge("sip:desk7@tandem".to_owned());
    config
}

fn world() -> World {
    World::with(21, config())
}

/// The n-th phone of the user desk7, behind no trunk.
fn handset(world: &mut World, n: u8, answering: Answering) -> usize {
    let sip = SocketAddr::from(([10, 4, 0, 1 + n], 5060));
    let mut phone = Phone::new(&format!("desk7-{n}"), sip, 1_600.0 + 100.0 * f64::from(n));
    phone.answering = answering;
    world.add_phone(phone)
}

fn after(ms: u64) -> Answering {
    Answering::Take(Duration::from_millis(ms))
}

/// A caller who asks the menu for a person.
fn caller(world: &mut World, talk_ms: u64) -> usize {
    let caller = world.caller();
    let ms = Duration::from_millis;
    world.phones[caller].habits = vec![(ms(500), Act::Press('0')), (ms(talk_ms), Act::HangUp)];
    world.dial(caller, "100");
    caller
}

/// How much of the other's tone each heard, from the later answer to the earlier end.
fn both_ways(world: &World, one: usize, other: usize) -> (f64, f64) {
    let (first, second) = (&world.phones[one], &world.phones[other]);
    let from = first.talk().answered.max(second.talk().answered).unwrap() + WINDOW * 5;
    let to = first.talk().ended.min(second.talk().ended).unwrap();
    let heard = |ear: usize, hz: f64| world.phones[ear].talk().line.ear.as_ref().unwrap().share(hz, from, to);
    (heard(one, second.hz), heard(other, first.hz))
}

fn state(world: &World) -> Option<AgentState> {
    world.switch.agents().next().map(|agent| agent.state())
}

#[test]
fn an_agent_with_a_phone_alone_takes_a_call_by_lifting_it() {
    let mut world = world();
    let phone = handset(&mut world, 0, after(900));
    assert_eq!(state(&world), None, "nobody is there before the phone is");
    world.register(phone, "desk7", 3_600);
    assert_eq!(state(&world), Some(AgentState::Available));
    let caller = caller(&mut world, 8_000);
    world.run(4_000);
    assert!(matches!(state(&world), Some(AgentState::Talking(_))), "{}", world.ladder);
    world.run(6_000);
    assert!(matches!(state(&world), Some(AgentState::WrapUp(_))));
    world.run(30_000);
    assert_eq!(state(&world), Some(AgentState::Available), "the wrap-up has an end");
    world.run(60_000);
    oracles::ask_of_wires(&world);
    let (caller_hears, agent_hears) = both_ways(&world, caller, phone);
    assert!(caller_hears > 0.95 && agent_hears > 0.95, "{caller_hears} {agent_hears}\n{}", world.ladder);
}

#[test]
fn the_invite_carries_the_caller_and_the_way_to_the_story_before_any_voice() {
    let mut world = world();
    let phone = handset(&mut world, 0, after(900));
    world.register(phone, "desk7", 3_600);
    caller(&mut world, 8_000);
    world.run(60_000);
    let invite = world.wire.iter().find(|seen| !seen.inbound && seen.is_request("INVITE")).unwrap();
    let call = world.records[0].call;
    assert_eq!(invite.caller(), config::number(1));
    assert_eq!(invite.header("Call-Info"), Some(format!("<http://localhost:8080/agent?call={}>;purpose=info", call.0).as_str()));
    assert!(invite.header("User-to-User").is_some() && invite.header("X-Context-Ref").is_some(), "{}", invite.text);
    let handoff = world.records.iter().find_map(|record| match &record.happened {
        Happened::Handoff { acked_after_ms, late, .. } => Some((*acked_after_ms, *late)),
        _ => None,
    });
    let Some((Some(delivered_ms), false)) = handoff else { panic!("{handoff:?}") };
    assert!(delivered_ms < 100, "the first 180 says that the INVITE is there: {delivered_ms} ms");
}

#[test]
fn all_phones_of_an_agent_ring_and_the_first_to_answer_has_the_call() {
    let mut world = world();
    let slow = handset(&mut world, 0, after(3_000));
    let quick = handset(&mut world, 1, after(900));
    world.register(slow, "desk7", 3_600);
    world.register(quick, "desk7", 3_600);
    let caller = caller(&mut world, 8_000);
    world.run(90_000);
    oracles::ask_of_wires(&world);
    assert!(world.phones[quick].talk().answered.is_some());
    assert_eq!((world.phones[slow].talk().answered, world.phones[slow].talk().refused), (None, Some(487)));
    let (caller_hears, agent_hears) = both_ways(&world, caller, quick);
    assert!(caller_hears > 0.95 && agent_hears > 0.95, "{caller_hears} {agent_hears}");
    let cancel = world.wire.iter().find(|seen| !seen.inbound && seen.is_request("CANCEL")).unwrap();
    assert_eq!(cancel.header("Reason"), Some("SIP;cause=200;text=\"Call completed elsewhere\""));
}

#[test]
fn two_phones_lifted_at_once_leave_one_in_the_call_and_hang_up_the_other() {
    for ms in (880..920).step_by(2) {
        let mut world = world();
        let phones = [handset(&mut world, 0, after(900)), handset(&mut world, 1, after(ms))];
        phones.iter().for_each(|phone| world.register(*phone, "desk7", 3_600));
        let caller = caller(&mut world, 6_000);
        world.run(90_000);
        oracles::ask_of_wires(&world);
        let talked = |phone: usize| {
            let talk = world.phones[phone].talk();
            talk.answered.zip(talk.ended).is_some_and(|(from, to)| to - from > Duration::from_secs(3))
        };
        assert_eq!(phones.into_iter().filter(|phone| talked(*phone)).count(), 1, "{ms} ms\n{}", world.ladder);
        assert!(world.phones[caller].talk().answered.is_some());
    }
}

#[test]
fn a_desk_and_a_phone_ring_together_and_either_takes_the_call() {
    for (desk_takes, phone_ms) in [(true, 5_000), (false, 700)] {
        let mut world = world();
        let phone = handset(&mut world, 0, after(phone_ms));
        world.desk(world.config.agents[0].id);
        world.desks[0].manners = [Manner { take: Take::Accept(1_500), ..Manner::GOOD }].into();
        world.run(500);
        world.register(phone, "desk7", 3_600);
        caller(&mut world, 8_000);
        world.run(120_000);
        oracles::ask_of_wires(&world);
        assert_eq!(world.desks[0].visits.len(), 1, "the desk rang\n{}", world.ladder);
        assert_eq!(world.desks[0].visit().bridged.is_some(), desk_takes, "{}", world.ladder);
        assert_eq!(world.phones[phone].talk().answered.is_some(), !desk_takes, "{}", world.ladder);
    }
}

#[test]
fn a_phone_that_refuses_is_left_in_peace_for_a_while_and_the_caller_keeps_the_place() {
    let mut world = world();
    let phone = handset(&mut world, 0, Answering::Refuse(486, Duration::from_millis(50)));
    world.register(phone, "desk7", 3_600);
    caller(&mut world, 50_000);
    world.run(25_000);
    assert_eq!((state(&world), world.phones[phone].talks.len()), (Some(AgentState::Unreachable), 1), "{}", world.ladder);
    world.phones[phone].answering = after(500);
    world.run(12_000);
    assert!(matches!(state(&world), Some(AgentState::Talking(_))), "{}", world.ladder);
    world.run(120_000);
    oracles::ask_of_wires(&world);
}

#[test]
fn a_phone_that_is_gone_is_an_agent_who_is_gone() {
    let mut world = world();
    let phone = handset(&mut world, 0, after(500));
    world.register(phone, "desk7", 60);
    assert_eq!(state(&world), Some(AgentState::Available));
    world.run(61_000);
    assert_eq!(state(&world), None, "the binding ran out");
    world.register(phone, "desk7", 60);
    world.register(phone, "desk7", 0);
    assert_eq!(state(&world), None, "it said goodbye");
}

#[test]
fn a_number_that_is_bridged_to_a_user_rings_where_the_user_is() {
    let mut world = world();
    let phone = handset(&mut world, 0, after(500));
    let caller = world.caller();
    world.dial(caller, "200");
    world.run(5_000);
    assert_eq!(world.phones[caller].talk().refused, Some(480), "not registered\n{}", world.ladder);
    world.register(phone, "desk7", 3_600);
    world.dial(caller, "200");
    world.plan(caller, 6_000, Act::HangUp);
    world.run(90_000);
    oracles::ask_of_wires(&world);
    let (caller_hears, user_hears) = both_ways(&world, caller, phone);
    assert!(caller_hears > 0.95 && user_hears > 0.95, "{caller_hears} {user_hears}");
}

#[test]
fn a_phone_in_a_browser_and_one_on_the_table_are_each_called_by_what_they_speak() {
    let mut world = world();
    let phones = [handset(&mut world, 0, after(2_000)), handset(&mut world, 1, Answering::Ring)];
    world.register(phones[0], "desk7", 3_600);
    world.register_in_browser(phones[1], "desk7");
    let caller = world.caller();
    world.dial(caller, "200");
    world.run(1_000);
    for (phone, speaks) in [(phones[0], " RTP/AVP "), (phones[1], " UDP/TLS/RTP/SAVPF ")] {
        let to = world.phones[phone].sip;
        let invites = world.wire.iter().filter(|seen| !seen.inbound && seen.peer == to && seen.text.starts_with("INVITE "));
        let offers: Vec<_> = invites.map(|seen| seen.text.contains(speaks)).collect();
        assert!(!offers.is_empty() && offers.iter().all(|fits| *fits), "{speaks}: {offers:?}\n{}", world.ladder);
    }
    world.plan(caller, 6_000, Act::HangUp);
    world.run(90_000);
    // The peer that nobody answered is closed with the rest.
    oracles::ask_of_wires(&world);
    let (caller_hears, user_hears) = both_ways(&world, caller, phones[0]);
    assert!(caller_hears > 0.95 && user_hears > 0.95, "{caller_hears} {user_hears}\n{}", world.ladder);
}

#[test]
fn a_phone_that_wants_no_srtp_rings_in_the_clear_by_a_websocket_too() {
    let mut config = config();
    config.phones.iter_mut().for_each(|phone| phone.srtp.wanted = media::sdp::Srtp::None);
    let mut world = World::with(22, config);
    let phone = handset(&mut world, 0, after(500));
    world.register_in_browser(phone, "desk7");
    let caller = world.caller();
    world.dial(caller, "200");
    world.plan(caller, 6_000, Act::HangUp);
    world.run(90_000);
    oracles::ask_of_wires(&world);
    let (caller_hears, user_hears) = both_ways(&world, caller, phone);
    assert!(caller_hears > 0.95 && user_hears > 0.95, "{caller_hears} {user_hears}\n{}", world.ladder);
}
