//! Understanding: from the words of a chat to the matter it is about.
//!
//! Word beginnings per language, given by the script's `intents:`; a beginning stands for all endings, which Russian and Ukrainian need.
//! No statistics and no model: an engineer can read why. A better reader puts its `Reason` in the same place.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::events::story::Reason;

/// The matters that a script knows, by intent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    pub intents: BTreeMap<String, Intent>,
}

/// One matter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The menu item that serves it.
    pub item: String,
    /// What an agent reads, by language.
    pub label: BTreeMap<String, String>,
    /// Beginnings of words or of phrases, by language.
    pub words: BTreeMap<String, Vec<String>>,
}

impl Intent {
    /// The label in this language, else in any.
    pub fn label_in(&self, language: &str) -> Option<&str> {
        self.label.get(language).or_else(|| self.label.values().next()).map(String::as_str)
    }
}

/// What a text is about: the intent with most words in it; of equals the one that is spoken of first. The writer's language is tried
/// first, then the others, for people write as they like.
pub fn understand(text: &str, language: &str, rules: &Rules) -> Option<Reason> {
    let lower = text.to_lowercase().replace('\u{2019}', "'");
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty()).take(WORDS_MAX).collect();
    let own = best(&words, rules, |other| other == language);
    let (intent, heard) = own.or_else(|| best(&words, rules, |other| other != language))?;
    let rule = &rules.intents[intent];
    let surplus = u8::try_from(heard.len().saturating_sub(1)).unwrap_or(u8::MAX);
    Some(Reason {
        intent: intent.to_owned(),
        label: rule.label_in(language).unwrap_or(intent).to_owned(),
        confidence: FIRST_WORD.saturating_add(surplus.saturating_mul(NEXT_WORD)).min(SURE_AT_MOST),
        evidence: heard,
    })
}

fn best<'a>(words: &[&str], rules: &'a Rules, speaks: impl Fn(&str) -> bool) -> Option<(&'a str, Vec<String>)> {
    let mut best: Option<(&str, Vec<String>, usize)> = None;
    for (name, intent) in &rules.intents {
        let phrases = intent.words.iter().filter(|(language, _)| speaks(language)).flat_map(|(_, phrases)| phrases);
        let found: Vec<(usize, &String)> = phrases.filter_map(|phrase| position(words, phrase).map(|at| (at, phrase))).collect();
        let Some(first) = found.iter().map(|(at, _)| *at).min() else { continue };
        let better = best.as_ref().is_none_or(|(_, heard, at)| found.len() > heard.len() || (found.len() == heard.len() && first < *at));
        if better {
            best = Some((name, found.into_iter().map(|(_, phrase)| phrase.clone()).collect(), first));
        }
    }
    best.map(|(name, heard, _)| (name, heard))
}

/// Where the phrase stands: each of its words begins a word of the text, one after another.
fn position(words: &[&str], phrase: &str) -> Option<usize> {
    let phrase = phrase.to_lowercase().replace('\u{2019}', "'");
    let stems: Vec<&str> = phrase.split_whitespace().collect();
    if stems.is_empty() {
        return None;
    }
    words.windows(stems.len()).position(|window| window.iter().zip(&stems).all(|(word, stem)| word.starts_with(stem)))
}

/// Per cent for one word heard.
const FIRST_WORD: u8 = 60;
/// Per cent more for each further one.
const NEXT_WORD: u8 = 15;
/// Words alone never make certain.
const SURE_AT_MOST: u8 = 95;
/// The beginning of a letter tells its matter.
const WORDS_MAX: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        let words =
            |list: &[(&str, &[&str])]| list.iter().map(|(l, w)| ((*l).to_owned(), w.iter().map(|w| (*w).to_owned()).collect())).collect();
        let parcel = Intent {
            item: "delivery".into(),
            label: [("en".to_owned(), "Parcel is late".to_owned()), ("ru".to_owned(), "Посылка опаздывает".to_owned())].into(),
            words: words(&[("en", &["parcel", "not arriv", "late"]), ("ru", &["посылк", "доставк"]), ("uk", &["посилк"])]),
        };
        let bill = Intent { item: "billing".into(), words: words(&[("en", &["invoice", "bill"])]), ..Intent::default() };
        Rules { intents: [("parcel_late".to_owned(), parcel), ("bill".to_owned(), bill)].into() }
    }

    #[test]
    fn a_chat_about_a_parcel_is_understood() {
        let reason = understand("Hi! My PARCEL is late, it has not arrived.", "en", &rules()).expect("a parcel");
        assert_eq!((reason.intent.as_str(), reason.label.as_str(), reason.confidence), ("parcel_late", "Parcel is late", 90));
        assert_eq!(reason.evidence, ["parcel", "not arriv", "late"]);
    }

    #[test]
    fn endings_do_not_matter_and_neither_does_the_expected_language() {
        assert_eq!(understand("где моя посылка?", "ru", &rules()).expect("ru").label, "Посылка опаздывает");
        assert_eq!(understand("де моя посилка", "en", &rules()).expect("uk").intent, "parcel_late");
    }

    #[test]
    fn of_equals_the_first_named_wins() {
        assert_eq!(understand("the bill for my parcel", "en", &rules()).expect("bill").intent, "bill");
    }

    #[test]
    fn small_talk_means_nothing() {
        assert_eq!(understand("good morning", "en", &rules()), None);
        assert_eq!(understand("", "en", &rules()), None);
    }
}
