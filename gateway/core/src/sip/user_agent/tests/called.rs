//! We are called.

use super::*;

#[test]
fn an_invite_is_answered_100_at_once_and_its_repetition_absorbed() {
    let mut scene = Scene::new();
    scene.hears(&asks("INVITE", 1, "i1", "", OFFER));
    assert_eq!(scene.said(), ["100 INVITE"]);
    let usage = scene.invited();
    scene.hears(&asks("INVITE", 1, "i1", "", OFFER));
    assert_eq!(scene.said(), ["100 INVITE"]);
    scene.does(|agent, now| agent.ring(now, usage));
    scene.hears(&asks("INVITE", 1, "i1", "", OFFER));
    assert_eq!(scene.said(), ["180 INVITE", "180 INVITE"]);
    scene.quiet();
}

#[test]
fn a_200_is_repeated_until_its_ack_and_carries_route_contact_and_answer() {
    let mut scene = Scene::new();
    scene.hears(&asks("INVITE", 1, "i1", "Record-Route: <sip:192.0.2.9;lr>\r\n", OFFER));
    let usage = scene.invited();
    scene.does(|agent, now| agent.accept(now, usage, ANSWER));
    assert_eq!(scene.response().status, 100);
    let ok = scene.response();
    assert_eq!(ok.headers.first("Record-Route"), Some("<sip:192.0.2.9;lr>"));
    assert_eq!(ok.headers.first("Contact"), Some("<sip:192.0.2.2:5060>"));
    assert_eq!(ok.sdp().as_deref(), Some(ANSWER));
    scene.pass(500);
    scene.pass(1000);
    assert_eq!(scene.said(), ["200 INVITE", "200 INVITE"]);
    let tag = format!(";tag={}", ok.to.tag().unwrap());
    scene.hears(&asks_within("ACK", 1, "a1", &tag, "", ""));
    assert_eq!(scene.event(), UaEvent::Acked { usage, sdp: None });
    scene.hears(&asks_within("ACK", 1, "a1", &tag, "", ""));
    scene.pass(20_000);
    scene.quiet();
    // Requests of ours go by the recorded route.
    scene.does(|agent, now| agent.bye(now, usage, cause(200, 16)));
    let (to, bye) = scene.request();
    assert_eq!((to, bye.headers.first("Route")), ("192.0.2.9:5060".parse().unwrap(), Some("<sip:192.0.2.9;lr>")));
    assert_eq!(bye.headers.first("Reason"), Some("Q.850;cause=16;text=\"Normal call clearing\""));
    assert_eq!(bye.uri.to_string(), "sip:ada@192.0.2.1:5060");
}

#[test]
fn a_call_that_is_never_acknowledged_is_hung_up_after_32_s() {
    let mut scene = Scene::new();
    scene.hears(&asks("INVITE", 1, "i1", "", OFFER));
    let usage = scene.invited();
    scene.does(|agent, now| agent.accept(now, usage, ANSWER));
    scene.pass(31_999);
    scene.said();
    assert!(scene.events.is_empty());
    scene.pass(1);
    assert_eq!(scene.event(), UaEvent::Unacked { usage });
    assert_eq!(scene.said(), ["BYE"]);
    scene.pass(40_000);
    assert_eq!(scene.events.pop_back(), Some(UaEvent::Gone { usage }));
    assert_eq!(scene.agent.load(), (0, 0));
    assert_eq!(scene.agent.deadline(), None);
}

#[test]
fn a_cancel_ends_a_ringing_call_with_487() {
    let mut scene = Scene::new();
    scene.hears(&asks("INVITE", 1, "i1", "", OFFER));
    let usage = scene.invited();
    scene.does(|agent, now| agent.ring(now, usage));
    scene.said();
    scene.hears(&asks("CANCEL", 1, "i1", "Reason: Q.850;cause=19\r\n", ""));
    let tags: Vec<_> = scene
        .sent
        .iter()
        .map(|(_, message)| match message {
            Message::Response(response) => response.to.tag().map(str::to_owned),
            Message::Request(_) => None,
        })
        .collect();
    assert!(tags[0].is_some() && tags[0] == tags[1], "{tags:?}");
    assert_eq!(scene.said(), ["200 CANCEL", "487 INVITE"]);
    assert_eq!(scene.event(), UaEvent::Cancelled { usage, reason: Some(19) });
    scene.hears(&asks("ACK", 1, "i1", "", ""));
    scene.does(|agent, now| agent.accept(now, usage, ANSWER));
    scene.pass(33_000);
    assert_eq!(scene.event(), UaEvent::Gone { usage });
    scene.quiet();
}

#[test]
fn a_cancel_that_crosses_the_200_changes_nothing() {
    let mut scene = Scene::new();
    scene.hears(&asks("INVITE", 1, "i1", "", OFFER));
    let usage = scene.invited();
    scene.does(|agent, now| agent.accept(now, usage, ANSWER));
    scene.said();
    scene.hears(&asks("CANCEL", 1, "i1", "", ""));
    assert_eq!(scene.said(), ["200 CANCEL"]);
    assert!(scene.events.is_empty());
}

#[test]
fn a_refusal_says_why_and_is_repeated_until_its_ack() {
    let mut scene = Scene::new();
    scene.hears(&asks("INVITE", 1, "i1", "", OFFER));
    let usage = scene.invited();
    scene.said();
    let refusal = Refusal::because(404, "no route for \"999\"").with_q850(1);
    scene.does(|agent, now| agent.refuse(now, usage, &refusal));
    let response = scene.response();
    assert_eq!((response.status, response.headers.first("Warning")), (404, Some(r#"399 tandem "no route for \"999\"""#)));
    assert!(response.headers.first("Reason").is_some_and(|reason| reason.starts_with("Q.850;cause=1;")));
    scene.pass(500);
    assert_eq!(scene.said(), ["404 INVITE"]);
    scene.hears(&asks("ACK", 1, "i1", "", ""));
    scene.pass(4_999);
    scene.quiet();
    scene.pass(251);
    assert_eq!(scene.event(), UaEvent::Gone { usage });
}

#[test]
fn our_bye_waits_for_the_ack() {
    let mut scene = Scene::new();
    scene.hears(&asks("INVITE", 1, "i1", "", OFFER));
    let usage = scene.invited();
    scene.does(|agent, now| agent.accept(now, usage, ANSWER));
    let Some((_, Message::Response(ok))) = scene.sent.pop_back() else { panic!("a 200 was due") };
    scene.said();
    scene.does(|agent, now| agent.bye(now, usage, cause(200, 16)));
    scene.quiet();
    scene.hears(&asks_within("ACK", 1, "a1", &format!(";tag={}", ok.to.tag().unwrap()), "", ""));
    assert_eq!(scene.said(), ["BYE"]);
}

#[test]
fn late_ack_and_late_bye_after_hangup_are_absorbed() {
    let mut scene = Scene::new();
    let (usage, tag) = established(&mut scene);
    scene.hears(&asks_within("BYE", 2, "b1", &tag, "Reason: Q.850;cause=16\r\n", ""));
    assert_eq!(scene.said(), ["200 BYE"]);
    assert_eq!(scene.event(), UaEvent::Bye { usage, reason: Some(16) });
    scene.hears(&asks_within("ACK", 1, "a1", &tag, "", ""));
    scene.quiet();
    scene.hears(&asks_within("BYE", 2, "b1", &tag, "", ""));
    assert_eq!(scene.said(), ["200 BYE"]);
    scene.hears(&asks_within("BYE", 3, "b2", &tag, "", ""));
    assert_eq!(scene.said(), ["481 BYE"]);
    scene.pass(33_000);
    assert_eq!(scene.event(), UaEvent::Gone { usage });
}

#[test]
fn a_bye_in_the_early_dialog_cancels() {
    let mut scene = Scene::new();
    scene.hears(&asks("INVITE", 1, "i1", "", OFFER));
    let usage = scene.invited();
    scene.does(|agent, now| agent.ring(now, usage));
    let Some((_, Message::Response(ringing))) = scene.sent.pop_back() else { panic!("a 180 was due") };
    scene.said();
    scene.hears(&asks_within("BYE", 2, "b1", &format!(";tag={}", ringing.to.tag().unwrap()), "", ""));
    assert_eq!(scene.said(), ["200 BYE", "487 INVITE"]);
    assert_eq!(scene.event(), UaEvent::Cancelled { usage, reason: None });
}

#[test]
fn an_info_is_answered_and_told() {
    let mut scene = Scene::new();
    let (usage, tag) = established(&mut scene);
    let info = asks_within("INFO", 2, "n1", &tag, "", "Signal=5\r\n").replace("application/sdp", "application/dtmf-relay");
    scene.hears(&info);
    scene.hears(&info);
    assert_eq!(scene.said(), ["200 INFO", "200 INFO"]);
    let body = Private(b"Signal=5\r\n".to_vec());
    assert_eq!(scene.event(), UaEvent::Info { usage, content_type: "application/dtmf-relay".to_owned(), body });
    assert!(scene.events.is_empty(), "a repeated INFO is one digit");
}

#[test]
fn behind_nat_all_goes_back_to_where_it_came_from() {
    let mut scene = Scene::new();
    let text = asks("INVITE", 1, "i1", "", OFFER).replace("192.0.2.1:5060", "10.0.0.7:5060");
    scene.hears_from("203.0.113.4:61000", text.as_bytes());
    let usage = scene.invited();
    scene.does(|agent, now| agent.accept(now, usage, ANSWER));
    let Some((to, Message::Response(ok))) = scene.sent.pop_back() else { panic!("a 200 was due") };
    assert_eq!((to, ok.via.params.value("rport")), ("203.0.113.4:61000".parse().unwrap(), Some("61000")));
    scene.sent.clear();
    let ack = asks_within("ACK", 1, "a1", &format!(";tag={}", ok.to.tag().unwrap()), "", "");
    scene.hears_from("203.0.113.4:61000", ack.as_bytes());
    scene.does(|agent, now| agent.bye(now, usage, cause(200, 16)));
    assert_eq!(scene.request().0, "203.0.113.4:61000".parse::<std::net::SocketAddr>().unwrap());
}

#[test]
fn a_ringing_call_is_mentioned_every_minute() {
    let mut scene = Scene::new();
    scene.hears(&asks("INVITE", 1, "i1", "", OFFER));
    let usage = scene.invited();
    scene.does(|agent, now| agent.ring(now, usage));
    scene.said();
    scene.pass(120_000);
    assert_eq!(scene.said(), ["180 INVITE", "180 INVITE"]);
}

#[test]
fn the_advertised_address_of_a_usage_wins() {
    let mut scene = Scene::new();
    scene.hears(&asks("INVITE", 1, "i1", "", OFFER));
    let usage = scene.invited();
    scene.sent.clear();
    scene.agent.advertise(usage, Some("198.51.100.1".parse().unwrap()));
    scene.does(|agent, now| agent.accept(now, usage, ANSWER));
    assert_eq!(scene.response().headers.first("Contact"), Some("<sip:198.51.100.1:5060>"));
}
