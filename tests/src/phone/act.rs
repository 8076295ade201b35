//! What a phone does of itself.

use std::time::Duration;

use gateway_core::{
    cause::{Cause, Fault},
    now::Now,
};
use media::sdp::Flow;

use super::Phone;

/// What a phone does of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Calls this user at the gateway.
    Dial(String),
    /// Presses a key.
    Press(char),
    /// Holds the other side by a re-INVITE, or goes on.
    Hold(bool),
    /// Asks the gateway to connect the other side of the n-th call with this address, or with the other side of another of its calls.
    Refer { call: usize, to: String, replacing: Option<usize> },
    /// Asks for this direction by a re-INVITE, as it sees it: `SendOnly` holds with its own music.
    Direct(Flow),
    /// Goes on at another address, and says so by a re-INVITE.
    Move,
    /// Leaves the offer of a re-INVITE to the gateway, and answers it in the ACK (RFC 3261 14.1).
    AskOffer,
    /// Sends nothing while nobody speaks, and nobody speaks; or hums again.
    Mute(bool),
    /// Says how a call that it was asked to make goes (NOTIFY), in the call that it was asked in last.
    Notify(u16),
    /// CANCEL or BYE, as the state wants it.
    HangUp,
    /// Its power is cut: no goodbye, and nothing it is asked is answered.
    Die,
}

impl Phone {
    pub(super) fn act(&mut self, now: Now, act: Act) {
        match act {
            Act::Dial(user) => self.dial(now, &user),
            Act::Press(key) => {
                if let Some(talk) = self.talks.last_mut() {
                    talk.keys.push(now.instant);
                    talk.line.press(key);
                }
            }
            Act::Mute(muted) => {
                if let Some(talk) = self.talks.last_mut() {
                    talk.line.is_mute = muted;
                }
            }
            Act::Refer { call, to, replacing } => {
                let other = replacing.and_then(|other| self.agent.replaces(self.talks[other].usage));
                let to = other.map_or(to.clone(), |replaces| format!("{to}?Replaces={}", replaces.to_uri_header()));
                self.agent.refer(now, self.talks[call].usage, &to, Some(&format!("<sip:{}>", self.sip)));
            }
            Act::Move => {
                if let Some(talk) = self.talks.last_mut() {
                    talk.line.address.set_port(talk.line.address.port() + MOVED);
                }
                self.direct(now, Flow::SendRecv);
            }
            Act::AskOffer => {
                self.direct(now, Flow::SendRecv);
                (self.asks_offer, self.is_parked) = (true, false);
            }
            Act::Notify(status) => {
                if let Some(talk) = self.talks.last() {
                    self.agent.notify_refer(now, talk.usage, status);
                }
            }
            Act::Direct(flow) => self.direct(now, flow),
            Act::Hold(held) => self.direct(now, if held { Flow::Inactive } else { Flow::SendRecv }),
            Act::Die => {
                self.is_dead = true;
                for talk in self.talks.iter_mut().filter(|talk| talk.ended.is_none()) {
                    talk.line.close();
                    talk.ended = Some(now.instant);
                }
            }
            Act::HangUp => {
                let Some(talk) = self.talks.iter_mut().rev().find(|talk| talk.ended.is_none()) else { return };
                if talk.answered.is_some() {
                    talk.line.close();
                    talk.ended = Some(now.instant);
                }
                self.agent.bye(now, talk.usage, Cause::goodbye(Fault::Caller));
            }
        }
    }

    fn direct(&mut self, now: Now, flow: Flow) {
        let Some(talk) = self.talks.iter_mut().rev().find(|talk| talk.answered.is_some() && talk.ended.is_none()) else { return };
        if talk.reoffer.is_some() {
            // RFC 3261 14.1: one at a time.
            return self.plan(now.instant + Duration::from_millis(500), Act::Direct(flow));
        }
        self.asks_offer = false;
        let offer = talk.line.offer(flow);
        let mut words = offer.to_string();
        if let Some(codecs) = self.reencodes {
            let kept = words.lines().filter(|line| !["a=rtpmap", "a=fmtp"].iter().any(|name| line.starts_with(name)));
            let lines = kept.map(|line| match line.split_once(" RTP/AVP") {
                Some((audio, _)) => format!("{audio} {codecs}\r\n"),
                None => format!("{line}\r\n"),
            });
            words = lines.collect();
        }
        self.agent.reinvite(now, talk.usage, &words);
        talk.reoffer = Some((offer, flow != Flow::SendRecv));
    }
}

/// Between the port that a phone leaves and the one that it moves to; other calls of its lie between.
const MOVED: u16 = 100;
