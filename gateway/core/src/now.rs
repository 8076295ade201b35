//! Time as a value.

use std::time::Instant;

use crate::ids::UtcMillis;

/// Time, stamped by the shell once per wake: `instant` for timers, `utc` for what is written. The core reads no clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    pub instant: Instant,
    pub utc: UtcMillis,
}
