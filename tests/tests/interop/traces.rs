//! Who calls and what is said of it, from leg to leg: what a trusted trunk is believed, what another is not, and what the far leg is told.

use std::time::Duration;

use serde_json::Value;
use tests::{
    caller::{Caller, NUMBER, status, value},
    node::Node,
    sipp::Sipp,
};

use super::{kinds, on, sip_of};

/// A node with a trunk that is trusted, one that is not, and one that `out` leads to.
fn node() -> Node {
    Node::with_routes(|ports| {
        format!(
            "[[trunk]]\nname = \"trusted\"\nsources = [\"127.0.0.2/32\"]\ntrusted = true\n\
             [[trunk]]\nname = \"open\"\nsources = [\"127.0.0.3/32\"]\n\
             [[trunk]]\nname = \"far\"\nhost = \"{}\"\noutbound = [\"+31\"]\ntrusted = true\nidentity = \"asserted\"\n\
             [[route]]\ndialled = \"out\"\nbridge = \"{CALLED}@far\"\n",
            on(4, ports.peer(0))
        )
    })
}

fn far(node: &Node, scenario: &str, calls: u32) -> Sipp {
    Sipp::listen(node.directory(), scenario, &[], on(4, node.ports.peer(0)), calls)
}

/// Calls from 127.0.0.`host`, and hangs up when it is answered; the answer.
fn call(node: &Node, host: u8, dialled: &str, lines: &str) -> String {
    let caller = Caller::at(on(host, node.ports.peer(1)), sip_of(node));
    let mut call = caller.invite(dialled, lines, None);
    let answer = call.answered();
    if status(&answer) == 200 {
        call.hang_up();
    }
    answer
}

/// What history holds of the newest call, once `count` are over.
fn newest(node: &Node, count: usize) -> Vec<Value> {
    node.records(&node.ended_calls(count)[0]["id"])
}

#[test]
fn what_a_trusted_trunk_says_is_in_the_records_and_goes_on_to_the_far_leg() {
    let node = node();
    let mut carrier = far(&node, "answers.xml", 1);
    let said = "P-Asserted-Identity: <tel:+31209999999>\r\nDiversion: <sip:+31207000001@carrier.example>;reason=user-busy;counter=1\r\n\
                User-to-User: 046f7264657220313031372e;encoding=hex\r\n\
                Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000\r\n";
    let answer = call(&node, 2, "out", said);
    assert_eq!(status(&answer), 200, "{answer}");
    carrier.went_well();
    let records = newest(&node, 1);
    let arrived = kinds(&records, "arrived")[0];
    assert_eq!(arrived["diverted"][0]["from"], "+31207000001", "{arrived}");
    assert_eq!(arrived["diverted"][0]["because"], "busy", "{arrived}");
    assert_eq!(arrived["note"], "order 1017.", "{arrived}");
    assert_eq!(node.calls()[0]["caller"], "+31209999999");

    let heard = carrier.messages();
    assert_eq!(heard.iter().map(|text| text.split(' ').next().unwrap()).collect::<Vec<_>>(), ["INVITE", "ACK", "BYE"]);
    let (invite, bye) = (&heard[0], &heard[2]);
    assert!(value(invite, "P-Asserted-Identity").is_some_and(|one| one.contains("+31209999999")), "{invite}");
    assert!(value(invite, "From").is_some_and(|one| one.contains("+31209999999")) && !invite.contains(NUMBER), "{invite}");
    assert!(invite.contains("User-to-User: 046f7264657220313031372e;encoding=hex\r\n"), "another's information goes on: {invite}");
    assert_eq!(value(invite, "Max-Forwards"), Some("69"));
    // One name of the session on every leg, and the peer's beside it.
    let ours = value(&answer, "Session-ID").unwrap().split(';').next().unwrap().to_owned();
    assert!(answer.contains(&format!("Session-ID: {ours};remote=ab30317f1a784dc48ff824d0d3715d86\r\n")), "{answer}");
    for text in &heard {
        assert!(value(text, "Session-ID").is_some_and(|one| one.starts_with(&format!("{ours};remote="))), "{text}");
    }
    assert!(value(bye, "Reason").is_some_and(|one| one.starts_with("Q.850") && one.contains("cause=16")), "{bye}");

    // The pointer to this context, in both spellings; whoever brings it back goes on in the same matter.
    let pointer = value(invite, "X-Context-Ref").unwrap().to_owned();
    let spelt: String = pointer.bytes().map(|byte| format!("{byte:02x}")).collect();
    assert!(invite.contains(&format!("User-to-User: 04{spelt};encoding=hex\r\n")), "{invite}");
    let context = |records: &[Value]| kinds(records, "call_started")[0]["context_id"].clone();
    for (count, back) in [(2, format!("X-Context-Ref: {pointer}\r\n")), (3, format!("User-to-User: 04{spelt};encoding=hex\r\n"))] {
        call(&node, 2, "main", &back);
        assert_eq!(context(&newest(&node, count)), context(&records), "{back}");
    }
    let other = if pointer.ends_with('0') { '1' } else { '0' };
    call(&node, 2, "main", &format!("X-Context-Ref: {}{other}\r\n", &pointer[..pointer.len() - 1]));
    assert_ne!(context(&newest(&node, 4)), context(&records), "a pointer that is not ours opens nothing");
}

#[test]
fn who_sent_a_call_on_is_read_from_history_info_too() {
    let node = node();
    for (n, (cause, because)) in [("408", "no_answer"), ("486", "busy"), ("302", "unconditional")].into_iter().enumerate() {
        let lines = format!("History-Info: <sip:+31207000001@h>;index=1, <sip:main@h;cause={cause}>;index=1.1;mp=1\r\n");
        call(&node, 2, "main", &lines);
        let records = newest(&node, n + 1);
        let diverted = &kinds(&records, "arrived")[0]["diverted"][0];
        assert_eq!((&diverted["from"], &diverted["because"]), (&"+31207000001".into(), &because.into()), "{cause}: {records:?}");
    }
}

/// What a trunk may say of a caller if it is trusted, and one header that nobody passes on.
const SAID: [(&str, &str); 6] = [
    ("P-Asserted-Identity", "\"Piet\" <sip:+31209999999@carrier.example>"),
    ("Remote-Party-ID", "\"Piet\" <sip:+31209999999@carrier.example>;party=calling;privacy=off"),
    ("Diversion", "<sip:+31209999998@carrier.example>;reason=user-busy"),
    ("History-Info", "<sip:+31209999997@h>;index=1, <sip:out@h;cause=486>;index=1.1"),
    ("User-to-User", "0473656372657421;encoding=hex"),
    ("X-Hidden", "not for others"),
];
/// Words of it.
const SECRETS: [&str; 8] = ["31209999999", "31209999998", "31209999997", "0473656372", "secret!", "Piet", "X-Hidden", "not for others"];

/// All of it in every spelling (RFC 3261 7.3.1), and in some that are none.
fn spellings() -> Vec<String> {
    let spell = |write: &dyn Fn(&str, &str) -> String| SAID.iter().map(|(name, value)| write(name, value)).collect::<String>();
    vec![
        spell(&|name, value| format!("{name}: {value}\r\n")),
        spell(&|name, value| format!("{}  \t:\t  {value}  \r\n", name.to_lowercase())),
        spell(&|name, value| format!("{}:\r\n \t{value}\r\n", name.to_uppercase())),
        spell(&|name, value| format!("{name}: {value}\r\n{name}: {value}\r\n")),
        spell(&|name, value| format!("{name}\0: {value}\r\n")),
        spell(&|name, value| format!("{name}: \0{value}\r\n")),
    ]
}

#[test]
fn nothing_that_a_trunk_without_trust_says_of_a_caller_reaches_history_api_or_far_leg_in_any_spelling() {
    let node = node();
    let spellings = spellings();
    let mut taken = 0_u32;
    let mut carrier = far(&node, "answers.xml", u32::try_from(spellings.len()).unwrap());
    for lines in &spellings {
        let caller = Caller::at(on(3, node.ports.peer(1)), sip_of(&node));
        let mut call = caller.invite("out", lines, None);
        // What cannot be read is refused or passed over, and reaches nobody that way.
        let answer = call.answered_within(Duration::from_secs(3)).filter(|answer| status(answer) != 400);
        if let Some(answer) = answer {
            assert_eq!(status(&answer), 200, "{lines:?}\n{answer}\n{}", node.log());
            call.hang_up();
            taken += 1;
        }
    }
    carrier.stop();
    assert!(taken >= 4, "{taken}");
    node.ended_calls(taken as usize);
    let history: String = node.calls().iter().map(|call| format!("{call}{:?}", node.records(&call["id"]))).collect();
    let heard = carrier.messages().concat();
    assert_eq!(heard.matches("INVITE sip:").count(), taken as usize);
    for secret in SECRETS {
        assert!(!history.contains(secret), "{secret} in {history}");
        assert!(!heard.contains(secret), "{secret} in {heard}");
    }
    assert!(history.contains(NUMBER) && heard.contains(NUMBER), "its From is all that counts");

    // The same from a trunk that is trusted: so this test can see what it looks for.
    let mut carrier = far(&node, "answers.xml", 4);
    for lines in &spellings[..4] {
        assert_eq!(status(&call(&node, 2, "out", lines)), 200, "{lines:?}");
    }
    carrier.went_well();
    let calls = node.ended_calls(taken as usize + 4);
    for call in &calls[..4] {
        let history = format!("{call}{:?}", node.records(&call["id"]));
        assert!(["31209999999", "31209999998", "secret!"].iter().all(|said| history.contains(said)), "{history}");
    }
    for invite in carrier.messages().iter().filter(|text| text.starts_with("INVITE")) {
        assert!(["31209999999", "0473656372"].iter().all(|said| invite.contains(said)) && !invite.contains("X-Hidden"), "{invite}");
    }
}

#[test]
fn a_caller_who_is_withheld_appears_to_nobody() {
    let node = node();
    let wishes = ["Privacy: id\r\n", "Privacy: user;header;id\r\n", "privacy :\r\n id ; critical\r\n"];
    let mut carrier = far(&node, "answers.xml", 3);
    for wish in wishes {
        let lines = format!("P-Asserted-Identity: <tel:+31209999999>\r\n{wish}");
        assert_eq!(status(&call(&node, 2, "out", &lines)), 200, "{wish}");
    }
    carrier.went_well();
    for invite in carrier.messages().iter().filter(|text| text.starts_with("INVITE")) {
        assert!(value(invite, "From").unwrap().starts_with("\"Anonymous\" <sip:anonymous@anonymous.invalid>"), "{invite}");
        assert_eq!((value(invite, "Privacy"), value(invite, "P-Asserted-Identity")), (Some("id"), None), "{invite}");
    }
    let history: String = node.ended_calls(3).iter().map(|call| format!("{call}{:?}", node.records(&call["id"]))).collect();
    for secret in ["31209999999", &NUMBER[1..]] {
        assert!(!history.contains(secret) && !carrier.messages().concat().contains(secret), "{secret}: {history}");
    }
}

#[test]
fn a_call_that_is_taken_back_says_why_to_the_far_leg() {
    let node = node();
    let mut carrier = far(&node, "rings.xml", 1);
    let caller = Caller::at(on(2, node.ports.peer(1)), sip_of(&node));
    let mut call = caller.invite("out", "", None);
    call.rings();
    call.cancel("");
    carrier.went_well();
    let heard = carrier.messages();
    let cancel = heard.iter().find(|text| text.starts_with("CANCEL")).unwrap();
    assert!(value(cancel, "Reason").is_some_and(|one| one.starts_with("Q.850") && one.contains("cause=")), "{cancel}");
}

/// Behind the far trunk.
const CALLED: &str = "+31201234567";
