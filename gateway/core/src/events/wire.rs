//! The ways that bytes leave and arrive.

use std::net::SocketAddr;

use crate::ids::{ConnId, EndpointId};

/// How SIP travels (RFC 3261 18, RFC 7118).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
    /// WebSocket.
    Ws,
    /// WebSocket over TLS.
    Wss,
}

impl Transport {
    /// As Via spells it.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// The transport repeats what is lost, so a transaction need not (17).
    pub const fn is_reliable(self) -> bool {
        !matches!(self, Self::Udp)
    }

    /// Where a URI names no port (19.1.2).
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }
}

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
