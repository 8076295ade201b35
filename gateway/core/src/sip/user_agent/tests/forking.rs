//! Several phones behind one INVITE of ours: each has an early dialog, and one has the call (RFC 3261 13.2.2.4, RFC 3262 4, RFC 3311 5).

use super::{super::usage::FORKS_MAX, *};

const MOVED: &str = "v=0\r\no=- 3 2 IN IP4 192.0.2.3\r\ns=moved\r\nt=0 0\r\n";

/// A call of ours whose forks of these tags have each answered reliably; their PRACKs are answered.
fn ringing(scene: &mut Scene, tags: &[&str]) -> (UsageId, Request) {
    let usage = scene.does(|agent, now| agent.invite(now, &target()));
    let (_, invite) = scene.request();
    for tag in tags {
        scene.hears_message(&reliably(&invite, tag));
        let (_, prack) = scene.request();
        assert_eq!((prack.method.clone(), prack.to.tag()), (Method::Prack, Some(*tag)));
        scene.hears_message(&prack.answer(200, None));
    }
    scene.events.clear();
    (usage, invite)
}

fn reliably(invite: &Request, tag: &str) -> Response {
    let mut response = answers(invite, 183, tag, Some(ANSWER));
    response.headers.push("Require", "100rel");
    response.headers.push("RSeq", "5");
    response
}

/// A request of the fork with this tag, within its dialog.
fn within(invite: &Request, tag: &str, method: &str, number: u32, sdp: &str) -> String {
    asks_within(method, number, &format!("{tag}{method}{number}"), "", "", sdp)
        .replace("call-1", &invite.call_id)
        .replace("tag=caller", &format!("tag={tag}"))
        .replace("<sip:ada@192.0.2.2>", &invite.from.to_string())
}

#[test]
fn every_fork_may_update_and_ask_within_its_early_dialog() {
    let mut scene = Scene::new();
    let (usage, invite) = ringing(&mut scene, &["first", "second", "third"]);
    for tag in ["third", "first", "second"] {
        scene.hears(&within(&invite, tag, "UPDATE", 7, MOVED));
        assert_eq!(scene.event(), UaEvent::Reinvited { usage, sdp: Some(MOVED.to_owned()) }, "{tag}");
        scene.does(|agent, now| agent.accept_reinvite(now, usage, ANSWER));
        let answer = scene.response();
        assert_eq!((answer.status, answer.cseq.method.clone(), answer.from.tag()), (200, Method::Update, Some(tag)));
        for (method, status) in [("UPDATE", 200), ("OPTIONS", 200), ("INFO", 200), ("INVITE", 491), ("REFER", 603), ("PRACK", 481)] {
            scene.hears(&within(&invite, tag, method, 8, ""));
            assert_eq!(scene.response().status, status, "{method} of {tag}");
        }
        // Each dialog counts for itself.
        scene.hears(&within(&invite, tag, "UPDATE", 6, ""));
        assert_eq!(scene.response().status, 500, "a number that went back, of {tag}");
        scene.events.clear();
        scene.sent.clear();
    }
    scene.hears(&within(&invite, "nobody", "UPDATE", 7, MOVED));
    assert_eq!(scene.said(), ["481 UPDATE"]);
}

#[test]
fn a_fork_that_has_not_answered_reliably_may_not_update_though_another_has() {
    let mut scene = Scene::new();
    let (_, invite) = ringing(&mut scene, &["first"]);
    scene.hears_message(&answers(&invite, 180, "second", None));
    scene.hears(&within(&invite, "second", "UPDATE", 1, MOVED));
    assert_eq!(scene.said(), ["491 UPDATE"]);
}

#[test]
fn with_the_first_2xx_the_other_early_dialogs_are_over() {
    for winner in ["first", "second"] {
        let mut scene = Scene::new();
        let (usage, invite) = ringing(&mut scene, &["first", "second", "third"]);
        scene.hears_message(&answers(&invite, 200, winner, None));
        assert_eq!(scene.event(), UaEvent::Answered { usage, sdp: Some(ANSWER.to_owned()) });
        assert_eq!(scene.said(), ["ACK"]);
        for loser in ["first", "second", "third"].into_iter().filter(|tag| *tag != winner) {
            scene.hears(&within(&invite, loser, "UPDATE", 9, MOVED));
            assert_eq!(scene.said(), ["481 UPDATE"], "{loser} has lost");
        }
        scene.hears(&within(&invite, winner, "INFO", 9, ""));
        assert_eq!(scene.said(), ["200 INFO"]);
    }
}

#[test]
fn a_loser_that_takes_the_call_all_the_same_is_hung_up_by_a_number_that_its_dialog_has_not_used() {
    for (winner, loser) in [("first", "second"), ("second", "first")] {
        let mut scene = Scene::new();
        let (_, invite) = ringing(&mut scene, &["first", "second"]);
        scene.hears_message(&answers(&invite, 200, winner, None));
        scene.sent.clear();
        scene.hears_message(&answers(&invite, 200, loser, None));
        let (ack, bye) = (scene.request().1, scene.request().1);
        assert_eq!((ack.method.clone(), ack.to.tag(), ack.cseq.number), (Method::Ack, Some(loser), 1));
        // 1 was the INVITE, 2 the PRACK.
        assert_eq!((bye.method.clone(), bye.to.tag(), bye.cseq.number), (Method::Bye, Some(loser), 3));
    }
}

#[test]
fn what_a_fork_has_updated_stands_when_its_200_brings_no_sdp() {
    let mut scene = Scene::new();
    let (usage, invite) = ringing(&mut scene, &["first", "second"]);
    scene.hears(&within(&invite, "second", "UPDATE", 7, MOVED));
    scene.event();
    scene.does(|agent, now| agent.accept_reinvite(now, usage, ANSWER));
    scene.hears_message(&answers(&invite, 200, "second", None));
    assert_eq!(scene.event(), UaEvent::Answered { usage, sdp: Some(MOVED.to_owned()) });
}

#[test]
fn more_forks_than_we_hold_are_not_heard_and_what_is_held_is_given_back() {
    let tags: Vec<String> = (0..FORKS_MAX).map(|n| format!("fork{n}")).collect();
    let mut scene = Scene::new();
    let (usage, invite) = ringing(&mut scene, &tags.iter().map(String::as_str).collect::<Vec<_>>());
    scene.hears_message(&reliably(&invite, "one-too-many"));
    scene.quiet();
    scene.hears(&within(&invite, "one-too-many", "UPDATE", 1, MOVED));
    assert_eq!(scene.said(), ["481 UPDATE"]);
    scene.hears_message(&answers(&invite, 486, &tags[0], None));
    scene.pass(64_000);
    assert_eq!(scene.events.back(), Some(&UaEvent::Gone { usage }));
    assert!(scene.agent.dialogs.is_empty(), "{:?}", scene.agent.dialogs);
}
