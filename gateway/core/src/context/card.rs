//! T1, the card: what an agent reads before the caller is heard.
//!
//! Composed from what is known at the offer and sealed: at most `CARD_BYTES_MAX` of JSON. Over it, it is cut in a fixed order -
//! timeline, path, identities, cases, then chat, slots and the rest of what may grow - and says so in `trimmed`; it never fails.
//! No `pci` value is ever in it.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::Serialize;

use super::words::{Phrase, say};
use crate::events::story::{
    Arrival, Card, Consent, Exit, ExitReason, Fact, Handover, Identity, Privacy, Routing, SelfService, Story, Walk,
};

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
    /// The number or name that calls, as `Who::identity` has it; `None` where it is withheld or a page calls.
    pub calling: Option<Identity>,
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
        identities: identities(parts.calling, &story.identities),
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

/// The one that calls comes first, in the words of the story where it is known there; a stranger has no other.
fn identities(calling: Option<Identity>, known: &[Identity]) -> Vec<Identity> {
    let Some(calling) = calling else { return known.to_vec() };
    let is_calling = |one: &Identity| one.kind == calling.kind && one.value == calling.value;
    let first = known.iter().find(|one| is_calling(one)).cloned().unwrap_or_else(|| calling.clone());
    std::iter::once(first).chain(known.iter().filter(|one| !is_calling(one)).cloned()).collect()
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
    card.identities.truncate(IDENTITIES_MAX);
    card.open_cases.truncate(CASES_MAX);
    keep_last(&mut card.handovers, HANDOVERS_MAX);
    keep_last(&mut card.chat, CHAT_MAX);
}

/// Cuts in the fixed order, one at a time, the oldest first, until the card fits.
fn trim(card: &mut Card) {
    for (name, cut) in CUTS {
        let mut cut_any = false;
        // What a cut frees is reckoned without its comma, so the card is measured again before it is cut further.
        while let Some(mut over) = size(card).checked_sub(CARD_BYTES_MAX + 1) {
            let Some(freed) = cut(card) else { break };
            over = over.saturating_sub(freed);
            while over > 0 {
                let Some(freed) = cut(card) else { break };
                over = over.saturating_sub(freed);
            }
            cut_any = true;
        }
        if cut_any {
            card.trimmed.push((*name).to_owned());
        }
    }
}

/// Takes one thing out of a card and says how many bytes that frees; `None` when there is no more to take.
type Cut = fn(&mut Card) -> Option<usize>;

/// In this order. The first four are the contract; the rest are for stories that nobody would tell.
const CUTS: &[(&str, Cut)] = &[
    ("timeline", |card| freed(card.timeline.pop())),
    ("path", |card| freed(cut_first(&mut card.ivr.path))),
    ("identities", |card| freed(card.identities.pop())),
    ("cases", |card| freed(card.open_cases.pop())),
    ("chat", |card| freed(cut_first(&mut card.chat))),
    ("slots", |card| freed(card.slots.pop())),
    ("handovers", |card| freed(cut_first(&mut card.handovers))),
    ("resume", |card| freed(card.resume.take())),
    ("links", |card| freed(card.links.pop_last())),
    ("order", |card| freed(card.ivr.menu.take())),
    ("evidence", |card| freed(card.trust.evidence.pop().or_else(|| card.reason.as_mut()?.evidence.pop()))),
    ("reason", |card| freed(card.reason.take())),
    ("detail", |card| freed(card.exit.detail.take())),
    ("skills", |card| freed(card.routing.skills.pop())),
    ("tried", |card| freed(card.routing.tried.pop())),
    ("customer", |card| freed(card.customer.take())),
];

fn freed<T: Serialize>(taken: Option<T>) -> Option<usize> {
    taken.map(|thing| serde_json::to_vec(&thing).map_or(0, |json| json.len()))
}

fn cut_first<T>(list: &mut Vec<T>) -> Option<T> {
    (!list.is_empty()).then(|| list.remove(0))
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
const IDENTITIES_MAX: usize = 16;
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
