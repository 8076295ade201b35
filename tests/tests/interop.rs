//! The built binary against real peers: SIPp, baresip, the built-in phone, and everybody's junk.

#[path = "interop/api.rs"]
mod api;
#[path = "interop/baresip.rs"]
mod baresip;
#[path = "interop/cli.rs"]
mod cli;
#[path = "interop/crash.rs"]
mod crash;
#[path = "interop/dial.rs"]
mod dial;
#[path = "interop/sipp.rs"]
mod sipp;

use serde_json::Value;
use tests::program::Ended;

/// A call's records of one kind, in order.
fn kinds<'a>(records: &'a [Value], kind: &str) -> Vec<&'a Value> {
    records.iter().filter(|record| record["type"] == kind).collect()
}

/// What the test phone reported of its one call.
fn report(ended: &Ended) -> Value {
    serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}
