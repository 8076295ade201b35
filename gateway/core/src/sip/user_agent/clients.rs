//! Client transactions: requests go out, each is answered once or given up.

use std::{sync::Arc, time::Duration};

use rand::Rng;

use super::{RequestId, TimerKey, TxId, UaEvent, UsageId, UserAgent, connection::Connection};
use crate::{
    config::Oversize,
    events::wire::{Hop, Path, Transport},
    ids::ConnId,
    now::Now,
    sip::{
        CSeq, Headers, Method, Request, Response, Via,
        transaction::{Effect, Event, T2, Timer, invite_client, other_client},
    },
};

/// What a response has in common with its request (17.1.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ClientKey {
    branch: String,
    method: Method,
}

/// What an answer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Invite,
    Reinvite,
    Cancel,
    /// `true` once it has been challenged.
    Bye(bool),
    Refer,
    Notify,
    /// The same.
    Prack(bool),
    /// A refresh of the session; the same.
    Update(bool),
    /// An OPTIONS within the dialog.
    Alive,
    /// Of no call; the usage's number is that of the `RequestId`.
    Outside,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Client {
    machine: Machine,
    key: ClientKey,
    request: Arc<Request>,
    bytes: Arc<[u8]>,
    path: Path,
    /// The way that is tried once the first one fails: by UDP after TCP, or by a new stream after one that had died unseen.
    second: Option<Path>,
    usage: UsageId,
    role: Role,
    /// How long timer A or E last was.
    pause: Duration,
}

impl Client {
    pub(super) const fn path(&self) -> Path {
        self.path
    }

    /// Nothing has come back yet.
    const fn is_unanswered(&self) -> bool {
        matches!(self.machine, Machine::Invite(invite_client::State::Calling) | Machine::Other(other_client::State::Trying))
    }
}

#[derive(Debug, Clone, Copy)]
enum Machine {
    Invite(invite_client::State),
    Other(other_client::State),
}

impl Machine {
    const fn begin(is_invite: bool) -> (Self, &'static [Effect]) {
        if is_invite {
            let (state, effects) = invite_client::State::begin();
            (Self::Invite(state), effects)
        } else {
            let (state, effects) = other_client::State::begin();
            (Self::Other(state), effects)
        }
    }
}

/// What the user above hears of a client transaction.
enum Outcome<'a> {
    Answered(&'a Response),
    /// Nothing came in time.
    TimedOut,
    /// It could not be sent.
    Failed,
}

impl<R: Rng> UserAgent<R> {
    /// Sends a request and keeps at it.
    pub(super) fn open_client(&mut self, now: Now, mut request: Arc<Request>, path: Path, usage: UsageId, role: Role) -> TxId {
        self.stamp_request(usage, Arc::make_mut(&mut request));
        let tx = TxId(self.mint());
        let (machine, effects) = Machine::begin(request.method == Method::Invite);
        let (path, second) = self.by_size(usage, path, &request);
        let advertised = self.usages.get(&usage).and_then(|usage| usage.advertised);
        let request = self.fitted(request, path, advertised);
        let key = ClientKey { branch: request.via.branch().unwrap_or_default().to_owned(), method: request.method.clone() };
        let bytes = request.to_bytes();
        self.client_index.insert(key.clone(), tx);
        self.clients.insert(tx, Client { machine, key, request, bytes, path, second, usage, role, pause: Duration::ZERO });
        if let Some(usage) = self.usages.get_mut(&usage) {
            usage.transactions += 1;
        }
        for effect in effects {
            self.carry_out_client(now, tx, *effect, None);
        }
        tx
    }

    pub(super) fn receive_response(&mut self, now: Now, response: &Response) {
        // "If there is more than one Via header field value in a response, the UAC SHOULD discard the message" (8.1.3.3).
        let Some(branch) = response.via.branch().filter(|_| response.vias_below.is_empty()) else { return };
        let key = ClientKey { branch: branch.to_owned(), method: response.cseq.method.clone() };
        let Some(tx) = self.client_index.get(&key).copied() else { return };
        if let Some(usage) = self.clients.get(&tx).map(|client| client.usage) {
            self.learn_session(usage, &response.headers);
        }
        let event = match response.status {
            ..200 => Event::Provisional,
            200..300 => Event::Success,
            300.. => Event::Failure,
        };
        self.step_client(now, tx, event, Some(response));
    }

    pub(super) fn client_timer(&mut self, now: Now, tx: TxId, timer: Timer) {
        self.step_client(now, tx, Event::Timer(timer), None);
    }

    /// The way that a request of ours went.
    pub(super) fn client_path(&self, tx: TxId) -> Option<Path> {
        self.clients.get(&tx).map(Client::path)
    }

    /// A stream is gone: what it carried and nobody has answered goes another way, once, or has failed (17.1.4).
    pub(super) fn break_clients(&mut self, now: Now, conn: ConnId) {
        let carried = |client: &Client| client.path == Path::Stream(conn);
        let broken: Vec<TxId> = self.clients.iter().filter(|(_, client)| carried(client)).map(|(tx, _)| *tx).collect();
        for tx in broken {
            if !self.try_second(now, tx) {
                self.step_client(now, tx, Event::Broken, None);
            }
        }
    }

    fn try_second(&mut self, now: Now, tx: TxId) -> bool {
        let Some(client) = self.clients.get_mut(&tx).filter(|client| client.is_unanswered()) else { return false };
        let Some(second) = client.second.take() else { return false };
        let (usage, request) = (client.usage, client.request.clone());
        let path = match second {
            Path::Datagram { .. } => {
                if let Some(usage) = self.usages.get_mut(&usage) {
                    usage.oversize = Oversize::Udp;
                }
                second
            }
            Path::Stream(conn) => {
                let Some(gone) = self.connections.get(conn) else { return false };
                let (endpoint, hop, profile) = (gone.endpoint, gone.hop.clone(), gone.profile.clone());
                self.way(endpoint, &hop, profile.as_deref())
            }
        };
        let advertised = self.usages.get(&usage).and_then(|usage| usage.advertised);
        let request = self.fitted(request, path, advertised);
        let (machine, effects) = Machine::begin(request.method == Method::Invite);
        let Some(client) = self.clients.get_mut(&tx) else { return false };
        client.bytes = request.to_bytes();
        (client.machine, client.path, client.request) = (machine, path, request);
        for effect in effects {
            self.carry_out_client(now, tx, *effect, None);
        }
        true
    }

    /// "If a request is within 200 bytes of the path MTU, or if it is larger than 1300 bytes and the path MTU is unknown, the request MUST be
    /// sent using [...] TCP" (18.1.1), where the trunk's `oversize` does not say otherwise. With it, the second way.
    fn by_size(&mut self, usage: UsageId, path: Path, request: &Request) -> (Path, Option<Path>) {
        match path {
            Path::Datagram { endpoint, to } => {
                let by_tcp = self.usages.get(&usage).is_some_and(|usage| usage.oversize == Oversize::Tcp);
                if !by_tcp || request.to_bytes().len() <= DATAGRAM_MAX {
                    return (path, None);
                }
                let hop = Hop { transport: Transport::Tcp, to, domain: None };
                (self.way(endpoint, &hop, None), Some(path))
            }
            Path::Stream(conn) => {
                let is_reused = matches!(conn, ConnId::Opened(_)) && self.connections.get(conn).is_some_and(Connection::is_open);
                (path, is_reused.then_some(path))
            }
        }
    }

    /// Ends an INVITE that will never be answered.
    pub(super) fn abandon_client(&mut self, tx: TxId) {
        let Some(client) = self.clients.remove(&tx) else { return };
        self.client_index.remove(&client.key);
        for timer in [Timer::A, Timer::B, Timer::D, Timer::E, Timer::F, Timer::K, Timer::M] {
            self.timers.stop(&TimerKey::Client(tx, timer));
        }
        self.transaction_ended(Some(client.usage));
    }

    fn step_client(&mut self, now: Now, tx: TxId, event: Event, response: Option<&Response>) {
        let Some(client) = self.clients.get_mut(&tx) else { return };
        let effects = match &mut client.machine {
            Machine::Invite(state) => {
                let (next, effects) = state.step(event);
                *state = next;
                effects
            }
            Machine::Other(state) => {
                let (next, effects) = state.step(event);
                *state = next;
                effects
            }
        };
        for effect in effects {
            self.carry_out_client(now, tx, *effect, response);
        }
    }

    fn carry_out_client(&mut self, now: Now, tx: TxId, effect: Effect, response: Option<&Response>) {
        let Some(client) = self.clients.get_mut(&tx) else { return };
        match effect {
            Effect::Send | Effect::Resend => {
                let (path, bytes) = (client.path, client.bytes.clone());
                self.transmit(path, bytes);
            }
            Effect::Ack => {
                if let Some(response) = response {
                    let (path, bytes) = (client.path, ack_of_failure(&client.request, response).to_bytes());
                    self.transmit(path, bytes);
                }
            }
            Effect::Start(timer) => {
                if let Some(length) = timer.length(matches!(client.path, Path::Stream(_))) {
                    if matches!(timer, Timer::A | Timer::E) {
                        client.pause = length;
                    }
                    if timer.ends_quietly() {
                        // It is answered: these bytes are never sent again.
                        client.bytes = Arc::default();
                    }
                    self.start_timer(now, TimerKey::Client(tx, timer), timer, length);
                }
            }
            Effect::Again(timer) => {
                client.pause = timer.again(client.pause);
                let pause = client.pause;
                self.set_timer(now, TimerKey::Client(tx, timer), pause);
            }
            Effect::Slow(timer) => self.set_timer(now, TimerKey::Client(tx, timer), T2),
            Effect::Stop(timer) => {
                self.timers.stop(&TimerKey::Client(tx, timer));
            }
            Effect::Deliver => {
                if let Some(response) = response {
                    self.conclude(now, tx, Outcome::Answered(response));
                }
            }
            Effect::TimedOut => self.conclude(now, tx, Outcome::TimedOut),
            Effect::Failed => self.conclude(now, tx, Outcome::Failed),
            Effect::End => self.abandon_client(tx),
        }
    }

    /// A request whose answer matters to nobody, save that it must be let through.
    fn again_if_challenged(&mut self, now: Now, id: UsageId, request: &Request, response: &Response, challenged: bool, role: Role) {
        if !challenged && let Some(again) = self.authorized(id, request, response) {
            self.send_within(now, id, again, role);
        }
    }

    /// To the verb that asked; silence counts as 408 and a failing transport as 503 (8.1.3.1).
    fn conclude(&mut self, now: Now, tx: TxId, outcome: Outcome<'_>) {
        let Some(client) = self.clients.get(&tx) else { return };
        let (usage, role, request) = (client.usage, client.role, client.request.clone());
        let heard = matches!(outcome, Outcome::Answered(_));
        let made_up;
        let response = match outcome {
            Outcome::Answered(response) => response,
            Outcome::TimedOut => {
                made_up = request.answer(408, None);
                &made_up
            }
            Outcome::Failed => {
                made_up = request.answer(503, None);
                &made_up
            }
        };
        if matches!(response.status, 401 | 407) && request.to.tag().is_some() {
            self.tell_challenged(usage, &request.method, response.status);
        }
        match role {
            Role::Invite => self.invite_answered(now, usage, &request, response),
            Role::Reinvite => self.reinvite_answered(now, usage, &request, response),
            Role::Refer => self.refer_answered(usage, response),
            Role::Bye(challenged) => self.again_if_challenged(now, usage, &request, response, challenged, Role::Bye(true)),
            Role::Prack(challenged) => self.again_if_challenged(now, usage, &request, response, challenged, Role::Prack(true)),
            Role::Update(challenged) => self.update_answered(now, usage, &request, response, challenged),
            Role::Alive => self.alive_answered(now, usage, response),
            Role::Cancel | Role::Notify => {}
            Role::Outside => self.outside_answered(now, RequestId(usage.0), &request, response, heard),
        }
    }
}

impl<R: Rng> UserAgent<R> {
    /// Once a usage: who challenges one request within a dialog challenges the next.
    fn tell_challenged(&mut self, id: UsageId, method: &Method, status: u16) {
        let Some(usage) = self.usages.get_mut(&id).filter(|_| self.digest_guard) else { return };
        let peer = usage.hop.as_ref().map_or(usage.peer, |hop| hop.to);
        if !std::mem::replace(&mut usage.has_challenged, true) {
            self.tell(UaEvent::Challenged { usage: id, peer, method: method.clone(), status });
        }
    }

    /// A request of ours that waits for its answer, come back as it went (RFC 3261 16.3, item 4): whoever it was sent to has sent it on to us.
    ///
    /// With another Request-URI it is a spiral, a call that leaves and comes in again, and Max-Forwards bounds those.
    pub(super) fn has_looped(&self, request: &Request) -> bool {
        request.vias_below.iter().filter_map(Via::branch).any(|branch| {
            let key = ClientKey { branch: branch.to_owned(), method: request.method.clone() };
            let ours = self.client_index.get(&key).and_then(|tx| self.clients.get(tx));
            ours.is_some_and(|ours| ours.request.uri == request.uri && ours.request.call_id == request.call_id)
        })
    }
}

/// By the way of the INVITE, on its branch (17.1.1.3).
fn ack_of_failure(invite: &Request, response: &Response) -> Request {
    let mut headers = Headers::new();
    invite.headers.all("Route").for_each(|route| headers.push("Route", route));
    headers.push("Max-Forwards", "70");
    invite.headers.all("Session-ID").for_each(|session| headers.push("Session-ID", session));
    Request {
        method: Method::Ack,
        uri: invite.uri.clone(),
        via: invite.via.clone(),
        vias_below: Vec::new(),
        from: invite.from.clone(),
        to: response.to.clone(),
        call_id: invite.call_id.clone(),
        cseq: CSeq { number: invite.cseq.number, method: Method::Ack },
        headers,
        body: Vec::new(),
    }
}

/// Bytes of a request above which UDP is no safe way where the path's MTU is unknown (RFC 3261 18.1.1).
const DATAGRAM_MAX: usize = 1300;
