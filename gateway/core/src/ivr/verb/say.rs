//! `say`: speak, then go on; a key goes on at once, and counts as the answer to what comes next.

use super::{Event, Here, Step, Verb};
use crate::{
    events::media::PlayEnd,
    ivr::{
        caller::Caller,
        fault::Faults,
        yaml::{Fields, Tree, Word},
    },
    now::Now,
};

/// `say: {prompts: [hello, news], go: root}`; one prompt needs no list.
#[derive(Debug)]
pub(in crate::ivr) struct Say {
    prompts: Vec<Word>,
    go: Word,
}

impl Verb for Say {
    const NAME: &'static str = "say";
    type Turn = ();

    fn read(tree: &Tree, node: &str, faults: &mut Faults) -> Option<Self> {
        let mut fields = Fields::of(tree, format!("`say` of `{node}`"), faults);
        let prompts = fields.require("prompts", faults).map(|tree| tree.words("prompts", faults));
        let go = fields.required_word("go", faults);
        fields.finish(faults);
        Some(Self { prompts: prompts.filter(|list| !list.is_empty())?, go: go? })
    }

    fn targets(&self) -> Vec<&Word> {
        vec![&self.go]
    }

    fn prompts(&self) -> Vec<Word> {
        self.prompts.clone()
    }

    fn begin(&self, now: Now, _: Here<'_>, caller: &mut Caller) -> ((), Step) {
        let said = caller.prompts_of(&self.prompts);
        caller.say(now, said);
        ((), Step::Stay)
    }

    fn on(&self, (): &mut (), now: Now, event: &Event, _: Here<'_>, caller: &mut Caller) -> Step {
        match event {
            Event::Digit(key) => {
                caller.hush();
                if key.0 == '0' { Step::Agent } else { Step::Carry { node: self.go.text.clone(), key: key.0 } }
            }
            // The key that interrupted comes next; were it lost, the guard time moves us on.
            Event::Played(PlayEnd::Interrupted) => {
                caller.wait_for_key(now);
                Step::Stay
            }
            Event::Played(_) | Event::TimeReached => Step::next(&self.go),
            Event::StoryArrived(_) | Event::LookedUp { .. } => Step::Stay,
        }
    }
}
