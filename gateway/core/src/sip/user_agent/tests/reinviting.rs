//! A call that stands is changed.

use super::*;

const HOLD: &str = "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\na=sendonly\r\n";

#[test]
fn a_reinvite_is_told_answered_and_acknowledged_and_moves_the_target() {
    let mut scene = Scene::new();
    let (usage, tag) = established(&mut scene);
    let text = asks_within("INVITE", 2, "i2", &tag, "", HOLD).replace("<sip:ada@192.0.2.1:5060>", "<sip:ada@192.0.2.77>");
    scene.hears(&text);
    assert_eq!(scene.event(), UaEvent::Reinvited { usage, sdp: Some(HOLD.to_owned()) });
    scene.does(|agent, now| agent.accept_reinvite(now, usage, ANSWER));
    assert_eq!(scene.said(), ["100 INVITE", "200 INVITE"]);
    scene.pass(500);
    assert_eq!(scene.said(), ["200 INVITE"]);
    scene.hears(&asks_within("ACK", 2, "a2", &tag, "", ""));
    assert_eq!(scene.event(), UaEvent::Acked { usage, sdp: None });
    scene.does(|agent, now| agent.bye(now, usage, cause(200, 16)));
    assert_eq!(scene.request().0, "192.0.2.77:5060".parse::<std::net::SocketAddr>().unwrap());
}

#[test]
fn a_reinvite_without_offer_gets_ours_and_its_ack_the_answer() {
    let mut scene = Scene::new();
    let (usage, tag) = established(&mut scene);
    scene.hears(&asks_within("INVITE", 2, "i2", &tag, "", ""));
    assert_eq!(scene.event(), UaEvent::Reinvited { usage, sdp: None });
    scene.does(|agent, now| agent.accept_reinvite(now, usage, OFFER));
    scene.hears(&asks_within("ACK", 2, "a2", &tag, "", ANSWER));
    assert_eq!(scene.event(), UaEvent::Acked { usage, sdp: Some(ANSWER.to_owned()) });
}

#[test]
fn a_second_reinvite_meets_500_while_the_first_waits_and_491_while_ours_is_out() {
    let mut scene = Scene::new();
    let (usage, tag) = established(&mut scene);
    scene.hears(&asks_within("INVITE", 2, "i2", &tag, "", HOLD));
    scene.hears(&asks_within("INVITE", 3, "i3", &tag, "", HOLD));
    assert_eq!(scene.response().status, 100);
    let refusal = scene.response();
    assert!(refusal.status == 500 && refusal.headers.first("Retry-After").is_some_and(|s| s.parse::<u32>().is_ok_and(|s| s <= 10)));
    scene.does(|agent, now| agent.refuse_reinvite(now, usage, &Refusal::new(488)));
    assert_eq!(scene.response().status, 488);
    scene.does(|agent, now| agent.reinvite(now, usage, HOLD));
    scene.hears(&asks_within("INVITE", 4, "i4", &tag, "", HOLD));
    assert_eq!(scene.said(), ["INVITE", "491 INVITE"]);
}

#[test]
fn our_reinvite_waits_out_a_glare_and_then_succeeds() {
    let mut scene = Scene::new();
    let (usage, _) = established(&mut scene);
    scene.does(|agent, now| agent.reinvite(now, usage, HOLD));
    let (_, first) = scene.request();
    scene.hears_message(&first.answer(491, None));
    assert_eq!(scene.said(), ["ACK"]);
    // We were called, so the Call-ID is the peer's: at most 2 s.
    scene.pass(2000);
    let (_, second) = scene.request();
    assert_eq!((second.cseq.number, second.sdp().as_deref()), (first.cseq.number + 1, Some(HOLD)));
    scene.hears_message(&answers(&second, 200, "caller", Some(ANSWER)));
    assert_eq!(scene.event(), UaEvent::ReinviteAnswered { usage, sdp: Some(ANSWER.to_owned()) });
    assert_eq!(scene.said().last().map(String::as_str), Some("ACK"));
}

#[test]
fn a_refused_reinvite_leaves_the_call_as_it_was() {
    let mut scene = Scene::new();
    let (usage, tag) = established(&mut scene);
    scene.does(|agent, now| agent.reinvite(now, usage, HOLD));
    let (_, request) = scene.request();
    scene.hears_message(&request.answer(488, None));
    assert_eq!(scene.event(), UaEvent::ReinviteRefused { usage, status: 488 });
    scene.said();
    scene.hears(&asks_within("BYE", 2, "b1", &tag, "", ""));
    assert_eq!(scene.event(), UaEvent::Bye { usage, reason: None });
}

#[test]
fn a_reinvite_that_finds_no_dialog_ends_the_call() {
    let mut scene = Scene::new();
    let (usage, _) = established(&mut scene);
    scene.does(|agent, now| agent.reinvite(now, usage, HOLD));
    let (_, request) = scene.request();
    scene.hears_message(&request.answer(481, None));
    assert_eq!(scene.event(), UaEvent::Lost { usage });
    assert_eq!(scene.said(), ["ACK", "BYE"]);
}

#[test]
fn a_peer_that_says_100_to_a_reinvite_and_no_more_is_hung_up() {
    let mut scene = Scene::new();
    let (usage, _) = established(&mut scene);
    scene.does(|agent, now| agent.reinvite(now, usage, HOLD));
    let (_, request) = scene.request();
    scene.hears_message(&request.answer(100, None));
    scene.pass(33_000);
    assert_eq!(scene.event(), UaEvent::Lost { usage });
    assert_eq!(scene.said()[0], "BYE");
}

#[test]
fn a_call_that_ends_during_our_reinvite_leaves_nothing_behind() {
    let mut scene = Scene::new();
    let (usage, tag) = established(&mut scene);
    scene.does(|agent, now| agent.reinvite(now, usage, HOLD));
    let (_, request) = scene.request();
    scene.hears_message(&request.answer(100, None));
    scene.hears(&asks_within("BYE", 2, "b1", &tag, "", ""));
    assert_eq!(scene.event(), UaEvent::Bye { usage, reason: None });
    scene.pass(33_000);
    assert_eq!(scene.event(), UaEvent::Gone { usage });
    assert_eq!((scene.agent.load(), scene.agent.deadline()), ((0, 0), None));
}

#[test]
fn a_cancelled_reinvite_is_told_and_the_call_goes_on() {
    let mut scene = Scene::new();
    let (usage, tag) = established(&mut scene);
    scene.hears(&asks_within("INVITE", 2, "i2", &tag, "", HOLD));
    scene.event();
    scene.said();
    scene.hears(&asks_within("CANCEL", 2, "i2", &tag, "", ""));
    assert_eq!(scene.said(), ["200 CANCEL", "487 INVITE"]);
    assert_eq!(scene.event(), UaEvent::ReinviteCancelled { usage });
    scene.does(|agent, now| agent.reinvite(now, usage, HOLD));
    assert_eq!(scene.said(), ["INVITE"]);
}

#[test]
fn an_update_refreshes_by_itself_and_asks_when_it_carries_an_offer() {
    let mut scene = Scene::new();
    let (usage, tag) = established(&mut scene);
    scene.hears(&asks_within("UPDATE", 2, "u2", &tag, "", ""));
    assert_eq!(scene.said(), ["200 UPDATE"]);
    scene.hears(&asks_within("UPDATE", 3, "u3", &tag, "", HOLD));
    assert_eq!(scene.event(), UaEvent::Reinvited { usage, sdp: Some(HOLD.to_owned()) });
    scene.does(|agent, now| agent.accept_reinvite(now, usage, ANSWER));
    assert_eq!(scene.said(), ["200 UPDATE"]);
    scene.pass(30_000);
    scene.quiet();
}

#[test]
fn a_request_out_of_order_is_500() {
    let mut scene = Scene::new();
    let (_, tag) = established(&mut scene);
    scene.hears(&asks_within("INFO", 9, "n9", &tag, "", ""));
    scene.hears(&asks_within("INFO", 8, "n8", &tag, "", ""));
    assert_eq!(scene.said(), ["200 INFO", "500 INFO"]);
}

#[test]
fn a_pending_reinvite_is_answered_487_when_the_call_ends() {
    let mut scene = Scene::new();
    let (usage, tag) = established(&mut scene);
    scene.hears(&asks_within("INVITE", 2, "i2", &tag, "", HOLD));
    scene.said();
    scene.does(|agent, now| agent.bye(now, usage, cause(200, 16)));
    assert_eq!(scene.said(), ["487 INVITE", "BYE"]);
}
