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
pub mod mixer;
pub mod quality;
pub mod recorder;
pub mod resample;
pub mod rtcp;
pub mod rtp;
pub mod sdp;

    #[error("a sample rate of {0} Hz is not supported")]
    #[error("not a WAV file that we can read or write: {0}")]
    #[error("the file cannot be read or written: {0}")]
    /// A file that cannot be read or written.
    /// A sound file that is none.
    /// A sound file with a rate that no sound has.
    File(#[from] std::io::Error),
    SampleRate(u32),
    Wav(#[from] hound::Error),
#[derive(Debug, thiserror::Error)]
/// What this crate cannot do.
pub enum Error {
pub mod seq;
pub mod session;
pub mod source;
pub mod stream;
pub mod time;
pub mod tone;
pub mod transmit;
pub mod webrtc;
}
