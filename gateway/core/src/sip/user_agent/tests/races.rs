//! Messages that cross (RFC 5407): each race by its section, and what both ends make of it.

use super::*;

const MOVED: &str = "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=moved\r\nt=0 0\r\n";

/// A call that has come in and been taken; its ACK is still to come. Our tag as `;tag=..`.
fn unacknowledged(scene: &mut Scene) -> (UsageId, String) {
    scene.hears(&asks("INVITE", 1, "i1", "", OFFER));
    let usage = scene.invited();
    scene.does(|agent, now| agent.accept(now, usage, ANSWER));
    let Some((_, Message::Response(ok))) = scene.sent.pop_back() else { panic!("a 200 was due") };
    scene.sent.clear();
    (usage, format!(";tag={}", ok.to.tag().unwrap()))
}

fn nothing_is_left(scene: &mut Scene) {
    scene.pass(70_000);
    assert_eq!((scene.agent.load(), scene.agent.deadline()), ((0, 0), None));
}

/// 3.1.1.
#[test]
fn a_repeated_invite_that_crosses_the_200_is_absorbed() {
    let mut scene = Scene::new();
    unacknowledged(&mut scene);
    scene.hears(&asks("INVITE", 1, "i1", "", OFFER));
    scene.quiet();
    scene.pass(500);
    assert_eq!(scene.said(), ["200 INVITE"]);
}

/// 3.1.2.
#[test]
fn a_cancel_that_crosses_the_200_leaves_a_call_that_a_bye_must_end() {
    let mut scene = Scene::new();
    let (usage, tag) = unacknowledged(&mut scene);
    scene.hears(&asks("CANCEL", 1, "i1", "", ""));
    assert_eq!(scene.said(), ["200 CANCEL"]);
    scene.hears(&asks_within("ACK", 1, "a1", &tag, "", ""));
    scene.hears(&asks_within("BYE", 2, "b1", &tag, "", ""));
    assert_eq!(scene.said(), ["200 BYE"]);
    assert_eq!((scene.event(), scene.event()), (UaEvent::Acked { usage, sdp: None }, UaEvent::Bye { usage, reason: None }));
    nothing_is_left(&mut scene);
}

/// 3.1.3: the caller gave up by BYE while the call was early, and the 200 was under way.
#[test]
fn an_early_bye_that_crosses_the_200_ends_the_call_and_the_200_is_not_repeated() {
    let mut scene = Scene::new();
    let (usage, tag) = unacknowledged(&mut scene);
    scene.hears(&asks_within("BYE", 2, "b1", &tag, "", ""));
    assert_eq!(scene.said(), ["200 BYE"]);
    assert_eq!(scene.event(), UaEvent::Bye { usage, reason: None });
    // The ACK of the 200 that crossed.
    scene.hears(&asks_within("ACK", 1, "a1", &tag, "", ""));
    scene.pass(10_000);
    assert_eq!(scene.said(), Vec::<String>::new());
    nothing_is_left(&mut scene);
}

/// 3.1.4: the first ACK was lost.
#[test]
fn a_reinvite_that_overtakes_the_ack_meets_491_and_the_200_goes_on_until_its_ack() {
    let mut scene = Scene::new();
    let (usage, tag) = unacknowledged(&mut scene);
    scene.hears(&asks_within("INVITE", 2, "i2", &tag, "", MOVED));
    assert_eq!(scene.said(), ["491 INVITE"]);
    scene.hears(&asks_within("ACK", 2, "i2", &tag, "", ""));
    assert!(scene.events.is_empty(), "the ACK of the 491 is not that of the 200");
    scene.pass(500);
    assert_eq!(scene.said(), ["200 INVITE"]);
    scene.hears(&asks_within("ACK", 1, "a1", &tag, "", ""));
    assert_eq!(scene.event(), UaEvent::Acked { usage, sdp: None });
    scene.hears(&asks_within("INVITE", 3, "i3", &tag, "", MOVED));
    assert_eq!(scene.event(), UaEvent::Reinvited { usage, sdp: Some(MOVED.to_owned()) });
}

/// 3.1.5: our offer in the 200 waits for its answer in the ACK, so another one may not come.
#[test]
fn a_reinvite_that_overtakes_the_answer_in_the_ack_meets_491() {
    let mut scene = Scene::new();
    scene.hears(&asks("INVITE", 1, "i1", "", ""));
    let usage = scene.invited();
    scene.does(|agent, now| agent.accept(now, usage, OFFER));
    let Some((_, Message::Response(ok))) = scene.sent.pop_back() else { panic!("a 200 was due") };
    scene.sent.clear();
    let tag = format!(";tag={}", ok.to.tag().unwrap());
    scene.hears(&asks_within("INVITE", 2, "i2", &tag, "", MOVED));
    assert_eq!(scene.said(), ["491 INVITE"]);
    scene.hears(&asks_within("ACK", 1, "a1", &tag, "", ANSWER));
    assert_eq!(scene.event(), UaEvent::Acked { usage, sdp: Some(ANSWER.to_owned()) });
}

/// 3.1.4, in its form with UPDATE: offer and answer are through, so nothing hinders it.
#[test]
fn an_update_that_overtakes_the_ack_is_taken() {
    let mut scene = Scene::new();
    let (usage, tag) = unacknowledged(&mut scene);
    scene.hears(&asks_within("UPDATE", 2, "u2", &tag, "", MOVED));
    assert_eq!(scene.event(), UaEvent::Reinvited { usage, sdp: Some(MOVED.to_owned()) });
    scene.does(|agent, now| agent.accept_reinvite(now, usage, ANSWER));
    assert_eq!(scene.said(), ["200 UPDATE"]);
}

/// 3.1.6: the ACK was lost, the caller hung up.
#[test]
fn a_bye_that_overtakes_the_ack_ends_the_repetition_of_the_200() {
    let mut scene = Scene::new();
    let (usage, tag) = unacknowledged(&mut scene);
    scene.hears(&asks_within("ACK", 99, "a1", &tag, "", ""));
    scene.hears(&asks_within("BYE", 2, "b1", &tag, "", ""));
    assert_eq!((scene.event(), scene.said()), (UaEvent::Bye { usage, reason: None }, vec!["200 BYE".to_owned()]));
    scene.pass(5_000);
    scene.hears(&asks_within("ACK", 1, "a1", &tag, "", ""));
    assert_eq!(scene.said(), Vec::<String>::new());
    nothing_is_left(&mut scene);
}

/// 3.2.1: both hang up in the same moment.
#[test]
fn two_byes_that_cross_are_each_answered_200() {
    let mut scene = Scene::new();
    let (usage, tag) = established(&mut scene);
    scene.does(|agent, now| agent.bye(now, usage, cause(200, 16)));
    let (_, bye) = scene.request();
    scene.hears(&asks_within("BYE", 2, "b1", &tag, "", ""));
    assert_eq!(scene.said(), ["200 BYE"]);
    scene.hears_message(&bye.answer(200, None));
    scene.pass(40_000);
    assert_eq!(scene.event(), UaEvent::Gone { usage });
    scene.hears(&asks_within("BYE", 3, "b2", &tag, "", ""));
    assert_eq!(scene.said(), ["481 BYE"], "by then it is forgotten");
    nothing_is_left(&mut scene);
}

/// 3.2.2.
#[test]
fn a_reinvite_that_crosses_our_bye_is_481() {
    let mut scene = Scene::new();
    let (usage, tag) = established(&mut scene);
    scene.does(|agent, now| agent.bye(now, usage, cause(200, 16)));
    scene.hears(&asks_within("INVITE", 2, "i2", &tag, "", MOVED));
    assert_eq!(scene.said(), ["BYE", "481 INVITE"]);
    assert!(scene.events.is_empty());
    scene.hears(&asks_within("ACK", 2, "i2", &tag, "", ""));
    scene.quiet();
}

/// 3.3.3.
#[test]
fn a_refer_that_crosses_our_bye_is_481_and_nobody_is_called() {
    let mut scene = Scene::new();
    let (usage, tag) = established(&mut scene);
    scene.does(|agent, now| agent.bye(now, usage, cause(200, 16)));
    scene.hears(&asks_within("REFER", 2, "r1", &tag, "Refer-To: <sip:200@10.0.0.1>\r\n", ""));
    assert_eq!(scene.said(), ["BYE", "481 REFER"]);
    assert!(scene.events.is_empty());
}

/// 3.2.3: our re-INVITE is answered after we were hung up on.
#[test]
fn a_200_of_our_reinvite_that_crosses_their_bye_is_acknowledged_all_the_same() {
    let mut scene = Scene::new();
    let (usage, tag) = established(&mut scene);
    scene.does(|agent, now| agent.reinvite(now, usage, MOVED));
    let (_, request) = scene.request();
    scene.hears(&asks_within("BYE", 2, "b1", &tag, "", ""));
    assert_eq!(scene.event(), UaEvent::Bye { usage, reason: None });
    scene.hears_message(&answers(&request, 200, "caller", Some(ANSWER)));
    assert_eq!(scene.said(), ["200 BYE", "ACK"]);
    assert!(scene.events.is_empty(), "the call is over: {:?}", scene.events);
    scene.pass(33_000);
    assert_eq!(scene.event(), UaEvent::Gone { usage });
}

/// 3.2.4.
#[test]
fn an_ack_that_comes_after_their_bye_does_nothing() {
    let mut scene = Scene::new();
    let (usage, tag) = unacknowledged(&mut scene);
    scene.hears(&asks_within("BYE", 2, "b1", &tag, "", ""));
    scene.hears(&asks_within("ACK", 1, "a1", &tag, "", ""));
    assert_eq!((scene.event(), scene.events.len()), (UaEvent::Bye { usage, reason: None }, 0));
}

/// 3.3.1.
#[test]
fn two_reinvites_that_cross_both_meet_491_and_ours_goes_out_again() {
    let mut scene = Scene::new();
    let (usage, tag) = established(&mut scene);
    scene.does(|agent, now| agent.reinvite(now, usage, MOVED));
    let (_, ours) = scene.request();
    scene.hears(&asks_within("INVITE", 2, "i2", &tag, "", MOVED));
    assert_eq!(scene.said(), ["491 INVITE"]);
    scene.hears(&asks_within("ACK", 2, "i2", &tag, "", ""));
    scene.hears_message(&ours.answer(491, None));
    assert_eq!(scene.said(), ["ACK"]);
    // Theirs comes first, for they called and wait longer; or ours, as the lots fall: here ours, within 2 s.
    scene.pass(2_000);
    let (_, again) = scene.request();
    assert_eq!((again.cseq.number, again.sdp().as_deref()), (ours.cseq.number + 1, Some(MOVED)));
}

/// 3.3.2.
#[test]
fn an_update_that_crosses_our_reinvite_is_491() {
    let mut scene = Scene::new();
    let (usage, tag) = established(&mut scene);
    scene.does(|agent, now| agent.reinvite(now, usage, MOVED));
    scene.hears(&asks_within("UPDATE", 2, "u2", &tag, "", MOVED));
    assert_eq!(scene.said(), ["INVITE", "491 UPDATE"]);
    // One without an offer is only a sign of life.
    scene.hears(&asks_within("UPDATE", 3, "u3", &tag, "", ""));
    assert_eq!(scene.said(), ["200 UPDATE"]);
}

/// 3.1.2, seen by the caller; also RFC 3261 9.1.
#[test]
fn a_200_that_crosses_our_cancel_and_its_487_is_hung_up_once() {
    let mut scene = Scene::new();
    let usage = scene.does(|agent, now| agent.invite(now, &target()));
    let (_, invite) = scene.request();
    scene.hears_message(&answers(&invite, 180, "callee", None));
    scene.does(|agent, now| agent.cancel(now, usage, cause(487, 16)));
    let (_, cancel) = scene.request();
    scene.hears_message(&answers(&invite, 200, "callee", Some(ANSWER)));
    scene.hears_message(&cancel.answer(481, None));
    assert_eq!(scene.said(), ["ACK", "BYE"]);
    scene.hears_message(&answers(&invite, 200, "callee", Some(ANSWER)));
    assert_eq!(scene.said(), ["ACK"]);
}

/// A late fork: 487 of one phone, 200 of another that the CANCEL did not reach in time.
#[test]
fn a_200_of_another_fork_after_a_refusal_is_absorbed_by_its_proxy_and_not_by_a_call() {
    let mut scene = Scene::new();
    let usage = scene.does(|agent, now| agent.invite(now, &target()));
    let (_, invite) = scene.request();
    scene.hears_message(&answers(&invite, 180, "callee", None));
    scene.event();
    scene.does(|agent, now| agent.cancel(now, usage, cause(487, 16)));
    scene.hears_message(&answers(&invite, 487, "callee", None));
    assert!(matches!(scene.event(), UaEvent::Refused { status: 487, .. }));
    scene.said();
    // The INVITE transaction is Completed: a 2xx no longer fits (RFC 3261 17.1.1.2), and that phone gives up by itself.
    scene.hears_message(&answers(&invite, 200, "late", Some(ANSWER)));
    assert_eq!(scene.said(), Vec::<String>::new());
    assert!(scene.events.is_empty());
}

/// The answer is on its way while its caller is already gone.
#[test]
fn an_accept_that_crosses_a_cancel_changes_nothing() {
    let mut scene = Scene::new();
    scene.hears(&asks("INVITE", 1, "i1", "", OFFER));
    let usage = scene.invited();
    scene.hears(&asks("CANCEL", 1, "i1", "", ""));
    scene.said();
    scene.does(|agent, now| agent.accept(now, usage, ANSWER));
    assert_eq!(scene.said(), Vec::<String>::new());
    assert_eq!(scene.event(), UaEvent::Cancelled { usage, reason: None });
}

/// Our hangup waits for the ACK (RFC 3261 15), and theirs comes first.
#[test]
fn their_bye_that_comes_before_the_ack_for_which_ours_waits_is_enough() {
    let mut scene = Scene::new();
    let (usage, tag) = unacknowledged(&mut scene);
    scene.does(|agent, now| agent.bye(now, usage, cause(200, 16)));
    scene.hears(&asks_within("BYE", 2, "b1", &tag, "", ""));
    scene.hears(&asks_within("ACK", 1, "a1", &tag, "", ""));
    assert_eq!(scene.said(), ["200 BYE"]);
    nothing_is_left(&mut scene);
}
