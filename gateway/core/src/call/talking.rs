//! Caller and agent talk: hold, keys, and who leaves first.

use std::time::Duration;

use super::{
    Call, Due, Phase,
    turn::{Turn, Wish},
};
use crate::{
    acd::{AgentState, Entry},
    cause::Cause,
    events::{media::MediaCommand, record::Happened},
    ids::{AgentId, LegId, PortId},
    private::Private,
};

impl Call {
    /// The agent holds the caller: the bridge parts and music plays; signalling is not troubled, so no phone can answer it wrongly.
    pub(super) fn hold(&mut self, wanted: bool, turn: &mut Turn<'_>) {
        let Phase::Talking { bridge, held, .. } = &mut self.phase else { return };
        if *held == wanted {
            return;
        }
        *held = wanted;
        let bridge = *bridge;
        if wanted {
            turn.media(MediaCommand::Unbridge { bridge });
            let music = self.queue(turn).music;
            self.music(&music, turn);
            self.tell_caller("held", None, turn);
        } else {
            self.silence(turn);
            self.join(turn);
            self.tell_caller("talking", None, turn);
        }
    }

    /// A key of the caller's goes on to the far end, as a phone would send it.
    pub(super) fn pass_key(&self, digit: Private<char>, length: Duration, turn: &mut Turn<'_>) {
        if let Some(port) = self.far.as_ref().and_then(|far| far.port) {
            turn.media(MediaCommand::SendDigit { port, digit, length });
        }
    }

    /// A key of the far end's, or of the agent's keypad, goes to the caller's side.
    pub(super) fn send_key(&self, digit: Private<char>, length: Duration, turn: &mut Turn<'_>) {
        if let Some(port) = self.caller.port {
            turn.media(MediaCommand::SendDigit { port, digit, length });
        }
    }

    /// The agent has hung up: so has the call. An agent who was lost is another matter: the caller waits for the next one, first in line.
    pub(super) fn agent_left(&mut self, cause: Cause, turn: &mut Turn<'_>) {
        if cause.retry {
            self.agent_lost(cause, turn);
        } else {
            self.end(cause, turn);
        }
    }

    /// ICE and DTLS stand.
    pub(super) fn peer_connected(&mut self, port: PortId, turn: &mut Turn<'_>) {
        let far = self.far.as_mut().filter(|far| far.port == Some(port));
        if let Some(far) = far {
            far.connected = true;
        } else if self.caller.port == Some(port) {
            self.caller.connected = true;
            self.caller_ready(turn);
        }
    }

    pub(super) fn peer_gone(&mut self, port: PortId, cause: Cause, turn: &mut Turn<'_>) {
        if self.peer_not_offered(port, cause, turn) || matches!(self.phase, Phase::Ending(_) | Phase::Ended) {
            return;
        }
        let is_caller = self.caller.port == Some(port);
        let far = self.far.as_ref().filter(|far| far.port == Some(port));
        let talks = matches!(self.phase, Phase::Talking { .. } | Phase::Through { .. } | Phase::Transferring { .. });
        match far {
            // A page that hangs up closes its media at once, and its goodbye comes by another way.
            Some(far) if talks && far.connected => self.timers.set(Due::Lost(far.id), turn.now.instant + GOODBYE_MAX),
            Some(far) if talks => self.path_lost(far.id, cause, turn),
            Some(_) => self.not_taken(cause, turn),
            None if is_caller && self.caller.connected => self.timers.set(Due::Lost(self.caller.id), turn.now.instant + GOODBYE_MAX),
            None if is_caller => self.end(cause, turn),
            None => {}
        }
    }

    /// A leg whose peer is gone has not said goodbye either.
    pub(super) fn path_lost(&mut self, leg: LegId, cause: Cause, turn: &mut Turn<'_>) {
        let is_far = self.far.as_ref().is_some_and(|far| far.id == leg);
        if is_far && matches!(self.phase, Phase::Talking { .. }) {
            self.agent_lost(cause, turn);
        } else if is_far && matches!(self.phase, Phase::Transferring { .. }) {
            self.referrer_lost(cause, turn);
        } else if is_far || self.caller.id == leg {
            self.end(cause, turn);
        }
    }

    pub(super) fn agent_lost(&mut self, cause: Cause, turn: &mut Turn<'_>) {
        let Phase::Talking { agent, .. } = self.phase else { return };
        self.stop_talking(turn);
        self.part_far(cause, turn);
        self.free(agent, AgentState::Unreachable, turn);
        self.queue_first(agent, turn);
    }

    /// Whoever was cut off from this agent waits for the next one, before all others.
    pub(super) fn queue_first(&mut self, agent: AgentId, turn: &mut Turn<'_>) {
        self.routing.tried.push(agent);
        let entry = Entry {
            id: turn.mint.entry(),
            call: self.id,
            queue: self.routing.queue.clone(),
            skills: self.routing.skills.clone(),
            priority: u8::MAX,
            since: turn.now.instant,
            offered: false,
            tried: vec![agent],
        };
        self.queued_at = Some(turn.now.instant);
        turn.write(Happened::Queued { queue: entry.queue.clone(), entry: entry.id });
        let id = entry.id;
        turn.wish(Wish::Enqueue(entry));
        let longest = Duration::from_secs(u64::from(self.queue(turn).wait_max_s));
        self.timers.set(Due::Wait, turn.now.instant + longest);
        self.wait_again(id, turn);
    }

    /// Parts the two and adds up how long they talked.
    pub(super) fn stop_talking(&mut self, turn: &mut Turn<'_>) {
        if let Some(bridge) = self.bridge() {
            turn.media(MediaCommand::Unbridge { bridge });
        }
        if let Some(began) = self.talk_began.take() {
            self.talked_ms += u64::try_from(turn.now.instant.saturating_duration_since(began).as_millis()).unwrap_or(u64::MAX);
        }
    }
}

/// A goodbye that was sent before the media closed has come by then; longer, and the caller would wonder at the silence.
const GOODBYE_MAX: Duration = Duration::from_secs(1);
