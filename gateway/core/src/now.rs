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
    use std::time::{Duration, Instant};

    use super::Now;
    use crate::ids::UtcMillis;

    /// The start of a test's time.
    #[expect(clippy::disallowed_methods, reason = "an Instant can be had from nowhere else; tests only add to it")]
    pub(crate) fn zero() -> Instant {
        Instant::now()
    }

    /// `ms` after `zero`, on a Sunday in November 2026.
    pub(crate) fn at(zero: Instant, ms: u64) -> Now {
        Now { instant: zero + Duration::from_millis(ms), utc: UtcMillis(1_795_000_000_000 + ms) }
    }
}
