//! Changing a call that stands: hold, resume, codec, address (RFC 3261 14).

use std::{sync::Arc, time::Duration};

use rand::Rng;

use super::{
    ALLOW, Refusal, TimerKey, UaEvent, UsageId, UserAgent,
    clients::Role,
    invited::put_refusal,
    usage::{Asking, Phase},
};
use crate::{
    events::wire::Path,
    now::Now,
    sip::{
        Method, Request, Response,
        transaction::{T1, T1_64},
    },
};

impl<R: Rng> UserAgent<R> {
    /// Asks for other media. `ReinviteAnswered` or `ReinviteRefused` follows, unless the call ends first.
    ///
    /// One at a time: a second one while the first is on its way is refused with 491 at once. Glare with the peer's is waited out here.
    pub fn reinvite(&mut self, now: Now, usage: UsageId, sdp: &str) {
        let Some(held) = self.usages.get_mut(&usage).filter(|held| matches!(held.phase, Phase::Confirmed)) else { return };
        if held.asking.as_ref().is_some_and(|asking| asking.is_running) {
            return self.tell(UaEvent::ReinviteRefused { usage, status: 491 });
        }
        held.asking = Some(Asking { sdp: sdp.to_owned(), glares: 0, challenges: 0, is_running: false, tx: None });
        self.start_waiting_reinvite(now, usage);
    }

    /// Takes the peer's re-INVITE; `sdp` is our answer, or our offer where it had none. `Acked` follows, save for an UPDATE.
    pub fn accept_reinvite(&mut self, now: Now, usage: UsageId, sdp: &str) {
        let Some(asked) = self.usages.get_mut(&usage).and_then(|held| held.asked.take()) else { return };
        self.refresh_target(usage, &asked.request);
        let mut response = asked.request.answer(200, None);
        if let Some(held) = self.usages.get(&usage) {
            self.put_dialog_headers(held, &asked.request, &mut response);
        }
        response.headers.push("Allow", ALLOW);
        response.set_sdp(sdp);
        match asked.request.method == Method::Invite {
            true => self.send_success(now, usage, asked.tx, &response),
            false => {
                self.respond(now, asked.tx, &response);
                self.start_waiting_reinvite(now, usage);
            }
        }
    }

    /// Does not take it: the session stands as before.
    pub fn refuse_reinvite(&mut self, now: Now, usage: UsageId, refusal: &Refusal) {
        let Some(asked) = self.usages.get_mut(&usage).and_then(|held| held.asked.take()) else { return };
        let mut response = asked.request.answer(refusal.status.clamp(300, 699), None);
        put_refusal(&mut response, refusal);
        self.respond(now, asked.tx, &response);
        self.start_waiting_reinvite(now, usage);
    }

    /// Whatever stood in its way is over; but a glare is waited out in full.
    pub(super) fn start_waiting_reinvite(&mut self, now: Now, id: UsageId) {
        if self.timers.get(&TimerKey::Retry(id)).is_none() {
            self.start_reinvite(now, id);
        }
    }

    pub(super) fn start_reinvite(&mut self, now: Now, id: UsageId) {
        let Some(usage) = self.usages.get(&id) else { return };
        let is_free = matches!(usage.phase, Phase::Confirmed) && usage.asked.is_none() && usage.unacked.is_none();
        if !is_free || usage.farewell.is_some() || usage.asking.as_ref().is_none_or(|asking| asking.is_running) {
            return;
        }
        let (endpoint, advertised) = (usage.endpoint, usage.advertised);
        let contact = self.contact_of(usage);
        let via = self.mint_via(endpoint, advertised);
        let Some(path) = self.way_within(id) else { return };
        let Some(usage) = self.usages.get_mut(&id) else { return };
        let (Some(dialog), Some(asking)) = (&mut usage.dialog, &mut usage.asking) else { return };
        asking.is_running = true;
        let mut request = dialog.next_request(Method::Invite, via);
        request.headers.push("Contact", contact);
        request.headers.push("Allow", ALLOW);
        request.set_sdp(&asking.sdp);
        self.send_reinvite(now, id, request, path);
    }

    /// A peer that says 100 and no more holds no one up for longer than one that says nothing.
    fn send_reinvite(&mut self, now: Now, id: UsageId, request: Request, path: Path) {
        let tx = self.open_client(now, Arc::new(request), path, id, Role::Reinvite);
        if let Some(asking) = self.usages.get_mut(&id).and_then(|usage| usage.asking.as_mut()) {
            asking.tx = Some(tx);
        }
        // A little more than 64*T1, so that plain silence is the transaction's to report.
        self.set_timer(now, TimerKey::ReinviteWait(id), T1_64 + T1);
    }

    pub(super) fn give_up_reinvite(&mut self, now: Now, id: UsageId) {
        let Some(usage) = self.usages.get(&id) else { return };
        let is_over = matches!(usage.phase, Phase::Ended);
        let Some(tx) = usage.asking.as_ref().and_then(|asking| asking.tx) else { return };
        self.abandon_client(tx);
        if is_over {
            return;
        }
        self.tell(UaEvent::Bye { usage: id, reason: None });
        self.hang_up(now, id, RECOVERY_ON_TIMER_EXPIRY);
    }

    pub(super) fn reinvite_answered(&mut self, now: Now, id: UsageId, request: &Request, response: &Response) {
        if response.is_provisional() {
            return;
        }
        self.timers.stop(&TimerKey::ReinviteWait(id));
        if response.is_success() {
            return self.reinvite_taken(now, id, request, response);
        }
        let Some(usage) = self.usages.get_mut(&id).filter(|usage| matches!(usage.phase, Phase::Confirmed)) else { return };
        let is_caller = usage.is_caller;
        let Some(asking) = &mut usage.asking else { return };
        match response.status {
            491 if asking.glares < GLARES_MAX => {
                asking.glares += 1;
                asking.is_running = false;
                asking.tx = None;
                let pause = self.glare_pause(is_caller);
                self.set_timer(now, TimerKey::Retry(id), pause);
            }
            401 | 407 if asking.challenges == 0 => {
                asking.challenges = 1;
                let again = self.authorized(id, request, response);
                let path = self.way_within(id);
                match again.zip(path) {
                    Some((again, path)) => self.send_reinvite(now, id, again, path),
                    None => self.reinvite_failed(id, response.status),
                }
            }
            // "If a UAC receives a 481 or a 408, or no response at all, it SHOULD terminate the dialog" (12.2.1.2).
            408 | 481 => {
                self.tell(UaEvent::Bye { usage: id, reason: None });
                self.hang_up(now, id, RECOVERY_ON_TIMER_EXPIRY);
            }
            status => self.reinvite_failed(id, status),
        }
    }

    fn reinvite_taken(&mut self, now: Now, id: UsageId, request: &Request, response: &Response) {
        let Some(usage) = self.usages.get_mut(&id) else { return };
        let is_over = matches!(usage.phase, Phase::Ended);
        let Some(dialog) = &mut usage.dialog else { return };
        dialog.refresh(&response.headers);
        let dialog = dialog.clone();
        let Some(path) = self.way_to(id, &dialog) else { return };
        if !self.acknowledge(id, &dialog, request, path) || is_over {
            return;
        }
        if let Some(usage) = self.usages.get_mut(&id) {
            usage.asking = None;
        }
        self.tell(UaEvent::ReinviteAnswered { usage: id, sdp: response.sdp() });
        self.start_waiting_reinvite(now, id);
    }

    fn reinvite_failed(&mut self, id: UsageId, status: u16) {
        if let Some(usage) = self.usages.get_mut(&id) {
            usage.asking = None;
        }
        self.tell(UaEvent::ReinviteRefused { usage: id, status });
    }

    /// 2.1 to 4 s for the owner of the Call-ID, 0 to 2 s for the other, in steps of 10 ms (14.1).
    fn glare_pause(&mut self, is_caller: bool) -> Duration {
        let chance = u64::from(self.rng.next_u32());
        Duration::from_millis(if is_caller { 2100 + chance % 191 * 10 } else { chance % 201 * 10 })
    }
}

/// Two ends that collide this often do not draw lots as they should.
const GLARES_MAX: u8 = 5;

/// Q.850.
const RECOVERY_ON_TIMER_EXPIRY: u8 = 102;
