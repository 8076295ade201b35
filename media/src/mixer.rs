//! Mixing: everyone hears the others.

use crate::frame::{Frame, SampleRate};

/// Sums the frames of all `speakers` at `rate`; frames of another rate are left out, and of no speakers comes silence.
///
/// Sums in i32 and saturates, so that two shouting callers clip rather than wrap.
pub fn mix<'a>(rate: SampleRate, speakers: impl Iterator<Item = &'a Frame>) -> Frame {
    let mut sums = [0_i32; SampleRate::Full.frame_len()];
    for frame in speakers.filter(|frame| frame.rate() == rate) {
        for (sum, &sample) in sums.iter_mut().zip(frame.samples()) {
            *sum += i32::from(sample);
        }
    }
    let mut out = Frame::silence(rate);
    for (sample, sum) in out.samples_mut().iter_mut().zip(sums) {
        *sample = sum.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
    }
    out
}

/// Mixes all speakers but `listener`; a missing frame counts as silence.
pub fn mix_minus(rate: SampleRate, frames: &[Option<&Frame>], listener: usize) -> Frame {
    mix(rate, frames.iter().enumerate().filter(|&(speaker, _)| speaker != listener).filter_map(|(_, frame)| *frame))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_hears_himself_and_loud_sums_clip() {
        let of = |value| Frame::from_samples(SampleRate::Narrow, &[value; 160]);
        let (low, high) = (of(1_000), of(32_000));
        let frames = [Some(&low), Some(&high), Some(&high), None];
        assert_eq!(mix_minus(SampleRate::Narrow, &frames[..2], 1), low);
        assert_eq!(mix_minus(SampleRate::Narrow, &frames, 0), of(i16::MAX));
        assert_eq!(mix_minus(SampleRate::Narrow, &frames[3..], 0), Frame::silence(SampleRate::Narrow));
    }
}
