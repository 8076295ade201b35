//! A desk: an agent's page, which draws cards, takes calls and says goodbye, in the JSON that pages speak.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    time::{Duration, Instant},
};

use gateway_core::{
    cause::Cause,
    events::{
        page::{ClientMessage, Notice, ServerMessage},
        story::Card,
    },
    ids::{AgentId, CallId, ChannelId},
};
use media::{
    codec::CodecKind,
    sdp::{Flow, Offer},
};

use crate::{line::Line, net::Datagram};

/// What an agent does with an offered call; times in ms from the offer unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// The browser's offer goes out.
    pub media: u64,
    /// The page says that the card is drawn.
    pub ack: Option<u64>,
    pub take: Take,
    /// From the bridge: hangs up.
    pub talk: Option<u64>,
    /// From the bridge: holds, and goes on.
    pub hold: Option<(u64, u64)>,
    /// From the bridge: the browser is closed, and nobody comes back.
    pub lost: Option<u64>,
    /// From the end: wraps up, else lets the time run out.
    pub wrapup: Option<u64>,
}

/// How an agent answers an offer, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    Accept(u64),
    Decline(u64),
    /// Closes the browser while it rings.
    Close(u64),
    /// Lets it ring.
    Ignore,
}

impl Manner {
    /// Reads, takes the call and talks until the caller hangs up.
    pub const GOOD: Self =
        Self { media: 40, ack: Some(150), take: Take::Accept(1_000), talk: None, hold: None, lost: None, wrapup: Some(2_000) };
}

/// One offered call, as the desk sees it.
#[derive(Debug)]
pub struct Visit {
    pub call: CallId,
    pub card: Box<Card>,
    pub offered: Instant,
    /// When the desk said so.
    pub acked: Option<Instant>,
    pub accepted: Option<Instant>,
    /// When it was told so, and the version that was said.
    pub bridged: Option<(Instant, u32)>,
    pub holds: Vec<(Instant, Option<Instant>)>,
    /// When the desk was told that it is over, or closed.
    pub ended: Option<Instant>,
    pub cause: Option<Cause>,
    pub line: Line,
    manner: Manner,
    offer: Option<Offer>,
}

/// What falls due at a desk.
#[derive(Debug, Clone)]
enum Due {
    Say(ClientMessage),
    Media(CallId),
    Leave,
}

/// What a desk does to the gateway.
#[derive(Debug)]
pub enum DeskDoes {
    Join,
    Say(ClientMessage),
    Leave,
}

/// An agent at a desk.
pub struct Desk {
    pub agent: AgentId,
    pub channel: ChannelId,
    pub hz: f64,
    pub codecs: Vec<CodecKind>,
    /// One for each offer to come; the last one stays.
    pub manners: VecDeque<Manner>,
    pub visits: Vec<Visit>,
    /// Everything it was told.
    pub told: Vec<Notice>,
    /// What was wrong with what it was told.
    pub faults: Vec<String>,
    address: std::net::IpAddr,
    at_desk: bool,
    seq: u64,
    due: BTreeMap<(Instant, u64), Due>,
    planned: u64,
    does: VecDeque<DeskDoes>,
    outbox: Vec<Datagram>,
}

impl Desk {
    /// Nobody sits there yet.
    pub fn new(agent: AgentId, channel: ChannelId, address: std::net::IpAddr, hz: f64) -> Self {
        Self {
            agent,
            channel,
            hz,
            codecs: vec![CodecKind::Pcmu],
            manners: VecDeque::from([Manner::GOOD]),
            visits: Vec::new(),
            told: Vec::new(),
            faults: Vec::new(),
            address,
            at_desk: false,
            seq: 0,
            due: BTreeMap::new(),
            planned: 0,
            does: VecDeque::new(),
            outbox: Vec::new(),
        }
    }

    /// Logs in and becomes available at once.
    pub fn sit_down(&mut self, now: Instant) {
        self.at_desk = true;
        self.does.push_back(DeskDoes::Join);
        self.say_at(now, ClientMessage::Status { state: "available".to_owned() });
    }

    /// Says something at a time.
    pub fn say_at(&mut self, at: Instant, message: ClientMessage) {
        self.plan(at, Due::Say(message));
    }

    /// Closes the browser at a time.
    pub fn leave_at(&mut self, at: Instant) {
        self.plan(at, Due::Leave);
    }

    /// Its latest offer.
    pub fn visit(&self) -> &Visit {
        self.visits.last().expect("this desk has been rung")
    }

    /// When it wants to do something.
    pub fn deadline(&self) -> Option<Instant> {
        let due = self.due.keys().next().map(|(at, _)| *at);
        self.visits.iter().filter_map(|visit| visit.line.deadline()).chain(due).min()
    }

    /// Does what is due.
    pub fn wake(&mut self, now: Instant) {
        while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= now) {
            let due = entry.remove();
            self.act(now, due);
        }
        for visit in &mut self.visits {
            let from = visit.line.address;
            let packets = visit.line.tick(now);
            self.outbox.extend(packets.into_iter().map(|(to, bytes)| Datagram { from, to, bytes }));
        }
    }

    /// Takes a packet.
    pub fn receive(&mut self, now: Instant, datagram: &Datagram) {
        if let Some(visit) = self.visits.iter_mut().find(|visit| visit.line.address == datagram.to) {
            visit.line.receive(now, &datagram.bytes);
        }
    }

    /// Takes what the gateway pushed, as it stands on the WebSocket.
    pub fn hear(&mut self, now: Instant, json: &str) {
        let message: ServerMessage = match serde_json::from_str(json) {
            Ok(message) => message,
            Err(error) => return self.faults.push(format!("{error} in {json}")),
        };
        if message.seq != self.seq + 1 {
            self.faults.push(format!("notice {} after {}", message.seq, self.seq));
        }
        self.seq = message.seq;
        self.told.push(message.notice.clone());
        self.notice(now, message.notice);
    }

    /// What it does.
    pub fn drain(&mut self) -> (Vec<DeskDoes>, Vec<Datagram>) {
        (self.does.drain(..).collect(), std::mem::take(&mut self.outbox))
    }

    fn plan(&mut self, at: Instant, due: Due) {
        self.planned += 1;
        self.due.insert((at, self.planned), due);
    }

    fn notice(&mut self, now: Instant, notice: Notice) {
        match notice {
            Notice::CallOffer { call, card, .. } => self.offered(now, call, card),
            Notice::MediaAnswer { call, sdp } => {
                if let Some(visit) = self.visits.iter_mut().rev().find(|visit| visit.call == call)
                    && let Some(offer) = visit.offer.take()
                    && !visit.line.agree(now, &offer, &sdp)
                {
                    self.faults.push(format!("an answer that does not fit: {sdp}"));
                }
            }
            Notice::CallBridged { call, context_version, .. } => self.bridged(now, call, context_version),
            Notice::CallWithdrawn { call, cause } | Notice::CallEnded { call, cause } => self.ended(now, call, cause),
            Notice::ContextPatch { .. } | Notice::Menu { .. } | Notice::Caption { .. } | Notice::Problem { .. } | Notice::Status { .. } => {
            }
        }
    }

    fn offered(&mut self, now: Instant, call: CallId, card: Box<Card>) {
        let manner = if self.manners.len() > 1 { self.manners.pop_front() } else { self.manners.front().copied() };
        let manner = manner.unwrap_or(Manner::GOOD);
        let port = 6_000 + 2 * self.visits.len() as u16;
        let line = Line::new(SocketAddr::new(self.address, port), &self.codecs, self.hz);
        let after = |ms| now + Duration::from_millis(ms);
        self.plan(after(manner.media), Due::Media(call));
        if let Some(ms) = manner.ack {
            let (context_id, version, rendered_ms) = (card.context_id.clone(), card.version, ms as u32);
            self.say_at(after(ms), ClientMessage::ContextAck { call, context_id, version, rendered_ms });
        }
        match manner.take {
            Take::Accept(ms) => self.say_at(after(ms), ClientMessage::CallAccept { call }),
            Take::Decline(ms) => self.say_at(after(ms), ClientMessage::CallDecline { call }),
            Take::Close(ms) => self.leave_at(after(ms)),
            Take::Ignore => {}
        }
        let (acked, accepted, bridged, holds, ended, cause, offer) = (None, None, None, Vec::new(), None, None, None);
        self.visits.push(Visit { call, card, offered: now, acked, accepted, bridged, holds, ended, cause, line, manner, offer });
    }

    fn bridged(&mut self, now: Instant, call: CallId, version: u32) {
        let Some(visit) = self.visits.iter_mut().rev().find(|visit| visit.call == call) else { return };
        visit.bridged = Some((now, version));
        let manner = visit.manner;
        let after = |ms| now + Duration::from_millis(ms);
        if let Some(ms) = manner.talk {
            self.say_at(after(ms), ClientMessage::CallHangup { call });
        }
        if let Some((from, to)) = manner.hold {
            self.say_at(after(from), ClientMessage::CallHold { call, held: true });
            self.say_at(after(to), ClientMessage::CallHold { call, held: false });
        }
        if let Some(ms) = manner.lost {
            self.leave_at(after(ms));
        }
    }

    fn ended(&mut self, now: Instant, call: CallId, cause: Cause) {
        let Some(visit) = self.visits.iter_mut().rev().find(|visit| visit.call == call) else { return };
        visit.line.close();
        visit.ended.get_or_insert(now);
        visit.cause.get_or_insert(cause);
        let (was_bridged, manner) = (visit.bridged.is_some(), visit.manner);
        if let (true, Some(ms)) = (was_bridged, manner.wrapup) {
            let wrapup = ClientMessage::Wrapup { call, disposition: "delivery".to_owned(), tags: Vec::new(), resolved: true, note: None };
            self.say_at(now + Duration::from_millis(ms), wrapup);
        }
    }

    fn act(&mut self, now: Instant, due: Due) {
        if !self.at_desk {
            return;
        }
        match due {
            Due::Leave => {
                self.at_desk = false;
                self.seq = 0;
                for visit in self.visits.iter_mut().filter(|visit| visit.ended.is_none()) {
                    visit.line.close();
                    visit.ended = Some(now);
                }
                self.does.push_back(DeskDoes::Leave);
            }
            Due::Media(call) => {
                let Some(visit) = self.visits.iter_mut().rev().find(|visit| visit.call == call && visit.ended.is_none()) else { return };
                let offer = visit.line.offer(Flow::SendRecv);
                let sdp = offer.to_string();
                visit.offer = Some(offer);
                self.does.push_back(DeskDoes::Say(ClientMessage::MediaOffer { call, sdp }));
            }
            Due::Say(message) => self.say(now, message),
        }
    }

    fn say(&mut self, now: Instant, message: ClientMessage) {
        let live = |call: &CallId, visits: &mut Vec<Visit>| visits.iter().rposition(|visit| visit.call == *call && visit.ended.is_none());
        if let ClientMessage::ContextAck { call, .. } = &message {
            let Some(at) = live(call, &mut self.visits) else { return };
            self.visits[at].acked.get_or_insert(now);
        }
        if let ClientMessage::CallAccept { call } = &message {
            let Some(at) = live(call, &mut self.visits) else { return };
            self.visits[at].accepted.get_or_insert(now);
        }
        if let ClientMessage::CallHold { call, held } = &message {
            let Some(at) = live(call, &mut self.visits) else { return };
            match (held, self.visits[at].holds.last_mut()) {
                (false, Some(hold)) => hold.1 = Some(now),
                (false, None) => {}
                (true, _) => self.visits[at].holds.push((now, None)),
            }
        }
        if let ClientMessage::CallHangup { call } = &message
            && live(call, &mut self.visits).is_none()
        {
            return;
        }
        // Through the very words that stand on the WebSocket.
        let json = serde_json::to_string(&message).expect("a page's word is JSON");
        match serde_json::from_str(&json) {
            Ok(message) => self.does.push_back(DeskDoes::Say(message)),
            Err(error) => self.faults.push(format!("{error} in {json}")),
        }
    }
}
