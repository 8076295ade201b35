//! What a usage's events mean to the leg that it speaks for.

use media::sdp::{Answer, Offer};
use rand::Rng;

use super::{
    info_digit::digit_of,
    sip_leg::{SipEvent, SipLegs},
};
use crate::{
    cause::{Cause, Fault},
    events::leg::{KeySource, LegEvent},
    now::Now,
    private::Private,
    routing::Reason,
    sip::{UaEvent, UsageId},
};

impl<R: Rng> SipLegs<R> {
    pub(super) fn hear(&mut self, now: Now, event: UaEvent) {
        let (usage, event) = match event {
            UaEvent::Invited { usage, endpoint, from, request, authenticated, replacing } => {
                let mut invitation = self.invitation(usage, endpoint, from, &request, authenticated);
                invitation.replacing = replacing.map(|found| found.and_then(|usage| self.legs.get(&usage).copied().ok_or(481)));
                self.events.push_back(SipEvent::Invited(Box::new(invitation)));
                return;
            }
            UaEvent::Gone { usage } => {
                if let Some(leg) = self.legs.remove(&usage) {
                    self.usages.remove(&leg);
                }
                return;
            }
            UaEvent::Registered { user, bindings, .. } | UaEvent::Departed { user, bindings } => {
                self.events.push_back(SipEvent::Phone { user, bindings });
                return;
            }
            UaEvent::Challenged { peer, method, status, .. } => {
                self.events.push_back(SipEvent::Challenged { peer, method, status });
                return;
            }
            UaEvent::RegisterAnswered { request, number, outcome } => {
                self.events.push_back(SipEvent::RegisterAnswered { request, number, outcome });
                return;
            }
            UaEvent::Probed { request, status } => {
                self.events.push_back(SipEvent::Probed { request, status });
                return;
            }
            UaEvent::Acked { usage, sdp } => {
                self.counter_answered(usage, sdp);
                (usage, LegEvent::Ready)
            }
            UaEvent::EarlyAnswered { usage, sdp } => return self.counter_answered(usage, sdp),
            UaEvent::Lost { usage } => (usage, LegEvent::HungUp(Cause::TIMED_OUT)),
            UaEvent::Cancelled { usage, .. } => (usage, LegEvent::HungUp(Cause::CANCELLED)),
            UaEvent::Unacked { usage } => (usage, LegEvent::HungUp(Cause::TIMED_OUT)),
            UaEvent::Reinvited { usage, sdp } => (usage, LegEvent::Reoffered { offer: sdp.and_then(|sdp| Offer::parse(&sdp).ok()) }),
            UaEvent::ReinviteCancelled { .. } => return,
            UaEvent::Progressed { usage, status, sdp } => {
                if sdp.is_some() {
                    self.locate(usage);
                }
                (usage, LegEvent::Progressed { status, answer: sdp.and_then(|sdp| Answer::parse(&sdp).ok()) })
            }
            UaEvent::Answered { usage, sdp } => (usage, self.answered(now, usage, sdp)),
            UaEvent::Redirected { usage, contacts } => {
                if let Some(leg) = self.legs.get(&usage) {
                    self.redirects.insert(*leg, contacts);
                }
                return;
            }
            UaEvent::Refused { usage, status, q850, .. } => {
                // Whoever called us is not sent on: we stay between the two.
                let cause = if matches!(status, 300..400) { REDIRECTED } else { Cause::of_status(status, Fault::Carrier) };
                let Some(cause) = self.fork_refused(now, usage, Cause { q850: q850.unwrap_or(cause.q850), ..cause }) else { return };
                (usage, LegEvent::Refused(cause))
            }
            UaEvent::ReinviteAnswered { usage, sdp } => match sdp.and_then(|sdp| Answer::parse(&sdp).ok()) {
                Some(answer) => (usage, LegEvent::ReofferAnswered { answer }),
                None => (usage, LegEvent::ReofferRefused(Cause::NOT_ACCEPTABLE)),
            },
            UaEvent::ReinviteRefused { usage, status } => (usage, LegEvent::ReofferRefused(Cause::of_status(status, Fault::Carrier))),
            UaEvent::Referred { usage, referral } => match self.referred(now, usage, *referral) {
                Some(event) => (usage, event),
                None => return,
            },
            UaEvent::ReferProgressed { usage, status } => (usage, LegEvent::ReferProgressed { status }),
            UaEvent::Bye { usage, reason } => (usage, self.hung_up(usage, reason)),
            UaEvent::Info { usage, content_type, body } => match digit_of(&content_type, &body.0) {
                Some((digit, length)) => (usage, LegEvent::DigitHeard { digit: Private(digit), length, source: KeySource::Info }),
                None => return,
            },
        };
        if let Some(leg) = self.legs.get(&usage) {
            self.events.push_back(SipEvent::Leg(*leg, Box::new(event)));
        }
    }

    /// What the ACK or PRACK makes of an offer that went out in a response of ours.
    fn counter_answered(&mut self, usage: UsageId, sdp: Option<String>) {
        let Some(leg) = self.legs.get(&usage).copied() else { return };
        let offered = self.usages.get_mut(&leg).is_some_and(|held| std::mem::take(&mut held.offering));
        if offered {
            let event = match sdp.and_then(|sdp| Answer::parse(&sdp).ok()) {
                Some(answer) => LegEvent::ReofferAnswered { answer },
                None => LegEvent::ReofferRefused(Cause::NOT_ACCEPTABLE),
            };
            self.events.push_back(SipEvent::Leg(leg, Box::new(event)));
        }
    }

    fn answered(&mut self, now: Now, usage: UsageId, sdp: Option<String>) -> LegEvent {
        self.fork_answered(now, usage);
        self.locate(usage);
        if let Some(leg) = self.legs.get(&usage).and_then(|leg| self.usages.get_mut(leg)) {
            leg.answered = true;
        }
        match sdp.and_then(|sdp| Answer::parse(&sdp).ok()) {
            Some(answer) => LegEvent::Answered { answer },
            None => LegEvent::HungUp(Cause::NOT_ACCEPTABLE),
        }
    }

    fn hung_up(&self, usage: UsageId, reason: Option<u8>) -> LegEvent {
        let inbound = self.legs.get(&usage).and_then(|leg| self.usages.get(leg)).is_some_and(|leg| leg.inbound);
        let goodbye = Cause::goodbye(if inbound { Fault::Caller } else { Fault::Carrier });
        LegEvent::HungUp(Cause { q850: reason.unwrap_or(goodbye.q850), ..goodbye })
    }
}

/// The peer wants us to call somewhere else.
const REDIRECTED: Cause = Reason::RedirectRefused.cause();
