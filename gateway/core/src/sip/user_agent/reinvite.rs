//! Changing a call that stands: hold, resume, codec, address (RFC 3261 14).

use std::{sync::Arc, time::Duration};

use rand::Rng;

use super::{
    ALLOW, Refusal, TimerKey, UaEvent, UsageId, UserAgent,
    clients::Role,
    invited::put_refusal,
    reliable::Exchange,
    usage::{Asking, Cancel, Phase},
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
    /// Before the answer it goes out as UPDATE, as soon as offer and answer have been exchanged reliably (RFC 3311 5.1), or it waits.
    pub fn reinvite(&mut self, now: Now, usage: UsageId, sdp: &str) {
        let Some(held) = self.usages.get_mut(&usage).filter(|held| !matches!(held.phase, Phase::Ended)) else { return };
        match held.asking.as_mut().filter(|asking| asking.is_running) {
            Some(asking) if asking.is_refresh && asking.next.is_none() => {
                asking.next = Some(sdp.to_owned());
                return;
            }
            Some(_) => return self.tell(UaEvent::ReinviteRefused { usage, status: 491 }),
            None => {}
        }
        let sdp = sdp.to_owned();
        held.asking = Some(Asking { sdp, glares: 0, challenges: 0, is_running: false, tx: None, is_refresh: false, next: None });
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
        let is_timed = asked.request.method != Method::Prack && self.is_confirmed(usage);
        if is_timed {
            self.agree_as_answerer(now, usage, &asked.request, &mut response);
        }
        response.set_sdp(sdp);
        let offer = asked.request.sdp();
        let offers = offer.is_none();
        if let Some(held) = self.usages.get_mut(&usage) {
            if let Some(offer) = &offer {
                held.agree_early(asked.request.from.tag().unwrap_or_default(), offer);
            }
            held.said = Some(sdp.to_owned());
            held.heard = offer.or(held.heard.take());
        }
        match asked.request.method == Method::Invite {
            true => self.send_success(now, usage, asked.tx, &response, offers),
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
        let may_update = usage.session.takes_update;
        let method = match &usage.phase {
            Phase::Confirmed => Method::Invite,
            Phase::Invited { .. } if may_update && usage.reliable.exchange == Exchange::Complete => Method::Update,
            Phase::Inviting { cancel: Cancel::Unwanted, .. } if may_update && self.is_own_agreed_early(id) => Method::Update,
            Phase::Invited { .. } | Phase::Inviting { .. } | Phase::Ended => return,
        };
        let is_free = usage.asked.is_none() && usage.unacked.is_none() && usage.farewell.is_none();
        if !is_free || usage.asking.as_ref().is_none_or(|asking| asking.is_running) {
            return;
        }
        let contact = self.contact_of(usage);
        let Some((mut request, path)) = self.request_within(id, method) else { return };
        let Some(asking) = self.usages.get_mut(&id).and_then(|usage| usage.asking.as_mut()) else { return };
        asking.is_running = true;
        let sdp = asking.sdp.clone();
        request.headers.push("Contact", contact);
        request.headers.push("Allow", ALLOW);
        if self.is_confirmed(id) {
            self.put_timer(id, &mut request.headers);
        }
        request.set_sdp(&sdp);
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
        if !is_over {
            self.reinvite_unheard(now, id, 408);
        }
    }

    /// "If a UAC receives a 481 or a 408, or no response at all, it SHOULD terminate the dialog" (12.2.1.2); an INVITE that is not answered
    /// yet has timers of its own.
    fn reinvite_unheard(&mut self, now: Now, id: UsageId, status: u16) {
        match self.is_confirmed(id) {
            true => self.lose(now, id),
            false => self.reinvite_failed(now, id, status),
        }
    }

    fn is_confirmed(&self, id: UsageId) -> bool {
        self.usages.get(&id).is_some_and(|usage| matches!(usage.phase, Phase::Confirmed))
    }

    pub(super) fn reinvite_answered(&mut self, now: Now, id: UsageId, request: &Request, response: &Response) {
        if response.is_provisional() {
            if response.status > 100 {
                self.take_provisional(now, id, request, response);
            }
            return;
        }
        self.timers.stop(&TimerKey::ReinviteWait(id));
        if response.is_success() {
            return self.reinvite_taken(now, id, request, response);
        }
        let Some(usage) = self.usages.get_mut(&id).filter(|usage| !matches!(usage.phase, Phase::Ended)) else { return };
        let is_caller = usage.is_caller;
        let Some(asking) = &mut usage.asking else { return };
        let is_refresh = asking.is_refresh;
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
                    None if is_refresh => {
                        self.reinvite_over(now, id);
                        self.refresh_refused(now, id, response.status, response, true);
                    }
                    None => self.reinvite_failed(now, id, response.status),
                }
            }
            408 | 481 => self.reinvite_unheard(now, id, response.status),
            // The same offer, for longer.
            422 if !is_refresh && self.is_worth_asking_longer(id, response) => {
                if let Some(asking) = self.usages.get_mut(&id).and_then(|usage| usage.asking.as_mut()) {
                    (asking.is_running, asking.tx) = (false, None);
                }
                self.start_reinvite(now, id);
            }
            status if is_refresh => {
                self.reinvite_over(now, id);
                self.refresh_refused(now, id, status, response, true);
            }
            status => self.reinvite_failed(now, id, status),
        }
    }

    fn reinvite_taken(&mut self, now: Now, id: UsageId, request: &Request, response: &Response) {
        let Some(usage) = self.usages.get_mut(&id) else { return };
        let is_over = matches!(usage.phase, Phase::Ended);
        let Some(dialog) = &mut usage.dialog else { return };
        dialog.refresh(&response.headers);
        let dialog = dialog.clone();
        let Some(path) = self.way_to(id, &dialog) else { return };
        let is_news = request.method == Method::Update || self.acknowledge(id, &dialog, request, path);
        if !is_news || is_over {
            return;
        }
        let sdp = response.sdp();
        let is_unchanged = match self.usages.get_mut(&id) {
            Some(usage) => {
                let is_refresh = usage.asking.as_ref().is_some_and(|asking| asking.is_refresh);
                let is_unchanged = is_refresh && usage.heard == sdp;
                if let Some(sdp) = &sdp {
                    usage.agree_early(&dialog.id().remote_tag, sdp);
                }
                usage.said = usage.asking.as_ref().map(|asking| asking.sdp.clone()).or(usage.said.take());
                usage.heard = sdp.clone().or(usage.heard.take());
                is_unchanged
            }
            None => true,
        };
        if self.is_confirmed(id) {
            self.agree_as_asker(now, id, &response.headers);
        }
        // A refresh that changed nothing is nobody's business.
        if !is_unchanged {
            self.tell(UaEvent::ReinviteAnswered { usage: id, sdp });
        }
        self.reinvite_over(now, id);
    }

    fn reinvite_failed(&mut self, now: Now, id: UsageId, status: u16) {
        self.tell(UaEvent::ReinviteRefused { usage: id, status });
        self.reinvite_over(now, id);
    }

    /// Ours is done with; what the owner wanted meanwhile has its turn.
    fn reinvite_over(&mut self, now: Now, id: UsageId) {
        let next = self.usages.get_mut(&id).and_then(|usage| usage.asking.take()).and_then(|asking| asking.next);
        if let Some(sdp) = next {
            self.reinvite(now, id, &sdp);
        }
    }

    /// 2.1 to 4 s for the owner of the Call-ID, 0 to 2 s for the other, in steps of 10 ms (14.1).
    fn glare_pause(&mut self, is_caller: bool) -> Duration {
        let chance = u64::from(self.rng.next_u32());
        Duration::from_millis(if is_caller { 2100 + chance % 191 * 10 } else { chance % 201 * 10 })
    }
}

/// Two ends that collide this often do not draw lots as they should.
const GLARES_MAX: u8 = 5;
