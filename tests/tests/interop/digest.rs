//! Digests at the built binary: whoever has heard one cannot use it again, and ours are not to be fished for (RFC 7616 5, CVE-2021-41158).

use std::time::Duration;

use tests::{
    caller::{Caller, status, value},
    node::Node,
    program::run,
    sipp::Sipp,
};

use super::{on, sip_of};

/// One answer to a challenge of ours, by MD5.
struct Digest<'a> {
    nonce: &'a str,
    count: u32,
    password: &'a str,
}

impl Digest<'_> {
    /// The header line for a REGISTER of `desk` at this address.
    fn line(&self, uri: &str) -> String {
        let Self { nonce, count, password } = self;
        let (own, asked) = (md5(&format!("desk:tandem:{password}")), md5(&format!("REGISTER:{uri}")));
        let response = md5(&format!("{own}:{nonce}:{count:08x}:abc:auth:{asked}"));
        format!(
            "Authorization: Digest username=\"desk\",realm=\"tandem\",nonce=\"{nonce}\",uri=\"{uri}\",response=\"{response}\",\
             algorithm=MD5,qop=auth,nc={count:08x},cnonce=\"abc\"\r\n"
        )
    }
}

fn md5(text: &str) -> String {
    let made = run("sh", &["-c", "printf %s \"$0\" | openssl dgst -md5 -r", text], Duration::from_secs(20));
    made.out.split(' ').next().unwrap().to_owned()
}

/// The nonce of a challenge by MD5.
fn nonce(answer: &str) -> String {
    let challenge = answer.lines().find(|line| line.starts_with("WWW-Authenticate") && line.contains("MD5")).unwrap();
    challenge.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

fn is_stale(answer: &str) -> bool {
    answer.to_ascii_lowercase().contains("stale=true")
}

#[test]
fn a_digest_opens_once_for_whom_it_was_asked_and_never_for_another() {
    let node = Node::with_routes(|_| "[[phone]]\nuser = \"desk\"\nrealm = \"tandem\"\npassword = \"a long secret\"\n".to_owned());
    let uri = format!("sip:{}", sip_of(&node));
    let (phone, thief) = (Caller::at(on(1, node.ports.peer(0)), sip_of(&node)), Caller::at(on(7, node.ports.peer(1)), sip_of(&node)));
    let register = |caller: &Caller, line: &str| caller.ask("REGISTER", "desk", &format!("Expires: 60\r\n{line}"));
    let asked = register(&phone, "");
    assert_eq!((status(&asked), is_stale(&asked)), (401, false), "{asked}");
    let given = nonce(&asked);
    let digest = |nonce: &str, count: u32, password: &str| Digest { nonce, count, password }.line(&uri);

    let first = digest(&given, 1, "a long secret");
    let welcome = register(&phone, &first);
    assert_eq!(status(&welcome), 200, "{welcome}\n{}", node.log());
    assert!(value(&welcome, "Contact").is_some(), "{welcome}");
    assert_eq!(status(&register(&phone, &digest(&given, 2, "a long secret"))), 200, "its count goes on");
    let mut other = given.clone();
    other.replace_range(other.len() - 1.., if other.ends_with('0') { "1" } else { "0" });
    // Right passwords, and nonces that are not theirs to use: they are asked anew, and told that it is not the password.
    for (what, caller, line) in [
        ("the same again", &phone, first.clone()),
        ("a count that has been", &phone, digest(&given, 2, "a long secret")),
        ("from another address", &thief, digest(&given, 3, "a long secret")),
        ("the first, from another address", &thief, first),
        ("a nonce that we never gave", &phone, digest(&other, 1, "a long secret")),
    ] {
        let answer = register(caller, &line);
        assert_eq!((status(&answer), is_stale(&answer)), (401, true), "{what}: {answer}");
        assert_ne!(nonce(&answer), given, "{what}");
    }
    let wrong = register(&phone, &digest(&given, 4, "another secret"));
    assert_eq!((status(&wrong), is_stale(&wrong)), (401, false), "{wrong}");
    assert_eq!(status(&register(&phone, &digest(&given, 5, "a long secret"))), 200, "and who owns it is served as before");
}

#[test]
fn a_called_party_that_challenges_our_bye_gets_no_digest_in_whatever_realm() {
    let node = Node::with_routes(|ports| {
        format!(
            "[[trunk]]\nname = \"far\"\nhost = \"{}\"\noutbound = [\"+31\"]\n\
             auth = {{ user = \"acme\", realm = \"carrier.test\", password = \"a long secret\" }}\n\
             [[route]]\ndialled = \"out\"\nbridge = \"+31201234567@far\"\n",
            on(2, ports.peer(0))
        )
    });
    for realm in ["elsewhere.test", "carrier.test"] {
        let mut carrier = Sipp::listen(node.directory(), "challenges-bye.xml", &[("REALM", realm)], on(2, node.ports.peer(0)), 1);
        let caller = Caller::at(on(1, node.ports.peer(1)), sip_of(&node));
        let mut call = caller.invite("out", "", None);
        assert_eq!(status(&call.answered()), 200);
        call.hang_up();
        carrier.went_well();
        let heard = carrier.messages();
        assert_eq!(heard.iter().filter(|text| text.starts_with("BYE")).count(), 1, "{realm}: {heard:?}");
        assert!(heard.iter().all(|text| !text.to_ascii_lowercase().contains("authorization")), "{realm}: {heard:?}");
    }
    // The same credentials do go out where the carrier challenges the call itself: so this test can see what it looks for.
    let mut carrier = Sipp::listen(node.directory(), "challenges.xml", &[], on(2, node.ports.peer(0)), 1);
    let caller = Caller::at(on(1, node.ports.peer(1)), sip_of(&node));
    let mut call = caller.invite("out", "", None);
    assert_eq!(status(&call.answered()), 200);
    call.hang_up();
    carrier.went_well();
    assert!(carrier.messages().iter().any(|text| value(text, "Authorization").is_some()));
    assert_eq!(node.ended_calls(3).len(), 3);
}
