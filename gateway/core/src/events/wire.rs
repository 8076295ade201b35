//! The ways that bytes leave and arrive.

use std::net::SocketAddr;

use crate::ids::{ConnId, EndpointId};

/// The way bytes leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// From this socket to that address.
    Datagram { endpoint: EndpointId, to: SocketAddr },
    /// Down this stream, behind what it already holds.
    Stream(ConnId),
}
