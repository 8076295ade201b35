//! Clips: speech and music that ports can play.

use std::{collections::BTreeMap, sync::Arc};

/// Mono 16-bit audio, resampled once when it is loaded so that a play costs no conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clip {
    /// At 8 kHz, for G.711.
    pub narrow: Arc<[i16]>,
    /// At 48 kHz, for Opus.
    pub full: Arc<[i16]>,
}

/// Clips by name, `<lang>/<prompt id>` or `music/<name>`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClipBook {
    /// By name.
    pub clips: BTreeMap<String, Arc<Clip>>,
}
