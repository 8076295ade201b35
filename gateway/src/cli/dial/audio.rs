//! What the phone says, and the tape of what it hears.

use std::{collections::VecDeque, path::Path};

/// What goes out, as mono samples at the codec's rate.
#[derive(Debug)]
pub(super) enum Mouth {
    /// Frames of zeros: the line is kept open.
    Silence,
    /// A sine at -12 dBFS.
    Tone { turn: f64, phase: f64 },
    /// A file, once; silence after it.
    Clip { samples: Vec<i16>, at: usize },
    /// What was heard, as soon as a frame of it is there.
    Echo(VecDeque<i16>),
}

impl Mouth {
    /// A tone at `hz`, for samples at `rate` a second.
    pub(super) fn tone(hz: u16, rate: u32) -> Self {
        Self::Tone { turn: std::f64::consts::TAU * f64::from(hz) / f64::from(rate), phase: 0.0 }
    }

    /// A WAV file, mixed to mono and brought to `rate`.
    pub(super) fn clip(path: &Path, rate: u32) -> Result<Self, hound::Error> {
        let mut reader = hound::WavReader::open(path)?;
        let spec = reader.spec();
        let samples: Vec<f32> = match spec.sample_format {
            hound::SampleFormat::Float => reader.samples::<f32>().collect::<Result<_, _>>()?,
            hound::SampleFormat::Int => {
                #[expect(clippy::cast_precision_loss, reason = "a sample fits in 24 bits of mantissa well enough to be heard")]
                let samples = reader.samples::<i32>().map(|sample| sample.map(|s| s as f32 / (1u64 << (spec.bits_per_sample - 1)) as f32));
                samples.collect::<Result<_, _>>()?
            }
        };
        let channels = usize::from(spec.channels.max(1));
        let mono: Vec<f32> = samples.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() / f32::from(spec.channels)).collect();
        Ok(Self::Clip { samples: resample(&mono, spec.sample_rate, rate), at: 0 })
    }

    /// The next `length` samples.
    pub(super) fn frame(&mut self, length: usize) -> Vec<i16> {
        match self {
            Self::Silence => vec![0; length],
            Self::Tone { turn, phase } => (0..length)
                .map(|_| {
                    let sample = TONE_AMPLITUDE * phase.sin();
                    *phase = (*phase + *turn) % std::f64::consts::TAU;
                    #[expect(clippy::cast_possible_truncation, reason = "the amplitude is a quarter of i16::MAX")]
                    let sample = sample as i16;
                    sample
                })
                .collect(),
            Self::Clip { samples, at } => {
                let rest = samples.get(*at..).unwrap_or_default();
                let mut frame: Vec<i16> = rest.iter().copied().take(length).collect();
                *at += frame.len();
                frame.resize(length, 0);
                frame
            }
            Self::Echo(heard) if heard.len() >= length => heard.drain(..length).collect(),
            Self::Echo(_) => vec![0; length],
        }
    }

    /// Samples were heard; an echo keeps them.
    pub(super) fn overhear(&mut self, samples: &[i16]) {
        if let Self::Echo(heard) = self {
            heard.extend(samples);
            // More than a second behind is no echo any more; the oldest goes.
            let excess = heard.len().saturating_sub(ECHO_MAX);
            heard.drain(..excess);
        }
    }
}

/// What was heard, each sample at its RTP time, kept in memory until the end.
#[derive(Debug)]
pub(super) struct Tape {
    rate: u32,
    samples: Vec<i16>,
    /// The stream now on tape: its SSRC, its first timestamp, and the place of that on the tape.
    stream: Option<(u32, u32, usize)>,
}

impl Tape {
    /// `rate`: samples a second, equal to the RTP clock.
    pub(super) fn new(rate: u32) -> Self {
        Self { rate, samples: Vec::new(), stream: None }
    }

    /// Puts a frame in its place; gaps stay silent, and what is far off its stream or past the tape's end is left out.
    pub(super) fn put(&mut self, ssrc: u32, timestamp: u32, frame: &[i16]) {
        let (first, place) = match self.stream {
            Some((known, first, place)) if known == ssrc => (first, place),
            _ => {
                self.stream = Some((ssrc, timestamp, self.samples.len()));
                (timestamp, self.samples.len())
            }
        };
        // Earlier than the first: a reordered start, not worth moving the tape for.
        let Ok(offset) = usize::try_from(timestamp.wrapping_sub(first).cast_signed()) else { return };
        let (start, end) = (place + offset, place + offset + frame.len());
        if end > TAPE_SECONDS_MAX * usize::try_from(self.rate).unwrap_or(0) {
            return;
        }
        if end > self.samples.len() {
            self.samples.resize(end, 0);
        }
        self.samples[start..end].copy_from_slice(frame);
    }

    /// Writes a mono 16-bit WAV file.
    pub(super) fn write(&self, path: &Path) -> Result<(), hound::Error> {
        let spec = hound::WavSpec { channels: 1, sample_rate: self.rate, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
        let mut writer = hound::WavWriter::create(path, spec)?;
        for &sample in &self.samples {
            writer.write_sample(sample)?;
        }
        writer.finalize()
    }
}

/// Brings samples of -1 to 1 from one rate to another by straight lines between them: good enough for a test phone's voice.
fn resample(samples: &[f32], from: u32, to: u32) -> Vec<i16> {
    let pcm = |value: f32| {
        #[expect(clippy::cast_possible_truncation, reason = "clamped to the range")]
        let sample = (value.clamp(-1.0, 1.0) * 32_767.0) as i16;
        sample
    };
    let (from, to) = (u64::from(from.max(1)), u64::from(to));
    let length = samples.len() as u64 * to / from;
    (0..length)
        .map(|n| {
            let place = n * from;
            let index = usize::try_from(place / to).unwrap_or(usize::MAX);
            #[expect(clippy::cast_precision_loss, reason = "a fraction of one sample")]
            let between = (place % to) as f32 / to as f32;
            let here = samples.get(index).copied().unwrap_or(0.0);
            let next = samples.get(index.saturating_add(1)).copied().unwrap_or(here);
            pcm(here + (next - here) * between)
        })
        .collect()
}

/// -12 dBFS.
const TONE_AMPLITUDE: f64 = 8192.0;
/// One second at the widest rate.
const ECHO_MAX: usize = 48_000;
/// Half an hour: what comes later is heard but not recorded.
const TAPE_SECONDS_MAX: usize = 1800;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tape_keeps_rtp_time() {
        let mut tape = Tape::new(8000);
        tape.put(1, u32::MAX - 1, &[1, 1]);
        tape.put(1, 4, &[3, 3]); // two frames on, over the wrap
        tape.put(1, 0, &[2, 2]); // late
        assert_eq!(tape.samples, [1, 1, 2, 2, 0, 0, 3, 3]);
        tape.put(2, 77, &[9]); // another stream goes on where the tape ends
        assert_eq!(tape.samples.last(), Some(&9));
    }

    #[test]
    fn a_mad_timestamp_does_not_fill_the_memory() {
        let mut tape = Tape::new(8000);
        tape.put(1, 0, &[1]);
        tape.put(1, i32::MAX as u32, &[1]);
        tape.put(1, u32::MAX, &[1]);
        assert_eq!(tape.samples.len(), 1);
    }

    #[test]
    fn a_written_tape_can_be_played() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tape.wav");
        let mut tape = Tape::new(8000);
        tape.put(1, 0, &[100; 160]);
        tape.write(&path).expect("written");
        let mut clip = Mouth::clip(&path, 48_000).expect("read");
        let frame = clip.frame(1920);
        assert!(frame[..950].iter().all(|sample| (99..=100).contains(sample)));
        assert!(frame[960..].iter().all(|&sample| sample == 0));
    }

    #[test]
    fn an_echo_waits_for_a_whole_frame_and_forgets_what_is_old() {
        let mut echo = Mouth::Echo(VecDeque::new());
        echo.overhear(&[5; 100]);
        assert_eq!(echo.frame(160), [0; 160]);
        echo.overhear(&[5; 100]);
        assert_eq!(echo.frame(160), [5; 160]);
        echo.overhear(&vec![6; 100_000]);
        assert!(matches!(echo, Mouth::Echo(heard) if heard.len() == ECHO_MAX));
    }
}
