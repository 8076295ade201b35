//! SDP (RFC 8866) and offer/answer (RFC 3264).

use std::net::SocketAddr;

use crate::codec::CodecKind;

/// The proposing half of RFC 3264, parsed, with its ICE and DTLS parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer(());

/// The agreeing half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer(());

/// What was agreed for one RTP port; made from offer, answer and a leased address. Never a string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaPlan {
    /// One of the leased addresses; RTCP is on the next port unless muxed (RFC 3550 11, RFC 5761).
    pub local: SocketAddr,
    /// Where the peer says it listens; the learnt source wins where the trunk allows.
    pub remote: SocketAddr,
    /// Where the signalling came from, set only where the endpoint is marked as behind NAT: an allowed source beside `remote`'s.
    pub signalled_from: Option<std::net::IpAddr>,
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
    /// Milliseconds of audio in a packet we send.
    pub ptime_ms: u8,
    /// Which way media flows.
    pub flow: Flow,
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
