//! Ears: who hears which tone, and from when.

use std::time::{Duration, Instant};

use media::{
    frame::{FRAME, Frame, SampleRate},
    tone::level,
};

/// A tone this loud is heard; parties hum at 8 000, and half a window of that is heard too.
pub const LOUD: f64 = 3_000.0;
/// A tone this faint is not there: what companding makes of other tones stays far below.
pub const FAINT: f64 = 700.0;
/// What is listened to at once: 10 Hz of resolution, so that tones on multiples of 50 Hz do not blur.
pub const WINDOW: Duration = Duration::from_millis(100);

/// Everything that one end has heard, from when it began to listen, without gaps.
#[derive(Debug)]
pub struct Ear {
    began: Instant,
    rate: SampleRate,
    samples: Vec<i16>,
}

impl Ear {
    /// Begins to listen.
    pub fn new(began: Instant, rate: SampleRate) -> Self {
        Self { began, rate, samples: Vec::new() }
    }

    /// Takes in the next 20 ms; `None` is silence.
    pub fn hear(&mut self, frame: Option<Frame>) {
        match frame.filter(|frame| frame.rate() == self.rate) {
            Some(frame) => self.samples.extend_from_slice(frame.samples()),
            None => self.samples.resize(self.samples.len() + self.rate.frame_len(), 0),
        }
    }

    /// Whole windows of 100 ms, each with the time of its first sample.
    pub fn windows(&self) -> impl Iterator<Item = (Instant, &[i16])> {
        let len = self.rate.frame_len() * (WINDOW.as_millis() / FRAME.as_millis()) as usize;
        self.samples.chunks_exact(len).enumerate().map(|(number, window)| (self.began + WINDOW * number as u32, window))
    }

    /// How loud a tone was in a window.
    pub fn level(&self, window: &[i16], hz: f64) -> f64 {
        level(window, self.rate.hz(), hz)
    }

    /// Share of the whole windows between two times in which a tone was heard; 0 where there is none.
    pub fn share(&self, hz: f64, from: Instant, to: Instant) -> f64 {
        let windows = self.windows().filter(|(at, _)| *at >= from && *at + WINDOW <= to);
        let (mut all, mut heard) = (0.0, 0.0);
        for (_, window) in windows {
            all += 1.0;
            heard += f64::from(u8::from(self.level(window, hz) > LOUD));
        }
        if all == 0.0 { 0.0 } else { heard / all }
    }

    /// The first window in which a tone was there at all.
    pub fn first(&self, hz: f64) -> Option<Instant> {
        self.windows().find(|(_, window)| self.level(window, hz) > FAINT).map(|(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use media::tone::Tone;

    use super::*;

    #[test]
    fn a_tone_is_heard_from_when_it_sounds_and_no_other_is() {
        let zero = Instant::now();
        let mut ear = Ear::new(zero, SampleRate::Narrow);
        let mut tone = Tone::new(SampleRate::Narrow, &[650.0], 8_000);
        (0..10).for_each(|_| ear.hear(None));
        (0..20).for_each(|_| ear.hear(Some(tone.frame())));
        assert_eq!(ear.first(650.0), Some(zero + Duration::from_millis(200)));
        assert_eq!(ear.first(700.0), None);
        assert!((ear.share(650.0, zero, zero + Duration::from_millis(600)) - 4.0 / 6.0).abs() < 1e-9);
    }
}
