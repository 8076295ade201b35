//! Checked configuration: what an operator writes in `tandem.toml`, as types.
//!
//! `read` turns text into a `Config`, or into faults with their places; `file.rs` is the text's shape, `check.rs` the rules. A `Config` that
//! exists is sound: whoever holds one need not ask again.

mod address;
mod callers;
mod check;
mod fault;
mod file;
mod guards;
mod limits;
mod recording;
mod route;
mod srtp;
#[cfg(test)]
mod tests;
mod trunk;
mod walk;

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use media::{
    codec::CodecKind,
    progress::{COUNTRIES, National},
};

pub use callers::{CallerRules, Naming, Stir, StirPolicy};
pub use check::{Checked, Outside, read};
pub use fault::ConfigFault;
pub use guards::Guards;
pub use limits::{Limits, Rate};
pub use recording::{Bucket, MasterKey, Place, Recording, Upload};
pub use srtp::SrtpPolicy;
pub use trunk::{CallerShown, Dtmf, HeaderProfile, NumberRule, PeerAuth, Peering, Refer, Registration, TrunkAuth, UserToUser};

use crate::{
    ids::{AgentId, EndpointId},
    private::Private,
    transport::Transport,
};

/// One node's configuration, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The node itself.
    pub node: Node,
    /// Pages, API and metrics.
    pub http: Http,
    /// What is kept of calls.
    pub recording: Recording,
    /// Scripts and languages.
    pub ivr: Ivr,
    /// Who answers for names.
    pub dns: Dns,
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
    /// How long a call lives without a sign of life.
    pub session: Session,
    /// How much of everything we hold.
    pub limits: Limits,
    /// When media joins.
    pub gate: Gate,
    /// Where callers' signatures are proven.
    pub stir: Stir,
    /// All on; see `Guards`.
    pub guards: Guards,
}

impl Config {
    /// What SDP says to whoever is spoken with through this endpoint: what `[media]` was told to say in its family; else RTP's own address
    /// where it has one, unless the endpoint is known outside by another.
    pub fn media_address(&self, endpoint: &Endpoint) -> IpAddr {
        let Media { listen, advertised, is_told, .. } = self.media;
        if is_told && advertised.is_ipv4() == endpoint.advertised.is_ipv4() {
            return advertised;
        }
        let here = endpoint.listen.ip();
        // An endpoint that listens everywhere advertises another address though nothing hides it.
        let is_hidden = !here.is_unspecified() && endpoint.advertised != here;
        if listen.is_unspecified() || listen == here || is_hidden { endpoint.advertised } else { advertised }
    }
}

/// The node itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// In logs, metrics and the operator's console.
    pub name: String,
    /// The store, certificates and secrets that we made ourselves.
    pub data_dir: PathBuf,
    /// After a wish to end, calls in progress have this long.
    pub drain_s: u32,
}

/// Pages, API and metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// Plain HTTP: for this machine, or behind a proxy that ends TLS.
    pub listen: SocketAddr,
    /// HTTPS and WSS, without which browsers off this machine give no microphone.
    pub tls: Option<Tls>,
    /// How browsers and links reach us, without a slash at its end.
    pub public_url: String,
    /// Signs sessions; without it one is made in `data_dir` at the first start.
    pub session_secret: Option<Private<String>>,
}

/// HTTPS and WSS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    pub listen: SocketAddr,
    pub certificate: Certificate,
}

/// What a TLS listener shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Certificate {
    /// Made in `data_dir` at the first start; browsers warn.
    SelfSigned,
    /// PEM files.
    Files { chain: PathBuf, key: PathBuf },
}

/// Scripts and languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ivr {
    /// Of `*.yaml`, with `prompts/` beside them.
    pub dir: PathBuf,
    /// The first is the default.
    pub languages: Vec<String>,
}

/// An address we listen on, with the address that it says to peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub id: EndpointId,
    pub name: String,
    pub transport: Transport,
    pub listen: SocketAddr,
    /// In Via, Contact and SDP.
    pub advertised: IpAddr,
    /// What a secure one shows, and asks for.
    pub tls: Option<EndpointTls>,
    /// Of a WebSocket: the origins of pages that may connect, besides those of the host that they connect to (RFC 6454).
    pub origins: Vec<String>,
}

impl Endpoint {
    /// One of UDP that says what it listens on.
    pub fn udp(id: EndpointId, name: &str, listen: SocketAddr) -> Self {
        Self { id, name: name.to_owned(), transport: Transport::Udp, listen, advertised: listen.ip(), tls: None, origins: Vec::new() }
    }
}

/// TLS at an address that we listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointTls {
    pub certificate: Certificate,
    /// PEM file of the authorities whose clients are let in; without it a client shows nothing.
    pub client_ca: Option<PathBuf>,
}

/// Who answers for names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dns {
    /// The one name server to ask; the system's where it is not set.
    pub server: Option<SocketAddr>,
}

/// A carrier we peer with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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
    /// Whether its media is SRTP.
    pub srtp: SrtpPolicy,
    /// Its callers may hand their calls on (REFER, RFC 3515) and take others over (Replaces, RFC 3891).
    pub transfer: bool,
    /// What is believed of its callers.
    pub callers: CallerRules,
    /// How a request goes that is too large for UDP.
    pub oversize: Oversize,
    /// How we appear to it over TLS, and whom we take it to be.
    pub tls: Option<TrunkTls>,
    /// Its outbound side, and all that is agreed with the carrier.
    pub peering: Peering,
}

/// How a request above 1300 bytes goes to a hop of UDP (RFC 3261 18.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Oversize {
    /// By TCP; and by UDP after all where TCP is refused or silent.
    #[default]
    Tcp,
    /// By UDP, in fragments.
    Udp,
}

/// TLS towards a trunk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrunkTls {
    /// PEM files that prove who we are: chain and key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// PEM file of the authorities that vouch for the trunk; the system's where it is not set.
    pub ca: Option<PathBuf>,
    /// The name that its certificate must bear, where that is not the domain dialled (RFC 5922 7.3).
    pub name: Option<String>,
}

/// A phone that registers by digest (RFC 8760).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone {
    pub user: String,
    pub realm: String,
    pub password: Private<String>,
    /// Whether its media is SRTP.
    pub srtp: SrtpPolicy,
    /// It may hand its calls on (REFER, RFC 3515) and take others over (Replaces, RFC 3891).
    pub transfer: bool,
    /// In order of preference.
    pub codecs: Vec<CodecKind>,
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
    /// Out to a number, with no script.
    Number(RouteNumber),
}

/// A number that a route calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteNumber {
    /// In E.164 or as an extension; `None` is the number that was dialled.
    pub number: Option<String>,
    /// By this trunk; `None` is the one whose `outbound` fits best.
    pub trunk: Option<String>,
}

/// As `bridge` spells it: `+380441234567@carrier`; `*` is the number that was dialled.
impl fmt::Display for RouteNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number.as_deref().unwrap_or("*"))?;
        match &self.trunk {
            Some(trunk) => write!(f, "@{trunk}"),
            None => Ok(()),
        }
    }
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
    /// The user of a `[[phone]]` that rings for this agent, beside the desk or instead of it.
    pub phone: Option<String>,
    /// The agent takes calls as soon as that phone has registered; else only when the desk says so.
    pub phone_ready: bool,
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
    /// The file says so: it counts whatever an endpoint advertises.
    pub is_told: bool,
    /// First and last RTP port; RTP takes the even ones.
    pub ports: (u16, u16),
    /// The one UDP port of all browsers; 0 lets the system choose.
    pub web_port: u16,
    /// Media threads; with more than one, browsers of the n-th use `web_port` + n.
    pub shards: u16,
    /// A phone that has sent neither RTP nor RTCP for so long is asked by its signalling whether it is there.
    pub timeout_s: u32,
    /// The country whose ringing and busy tones callers hear of us.
    pub tones: &'static National,
}

/// Session timers (RFC 4028): calls whose peer is dead end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// A call without a sign of life for so long is over; 0 for never.
    pub expires_s: u32,
    /// Peers that ask for less are refused with 422.
    pub min_s: u32,
}

/// When media joins (context.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    /// Past the accept, the desk has this long to say that it has drawn the card.
    pub ack_ms: u32,
}

/// A node on loopback that knows no trunk, phone, route or agent.
impl Default for Config {
    fn default() -> Self {
        let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Self {
            node: Node { name: "tandem".into(), data_dir: "tandem-data".into(), drain_s: 60 },
            http: Http {
                listen: SocketAddr::new(localhost, 8080),
                tls: None,
                public_url: "http://localhost:8080".into(),
                session_secret: None,
            },
            dns: Dns::default(),
            recording: Recording::plain("tandem-data/recordings".into()),
            ivr: Ivr { dir: "ivr-scripts".into(), languages: vec!["en".into()] },
            endpoints: vec![Endpoint::udp(EndpointId(0), "udp", SocketAddr::new(localhost, 5060))],
            trunks: Vec::new(),
            phones: Vec::new(),
            routes: Vec::new(),
            agents: Vec::new(),
            queues: BTreeMap::new(),
            media: Media {
                listen: localhost,
                advertised: localhost,
                is_told: false,
                ports: (20_000, 29_999),
                web_port: 0,
                shards: 1,
                timeout_s: 30,
                tones: &COUNTRIES[0],
            },
            session: Session { expires_s: 1800, min_s: 90 },
            limits: Limits::default(),
            gate: Gate { ack_ms: 800 },
            stir: Stir::default(),
            guards: Guards::default(),
        }
    }
}
