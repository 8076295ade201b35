//! The gate: the agent has read the caller's story before the caller is heard (docs/specs/call.md, "Handoff").

use std::{collections::BTreeMap, time::Duration};

use media::sdp::Offer;

use super::{
    Call, Due, Phase, Ringing,
    leg::Leg,
    leg::LegMedia,
    turn::{Turn, Wish},
};
use crate::{
    acd::AgentState,
    cause::Cause,
    context::{card, identity::Who},
    events::{
        ask::Question,
        leg::{Direction, LegCommand},
        media::{MediaCommand, Topology},
        record::Happened,
        story::{Arrival as Entry, Card, Consent, Exit, ExitReason},
    },
    ids::{AgentId, EntryId, UtcMillis},
    private::Private,
};

impl Call {
    /// Rings the agent's desk with the whole card; media is prepared meanwhile, and nobody hears anybody.
    pub(super) fn offer_to(&mut self, entry: EntryId, agent: AgentId, because: String, turn: &mut Turn<'_>) {
        self.version += 1;
        self.routing.chosen_because = because;
        self.routing.waited_ms = self.waited(turn);
        let card = self.card(agent, turn);
        let ring = Duration::from_secs(u64::from(self.queue(turn).ring_s));
        let ring_deadline = UtcMillis(turn.now.utc.0 + u64::try_from(ring.as_millis()).unwrap_or(u64::MAX));
        turn.wish(Wish::Turn(agent, AgentState::Offered(self.id)));
        if turn.desks.contains_key(&agent) {
            let leg = turn.mint.leg();
            turn.wish(Wish::Reach { leg, agent });
            turn.leg(leg, LegCommand::Present { card: Box::new(card.clone()), ring_deadline });
            turn.write(Happened::LegStarted { leg, direction: Direction::Outbound, peer: Private(format!("agent:{}", agent.0)) });
            self.far = Some(Leg::new(leg, LegMedia::Web));
        }
        turn.write(Happened::AgentOffered { agent, card: Box::new(card) });
        self.ring_phone(agent, turn);
        self.timers.set(Due::Ring, turn.now.instant + ring);
        self.phase = Phase::Offering(Ringing { entry, agent, version: self.version, offered: turn.now.instant, acked: None });
        self.tell_caller("ringing", None, turn);
        if self.far.is_none() && self.handset.is_none() {
            self.not_taken(Cause::ABSENT, turn);
        }
    }

    /// The agent's browser is opened in the caller's shard while it rings, so that it is connected before the accept.
    pub(super) fn agent_offers_media(&mut self, offer: &Offer, turn: &mut Turn<'_>) {
        let Some(far) = self.far.as_mut().filter(|far| far.port.is_none()) else { return };
        if let Err(cause) = far.open(offer, turn) {
            self.not_taken(cause, turn);
        }
    }

    pub(super) fn card_drawn(&mut self, drawn: u32, turn: &mut Turn<'_>) {
        let (Phase::Offering(ringing) | Phase::Gate { ringing, .. }) = &mut self.phase else { return };
        if ringing.version == drawn {
            ringing.acked.get_or_insert(turn.now.instant);
            // Opens the gate where the agent waits at it, and nothing else.
            self.bridge_agent(turn);
        }
    }

    pub(super) fn accepted(&mut self, turn: &mut Turn<'_>) {
        let Phase::Offering(ringing) = &self.phase else { return };
        let ringing = ringing.clone();
        self.timers.stop(&Due::Ring);
        self.part_handset(Cause::ELSEWHERE, turn);
        let acked = ringing.acked.is_some();
        let deadline = turn.now.instant + Duration::from_millis(u64::from(turn.config.gate.ack_ms));
        self.phase = Phase::Gate { ringing, deadline };
        if acked || !turn.config.guards.gate {
            self.bridge_agent(turn);
        } else {
            self.timers.set(Due::Gate, deadline);
        }
    }

    /// Opens the gate: at the ack, or late at its deadline.
    pub(super) fn bridge_agent(&mut self, turn: &mut Turn<'_>) {
        let Phase::Gate { ringing, .. } = &self.phase else { return };
        let Ringing { entry, agent, version, offered, acked } = ringing.clone();
        self.timers.stop(&Due::Gate);
        self.timers.stop(&Due::Wait);
        self.waited_ms = self.waited(turn);
        self.agent = Some(agent);
        self.talk_began = Some(turn.now.instant);
        turn.wish(Wish::Dequeue(entry));
        turn.wish(Wish::Turn(agent, AgentState::Talking(self.id)));
        let bridge = turn.mint.bridge();
        self.phase = Phase::Talking { agent, bridge, held: false };
        self.silence(turn);
        self.join(turn);
        if let Some(far) = &self.far {
            turn.leg(far.id, LegCommand::Bridged { version });
        }
        let acked_after_ms = acked.map(|at| u32::try_from(at.saturating_duration_since(offered).as_millis()).unwrap_or(u32::MAX));
        turn.write(Happened::Handoff { agent, version, acked_after_ms, late: acked.is_none() });
        let name = super::agent_name(turn.config, agent).to_owned();
        self.tell_caller("talking", Some(name), turn);
    }

    /// Caller and far leg hear each other, and the recording has both.
    pub(super) fn join(&mut self, turn: &mut Turn<'_>) {
        let (Some(caller), Some(agent)) = (self.caller.port, self.far.as_ref().and_then(|far| far.port)) else { return };
        let Some(bridge) = self.bridge() else { return };
        if let Some(recording) = self.recording.filter(|_| self.taped) {
            turn.media(MediaCommand::Record { recording, caller, agent: Some(agent) });
        }
        for port in [caller, agent] {
            turn.media(MediaCommand::Collect { port, keys_interrupt: false, speech_interrupts: false });
        }
        turn.media(MediaCommand::Bridge { bridge, topology: Topology::Pair { caller, agent } });
    }

    /// Declined, rung out or lost while ringing: the agent is freed, the caller waits on.
    pub(super) fn not_taken(&mut self, cause: Cause, turn: &mut Turn<'_>) {
        let (Phase::Offering(ringing) | Phase::Gate { ringing, .. }) = &self.phase else { return };
        let Ringing { entry, agent, .. } = ringing.clone();
        self.timers.stop(&Due::Ring);
        self.timers.stop(&Due::Gate);
        self.part_far(cause, turn);
        self.part_handset(cause, turn);
        self.free(agent, if cause == Cause::DECLINED { AgentState::Available } else { AgentState::Unreachable }, turn);
        if !self.routing.tried.contains(&agent) {
            self.routing.tried.push(agent);
        }
        turn.wish(Wish::Requeue(entry, agent));
        self.wait_again(entry, turn);
    }

    /// The agent's reservation ends, and their state follows.
    pub(super) fn free(&mut self, agent: AgentId, state: AgentState, turn: &mut Turn<'_>) {
        turn.wish(Wish::Turn(agent, state));
        turn.ask(Question::ReleaseAgent { agent, call: self.id }, turn.now.instant + RELEASE_MAX);
    }

    /// Says goodbye to the far leg; its port closes by itself later.
    pub(super) fn part_far(&mut self, cause: Cause, turn: &mut Turn<'_>) {
        if let Some(far) = self.far.take() {
            self.part(far, cause, turn);
        }
    }

    pub(super) fn part(&mut self, mut leg: Leg, cause: Cause, turn: &mut Turn<'_>) {
        leg.hang_up(cause, turn);
        leg.close(turn);
        if leg.port.is_some() {
            self.parting.push(leg);
        } else {
            leg.end(turn);
        }
    }

    pub(super) fn waited(&self, turn: &Turn<'_>) -> u64 {
        self.queued_at.map_or(0, |at| u64::try_from(turn.now.instant.saturating_duration_since(at).as_millis()).unwrap_or(u64::MAX))
    }

    fn card(&self, agent: AgentId, turn: &Turn<'_>) -> Card {
        let exit = self.exit.clone().unwrap_or(Exit { kind: ExitReason::Routed, node: String::new(), detail: None });
        let diverted = self.arrival.calling.diverted.first();
        let language = turn.config.agents.iter().find(|entry| entry.id == agent).and_then(|entry| entry.languages.first());
        card::compose(card::Parts {
            context_id: self.context_id.clone(),
            version: self.version,
            session_id: self.session_id.clone(),
            entry: Entry {
                medium: self.arrival.medium,
                dialled: self.arrival.dialled.clone(),
                trunk: self.arrival.trunk.clone(),
                diverted_from: diverted.map(|diversion| diversion.from.clone()),
                diverted_because: diverted.map(|diversion| diversion.because),
            },
            story: &self.story,
            calling: Who::of(&self.arrival.caller.0, self.arrival.region.as_deref()).identity("ani"),
            walk: self.walk.clone(),
            slots: self.slots.clone(),
            self_service: None,
            exit,
            routing: self.routing.clone(),
            recording: Consent { state: if self.recording.is_some() { "on" } else { "off" }.to_owned(), consent: None },
            handovers: self.handovers.clone(),
            links: BTreeMap::new(),
            language: language.map_or("en", String::as_str),
        })
    }
}

/// Telling the table that an agent is free; if nobody answers, the lease runs out by itself.
pub(super) const RELEASE_MAX: Duration = Duration::from_secs(5);
