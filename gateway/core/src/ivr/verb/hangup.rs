//! `hangup`: say goodbye to the line.

use super::{Event, Here, Step, Verb, after_last_words, last_words};
use crate::{
    cause::{Cause, Fault as AtFault},
    ivr::{
        border::Action,
        caller::Caller,
        fault::Faults,
        yaml::{Fields, Tree, Word},
    },
    now::Now,
};

/// `hangup: {say: goodbye}`; the goodbye may be left out.
#[derive(Debug)]
pub(in crate::ivr) struct Hangup {
    say: Vec<Word>,
}

impl Verb for Hangup {
    const NAME: &'static str = "hangup";
    type Turn = ();

    fn read(tree: &Tree, node: &str, faults: &mut Faults) -> Option<Self> {
        let mut fields = Fields::of(tree, format!("`hangup` of `{node}`"), faults);
        let say = fields.take("say").map_or_else(Vec::new, |tree| tree.words("say", faults));
        fields.finish(faults);
        Some(Self { say })
    }

    fn targets(&self) -> Vec<&Word> {
        Vec::new()
    }

    fn prompts(&self) -> Vec<Word> {
        self.say.clone()
    }

    fn begin(&self, now: Now, _: Here<'_>, caller: &mut Caller) -> ((), Step) {
        ((), last_words(&self.say, now, caller, leave()))
    }

    fn on(&self, (): &mut (), _: Now, event: &Event, _: Here<'_>, caller: &mut Caller) -> Step {
        after_last_words(event, caller, leave())
    }
}

fn leave() -> Step {
    Step::Leave { last: Action::Hangup(GOODBYE), reason: None }
}

/// Normal call clearing, by us.
pub(in crate::ivr) const GOODBYE: Cause = Cause { sip: 200, q850: 16, fault: AtFault::Gateway, retry: false };
