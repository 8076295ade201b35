//! The phone as a SIP user agent over UDP, with `rsip` for messages: caller, callee, and what both do once they talk.
//!
//! Deliberately lacks TCP and TLS, registration, DNS beyond addresses, and forked dialogs: it tests one call at a time.

mod callee;
mod caller;
mod conversation;
mod dialog;
mod line;
mod message;
mod sdp;
mod wire;

pub(super) use callee::listen;
pub(super) use caller::{call, target};

use std::time::Duration;

use tokio::time::Instant;

/// RFC 3261 17.1.1.1: the round trip that retransmissions start from.
const T1: Duration = Duration::from_millis(500);
/// The longest interval between retransmissions.
const T2: Duration = Duration::from_secs(4);

/// Waits for a time that may never come.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// `prefix` and 16 random hex digits: branches, tags, Call-IDs.
fn token(prefix: &str) -> String {
    format!("{prefix}{:016x}", rand::random::<u64>())
}
