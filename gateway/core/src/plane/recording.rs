//! A recording: what the caller said on the left, what the caller heard on the right, on the shard's one clock.
//!
//! The right side is the agent's while the two talk; before that and on hold it holds the prompts and the music. So a listener of the file
//! hears the call as the caller did, nobody whom the caller could not hear is on it, and no prompt is taken for the caller's own words.
//! Its rate is the caller's codec's: neither side of the caller's line ever carried more.

use std::time::{Duration, Instant};

use media::{
    frame::{Frame, SampleRate},
    resample::Resampler,
};

use super::RecorderCommand;
use crate::ids::{PortId, RecordingId};

/// One file as the shard sees it.
#[derive(Debug)]
pub(super) struct Recording {
    id: RecordingId,
    pub(super) caller: PortId,
    rate: SampleRate,
    is_paused: bool,
    /// Sound from the pause may still be in a jitter buffer until then.
    silent_until: Option<Instant>,
    /// Needed once the caller's codec has changed under the file.
    resamplers: [Option<Resampler>; 2],
    /// Interleaved samples that wait to be handed over, and the place of the first.
    batch: Vec<i16>,
    position: u64,
}

impl Recording {
    pub(super) fn new(id: RecordingId, caller: PortId, rate: SampleRate) -> Self {
        let (resamplers, batch) = ([None, None], Vec::new());
        Self { id, caller, rate, is_paused: false, silent_until: None, resamplers, batch, position: 0 }
    }

    pub(super) fn start(&self) -> RecorderCommand {
        RecorderCommand::Start { recording: self.id, rate: self.rate.hz() }
    }

    pub(super) fn pause(&mut self) {
        self.is_paused = true;
    }

    pub(super) fn resume(&mut self, now: Instant) {
        self.is_paused = false;
        self.silent_until = Some(now + RESUME_AFTER);
    }

    /// Adds 20 ms, silence where nobody speaks; returns a batch when one is full.
    pub(super) fn push(&mut self, now: Instant, left: Option<&Frame>, right: Option<&Frame>) -> Option<RecorderCommand> {
        let is_silent = self.is_paused || self.silent_until.is_some_and(|until| now < until);
        let rate = self.rate;
        let [left_resampler, right_resampler] = &mut self.resamplers;
        let left = converted(left.filter(|_| !is_silent), rate, left_resampler);
        let right = converted(right.filter(|_| !is_silent), rate, right_resampler);
        for (&left, &right) in left.samples().iter().zip(right.samples()) {
            self.batch.extend([left, right]);
        }
        (self.batch.len() >= BATCH_FRAMES * 2 * rate.frame_len()).then(|| self.hand_over())
    }

    /// What is left over, and the end.
    pub(super) fn seal(mut self) -> [RecorderCommand; 2] {
        [self.hand_over(), RecorderCommand::Seal { recording: self.id }]
    }

    fn hand_over(&mut self) -> RecorderCommand {
        let samples = std::mem::take(&mut self.batch);
        let position = self.position;
        self.position += samples.len() as u64 / 2;
        RecorderCommand::Append { recording: self.id, position, samples }
    }
}

fn converted(frame: Option<&Frame>, rate: SampleRate, resampler: &mut Option<Resampler>) -> Frame {
    match frame {
        None => Frame::silence(rate),
        Some(frame) if frame.rate() == rate => frame.clone(),
        Some(frame) => resampler.get_or_insert_with(|| Resampler::new(frame.rate(), rate)).convert(frame),
    }
}

/// 200 ms: few messages to the recorder's thread, and little lost in a crash.
const BATCH_FRAMES: usize = 10;

/// More than a jitter buffer holds, so that no digit of a card number that was spoken in the pause comes out after it.
const RESUME_AFTER: Duration = Duration::from_millis(280);
