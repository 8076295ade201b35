//! A call that was not let in, as the log, the console and `GET /v1/rejections` tell of it.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::{
    ids::{RejectionId, UtcMillis},
    private::Private,
    routing::Refusal,
};

/// A call that was not let in: what arrived, and why that was not enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    pub id: RejectionId,
    pub at: UtcMillis,
    /// Where it came from.
    pub from: SocketAddr,
    /// As its Via says: `UDP`, `TCP`, `TLS`, `WS` or `WSS`.
    pub transport: String,
    /// The trunk that speaks from there, if any does.
    pub trunk: Option<String>,
    /// The caller as shown.
    pub caller: Private<String>,
    /// The user part of the request-URI.
    pub dialled: String,
    pub method: String,
    pub call_id: String,
    pub refusal: Refusal,
}

/// A word of the network, cut to what a row holds: nobody fills our memory with one long header.
pub(super) fn clipped(word: &str) -> String {
    word.chars().take(WORD_MAX).collect()
}

/// Letters of a word that are kept; E.164 has 15 digits, a Call-ID rarely 64.
const WORD_MAX: usize = 128;
