//! Session timers (RFC 4028): calls whose peer is dead end, and all others go on.

use super::*;

const KNOWS: &str = "Supported: timer\r\nAllow: INVITE, ACK, BYE, UPDATE\r\n";

/// A call that has come in with these lines, has been taken and acknowledged; our tag as `;tag=..`, and our 200.
fn taken(scene: &mut Scene, lines: &str) -> (UsageId, String, Response) {
    scene.hears(&asks("INVITE", 1, "i1", lines, OFFER));
    let usage = scene.invited();
    scene.does(|agent, now| agent.accept(now, usage, ANSWER));
    let Some((_, Message::Response(ok))) = scene.sent.pop_back() else { panic!("a 200 was due") };
    let tag = format!(";tag={}", ok.to.tag().unwrap());
    scene.hears(&asks_within("ACK", 1, "a1", &tag, "", ""));
    scene.event();
    scene.sent.clear();
    (usage, tag, ok)
}

/// A call of ours, answered with these lines.
fn placed(scene: &mut Scene, lines: &[(&str, &str)]) -> (UsageId, Request) {
    let usage = scene.does(|agent, now| agent.invite(now, &target()));
    let (_, invite) = scene.request();
    let mut ok = answers(&invite, 200, "callee", Some(ANSWER));
    lines.iter().for_each(|(name, value)| ok.headers.push(name, *value));
    scene.hears_message(&ok);
    scene.event();
    scene.sent.clear();
    (usage, invite)
}

/// Rows of the table "Session timers": what is supported and asked, and what our 200 says.
fn table() -> Vec<[String; 4]> {
    let text = include_str!("../../../../../../docs/specs/dialog.md");
    let from = text.find("| Supported | asked by the INVITE |").expect("the table is there");
    let rows = text[from..].lines().skip(2).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    rows.map(|row| cells(row).try_into().expect("four cells")).collect()
}

#[test]
fn who_refreshes_and_how_often_follows_the_table() {
    let rows = table();
    assert!(rows.len() >= 8, "{rows:?}");
    for [supported, asked, answered, require] in rows {
        let line = |name: &str, value: &str| if value == "-" { String::new() } else { format!("{name}: {value}\r\n") };
        let mut scene = Scene::new();
        let (_, _, ok) = taken(&mut scene, &(line("Supported", &supported) + &line("Session-Expires", &asked)));
        assert_eq!(ok.headers.first("Session-Expires"), Some(answered.as_str()), "{supported} {asked}");
        assert_eq!(ok.headers.first("Require").unwrap_or("-"), require, "{supported} {asked}");
    }
}

#[test]
fn a_least_interval_of_the_way_is_heeded() {
    let mut scene = Scene::new();
    let (_, _, ok) = taken(&mut scene, "Supported: timer\r\nSession-Expires: 7200\r\nMin-SE: 3600\r\n");
    assert_eq!(ok.headers.first("Session-Expires"), Some("3600;refresher=uas"));
}

#[test]
fn we_refresh_at_half_by_update_and_a_dead_peer_is_hung_up() {
    let mut scene = Scene::new();
    let (usage, _, _) = taken(&mut scene, &format!("{KNOWS}Session-Expires: 600\r\n"));
    scene.pass(299_999);
    scene.quiet();
    scene.pass(1);
    let (_, update) = scene.request();
    assert_eq!(
        (update.method.clone(), update.sdp(), update.headers.first("Session-Expires")),
        (Method::Update, None, Some("600;refresher=uac"))
    );
    let mut ok = update.answer(200, None);
    ok.headers.push("Session-Expires", "600;refresher=uac");
    scene.hears_message(&ok);
    scene.pass(300_000);
    assert_eq!(scene.request().1.method, Method::Update);
    scene.pass(32_000);
    assert_eq!(scene.event(), UaEvent::Lost { usage });
    assert_eq!(scene.said().last().map(String::as_str), Some("BYE"));
}

#[test]
fn a_peer_without_update_is_refreshed_by_the_same_offer_and_an_unchanged_answer_is_nobodys_business() {
    let mut scene = Scene::new();
    let (usage, _) = placed(&mut scene, &[("Allow", "INVITE, ACK, BYE"), ("Session-Expires", "600;refresher=uac")]);
    scene.pass(300_000);
    let (_, again) = scene.request();
    assert_eq!((again.method.clone(), again.sdp().as_deref()), (Method::Invite, Some(OFFER)));
    scene.hears_message(&answers(&again, 200, "callee", Some(ANSWER)));
    assert_eq!(scene.said(), ["ACK"]);
    scene.quiet();
    scene.pass(900_000);
    let (_, again) = scene.request();
    scene.hears_message(&answers(&again, 200, "callee", Some(OFFER)));
    assert_eq!(scene.event(), UaEvent::ReinviteAnswered { usage, sdp: Some(OFFER.to_owned()) });
}

#[test]
fn a_session_that_the_peer_does_not_refresh_ends_a_little_early() {
    let mut scene = Scene::new();
    let (usage, tag, _) = taken(&mut scene, &format!("{KNOWS}Session-Expires: 600;refresher=uac\r\n"));
    scene.pass(500_000);
    scene.hears(&asks_within("UPDATE", 2, "u2", &tag, &format!("{KNOWS}Session-Expires: 600;refresher=uac\r\n"), ""));
    let ok = scene.response();
    assert_eq!((ok.status, ok.headers.first("Session-Expires")), (200, Some("600;refresher=uac")));
    scene.pass(567_999);
    scene.quiet();
    scene.pass(1);
    assert_eq!(scene.event(), UaEvent::Lost { usage });
    assert_eq!(scene.said(), ["BYE"]);
}

#[test]
fn a_short_session_ends_a_third_early() {
    let mut scene = Scene::with(|settings| settings.session_timer = SessionTimer { expires_s: 1800, min_s: 30 });
    let (usage, _, _) = taken(&mut scene, &format!("{KNOWS}Session-Expires: 60;refresher=uac\r\n"));
    scene.pass(39_999);
    scene.quiet();
    scene.pass(1);
    assert_eq!(scene.event(), UaEvent::Lost { usage });
}

#[test]
fn a_session_that_is_too_short_is_422_with_the_least_that_we_bear() {
    let mut scene = Scene::new();
    scene.hears(&asks("INVITE", 1, "i1", &format!("{KNOWS}Session-Expires: 60\r\n"), OFFER));
    let refusal = scene.response();
    assert_eq!((refusal.status, refusal.headers.first("Min-SE")), (422, Some("90")));
    let (_, tag) = established(&mut scene);
    scene.hears(&asks_within("UPDATE", 2, "u2", &tag, &format!("{KNOWS}Session-Expires: 60\r\n"), ""));
    assert_eq!(scene.response().status, 422);
}

#[test]
fn our_call_asks_again_for_as_long_as_a_422_wants_and_not_without_end() {
    let mut scene = Scene::new();
    let usage = scene.does(|agent, now| agent.invite(now, &target()));
    let (_, mut invite) = scene.request();
    assert_eq!((invite.headers.first("Session-Expires"), invite.headers.first("Min-SE")), (Some("1800"), Some("90")));
    for least in ["3600", "4000", "5000"] {
        let mut refusal = answers(&invite, 422, "callee", None);
        refusal.headers.push("Min-SE", least);
        scene.hears_message(&refusal);
        assert_eq!(scene.request().1.method, Method::Ack);
        let (_, again) = scene.request();
        assert_eq!((again.headers.first("Session-Expires"), again.headers.first("Min-SE")), (Some(least), Some(least)));
        assert_eq!((again.cseq.number, &again.call_id), (invite.cseq.number + 1, &invite.call_id));
        invite = again;
    }
    let mut refusal = answers(&invite, 422, "callee", None);
    refusal.headers.push("Min-SE", "6000");
    scene.hears_message(&refusal);
    assert!(matches!(scene.event(), UaEvent::Refused { usage: refused, status: 422, .. } if refused == usage));
}

#[test]
fn a_refused_refresh_shows_that_a_peer_without_timers_lives_and_is_no_proof_for_one_with() {
    let mut scene = Scene::new();
    let (_, _) = placed(&mut scene, &[("Allow", "INVITE, ACK, BYE, UPDATE")]);
    for _ in 0..5 {
        scene.pass(900_000);
        let (_, update) = scene.request();
        scene.hears_message(&update.answer(503, None));
        scene.quiet();
    }
    let mut scene = Scene::new();
    let (usage, _) = placed(&mut scene, &[("Allow", "INVITE, ACK, BYE, UPDATE"), ("Session-Expires", "600;refresher=uac")]);
    scene.pass(300_000);
    loop {
        let Some((_, message)) = scene.sent.pop_front() else {
            scene.pass(10_000);
            continue;
        };
        match message {
            Message::Request(request) if request.method == Method::Update => scene.hears_message(&request.answer(503, None)),
            Message::Request(request) => break assert_eq!(request.method, Method::Bye),
            Message::Response(response) => panic!("{response:?}"),
        }
    }
    assert_eq!(scene.event(), UaEvent::Lost { usage });
}

#[test]
fn a_peer_that_says_update_and_means_it_not_is_refreshed_by_reinvite() {
    let mut scene = Scene::new();
    placed(&mut scene, &[("Allow", "INVITE, ACK, BYE, UPDATE"), ("Session-Expires", "600;refresher=uac")]);
    scene.pass(300_000);
    let (_, update) = scene.request();
    scene.hears_message(&update.answer(405, None));
    assert_eq!(scene.said(), ["INVITE"]);
}

#[test]
fn whom_the_200_names_refreshes() {
    let mut scene = Scene::new();
    let (usage, _) = placed(&mut scene, &[("Session-Expires", "600;refresher=uas"), ("Require", "timer")]);
    scene.pass(567_999);
    scene.quiet();
    scene.pass(1);
    assert_eq!(scene.event(), UaEvent::Lost { usage });
}

#[test]
fn a_hold_during_a_refresh_is_asked_for_when_the_refresh_is_over() {
    let mut scene = Scene::new();
    let (usage, _) = placed(&mut scene, &[("Allow", "INVITE, ACK, BYE"), ("Session-Expires", "600;refresher=uac")]);
    scene.pass(300_000);
    let (_, refresh) = scene.request();
    scene.does(|agent, now| agent.reinvite(now, usage, "v=0\r\ns=hold\r\n"));
    scene.quiet();
    scene.hears_message(&answers(&refresh, 200, "callee", Some(ANSWER)));
    assert_eq!(scene.request().1.method, Method::Ack);
    assert_eq!(scene.request().1.sdp().as_deref(), Some("v=0\r\ns=hold\r\n"));
}

#[test]
fn with_timers_off_nothing_is_said_and_nothing_expires() {
    let mut scene = Scene::with(|settings| settings.session_timer.expires_s = 0);
    let (_, _, ok) = taken(&mut scene, "");
    assert_eq!(ok.headers.first("Session-Expires"), None);
    scene.pass(100_000_000);
    scene.quiet();
}

#[test]
fn a_silent_peer_that_is_asked_is_found_living_or_dead() {
    let mut scene = Scene::new();
    let (usage, _) = established(&mut scene);
    for status in [200, 405, 501, 503] {
        scene.does(|agent, now| agent.ask_alive(now, usage));
        scene.does(|agent, now| agent.ask_alive(now, usage));
        let (_, options) = scene.request();
        assert_eq!(options.method, Method::Options);
        scene.quiet();
        scene.hears_message(&options.answer(status, None));
        scene.quiet();
    }
    scene.does(|agent, now| agent.ask_alive(now, usage));
    scene.pass(32_000);
    assert_eq!(scene.event(), UaEvent::Lost { usage });
    assert_eq!(scene.said().last().map(String::as_str), Some("BYE"));
}
