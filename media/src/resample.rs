//! 8 kHz to 48 kHz and back, by a polyphase filter.
//!
//! One windowed-sinc low-pass serves both ways: its pass band ends at 3.4 kHz, its stop band begins at 4.6 kHz, 60 dB down; it delays
//! by 1.8 ms. The 300 Hz on either side of 4 kHz fold onto each other's far ends, where telephone speech has nothing.

use std::{f64::consts::PI, sync::LazyLock};

use crate::frame::{Frame, SampleRate};

/// One stream's way from any of our rates to the other.
#[derive(Debug, Clone)]
pub struct Resampler {
    /// The last samples of the frame before, at its rate.
    past: Vec<f32>,
    from: SampleRate,
}

impl Resampler {
    /// For frames of the rate `from`.
    pub fn new(from: SampleRate) -> Self {
        let past = match from {
            SampleRate::Narrow => BRANCH_LEN - 1,
            SampleRate::Full => TAPS - 1,
        };
        Self { past: vec![0.0; past], from }
    }

    /// The next 20 ms of the stream at the other rate.
    pub fn convert(&mut self, frame: &Frame) -> Frame {
        if frame.rate() != self.from {
            *self = Self::new(frame.rate());
        }
        let kept = self.past.len();
        self.past.extend(frame.samples().iter().map(|&sample| f32::from(sample)));
        let out = match self.from {
            SampleRate::Narrow => self.upsample(),
            SampleRate::Full => self.downsample(),
        };
        self.past.drain(..self.past.len() - kept);
        out
    }

    /// Each sample in gives six out: six branches of the filter over the same few samples.
    fn upsample(&self) -> Frame {
        let mut out = Frame::silence(SampleRate::Full);
        for (window, sixth) in self.past.windows(BRANCH_LEN).zip(out.samples_mut().as_chunks_mut::<RATIO>().0) {
            for (branch, sample) in FILTER.branches.iter().zip(sixth) {
                *sample = round(dot(branch, window));
            }
        }
        out
    }

    /// Only every sixth output of the filter is worked out.
    fn downsample(&self) -> Frame {
        let mut out = Frame::silence(SampleRate::Narrow);
        for (window, sample) in self.past.windows(TAPS).step_by(RATIO).zip(out.samples_mut()) {
            *sample = round(dot(&FILTER.whole, window));
        }
        out
    }
}

/// The low-pass, and the same cut into branches; taps stand in reverse, so that a window of the past is multiplied as it lies.
struct Filter {
    whole: [f32; TAPS],
    branches: [[f32; BRANCH_LEN]; RATIO],
}

static FILTER: LazyLock<Filter> = LazyLock::new(|| {
    let centre = (TAPS - 1) as f64 / 2.0;
    let mut taps = [0.0; TAPS];
    for (i, tap) in taps.iter_mut().enumerate() {
        let x = i as f64 - centre;
        *tap = 2.0 * CUT_OFF * sinc(2.0 * CUT_OFF * x) * kaiser(x / (centre + 0.5));
    }
    let sum: f64 = taps.iter().sum();
    let whole = std::array::from_fn(|i| (taps[TAPS - 1 - i] / sum) as f32);
    let branches = std::array::from_fn(|phase| {
        // Each branch has a gain of one by itself, so that a constant stays without ripple.
        let branch: [f64; BRANCH_LEN] = std::array::from_fn(|i| taps[(BRANCH_LEN - 1 - i) * RATIO + phase]);
        let sum: f64 = branch.iter().sum();
        branch.map(|tap| (tap / sum) as f32)
    });
    Filter { whole, branches }
});

/// Converts a whole recording between any two rates, as clips need it once.
///
/// Between whole samples there are only as many places as the reduced ratio's numerator, 3 from 16 to 48 kHz and 160 from 44.1: the taps of
/// each are worked out once, so that all prompts of a node load in a fraction of a second.
pub fn convert_whole(samples: &[i16], from_hz: u32, to_hz: u32) -> Vec<i16> {
    if from_hz == to_hz || from_hz == 0 || to_hz == 0 {
        return samples.to_vec();
    }
    let divisor = gcd(from_hz, to_hz);
    let (up, down) = ((to_hz / divisor) as usize, (from_hz / divisor) as usize);
    // Cut at the lower of the two Nyquist frequencies, as a share of the source's rate.
    let cut_off = 0.5 * (up as f64 / down as f64).min(1.0) * 0.94;
    let reach = (LOBES / (2.0 * cut_off)).ceil() as usize;
    let phases: Vec<Vec<f32>> = (0..up).map(|phase| taps_between(phase as f64 / up as f64, cut_off, reach)).collect();
    // Silence on both sides, so that every output has all its taps.
    let mut padded = vec![0.0; reach - 1];
    padded.extend(samples.iter().map(|sample| f32::from(*sample)));
    padded.resize(padded.len() + reach + 1, 0.0);
    let length = (samples.len() * up).div_ceil(down);
    (0..length)
        .map(|at| {
            let (whole, phase) = (at * down / up, at * down % up);
            round(phases[phase].iter().zip(&padded[whole..]).map(|(tap, sample)| tap * sample).sum())
        })
        .collect()
}

/// Taps for an output that lies `offset` of a sample behind input `reach - 1` of its window; their sum is one.
fn taps_between(offset: f64, cut_off: f64, reach: usize) -> Vec<f32> {
    let weights: Vec<f64> = (0..2 * reach)
        .map(|tap| {
            let x = tap as f64 - (reach - 1) as f64 - offset;
            sinc(2.0 * cut_off * x) * kaiser(x / reach as f64)
        })
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| (weight / sum) as f32).collect()
}

fn gcd(one: u32, other: u32) -> u32 {
    if other == 0 { one } else { gcd(other, one % other) }
}

fn dot<const LEN: usize>(taps: &[f32; LEN], window: &[f32]) -> f32 {
    // Eight sums side by side, which the compiler turns into vector instructions.
    let mut sums = [0.0_f32; 8];
    let (tap_chunks, tap_rest) = taps.as_chunks::<8>();
    let (past_chunks, past_rest) = window.as_chunks::<8>();
    for (taps, past) in tap_chunks.iter().zip(past_chunks) {
        for ((sum, tap), sample) in sums.iter_mut().zip(taps).zip(past) {
            *sum += tap * sample;
        }
    }
    sums.iter().sum::<f32>() + tap_rest.iter().zip(past_rest).map(|(tap, sample)| tap * sample).sum::<f32>()
}

fn round(sample: f32) -> i16 {
    sample.round().clamp(f32::from(i16::MIN), f32::from(i16::MAX)) as i16
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// Kaiser's window over -1.0 to 1.0.
fn kaiser(x: f64) -> f64 {
    bessel(KAISER_BETA * (1.0 - x * x).max(0.0).sqrt()) / bessel(KAISER_BETA)
}

/// The modified Bessel function of order 0, by its series.
fn bessel(x: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..30 {
        term *= (x / (2.0 * f64::from(k))).powi(2);
        sum += term;
    }
    sum
}

const RATIO: usize = 6;

/// Of the filter, at 48 kHz; a multiple of six for equal branches. The delay is half of it.
const TAPS: usize = 174;

const BRANCH_LEN: usize = TAPS / RATIO;

/// 4 kHz as a share of 48 kHz.
const CUT_OFF: f64 = 4_000.0 / 48_000.0;

/// 60 dB of stop band.
const KAISER_BETA: f64 = 5.65;

/// Half-width of the kernel for whole recordings, in its own zero crossings.
const LOBES: f64 = 24.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{Tone, level};

    /// Half a second of a tone, taken through the resampler.
    fn through(from: SampleRate, frequency: f64) -> Vec<i16> {
        let (mut tone, mut resampler) = (Tone::new(from, &[frequency], 10_000), Resampler::new(from));
        let heard: Vec<i16> = (0..25).flat_map(|_| resampler.convert(&tone.frame()).samples().to_vec()).collect();
        heard[heard.len() / 5..].to_vec()
    }

    #[test]
    fn speech_passes_both_ways_unchanged_in_level() {
        for frequency in [200.0, 1_000.0, 3_000.0] {
            let up = level(&through(SampleRate::Narrow, frequency), 48_000, frequency);
            let down = level(&through(SampleRate::Full, frequency), 8_000, frequency);
            assert!((9_800.0..10_200.0).contains(&up) && (9_800.0..10_200.0).contains(&down), "{frequency}: {up} {down}");
        }
    }

    #[test]
    fn what_8_khz_cannot_hold_is_60_db_down() {
        for frequency in [5_000.0, 7_000.0, 12_000.0] {
            let alias = (frequency + 4_000.0_f64).rem_euclid(8_000.0) - 4_000.0;
            assert!(level(&through(SampleRate::Full, frequency), 8_000, alias.abs()) < 12.0, "{frequency}");
        }
    }

    #[test]
    fn no_image_of_speech_appears_above_4_khz() {
        let heard = through(SampleRate::Narrow, 3_000.0);
        for image in [5_000.0, 11_000.0, 13_000.0] {
            assert!(level(&heard, 48_000, image) < 12.0, "{image}");
        }
    }

    #[test]
    fn a_whole_recording_keeps_its_length_and_its_tone() {
        let samples: Vec<i16> = (0..22_050).map(|i| ((f64::from(i) * 440.0 / 22_050.0 * 2.0 * PI).sin() * 8_000.0) as i16).collect();
        for rate in [8_000, 16_000, 48_000] {
            let converted = convert_whole(&samples, 22_050, rate);
            assert_eq!(converted.len(), rate as usize);
            assert!((7_900.0..8_100.0).contains(&level(&converted, rate, 440.0)), "{rate}");
        }
        assert!(convert_whole(&[], 44_100, 8_000).is_empty());
    }
}
