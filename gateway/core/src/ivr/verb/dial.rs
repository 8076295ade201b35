//! `dial`: call somebody outside and bridge.

use super::{Event, Here, Step, Verb, after_last_words, last_words};
use crate::{
    events::story::ExitReason,
    ivr::{
        border::Action,
        caller::Caller,
        fault::Faults,
        yaml::{Fields, Tree, Word},
    },
    now::Now,
};

/// `dial: {to: "+380441234567", say: connecting}`; an E.164 number or a `sip:` address.
#[derive(Debug)]
pub(in crate::ivr) struct Dial {
    to: Word,
    say: Vec<Word>,
}

impl Dial {
    fn leave(&self) -> Step {
        Step::Leave { last: Action::Dial { to: self.to.text.clone() }, reason: Some(ExitReason::Transfer) }
    }
}

impl Verb for Dial {
    const NAME: &'static str = "dial";
    type Turn = ();

    fn read(tree: &Tree, node: &str, faults: &mut Faults) -> Option<Self> {
        let mut fields = Fields::of(tree, format!("`dial` of `{node}`"), faults);
        let to = fields.required_word("to", faults);
        let say = fields.take("say").map_or_else(Vec::new, |tree| tree.words("say", faults));
        fields.finish(faults);
        let to = to?;
        if !is_dialable(&to.text) {
            let help = "quote a number in E.164, \"+380441234567\", or give a sip: address".to_owned();
            faults.add(to.at, format!("`{}` cannot be dialled", to.text), Some(help));
        }
        Some(Self { to, say })
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

/// E.164 has at most 15 digits.
fn is_dialable(to: &str) -> bool {
    let is_number =
        to.strip_prefix('+').is_some_and(|digits| (4..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()));
    is_number || ["sip:", "sips:", "tel:+"].iter().any(|scheme| to.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
}
