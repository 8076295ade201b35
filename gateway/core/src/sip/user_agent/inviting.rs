//! Calling: an INVITE of ours, from its sending to its ACK (RFC 3261 13.2), or to its CANCEL (9.1).

use std::{sync::Arc, time::Duration};

use rand::Rng;

use super::{
    ALLOW, InviteTarget, TimerKey, UaEvent, UsageId, UserAgent,
    clients::Role,
    usage::{Cancel, FORKS_MAX, Phase, SentAck, Usage},
};
use crate::{
    cause::Cause,
    events::wire::Path,
    ids::EndpointId,
    now::Now,
    sip::{
        CSeq, Headers, Method, NameAddr, Params, Request, Response, Text, Uri,
        dialog::Dialog,
        header::{Scheme, reason},
        message::phrase,
        transaction::T1_64,
    },
};

impl<R: Rng> UserAgent<R> {
    /// Calls. `Answered` or `Refused` follows, exactly one of them.
    pub fn invite(&mut self, now: Now, target: &InviteTarget) -> UsageId {
        self.invite_by(now, target, None)
    }

    /// Calls someone by the stream that they came by, while it stands: a phone behind NAT, or in a browser, is reached by no other.
    pub fn invite_by(&mut self, now: Now, target: &InviteTarget, flow: Option<Path>) -> UsageId {
        let id = UsageId(self.mint());
        let endpoint = self.leaves_by(target, flow);
        let stream = self.standing(flow);
        let hop = stream.map_or_else(|| target.to.clone(), |(_, known)| known.hop.clone());
        let stream = stream.map(|(conn, _)| conn);
        let mut usage = Usage::new(endpoint, hop.to);
        usage.hop = Some(hop.clone());
        usage.is_direct = stream.is_some() && !target.headers.iter().any(|(name, _)| name == "Route");
        usage.profile = target.profile.clone();
        usage.oversize = target.oversize;
        usage.is_sips = target.uri.scheme == Scheme::Sips;
        usage.session_id.local = self.session_of(&target.headers);
        usage.is_caller = true;
        usage.nat = target.nat;
        usage.advertised = target.advertised;
        usage.credentials = target.auth.clone();
        usage.said = Some(target.sdp.clone());
        self.usages.insert(id, Box::new(usage));
        if self.servers.len() + self.clients.len() >= self.limits.transactions || !self.endpoints.contains_key(&endpoint) {
            self.tell_refused(id, 503, phrase(503), None);
            self.end(id);
            return id;
        }
        let request = Arc::new(self.initial_invite(id, endpoint, target));
        let path = match stream {
            Some(conn) => Path::Stream(conn),
            None => self.way(endpoint, &hop, target.profile.as_deref()),
        };
        if let (Path::Stream(conn), Some(usage)) = (path, self.usages.get_mut(&id)) {
            usage.flow = Some(conn);
        }
        let tx = self.open_client(now, request.clone(), path, id, Role::Invite);
        if let Some(usage) = self.usages.get_mut(&id) {
            usage.phase = Phase::Inviting { tx, request, cancel: Cancel::Unwanted, rings: false, challenged: false };
        }
        id
    }

    /// Takes our call back. `Refused` with 487 follows, even if the peer answers at this very moment (it is hung up then).
    pub fn cancel(&mut self, now: Now, usage: UsageId, cause: Cause) {
        let Some(Phase::Inviting { cancel, rings, .. }) = self.usages.get_mut(&usage).map(|usage| &mut usage.phase) else { return };
        if *cancel != Cancel::Unwanted {
            return;
        }
        *cancel = Cancel::Wanted(cause.q850);
        if *rings {
            self.send_cancel(now, usage);
        }
    }

    pub(super) fn invite_answered(&mut self, now: Now, id: UsageId, request: &Arc<Request>, response: &Response) {
        let Some(usage) = self.usages.get_mut(&id) else { return };
        let Phase::Inviting { cancel, rings, challenged, .. } = &mut usage.phase else {
            // Another fork, or a repetition.
            return if response.is_success() {
                self.dismiss_fork(now, id, request, response)
            };
        };
        let (cancel, challenged) = (*cancel, *challenged);
        *rings = true;
        self.timers.stop(&TimerKey::AnswerWait(id));
        if response.is_provisional() {
            return self.invite_progressed(now, id, request, response, cancel);
        }
        if response.is_success() {
            return self.invite_taken(now, id, request, response, cancel);
        }
        if cancel == Cancel::Unwanted
            && !challenged
            && let Some(again) = self.authorized(id, request, response)
        {
            return self.invite_again(now, id, again, true);
        }
        if cancel == Cancel::Unwanted && self.is_worth_asking_longer(id, response) {
            let again = self.invite_for_longer(id, request);
            return self.invite_again(now, id, again, challenged);
        }
        let (status, words) = match cancel {
            Cancel::Unwanted => (response.status, response.phrase.as_str()),
            Cancel::Wanted(_) | Cancel::Sent => (487, phrase(487)),
        };
        if matches!(status, 300..400) {
            self.tell(UaEvent::Redirected { usage: id, contacts: contacts_of(&response.headers) });
        }
        self.tell_refused(id, status, words, reason::q850(&response.headers));
        self.end(id);
    }

    /// The owner has long hung up on most such calls; this is for a peer that died while it rang.
    pub(super) fn give_up_answer(&mut self, now: Now, id: UsageId) {
        if let Some(Phase::Inviting { cancel: cancel @ Cancel::Unwanted, .. }) = self.usages.get_mut(&id).map(|usage| &mut usage.phase) {
            *cancel = Cancel::Wanted(RECOVERY_ON_TIMER_EXPIRY);
            self.send_cancel(now, id);
        }
    }

    pub(super) fn give_up_cancel(&mut self, id: UsageId) {
        let Some(Phase::Inviting { tx, .. }) = self.usages.get(&id).map(|usage| &usage.phase) else { return };
        let tx = *tx;
        self.tell_refused(id, 487, phrase(487), None);
        self.end(id);
        self.abandon_client(tx);
    }

    /// Sends the ACK of a 2xx, or sends it again; `true` the first time.
    pub(super) fn acknowledge(&mut self, id: UsageId, dialog: &Dialog, request: &Request, path: Path) -> bool {
        let Some(usage) = self.usages.get(&id) else { return false };
        let (fork, cseq) = (&dialog.id().remote_tag, request.cseq.number);
        if let Some(ack) = usage.acks.iter().find(|ack| ack.fork == *fork && ack.cseq == cseq) {
            let (path, bytes) = (ack.path, ack.bytes.clone());
            self.transmit(path, bytes);
            return false;
        }
        let (endpoint, advertised) = (usage.endpoint, usage.advertised);
        let via = self.mint_via(endpoint, advertised);
        let mut ack = dialog.request(Method::Ack, cseq, via);
        self.stamp_request(id, &mut ack);
        // "The ACK MUST contain the same credentials as the INVITE" (13.2.2.4).
        for name in ["Authorization", "Proxy-Authorization"] {
            request.headers.all(name).for_each(|value| ack.headers.push(name, value));
        }
        let bytes = self.fitted(Arc::new(ack), path, advertised).to_bytes();
        self.transmit(path, bytes.clone());
        if let Some(usage) = self.usages.get_mut(&id) {
            usage.acks.retain(|ack| ack.fork != *fork);
            if usage.acks.len() < FORKS_MAX {
                usage.acks.push(SentAck { fork: fork.clone(), cseq, bytes, path });
            }
        }
        true
    }

    fn initial_invite(&mut self, id: UsageId, endpoint: EndpointId, target: &InviteTarget) -> Request {
        let tag = self.mint_tag();
        let call_id = self.mint_call_id();
        let via = self.mint_via(endpoint, target.advertised);
        let from = NameAddr { display: target.display.as_deref().map(Text::from), uri: target.from_uri.clone(), params: Params::new() };
        let mut headers = Headers::new();
        headers.push("Max-Forwards", "70");
        if let Some(usage) = self.usages.get(&id) {
            headers.push("Contact", self.contact_of(usage));
        }
        headers.push("Allow", ALLOW);
        self.put_timer(id, &mut headers);
        for (name, value) in &target.headers {
            match name.eq_ignore_ascii_case("Max-Forwards") {
                true => headers.set(name, value.as_str()),
                false => headers.push(name, value.as_str()),
            }
        }
        let mut request = Request {
            method: Method::Invite,
            uri: target.uri.clone(),
            via,
            vias_below: Vec::new(),
            from: from.with_tag(&tag),
            to: NameAddr::new(target.uri.clone()),
            call_id: call_id.into(),
            cseq: CSeq { number: 1, method: Method::Invite },
            headers,
            body: Vec::new(),
        };
        request.set_sdp(&target.sdp);
        request
    }

    fn invite_progressed(&mut self, now: Now, id: UsageId, request: &Request, response: &Response, cancel: Cancel) {
        match cancel {
            Cancel::Unwanted => self.set_timer(now, TimerKey::AnswerWait(id), SILENCE_MAX),
            Cancel::Wanted(_) => self.send_cancel(now, id),
            Cancel::Sent => {}
        }
        if response.status == 100 {
            return;
        }
        let is_first = self.usages.get(&id).is_some_and(|usage| usage.dialog.is_none());
        if is_first && response.to.tag().is_some() {
            self.adopt(id, Dialog::calling(request, response));
        }
        if !self.take_provisional(now, id, request, response) {
            return;
        }
        if let Some(usage) = self.usages.get_mut(&id).filter(|_| is_first) {
            usage.session.takes_update = response.headers.lists("Allow", "UPDATE");
        }
        if cancel == Cancel::Unwanted {
            self.tell(UaEvent::Progressed { usage: id, status: response.status, sdp: response.sdp() });
        }
    }

    fn invite_taken(&mut self, now: Now, id: UsageId, request: &Arc<Request>, response: &Response, cancel: Cancel) {
        // "The route set MUST be recomputed" from the 2xx (13.2.2.4), and another fork than the one that rang may have answered.
        let early = self.early_dialog(id, response.to.tag());
        let dialog = Dialog::calling(request, response);
        let sdp = response.sdp().or_else(|| self.early_answer(id, response.to.tag()));
        self.part_from_early(id, response.to.tag());
        self.adopt(
            id,
            match early {
                Some(early) => dialog.map(|dialog| dialog.continuing(&early)),
                None => dialog,
            },
        );
        self.timers.stop(&TimerKey::CancelWait(id));
        let Some(usage) = self.usages.get_mut(&id) else { return };
        usage.phase = Phase::Confirmed;
        usage.heard.clone_from(&sdp);
        let Some(dialog) = usage.dialog.clone() else {
            self.tell_refused(id, 502, "Unreadable Answer", None);
            return self.end(id);
        };
        let Some(path) = self.way_to(id, &dialog) else { return };
        self.acknowledge(id, &dialog, request, path);
        match cancel {
            Cancel::Unwanted => {
                self.agree_as_asker(now, id, &response.headers);
                self.tell(UaEvent::Answered { usage: id, sdp });
                self.start_waiting_reinvite(now, id);
            }
            Cancel::Wanted(_) | Cancel::Sent => {
                self.tell_refused(id, 487, phrase(487), None);
                self.hang_up(now, id, NORMAL_CLEARING);
            }
        }
    }

    /// Two phones picked up: the second is acknowledged, then hung up, or it would repeat its 200 for half a minute.
    fn dismiss_fork(&mut self, now: Now, id: UsageId, request: &Request, response: &Response) {
        let Some(usage) = self.usages.get(&id) else { return };
        let own = usage.dialog.as_ref().filter(|dialog| response.to.tag() == Some(&dialog.id().remote_tag));
        if let Some(dialog) = own.cloned() {
            let Some(path) = self.way_to(id, &dialog) else { return };
            self.acknowledge(id, &dialog, request, path);
            return;
        }
        let is_known = usage.acks.iter().any(|ack| response.to.tag() == Some(&ack.fork));
        if !is_known && usage.acks.len() >= FORKS_MAX {
            return;
        }
        let (endpoint, advertised) = (usage.endpoint, usage.advertised);
        let Some(dialog) = Dialog::calling(request, response) else { return };
        // Numbers that its early dialog has used are used up.
        let mut dialog = match self.early_dialog(id, response.to.tag()) {
            Some(early) => dialog.continuing(&early),
            None => dialog,
        };
        let Some(path) = self.way_to(id, &dialog) else { return };
        if self.acknowledge(id, &dialog, request, path) {
            let via = self.mint_via(endpoint, advertised);
            let bye = dialog.next_request(Method::Bye, via);
            self.open_client(now, Arc::new(bye), path, id, Role::Bye(true));
        }
    }

    /// The same INVITE, with the session interval that a 422 asks for (RFC 4028 7.3).
    fn invite_for_longer(&mut self, id: UsageId, request: &Request) -> Request {
        let mut again = request.clone();
        for name in ["Supported", "Session-Expires", "Min-SE"] {
            again.headers.remove(name);
        }
        self.put_timer(id, &mut again.headers);
        again.cseq.number += 1;
        let place = self.usages.get(&id).map(|usage| (usage.endpoint, usage.advertised));
        if let Some((endpoint, advertised)) = place {
            again.via = self.mint_via(endpoint, advertised);
        }
        again
    }

    fn invite_again(&mut self, now: Now, id: UsageId, again: Request, challenged: bool) {
        let Some(path) = self.way_out(id) else { return };
        self.forget_early(id);
        let Some(usage) = self.usages.get_mut(&id) else { return };
        usage.forks.clear();
        if let Path::Stream(conn) = path {
            usage.flow = Some(conn);
        }
        if let Some(early) = usage.dialog.take() {
            self.dialogs.remove(early.id());
        }
        let request = Arc::new(again);
        let tx = self.open_client(now, request.clone(), path, id, Role::Invite);
        if let Some(usage) = self.usages.get_mut(&id) {
            usage.phase = Phase::Inviting { tx, request, cancel: Cancel::Unwanted, rings: false, challenged };
        }
    }

    /// By the way of the INVITE, on its branch, so that every hop knows what is meant (9.1).
    fn send_cancel(&mut self, now: Now, id: UsageId) {
        let Some(usage) = self.usages.get_mut(&id) else { return };
        let Phase::Inviting { tx, request, cancel, .. } = &mut usage.phase else { return };
        let invite = *tx;
        let Cancel::Wanted(q850) = *cancel else { return };
        *cancel = Cancel::Sent;
        let mut headers = Headers::new();
        request.headers.all("Route").for_each(|route| headers.push("Route", route));
        headers.push("Max-Forwards", "70");
        if q850 == reason::NON_SELECTED_USER {
            headers.push("Reason", reason::ELSEWHERE);
        }
        if q850 != 0 {
            headers.push("Reason", reason::print_q850(q850));
        }
        let cancel = Request {
            method: Method::Cancel,
            cseq: CSeq { number: request.cseq.number, method: Method::Cancel },
            headers,
            body: Vec::new(),
            ..Request::clone(request)
        };
        let Some(path) = self.client_path(invite).or_else(|| self.way_out(id)) else { return };
        self.open_client(now, Arc::new(cancel), path, id, Role::Cancel);
        self.set_timer(now, TimerKey::CancelWait(id), T1_64);
    }

    /// The fork with this tag has taken the call: the early dialogs of all others are over, and remembered for their own late 2xx.
    fn part_from_early(&mut self, id: UsageId, winner: Option<&str>) {
        self.forget_early(id);
        let Some(usage) = self.usages.get_mut(&id) else { return };
        let Some(own) = usage.dialog.as_ref().filter(|own| Some(own.id().remote_tag.as_str()) != winner) else { return };
        if let Some(fork) = usage.forks.iter_mut().find(|fork| fork.tag == own.id().remote_tag) {
            fork.dialog = Some(own.clone());
        }
    }

    /// This dialog is now the usage's.
    fn adopt(&mut self, id: UsageId, dialog: Option<Dialog>) {
        let Some(usage) = self.usages.get_mut(&id) else { return };
        if let Some(old) = usage.dialog.take() {
            self.dialogs.remove(old.id());
        }
        if let Some(dialog) = dialog {
            self.dialogs.insert(dialog.id().clone(), id);
            usage.dialog = Some(dialog);
        }
    }

    fn tell_refused(&mut self, usage: UsageId, status: u16, words: &str, q850: Option<u8>) {
        self.tell(UaEvent::Refused { usage, status, reason: words.to_owned(), q850 });
    }
}

/// By their `q`, and as they stand where that is the same; what a URI would put into the INVITE besides is left out (19.1.5).
fn contacts_of(headers: &Headers) -> Vec<Uri> {
    let mut contacts = headers.addresses("Contact").unwrap_or_default();
    contacts.retain(|contact| matches!(contact.uri.scheme, Scheme::Sip | Scheme::Sips) && !contact.uri.host.is_empty());
    let weight = |contact: &NameAddr| contact.params.value("q").and_then(|q| q.parse::<f32>().ok()).unwrap_or(1.0);
    contacts.sort_by(|one, next| weight(next).total_cmp(&weight(one)));
    contacts.into_iter().take(CONTACTS_MAX).map(|contact| Uri { headers: None, ..contact.uri }).collect()
}

/// Addresses of one 3xx that are looked at.
const CONTACTS_MAX: usize = 8;

/// A called party that rings says so every minute (13.3.1.1); one silent for three, as a proxy's timer C has it (16.6), is gone.
const SILENCE_MAX: Duration = Duration::from_secs(180);

/// Q.850.
const NORMAL_CLEARING: u8 = 16;

/// Q.850.
const RECOVERY_ON_TIMER_EXPIRY: u8 = 102;
