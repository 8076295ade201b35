//! Clips: speech and music that ports can play.

use std::{collections::BTreeMap, io, sync::Arc};

use crate::{Error, frame::SampleRate, resample::convert_whole};

/// Mono 16-bit audio, resampled once when it is loaded so that a play costs no conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clip {
    /// At 8 kHz, for G.711.
    pub narrow: Arc<[i16]>,
    /// At 16 kHz, for G.722.
    pub wide: Arc<[i16]>,
    /// At 48 kHz, for Opus.
    pub full: Arc<[i16]>,
}

impl Clip {
    /// From mono samples at `rate_hz`.
    pub fn from_mono(samples: &[i16], rate_hz: u32) -> Self {
        let at = |rate: SampleRate| convert_whole(samples, rate_hz, rate.hz()).into();
        Self { narrow: at(SampleRate::Narrow), wide: at(SampleRate::Wide), full: at(SampleRate::Full) }
    }

    /// Of samples that are made for each rate.
    pub fn made(at: impl Fn(SampleRate) -> Vec<i16>) -> Self {
        Self { narrow: at(SampleRate::Narrow).into(), wide: at(SampleRate::Wide).into(), full: at(SampleRate::Full).into() }
    }

    /// From a WAV file of 8 to 32 bits; its channels are averaged.
    pub fn read_wav(file: impl io::Read) -> Result<Self, Error> {
        let mut reader = hound::WavReader::new(file)?;
        let spec = reader.spec();
        let channels = usize::from(spec.channels.max(1));
        if !RATES.contains(&spec.sample_rate) {
            return Err(Error::SampleRate(spec.sample_rate));
        }
        let samples: Vec<i16> = match spec.sample_format {
            hound::SampleFormat::Int => {
                let shift = i32::from(spec.bits_per_sample) - 16;
                let to_16 = |sample: i32| if shift < 0 { sample << -shift } else { sample >> shift } as i16;
                reader.samples::<i32>().map(|sample| sample.map(to_16)).collect::<Result<_, _>>()?
            }
            hound::SampleFormat::Float => {
                reader.samples::<f32>().map(|sample| sample.map(|sample| (sample * 32_767.0) as i16)).collect::<Result<_, _>>()?
            }
        };
        let average = |frame: &[i16]| (frame.iter().map(|&sample| i32::from(sample)).sum::<i32>() / channels as i32) as i16;
        let mono: Vec<i16> = samples.chunks_exact(channels).map(average).collect();
        Ok(Self::from_mono(&mono, spec.sample_rate))
    }

    /// At the rate of a port's codec.
    pub fn at(&self, rate: SampleRate) -> &[i16] {
        match rate {
            SampleRate::Narrow => &self.narrow,
            SampleRate::Wide => &self.wide,
            SampleRate::Full => &self.full,
        }
    }
}

/// Clips by name, `<lang>/<prompt id>` or `music/<name>`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClipBook {
    /// By name.
    pub clips: BTreeMap<String, Arc<Clip>>,
}

/// What a WAV header may say; a header of 1 Hz would turn a small file into hours of sound.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=192_000;

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::tone::level;

    fn wav(spec: hound::WavSpec, samples: impl Iterator<Item = i32>) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
        samples.for_each(|sample| writer.write_sample(sample).unwrap());
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    #[test]
    fn a_stereo_file_of_24_bits_is_heard_at_all_rates() {
        let spec = hound::WavSpec { channels: 2, sample_rate: 16_000, bits_per_sample: 24, sample_format: hound::SampleFormat::Int };
        let sine = (0..16_000).map(|i| ((f64::from(i) * 500.0 / 16_000.0 * std::f64::consts::TAU).sin() * 2_000_000.0) as i32);
        let clip = Clip::read_wav(wav(spec, sine.flat_map(|sample| [sample, sample])).as_slice()).unwrap();
        assert_eq!((clip.narrow.len(), clip.wide.len(), clip.full.len()), (8_000, 16_000, 48_000));
        for rate in [SampleRate::Narrow, SampleRate::Wide, SampleRate::Full] {
            assert!((7_600.0..8_000.0).contains(&level(clip.at(rate), rate.hz(), 500.0)));
        }
    }

    #[test]
    fn a_file_that_is_no_sound_is_refused() {
        assert!(Clip::read_wav(b"RIFF....".as_slice()).is_err());
        let spec = hound::WavSpec { channels: 1, sample_rate: 1, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
        assert!(matches!(Clip::read_wav(wav(spec, 0..3).as_slice()), Err(Error::SampleRate(1))));
    }
}
