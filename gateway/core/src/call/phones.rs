//! The agent's phone: rung beside the desk or instead of it, and taken by lifting it (docs/specs/call.md, "Agents' phones").

use std::time::Instant;

use media::sdp::Answer;

use super::{Call, Due, Phase, leg::Leg, placing::Placing, turn::Turn};
use crate::{
    cause::Cause,
    context::pointer,
    events::{
        leg::{Direction, LegEvent, Shown, Target},
        record::Happened,
    },
    ids::{AgentId, LegId},
    private::Private,
};

/// A phone that rings for an agent.
#[derive(Debug)]
pub(super) struct Handset {
    pub(super) leg: Leg,
    /// The first sign that the INVITE, and with it the card's address, has arrived.
    delivered: Option<Instant>,
}

impl Handset {
    pub(super) const fn leg_mut(&mut self) -> &mut Leg {
        &mut self.leg
    }
}

impl Call {
    /// Rings the agent's phone, if there is one; the INVITE shows the caller and where the card is.
    pub(super) fn ring_phone(&mut self, agent: AgentId, turn: &mut Turn<'_>) {
        let Some(user) = turn.config.agents.iter().find(|entry| entry.id == agent).and_then(|entry| entry.phone.clone()) else { return };
        let id = turn.mint.leg();
        let (to, mut leg) = self.leg_to(id, Target::Agent(agent), turn);
        turn.write(Happened::LegStarted { leg: id, direction: Direction::Outbound, peer: Private(format!("phone:{user}")) });
        let pointer = Some(pointer::make(&self.context_id, turn.secret));
        let story = Some(format!("{}/agent?call={}", turn.config.http.public_url, self.id.0));
        let (presented, shown) = (self.presented(), Shown { story, referred_by: None });
        if let Err(cause) = leg.place(Placing { to, pointer, replacing: None, presented, shown }, turn) {
            leg.over = Some(cause);
            leg.end(turn);
            return;
        }
        self.handset = Some(Handset { leg, delivered: None });
    }

    /// Is this the phone that rings?
    pub(super) fn is_handset(&self, leg: LegId) -> bool {
        self.handset.as_ref().is_some_and(|handset| handset.leg.id == leg)
    }

    pub(super) fn handset_did(&mut self, event: LegEvent, turn: &mut Turn<'_>) {
        match (&self.phase, event) {
            (Phase::Offering(_), LegEvent::Progressed { .. }) => self.card_delivered(turn),
            (Phase::Offering(_), LegEvent::Answered { answer }) => self.handset_lifted(&answer, turn),
            (_, LegEvent::Refused(cause) | LegEvent::HungUp(cause)) => self.handset_refused(cause, turn),
            _ => {}
        }
    }

    /// The phone has the INVITE, and with it the way to the card: this is all that a phone can acknowledge.
    fn card_delivered(&mut self, turn: &Turn<'_>) {
        if let Some(handset) = &mut self.handset {
            handset.delivered.get_or_insert(turn.now.instant);
        }
    }

    /// Lifting the phone takes the call; the desk rings no more.
    fn handset_lifted(&mut self, answer: &Answer, turn: &mut Turn<'_>) {
        let Phase::Offering(ringing) = &self.phase else { return };
        let mut ringing = ringing.clone();
        let Some(Handset { mut leg, delivered }) = self.handset.take() else { return };
        leg.ready = true;
        if let Err(cause) = leg.conclude(answer, turn) {
            self.part(leg, cause, turn);
            self.not_taken(cause, turn);
            return;
        }
        self.timers.stop(&Due::Ring);
        self.part_far(Cause::ELSEWHERE, turn);
        self.far = Some(leg);
        ringing.acked = ringing.acked.or(delivered).or(Some(turn.now.instant));
        self.phase = Phase::Gate { ringing, deadline: turn.now.instant };
        self.bridge_agent(turn);
    }

    /// It is busy, off or nowhere: where a desk rings too, that goes on.
    fn handset_refused(&mut self, cause: Cause, turn: &mut Turn<'_>) {
        let Some(Handset { mut leg, .. }) = self.handset.take() else { return };
        leg.over = Some(cause);
        leg.end(turn);
        if self.far.is_none() {
            self.not_taken(cause, turn);
        }
    }

    /// The phone rings no more: the desk has the call, or nobody shall.
    pub(super) fn part_handset(&mut self, cause: Cause, turn: &mut Turn<'_>) {
        if let Some(handset) = self.handset.take() {
            self.part(handset.leg, cause, turn);
        }
    }
}
