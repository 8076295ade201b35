//! Server transactions: requests come in, each is answered once.

use std::{sync::Arc, time::Duration};

use rand::Rng;

use super::{TimerKey, TxId, UsageId, UserAgent};
use crate::{
    events::wire::Path,
    now::Now,
    sip::{
        Method, Request, Response, Via,
        header::MAGIC_COOKIE,
        transaction::{Effect, Event, T2, Timer, invite_server, other_server},
    },
};

/// What a request has in common with its repetitions (17.2.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ServerKey {
    branch: String,
    sent_by: String,
    /// INVITE for an ACK.
    method: Method,
}

impl ServerKey {
    /// The transaction of a request, by its topmost Via as it came.
    pub(super) fn of(request: &Request) -> Self {
        let method = if request.method == Method::Ack { Method::Invite } else { request.method.clone() };
        Self::under(request, method)
    }

    /// The INVITE that a CANCEL means (9.2).
    pub(super) fn cancelled_by(request: &Request) -> Self {
        Self::under(request, Method::Invite)
    }

    fn under(request: &Request, method: Method) -> Self {
        let Via { host, port, .. } = &request.via;
        let sent_by = format!("{}:{}", host.to_ascii_lowercase(), port.unwrap_or(5060));
        let branch = request.via.branch().unwrap_or_default();
        // The cookie alone is as good as none (RFC 4475 3.2.1).
        let branch = match branch.strip_prefix(MAGIC_COOKIE).is_some_and(|own| !own.is_empty()) {
            true => branch.to_owned(),
            // RFC 2543: a cookieless branch names nothing by itself.
            false => format!("{branch} {} {} {}", request.call_id, request.from.tag().unwrap_or_default(), request.cseq.number),
        };
        Self { branch, sent_by, method }
    }
}

/// What a request has in common with its copies that came by another way (8.2.2.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct MergeKey {
    call_id: String,
    from_tag: String,
    number: u32,
    method: Method,
}

impl MergeKey {
    pub(super) fn of(request: &Request) -> Self {
        Self {
            call_id: request.call_id.to_string(),
            from_tag: request.from.tag().unwrap_or_default().to_owned(),
            number: request.cseq.number,
            method: request.method.clone(),
        }
    }
}

/// One of them.
#[derive(Debug)]
pub(super) struct Server {
    machine: Machine,
    key: ServerKey,
    merge: MergeKey,
    usage: Option<UsageId>,
    reply: Path,
    last: Option<Arc<[u8]>>,
    /// How long timer G last was.
    pause: Duration,
}

impl Server {
    pub(super) const fn usage(&self) -> Option<UsageId> {
        self.usage
    }

    pub(super) const fn reply(&self) -> Path {
        self.reply
    }
}

#[derive(Debug, Clone, Copy)]
enum Machine {
    Invite(invite_server::State),
    Other(other_server::State),
}

impl<R: Rng> UserAgent<R> {
    /// Opens the transaction of a request that is new to us.
    pub(super) fn open_server(&mut self, request: &Request, key: ServerKey, reply: Path, usage: Option<UsageId>) -> TxId {
        let tx = TxId(self.mint());
        let machine = match request.method == Method::Invite {
            true => Machine::Invite(invite_server::State::begin().0),
            false => Machine::Other(other_server::State::begin().0),
        };
        let merge = MergeKey::of(request);
        self.server_index.insert(key.clone(), tx);
        self.merges.insert(merge.clone(), tx);
        self.servers.insert(tx, Server { machine, key, merge, usage, reply, last: None, pause: Duration::ZERO });
        if let Some(usage) = usage.and_then(|id| self.usages.get_mut(&id)) {
            usage.transactions += 1;
        }
        tx
    }

    /// Answers; the bytes are given back, for a 2xx to an INVITE is repeated by the caller of this.
    pub(super) fn respond(&mut self, now: Now, tx: TxId, response: &Response) -> Arc<[u8]> {
        let mut response = response.clone();
        self.stamp_response(self.servers.get(&tx).and_then(Server::usage), &mut response);
        let bytes = response.to_bytes();
        if let Some(server) = self.servers.get_mut(&tx) {
            server.last = Some(bytes.clone());
        }
        let event = match response.status {
            ..200 => Event::Provisional,
            200..300 => Event::Success,
            300.. => Event::Failure,
        };
        self.step_server(now, tx, event);
        bytes
    }

    /// Answers without a transaction (8.2.7).
    pub(super) fn respond_stateless(&mut self, reply: Path, response: &Response) {
        self.transmit(reply, response.to_bytes());
    }

    pub(super) fn server_timer(&mut self, now: Now, tx: TxId, timer: Timer) {
        self.step_server(now, tx, Event::Timer(timer));
    }

    /// Where the answers of a transaction go.
    pub(super) fn reply_path(&self, tx: TxId) -> Option<Path> {
        self.servers.get(&tx).map(|server| server.reply)
    }

    /// `true` if the event is for the user above.
    pub(super) fn step_server(&mut self, now: Now, tx: TxId, event: Event) -> bool {
        let Some(server) = self.servers.get_mut(&tx) else { return false };
        let effects = match &mut server.machine {
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
        let mut is_for_user = false;
        for effect in effects {
            is_for_user |= self.carry_out_server(now, tx, *effect);
        }
        is_for_user
    }

    fn carry_out_server(&mut self, now: Now, tx: TxId, effect: Effect) -> bool {
        let Some(server) = self.servers.get_mut(&tx) else { return false };
        match effect {
            Effect::Send | Effect::Resend => {
                if let Some(bytes) = server.last.clone() {
                    let reply = server.reply;
                    self.transmit(reply, bytes);
                }
            }
            Effect::Start(timer) => {
                if let Some(length) = timer.length(matches!(server.reply, Path::Stream(_))) {
                    if timer == Timer::G {
                        server.pause = length;
                    }
                    if timer == Timer::L {
                        // The call itself repeats its 2xx (RFC 6026 7.1).
                        server.last = None;
                    }
                    self.start_timer(now, TimerKey::Server(tx, timer), timer, length);
                }
            }
            Effect::Again(timer) => {
                let pause = timer.again(server.pause);
                server.pause = pause;
                self.set_timer(now, TimerKey::Server(tx, timer), pause);
            }
            Effect::Slow(timer) => self.set_timer(now, TimerKey::Server(tx, timer), T2),
            Effect::Stop(timer) => {
                self.timers.stop(&TimerKey::Server(tx, timer));
            }
            Effect::Deliver => return true,
            // An unacknowledged failure harms nobody; a transport that fails is found out by the dialog's next request.
            Effect::TimedOut | Effect::Failed | Effect::Ack => {}
            Effect::End => {
                if let Some(server) = self.servers.remove(&tx) {
                    self.server_index.remove(&server.key);
                    if self.merges.get(&server.merge) == Some(&tx) {
                        self.merges.remove(&server.merge);
                    }
                    self.transaction_ended(server.usage);
                }
            }
        }
        false
    }
}
