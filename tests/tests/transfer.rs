//! Calls that are handed on: blind and attended (RFC 5589), refused and failed, and places taken over (RFC 3891); proven by who hears whom.

use std::{net::SocketAddr, time::Duration};

use gateway_core::{
    acd::AgentState,
    config::{self as settings, Config, RouteAction},
    events::record::Happened,
    private::Private,
};
use tests::{
    config::{self, GATEWAY, PASSWORD},
    oracles,
    phone::{Act, Answering, Phone},
    shop::MUSIC_HZ,
    world::World,
};

/// Agent 1 has the phone desk7; desk8 is a colleague's, at 208; the carrier may hand calls on.
fn config() -> Config {
    let mut config = config::usual(1);
    config.agents[0].phone = Some("desk7".to_owned());
    config.trunks[0].transfer = true;
    let password = Private(PASSWORD.to_owned());
    config.phones.push(settings::Phone {
        user: "desk8".to_owned(),
        realm: "tandem".to_owned(),
        password,
        transfer: true,
        srtp: settings::SrtpPolicy::PHONE,
        codecs: config.phones[0].codecs.clone(),
    });
    let bridge = RouteAction::Bridge("sip:desk8@tandem".to_owned());
    config.routes.push(settings::Route { dialled: "208".to_owned(), trunk: None, action: bridge, record: false });
    config
}

const AGENT: usize = 0;
const COLLEAGUE: usize = 1;

/// The agent's phone and the colleague's, both registered.
fn world_of(config: Config) -> World {
    let mut world = World::with(33, config);
    for (n, user) in [(1_u8, "desk7"), (2, "desk8")] {
        let sip = SocketAddr::from(([10, 4, 0, n], 5060));
        let mut phone = Phone::new(user, sip, 1_500.0 + 100.0 * f64::from(n));
        phone.answering = Answering::Take(Duration::from_millis(500));
        let phone = world.add_phone(phone);
        world.register(phone, user, 3_600);
    }
    world
}

/// A caller who has come through the menu to the agent's phone, and talks.
fn talking() -> (World, usize) {
    let mut world = world_of(config());
    let caller = world.caller();
    world.phones[caller].habits = vec![(Duration::from_millis(500), Act::Press('0'))];
    world.dial(caller, "100");
    world.run_until(8_000, "the agent talks", |world| matches!(state(world), Some(AgentState::Talking(_))));
    world.run(2_000);
    (world, caller)
}

fn blind(to: &str) -> Act {
    Act::Refer { call: 0, to: to.to_owned(), replacing: None }
}

fn to_colleague() -> Act {
    blind(&format!("sip:208@{GATEWAY}"))
}

fn state(world: &World) -> Option<AgentState> {
    world.switch.agents().next().map(|agent| agent.state())
}

/// The share of the last `ms` in which the latest call of `ear` heard the tone of `mouth`.
fn hears(world: &World, ear: usize, mouth: usize, ms: u64) -> f64 {
    hears_hz(world, ear, world.phones[mouth].hz, ms)
}

fn hears_hz(world: &World, ear: usize, hz: f64, ms: u64) -> f64 {
    let to = world.instant - Duration::from_millis(200);
    world.phones[ear].talk().line.ear.as_ref().map_or(0.0, |ear| ear.share(hz, to - Duration::from_millis(ms), to))
}

#[track_caller]
fn assert_both_hear(world: &World, one: usize, other: usize) {
    let heard = (hears(world, one, other, 1_500), hears(world, other, one, 1_500));
    assert!(heard.0 > 0.95 && heard.1 > 0.95, "{heard:?}\n{}", world.ladder);
}

fn judge(world: &mut World) {
    world.run(200_000);
    oracles::ask_of_wires(world);
}

fn transfers(world: &World) -> usize {
    world.records.iter().filter(|record| matches!(record.happened, Happened::Transferred { .. })).count()
}

#[test]
fn an_agent_hands_a_caller_to_a_colleague_without_asking() {
    let (mut world, caller) = talking();
    assert_both_hear(&world, caller, AGENT);
    world.phones[COLLEAGUE].answering = Answering::Take(Duration::from_millis(2_000));
    world.plan(AGENT, 0, to_colleague());
    world.run(1_500);
    assert!(hears_hz(&world, caller, MUSIC_HZ, 500) > 0.5, "music meanwhile\n{}", world.ladder);
    world.run(4_000);
    assert_both_hear(&world, caller, COLLEAGUE);
    assert_eq!(world.phones[AGENT].notified, [180, 200]);
    assert!(world.phones[AGENT].talk().ended.is_some());
    assert!(matches!(state(&world), Some(AgentState::WrapUp(_))));
    assert_eq!(transfers(&world), 1);
    let invite = world.wire.iter().rev().find(|seen| !seen.inbound && seen.is_request("INVITE")).unwrap();
    assert_eq!(invite.header("Referred-By"), Some("<sip:10.4.0.1:5060>"));
    assert!(invite.header("User-to-User").is_some(), "the story goes along\n{}", invite.text);
    world.plan(COLLEAGUE, 0, Act::HangUp);
    judge(&mut world);
    assert!(world.phones[caller].talk().ended.is_some());
}

#[test]
fn a_colleague_who_is_busy_brings_the_old_call_back() {
    let (mut world, caller) = talking();
    world.phones[COLLEAGUE].answering = Answering::Refuse(486, Duration::from_millis(300));
    world.plan(AGENT, 0, to_colleague());
    world.run(4_000);
    assert_eq!(world.phones[AGENT].notified, [180, 486]);
    assert_both_hear(&world, caller, AGENT);
    assert!(matches!(state(&world), Some(AgentState::Talking(_))));
    world.plan(caller, 0, Act::HangUp);
    judge(&mut world);
}

#[test]
fn a_caller_whose_agent_left_at_once_waits_for_another_when_the_transfer_fails() {
    let (mut world, caller) = talking();
    world.phones[COLLEAGUE].answering = Answering::Refuse(486, Duration::from_millis(1_000));
    world.plan(AGENT, 0, to_colleague());
    world.plan(AGENT, 200, Act::HangUp);
    world.run(2_500);
    let told = world.wire.iter().filter(|seen| !seen.inbound && seen.is_request("NOTIFY") && seen.text.contains("SIP/2.0 486"));
    assert_eq!(told.count(), 1, "told though it has hung up\n{}", world.ladder);
    assert!(world.phones[caller].talk().ended.is_none());
    let call = world.switch.calls().next().unwrap();
    assert_eq!(world.switch.phase_of(call), Some("queued"));
    world.run(15_000);
    assert_eq!(world.phones[AGENT].talks.len(), 2, "after the wrap-up it is the same agent again\n{}", world.ladder);
    world.plan(caller, 0, Act::HangUp);
    judge(&mut world);
}

#[test]
fn a_caller_who_hangs_up_while_the_colleague_rings_ends_it_for_all() {
    let (mut world, caller) = talking();
    world.phones[COLLEAGUE].answering = Answering::Ring;
    world.plan(AGENT, 0, to_colleague());
    world.plan(caller, 1_000, Act::HangUp);
    judge(&mut world);
    assert_eq!(world.phones[AGENT].notified, [180, 487]);
    assert_eq!(world.phones[COLLEAGUE].talk().refused, Some(487));
}

#[test]
fn a_colleague_who_never_answers_is_given_up_after_a_minute() {
    let (mut world, caller) = talking();
    world.phones[COLLEAGUE].answering = Answering::Ring;
    world.plan(AGENT, 0, to_colleague());
    world.run(63_000);
    assert_eq!(world.phones[AGENT].notified.last(), Some(&480));
    assert_both_hear(&world, caller, AGENT);
    world.plan(caller, 0, Act::HangUp);
    judge(&mut world);
}

#[test]
fn a_caller_can_be_handed_back_to_the_menu() {
    let (mut world, caller) = talking();
    world.plan(AGENT, 0, blind(&format!("sip:100@{GATEWAY}")));
    world.run(1_500);
    let call = world.switch.calls().next().unwrap();
    assert_eq!(world.switch.phase_of(call), Some("serving"), "{}", world.ladder);
    assert_eq!(world.phones[AGENT].notified, [200]);
    world.plan(caller, 0, Act::HangUp);
    judge(&mut world);
}

#[test]
fn nobody_is_handed_on_from_a_menu_or_against_the_policy_or_to_strangers() {
    let mut world = world_of(config());
    let caller = world.caller();
    world.dial(caller, "100");
    world.run(2_000);
    world.plan(caller, 0, to_colleague());
    world.run(1_000);
    assert_eq!(world.phones[caller].notified, [603], "in the menu");
    world.plan(caller, 0, Act::HangUp);
    judge(&mut world);

    let (mut world, caller) = talking();
    let own_dialog = Act::Refer { call: 0, to: "sip:premium@172.16.0.9".to_owned(), replacing: Some(0) };
    let elsewhere = ["sip:premium@172.16.0.9", "sip:desk8@172.16.0.9", "sip:desk8@evil.tld"].map(blind);
    for (told, act) in elsewhere.into_iter().chain([own_dialog]).enumerate() {
        world.plan(AGENT, 0, act);
        world.run(1_000);
        assert_eq!(world.phones[AGENT].notified, vec![403; told + 1], "no trunk speaks for that address\n{}", world.ladder);
    }
    let stranger = SocketAddr::from((config::STRANGER, 5060));
    assert!(!world.wire.iter().any(|seen| !seen.inbound && seen.peer == stranger), "{}", world.ladder);
    assert_both_hear(&world, caller, AGENT);
    world.plan(caller, 0, Act::HangUp);
    judge(&mut world);

    for may in [true, false] {
        let mut config = config();
        config.trunks[0].transfer = may;
        let mut world = world_of(config);
        let caller = world.caller();
        let uas = world.uas();
        world.dial(caller, "200");
        world.run(4_000);
        world.plan(caller, 0, to_colleague());
        world.run(4_000);
        assert_eq!(world.phones[caller].notified, if may { vec![180, 200] } else { vec![603] }, "{}", world.ladder);
        assert_both_hear(&world, uas, if may { COLLEAGUE } else { caller });
        world.plan(uas, 0, Act::HangUp);
        judge(&mut world);
    }
}

#[test]
fn a_caller_with_two_calls_joins_their_far_ends() {
    let mut world = world_of(config());
    let caller = world.caller();
    let uas = world.uas();
    world.dial(caller, "200");
    world.run(4_000);
    world.plan(caller, 0, Act::Hold(true));
    world.dial(caller, "208");
    world.run(4_000);
    assert_both_hear(&world, caller, COLLEAGUE);
    world.plan(caller, 0, Act::Refer { call: 0, to: format!("sip:208@{GATEWAY}"), replacing: Some(1) });
    world.run(4_000);
    assert_both_hear(&world, uas, COLLEAGUE);
    assert_eq!(world.phones[caller].notified, [200]);
    assert!(world.phones[caller].talks.iter().all(|talk| talk.ended.is_some()), "{}", world.ladder);
    assert_eq!(world.switch.calls().count(), 1, "two calls have become one");
    assert!(world.records.iter().any(|record| matches!(record.happened, Happened::Transferred { merged: Some(_), .. })));
    world.plan(COLLEAGUE, 0, Act::HangUp);
    judge(&mut world);
    assert!(world.phones[uas].talk().ended.is_some());
}

/// The dialog that the gateway has with this caller, as a Replaces would name it.
fn dialog_with(world: &World, caller: usize) -> String {
    let sip = world.phones[caller].sip;
    let answer =
        world.wire.iter().find(|seen| !seen.inbound && seen.peer == sip && seen.method() == "INVITE" && seen.status() == Some(200));
    let answer = answer.unwrap_or_else(|| panic!("no answer\n{}", world.ladder));
    let tag = |name: &str| answer.header(name).and_then(|value| value.split(";tag=").nth(1)).unwrap().to_owned();
    format!("{};to-tag={};from-tag={}", answer.call_id(), tag("To"), tag("From"))
}

#[test]
fn a_new_call_takes_the_place_of_an_old_one_where_it_may() {
    for (may, early) in [(true, false), (false, false), (true, true)] {
        let mut config = config();
        config.trunks[0].transfer = may;
        let mut world = world_of(config);
        let (caller, heir) = (world.caller(), world.caller());
        let uas = world.uas();
        world.dial(caller, "200");
        world.run(4_000);
        let dialog = dialog_with(&world, caller) + if early { ";early-only" } else { "" };
        world.phones[heir].headers = vec![("Replaces".to_owned(), dialog), ("Require".to_owned(), "replaces".to_owned())];
        world.dial(heir, "200");
        world.run(4_000);
        if may && !early {
            assert_both_hear(&world, heir, uas);
            assert!(world.phones[caller].talk().ended.is_some(), "{}", world.ladder);
        } else {
            assert_eq!(world.phones[heir].talk().refused, Some(if may { 486 } else { 603 }), "{}", world.ladder);
            assert_both_hear(&world, caller, uas);
        }
        world.plan(uas, 0, Act::HangUp);
        judge(&mut world);
    }
}

#[test]
fn both_sides_may_hang_up_at_any_moment_of_a_transfer() {
    for ms in (0..1_400).step_by(100) {
        for side in [AGENT, COLLEAGUE, 2] {
            let (mut world, _) = talking();
            world.plan(AGENT, 0, to_colleague());
            world.plan(side, ms, Act::HangUp);
            world.plan(2, 5_000, Act::HangUp);
            judge(&mut world);
        }
    }
}
