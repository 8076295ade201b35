//! We call.

use super::*;

fn called(scene: &mut Scene, target: &InviteTarget) -> (UsageId, Request) {
    let usage = scene.does(|agent, now| agent.invite(now, target));
    (usage, scene.request().1)
}

#[test]
fn an_answered_call_is_acknowledged_and_each_repeated_200_again() {
    let mut scene = Scene::new();
    let (usage, invite) = called(&mut scene, &target());
    assert_eq!(invite.headers.first("User-to-User"), Some("t0"));
    scene.hears_message(&answers(&invite, 180, "callee", None));
    assert_eq!(scene.event(), UaEvent::Progressed { usage, status: 180, sdp: None });
    scene.hears_message(&answers(&invite, 200, "callee", Some(ANSWER)));
    assert_eq!(scene.event(), UaEvent::Answered { usage, sdp: Some(ANSWER.to_owned()) });
    let (to, ack) = scene.request();
    assert_eq!((to, ack.cseq.number, ack.to.tag()), ("192.0.2.1:5060".parse().unwrap(), 1, Some("callee")));
    assert_ne!(ack.via.branch(), invite.via.branch());
    scene.hears_message(&answers(&invite, 200, "callee", Some(ANSWER)));
    assert_eq!(scene.said(), ["ACK"]);
    assert!(scene.events.is_empty());
    let bye = asks_within("BYE", 1, "b1", "", "", "")
        .replace("call-1", &invite.call_id)
        .replace("tag=caller", "tag=callee")
        .replace("<sip:ada@192.0.2.2>", &invite.from.to_string());
    scene.hears(&bye);
    assert_eq!(scene.said(), ["200 BYE"]);
    assert_eq!(scene.event(), UaEvent::Bye { usage, reason: None });
}

#[test]
fn the_second_phone_that_picks_up_is_hung_up() {
    let mut scene = Scene::new();
    let (usage, invite) = called(&mut scene, &target());
    scene.hears_message(&answers(&invite, 200, "first", Some(ANSWER)));
    assert_eq!(scene.event(), UaEvent::Answered { usage, sdp: Some(ANSWER.to_owned()) });
    scene.said();
    scene.hears_message(&answers(&invite, 200, "second", Some(ANSWER)));
    let (_, ack) = scene.request();
    let (_, bye) = scene.request();
    assert_eq!((ack.method, ack.to.tag()), (Method::Ack, Some("second")));
    assert_eq!((bye.method, bye.to.tag()), (Method::Bye, Some("second")));
    scene.hears_message(&answers(&invite, 200, "second", Some(ANSWER)));
    assert_eq!(scene.said(), ["ACK"]);
    assert!(scene.events.is_empty());
}

#[test]
fn a_silent_peer_is_given_up_after_32_s() {
    let mut scene = Scene::new();
    let (usage, _) = called(&mut scene, &target());
    scene.pass(32_000);
    assert_eq!(scene.said().len(), 6, "at 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s");
    assert_eq!(scene.event(), UaEvent::Refused { usage, status: 408, reason: "Request Timeout".to_owned(), q850: None });
    assert_eq!(scene.event(), UaEvent::Gone { usage });
    assert_eq!(scene.agent.load(), (0, 0));
}

#[test]
fn a_refusal_is_acknowledged_on_the_branch_of_the_invite() {
    let mut scene = Scene::new();
    let (usage, invite) = called(&mut scene, &target());
    let mut busy = answers(&invite, 486, "callee", None);
    busy.headers.push("Reason", "Q.850;cause=17");
    scene.hears_message(&busy);
    scene.hears_message(&busy);
    let (_, ack) = scene.request();
    assert_eq!((ack.via, ack.to.tag()), (invite.via, Some("callee")));
    assert_eq!(scene.said(), ["ACK"]);
    assert_eq!(scene.event(), UaEvent::Refused { usage, status: 486, reason: "Busy Here".to_owned(), q850: Some(17) });
    scene.pass(32_250);
    assert_eq!(scene.event(), UaEvent::Gone { usage });
}

#[test]
fn a_cancel_waits_for_the_first_sign_of_life() {
    let mut scene = Scene::new();
    let (usage, invite) = called(&mut scene, &target());
    scene.does(|agent, now| agent.cancel(now, usage, cause(487, 16)));
    scene.quiet();
    scene.hears_message(&answers(&invite, 180, "callee", None));
    let (_, cancel) = scene.request();
    assert_eq!((&cancel.via, cancel.cseq.number, cancel.to.tag()), (&invite.via, 1, None));
    scene.hears_message(&cancel.answer(200, Some("callee")));
    scene.hears_message(&answers(&invite, 487, "callee", None));
    assert_eq!(scene.said(), ["ACK"]);
    assert!(matches!(scene.event(), UaEvent::Refused { status: 487, .. }));
    scene.pass(33_000);
    assert_eq!(scene.event(), UaEvent::Gone { usage });
}

#[test]
fn an_answer_that_crosses_our_cancel_is_hung_up() {
    let mut scene = Scene::new();
    let (usage, invite) = called(&mut scene, &target());
    scene.hears_message(&answers(&invite, 180, "callee", None));
    scene.event();
    scene.does(|agent, now| agent.cancel(now, usage, cause(487, 16)));
    scene.hears_message(&answers(&invite, 200, "callee", Some(ANSWER)));
    assert_eq!(scene.said(), ["CANCEL", "ACK", "BYE"]);
    assert!(matches!(scene.event(), UaEvent::Refused { status: 487, .. }));
}

#[test]
fn a_peer_that_answers_the_cancel_and_never_the_invite_is_given_up() {
    let mut scene = Scene::new();
    let (usage, invite) = called(&mut scene, &target());
    scene.hears_message(&answers(&invite, 180, "callee", None));
    scene.event();
    scene.does(|agent, now| agent.cancel(now, usage, cause(487, 16)));
    let (_, cancel) = scene.request();
    scene.hears_message(&cancel.answer(200, None));
    scene.pass(33_000);
    assert!(matches!(scene.event(), UaEvent::Refused { status: 487, .. }));
    assert_eq!(scene.event(), UaEvent::Gone { usage });
    assert_eq!(scene.agent.load(), (0, 0));
}

#[test]
fn a_challenge_of_our_realm_is_answered_once_and_of_another_never() {
    let credentials = Credentials { user: "trunk".to_owned(), realm: "carrier".to_owned(), password: Private("pw".to_owned()) };
    let target = InviteTarget { auth: Some(credentials), ..target() };
    let challenge = |realm: &str| format!("Digest realm=\"{realm}\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256");
    let mut scene = Scene::new();
    let (usage, invite) = called(&mut scene, &target);
    let mut unauthorized = answers(&invite, 401, "x", None);
    unauthorized.headers.push("WWW-Authenticate", challenge("carrier"));
    scene.hears_message(&unauthorized);
    assert_eq!(scene.request().1.method, Method::Ack);
    let (_, again) = scene.request();
    assert_eq!((again.cseq.number, &again.call_id), (2, &invite.call_id));
    assert!(again.headers.first("Authorization").is_some_and(|value| value.contains("realm=\"carrier\"")));
    scene.hears_message(&answers(&again, 200, "callee", Some(ANSWER)));
    assert_eq!(scene.event(), UaEvent::Answered { usage, sdp: Some(ANSWER.to_owned()) });
    assert!(scene.request().1.headers.first("Authorization").is_some(), "the ACK carries it too (13.2.2.4)");
    scene.does(|agent, now| agent.bye(now, usage, cause(200, 16)));
    let (_, bye) = scene.request();
    let mut leak = bye.answer(401, None);
    leak.headers.push("WWW-Authenticate", challenge("elsewhere"));
    scene.hears_message(&leak);
    assert!(scene.said().is_empty());
}

/// A trunk whose credentials we hold, and which has answered without asking for them, challenges our BYE: what do we say to that?
fn told_to_a_challenged_bye(guard: bool) -> Option<String> {
    let credentials = Credentials { user: "trunk".to_owned(), realm: "carrier".to_owned(), password: Private("pw".to_owned()) };
    let target = InviteTarget { auth: Some(credentials), ..target() };
    let mut scene = Scene::with(|settings| settings.digest_guard = guard);
    let (usage, invite) = called(&mut scene, &target);
    scene.hears_message(&answers(&invite, 200, "callee", Some(ANSWER)));
    assert_eq!(scene.event(), UaEvent::Answered { usage, sdp: Some(ANSWER.to_owned()) });
    assert_eq!(scene.request().1.method, Method::Ack);
    scene.does(|agent, now| agent.bye(now, usage, cause(200, 16)));
    let (_, bye) = scene.request();
    let mut fishing = bye.answer(401, None);
    fishing.headers.push("WWW-Authenticate", "Digest realm=\"carrier\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256");
    scene.hears_message(&fishing);
    if scene.sent.is_empty() {
        return None;
    }
    let (_, again) = scene.request();
    again.headers.first("Authorization").map(str::to_owned)
}

#[test]
fn credentials_are_never_given_within_a_dialog_even_to_their_own_realm() {
    assert_eq!(told_to_a_challenged_bye(true), None);
}

#[test]
fn without_the_guard_a_challenged_bye_gives_the_digest_away() {
    assert!(told_to_a_challenged_bye(false).is_some_and(|digest| digest.contains("realm=\"carrier\"")));
}

#[test]
fn a_caller_that_challenges_our_bye_learns_nothing() {
    let mut scene = Scene::new();
    let (usage, _) = established(&mut scene);
    scene.does(|agent, now| agent.bye(now, usage, cause(200, 16)));
    let (_, bye) = scene.request();
    let mut leak = bye.answer(407, None);
    leak.headers.push("Proxy-Authenticate", "Digest realm=\"tandem\", nonce=\"n\", qop=\"auth\"");
    scene.hears_message(&leak);
    assert!(scene.said().is_empty());
}
