//! Mixing: everyone hears the others, and two who shout at once are turned down rather than cut off.

use crate::frame::{Frame, SampleRate};

/// All speakers of one tick, summed once: each listener hears the sum less his own voice, so that the work grows with their number alone.
#[derive(Debug, Clone)]
pub struct Mix {
    rate: SampleRate,
    /// Nobody is so loud, nor are there so many, that it overflows.
    sums: [i32; SampleRate::Full.frame_len()],
}

impl Mix {
    /// Silence at this rate.
    pub const fn new(rate: SampleRate) -> Self {
        Self { rate, sums: [0; SampleRate::Full.frame_len()] }
    }

    /// Adds a speaker; a frame of another rate is left out.
    pub fn add(&mut self, frame: &Frame) {
        if frame.rate() == self.rate {
            for (sum, &sample) in self.sums.iter_mut().zip(frame.samples()) {
                *sum += i32::from(sample);
            }
        }
    }

    /// What a listener hears of it: all but `own`, which was added before.
    pub fn without(&self, own: Option<&Frame>, limiter: &mut Limiter) -> Frame {
        let mut sums = self.sums;
        if let Some(own) = own.filter(|own| own.rate() == self.rate) {
            for (sum, &sample) in sums.iter_mut().zip(own.samples()) {
                *sum -= i32::from(sample);
            }
        }
        let mut out = Frame::silence(self.rate);
        limiter.limit(&sums[..self.rate.frame_len()], out.samples_mut());
        out
    }
}

/// Turns down what is too loud for 16 bits, at once, and up again gently.
///
/// The gain follows the loudest sample of late and looks ahead at none. So no sample is cut off, no delay is added, and but for the rise to
/// a new peak the shape of the sound stays.
#[derive(Debug, Clone, Default)]
pub struct Limiter {
    /// The loudest of late.
    peak: f32,
    /// Samples until it is forgotten.
    held: u32,
}

impl Limiter {
    /// Limits samples of 20 ms.
    pub fn limit(&mut self, sums: &[i32], out: &mut [i16]) {
        let loudest = sums.iter().fold(0, |loudest, sum| sum.unsigned_abs().max(loudest)) as f32;
        if loudest <= CEILING && self.peak <= CEILING {
            sums.iter().zip(out).for_each(|(&sum, sample)| *sample = sum as i16);
            return;
        }
        let hold = sums.len() as u32;
        let release = 1.0 - RELEASE_A_FRAME / sums.len() as f32;
        for (&sum, sample) in sums.iter().zip(out) {
            let sum = sum as f32;
            if sum.abs() >= self.peak {
                (self.peak, self.held) = (sum.abs(), hold);
            } else if self.held > 0 {
                self.held -= 1;
            } else {
                self.peak = (self.peak * release).max(sum.abs());
            }
            *sample = (sum * (CEILING / self.peak.max(CEILING))) as i16;
        }
    }
}

/// 1 dB below what 16 bits hold.
const CEILING: f32 = 29_204.0;

/// Share of the peak that is forgotten in 20 ms: 6 dB come back in about 140 ms, too slowly to be heard as a wobble.
const RELEASE_A_FRAME: f32 = 0.1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{Tone, level};

    fn of(value: i16) -> Frame {
        Frame::from_samples(SampleRate::Narrow, &[value; 160])
    }

    fn mix(frames: &[&Frame], own: Option<&Frame>) -> Frame {
        let mut mix = Mix::new(SampleRate::Narrow);
        frames.iter().for_each(|frame| mix.add(frame));
        mix.without(own, &mut Limiter::default())
    }

    #[test]
    fn nobody_hears_himself_and_silence_is_silence() {
        let (low, high) = (of(1_000), of(20_000));
        assert_eq!(mix(&[&low, &high], Some(&high)), low);
        assert_eq!(mix(&[&low, &high, &of(-500)], Some(&low)), of(19_500));
        assert_eq!(mix(&[], None), Frame::silence(SampleRate::Narrow));
        assert_eq!(mix(&[&low, &Frame::silence(SampleRate::Full)], None), low, "another rate is left out");
    }

    /// Two tones as loud as can be, for a second; what comes out.
    fn shouted(limiter: &mut Limiter) -> Vec<i16> {
        let (mut one, mut two) = (Tone::new(SampleRate::Narrow, &[700.0], 30_000), Tone::new(SampleRate::Narrow, &[1_100.0], 30_000));
        (0..50)
            .flat_map(|_| {
                let mut mix = Mix::new(SampleRate::Narrow);
                mix.add(&one.frame());
                mix.add(&two.frame());
                mix.without(None, limiter).samples().to_vec()
            })
            .collect()
    }

    /// The power of a sound that is neither of the two tones, as a share of all.
    fn rest(samples: &[i16]) -> f64 {
        let all: f64 = samples.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / samples.len() as f64;
        let tones: f64 = [700.0, 1_100.0].map(|hz| level(samples, 8_000, hz).powi(2) / 2.0).iter().sum();
        ((all - tones) / all).max(0.0)
    }

    #[test]
    fn two_who_shout_are_turned_down_together_without_distortion() {
        let heard = shouted(&mut Limiter::default());
        assert!(heard.iter().all(|&sample| f32::from(sample).abs() <= CEILING), "nothing wraps, nothing is cut off");
        let steady = &heard[800..];
        let (one, two) = (level(steady, 8_000, 700.0), level(steady, 8_000, 1_100.0));
        assert!((13_000.0..16_000.0).contains(&one) && (one - two).abs() < 300.0, "{one} {two}");
        assert!(rest(steady) < 0.000_3, "35 dB below: {}", rest(steady));
        // Saturation, for comparison, is heard.
        let (mut one, mut two) = (Tone::new(SampleRate::Narrow, &[700.0], 30_000), Tone::new(SampleRate::Narrow, &[1_100.0], 30_000));
        let clipped: Vec<i16> = one.samples(8_000).iter().zip(two.samples(8_000)).map(|(&one, two)| one.saturating_add(two)).collect();
        assert!(rest(&clipped) > 0.02, "{}", rest(&clipped));
    }

    #[test]
    fn whoever_talks_on_alone_is_as_loud_as_before_in_half_a_second() {
        let mut limiter = Limiter::default();
        shouted(&mut limiter);
        let mut one = Tone::new(SampleRate::Narrow, &[700.0], 20_000);
        let heard: Vec<i16> = (0..50)
            .flat_map(|_| {
                let mut mix = Mix::new(SampleRate::Narrow);
                mix.add(&one.frame());
                mix.without(None, &mut limiter).samples().to_vec()
            })
            .collect();
        assert!((level(&heard[..800], 8_000, 700.0)) < 16_000.0);
        assert!((19_900.0..20_100.0).contains(&level(&heard[4_000..], 8_000, 700.0)));
    }

    #[test]
    fn sound_below_the_ceiling_is_not_touched() {
        let mut tone = Tone::new(SampleRate::Full, &[440.0], 29_000);
        let mut limiter = Limiter::default();
        for _ in 0..50 {
            let frame = tone.frame();
            let mut mix = Mix::new(SampleRate::Full);
            mix.add(&frame);
            assert_eq!(mix.without(None, &mut limiter), frame);
        }
    }
}
