//! Media for telephony, sans I/O: RTP, RTCP, codecs, SDP, DTMF, recording and WebRTC peers.
//!
//! Knows no calls, reads no clock and holds no socket: time, chance and bytes are arguments.
#![warn(missing_docs)]

pub mod clip;
pub mod codec;
pub mod rtp;
pub mod sdp;
pub mod webrtc;
