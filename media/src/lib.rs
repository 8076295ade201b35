//! Media for telephony, sans I/O: RTP, RTCP, codecs, SDP, DTMF, recording and WebRTC peers.
//!
//! Knows no calls, reads no clock and holds no socket: time, chance and bytes are arguments.
#![warn(missing_docs)]

pub mod clip;
pub mod codec;
pub mod conceal;
pub mod dtmf;
pub mod frame;
pub mod jitter;
pub mod likeness;
pub mod mixer;
pub mod progress;
pub mod quality;
pub mod recorder;
pub mod resample;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
pub mod seq;
pub mod session;
pub mod source;
pub mod srtp;
pub mod stream;
pub mod time;
pub mod tone;
pub mod transmit;
pub mod webrtc;

/// What this crate cannot do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A sound file that is none.
    #[error("not a WAV file that we can read or write: {0}")]
    Wav(#[from] hound::Error),
    /// A file that cannot be read or written.
    #[error("the file cannot be read or written: {0}")]
    File(#[from] std::io::Error),
    /// A sound file with a rate that no sound has.
    #[error("a sample rate of {0} Hz is not supported")]
    SampleRate(u32),
}
