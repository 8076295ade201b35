//! Deadlines in order.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

/// Timers by key: at most one per key, and the earliest is always at hand.
///
/// `K` is an enum whose variants say what falls due; two keys due at the same instant fire in the order of `K`.
#[derive(Debug, Clone)]
pub struct TimerTable<K> {
    by_time: BTreeSet<(Instant, K)>,
    by_key: BTreeMap<K, Instant>,
}

impl<K: Ord + Clone> TimerTable<K> {
    /// Nothing is awaited.
    pub fn new() -> Self {
        Self { by_time: BTreeSet::new(), by_key: BTreeMap::new() }
    }

    /// Sets or moves a timer.
    pub fn set(&mut self, key: K, at: Instant) {
        self.stop(&key);
        self.by_time.insert((at, key.clone()));
        self.by_key.insert(key, at);
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
    use std::time::Duration;

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
}
