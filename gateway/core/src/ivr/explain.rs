//! Why a menu was ordered as it was, in words.

use std::fmt::Write as _;

use crate::{
    context::words::{Phrase, say},
    events::story::{MenuPresented, Scored},
};

/// "Delivery first: 6.0 from a chat 5 min ago, 0.4 as all callers choose; 2.9 s to say. Then billing: ..."
pub fn explain(menu: &MenuPresented, language: &str) -> String {
    if menu.mode == "fixed" {
        return format!("{}.", say(language, Phrase::Usual));
    }
    if menu.holdout {
        return format!("{}.", say(language, Phrase::HeldOut));
    }
    let mut text = String::new();
    for (place, scored) in menu.order.iter().enumerate() {
        // In mode `shortcut` the predicted item is offered twice; its second place needs no second reason.
        if menu.order[..place].iter().any(|earlier| earlier.item == scored.item) {
            continue;
        }
        let item = scored.item.replace('_', " ");
        let lead = if place == 0 {
            format!("{} {}", capital(&item), say(language, Phrase::First))
        } else {
            format!("{} {item}", capital(say(language, Phrase::Then)))
        };
        let gap = if place == 0 { "" } else { " " };
        let _ = write!(text, "{gap}{lead}: {}", reasons(scored, language));
        if let Some(seconds) = scored.terms.get("seconds") {
            let _ = write!(text, "; {seconds:.1} {}", say(language, Phrase::TakesSeconds));
        }
        text.push('.');
    }
    text
}

fn reasons(scored: &Scored, language: &str) -> String {
    let mut reasons: Vec<(f64, String)> = Vec::new();
    for (term, value) in &scored.terms {
        let words = match term.as_str() {
            "habits" => format!("{}{}", say(language, Phrase::FromHabit), ago(scored, &["choice"], language)),
            "evidence" => {
                let kinds = [("chat_intent", Phrase::FromChat), ("wrapup", Phrase::FromWrapup), ("portal", Phrase::FromPortal)];
                let known = kinds.iter().find(|(kind, _)| scored.terms.contains_key(&format!("ago_s:{kind}")));
                let (kind, phrase) = known.copied().unwrap_or(("", Phrase::Evidence));
                format!("{}{}", say(language, phrase), ago(scored, &[kind], language))
            }
            "popularity" => say(language, Phrase::FromOthers).to_owned(),
            "boost:open_case" => say(language, Phrase::OpenCase).to_owned(),
            "boost:active_chat" => say(language, Phrase::ActiveChat).to_owned(),
            "boost:unfinished" => say(language, Phrase::Unfinished).to_owned(),
            _ => continue,
        };
        reasons.push((*value, format!("{value:.1} {words}")));
    }
    reasons.sort_by(|x, y| y.0.total_cmp(&x.0).then_with(|| x.1.cmp(&y.1)));
    let reasons: Vec<String> = reasons.into_iter().map(|(_, words)| words).collect();
    if reasons.is_empty() { say(language, Phrase::Nothing).to_owned() } else { reasons.join(", ") }
}

/// " 5 min ago"
fn ago(scored: &Scored, kinds: &[&str], language: &str) -> String {
    let youngest = kinds.iter().filter_map(|kind| scored.terms.get(&format!("ago_s:{kind}"))).copied().reduce(f64::min);
    let Some(seconds) = youngest else { return String::new() };
    let (count, unit) = match seconds {
        s if s < 60.0 => return format!(" {}", say(language, Phrase::JustNow)),
        s if s < 3_600.0 => (s / 60.0, Phrase::MinutesAgo),
        s if s < 172_800.0 => (s / 3_600.0, Phrase::HoursAgo),
        s => (s / 86_400.0, Phrase::DaysAgo),
    };
    format!(" {:.0} {}", count.floor(), say(language, unit))
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
