//! Decayed sums: a customer's past, as numbers that a menu can be ordered by.
//!
//! The convention of `Story::sums`, which the store fills by this function and `ivr::order` reads:
//!
//! | key | value |
//! |---|---|
//! | `habit:<item>` | own choices of the item in menus, each `w * 2^(-age / half_life_choices)`; a choice backed out of counts against it |
//! | `evidence:<item>` | what happened elsewhere, each `w * 2^(-age / half_life_evidence)` |
//! | `last:<kind>:<item>` | when the youngest such event was, ms since 1970 UTC; for the explanation in words |
//! | `count` | how many past events there are in all, undecayed |
//!
//! An item id names a matter (`delivery`), the same in every menu and every channel: that is what lets a chat teach a menu. Sums are
//! therefore kept by item, not by node.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::ids::UtcMillis;

/// One past event of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    pub item: String,
    pub kind: Kind,
    pub at: UtcMillis,
}

/// What kind of event it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Chosen in a menu.
    Choice,
    /// A chat was about it.
    ChatIntent,
    /// An agent wrapped up with it as the reason.
    Wrapup,
    /// Its page was visited.
    Portal,
    /// Chosen in a menu, and left again within `BACKED_OUT_WITHIN`.
    BackedOut,
}

impl Kind {
    /// As in `last:<kind>:<item>`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Choice => "choice",
            Self::ChatIntent => "chat_intent",
            Self::Wrapup => "wrapup",
            Self::Portal => "portal",
            Self::BackedOut => "backed_out",
        }
    }

    /// All of them, the most telling first.
    pub const ALL: [Self; 5] = [Self::ChatIntent, Self::Wrapup, Self::Portal, Self::Choice, Self::BackedOut];
}

/// What an event is worth, and how fast it fades.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// Habits are weak and long.
    pub half_life_choices: Duration,
    /// Evidence is strong and short-lived.
    pub half_life_evidence: Duration,
    pub choice: f64,
    pub chat_intent: f64,
    pub wrapup: f64,
    pub portal: f64,
    /// Below zero: the item was a mistake.
    pub backed_out: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            half_life_choices: Duration::from_secs(120 * 86_400),
            half_life_evidence: Duration::from_secs(2 * 86_400),
            choice: 1.0,
            chat_intent: 6.0,
            wrapup: 4.0,
            portal: 2.0,
            backed_out: -0.5,
        }
    }
}

/// Sums up a customer's past as of `at`. Events of the future, by a clock that is ahead, count as of now.
pub fn sums<'a>(events: impl IntoIterator<Item = &'a Past>, weights: &Weights, at: UtcMillis) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    for event in events {
        let (family, weight, half_life) = match event.kind {
            Kind::Choice => ("habit", weights.choice, weights.half_life_choices),
            Kind::BackedOut => ("habit", weights.backed_out, weights.half_life_choices),
            Kind::ChatIntent => ("evidence", weights.chat_intent, weights.half_life_evidence),
            Kind::Wrapup => ("evidence", weights.wrapup, weights.half_life_evidence),
            Kind::Portal => ("evidence", weights.portal, weights.half_life_evidence),
        };
        let age = Duration::from_millis(at.0.saturating_sub(event.at.0));
        *sums.entry(format!("{family}:{}", event.item)).or_insert(0.0) += weight * decay(age, half_life);
        let last = sums.entry(format!("last:{}:{}", event.kind.name(), event.item)).or_insert(0.0);
        *last = last.max(millis(event.at));
        *sums.entry("count".to_owned()).or_insert(0.0) += 1.0;
    }
    sums
}

/// What is left of a weight after `age`.
fn decay(age: Duration, half_life: Duration) -> f64 {
    if half_life.is_zero() { 0.0 } else { (-(age.as_secs_f64() / half_life.as_secs_f64())).exp2() }
}

/// Exact up to 2^53 ms, some 285 000 years.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of our age fit an f64")]
fn millis(at: UtcMillis) -> f64 {
    at.0 as f64
}

/// A choice left sooner than this was a mistake.
pub const BACKED_OUT_WITHIN: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400_000;
    const NOW: UtcMillis = UtcMillis(1_000 * DAY);

    fn past(item: &str, kind: Kind, days_ago: u64) -> Past {
        Past { item: item.into(), kind, at: UtcMillis(NOW.0 - days_ago * DAY) }
    }

    #[test]
    fn evidence_halves_in_two_days_and_a_habit_in_four_months() {
        let sums = sums(&[past("delivery", Kind::ChatIntent, 2), past("billing", Kind::Choice, 120)], &Weights::default(), NOW);
        assert!((sums["evidence:delivery"] - 3.0).abs() < 1e-9);
        assert!((sums["habit:billing"] - 0.5).abs() < 1e-9);
        assert!((sums["count"] - 2.0).abs() < 1e-9);
    }

    #[test]
    fn backing_out_counts_against_the_item() {
        let sums = sums(&[past("billing", Kind::BackedOut, 0)], &Weights::default(), NOW);
        assert!((sums["habit:billing"] + 0.5).abs() < 1e-9);
    }

    #[test]
    fn the_youngest_event_of_a_kind_is_remembered() {
        let sums = sums(&[past("delivery", Kind::ChatIntent, 1), past("delivery", Kind::ChatIntent, 9)], &Weights::default(), NOW);
        assert!((sums["last:chat_intent:delivery"] - millis(UtcMillis(NOW.0 - DAY))).abs() < 0.5);
    }

    #[test]
    fn a_clock_that_is_ahead_makes_no_event_worth_more() {
        let ahead = Past { item: "x".into(), kind: Kind::Portal, at: UtcMillis(NOW.0 + DAY) };
        assert!((sums(&[ahead], &Weights::default(), NOW)["evidence:x"] - 2.0).abs() < 1e-9);
    }
}
