//! How much a trunk may carry: calls at once, and new calls per second.

use std::time::{Duration, Instant};

use crate::config::Peering;

/// One trunk's load against its limits.
#[derive(Debug, Clone)]
pub struct Limits {
    calls_max: Option<u32>,
    calls: u32,
    rate: Option<Rate>,
}

/// Which limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// `calls_max`.
    Calls(u32),
    /// `cps_max`.
    Rate(u32),
}

impl Limits {
    /// Nothing is carried yet.
    pub fn new(peering: &Peering) -> Self {
        Self { calls_max: peering.calls_max, calls: 0, rate: peering.cps_max.map(Rate::new) }
    }

    /// Takes a place for one call, or says which limit is in the way; what is refused counts against none.
    pub fn take(&mut self, now: Instant) -> Result<(), Full> {
        self.look(now)?;
        if let Some(rate) = &mut self.rate {
            rate.spend(now);
        }
        self.calls += 1;
        Ok(())
    }

    /// The same without taking.
    pub fn look(&self, now: Instant) -> Result<(), Full> {
        if let Some(most) = self.calls_max.filter(|most| self.calls >= *most) {
            return Err(Full::Calls(most));
        }
        match &self.rate {
            Some(rate) if rate.level_at(now) < WHOLE => Err(Full::Rate(rate.per_s)),
            Some(_) | None => Ok(()),
        }
    }

    /// A call is over.
    pub fn release(&mut self) {
        self.calls = self.calls.saturating_sub(1);
    }

    /// The configuration has changed; the calls stay.
    pub fn change(&mut self, peering: &Peering) {
        self.calls_max = peering.calls_max;
        if self.rate.as_ref().map(|rate| rate.per_s) != peering.cps_max {
            self.rate = peering.cps_max.map(Rate::new);
        }
    }

    /// Calls at present.
    pub fn calls(&self) -> u32 {
        self.calls
    }
}

/// A bucket of tokens, one for each call; it holds a second's worth and fills evenly.
#[derive(Debug, Clone)]
struct Rate {
    per_s: u32,
    /// In millionths of a call, as of `at`; full before the first call.
    level: u64,
    at: Option<Instant>,
}

impl Rate {
    fn new(per_s: u32) -> Self {
        Self { per_s, level: u64::from(per_s) * WHOLE, at: None }
    }

    fn level_at(&self, now: Instant) -> u64 {
        let full = u64::from(self.per_s) * WHOLE;
        let Some(at) = self.at else { return full };
        let past = now.saturating_duration_since(at).min(Duration::from_secs(1));
        let filled = u64::try_from(past.as_micros()).unwrap_or(u64::MAX).saturating_mul(u64::from(self.per_s));
        self.level.saturating_add(filled).min(full)
    }

    fn spend(&mut self, now: Instant) {
        self.level = self.level_at(now).saturating_sub(WHOLE);
        self.at = Some(now);
    }
}

/// One call.
const WHOLE: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(calls_max: Option<u32>, cps_max: Option<u32>) -> Limits {
        Limits::new(&Peering { calls_max, cps_max, ..Peering::default() })
    }

    #[test]
    fn calls_at_once_are_counted_and_a_place_that_is_given_back_can_be_had_again() {
        let now = crate::now::testing::zero();
        let mut limits = limits(Some(2), None);
        assert_eq!((limits.take(now), limits.take(now), limits.take(now)), (Ok(()), Ok(()), Err(Full::Calls(2))));
        limits.release();
        assert_eq!((limits.take(now), limits.calls()), (Ok(()), 2));
    }

    #[test]
    fn a_rate_lets_a_second_of_calls_through_at_once_and_then_one_at_a_time() {
        let zero = crate::now::testing::zero();
        let at = |ms| zero + Duration::from_millis(ms);
        let mut limits = limits(None, Some(10));
        let through = (0..30).filter(|_| limits.take(at(0)).is_ok()).count();
        assert_eq!(through, 10);
        assert_eq!(limits.take(at(99)), Err(Full::Rate(10)));
        assert_eq!((limits.take(at(100)), limits.take(at(100))), (Ok(()), Err(Full::Rate(10))));
        // In the long run it is the rate: 10 s of 100 tries a second.
        let through = (0..1000).filter(|n| limits.take(at(200 + n * 10)).is_ok()).count();
        assert!((99..=101).contains(&through), "{through}");
    }

    #[test]
    fn without_limits_all_come_through() {
        let mut limits = limits(None, None);
        assert!((0..10_000).all(|_| limits.take(crate::now::testing::zero()).is_ok()));
    }
}
