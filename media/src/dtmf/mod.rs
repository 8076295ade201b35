//! Keys, as RTP events (RFC 4733) and as tones in the sound (ITU-T Q.23).
//!
//! An event on the wire, for one key at 20 ms a packet (T is the timestamp at which the key went down):
//!
//! | packet    | marker | timestamp | duration | end |
//! |-----------|--------|-----------|----------|-----|
//! | first     | yes    | T         | 20 ms    |     |
//! | updates   |        | T         | growing  |     |
//! | last      |        | T         | full     | yes |
//! | its twins |        | T         | full     | yes |

mod receiver;
mod sender;
#[cfg(test)]
mod tests;
mod tone_sender;
mod tones;

pub use receiver::{DigitEvent, Receiver};
pub use sender::{EventPacket, Sender};
pub use tone_sender::ToneSender;
pub use tones::ToneReceiver;

/// The body of one packet (RFC 4733 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Payload {
    event: u8,
    end: bool,
    /// In RTP units since the key went down.
    duration: u16,
}

impl Payload {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let [event, flags, high, low] = *bytes.first_chunk::<4>()?;
        Some(Self { event, end: flags & 0x80 != 0, duration: u16::from_be_bytes([high, low]) })
    }

    fn bytes(self) -> [u8; 4] {
        let [high, low] = self.duration.to_be_bytes();
        [self.event, u8::from(self.end) << 7 | VOLUME, high, low]
    }
}

/// The key of an event code (RFC 4733 3.2); flash and other events are no keys.
fn digit_of(event: u8) -> Option<char> {
    KEYS.get(usize::from(event)).map(|&key| char::from(key))
}

fn event_of(digit: char) -> Option<u8> {
    let digit = digit.to_ascii_uppercase();
    KEYS.iter().position(|&key| char::from(key) == digit).map(|event| event as u8)
}

const KEYS: &[u8; 16] = b"0123456789*#ABCD";

/// -10 dBm0.
const VOLUME: u8 = 10;
