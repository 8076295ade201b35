//! Hears whether someone speaks: loudness against the noise of the line.

use media::frame::Frame;

/// One port's speech, 20 ms at a time.
#[derive(Debug)]
pub(super) struct Speech {
    /// Mean square of the line's noise, which follows slowly upward and quickly downward.
    noise: f32,
    /// Frames of speech and of silence on end.
    loud: u32,
    quiet: u32,
    /// Frames since speech began, while it lasts.
    spoken: Option<u32>,
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Started,
    /// The silence that ended it is not counted.
    Ended {
        spoken_ms: u32,
    },
}

impl Speech {
    pub(super) fn new() -> Self {
        Self { noise: NOISE_MIN, loud: 0, quiet: 0, spoken: None }
    }

    /// Takes 20 ms; a missing frame is silence.
    pub(super) fn hear(&mut self, frame: Option<&Frame>) -> Option<Change> {
        let energy = frame.map_or(0.0, |frame| {
            let sum: f32 = frame.samples().iter().map(|&sample| f32::from(sample).powi(2)).sum();
            sum / frame.samples().len() as f32
        });
        let is_loud = energy > self.noise * OVER_NOISE && energy > SPEECH_MIN;
        let follow = match (energy < self.noise, is_loud) {
            (true, _) => 0.2,
            (false, false) => 0.02,
            // A fan that was switched on is noise after some seconds; nobody holds a vowel for so long.
            (false, true) => 0.000_3,
        };
        self.noise = (self.noise + (energy - self.noise) * follow).max(NOISE_MIN);
        (self.loud, self.quiet) = if is_loud { (self.loud + 1, 0) } else { (0, self.quiet + 1) };
        match &mut self.spoken {
            None if self.loud >= START_FRAMES => {
                self.spoken = Some(self.loud);
                Some(Change::Started)
            }
            None => None,
            Some(spoken) => {
                *spoken += 1;
                let spoken_ms = spoken.saturating_sub(self.quiet) * 20;
                (self.quiet >= END_FRAMES).then(|| {
                    self.spoken = None;
                    Change::Ended { spoken_ms }
                })
            }
        }
    }
}

/// 60 ms: longer than a click.
const START_FRAMES: u32 = 3;

/// 800 ms: longer than a pause between two words.
const END_FRAMES: u32 = 40;

/// About -60 and -45 dBFS.
const NOISE_MIN: f32 = 1_000.0;
const SPEECH_MIN: f32 = 34_000.0;

/// 10 dB.
const OVER_NOISE: f32 = 10.0;

#[cfg(test)]
mod tests {
    use media::{frame::SampleRate, tone::Tone};

    use super::*;

    #[test]
    fn speech_starts_and_ends_once_and_a_click_is_none() {
        let mut speech = Speech::new();
        let mut tone = Tone::new(SampleRate::Narrow, &[300.0], 8_000);
        let mut changes = Vec::new();
        for n in 0..200 {
            let frame = (n == 10 || (50..100).contains(&n)).then(|| tone.frame());
            changes.extend(speech.hear(frame.as_ref()).map(|change| (n, change)));
        }
        assert_eq!(changes, [(52, Change::Started), (139, Change::Ended { spoken_ms: 1_000 })]);
    }
}
