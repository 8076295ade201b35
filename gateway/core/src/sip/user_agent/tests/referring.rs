//! REFER and Replaces, on the wire.

use super::*;

fn refer(to: &str, lines: &str) -> String {
    format!("Refer-To: {to}\r\n{lines}")
}

/// A call in which the peer has sent a REFER that was taken; the first NOTIFY.
fn referred(scene: &mut Scene) -> (UsageId, String, Request) {
    let (usage, tag) = established(scene);
    scene.hears(&asks_within("REFER", 2, "r1", &tag, &refer("<sip:200@192.0.2.9>", "Referred-By: <sip:ada@192.0.2.1>\r\n"), ""));
    let UaEvent::Referred { referral, .. } = scene.event() else { panic!("a REFER") };
    assert_eq!((referral.to.to_string().as_str(), referral.referred_by.as_deref()), ("sip:200@192.0.2.9", Some("<sip:ada@192.0.2.1>")));
    scene.does(|agent, now| agent.accept_refer(now, usage));
    assert_eq!(scene.response().status, 202);
    let (_, notify) = scene.request();
    (usage, tag, notify)
}

fn fragment(notify: &Request) -> (String, String) {
    let state = notify.headers.first("Subscription-State").unwrap();
    (String::from_utf8(notify.body.clone()).unwrap(), state.split(';').next().unwrap().to_owned())
}

#[test]
fn a_referrer_hears_how_its_call_goes_and_then_no_more() {
    let mut scene = Scene::new();
    let (usage, _, trying) = referred(&mut scene);
    assert_eq!(fragment(&trying), ("SIP/2.0 100 Trying\r\n".to_owned(), "active".to_owned()));
    assert_eq!((trying.headers.first("Event"), trying.cseq.number), (Some("refer"), 1));
    for (status, words, state) in [(180, "180 Ringing", "active"), (200, "200 OK", "terminated")] {
        scene.does(|agent, now| agent.notify_refer(now, usage, status));
        assert_eq!(fragment(&scene.request().1), (format!("SIP/2.0 {words}\r\n"), state.to_owned()));
    }
    scene.does(|agent, now| agent.notify_refer(now, usage, 200));
    scene.quiet();
}

#[test]
fn only_requests_that_renew_a_session_speak_of_its_timer() {
    let mut scene = Scene::new();
    let (usage, _, notify) = referred(&mut scene);
    scene.does(|agent, now| agent.refer(now, usage, "sip:200@192.0.2.9", None));
    for request in [notify, scene.request().1] {
        // RFC 4028 4 and 5: INVITE and UPDATE alone.
        assert_eq!((request.headers.first("Session-Expires"), request.headers.first("Min-SE")), (None, None), "{:?}", request.method);
        assert!(request.headers.first("Session-ID").is_some(), "{:?}", request.method);
    }
}

#[test]
fn a_referrer_that_hung_up_at_once_is_told_all_the_same() {
    let mut scene = Scene::new();
    let (usage, tag, trying) = referred(&mut scene);
    scene.hears_message(&trying.answer(200, None));
    scene.hears(&asks_within("BYE", 3, "b1", &tag, "", ""));
    assert_eq!(scene.event(), UaEvent::Bye { usage, reason: None });
    scene.said();
    scene.pass(40_000);
    assert!(scene.events.is_empty(), "the usage waits for the outcome: {:?}", scene.events);
    scene.does(|agent, now| agent.notify_refer(now, usage, 486));
    let (_, notify) = scene.request();
    scene.hears_message(&notify.answer(200, None));
    scene.pass(40_000);
    assert_eq!(scene.event(), UaEvent::Gone { usage });
}

#[test]
fn an_outcome_that_never_comes_does_not_keep_the_usage() {
    let mut scene = Scene::new();
    let (usage, tag, _) = referred(&mut scene);
    scene.hears(&asks_within("BYE", 3, "b1", &tag, "", ""));
    scene.pass(220_000);
    assert_eq!(scene.events.back(), Some(&UaEvent::Gone { usage }));
    assert_eq!(scene.agent.load(), (0, 0));
}

#[test]
fn a_referrer_may_want_to_hear_nothing() {
    let mut scene = Scene::new();
    let (usage, tag) = established(&mut scene);
    scene.hears(&asks_within("REFER", 2, "r1", &tag, &refer("sip:200@192.0.2.9", "Refer-Sub: false\r\n"), ""));
    scene.event();
    scene.does(|agent, now| agent.accept_refer(now, usage));
    assert_eq!(scene.response().headers.first("Refer-Sub"), Some("false"));
    scene.does(|agent, now| agent.notify_refer(now, usage, 200));
    scene.quiet();
}

#[test]
fn a_refer_that_cannot_be_read_or_comes_too_early_or_from_outside_is_refused() {
    let mut scene = Scene::new();
    let (_, tag) = established(&mut scene);
    for (number, lines, status) in [
        (2, String::new(), 400),
        (3, refer("<sip:a@h>, <sip:b@h>", ""), 400),
        (4, refer("<sip:a@h?Replaces=x>", ""), 400),
        (5, refer("<http://h/>", ""), 416),
        (6, refer("<sip:a@h;method=SUBSCRIBE>", ""), 603),
    ] {
        scene.hears(&asks_within("REFER", number, &format!("r{number}"), &tag, &lines, ""));
        assert_eq!(scene.response().status, status, "{lines}");
    }
    scene.hears(&asks("REFER", 1, "out", &refer("sip:a@h", ""), "").replace("call-1", "call-2"));
    assert_eq!(scene.response().status, 403);
    assert!(scene.events.is_empty());
}

#[test]
fn a_second_refer_waits_for_the_end_of_the_first_and_says_which_it_is() {
    let mut scene = Scene::new();
    let (usage, tag, _) = referred(&mut scene);
    scene.hears(&asks_within("REFER", 3, "r2", &tag, &refer("sip:a@h", ""), ""));
    assert_eq!(scene.response().status, 491);
    scene.does(|agent, now| agent.notify_refer(now, usage, 404));
    scene.said();
    scene.hears(&asks_within("REFER", 4, "r3", &tag, &refer("sip:a@h", ""), ""));
    scene.event();
    scene.does(|agent, now| agent.accept_refer(now, usage));
    scene.response();
    assert_eq!(scene.request().1.headers.first("Event"), Some("refer;id=4"));
}

#[test]
fn our_refer_is_followed_until_its_final_word() {
    let mut scene = Scene::new();
    let (usage, tag) = established(&mut scene);
    let notify = |number: u32, event: &str, state: &str, body: &str| {
        let lines = format!("Event: {event}\r\nSubscription-State: {state}\r\n");
        asks_within("NOTIFY", number, &format!("n{number}"), &tag, &lines, body).replace("application/sdp", "message/sipfrag")
    };
    scene.hears(&notify(2, "refer", "active", "SIP/2.0 100 Trying\r\n"));
    assert_eq!(scene.response().status, 481, "nothing was asked");
    scene.does(|agent, now| agent.refer(now, usage, "sip:200@192.0.2.9", Some("<sip:tandem@h>")));
    let (_, refer) = scene.request();
    assert_eq!(
        (refer.headers.first("Refer-To"), refer.headers.first("Referred-By")),
        (Some("<sip:200@192.0.2.9>"), Some("<sip:tandem@h>"))
    );
    scene.hears_message(&refer.answer(202, None));
    for (number, event, state, body, answer) in [
        (3, "presence", "active", "", 489),
        (4, "refer", "active;expires=60", "SIP/2.0 100 Trying\r\n", 200),
        (5, "refer", "active;expires=60", "SIP/2.0 180 Ringing\r\n", 200),
        (6, "refer", "terminated;reason=noresource", "SIP/2.0 200 OK\r\n", 200),
        (7, "refer", "terminated;reason=noresource", "SIP/2.0 200 OK\r\n", 200),
    ] {
        scene.hears(&notify(number, event, state, body));
        assert_eq!(scene.response().status, answer, "{body}");
    }
    assert_eq!(scene.event(), UaEvent::ReferProgressed { usage, status: 180 });
    assert_eq!(scene.event(), UaEvent::ReferProgressed { usage, status: 200 });
    scene.quiet();
}

#[test]
fn a_peer_that_refuses_our_refer_or_falls_silent_has_ended_it() {
    let mut scene = Scene::new();
    let (usage, tag) = established(&mut scene);
    scene.does(|agent, now| agent.refer(now, usage, "sip:200@192.0.2.9", None));
    let (_, refer) = scene.request();
    scene.hears_message(&refer.answer(405, None));
    assert_eq!(scene.event(), UaEvent::ReferProgressed { usage, status: 405 });
    scene.does(|agent, now| agent.refer(now, usage, "sip:200@192.0.2.9", None));
    scene.sent.clear();
    scene.hears(&asks_within("NOTIFY", 2, "n2", &tag, "Event: refer\r\nSubscription-State: terminated;reason=timeout\r\n", ""));
    assert_eq!(scene.event(), UaEvent::ReferProgressed { usage, status: 480 });
}

#[test]
fn what_is_told_late_of_a_refer_that_we_gave_up_says_nothing_of_the_next() {
    let mut scene = Scene::new();
    let (usage, tag) = established(&mut scene);
    let [first, second] = ["sip:200@192.0.2.9", "sip:300@192.0.2.9"].map(|to| {
        scene.does(|agent, now| agent.refer(now, usage, to, None));
        scene.request().1
    });
    scene.hears_message(&second.answer(202, None));
    scene.hears_message(&first.answer(603, None));
    let over = "Subscription-State: terminated;reason=noresource\r\n";
    let first = format!("refer;id={}", first.cseq.number);
    for (number, event) in [(2, first.as_str()), (3, "refer"), (4, "refer;id=x")] {
        let lines = format!("Event: {event}\r\n{over}");
        scene.hears(&asks_within("NOTIFY", number, &format!("n{number}"), &tag, &lines, "SIP/2.0 200 OK\r\n"));
        assert_eq!(scene.response().status, 200, "the call does not suffer for it");
    }
    assert!(scene.events.is_empty(), "{:?}", scene.events);
    let lines = format!("Event: refer ; ID = {}\r\n{over}", second.cseq.number);
    scene.hears(&asks_within("NOTIFY", 5, "n5", &tag, &lines, "SIP/2.0 486 Busy Here\r\n"));
    assert_eq!(scene.event(), UaEvent::ReferProgressed { usage, status: 486 });
}

/// What an INVITE with this Replaces is told to ask for.
fn replacing(scene: &mut Scene, number: u32, replaces: &str) -> Result<UsageId, u16> {
    let text = asks("INVITE", number, &format!("p{number}"), &format!("Replaces: {replaces}\r\nRequire: replaces\r\n"), OFFER);
    scene.hears(&text.replace("Call-ID: call-1", &format!("Call-ID: other-{number}")));
    let UaEvent::Invited { replacing: Some(found), .. } = scene.event() else { panic!("{text}") };
    found
}

#[test]
fn a_place_is_given_by_the_rules_of_rfc_3891() {
    let mut scene = Scene::new();
    let (usage, tag) = established(&mut scene);
    let ours = tag.strip_prefix(";tag=").unwrap();
    let dialog = format!("call-1;to-tag={ours};from-tag=caller");
    assert_eq!(replacing(&mut scene, 1, &dialog), Ok(usage));
    assert_eq!(replacing(&mut scene, 2, &format!("{dialog};early-only")), Err(486));
    assert_eq!(replacing(&mut scene, 3, &format!("call-1;to-tag=caller;from-tag={ours}")), Err(481), "tags are not symmetric");
    assert_eq!(replacing(&mut scene, 4, "call-1"), Err(400));
    assert_eq!(replacing(&mut scene, 5, &format!("{dialog}\r\nReplaces: {dialog}")), Err(400));
    scene.hears(&asks_within("BYE", 2, "b1", &tag, "", ""));
    scene.event();
    assert_eq!(replacing(&mut scene, 6, &dialog), Err(603), "it has been hung up");
    scene.hears(&asks("INVITE", 7, "p7", "Require: join\r\nJoin: x;to-tag=1;from-tag=2\r\n", OFFER).replace("call-1", "other-7"));
    assert!(scene.said().contains(&"420 INVITE".to_owned()));
}

#[test]
fn a_phone_that_rings_for_us_can_be_replaced_and_one_that_rings_at_us_cannot() {
    let mut scene = Scene::new();
    let ringing = scene.does(|agent, now| agent.invite(now, &target()));
    let (_, invite) = scene.request();
    scene.hears_message(&answers(&invite, 180, "callee", None));
    scene.event();
    let dialog = format!("{};to-tag={};from-tag=callee;early-only", invite.call_id, invite.from.tag().unwrap());
    assert_eq!(replacing(&mut scene, 1, &dialog), Ok(ringing));
    scene.hears(&asks("INVITE", 9, "i9", "", OFFER).replace("call-1", "early"));
    scene.event();
    let tag = scene.said();
    assert!(tag.contains(&"100 INVITE".to_owned()));
}
