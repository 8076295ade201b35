//! What a script must prove beyond its grammar: every name leads somewhere, every prompt exists, nobody is trapped.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    fault::{Faults, suggest},
    prompts::PromptBook,
    script::Script,
    yaml::Word,
};

pub(super) fn check(script: &Script, prompts: &PromptBook, faults: &mut Faults) {
    targets(script, faults);
    reachable(script, faults);
    traps(script, faults);
    said(script, prompts, faults);
    intents(script, faults);
    half_lives(script, faults);
}

/// All names of nodes, outside nodes too.
fn targets(script: &Script, faults: &mut Faults) {
    let own = [&script.start, &script.agent].into_iter().chain(script.exits.all().filter_map(|exit| exit.go.as_ref()));
    let all = own.chain(script.nodes.values().flat_map(|node| node.program.targets()));
    for word in all.filter(|word| !script.nodes.contains_key(&word.text)) {
        let help = suggest(&word.text, script.nodes.keys().map(String::as_str));
        faults.add(word.at, format!("there is no node `{}`", word.text), help);
    }
}

/// Where a caller can get to from a node: its own ways, and from where it waits, the inherited exits and the person behind key 0.
fn ways<'a>(script: &'a Script, name: &str) -> Vec<&'a str> {
    let Some(node) = script.nodes.get(name) else { return Vec::new() };
    let mut ways: Vec<&str> = node.program.targets().into_iter().map(|word| word.text.as_str()).collect();
    if node.program.waits() {
        ways.extend(script.exits.all().filter_map(|exit| exit.go.as_ref()).map(|word| word.text.as_str()));
        ways.push(&script.agent.text);
    }
    ways
}

/// All nodes that can be got to from these.
fn reach<'a>(script: &'a Script, from: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<&str> = from.into_iter().collect();
    while let Some(name) = open.pop() {
        if seen.insert(name) {
            open.extend(ways(script, name));
        }
    }
    seen
}

fn reachable(script: &Script, faults: &mut Faults) {
    let seen = reach(script, [script.start.text.as_str(), script.agent.text.as_str()]);
    for (name, node) in script.nodes.iter().filter(|(name, _)| !seen.contains(name.as_str())) {
        faults.add(node.at, format!("node `{name}` is never reached"), Some("lead to it from another node, or take it away".into()));
    }
}

fn traps(script: &Script, faults: &mut Faults) {
    for (name, node) in &script.nodes {
        let seen = reach(script, [name.as_str()]);
        let leaves =
            |is: fn(&super::verb::Program) -> bool| seen.iter().filter_map(|name| script.nodes.get(*name)).any(|node| is(&node.program));
        let is_farewell = node.program.is_end() || (!node.program.waits() && *name != script.start.text && *name != script.agent.text);
        if let Some(loop_) = idle_loop(script, name) {
            faults.add(
                node.at,
                format!("a loop with no exit: {loop_} never waits for the caller"),
                Some("let it pass a menu, a form or an end".into()),
            );
        } else if !leaves(super::verb::Program::is_end) {
            faults.add(node.at, format!("a loop with no exit: `{name}` leads to no queue, dial or hangup"), None);
        } else if !is_farewell && !leaves(super::verb::Program::is_human) {
            faults.add(node.at, format!("node `{name}` cannot reach a human"), Some("give it a way to a queue or a dial".into()));
        }
    }
    if script.nodes.get(&script.agent.text).is_some_and(|agent| agent.program.is_end() && !agent.program.is_human()) {
        faults.add(script.agent.at, format!("`{}` is where key 0 leads, and it cannot reach a human", script.agent.text), None);
    }
}

/// A round of steps that nobody has to press a key for, told from its first node; only from the node whose name sorts first.
fn idle_loop(script: &Script, start: &str) -> Option<String> {
    let mut from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut open = vec![start];
    while let Some(name) = open.pop() {
        let node = script.nodes.get(name).filter(|node| !node.program.waits())?;
        for next in node.program.targets().into_iter().map(|word| word.text.as_str()) {
            if next == start {
                let mut round = vec![name];
                while *round.last()? != start {
                    round.push(from.get(round.last()?)?);
                }
                round.reverse();
                let first = round.iter().min() == Some(&start);
                round.push(start);
                return first.then(|| round.join(" > "));
            }
            if !from.contains_key(next) && script.nodes.get(next).is_some_and(|node| !node.program.waits()) {
                from.insert(next, name);
                open.push(next);
            }
        }
    }
    None
}

/// Every prompt has words and a clip in every declared language.
fn said(script: &Script, prompts: &PromptBook, faults: &mut Faults) {
    let known: BTreeSet<&str> = prompts.languages().collect();
    for language in script.languages.iter().filter(|language| !known.contains(language.text.as_str())) {
        faults.add(language.at, format!("there are no prompts in `{}`", language.text), suggest(&language.text, known.iter().copied()));
    }
    let resume = script.resume.iter().flat_map(|resume| [resume.offer.clone(), Word { text: "press-1".into(), at: resume.offer.at }]);
    let exits = script.exits.all().filter_map(|exit| exit.say.clone());
    let all = resume.chain(exits).chain(script.nodes.values().flat_map(|node| node.program.prompts()));
    // A prompt that is said in many places is missing once, at the first of them.
    let mut first: BTreeMap<String, Word> = BTreeMap::new();
    for word in all {
        let kept = first.entry(word.text.clone()).or_insert_with(|| word.clone());
        if word.at < kept.at {
            *kept = word;
        }
    }
    for language in script.languages().filter(|language| known.contains(language)) {
        for (id, word) in &first {
            if !prompts.has_text(language, id) {
                faults.add(word.at, format!("prompt `{id}` has no text in `{language}`"), suggest(id, prompts.ids(language)));
            } else if !prompts.has_clip(language, id) {
                let help = format!("record ivr-scripts/prompts/{language}/{id}.wav, or let `make prompts` speak it");
                faults.add(word.at, format!("prompt `{id}` has no recording in `{language}`"), Some(help));
            }
        }
    }
}

fn intents(script: &Script, faults: &mut Faults) {
    let items = script.items();
    for word in script.intent_items.iter().filter(|word| !items.contains(word.text.as_str())) {
        faults.add(word.at, format!("no menu has an item `{}`", word.text), suggest(&word.text, items.iter().copied()));
    }
}

/// The sums of a customer are kept once, so menus must agree on how they fade.
fn half_lives(script: &Script, faults: &mut Faults) {
    let weights = script.weights();
    for (name, menu) in script.menus() {
        let agrees = menu.order.half_life_choices.is_none_or(|life| life == weights.half_life_choices)
            && menu.order.half_life_evidence.is_none_or(|life| life == weights.half_life_evidence);
        if !agrees {
            let at = script.nodes.get(name).map_or_else(Default::default, |node| node.at);
            faults.add(
                at,
                format!("`half_life` of `{name}` differs from another menu's"),
                Some("a customer's past is summed once: use one".into()),
            );
        }
    }
}
