//! `branch`: go where the first true condition says.

use super::{Event, Here, Step, Verb};
use crate::{
    ivr::{
        caller::Caller,
        expression::Condition,
        fault::Faults,
        yaml::{Fields, Tree, Word},
    },
    now::Now,
};

/// `branch: {cases: [{when: "customer.segment == 'gold'", go: vip}], else: root}`
#[derive(Debug)]
pub(in crate::ivr) struct Branch {
    cases: Vec<(Condition, Word)>,
    otherwise: Word,
}

impl Verb for Branch {
    const NAME: &'static str = "branch";
    type Turn = ();

    fn read(tree: &Tree, node: &str, faults: &mut Faults) -> Option<Self> {
        let mut fields = Fields::of(tree, format!("`branch` of `{node}`"), faults);
        let mut cases = Vec::new();
        for tree in fields.require("cases", faults).map_or(&[][..], |tree| tree.list("cases", faults)) {
            let mut case = Fields::of(tree, "a case of `branch`", faults);
            let when = case.required_word("when", faults).and_then(|word| Condition::read(&word, faults));
            cases.extend(when.zip(case.required_word("go", faults)));
            case.finish(faults);
        }
        let otherwise = fields.required_word("else", faults);
        fields.finish(faults);
        Some(Self { cases, otherwise: otherwise? })
    }

    fn targets(&self) -> Vec<&Word> {
        self.cases.iter().map(|(_, go)| go).chain([&self.otherwise]).collect()
    }

    fn prompts(&self) -> Vec<Word> {
        Vec::new()
    }

    fn begin(&self, _: Now, _: Here<'_>, caller: &mut Caller) -> ((), Step) {
        let known = caller.known();
        let case = self.cases.iter().find(|(when, _)| when.holds(&known));
        ((), Step::next(case.map_or(&self.otherwise, |(_, go)| go)))
    }

    fn on(&self, (): &mut (), _: Now, _: &Event, _: Here<'_>, _: &mut Caller) -> Step {
        Step::Stay
    }
}
