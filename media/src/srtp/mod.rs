//! SRTP and SRTCP (RFC 3711) under keys that signalling has brought (SDES, RFC 4568).
//!
//! A [`Sender`] seals what we send, a [`Receiver`] opens what a peer sends: each one direction under one master key, with the roll-over
//! counter of RFC 3711 3.3.1. Packets are worked on in place and nothing is allocated for one. Ciphers come from RustCrypto; the layer above
//! them is ours, and is proved by the RFCs' vectors and against another stack. Deliberately absent: key derivation rates other than 0,
//! several master keys in one stream, the null cipher, F8.

mod cipher;
mod derive;
mod key;
mod profile;
mod receiver;
mod replay;
mod sender;
#[cfg(test)]
mod tests;

pub use key::MasterKey;
pub use profile::Profile;
pub use receiver::{Guards, Receiver};
pub use sender::Sender;

/// Streams of one peer that a receiver follows at once; beyond it the one unheard for longest is forgotten. Only authentic packets count.
pub const SOURCES_MAX: usize = 4;

/// Why a datagram is not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dropped {
    /// Shorter than header, tag and index, or with lengths that lie.
    Malformed,
    /// Seen before, or older than the window (RFC 3711 3.3.2).
    Replayed,
    /// Not made with the key that was agreed.
    Forged,
    /// Under another master key identifier than was agreed.
    Mki,
}

/// Where the payload of an RTP packet begins: behind CSRCs and extension, which are authenticated and not encrypted (RFC 3711 3.1).
fn header_len(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    let fixed = 12 + usize::from(first & 0x0f) * 4;
    let length = if first & 0x10 == 0 {
        fixed
    } else {
        let words = packet.get(fixed + 2..fixed + 4)?;
        fixed + 4 + usize::from(u16::from_be_bytes([words[0], words[1]])) * 4
    };
    (first >> 6 == 2 && length <= packet.len()).then_some(length)
}

/// The word at `at`; 0 past the end, where callers have looked before.
fn word(packet: &[u8], at: usize) -> u32 {
    packet.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_be_bytes)
}

/// The index nearest to the highest seen that ends in `sequence` (RFC 3711 3.3.1); before the first roll-over nothing is older than 0.
fn index_of(highest: Option<u64>, sequence: u16) -> Option<u64> {
    let Some(highest) = highest else { return Some(u64::from(sequence)) };
    let (counter, last) = (highest >> 16, (highest & 0xffff) as u16);
    let counter = if last < 0x8000 {
        if sequence.saturating_sub(last) > 0x8000 { counter.checked_sub(1)? } else { counter }
    } else if last - 0x8000 > sequence {
        counter + 1
    } else {
        counter
    };
    (counter <= u64::from(u32::MAX)).then_some(counter << 16 | u64::from(sequence))
}
