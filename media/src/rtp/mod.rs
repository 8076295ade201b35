//! RTP (RFC 3550 5).

/// The fixed header of a packet (RFC 3550 5.1), without CSRCs, padding and extensions, which we read over and never send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// First packet after silence, or first of a digit.
    pub marker: bool,
    /// 0 to 127.
    pub payload_type: u8,
    /// Wraps.
    pub sequence: u16,
    /// In units of the payload type's clock; wraps.
    pub timestamp: u32,
    /// The synchronisation source.
    pub ssrc: u32,
}
