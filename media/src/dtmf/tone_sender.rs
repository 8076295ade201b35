//! Sends keys as tones in the sound (ITU-T Q.23), for peers that know no telephone-event.

use std::{collections::VecDeque, time::Duration};

use super::tones::frequencies_of;
use crate::{
    frame::{FRAME, Frame, SampleRate},
    tone::{Tone, amplitude},
};

/// Keys that wait and the one that sounds.
#[derive(Debug, Clone)]
pub struct ToneSender {
    rate: SampleRate,
    waiting: VecDeque<(char, u32)>,
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    Idle,
    /// So many more frames of it.
    Down {
        tone: Tone,
        left: u32,
    },
    /// The pause after a key.
    Up {
        left: u32,
    },
}

impl ToneSender {
    /// For frames of this rate.
    pub fn new(rate: SampleRate) -> Self {
        Self { rate, waiting: VecDeque::new(), state: State::Idle }
    }

    /// Queues a key; what is no key, or is one too many, is ignored.
    pub fn press(&mut self, digit: char, length: Duration) {
        if frequencies_of(digit).is_some() && self.waiting.len() < WAITING_MAX {
            let frames = length.clamp(LENGTH_MIN, LENGTH_MAX).as_millis().div_ceil(FRAME.as_millis());
            self.waiting.push_back((digit, frames as u32));
        }
    }

    /// The next 20 ms, where they are a key's and not the voice's; to be asked for every 20 ms.
    pub fn frame(&mut self) -> Option<Frame> {
        match &mut self.state {
            State::Up { left } if *left > 1 => {
                *left -= 1;
                return None;
            }
            State::Down { tone, left } if *left > 0 => {
                *left -= 1;
                return Some(tone.frame());
            }
            State::Down { .. } => {
                self.state = State::Up { left: PAUSE_FRAMES };
                return None;
            }
            State::Up { .. } | State::Idle => {}
        }
        self.state = State::Idle;
        let (digit, frames) = self.waiting.pop_front()?;
        let mut tone = Tone::new(self.rate, &frequencies_of(digit)?, amplitude(LEVEL_DBM0) as i16);
        let first = tone.frame();
        self.state = State::Down { tone, left: frames - 1 };
        Some(first)
    }

    /// Whether a key sounds or waits, or the pause after one lasts.
    pub fn is_busy(&self) -> bool {
        !matches!(self.state, State::Idle) || !self.waiting.is_empty()
    }

    /// Whether the frame that was asked for last is a key's.
    pub fn is_down(&self) -> bool {
        matches!(self.state, State::Down { .. })
    }
}

/// A long number with its extension; more than that is a script gone wrong.
const WAITING_MAX: usize = 64;

/// Shorter tones are heard on good lines alone.
const LENGTH_MIN: Duration = Duration::from_millis(60);

/// Longer is held for no purpose.
const LENGTH_MAX: Duration = Duration::from_secs(2);

/// 80 ms, twice what ITU-T Q.24 asks for.
const PAUSE_FRAMES: u32 = 4;

/// Of each of the two tones: as loud as phones dial.
const LEVEL_DBM0: f64 = -7.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::level;

    #[test]
    fn a_key_sounds_for_its_length_and_a_pause_follows() {
        let mut sender = ToneSender::new(SampleRate::Narrow);
        "5x5".chars().for_each(|key| sender.press(key, Duration::from_millis(90)));
        let sounds: Vec<bool> = (0..20)
            .map(|_| {
                let frame = sender.frame();
                assert_eq!(frame.is_some(), sender.is_down());
                frame.is_some_and(|frame| level(frame.samples(), 8_000, 770.0) > 9_000.0)
            })
            .collect();
        let heard: String = sounds.iter().map(|&sounds| if sounds { '#' } else { '.' }).collect();
        assert_eq!(heard, "#####....#####......");
        assert!(!sender.is_busy());
    }
}
