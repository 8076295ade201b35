//! History: one append, and what it says.

use serde::{Deserialize, Serialize};

use super::{
    calling::{Attestation, Unproven},
    leg::Direction,
    media::Quality,
    story::{Card, Diversion, ExitReason, Fact, MenuChosen, MenuPresented},
};
use crate::{
    cause::Cause,
    ids::{AgentId, CallId, CustomerId, EntryId, LegId, RecordingId, UtcMillis},
    private::Private,
};

/// One append to history; a call's records in order are its whole truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub at: UtcMillis,
    pub call: CallId,
    #[serde(flatten)]
    pub happened: Happened,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Happened {
    /// A call began; `previous` is the call that it continues.
    CallStarted { context_id: String, session_id: String, previous: Option<CallId> },
    /// A participant joined signalling.
    LegStarted { leg: LegId, direction: Direction, peer: Private<String> },
    /// What came with the caller: who sent the call on, the number that is withheld but must be kept, the peer's half of Session-ID, its words.
    Arrived { diverted: Vec<Diversion>, withheld: Option<Private<String>>, peer_session: Option<String>, note: Option<Private<String>> },
    /// What the caller's signature is worth: its attestation, or why it has none.
    Proven { attestation: Option<Attestation>, unproven: Option<Unproven>, late: bool },
    /// We know, or no longer believe, who it is.
    Identified { customer: Option<CustomerId>, late: bool },
    /// The customer told us something; never with privacy `Pci`.
    FactLearned { fact: Fact },
    /// A menu was spoken.
    MenuPresented(MenuPresented),
    /// An item was chosen.
    MenuChosen(MenuChosen),
    /// Self-service ended.
    ScriptLeft { reason: ExitReason, node: String },
    /// The caller took a place in a queue.
    Queued { queue: String, entry: EntryId },
    /// An agent was rung.
    AgentOffered { agent: AgentId, card: Box<Card> },
    /// Media joined; `acked_after_ms` counts from the offer, `late` means that the gate's deadline opened it.
    Handoff { agent: AgentId, version: u32, acked_after_ms: Option<u32>, late: bool },
    /// A participant was handed on; `merged` is the younger call that this one took in.
    Transferred { from: LegId, to: LegId, merged: Option<CallId> },
    /// A participant was handed on to a number, and the carrier of `leg` has called that itself: the call has left us.
    HandedBack { by: LegId, leg: LegId },
    /// The file is whole.
    RecordingSealed { recording: RecordingId, file: String, length_ms: u64 },
    /// There is no more file, and why.
    RecordingFailed { recording: RecordingId, reason: String },
    /// It has the form in which it is kept, and may be heard: `bytes` and `sha256` are of what is heard. May come after `CallEnded`.
    RecordingReady { recording: RecordingId, form: String, bytes: u64, length_ms: u64, sha256: String },
    /// Nobody can hear it any more, and who wished that.
    RecordingErased { recording: RecordingId, by: String },
    /// A participant left.
    LegEnded { leg: LegId, cause: Cause, quality: Option<Quality> },
    /// The CDR: the true end, after the last leg, with the final agent.
    CallEnded { cause: Cause, agent: Option<AgentId>, waited_ms: u64, talked_ms: u64, crashed: bool },
    /// The agent's last word; may come after `CallEnded`.
    WrappedUp { agent: AgentId, disposition: String, tags: Vec<String>, resolved: bool, note: Option<String> },
}
