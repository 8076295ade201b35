//! Questions to slow systems, and their answers.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    calling::{Proof, Signed},
    story::{Card, Story},
    wire::{Candidate, Transport},
};
use crate::{
    ids::{AgentId, AskId, CallId, UtcMillis},
    private::Private,
};

/// The right to answer one question once: not Clone, not Copy, made only by `Asks`, spent by `reply`. Lost, the deadline answers.
#[derive(Debug)]
#[must_use = "a question is answered, or its deadline passes"]
pub struct AskToken(AskId);

impl AskToken {
    /// Spends the right; the only way to make a `Reply`.
    pub fn reply(self, finding: Result<Finding, AskFailure>) -> Reply {
        Reply { ask: self.0, finding }
    }
}

/// A question, and when its answer stops mattering: after `deadline` the Switch goes on with the fallback.
#[derive(Debug)]
pub struct Ask {
    pub token: AskToken,
    pub deadline: Instant,
    pub question: Question,
}

/// An answer. A late one is not all lost: `Identified` joins the story, `AgentReserved` is released at once; others are only counted.
#[derive(Debug)]
pub struct Reply {
    ask: AskId,
    pub finding: Result<Finding, AskFailure>,
}

impl Reply {
    /// The question it answers.
    pub fn ask(&self) -> AskId {
        self.ask
    }
}

/// The open questions of a Switch: the one place where tokens are made and replies matched.
#[derive(Debug, Default)]
pub struct Asks {
    last: u64,
    open: BTreeMap<AskId, Instant>,
}

impl Ask {
    /// Its name.
    pub fn id(&self) -> AskId {
        self.token.0
    }
}

impl Asks {
    /// Opens a question.
    pub fn put(&mut self, question: Question, deadline: Instant) -> Ask {
        self.last += 1;
        self.open.insert(AskId(self.last), deadline);
        Ask { token: AskToken(AskId(self.last)), deadline, question }
    }

    /// Closes it; `false` if its deadline closed it before.
    pub fn settle(&mut self, reply: &Reply) -> bool {
        self.open.remove(&reply.ask).is_some()
    }

    /// Gives up the earliest question whose deadline has come.
    pub fn give_up(&mut self, now: Instant) -> Option<AskId> {
        let (ask, _) = self.open.iter().filter(|(_, deadline)| **deadline <= now).min_by_key(|(_, deadline)| **deadline)?;
        let ask = *ask;
        self.open.remove(&ask);
        Some(ask)
    }

    /// The next question to give up.
    pub fn deadline(&self) -> Option<Instant> {
        self.open.values().min().copied()
    }
}

/// What may be asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// Who calls? By signed token first, then by the context that a pointer of ours named, then by number; two candidates mean none.
    Identify { token: Option<Private<String>>, context: Option<String>, number: Option<Private<String>> },
    /// May this call have this agent? Answered at once by a table on one node, by a database lease in a cluster;
    /// asked again by the node that holds the lease, it is prolonged, or moves to the call that took this one in.
    ReserveAgent { agent: AgentId, call: CallId },
    /// The agent is free again; `AgentReleased` follows.
    ReleaseAgent { agent: AgentId, call: CallId },
    /// An HTTP request of the script's.
    Lookup { method: String, url: String, body: Option<Value> },
    /// Text to speech, cached by voice and text.
    Speak { voice: String, text: Private<String> },
    /// Is the caller's signature good? Off the thread, for its certificate may be far (RFC 8224).
    Verify(Box<Signed>),
    /// Where is this domain? (RFC 3263) By one of these transports, the best first.
    Resolve { uri: String, spoken: Vec<Transport> },
    /// Draw the card's page for a SIP-phone agent's `Call-Info`.
    RenderCard { card: Box<Card> },
}

/// What was found, one for each question.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// The customer's story, as far as the first seconds need it; an unknown caller has an empty one.
    Identified(Box<Story>),
    /// Yours, until the lease runs out (UTC).
    AgentReserved { until: UtcMillis },
    /// Another call was faster.
    AgentTaken,
    /// Done.
    AgentReleased,
    /// The status and the body.
    LookedUp { status: u16, body: Value },
    /// A clip that `Play` can name.
    Spoken { clip: String },
    /// What came of the caller's signatures.
    Verified(Proof),
    /// Its servers, to be put in order by `sip::locate::order` for each call; good for `ttl`.
    Resolved { candidates: Vec<Candidate>, ttl: Duration },
    /// Where the page stands.
    CardRendered { url: String },
}

/// Why there is no finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskFailure {
    /// The far system did not answer in time.
    TimedOut,
    /// It could not be reached, or refused; in its own words.
    Failed(String),
    /// Too many questions were open: `ASKS_MAX`.
    Overloaded,
}
