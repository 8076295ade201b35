//! The recorder's thread, in memory.

use std::collections::BTreeMap;

use gateway_core::{ids::RecordingId, plane::RecorderCommand};

/// How the disk behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    Good,
    /// Files are never closed.
    Hangs,
    /// Files fail at their end.
    Full,
}

/// One file: interleaved stereo.
#[derive(Debug, Clone, Default)]
pub struct Tape {
    pub rate: u32,
    pub samples: Vec<i16>,
    pub sealed: bool,
}

impl Tape {
    /// In ms.
    pub fn length_ms(&self) -> u64 {
        self.samples.len() as u64 / 2 * 1_000 / u64::from(self.rate.max(1))
    }

    /// One side: 0 is the caller's, 1 what the caller heard.
    pub fn side(&self, side: usize) -> Vec<i16> {
        self.samples.iter().skip(side).step_by(2).copied().collect()
    }
}

/// All files.
#[derive(Debug, Default)]
pub struct Recorder {
    pub tapes: BTreeMap<RecordingId, Tape>,
}

impl Recorder {
    /// Does as it is told; the name of a file that was closed by it.
    pub fn obey(&mut self, command: RecorderCommand) -> Option<RecordingId> {
        match command {
            RecorderCommand::Start { recording, rate } => {
                self.tapes.insert(recording, Tape { rate, ..Tape::default() });
                None
            }
            RecorderCommand::Append { recording, position, samples } => {
                let tape = self.tapes.entry(recording).or_default();
                tape.samples.resize(position as usize * 2, 0);
                tape.samples.extend(samples);
                None
            }
            RecorderCommand::Seal { recording } => {
                self.tapes.entry(recording).or_default().sealed = true;
                Some(recording)
            }
        }
    }
}
