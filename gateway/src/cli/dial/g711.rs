//! G.711, computed rather than looked up, so that the phone does not share tables with the gateway it tests.

/// The two laws, with their static payload types (RFC 3551 table 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Law {
    /// mu-law, payload type 0.
    Pcmu,
    /// A-law, payload type 8.
    Pcma,
}

impl Law {
    /// The law of a static payload type.
    pub(super) fn of_payload_type(payload_type: u8) -> Option<Self> {
        match payload_type {
            0 => Some(Self::Pcmu),
            8 => Some(Self::Pcma),
            _ => None,
        }
    }

    pub(super) fn payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
        }
    }

    /// The encoding name of RFC 3551.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
        }
    }

    /// 8 kHz mono samples to octets, one each.
    pub(super) fn encode(self, samples: &[i16]) -> Vec<u8> {
        let encode = match self {
            Self::Pcmu => ulaw_of,
            Self::Pcma => alaw_of,
        };
        samples.iter().map(|&sample| encode(sample)).collect()
    }

    /// Octets to 8 kHz mono samples, one each.
    pub(super) fn decode(self, octets: &[u8]) -> Vec<i16> {
        let decode = match self {
            Self::Pcmu => of_ulaw,
            Self::Pcma => of_alaw,
        };
        octets.iter().map(|&octet| decode(octet)).collect()
    }
}

fn ulaw_of(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = (i32::from(sample).abs() + ULAW_BIAS).min(0x7fff);
    let segment = (24 - magnitude.leading_zeros()).cast_signed().max(0);
    let mantissa = (magnitude >> (segment + 3)) & 0x0f;
    !(sign | narrow(segment << 4 | mantissa))
}

fn of_ulaw(octet: u8) -> i16 {
    let octet = i32::from(!octet);
    let magnitude = ((((octet & 0x0f) << 3) + ULAW_BIAS) << ((octet >> 4) & 7)) - ULAW_BIAS;
    clip(if octet & 0x80 == 0 { magnitude } else { -magnitude })
}

fn alaw_of(sample: i16) -> u8 {
    let sign = if sample < 0 { 0 } else { 0x80 };
    // One's complement for negatives keeps the two halves symmetric (G.711 table 1).
    let magnitude = i32::from(if sample < 0 { !sample } else { sample }) >> 4;
    let segment = (28 - magnitude.leading_zeros().cast_signed()).max(0);
    let mantissa = if segment < 2 { magnitude & 0x0f } else { (magnitude >> (segment - 1)) & 0x0f };
    (sign | narrow(segment << 4 | mantissa)) ^ ALAW_TOGGLE
}

fn of_alaw(octet: u8) -> i16 {
    let octet = i32::from(octet ^ ALAW_TOGGLE);
    let segment = (octet >> 4) & 7;
    let magnitude = match segment {
        0 => ((octet & 0x0f) << 4) + 8,
        _ => (((octet & 0x0f) << 4) + 0x108) << (segment - 1),
    };
    clip(if octet & 0x80 == 0 { -magnitude } else { magnitude })
}

fn narrow(value: i32) -> u8 {
    u8::try_from(value & 0x7f).unwrap_or(0x7f)
}

fn clip(value: i32) -> i16 {
    i16::try_from(value).unwrap_or(if value < 0 { i16::MIN } else { i16::MAX })
}

/// Added before the logarithm, so that every segment starts with a one bit.
const ULAW_BIAS: i32 = 132;

/// Even bits are inverted on the wire (G.711 2.2).
const ALAW_TOGGLE: u8 = 0x55;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_octets_stand_for_known_samples() {
        assert_eq!(Law::Pcmu.encode(&[0, -1, 32_767, -32_768]), [0xff, 0x7f, 0x80, 0x00]);
        assert_eq!(Law::Pcma.encode(&[0, -1, 32_767, -32_768]), [0xd5, 0x55, 0xaa, 0x2a]);
        assert_eq!(Law::Pcmu.decode(&[0xff, 0x80, 0x00]), [0, 32_124, -32_124]);
        assert_eq!(Law::Pcma.decode(&[0xd5, 0x55, 0xaa, 0x2a]), [8, -8, 32_256, -32_256]);
    }

    #[test]
    fn every_octet_survives_the_way_to_samples_and_back() {
        for law in [Law::Pcmu, Law::Pcma] {
            for octet in 0..=u8::MAX {
                let again = law.encode(&law.decode(&[octet]))[0];
                // mu-law has two zeros; the negative one comes back positive.
                assert!(again == octet || (law == Law::Pcmu && octet == 0x7f && again == 0xff), "{law:?} {octet:#04x} {again:#04x}");
            }
        }
    }

    #[test]
    fn no_sample_moves_by_more_than_its_segment_allows() {
        for law in [Law::Pcmu, Law::Pcma] {
            for sample in i16::MIN..=i16::MAX {
                let heard = i32::from(law.decode(&law.encode(&[sample]))[0]);
                let error = (heard - i32::from(sample)).abs();
                assert!(error <= 16 + i32::from(sample).abs() / 16, "{law:?} {sample} {heard}");
            }
        }
    }
}
