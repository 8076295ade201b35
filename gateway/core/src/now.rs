//! Time as a value.

use std::time::Instant;

use crate::ids::UtcMillis;

/// Time, stamped by the shell once per wake: `instant` for timers, `utc` for what is written. The core reads no clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    pub instant: Instant,
    pub utc: UtcMillis,
}

#[cfg(test)]
pub(crate) mod testing {
    use std::time::Instant;

    /// The start of a test's time.
    #[expect(clippy::disallowed_methods, reason = "an Instant can be had from nowhere else; tests only add to it")]
    pub(crate) fn zero() -> Instant {
        Instant::now()
    }
}
