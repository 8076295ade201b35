//! What is heard: whether anyone speaks, and which tone stands out.
//!
//! Works on 8 kHz mono in windows of 100 ms, so that tones 10 Hz apart can be told from each other.

use std::collections::BTreeMap;

use super::rtp::ratio;

/// Listens to a stream.
#[derive(Debug)]
pub(super) struct Ear {
    expected_hz: Option<u16>,
    window: Vec<i16>,
    pub(super) windows: u64,
    /// Windows that are louder than silence.
    pub(super) voiced: u64,
    /// Windows in which the expected tone holds most of the energy.
    pub(super) expected: u64,
    /// Windows by the tone that holds most of their energy, to 10 Hz.
    tones: BTreeMap<u16, u64>,
}

impl Ear {
    /// `expected_hz`: the tone to look for, 100 to 3600 Hz.
    pub(super) fn new(expected_hz: Option<u16>) -> Self {
        Self { expected_hz, window: Vec::with_capacity(WINDOW), windows: 0, voiced: 0, expected: 0, tones: BTreeMap::new() }
    }

    /// Hears mono samples at 8 kHz; whether these were louder than silence.
    pub(super) fn hear(&mut self, samples: &[i16]) -> bool {
        for &sample in samples {
            self.window.push(sample);
            if self.window.len() == WINDOW {
                self.judge();
                self.window.clear();
            }
        }
        is_voice(samples)
    }

    /// The tone that stood out most often, and its share of the voiced windows.
    pub(super) fn dominant(&self) -> Option<(u16, f64)> {
        let (&hz, &windows) = self.tones.iter().max_by_key(|(_, windows)| **windows)?;
        Some((hz, ratio(windows, self.voiced)))
    }

    fn judge(&mut self) {
        self.windows += 1;
        if !is_voice(&self.window) {
            return;
        }
        self.voiced += 1;
        let energy = energy(&self.window);
        if self.expected_hz.is_some_and(|hz| tone_share(&self.window, hz, energy) >= TONE_SHARE) {
            self.expected += 1;
        }
        let loudest = (LOWEST_HZ..=HIGHEST_HZ)
            .step_by(10)
            .map(|hz| (hz, tone_share(&self.window, hz, energy)))
            .max_by(|left, right| left.1.total_cmp(&right.1))
            .filter(|(_, share)| *share >= TONE_SHARE);
        if let Some((hz, _)) = loudest {
            *self.tones.entry(hz).or_default() += 1;
        }
    }
}

/// Louder than the noise floor of a telephone line.
fn is_voice(samples: &[i16]) -> bool {
    !samples.is_empty() && energy(samples) >= SILENCE_RMS * SILENCE_RMS * count(samples)
}

fn energy(samples: &[i16]) -> f64 {
    samples.iter().map(|&sample| f64::from(sample).powi(2)).sum()
}

/// How much of `energy` a tone at `hz` holds, 0 to about 1: Goertzel's power there, scaled so that a pure tone has all of it.
fn tone_share(samples: &[i16], hz: u16, energy: f64) -> f64 {
    let turn = std::f64::consts::TAU * f64::from(hz) / f64::from(RATE);
    let coefficient = 2.0 * turn.cos();
    let (mut last, mut before) = (0.0, 0.0);
    for &sample in samples {
        (last, before) = (f64::from(sample) + coefficient * last - before, last);
    }
    let power = last * last + before * before - coefficient * last * before;
    2.0 * power / (count(samples) * energy.max(1.0))
}

fn count(samples: &[i16]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a window is 800 samples")]
    let count = samples.len() as f64;
    count
}

/// Hz: what the ear works at.
pub(super) const RATE: u32 = 8000;
const WINDOW: usize = 800;
/// About -50 dBFS: comfort noise is below, a whisper above.
const SILENCE_RMS: f64 = 100.0;
const TONE_SHARE: f64 = 0.5;
const LOWEST_HZ: u16 = 100;
const HIGHEST_HZ: u16 = 3600;

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f64, amplitude: f64, samples: u32) -> Vec<i16> {
        (0..samples)
            .map(|n| {
                #[expect(clippy::cast_possible_truncation, reason = "amplitude is below i16::MAX")]
                let sample = (amplitude * (std::f64::consts::TAU * hz * f64::from(n) / f64::from(RATE)).sin()) as i16;
                sample
            })
            .collect()
    }

    #[test]
    fn a_pure_tone_is_named_and_its_share_is_whole() {
        let mut ear = Ear::new(Some(880));
        assert!(ear.hear(&tone(880.0, 8000.0, 8000)));
        assert_eq!((ear.windows, ear.voiced, ear.expected), (10, 10, 10));
        assert_eq!(ear.dominant(), Some((880, 1.0)));
    }

    #[test]
    fn another_tone_is_not_the_expected_one() {
        let mut ear = Ear::new(Some(880));
        ear.hear(&tone(440.0, 8000.0, 8000));
        assert_eq!((ear.expected, ear.dominant()), (0, Some((440, 1.0))));
    }

    #[test]
    fn silence_and_faint_noise_are_no_voice() {
        let mut ear = Ear::new(Some(880));
        assert!(!ear.hear(&tone(880.0, 40.0, 8000)));
        assert!(!ear.hear(&[]));
        assert_eq!((ear.windows, ear.voiced, ear.dominant()), (10, 0, None));
    }

    #[test]
    fn a_chord_has_no_dominant_tone() {
        let mut ear = Ear::new(None);
        let chord: Vec<i16> = tone(440.0, 4000.0, 800)
            .iter()
            .zip(tone(700.0, 4000.0, 800))
            .zip(tone(1200.0, 4000.0, 800))
            .map(|((one, two), three)| one + two + three)
            .collect();
        assert!(ear.hear(&chord));
        assert_eq!(ear.dominant(), None);
    }
}
