//! Hanging up, from either side (RFC 3261 15).

use std::sync::Arc;

use rand::Rng;

use super::{Refusal, UaEvent, UsageId, UserAgent, clients::Role, screen::Arrival, usage::Phase};
use crate::{
    cause::Cause,
    now::Now,
    sip::{Method, Request, header::reason},
};

impl<R: Rng> UserAgent<R> {
    /// Ends a usage in the way that its state asks for: BYE, CANCEL, or a refusal with the cause's status (480 where that is none).
    pub fn bye(&mut self, now: Now, usage: UsageId, cause: Cause) {
        let Some(held) = self.usages.get_mut(&usage) else { return };
        match held.phase {
            Phase::Confirmed if held.unacked.is_some() => held.farewell = Some(cause.q850),
            Phase::Confirmed => self.hang_up(now, usage, cause.q850),
            Phase::Inviting { .. } => self.cancel(now, usage, cause),
            Phase::Invited { .. } => {
                let status = if (300..700).contains(&cause.sip) { cause.sip } else { 480 };
                let q850 = (cause.q850 != 0).then_some(cause.q850);
                self.refuse(now, usage, &Refusal { q850, ..Refusal::new(status) });
            }
            Phase::Ended => {}
        }
    }

    /// BYE now. `q850` of 0 says nothing of why.
    pub(super) fn hang_up(&mut self, now: Now, id: UsageId, q850: u8) {
        self.drop_asked(now, id);
        if let Some((mut bye, path)) = self.request_within(id, Method::Bye) {
            if q850 != 0 {
                bye.headers.push("Reason", reason::print_q850(q850));
            }
            self.open_client(now, Arc::new(bye), path, id, Role::Bye(false));
        }
        if let Some(usage) = self.usages.get_mut(&id) {
            usage.said_bye = true;
        }
        self.end(id);
    }

    pub(super) fn receive_bye(&mut self, now: Now, id: UsageId, arrival: Arrival, request: &Request) {
        let reason = reason::q850(&request.headers);
        let tx = self.open_server(request, arrival.key, arrival.reply, Some(id));
        self.respond(now, tx, &request.answer(200, None));
        self.drop_asked(now, id);
        match self.usages.get(&id).map(|usage| &usage.phase) {
            Some(Phase::Invited { .. }) => self.terminate_invite(now, id, reason),
            Some(Phase::Confirmed) => {
                self.tell(UaEvent::Bye { usage: id, reason });
                self.end(id);
            }
            // A called party does not hang up before it answers (15); its INVITE will be refused by itself.
            Some(Phase::Inviting { .. } | Phase::Ended) | None => {}
        }
    }

    /// "The UAS MUST still respond to any pending requests" (15.1.2), with 487.
    fn drop_asked(&mut self, now: Now, id: UsageId) {
        if let Some(asked) = self.usages.get_mut(&id).and_then(|usage| usage.asked.take()) {
            self.respond(now, asked.tx, &asked.request.answer(487, None));
        }
    }
}
