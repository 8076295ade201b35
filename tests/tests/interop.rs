//! The built binary against real peers: SIPp, baresip, the built-in phone, and everybody's junk.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by its panic")]

#[path = "interop/api.rs"]
mod api;
#[path = "interop/archive.rs"]
mod archive;
#[path = "interop/baresip.rs"]
mod baresip;
#[path = "interop/calls.rs"]
mod calls;
#[path = "interop/cli.rs"]
mod cli;
#[path = "interop/crash.rs"]
mod crash;
#[path = "interop/dial.rs"]
mod dial;
#[path = "interop/digest.rs"]
mod digest;
#[path = "interop/kamailio.rs"]
mod kamailio;
#[path = "interop/kamailio_registrar.rs"]
mod kamailio_registrar;
#[path = "interop/keyed.rs"]
mod keyed;
#[path = "interop/linphone.rs"]
mod linphone;
#[path = "interop/nat.rs"]
mod nat;
#[path = "interop/overload.rs"]
mod overload;
#[path = "interop/papers.rs"]
mod papers;
#[path = "interop/pjsua.rs"]
mod pjsua;
#[path = "interop/probes.rs"]
mod probes;
#[path = "interop/profiles.rs"]
mod profiles;
#[path = "interop/registered.rs"]
mod registered;
#[path = "interop/rung.rs"]
mod rung;
#[path = "interop/sipp.rs"]
mod sipp;
#[path = "interop/stir.rs"]
mod stir;
#[path = "interop/talk.rs"]
mod talk;
#[path = "interop/tls.rs"]
mod tls;
#[path = "interop/traces.rs"]
mod traces;
#[path = "interop/transfers.rs"]
mod transfers;
#[path = "interop/transports.rs"]
mod transports;
#[path = "interop/trunks.rs"]
mod trunks;
#[path = "interop/webphone.rs"]
mod webphone;
#[path = "interop/why.rs"]
mod why;

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use serde_json::Value;
use tests::{node::Node, program::Ended};

/// 127.0.0.`host`: carriers speak from others than the phone of the tests, which is of the trunk `loopback`.
fn on(host: u8, port: u16) -> SocketAddr {
    (Ipv4Addr::new(127, 0, 0, host), port).into()
}

fn sip_of(node: &Node) -> SocketAddr {
    on(1, node.ports.sip())
}

/// A call's records of one kind, in order.
fn kinds<'a>(records: &'a [Value], kind: &str) -> Vec<&'a Value> {
    records.iter().filter(|record| record["type"] == kind).collect()
}

/// Proves that a tone was heard for 95 % of the talk, in windows of 100 ms.
///
/// The gateway counts the talk from the bridge to the goodbye; at most 300 ms of it are the edges: two jitter buffers fill, what is under way at
/// the end is never played, and a window that is cut is no window.
fn assert_heard_through(what: &str, windows: u64, talked_ms: u64) {
    assert!(talked_ms >= 3000, "{what}: a talk of {talked_ms} ms proves little");
    assert!(windows * 100 >= (talked_ms - EDGES_MS) * 95 / 100, "{what}: {windows} windows of 100 ms in {talked_ms} ms");
}

const EDGES_MS: u64 = 300;

/// What the test phone reported of its one call.
fn report(ended: &Ended) -> Value {
    serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// `out` is a number behind the carrier.
const OUT: &str = "[[route]]\ndialled = \"out\"\nbridge = \"+31201234567@carrier\"\n";

/// On a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
