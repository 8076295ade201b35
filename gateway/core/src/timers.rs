//! Deadlines in order.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// Timers by key: at most one per key, and the earliest is always at hand.
///
/// `K` is an enum whose variants say what falls due; two keys due at the same instant fire in the order of `K`.
#[derive(Debug, Clone)]
pub struct TimerTable<K> {
    by_time: BTreeSet<(Instant, K)>,
    by_key: BTreeMap<K, Instant>,
    /// Instants that `set_about` gave to more than one timer, or may.
    shared: BTreeSet<Instant>,
}

impl<K: Ord + Clone> TimerTable<K> {
    /// Nothing is awaited.
    pub fn new() -> Self {
        Self { by_time: BTreeSet::new(), by_key: BTreeMap::new(), shared: BTreeSet::new() }
    }

    /// Sets or moves a timer.
    pub fn set(&mut self, key: K, at: Instant) {
        self.stop(&key);
        self.by_time.insert((at, key.clone()));
        self.by_key.insert(key, at);
    }

    /// Sets or moves a timer that may come up to `slack` late: it shares a wake with others where it can.
    pub fn set_about(&mut self, key: K, at: Instant, slack: Duration) {
        let latest = at + slack;
        let shared = self.shared.range(at..=latest).next().copied().unwrap_or(latest);
        self.shared.insert(shared);
        self.set(key, shared);
    }

    /// Stops a timer; `false` if it was not set.
    pub fn stop(&mut self, key: &K) -> bool {
        match self.by_key.remove(key) {
            Some(at) => self.by_time.remove(&(at, key.clone())),
            None => false,
        }
    }

    /// Takes the earliest timer that is due at `now`.
    pub fn pop_due(&mut self, now: Instant) -> Option<K> {
        let (at, _) = self.by_time.first()?;
        if *at > now {
            return None;
        }
        let (_, key) = self.by_time.pop_first()?;
        self.by_key.remove(&key);
        while self.shared.first().is_some_and(|shared| *shared <= now) {
            self.shared.pop_first();
        }
        Some(key)
    }

    /// When `key` falls due, if it is set.
    pub fn get(&self, key: &K) -> Option<Instant> {
        self.by_key.get(key).copied()
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }
}

impl<K: Ord + Clone> Default for TimerTable<K> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_due_timer_comes_first_and_only_once() {
        let zero = crate::now::testing::zero();
        let at = |ms| zero + Duration::from_millis(ms);
        let mut timers = TimerTable::new();
        timers.set("late", at(20));
        timers.set("early", at(10));
        timers.set("late", at(5));
        assert_eq!(timers.pop_due(at(4)), None);
        assert_eq!(timers.pop_due(at(10)), Some("late"));
        assert_eq!(timers.next(), Some(at(10)));
        assert!(timers.stop(&"early"));
        assert_eq!(timers.pop_due(at(100)), None);
    }

    #[test]
    fn timers_that_may_be_late_share_a_wake_and_are_never_early_nor_later_than_they_may() {
        let zero = crate::now::testing::zero();
        let at = |ms| zero + Duration::from_millis(ms);
        let mut timers = TimerTable::new();
        for (key, ms) in [("first", 1_000), ("second", 1_090), ("third", 1_110), ("exact", 1_050)] {
            if key == "exact" {
                timers.set(key, at(ms));
            } else {
                timers.set_about(key, at(ms), Duration::from_millis(100));
            }
        }
        assert_eq!(timers.pop_due(at(1_099)), Some("exact"));
        assert_eq!(timers.pop_due(at(1_099)), None);
        assert_eq!((timers.pop_due(at(1_100)), timers.pop_due(at(1_100))), (Some("first"), Some("second")));
        assert_eq!(timers.next(), Some(at(1_210)));
        assert_eq!(timers.pop_due(at(1_210)), Some("third"));
    }
}
