//! The door: what a request must be before any verb sees it (RFC 3261 8.2).
//!
//! What is turned away here leaves no state behind, so that junk costs one datagram.

use std::net::SocketAddr;

use rand::Rng;

use super::{
    ALLOW, TurnedAway, UsageId, UserAgent,
    servers::{MergeKey, ServerKey},
    usage::Phase,
    wall::Entry,
};
use crate::{
    events::wire::Path,
    ids::{ConnId, EndpointId},
    now::Now,
    sip::{Method, Request, Response, dialog::DialogId, header::Scheme, transaction::Event},
};

/// A request and the way it came.
pub(super) struct Arrival {
    pub(super) endpoint: EndpointId,
    pub(super) from: SocketAddr,
    pub(super) reply: Path,
    pub(super) key: ServerKey,
}

/// Why a request is turned away, and what would be fit.
struct Unfit {
    status: u16,
    hint: Option<(&'static str, String)>,
    over: Option<TurnedAway>,
}

impl Unfit {
    const fn bare(status: u16) -> Self {
        Self { status, hint: None, over: None }
    }

    fn hinting(status: u16, name: &'static str, value: &str) -> Self {
        Self { status, hint: Some((name, value.to_owned())), over: None }
    }

    /// There is too much already.
    fn over(limit: TurnedAway) -> Self {
        Self { over: Some(limit), ..Self::hinting(503, "Retry-After", "5") }
    }
}

impl<R: Rng> UserAgent<R> {
    pub(super) fn receive_request(&mut self, now: Now, endpoint: EndpointId, from: SocketAddr, conn: Option<ConnId>, mut request: Request) {
        let key = ServerKey::of(&request);
        // "MUST be sent using the existing connection" (18.2.2).
        let reply = conn.map_or(Path::Datagram { endpoint, to: request.via.reply_to(from) }, Path::Stream);
        request.via.stamp(from);
        let known = self.server_index.get(&key).copied();
        if request.method == Method::Ack {
            let is_for_user = known.is_none_or(|tx| self.step_server(now, tx, Event::Ack));
            if is_for_user {
                self.receive_ack(now, &request);
            }
            return;
        }
        if let Some(tx) = known {
            self.step_server(now, tx, Event::Request);
            return;
        }
        let arrival = Arrival { endpoint, from, reply, key };
        if request.method == Method::Cancel {
            return self.receive_cancel(now, arrival, request);
        }
        let is_ours = DialogId::of(&request).is_some_and(|id| self.dialogs.contains_key(&id));
        let entry = if is_ours { Entry::Open } else { self.admit(now, from) };
        let screened = match entry {
            Entry::Open => self.screen(&request),
            Entry::Refused => Err(Unfit::hinting(503, "Retry-After", "5")),
            Entry::Ignored => return,
        };
        match screened {
            Err(Unfit { status, hint, over }) => {
                over.into_iter().for_each(|limit| self.turn_away(limit));
                let mut refusal = self.stateless(&request, status);
                if let Some((name, value)) = hint {
                    refusal = with(refusal, name, &value);
                }
                self.respond_stateless(reply, &refusal);
            }
            Ok(Some(usage)) => self.receive_within(now, usage, arrival, request),
            Ok(None) if request.method == Method::Invite => self.receive_invite(now, arrival, request),
            Ok(None) if request.method == Method::Register => self.receive_register(now, arrival, &request),
            Ok(None) => self.receive_options(arrival, &request),
        }
    }

    /// Asks the wall, for what belongs to no call.
    pub(super) fn admit(&mut self, now: Now, from: SocketAddr) -> Entry {
        let entry = self.wall.admit(now.instant, from.ip());
        match entry {
            Entry::Open => {}
            Entry::Refused => self.turn_away(TurnedAway::Rate),
            Entry::Ignored => self.turn_away(TurnedAway::Flood),
        }
        entry
    }

    pub(super) fn turn_away(&mut self, cause: TurnedAway) {
        *self.turned_away.entry(cause).or_default() += 1;
    }

    /// The answer of a request that is turned away without state; its tag is a function of the request, so that repetitions agree.
    pub(super) fn stateless(&self, request: &Request, status: u16) -> Response {
        let Request { call_id, cseq, .. } = request;
        let text = format!("{call_id} {cseq} {}", request.via.branch().unwrap_or_default());
        request.answer(status, Some(&self.verifier.sign(&text)))
    }

    /// In the order of RFC 3261 8.2; gives the usage that the request belongs to, if any.
    fn screen(&self, request: &Request) -> Result<Option<UsageId>, Unfit> {
        if !matches!(request.uri.scheme, Scheme::Sip | Scheme::Sips | Scheme::Tel) {
            return Err(Unfit::bare(416));
        }
        // We forward nothing; but a request that has come round 70 hops has no business here either. OPTIONS counts hops (11).
        if request.max_forwards() == 0 && request.method != Method::Options {
            return Err(Unfit::bare(483));
        }
        let within = match request.to.tag() {
            Some(_) => {
                let usage = DialogId::of(request).and_then(|id| self.dialogs.get(&id).copied());
                let is_over = |id: &UsageId| self.usages.get(id).is_none_or(|usage| matches!(usage.phase, Phase::Ended));
                // What is over knows goodbyes alone (RFC 5407 3.2).
                let known = usage.filter(|id| request.method == Method::Bye || !is_over(id));
                Some(known.ok_or_else(|| Unfit::bare(481))?)
            }
            None => None,
        };
        let is_served = match &request.method {
            Method::Invite | Method::Options => true,
            Method::Register => within.is_none(),
            // Whom it should concern is not said, and we place no calls on a stranger's word.
            Method::Refer if within.is_none() => return Err(Unfit::bare(403)),
            Method::Bye | Method::Info | Method::Update | Method::Prack | Method::Notify if within.is_none() => {
                return Err(Unfit::bare(481));
            }
            Method::Bye | Method::Info | Method::Update | Method::Prack | Method::Refer | Method::Notify => true,
            Method::Ack | Method::Cancel => false,
            Method::Subscribe | Method::Message | Method::Publish => false,
            Method::Other(_) => return Err(Unfit::hinting(501, "Allow", ALLOW)),
        };
        if !is_served {
            return Err(Unfit::hinting(405, "Allow", ALLOW));
        }
        if within.is_none() && self.merges.contains_key(&MergeKey::of(request)) {
            return Err(Unfit::bare(482));
        }
        if within.is_none() && self.has_looped(request) {
            return Err(Unfit::bare(482));
        }
        let is_foreign = |tag: &&str| !is_spoken(&request.method, tag);
        let foreign: Vec<_> = request.headers.list("Require").filter(is_foreign).collect();
        if !foreign.is_empty() {
            return Err(Unfit::hinting(420, "Unsupported", &foreign.join(", ")));
        }
        if request.headers.first("Content-Encoding").is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
            return Err(Unfit::hinting(415, "Accept-Encoding", "identity"));
        }
        let wants_sdp = matches!(request.method, Method::Invite | Method::Update | Method::Prack);
        if wants_sdp && !request.body.is_empty() && request.sdp().is_none() {
            return Err(Unfit::hinting(415, "Accept", "application/sdp"));
        }
        if self.is_too_short(request) {
            return Err(Unfit::hinting(422, "Min-SE", &self.session_timer.min_s.to_string()));
        }
        if request.method == Method::Invite && !accepts_sdp(request) {
            return Err(Unfit::bare(406));
        }
        let is_full = within.is_none() && request.method == Method::Invite && self.usages.len() >= self.limits.dialogs;
        if is_full {
            return Err(Unfit::over(TurnedAway::Dialogs));
        }
        if self.servers.len() + self.clients.len() >= room(self.limits.transactions, within.is_some(), &request.method) {
            return Err(Unfit::over(TurnedAway::Transactions));
        }
        Ok(within)
    }
}

/// Extensions that a request may require of us; whatever else it requires is refused with 420.
fn is_spoken(method: &Method, tag: &str) -> bool {
    let spoken: &[&str] = match method {
        Method::Register => &["100rel", "timer", "path", "outbound", "gruu"],
        Method::Invite | Method::Refer => &["100rel", "timer", "replaces", "norefersub"],
        Method::Ack
        | Method::Bye
        | Method::Cancel
        | Method::Options
        | Method::Info
        | Method::Prack
        | Method::Update
        | Method::Subscribe
        | Method::Notify
        | Method::Message
        | Method::Publish
        | Method::Other(_) => &["100rel", "timer"],
    };
    spoken.iter().any(|known| known.eq_ignore_ascii_case(tag))
}

/// Transactions up to which a request is taken: calls that stand come first, then new ones, then registrations, then probes.
const fn room(max: usize, is_within: bool, method: &Method) -> usize {
    match (is_within, method) {
        (true, _) => max + max / 4,
        (false, Method::Invite) => max,
        (false, Method::Register) => max - max / 8,
        (false, _) => max - max / 4,
    }
}

/// "If no Accept header field is present, the server SHOULD assume a default value of application/sdp" (RFC 3261 20.1).
fn accepts_sdp(request: &Request) -> bool {
    let is_sdp = |range: &str| {
        let range = range.split(';').next().unwrap_or_default().trim();
        ["application/sdp", "application/*", "*/*"].iter().any(|fit| range.eq_ignore_ascii_case(fit))
    };
    request.headers.first("Accept").is_none() || request.headers.list("Accept").any(is_sdp)
}

pub(super) fn with(mut response: Response, name: &str, value: &str) -> Response {
    response.headers.push(name, value);
    response
}
