//! A session description as a value (RFC 8866), printed by `Display`.
//!
//! What offer/answer reads has a type; every other line and attribute is kept as text in its place, so that nothing a peer said is
//! lost when it is printed again. Reading text is `parse.rs`.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
};

use super::Flow;

/// One session description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// `o=`.
    pub origin: Origin,
    /// `s=`; a single `-` where there is nothing to say.
    pub name: String,
    /// Session-level `c=`, the default for media without one.
    pub connection: Option<Connection>,
    /// All other session lines, in the order of RFC 8866 5; always has a `t=`.
    pub lines: Vec<Line>,
    /// Session-level `a=`, in order.
    pub attributes: Vec<Attribute>,
    /// `m=` sections, in order; their place is their identity (RFC 3264 5.1).
    pub media: Vec<Media>,
}

/// Who made the description, and which edition it is (RFC 8866 5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Often `-`.
    pub username: String,
    /// Constant through the session.
    pub id: u64,
    /// Grows by one when the description changes (RFC 3264 8).
    pub version: u64,
    /// Where it was made; never a media address.
    pub host: Host,
}

/// An address as the peer wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A literal; its family is its own, whatever the line claims.
    Ip(IpAddr),
    /// A domain name, or a literal we do not read. Kept, never resolved here.
    Name {
        /// As written, without spaces.
        name: String,
        /// The line says `IP6`.
        v6: bool,
    },
}

/// `c=` (RFC 8866 5.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Where media is received.
    pub host: Host,
    /// TTL and count of a multicast group, as written after the slash.
    pub scope: Option<String>,
}

/// A line kept as text: its type letter and all after the `=`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The letter before the `=`.
    pub kind: char,
    /// The rest of the line.
    pub value: String,
}

/// `a=name` or `a=name:value` (RFC 8866 5.13). A key in it is whole on the wire and shows as `***` elsewhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Case-sensitive.
    pub name: String,
    /// All after the first colon; a flag has none.
    pub value: Option<String>,
}

/// One `m=` section (RFC 8866 5.14).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// What kind of stream.
    pub kind: MediaKind,
    /// Where it is received; 0 refuses or ends the stream (RFC 3264 6, 8.2).
    pub port: u16,
    /// Number of ports, where said.
    pub ports: Option<u16>,
    /// How it is carried.
    pub protocol: Protocol,
    /// Payload types for RTP, in order of preference; at least one.
    pub formats: Vec<String>,
    /// Overrides the session's.
    pub connection: Option<Connection>,
    /// All other lines of the section, in the order of RFC 8866 5.
    pub lines: Vec<Line>,
    /// `a=`, in order.
    pub attributes: Vec<Attribute>,
}

/// The first word of a media line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaKind {
    /// The only kind that we carry.
    Audio,
    /// Refused with port 0.
    Video,
    /// `image` (T.38), `application`, `message`, `text` and the rest.
    Other(String),
}

/// The third word of a media line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protocol {
    /// RTP in the clear (RFC 3551).
    RtpAvp,
    /// The same with early feedback (RFC 4585).
    RtpAvpf,
    /// SRTP with keys in SDP (RFC 3711, RFC 4568).
    RtpSavp,
    /// The same with early feedback (RFC 5124).
    RtpSavpf,
    /// SRTP with keys from DTLS (RFC 5764).
    UdpTlsRtpSavp,
    /// The same with early feedback: every browser.
    UdpTlsRtpSavpf,
    /// `udptl`, `UDP/DTLS/SCTP` and the rest.
    Other(String),
}

/// `a=rtpmap` (RFC 8866 6.6), read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpMap<'a> {
    /// 0 to 127.
    pub payload_type: u8,
    /// Compared without regard to case.
    pub encoding: &'a str,
    /// RTP clock in Hz.
    pub clock_rate: u32,
    /// 1 where unsaid.
    pub channels: u8,
}

impl Description {
    /// The media address of a section: its own `c=`, else the session's.
    pub fn connection_of<'a>(&'a self, media: &'a Media) -> Option<&'a Connection> {
        media.connection.as_ref().or(self.connection.as_ref())
    }

    /// The direction of a section, seen from whoever wrote it: its own attribute, else the session's, else both ways (RFC 8866 6.7).
    pub fn flow_of(&self, media: &Media) -> Flow {
        direction(&media.attributes).or_else(|| direction(&self.attributes)).unwrap_or(Flow::SendRecv)
    }

    /// The first audio section that is not refused.
    pub(super) fn live_audio(&self) -> Option<&Media> {
        self.media.iter().find(|media| media.kind == MediaKind::Audio && media.port != 0)
    }

    /// That section speaks DTLS-SRTP.
    pub(super) fn is_webrtc(&self) -> bool {
        let audio = self.live_audio();
        audio.is_some_and(|media| matches!(media.protocol, Protocol::UdpTlsRtpSavp | Protocol::UdpTlsRtpSavpf))
    }

    /// An attribute of a section, else the session's of that name: how `ice-ufrag`, `fingerprint` and `setup` are inherited.
    pub fn attribute_of<'a>(&'a self, media: &'a Media, name: &str) -> Option<&'a Attribute> {
        media.attribute(name).or_else(|| self.attributes.iter().find(|attribute| attribute.name == name))
    }
}

impl Media {
    /// The first attribute of that name in this section.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// All readable `a=rtpmap` lines, in order.
    pub fn rtp_maps(&self) -> impl Iterator<Item = RtpMap<'_>> {
        self.attributes
            .iter()
            .filter(|attribute| attribute.name == "rtpmap")
            .filter_map(|attribute| RtpMap::parse(attribute.value.as_deref()?))
    }

    /// The encoding of a payload type: by `a=rtpmap`, else a fixed number (RFC 3551 6).
    pub fn rtp_map(&self, payload_type: u8) -> Option<RtpMap<'_>> {
        let fixed = |encoding| RtpMap { payload_type, encoding, clock_rate: 8000, channels: 1 };
        self.rtp_maps().find(|map| map.payload_type == payload_type).or(match payload_type {
            0 => Some(fixed("PCMU")),
            8 => Some(fixed("PCMA")),
            9 => Some(fixed("G722")),
            _ => None,
        })
    }

    /// The payload types of the media line in order of preference; formats that are no payload type are passed over.
    pub fn payload_types(&self) -> impl Iterator<Item = u8> {
        self.formats.iter().filter_map(|format| format.parse().ok()).filter(|payload_type| *payload_type < 128)
    }

    /// Parameters of a format (RFC 8866 6.15).
    pub fn fmtp(&self, payload_type: u8) -> Option<&str> {
        let mut all =
            self.attributes.iter().filter(|attribute| attribute.name == "fmtp").filter_map(|attribute| attribute.value.as_deref());
        all.find_map(|value| value.split_once(' ').filter(|(format, _)| format.parse() == Ok(payload_type)).map(|(_, rest)| rest))
    }

    /// Milliseconds in `a=ptime` or `a=maxptime` (RFC 8866 6.4, 6.5).
    pub fn milliseconds(&self, name: &str) -> Option<u32> {
        self.attribute(name)?.value.as_deref()?.trim().parse().ok()
    }

    /// The RTCP port of `a=rtcp` (RFC 3605), where said.
    pub fn rtcp_port(&self) -> Option<u16> {
        self.attribute("rtcp")?.value.as_deref()?.split(' ').next()?.parse().ok()
    }
}

impl<'a> RtpMap<'a> {
    fn parse(value: &'a str) -> Option<Self> {
        let (payload_type, rest) = value.split_once(' ')?;
        let mut parts = rest.trim().split('/');
        let map = Self {
            payload_type: payload_type.parse().ok().filter(|payload_type| *payload_type < 128)?,
            encoding: parts.next()?,
            clock_rate: parts.next()?.parse().ok()?,
            channels: parts.next().map_or(Some(1), |channels| channels.parse().ok())?,
        };
        Some(map)
    }
}

impl Attribute {
    /// `a=name`.
    pub fn flag(name: &str) -> Self {
        Self { name: name.to_owned(), value: None }
    }

    /// `a=name:value`.
    pub fn new(name: &str, value: impl fmt::Display) -> Self {
        Self { name: name.to_owned(), value: Some(value.to_string()) }
    }
}

impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(_) if matches!(self.name.as_str(), super::crypto::NAME | "ice-pwd") => write!(f, "{}:***", self.name),
            Some(value) => write!(f, "{}:{value}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl Host {
    /// `0.0.0.0` or `::`, with which older phones ask to be sent nothing (RFC 3264 8.4).
    pub fn is_unspecified(&self) -> bool {
        matches!(self, Self::Ip(ip) if ip.is_unspecified())
    }

    const fn family(&self) -> &'static str {
        match self {
            Self::Ip(IpAddr::V6(_)) | Self::Name { v6: true, .. } => "IP6",
            Self::Ip(IpAddr::V4(_)) | Self::Name { v6: false, .. } => "IP4",
        }
    }
}

impl From<IpAddr> for Host {
    fn from(ip: IpAddr) -> Self {
        Self::Ip(ip)
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::Ip(Ipv4Addr::UNSPECIFIED.into())
    }
}

impl MediaKind {
    /// As written.
    pub fn name(&self) -> &str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Other(name) => name,
        }
    }
}

impl Protocol {
    /// As written.
    pub fn name(&self) -> &str {
        match self {
            Self::RtpAvp => "RTP/AVP",
            Self::RtpAvpf => "RTP/AVPF",
            Self::RtpSavp => "RTP/SAVP",
            Self::RtpSavpf => "RTP/SAVPF",
            Self::UdpTlsRtpSavp => "UDP/TLS/RTP/SAVP",
            Self::UdpTlsRtpSavpf => "UDP/TLS/RTP/SAVPF",
            Self::Other(name) => name,
        }
    }
}

/// The place of a line kept as text, relative to `c=` (3): RFC 8866 5 fixes the order. Letters of no known type go last.
pub(super) const fn rank(kind: char) -> u8 {
    match kind {
        'i' => 0,
        'u' => 1,
        'e' | 'p' => 2,
        'b' => 4,
        't' | 'r' => 5,
        'z' => 6,
        'k' => 7,
        _ => 8,
    }
}

fn direction(attributes: &[Attribute]) -> Option<Flow> {
    attributes.iter().find_map(|attribute| match attribute.name.as_str() {
        "sendrecv" => Some(Flow::SendRecv),
        "sendonly" => Some(Flow::SendOnly),
        "recvonly" => Some(Flow::RecvOnly),
        "inactive" => Some(Flow::Inactive),
        _ => None,
    })
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Origin { username, id, version, host } = &self.origin;
        write!(f, "v=0\r\no={username} {id} {version} IN {host}\r\ns={}\r\n", self.name)?;
        write_body(f, &self.lines, self.connection.as_ref(), &self.attributes)?;
        self.media.iter().try_for_each(|media| media.fmt(f))
    }
}

impl fmt::Display for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m={} {}", self.kind.name(), self.port)?;
        if let Some(ports) = self.ports {
            write!(f, "/{ports}")?;
        }
        write!(f, " {}", self.protocol.name())?;
        self.formats.iter().try_for_each(|format| write!(f, " {format}"))?;
        f.write_str("\r\n")?;
        write_body(f, &self.lines, self.connection.as_ref(), &self.attributes)
    }
}

fn write_body(f: &mut fmt::Formatter<'_>, lines: &[Line], connection: Option<&Connection>, attributes: &[Attribute]) -> fmt::Result {
    let (before, after) = lines.split_at(lines.partition_point(|line| rank(line.kind) < 3));
    before.iter().try_for_each(|line| write!(f, "{}={}\r\n", line.kind, line.value))?;
    if let Some(connection) = connection {
        write!(f, "c=IN {}", connection.host)?;
        if let Some(scope) = &connection.scope {
            write!(f, "/{scope}")?;
        }
        f.write_str("\r\n")?;
    }
    after.iter().try_for_each(|line| write!(f, "{}={}\r\n", line.kind, line.value))?;
    attributes.iter().try_for_each(|attribute| match &attribute.value {
        Some(value) => write!(f, "a={}:{value}\r\n", attribute.name),
        None => write!(f, "a={}\r\n", attribute.name),
    })
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => write!(f, "{} {ip}", self.family()),
            Self::Name { name, .. } => write!(f, "{} {name}", self.family()),
        }
    }
}
