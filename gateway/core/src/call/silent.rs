//! A leg that falls silent: is anyone there?
//!
//! Silence is no proof of death: phones suppress it, and whoever holds sends nothing. So a silent leg is asked by its signalling, again and
//! again while it stays silent; only one that answers neither way ends the call.

use std::time::Duration;

use super::{
    Call, Due,
    leg::{Leg, LegMedia},
    turn::Turn,
};
use crate::{
    events::{leg::LegCommand, media::Quality},
    ids::{LegId, PortId},
};

impl Call {
    /// Neither RTP nor RTCP has come for the configured time.
    pub(super) fn fell_silent(&mut self, port: PortId, turn: &mut Turn<'_>) {
        let Some(leg) = self.leg_mut(|leg| leg.port == Some(port)) else { return };
        // A browser that is gone says so itself (RFC 7675).
        if leg.media == LegMedia::Web || leg.over.is_some() {
            return;
        }
        leg.is_silent = true;
        let id = leg.id;
        turn.leg(id, LegCommand::Probe);
        self.ask_again(id, turn);
    }

    /// It has been asked, and the answer is not known to us: if it still says nothing, it is asked again.
    pub(super) fn still_silent(&mut self, id: LegId, turn: &mut Turn<'_>) {
        if self.leg_mut(|leg| leg.id == id).is_some_and(|leg| leg.is_silent && leg.over.is_none()) {
            turn.leg(id, LegCommand::Probe);
            self.ask_again(id, turn);
        }
    }

    /// A look at one port: whoever sends is not silent.
    pub(super) fn heard(&mut self, port: PortId, quality: Quality) {
        let Some(leg) = self.leg_mut(|leg| leg.port == Some(port)) else { return };
        let speaks = std::mem::replace(&mut leg.received, quality.received) != quality.received;
        if speaks {
            leg.is_silent = false;
            let id = leg.id;
            self.timers.stop(&Due::Silent(id));
        }
    }

    fn ask_again(&mut self, id: LegId, turn: &Turn<'_>) {
        let pause = Duration::from_secs(turn.config.media.timeout_s.into());
        self.timers.set(Due::Silent(id), turn.now.instant + pause);
    }

    fn leg_mut(&mut self, is_it: impl Fn(&Leg) -> bool) -> Option<&mut Leg> {
        std::iter::once(&mut self.caller).chain(&mut self.far).find(|leg| is_it(leg))
    }
}
