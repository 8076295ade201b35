//! Phones that log in, and those that try.

use super::*;
use crate::sip::{digest::authorize, header::auth::AuthParams};

struct Login {
    user: &'static str,
    password: &'static str,
}

const ADA: Login = Login { user: "ada", password: "sesame" };

/// The challenge of a 401, SHA-256 first.
fn challenged(scene: &mut Scene, method: &str, number: u32) -> AuthParams {
    scene.hears(&asks(method, number, &format!("c{number}"), "", ""));
    if method == "INVITE" {
        let usage = scene.invited();
        scene.does(|agent, now| agent.challenge(now, usage, AnswerBy::UserAgent));
        assert_eq!(scene.response().status, 100);
    }
    let response = scene.response();
    assert_eq!(response.status, 401);
    let challenges: Vec<_> = response.headers.all("WWW-Authenticate").map(|value| AuthParams::parse(value).unwrap()).collect();
    assert_eq!([challenges[0].value("algorithm"), challenges[1].value("algorithm")], [Some("SHA-256"), Some("MD5")]);
    challenges[0].clone()
}

fn authorization(challenge: &AuthParams, login: &Login, method: Method, count: u32) -> String {
    let password = Private(login.password.to_owned());
    let answer = authorize(challenge, &method, "sip:100@192.0.2.2", login.user, &password, "cnonce", count).unwrap();
    format!("Authorization: {answer}\r\n")
}

#[test]
fn a_phone_registers_is_found_and_leaves() {
    let mut scene = Scene::new();
    let challenge = challenged(&mut scene, "REGISTER", 1);
    scene.hears(&asks("REGISTER", 2, "r2", &format!("Expires: 120\r\n{}", authorization(&challenge, &ADA, Method::Register, 1)), ""));
    let ok = scene.response();
    assert_eq!((ok.status, ok.headers.first("Contact")), (200, Some("<sip:ada@192.0.2.1:5060>;expires=120")));
    assert!(matches!(scene.event(), UaEvent::Registered { user, bindings: 1, .. } if user == "ada"));
    let now = scene.now();
    assert_eq!(scene.agent.bindings("ada", now)[0].source, "192.0.2.1:5060".parse::<std::net::SocketAddr>().unwrap());
    scene.hears(&asks("REGISTER", 3, "r3", &format!("Expires: 0\r\n{}", authorization(&challenge, &ADA, Method::Register, 2)), ""));
    assert_eq!(scene.response().headers.first("Contact"), None);
    assert!(matches!(scene.event(), UaEvent::Registered { bindings: 0, .. }));
}

#[test]
fn a_binding_ends_by_itself() {
    let mut scene = Scene::new();
    let challenge = challenged(&mut scene, "REGISTER", 1);
    scene.hears(&asks("REGISTER", 2, "r2", &format!("Expires: 60\r\n{}", authorization(&challenge, &ADA, Method::Register, 1)), ""));
    scene.pass(60_000);
    assert_eq!(scene.agent.bindings("ada", scene.now()), []);
}

#[test]
fn a_wrong_password_an_unknown_user_and_a_replay_get_the_same_401() {
    let mut scene = Scene::new();
    let challenge = challenged(&mut scene, "REGISTER", 1);
    let right = authorization(&challenge, &ADA, Method::Register, 1);
    let mut answers = Vec::new();
    for (number, login) in [(2, Login { user: "ada", password: "guess" }), (3, Login { user: "eve", password: "sesame" })] {
        let wrong = authorization(&challenge, &login, Method::Register, 1);
        scene.hears(&asks("REGISTER", number, &format!("w{number}"), &wrong, ""));
        let mut answer = scene.response();
        assert_eq!(answer.status, 401);
        answer.via.params.remove("branch");
        answer.to.params.remove("tag");
        answer.cseq.number = 0;
        answers.push(answer);
    }
    assert_eq!(answers[0], answers[1]);
    scene.hears(&asks("REGISTER", 4, "r4", &right, ""));
    assert_eq!(scene.response().status, 200);
    scene.hears(&asks("REGISTER", 5, "r5", &right, ""));
    let replay = scene.response();
    assert!(replay.status == 401 && replay.headers.first("WWW-Authenticate").is_some_and(|value| value.contains("stale=true")));
}

#[test]
fn the_proof_fails_with_the_guard_off() {
    let mut scene = Scene::with(|settings| settings.digest_guard = false);
    let challenge = challenged(&mut scene, "REGISTER", 1);
    let wrong = authorization(&challenge, &Login { user: "ada", password: "guess" }, Method::Register, 1);
    scene.hears(&asks("REGISTER", 2, "r2", &wrong, ""));
    assert_eq!(scene.response().status, 200);
}

#[test]
fn brief_expiries_wildcards_and_other_peoples_names_are_judged() {
    let mut scene = Scene::new();
    let challenge = challenged(&mut scene, "REGISTER", 1);
    let register = |number: u32, lines: &str| {
        let proof = authorization(&challenge, &ADA, Method::Register, number);
        asks("REGISTER", number, &format!("r{number}"), &format!("{lines}{proof}"), "")
    };
    let wildcard = |text: String| text.replace("Contact: <sip:ada@192.0.2.1:5060>", "Contact: *");
    for (text, status) in [
        (register(2, "Expires: 59\r\n"), 423),
        (register(3, "Expires: soon\r\n"), 400),
        (wildcard(register(4, "Expires: 60\r\n")), 400),
        (register(5, "Contact: <sip:a@192.0.2.1>, <sip:b@192.0.2.1>\r\n"), 200),
        (register(6, "").replace("To: <sip:ada@", "To: <sip:ben@"), 403),
        (wildcard(register(7, "Expires: 0\r\n")), 200),
    ] {
        scene.hears(&text);
        assert_eq!(scene.response().status, status, "{text}");
    }
    let now = scene.now();
    assert_eq!(scene.agent.bindings("ada", now), []);
}

#[test]
fn an_invite_is_authenticated_on_its_second_try() {
    let mut scene = Scene::new();
    let challenge = challenged(&mut scene, "INVITE", 1);
    scene.hears(&asks("ACK", 1, "c1", "", ""));
    scene.hears(&asks("INVITE", 2, "i2", &authorization(&challenge, &ADA, Method::Invite, 1), OFFER));
    let event = scene.event();
    assert!(matches!(&event, UaEvent::Invited { authenticated: Some(user), .. } if user == "ada"), "{event:?}");
}
