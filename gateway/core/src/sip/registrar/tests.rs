use std::time::Duration;

use super::*;
use crate::{
    ids::EndpointId,
    sip::{Message, parse},
};

/// A registrar with a clock.
struct Desk {
    registrar: Registrar,
    now: Instant,
}

impl Desk {
    #[expect(clippy::disallowed_methods, reason = "virtual time must begin somewhere")]
    fn new() -> Self {
        Self { registrar: Registrar::new(BINDINGS_MAX, PER_USER_MAX), now: Instant::now() }
    }

    fn hears(&mut self, call_id: &str, number: u32, lines: &str) -> Result<(), Declined> {
        let request = register(call_id, number, lines);
        self.registrar.register(self.now, "ada", &origin("192.0.2.1:5060"), &request)
    }

    fn contacts(&self) -> Vec<String> {
        self.registrar.bindings("ada", self.now).iter().map(|binding| binding.contact.to_string()).collect()
    }

    fn targets(&self, address: &str) -> Vec<String> {
        let address = Uri::parse(address).unwrap();
        self.registrar.targets(&address, self.now).iter().map(|binding| binding.contact.to_string()).collect()
    }
}

fn origin(source: &str) -> Origin {
    let source = source.parse().unwrap();
    Origin { flow: Path::Datagram { endpoint: EndpointId(0), to: source }, source }
}

fn register(call_id: &str, number: u32, lines: &str) -> Request {
    let text = format!(
        "REGISTER sip:tandem SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{call_id}{number}\r\nFrom: <sip:ada@tandem>;tag=f\r\n\
         To: <sip:ada@tandem>\r\nCall-ID: {call_id}\r\nCSeq: {number} REGISTER\r\n{lines}\r\n"
    );
    match parse(text.as_bytes()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn several_devices_are_reached_the_preferred_first() {
    let mut desk = Desk::new();
    desk.hears("a", 1, "Contact: <sip:desk@192.0.2.1>;q=0.5\r\n").unwrap();
    desk.hears("b", 1, "Contact: <sip:mobile@192.0.2.1>;q=0.75, <sip:home@192.0.2.1>\r\n").unwrap();
    assert_eq!(desk.targets("sip:ada@tandem"), ["sip:home@192.0.2.1", "sip:mobile@192.0.2.1", "sip:desk@192.0.2.1"]);
    let lines = desk.registrar.contacts("ada", desk.now, None);
    assert_eq!(lines[0], "<sip:desk@192.0.2.1>;expires=3600;q=0.500");
    for bad in ["q=1.001", "q=2", "q=x", "q=0.1234"] {
        assert_eq!(desk.hears("c", 1, &format!("Contact: <sip:x@192.0.2.1>;{bad}\r\n")), Err(Declined::Malformed), "{bad}");
    }
}

#[test]
fn an_older_register_of_the_same_call_id_changes_nothing_and_of_another_all() {
    let mut desk = Desk::new();
    desk.hears("a", 5, "Contact: <sip:desk@192.0.2.1>\r\n").unwrap();
    assert_eq!(desk.hears("a", 5, "Contact: <sip:desk@192.0.2.1>;expires=0\r\n"), Err(Declined::OutOfOrder));
    assert_eq!(desk.hears("a", 4, "Expires: 0\r\nContact: *\r\n"), Err(Declined::OutOfOrder));
    // A phone that restarted counts anew, under a new Call-ID.
    desk.hears("b", 1, "Contact: <sip:desk@192.0.2.1>;expires=0\r\n").unwrap();
    assert_eq!(desk.contacts(), [""; 0]);
}

#[test]
fn all_contacts_of_a_register_count_or_none() {
    let mut desk = Desk::new();
    desk.hears("a", 1, "Contact: <sip:desk@192.0.2.1>\r\n").unwrap();
    assert_eq!(desk.hears("a", 2, "Contact: <sip:new@192.0.2.1>, <sip:brief@192.0.2.1>;expires=10\r\n"), Err(Declined::TooBrief));
    assert_eq!(desk.contacts(), ["sip:desk@192.0.2.1"]);
}

#[test]
fn a_wildcard_stands_alone_and_with_expires_0() {
    let mut desk = Desk::new();
    desk.hears("a", 1, "Contact: <sip:desk@192.0.2.1>\r\n").unwrap();
    for bad in ["Contact: *\r\n", "Expires: 60\r\nContact: *\r\n", "Expires: 0\r\nContact: *, <sip:x@192.0.2.1>\r\n"] {
        assert_eq!(desk.hears("b", 1, bad), Err(Declined::Malformed), "{bad}");
    }
    desk.hears("b", 1, "Expires: 0\r\nContact: *\r\n").unwrap();
    assert_eq!(desk.contacts(), [""; 0]);
}

#[test]
fn what_runs_out_is_told_once_and_leaves_the_rest() {
    let mut desk = Desk::new();
    desk.hears("a", 1, "Contact: <sip:short@192.0.2.1>;expires=60, <sip:long@192.0.2.1>\r\n").unwrap();
    assert_eq!(desk.registrar.deadline(), Some(desk.now + Duration::from_secs(60)));
    desk.now += Duration::from_secs(60);
    assert_eq!(desk.contacts(), ["sip:long@192.0.2.1"], "what has run out is not called even before it is taken out");
    assert_eq!(desk.registrar.expire(desk.now), [("ada".to_owned(), 1)]);
    assert_eq!(desk.registrar.expire(desk.now), []);
    desk.now += Duration::from_secs(3600);
    assert_eq!(desk.registrar.expire(desk.now), [("ada".to_owned(), 0)]);
    assert_eq!(desk.registrar.deadline(), None);
}

#[test]
fn a_device_with_two_flows_is_rung_once_by_the_newer() {
    let flow = |id: u32, user: &str| format!("Contact: <sip:{user}@192.0.2.1>;reg-id={id};+sip.instance=\"<urn:uuid:1>\"\r\n");
    let mut desk = Desk::new();
    desk.hears("a", 1, &flow(1, "first")).unwrap();
    desk.hears("b", 1, &flow(2, "second")).unwrap();
    assert_eq!(desk.targets("sip:ada@tandem"), ["sip:second@192.0.2.1"]);
    // The flow came about anew from another address: it is the same flow.
    desk.hears("c", 1, &flow(1, "moved")).unwrap();
    assert_eq!(desk.contacts(), ["sip:second@192.0.2.1", "sip:moved@192.0.2.1"]);
    assert_eq!(desk.hears("d", 1, &flow(0, "none")), Err(Declined::Malformed));
}

#[test]
fn a_flow_that_is_lost_takes_its_bindings_along() {
    let mut desk = Desk::new();
    desk.hears("a", 1, "Contact: <sip:here@192.0.2.1>\r\n").unwrap();
    let there = origin("192.0.2.9:1024");
    desk.registrar.register(desk.now, "ada", &there, &register("b", 1, "Contact: <sip:there@192.0.2.9>\r\n")).unwrap();
    assert_eq!(desk.registrar.lose(there.flow), [("ada".to_owned(), 1)]);
    assert_eq!(desk.contacts(), ["sip:here@192.0.2.1"]);
}

#[test]
fn a_flow_through_a_proxy_without_outbound_is_declined() {
    let text = |path: &str| {
        format!(
            "Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKp\r\n{path}Contact: <sip:a@192.0.2.1>;reg-id=1;+sip.instance=\"<urn:uuid:1>\"\r\n"
        )
    };
    let mut desk = Desk::new();
    assert_eq!(desk.hears("a", 1, &text("")), Err(Declined::NoOutbound));
    assert_eq!(desk.hears("a", 1, &text("Path: <sip:edge@192.0.2.7;lr>\r\n")), Err(Declined::NoOutbound));
    desk.hears("a", 1, &text("Path: <sip:edge@192.0.2.7;lr;ob>\r\n")).unwrap();
    let targets = desk.registrar.targets(&Uri::parse("sip:ada@tandem").unwrap(), desk.now);
    assert_eq!(targets[0].path[0].uri.to_string(), "sip:edge@192.0.2.7;lr;ob");
}

#[test]
fn a_gruu_reaches_one_device() {
    let mut desk = Desk::new();
    desk.hears("a", 1, "Contact: <sip:one@192.0.2.1>;+sip.instance=\"<urn:uuid:1>\", <sip:two@192.0.2.1>\r\n").unwrap();
    let address = Uri::parse("sip:ada@tandem").unwrap();
    let lines = desk.registrar.contacts("ada", desk.now, Some(&address));
    assert!(lines[0].ends_with("+sip.instance=\"<urn:uuid:1>\";pub-gruu=\"sip:ada@tandem;gr=urn:uuid:1\""), "{lines:?}");
    assert_eq!(desk.targets("sip:ada@tandem;gr=urn:uuid:1"), ["sip:one@192.0.2.1"]);
    assert_eq!(desk.targets("sip:ada@tandem;gr=urn:uuid:9"), [""; 0]);
}

const BINDINGS_MAX: usize = 100;
const PER_USER_MAX: usize = 8;

#[test]
fn the_ninth_device_and_the_last_of_all_are_declined() {
    let mut desk = Desk::new();
    for n in 0..PER_USER_MAX {
        desk.hears(&format!("c{n}"), 1, &format!("Contact: <sip:d{n}@192.0.2.1>\r\n")).unwrap();
    }
    assert_eq!(desk.hears("more", 1, "Contact: <sip:more@192.0.2.1>\r\n"), Err(Declined::TooMany));
    desk.registrar.count = BINDINGS_MAX;
    let other = register("o", 1, "Contact: <sip:ben@192.0.2.1>\r\n");
    assert_eq!(desk.registrar.register(desk.now, "ben", &origin("192.0.2.1:5060"), &other), Err(Declined::Full));
}
