//! The one place that reads the clocks.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use gateway_core::{ids::UtcMillis, now::Now};

/// Both clocks, read together.
pub(crate) fn stamp() -> Now {
    // A clock before 1970 is set wrong; what is written then says 1970.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now { instant: Instant::now(), utc: UtcMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)) }
}
