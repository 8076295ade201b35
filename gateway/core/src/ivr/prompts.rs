//! Prompts: what can be said, in which language, in which words and by which clip.
//!
//! Texts are Fluent messages (`prompts/<lang>.ftl`); clips are named `<lang>/<prompt id>` like the WAV that holds them. A message's
//! attribute `.label` is what a button shows. Holds no audio: a clip is a name and a length.

use std::{collections::BTreeMap, fmt};

use fluent_bundle::{FluentArgs, FluentResource, concurrent::FluentBundle};
use unic_langid::LanguageIdentifier;

use super::border::Utterance;
use crate::private::Private;

/// All prompts of a gateway, by language.
#[derive(Default)]
pub struct PromptBook {
    texts: BTreeMap<String, FluentBundle<FluentResource>>,
    ids: BTreeMap<String, Vec<String>>,
    clips: BTreeMap<String, f64>,
}

impl PromptBook {
    /// An empty book.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a language (BCP 47) with its Fluent source; said again, later texts win. In words: what is wrong with it.
    pub fn add_texts(&mut self, language: &str, source: &str) -> Result<(), Vec<String>> {
        let tag: LanguageIdentifier = language.parse().map_err(|error| vec![format!("`{language}` is no language: {error}")])?;
        let resource = FluentResource::try_new(source.to_owned()).map_err(|(_, errors)| {
            errors.iter().map(|error| format!("line {}: {error}", line_of(source, error.pos.start))).collect::<Vec<_>>()
        })?;
        let bundle = self.texts.entry(language.to_owned()).or_insert_with(|| {
            let mut bundle = FluentBundle::new_concurrent(vec![tag]);
            // Isolation marks are for mixed writing on a screen; here they would end up in captions and in the ears of a TTS.
            bundle.set_use_isolating(false);
            bundle
        });
        let ids = self.ids.entry(language.to_owned()).or_default();
        ids.extend(source.lines().filter_map(message_id));
        ids.sort();
        ids.dedup();
        bundle.add_resource_overriding(resource);
        Ok(())
    }

    /// Says that a clip exists, `<lang>/<prompt id>`, and its length in seconds.
    pub fn add_clip(&mut self, name: &str, seconds: f64) {
        self.clips.insert(name.to_owned(), seconds);
    }

    /// Counts every text as recorded, at a reader's pace: for text channels, simulation and tests.
    pub fn assume_clips(&mut self) {
        let all: Vec<(String, String)> =
            self.ids.iter().flat_map(|(language, ids)| ids.iter().map(|id| (language.clone(), id.clone()))).collect();
        for (language, id) in all {
            let seconds = self.text(&language, &id).map_or(1.0, |text| reading_seconds(&text));
            self.clips.entry(format!("{language}/{id}")).or_insert(seconds);
        }
    }

    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.texts.keys().map(String::as_str)
    }

    /// Prompt ids of a language, sorted.
    pub fn ids(&self, language: &str) -> impl Iterator<Item = &str> {
        self.ids.get(language).into_iter().flatten().map(String::as_str)
    }

    pub fn has_text(&self, language: &str, id: &str) -> bool {
        self.texts.get(language).and_then(|bundle| bundle.get_message(id)).is_some_and(|message| message.value().is_some())
    }

    pub fn has_clip(&self, language: &str, id: &str) -> bool {
        self.clips.contains_key(&format!("{language}/{id}"))
    }

    /// The words of a prompt; `None` if there are none in this language.
    pub fn text(&self, language: &str, id: &str) -> Option<String> {
        self.format(language, id, None, &[])
    }

    /// The words of a prompt with values put in, plurals by the language's rules.
    pub fn text_with(&self, language: &str, id: &str, values: &[(&str, &str)]) -> Option<String> {
        self.format(language, id, None, values)
    }

    /// What a button shows: the attribute `.label`, else the text without its last stop.
    pub fn label(&self, language: &str, id: &str) -> String {
        let label = self.format(language, id, Some("label"), &[]);
        label
            .or_else(|| self.text(language, id).map(|text| text.trim_end_matches(['.', ',', ':', ' ']).to_owned()))
            .unwrap_or_else(|| id.to_owned())
    }

    /// The prompt as speech.
    pub fn utterance(&self, language: &str, id: &str) -> Utterance {
        let text = self.text(language, id).unwrap_or_default();
        Utterance { text: Private(text), clip: format!("{language}/{id}") }
    }

    /// Digits, said one by one.
    pub fn digits(&self, language: &str, digits: &str) -> Vec<Utterance> {
        let said = digits.chars().filter(char::is_ascii_digit);
        said.map(|digit| Utterance { text: Private(digit.to_string()), clip: format!("{language}/digit-{digit}") }).collect()
    }

    /// How long a prompt takes to say; guessed from its text where there is no clip.
    pub fn seconds(&self, language: &str, id: &str) -> f64 {
        let clip = self.clips.get(&format!("{language}/{id}")).copied();
        clip.or_else(|| self.text(language, id).map(|text| reading_seconds(&text))).unwrap_or(1.0)
    }

    /// How long a clip takes, by its full name.
    pub(super) fn clip_seconds(&self, clip: &str) -> f64 {
        self.clips.get(clip).copied().unwrap_or(2.0)
    }

    fn format(&self, language: &str, id: &str, attribute: Option<&str>, values: &[(&str, &str)]) -> Option<String> {
        let bundle = self.texts.get(language)?;
        let message = bundle.get_message(id)?;
        let pattern = match attribute {
            Some(name) => message.get_attribute(name)?.value(),
            None => message.value()?,
        };
        let mut args = FluentArgs::new();
        for (name, value) in values {
            args.set(*name, value.parse::<f64>().map_or_else(|_| (*value).into(), fluent_bundle::FluentValue::from));
        }
        Some(bundle.format_pattern(pattern, Some(&args), &mut Vec::new()).into_owned())
    }
}

impl fmt::Debug for PromptBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PromptBook").field("languages", &self.texts.len()).field("clips", &self.clips.len()).finish()
    }
}

/// The id at the start of a Fluent message's first line.
fn message_id(line: &str) -> Option<String> {
    let (id, _) = line.split_once('=')?;
    let id = id.trim_end();
    let named = id.starts_with(|c: char| c.is_ascii_alphabetic()) && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    named.then(|| id.to_owned())
}

fn line_of(source: &str, offset: usize) -> usize {
    1 + source.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

fn reading_seconds(text: &str) -> f64 {
    let letters = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    (f64::from(letters) / LETTERS_PER_SECOND).max(0.3)
}

/// An unhurried voice, in all our languages.
const LETTERS_PER_SECOND: f64 = 14.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn book() -> PromptBook {
        let mut book = PromptBook::new();
        book.add_texts("en", "delivery = For delivery,\n    .label = Delivery\nwaited = You waited { $n ->\n    [one] a minute\n   *[other] { $n } minutes\n }.\n")
            .expect("sound Fluent");
        book
    }

    #[test]
    fn a_prompt_has_words_a_clip_and_a_label() {
        let said = book().utterance("en", "delivery");
        assert_eq!((said.text.0.as_str(), said.clip.as_str()), ("For delivery,", "en/delivery"));
        assert_eq!(book().label("en", "delivery"), "Delivery");
        assert!(!book().has_clip("en", "delivery"));
    }

    #[test]
    fn plurals_follow_the_language() {
        assert_eq!(book().text_with("en", "waited", &[("n", "1")]).as_deref(), Some("You waited a minute."));
        assert_eq!(book().text_with("en", "waited", &[("n", "3")]).as_deref(), Some("You waited 3 minutes."));
    }

    #[test]
    fn digits_are_said_one_by_one() {
        let clips: Vec<String> = book().digits("en", "4-07").into_iter().map(|said| said.clip).collect();
        assert_eq!(clips, ["en/digit-4", "en/digit-0", "en/digit-7"]);
    }

    #[test]
    fn broken_fluent_is_told_by_line() {
        let errors = PromptBook::new().add_texts("en", "good = Good\nbad { = \n").expect_err("broken");
        assert!(errors[0].starts_with("line 2"), "{errors:?}");
    }
}
