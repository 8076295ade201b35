//! Personal order: which items of a menu one caller hears first, and why.
//!
//! `score = (habits + evidence + popularity + boosts) / seconds`: least expected listening comes of saying first what is likely and
//! short (Smith's rule). Items are sorted by score, but one moves up past another only when it is better by `margin` of its score;
//! pinned items never move. Pure: same story, same clock, same order. The sums are defined in `context::sums`.

use std::{collections::BTreeMap, time::Duration};

use sha2::{Digest, Sha256};

use crate::{
    context::sums::Kind,
    events::story::{MenuPresented, Scored, Story},
    ids::{CustomerId, UtcMillis},
};

/// How a menu is ordered, as its script says.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    pub by_history: bool,
    pub mode: Mode,
    pub half_life_choices: Option<Duration>,
    pub half_life_evidence: Option<Duration>,
    /// With fewer past events than this, popularity and boosts alone count.
    pub min_evidence: u32,
    /// An item moves up only when its score beats the other's by this share of the higher.
    pub margin: f64,
    /// Kappa: what being chosen by everybody is worth.
    pub popularity: f64,
    /// Item ids that never move.
    pub pin: Vec<String>,
    /// What a boost is worth, by name.
    pub boost: BTreeMap<String, f64>,
    /// Share of known callers who keep the authored order, to prove the gain.
    pub holdout: f64,
}

impl Default for Order {
    fn default() -> Self {
        Self {
            by_history: false,
            mode: Mode::Spoken,
            half_life_choices: None,
            half_life_evidence: None,
            min_evidence: 2,
            margin: 0.15,
            popularity: 1.5,
            pin: Vec::new(),
            boost: BTreeMap::new(),
            holdout: 0.05,
        }
    }
}

/// What a personal order changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The order of speech; each item keeps its key.
    Spoken,
    /// The likeliest item is offered first on `*`, then comes the authored menu, untouched.
    Shortcut,
    /// Keys follow speech: the first item spoken is 1.
    Renumber,
}

impl Mode {
    pub fn name(self) -> &'static str {
        match self {
            Self::Spoken => "spoken",
            Self::Shortcut => "shortcut",
            Self::Renumber => "renumber",
        }
    }
}

/// An item that could be said now, in authored order.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    pub item: String,
    pub key: char,
    /// How long it takes to say, its key included.
    pub seconds: f64,
    /// Names of the boosts that apply to it now.
    pub boosts: Vec<String>,
}

/// An item with the key it is offered on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    pub item: String,
    pub key: char,
}

/// A menu ready to be said.
#[derive(Debug, Clone, PartialEq)]
pub struct Arranged {
    /// In spoken order.
    pub offered: Vec<Offered>,
    pub presented: MenuPresented,
    /// Whether it differs from the menu as authored.
    pub personal: bool,
}

/// What, besides the story, decides an order.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    pub node: &'a str,
    /// Of the script.
    pub version: u32,
    pub at: UtcMillis,
    /// The caller asked for the usual menu.
    pub usual: bool,
    /// Decides instead of the hash; for simulation.
    pub holdout: Option<bool>,
}

/// Orders a menu for one caller.
pub fn arrange(order: &Order, candidates: &[Candidate], story: &Story, setting: Setting<'_>) -> Arranged {
    let scored: Vec<Scored> = candidates.iter().map(|candidate| score(order, candidate, story, setting.at)).collect();
    let customer = story.customer.as_ref().map(|customer| customer.id);
    let holdout =
        order.by_history && setting.holdout.unwrap_or_else(|| customer.is_some_and(|id| is_held_out(id, setting.node, order.holdout)));
    let fixed = !order.by_history || setting.usual;

    let authored: Vec<usize> = (0..candidates.len()).collect();
    let ranked = if fixed || holdout { authored.clone() } else { rank(order, candidates, &scored) };
    let personal = ranked != authored;
    let keep = |index: usize| Offered { item: candidates[index].item.clone(), key: candidates[index].key };
    let (spoken, offered): (Vec<usize>, Vec<Offered>) = match order.mode {
        Mode::Spoken => (ranked.clone(), ranked.iter().map(|index| keep(*index)).collect()),
        Mode::Shortcut if personal => {
            let first = ranked.iter().copied().find(|index| !order.pin.contains(&candidates[*index].item)).unwrap_or(0);
            let shortcut = Offered { item: candidates[first].item.clone(), key: SHORTCUT_KEY };
            let spoken = std::iter::once(first).chain(authored.iter().copied()).collect();
            (spoken, std::iter::once(shortcut).chain(authored.iter().map(|index| keep(*index))).collect())
        }
        Mode::Shortcut => (authored.clone(), authored.iter().map(|index| keep(*index)).collect()),
        Mode::Renumber => (ranked.clone(), renumber(order, candidates, &ranked)),
    };
    let presented = MenuPresented {
        node: setting.node.to_owned(),
        version: setting.version,
        order: spoken.into_iter().map(|index| scored[index].clone()).collect(),
        mode: if fixed { "fixed" } else { order.mode.name() }.to_owned(),
        holdout,
    };
    Arranged { offered, presented, personal }
}

/// Whether this customer keeps the authored order at this node: a stable hash, so that a caller always hears the same kind of menu.
pub fn is_held_out(customer: CustomerId, node: &str, share: f64) -> bool {
    let mut hash = Sha256::new();
    hash.update(customer.0.to_be_bytes());
    hash.update(node.as_bytes());
    let first = hash.finalize();
    let drawn = u32::from_be_bytes([first[0], first[1], first[2], first[3]]);
    f64::from(drawn) / (f64::from(u32::MAX) + 1.0) < share
}

/// Terms by name: `habits`, `evidence`, `popularity` and `boost:<name>` add up; their sum divided by `seconds` is the score;
/// `ago_s:<kind>` says how old the youngest event of a kind is, and counts for nothing.
fn score(order: &Order, candidate: &Candidate, story: &Story, at: UtcMillis) -> Scored {
    let item = &candidate.item;
    let sum = |key: String| story.sums.get(&key).copied().filter(|value| value.is_finite());
    let mut terms = BTreeMap::new();
    if sum("count".to_owned()).unwrap_or(0.0) >= f64::from(order.min_evidence) {
        for (term, family) in [("habits", "habit"), ("evidence", "evidence")] {
            if let Some(value) = sum(format!("{family}:{item}")) {
                terms.insert(term.to_owned(), value);
            }
        }
    }
    if let Some(share) = story.share.get(item).filter(|share| share.is_finite()) {
        terms.insert("popularity".to_owned(), order.popularity * share.clamp(0.0, 1.0));
    }
    for name in &candidate.boosts {
        if let Some(worth) = order.boost.get(name) {
            terms.insert(format!("boost:{name}"), *worth);
        }
    }
    let seconds = candidate.seconds.max(SECONDS_MIN);
    let score = terms.values().sum::<f64>() / seconds;
    if terms.contains_key("evidence") || terms.contains_key("habits") {
        for kind in Kind::ALL {
            if let Some(last) = sum(format!("last:{}:{item}", kind.name())) {
                terms.insert(format!("ago_s:{}", kind.name()), ((millis(at) - last) / 1000.0).max(0.0));
            }
        }
    }
    terms.insert("seconds".to_owned(), seconds);
    Scored { item: item.clone(), score, terms }
}

/// Insertion in authored order: each item climbs past its neighbours while it clearly beats them, so that near-equals never swap.
fn rank(order: &Order, candidates: &[Candidate], scored: &[Scored]) -> Vec<usize> {
    let is_pinned = |index: usize| order.pin.contains(&candidates[index].item);
    let mut movable: Vec<usize> = Vec::new();
    for index in (0..candidates.len()).filter(|index| !is_pinned(*index)) {
        let beats =
            |other: usize| scored[index].score - scored[other].score > order.margin * scored[index].score.abs().max(f64::MIN_POSITIVE);
        let place = movable.iter().rposition(|other| !beats(*other)).map_or(0, |stronger| stronger + 1);
        movable.insert(place, index);
    }
    let mut movable = movable.into_iter();
    (0..candidates.len()).map(|index| if is_pinned(index) { index } else { movable.next().unwrap_or(index) }).collect()
}

/// The authored keys of the items that may move, dealt out anew in spoken order, the lowest first. Key 0 is a person wherever it is said.
fn renumber(order: &Order, candidates: &[Candidate], ranked: &[usize]) -> Vec<Offered> {
    let keeps = |index: usize| order.pin.contains(&candidates[index].item) || !matches!(candidates[index].key, '1'..='9');
    let mut keys: Vec<char> = ranked.iter().filter(|index| !keeps(**index)).map(|index| candidates[*index].key).collect();
    keys.sort_unstable();
    let mut keys = keys.into_iter();
    let deal = |index: &usize| {
        let own = candidates[*index].key;
        let key = if keeps(*index) { own } else { keys.next().unwrap_or(own) };
        Offered { item: candidates[*index].item.clone(), key }
    };
    ranked.iter().map(deal).collect()
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of our age fit an f64")]
fn millis(at: UtcMillis) -> f64 {
    at.0 as f64
}

/// The key of the predicted item in mode `shortcut`.
pub(super) const SHORTCUT_KEY: char = '*';

/// "For the usual menu press 9", for good.
pub(super) const USUAL_KEY: char = '9';

/// A clip of no length must not win by it.
const SECONDS_MIN: f64 = 0.3;

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
