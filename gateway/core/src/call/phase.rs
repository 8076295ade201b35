//! Where a call is.

use std::time::Instant;

use super::transferring::Wanted;
use crate::{
    cause::Cause,
    ids::{AgentId, AskId, BridgeId, EntryId, LegId},
    ivr::Session,
};

/// Where a call is; each phase owns what exists only in it. Table: docs/specs/call.md.
pub enum Phase {
    /// The first leg is offered; we ask who it is, and whether its signature is good. At the asks' deadline the call goes on without.
    Arriving { identify: Option<AskId>, verify: Option<AskId> },
    /// The caller's own media is being set up, before the first word.
    Connecting,
    /// In a script.
    Serving(Box<Session>),
    /// Another leg is being dialled for the caller, who hears it from `early` on, if it speaks before it answers. `rings`: an answered caller
    /// hears our ringing tone.
    Dialling { early: Option<BridgeId>, rings: bool },
    /// The dialled leg was refused to a caller who had been answered, and who hears by our tone why.
    Refused(Cause),
    /// Caller and dialled leg hear each other; no agent is involved.
    Through { bridge: BridgeId },
    /// Waiting, with music and a place.
    Queued(EntryId),
    /// The ACD chose; the reservation is being asked for. The place in the queue is kept.
    Reserving { entry: EntryId, agent: AgentId, because: String, ask: AskId },
    /// The agent's desk rings, the peer connects, the card is drawn; an ack here is only noted.
    Offering(Ringing),
    /// Accepted, not acked: media joins at the ack or at the deadline, `gate.ack_ms` (800) after the accept; nothing else opens it.
    Gate { ringing: Ringing, deadline: Instant },
    /// Caller and agent hear each other, unless `held`.
    Talking { agent: AgentId, bridge: BridgeId, held: bool },
    /// `by` has handed the call on: the one who stays hears music while the new party rings. `agent` is `by`, where that is one. `instead` is
    /// whom we dial if the carrier of the one who stays, which has been asked to, does not.
    Transferring { by: LegId, agent: Option<AgentId>, instead: Option<Box<Wanted>> },
    /// Legs are told, ports close, the recording seals; bounded by a deadline.
    Ending(Cause),
    /// All is written; the call leaves memory.
    Ended,
}

/// An agent who is being rung.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ringing {
    /// The caller's place, kept until the agent has answered.
    pub entry: EntryId,
    /// Who is rung.
    pub agent: AgentId,
    /// Version of the card that was sent.
    pub version: u32,
    /// When it was sent.
    pub offered: Instant,
    /// When the desk said that it was drawn.
    pub acked: Option<Instant>,
}

impl Phase {
    /// One word, for logs, metrics and pages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Arriving { .. } => "arriving",
            Self::Connecting => "connecting",
            Self::Serving(_) => "serving",
            Self::Dialling { .. } => "dialling",
            Self::Refused(_) => "refused",
            Self::Through { .. } => "through",
            Self::Queued(_) => "queued",
            Self::Reserving { .. } => "reserving",
            Self::Offering(_) => "offering",
            Self::Gate { .. } => "gate",
            Self::Talking { .. } => "talking",
            Self::Transferring { .. } => "transferring",
            Self::Ending(_) => "ending",
            Self::Ended => "ended",
        }
    }
}
