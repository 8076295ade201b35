//! Clocks on the wire: RTP units and NTP timestamps.

use std::time::Duration;

/// Seconds since 1900 in 32.32 fixed point (RFC 3550 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// From milliseconds since 1970 UTC.
    pub fn from_unix_ms(ms: u64) -> Self {
        let seconds = (ms / 1_000).wrapping_add(SECONDS_1900_TO_1970);
        Self((seconds << 32).wrapping_add(((ms % 1_000) << 32) / 1_000))
    }

    /// Later by `elapsed`.
    pub fn after(self, elapsed: Duration) -> Self {
        let fraction = (u64::from(elapsed.subsec_nanos()) << 32) / 1_000_000_000;
        Self(self.0.wrapping_add(elapsed.as_secs() << 32).wrapping_add(fraction))
    }

    /// The middle 32 bits, as LSR has them (RFC 3550 6.4.1): units of 1/65536 s.
    pub fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }
}

/// RTP units in `elapsed` at `clock_rate` Hz; wraps as timestamps do.
pub fn units(elapsed: Duration, clock_rate: u32) -> u32 {
    (elapsed.as_nanos().wrapping_mul(u128::from(clock_rate)) / 1_000_000_000) as u32
}

/// The time that `units` take at `clock_rate` Hz.
pub fn span(units: u32, clock_rate: u32) -> Duration {
    Duration::from_nanos(u64::from(units) * 1_000_000_000 / u64::from(clock_rate.max(1)))
}

/// RFC 3550 4: NTP counts from 1900.
const SECONDS_1900_TO_1970: u64 = 2_208_988_800;

/// Where virtual time begins.
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an Instant has no other origin")]
pub(crate) fn zero() -> std::time::Instant {
    std::time::Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_an_ntp_time_counts_in_65536ths_of_a_second() {
        let start = NtpTime::from_unix_ms(1_000);
        assert_eq!(start.0 >> 32, 2_208_988_801);
        assert_eq!(start.after(Duration::from_millis(500)).middle().wrapping_sub(start.middle()), 32_768);
        assert_eq!(units(Duration::from_millis(20), 48_000), 960);
        assert_eq!(span(160, 8_000), Duration::from_millis(20));
    }
}
