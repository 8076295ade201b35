//! Checked configuration: what an operator writes in `tandem.toml`, as types.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use media::codec::CodecKind;
use serde::Deserialize;

mod guards;

pub use guards::Guards;

use crate::ids::{AgentId, EndpointId};

/// One node's configuration, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Addresses we listen on; `EndpointId` is the place in this list.
    pub endpoints: Vec<Endpoint>,
    /// Carriers we peer with.
    pub trunks: Vec<Trunk>,
    /// Phones that register with us.
    pub phones: Vec<Phone>,
    /// What a dialled number does; the first that fits wins.
    pub routes: Vec<Route>,
    /// People who take calls.
    pub agents: Vec<AgentEntry>,
    /// Where callers wait.
    pub queues: BTreeMap<String, Queue>,
    /// RTP and WebRTC.
    pub media: Media,
    /// When media joins.
    pub gate: Gate,
    /// All on; see `Guards`.
    pub guards: Guards,
}

/// An address we listen on, with the address that it says to peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub id: EndpointId,
    pub name: String,
    pub listen: SocketAddr,
    /// In Via, Contact and SDP.
    pub advertised: IpAddr,
}

/// A carrier we peer with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trunk {
    pub name: String,
    /// Source networks that speak for it: address and prefix length.
    pub sources: Vec<(IpAddr, u8)>,
    /// ISO 3166 region of numbers without a country code.
    pub default_region: Option<String>,
    /// The peer is behind NAT: its media may come from where its signalling came from.
    pub nat: bool,
    /// In order of preference.
    pub codecs: Vec<CodecKind>,
    /// Address in our SDP and Contact towards this trunk, where it differs from the endpoint's.
    pub advertised: Option<IpAddr>,
}

/// A phone that registers by digest (RFC 8760).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone {
    pub user: String,
    pub realm: String,
    pub password: crate::private::Private<String>,
}

/// What a dialled number does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The user part dialled; `*` fits all.
    pub dialled: String,
    /// Only from this trunk.
    pub trunk: Option<String>,
    pub action: RouteAction,
    pub record: bool,
}

/// Where a call goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteAction {
    /// Into this script.
    Script(String),
    /// Out to this SIP URI, with no script.
    Bridge(String),
}

/// A person who takes calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentEntry {
    pub id: AgentId,
    /// Login name.
    pub login: String,
    pub name: String,
    /// An argon2 PHC string.
    pub password_hash: String,
    pub skills: Vec<String>,
    pub languages: Vec<String>,
}

/// Where callers wait.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Queue {
    /// The clip of the music, repeated.
    pub music: String,
    /// An agent has this long to take an offered call.
    pub ring_s: u32,
    /// Whoever waits longer hears a goodbye.
    pub wait_max_s: u32,
    /// After a call, an agent who says nothing is available again after this long.
    pub wrapup_s: u32,
}

/// RTP and WebRTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// Address of RTP sockets.
    pub listen: IpAddr,
    /// Address in SDP and candidates.
    pub advertised: IpAddr,
    /// First and last RTP port; RTP takes the even ones.
    pub ports: (u16, u16),
    /// The one UDP port of all browsers; 0 lets the system choose.
    pub web_port: u16,
}

/// When media joins (context.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Past the accept, the desk has this long to say that it has drawn the card.
    pub ack_ms: u32,
}
