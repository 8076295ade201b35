//! Tones: made for callers to hear, and measured in tests and detectors.

use std::f64::consts::TAU;

use crate::frame::{Frame, SampleRate};

/// A sum of sines, with a cadence if it is to ring.
#[derive(Debug, Clone)]
pub struct Tone {
    rate: SampleRate,
    /// In Hz.
    frequencies: Vec<f64>,
    /// Of each sine.
    amplitude: f64,
    /// Samples of sound and of silence, in turn; without one it never pauses.
    cadence: Option<(u64, u64)>,
    position: u64,
}

impl Tone {
    /// A steady tone; `amplitude` is each sine's peak.
    pub fn new(rate: SampleRate, frequencies: &[f64], amplitude: i16) -> Self {
        Self { rate, frequencies: frequencies.to_vec(), amplitude: f64::from(amplitude), cadence: None, position: 0 }
    }

    /// Ringback as most of Europe hears it: 425 Hz, 1 s on, 4 s off (ITU-T E.180 supplement 2).
    pub fn ringback(rate: SampleRate) -> Self {
        let second = u64::from(rate.hz());
        Self { cadence: Some((second, 4 * second)), ..Self::new(rate, &[425.0], 4_000) }
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
        if self.cadence.is_some_and(|(on, off)| position % (on + off) >= on) {
            return 0;
        }
        let time = position as f64 / f64::from(self.rate.hz());
        let sum: f64 = self.frequencies.iter().map(|frequency| (TAU * frequency * time).sin()).sum();
        (self.amplitude * sum).clamp(f64::from(i16::MIN), f64::from(i16::MAX)) as i16
    }
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

    #[test]
    fn ringback_sounds_one_second_in_five() {
        let mut tone = Tone::ringback(SampleRate::Narrow);
        let heard: Vec<bool> = (0..500).map(|_| tone.frame().samples().iter().any(|&sample| sample != 0)).collect();
        assert!(heard[..50].iter().all(|&sounds| sounds) && !heard[50..250].contains(&true) && heard[250]);
    }
}
