//! The ways that bytes leave and arrive.

use std::net::SocketAddr;

use crate::ids::{ConnId, EndpointId};
pub use crate::transport::Transport;

/// One place to send a request to: what RFC 3263 makes of a URI.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hop {
    pub transport: Transport,
    pub to: SocketAddr,
    /// The domain that was asked for, which a TLS certificate must bear (RFC 5922).
    pub domain: Option<String>,
}

/// The way bytes leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// From this socket to that address.
    Datagram { endpoint: EndpointId, to: SocketAddr },
    /// Down this stream, behind what it already holds.
    Stream(ConnId),
}
