//! What we send, sealed.

use super::{MasterKey, cipher::Cipher, header_len, index_of, word};

/// Seals packets of one stream of ours under one master key.
#[derive(Debug)]
pub struct Sender {
    key: MasterKey,
    rtp: Cipher,
    rtcp: Cipher,
    /// The stream, and its highest index so far.
    sent: Option<(u32, u64)>,
    /// The index of the next report, 31 bits.
    report: u32,
}

impl Sender {
    /// Before its first packet.
    pub fn new(key: MasterKey) -> Self {
        Self { rtp: Cipher::rtp(&key), rtcp: Cipher::rtcp(&key), key, sent: None, report: 0 }
    }

    /// Under another key from now on. "After a re-keying occurs, the rollover counter always maintains its sequence of values, i.e., it MUST
    /// NOT be reset to zero" (RFC 3711 3.3.1); under the same key nothing changes.
    pub fn rekey(&mut self, key: &MasterKey) {
        if *key != self.key {
            *self = Self { sent: self.sent, ..Self::new(key.clone()) };
        }
    }

    /// Seals an RTP packet in place; `false` if it must not be sent: no RTP, or past the last of 2^48 packets that a key may seal.
    pub fn seal(&mut self, packet: &mut Vec<u8>) -> bool {
        let Some(clear) = header_len(packet) else { return false };
        let ssrc = word(packet, 8);
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let highest = self.sent.filter(|(stream, _)| *stream == ssrc).map(|(_, highest)| highest);
        let Some(index) = index_of(highest, sequence) else { return false };
        self.sent = Some((ssrc, highest.map_or(index, |highest| highest.max(index))));
        self.rtp.seal(packet, clear, ssrc, index);
        true
    }

    /// Seals an RTCP compound in place; `false` if it must not be sent: no RTCP, or past the last of 2^31 that a key may seal.
    pub fn seal_report(&mut self, packet: &mut Vec<u8>) -> bool {
        if packet.len() < super::cipher::REPORT_CLEAR || self.report >= super::cipher::ENCRYPTED {
            return false;
        }
        let ssrc = word(packet, 4);
        self.rtcp.seal_report(packet, ssrc, self.report);
        self.report += 1;
        true
    }

    /// Of the stream that is being sent (RFC 3711 3.3.1).
    pub fn rollovers(&self) -> u32 {
        self.sent.map_or(0, |(_, index)| (index >> 16) as u32)
    }
}
