//! Opus (RFC 6716, RFC 7587) by libopus: 48 kHz, mono, made for voice.

use opus::{Application, Channels, Decoder, Encoder};

use super::{Codec, CodecKind, Description, Failed};
use crate::frame::SampleRate;

pub(super) const DESCRIPTION: Description = Description {
    kind: CodecKind::Opus,
    name: "opus",
    static_payload_type: None,
    clock_rate: 48_000,
    channels: 2,
    rate: SampleRate::Full,
    open: || Box::<Opus>::default(),
};

/// One stream. A relayed stream needs neither half, a recorded one only the decoder.
#[derive(Debug, Default)]
struct Opus {
    encoder: Option<Encoder>,
    decoder: Option<Decoder>,
}

impl Opus {
    fn encoder(&mut self) -> Result<&mut Encoder, Failed> {
        if self.encoder.is_none() {
            self.encoder = Some(voice_encoder().map_err(|_| Failed)?);
        }
        self.encoder.as_mut().ok_or(Failed)
    }

    fn decoder(&mut self) -> Result<&mut Decoder, Failed> {
        if self.decoder.is_none() {
            self.decoder = Some(Decoder::new(SAMPLE_RATE, Channels::Mono).map_err(|_| Failed)?);
        }
        self.decoder.as_mut().ok_or(Failed)
    }
}

impl Codec for Opus {
    fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>) -> Result<(), Failed> {
        let mut payload = [0; PAYLOAD_MAX];
        let len = self.encoder()?.encode(samples, &mut payload).map_err(|_| Failed)?;
        out.extend_from_slice(&payload[..len]);
        Ok(())
    }

    fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> Result<(), Failed> {
        // To libopus no bytes mean a lost packet; from the network they mean junk.
        if payload.is_empty() {
            return Err(Failed);
        }
        let mut samples = [0; SAMPLES_MAX];
        let len = self.decoder()?.decode(payload, &mut samples, false).map_err(|_| Failed)?;
        out.extend_from_slice(&samples[..len]);
        Ok(())
    }

    fn conceal(&mut self, len: usize, next: Option<&[u8]>, out: &mut Vec<i16>) {
        let mut samples = [0; SAMPLES_MAX];
        // libopus conceals in steps of 2.5 ms.
        let len = len.min(SAMPLES_MAX) / STEP * STEP;
        let made = self.decoder().and_then(|decoder| {
            let with_next =
                next.filter(|payload| !payload.is_empty()).and_then(|payload| decoder.decode(payload, &mut samples[..len], true).ok());
            with_next.map_or_else(|| decoder.decode(&[], &mut samples[..len], false).map_err(|_| Failed), Ok)
        });
        if made.is_err() {
            samples.fill(0);
        }
        out.extend_from_slice(&samples[..len]);
    }
}

fn voice_encoder() -> opus::Result<Encoder> {
    let mut encoder = Encoder::new(SAMPLE_RATE, Channels::Mono, Application::Voip)?;
    encoder.set_complexity(COMPLEXITY)?;
    encoder.set_bitrate(opus::Bitrate::Bits(BITRATE))?;
    encoder.set_inband_fec(true)?;
    encoder.set_packet_loss_perc(EXPECTED_LOSS)?;
    Ok(encoder)
}

const SAMPLE_RATE: u32 = 48_000;

/// 120 ms, the longest packet (RFC 6716 2.1.4).
const SAMPLES_MAX: usize = 5_760;

/// 2.5 ms.
const STEP: usize = 120;

/// Well above what 60 ms at our bit rate takes.
const PAYLOAD_MAX: usize = 1_276;

/// Above 5 the ear gains little from voice, and the encoder is the dearest thing we run.
const COMPLEXITY: i32 = 5;

/// Full-band mono voice (RFC 7587 3.1.1 has 28 to 40 kbit/s), with room for the redundancy.
const BITRATE: i32 = 32_000;

/// In per cent. Without an expectation libopus writes no redundancy at all.
const EXPECTED_LOSS: i32 = 5;
