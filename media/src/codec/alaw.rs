//! G.711 A-law (ITU-T G.711 table 1, RFC 3551 4.5.14).

use super::{
    CodecKind, Description,
    g711::{G711, Law},
};
use crate::frame::SampleRate;

pub(super) const DESCRIPTION: Description = Description {
    kind: CodecKind::Pcma,
    name: "PCMA",
    static_payload_type: Some(8),
    clock_rate: 8_000,
    channels: 1,
    rate: SampleRate::Narrow,
    open: || G711::open(&LAW),
};

static LAW: Law = Law { expand: table(), compress };

fn compress(sample: i16) -> u8 {
    let (sign, magnitude) = if sample < 0 { (0, !sample) } else { (0x80, sample) };
    let code = if magnitude < 256 {
        magnitude as u8 >> 4
    } else {
        let exponent = magnitude.ilog2() - 7;
        (exponent as u8) << 4 | (magnitude >> (exponent + 3)) as u8 & 0x0f
    };
    (sign | code) ^ ALTERNATE
}

const fn table() -> [i16; 256] {
    let mut expand = [0; 256];
    let mut code = 0;
    while code < 256 {
        let bits = code as u8 ^ ALTERNATE;
        let step = ((bits & 0x0f) as i16) << 4;
        let exponent = bits >> 4 & 7;
        let value = if exponent == 0 { step + 8 } else { (step + 0x108) << (exponent - 1) };
        expand[code] = if bits & 0x80 != 0 { value } else { -value };
        code += 1;
    }
    expand
}

/// Every other bit is inverted on the wire, so that silence has edges.
const ALTERNATE: u8 = 0x55;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_and_the_middle_of_the_scale_stand_where_g711_has_them() {
        assert_eq!((LAW.expand[0xd5], LAW.expand[0x55], LAW.expand[0xaa]), (8, -8, 32_256));
        assert_eq!((compress(0), compress(32_767), compress(-32_768)), (0xd5, 0xaa, 0x2a));
    }

    #[test]
    fn every_code_survives_a_round_trip() {
        for code in 0..=255_u8 {
            assert_eq!(compress(LAW.expand[usize::from(code)]), code);
        }
    }
}
