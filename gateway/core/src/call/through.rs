//! A leg dialled for the caller, and the two joined: a route's bridge, or a script's `dial`.

use std::time::Duration;

use media::sdp::{Answer, Offer};

use super::{Call, Due, Phase, leg::Leg, leg::LegMedia, turn::Turn};
use crate::{
    cause::Cause,
    context::pointer,
    events::{
        leg::{Direction, LegCommand, Shown, Target},
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
        let media = match &self.caller.media {
            LegMedia::Rtp(_) => self.caller.media.clone(),
            // A page's call goes out by the terms of the endpoint that dials; the Switch knows them.
            LegMedia::Web => LegMedia::Rtp(super::RtpTerms {
                codecs: vec![media::codec::CodecKind::Opus, media::codec::CodecKind::Pcma, media::codec::CodecKind::Pcmu],
                advertised: turn.config.media.advertised,
                signalled_from: None,
            }),
        };
        let mut far = Leg::new(id, media);
        turn.write(Happened::LegStarted { leg: id, direction: Direction::Outbound, peer: Private(words_of(&to)) });
        let offer = match far.offer(turn) {
            Ok(offer) => offer,
            Err(cause) => {
                far.over = Some(cause);
                far.end(turn);
                self.end(cause, turn);
                return;
            }
        };
        self.offered = Some(offer.clone());
        let pointer = pointer::make(&self.context_id, turn.secret);
        turn.leg(id, LegCommand::Dial { to, offer, pointer: Some(pointer), replacing: None, shown: Shown::default() });
        self.far = Some(far);
        self.phase = Phase::Dialling;
        self.timers.set(Due::Answer, turn.now.instant + ANSWER_MAX);
    }

    pub(super) fn ringing(&self, turn: &mut Turn<'_>) {
        if self.caller.port.is_none() {
            turn.leg(self.caller.id, LegCommand::Ring);
        }
        self.tell_caller("ringing", None, turn);
    }

    pub(super) fn dialled_answered(&mut self, answer: &Answer, turn: &mut Turn<'_>) {
        self.timers.stop(&Due::Answer);
        let (Some(far), Some(offer)) = (self.far.as_mut(), self.offered.take()) else { return };
        far.ready = true;
        if let Err(cause) = far.settle(&offer, answer, turn) {
            self.end(cause, turn);
            return;
        }
        self.phase = Phase::Through { bridge: turn.mint.bridge() };
        self.talk_began = Some(turn.now.instant);
        if self.caller.port.is_some() {
            self.silence(turn);
        } else {
            let offer = self.arrival.offer.clone();
            match self.caller.open(&offer, turn) {
                Ok(Some(answer)) => self.answer_caller(answer, turn),
                Ok(None) => {}
                Err(cause) => {
                    self.end(cause, turn);
                    return;
                }
            }
        }
        self.join(turn);
        self.tell_caller("talking", None, turn);
    }

    pub(super) fn dialled_refused(&mut self, cause: Cause, turn: &mut Turn<'_>) {
        self.end(cause, turn);
    }

    pub(super) fn far_reoffered(&mut self, offer: Option<Offer>, turn: &mut Turn<'_>) {
        let Some(far) = self.far.as_mut() else { return };
        let answer = offer.map_or(Err(Cause::NOT_ACCEPTABLE), |offer| far.reopen(&offer, turn));
        let command = match answer {
            Ok(answer) => LegCommand::AcceptReoffer { answer },
            Err(cause) => LegCommand::RejectReoffer(cause),
        };
        turn.leg(far.id, command);
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
