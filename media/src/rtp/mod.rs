//! RTP (RFC 3550 5): the header, read from untrusted bytes and written for the wire.
//!
//! Lacks what a voice gateway does not send: CSRCs, extensions and padding are checked and read over.

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

/// Why bytes are not an RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dropped {
    /// Less than a fixed header.
    TooShort,
    /// Not version 2.
    Version,
    /// CSRCs reach past the end.
    Sources,
    /// The extension reaches past the end.
    Extension,
    /// The padding is zero long or longer than what it pads.
    Padding,
}

impl Header {
    /// Reads a packet; the payload is what lies between extension and padding.
    pub fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), Dropped> {
        let (fixed, mut rest) = bytes.split_first_chunk::<HEADER_LEN>().ok_or(Dropped::TooShort)?;
        let [flags, kind, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *fixed;
        if flags >> 6 != 2 {
            return Err(Dropped::Version);
        }
        rest = rest.get(usize::from(flags & 0x0f) * 4..).ok_or(Dropped::Sources)?;
        if flags & 0x10 != 0 {
            let ([_, _, high, low], body) = rest.split_first_chunk::<4>().ok_or(Dropped::Extension)?;
            rest = body.get(usize::from(u16::from_be_bytes([*high, *low])) * 4..).ok_or(Dropped::Extension)?;
        }
        if flags & 0x20 != 0 {
            let padding = usize::from(*rest.last().ok_or(Dropped::Padding)?);
            if padding == 0 || padding > rest.len() {
                return Err(Dropped::Padding);
            }
            rest = &rest[..rest.len() - padding];
        }
        let header = Self {
            marker: kind & 0x80 != 0,
            payload_type: kind & 0x7f,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
        };
        Ok((header, rest))
    }

    /// Appends the packet to `out`.
    pub fn write(&self, payload: &[u8], out: &mut Vec<u8>) {
        out.reserve(HEADER_LEN + payload.len());
        out.extend_from_slice(&[0x80, u8::from(self.marker) << 7 | self.payload_type & 0x7f]);
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        out.extend_from_slice(payload);
    }
}

/// Whether a datagram on a muxed port is RTCP (RFC 5761 4).
pub fn is_rtcp(bytes: &[u8]) -> bool {
    bytes.get(1).is_some_and(|kind| (192..=223).contains(kind))
}

const HEADER_LEN: usize = 12;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sources_extension_and_padding_are_read_over() {
        let mut bytes = vec![0xb2, 0x80, 0, 7, 0, 0, 0, 160, 0, 0, 0, 9];
        bytes.extend([0; 8]);
        bytes.extend([0xbe, 0xde, 0, 1, 1, 2, 3, 4]);
        bytes.extend(b"voice");
        bytes.extend([0, 0, 3]);
        let (header, payload) = Header::parse(&bytes).unwrap();
        assert_eq!(payload, b"voice");
        assert_eq!(header, Header { marker: true, payload_type: 0, sequence: 7, timestamp: 160, ssrc: 9 });
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        let fixed = |flags| vec![flags, 0, 0, 7, 0, 0, 0, 160, 0, 0, 0, 9];
        assert_eq!(Header::parse(&fixed(0x80)[..11]), Err(Dropped::TooShort));
        assert_eq!(Header::parse(&fixed(0x40)), Err(Dropped::Version));
        assert_eq!(Header::parse(&fixed(0x81)), Err(Dropped::Sources));
        assert_eq!(Header::parse(&fixed(0x90)), Err(Dropped::Extension));
        assert_eq!(Header::parse(&[fixed(0x90), vec![0, 0, 0xff, 0xff]].concat()), Err(Dropped::Extension));
        assert_eq!(Header::parse(&fixed(0xa0)), Err(Dropped::Padding));
        assert_eq!(Header::parse(&[fixed(0xa0), vec![0]].concat()), Err(Dropped::Padding));
        assert_eq!(Header::parse(&[fixed(0xa0), vec![2]].concat()), Err(Dropped::Padding));
    }

    proptest! {
        #[test]
        fn no_bytes_cause_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Header::parse(&bytes);
            let mut versioned = bytes;
            if let Some(first) = versioned.first_mut() {
                *first = *first & 0x3f | 0x80;
            }
            let _ = Header::parse(&versioned);
        }

        #[test]
        fn what_is_written_is_read_back(
            marker: bool, payload_type in 0_u8..128, sequence: u16, timestamp: u32, ssrc: u32,
            payload in proptest::collection::vec(any::<u8>(), 0..100),
        ) {
            let header = Header { marker, payload_type, sequence, timestamp, ssrc };
            let mut bytes = Vec::new();
            header.write(&payload, &mut bytes);
            prop_assert_eq!(Header::parse(&bytes), Ok((header, payload.as_slice())));
        }
    }
}
