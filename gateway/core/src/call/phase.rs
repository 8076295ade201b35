//! Where a call is.

use std::time::Instant;

use crate::{
    cause::Cause,
    events::story::Cursor,
    ids::{AgentId, AskId, BridgeId, EntryId, LegId},
};

/// Where a call is; each phase owns what exists only in it.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// The first leg is offered and we ask who it is; at the ask's deadline the call goes on as anonymous.
    Arriving(AskId),
    /// In a script (in truth `ivr::Session`, whose lasting part is the cursor).
    Serving(Cursor),
    /// Waiting, with music and a place.
    Queued(EntryId),
    /// The ACD chose; the reservation is being asked for. A place in the queue is kept.
    Reserving { entry: Option<EntryId>, agent: AgentId, ask: AskId },
    /// The agent's desk or phone rings, the peer connects, the card is drawn; an ack here is only noted.
    Offering { agent: AgentId, leg: LegId, version: u32, acked: Option<Instant>, ring_deadline: Instant },
    /// Accepted, not acked: media joins at the ack or at `accepted` + `gate.ack_ms` (800), whichever is first; nothing else opens it.
    Gate { agent: AgentId, leg: LegId, version: u32, accepted: Instant, deadline: Instant },
    /// Caller and agent hear each other.
    Talking { agent: AgentId, leg: LegId, bridge: BridgeId },
    /// Still talking or on hold while `referrer`'s target is being reached; if it cannot be, we are back in `Talking`.
    Transferring { agent: AgentId, bridge: BridgeId, referrer: LegId, target: LegId },
    /// The agent has left; the caller answers a few questions.
    Surveying(Cursor),
    /// Legs are told, ports close, the recording seals; bounded by a deadline.
    Ending(Cause),
    /// All is written; the call leaves memory after the last late message.
    Ended,
}
