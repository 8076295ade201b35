//! Who calls, how far it is believed, and what of it goes where.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by its panic")]

use std::{net::IpAddr, time::Duration};

use gateway_core::{
    config::{CallerRules, CallerShown, Naming, Route, RouteAction, StirPolicy, Trunk},
    events::{
        calling::{Attestation, Proof, Unproven},
        record::Happened,
        story::{Card, DivertReason},
    },
};
use tests::{
    config::{self, UAS},
    oracles,
    phone::Act,
    sip_text::Seen,
    world::World,
};

const ASSERTED: &str = "+31207654321";

/// The usual gateway whose one carrier is treated so, and behind whose bridge stands a trusted trunk.
fn world(callers: CallerRules, change: impl FnOnce(&mut gateway_core::config::Config)) -> World {
    let mut config = config::usual(1);
    config.trunks[0].callers = callers;
    config.trunks.push(Trunk {
        name: "behind".to_owned(),
        sources: vec![(IpAddr::from([10, 3, 0, 0]), 16)],
        callers: CallerRules { trusted: true, identity: Naming::Asserted, ..CallerRules::default() },
        ..Trunk::default()
    });
    change(&mut config);
    World::with(3, config)
}

const TRUSTED: CallerRules = CallerRules { trusted: true, keep_withheld: false, stir: StirPolicy::Off, identity: Naming::None };

fn saying(world: &mut World, headers: &[(&str, &str)]) -> usize {
    let caller = world.caller();
    world.phones[caller].headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    caller
}

/// Calls the menu, asks for a person, talks and hangs up; the card that the agent had.
fn card(world: &mut World, caller: usize) -> Card {
    world.phones[caller].habits = vec![(Duration::from_secs(3), Act::Press('1'))];
    world.dial(caller, "100");
    let is_offered = |world: &World| world.records.iter().any(|record| matches!(record.happened, Happened::AgentOffered { .. }));
    world.run_until(60_000, "an agent is rung", is_offered);
    world.plan(caller, 0, Act::HangUp);
    world.run(60_000);
    let offered = world.records.iter().find_map(|record| match &record.happened {
        Happened::AgentOffered { card, .. } => Some(Card::clone(card)),
        _ => None,
    });
    offered.unwrap()
}

/// Calls the bridge, talks for a while and hangs up; the INVITE that went on.
fn through(world: &mut World, caller: usize) -> Seen {
    world.uas();
    world.phones[caller].habits = vec![(Duration::from_secs(3), Act::HangUp)];
    world.dial(caller, "200");
    world.run(60_000);
    world.wire.iter().find(|seen| !seen.inbound && seen.peer == UAS && seen.is_request("INVITE")).cloned().expect("a leg was dialled")
}

fn peers(world: &World) -> Vec<String> {
    let peer = |happened: &Happened| match happened {
        Happened::LegStarted { peer, .. } => Some(peer.0.clone()),
        _ => None,
    };
    world.records.iter().filter_map(|record| peer(&record.happened)).collect()
}

fn proven(world: &World) -> Vec<(Option<char>, Option<Unproven>)> {
    let proof = |happened: &Happened| match happened {
        Happened::Proven { attestation, unproven, .. } => Some((attestation.as_ref().and_then(|found| found.level), *unproven)),
        _ => None,
    };
    world.records.iter().filter_map(|record| proof(&record.happened)).collect()
}

const SAID: [(&str, &str); 4] = [
    ("p-asserted-identity", "\"Jansen, Piet\" <sip:piet@carrier.example>, <tel:+31207654321>"),
    ("Diversion", "<sip:+31207000001@carrier.example>;reason=user-busy;counter=1"),
    ("User-to-User", "046f7264657220313031372e;encoding=hex"),
    ("X-Secret", "not for others"),
];

#[test]
fn a_trusted_trunk_says_who_calls_and_who_sent_the_call_on() {
    let mut world = world(TRUSTED, |_| {});
    let caller = saying(&mut world, &SAID);
    let card = card(&mut world, caller);
    assert_eq!(card.identities[0].value.0, ASSERTED);
    assert_eq!(card.entry.diverted_from.unwrap().0, "+31207000001");
    assert_eq!(card.entry.diverted_because, Some(DivertReason::Busy));
    assert_eq!(peers(&world)[0], ASSERTED);
    let arrived = world.records.iter().find_map(|record| match &record.happened {
        Happened::Arrived { diverted, note, .. } => Some((diverted.len(), note.clone().unwrap().0)),
        _ => None,
    });
    assert_eq!(arrived, Some((1, "order 1017.".to_owned())));
}

#[test]
fn a_peer_that_is_not_trusted_cannot_call_as_another_and_nothing_of_it_is_passed_on() {
    let mut world = world(CallerRules::default(), |_| {});
    let caller = saying(&mut world, &SAID);
    let own = world.phones[caller].number.clone();
    let invite = through(&mut world, caller);
    oracles::ask_all(&world);
    assert_eq!(peers(&world)[0], own);
    assert_eq!(invite.caller(), own);
    assert!(invite.header("P-Asserted-Identity").is_some_and(|said| said.contains(&own)), "{}", invite.text);
    for secret in [ASSERTED, "+31207000001", "046f72646572", "Piet", "X-Secret"] {
        assert!(!invite.text.contains(secret), "{secret} in {}", invite.text);
    }
}

#[test]
fn the_proof_fails_with_the_guard_off() {
    let mut world = world(CallerRules::default(), |config| config.guards.trust = false);
    let caller = saying(&mut world, &SAID);
    let invite = through(&mut world, caller);
    assert_eq!(peers(&world)[0], ASSERTED, "whoever may call calls as anybody");
    assert!(invite.text.contains(ASSERTED));
}

#[test]
fn a_withheld_number_reaches_neither_agent_nor_another_trunk_and_the_record_only_where_it_must_be_kept() {
    let said = [("P-Asserted-Identity", "<tel:+31207654321>"), ("Privacy", "user;id")];
    for keep_withheld in [false, true] {
        let mut world = world(CallerRules { keep_withheld, ..TRUSTED }, |_| {});
        let caller = saying(&mut world, &said);
        let invite = through(&mut world, caller);
        assert!(invite.header("From").unwrap().starts_with("\"Anonymous\" <sip:anonymous@anonymous.invalid>"), "{}", invite.text);
        assert_eq!(invite.header("Privacy"), Some("id"));
        assert!(!invite.text.contains(ASSERTED), "{}", invite.text);
        let kept = world.records.iter().filter(|record| format!("{}", serde_json::to_value(record).unwrap()).contains(ASSERTED)).count();
        assert_eq!((kept, peers(&world)[0].as_str()), (usize::from(keep_withheld), ""));

        let mut world = self::world(CallerRules { keep_withheld, ..TRUSTED }, |_| {});
        let caller = saying(&mut world, &said);
        let card = card(&mut world, caller);
        assert!(!serde_json::to_string(&card).unwrap().contains(ASSERTED));
        assert!(card.identities.is_empty());
    }
}

#[test]
fn a_trunk_may_be_shown_an_account_in_place_of_the_caller() {
    let mut world = world(TRUSTED, |config| config.trunks[1].peering.headers.from = CallerShown::Fixed("+31200000000".to_owned()));
    let caller = saying(&mut world, &[]);
    assert_eq!(through(&mut world, caller).caller(), "+31200000000");
}

#[test]
fn a_session_has_one_name_of_ours_on_all_legs_and_the_peers_beside_it() {
    let mut world = world(TRUSTED, |_| {});
    let caller = saying(&mut world, &[("Session-ID", "ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000")]);
    through(&mut world, caller);
    let session = world.records.iter().find_map(|record| match &record.happened {
        Happened::CallStarted { session_id, .. } => Some(session_id.clone()),
        _ => None,
    });
    let ours = session.unwrap();
    let said: Vec<&Seen> = world.wire.iter().filter(|seen| !seen.inbound).collect();
    assert!(said.len() >= 7, "100, 180, 200, 200 of the BYE, and the INVITE, ACK, BYE of the other leg");
    for seen in &said {
        let value = seen.header("Session-ID").unwrap_or_else(|| panic!("none in {}", seen.text));
        assert!(value.starts_with(&format!("{ours};remote=")), "{value} in {}", seen.text);
    }
    let to_caller: Vec<_> = said.iter().filter(|seen| seen.peer != UAS).map(|seen| seen.header("Session-ID").unwrap()).collect();
    assert!(to_caller.iter().all(|value| value.ends_with("ab30317f1a784dc48ff824d0d3715d86")), "{to_caller:?}");
    let to_uas: Vec<_> =
        said.iter().filter(|seen| seen.peer == UAS).map(|seen| (seen.method(), seen.header("Session-ID").unwrap())).collect();
    assert!(to_uas[0].1.ends_with(&"0".repeat(32)), "nobody has answered yet: {to_uas:?}");
    assert!(to_uas.iter().filter(|(method, _)| *method != "INVITE").all(|(_, value)| !value.ends_with(&"0".repeat(32))), "{to_uas:?}");
}

#[test]
fn a_call_that_comes_back_by_our_pointer_goes_on_in_its_context() {
    let mut world = world(TRUSTED, |_| {});
    let first = world.caller();
    let invite = through(&mut world, first);
    let pointer = invite.header("User-to-User").unwrap().to_owned();
    let second = saying(&mut world, &[("User-to-User", &pointer)]);
    card(&mut world, second);
    let forged = saying(&mut world, &[("X-Context-Ref", "c1.00000000000000000000000000.0000000000000000")]);
    world.dial(forged, "100");
    world.plan(forged, 2_000, Act::HangUp);
    world.run(60_000);
    let contexts: Vec<String> = world
        .records
        .iter()
        .filter_map(|record| match &record.happened {
            Happened::CallStarted { context_id, .. } => Some(context_id.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(contexts.len(), 3);
    assert_eq!(contexts[0], contexts[1], "one matter, one context");
    assert_ne!(contexts[0], contexts[2]);
}

const SIGNED: (&str, &str) = ("Identity", "aa.bb.cc;info=<https://cert.example.org/c>;alg=ES256;ppt=\"shaken\"");

fn stir(stir: StirPolicy, proof: Option<Proof>) -> World {
    let mut world = world(CallerRules { stir, ..TRUSTED }, |_| {});
    world.outside.proof = proof;
    world
}

fn attested() -> Proof {
    Ok(Attestation { level: Some('A'), origid: Some("123e4567".to_owned()), signer: "SPC 1234".to_owned() })
}

#[test]
fn the_agent_reads_what_the_callers_signature_is_worth() {
    let mut world = stir(StirPolicy::Show, Some(attested()));
    let caller = saying(&mut world, &[SIGNED]);
    let number = world.phones[caller].number.clone();
    world.outside.know(&number);
    let card = card(&mut world, caller);
    oracles::ask_all(&world);
    assert_eq!(card.trust.level, "attested");
    assert!(card.trust.evidence.contains(&"the carrier has attested A the number (SPC 1234)".to_owned()), "{:?}", card.trust);
    assert_eq!(proven(&world), [(Some('A'), None)]);
    let asked = &world.outside.signed[0];
    assert_eq!((format!("+{}", asked.orig.0), asked.dest[0].0.as_str()), (number, "100"));
}

#[test]
fn a_forged_signature_takes_the_number_its_weight_and_the_call_goes_on() {
    let mut world = stir(StirPolicy::Show, Some(Err(Unproven::Forged)));
    let caller = saying(&mut world, &[SIGNED]);
    let number = world.phones[caller].number.clone();
    world.outside.know(&number);
    let card = card(&mut world, caller);
    assert_eq!((card.trust.level.as_str(), card.trust.evidence.last().unwrap().as_str()), ("none", Unproven::Forged.words()));
}

#[test]
fn a_call_waits_for_its_signature_no_longer_than_for_its_story() {
    let mut world = stir(StirPolicy::Show, Some(attested()));
    world.outside.manners.verify = None;
    let caller = saying(&mut world, &[SIGNED]);
    world.dial(caller, "100");
    world.run_until(600, "the call is answered", |world| world.phones[caller].talks.last().is_some_and(|talk| talk.answered.is_some()));
    assert_eq!(proven(&world), [(None, Some(Unproven::Unanswered))]);
}

#[test]
fn a_trunk_that_must_prove_its_callers_is_refused_with_the_code_of_what_is_wrong() {
    for (proof, status, words) in [
        (Some(Err(Unproven::Forged)), 438, "Invalid Identity Header"),
        (Some(Err(Unproven::Stale)), 403, "Forbidden"),
        (Some(Err(Unproven::Expired)), 437, "Unsupported Credential"),
        (Some(Err(Unproven::OtherHost)), 436, "Bad Identity Info"),
        (None, 436, "Bad Identity Info"),
    ] {
        for user in ["100", "200"] {
            let mut world = stir(StirPolicy::Require, proof.clone());
            let caller = saying(&mut world, &[SIGNED]);
            world.dial(caller, user);
            world.run(60_000);
            oracles::ask_all(&world);
            assert_eq!(world.phones[caller].talk().refused, Some(status), "{proof:?}");
            assert!(world.wire.iter().any(|seen| seen.start_line() == format!("SIP/2.0 {status} {words}")), "{proof:?}");
            assert!(world.wire.iter().all(|seen| seen.peer != UAS), "nobody behind was called");
        }
    }
}

#[test]
fn a_call_without_a_signature_is_428_where_one_is_required_and_taken_where_one_is_shown() {
    let mut world = stir(StirPolicy::Require, Some(attested()));
    let caller = saying(&mut world, &[]);
    world.dial(caller, "100");
    world.run(40_000);
    assert_eq!(world.phones[caller].talk().refused, Some(428));
    assert!(world.records.is_empty() && world.rejections[0].refusal.to_string().contains("not signed"), "{:?}", world.rejections);

    let mut world = stir(StirPolicy::Require, Some(attested()));
    let caller = saying(&mut world, &[SIGNED]);
    world.dial(caller, "100");
    world.run(2_000);
    assert!(world.phones[caller].talk().answered.is_some());
}

#[test]
fn a_call_that_was_sent_on_by_history_info_is_told_as_one_that_came_by_diversion() {
    let mut world = world(TRUSTED, |config| {
        config.routes.push(Route { dialled: "400".to_owned(), trunk: None, action: RouteAction::Script("main".to_owned()), record: false });
    });
    let history = "<sip:+31207000001@h>;index=1, <sip:400@h;cause=408>;index=1.1;mp=1";
    let caller = saying(&mut world, &[("History-Info", history)]);
    world.dial(caller, "400");
    world.run(3_000);
    let diverted = world.records.iter().find_map(|record| match &record.happened {
        Happened::Arrived { diverted, .. } => Some(diverted[0].clone()),
        _ => None,
    });
    let diverted = diverted.unwrap();
    assert_eq!((diverted.from.0.as_str(), diverted.because), ("+31207000001", DivertReason::NoAnswer));
}
