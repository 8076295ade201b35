//! Client transactions: requests go out, each is answered once or given up.

use std::{sync::Arc, time::Duration};

use rand::Rng;

use super::{TimerKey, TxId, UsageId, UserAgent};
use crate::{
    events::wire::Path,
    now::Now,
    sip::{
        CSeq, Headers, Method, Request, Response,
        transaction::{Effect, Event, T2, Timer, invite_client, other_client},
    },
};

/// What a response has in common with its request (17.1.3).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
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
    Probe,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Client {
    machine: Machine,
    key: ClientKey,
    request: Arc<Request>,
    bytes: Arc<[u8]>,
    path: Path,
    usage: UsageId,
    role: Role,
    /// How long timer A or E last was.
    pause: Duration,
}

#[derive(Debug, Clone, Copy)]
enum Machine {
    Invite(invite_client::State),
    Other(other_client::State),
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
    pub(super) fn open_client(&mut self, now: Now, request: Arc<Request>, path: Path, usage: UsageId, role: Role) -> TxId {
        let tx = TxId(self.mint());
        let (machine, effects) = match request.method == Method::Invite {
            true => {
                let (state, effects) = invite_client::State::begin();
                (Machine::Invite(state), effects)
            }
            false => {
                let (state, effects) = other_client::State::begin();
                (Machine::Other(state), effects)
            }
        };
        let key = ClientKey { branch: request.via.branch().unwrap_or_default().to_owned(), method: request.method.clone() };
        let bytes = request.to_bytes();
        self.client_index.insert(key.clone(), tx);
        self.clients.insert(tx, Client { machine, key, request, bytes, path, usage, role, pause: Duration::ZERO });
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
                    self.set_timer(now, TimerKey::Client(tx, timer), length);
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
        match role {
            Role::Invite => self.invite_answered(now, usage, &request, response),
            Role::Reinvite => self.reinvite_answered(now, usage, &request, response),
            Role::Refer => self.refer_answered(usage, response),
            Role::Bye(challenged) => self.again_if_challenged(now, usage, &request, response, challenged, Role::Bye(true)),
            Role::Prack(challenged) => self.again_if_challenged(now, usage, &request, response, challenged, Role::Prack(true)),
            Role::Update(challenged) => self.update_answered(now, usage, &request, response, challenged),
            Role::Probe => self.probe_answered(now, usage, response),
            Role::Cancel | Role::Notify => {}
        }
    }
}

/// By the way of the INVITE, on its branch (17.1.1.3).
fn ack_of_failure(invite: &Request, response: &Response) -> Request {
    let mut headers = Headers::new();
    invite.headers.all("Route").for_each(|route| headers.push("Route", route));
    headers.push("Max-Forwards", "70");
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
