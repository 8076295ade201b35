//! Frames: the 20 ms of sound that everything here is counted in.

use std::time::Duration;

/// How long a frame is.
pub const FRAME: Duration = Duration::from_millis(20);

/// Samples per second, of the kinds that we work in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SampleRate {
    /// 8 kHz: G.711.
    Narrow,
    /// 16 kHz: G.722.
    Wide,
    /// 48 kHz: Opus.
    Full,
}

impl SampleRate {
    /// In Hz.
    pub const fn hz(self) -> u32 {
        match self {
            Self::Narrow => 8_000,
            Self::Wide => 16_000,
            Self::Full => 48_000,
        }
    }

    /// Samples in a frame: 160, 320 or 960.
    pub const fn frame_len(self) -> usize {
        match self {
            Self::Narrow => 160,
            Self::Wide => 320,
            Self::Full => FRAME_LEN_MAX,
        }
    }
}

/// 20 ms of mono 16-bit sound. Held in place, so that a frame costs no allocation.
#[derive(Debug, Clone)]
pub struct Frame {
    rate: SampleRate,
    samples: [i16; FRAME_LEN_MAX],
}

impl Frame {
    /// Nothing to hear.
    pub const fn silence(rate: SampleRate) -> Self {
        Self { rate, samples: [0; FRAME_LEN_MAX] }
    }

    /// The first samples of `samples`; a short slice is filled up with silence.
    pub fn from_samples(rate: SampleRate, samples: &[i16]) -> Self {
        let mut frame = Self::silence(rate);
        let len = samples.len().min(rate.frame_len());
        frame.samples[..len].copy_from_slice(&samples[..len]);
        frame
    }

    /// 160 samples at 8 kHz, 320 at 16 kHz, 960 at 48 kHz.
    pub fn samples(&self) -> &[i16] {
        &self.samples[..self.rate.frame_len()]
    }

    /// As `samples`, to be written.
    pub fn samples_mut(&mut self) -> &mut [i16] {
        &mut self.samples[..self.rate.frame_len()]
    }

    /// At which rate.
    pub fn rate(&self) -> SampleRate {
        self.rate
    }
}

impl PartialEq for Frame {
    fn eq(&self, other: &Self) -> bool {
        self.rate == other.rate && self.samples() == other.samples()
    }
}

impl Eq for Frame {}

const FRAME_LEN_MAX: usize = 960;
