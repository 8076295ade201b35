//! Kamailio as registrar: phones register at it or by way of it, and we register there ourselves, as with a carrier.

use std::time::Duration;

use serde_json::Value;
use tests::{
    node::{Node, Plan},
    program::{Program, wait_until},
};

use super::{
    kamailio::Kamailio,
    kinds, pjsua, report,
    rung::{self, PASSWORD},
};

const REALM: &str = "kamailio.example";

fn registrar(node: &Node) -> Kamailio {
    let words = [
        format!("GATEWAY=\"sip:127.0.0.1:{}\"", node.ports.sip()),
        format!("REALM=\"{REALM}\""),
        format!("PASSWORD=\"{PASSWORD}\""),
        format!("SERVICE_ROUTE=\"Service-Route: <sip:127.0.0.1:{};lr;service=out>\\r\\n\"", node.ports.peer(0)),
    ];
    Kamailio::configured(node, "kamailio-registrar.cfg", &words)
}

/// A phone that has registered, by the proxy or at it, and takes the first call.
fn phone(node: &Node, number: &str) -> Program {
    let proxy = format!("sip:127.0.0.1:{}", node.ports.peer(0));
    let mut phone = pjsua::start(node, &mut pjsua::python(), &["--number", number, "--registrar", &proxy, "--password", PASSWORD]);
    pjsua::wait_for(&mut phone, "registration 200");
    phone
}

#[test]
fn an_agents_phone_that_registers_along_a_path_is_rung_by_it_and_both_hear_each_other() {
    let node = Node::prepared(|_, _| Plan { routes: rung::agent(REALM), ..Plan::default() });
    let mut proxy = registrar(&node);
    let mut phone = phone(&node, "700");
    proxy.wait_for("handed on: REGISTER of 700");
    let caller = rung::caller_of_the_agent(&node);
    let call = rung::assert_heard(&node, &mut phone, caller, 1);
    assert_eq!(kinds(&node.records(&call["id"]), "handoff").len(), 1);
    proxy.wait_for("by route: INVITE of 700");
    proxy.wait_for("within: BYE");
}

/// Calls both ways between a node that has registered and a phone that is registered at the same proxy.
fn calls_by_a_registration(transport: &str) {
    let node = Node::prepared(|ports, _| Plan {
        // Nothing but its registration tells the proxy from a stranger.
        trunk: "127.0.0.9/32",
        routes: format!(
            "[[trunk]]\nname = \"kamailio\"\nhost = \"sip:127.0.0.1:{};transport={transport}\"\n\
             auth = {{ user = \"tandem\", realm = \"{REALM}\", password = \"{PASSWORD}\" }}\n\
             register = {{ domain = \"{REALM}\", expires_s = 600 }}\nheaders = {{ from = \"account\" }}\noutbound = [\"+31\"]\n\n\
             [[route]]\ndialled = \"100\"\nbridge = \"+31201234567@kamailio\"\n\n\
             [[route]]\ndialled = \"tandem\"\ntrunk = \"kamailio\"\nscript = \"main\"\n\n",
            ports.peer(0)
        ),
        ..Plan::default()
    });
    let mut proxy = registrar(&node);
    proxy.wait_for("challenged: REGISTER of tandem");
    proxy.wait_for(&format!("registered: tandem by {transport}"));
    let is_registered = || node.api("GET", "/v1/trunks", &Value::Null).text().contains("\"registered\":true").then_some(());
    assert!(wait_until(Duration::from_secs(30), is_registered).is_some(), "{}", node.log());

    let mut phone = phone(&node, "+31201234567");
    let out = rung::caller(&node, "100", &["--local", "127.0.0.9", "--duration", "5"]);
    rung::assert_heard(&node, &mut phone, out, 1);

    let (uri, hop) = (format!("sip:tandem@{REALM}"), format!("127.0.0.1:{}", node.ports.peer(0)));
    let into = report(
        &node.dial(&[&uri, "--proxy", &hop, "--as", "+31207654321", "--expect-audio", "--duration", "3"]).end(Duration::from_secs(60)),
    );
    assert_eq!(into["ok"], true, "{into}\n{}\n{}", proxy.0.story(), node.log());
    let call = node.ended_calls(2)[0].clone();
    assert_eq!(call["caller"], "+31207654321", "{call}");
}

#[test]
fn a_node_that_registered_at_kamailio_by_udp_calls_and_is_called_by_that_registration() {
    calls_by_a_registration("udp");
}

#[test]
fn a_node_that_registered_at_kamailio_by_tcp_calls_and_is_called_over_its_own_stream() {
    calls_by_a_registration("tcp");
}
