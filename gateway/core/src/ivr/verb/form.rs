//! `form`: ask for what is still missing, and only for that.
//!
//! What the customer told us before, in any channel, is used again, with or without asking whether it is still right. A `#` ends an
//! entry early, a `*` starts it over, and a `0` all alone asks for a person. While a `pci` slot is collected the recording pauses.

use serde_json::Value as Json;

use super::{Event, Here, Step, Verb};
use crate::{
    events::{
        media::PlayEnd,
        story::{Fact, Privacy},
    },
    ivr::{
        border::Utterance,
        caller::Caller,
        exits::{Exits, Patience, Trouble, small},
        fault::Faults,
        yaml::{Fields, Tree, Value, Word, choose},
    },
    now::Now,
    private::Private,
};

/// `form: {slots: {account: {type: digits, length: 8, say: ask_account, from: [context, ask], confirm: from_context}}, go: pay}`
#[derive(Debug)]
pub(in crate::ivr) struct Form {
    slots: Vec<Slot>,
    go: Word,
    pub(in crate::ivr) exits: Exits,
}

/// One thing to know.
#[derive(Debug)]
struct Slot {
    name: Word,
    /// Digits, at least and at most.
    length: (usize, usize),
    say: Word,
    from_context: bool,
    confirm: Confirm,
    /// "The number that we have is", before the digits.
    confirm_say: Option<Word>,
    privacy: Privacy,
}

/// When a value is said back for a yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Confirm {
    Never,
    FromContext,
    Always,
}

/// A form being filled.
#[derive(Debug)]
pub(in crate::ivr) struct Turn {
    at: usize,
    asking: Asking,
    patience: Patience,
}

#[derive(Debug)]
enum Asking {
    /// Digits typed so far.
    Digits(Private<String>),
    /// "... press 1 if that is right."
    Right(Fact),
}

impl Verb for Form {
    const NAME: &'static str = "form";
    type Turn = Turn;

    fn read(tree: &Tree, node: &str, faults: &mut Faults) -> Option<Self> {
        let mut fields = Fields::of(tree, format!("`form` of `{node}`"), faults);
        let entries = fields.require("slots", faults).map_or(&[][..], |tree| tree.entries("slots", faults));
        let slots = entries.iter().filter_map(|(name, tree)| Slot::read(name, tree, faults)).collect();
        let go = fields.required_word("go", faults);
        let exits = fields.take("exits").map_or_else(Exits::default, |tree| Exits::read(tree, faults));
        fields.finish(faults);
        Some(Self { slots, go: go?, exits })
    }

    fn targets(&self) -> Vec<&Word> {
        self.exits.all().filter_map(|exit| exit.go.as_ref()).chain([&self.go]).collect()
    }

    fn prompts(&self) -> Vec<Word> {
        let mut said = Vec::new();
        for slot in &self.slots {
            let at = slot.say.at;
            said.push(slot.say.clone());
            if slot.confirm != Confirm::Never {
                said.push(slot.confirm_say.clone().unwrap_or(Word { text: CONFIRM_IS.into(), at }));
                said.push(Word { text: CONFIRM_KEYS.into(), at });
                said.extend(('0'..='9').map(|digit| Word { text: format!("digit-{digit}"), at }));
            }
        }
        for (exit, id) in [(&self.exits.no_input, "no_input"), (&self.exits.no_match, "no_match")] {
            said.push(exit.as_ref().and_then(|exit| exit.say.clone()).unwrap_or(Word { text: id.into(), at: self.go.at }));
        }
        said
    }

    fn begin(&self, now: Now, _: Here<'_>, caller: &mut Caller) -> (Turn, Step) {
        let mut turn = Turn { at: 0, asking: Asking::Digits(Private(String::new())), patience: Patience::default() };
        let step = self.advance(&mut turn, now, caller);
        (turn, step)
    }

    fn on(&self, turn: &mut Turn, now: Now, event: &Event, here: Here<'_>, caller: &mut Caller) -> Step {
        let Some(slot) = self.slots.get(turn.at) else { return Step::next(&self.go) };
        match event {
            Event::Digit(key) => {
                caller.hush();
                match &mut turn.asking {
                    Asking::Digits(typed) => {
                        let done = slot.takes(&mut typed.0, key.0);
                        if done { self.entered(turn, now, here, caller) } else { self.more(turn, now, caller) }
                    }
                    Asking::Right(_) => self.answered(turn, key.0, now, here, caller),
                }
            }
            Event::Played(PlayEnd::Finished | PlayEnd::Interrupted | PlayEnd::Stopped | PlayEnd::Failed) => {
                caller.wait_for_key(now);
                Step::Stay
            }
            Event::TimeReached => match &turn.asking {
                Asking::Digits(typed) if !typed.0.is_empty() => self.entered(turn, now, here, caller),
                Asking::Digits(_) | Asking::Right(_) => self.again(turn, Trouble::NoInput, now, here, caller),
            },
            Event::StoryArrived(_) | Event::LookedUp { .. } => Step::Stay,
        }
    }
}

impl Form {
    /// On to the first slot that is still missing.
    fn advance(&self, turn: &mut Turn, now: Now, caller: &mut Caller) -> Step {
        turn.patience = Patience::default();
        for (index, slot) in self.slots.iter().enumerate() {
            if caller.knows(&slot.name.text) {
                continue;
            }
            turn.at = index;
            match slot.recalled(caller) {
                Some(fact) if slot.confirm == Confirm::Never => {
                    caller.slots.insert(slot.name.text.clone(), fact);
                }
                Some(fact) => {
                    turn.asking = Asking::Right(fact);
                    self.ask(turn, None, now, caller);
                    return Step::Stay;
                }
                None => {
                    turn.asking = Asking::Digits(Private(String::new()));
                    self.ask(turn, None, now, caller);
                    return Step::Stay;
                }
            }
        }
        Step::next(&self.go)
    }

    fn ask(&self, turn: &Turn, opening: Option<Utterance>, now: Now, caller: &mut Caller) {
        let slot = &self.slots[turn.at];
        caller.pause_recording(slot.privacy == Privacy::Pci);
        let mut said: Vec<Utterance> = opening.into_iter().collect();
        match &turn.asking {
            Asking::Digits(_) => said.push(caller.prompt(&slot.say.text)),
            Asking::Right(fact) => {
                said.push(caller.prompt(slot.confirm_say.as_ref().map_or(CONFIRM_IS, |word| &word.text)));
                said.extend(caller.prompts.digits(&caller.language, &digits_of(&fact.value.0)));
                said.push(caller.prompt(CONFIRM_KEYS));
            }
        }
        caller.say(now, said);
    }

    /// A digit more, or a fresh start by `*`.
    fn more(&self, turn: &Turn, now: Now, caller: &mut Caller) -> Step {
        if matches!(&turn.asking, Asking::Digits(typed) if typed.0.is_empty()) {
            self.ask(turn, None, now, caller);
        } else {
            caller.wait_for_digit(now);
        }
        Step::Stay
    }

    /// The caller has finished typing.
    fn entered(&self, turn: &mut Turn, now: Now, here: Here<'_>, caller: &mut Caller) -> Step {
        let slot = &self.slots[turn.at];
        let Asking::Digits(typed) = &mut turn.asking else { return Step::Stay };
        let digits = std::mem::take(&mut typed.0);
        if !(slot.length.0..=slot.length.1).contains(&digits.len()) {
            if digits == "0" {
                return Step::Agent;
            }
            return self.again(turn, Trouble::NoMatch, now, here, caller);
        }
        let fact = slot.fact(digits, now);
        if slot.confirm == Confirm::Always {
            turn.asking = Asking::Right(fact);
            self.ask(turn, None, now, caller);
            return Step::Stay;
        }
        caller.learn(&slot.name.text, fact);
        self.advance(turn, now, caller)
    }

    /// 1 is yes, 2 is no.
    fn answered(&self, turn: &mut Turn, key: char, now: Now, here: Here<'_>, caller: &mut Caller) -> Step {
        let Asking::Right(fact) = &turn.asking else { return Step::Stay };
        match key {
            '1' => {
                let fact = Fact { confirmed: true, at: now.utc, source: "ivr".into(), ..fact.clone() };
                caller.learn(&self.slots[turn.at].name.text, fact);
                self.advance(turn, now, caller)
            }
            '2' => {
                turn.asking = Asking::Digits(Private(String::new()));
                self.ask(turn, None, now, caller);
                Step::Stay
            }
            '0' => Step::Agent,
            _ => self.again(turn, Trouble::NoMatch, now, here, caller),
        }
    }

    fn again(&self, turn: &mut Turn, trouble: Trouble, now: Now, here: Here<'_>, caller: &mut Caller) -> Step {
        let exit = here.script.exit(&self.exits, trouble);
        if !turn.patience.allows(trouble, exit.retries) {
            return Step::Fail(trouble);
        }
        let sorry = caller.prompt(exit.say);
        self.ask(turn, Some(sorry), now, caller);
        Step::Stay
    }
}

impl Slot {
    fn read(name: &Word, tree: &Tree, faults: &mut Faults) -> Option<Self> {
        let mut fields = Fields::of(tree, format!("slot `{}`", name.text), faults);
        fields.choice("type", &[("digits", ())], faults);
        let length = fields.require("length", faults).and_then(|tree| read_length(tree, faults));
        let say = fields.required_word("say", faults);
        let from = fields.take("from").map_or_else(Vec::new, |tree| tree.words("from", faults));
        for source in &from {
            choose(source, "from", &[("context", ()), ("ask", ())], faults);
        }
        let confirms = [("never", Confirm::Never), ("from_context", Confirm::FromContext), ("always", Confirm::Always)];
        let confirm = fields.choice("confirm", &confirms, faults).unwrap_or(Confirm::Never);
        let confirm_say = fields.word("confirm_say", faults);
        let privacies = [("open", Privacy::Open), ("pii", Privacy::Pii), ("pci", Privacy::Pci)];
        let privacy = fields.choice("pii", &privacies, faults).unwrap_or(Privacy::Open);
        fields.finish(faults);
        let from_context = from.iter().any(|source| source.text == "context");
        if privacy == Privacy::Pci && (from_context || confirm != Confirm::Never) {
            faults.add(
                name.at,
                format!("slot `{}` is pci: it is never stored, and never said aloud", name.text),
                Some("take away `context` and `confirm`".into()),
            );
        }
        Some(Self { name: name.clone(), length: length?, say: say?, from_context, confirm, confirm_say, privacy })
    }

    /// Takes one key; whether the entry is complete.
    fn takes(&self, typed: &mut String, key: char) -> bool {
        match key {
            '#' => return true,
            '*' => typed.clear(),
            digit if digit.is_ascii_digit() => typed.push(digit),
            _ => {}
        }
        typed.len() >= self.length.1
    }

    /// What the customer told before, if it still fits.
    fn recalled(&self, caller: &Caller) -> Option<Fact> {
        let fact = caller.told_before(&self.name.text).filter(|_| self.from_context)?;
        (self.length.0..=self.length.1).contains(&digits_of(&fact.value.0).len()).then(|| fact.clone())
    }

    fn fact(&self, digits: String, now: Now) -> Fact {
        Fact {
            key: self.name.text.clone(),
            value: Private(Json::String(digits)),
            source: "ivr".into(),
            at: now.utc,
            confidence: 100,
            confirmed: false,
            privacy: self.privacy,
        }
    }
}

/// `length: 8`, or `length: [13, 19]`.
fn read_length(tree: &Tree, faults: &mut Faults) -> Option<(usize, usize)> {
    let mut number = |tree: &Tree| tree.number("length", 1.0, LENGTH_MAX, faults).map(|n| usize::from(small(n)));
    let (min, max) = match &tree.value {
        Value::List(pair) if pair.len() == 2 => (number(&pair[0])?, number(&pair[1])?),
        Value::List(_) | Value::Scalar(_) | Value::Null | Value::Map(_) => {
            let exact = number(tree)?;
            (exact, exact)
        }
    };
    if min > max {
        faults.add(tree.at, "length: the least is above the most", None);
        return None;
    }
    Some((min, max))
}

fn digits_of(value: &Json) -> String {
    match value {
        Json::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.clone(),
        Json::Number(number) if number.is_u64() => number.to_string(),
        Json::String(_) | Json::Number(_) | Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => String::new(),
    }
}

/// Longer than any number that people type.
const LENGTH_MAX: f64 = 32.0;

/// "The number that we have is"
const CONFIRM_IS: &str = "confirm_is";

/// "Press 1 if that is right, or 2 for another."
const CONFIRM_KEYS: &str = "confirm_keys";
