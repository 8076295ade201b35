//! The node minus I/O: signalling, IVR, context, routing, agents.

mod admit;
mod appearance;
mod border;
mod calling;
mod carry;
mod directory;
mod forks;
mod info_digit;
mod invitation;
mod leg_media;
mod merge;
mod outgoing;
mod phones;
mod places;
mod refers;
mod rejection;
mod reservations;
mod sip_hearing;
mod sip_leg;
mod sip_ways;
mod slot;
mod spoken;
mod trunks;
mod web_leg;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Instant,
};

use rand::{Rng, SeedableRng};

pub use border::{AdminCommand, Input, Output, Page};
pub use rejection::Rejection;
use slot::{Places, Slot};
pub use trunks::{Registering, RegistrationView, SILENT_AFTER, Sample, ServerView, Step, Trial, TrunkNews, TrunkView};

use crate::{
    acd::{Acd, Agent, AgentState},
    call::{Mint, Phase, Stimulus, Wish},
    config::Config,
    events::{
        ask::{AskFailure, Asks, Finding, Reply},
        media::{MediaCommand, MediaEvent},
    },
    ids::{AgentId, AskId, CallId, EntryId, LegId, PortId, RejectionId, ShardId},
    ivr::Library,
    now::Now,
    plane::{REST, REST_SLACK},
    sip::TurnedAway,
    timers::TimerTable,
};

/// The node minus I/O: signalling, IVR, context, routing, agents.
///
/// **The law:** one `handle`, then `poll` until `None`, then wait for the next input or for `deadline()`, which is said as `Input::Woke`.
/// Outputs are carried out in the order they come: all media commands to one shard, and all bytes to one peer, keep it.
/// `handle` never blocks and never fails: junk is counted, and a call's fate is a `Cause`.
/// Same seed, same inputs, same stamps: same outputs, byte for byte.
pub struct Switch<R> {
    /// Chance: context and session ids; the SIP floor has a generator of its own, drawn from this one.
    rng: R,
    config: Arc<Config>,
    library: Library,
    /// Seals T0 pointers.
    secret: Vec<u8>,
    sip: sip_leg::SipLegs<R>,
    trunks: trunks::Trunks,
    /// Calls of ours whose far end has said nothing yet.
    attempts: BTreeMap<LegId, outgoing::Attempt>,
    /// When we last were awake.
    now: Option<Now>,
    web: web_leg::WebLegs,
    acd: Acd,
    calls: BTreeMap<CallId, Slot>,
    by_leg: BTreeMap<LegId, CallId>,
    by_port: BTreeMap<PortId, CallId>,
    by_ask: BTreeMap<AskId, CallId>,
    /// Reservations asked for and not answered, which outlive their call.
    reservations: reservations::Reservations,
    places: BTreeMap<ShardId, Places>,
    asks: Asks,
    mint: Mint,
    timers: TimerTable<Due>,
    /// What was told last of each caller's place in line.
    told: BTreeMap<EntryId, usize>,
    last_call: CallId,
    last_rejection: RejectionId,
    draining: bool,
    store_behind: bool,
    outputs: VecDeque<Output>,
    /// Empty between two steps: memory that they use in turn.
    wishes: VecDeque<Wish>,
}

/// What falls due in a Switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// A call's own deadline.
    Call(CallId),
    /// An agent has had long enough to wrap up.
    WrapUp(AgentId, CallId),
    /// An agent whose phone did not take a call is called again.
    RestedPhone(AgentId),
    /// The address of a closed port can be leased again.
    Rested(ShardId, PortId),
    /// A server that a call went to has said nothing.
    Attempt(LegId),
}

/// What a Switch is made of besides chance.
pub struct Setup {
    /// Endpoints, trunks, routes, agents.
    pub config: Arc<Config>,
    /// Scripts and prompts.
    pub library: Library,
    /// Seals T0 pointers (32 bytes or more, secret to the company's nodes).
    pub secret: Vec<u8>,
    /// The media threads.
    pub shards: Vec<ShardId>,
}

impl<R: Rng + SeedableRng> Switch<R> {
    /// A node at rest; its first outputs lease ports.
    pub fn new(mut rng: R, setup: Setup) -> Self {
        let sip = sip_leg::SipLegs::new(&setup.config, R::from_rng(&mut rng));
        let mut switch = Self {
            sip,
            rng,
            secret: setup.secret,
            config: setup.config,
            library: setup.library,
            trunks: trunks::Trunks::default(),
            attempts: BTreeMap::new(),
            now: None,
            web: web_leg::WebLegs::default(),
            acd: Acd::default(),
            calls: BTreeMap::new(),
            by_leg: BTreeMap::new(),
            by_port: BTreeMap::new(),
            by_ask: BTreeMap::new(),
            reservations: reservations::Reservations::default(),
            places: setup.shards.into_iter().map(|shard| (shard, Places::default())).collect(),
            asks: Asks::default(),
            mint: Mint::default(),
            timers: TimerTable::new(),
            told: BTreeMap::new(),
            last_call: CallId(0),
            last_rejection: RejectionId(0),
            draining: false,
            store_behind: false,
            outputs: VecDeque::new(),
            wishes: VecDeque::new(),
        };
        switch.lease();
        switch
    }

    /// Takes one input in; whatever follows from it waits in `poll`.
    pub fn handle(&mut self, now: Now, input: Input<'_>) {
        if self.now.replace(now).is_none() {
            self.tend_trunks(now);
        }
        match input {
            Input::Received { endpoint, from, bytes } => self.sip.receive(now, endpoint, from, bytes),
            Input::Joined { channel, page } => self.joined(now, channel, page),
            Input::Said { channel, message } => self.said(now, channel, message),
            Input::Left { channel } => self.left(now, channel),
            Input::Media { shard, event } => self.media(now, shard, event),
            Input::Replied(reply) => self.replied(now, reply),
            Input::Told(command) => self.told_by_operator(now, command),
            Input::Woke => self.woke(now),
            Input::Connected { conn, endpoint, from, subject } => self.sip.connected(now, conn, endpoint, from, subject),
            Input::ConnectFailed { conn } => self.sip.connect_failed(now, conn),
            Input::Stream { conn, bytes } => self.sip.receive_stream(now, conn, bytes),
            Input::Disconnected { conn } => self.sip.disconnected(now, conn),
        }
        self.settle(now);
    }

    /// The next thing to be done, in the order it must be done.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to say `Woke` if nothing else happens first; `None` while nothing is awaited.
    pub fn deadline(&self) -> Option<Instant> {
        [self.sip.deadline(), self.timers.next(), self.asks.deadline(), self.trunks.deadline()].into_iter().flatten().min()
    }

    /// Live calls.
    pub fn calls(&self) -> impl Iterator<Item = CallId> {
        self.calls.keys().copied()
    }

    /// Where a live call is, in one word.
    pub fn phase_of(&self, call: CallId) -> Option<&'static str> {
        self.calls.get(&call)?.call.as_ref().map(|call| call.phase().name())
    }

    /// The people at a desk.
    pub fn agents(&self) -> impl Iterator<Item = &Agent> {
        self.acd.agents()
    }

    /// Datagrams that were no SIP, since the start.
    pub fn sip_dropped(&self) -> u64 {
        self.sip.dropped()
    }

    /// What SIP did not take in because there was too much of it, by cause, since the start.
    pub fn turned_away(&self) -> impl Iterator<Item = (TurnedAway, u64)> {
        self.sip.turned_away()
    }

    /// Refuses new calls and waits for the last one to end.
    pub fn is_draining(&self) -> bool {
        self.draining
    }

    /// SIP transactions and usages alive.
    pub fn sip_load(&self) -> (usize, usize) {
        self.sip.load()
    }

    /// The trunks, as of the last input.
    pub fn trunks(&self) -> Vec<TrunkView> {
        self.now.map(|now| self.trunks.views(now)).unwrap_or_default()
    }

    /// Carriers have not yet heard that we drain.
    pub fn is_leaving(&self) -> bool {
        self.trunks.is_leaving()
    }

    /// Leased RTP addresses that no call uses.
    pub fn idle_ports(&self) -> usize {
        self.places.values().map(|places| places.free.len()).sum()
    }

    fn media(&mut self, now: Now, shard: ShardId, event: MediaEvent) {
        let call = match &event {
            MediaEvent::PortsLeased { locals } => {
                if let Some(places) = self.places.get_mut(&shard) {
                    places.leased(locals);
                }
                return;
            }
            MediaEvent::Recorded { recording, .. } | MediaEvent::RecordingFailed { recording, .. } => Some(CallId(recording.0)),
            MediaEvent::PeerAnswered { port, .. }
            | MediaEvent::PeerOffered { port, .. }
            | MediaEvent::PeerRefused { port, .. }
            | MediaEvent::PeerConnected { port }
            | MediaEvent::PeerGone { port, .. }
            | MediaEvent::DigitHeard { port, .. }
            | MediaEvent::PlayDone { port, .. }
            | MediaEvent::SpeechStarted { port }
            | MediaEvent::SpeechEnded { port, .. }
            | MediaEvent::Quality { port, .. }
            | MediaEvent::MediaLost { port }
            | MediaEvent::Broken { port }
            | MediaEvent::Closed { port, .. } => self.by_port.get(port).copied(),
            MediaEvent::ForkClosed { .. } => None,
        };
        if let MediaEvent::Closed { port, .. } = &event {
            self.by_port.remove(port);
            self.timers.set_about(Due::Rested(shard, *port), now.instant + REST + REST_SLACK, REST_SLACK);
        }
        if let Some(call) = call {
            self.step(now, call, Stimulus::Media(event));
        }
    }

    fn replied(&mut self, now: Now, reply: Reply) {
        let ask = reply.ask();
        let late = !self.asks.settle(&reply);
        self.take_reservation(now, &reply);
        if !self.by_ask.contains_key(&ask) {
            if !late {
                self.located(now, ask, reply.finding);
            }
            return;
        }
        if let Some(call) = self.by_ask.remove(&ask) {
            let finding = match reply.finding {
                Ok(Finding::AgentReserved { .. }) if self.is_left(call) => {
                    Err(AskFailure::Failed("the desk was left meanwhile".to_owned()))
                }
                finding => finding,
            };
            self.step(now, call, Stimulus::Replied { ask, finding, late });
        }
    }

    /// Nobody sits any more at the desk that this call is about to ring.
    fn is_left(&self, call: CallId) -> bool {
        let phase = self.calls.get(&call).and_then(|slot| slot.call.as_ref()).map(|call| call.phase());
        matches!(phase, Some(Phase::Reserving { agent, .. }) if self.acd.agent(*agent).is_none())
    }

    fn told_by_operator(&mut self, now: Now, command: AdminCommand) {
        match command {
            AdminCommand::Drain => {
                self.draining = true;
                self.sip.drain();
                let (trunks, mut tools) = self.tools();
                trunks.drain(now, &mut tools);
            }
            AdminCommand::Reload(config) => {
                self.sip.reconfigure(&config);
                self.config = config;
                self.tend_trunks(now);
            }
            AdminCommand::StoreBehind(behind) => self.store_behind = behind,
            AdminCommand::Hangup { call } => self.step(now, call, Stimulus::HungUpByOperator),
        }
    }

    fn woke(&mut self, now: Now) {
        self.sip.wake(now);
        while let Some(ask) = self.asks.give_up(now.instant) {
            if let Some(call) = self.by_ask.get(&ask).copied() {
                self.step(now, call, Stimulus::Replied { ask, finding: Err(AskFailure::TimedOut), late: false });
            } else {
                self.located(now, ask, Err(AskFailure::TimedOut));
            }
        }
        let (trunks, mut tools) = self.tools();
        trunks.wake(now, &mut tools);
        while let Some(due) = self.timers.pop_due(now.instant) {
            match due {
                Due::Call(call) => self.step(now, call, Stimulus::Woke),
                Due::WrapUp(agent, call) => self.wrap_up_over(now, agent, call, AgentState::Available),
                Due::RestedPhone(agent) => self.phone_rested(now, agent),
                Due::Attempt(leg) => self.attempt_is_silent(now, leg),
                Due::Rested(shard, _) => {
                    if let Some(places) = self.places.get_mut(&shard) {
                        places.rested();
                    }
                }
            }
        }
    }

    /// What must hold between two inputs: SIP events are heard, callers in line have agents where there are any, ports are ready.
    fn settle(&mut self, now: Now) {
        loop {
            self.hear_sip(now);
            match self.acd.next_match(now.instant) {
                Some(found) => self.step(now, found.call, Stimulus::Matched(found)),
                None => break,
            }
        }
        self.tell_places(now);
        self.sip.flush(&mut self.outputs);
        self.lease();
    }

    /// The trunks follow the configuration.
    fn tend_trunks(&mut self, now: Now) {
        let config = self.config.clone();
        let (trunks, mut tools) = self.tools();
        trunks.reconfigure(now, &config, &mut tools);
    }

    fn lease(&mut self) {
        for (shard, places) in &mut self.places {
            if let Some(count) = places.want() {
                self.outputs.push_back(Output::Media { shard: *shard, command: MediaCommand::LeasePorts { count } });
            }
        }
    }
}

#[cfg(test)]
mod tests;
