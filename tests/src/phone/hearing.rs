//! What a phone hears of its user agent, and what follows from it.

use std::time::Instant;

use gateway_core::{
    events::wire::Path,
    now::Now,
    sip::{Refusal, UaEvent, UaOutput, UsageId},
};
use media::sdp::Offer;

use super::{Answering, Phone};
use crate::{carrier::Way, net::Datagram, sip_text::Seen};

impl Phone {
    pub(super) fn hear(&mut self, now: Now) {
        // Events first: an ACK carries the answer to an offer that came with them.
        let mut transmits = Vec::new();
        while let Some(output) = self.agent.poll() {
            match output {
                UaOutput::Transmit { path: Path::Datagram { to, .. }, bytes } => {
                    transmits.push(Datagram { from: self.sip, to, bytes: bytes.to_vec() });
                }
                UaOutput::Transmit { path: Path::Stream(_), .. } | UaOutput::Connect { .. } | UaOutput::Disconnect { .. } => {}
                UaOutput::Event(event) => self.happened(now, event),
            }
        }
        for mut datagram in transmits {
            if self.offers_late || self.is_parked || self.asks_offer {
                datagram.bytes = self.amended(now.instant, datagram.bytes);
            }
            let carried = self.carrier.carry(now.instant, Way::Out, datagram);
            carried.into_iter().for_each(|(way, datagram)| self.pass(now, way, datagram));
        }
    }

    /// Takes the offer out of an INVITE and puts the answer into its ACK, or says of either that it leads nowhere yet.
    fn amended(&self, at: Instant, bytes: Vec<u8>) -> Vec<u8> {
        let text = String::from_utf8(bytes).expect("this phone speaks UTF-8");
        let seen = Seen { at, peer: self.sip, inbound: true, text };
        let leaves_offer = if seen.is_within() { self.asks_offer } else { self.offers_late };
        let body = match &self.late_answer {
            _ if seen.is_request("INVITE") && leaves_offer => String::new(),
            _ if seen.is_request("INVITE") => seen.text.split("\r\n\r\n").nth(1).unwrap_or_default().to_owned(),
            Some(answer) if seen.is_request("ACK") => answer.clone(),
            Some(_) | None => return seen.text.into_bytes(),
        };
        let place = format!("c=IN IP4 {}", self.sip.ip());
        let body = if self.is_parked { body.replace(&place, "c=IN IP4 0.0.0.0") } else { body };
        seen.with_body(&body).into_bytes()
    }

    fn happened(&mut self, now: Now, event: UaEvent) {
        match event {
            UaEvent::Invited { usage, request, .. } => {
                let offer = request.sdp().and_then(|sdp| Offer::parse(&sdp).ok());
                let line = self.line();
                self.begin(now.instant, line, usage, offer, Some(request.call_id.to_string()));
                self.agent.ring(now, usage);
                match self.answering {
                    Answering::Take(after) | Answering::Refuse(_, after) => self.due_answers.push_back((now.instant + after, usage)),
                    Answering::Ring => {}
                    Answering::Early(speaks, takes) => {
                        self.due_answers.extend([(now.instant + speaks, usage), (now.instant + takes, usage)]);
                    }
                }
            }
            UaEvent::Progressed { usage, status, sdp } => {
                let Some(talk) = self.talks.iter_mut().find(|talk| talk.usage == usage) else { return };
                talk.heard.push(status);
                if let (Some(offer), Some(answer)) = (&talk.offer, sdp) {
                    assert!(talk.line.agree(now.instant, offer, &answer), "the gateway's early answer fits the offer");
                }
            }
            UaEvent::Answered { usage, sdp } => {
                let Some(talk) = self.talks.iter_mut().find(|talk| talk.usage == usage) else { return };
                talk.answered = Some(now.instant);
                if self.is_parked {
                    talk.holds.push((now.instant, None));
                }
                let agreed = match (talk.offer.take(), sdp) {
                    (Some(_), Some(offer)) if self.offers_late => {
                        self.late_answer = talk.line.answer(now.instant, &offer);
                        self.late_answer.is_some()
                    }
                    (Some(offer), Some(answer)) => talk.line.agree(now.instant, &offer, &answer),
                    (None, _) | (_, None) => false,
                };
                assert!(agreed, "the gateway's answer fits the offer");
                self.plan_habits(now.instant);
            }
            UaEvent::ReinviteAnswered { usage, sdp } => {
                let Some(talk) = self.talks.iter_mut().find(|talk| talk.usage == usage) else { return };
                let Some(((offer, held), answer)) = talk.reoffer.take().zip(sdp) else { return };
                if self.asks_offer {
                    self.late_answer = talk.line.answer(now.instant, &answer);
                    if let Some(hold) = talk.holds.last_mut() {
                        hold.1.get_or_insert(now.instant);
                    }
                    return;
                }
                if talk.line.agree(now.instant, &offer, &answer) {
                    match (held, talk.holds.last_mut()) {
                        (false, Some(hold)) => hold.1 = Some(now.instant),
                        (false, None) => {}
                        (true, _) => talk.holds.push((now.instant, None)),
                    }
                }
            }
            UaEvent::Reinvited { usage, sdp } => {
                let talk = self.talks.iter_mut().find(|talk| talk.usage == usage);
                match talk.zip(sdp).and_then(|(talk, offer)| talk.line.answer(now.instant, &offer)) {
                    Some(answer) => self.agent.accept_reinvite(now, usage, &answer),
                    None => self.agent.refuse_reinvite(now, usage, &Refusal::new(488)),
                }
            }
            UaEvent::ReinviteRefused { usage, .. } => {
                if let Some(talk) = self.talks.iter_mut().find(|talk| talk.usage == usage) {
                    talk.reoffer = None;
                }
            }
            UaEvent::Refused { usage, status, .. } => self.over(now.instant, usage, Some(status)),
            UaEvent::Bye { usage, .. } | UaEvent::Lost { usage } | UaEvent::Unacked { usage } => self.over(now.instant, usage, None),
            UaEvent::Cancelled { usage, .. } => self.over(now.instant, usage, Some(487)),
            UaEvent::ReferProgressed { status, .. } => self.notified.push(status),
            UaEvent::Referred { usage, referral } => {
                self.referred.push(referral.to.to_string());
                match self.follows {
                    true => self.agent.accept_refer(now, usage),
                    false => self.agent.refuse_refer(now, usage, &Refusal::new(603)),
                }
            }
            UaEvent::Acked { .. }
            | UaEvent::ReinviteCancelled { .. }
            | UaEvent::Redirected { .. }
            | UaEvent::Info { .. }
            | UaEvent::Gone { .. }
            | UaEvent::EarlyAnswered { .. }
            | UaEvent::Registered { .. }
            | UaEvent::Departed { .. }
            | UaEvent::RegisterAnswered { .. }
            | UaEvent::Probed { .. }
            | UaEvent::Challenged { .. } => {}
        }
    }

    fn over(&mut self, now: Instant, usage: UsageId, refused: Option<u16>) {
        if let Some(talk) = self.talks.iter_mut().find(|talk| talk.usage == usage) {
            talk.line.close();
            talk.ended.get_or_insert(now);
            talk.refused = talk.refused.or(refused);
        }
    }
}
