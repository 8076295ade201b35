//! Ways out of a step that is not going well: silence, keys that mean nothing, errors.

use super::{
    fault::Faults,
    yaml::{Fields, Tree, Word},
};

/// The exits of a node; what it does not name is inherited from the script, then from the built-in rule: two more tries, then a person.
#[derive(Debug, Clone, Default)]
pub(super) struct Exits {
    pub(super) no_input: Option<Exit>,
    pub(super) no_match: Option<Exit>,
    pub(super) error: Option<Exit>,
}

/// One exit.
#[derive(Debug, Clone)]
pub(super) struct Exit {
    /// How often the question is put again before the caller leaves by this exit.
    pub(super) retries: u8,
    /// `None`: to a person.
    pub(super) go: Option<Word>,
    /// What is said before the question is put again.
    pub(super) say: Option<Word>,
}

impl Exits {
    pub(super) fn read(tree: &Tree, faults: &mut Faults) -> Self {
        let mut fields = Fields::of(tree, "`exits`", faults);
        let mut exit = |key| fields.take(key).map(|tree| Exit::read(tree, key, faults));
        let exits = Self { no_input: exit("no_input"), no_match: exit("no_match"), error: exit("error") };
        fields.finish(faults);
        exits
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Exit> {
        self.no_input.iter().chain(&self.no_match).chain(&self.error)
    }
}

impl Exit {
    fn read(tree: &Tree, key: &str, faults: &mut Faults) -> Self {
        let mut fields = Fields::of(tree, format!("exit `{key}`"), faults);
        let retries = fields.take("retries").and_then(|tree| tree.number("retries", 0.0, 9.0, faults));
        let exit = Self { retries: retries.map_or(RETRIES, small), go: fields.word("go", faults), say: fields.word("say", faults) };
        fields.finish(faults);
        exit
    }
}

/// A checked number of 0 to 255 as such.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the reader has checked the range")]
pub(super) fn small(number: f64) -> u8 {
    number as u8
}

/// Two more tries are patient, three are stubborn.
pub(super) const RETRIES: u8 = 2;

/// How often a caller has failed at one node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Patience {
    no_input: u8,
    no_match: u8,
}

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    NoInput,
    NoMatch,
    Error,
}

impl Patience {
    /// Counts one failure; whether the question may be put again.
    pub(super) fn allows(&mut self, trouble: Trouble, retries: u8) -> bool {
        let count = match trouble {
            Trouble::NoInput => &mut self.no_input,
            Trouble::NoMatch => &mut self.no_match,
            Trouble::Error => return false,
        };
        *count = count.saturating_add(1);
        *count <= retries
    }
}
