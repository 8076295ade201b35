//! Plain data of the caller's story.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    ids::{AgentId, CaseId, CustomerId, InteractionId, UtcMillis},
    private::Private,
};

/// What `Identify` brings; `sums` is per menu item the decayed sum of past events as of `at`, so that no history need be read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Story {
    /// `None`: nobody we know.
    pub customer: Option<Customer>,
    /// How sure we are, and why.
    pub trust: Trust,
    pub identities: Vec<Identity>,
    pub facts: Vec<Fact>,
    pub sums: BTreeMap<String, f64>,
    pub cases: Vec<Case>,
    pub recent: Vec<Interaction>,
    pub unfinished: Option<Cursor>,
    /// The last lines of the chat that this contact comes out of, oldest first.
    pub chat: Vec<ChatLine>,
    /// What that chat, or a form, was about.
    pub reason: Option<Reason>,
    /// The caller asked for the usual menu, for good.
    pub usual_menu: bool,
    /// How this call came, for scripts.
    pub came: Came,
    /// Per menu item, the share of all callers who choose it, 0 to 1: the order of those who have no history.
    pub share: BTreeMap<String, f64>,
}

/// How a call came, as far as a script may ask.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Came {
    pub dialled: String,
    pub trunk: Option<String>,
    /// Who sent the call on last, and why.
    pub diverted: Option<Diversion>,
    pub is_withheld: bool,
    /// `A` to `C` of a good signature.
    pub attestation: Option<char>,
    /// The other end's words (RFC 7433).
    pub note: Option<Private<String>>,
}

/// One way to know a customer: `kind` is tel, email, messenger, crm, cookie or sip; a tel is E.164.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub kind: String,
    pub value: Private<String>,
    pub verified_at: Option<UtcMillis>,
    pub source: String,
}

/// Something the customer told us, in any channel; append-only, the latest of a key counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    pub key: String,
    pub value: Private<Value>,
    /// Where from: a channel, a form, a connector, an agent.
    pub source: String,
    pub at: UtcMillis,
    /// Per cent.
    pub confidence: u8,
    /// The customer said yes to it, or an agent ticked it.
    pub confirmed: bool,
    pub privacy: Privacy,
}

/// How far a fact may travel: anywhere; not into logs; nowhere at all (`Pci`: used, never stored, the recording pauses).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Privacy {
    Open,
    Pii,
    Pci,
}

/// How a customer reaches us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Medium {
    Call,
    Chat,
    Email,
    Sms,
    Messenger,
    Portal,
    Form,
}

/// One dialogue in one medium.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interaction {
    pub id: InteractionId,
    pub medium: Medium,
    pub at: UtcMillis,
    pub gist: String,
    pub outcome: Option<String>,
    pub agent: Option<AgentId>,
}

/// Interactions about one matter; one status, said alike everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    pub id: CaseId,
    pub status: String,
    pub title: String,
    pub opened: UtcMillis,
}

/// A place in a script, in any medium: enough to go on from another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    pub script: String,
    pub version: u32,
    pub node: String,
    pub slots: BTreeMap<String, Fact>,
}

/// Why the caller left self-service; closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitReason {
    /// The caller asked for a person.
    AskedAgent,
    /// Silence, once too often.
    NoInput,
    /// Keys or words that mean nothing here, once too often.
    NoMatch,
    /// A lookup failed.
    ApiError,
    /// The script sends this matter to a person.
    Routed,
    /// A session from another medium goes on with a person.
    Resume,
    /// The script dialled someone outside.
    Transfer,
    /// The caller would rather be called.
    Callback,
    /// All was done without a person.
    Completed,
}

/// Why a number sent its calls on to us (RFC 5806 6, RFC 4458 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DivertReason {
    Busy,
    NoAnswer,
    Unavailable,
    Unconditional,
    TimeOfDay,
    DoNotDisturb,
    Deflection,
    FollowMe,
    OutOfService,
    Away,
    Unknown,
}

/// One who sent the call on; the number is empty where it wants not to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diversion {
    pub from: Private<String>,
    pub because: DivertReason,
}

/// A menu as it was spoken to one caller, with the reasons for its order; `holdout` callers hear the authored order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MenuPresented {
    pub node: String,
    pub version: u32,
    pub order: Vec<Scored>,
    pub mode: String,
    pub holdout: bool,
}

/// One item's place, its score and what it came of: `habits`, `evidence`, `popularity` and `boost:<name>` add up, their sum over `seconds`
/// is the score, `ago_s:<kind>` is the age of the youngest event of a kind and counts for nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    pub item: String,
    pub score: f64,
    pub terms: BTreeMap<String, f64>,
}

/// What the caller chose: its place counted from 1, ms from the first word to the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MenuChosen {
    pub node: String,
    pub item: String,
    pub position: u8,
    pub after_ms: u32,
    pub key: Private<char>,
}

/// T1, the sealed card an agent receives: at most 32 KiB, over it trimmed in a fixed order and said so in `trimmed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Opaque; the same in T0, T1 and T2, and through every transfer.
    pub context_id: String,
    /// 1 at the first offer, one more at each next.
    pub version: u32,
    /// RFC 7989, one for all legs.
    pub session_id: String,
    pub entry: Arrival,
    pub trust: Trust,
    pub customer: Option<Customer>,
    pub identities: Vec<Identity>,
    pub reason: Option<Reason>,
    pub exit: Exit,
    pub ivr: Walk,
    pub slots: Vec<Fact>,
    pub self_service: Option<SelfService>,
    pub chat: Vec<ChatLine>,
    /// At most 20, newest first.
    pub timeline: Vec<Interaction>,
    /// At most 10.
    pub open_cases: Vec<Case>,
    pub routing: Routing,
    pub recording: Consent,
    pub brief: String,
    /// At most 8.
    pub handovers: Vec<Handover>,
    pub resume: Option<Cursor>,
    pub links: BTreeMap<String, String>,
    pub trimmed: Vec<String>,
}

impl Default for Trust {
    fn default() -> Self {
        Self { level: "none".to_owned(), evidence: Vec::new() }
    }
}

macro_rules! sections { ($($(#[$doc:meta])+ $name:ident { $($field:ident: $type:ty),+ })+) => { $($(#[$doc])+
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)] pub struct $name { $(pub $field: $type),+ })+ } }

sections! {
    /// How the caller came in.
    Arrival { medium: Medium, dialled: String, trunk: Option<String>, diverted_from: Option<Private<String>>, diverted_because: Option<DivertReason> }
    /// Who it is, as the store knows them; `language` is a BCP 47 tag, `segment` the company's own word (trial, gold).
    Customer { id: CustomerId, name: Option<Private<String>>, language: Option<String>, segment: Option<String> }
    /// How sure we are who it is, and why: `level` is token, attested, ani or none.
    Trust { level: String, evidence: Vec<String> }
    /// Why the caller calls; confidence in per cent.
    Reason { intent: String, label: String, confidence: u8, evidence: Vec<String> }
    /// Where and why self-service ended.
    Exit { kind: ExitReason, node: String, detail: Option<String> }
    /// The way through the script, and the last menu with the reasons for its order.
    Walk { flow: String, version: u32, path: Vec<String>, menu: Option<MenuPresented> }
    /// What the caller was in the middle of: step `step` of `step_of`.
    SelfService { medium: Medium, step: u8, step_of: u8 }
    /// One of the last chat messages.
    ChatLine { at: UtcMillis, from: String, text: Private<String> }
    /// How the call came to this agent.
    Routing { queue: String, skills: Vec<String>, waited_ms: u64, tried: Vec<AgentId>, chosen_because: String }
    /// Whether it is being recorded, and what the caller said to that.
    Consent { state: String, consent: Option<bool> }
    /// One agent handing on to another, with a note.
    Handover { at: UtcMillis, from: AgentId, note: Option<String> }
}
