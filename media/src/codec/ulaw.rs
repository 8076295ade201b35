//! G.711 mu-law (ITU-T G.711 table 2, RFC 3551 4.5.14).

use super::{
    CodecKind, Description,
    g711::{G711, Law},
};
use crate::frame::SampleRate;

pub(super) const DESCRIPTION: Description = Description {
    kind: CodecKind::Pcmu,
    name: "PCMU",
    static_payload_type: Some(0),
    clock_rate: 8_000,
    channels: 1,
    rate: SampleRate::Narrow,
    open: || G711::open(&LAW),
};

static LAW: Law = Law { expand: table(), compress };

fn compress(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = sample.unsigned_abs().min(CLIP) + BIAS;
    let exponent = magnitude.ilog2() - 7;
    let mantissa = (magnitude >> (exponent + 3)) as u8 & 0x0f;
    !(sign | (exponent as u8) << 4 | mantissa)
}

const fn table() -> [i16; 256] {
    let mut expand = [0; 256];
    let mut code = 0;
    while code < 256 {
        let bits = !(code as u8);
        let magnitude = ((((bits & 0x0f) as i16) << 3) + BIAS as i16) << (bits >> 4 & 7);
        let value = magnitude - BIAS as i16;
        expand[code] = if bits & 0x80 != 0 { -value } else { value };
        code += 1;
    }
    expand
}

/// Moves the borders of the segments to powers of two.
const BIAS: u16 = 0x84;

/// The highest magnitude that stays in the last segment after the bias.
const CLIP: u16 = 32_635;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_and_the_middle_of_the_scale_stand_where_g711_has_them() {
        assert_eq!((LAW.expand[0x80], LAW.expand[0x00], LAW.expand[0xff]), (32_124, -32_124, 0));
        assert_eq!((compress(0), compress(32_767), compress(-32_768)), (0xff, 0x80, 0x00));
    }

    #[test]
    fn every_code_but_minus_zero_survives_a_round_trip() {
        for code in (0..=255_u8).filter(|&code| code != 0x7f) {
            assert_eq!(compress(LAW.expand[usize::from(code)]), code);
        }
    }
}
