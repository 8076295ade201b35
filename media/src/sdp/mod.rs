//! SDP (RFC 8866) and offer/answer (RFC 3264).
//!
//! Text becomes a [`Description`] once, at the border (`parse`), and text again when it leaves (`Display`). What the two halves agree
//! on is worked out by the pure functions of [`negotiate`]; the outcome for one RTP port is a [`MediaPlan`].

mod crypto;
mod description;
pub mod negotiate;
mod parse;
#[cfg(test)]
mod secured_tests;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

pub use crypto::{Crypto, LegKeys, MKI_MAX, Secrets, Srtp};
pub use description::{Attribute, Connection, Description, Host, Line, Media, MediaKind, Origin, Protocol, RtpMap};

use crate::codec::CodecKind;

/// Bytes of SDP read at most; a longer text is refused.
pub const SDP_BYTES_MAX: usize = 64 * 1024;
/// Media lines in one description at most; one more and the whole is refused.
pub const MEDIA_LINES_MAX: usize = 32;
/// Formats in one media line at most; one more and the whole is refused.
pub const FORMATS_MAX: usize = 128;

/// Why a description is not taken: the status for the peer and a few words of ours for its Warning header and our log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{status} {why}")]
pub struct Refused {
    /// 400: not SDP. 488: SDP, with nothing in it that we can do (RFC 3261 21.4.26).
    pub status: u16,
    /// What exactly; never the peer's own text.
    pub why: &'static str,
}

impl Refused {
    /// The text breaks the grammar or a limit.
    pub(crate) const fn malformed(why: &'static str) -> Self {
        Self { status: 400, why }
    }

    /// Well said, but not for us.
    pub(crate) const fn unacceptable(why: &'static str) -> Self {
        Self { status: 488, why }
    }
}

/// The proposing half of RFC 3264, parsed, with its ICE and DTLS parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer(Description);

impl Offer {
    /// Reads the body of an INVITE, UPDATE or `media.offer`.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        Description::parse(text).map(Self)
    }

    /// What it says.
    pub fn description(&self) -> &Description {
        &self.0
    }

    /// The same, from this address.
    #[must_use]
    pub fn said_from(mut self, ip: IpAddr) -> Self {
        let host = Host::from(ip);
        self.0.origin.host = host.clone();
        self.0.connection = Some(Connection { host, scope: None });
        self
    }

    /// Its first live audio line speaks DTLS-SRTP, as browsers do: a job for a WebRTC peer, not for a plain RTP port.
    pub fn is_webrtc(&self) -> bool {
        self.0.is_webrtc()
    }

    /// Which way its first live audio line goes, seen from who offers.
    pub fn flow(&self) -> Flow {
        self.0.live_audio().map_or(Flow::Inactive, |audio| self.0.flow_of(audio))
    }
}

impl From<Description> for Offer {
    fn from(description: Description) -> Self {
        Self(description)
    }
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The agreeing half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer(Description);

impl Answer {
    /// Reads the body of a 200, 183 or `media.answer`.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        Description::parse(text).map(Self)
    }

    /// It answers an offer of DTLS-SRTP.
    pub fn is_webrtc(&self) -> bool {
        self.0.is_webrtc()
    }

    /// What it says.
    pub fn description(&self) -> &Description {
        &self.0
    }
}

impl From<Description> for Answer {
    fn from(description: Description) -> Self {
        Self(description)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What was agreed for one RTP port; made from offer, answer and a leased address. Never a string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaPlan {
    /// One of the leased addresses; RTCP is on the next port unless muxed (RFC 3550 11, RFC 5761).
    pub local: SocketAddr,
    /// Where the peer says it listens; the learnt source wins where the trunk allows.
    pub remote: SocketAddr,
    /// Where the signalling came from, set only where the endpoint is marked as behind NAT: an allowed source beside `remote`'s.
    pub signalled_from: Option<IpAddr>,
    /// RTCP shares the RTP port (RFC 5761).
    pub rtcp_mux: bool,
    /// The codec of both directions.
    pub codec: CodecKind,
    /// Payload type in packets that we send.
    pub payload_type: u8,
    /// Payload type of the codec in packets that we receive; differs from ours where the peers chose so.
    pub receive_payload_type: u8,
    /// Telephone-event (RFC 4733), if agreed.
    pub digits: Option<DigitPlan>,
    /// Tones in the peer's sound are keys too (ITU-T Q.23).
    pub tones: bool,
    /// Milliseconds of audio in a packet we send.
    pub ptime_ms: u8,
    /// Which way media flows.
    pub flow: Flow,
    /// The keys of SRTP; without them RTP is in the clear.
    pub secrets: Option<Box<Secrets>>,
}

/// Telephone-event payload types (RFC 4733) and their RTP clock, 8000 or 48000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DigitPlan {
    /// In packets that we send.
    pub send: u8,
    /// In packets that we receive.
    pub receive: u8,
    /// RTP clock in Hz; equal to the codec's clock.
    pub clock_rate: u32,
}

/// By which ways the keys of a peer come in its stream, as its trunk prescribes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Digits {
    /// As telephone-event; as tones where it agrees on none.
    #[default]
    Agreed,
    /// As telephone-event alone: no tone is listened for.
    Events,
    /// As tones alone: telephone-event is not spoken of.
    Tones,
    /// As telephone-event or as tones, whatever it agreed on.
    Either,
}

impl Digits {
    /// Telephone-event is offered and taken.
    const fn speaks_events(self) -> bool {
        !matches!(self, Self::Tones)
    }

    /// Tones are keys too, given what was agreed.
    const fn hears_tones(self, agreed: Option<DigitPlan>) -> bool {
        match self {
            Self::Agreed => agreed.is_none(),
            Self::Events => false,
            Self::Tones | Self::Either => true,
        }
    }
}

/// Which way media flows, seen from us: `SendOnly` means that we talk and the peer is not heard (RFC 3264 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Both ways.
    SendRecv,
    /// We talk, the peer is not heard.
    SendOnly,
    /// We hear and are silent.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Flow {
    /// From the two halves of the question.
    pub const fn of(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Media leaves on our side.
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Media is heard on our side.
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same stream seen from the other end (RFC 3264 6.1): what a peer sends, we receive.
    pub const fn mirrored(self) -> Self {
        Self::of(self.receives(), self.sends())
    }

    /// What both allow.
    pub const fn within(self, limit: Self) -> Self {
        Self::of(self.sends() && limit.sends(), self.receives() && limit.receives())
    }

    /// The attribute's name (RFC 8866 6.7).
    pub const fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }
}
