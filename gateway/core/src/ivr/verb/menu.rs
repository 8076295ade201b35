//! `menu`: offer items on keys, in the authored order or in the caller's own.

use std::time::Instant;

use super::{Because, Event, Here, Step, Verb};
use crate::{
    context::card::is_open,
    events::{
        media::PlayEnd,
        story::{Fact, MenuChosen, Privacy},
    },
    ivr::{
        border::{Action, Utterance},
        caller::Caller,
        exits::{Exits, Patience, Trouble, small},
        expression::Condition,
        fault::{Faults, suggest},
        order::{Arranged, Candidate, Mode, Offered, Order, SHORTCUT_KEY, Setting, USUAL_KEY, arrange},
        yaml::{Fields, Tree, Value, Word, choose},
    },
    now::Now,
    private::Private,
};

/// `menu: {say: {long: welcome, short: again}, order: {by: history}, items: [{id: billing, key: 2, say: billing, go: billing}]}`
#[derive(Debug)]
pub(in crate::ivr) struct Menu {
    long: Word,
    short: Option<Word>,
    pub(in crate::ivr) order: Order,
    pub(in crate::ivr) pins: Vec<Word>,
    pub(in crate::ivr) items: Vec<Item>,
    pub(in crate::ivr) exits: Exits,
}

/// One item.
#[derive(Debug)]
pub(in crate::ivr) struct Item {
    pub(in crate::ivr) id: Word,
    pub(in crate::ivr) key: char,
    say: Word,
    pub(in crate::ivr) go: Word,
    when: Option<Condition>,
    /// Boosts that lift it while they apply.
    boosted_by: Vec<Word>,
}

/// A menu being offered.
#[derive(Debug)]
pub(in crate::ivr) struct Turn {
    arranged: Arranged,
    first_word: Instant,
    patience: Patience,
}

impl Verb for Menu {
    const NAME: &'static str = "menu";
    type Turn = Turn;

    fn read(tree: &Tree, node: &str, faults: &mut Faults) -> Option<Self> {
        let mut fields = Fields::of(tree, format!("`menu` of `{node}`"), faults);
        let say = fields.require("say", faults).and_then(|tree| read_say(tree, faults));
        let (order, pins) = fields.take("order").map_or_else(Default::default, |tree| read_order(tree, faults));
        let trees = fields.require("items", faults).map_or(&[][..], |tree| tree.list("items", faults));
        if trees.is_empty() {
            faults.add(tree.at, "a menu needs items", None);
        }
        let items: Vec<Item> = trees.iter().filter_map(|tree| Item::read(tree, faults)).collect();
        let exits = fields.take("exits").map_or_else(Exits::default, |tree| Exits::read(tree, faults));
        fields.finish(faults);
        let menu = Self { long: say.as_ref()?.0.clone(), short: say?.1, order, pins, items, exits };
        menu.check_keys(faults);
        menu.check_names(faults);
        Some(menu)
    }

    fn targets(&self) -> Vec<&Word> {
        self.items.iter().map(|item| &item.go).chain(self.exits.all().filter_map(|exit| exit.go.as_ref())).collect()
    }

    fn prompts(&self) -> Vec<Word> {
        let mut said: Vec<Word> = self.short.iter().chain([&self.long]).cloned().collect();
        for item in &self.items {
            said.extend([item.say.clone(), Word { text: press(item.key), at: item.say.at }]);
        }
        if self.order.by_history {
            said.push(Word { text: "usual_menu".into(), at: self.long.at });
            if self.order.mode == Mode::Shortcut {
                said.push(Word { text: press(SHORTCUT_KEY), at: self.long.at });
            }
        }
        for (exit, id) in [(&self.exits.no_input, "no_input"), (&self.exits.no_match, "no_match")] {
            said.push(exit.as_ref().and_then(|exit| exit.say.clone()).unwrap_or(Word { text: id.into(), at: self.long.at }));
        }
        said
    }

    fn begin(&self, now: Now, here: Here<'_>, caller: &mut Caller) -> (Turn, Step) {
        let again = caller.visited.iter().any(|visited| visited == here.name) || caller.is_returning();
        let greeting = self.short.as_ref().filter(|_| again).unwrap_or(&self.long).clone();
        let arranged = self.arrange(now, here, caller);
        let turn = Turn { arranged, first_word: now.instant, patience: Patience::default() };
        self.present(&turn, Some(caller.prompt(&greeting.text)), now, caller);
        (turn, Step::Stay)
    }

    fn on(&self, turn: &mut Turn, now: Now, event: &Event, here: Here<'_>, caller: &mut Caller) -> Step {
        match event {
            Event::Digit(key) => {
                caller.hush();
                self.heard(turn, key.0, now, here, caller)
            }
            Event::Played(PlayEnd::Finished | PlayEnd::Interrupted | PlayEnd::Stopped | PlayEnd::Failed) => {
                caller.wait_for_key(now);
                Step::Stay
            }
            Event::TimeReached => self.again(turn, Trouble::NoInput, now, here, caller),
            Event::StoryArrived(_) | Event::LookedUp { .. } => Step::Stay,
        }
    }
}

impl Menu {
    fn heard(&self, turn: &mut Turn, key: char, now: Now, here: Here<'_>, caller: &mut Caller) -> Step {
        let offered = &turn.arranged.offered;
        if let Some(place) = offered.iter().position(|offer| offer.key == key) {
            return self.chosen(turn, place, key, now, caller);
        }
        if key == '0' {
            return Step::Agent;
        }
        if key == USUAL_KEY && turn.arranged.personal && !caller.wants_usual() {
            caller.usual = true;
            let value = Private(serde_json::Value::Bool(true));
            let fact = Fact {
                key: "usual_menu".into(),
                value,
                source: "ivr".into(),
                at: now.utc,
                confidence: 100,
                confirmed: true,
                privacy: Privacy::Open,
            };
            caller.act(Action::Learned(fact));
            turn.arranged = self.arrange(now, here, caller);
            turn.first_word = now.instant;
            self.present(turn, None, now, caller);
            return Step::Stay;
        }
        self.again(turn, Trouble::NoMatch, now, here, caller)
    }

    fn chosen(&self, turn: &Turn, place: usize, key: char, now: Now, caller: &mut Caller) -> Step {
        let item = &turn.arranged.offered[place].item;
        let after = now.instant.saturating_duration_since(turn.first_word).as_millis();
        caller.act(Action::Chosen(MenuChosen {
            node: turn.arranged.presented.node.clone(),
            item: item.clone(),
            position: u8::try_from(place + 1).unwrap_or(u8::MAX),
            after_ms: u32::try_from(after).unwrap_or(u32::MAX),
            key: Private(key),
        }));
        let Some(chosen) = self.items.iter().find(|authored| authored.id.text == *item) else { return Step::Agent };
        let because = if chosen.key == '0' { Because::AskedAgent } else { Because::Chose(item.clone()) };
        Step::Goto { node: chosen.go.text.clone(), because }
    }

    /// Puts the question again, in the same order, or gives up.
    fn again(&self, turn: &mut Turn, trouble: Trouble, now: Now, here: Here<'_>, caller: &mut Caller) -> Step {
        let exit = here.script.exit(&self.exits, trouble);
        if !turn.patience.allows(trouble, exit.retries) {
            return Step::Fail(trouble);
        }
        let sorry = caller.prompt(exit.say);
        self.present(turn, Some(sorry), now, caller);
        Step::Stay
    }

    fn present(&self, turn: &Turn, opening: Option<Utterance>, now: Now, caller: &mut Caller) {
        let mut said: Vec<Utterance> = opening.into_iter().collect();
        let mut buttons = Vec::new();
        for Offered { item, key } in &turn.arranged.offered {
            let Some(item) = self.items.iter().find(|authored| authored.id.text == *item) else { continue };
            said.extend([caller.prompt(&item.say.text), caller.prompt(&press(*key))]);
            buttons.push((*key, caller.prompts.label(&caller.language, &item.say.text)));
        }
        if turn.arranged.personal {
            said.push(caller.prompt("usual_menu"));
            buttons.push((USUAL_KEY, caller.prompts.label(&caller.language, "usual_menu")));
        }
        caller.say(now, said);
        caller.act(Action::ShowMenu { items: buttons });
        caller.menu = Some(turn.arranged.presented.clone());
        caller.act(Action::Presented(turn.arranged.presented.clone()));
    }

    fn arrange(&self, now: Now, here: Here<'_>, caller: &Caller) -> Arranged {
        let known = caller.known();
        let visible = self.items.iter().filter(|item| item.when.as_ref().is_none_or(|when| when.holds(&known)));
        let candidates: Vec<Candidate> = visible.map(|item| self.candidate(item, here, caller)).collect();
        let setting =
            Setting { node: here.name, version: here.script.version(), at: now.utc, usual: caller.wants_usual(), holdout: caller.holdout };
        arrange(&self.order, &candidates, &caller.story, setting)
    }

    fn candidate(&self, item: &Item, here: Here<'_>, caller: &Caller) -> Candidate {
        let seconds = |id: &str| caller.prompts.seconds(&caller.language, id);
        let story = &caller.story;
        let mut boosts: Vec<String> = Vec::new();
        if story.cases.iter().any(|case| is_open(&case.status)) && item.boosted_by.iter().any(|name| name.text == "open_case") {
            boosts.push("open_case".into());
        }
        let talked_of = story.reason.as_ref().and_then(|reason| here.script.rules().intents.get(&reason.intent));
        if talked_of.is_some_and(|intent| intent.item == item.id.text) {
            boosts.push("active_chat".into());
        }
        let left_at = story.unfinished.as_ref().filter(|cursor| cursor.script == here.script.flow());
        if left_at.is_some_and(|cursor| here.script.leads(&item.go.text, &cursor.node)) {
            boosts.push("unfinished".into());
        }
        Candidate { item: item.id.text.clone(), key: item.key, seconds: seconds(&item.say.text) + seconds(&press(item.key)), boosts }
    }

    fn check_keys(&self, faults: &mut Faults) {
        for (index, item) in self.items.iter().enumerate() {
            if let Some(earlier) = self.items[..index].iter().find(|earlier| earlier.key == item.key) {
                faults.add(
                    item.id.at,
                    format!("key {} is already `{}`'s", item.key, earlier.id.text),
                    Some("give one of them another key".into()),
                );
            }
            if self.order.by_history && item.key == USUAL_KEY {
                faults.add(
                    item.id.at,
                    "key 9 is kept for \"the usual menu\" where the order is personal",
                    Some("give this item another key".into()),
                );
            }
            if self.order.by_history && self.order.mode == Mode::Shortcut && item.key == SHORTCUT_KEY {
                faults.add(item.id.at, "key * is kept for the shortcut in this mode", Some("give this item another key".into()));
            }
        }
    }

    fn check_names(&self, faults: &mut Faults) {
        let ids: Vec<&str> = self.items.iter().map(|item| item.id.text.as_str()).collect();
        for (index, item) in self.items.iter().enumerate() {
            if ids[..index].contains(&item.id.text.as_str()) {
                faults.add(item.id.at, format!("item `{}` is there twice", item.id.text), None);
            }
        }
        for pin in self.pins.iter().filter(|pin| !ids.contains(&pin.text.as_str())) {
            let help = suggest(&pin.text, ids.iter().copied());
            faults.add(pin.at, format!("`pin` names no item of this menu: `{}`", pin.text), help);
        }
    }
}

impl Item {
    fn read(tree: &Tree, faults: &mut Faults) -> Option<Self> {
        let mut fields = Fields::of(tree, "an item of `menu`", faults);
        let id = fields.required_word("id", faults);
        let key = fields.required_word("key", faults).and_then(|word| read_key(&word, faults));
        let say = fields.required_word("say", faults);
        let go = fields.required_word("go", faults);
        let when = fields.word("when", faults).and_then(|word| Condition::read(&word, faults));
        let boosted_by = fields.take("boosted_by").map_or_else(Vec::new, |tree| tree.words("boosted_by", faults));
        for name in &boosted_by {
            choose(name, "boosted_by", &[("open_case", ())], faults);
        }
        fields.finish(faults);
        Some(Self { id: id?, key: key?, say: say?, go: go?, when, boosted_by })
    }
}

fn read_key(word: &Word, faults: &mut Faults) -> Option<char> {
    let mut letters = word.text.chars();
    let key = letters.next().filter(|key| letters.next().is_none() && (key.is_ascii_digit() || matches!(key, '*' | '#')));
    if key.is_none() {
        faults.add(word.at, format!("`{}` is no key", word.text), Some("0 to 9, \"*\" or \"#\"".into()));
    }
    key
}

/// `say: welcome`, or `say: {long: welcome, short: again}` for those who know it.
fn read_say(tree: &Tree, faults: &mut Faults) -> Option<(Word, Option<Word>)> {
    if matches!(tree.value, Value::Scalar(_)) {
        return tree.word("say", faults).map(|long| (long, None));
    }
    let mut fields = Fields::of(tree, "`say` of a menu", faults);
    let long = fields.required_word("long", faults);
    let short = fields.word("short", faults);
    fields.finish(faults);
    Some((long?, short))
}

fn read_order(tree: &Tree, faults: &mut Faults) -> (Order, Vec<Word>) {
    let usual = Order::default();
    let mut fields = Fields::of(tree, "`order`", faults);
    let by_history = fields.choice("by", &[("fixed", false), ("history", true)], faults).unwrap_or(false);
    let modes = [("spoken", Mode::Spoken), ("shortcut", Mode::Shortcut), ("renumber", Mode::Renumber)];
    let mode = fields.choice("mode", &modes, faults).unwrap_or(usual.mode);
    let (mut half_life_choices, mut half_life_evidence) = (None, None);
    if let Some(tree) = fields.take("half_life") {
        let mut lives = Fields::of(tree, "`half_life`", faults);
        half_life_choices = lives.take("choices").and_then(|tree| tree.duration("choices", faults));
        half_life_evidence = lives.take("evidence").and_then(|tree| tree.duration("evidence", faults));
        lives.finish(faults);
    }
    let mut number = |key, from, to| fields.take(key).and_then(|tree| tree.number(key, from, to, faults));
    let min_evidence = number("min_evidence", 0.0, 255.0).map_or(usual.min_evidence, |n| u32::from(small(n)));
    let margin = number("margin", 0.0, 1.0).unwrap_or(usual.margin);
    let popularity = number("popularity", 0.0, 100.0).unwrap_or(usual.popularity);
    let holdout = number("holdout", 0.0, 1.0).unwrap_or(usual.holdout);
    let pins = fields.take("pin").map_or_else(Vec::new, |tree| tree.words("pin", faults));
    let mut boost = usual.boost;
    if let Some(tree) = fields.take("boost") {
        let mut worths = Fields::of(tree, "`boost`", faults);
        for name in ["open_case", "active_chat", "unfinished"] {
            if let Some(worth) = worths.take(name).and_then(|tree| tree.number(name, 0.0, 100.0, faults)) {
                boost.insert(name.to_owned(), worth);
            }
        }
        worths.finish(faults);
    }
    fields.finish(faults);
    let pin = pins.iter().map(|word| word.text.clone()).collect();
    (Order { by_history, mode, half_life_choices, half_life_evidence, min_evidence, margin, popularity, pin, boost, holdout }, pins)
}

/// The prompt that says which key to press.
fn press(key: char) -> String {
    match key {
        '*' => "press-star".to_owned(),
        '#' => "press-pound".to_owned(),
        digit => format!("press-{digit}"),
    }
}
