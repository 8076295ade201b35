//! What we send outside calls: REGISTER with its digest, OPTIONS.

use super::*;
use crate::events::wire::{Hop, Transport};

fn account() -> RegisterTarget {
    RegisterTarget {
        registrar: Uri::parse("sip:carrier.tld").unwrap(),
        address: Uri::parse("sip:acme@carrier.tld").unwrap(),
        user: "acme".to_owned(),
        line: "c0ffee".to_owned(),
        expires_s: 3600,
        call_id: "boot-1".to_owned(),
        number: 7,
        endpoint: SIP0,
        to: Hop { transport: Transport::Udp, to: "192.0.2.1:5060".parse().unwrap(), domain: None },
        profile: None,
        advertised: None,
        auth: Some(Credentials { user: "acme".to_owned(), realm: "carrier.tld".to_owned(), password: Private("sesame".to_owned()) }),
    }
}

fn challenged(request: &Request, realm: &str, nonce: &str) -> Response {
    let mut response = request.answer(401, Some("reg"));
    response.headers.push("WWW-Authenticate", format!("Digest realm=\"{realm}\", nonce=\"{nonce}\", qop=\"auth\", algorithm=MD5"));
    response
}

fn outcome(scene: &mut Scene) -> (u32, RegisterOutcome) {
    let event = scene.event();
    let UaEvent::RegisterAnswered { number, outcome, .. } = event else { panic!("{event:?}") };
    (number, outcome)
}

#[test]
fn a_registration_proves_itself_and_is_granted_what_the_carrier_says() {
    let mut scene = Scene::new();
    scene.does(|agent, now| agent.register(now, &account())).unwrap();
    let (to, first) = scene.request();
    assert_eq!((to.to_string().as_str(), first.uri.to_string().as_str()), ("192.0.2.1:5060", "sip:carrier.tld"));
    assert_eq!(first.headers.first("Contact"), Some("<sip:acme@192.0.2.2:5060;line=c0ffee>;expires=3600"));
    scene.hears_message(&challenged(&first, "carrier.tld", "n1"));
    let (_, second) = scene.request();
    assert_eq!((second.call_id.as_str(), second.cseq.number), ("boot-1", 8));
    assert!(second.headers.first("Authorization").unwrap().contains("username=\"acme\""));
    assert!(!second.to_bytes().windows(6).any(|six| six == b"sesame"));
    let mut granted = second.answer(200, Some("reg"));
    granted.headers.push("Contact", "<sip:old@192.0.2.9>;expires=20, <sip:acme@192.0.2.2:5060;line=c0ffee>;expires=300");
    scene.hears_message(&granted);
    assert_eq!(outcome(&mut scene), (8, RegisterOutcome::Granted { expires_s: 300 }));
    scene.pass(60_000);
    assert_eq!((scene.agent.load(), scene.agent.deadline()), ((0, 0), None));
}

#[test]
fn a_password_is_shown_to_its_realm_and_to_no_other() {
    let mut scene = Scene::new();
    scene.does(|agent, now| agent.register(now, &account())).unwrap();
    let (_, first) = scene.request();
    scene.hears_message(&challenged(&first, "elsewhere.tld", "n1"));
    assert_eq!(outcome(&mut scene).1, RegisterOutcome::Refused { status: 401, retry_after: None, realm: Some("elsewhere.tld".to_owned()) });
    scene.quiet();
}

#[test]
fn a_wrong_password_is_not_tried_for_ever() {
    let mut scene = Scene::new();
    scene.does(|agent, now| agent.register(now, &account())).unwrap();
    for nonce in ["n1", "n2"] {
        let (_, request) = scene.request();
        scene.hears_message(&challenged(&request, "carrier.tld", nonce));
    }
    let (_, third) = scene.request();
    scene.hears_message(&challenged(&third, "carrier.tld", "n3"));
    assert_eq!(outcome(&mut scene), (9, RegisterOutcome::Refused { status: 401, retry_after: None, realm: None }));
    scene.quiet();
}

#[test]
fn a_registrar_may_ask_for_longer_for_later_or_say_nothing() {
    for (status, header, expected) in [
        (423, ("Min-Expires", "7200"), RegisterOutcome::TooBrief { min_s: 7200 }),
        (503, ("Retry-After", "90 (busy)"), RegisterOutcome::Refused { status: 503, retry_after: Some(90), realm: None }),
        (200, ("Expires", "1800"), RegisterOutcome::Granted { expires_s: 1800 }),
    ] {
        let mut scene = Scene::new();
        scene.does(|agent, now| agent.register(now, &account())).unwrap();
        let (_, request) = scene.request();
        let mut response = request.answer(status, Some("reg"));
        response.headers.push(header.0, header.1);
        scene.hears_message(&response);
        assert_eq!(outcome(&mut scene).1, expected);
    }
    let mut scene = Scene::new();
    scene.does(|agent, now| agent.register(now, &account())).unwrap();
    scene.pass(33_000);
    assert_eq!(outcome(&mut scene).1, RegisterOutcome::Silent);
}

#[test]
fn whoever_answers_a_probe_is_there_and_silence_is_told_apart_from_a_timeout_that_was_said() {
    let target = ProbeTarget {
        uri: Uri::parse("sip:carrier.tld").unwrap(),
        endpoint: SIP0,
        to: Hop { transport: Transport::Udp, to: "192.0.2.1:5060".parse().unwrap(), domain: None },
        profile: None,
        advertised: None,
    };
    let mut scene = Scene::new();
    for status in [200, 405, 408] {
        let probe = scene.does(|agent, now| agent.ask_options(now, &target)).unwrap();
        let (_, request) = scene.request();
        assert_eq!(request.method, Method::Options);
        scene.hears_message(&request.answer(status, Some("peer")));
        assert_eq!(scene.event(), UaEvent::Probed { request: probe, status: Some(status) });
    }
    let probe = scene.does(|agent, now| agent.ask_options(now, &target)).unwrap();
    scene.pass(33_000);
    assert_eq!(scene.event(), UaEvent::Probed { request: probe, status: None });
}

#[test]
fn a_probe_that_is_forgotten_is_neither_repeated_nor_told_of() {
    let target = ProbeTarget {
        uri: Uri::parse("sip:carrier.tld").unwrap(),
        endpoint: SIP0,
        to: Hop { transport: Transport::Udp, to: "192.0.2.1:5060".parse().unwrap(), domain: None },
        profile: None,
        advertised: None,
    };
    let mut scene = Scene::new();
    let probe = scene.does(|agent, now| agent.ask_options(now, &target)).unwrap();
    scene.pass(1000);
    scene.sent.clear();
    scene.does(|agent, _| agent.forget_request(probe));
    scene.pass(40_000);
    scene.quiet();
    assert_eq!((scene.agent.load(), scene.agent.deadline()), ((0, 0), None));
}
