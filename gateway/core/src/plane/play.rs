//! A play: clips, one after the other, in frames of 20 ms.

use std::sync::Arc;

use media::{
    clip::Clip,
    frame::{Frame, SampleRate},
};

use crate::ids::PlayId;

/// What plays to one port.
#[derive(Debug)]
pub(super) struct Play {
    pub(super) id: PlayId,
    clips: Vec<Arc<Clip>>,
    repeat: bool,
    /// The clip that plays, and how far it has played.
    clip: usize,
    position: usize,
    /// What was sent ahead of the tick that it belongs to, where the play began between two ticks.
    ahead: Option<Frame>,
}

/// What a play does in one tick.
#[derive(Debug, Default)]
pub(super) struct Beat {
    /// To be sent now.
    pub(super) sent: Option<Frame>,
    /// What the port hears in this tick; with a head start it was sent in the one before.
    pub(super) heard: Option<Frame>,
}

impl Play {
    pub(super) fn new(id: PlayId, clips: Vec<Arc<Clip>>, repeat: bool) -> Self {
        Self { id, clips, repeat, clip: 0, position: 0, ahead: None }
    }

    /// The first 20 ms, to be sent at once: a caller's first word does not wait for the tick.
    pub(super) fn head_start(&mut self, rate: SampleRate) -> Option<Frame> {
        self.ahead = self.frame(rate);
        self.ahead.clone()
    }

    /// The next 20 ms; over when there is neither.
    pub(super) fn beat(&mut self, rate: SampleRate) -> Beat {
        let sent = self.frame(rate);
        match self.ahead.take() {
            Some(heard) => {
                self.ahead.clone_from(&sent);
                Beat { sent, heard: Some(heard) }
            }
            None => Beat { heard: sent.clone(), sent },
        }
    }

    /// The next 20 ms at the port's rate, the last of them filled up with silence; `None` when all is said.
    pub(super) fn frame(&mut self, rate: SampleRate) -> Option<Frame> {
        let mut frame = Frame::silence(rate);
        let mut rest = frame.samples_mut();
        let mut is_empty = true;
        let mut rounds = 0;
        while !rest.is_empty() {
            let Some(clip) = self.clips.get(self.clip) else {
                // A second round without a sample: there is nothing to repeat.
                rounds += 1;
                if !self.repeat || rounds > 1 && is_empty {
                    break;
                }
                self.clip = 0;
                continue;
            };
            let left = clip.at(rate).get(self.position..).unwrap_or_default();
            if left.is_empty() {
                (self.clip, self.position) = (self.clip + 1, 0);
                continue;
            }
            let len = left.len().min(rest.len());
            let (now, later) = rest.split_at_mut(len);
            now.copy_from_slice(&left[..len]);
            (rest, is_empty) = (later, false);
            self.position += len;
        }
        (!is_empty).then_some(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(len: usize) -> Arc<Clip> {
        Arc::new(Clip { narrow: vec![1; len].into(), wide: vec![1; len * 2].into(), full: vec![1; len * 6].into() })
    }

    #[test]
    fn clips_follow_each_other_without_a_gap() {
        let mut play = Play::new(PlayId(1), vec![clip(100), clip(0), clip(100)], false);
        assert!(play.frame(SampleRate::Narrow).unwrap().samples().iter().all(|&sample| sample == 1));
        assert_eq!(play.frame(SampleRate::Narrow).unwrap().samples().iter().filter(|&&sample| sample == 1).count(), 40);
        assert_eq!(play.frame(SampleRate::Narrow), None);
    }

    #[test]
    fn music_goes_round_but_nothing_does_not() {
        let mut play = Play::new(PlayId(1), vec![clip(30)], true);
        assert!((0..100).all(|_| play.frame(SampleRate::Full).is_some_and(|frame| !frame.samples().contains(&0))));
        assert_eq!(Play::new(PlayId(1), vec![clip(0)], true).frame(SampleRate::Full), None);
        assert_eq!(Play::new(PlayId(1), vec![], true).frame(SampleRate::Full), None);
    }
}
