//! WebRTC peers (RFC 8825) over one shared UDP socket, on the sans-I/O `rtc` stack.
//!
//! A [`Peer`] is one browser's audio: it answers the page's offer or makes one, then turns datagrams into RTP and back. A [`Demux`] says whose a
//! datagram is. Neither owns a socket or a clock.
//!
//! # Chance
//!
//! `rtc` draws from the operating system and takes no generator of ours, so a peer is not reproducible byte by byte. Random are: STUN
//! transaction ids, ICE ufrag and password, candidate ids, the DTLS key pair with its certificate, hello randoms and ephemeral keys, the
//! sender SSRC of receiver reports, SDP session id. Reports also stamp wall time. Given by the caller and so reproducible: the SSRC, sequence
//! numbers and timestamps of our RTP, and every instant at which something happens.

mod demux;
mod offering;
mod peer;
mod reports;
mod stack;
mod stun;
#[cfg(test)]
mod tests;
mod trim;

pub use demux::Demux;
pub use peer::{FarSide, Faults, Peer, PeerEvent};

/// Verified remote addresses kept per peer; a browser has one socket per network interface. Further ones are not heard.
pub const ADDRESSES_MAX: usize = 16;
