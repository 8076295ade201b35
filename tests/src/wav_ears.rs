//! Listens to WAV files: which tone holds which 100 ms.

use std::path::Path;

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

/// A recording, channel by channel.
#[derive(Debug)]
pub struct WavEars {
    /// Samples a second.
    pub rate: u32,
    pub channels: Vec<Vec<i16>>,
}

impl WavEars {
    /// Reads a file of 16-bit samples; a file that is no WAV fails the test with its name.
    pub fn of(path: &Path) -> Self {
        let mut reader = WavReader::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let spec = reader.spec();
        let samples: Vec<i16> =
            reader.samples().map(|sample| sample.unwrap_or_else(|error| panic!("{}: {error}", path.display()))).collect();
        let count = usize::from(spec.channels);
        let channels = (0..count).map(|channel| samples.iter().skip(channel).step_by(count).copied().collect()).collect();
        Self { rate: spec.sample_rate, channels }
    }

    /// The same of a phone whose header promises a little more than it has written: what is there.
    pub fn of_torn(path: &Path) -> Self {
        let mut reader = WavReader::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let spec = reader.spec();
        assert_eq!(spec.channels, 1, "a phone keeps what it hears");
        Self { rate: spec.sample_rate, channels: vec![reader.samples().map_while(Result::ok).collect()] }
    }

    /// Seconds.
    pub fn length(&self) -> f64 {
        self.channels.first().map_or(0.0, |samples| count(samples) / f64::from(self.rate))
    }

    /// For each 100 ms of a channel, whether a tone of `hz` holds most of what is there.
    pub fn tone(&self, channel: usize, hz: f64) -> Vec<bool> {
        self.windows(channel).map(|window| is_loud(window) && tone_share(window, self.rate, hz) >= TONE_SHARE).collect()
    }

    /// For each 100 ms of a channel, whether anything is there.
    pub fn loud(&self, channel: usize) -> Vec<bool> {
        self.windows(channel).map(is_loud).collect()
    }

    fn windows(&self, channel: usize) -> impl Iterator<Item = &[i16]> {
        self.channels[channel].chunks_exact(usize::try_from(self.rate / 10).expect("a rate fits"))
    }
}

/// How many windows hold.
pub fn held(windows: &[bool]) -> usize {
    windows.iter().filter(|holds| **holds).count()
}

/// The share of windows that hold, from the first that does to the last.
pub fn share_between(windows: &[bool]) -> f64 {
    let (Some(first), Some(last)) = (windows.iter().position(|holds| *holds), windows.iter().rposition(|holds| *holds)) else { return 0.0 };
    let span = &windows[first..=last];
    held(span) as f64 / span.len() as f64
}

/// Writes `seconds` of a tone, mono, 8000 samples a second.
pub fn write_tone(path: &Path, hz: f64, seconds: u32) {
    let spec = WavSpec { channels: 1, sample_rate: TONE_RATE, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut writer = WavWriter::create(path, spec).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    for sample in tone(hz, TONE_RATE, seconds * TONE_RATE) {
        writer.write_sample(sample).expect("the disk has room");
    }
    writer.finalize().expect("the disk has room");
}

/// `samples` of a tone, at about -12 dBFS.
pub fn tone(hz: f64, rate: u32, samples: u32) -> impl Iterator<Item = i16> {
    (0..samples).map(move |n| (8000.0 * (std::f64::consts::TAU * hz * f64::from(n) / f64::from(rate)).sin()) as i16)
}

fn is_loud(window: &[i16]) -> bool {
    energy(window) >= SILENCE_RMS * SILENCE_RMS * count(window)
}

fn energy(window: &[i16]) -> f64 {
    window.iter().map(|&sample| f64::from(sample).powi(2)).sum()
}

/// How much of the energy lies at `hz`, 0 to about 1: its correlation with a sine and a cosine.
fn tone_share(window: &[i16], rate: u32, hz: f64) -> f64 {
    let turn = std::f64::consts::TAU * hz / f64::from(rate);
    let (mut sine, mut cosine) = (0.0, 0.0);
    for (n, &sample) in window.iter().enumerate() {
        let (s, c) = (turn * n as f64).sin_cos();
        sine += f64::from(sample) * s;
        cosine += f64::from(sample) * c;
    }
    2.0 * (sine * sine + cosine * cosine) / (count(window) * energy(window).max(1.0))
}

fn count(samples: &[i16]) -> f64 {
    samples.len() as f64
}

const TONE_RATE: u32 = 8000;
/// A pure tone has all of it; half leaves room for a codec's noise and for the edge of a prompt.
const TONE_SHARE: f64 = 0.5;
/// About -50 dBFS.
const SILENCE_RMS: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_tones_are_told_apart_and_silence_is_neither() {
        let mut samples: Vec<i16> = tone(440.0, 8000, 1600).collect();
        samples.extend(vec![0; 800]);
        samples.extend(tone(880.0, 8000, 800));
        let ears = WavEars { rate: 8000, channels: vec![samples] };
        assert_eq!(ears.tone(0, 440.0), [true, true, false, false]);
        assert_eq!(ears.tone(0, 880.0), [false, false, false, true]);
        assert_eq!(ears.loud(0), [true, true, false, true]);
    }

    #[test]
    fn a_gap_counts_and_the_ends_do_not() {
        assert!((share_between(&[false, true, false, true, true, false]) - 0.75).abs() < 1e-9);
        assert!(share_between(&[false, false]) < 1e-9);
    }
}
