//! Provisional responses that must arrive, at the called end (RFC 3262 3, 5).
//!
//! A peer that requires 100rel gets every one of them so; one that supports it gets those with early media so, for its answer hangs on them.
//! One is on its way at a time; the others wait for its PRACK, and so does a 2xx while that one carries SDP.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use rand::Rng;

use super::{
    ALLOW, Refusal, TimerKey, TxId, UaEvent, UsageId, UserAgent,
    screen::Arrival,
    usage::{Asked, Phase},
};
use crate::{
    events::wire::Path,
    now::Now,
    sip::{
        Method, Request, Response,
        header::RAck,
        transaction::{T1, T1_64},
    },
};

/// The reliable side of an INVITE that we answer.
#[derive(Debug, Default)]
pub(super) struct Reliable {
    /// What has become of offer and answer while the call is early.
    pub(super) exchange: Exchange,
    /// RSeq of the last one, where there was one.
    last: Option<u32>,
    unacked: Option<Provisional>,
    /// Status and SDP of those that wait for their turn; at most `WAITING_MAX`.
    waiting: VecDeque<(u16, Option<String>)>,
    /// The owner has taken the call, and this is its SDP; the 2xx waits for a PRACK.
    taken: Option<String>,
}

/// Offer and answer in reliable responses and their PRACKs (RFC 3262 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Exchange {
    /// None yet: the 2xx will bring it.
    #[default]
    Open,
    /// Our offer is out; the PRACK brings the answer.
    Offered,
    /// Complete: later responses carry no SDP, and UPDATE may change what was agreed (RFC 3311 5.1).
    Complete,
}

/// One that has not been acknowledged.
#[derive(Debug)]
struct Provisional {
    rseq: u32,
    cseq: u32,
    has_sdp: bool,
    bytes: Arc<[u8]>,
    reply: Path,
    pause: Duration,
}

impl<R: Rng> UserAgent<R> {
    /// A provisional response of ours, by the way that the peer can bear.
    pub(super) fn answer_provisionally(&mut self, now: Now, usage: UsageId, status: u16, sdp: Option<&str>) {
        let Some(held) = self.usages.get_mut(&usage) else { return };
        let Phase::Invited { request, .. } = &held.phase else { return };
        let is_required = request.headers.lists("Require", "100rel");
        let is_supported = is_required || request.headers.lists("Supported", "100rel");
        let sdp = sdp.filter(|_| held.reliable.exchange == Exchange::Open);
        // An offer must arrive to be answered; where it can't be sure to, the 2xx carries it (RFC 3261 13.2.1).
        let sdp = sdp.filter(|_| is_supported || held.heard.is_some());
        let must_arrive = is_required || is_supported && sdp.is_some();
        if !must_arrive {
            self.send_provisional(now, usage, status, sdp);
        } else if held.reliable.unacked.is_none() {
            self.send_reliably(now, usage, status, sdp);
        } else if held.reliable.waiting.len() < WAITING_MAX {
            held.reliable.waiting.push_back((status, sdp.map(str::to_owned)));
        }
    }

    /// Must the 2xx wait? "The UAS MUST NOT send the final response until the reliable provisional [with SDP] is acknowledged" (RFC 3262 3).
    pub(super) fn withhold_success(&mut self, usage: UsageId, sdp: &str) -> bool {
        let Some(held) = self.usages.get_mut(&usage) else { return false };
        if !held.reliable.unacked.as_ref().is_some_and(|unacked| unacked.has_sdp) {
            return false;
        }
        held.reliable.taken.get_or_insert_with(|| sdp.to_owned());
        true
    }

    /// The final answer goes out: nothing provisional is repeated any more.
    pub(super) fn forget_reliable(&mut self, usage: UsageId) {
        if let Some(held) = self.usages.get_mut(&usage) {
            held.reliable.unacked = None;
            held.reliable.waiting.clear();
            held.reliable.taken = None;
        }
        self.timers.stop(&TimerKey::ReliableRepeat(usage));
        self.timers.stop(&TimerKey::ReliableWait(usage));
    }

    pub(super) fn receive_prack(&mut self, now: Now, id: UsageId, arrival: Arrival, request: Request) {
        let Some(usage) = self.usages.get_mut(&id) else { return };
        let rack = request.headers.first("RAck").and_then(|rack| RAck::parse(rack).ok());
        let meant = rack.is_some_and(|rack| {
            let is_it =
                |unacked: &Provisional| rack.rseq == unacked.rseq && rack.cseq.number == unacked.cseq && rack.cseq.method == Method::Invite;
            usage.reliable.unacked.as_ref().is_some_and(is_it)
        });
        if !meant {
            // "If the PRACK does not match an unacknowledged reliable provisional response, the UAS MUST respond with a 481" (RFC 3262 3).
            let refusal = self.stateless(&request, 481);
            return self.respond_stateless(arrival.reply, &refusal);
        }
        let has_sdp = usage.reliable.unacked.take().is_some_and(|unacked| unacked.has_sdp);
        let is_answer = has_sdp && usage.reliable.exchange == Exchange::Offered;
        if has_sdp {
            usage.reliable.exchange = Exchange::Complete;
        }
        let is_free = usage.asked.is_none();
        self.timers.stop(&TimerKey::ReliableRepeat(id));
        self.timers.stop(&TimerKey::ReliableWait(id));
        let sdp = request.sdp();
        let tx = self.open_server(&request, arrival.key, arrival.reply, Some(id));
        match sdp {
            // Our next word may be an answer to this, so it stands before whatever waits.
            Some(sdp) if !is_answer && is_free => {
                if let Some(usage) = self.usages.get_mut(&id) {
                    usage.asked = Some(Asked { tx, request: Arc::new(request) });
                }
                self.tell(UaEvent::Reinvited { usage: id, sdp: Some(sdp) });
            }
            sdp => {
                self.respond(now, tx, &request.answer(200, None));
                if is_answer {
                    if let Some(usage) = self.usages.get_mut(&id) {
                        usage.heard.clone_from(&sdp);
                    }
                    self.tell(UaEvent::EarlyAnswered { usage: id, sdp });
                }
            }
        }
        self.say_what_waited(now, id);
    }

    /// "starting at T1 seconds and doubling for each retransmission" (RFC 3262 3), without the ceiling of T2.
    pub(super) fn repeat_provisional(&mut self, now: Now, id: UsageId) {
        let Some(unacked) = self.usages.get_mut(&id).and_then(|usage| usage.reliable.unacked.as_mut()) else { return };
        unacked.pause *= 2;
        let (reply, bytes, pause) = (unacked.reply, unacked.bytes.clone(), unacked.pause);
        self.transmit(reply, bytes);
        self.set_timer(now, TimerKey::ReliableRepeat(id), pause);
    }

    /// "If the reliable provisional response is retransmitted for 64*T1 seconds without a PRACK, the UAS SHOULD reject the original request
    /// with a 5xx response" (RFC 3262 3).
    pub(super) fn give_up_prack(&mut self, now: Now, id: UsageId) {
        if self.usages.get(&id).is_none_or(|usage| usage.reliable.unacked.is_none()) {
            return;
        }
        self.tell(UaEvent::Unacked { usage: id });
        self.refuse(now, id, &Refusal::new(504));
    }

    fn send_reliably(&mut self, now: Now, id: UsageId, status: u16, sdp: Option<&str>) {
        let Some((tx, mut response)) = self.invite_response(id, status) else { return };
        let Some(reply) = self.reply_path(tx) else { return };
        // "between 1 and 2**31 - 1", and each one higher by one (RFC 3262 3).
        let chance = self.rng.next_u32() >> 2;
        let Some(usage) = self.usages.get_mut(&id) else { return };
        let rseq = usage.reliable.last.map_or(chance + 1, |last| last.wrapping_add(1));
        usage.reliable.last = Some(rseq);
        if let Some(sdp) = sdp {
            usage.reliable.exchange = if usage.heard.is_some() { Exchange::Complete } else { Exchange::Offered };
            usage.said = Some(sdp.to_owned());
            response.set_sdp(sdp);
        }
        response.headers.push("Require", "100rel");
        response.headers.push("RSeq", rseq.to_string());
        response.headers.push("Allow", ALLOW);
        let bytes = self.respond(now, tx, &response);
        if let Some(usage) = self.usages.get_mut(&id) {
            let cseq = response.cseq.number;
            usage.reliable.unacked = Some(Provisional { rseq, cseq, has_sdp: sdp.is_some(), bytes, reply, pause: T1 });
        }
        self.set_timer(now, TimerKey::ReliableRepeat(id), T1);
        self.set_timer(now, TimerKey::ReliableWait(id), T1_64);
        self.remind_later(now, id);
    }

    fn send_provisional(&mut self, now: Now, id: UsageId, status: u16, sdp: Option<&str>) {
        let Some((tx, mut response)): Option<(TxId, Response)> = self.invite_response(id, status) else { return };
        if let Some(sdp) = sdp {
            response.set_sdp(sdp);
        }
        self.respond(now, tx, &response);
        self.remind_later(now, id);
    }

    fn say_what_waited(&mut self, now: Now, id: UsageId) {
        let Some(usage) = self.usages.get_mut(&id) else { return };
        if let Some(sdp) = usage.reliable.taken.take() {
            return self.accept(now, id, &sdp);
        }
        if let Some((status, sdp)) = usage.reliable.waiting.pop_front() {
            self.answer_provisionally(now, id, status, sdp.as_deref());
        }
    }
}

/// Rings, is forwarded, speaks: more words than that before an answer are not worth waiting for.
const WAITING_MAX: usize = 4;
