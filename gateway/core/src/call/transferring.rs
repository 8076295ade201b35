//! Handing a call on: a participant names another party, and the one who stays is joined to it (docs/specs/call.md, "Transfer").
//!
//! Who asks is the referrer, always held as `far`; who stays is `caller`, so that a caller who hands its own call on changes places first. The
//! referrer's leg may end while the new one rings: it is told the outcome all the same.

use std::time::Duration;

use media::sdp::{Answer, Offer};

use super::{
    Call, Due, LegMedia, Phase,
    leg::Leg,
    placing::Placing,
    turn::{Turn, Wish},
};
use crate::{
    acd::AgentState,
    cause::{Cause, Fault},
    config::RouteAction,
    context::pointer,
    events::{
        leg::{Direction, LegCommand, LegEvent, Shown, Target},
        media::MediaCommand,
        record::Happened,
        story::Handover,
    },
    ids::{AgentId, CallId, LegId, PortId},
    private::Private,
    routing,
};

/// What a referrer wants.
#[derive(Debug)]
pub struct Wanted {
    pub(super) to: Target,
    pub(super) replaces: Option<String>,
    pub(super) by: Option<String>,
}

/// Where a transfer leads.
enum Destination {
    Dial(Target),
    Script(String),
}

impl Call {
    /// May this participant hand the call on now? Only in a conversation; in a script there is nobody to hand on.
    pub fn can_refer(&self, leg: LegId) -> bool {
        match &self.phase {
            Phase::Talking { .. } => self.far.as_ref().is_some_and(|far| far.id == leg),
            Phase::Through { .. } => self.caller.id == leg || self.far.as_ref().is_some_and(|far| far.id == leg),
            Phase::Arriving { .. }
            | Phase::Connecting
            | Phase::Serving(_)
            | Phase::Dialling { .. }
            | Phase::Refused(_)
            | Phase::Queued(_)
            | Phase::Reserving { .. }
            | Phase::Offering(_)
            | Phase::Gate { .. }
            | Phase::Transferring { .. }
            | Phase::Ending(_)
            | Phase::Ended => false,
        }
    }

    pub(super) fn referred(&mut self, by: LegId, wanted: Wanted, turn: &mut Turn<'_>) {
        if !self.can_refer(by) {
            return turn.leg(by, LegCommand::RejectRefer(Cause::DECLINED));
        }
        let Wanted { to, replaces, by: referrer } = wanted;
        let destination = self.destination(to, turn);
        turn.leg(by, LegCommand::AcceptRefer);
        let agent = self.begin_transfer(by, turn);
        match destination {
            Destination::Script(name) => {
                turn.leg(by, LegCommand::NotifyRefer { status: 200 });
                self.hand_over(agent, turn);
                self.arrival.action = RouteAction::Script(name);
                self.serve(turn);
            }
            Destination::Dial(to) => {
                self.phase = Phase::Transferring { by, agent, instead: None };
                self.soothe(turn);
                if let Some(wanted) = self.ask_carrier(Wanted { to, replaces, by: referrer }, turn) {
                    self.dial_third(wanted, turn);
                }
            }
        }
    }

    /// The leg that was dialled for a transfer.
    pub(super) fn third_did(&mut self, event: LegEvent, turn: &mut Turn<'_>) {
        match (&self.phase, event) {
            (Phase::Transferring { by, .. }, LegEvent::Progressed { status, .. }) => turn.leg(*by, LegCommand::NotifyRefer { status }),
            (Phase::Transferring { .. }, LegEvent::Answered { answer }) => self.third_answered(&answer, turn),
            (Phase::Transferring { .. }, LegEvent::Refused(cause) | LegEvent::HungUp(cause)) => self.transfer_failed(cause, turn),
            _ => {}
        }
    }

    pub(super) fn is_third(&self, leg: LegId) -> bool {
        self.third.as_ref().is_some_and(|third| third.id == leg)
    }

    /// The referrer hangs up while the new party rings, as phones do that transfer blindly: the transfer goes on.
    pub(super) fn referrer_left(&mut self, cause: Cause, turn: &mut Turn<'_>) {
        let Phase::Transferring { agent, .. } = self.phase else { return };
        if let Some(far) = &mut self.far {
            far.over.get_or_insert(cause);
        }
        self.part_far(cause, turn);
        if let Some(agent) = agent {
            self.wrap_up(agent, turn);
        }
    }

    /// The media path of the referrer is gone while the new party rings, and no goodbye has come: the transfer goes on, but nobody is there to go
    /// back to.
    pub(super) fn referrer_lost(&mut self, cause: Cause, turn: &mut Turn<'_>) {
        let Phase::Transferring { agent, .. } = self.phase else { return };
        self.part_far(cause, turn);
        if let Some(agent) = agent {
            self.free(agent, AgentState::Unreachable, turn);
        }
    }

    /// The new party cannot be had: the referrer hears why, and gets the call back if still there.
    pub(super) fn transfer_failed(&mut self, cause: Cause, turn: &mut Turn<'_>) {
        let Phase::Transferring { by, agent, .. } = self.phase else { return };
        self.timers.stop(&Due::Answer);
        self.part_third(cause, turn);
        turn.leg(by, LegCommand::NotifyRefer { status: if cause.sip >= 300 { cause.sip } else { 480 } });
        match (self.far.is_some(), agent) {
            (true, Some(agent)) => {
                let bridge = turn.mint.bridge();
                self.phase = Phase::Talking { agent, bridge, held: false };
                self.talk_again(turn);
            }
            (true, None) => {
                self.phase = Phase::Through { bridge: turn.mint.bridge() };
                self.talk_again(turn);
            }
            // Nobody is left to talk with; whoever came for a person still wants one.
            (false, Some(agent)) => self.queue_first(agent, turn),
            (false, None) => self.end(cause, turn),
        }
    }

    pub(super) fn part_third(&mut self, cause: Cause, turn: &mut Turn<'_>) {
        if let Some(third) = self.third.take() {
            self.part(third, cause, turn);
        }
    }

    /// Gives up the party at the other end of this leg, which another call takes in; this call is over by it.
    pub fn give_away(&mut self, leg: LegId, turn: &mut Turn<'_>) -> Option<GivenLeg> {
        if !matches!(self.phase, Phase::Through { .. }) || !self.can_refer(leg) {
            return None;
        }
        if let Some(far) = self.far.as_mut().filter(|far| far.id == leg) {
            std::mem::swap(&mut self.caller, far);
        }
        let given = self.far.take();
        self.end(Cause::goodbye(Fault::Caller), turn);
        given.map(|leg| GivenLeg(Box::new(leg)))
    }

    /// Joins a party that another call gave up to the one who stays (attended transfer, RFC 5589 7).
    pub fn take_over(&mut self, by: LegId, given: GivenLeg, from: CallId, turn: &mut Turn<'_>) {
        turn.leg(by, LegCommand::AcceptRefer);
        let agent = self.begin_transfer(by, turn);
        turn.leg(by, LegCommand::NotifyRefer { status: 200 });
        turn.write(Happened::Transferred { from: by, to: given.0.id, merged: Some(from) });
        self.hand_over(agent, turn);
        self.third = Some(*given.0);
        self.join_third(turn);
    }

    /// A new leg takes the place of an old one (RFC 3891): of a party who talks, or of a phone that still rings.
    pub fn replaced(&mut self, old: LegId, by: LegId, media: LegMedia, offer: &Offer, turn: &mut Turn<'_>) {
        let is_ringing = matches!(self.phase, Phase::Dialling { .. }) && self.far.as_ref().is_some_and(|far| far.id == old);
        let mut leg = Leg::new(by, media);
        turn.write(Happened::LegStarted { leg: by, direction: Direction::Inbound, peer: Private(String::new()) });
        let answer = match is_ringing || self.can_refer(old) {
            true => leg.open(offer, turn).and_then(|answer| answer.ok_or(Cause::NOT_ACCEPTABLE)),
            false => Err(Cause::DECLINED),
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(cause) => return self.part(leg, cause, turn),
        };
        leg.ready = true;
        turn.leg(by, LegCommand::Answer { answer });
        turn.write(Happened::Transferred { from: old, to: by, merged: None });
        if is_ringing {
            self.timers.stop(&Due::Answer);
            self.part_far(Cause::ELSEWHERE, turn);
            self.far = Some(leg);
            return self.through(turn);
        }
        let agent = self.begin_transfer(old, turn);
        self.hand_over(agent, turn);
        self.third = Some(leg);
        self.join_third(turn);
    }

    fn destination(&self, to: Target, turn: &Turn<'_>) -> Destination {
        match to {
            // What the far side of a trunk calls by a number is none of ours that reads alike.
            Target::Number { number, trunk: trunk @ Some(_), .. } => {
                Destination::Dial(Target::Number { number, trunk, caller: self.arrival.caller.clone() })
            }
            Target::Number { number, trunk: None, .. } => {
                match routing::route_of(turn.config, self.arrival.trunk.as_deref(), &number.0).map(|route| route.action.clone()) {
                    Ok(RouteAction::Script(name)) => Destination::Script(name),
                    Ok(RouteAction::Bridge(uri)) => Destination::Dial(Target::Uri(uri)),
                    Ok(RouteAction::Number(route)) => {
                        let number = route.number.map_or(number, Private);
                        Destination::Dial(Target::Number { number, trunk: route.trunk, caller: self.arrival.caller.clone() })
                    }
                    Err(_) => Destination::Dial(Target::Number { number, trunk: None, caller: self.arrival.caller.clone() }),
                }
            }
            Target::Uri(_) | Target::Agent(_) => Destination::Dial(to),
        }
    }

    /// Parts the two; the referrer is `far` from here on. Who the agent was, if one was.
    fn begin_transfer(&mut self, by: LegId, turn: &mut Turn<'_>) -> Option<AgentId> {
        let agent = if let Phase::Talking { agent, .. } = self.phase { Some(agent) } else { None };
        self.stop_talking(turn);
        if let Some(far) = self.far.as_mut().filter(|_| self.caller.id == by) {
            std::mem::swap(&mut self.caller, far);
            // The tape is of the one who goes: it ends here.
            if let Some(recording) = self.recording.filter(|_| std::mem::take(&mut self.taped)) {
                turn.media(MediaCommand::SealRecording { recording });
            }
        }
        agent
    }

    pub(super) fn dial_third(&mut self, wanted: Wanted, turn: &mut Turn<'_>) {
        let Wanted { to, replaces: replacing, by: referred_by } = wanted;
        self.timers.set(Due::Answer, turn.now.instant + TRANSFER_MAX);
        let id = turn.mint.leg();
        let (to, mut third) = self.leg_to(id, to, turn);
        turn.write(Happened::LegStarted { leg: id, direction: Direction::Outbound, peer: Private(super::through::words_of(&to)) });
        let pointer = Some(pointer::make(&self.context_id, turn.secret));
        let (presented, shown) = (self.presented(), Shown { story: None, referred_by });
        let placed = third.place(Placing { to, pointer, replacing, presented, shown }, turn);
        third.over = placed.err();
        self.third = Some(third);
        if let Err(cause) = placed {
            self.transfer_failed(cause, turn);
        }
    }

    fn third_answered(&mut self, answer: &Answer, turn: &mut Turn<'_>) {
        let Phase::Transferring { by, agent, .. } = self.phase else { return };
        let Some(third) = self.third.as_mut() else { return };
        third.ready = true;
        let to = third.id;
        if let Err(cause) = third.conclude(answer, turn) {
            return self.transfer_failed(cause, turn);
        }
        self.timers.stop(&Due::Answer);
        turn.leg(by, LegCommand::NotifyRefer { status: 200 });
        turn.write(Happened::Transferred { from: by, to, merged: None });
        self.hand_over(agent, turn);
        self.join_third(turn);
    }

    /// The referrer is done with: said goodbye to, wrapping up, and named in the story that goes along.
    pub(super) fn hand_over(&mut self, agent: Option<AgentId>, turn: &mut Turn<'_>) {
        let was_here = self.far.is_some();
        self.part_far(Cause::goodbye(Fault::Gateway), turn);
        if let Some(agent) = agent {
            self.handovers.push(Handover { at: turn.now.utc, from: agent, note: None });
            self.version += 1;
            if was_here {
                self.wrap_up(agent, turn);
            }
        }
    }

    fn join_third(&mut self, turn: &mut Turn<'_>) {
        self.far = self.third.take();
        self.through(turn);
    }

    /// Caller and far leg are joined, without an agent.
    fn through(&mut self, turn: &mut Turn<'_>) {
        self.phase = Phase::Through { bridge: turn.mint.bridge() };
        if let (None, Some(offer)) = (self.caller.port, self.arrival.offer.clone()) {
            match self.caller.open(&offer, turn) {
                Ok(Some(answer)) => self.answer_caller(answer, turn),
                Ok(None) => {}
                Err(cause) => return self.end(cause, turn),
            }
        } else if let Some(answer) = self.caller.early.take() {
            self.answer_caller(answer, turn);
        }
        self.talk_again(turn);
    }

    fn talk_again(&mut self, turn: &mut Turn<'_>) {
        self.talk_began = Some(turn.now.instant);
        self.silence(turn);
        self.join(turn);
        self.tell_caller("talking", None, turn);
    }

    fn wrap_up(&self, agent: AgentId, turn: &mut Turn<'_>) {
        let length = Duration::from_secs(u64::from(self.queue(turn).wrapup_s));
        turn.wish(Wish::WrapUp(agent, length));
    }

    /// Music for the one who stays: that of the queue where one was waited in, else of any.
    fn soothe(&mut self, turn: &mut Turn<'_>) {
        let queue = turn.config.queues.get(&self.routing.queue).or_else(|| turn.config.queues.values().next());
        if let Some(music) = queue.map(|queue| queue.music.clone()) {
            self.music(&music, turn);
        }
        self.tell_caller("held", None, turn);
    }
}

/// A party on its way from one call to another.
#[derive(Debug)]
pub struct GivenLeg(Box<Leg>);

impl GivenLeg {
    /// Its name, and its end of media.
    pub fn ids(&self) -> (LegId, Option<PortId>) {
        (self.0.id, self.0.port)
    }
}

/// A referrer who looks on will not wait longer; well under the life of the referrer's subscription.
pub(super) const TRANSFER_MAX: Duration = Duration::from_secs(60);
