//! The JSON that pages speak.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::story::Card;
use crate::{
    cause::Cause,
    ids::{CallId, UtcMillis},
    private::Private,
};

/// A page to us.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum ClientMessage {
    /// First word after a reconnect: replay what came after `last_seq`.
    #[serde(rename = "resume")]
    Resume { token: String, last_seq: u64 },
    /// A caller page wants a call; its SDP offer is at hand.
    #[serde(rename = "call.start")]
    CallStart { dialled: String, sdp: String },
    /// The browser's SDP offer for an offered call, or a new one after it changed networks.
    #[serde(rename = "media.offer")]
    MediaOffer { call: CallId, sdp: String },
    /// The page has drawn this version of the card, so many ms after it came.
    #[serde(rename = "context.ack")]
    ContextAck { call: CallId, context_id: String, version: u32, rendered_ms: u32 },
    /// The agent takes the call.
    #[serde(rename = "call.accept")]
    CallAccept { call: CallId },
    /// The agent lets it pass.
    #[serde(rename = "call.decline")]
    CallDecline { call: CallId },
    /// Hold, or go on.
    #[serde(rename = "call.hold")]
    CallHold { call: CallId, held: bool },
    /// Hand the caller on, with a note for the next one.
    #[serde(rename = "call.transfer")]
    CallTransfer { call: CallId, to: String, note: Option<String>, consult: bool },
    /// End the call.
    #[serde(rename = "call.hangup")]
    CallHangup { call: CallId },
    /// A key pressed or a menu button clicked.
    #[serde(rename = "key")]
    Key { call: CallId, key: Private<char> },
    /// Pause the recording, or go on.
    #[serde(rename = "recording.pause")]
    RecordingPause { call: CallId, paused: bool },
    /// The agent ticks a fact.
    #[serde(rename = "fact.confirm")]
    FactConfirm { call: CallId, key: String },
    /// The agent's last word on the call.
    #[serde(rename = "wrapup")]
    Wrapup { call: CallId, disposition: String, tags: Vec<String>, resolved: bool, note: Option<String> },
    /// Available, away, or out.
    #[serde(rename = "status")]
    Status { state: String },
}

/// Us to a page: a notice and its number, counted from 1 per channel, without gaps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerMessage {
    pub seq: u64,
    #[serde(flatten)]
    pub notice: Notice,
}

/// What we tell a page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Notice {
    /// Draw this, and ring until then.
    #[serde(rename = "call.offer")]
    CallOffer { call: CallId, card: Box<Card>, ring_deadline: UtcMillis },
    /// The offer is gone: taken back, run out, or the caller left.
    #[serde(rename = "call.withdrawn")]
    CallWithdrawn { call: CallId, cause: Cause },
    /// Our SDP answer.
    #[serde(rename = "media.answer")]
    MediaAnswer { call: CallId, sdp: String },
    /// You hear each other now; `was` is the id it was offered under, when calls have merged.
    #[serde(rename = "call.bridged")]
    CallBridged { call: CallId, was: Option<CallId>, context_version: u32 },
    /// The story grew: RFC 6902 operations from one version to the next.
    #[serde(rename = "context.patch")]
    ContextPatch { call: CallId, from: u32, to: u32, ops: Vec<Value> },
    /// It is over; wrap up.
    #[serde(rename = "call.ended")]
    CallEnded { call: CallId, cause: Cause },
    /// The running menu as buttons, in spoken order: key and label.
    #[serde(rename = "menu")]
    Menu { call: CallId, items: Vec<(char, String)> },
    /// What is being said, and by whom.
    #[serde(rename = "caption")]
    Caption { call: CallId, speaker: String, text: Private<String> },
    /// What was said could not be done, and what to do instead.
    #[serde(rename = "problem")]
    Problem { call: Option<CallId>, what: String },
    /// Where things stand, in a word the page translates: in the menu, second in line, recording, reconnecting.
    #[serde(rename = "status")]
    Status { call: Option<CallId>, state: String, detail: Option<String> },
}
