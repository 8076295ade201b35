//! The two directions of a port's audio, alike for clear RTP and for WebRTC: packets in and frames out, frames in and packets out.

mod inbound;
mod outbound;
#[cfg(test)]
pub(crate) mod tests;

pub use inbound::{Heard, Inbound, Unheard};
pub use outbound::{Outbound, Sink};

use crate::{
    codec::CodecKind,
    sdp::{DigitPlan, MediaPlan},
};

/// How packets of one direction are to be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// The codec.
    pub codec: CodecKind,
    /// Its payload type.
    pub payload_type: u8,
    /// The payload type of telephone-event and its clock in Hz, if agreed.
    pub digits: Option<(u8, u32)>,
}

impl Format {
    /// Of packets that we receive.
    pub fn received(plan: &MediaPlan) -> Self {
        let digits = plan.digits.map(|DigitPlan { receive, clock_rate, .. }| (receive, clock_rate));
        Self { codec: plan.codec, payload_type: plan.receive_payload_type, digits }
    }

    /// Of packets that we send.
    pub fn sent(plan: &MediaPlan) -> Self {
        let digits = plan.digits.map(|DigitPlan { send, clock_rate, .. }| (send, clock_rate));
        Self { codec: plan.codec, payload_type: plan.payload_type, digits }
    }
}
