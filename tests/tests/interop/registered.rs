//! A phone with three contacts: REGISTER by a plain socket, and SIPp at each contact.

use std::net::UdpSocket;

use tests::{echo::Echo, node::Node, registrant::Registrant, sip_text::Seen, sipp::Sipp};

use super::{PATIENCE, on, report, rung::PASSWORD, sip_of};

/// `700` rings all contacts, `second` the device that is named so.
fn node() -> Node {
    Node::with_routes(|_| {
        let route = |dialled: &str, uri: &str| format!("[[route]]\ndialled = \"{dialled}\"\nbridge = \"{uri}\"\n\n");
        format!(
            "[[phone]]\nuser = \"700\"\nrealm = \"tandem\"\npassword = \"{PASSWORD}\"\n\n{}{}",
            route("700", "sip:700@tandem"),
            route("second", &format!("sip:700@tandem;gr={DEVICE}"))
        )
    })
}

fn register(node: &Node, lines: &str) -> Seen {
    let phone = Registrant { gateway: sip_of(node), user: "700", password: PASSWORD };
    phone.register(&UdpSocket::bind(on(4, 0)).unwrap(), lines)
}

/// Where the n-th contact is.
fn contact(node: &Node, n: u8) -> std::net::SocketAddr {
    on(4 + n, node.ports.peer(n.into()))
}

/// Three contacts, the last of which is a device with a name.
fn contacts(node: &Node) -> String {
    let uri = |n: u8| format!("<sip:700@{}>", contact(node, n));
    format!("Contact: {}, {}\r\nContact: {};+sip.instance=\"<{DEVICE}>\"\r\n", uri(0), uri(1), uri(2))
}

/// A caller hums 440 Hz for three seconds; how long it heard itself in windows of 100 ms, or why not.
fn call(node: &Node, dialled: &str) -> Result<u64, u64> {
    let arguments = [&node.sip_uri(dialled), "--as", "+31207654321", "--tone", "440", "--expect-tone", "440", "--duration", "3"];
    let told = report(&node.dial(&arguments).end(PATIENCE));
    match told["ok"] == true {
        true => Ok(told["media"]["tone_windows"].as_u64().unwrap()),
        false => Err(told["failure"]["status"].as_u64().unwrap_or_default()),
    }
}

#[test]
fn all_contacts_of_a_phone_ring_one_has_the_call_and_an_answer_that_comes_too_late_is_hung_up() {
    let (node, echo) = (node(), Echo::on(6));
    let granted = register(&node, &format!("{}Expires: 120\r\n", contacts(&node)));
    assert_eq!((granted.status(), granted.text.matches("Contact: ").count()), (Some(200), 3), "{}", granted.text);
    let phone = |scenario: &str, n: u8| Sipp::listen(node.directory(), scenario, &echo.words(), contact(&node, n), 1);
    let (mut late, mut loses, mut wins) = (phone("answers-cancel.xml", 0), phone("loses.xml", 1), phone("picks-up.xml", 2));
    assert!(call(&node, "700").unwrap() >= 22);
    late.went_well();
    loses.went_well();
    wins.went_well();
}

#[test]
fn a_device_that_asks_for_a_gruu_is_called_by_it_alone() {
    let (node, echo) = (node(), Echo::on(6));
    let granted = register(&node, &format!("{}Expires: 120\r\nSupported: gruu\r\n", contacts(&node)));
    let gruu = granted.text.lines().find(|line| line.contains("pub-gruu=\"sip:700@") && line.contains(&format!(";gr={DEVICE}")));
    assert!(gruu.is_some_and(|line| line.contains(&contact(&node, 2).to_string())), "{}", granted.text);
    let mut device = Sipp::listen(node.directory(), "picks-up.xml", &echo.words(), contact(&node, 2), 1);
    let others = [0, 1].map(|n| UdpSocket::bind(contact(&node, n)).unwrap());
    assert!(call(&node, "second").unwrap() >= 22);
    device.went_well();
    for other in others {
        other.set_nonblocking(true).unwrap();
        assert!(other.recv(&mut [0; 2048]).is_err(), "another contact was rung");
    }
}

#[test]
fn a_registration_is_granted_its_time_refused_too_little_and_taken_back() {
    let node = node();
    let brief = register(&node, &format!("{}Expires: 5\r\n", contacts(&node)));
    assert_eq!((brief.status(), brief.header("Min-Expires")), (Some(423), Some("60")), "{}", brief.text);
    let granted = register(&node, &format!("Contact: <sip:700@{}>;expires=90\r\nExpires: 120\r\n", contact(&node, 0)));
    let left = granted.header("Contact").and_then(|contact| contact.split(";expires=").nth(1)?.parse::<u64>().ok());
    assert!(granted.status() == Some(200) && left.is_some_and(|left| (80..=90).contains(&left)), "{}", granted.text);
    let gone = register(&node, "Contact: *\r\nExpires: 0\r\n");
    assert_eq!((gone.status(), gone.header("Contact")), (Some(200), None), "{}", gone.text);
    assert_eq!(call(&node, "700"), Err(480));
}

/// The name of a device (RFC 5626 4.1).
const DEVICE: &str = "urn:uuid:00000000-0000-4000-8000-000000000002";
