//! Audio codecs: one file each, one line each in `CODECS`, which negotiation, ports and recorder read.

mod alaw;
mod g711;
mod g722;
mod opus;
mod ulaw;

use std::fmt;

use crate::frame::SampleRate;

/// A codec that we speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CodecKind {
    /// G.711 mu-law (RFC 3551 4.5.14).
    Pcmu,
    /// G.711 A-law (RFC 3551 4.5.14).
    Pcma,
    /// G.722 at 64 kbit/s (RFC 3551 4.5.2).
    G722,
    /// Opus (RFC 7587).
    Opus,
}

/// What is to be known of a codec without opening it.
#[derive(Debug, Clone, Copy)]
pub struct Description {
    /// Which one.
    pub kind: CodecKind,
    /// As `a=rtpmap` has it (RFC 8866 6.6).
    pub name: &'static str,
    /// Where RFC 3551 gives it one.
    pub static_payload_type: Option<u8>,
    /// RTP clock in Hz, as `a=rtpmap` has it; not always the rate of the samples.
    pub clock_rate: u32,
    /// As `a=rtpmap` has it; Opus says 2 there whatever it carries (RFC 7587 7).
    pub channels: u8,
    /// Of the mono samples that `Codec` takes and gives.
    pub rate: SampleRate,
    open: fn() -> Box<dyn Codec>,
}

/// All codecs, in the order of our preference.
pub static CODECS: [Description; 4] = [opus::DESCRIPTION, g722::DESCRIPTION, alaw::DESCRIPTION, ulaw::DESCRIPTION];

/// Both directions of one stream's codec. What is dear to build is built at its first use.
pub trait Codec: fmt::Debug + Send {
    /// Appends one packet's payload for `samples`, 10, 20, 40 or 60 ms of mono at the codec's rate (any length for G.711 and G.722).
    fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>) -> Result<(), Failed>;

    /// Appends the samples of one packet: mono at the codec's rate, at most 120 ms.
    fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> Result<(), Failed>;

    /// Appends `len` samples in place of a lost packet, made from the past and, where the codec can, from the packet after it.
    fn conceal(&mut self, len: usize, next: Option<&[u8]>, out: &mut Vec<i16>);
}

/// A payload that is not of this codec, or that it cannot make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed;

impl CodecKind {
    /// Its line in `CODECS`.
    pub fn description(self) -> &'static Description {
        match self {
            Self::Opus => &CODECS[0],
            Self::G722 => &CODECS[1],
            Self::Pcma => &CODECS[2],
            Self::Pcmu => &CODECS[3],
        }
    }

    /// RTP clock in Hz.
    pub fn clock_rate(self) -> u32 {
        self.description().clock_rate
    }

    /// Of its samples.
    pub fn rate(self) -> SampleRate {
        self.description().rate
    }

    /// A codec in its first state.
    pub fn open(self) -> Box<dyn Codec> {
        (self.description().open)()
    }

    /// The codec of an `a=rtpmap` name and clock rate.
    pub fn named(name: &str, clock_rate: u32) -> Option<Self> {
        let found = CODECS.iter().find(|codec| codec.name.eq_ignore_ascii_case(name) && codec.clock_rate == clock_rate);
        found.map(|codec| codec.kind)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tone::{Tone, level};

    #[test]
    fn every_codec_is_found_by_its_name_and_kind() {
        for codec in &CODECS {
            assert_eq!(CodecKind::named(&codec.name.to_lowercase(), codec.clock_rate), Some(codec.kind));
            assert_eq!(codec.kind.description().name, codec.name);
        }
        assert_eq!(CodecKind::named("PCMU", 16_000), None);
    }

    #[test]
    fn every_codec_carries_a_tone() {
        for codec in &CODECS {
            let (mut sender, mut receiver) = (codec.kind.open(), codec.kind.open());
            let mut tone = Tone::new(codec.rate, &[440.0], 8_000);
            let mut heard = Vec::new();
            for _ in 0..50 {
                let mut payload = Vec::new();
                sender.encode(tone.frame().samples(), &mut payload).unwrap();
                receiver.decode(&payload, &mut heard).unwrap();
            }
            assert_eq!(heard.len(), 50 * codec.rate.frame_len());
            let steady = &heard[heard.len() / 2..];
            let amplitude = level(steady, codec.rate.hz(), 440.0);
            assert!((6_500.0..9_500.0).contains(&amplitude), "{} {amplitude}", codec.name);
            assert!(level(steady, codec.rate.hz(), 1_330.0) < 300.0, "{}", codec.name);
        }
    }

    #[test]
    fn a_lost_packet_is_concealed_by_a_fading_likeness() {
        for codec in &CODECS {
            let (mut sender, mut receiver) = (codec.kind.open(), codec.kind.open());
            let mut tone = Tone::new(codec.rate, &[400.0], 8_000);
            let mut heard = Vec::new();
            for _ in 0..25 {
                let mut payload = Vec::new();
                sender.encode(tone.frame().samples(), &mut payload).unwrap();
                receiver.decode(&payload, &mut heard).unwrap();
            }
            heard.clear();
            receiver.conceal(codec.rate.frame_len(), None, &mut heard);
            assert_eq!(heard.len(), codec.rate.frame_len());
            assert!(level(&heard, codec.rate.hz(), 400.0) > 3_000.0, "{}", codec.name);
            heard.clear();
            for _ in 0..20 {
                receiver.conceal(codec.rate.frame_len(), None, &mut heard);
            }
            let end = &heard[heard.len() - codec.rate.frame_len()..];
            assert!(level(end, codec.rate.hz(), 400.0) < 800.0, "{}", codec.name);
        }
    }

    proptest! {
        #[test]
        fn no_payload_causes_a_panic(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
            for codec in &CODECS {
                let mut heard = Vec::new();
                let mut receiver = codec.kind.open();
                let _ = receiver.decode(&payload, &mut heard);
                receiver.conceal(codec.rate.frame_len(), Some(&payload), &mut heard);
                prop_assert!(heard.len() <= 7 * 960);
            }
        }
    }
}
