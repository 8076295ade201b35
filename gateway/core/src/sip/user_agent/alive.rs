//! Is the peer of a standing call still there? An OPTIONS within its dialog tells (RFC 3261 11, 12.2.1.2).

use std::sync::Arc;

use rand::Rng;

use super::{UsageId, UserAgent, clients::Role, usage::Phase};
use crate::{
    now::Now,
    sip::{Method, Response},
};

impl<R: Rng> UserAgent<R> {
    /// Asks the peer for a sign of life. A peer that answers at all lives, whatever it says; one that answers 408 or 481, or nothing for
    /// 64*T1, is `Lost`. One question at a time.
    pub fn ask_alive(&mut self, now: Now, usage: UsageId) {
        let Some(held) = self.usages.get_mut(&usage) else { return };
        if !matches!(held.phase, Phase::Confirmed) || held.is_asked_alive {
            return;
        }
        held.is_asked_alive = true;
        let Some((mut options, path)) = self.request_within(usage, Method::Options) else { return };
        options.headers.push("Accept", "application/sdp");
        self.open_client(now, Arc::new(options), path, usage, Role::Alive);
    }

    pub(super) fn alive_answered(&mut self, now: Now, id: UsageId, response: &Response) {
        if response.is_provisional() {
            return;
        }
        let Some(usage) = self.usages.get_mut(&id).filter(|usage| matches!(usage.phase, Phase::Confirmed)) else { return };
        usage.is_asked_alive = false;
        if matches!(response.status, 408 | 481) {
            self.lose(now, id);
        }
    }
}
