//! A caller's place in a script.
//!
//! **The law:** one `handle`, then `poll` until `None`, then wait for the next event or for `deadline()`, which is said as
//! `Event::TimeReached`. After `Action::Left` and the action that follows it, nothing more is said.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use super::{
    border::{Action, Event},
    caller::Caller,
    exits::Trouble,
    prompts::PromptBook,
    script::Script,
    verb::{Because, GOODBYE, Here, Step, Turn},
};
use crate::{
    events::{
        media::PlayEnd,
        story::{Cursor, ExitReason, Fact, Privacy, Story, Walk},
    },
    now::Now,
    private::Private,
};

/// Who begins, and how.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// What is known so far; nothing, if the answer has not come in time.
    pub story: Story,
    /// Overrides the customer's own language; for text channels and simulation.
    pub language: Option<String>,
    /// Decides instead of the hash who hears the authored order; for simulation.
    pub holdout: Option<bool>,
}

/// A caller's place in a script, in any channel.
#[derive(Debug)]
pub struct Session {
    script: Arc<Script>,
    caller: Caller,
    /// The language that the channel asked for.
    language: Option<String>,
    phase: Phase,
    node: String,
    path: Vec<String>,
    steps: u32,
    /// Why the caller would leave, were it now.
    reason: ExitReason,
    detail: Option<String>,
    /// Where the caller last had a say.
    decided_at: Option<String>,
}

/// Where a session is.
#[derive(Debug)]
enum Phase {
    /// Offering to go on where another session stopped.
    Resuming(Cursor),
    /// A verb is at work.
    At(Turn),
    Ended,
}

impl Session {
    /// Begins; the first actions wait in `poll`.
    pub fn begin(script: Arc<Script>, prompts: Arc<PromptBook>, start: Start, now: Now) -> Self {
        let caller = Caller {
            prompts,
            story: start.story,
            language: String::new(),
            slots: BTreeMap::new(),
            secrets: BTreeMap::new(),
            patience: script.timeouts,
            actions: std::collections::VecDeque::new(),
            deadline: None,
            speaking: false,
            recording_paused: false,
            visited: Vec::new(),
            menu: None,
            usual: false,
            holdout: start.holdout,
        };
        let mut session = Self {
            caller,
            language: start.language,
            phase: Phase::Ended,
            node: script.start.text.clone(),
            path: Vec::new(),
            steps: 0,
            reason: ExitReason::Routed,
            detail: None,
            decided_at: None,
            script,
        };
        session.choose_language();
        match session.unfinished(now) {
            Some(cursor) => session.offer(cursor, now),
            None => session.go(session.script.start.text.clone(), now),
        }
        session
    }

    /// Takes one event in; whatever follows from it waits in `poll`.
    pub fn handle(&mut self, now: Now, event: Event) {
        match &event {
            Event::Played(_) => {
                self.caller.speaking = false;
                self.caller.deadline = None;
            }
            Event::TimeReached => {
                let due = self.caller.deadline.is_some_and(|deadline| deadline <= now.instant);
                if !due {
                    return;
                }
                self.caller.deadline = None;
                // The end of the speech was never reported: take it as over.
                if self.caller.speaking {
                    self.caller.speaking = false;
                    return self.hear(now, &Event::Played(PlayEnd::Finished));
                }
            }
            Event::StoryArrived(_) | Event::Digit(_) | Event::LookedUp { .. } => {}
        }
        if let Event::StoryArrived(story) = event {
            self.caller.story = *story;
            self.choose_language();
            return;
        }
        self.hear(now, &event);
    }

    /// The next thing to be done, in the order it must be done.
    pub fn poll(&mut self) -> Option<Action> {
        self.caller.actions.pop_front()
    }

    /// When to say `TimeReached` if nothing else happens first.
    pub fn deadline(&self) -> Option<Instant> {
        self.caller.deadline
    }

    /// Enough to go on from here in any channel.
    pub fn cursor(&self) -> Cursor {
        Cursor {
            script: self.script.flow().to_owned(),
            version: self.script.version(),
            node: self.node.clone(),
            slots: self.caller.slots.clone(),
        }
    }

    /// The way so far, and the last menu with the reasons for its order.
    pub fn walk(&self) -> Walk {
        Walk {
            flow: self.script.flow().to_owned(),
            version: self.script.version(),
            path: self.path.clone(),
            menu: self.caller.menu.clone(),
        }
    }

    /// What was collected, by name; never what is `pci`.
    pub fn slots(&self) -> Vec<Fact> {
        self.caller.slots.values().cloned().collect()
    }

    /// A `pci` value of this call, for the request that needs it.
    pub fn secret(&self, slot: &str) -> Option<&Private<String>> {
        self.caller.secrets.get(slot)
    }

    /// Self-service is over; `Left` has been said.
    pub fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended)
    }

    /// The language being spoken, BCP 47.
    pub fn language(&self) -> &str {
        &self.caller.language
    }

    fn hear(&mut self, now: Now, event: &Event) {
        let script = Arc::clone(&self.script);
        let step = match &mut self.phase {
            Phase::Ended => return,
            Phase::Resuming(_) => return self.answer_offer(now, event),
            Phase::At(turn) => {
                let Some(node) = script.nodes.get(&self.node) else { return };
                let here = Here { script: &script, name: &self.node };
                node.program.on(turn, now, event, here, &mut self.caller)
            }
        };
        self.follow(step, now);
    }

    /// Begins nodes until one waits.
    fn follow(&mut self, mut step: Step, now: Now) {
        loop {
            let mut carried = None;
            let next = match step {
                Step::Stay => return,
                Step::Goto { node, because } => {
                    self.note(because);
                    node
                }
                Step::Carry { node, key } => {
                    carried = Some(key);
                    node
                }
                Step::Agent => {
                    self.note(Because::AskedAgent);
                    self.script.agent.text.clone()
                }
                Step::Fail(trouble) => self.fail(trouble),
                Step::Leave { last, reason } => return self.leave(last, reason),
            };
            self.steps += 1;
            if self.steps > STEPS_MAX + STEPS_TO_AGENT {
                self.reason = ExitReason::ApiError;
                return self.leave(Action::Hangup(GOODBYE), None);
            }
            let next = if self.steps == STEPS_MAX {
                self.detail = Some(format!("{STEPS_MAX} steps"));
                self.fail(Trouble::Error)
            } else {
                next
            };
            step = self.enter(next, now);
            if let (Some(key), Step::Stay) = (carried, &step)
                && self.script.nodes.get(&self.node).is_some_and(|node| node.program.waits())
            {
                return self.hear(now, &Event::Digit(Private(key)));
            }
        }
    }

    fn go(&mut self, node: String, now: Now) {
        let step = self.enter(node, now);
        self.follow(step, now);
    }

    fn enter(&mut self, name: String, now: Now) -> Step {
        let script = Arc::clone(&self.script);
        let Some(node) = script.nodes.get(&name) else {
            // `check` has proved that this cannot be; a caller is not the one to pay for it.
            return Step::Leave { last: Action::Hangup(GOODBYE), reason: Some(ExitReason::ApiError) };
        };
        if !node.program.waits() {
            self.caller.pause_recording(false);
        }
        self.clear_menu();
        self.path.push(name.clone());
        self.node = name;
        let here = Here { script: &script, name: &self.node };
        let (turn, step) = node.program.begin(now, here, &mut self.caller);
        if !self.caller.visited.contains(&self.node) {
            self.caller.visited.push(self.node.clone());
        }
        if node.program.waits() && step == Step::Stay {
            self.decided_at = Some(self.node.clone());
        }
        self.phase = Phase::At(turn);
        step
    }

    /// Takes the buttons of the menu that is being left away.
    fn clear_menu(&mut self) {
        let was_menu = self.script.nodes.get(&self.node).is_some_and(|node| matches!(node.program, super::verb::Program::Menu(_)));
        if was_menu && !self.path.is_empty() {
            self.caller.act(Action::ShowMenu { items: Vec::new() });
        }
    }

    fn note(&mut self, because: Because) {
        match because {
            Because::Next => {}
            Because::Chose(item) => {
                self.reason = ExitReason::Routed;
                self.detail = Some(item);
            }
            Because::AskedAgent => self.reason = ExitReason::AskedAgent,
        }
    }

    /// Where the exit leads; by which, is what the agent will read.
    fn fail(&mut self, trouble: Trouble) -> String {
        self.reason = match trouble {
            Trouble::NoInput => ExitReason::NoInput,
            Trouble::NoMatch => ExitReason::NoMatch,
            Trouble::Error => ExitReason::ApiError,
        };
        let script = &self.script;
        let node = script.nodes.get(&self.node);
        node.map_or_else(|| script.agent.text.clone(), |node| script.exit(node.program.exits(), trouble).go.to_owned())
    }

    fn leave(&mut self, last: Action, reason: Option<ExitReason>) {
        self.caller.hush();
        self.caller.pause_recording(false);
        self.clear_menu();
        let done = matches!(last, Action::Hangup(_)) && self.reason == ExitReason::Routed;
        let reason = reason.unwrap_or(if done { ExitReason::Completed } else { self.reason });
        let node = self.decided_at.clone().unwrap_or_else(|| self.node.clone());
        self.caller.act(Action::Left { reason, node, detail: self.detail.clone() });
        self.caller.act(last);
        self.phase = Phase::Ended;
    }

    /// The session that this customer left unfinished, if it is ours, fresh enough and still fits the script.
    fn unfinished(&self, now: Now) -> Option<Cursor> {
        let resume = self.script.resume.as_ref()?;
        let cursor = self.caller.story.unfinished.as_ref()?;
        let node = self.script.nodes.get(&cursor.node)?;
        let last = cursor.slots.values().map(|fact| fact.at).max();
        let fresh = last.is_none_or(|at| u128::from(now.utc.0.saturating_sub(at.0)) <= resume.within.as_millis());
        (cursor.script == self.script.flow() && !node.program.is_end() && fresh).then(|| cursor.clone())
    }

    fn offer(&mut self, cursor: Cursor, now: Now) {
        let Some(offer) = self.script.resume.as_ref().map(|resume| resume.offer.text.clone()) else { return };
        let said = vec![self.caller.prompt(&offer), self.caller.prompt("press-1")];
        self.caller.say(now, said);
        let label = self.caller.prompts.label(&self.caller.language, &offer);
        self.caller.act(Action::ShowMenu { items: vec![('1', label)] });
        self.phase = Phase::Resuming(cursor);
    }

    /// 1 goes on there, 0 is a person, all else begins anew.
    fn answer_offer(&mut self, now: Now, event: &Event) {
        let pressed = match event {
            Event::Digit(key) => Some(key.0),
            Event::TimeReached => None,
            Event::Played(_) => return self.caller.wait_for_key(now),
            Event::StoryArrived(_) | Event::LookedUp { .. } => return,
        };
        let Phase::Resuming(cursor) = std::mem::replace(&mut self.phase, Phase::Ended) else { return };
        self.caller.hush();
        self.caller.act(Action::ShowMenu { items: Vec::new() });
        match pressed {
            Some('1') => {
                self.reason = ExitReason::Resume;
                let kept = cursor.slots.into_iter().filter(|(_, fact)| fact.privacy != Privacy::Pci);
                self.caller.slots.extend(kept);
                self.go(cursor.node, now);
            }
            Some('0') => self.follow(Step::Agent, now),
            Some(_) | None => self.go(self.script.start.text.clone(), now),
        }
    }

    /// What the channel asked for, else the customer's own, else the script's first; by primary subtag, so `ru-UA` hears `ru`.
    fn choose_language(&mut self) {
        let own = self.caller.story.customer.as_ref().and_then(|customer| customer.language.as_deref());
        let primary = |tag: &str| tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        let wanted = [self.language.as_deref(), own];
        let spoken = wanted.into_iter().flatten().find_map(|wish| self.script.languages().find(|spoken| primary(spoken) == primary(wish)));
        self.caller.language = spoken.or_else(|| self.script.languages().next()).unwrap_or("en").to_owned();
    }
}

/// A caller who has walked so far is handed to a person.
const STEPS_MAX: u32 = 200;

/// And this many more may be needed to get there.
const STEPS_TO_AGENT: u32 = 20;

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
