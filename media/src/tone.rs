//! Tones: made for callers to hear, and measured in tests and detectors.

use std::f64::consts::TAU;

use crate::frame::{Frame, SampleRate};

/// A steady sum of sines.
#[derive(Debug, Clone)]
pub struct Tone {
    rate: SampleRate,
    /// In Hz.
    frequencies: Vec<f64>,
    /// Of each sine.
    amplitude: f64,
    position: u64,
}

impl Tone {
    /// A steady tone; `amplitude` is each sine's peak.
    pub fn new(rate: SampleRate, frequencies: &[f64], amplitude: i16) -> Self {
        Self { rate, frequencies: frequencies.to_vec(), amplitude: f64::from(amplitude), position: 0 }
    }

    /// The next 20 ms.
    pub fn frame(&mut self) -> Frame {
        let mut frame = Frame::silence(self.rate);
        for sample in frame.samples_mut() {
            *sample = self.next_sample();
        }
        frame
    }

    /// The next `len` samples.
    pub fn samples(&mut self, len: usize) -> Vec<i16> {
        (0..len).map(|_| self.next_sample()).collect()
    }

    fn next_sample(&mut self) -> i16 {
        let position = self.position;
        self.position += 1;
        let time = position as f64 / f64::from(self.rate.hz());
        let sum: f64 = self.frequencies.iter().map(|frequency| (TAU * frequency * time).sin()).sum();
        (self.amplitude * sum).clamp(f64::from(i16::MIN), f64::from(i16::MAX)) as i16
    }
}

/// The amplitude of a sine of this level in dBm0: G.711 overloads at 3.17 (ITU-T G.711 table 1).
pub fn amplitude(dbm0: f64) -> f64 {
    32_768.0 * 10.0_f64.powf((dbm0 - 3.17) / 20.0)
}

/// The amplitude of the sine of `frequency` Hz in `samples`, by Goertzel's recursion.
pub fn level(samples: &[i16], rate_hz: u32, frequency: f64) -> f64 {
    if samples.is_empty() {
        return 0.0;
    }
    let coefficient = 2.0 * (TAU * frequency / f64::from(rate_hz)).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for &sample in samples {
        (last, before) = (f64::from(sample) + coefficient * last - before, last);
    }
    let power = last * last + before * before - coefficient * last * before;
    2.0 * power.max(0.0).sqrt() / samples.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_found_at_its_frequency_and_nowhere_else() {
        let mut tone = Tone::new(SampleRate::Narrow, &[1_000.0], 5_000);
        let samples = tone.samples(800);
        assert!((level(&samples, 8_000, 1_000.0) - 5_000.0).abs() < 50.0);
        assert!(level(&samples, 8_000, 1_300.0) < 50.0);
    }
}
