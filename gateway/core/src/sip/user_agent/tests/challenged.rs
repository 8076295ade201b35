//! A peer that challenges within a dialog gets no credentials, and no call hangs on it.

use super::*;

const CHALLENGE: &str = "Digest realm=\"carrier\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256";

/// A call of ours to a trunk whose credentials we hold, taken with these headers.
fn placed(scene: &mut Scene, lines: &[(&str, &str)]) -> UsageId {
    let auth = Some(Credentials { user: "trunk".to_owned(), realm: "carrier".to_owned(), password: Private("pw".to_owned()) });
    let usage = scene.does(|agent, now| agent.invite(now, &InviteTarget { auth, ..target() }));
    let (_, invite) = scene.request();
    let mut ok = answers(&invite, 200, "callee", Some(ANSWER));
    lines.iter().for_each(|(name, value)| ok.headers.push(name, *value));
    scene.hears_message(&ok);
    assert_eq!(scene.event(), UaEvent::Answered { usage, sdp: Some(ANSWER.to_owned()) });
    assert_eq!(scene.said(), ["ACK"]);
    usage
}

/// The trunk wants a digest for the request that we sent last.
fn challenge(scene: &mut Scene) -> Method {
    let (_, request) = scene.request();
    for name in ["Authorization", "Proxy-Authorization"] {
        assert_eq!(request.headers.first(name), None, "{:?} gives credentials away", request.method);
    }
    let mut refusal = request.answer(407, None);
    refusal.headers.push("Proxy-Authenticate", CHALLENGE);
    scene.hears_message(&refusal);
    request.method
}

fn told(usage: UsageId, method: Method) -> UaEvent {
    UaEvent::Challenged { usage, peer: "192.0.2.1:5060".parse().unwrap(), method, status: 407 }
}

#[test]
fn a_challenged_bye_has_ended_the_call_and_is_told_once() {
    let mut scene = Scene::new();
    let usage = placed(&mut scene, &[]);
    scene.does(|agent, now| agent.bye(now, usage, cause(200, 16)));
    assert_eq!(challenge(&mut scene), Method::Bye);
    assert_eq!(scene.event(), told(usage, Method::Bye));
    scene.pass(32_250);
    assert_eq!(scene.event(), UaEvent::Gone { usage });
    assert_eq!((scene.agent.load(), scene.said().len()), ((0, 0), 0));
}

#[test]
fn a_session_whose_update_is_challenged_is_renewed_by_reinvite_from_then_on() {
    let mut scene = Scene::new();
    let lines = [("Allow", "INVITE, ACK, BYE, UPDATE"), ("Session-Expires", "600;refresher=uac")];
    let usage = placed(&mut scene, &lines);
    scene.pass(300_000);
    assert_eq!(challenge(&mut scene), Method::Update);
    assert_eq!(scene.event(), told(usage, Method::Update));
    for _ in 0..3 {
        let (_, renewal) = scene.request();
        assert_eq!(renewal.method, Method::Invite);
        let mut ok = answers(&renewal, 200, "callee", Some(ANSWER));
        lines.iter().for_each(|(name, value)| ok.headers.push(name, *value));
        scene.hears_message(&ok);
        assert_eq!(scene.said(), ["ACK"]);
        assert!(scene.events.is_empty(), "{:?}", scene.events);
        scene.pass(300_000);
    }
}

#[test]
fn a_session_that_cannot_be_renewed_by_either_method_stands_until_it_expires_and_ends_by_bye() {
    let mut scene = Scene::new();
    let usage = placed(&mut scene, &[("Allow", "INVITE, ACK, BYE, UPDATE"), ("Session-Expires", "600;refresher=uac")]);
    scene.pass(300_000);
    assert_eq!(challenge(&mut scene), Method::Update);
    assert_eq!(challenge(&mut scene), Method::Invite);
    assert_eq!(scene.said(), ["ACK"]);
    assert_eq!(scene.event(), told(usage, Method::Update));
    scene.pass(267_999);
    scene.quiet();
    scene.pass(1);
    assert_eq!(scene.event(), UaEvent::Lost { usage });
    let (_, bye) = scene.request();
    assert_eq!(bye.method, Method::Bye);
    assert!(bye.headers.first("Reason").is_some_and(|reason| reason.starts_with("Q.850;cause=102")));
    scene.hears_message(&bye.answer(200, None));
    scene.pass(32_000);
    assert_eq!(scene.event(), UaEvent::Gone { usage });
}

#[test]
fn a_peer_without_timers_that_challenges_a_refresh_lives() {
    let mut scene = Scene::new();
    let usage = placed(&mut scene, &[("Allow", "INVITE, ACK, BYE, UPDATE")]);
    for round in 0..4 {
        scene.pass(900_000);
        assert_eq!(challenge(&mut scene), Method::Update);
        let events = scene.events.drain(..).collect::<Vec<_>>();
        assert_eq!(events, if round == 0 { vec![told(usage, Method::Update)] } else { Vec::new() });
        scene.quiet();
    }
}

#[test]
fn a_hold_that_is_challenged_is_refused_and_the_session_stands() {
    let mut scene = Scene::new();
    let usage = placed(&mut scene, &[]);
    scene.does(|agent, now| agent.reinvite(now, usage, OFFER));
    assert_eq!(challenge(&mut scene), Method::Invite);
    assert_eq!(scene.said(), ["ACK"]);
    assert_eq!(scene.event(), told(usage, Method::Invite));
    assert_eq!(scene.event(), UaEvent::ReinviteRefused { usage, status: 407 });
    scene.does(|agent, now| agent.bye(now, usage, cause(200, 16)));
    assert_eq!(scene.said(), ["BYE"]);
}

#[test]
fn a_challenged_refer_is_a_refused_one() {
    let mut scene = Scene::new();
    let usage = placed(&mut scene, &[]);
    scene.does(|agent, now| agent.refer(now, usage, "sip:200@192.0.2.9", None));
    assert_eq!(challenge(&mut scene), Method::Refer);
    assert_eq!(scene.event(), told(usage, Method::Refer));
    assert_eq!(scene.event(), UaEvent::ReferProgressed { usage, status: 407 });
}

#[test]
fn a_call_whose_prack_is_challenged_ends_by_the_peers_504_or_by_our_cancel() {
    for gives_up in [true, false] {
        let mut scene = Scene::new();
        let usage = scene.does(|agent, now| agent.invite(now, &target()));
        let (_, invite) = scene.request();
        let mut early = answers(&invite, 183, "callee", Some(ANSWER));
        early.headers.push("Require", "100rel");
        early.headers.push("RSeq", "5");
        scene.hears_message(&early);
        scene.event();
        assert_eq!(challenge(&mut scene), Method::Prack);
        assert_eq!(scene.event(), told(usage, Method::Prack));
        if gives_up {
            scene.hears_message(&answers(&invite, 504, "callee", None));
            assert_eq!(scene.said(), ["ACK"]);
            assert!(matches!(scene.event(), UaEvent::Refused { status: 504, .. }));
        } else {
            scene.pass(180_000);
            let (_, cancel) = scene.request();
            assert_eq!(cancel.method, Method::Cancel);
            scene.pass(32_000);
            assert!(matches!(scene.event(), UaEvent::Refused { status: 487, .. }));
        }
        scene.pass(64_000);
        assert_eq!(scene.events.back(), Some(&UaEvent::Gone { usage }));
        assert_eq!(scene.agent.load(), (0, 0));
    }
}
