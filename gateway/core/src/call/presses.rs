//! A leg's keys of late, so that a key which comes by two ways is one: as an RTP event and in an INFO, say, as some carriers send it.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::{Call, turn::Turn};
use crate::{events::leg::KeySource, ids::LegId, private::Private};

/// Keys that were told, each with the ways by which it has come.
#[derive(Debug, Default)]
pub(super) struct Presses(VecDeque<Press>);

#[derive(Debug)]
struct Press {
    digit: Private<char>,
    ended: Instant,
    sources: Vec<KeySource>,
}

impl Presses {
    /// Whether a key that has ended now is one that was told before. Each way tells a key once, so that of two quick presses of one key,
    /// both by two ways, the second report of either way is the second press.
    fn is_repeat(&mut self, now: Instant, digit: &Private<char>, length: Duration, source: KeySource) -> bool {
        let began = now.checked_sub(length).unwrap_or(now);
        self.0.retain(|press| began.saturating_duration_since(press.ended) < KEPT);
        let same = |press: &&mut Press| press.digit == *digit && began <= press.ended + APART_MAX && !press.sources.contains(&source);
        if let Some(press) = self.0.iter_mut().find(same) {
            press.sources.push(source);
            return true;
        }
        if self.0.len() == PRESSES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Press { digit: digit.clone(), ended: now, sources: vec![source] });
        false
    }
}

impl Call {
    /// Whether this key of a leg's was told before, by another way.
    pub(super) fn is_repeat(&mut self, leg: LegId, digit: &Private<char>, length: Duration, source: KeySource, turn: &Turn<'_>) -> bool {
        let presser = std::iter::once(&mut self.caller).chain(&mut self.far).find(|one| one.id == leg);
        presser.is_some_and(|leg| leg.presses.is_repeat(turn.now.instant, digit, length, source))
    }
}

/// Signalling and a jitter buffer may be this far apart.
const APART_MAX: Duration = Duration::from_millis(300);

/// A key that begins later than this after another is another.
const KEPT: Duration = Duration::from_secs(2);

/// Nobody presses more in that time; the oldest is forgotten.
const PRESSES_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use KeySource::{Event, Info, Tone};

    /// Which reports, at these ms, of this key, length in ms and way, are told.
    fn told(reports: &[(u64, char, u64, KeySource)]) -> Vec<u64> {
        let (zero, mut presses) = (crate::now::testing::zero(), Presses::default());
        let ms = Duration::from_millis;
        let is_told = |&&(at, digit, length, source): &&(u64, char, u64, KeySource)| {
            !presses.is_repeat(zero + ms(1_000 + at), &Private(digit), ms(length), source)
        };
        reports.iter().filter(is_told).map(|(at, ..)| *at).collect()
    }

    #[test]
    fn a_key_that_comes_by_three_ways_is_one() {
        assert_eq!(told(&[(0, '5', 160, Info), (90, '5', 100, Event), (180, '5', 100, Tone)]), [0]);
        assert_eq!(told(&[(0, '5', 160, Info), (2_000, '5', 2_000, Event)]), [0], "held for long, and told of at its beginning");
        assert_eq!(told(&[(0, '5', 100, Event), (60, '6', 100, Info)]), [0, 60], "another key");
        assert_eq!(told(&[(0, '5', 100, Event), (800, '5', 100, Info)]), [0, 800], "another time");
    }

    #[test]
    fn quick_presses_of_one_key_stay_as_many() {
        assert_eq!(told(&[(0, '5', 80, Event), (160, '5', 80, Event), (320, '5', 80, Event)]), [0, 160, 320]);
        let both = [(0, '5', 80, Event), (120, '5', 160, Info), (160, '5', 80, Event), (280, '5', 160, Info)];
        assert_eq!(told(&both), [0, 160]);
    }
}
