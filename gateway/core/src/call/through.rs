//! A leg dialled for the caller, and the two joined: a route's bridge, or a script's `dial`.

use std::time::Duration;

use media::{
    progress::Signal,
    sdp::{Answer, Offer},
};

use super::{Call, Due, Phase, leg::Leg, leg::LegMedia, placing::Placing, turn::Turn};
use crate::{
    cause::Cause,
    context::pointer,
    events::{
        calling::{Calling, Presented},
        leg::{Direction, LegCommand, Shown, Target},
        media::MediaCommand,
        record::Happened,
    },
    private::Private,
};

impl Call {
    /// What a script or a route calls: an address, or a number by way of routing.
    pub(super) fn target_of(&self, to: String) -> Target {
        match to.split_once(':') {
            Some(_) => Target::Uri(to),
            None => Target::Number { number: Private(to), trunk: None, caller: self.arrival.caller.clone() },
        }
    }

    pub(super) fn dial_through(&mut self, to: Target, turn: &mut Turn<'_>) {
        let id = turn.mint.leg();
        let (to, mut far) = self.leg_to(id, to, turn);
        turn.write(Happened::LegStarted { leg: id, direction: Direction::Outbound, peer: Private(words_of(&to)) });
        let pointer = Some(pointer::make(&self.context_id, turn.secret));
        let placing = Placing { to, pointer, replacing: None, presented: self.presented(), shown: Shown::default() };
        if let Err(cause) = far.place(placing, turn) {
            far.over = Some(cause);
            far.end(turn);
            self.end(cause, turn);
            return;
        }
        self.far = Some(far);
        self.phase = Phase::Dialling { early: None, rings: false };
        self.timers.set(Due::Answer, turn.now.instant + ANSWER_MAX);
    }

    /// How the caller appears on legs that we place.
    pub(super) fn presented(&self) -> Presented {
        let Calling { is_withheld, information, forwards, .. } = self.arrival.calling.clone();
        Presented { caller: self.arrival.caller.clone(), is_withheld, session: self.session_id.clone(), information, forwards }
    }

    /// The dialled leg rings, or already speaks: its announcement or ringing tone is heard before it answers (RFC 3960). A 180 after that is
    /// passed on as it is, and what was heard goes on.
    pub(super) fn dialled_progressed(&mut self, answer: Option<&Answer>, turn: &mut Turn<'_>) {
        let speaks = match (answer, self.far.as_mut()) {
            // An early answer that cannot be met is no fate: the final one decides. A peer takes one answer, so it waits for that one.
            (Some(answer), Some(far)) if !answer.is_webrtc() => far.settle(answer, turn).is_ok(),
            _ => false,
        };
        if speaks {
            self.hear_early(turn);
        } else if !self.caller.answered {
            turn.leg(self.caller.id, LegCommand::Ring);
        } else {
            self.ring_back(turn);
        }
        self.tell_caller("ringing", None, turn);
    }

    /// A caller who was answered before hears by a tone of ours that the far end rings: their own network has none for them any more.
    fn ring_back(&mut self, turn: &mut Turn<'_>) {
        if let Phase::Dialling { early: None, rings } = &mut self.phase
            && !std::mem::replace(rings, true)
        {
            self.music(Signal::Ringback.clip(), turn);
        }
    }

    /// Joins the caller to what the dialled leg says early, if that was not done.
    fn hear_early(&mut self, turn: &mut Turn<'_>) {
        if !matches!(self.phase, Phase::Dialling { early: None, .. }) {
            return;
        }
        if self.caller.port.is_none() {
            // A page has no early media, and a caller who left the offer to us gets it with the answer: both hear that it rings.
            let offer = self.arrival.offer.clone().filter(|_| matches!(self.caller.media, LegMedia::Rtp(_)));
            let opened = offer.map(|offer| self.caller.open(&offer, turn));
            let Some(Ok(Some(answer))) = opened else {
                turn.leg(self.caller.id, LegCommand::Ring);
                return;
            };
            self.caller.early = Some(answer.clone());
            turn.leg(self.caller.id, LegCommand::Progress { answer });
        } else {
            self.silence(turn);
        }
        self.phase = Phase::Dialling { early: Some(turn.mint.bridge()), rings: false };
        self.join(turn);
    }

    pub(super) fn dialled_answered(&mut self, answer: &Answer, turn: &mut Turn<'_>) {
        self.timers.stop(&Due::Answer);
        let Some(far) = self.far.as_mut() else { return };
        far.ready = true;
        if let Err(cause) = far.conclude(answer, turn) {
            self.end(cause, turn);
            return;
        }
        let early = self.bridge();
        self.phase = Phase::Through { bridge: early.unwrap_or_else(|| turn.mint.bridge()) };
        self.talk_began = Some(turn.now.instant);
        match (self.caller.early.take(), self.arrival.offer.clone()) {
            (Some(answer), _) => self.answer_caller(answer, turn),
            (None, _) if self.caller.port.is_some() => self.silence(turn),
            (None, Some(offer)) => match self.caller.open(&offer, turn) {
                Ok(Some(answer)) => self.answer_caller(answer, turn),
                Ok(None) => {}
                Err(cause) => return self.end(cause, turn),
            },
            (None, None) => self.propose_to_caller(turn),
        }
        self.join(turn);
        self.tell_caller("talking", None, turn);
    }

    /// A caller who was not answered yet hears why from their own network; one who was, from us, and is hung up on after that.
    pub(super) fn dialled_refused(&mut self, cause: Cause, turn: &mut Turn<'_>) {
        if !self.caller.answered || self.caller.port.is_none() {
            return self.end(cause, turn);
        }
        if let Some(bridge) = self.bridge() {
            turn.media(MediaCommand::Unbridge { bridge });
        }
        self.timers.stop(&Due::Answer);
        self.timers.set(Due::Refused, turn.now.instant + REFUSAL_LENGTH);
        self.part_far(cause, turn);
        self.phase = Phase::Refused(cause);
        let is_busy = cause.q850 == USER_BUSY;
        self.music(if is_busy { Signal::Busy } else { Signal::Congestion }.clip(), turn);
        self.tell_caller("refused", None, turn);
    }

    /// The caller has heard it; the call is over by the refusal.
    pub(super) fn refusal_heard(&mut self, turn: &mut Turn<'_>) {
        if let Phase::Refused(cause) = self.phase {
            self.end(cause, turn);
        }
    }

    pub(super) fn far_reoffered(&mut self, offer: Option<Offer>, turn: &mut Turn<'_>) {
        let Some(far) = self.far.as_mut() else { return };
        if let Some(command) = far.reoffered(offer.as_ref(), turn) {
            turn.leg(far.id, command);
        }
        self.tell_hold_of_far(turn);
    }

    /// The dialled leg has answered an offer of ours.
    pub(super) fn far_agreed(&mut self, answer: &Answer, turn: &mut Turn<'_>) {
        // What cannot be met changes nothing: what was agreed before stands.
        if self.far.as_mut().is_some_and(|far| far.settle(answer, turn).is_ok()) {
            self.tell_hold_of_far(turn);
        }
    }

    pub(super) fn far_left(&mut self, cause: Cause, turn: &mut Turn<'_>) {
        let cause = self.far.as_ref().map_or(cause, |far| far.why_lost(cause));
        self.end(cause, turn);
    }

    pub(super) fn tell_hold_of_far(&mut self, turn: &mut Turn<'_>) {
        if let Some(holds) = self.far.as_mut().and_then(Leg::hold_changed) {
            self.tell_caller(if holds { "held" } else { "talking" }, None, turn);
        }
    }
}

/// Whom we reach for, as history shows it.
pub(super) fn words_of(to: &Target) -> String {
    match to {
        Target::Uri(uri) => uri.clone(),
        Target::Number { number, trunk: None, .. } => number.0.clone(),
        Target::Number { number, trunk: Some(trunk), .. } => format!("{}@{trunk}", number.0),
        Target::Agent(agent) => format!("agent {}", agent.0),
    }
}

/// Longer than a phone rings in most networks; then the caller hears that nobody answers.
const ANSWER_MAX: Duration = Duration::from_secs(120);

/// A few rounds of the tone: whoever looks away for a moment hears it too.
const REFUSAL_LENGTH: Duration = Duration::from_secs(5);

/// Q.850 17, user busy.
const USER_BUSY: u8 = 17;
