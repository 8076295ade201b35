//! Verbs: one step of a script each, one file each.
//!
//! A verb is read from YAML, checked with its script, and then only begins, hears events and says which step follows.

mod branch;
mod dial;
mod form;
mod hangup;
mod menu;
mod queue;
mod say;

pub(super) use hangup::GOODBYE;
pub(super) use menu::Menu;

use super::{
    border::{Action, Event},
    caller::Caller,
    exits::{Exits, Trouble},
    fault::{Faults, Place},
    script::Script,
    yaml::{Fields, Tree, Word},
};
use crate::{events::story::ExitReason, now::Now};

/// What a verb file provides.
pub(super) trait Verb: Sized {
    const NAME: &'static str;
    /// What the verb remembers while it is at work.
    type Turn;

    fn read(tree: &Tree, node: &str, faults: &mut Faults) -> Option<Self>;

    /// Nodes that it may lead to.
    fn targets(&self) -> Vec<&Word>;

    /// Prompts that it may say.
    fn prompts(&self) -> Vec<Word>;

    fn begin(&self, now: Now, here: Here<'_>, caller: &mut Caller) -> (Self::Turn, Step);

    /// A play that is over has already been noted by the caller's state; its event comes here nonetheless.
    fn on(&self, turn: &mut Self::Turn, now: Now, event: &Event, here: Here<'_>, caller: &mut Caller) -> Step;
}

/// Where in which script.
#[derive(Clone, Copy)]
pub(super) struct Here<'a> {
    pub(super) script: &'a Script,
    pub(super) name: &'a str,
}

/// What follows.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// Wait for the next event.
    Stay,
    /// On to a node; the caller's wish so far, or a reason to be shown the way.
    Goto { node: String, because: Because },
    /// The same, and the key that ended this node is meant for the next one.
    Carry { node: String, key: char },
    /// To a person, at the caller's wish.
    Agent,
    /// By the exit.
    Fail(Trouble),
    /// Self-service ends with this action.
    Leave { last: Action, reason: Option<ExitReason> },
}

/// Why a caller is sent on; decides what the agent reads as the reason, unless a later step knows better.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Because {
    /// The script says so.
    Next,
    /// The caller chose an item.
    Chose(String),
    /// The caller chose the item that is a person.
    AskedAgent,
}

impl Step {
    fn next(word: &Word) -> Self {
        Self::Goto { node: word.text.clone(), because: Because::Next }
    }
}

macro_rules! verbs { ($($module:ident::$verb:ident),+ $(,)?) => {
    /// A verb with its words.
    #[derive(Debug)]
    pub(super) enum Program { $($verb($module::$verb)),+ }

    /// A verb at work.
    #[derive(Debug)]
    pub(super) enum Turn { $($verb(<$module::$verb as Verb>::Turn)),+ }

    const NAMES: &[&str] = &[$($module::$verb::NAME),+];

    impl Program {
        /// Reads the one verb of a node.
        pub(super) fn read(fields: &mut Fields<'_>, node: &str, at: Place, faults: &mut Faults) -> Option<Self> {
            let mut found = Vec::new();
            $(if let Some(tree) = fields.take($module::$verb::NAME) {
                found.push(($module::$verb::NAME, $module::$verb::read(tree, node, faults).map(Self::$verb)));
            })+
            match found.len() {
                1 => found.pop().and_then(|(_, program)| program),
                0 => {
                    faults.add(at, format!("node `{node}` has no verb"), Some(format!("one of {}", NAMES.join(", "))));
                    None
                }
                _ => {
                    let names: Vec<&str> = found.iter().map(|(name, _)| *name).collect();
                    faults.add(at, format!("node `{node}` has more than one verb: {}", names.join(", ")), None);
                    None
                }
            }
        }

        pub(super) fn targets(&self) -> Vec<&Word> {
            match self { $(Self::$verb(verb) => verb.targets()),+ }
        }

        pub(super) fn prompts(&self) -> Vec<Word> {
            match self { $(Self::$verb(verb) => verb.prompts()),+ }
        }

        pub(super) fn begin(&self, now: Now, here: Here<'_>, caller: &mut Caller) -> (Turn, Step) {
            match self { $(Self::$verb(verb) => {
                let (turn, step) = verb.begin(now, here, caller);
                (Turn::$verb(turn), step)
            })+ }
        }

        /// A turn of another verb cannot be: both are set in one place, by `begin`.
        pub(super) fn on(&self, turn: &mut Turn, now: Now, event: &Event, here: Here<'_>, caller: &mut Caller) -> Step {
            match (self, turn) {
                $((Self::$verb(verb), Turn::$verb(turn)) => verb.on(turn, now, event, here, caller),)+
                _ => Step::Stay,
            }
        }
    }
} }

verbs!(menu::Menu, say::Say, form::Form, branch::Branch, queue::Queue, hangup::Hangup, dial::Dial);

impl Program {
    /// Its own exits; a verb that asks nothing has none.
    pub(super) fn exits(&self) -> &Exits {
        match self {
            Self::Menu(menu) => &menu.exits,
            Self::Form(form) => &form.exits,
            Self::Say(_) | Self::Branch(_) | Self::Queue(_) | Self::Hangup(_) | Self::Dial(_) => &NO_EXITS,
        }
    }

    /// Whether it waits for the caller, so that a loop through it is no trap.
    pub(super) fn waits(&self) -> bool {
        matches!(self, Self::Menu(_) | Self::Form(_))
    }

    /// Whether it ends self-service with a person, or at least on the way to one.
    pub(super) fn is_human(&self) -> bool {
        matches!(self, Self::Queue(_) | Self::Dial(_))
    }

    /// Whether self-service ends here.
    pub(super) fn is_end(&self) -> bool {
        matches!(self, Self::Queue(_) | Self::Dial(_) | Self::Hangup(_))
    }
}

/// What is said before self-service ends: a key cuts it short.
fn last_words(say: &[Word], now: Now, caller: &mut Caller, leave: Step) -> Step {
    if say.is_empty() {
        return leave;
    }
    let said = caller.prompts_of(say);
    caller.say(now, said);
    Step::Stay
}

fn after_last_words(event: &Event, caller: &mut Caller, leave: Step) -> Step {
    match event {
        Event::Played(_) | Event::TimeReached => leave,
        Event::Digit(_) => {
            caller.hush();
            leave
        }
        Event::StoryArrived(_) | Event::LookedUp { .. } => Step::Stay,
    }
}

const NO_EXITS: Exits = Exits { no_input: None, no_match: None, error: None };
