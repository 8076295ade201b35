//! Pages as participants: what desks and caller pages say, as leg events; what calls want, as notices.

use std::collections::BTreeMap;

use media::sdp::Offer;

use super::border::{Output, Page};
use crate::{
    cause::{Cause, Fault},
    events::{
        leg::{KeySource, LegCommand, LegEvent, Target},
        page::{ClientMessage, Notice, ServerMessage},
    },
    ids::{AgentId, CallId, ChannelId, LegId},
    private::Private,
};

/// What a page's word means to the rest of the node.
#[derive(Debug)]
pub(super) enum Meaning {
    /// A participant did something.
    Leg(LegId, LegEvent),
    /// A caller page calls.
    Call { channel: ChannelId, token: Option<Private<String>>, dialled: String, offer: Offer },
    /// An agent wants to be available or away.
    Wants { agent: AgentId, available: bool },
    /// An agent's last word on a call.
    WrappedUp { agent: AgentId, call: CallId, disposition: String, tags: Vec<String>, resolved: bool, note: Option<String> },
    /// An agent ticks a fact.
    Confirmed { call: CallId, key: String },
    /// The recording is to pause, or go on.
    Pause { call: CallId, paused: bool },
    /// It says nothing that can be acted on now; the page has been told so where it should know.
    Nothing,
}

/// The pages of a node and the legs that they hold.
#[derive(Debug, Default)]
pub(super) struct WebLegs {
    channels: BTreeMap<ChannelId, Channel>,
    /// The channel that an agent's calls go to: the one joined last.
    desks: BTreeMap<AgentId, ChannelId>,
    legs: BTreeMap<LegId, WebLeg>,
}

#[derive(Debug)]
struct Channel {
    page: Page,
    /// The number of the last notice.
    seq: u64,
}

#[derive(Debug, Clone, Copy)]
struct WebLeg {
    channel: ChannelId,
    call: CallId,
    /// Media has joined: its end is an end, not a withdrawal.
    bridged: bool,
}

impl WebLegs {
    /// A page has logged in; an agent's older page is told that the phone is elsewhere now.
    pub(super) fn join(&mut self, channel: ChannelId, page: Page, outputs: &mut Outputs) {
        if let Page::Desk(agent) = page
            && let Some(before) = self.desks.insert(agent, channel)
            && before != channel
        {
            self.push(before, Notice::Status { call: None, state: "elsewhere".to_owned(), detail: None }, outputs);
        }
        self.channels.insert(channel, Channel { page, seq: 0 });
    }

    /// A page is gone for good; the legs that it held.
    pub(super) fn leave(&mut self, channel: ChannelId) -> (Option<AgentId>, Vec<LegId>) {
        let page = self.channels.remove(&channel).map(|channel| channel.page);
        let legs = self.legs.iter().filter(|(_, leg)| leg.channel == channel).map(|(id, _)| *id).collect();
        let agent = match page {
            Some(Page::Desk(agent)) if self.desks.get(&agent) == Some(&channel) => {
                self.desks.remove(&agent);
                Some(agent)
            }
            _ => None,
        };
        (agent, legs)
    }

    /// Ties a leg to the page of the caller.
    pub(super) fn hold(&mut self, leg: LegId, channel: ChannelId, call: CallId) {
        self.legs.insert(leg, WebLeg { channel, call, bridged: true });
    }

    /// Ties a leg to an agent's desk.
    pub(super) fn reach(&mut self, leg: LegId, agent: AgentId, call: CallId) {
        if let Some(channel) = self.desks.get(&agent) {
            self.legs.insert(leg, WebLeg { channel: *channel, call, bridged: false });
        }
    }

    /// The desks that are open.
    pub(super) const fn desks(&self) -> &BTreeMap<AgentId, ChannelId> {
        &self.desks
    }

    /// Whether a leg is a page's.
    pub(super) fn owns(&self, leg: LegId) -> bool {
        self.legs.contains_key(&leg)
    }

    /// What a page's word means.
    pub(super) fn said(&mut self, channel: ChannelId, message: ClientMessage, outputs: &mut Outputs) -> Meaning {
        let Some(page) = self.channels.get(&channel).map(|channel| channel.page.clone()) else { return Meaning::Nothing };
        match (message, page) {
            (ClientMessage::CallStart { dialled, sdp }, Page::Caller(token)) => match Offer::parse(&sdp) {
                Ok(offer) => Meaning::Call { channel, token, dialled, offer },
                Err(refused) => self.complain(channel, None, format!("the offer cannot be read: {refused}"), outputs),
            },
            (ClientMessage::MediaOffer { call, sdp }, _) => match Offer::parse(&sdp) {
                Ok(offer) => self.leg_event(channel, call, LegEvent::MediaOffered { offer }),
                Err(refused) => self.complain(channel, Some(call), format!("the offer cannot be read: {refused}"), outputs),
            },
            (ClientMessage::ContextAck { call, version, rendered_ms, .. }, Page::Desk(_)) => {
                self.leg_event(channel, call, LegEvent::CardDrawn { version, rendered_ms })
            }
            (ClientMessage::CallAccept { call }, Page::Desk(_)) => self.leg_event(channel, call, LegEvent::Accepted),
            (ClientMessage::CallDecline { call }, Page::Desk(_)) => self.leg_event(channel, call, LegEvent::Refused(Cause::DECLINED)),
            (ClientMessage::CallHold { call, held }, Page::Desk(_)) => self.leg_event(channel, call, LegEvent::Held { held }),
            (ClientMessage::CallHangup { call }, page) => {
                let fault = if matches!(page, Page::Desk(_)) { Fault::Agent } else { Fault::Caller };
                self.leg_event(channel, call, LegEvent::HungUp(Cause::goodbye(fault)))
            }
            (ClientMessage::Key { call, key }, _) => {
                self.leg_event(channel, call, LegEvent::DigitHeard { digit: key, length: KEY_LENGTH, source: KeySource::Page })
            }
            (ClientMessage::Status { state }, Page::Desk(agent)) => Meaning::Wants { agent, available: state == "available" },
            (ClientMessage::Wrapup { call, disposition, tags, resolved, note }, Page::Desk(agent)) => {
                Meaning::WrappedUp { agent, call, disposition, tags, resolved, note }
            }
            (ClientMessage::FactConfirm { call, key }, Page::Desk(_)) => Meaning::Confirmed { call, key },
            (ClientMessage::RecordingPause { call, paused }, Page::Desk(_)) => Meaning::Pause { call, paused },
            (ClientMessage::CallTransfer { call, consult: true, .. }, Page::Desk(_)) => {
                self.complain(channel, Some(call), "this node cannot consult yet; hand the caller on at once, or hold".to_owned(), outputs)
            }
            (ClientMessage::CallTransfer { call, to, .. }, Page::Desk(_)) => {
                let to = match to.split_once(':') {
                    Some(_) => Target::Uri(to),
                    None => Target::Number { number: Private(to), trunk: None, caller: Private(String::new()) },
                };
                self.leg_event(channel, call, LegEvent::Referred { to, replacing: None, replaces: None, by: None })
            }
            // `Resume` is answered by the WebSocket's own end, which keeps what was sent.
            (ClientMessage::Resume { .. }, _) => Meaning::Nothing,
            (_, Page::Caller(_)) => self.complain(channel, None, "only a desk may say this".to_owned(), outputs),
            (ClientMessage::CallStart { .. }, Page::Desk(_)) => {
                self.complain(channel, None, "a desk takes calls; open the caller page to make one".to_owned(), outputs)
            }
        }
    }

    /// Tells a leg's page what the call wants of it; `true` when the leg is over and forgotten.
    pub(super) fn command(&mut self, leg: LegId, command: LegCommand, outputs: &mut Outputs) -> bool {
        let Some(held) = self.legs.get_mut(&leg) else { return false };
        let (channel, call) = (held.channel, held.call);
        let notice = match command {
            LegCommand::Answer { answer } | LegCommand::AnswerMedia { answer } => Notice::MediaAnswer { call, sdp: answer.to_string() },
            LegCommand::Present { card, ring_deadline } => Notice::CallOffer { call, card, ring_deadline },
            LegCommand::Bridged { version } => {
                held.bridged = true;
                Notice::CallBridged { call, was: None, context_version: version }
            }
            LegCommand::ShowMenu { items } => Notice::Menu { call, items },
            LegCommand::Caption { speaker, text } => Notice::Caption { call, speaker, text },
            LegCommand::Status { state, detail } => Notice::Status { call: Some(call), state, detail },
            LegCommand::AcceptRefer => Notice::Status { call: Some(call), state: "transferring".to_owned(), detail: None },
            LegCommand::Ring => Notice::Status { call: Some(call), state: "ringing".to_owned(), detail: None },
            LegCommand::Hangup(cause) | LegCommand::Refuse(cause) => {
                let bridged = held.bridged;
                self.legs.remove(&leg);
                let notice = if bridged { Notice::CallEnded { call, cause } } else { Notice::CallWithdrawn { call, cause } };
                self.push(channel, notice, outputs);
                return true;
            }
            LegCommand::Dial { .. }
            | LegCommand::Progress { .. }
            | LegCommand::Reoffer { .. }
            | LegCommand::AcceptReoffer { .. }
            | LegCommand::Propose { .. }
            | LegCommand::Probe
            | LegCommand::RejectReoffer(_)
            | LegCommand::Refer { .. }
            | LegCommand::NotifyRefer { status: ..300 } => return false,
            LegCommand::NotifyRefer { status } => problem(call, format!("the transfer did not come about ({status})")),
            LegCommand::RejectRefer(_) => problem(call, "this call cannot be handed on there".to_owned()),
        };
        self.push(channel, notice, outputs);
        false
    }

    /// Tells an agent's desk, if there is one.
    pub(super) fn tell_desk(&mut self, agent: AgentId, notice: Notice, outputs: &mut Outputs) {
        if let Some(channel) = self.desks.get(&agent).copied() {
            self.push(channel, notice, outputs);
        }
    }

    /// Says something to a page.
    pub(super) fn push(&mut self, channel: ChannelId, notice: Notice, outputs: &mut Outputs) {
        if let Some(known) = self.channels.get_mut(&channel) {
            known.seq += 1;
            outputs.push_back(Output::Push { channel, message: ServerMessage { seq: known.seq, notice } });
        }
    }

    fn leg_event(&self, channel: ChannelId, call: CallId, event: LegEvent) -> Meaning {
        match self.legs.iter().find(|(_, leg)| leg.channel == channel && leg.call == call) {
            Some((leg, _)) => Meaning::Leg(*leg, event),
            // The call ended while the word was under way; the page has been told.
            None => Meaning::Nothing,
        }
    }

    fn complain(&mut self, channel: ChannelId, call: Option<CallId>, what: String, outputs: &mut Outputs) -> Meaning {
        self.push(channel, Notice::Problem { call, what }, outputs);
        Meaning::Nothing
    }
}

fn problem(call: CallId, what: String) -> Notice {
    Notice::Problem { call: Some(call), what }
}

type Outputs = std::collections::VecDeque<Output>;

/// How long a key pressed on a page sounds; a phone's key is rarely shorter.
const KEY_LENGTH: std::time::Duration = std::time::Duration::from_millis(160);
