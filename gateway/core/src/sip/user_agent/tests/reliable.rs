//! Provisional responses that must arrive (RFC 3262), and UPDATE before the answer (RFC 3311).

use super::*;

const EARLY: &str = "v=0\r\no=- 2 1 IN IP4 192.0.2.2\r\ns=early\r\nt=0 0\r\n";
const MOVED: &str = "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=moved\r\nt=0 0\r\n";
const SUPPORTS: &str = "Supported: 100rel\r\nAllow: INVITE, ACK, BYE, PRACK, UPDATE\r\n";

/// A call that has come in, with these lines in its INVITE.
fn coming(scene: &mut Scene, lines: &str, sdp: &str) -> UsageId {
    scene.hears(&asks("INVITE", 1, "i1", lines, sdp));
    let usage = scene.invited();
    scene.said();
    usage
}

/// The PRACK of a reliable response, by the peer at 192.0.2.1.
fn prack(response: &Response, number: u32, sdp: &str) -> String {
    let rseq = response.headers.first("RSeq").expect("it is reliable");
    let tag = format!(";tag={}", response.to.tag().unwrap());
    asks_within("PRACK", number, &format!("p{number}"), &tag, &format!("RAck: {rseq} 1 INVITE\r\n"), sdp)
}

fn rseq(response: &Response) -> u32 {
    response.headers.first("RSeq").unwrap().parse().unwrap()
}

#[test]
fn early_media_goes_reliably_to_a_peer_that_supports_it_and_a_mere_180_does_not() {
    let mut scene = Scene::new();
    let usage = coming(&mut scene, SUPPORTS, OFFER);
    scene.does(|agent, now| agent.ring(now, usage));
    assert_eq!(scene.response().headers.first("Require"), None);
    scene.does(|agent, now| agent.progress(now, usage, EARLY));
    let early = scene.response();
    assert_eq!((early.status, early.headers.first("Require"), early.sdp().as_deref()), (183, Some("100rel"), Some(EARLY)));
    assert!((1..1 << 31).contains(&rseq(&early)));
    assert!(early.headers.first("Contact").is_some(), "the PRACK must find its way");
}

#[test]
fn a_peer_that_does_not_know_100rel_gets_its_early_media_as_it_always_did() {
    let mut scene = Scene::new();
    let usage = coming(&mut scene, "", OFFER);
    scene.does(|agent, now| agent.progress(now, usage, EARLY));
    assert_eq!(scene.response().headers.first("RSeq"), None);
    scene.pass(2_000);
    scene.quiet();
}

#[test]
fn a_peer_that_requires_100rel_gets_each_ringing_so_and_the_next_only_after_its_prack() {
    let mut scene = Scene::new();
    let usage = coming(&mut scene, "Require: 100rel\r\n", OFFER);
    scene.does(|agent, now| agent.ring(now, usage));
    scene.does(|agent, now| agent.progress(now, usage, EARLY));
    let ringing = scene.response();
    assert_eq!((ringing.status, ringing.headers.first("Require")), (180, Some("100rel")));
    scene.quiet();
    scene.hears(&prack(&ringing, 2, ""));
    assert_eq!(scene.response().status, 200);
    let early = scene.response();
    assert_eq!((early.status, rseq(&early)), (183, rseq(&ringing) + 1));
}

#[test]
fn a_reliable_response_is_repeated_at_t1_doubled_without_a_ceiling_and_then_refused_with_504() {
    let mut scene = Scene::new();
    let usage = coming(&mut scene, SUPPORTS, OFFER);
    scene.does(|agent, now| agent.progress(now, usage, EARLY));
    scene.said();
    for pause in [500, 1_000, 2_000, 4_000, 8_000, 16_000] {
        scene.pass(pause - 1);
        scene.quiet();
        scene.pass(1);
        assert_eq!(scene.said(), ["183 INVITE"], "after {pause} ms");
    }
    scene.pass(499);
    scene.quiet();
    scene.pass(1);
    assert_eq!(scene.said(), ["504 INVITE"]);
    assert_eq!(scene.event(), UaEvent::Unacked { usage });
}

#[test]
fn a_prack_ends_the_repetition_and_its_own_repetition_is_answered_again() {
    let mut scene = Scene::new();
    let usage = coming(&mut scene, SUPPORTS, OFFER);
    scene.does(|agent, now| agent.progress(now, usage, EARLY));
    let early = scene.response();
    scene.hears(&prack(&early, 2, ""));
    scene.hears(&prack(&early, 2, ""));
    assert_eq!(scene.said(), ["200 PRACK", "200 PRACK"]);
    scene.pass(40_000);
    scene.quiet();
}

#[test]
fn a_prack_for_nothing_is_481() {
    let mut scene = Scene::new();
    let usage = coming(&mut scene, SUPPORTS, OFFER);
    scene.does(|agent, now| agent.progress(now, usage, EARLY));
    let early = scene.response();
    let right = format!("RAck: {} 1 INVITE", rseq(&early));
    for wrong in [
        format!("RAck: {} 1 INVITE", rseq(&early) + 1),
        right.replace("1 INVITE", "2 INVITE"),
        right.replace("INVITE", "BYE"),
        "X: y".into(),
    ] {
        let number = 2;
        scene.hears(&prack(&early, number, "").replace(&right, &wrong).replace("z9hG4bKp2", &format!("z9hG4bK{}", wrong.len())));
        assert_eq!(scene.said(), ["481 PRACK"], "{wrong}");
    }
    scene.hears(&prack(&early, 3, ""));
    scene.hears(&prack(&early, 4, ""));
    assert_eq!(scene.said(), ["200 PRACK", "481 PRACK"], "acknowledged twice");
}

#[test]
fn a_200_waits_for_the_prack_of_early_media_and_then_carries_no_sdp() {
    let mut scene = Scene::new();
    let usage = coming(&mut scene, SUPPORTS, OFFER);
    scene.does(|agent, now| agent.progress(now, usage, EARLY));
    let early = scene.response();
    scene.does(|agent, now| agent.accept(now, usage, EARLY));
    scene.quiet();
    scene.hears(&prack(&early, 2, ""));
    assert_eq!(scene.response().cseq.method, Method::Prack);
    let ok = scene.response();
    assert_eq!((ok.status, ok.sdp()), (200, None));
    scene.hears(&asks_within("ACK", 1, "a1", &format!(";tag={}", ok.to.tag().unwrap()), "", ""));
    assert_eq!(scene.event(), UaEvent::Acked { usage, sdp: None });
}

#[test]
fn a_200_does_not_wait_for_the_prack_of_a_mere_ringing() {
    let mut scene = Scene::new();
    let usage = coming(&mut scene, "Require: 100rel\r\n", OFFER);
    scene.does(|agent, now| agent.ring(now, usage));
    scene.does(|agent, now| agent.accept(now, usage, ANSWER));
    assert_eq!(scene.said(), ["180 INVITE", "200 INVITE"]);
    scene.pass(500);
    assert_eq!(scene.said(), ["200 INVITE"], "and the 180 is not repeated any more");
}

#[test]
fn a_cancel_ends_a_call_whose_200_waits() {
    let mut scene = Scene::new();
    let usage = coming(&mut scene, SUPPORTS, OFFER);
    scene.does(|agent, now| agent.progress(now, usage, EARLY));
    scene.does(|agent, now| agent.accept(now, usage, EARLY));
    scene.said();
    scene.hears(&asks("CANCEL", 1, "i1", "", ""));
    assert_eq!(scene.said(), ["200 CANCEL", "487 INVITE"]);
    assert_eq!(scene.event(), UaEvent::Cancelled { usage, reason: None });
}

#[test]
fn an_early_offer_of_ours_is_answered_by_the_prack() {
    let mut scene = Scene::new();
    let usage = coming(&mut scene, SUPPORTS, "");
    scene.does(|agent, now| agent.progress(now, usage, EARLY));
    let early = scene.response();
    assert_eq!(early.sdp().as_deref(), Some(EARLY));
    scene.hears(&prack(&early, 2, ANSWER));
    assert_eq!(scene.event(), UaEvent::EarlyAnswered { usage, sdp: Some(ANSWER.to_owned()) });
    assert_eq!(scene.said(), ["200 PRACK"]);
    scene.does(|agent, now| agent.accept(now, usage, EARLY));
    let ok = scene.response();
    assert_eq!((ok.status, ok.sdp()), (200, None));
}

#[test]
fn an_early_offer_is_kept_for_the_200_where_the_peer_would_not_be_sure_to_get_it() {
    let mut scene = Scene::new();
    let usage = coming(&mut scene, "", "");
    scene.does(|agent, now| agent.progress(now, usage, EARLY));
    assert_eq!(scene.response().sdp(), None);
    scene.does(|agent, now| agent.accept(now, usage, EARLY));
    let ok = scene.response();
    assert_eq!(ok.sdp().as_deref(), Some(EARLY));
    scene.hears(&asks_within("ACK", 1, "a1", &format!(";tag={}", ok.to.tag().unwrap()), "", ANSWER));
    assert_eq!(scene.event(), UaEvent::Acked { usage, sdp: Some(ANSWER.to_owned()) });
}

#[test]
fn an_offer_in_a_prack_is_answered_by_its_200() {
    let mut scene = Scene::new();
    let usage = coming(&mut scene, SUPPORTS, OFFER);
    scene.does(|agent, now| agent.progress(now, usage, EARLY));
    let early = scene.response();
    scene.hears(&prack(&early, 2, MOVED));
    assert_eq!(scene.event(), UaEvent::Reinvited { usage, sdp: Some(MOVED.to_owned()) });
    scene.quiet();
    scene.does(|agent, now| agent.accept_reinvite(now, usage, ANSWER));
    let ok = scene.response();
    assert_eq!((ok.cseq.method.clone(), ok.sdp().as_deref()), (Method::Prack, Some(ANSWER)));
}

#[test]
fn an_update_before_the_answer_is_taken_only_once_offer_and_answer_are_through() {
    let mut scene = Scene::new();
    let usage = coming(&mut scene, SUPPORTS, OFFER);
    scene.does(|agent, now| agent.ring(now, usage));
    let tag = format!(";tag={}", scene.response().to.tag().unwrap());
    scene.hears(&asks_within("UPDATE", 2, "u2", &tag, "", MOVED));
    let refusal = scene.response();
    assert_eq!(refusal.status, 500);
    assert!(refusal.headers.first("Retry-After").is_some_and(|seconds| seconds.parse::<u32>().is_ok_and(|seconds| seconds <= 10)));
    scene.does(|agent, now| agent.progress(now, usage, EARLY));
    let early = scene.response();
    scene.hears(&prack(&early, 3, ""));
    scene.said();
    scene.hears(&asks_within("UPDATE", 4, "u4", &tag, "", MOVED));
    assert_eq!(scene.event(), UaEvent::Reinvited { usage, sdp: Some(MOVED.to_owned()) });
    scene.does(|agent, now| agent.accept_reinvite(now, usage, ANSWER));
    assert_eq!(scene.said(), ["200 UPDATE"]);
}

#[test]
fn an_update_meets_491_while_our_early_offer_is_out() {
    let mut scene = Scene::new();
    let usage = coming(&mut scene, SUPPORTS, "");
    scene.does(|agent, now| agent.progress(now, usage, EARLY));
    let tag = format!(";tag={}", scene.response().to.tag().unwrap());
    scene.hears(&asks_within("UPDATE", 2, "u2", &tag, "", MOVED));
    assert_eq!(scene.said(), ["491 UPDATE"]);
}

#[test]
fn we_update_before_the_answer_by_update_and_not_by_invite() {
    let mut scene = Scene::new();
    let usage = coming(&mut scene, SUPPORTS, OFFER);
    scene.does(|agent, now| agent.progress(now, usage, EARLY));
    let early = scene.response();
    scene.hears(&prack(&early, 2, ""));
    scene.said();
    scene.does(|agent, now| agent.reinvite(now, usage, MOVED));
    let (_, update) = scene.request();
    assert_eq!((update.method.clone(), update.sdp().as_deref()), (Method::Update, Some(MOVED)));
    scene.hears_message(&answers(&update, 200, "caller", Some(ANSWER)));
    assert_eq!(scene.event(), UaEvent::ReinviteAnswered { usage, sdp: Some(ANSWER.to_owned()) });
    scene.quiet();
}

/// A reliable response to a call of ours.
fn reliably(invite: &Request, status: u16, tag: &str, rseq: u32, sdp: Option<&str>) -> Response {
    let mut response = answers(invite, status, tag, sdp);
    response.headers.push("Require", "100rel");
    response.headers.push("RSeq", rseq.to_string());
    response.headers.push("Allow", "INVITE, ACK, BYE, PRACK, UPDATE");
    response
}

fn calling(scene: &mut Scene) -> (UsageId, Request) {
    let usage = scene.does(|agent, now| agent.invite(now, &target()));
    (usage, scene.request().1)
}

#[test]
fn we_acknowledge_each_reliable_response_once_and_in_order() {
    let mut scene = Scene::new();
    let (usage, invite) = calling(&mut scene);
    assert!(invite.headers.lists("Supported", "100rel"));
    scene.hears_message(&reliably(&invite, 183, "callee", 70, Some(ANSWER)));
    assert_eq!(scene.event(), UaEvent::Progressed { usage, status: 183, sdp: Some(ANSWER.to_owned()) });
    let (to, prack) = scene.request();
    assert_eq!((to, prack.headers.first("RAck"), prack.cseq.number), ("192.0.2.1:5060".parse().unwrap(), Some("70 1 INVITE"), 2));
    // Its repetition, and one that came too early, are ignored.
    scene.hears_message(&reliably(&invite, 183, "callee", 70, Some(ANSWER)));
    scene.hears_message(&reliably(&invite, 180, "callee", 72, None));
    scene.quiet();
    scene.hears_message(&prack.answer(200, None));
    scene.hears_message(&reliably(&invite, 180, "callee", 71, None));
    assert_eq!(scene.event(), UaEvent::Progressed { usage, status: 180, sdp: None });
    assert_eq!(scene.request().1.headers.first("RAck"), Some("71 1 INVITE"));
    scene.hears_message(&reliably(&invite, 180, "callee", 72, None));
    assert_eq!(scene.request().1.headers.first("RAck"), Some("72 1 INVITE"));
}

#[test]
fn each_fork_counts_for_itself_and_numbers_its_own_pracks() {
    let mut scene = Scene::new();
    let (_, invite) = calling(&mut scene);
    scene.hears_message(&reliably(&invite, 183, "first", 5, None));
    scene.hears_message(&reliably(&invite, 183, "second", 900, None));
    let (first, second) = (scene.request().1, scene.request().1);
    assert_eq!((first.to.tag(), first.cseq.number, first.headers.first("RAck")), (Some("first"), 2, Some("5 1 INVITE")));
    assert_eq!((second.to.tag(), second.cseq.number, second.headers.first("RAck")), (Some("second"), 2, Some("900 1 INVITE")));
    // The second one takes the call: what follows is numbered after its PRACK.
    scene.events.clear();
    scene.hears_message(&answers(&invite, 200, "second", Some(ANSWER)));
    let UaEvent::Answered { usage, .. } = scene.event() else { panic!("it was taken") };
    scene.does(|agent, now| agent.bye(now, usage, cause(200, 16)));
    assert_eq!(scene.request().1.method, Method::Ack);
    let (_, bye) = scene.request();
    assert_eq!((bye.to.tag(), bye.cseq.number), (Some("second"), 3));
}

#[test]
fn an_answer_that_came_early_stands_where_the_200_has_none() {
    let mut scene = Scene::new();
    let (usage, invite) = calling(&mut scene);
    scene.hears_message(&reliably(&invite, 183, "callee", 5, Some(ANSWER)));
    scene.event();
    scene.hears_message(&answers(&invite, 200, "callee", None));
    assert_eq!(scene.event(), UaEvent::Answered { usage, sdp: Some(ANSWER.to_owned()) });
    assert_eq!(scene.said(), ["PRACK", "ACK"]);
}

#[test]
fn a_called_party_may_update_before_it_answers_once_its_answer_came_reliably() {
    let mut scene = Scene::new();
    let (usage, invite) = calling(&mut scene);
    let update = |number: u32| {
        asks_within("UPDATE", number, &format!("u{number}"), "", "", MOVED)
            .replace("call-1", &invite.call_id)
            .replace("tag=caller", "tag=callee")
            .replace("<sip:ada@192.0.2.2>", &invite.from.to_string())
    };
    scene.hears_message(&answers(&invite, 183, "callee", Some(ANSWER)));
    scene.event();
    scene.hears(&update(1));
    assert_eq!(scene.said(), ["491 UPDATE"], "our offer has no reliable answer yet");
    scene.hears_message(&reliably(&invite, 183, "callee", 5, Some(ANSWER)));
    scene.event();
    scene.hears(&update(2));
    assert_eq!(scene.event(), UaEvent::Reinvited { usage, sdp: Some(MOVED.to_owned()) });
    scene.does(|agent, now| agent.accept_reinvite(now, usage, ANSWER));
    assert_eq!(scene.said(), ["PRACK", "200 UPDATE"]);
}

#[test]
fn a_prack_that_is_lost_is_sent_again_by_its_own_transaction() {
    let mut scene = Scene::new();
    let (_, invite) = calling(&mut scene);
    scene.hears_message(&reliably(&invite, 180, "callee", 5, None));
    scene.said();
    scene.pass(500);
    scene.pass(1_000);
    assert_eq!(scene.said(), ["PRACK", "PRACK"]);
}
