//! `queue`: wait for a person.

use super::{Event, Here, Step, Verb, after_last_words, last_words};
use crate::{
    ivr::{
        border::Action,
        caller::Caller,
        exits::small,
        fault::Faults,
        yaml::{Fields, Tree, Word},
    },
    now::Now,
};

/// `queue: {name: support, skills: [billing], priority: 5, say: connecting}`
#[derive(Debug)]
pub(in crate::ivr) struct Queue {
    pub(in crate::ivr) name: Word,
    skills: Vec<Word>,
    priority: u8,
    say: Vec<Word>,
}

impl Queue {
    fn leave(&self) -> Step {
        let skills = self.skills.iter().map(|skill| skill.text.clone()).collect();
        Step::Leave { last: Action::Enqueue { queue: self.name.text.clone(), skills, priority: self.priority }, reason: None }
    }
}

impl Verb for Queue {
    const NAME: &'static str = "queue";
    type Turn = ();

    fn read(tree: &Tree, node: &str, faults: &mut Faults) -> Option<Self> {
        let mut fields = Fields::of(tree, format!("`queue` of `{node}`"), faults);
        let name = fields.required_word("name", faults);
        let skills = fields.take("skills").map_or_else(Vec::new, |tree| tree.words("skills", faults));
        let priority = fields.take("priority").and_then(|tree| tree.number("priority", 0.0, 9.0, faults));
        let say = fields.take("say").map_or_else(Vec::new, |tree| tree.words("say", faults));
        fields.finish(faults);
        Some(Self { name: name?, skills, priority: priority.map_or(PRIORITY, small), say })
    }

    fn targets(&self) -> Vec<&Word> {
        Vec::new()
    }

    fn prompts(&self) -> Vec<Word> {
        self.say.clone()
    }

    fn begin(&self, now: Now, _: Here<'_>, caller: &mut Caller) -> ((), Step) {
        ((), last_words(&self.say, now, caller, self.leave()))
    }

    fn on(&self, (): &mut (), _: Now, event: &Event, _: Here<'_>, caller: &mut Caller) -> Step {
        after_last_words(event, caller, self.leave())
    }
}

/// The middle of 0 to 9.
const PRIORITY: u8 = 5;
