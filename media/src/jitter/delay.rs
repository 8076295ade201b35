//! How much delay a stream needs: the spread of its arrivals, with a fading memory.

use std::time::{Duration, Instant};

use crate::{seq::timestamp_distance, time::span};

/// Watches how late packets come against the earliest of late.
#[derive(Debug, Clone)]
pub(super) struct Delay {
    clock_rate: u32,
    /// Arrival and timestamp that lateness is counted from.
    origin: Option<(Instant, u32)>,
    /// Shares of packets by lateness, in steps of `STEP`.
    shares: [f32; STEPS],
}

impl Delay {
    pub(super) fn new(clock_rate: u32) -> Self {
        Self { clock_rate, origin: None, shares: [0.0; STEPS] }
    }

    /// Forgets where the stream stood in time, but not how it jitters.
    pub(super) fn restart(&mut self) {
        self.origin = None;
    }

    pub(super) fn arrived(&mut self, now: Instant, timestamp: u32) {
        let Some((origin, first)) = self.origin else {
            self.origin = Some((now, timestamp));
            return;
        };
        let sent = timestamp_distance(first, timestamp);
        let due = if sent >= 0 {
            origin + span(sent.unsigned_abs(), self.clock_rate)
        } else {
            origin.checked_sub(span(sent.unsigned_abs(), self.clock_rate)).unwrap_or(origin)
        };
        let lateness = now.saturating_duration_since(due);
        if now < due {
            // The quickest packet yet: from now on lateness counts from it.
            self.origin = Some((now, timestamp));
        } else if lateness > RESTART {
            self.origin = Some((now, timestamp));
            return;
        } else if lateness > DELAY_MAX {
            // No buffer of ours would have saved it.
            return;
        } else if lateness < CREEP {
            // Clocks drift: let the origin follow a slower sender.
            self.origin = Some((origin + lateness / 64, first));
        }
        let step = ((lateness.as_millis() / STEP.as_millis()) as usize).min(STEPS - 1);
        self.shares.iter_mut().for_each(|share| *share *= 1.0 - MEMORY);
        self.shares[step] += MEMORY;
    }

    /// The 95th percentile of lateness with a packet's length on top, 20 to 200 ms.
    pub(super) fn target(&self) -> Duration {
        let total: f32 = self.shares.iter().sum();
        let mut sum = 0.0;
        let late = self.shares.iter().position(|share| {
            sum += share;
            sum >= 0.95 * total
        });
        let steps = if total < ENOUGH { 2 } else { late.unwrap_or(0) as u32 + 1 };
        (STEP * steps + STEP).clamp(DELAY_MIN, DELAY_MAX)
    }
}

const STEP: Duration = Duration::from_millis(10);
const STEPS: usize = 20;

/// A share of 1/128 per packet: 2.5 s of memory at 20 ms.
const MEMORY: f32 = 1.0 / 128.0;

/// Until some ten packets have come, 30 ms is the guess.
const ENOUGH: f32 = 0.08;

/// Later than this is not jitter, the sender's clock has jumped.
const RESTART: Duration = Duration::from_secs(1);

/// Below one step, lateness is drift as likely as jitter.
const CREEP: Duration = Duration::from_millis(10);

pub(super) const DELAY_MIN: Duration = Duration::from_millis(20);
pub(super) const DELAY_MAX: Duration = Duration::from_millis(200);
