//! Is a carrier's server there? Probes and calls say so, and one lost datagram decides nothing.

use std::collections::VecDeque;

use serde::Serialize;

use crate::ids::UtcMillis;

/// What is known of one server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Health {
    down: bool,
    /// Evidence in a row against what is believed.
    against: u32,
    recent: VecDeque<Sample>,
}

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// When it was asked, in ms since 1970 UTC.
    pub at: UtcMillis,
    /// From the question to the answer; `None` is silence.
    pub ms: Option<u32>,
    /// The SIP status of the answer.
    pub status: Option<u16>,
    /// `probe` or `call`.
    pub by: &'static str,
}

impl Health {
    /// Takes evidence in; `true` if it turned what is believed.
    pub(super) fn hear(&mut self, sample: Sample) -> bool {
        let good = is_there(sample.status);
        if self.recent.len() == SAMPLES_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(sample);
        if good != self.down {
            self.against = 0;
            return false;
        }
        self.against += 1;
        let enough = if self.down { SUCCESSES } else { FAILURES };
        if self.against < enough {
            return false;
        }
        self.down = !self.down;
        self.against = 0;
        true
    }

    pub(super) fn is_down(&self) -> bool {
        self.down
    }

    /// The last evidence speaks against what is believed, and is not enough.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.against > 0
    }

    /// The oldest first.
    pub(super) fn recent(&self) -> impl Iterator<Item = &Sample> {
        self.recent.iter()
    }
}

/// Does an answer, or silence, speak for a server? One that says 503 is there, and wants no calls (RFC 3261 21.5.4).
pub(super) fn is_there(status: Option<u16>) -> bool {
    status.is_some_and(|status| status != 503)
}

/// Bad answers in a row that take a server out.
const FAILURES: u32 = 3;
/// Good ones that bring it back.
const SUCCESSES: u32 = 2;

/// A quarter of an hour of probes every half minute; the oldest is forgotten first.
const SAMPLES_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(status: Option<u16>) -> Sample {
        Sample { at: UtcMillis(0), ms: status.map(|_| 5), status, by: "probe" }
    }

    #[test]
    fn three_silences_take_a_server_out_and_two_answers_bring_it_back() {
        let mut health = Health::default();
        let mut turns = Vec::new();
        for (n, status) in
            [None, None, Some(200), None, None, None, None, Some(200), None, Some(405), Some(200), Some(200)].into_iter().enumerate()
        {
            if health.hear(sample(status)) {
                turns.push((n, health.is_down()));
            }
        }
        assert_eq!(turns, [(5, true), (10, false)]);
    }

    #[test]
    fn a_server_that_drains_is_treated_as_away_and_any_other_answer_as_life() {
        let mut health = Health::default();
        assert!((0..10).all(|_| !health.hear(sample(Some(404)))));
        assert_eq!((0..3).map(|_| health.hear(sample(Some(503)))).collect::<Vec<_>>(), [false, false, true]);
    }

    #[test]
    fn history_is_bounded() {
        let mut health = Health::default();
        (0..1000).for_each(|_| {
            health.hear(sample(Some(200)));
        });
        assert_eq!(health.recent().count(), SAMPLES_MAX);
    }
}
