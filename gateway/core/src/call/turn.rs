//! What a call is given for one step, and what it wants done.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    time::{Duration, Instant},
};

use media::sdp::Offer;

use super::{GivenLeg, LegMedia};
use crate::{
    acd::{AgentState, Entry, Match},
    config::Config,
    events::{
        ask::{Ask, AskFailure, Asks, Finding, Question},
        leg::{LegCommand, LegEvent, Spoken, Target},
        media::{MediaCommand, MediaEvent},
        record::Happened,
    },
    ids::{AgentId, AskId, BridgeId, CallId, ChannelId, EntryId, LegId, PlayId, PortId},
    ivr::Library,
    now::Now,
};

/// What can happen to a call.
#[derive(Debug)]
pub enum Stimulus {
    /// A participant did something.
    Leg(LegId, LegEvent),
    /// A port of this call has something to say.
    Media(MediaEvent),
    /// An answer, in time or (`late`) after its deadline had already been told as `AskFailure::TimedOut`.
    Replied { ask: AskId, finding: Result<Finding, AskFailure>, late: bool },
    /// The ACD has chosen an agent.
    Matched(Match),
    /// The place in the queue, counted from 1, has changed.
    Placed(usize),
    /// The recording is to pause, or to go on.
    RecordingPaused(bool),
    /// Another call gave this leg up, to be joined with whom the referrer leaves behind.
    TookOver { by: LegId, given: GivenLeg, from: CallId },
    /// A new leg of these terms asks for an old one's place (RFC 3891).
    Replaced { old: LegId, by: LegId, media: LegMedia, offer: Offer },
    /// An operator ends the call.
    HungUpByOperator,
    /// `Call::deadline` has come.
    Woke,
}

/// What a call wants done, in order.
#[derive(Debug)]
pub enum Wish {
    /// Tell a participant.
    Leg(LegId, LegCommand),
    /// Tell the shard of this call.
    Media(MediaCommand),
    /// Ask the outside.
    Ask(Ask),
    /// Append to history.
    Write(Happened),
    /// A leg is about to be told something for the first time: `agent` says whose desk it rings.
    Reach { leg: LegId, agent: AgentId },
    /// Stand in line.
    Enqueue(Entry),
    /// Leave the line.
    Dequeue(EntryId),
    /// Stand in line again; this agent did not take the call.
    Requeue(EntryId, AgentId),
    /// The agent's state follows the call's.
    Turn(AgentId, AgentState),
    /// The agent writes down what the call was about, at most so long.
    WrapUp(AgentId, Duration),
}

/// One step of a call: the time, what it may read, and where its wishes go.
pub struct Turn<'a> {
    /// The stamp of this step.
    pub now: Now,
    /// As of the call's begin.
    pub config: &'a Config,
    /// Scripts and prompts, as of now; a session keeps those that it began with.
    pub library: &'a Library,
    /// The desks that are open, by who sits there.
    pub desks: &'a BTreeMap<AgentId, ChannelId>,
    /// What is known of a target before it is called.
    pub spoken: &'a dyn Fn(&Target) -> Spoken,
    /// Seals T0 pointers.
    pub secret: &'a [u8],
    /// Where questions are opened.
    pub asks: &'a mut Asks,
    /// Names.
    pub mint: &'a mut Mint,
    /// Chance, for keys.
    pub rng: &'a mut dyn rand::Rng,
    /// RTP addresses that the call's shard has bound ahead of need.
    pub leases: &'a mut VecDeque<SocketAddr>,
    /// What the call wants done, in order.
    pub wishes: &'a mut VecDeque<Wish>,
}

impl Turn<'_> {
    /// Wants something of a participant.
    pub fn leg(&mut self, leg: LegId, command: LegCommand) {
        self.wishes.push_back(Wish::Leg(leg, command));
    }

    /// Wants something of the shard.
    pub fn media(&mut self, command: MediaCommand) {
        self.wishes.push_back(Wish::Media(command));
    }

    /// Appends to history.
    pub fn write(&mut self, happened: Happened) {
        self.wishes.push_back(Wish::Write(happened));
    }

    /// Opens a question.
    pub fn ask(&mut self, question: Question, deadline: Instant) -> AskId {
        let ask = self.asks.put(question, deadline);
        let id = ask.id();
        self.wishes.push_back(Wish::Ask(ask));
        id
    }

    /// Wants something else.
    pub fn wish(&mut self, wish: Wish) {
        self.wishes.push_back(wish);
    }
}

/// Names that are never given twice by one Switch.
#[derive(Debug, Default)]
pub struct Mint {
    last: u64,
}

impl Mint {
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// A participant.
    pub fn leg(&mut self) -> LegId {
        LegId(self.next())
    }

    /// An end of media.
    pub fn port(&mut self) -> PortId {
        PortId(self.next())
    }

    /// Ports joined.
    pub fn bridge(&mut self) -> BridgeId {
        BridgeId(self.next())
    }

    /// A play.
    pub fn play(&mut self) -> PlayId {
        PlayId(self.next())
    }

    /// A place in line.
    pub fn entry(&mut self) -> EntryId {
        EntryId(self.next())
    }
}

/// Names of the people who take calls, shared by all calls of a configuration.
pub fn agent_name(config: &Config, agent: AgentId) -> &str {
    config.agents.iter().find(|entry| entry.id == agent).map_or("an agent", |entry| entry.name.as_str())
}
