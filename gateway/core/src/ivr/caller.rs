//! The caller, as verbs see them: who it is, what they told us, what is being said to them and what is wanted done.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    border::{Action, Utterance},
    expression::Known,
    prompts::PromptBook,
    yaml::Word,
};
use crate::{
    events::story::{Fact, Medium, MenuPresented, Privacy, Story},
    now::Now,
    private::Private,
};

/// One caller in self-service.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) prompts: Arc<PromptBook>,
    pub(super) story: Story,
    pub(super) language: String,
    /// What was collected; `Pci` values are elsewhere.
    pub(super) slots: BTreeMap<String, Fact>,
    /// Values that are used in this call and stored nowhere.
    pub(super) secrets: BTreeMap<String, Private<String>>,
    /// How long silence is borne.
    pub(super) patience: Timeouts,
    pub(super) actions: VecDeque<Action>,
    pub(super) deadline: Option<Instant>,
    pub(super) speaking: bool,
    pub(super) recording_paused: bool,
    /// Heard this menu before, in this call or an earlier one.
    pub(super) visited: Vec<String>,
    pub(super) menu: Option<MenuPresented>,
    /// Asked for the usual menu in this call.
    pub(super) usual: bool,
    pub(super) holdout: Option<bool>,
}

/// How long silence is borne.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timeouts {
    /// From the end of a question to the first key.
    pub(super) input: Duration,
    /// From one digit to the next.
    pub(super) digit: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { input: Duration::from_secs(5), digit: Duration::from_secs(3) }
    }
}

impl Caller {
    pub(super) fn act(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    /// Speaks; a key may always cut in. Should the end never be reported, the guard time goes on as if it had been.
    pub(super) fn say(&mut self, now: Now, utterances: Vec<Utterance>) {
        let seconds: f64 = utterances.iter().map(|said| self.prompts.clip_seconds(&said.clip)).sum();
        self.deadline = Some(now.instant + Duration::from_secs_f64(seconds.clamp(0.0, SPEECH_SECONDS_MAX)) + GUARD);
        self.speaking = true;
        self.act(Action::Say { utterances, barge_in: true });
    }

    /// Stops speaking, if we were.
    pub(super) fn hush(&mut self) {
        if std::mem::take(&mut self.speaking) {
            self.act(Action::Stop);
        }
        self.deadline = None;
    }

    pub(super) fn wait_for_key(&mut self, now: Now) {
        self.deadline = Some(now.instant + self.patience.input);
    }

    pub(super) fn wait_for_digit(&mut self, now: Now) {
        self.deadline = Some(now.instant + self.patience.digit);
    }

    pub(super) fn pause_recording(&mut self, pause: bool) {
        if self.recording_paused != pause {
            self.recording_paused = pause;
            self.act(Action::PauseRecording(pause));
        }
    }

    /// Notes what was told; others hear of it unless it is a secret.
    pub(super) fn learn(&mut self, slot: &str, fact: Fact) {
        if fact.privacy == Privacy::Pci {
            let value = match fact.value.0 {
                Value::String(text) => text,
                other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => other.to_string(),
            };
            self.secrets.insert(slot.to_owned(), Private(value));
            return;
        }
        self.act(Action::Learned(fact.clone()));
        self.slots.insert(slot.to_owned(), fact);
    }

    pub(super) fn knows(&self, slot: &str) -> bool {
        self.slots.contains_key(slot) || self.secrets.contains_key(slot)
    }

    /// The latest fact of this name that may be used again.
    pub(super) fn told_before(&self, key: &str) -> Option<&Fact> {
        self.story.facts.iter().filter(|fact| fact.key == key && fact.privacy != Privacy::Pci).max_by_key(|fact| fact.at)
    }

    /// Whether they have called before, and need no long greeting.
    pub(super) fn is_returning(&self) -> bool {
        self.story.recent.iter().any(|past| past.medium == Medium::Call) || self.story.sums.keys().any(|key| key.starts_with("habit:"))
    }

    pub(super) fn wants_usual(&self) -> bool {
        self.usual || self.story.usual_menu
    }

    pub(super) fn known(&self) -> Known {
        Known::of(&self.story, self.slots.values())
    }

    pub(super) fn prompt(&self, id: &str) -> Utterance {
        self.prompts.utterance(&self.language, id)
    }

    pub(super) fn prompts_of(&self, words: &[Word]) -> Vec<Utterance> {
        words.iter().map(|word| self.prompt(&word.text)).collect()
    }
}

/// What a lost `Played` costs at most.
const GUARD: Duration = Duration::from_secs(10);

/// No prompt is longer; a clip that claims so is broken.
const SPEECH_SECONDS_MAX: f64 = 300.0;
