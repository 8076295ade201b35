//! A script: a validated program of self-service. The language is described in docs/scripts.md.
//!
//! Only `check` makes one, so a script that runs has no missing target, no missing prompt and no way to trap a caller.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use sha2::{Digest, Sha256};

use super::{
    caller::Timeouts,
    check,
    exits::{Exits, RETRIES, Trouble},
    fault::{Fault, Faults, Place},
    prompts::PromptBook,
    verb::Program,
    yaml::{Fields, Tree, Word, parse},
};
use crate::context::{
    sums::Weights,
    understanding::{Intent, Rules},
};

/// A validated program.
#[derive(Debug)]
pub struct Script {
    pub(super) flow: String,
    version: u32,
    pub(super) languages: Vec<Word>,
    identify: Identify,
    pub(super) resume: Option<Resume>,
    pub(super) start: Word,
    /// The node that leads to a person; key 0 goes there from everywhere.
    pub(super) agent: Word,
    pub(super) nodes: BTreeMap<String, Node>,
    pub(super) exits: Exits,
    pub(super) timeouts: Timeouts,
    rules: Rules,
    /// Where each intent names its item.
    pub(super) intent_items: Vec<Word>,
}

/// A named step.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) at: Place,
    pub(super) program: Program,
}

/// How the caller is identified before the first prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identify {
    /// By a signed handoff token.
    pub by_token: bool,
    /// By the caller's number.
    pub by_number: bool,
    /// Past it the call goes on as anonymous, and the story joins when it comes.
    pub deadline: Duration,
}

/// An unfinished session of the same customer is offered again.
#[derive(Debug, Clone)]
pub(super) struct Resume {
    pub(super) within: Duration,
    pub(super) offer: Word,
}

/// An exit, with all that was inherited.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) retries: u8,
    pub(super) go: &'a str,
    /// Said before the question is put again.
    pub(super) say: &'a str,
}

impl Script {
    /// Reads and proves a script; `name` is its file, for the faults. All faults at once, in the order of the file.
    pub fn check(name: &str, source: &str, prompts: &PromptBook) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::of(name);
        let script = parse(source, &mut faults).and_then(|tree| Self::read(&tree, source, &mut faults));
        if let Some(script) = &script {
            check::check(script, prompts, &mut faults);
        }
        match script.filter(|_| faults.is_empty()) {
            Some(script) => Ok(script),
            None => Err(faults.sorted()),
        }
    }

    /// The name that the script gives itself.
    pub fn flow(&self) -> &str {
        &self.flow
    }

    /// The first 32 bits of the source's SHA-256: another word, another version.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// BCP 47; the first is the default.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.languages.iter().map(|word| word.text.as_str())
    }

    pub fn identify(&self) -> &Identify {
        &self.identify
    }

    /// Node names, sorted.
    pub fn nodes(&self) -> impl Iterator<Item = &str> {
        self.nodes.keys().map(String::as_str)
    }

    /// Item ids of all menus, sorted.
    pub fn items(&self) -> BTreeSet<&str> {
        self.menus().flat_map(|(_, menu)| &menu.items).map(|item| item.id.text.as_str()).collect()
    }

    /// Names of the queues that callers may be sent to, sorted.
    pub fn queues(&self) -> BTreeSet<&str> {
        self.nodes
            .values()
            .filter_map(|node| match &node.program {
                Program::Queue(queue) => Some(queue.name.text.as_str()),
                Program::Menu(_) | Program::Say(_) | Program::Form(_) | Program::Branch(_) | Program::Hangup(_) | Program::Dial(_) => None,
            })
            .collect()
    }

    /// What the words of a chat mean here.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// What past events are worth, and how fast they fade: the half-lives of the script's menus, which agree.
    pub fn weights(&self) -> Weights {
        let usual = Weights::default();
        let life = |of: fn(&super::order::Order) -> Option<Duration>| self.menus().find_map(|(_, menu)| of(&menu.order));
        Weights {
            half_life_choices: life(|order| order.half_life_choices).unwrap_or(usual.half_life_choices),
            half_life_evidence: life(|order| order.half_life_evidence).unwrap_or(usual.half_life_evidence),
            ..usual
        }
    }

    /// What happens on trouble at a node with these exits: its own word, the script's, the built-in rule.
    pub(super) fn exit<'a>(&'a self, own: &'a Exits, trouble: Trouble) -> Way<'a> {
        let pick = |exits: &'a Exits| match trouble {
            Trouble::NoInput => exits.no_input.as_ref(),
            Trouble::NoMatch => exits.no_match.as_ref(),
            Trouble::Error => exits.error.as_ref(),
        };
        let exit = pick(own).or_else(|| pick(&self.exits));
        let sorry = if trouble == Trouble::NoInput { "no_input" } else { "no_match" };
        Way {
            retries: exit.map_or(RETRIES, |exit| exit.retries),
            go: exit.and_then(|exit| exit.go.as_ref()).map_or(&self.agent.text, |go| &go.text),
            say: exit.and_then(|exit| exit.say.as_ref()).map_or(sorry, |say| &say.text),
        }
    }

    pub(super) fn menus(&self) -> impl Iterator<Item = (&str, &super::verb::Menu)> {
        self.nodes.iter().filter_map(|(name, node)| match &node.program {
            Program::Menu(menu) => Some((name.as_str(), menu)),
            Program::Say(_) | Program::Form(_) | Program::Branch(_) | Program::Queue(_) | Program::Hangup(_) | Program::Dial(_) => None,
        })
    }

    /// Whether a way leads from one node to another, not counting exits and the way to a person.
    pub(super) fn leads(&self, from: &str, to: &str) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = vec![from];
        while let Some(name) = open.pop() {
            if name == to {
                return true;
            }
            if seen.insert(name)
                && let Some(node) = self.nodes.get(name)
                && !matches!(node.program, Program::Menu(_))
            {
                open.extend(node.program.targets().into_iter().map(|word| word.text.as_str()));
            }
        }
        false
    }

    fn read(tree: &Tree, source: &str, faults: &mut Faults) -> Option<Self> {
        let mut fields = Fields::of(tree, "a script", faults);
        let flow = fields.required_word("flow", faults);
        let languages = fields.require("languages", faults).map_or_else(Vec::new, |tree| tree.words("languages", faults));
        let identify = fields.take("identify").map_or_else(Identify::default, |tree| Identify::read(tree, faults));
        let resume = fields.take("resume").and_then(|tree| Resume::read(tree, faults));
        let exits = fields.take("exits").map_or_else(Exits::default, |tree| Exits::read(tree, faults));
        let timeouts = fields.take("timeouts").map_or_else(Timeouts::default, |tree| read_timeouts(tree, faults));
        let (rules, intent_items) = fields.take("intents").map_or_else(Default::default, |tree| read_rules(tree, faults));
        let start = fields.required_word("start", faults);
        let agent = fields.word("agent", faults);
        let mut nodes = BTreeMap::new();
        let mut broken = false;
        for (name, tree) in fields.require("nodes", faults).map_or(&[][..], |tree| tree.entries("nodes", faults)) {
            let mut fields = Fields::of(tree, format!("node `{}`", name.text), faults);
            let program = Program::read(&mut fields, &name.text, name.at, faults);
            fields.finish(faults);
            match program {
                Some(program) => drop(nodes.insert(name.text.clone(), Node { at: name.at, program })),
                None => broken = true,
            }
        }
        fields.finish(faults);
        if broken {
            // With a node missing, every way to it would be told as a fault of its own.
            return None;
        }
        let start = start?;
        let by_key = nodes.values().find_map(|node| match &node.program {
            Program::Menu(menu) => menu.items.iter().find(|item| item.key == '0').map(|item| item.go.clone()),
            Program::Say(_) | Program::Form(_) | Program::Branch(_) | Program::Queue(_) | Program::Hangup(_) | Program::Dial(_) => None,
        });
        let Some(agent) = agent.or(by_key) else {
            faults.add(start.at, "no way to a person", Some("name the node with `agent:`, or put an item on key 0".into()));
            return None;
        };
        let hash = Sha256::digest(source.as_bytes());
        let version = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
        Some(Self { flow: flow?.text, version, languages, identify, resume, start, agent, nodes, exits, timeouts, rules, intent_items })
    }
}

impl Default for Identify {
    fn default() -> Self {
        Self { by_token: true, by_number: true, deadline: Duration::from_millis(400) }
    }
}

impl Identify {
    fn read(tree: &Tree, faults: &mut Faults) -> Self {
        let usual = Self::default();
        let mut fields = Fields::of(tree, "`identify`", faults);
        let by = fields.take("by").map(|tree| tree.words("by", faults));
        for word in by.iter().flatten() {
            super::yaml::choose(word, "identify by", &[("token", ()), ("ani", ())], faults);
        }
        let deadline = fields.take("deadline_ms").and_then(|tree| tree.number("deadline_ms", 0.0, 5_000.0, faults));
        fields.finish(faults);
        let says = |name: &str| by.as_ref().is_none_or(|by| by.iter().any(|word| word.text == name));
        Self {
            by_token: says("token"),
            by_number: says("ani"),
            deadline: deadline.map_or(usual.deadline, |ms| Duration::from_secs_f64(ms / 1000.0)),
        }
    }
}

impl Resume {
    fn read(tree: &Tree, faults: &mut Faults) -> Option<Self> {
        let mut fields = Fields::of(tree, "`resume`", faults);
        let within = fields.require("within", faults).and_then(|tree| tree.duration("within", faults));
        let offer = fields.required_word("offer", faults);
        fields.finish(faults);
        Some(Self { within: within?, offer: offer? })
    }
}

fn read_timeouts(tree: &Tree, faults: &mut Faults) -> Timeouts {
    let usual = Timeouts::default();
    let mut fields = Fields::of(tree, "`timeouts`", faults);
    let input = fields.take("input").and_then(|tree| tree.duration("input", faults));
    let digit = fields.take("digit").and_then(|tree| tree.duration("digit", faults));
    fields.finish(faults);
    Timeouts { input: input.unwrap_or(usual.input), digit: digit.unwrap_or(usual.digit) }
}

/// `intents: {parcel_late: {item: delivery, label: {en: Parcel is late}, words: {en: [parcel, delivery]}}}`
fn read_rules(tree: &Tree, faults: &mut Faults) -> (Rules, Vec<Word>) {
    let mut rules = Rules::default();
    let mut items = Vec::new();
    for (name, tree) in tree.entries("intents", faults) {
        let mut fields = Fields::of(tree, format!("intent `{}`", name.text), faults);
        let item = fields.required_word("item", faults);
        let label = fields.take("label").map_or(&[][..], |tree| tree.entries("label", faults));
        let label = label.iter().filter_map(|(language, tree)| Some((language.text.clone(), tree.word("label", faults)?.text))).collect();
        let mut words = BTreeMap::new();
        for (language, tree) in fields.require("words", faults).map_or(&[][..], |tree| tree.entries("words", faults)) {
            let list = tree.words("words", faults).into_iter().map(|word| word.text).collect();
            words.insert(language.text.clone(), list);
        }
        fields.finish(faults);
        if let Some(item) = item {
            rules.intents.insert(name.text.clone(), Intent { item: item.text.clone(), label, words });
            items.push(item);
        }
    }
    (rules, items)
}

#[cfg(test)]
#[path = "script_tests.rs"]
mod tests;
