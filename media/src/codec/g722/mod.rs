//! G.722 at 64 kbit/s, mode 1 (ITU-T G.722, RFC 3551 4.5.2): 7 kHz of sound in two bands of ADPCM, a byte for two samples.
//!
//! Lacks the modes at 56 and 48 kbit/s, which RTP does not carry.

mod band;
mod halves;
mod tables;

use self::{band::Band, halves::Halves};
use super::{Codec, CodecKind, Description, Failed};
use crate::{conceal::Concealer, frame::SampleRate};

pub(super) const DESCRIPTION: Description = Description {
    kind: CodecKind::G722,
    name: "G722",
    static_payload_type: Some(9),
    // It samples at 16 kHz; RFC 3551 4.5.2 keeps an old mistake of RFC 1890.
    clock_rate: 8_000,
    channels: 1,
    rate: SampleRate::Wide,
    open: || Box::new(G722 { encoder: Coder::new(), decoder: Coder::new(), concealer: Concealer::new(SampleRate::Wide) }),
};

/// One stream.
#[derive(Debug)]
struct G722 {
    encoder: Coder,
    decoder: Coder,
    concealer: Concealer,
}

/// One direction.
#[derive(Debug)]
struct Coder {
    low: Band,
    high: Band,
    halves: Halves,
}

impl Coder {
    fn new() -> Self {
        Self { low: Band::low(), high: Band::high(), halves: Halves::default() }
    }

    fn encode(&mut self, pair: [i16; 2]) -> u8 {
        let (low, high) = self.halves.part(pair);
        self.high.encode(high) << 6 | self.low.encode(low)
    }

    fn decode(&mut self, code: u8) -> [i16; 2] {
        let (low, high) = (self.low.decode(code & 0x3f), self.high.decode(code >> 6));
        self.halves.join(low, high)
    }
}

impl Codec for G722 {
    fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>) -> Result<(), Failed> {
        out.extend(samples.as_chunks::<2>().0.iter().map(|&pair| self.encoder.encode(pair)));
        Ok(())
    }

    fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> Result<(), Failed> {
        if payload.is_empty() || payload.len() > PAYLOAD_MAX {
            return Err(Failed);
        }
        let start = out.len();
        out.extend(payload.iter().flat_map(|&code| self.decoder.decode(code)));
        self.concealer.heard(start, out);
        Ok(())
    }

    fn conceal(&mut self, len: usize, _next: Option<&[u8]>, out: &mut Vec<i16>) {
        self.concealer.conceal(len, out);
    }
}

/// 120 ms.
const PAYLOAD_MAX: usize = 960;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{Tone, level};

    #[test]
    fn sound_of_both_halves_of_the_band_passes() {
        for hz in [200.0, 1_000.0, 3_400.0, 5_000.0, 6_500.0] {
            let (mut tone, mut sender, mut receiver) = (Tone::new(SampleRate::Wide, &[hz], 8_000), Coder::new(), Coder::new());
            let heard: Vec<i16> =
                tone.samples(16_000).as_chunks::<2>().0.iter().flat_map(|&pair| receiver.decode(sender.encode(pair))).collect();
            let amplitude = level(&heard[8_000..], 16_000, hz);
            assert!((7_500.0..8_500.0).contains(&amplitude), "{hz}: {amplitude}");
        }
    }

    #[test]
    fn silence_begins_with_the_code_that_every_encoder_has_for_it() {
        assert_eq!(Coder::new().encode([0, 0]), 0xfa);
    }
}
