//! Between 8, 16 and 48 kHz, by a polyphase filter.
//!
//! One windowed-sinc low-pass serves both ways of each pair. At 4 kHz its pass band ends at 3.4 kHz, its stop band begins at 4.6 kHz, 59 dB
//! down, and it delays by less than 1.5 ms; at 8 kHz all frequencies double and the delay halves. What lies on either side of the edge folds
//! onto each other's far ends, where speech has nothing.

use std::{f64::consts::PI, sync::LazyLock};

use crate::frame::{Frame, SampleRate};

/// One stream's way from one of our rates to another.
#[derive(Debug, Clone)]
pub struct Resampler {
    /// The last samples of the frame before, at its rate.
    past: Vec<f32>,
    from: SampleRate,
    to: SampleRate,
}

impl Resampler {
    /// For frames of the rate `from`, to be heard at `to`.
    pub fn new(from: SampleRate, to: SampleRate) -> Self {
        let past = if from < to { BRANCH_LEN - 1 } else { filter(from, to).whole.len() - 1 };
        Self { past: vec![0.0; past], from, to }
    }

    /// The next 20 ms of the stream at the other rate.
    pub fn convert(&mut self, frame: &Frame) -> Frame {
        if frame.rate() != self.from {
            *self = Self::new(frame.rate(), self.to);
        }
        if self.from == self.to {
            return frame.clone();
        }
        let kept = self.past.len();
        self.past.extend(frame.samples().iter().map(|&sample| f32::from(sample)));
        let filter = filter(self.from, self.to);
        let out = if self.from < self.to { self.upsample(filter) } else { self.downsample(filter) };
        self.past.drain(..self.past.len() - kept);
        out
    }

    /// The rate it leads to.
    pub fn to(&self) -> SampleRate {
        self.to
    }

    /// Each sample in gives several out: as many branches of the filter over the same few samples.
    fn upsample(&self, filter: &Filter) -> Frame {
        let mut out = Frame::silence(self.to);
        for (window, samples) in self.past.windows(BRANCH_LEN).zip(out.samples_mut().chunks_exact_mut(filter.branches.len())) {
            for (branch, sample) in filter.branches.iter().zip(samples) {
                *sample = round(dot(branch, window));
            }
        }
        out
    }

    /// Only those outputs of the filter that are kept are worked out.
    fn downsample(&self, filter: &Filter) -> Frame {
        let mut out = Frame::silence(self.to);
        for (window, sample) in self.past.windows(filter.whole.len()).step_by(filter.branches.len()).zip(out.samples_mut()) {
            *sample = round(dot(&filter.whole, window));
        }
        out
    }
}

/// A low-pass, and the same cut into branches; taps stand in reverse, so that a window of the past is multiplied as it lies.
struct Filter {
    whole: Vec<f32>,
    branches: Vec<[f32; BRANCH_LEN]>,
}

impl Filter {
    /// For rates of which the higher is `ratio` times the lower; it has as many branches.
    fn new(ratio: usize) -> Self {
        let len = BRANCH_LEN * ratio;
        // Half the lower rate, as a share of the higher.
        let cut_off = 0.5 / ratio as f64;
        let centre = (len - 1) as f64 / 2.0;
        let tap = |i: usize| {
            let x = i as f64 - centre;
            2.0 * cut_off * sinc(2.0 * cut_off * x) * kaiser(x / (centre + 0.5))
        };
        let taps: Vec<f64> = (0..len).map(tap).collect();
        let sum: f64 = taps.iter().sum();
        let whole = taps.iter().rev().map(|tap| (tap / sum) as f32).collect();
        let branch = |phase: usize| {
            // Each branch has a gain of one by itself, so that a constant stays without ripple.
            let branch: [f64; BRANCH_LEN] = std::array::from_fn(|i| taps[(BRANCH_LEN - 1 - i) * ratio + phase]);
            let sum: f64 = branch.iter().sum();
            branch.map(|tap| (tap / sum) as f32)
        };
        Self { whole, branches: (0..ratio).map(branch).collect() }
    }
}

/// The same both ways.
fn filter(from: SampleRate, to: SampleRate) -> &'static Filter {
    match (from.min(to), from.max(to)) {
        (SampleRate::Narrow, SampleRate::Wide) => &DOUBLE,
        (SampleRate::Wide, SampleRate::Full) => &TRIPLE,
        _ => &SIXFOLD,
    }
}

static DOUBLE: LazyLock<Filter> = LazyLock::new(|| Filter::new(2));
static TRIPLE: LazyLock<Filter> = LazyLock::new(|| Filter::new(3));
static SIXFOLD: LazyLock<Filter> = LazyLock::new(|| Filter::new(6));

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

fn dot(taps: &[f32], window: &[f32]) -> f32 {
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

/// Of a branch, at the lower rate: three vectors of eight. The delay is half of it, 1.5 ms at 8 kHz.
const BRANCH_LEN: usize = 24;

/// 59 dB of stop band, which is what so many taps reach by 4.6 kHz.
const KAISER_BETA: f64 = 5.6;

/// Half-width of the kernel for whole recordings, in its own zero crossings.
const LOBES: f64 = 24.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{Tone, level};

    /// Half a second of a tone, taken through the resampler.
    fn through(from: SampleRate, to: SampleRate, frequency: f64) -> Vec<i16> {
        let (mut tone, mut resampler) = (Tone::new(from, &[frequency], 10_000), Resampler::new(from, to));
        let heard: Vec<i16> = (0..25).flat_map(|_| resampler.convert(&tone.frame()).samples().to_vec()).collect();
        heard[heard.len() / 5..].to_vec()
    }

    const RATES: [SampleRate; 3] = [SampleRate::Narrow, SampleRate::Wide, SampleRate::Full];

    /// All ways from one rate to another, with the lower of the two in Hz.
    fn ways() -> impl Iterator<Item = (SampleRate, SampleRate, f64)> {
        let pairs = RATES.iter().flat_map(|&from| RATES.map(|to| (from, to))).filter(|(from, to)| from != to);
        pairs.map(|(from, to)| (from, to, f64::from(from.min(to).hz())))
    }

    fn db(level: f64, whole: f64) -> f64 {
        20.0 * (level / whole).log10()
    }

    #[test]
    fn what_the_lower_rate_holds_passes_every_way_unchanged_in_level() {
        for (from, to, lower) in ways() {
            for share in 1..=17 {
                // To 0.85 of half the lower rate: 3.4 kHz of 8.
                let frequency = lower / 2.0 * f64::from(share) * 0.05;
                let gain = db(level(&through(from, to, frequency), to.hz(), frequency), 10_000.0);
                assert!(gain.abs() < 0.5, "{from:?} {to:?} {frequency}: {gain} dB");
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_50_db_down() {
        for (from, to, lower) in ways().filter(|(from, to, _)| from > to) {
            for step in 0.. {
                let frequency = lower / 2.0 * 1.15 + 250.0 * f64::from(step);
                if frequency >= f64::from(from.hz()) / 2.0 {
                    break;
                }
                let heard = through(from, to, frequency);
                let power = heard.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / heard.len() as f64;
                let alias = db((2.0 * power).sqrt(), 10_000.0);
                assert!(alias < -50.0, "{from:?} {to:?} {frequency}: {alias} dB");
            }
        }
    }

    #[test]
    fn no_image_of_speech_appears_above_half_the_lower_rate() {
        for (from, to, lower) in ways().filter(|(from, to, _)| from < to) {
            for frequency in [0.1, 0.4, 0.7, 0.85].map(|share| share * lower / 2.0) {
                let heard = through(from, to, frequency);
                let images = (1..6).flat_map(|times| [f64::from(times) * lower - frequency, f64::from(times) * lower + frequency]);
                for image in images.filter(|image| *image < f64::from(to.hz()) / 2.0) {
                    let heard = db(level(&heard, to.hz(), image), 10_000.0);
                    assert!(heard < -50.0, "{from:?} {to:?} {frequency} at {image}: {heard} dB");
                }
            }
        }
    }

    #[test]
    fn no_way_delays_by_more_than_a_millisecond_and_a_half() {
        for (from, to, _) in ways() {
            let (mut resampler, mut click) = (Resampler::new(from, to), Frame::silence(from));
            click.samples_mut()[0] = 30_000;
            let heard: Vec<f64> = resampler.convert(&click).samples().iter().map(|&sample| f64::from(sample)).collect();
            let centre = heard.iter().enumerate().map(|(at, sample)| at as f64 * sample).sum::<f64>() / heard.iter().sum::<f64>();
            let delay_ms = centre * 1_000.0 / f64::from(to.hz());
            assert!((0.6..1.5).contains(&delay_ms), "{from:?} {to:?}: {delay_ms} ms");
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
