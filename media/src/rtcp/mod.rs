//! RTCP (RFC 3550 6): reports, names and goodbyes, read from untrusted bytes and written for the wire.
//!
//! Unknown packet types are read over. A muxed peer may send reduced-size packets (RFC 5506), so none is required to come first.

mod reception;

pub use reception::{Reception, RoundTrip};

use crate::time::NtpTime;

/// One packet of a compound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// SR (RFC 3550 6.4.1).
    SenderReport {
        /// Who sends.
        ssrc: u32,
        /// What it has sent.
        sent: Sent,
        /// What it has received.
        blocks: Vec<ReportBlock>,
    },
    /// RR (RFC 3550 6.4.2).
    ReceiverReport {
        /// Who reports.
        ssrc: u32,
        /// What it has received.
        blocks: Vec<ReportBlock>,
    },
    /// SDES (RFC 3550 6.5); of its items only CNAME.
    SourceDescription {
        /// Whose name.
        ssrc: u32,
        /// At most 255 bytes.
        cname: Vec<u8>,
    },
    /// BYE (RFC 3550 6.6), without its reason.
    Bye {
        /// Who leaves.
        ssrc: u32,
    },
}

/// The sender's part of an SR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// When the report was made.
    pub ntp: NtpTime,
    /// The same moment on the RTP clock.
    pub timestamp: u32,
    /// Packets so far.
    pub packets: u32,
    /// Payload octets so far.
    pub octets: u32,
}

/// How one source is received (RFC 3550 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source.
    pub ssrc: u32,
    /// Of the packets since the last report, in 256ths.
    pub fraction_lost: u8,
    /// In all; negative when duplicates outnumber losses. 24 bits on the wire.
    pub lost: i32,
    /// With its count of wraps in the upper 16 bits.
    pub highest_sequence: u32,
    /// In RTP units.
    pub jitter: u32,
    /// Middle of the NTP time of the last SR from the source; 0 if there was none.
    pub last_report: u32,
    /// Since that SR came, in 1/65536 s.
    pub delay: u32,
}

/// Why bytes are not RTCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dropped {
    /// Less than a packet's header.
    TooShort,
    /// Not version 2.
    Version,
    /// A length, count or padding reaches past the end.
    Length,
    /// More than `PACKETS_MAX` packets.
    TooMany,
}

impl Packet {
    /// Reads a compound.
    pub fn parse_compound(mut bytes: &[u8]) -> Result<Vec<Self>, Dropped> {
        let mut packets = Vec::new();
        for _ in 0..PACKETS_MAX {
            let ([flags, kind, high, low], rest) = bytes.split_first_chunk::<4>().ok_or(Dropped::TooShort)?;
            if flags >> 6 != 2 {
                return Err(Dropped::Version);
            }
            let len = usize::from(u16::from_be_bytes([*high, *low])) * 4;
            let (body, next) = rest.split_at_checked(len).ok_or(Dropped::Length)?;
            let body = if flags & 0x20 != 0 { without_padding(body)? } else { body };
            packets.extend(Self::parse(*kind, usize::from(flags & 0x1f), body)?);
            if next.is_empty() {
                return Ok(packets);
            }
            bytes = next;
        }
        Err(Dropped::TooMany)
    }

    /// Appends this packet to a compound.
    pub fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0x80, self.kind(), 0, 0]);
        let count = match self {
            Self::SenderReport { ssrc, sent, blocks } => {
                put(out, [*ssrc, (sent.ntp.0 >> 32) as u32, sent.ntp.0 as u32, sent.timestamp, sent.packets, sent.octets]);
                put_blocks(out, blocks)
            }
            Self::ReceiverReport { ssrc, blocks } => {
                put(out, [*ssrc]);
                put_blocks(out, blocks)
            }
            Self::SourceDescription { ssrc, cname } => {
                put(out, [*ssrc]);
                let len = cname.len().min(255);
                out.extend_from_slice(&[ITEM_CNAME, len as u8]);
                out.extend_from_slice(&cname[..len]);
                // RFC 3550 6.5: a chunk ends with at least one null and at a 32-bit border.
                let nulls = 4 - (out.len() - start) % 4;
                out.resize(out.len() + nulls, 0);
                1
            }
            Self::Bye { ssrc } => {
                put(out, [*ssrc]);
                1
            }
        };
        out[start] |= count;
        let words = ((out.len() - start) / 4 - 1) as u16;
        out[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
    }

    fn parse(kind: u8, count: usize, body: &[u8]) -> Result<Option<Self>, Dropped> {
        Ok(match kind {
            KIND_SR => {
                let ([ssrc, seconds, fraction, timestamp, packets, octets], rest) = take::<6>(body)?;
                let ntp = NtpTime(u64::from(seconds) << 32 | u64::from(fraction));
                let sent = Sent { ntp, timestamp, packets, octets };
                Some(Self::SenderReport { ssrc, sent, blocks: parse_blocks(count, rest)? })
            }
            KIND_RR => {
                let ([ssrc], rest) = take::<1>(body)?;
                Some(Self::ReceiverReport { ssrc, blocks: parse_blocks(count, rest)? })
            }
            KIND_SDES if count > 0 => {
                let ([ssrc], rest) = take::<1>(body)?;
                Some(Self::SourceDescription { ssrc, cname: parse_cname(rest)? })
            }
            KIND_BYE if count > 0 => {
                let ([ssrc], _) = take::<1>(body)?;
                Some(Self::Bye { ssrc })
            }
            _ => None,
        })
    }

    fn kind(&self) -> u8 {
        match self {
            Self::SenderReport { .. } => KIND_SR,
            Self::ReceiverReport { .. } => KIND_RR,
            Self::SourceDescription { .. } => KIND_SDES,
            Self::Bye { .. } => KIND_BYE,
        }
    }
}

fn without_padding(body: &[u8]) -> Result<&[u8], Dropped> {
    let padding = usize::from(*body.last().ok_or(Dropped::Length)?);
    if padding == 0 || padding > body.len() {
        return Err(Dropped::Length);
    }
    Ok(&body[..body.len() - padding])
}

fn take<const WORDS: usize>(mut bytes: &[u8]) -> Result<([u32; WORDS], &[u8]), Dropped> {
    let mut words = [0; WORDS];
    for word in &mut words {
        let (first, rest) = bytes.split_first_chunk::<4>().ok_or(Dropped::Length)?;
        *word = u32::from_be_bytes(*first);
        bytes = rest;
    }
    Ok((words, bytes))
}

fn parse_blocks(count: usize, mut bytes: &[u8]) -> Result<Vec<ReportBlock>, Dropped> {
    let mut blocks = Vec::with_capacity(count);
    for _ in 0..count {
        let ([ssrc, loss, highest_sequence, jitter, last_report, delay], rest) = take::<6>(bytes)?;
        // The upper octet is the fraction; the other 24 bits are a signed count.
        let lost = (loss << 8).cast_signed() >> 8;
        blocks.push(ReportBlock { ssrc, fraction_lost: (loss >> 24) as u8, lost, highest_sequence, jitter, last_report, delay });
        bytes = rest;
    }
    Ok(blocks)
}

/// The CNAME of the first chunk; empty if it has none.
fn parse_cname(mut items: &[u8]) -> Result<Vec<u8>, Dropped> {
    while let Some((&kind, rest)) = items.split_first() {
        if kind == 0 {
            break;
        }
        let (&len, rest) = rest.split_first().ok_or(Dropped::Length)?;
        let (text, rest) = rest.split_at_checked(usize::from(len)).ok_or(Dropped::Length)?;
        if kind == ITEM_CNAME {
            return Ok(text.to_vec());
        }
        items = rest;
    }
    Ok(Vec::new())
}

fn put<const WORDS: usize>(out: &mut Vec<u8>, words: [u32; WORDS]) {
    for word in words {
        out.extend_from_slice(&word.to_be_bytes());
    }
}

fn put_blocks(out: &mut Vec<u8>, blocks: &[ReportBlock]) -> u8 {
    let count = blocks.len().min(31);
    for block in &blocks[..count] {
        let lost = block.lost.clamp(-0x80_0000, 0x7f_ffff).cast_unsigned() & 0xff_ffff;
        let loss = u32::from(block.fraction_lost) << 24 | lost;
        put(out, [block.ssrc, loss, block.highest_sequence, block.jitter, block.last_report, block.delay]);
    }
    count as u8
}

const KIND_SR: u8 = 200;
const KIND_RR: u8 = 201;
const KIND_SDES: u8 = 202;
const KIND_BYE: u8 = 203;
const ITEM_CNAME: u8 = 1;

/// A peer of ours sends two or three; whoever sends more wants our memory.
const PACKETS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn block(lost: i32) -> ReportBlock {
        ReportBlock { ssrc: 5, fraction_lost: 64, lost, highest_sequence: 70_000, jitter: 12, last_report: 0xabcd, delay: 65_536 }
    }

    #[test]
    fn a_compound_is_read_back_as_it_was_written() {
        let sent = Sent { ntp: NtpTime(0x0123_4567_89ab_cdef), timestamp: 1, packets: 2, octets: 3 };
        let packets = vec![
            Packet::SenderReport { ssrc: 9, sent, blocks: vec![block(-3), block(8)] },
            Packet::ReceiverReport { ssrc: 9, blocks: vec![] },
            Packet::SourceDescription { ssrc: 9, cname: b"tandem@host".to_vec() },
            Packet::Bye { ssrc: 9 },
        ];
        let mut bytes = Vec::new();
        packets.iter().for_each(|packet| packet.write(&mut bytes));
        assert_eq!(bytes.len() % 4, 0);
        assert_eq!(Packet::parse_compound(&bytes), Ok(packets));
    }

    #[test]
    fn counts_that_lie_are_refused() {
        let mut bytes = Vec::new();
        Packet::ReceiverReport { ssrc: 9, blocks: vec![block(0)] }.write(&mut bytes);
        bytes[0] |= 0x1f;
        assert_eq!(Packet::parse_compound(&bytes), Err(Dropped::Length));
        assert_eq!(Packet::parse_compound(&[0x80, 201, 0xff, 0xff]), Err(Dropped::Length));
        assert_eq!(Packet::parse_compound(&[0xa0, 201, 0, 0]), Err(Dropped::Length));
        assert_eq!(Packet::parse_compound(&[0x80, 210, 0, 0].repeat(17)), Err(Dropped::TooMany));
    }

    proptest! {
        #[test]
        fn no_bytes_cause_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), kind in 199_u8..205, words in 0_u8..20) {
            let _ = Packet::parse_compound(&bytes);
            let mut likely = bytes;
            if let [flags, packet_type, high, low, ..] = likely.as_mut_slice() {
                (*flags, *packet_type, *high, *low) = (*flags & 0x3f | 0x80, kind, 0, words);
            }
            let _ = Packet::parse_compound(&likely);
        }
    }
}
