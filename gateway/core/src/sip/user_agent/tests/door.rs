//! What is turned away, and leaves no state.

use super::*;

fn refused(text: &str) -> Response {
    let mut scene = Scene::new();
    scene.hears(text);
    assert!(scene.events.is_empty(), "{text}");
    assert_eq!(scene.agent.load(), (0, 0), "{text}");
    scene.response()
}

#[test]
fn each_unfit_request_gets_its_status() {
    let invite = |lines: &str| asks("INVITE", 1, "i1", lines, OFFER);
    for (text, status) in [
        (asks("SUBSCRIBE", 1, "x", "", ""), 405),
        (asks("MESSAGE", 1, "x", "", ""), 405),
        (asks("REFER", 1, "x", "", ""), 403),
        (asks("FROBNICATE", 1, "x", "", ""), 501),
        (asks("BYE", 1, "x", "", ""), 481),
        (asks("CANCEL", 1, "x", "", ""), 481),
        (asks_within("BYE", 1, "x", ";tag=guess", "", ""), 481),
        (asks_within("INVITE", 1, "x", ";tag=guess", "", OFFER), 481),
        (invite("Require: precondition\r\n"), 420),
        (asks("PRACK", 1, "x", "", ""), 481),
        (invite("Supported: timer\r\nSession-Expires: 30\r\n"), 422),
        (invite("").replace("Max-Forwards: 70", "Max-Forwards: 0"), 483),
        (invite("").replace("INVITE sip:100@192.0.2.2", "INVITE mailto:a@b"), 416),
        (invite("").replace("application/sdp", "text/plain"), 415),
        (invite("Content-Encoding: gzip\r\n"), 415),
        (invite("").replace("Contact: <sip:ada@192.0.2.1:5060>\r\n", ""), 400),
        (invite("").replace("CSeq: 1 INVITE", "CSeq: 1 BYE"), 400),
        (invite("").replace("SIP/2.0\r\nVia", "SIP/3.0\r\nVia"), 505),
    ] {
        assert_eq!(refused(&text).status, status, "{text}");
    }
}

#[test]
fn a_refusal_names_what_would_be_fit() {
    assert_eq!(refused(&asks("INVITE", 1, "i1", "Require: 100rel, foo\r\n", OFFER)).headers.first("Unsupported"), Some("foo"));
    assert_eq!(refused(&asks("PUBLISH", 1, "x", "", "")).headers.first("Allow"), Some(ALLOW));
}

#[test]
fn repetitions_of_a_refused_request_get_the_same_tag() {
    let text = asks("INVITE", 1, "i1", "Require: x\r\n", OFFER);
    assert_eq!(refused(&text).to.tag(), refused(&text).to.tag());
    assert!(refused(&text).to.tag().is_some());
}

#[test]
fn an_ack_is_never_answered() {
    let mut scene = Scene::new();
    scene.hears(&asks_within("ACK", 1, "x", ";tag=guess", "Require: x\r\n", ""));
    scene.hears(&asks("ACK", 1, "x", "", ""));
    scene.quiet();
}

#[test]
fn a_request_that_came_by_two_ways_is_taken_once() {
    let mut scene = Scene::new();
    scene.hears(&asks("INVITE", 1, "i1", "", OFFER));
    scene.hears(&asks("INVITE", 1, "other-way", "", OFFER));
    assert_eq!(scene.said(), ["100 INVITE", "482 INVITE"]);
    assert_eq!(scene.events.len(), 1);
}

#[test]
fn our_own_request_that_comes_back_unchanged_is_482_and_one_that_was_retargeted_comes_in() {
    for (is_retargeted, said) in [(false, "482 INVITE"), (true, "100 INVITE")] {
        let mut scene = Scene::new();
        scene.does(|agent, now| agent.invite(now, &target()));
        let (_, invite) = scene.request();
        let text = String::from_utf8(invite.to_bytes().to_vec()).unwrap();
        // A proxy puts its Via above ours, and leaves the rest.
        let mut back = text.replacen("\r\nVia:", "\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKproxy\r\nVia:", 1);
        if is_retargeted {
            back = back.replacen("INVITE sip:200@192.0.2.1", "INVITE sip:100@192.0.2.2", 1);
        }
        scene.hears(&back);
        assert_eq!(scene.said(), [said]);
        assert_eq!(scene.events.len(), usize::from(is_retargeted));
    }
}

#[test]
fn what_we_forward_has_one_hop_less_to_go() {
    let mut scene = Scene::new();
    let headers = vec![("Max-Forwards".to_owned(), "12".to_owned())];
    scene.does(|agent, now| agent.invite(now, &InviteTarget { headers, ..target() }));
    let (_, invite) = scene.request();
    assert_eq!(invite.headers.all("Max-Forwards").collect::<Vec<_>>(), ["12"]);
}

#[test]
fn options_says_what_we_can_do_and_503_while_draining() {
    let mut scene = Scene::new();
    scene.hears(&asks("OPTIONS", 1, "o1", "", ""));
    let answer = scene.response();
    assert_eq!((answer.status, answer.headers.first("Allow")), (200, Some(ALLOW)));
    assert_eq!(answer.headers.first("Supported"), Some("100rel, timer, replaces, norefersub"));
    scene.agent.set_options_status(503);
    scene.hears(&asks("OPTIONS", 2, "o2", "", ""));
    assert_eq!(scene.response().status, 503);
}

#[test]
fn a_flood_is_answered_503_and_an_old_call_still_gets_its_bye() {
    let mut scene = Scene::with(|settings| settings.limits.transactions = 8);
    let (usage, tag) = established(&mut scene);
    for n in 0..20 {
        let text = asks("INVITE", 1, &format!("flood{n}"), "", OFFER).replace("call-1", &format!("flood-{n}"));
        scene.hears(&text);
    }
    let said = scene.said();
    assert_eq!(said.iter().filter(|word| *word == "100 INVITE").count(), 7);
    assert_eq!(said.iter().filter(|word| *word == "503 INVITE").count(), 13);
    assert_eq!(scene.agent.load().0, 8);
    scene.events.clear();
    scene.hears(&asks_within("BYE", 2, "b1", &tag, "", ""));
    assert_eq!(scene.said(), ["200 BYE"]);
    assert_eq!(scene.event(), UaEvent::Bye { usage, reason: None });
}

#[test]
fn junk_is_counted() {
    let mut scene = Scene::new();
    scene.hears("\r\n\r\n");
    scene.hears("GET / HTTP/1.1\r\n\r\n");
    scene.quiet();
    assert_eq!(scene.agent.dropped().collect::<Vec<_>>(), [(Dropped::KeepAlive, 1), (Dropped::StartLine, 1)]);
}
