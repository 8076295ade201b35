//! What a session hears of the world and what it wants done.

use std::time::Duration;

use crate::{
    cause::Cause,
    events::{
        media::PlayEnd,
        story::{ExitReason, Fact, MenuChosen, MenuPresented, Story},
    },
    private::Private,
};

/// What happened to the caller.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A key, from phone or page.
    Digit(Private<char>),
    /// The latest `Say` or `Music` is over; a stale one never reaches a session.
    Played(PlayEnd),
    /// `Session::deadline` has come.
    TimeReached,
    /// The story came late: facts and order may use it from the next step on.
    StoryArrived(Box<Story>),
    /// What `LookUp` found: the branch `ok` or `error` follows.
    LookedUp { ok: bool, body: serde_json::Value },
}

/// One piece of speech: a text for captions and text channels, and the clip that says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Utterance {
    /// In the caller's language.
    pub text: Private<String>,
    /// A clip that `Play` can name, `<lang>/<prompt id>`.
    pub clip: String,
}

/// What a session wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Say these, in order; `Event::Played` follows. A key stops it where `barge_in`.
    Say { utterances: Vec<Utterance>, barge_in: bool },
    /// Silence whatever plays; no `Event::Played` follows.
    Stop,
    /// Show the running menu as buttons, in spoken order: key and label. Empty: take it away.
    ShowMenu { items: Vec<(char, String)> },
    /// A menu is being spoken.
    Presented(MenuPresented),
    /// An item was chosen.
    Chosen(MenuChosen),
    /// The caller told us something, or wants the usual menu for good.
    Learned(Fact),
    /// Pause the recording while a `pci` slot is collected, or go on.
    PauseRecording(bool),
    /// An HTTP request; `Event::LookedUp` follows.
    LookUp { method: String, url: String, body: Option<serde_json::Value>, timeout: Duration },
    /// Self-service ends; always followed by `Enqueue`, `Dial` or `Hangup`.
    Left { reason: ExitReason, node: String, detail: Option<String> },
    /// Wait for a person.
    Enqueue { queue: String, skills: Vec<String>, priority: u8 },
    /// Call this number or address and bridge.
    Dial { to: String },
    /// Say goodbye to the line.
    Hangup(Cause),
}
