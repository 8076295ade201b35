//! One step of a call, and its wishes carried out.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use rand::{Rng, SeedableRng};

use super::{Due, Output, Switch, spoken::spoken};
use crate::{
    acd::AgentState,
    call::{Call, Stimulus, Turn, Wish},
    cause::Cause,
    events::{
        ask::Question,
        leg::LegCommand,
        media::MediaCommand,
        page::Notice,
        record::{Happened, Record},
    },
    ids::{AgentId, CallId, LegId, RecordingId},
    now::Now,
};

impl<R: Rng + SeedableRng> Switch<R> {
    /// Lets a call take one thing in. A call that panics is gone alone: its caller gets a polite end, its story a record.
    pub(super) fn step(&mut self, now: Now, id: CallId, stimulus: Stimulus) {
        let Some(mut call) = self.calls.get_mut(&id).and_then(|slot| slot.call.take()) else { return };
        let stepped = self.within(now, id, |turn| {
            call.handle(stimulus, turn);
            call
        });
        match stepped {
            Some(call) => self.put_back(id, call),
            None => self.broken(now, id),
        }
    }

    /// Runs one step with all that a call may use, then carries out its wishes; `None` if it panicked.
    pub(super) fn within<T>(&mut self, now: Now, id: CallId, step: impl FnOnce(&mut Turn<'_>) -> T) -> Option<T> {
        let slot = self.calls.get(&id)?;
        let (config, shard) = (slot.config.clone(), slot.shard);
        let places = self.places.get_mut(&shard)?;
        let mut wishes = std::mem::take(&mut self.wishes);
        let (sip, trunks, current) = (&self.sip, &self.trunks, &self.config);
        let mut turn = Turn {
            now,
            config: &config,
            library: &self.library,
            desks: self.web.desks(),
            spoken: &|target| spoken(current, sip, trunks, now, target),
            secret: &self.secret,
            asks: &mut self.asks,
            mint: &mut self.mint,
            rng: &mut self.rng,
            leases: &mut places.free,
            wishes: &mut wishes,
        };
        let done = catch_unwind(AssertUnwindSafe(|| step(&mut turn))).ok();
        while let Some(wish) = wishes.pop_front() {
            self.carry_out(now, id, wish);
        }
        self.wishes = wishes;
        done
    }

    pub(super) fn put_back(&mut self, id: CallId, call: Box<Call>) {
        let Some(slot) = self.calls.get_mut(&id) else { return };
        if call.is_over() {
            self.forget(id);
            return;
        }
        match call.deadline() {
            Some(at) => self.timers.set(Due::Call(id), at),
            None => {
                self.timers.stop(&Due::Call(id));
            }
        }
        slot.call = Some(call);
    }

    fn forget(&mut self, id: CallId) {
        self.timers.stop(&Due::Call(id));
        if let Some(slot) = self.calls.remove(&id) {
            for leg in &slot.legs {
                self.trunks.release(*leg);
                self.attempts.remove(leg);
                self.timers.stop(&Due::Attempt(*leg));
                self.by_leg.remove(leg);
            }
            for port in &slot.ports {
                self.by_port.remove(port);
            }
            if let Some(places) = self.places.get_mut(&slot.shard) {
                places.calls -= 1;
            }
        }
        self.by_ask.retain(|_, call| *call != id);
    }

    /// The call fell over a bug of ours: its legs and ports end, history says so, and nobody else notices.
    pub(super) fn broken(&mut self, now: Now, id: CallId) {
        let Some(slot) = self.calls.get(&id) else { return };
        let (legs, ports, shard) = (slot.legs.clone(), slot.ports.clone(), slot.shard);
        for leg in legs {
            self.tell_leg(now, leg, LegCommand::Hangup(Cause::BROKEN));
        }
        for port in ports {
            self.outputs.push_back(Output::Media { shard, command: MediaCommand::Close { port } });
        }
        let stuck: Vec<AgentId> = self.acd.agents().filter(|agent| is_with(agent.state(), id)).map(|agent| agent.id).collect();
        for agent in stuck {
            if !self.acd.turn(agent, AgentState::Available, now.instant) {
                self.turn_agent(now, agent, AgentState::WrapUp(id));
            }
        }
        self.acd.dequeue_call(id);
        let recording = RecordingId(id.0);
        self.outputs.push_back(Output::Media { shard, command: MediaCommand::SealRecording { recording } });
        self.write(now, id, Happened::CallEnded { cause: Cause::BROKEN, agent: None, waited_ms: 0, talked_ms: 0, crashed: true });
        self.forget(id);
    }

    fn carry_out(&mut self, now: Now, call: CallId, wish: Wish) {
        match wish {
            Wish::Leg(leg, command) => {
                if matches!(command, LegCommand::Dial { .. }) {
                    self.own_leg(call, leg);
                }
                self.tell_leg(now, leg, command);
            }
            Wish::Media(command) => self.tell_shard(call, command),
            Wish::Ask(ask) => {
                if let Question::ReserveAgent { agent, call } = &ask.question {
                    self.reservations.asked(ask.id(), *agent, *call);
                }
                if !matches!(ask.question, Question::ReleaseAgent { .. }) {
                    self.by_ask.insert(ask.id(), call);
                }
                self.outputs.push_back(Output::Ask(ask));
            }
            Wish::Write(happened) => self.write(now, call, happened),
            Wish::Reach { leg, agent } => {
                self.own_leg(call, leg);
                self.web.reach(leg, agent, call);
            }
            Wish::Enqueue(entry) => self.acd.enqueue(entry),
            Wish::Dequeue(entry) => {
                self.acd.dequeue(entry);
                self.told.remove(&entry);
            }
            Wish::Requeue(entry, agent) => self.acd.requeue(entry, agent),
            Wish::Turn(agent, state) => self.turn_agent(now, agent, state),
            Wish::WrapUp(agent, length) => {
                self.turn_agent(now, agent, AgentState::WrapUp(call));
                self.timers.set(Due::WrapUp(agent, call), now.instant + length);
            }
        }
    }

    /// An agent's state follows the call's; the desk is told, and a wrap-up has an end.
    pub(super) fn turn_agent(&mut self, now: Now, agent: AgentId, state: AgentState) {
        if !self.acd.turn(agent, state, now.instant) {
            return;
        }
        self.rest_phone(now, agent, state);
        let state = match state {
            AgentState::Away => "away",
            AgentState::Available => "available",
            AgentState::Reserved => return,
            AgentState::Offered(_) => "offered",
            AgentState::Talking(_) => "talking",
            AgentState::WrapUp(_) => "wrapup",
            AgentState::Unreachable => "unreachable",
        };
        self.web.tell_desk(agent, Notice::Status { call: None, state: state.to_owned(), detail: None }, &mut self.outputs);
    }

    /// The agent has said the last word, or has had long enough: the reservation ends.
    pub(super) fn wrap_up_over(&mut self, now: Now, agent: AgentId, call: CallId, next: AgentState) {
        self.timers.stop(&Due::WrapUp(agent, call));
        if self.acd.agent(agent).is_some_and(|agent| agent.state() == AgentState::WrapUp(call)) {
            self.turn_agent(now, agent, next);
            self.release_agent(now, agent, call);
        }
    }

    pub(super) fn release_agent(&mut self, now: Now, agent: AgentId, call: CallId) {
        let ask = self.asks.put(Question::ReleaseAgent { agent, call }, now.instant + RELEASE_MAX);
        self.outputs.push_back(Output::Ask(ask));
    }

    fn tell_shard(&mut self, call: CallId, command: MediaCommand) {
        let Some(slot) = self.calls.get_mut(&call) else { return };
        if let MediaCommand::Open { port, .. } | MediaCommand::OpenPeer { port, .. } | MediaCommand::OfferPeer { port } = &command {
            slot.ports.push(*port);
            self.by_port.insert(*port, call);
        }
        self.outputs.push_back(Output::Media { shard: slot.shard, command });
    }

    pub(super) fn tell_leg(&mut self, now: Now, leg: LegId, command: LegCommand) {
        if self.web.owns(leg) {
            self.web.command(leg, command, &mut self.outputs);
            return;
        }
        if let LegCommand::Hangup(_) | LegCommand::Refuse(_) = &command {
            self.trunks.release(leg);
            self.give_up_attempt(leg);
        }
        if let LegCommand::Refer { number, pointer, by } = command {
            self.refer_out(now, leg, &number.0, pointer, by.as_deref());
        } else if let Some(command) = self.dial_out(now, leg, command) {
            self.sip.command(now, leg, command);
        }
        self.trace();
    }

    /// Tells whoever watches the wire which Call-IDs belong to which call.
    pub(super) fn trace(&mut self) {
        while let Some((leg, call_id)) = self.sip.next_traced() {
            if let Some(call) = self.by_leg.get(&leg).copied() {
                self.outputs.push_back(Output::Traced { call, call_id });
            }
        }
    }

    pub(super) fn own_leg(&mut self, call: CallId, leg: LegId) {
        self.by_leg.insert(leg, call);
        if let Some(slot) = self.calls.get_mut(&call) {
            slot.legs.push(leg);
        }
        self.trace();
    }

    pub(super) fn write(&mut self, now: Now, call: CallId, happened: Happened) {
        self.outputs.push_back(Output::Write(Record { at: now.utc, call, happened }));
    }
}

pub(super) fn is_with(state: AgentState, id: CallId) -> bool {
    match state {
        AgentState::Offered(call) | AgentState::Talking(call) | AgentState::WrapUp(call) => call == id,
        AgentState::Away | AgentState::Available | AgentState::Reserved | AgentState::Unreachable => false,
    }
}

/// If the table of reservations does not answer, the lease runs out by itself.
const RELEASE_MAX: Duration = Duration::from_secs(5);
