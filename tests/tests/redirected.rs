//! Carriers that send our calls on by 3xx (RFC 3261 8.1.3.4): who is called, how often, and what the caller hears in the end.

use std::{collections::BTreeSet, net::SocketAddr};

use gateway_core::config::{Config, Route, RouteAction, RouteNumber};
use tests::{
    config::{self, GATEWAY},
    oracles,
    sip_text::Seen,
    world::World,
};

const NUMBER: &str = "+31201112222";

/// The n-th server of the carrier; 0 is its trunk's host.
fn server(n: u8) -> SocketAddr {
    SocketAddr::from(([10, 1, 9, n], 5060))
}

/// How often the gateway called the n-th server.
fn calls_of(world: &World, n: u8) -> usize {
    let begins = |seen: &&Seen| !seen.inbound && seen.peer == server(n) && seen.is_request("INVITE");
    let branches: BTreeSet<_> = world.wire.iter().filter(begins).filter_map(|seen| seen.header("Via")?.split(";branch=").nth(1)).collect();
    branches.len()
}

/// The n-th server, once it is called, answers so: with these Contacts, if any.
fn answer(world: &mut World, n: u8, status: &str, contacts: &[u8]) {
    world.run_until(5_000, "it is called", |world| calls_of(world, n) == 1);
    let invite = world.wire.iter().find(|seen| !seen.inbound && seen.peer == server(n) && seen.is_request("INVITE")).unwrap();
    let header = |name: &str| format!("{name}: {}", invite.header(name).unwrap());
    let (via, from, to, call_id, cseq) = (header("Via"), header("From"), header("To"), header("Call-ID"), header("CSeq"));
    let contacts: String = contacts.iter().map(|n| format!("Contact: <sip:{NUMBER}@{}>\r\n", server(*n))).collect();
    let text =
        format!("SIP/2.0 {status}\r\n{via}\r\n{from}\r\n{to};tag=s{n}\r\n{call_id}\r\n{cseq}\r\n{contacts}Content-Length: 0\r\n\r\n");
    world.send(server(n), GATEWAY, text.as_bytes());
}

/// The usual gateway; 400 is a number behind a carrier that may send calls on to all of its servers.
fn sent_on() -> Config {
    let mut config = config::usual(0);
    let peering = &mut config.trunks[0].peering;
    peering.host = Some(format!("sip:{}", server(0)));
    peering.outbound = vec!["+31".to_owned()];
    peering.redirects_to = (0..6).map(server).map(|at| at.ip().to_string()).collect();
    let action = RouteAction::Number(RouteNumber { number: Some(NUMBER.to_owned()), trunk: Some("carrier".to_owned()) });
    config.routes.push(Route { dialled: "400".to_owned(), trunk: None, action, record: false });
    config
}

#[test]
fn a_call_sent_on_and_on_calls_nobody_twice_and_ends_as_the_last_one_said() {
    let mut world = World::with(35, sent_on());
    let caller = world.caller();
    world.dial(caller, "400");
    answer(&mut world, 0, "302 Moved Temporarily", &[0, 1, 2, 3]);
    answer(&mut world, 1, "302 Moved Temporarily", &[2, 0, 4, 5]);
    for n in 2..5 {
        answer(&mut world, n, "486 Busy Here", &[]);
    }
    world.run(10_000);
    let calls: Vec<usize> = (0..6).map(|n| calls_of(&world, n)).collect();
    assert_eq!(calls, [1, 1, 1, 1, 1, 0], "four at most, none of them twice\n{}", world.ladder);
    assert_eq!(world.phones[caller].talk().refused, Some(486), "{}", world.ladder);
    world.run(200_000);
    oracles::ask_of_wires(&world);
}

#[test]
fn whoever_a_call_was_sent_on_to_may_ring_and_refuse_and_the_next_one_is_called() {
    let mut world = World::with(36, sent_on());
    let caller = world.caller();
    world.dial(caller, "400");
    answer(&mut world, 0, "302 Moved Temporarily", &[1, 2, 3]);
    answer(&mut world, 1, "180 Ringing", &[]);
    answer(&mut world, 1, "486 Busy Here", &[]);
    answer(&mut world, 2, "180 Ringing", &[]);
    // "603: the called party does not wish to be reached anywhere" (21.6.2).
    answer(&mut world, 2, "603 Decline", &[]);
    world.run(10_000);
    let calls: Vec<usize> = (0..4).map(|n| calls_of(&world, n)).collect();
    assert_eq!(calls, [1, 1, 1, 0], "{}", world.ladder);
    assert_eq!(world.phones[caller].talk().refused, Some(603), "{}", world.ladder);
    world.run(200_000);
    oracles::ask_of_wires(&world);
}

#[test]
fn a_carrier_that_rings_in_vain_may_still_send_the_call_on() {
    let mut world = World::with(37, sent_on());
    let caller = world.caller();
    world.dial(caller, "400");
    answer(&mut world, 0, "180 Ringing", &[]);
    answer(&mut world, 0, "302 Moved Temporarily", &[1]);
    answer(&mut world, 1, "486 Busy Here", &[]);
    world.run(10_000);
    assert_eq!([calls_of(&world, 0), calls_of(&world, 1)], [1, 1], "{}", world.ladder);
    assert_eq!(world.phones[caller].talk().refused, Some(486), "{}", world.ladder);
    world.run(200_000);
    oracles::ask_of_wires(&world);
}
