//! T1, the card: what an agent reads before the caller is heard.
//!
//! Composed from what is known at the offer and sealed: at most `CARD_BYTES_MAX` of JSON. Over it, it is cut in a fixed order -
//! timeline, path, identities, cases, then chat, slots and the rest of what may grow - and says so in `trimmed`; it never fails.
//! No `pci` value is ever in it.

use std::{collections::BTreeMap, fmt::Write as _};

use super::words::{Phrase, say};
use crate::events::story::{Arrival, Card, Consent, Exit, ExitReason, Fact, Handover, Privacy, Routing, SelfService, Story, Walk};

/// What a card is made of.
#[derive(Debug, Clone)]
pub struct Parts<'a> {
    pub context_id: String,
    /// 1 at the first offer, one more at each next.
    pub version: u32,
    /// RFC 7989.
    pub session_id: String,
    pub entry: Arrival,
    pub story: &'a Story,
    pub walk: Walk,
    /// What self-service collected, as `ivr::Session::slots` says.
    pub slots: Vec<Fact>,
    pub self_service: Option<SelfService>,
    pub exit: Exit,
    pub routing: Routing,
    pub recording: Consent,
    pub handovers: Vec<Handover>,
    pub links: BTreeMap<String, String>,
    /// Of the agent, for the brief: en, ru or uk; any other reads English.
    pub language: &'a str,
}

/// Composes and seals a card.
pub fn compose(parts: Parts<'_>) -> Card {
    let story = parts.story;
    let mut slots = parts.slots;
    slots.retain(|fact| fact.privacy != Privacy::Pci);
    let mut timeline = story.recent.clone();
    timeline.sort_by_key(|past| std::cmp::Reverse((past.at, past.id)));
    let mut cases: Vec<_> = story.cases.iter().filter(|case| is_open(&case.status)).cloned().collect();
    cases.sort_by_key(|case| std::cmp::Reverse((case.opened, case.id)));
    let mut resume = story.unfinished.clone();
    if let Some(cursor) = &mut resume {
        cursor.slots.retain(|_, fact| fact.privacy != Privacy::Pci);
    }
    let brief = brief(story, &parts.walk, &slots, &parts.exit, &parts.routing, parts.language);
    let mut card = Card {
        context_id: parts.context_id,
        version: parts.version,
        session_id: parts.session_id,
        entry: parts.entry,
        trust: story.trust.clone(),
        customer: story.customer.clone(),
        identities: story.identities.clone(),
        reason: story.reason.clone(),
        exit: parts.exit,
        ivr: parts.walk,
        slots,
        self_service: parts.self_service,
        chat: story.chat.clone(),
        timeline,
        open_cases: cases,
        routing: parts.routing,
        recording: parts.recording,
        brief,
        handovers: parts.handovers,
        resume,
        links: parts.links,
        trimmed: Vec::new(),
    };
    cap(&mut card);
    trim(&mut card);
    card
}

/// A case that still waits for something.
pub fn is_open(status: &str) -> bool {
    !matches!(status, "closed" | "solved" | "resolved" | "cancelled")
}

/// Bytes of the card as JSON.
pub fn size(card: &Card) -> usize {
    serde_json::to_vec(card).map_or(usize::MAX, |json| json.len())
}

/// The numbers that each list keeps at most.
fn cap(card: &mut Card) {
    card.timeline.truncate(TIMELINE_MAX);
    card.open_cases.truncate(CASES_MAX);
    keep_last(&mut card.handovers, HANDOVERS_MAX);
    keep_last(&mut card.chat, CHAT_MAX);
}

/// Cuts in the fixed order, one at a time, the oldest first, until the card fits.
fn trim(card: &mut Card) {
    for (name, cut) in CUTS {
        let mut over = size(card).saturating_sub(CARD_BYTES_MAX);
        if over == 0 {
            return;
        }
        let mut cut_any = false;
        while over > 0 && cut(card) {
            cut_any = true;
            over = size(card).saturating_sub(CARD_BYTES_MAX);
        }
        if cut_any {
            card.trimmed.push((*name).to_owned());
        }
    }
}

/// Takes one thing out of a card; `false` when there is no more to take.
type Cut = fn(&mut Card) -> bool;

/// In this order. The first four are the contract; the rest are for stories that nobody would tell.
const CUTS: &[(&str, Cut)] = &[
    ("timeline", |card| card.timeline.pop().is_some()),
    ("path", |card| cut_first(&mut card.ivr.path)),
    ("identities", |card| card.identities.pop().is_some()),
    ("cases", |card| card.open_cases.pop().is_some()),
    ("chat", |card| cut_first(&mut card.chat)),
    ("slots", |card| card.slots.pop().is_some()),
    ("handovers", |card| cut_first(&mut card.handovers)),
    ("resume", |card| card.resume.take().is_some()),
    ("links", |card| card.links.pop_last().is_some()),
    ("order", |card| card.ivr.menu.take().is_some()),
    ("evidence", |card| card.trust.evidence.pop().is_some() || card.reason.as_mut().is_some_and(|reason| reason.evidence.pop().is_some())),
    ("reason", |card| card.reason.take().is_some()),
    ("detail", |card| card.exit.detail.take().is_some()),
    ("skills", |card| card.routing.skills.pop().is_some() || card.routing.tried.pop().is_some()),
    ("name", |card| card.customer.take().is_some()),
];

fn cut_first<T>(list: &mut Vec<T>) -> bool {
    let any = !list.is_empty();
    if any {
        list.remove(0);
    }
    any
}

fn keep_last<T>(list: &mut Vec<T>, max: usize) {
    let surplus = list.len().saturating_sub(max);
    list.drain(..surplus);
}

/// One sentence: who, about what, what they did here, how long they waited.
fn brief(story: &Story, walk: &Walk, slots: &[Fact], exit: &Exit, routing: &Routing, language: &str) -> String {
    let name = story.customer.as_ref().and_then(|customer| customer.name.as_ref()).map(|name| name.0.clone());
    let mut text = name
        .unwrap_or_else(|| say(language, if story.customer.is_some() { Phrase::KnownCaller } else { Phrase::UnknownCaller }).to_owned());
    if let Some(reason) = &story.reason {
        let how = if story.chat.is_empty() { Phrase::IsAbout } else { Phrase::Wrote };
        let _ = write!(text, " {} \u{201c}{}\u{201d}", say(language, how), reason.label);
    }
    let chosen = exit.detail.as_deref().filter(|_| matches!(exit.kind, ExitReason::Routed | ExitReason::AskedAgent) && walk.menu.is_some());
    if let Some(item) = chosen {
        let _ = write!(text, ", {} {item}", say(language, Phrase::Chose));
    }
    for slot in slots.iter().take(BRIEF_SLOTS_MAX) {
        let value = slot.value.0.as_str().map_or_else(|| slot.value.0.to_string(), str::to_owned);
        let _ = write!(text, ", {} {value}", slot.key.replace('_', " "));
    }
    let _ = write!(text, ", {}", say(language, Phrase::of_exit(exit.kind)));
    if routing.waited_ms >= WAIT_WORTH_TELLING_MS {
        let _ = write!(text, ", {} {} {}", say(language, Phrase::Waited), routing.waited_ms / 1000, say(language, Phrase::Seconds));
    }
    if text.chars().count() > BRIEF_LETTERS_MAX {
        text = text.chars().take(BRIEF_LETTERS_MAX).chain(['\u{2026}']).collect();
    } else {
        text.push('.');
    }
    text
}

/// The ceiling of T1, that the market expects.
pub const CARD_BYTES_MAX: usize = 32 * 1024;

const TIMELINE_MAX: usize = 20;
const CASES_MAX: usize = 10;
const HANDOVERS_MAX: usize = 8;
/// The agent reads the end of a chat; the rest is in T2.
const CHAT_MAX: usize = 20;
const BRIEF_SLOTS_MAX: usize = 2;
const BRIEF_LETTERS_MAX: usize = 300;
const WAIT_WORTH_TELLING_MS: u64 = 5_000;

#[cfg(test)]
#[path = "card_tests.rs"]
mod tests;
