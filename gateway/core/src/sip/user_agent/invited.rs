//! Being called: an INVITE outside dialogs, from its 100 to its ACK (RFC 3261 13.3).

use std::{net::SocketAddr, sync::Arc, time::Duration};

use rand::Rng;

use super::{
    ALLOW, AnswerBy, Refusal, TimerKey, TxId, UaEvent, UsageId, UserAgent,
    reliable::Exchange,
    screen::Arrival,
    servers::ServerKey,
    usage::{Phase, Unacked, Usage},
};
use crate::{
    events::wire::Path,
    now::Now,
    sip::{
        Method, Request, Response,
        dialog::{Dialog, DialogId},
        header::{Scheme, reason, replaces::Replaces, warning},
        transaction::{Event, T1, T1_64, T2},
    },
};

impl<R: Rng> UserAgent<R> {
    /// 180: the called party is being alerted.
    pub fn ring(&mut self, now: Now, usage: UsageId) {
        self.answer_provisionally(now, usage, 180, None);
    }

    /// 183: let early media be heard; `sdp` is our answer, or our offer where the INVITE had none (which goes out only to a peer that speaks
    /// 100rel: `EarlyAnswered` follows).
    pub fn progress(&mut self, now: Now, usage: UsageId, sdp: &str) {
        self.answer_provisionally(now, usage, 183, Some(sdp));
    }

    /// 200: take the call; `sdp` is our answer, or our offer where the INVITE had none. `Acked` or `Unacked` follows.
    ///
    /// Where a reliable response with SDP is on its way, the 200 waits for its PRACK; where one has arrived, `sdp` has been said already.
    pub fn accept(&mut self, now: Now, usage: UsageId, sdp: &str) {
        let Some((tx, mut response)) = self.invite_response(usage, 200) else { return };
        if self.withhold_success(usage, sdp) {
            return;
        }
        self.forget_reliable(usage);
        response.headers.push("Allow", ALLOW);
        let Some(Phase::Invited { request, .. }) = self.usages.get(&usage).map(|held| &held.phase) else { return };
        let request = request.clone();
        self.agree_as_answerer(now, usage, &request, &mut response);
        let mut offers = false;
        if let Some(held) = self.usages.get_mut(&usage).filter(|held| held.reliable.exchange == Exchange::Open) {
            offers = held.heard.is_none();
            held.said = Some(sdp.to_owned());
            response.set_sdp(sdp);
        }
        if let Some(held) = self.usages.get_mut(&usage) {
            held.phase = Phase::Confirmed;
            if let Some(dialog) = &mut held.dialog {
                dialog.confirm();
            }
        }
        self.timers.stop(&TimerKey::Remind(usage));
        self.send_success(now, usage, tx, &response, offers);
    }

    /// 300 to 699: do not take the call.
    pub fn refuse(&mut self, now: Now, usage: UsageId, refusal: &Refusal) {
        let Some((tx, mut response)) = self.invite_response(usage, refusal.status.clamp(300, 699)) else { return };
        put_refusal(&mut response, refusal);
        self.respond(now, tx, &response);
        self.end(usage);
    }

    /// 401 or 407: who is it? The answer is a new `Invited`, with `authenticated` if it is right.
    pub fn challenge(&mut self, now: Now, usage: UsageId, by: AnswerBy) {
        let status = match by {
            AnswerBy::UserAgent => 401,
            AnswerBy::Proxy => 407,
        };
        let Some((from, is_stale)) = self.usages.get(&usage).map(|usage| (usage.peer, usage.is_stale)) else { return };
        let Some((tx, mut response)) = self.invite_response(usage, status) else { return };
        self.put_challenge(now, from, &mut response, is_stale);
        self.respond(now, tx, &response);
        self.end(usage);
    }

    pub(super) fn receive_invite(&mut self, now: Now, arrival: Arrival, request: Request) {
        let tag = self.mint_tag();
        let Some(dialog) = Dialog::called(&request, &tag) else {
            let refusal = self.stateless(&request, 400);
            return self.respond_stateless(arrival.reply, &refusal);
        };
        let Arrival { endpoint, from, reply, key } = arrival;
        let proof = self.authenticate(now, from, &request);
        let id = UsageId(self.mint());
        let replacing = self.replaced_by(&request);
        let request = Arc::new(request);
        self.dialogs.insert(dialog.id().clone(), id);
        let mut usage = Usage::new(endpoint, from);
        usage.nat = is_behind_nat(&request, from);
        usage.flow = match reply {
            Path::Stream(conn) => Some(conn),
            Path::Datagram { .. } => None,
        };
        usage.is_direct = request.vias_below.is_empty();
        usage.is_sips = request.uri.scheme == Scheme::Sips;
        usage.is_stale = proof.is_stale;
        usage.dialog = Some(dialog);
        usage.heard = request.sdp();
        usage.session.takes_update = request.headers.lists("Allow", "UPDATE");
        usage.session_id.local = self.mint_session();
        self.usages.insert(id, Box::new(usage));
        self.learn_session(id, &request.headers);
        let tx = self.open_server(&request, key, reply, Some(id));
        if let Some(usage) = self.usages.get_mut(&id) {
            usage.phase = Phase::Invited { tx, request: request.clone(), tag };
        }
        self.respond(now, tx, &request.answer(100, None));
        self.tell(UaEvent::Invited { usage: id, endpoint, from, request, authenticated: proof.user, replacing });
    }

    /// The usage whose place an INVITE asks for, by the rules of RFC 3891 3.
    fn replaced_by(&self, request: &Request) -> Option<Result<UsageId, u16>> {
        let first = request.headers.first("Replaces")?;
        let Ok(replaces) = Replaces::parse(first) else { return Some(Err(400)) };
        if request.headers.all("Replaces").count() > 1 || request.headers.first("Join").is_some() {
            return Some(Err(400));
        }
        let Some(id) = self.dialogs.get(&replaces.dialog).copied() else {
            let is_over = self.usages.values().any(|usage| usage.dialog.as_ref().is_some_and(|dialog| *dialog.id() == replaces.dialog));
            return Some(Err(if is_over { 603 } else { 481 }));
        };
        match self.usages.get(&id).map(|usage| &usage.phase) {
            Some(Phase::Confirmed) if replaces.early_only => Some(Err(486)),
            Some(Phase::Confirmed | Phase::Inviting { .. }) => Some(Ok(id)),
            // "An early dialog that was not initiated by this UA" cannot be replaced.
            Some(Phase::Invited { .. } | Phase::Ended) | None => Some(Err(481)),
        }
    }

    /// 9.2: answered by itself, and ends what it means if that is not too late.
    pub(super) fn receive_cancel(&mut self, now: Now, arrival: Arrival, request: Request) {
        let invite = self.server_index.get(&ServerKey::cancelled_by(&request)).copied();
        let usage = invite.and_then(|tx| self.servers.get(&tx)).and_then(|server| server.usage());
        let (Some(invite), Some(id)) = (invite, usage) else {
            let refusal = self.stateless(&request, 481);
            return self.respond_stateless(arrival.reply, &refusal);
        };
        let tag = self.usages.get(&id).and_then(|usage| usage.dialog.as_ref()).map(|dialog| dialog.id().local_tag.clone());
        let tx = self.open_server(&request, arrival.key, arrival.reply, Some(id));
        self.respond(now, tx, &request.answer(200, tag.as_deref()));
        let Some(usage) = self.usages.get_mut(&id) else { return };
        if matches!(&usage.phase, Phase::Invited { tx, .. } if *tx == invite) {
            self.terminate_invite(now, id, reason::q850(&request.headers));
        } else if let Some(asked) = usage.asked.take_if(|asked| asked.tx == invite) {
            self.respond(now, asked.tx, &asked.request.answer(487, tag.as_deref()));
            self.tell(UaEvent::ReinviteCancelled { usage: id });
            self.start_waiting_reinvite(now, id);
        }
    }

    /// 487: the caller gave up, by CANCEL or by a BYE in the early dialog (15.1.2).
    pub(super) fn terminate_invite(&mut self, now: Now, id: UsageId, reason: Option<u8>) {
        let Some((tx, response)) = self.invite_response(id, 487) else { return };
        self.respond(now, tx, &response);
        self.tell(UaEvent::Cancelled { usage: id, reason });
        self.end(id);
    }

    /// The ACK of a 2xx is a request of its own, known by its dialog and number (13.2.2.4).
    pub(super) fn receive_ack(&mut self, now: Now, request: &Request) {
        let Some(id) = DialogId::of(request).and_then(|dialog| self.dialogs.get(&dialog).copied()) else { return };
        let Some(usage) = self.usages.get_mut(&id) else { return };
        let Some(unacked) = usage.unacked.take_if(|unacked| unacked.cseq == request.cseq.number) else { return };
        let sdp = request.sdp().filter(|_| unacked.offers);
        if sdp.is_some() {
            usage.heard.clone_from(&sdp);
        }
        let farewell = usage.farewell.take();
        self.timers.stop(&TimerKey::Repeat(id));
        self.timers.stop(&TimerKey::AckWait(id));
        self.tell(UaEvent::Acked { usage: id, sdp });
        match farewell {
            Some(cause) => self.hang_up(now, id, cause),
            None => self.start_waiting_reinvite(now, id),
        }
    }

    /// A 2xx to an INVITE, repeated until its ACK comes.
    pub(super) fn send_success(&mut self, now: Now, id: UsageId, tx: TxId, response: &Response, offers: bool) {
        let Some(reply) = self.reply_path(tx) else { return };
        let bytes = self.respond(now, tx, response);
        if let Some(usage) = self.usages.get_mut(&id) {
            usage.unacked = Some(Unacked { cseq: response.cseq.number, bytes, reply, pause: T1, offers });
        }
        self.set_timer(now, TimerKey::Repeat(id), T1);
        self.set_timer(now, TimerKey::AckWait(id), T1_64);
    }

    pub(super) fn repeat_success(&mut self, now: Now, id: UsageId) {
        let Some(unacked) = self.usages.get_mut(&id).and_then(|usage| usage.unacked.as_mut()) else { return };
        unacked.pause = T2.min(unacked.pause * 2);
        let (reply, bytes, pause) = (unacked.reply, unacked.bytes.clone(), unacked.pause);
        self.transmit(reply, bytes);
        self.set_timer(now, TimerKey::Repeat(id), pause);
    }

    /// "If the server retransmits the 2xx for 64*T1 seconds without receiving an ACK, the dialog is confirmed, but the session SHOULD be
    /// terminated" (13.3.1.4).
    pub(super) fn give_up_ack(&mut self, now: Now, id: UsageId) {
        let Some(usage) = self.usages.get_mut(&id).filter(|usage| usage.unacked.is_some()) else { return };
        let cause = usage.farewell.take().unwrap_or(RECOVERY_ON_TIMER_EXPIRY);
        self.tell(UaEvent::Unacked { usage: id });
        self.hang_up(now, id, cause);
    }

    pub(super) fn remind(&mut self, now: Now, id: UsageId) {
        if let Some(Phase::Invited { tx, .. }) = self.usages.get(&id).map(|usage| &usage.phase) {
            let tx = *tx;
            self.step_server(now, tx, Event::Request);
            self.set_timer(now, TimerKey::Remind(id), REMIND);
        }
    }

    /// Something provisional has been said: it is said again in time.
    pub(super) fn remind_later(&mut self, now: Now, usage: UsageId) {
        self.set_timer(now, TimerKey::Remind(usage), REMIND);
    }

    /// A response to the INVITE of a usage that is still being invited.
    pub(super) fn invite_response(&self, id: UsageId, status: u16) -> Option<(TxId, Response)> {
        let usage = self.usages.get(&id)?;
        let Phase::Invited { tx, request, tag } = &usage.phase else { return None };
        let mut response = request.answer(status, Some(tag));
        if status < 300 {
            self.put_dialog_headers(usage, request, &mut response);
        }
        Some((*tx, response))
    }

    /// Contact, and the way back for all that follows (12.1.1).
    pub(super) fn put_dialog_headers(&self, usage: &Usage, request: &Request, response: &mut Response) {
        if request.method == Method::Invite {
            request.headers.all("Record-Route").for_each(|route| response.headers.push("Record-Route", route));
        }
        response.headers.push("Contact", self.contact_of(usage));
    }
}

pub(super) fn put_refusal(response: &mut Response, refusal: &Refusal) {
    response.phrase = refusal.phrase().into();
    if let Some(text) = &refusal.warning {
        response.headers.push("Warning", warning::print_miscellaneous("tandem", text));
    }
    if let Some(cause) = refusal.q850 {
        response.headers.push("Reason", reason::print_q850(cause));
    }
    if let Some(seconds) = refusal.retry_after {
        response.headers.push("Retry-After", seconds.to_string());
    }
}

/// A phone that reaches us directly, through a NAT: its Contact leads nowhere. Behind a proxy the proxy knows the way.
fn is_behind_nat(request: &Request, from: SocketAddr) -> bool {
    request.via.is_translated(from) && request.vias_below.is_empty() && request.headers.first("Record-Route").is_none()
}

/// "Every minute" (13.3.1.1), with some seconds in hand.
const REMIND: Duration = Duration::from_secs(55);

/// Q.850.
const RECOVERY_ON_TIMER_EXPIRY: u8 = 102;
