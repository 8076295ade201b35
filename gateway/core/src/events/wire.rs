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

/// One server among those of a domain: a lower `rank` comes first, equals share the calls in proportion to `weight` (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its addresses, in the order in which they are tried; never empty.
    pub hops: Vec<Hop>,
    pub rank: u16,
    pub weight: u16,
}

/// The way bytes leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// From this socket to that address.
    Datagram { endpoint: EndpointId, to: SocketAddr },
    /// Down this stream, behind what it already holds.
    Stream(ConnId),
}
