//! Requests within a dialog (RFC 3261 12.2.2): admitted in order, then handed to their verb.

use std::sync::Arc;

use rand::Rng;

use super::{
    UaEvent, UsageId, UserAgent,
    options::{ACCEPT, capabilities},
    reliable::Exchange,
    screen::{Arrival, with},
    usage::{Asked, Phase},
};
use crate::{
    now::Now,
    private::Private,
    sip::{Method, Request},
};

impl<R: Rng> UserAgent<R> {
    pub(super) fn receive_within(&mut self, now: Now, id: UsageId, arrival: Arrival, request: Request) {
        let dialog = self.usages.get_mut(&id).and_then(|usage| usage.dialog_with(request.from.tag().unwrap_or_default()));
        if !dialog.is_some_and(|dialog| dialog.admit(request.cseq.number)) {
            let refusal = self.stateless(&request, 500);
            return self.respond_stateless(arrival.reply, &refusal);
        }
        self.learn_session(id, &request.headers);
        match request.method {
            Method::Bye => self.receive_bye(now, id, arrival, &request),
            Method::Info => self.receive_info(now, id, arrival, &request),
            Method::Invite | Method::Update => self.receive_reinvite(now, id, arrival, request),
            Method::Refer => self.receive_refer(now, id, arrival, request),
            Method::Notify => self.receive_notify(now, id, arrival, &request),
            Method::Prack => self.receive_prack(now, id, arrival, request),
            // The door lets nothing else in.
            Method::Options
            | Method::Ack
            | Method::Cancel
            | Method::Register
            | Method::Subscribe
            | Method::Message
            | Method::Publish
            | Method::Other(_) => {
                let answer = capabilities(request.answer(200, None));
                self.respond_stateless(arrival.reply, &answer);
            }
        }
    }

    fn receive_info(&mut self, now: Now, id: UsageId, arrival: Arrival, request: &Request) {
        // No info package was negotiated (RFC 6086 4.2.2), and of the legacy bodies we understand digits alone.
        let kind = request.headers.first("Content-Type").unwrap_or_default().trim().to_ascii_lowercase();
        let refusal = match request.headers.first("Info-Package") {
            Some(_) => Some(with(self.stateless(request, 469), "Recv-Info", "")),
            None if !request.body.is_empty() && !kind.starts_with("application/dtmf") => {
                Some(with(self.stateless(request, 415), "Accept", ACCEPT))
            }
            None => None,
        };
        if let Some(refusal) = refusal {
            return self.respond_stateless(arrival.reply, &refusal);
        }
        let tx = self.open_server(request, arrival.key, arrival.reply, Some(id));
        self.respond(now, tx, &request.answer(200, None));
        let content_type = request.headers.first("Content-Type").unwrap_or_default().to_owned();
        self.tell(UaEvent::Info { usage: id, content_type, body: Private(request.body.clone()) });
    }

    /// A re-INVITE, or an UPDATE (RFC 3311), which differs in needing no ACK.
    fn receive_reinvite(&mut self, now: Now, id: UsageId, arrival: Arrival, request: Request) {
        let Some(usage) = self.usages.get(&id) else { return };
        let is_update = request.method == Method::Update;
        let sdp = request.sdp();
        // A session refresh: nothing to decide.
        if is_update && sdp.is_none() {
            let mut answer = request.answer(200, None);
            self.put_dialog_headers(usage, &request, &mut answer);
            if matches!(usage.phase, Phase::Confirmed) {
                self.agree_as_answerer(now, id, &request, &mut answer);
            }
            let tx = self.open_server(&request, arrival.key, arrival.reply, Some(id));
            self.refresh_target(id, &request);
            self.respond(now, tx, &answer);
            return;
        }
        let refusal = match self.hindrance(id, &request) {
            // "MUST return a 500 response [with] a Retry-After header field with a randomly chosen value of between 0 and 10 seconds" (14.2).
            Some(500) => {
                let seconds = self.rng.next_u32() % 11;
                Some(with(request.answer(500, None), "Retry-After", &seconds.to_string()))
            }
            status => status.map(|status| request.answer(status, None)),
        };
        let tx = self.open_server(&request, arrival.key, arrival.reply, Some(id));
        if let Some(refusal) = refusal {
            self.respond(now, tx, &refusal);
            return;
        }
        let request = Arc::new(request);
        if !is_update {
            self.respond(now, tx, &request.answer(100, None));
        }
        if let Some(usage) = self.usages.get_mut(&id) {
            usage.asked = Some(Asked { tx, request });
        }
        self.tell(UaEvent::Reinvited { usage: id, sdp });
    }

    /// Why an offer of the peer's can't be taken now: 500 while an earlier one of its own is not answered, 491 while one of ours is not
    /// (RFC 3261 14.2, RFC 3311 5.2).
    fn hindrance(&self, id: UsageId, request: &Request) -> Option<u16> {
        let usage = self.usages.get(&id)?;
        let is_update = request.method == Method::Update;
        let exchange = usage.reliable.exchange;
        match &usage.phase {
            _ if usage.asked.is_some() => Some(500),
            _ if usage.asking.as_ref().is_some_and(|asking| asking.is_running) => Some(491),
            Phase::Invited { .. } if is_update && exchange == Exchange::Complete => None,
            Phase::Invited { .. } if is_update && exchange == Exchange::Offered => Some(491),
            Phase::Invited { .. } => Some(500),
            Phase::Inviting { .. } if is_update && self.is_agreed_early(id, request.from.tag()) => None,
            Phase::Inviting { .. } => Some(491),
            // The ACK of our 2xx is still to come. For UPDATE that matters only where it brings the answer to our offer.
            Phase::Confirmed | Phase::Ended => usage.unacked.as_ref().filter(|unacked| !is_update || unacked.offers).map(|_| 491),
        }
    }

    pub(super) fn refresh_target(&mut self, id: UsageId, request: &Request) {
        let tag = request.from.tag().unwrap_or_default();
        if let Some(dialog) = self.usages.get_mut(&id).and_then(|usage| usage.dialog_with(tag)) {
            dialog.refresh(&request.headers);
        }
    }
}
