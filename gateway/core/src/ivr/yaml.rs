//! A script file as a tree in which every key and value knows its place, read field by field so that one pass finds all faults.
//!
//! Deriving the script types would stop at the first unknown key; an engineer who mends a script wants the whole list.

use std::{fmt, time::Duration};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::Spanned;

use super::fault::{Faults, Place, suggest};

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    pub(super) at: Place,
    pub(super) value: Value,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    /// As written; numbers in their shortest form.
    Scalar(String),
    List(Vec<Tree>),
    Map(Vec<(Word, Tree)>),
}

/// A name and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) at: Place,
}

/// Reads the file; broken YAML is one fault, at its place.
pub(super) fn parse(source: &str, faults: &mut Faults) -> Option<Tree> {
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    match serde_saphyr::from_str_with_options::<Spanned<Value>>(source, options) {
        Ok(spanned) => Some(spanned.into()),
        Err(error) => {
            let at = error.location().map_or(Place { line: 1, column: 1 }, place);
            let text = error.to_string();
            faults.add(at, format!("not YAML: {}", text.lines().next().unwrap_or_default()), None);
            None
        }
    }
}

impl From<Spanned<Value>> for Tree {
    fn from(spanned: Spanned<Value>) -> Self {
        Self { at: place(spanned.referenced), value: spanned.value }
    }
}

fn place(location: serde_saphyr::Location) -> Place {
    let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).max(1);
    Place { line: number(location.line()), column: number(location.column()) }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Scalar(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Scalar(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Scalar(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Scalar(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Scalar(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element::<Spanned<Value>>()? {
            list.push(item.into());
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let tree = map.next_value::<Spanned<Value>>()?.into();
            entries.push((Word { text: key.value, at: place(key.referenced) }, tree));
        }
        Ok(Value::Map(entries))
    }
}

impl Tree {
    pub(super) fn word(&self, what: &str, faults: &mut Faults) -> Option<Word> {
        match &self.value {
            Value::Scalar(text) if !text.is_empty() => Some(Word { text: text.clone(), at: self.at }),
            Value::Scalar(_) | Value::Null | Value::List(_) | Value::Map(_) => {
                faults.add(self.at, format!("{what}: one word is expected here"), None);
                None
            }
        }
    }

    /// One word, or a list of them.
    pub(super) fn words(&self, what: &str, faults: &mut Faults) -> Vec<Word> {
        match &self.value {
            Value::List(list) => list.iter().filter_map(|tree| tree.word(what, faults)).collect(),
            Value::Scalar(_) | Value::Null | Value::Map(_) => self.word(what, faults).into_iter().collect(),
        }
    }

    pub(super) fn list(&self, what: &str, faults: &mut Faults) -> &[Self] {
        match &self.value {
            Value::List(list) => list,
            Value::Scalar(_) | Value::Null | Value::Map(_) => {
                faults.add(self.at, format!("{what}: a list is expected here"), None);
                &[]
            }
        }
    }

    pub(super) fn entries(&self, what: &str, faults: &mut Faults) -> &[(Word, Self)] {
        match &self.value {
            Value::Map(entries) => entries,
            Value::Scalar(_) | Value::Null | Value::List(_) => {
                faults.add(self.at, format!("{what}: keys and values are expected here"), None);
                &[]
            }
        }
    }

    /// A number in `from..=to`.
    pub(super) fn number(&self, what: &str, from: f64, to: f64, faults: &mut Faults) -> Option<f64> {
        let number = self.word(what, faults)?.text.parse::<f64>().ok().filter(|n| (from..=to).contains(n));
        if number.is_none() {
            faults.add(self.at, format!("{what}: a number from {from} to {to} is expected here"), None);
        }
        number
    }

    /// `800ms`, `5s`, `10m`, `72h` or `120d`.
    pub(super) fn duration(&self, what: &str, faults: &mut Faults) -> Option<Duration> {
        let text = self.word(what, faults)?.text;
        let found = duration(&text);
        if found.is_none() {
            faults.add(self.at, format!("{what}: `{text}` is not a length of time"), Some("write 800ms, 5s, 10m, 72h or 120d".into()));
        }
        found
    }
}

fn duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (digits, unit) = text.split_at(split);
    let count = digits.parse::<u64>().ok().filter(|n| *n <= 100_000_000)?;
    let ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    Some(Duration::from_millis(count * ms))
}

/// The fields of one mapping; every key that nobody takes is a fault.
pub(super) struct Fields<'a> {
    what: String,
    at: Place,
    entries: &'a [(Word, Tree)],
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Nothing at all counts as an empty mapping, so that `hangup:` may stand alone.
    pub(super) fn of(tree: &'a Tree, what: impl Into<String>, faults: &mut Faults) -> Self {
        let what = what.into();
        let entries = match tree.value {
            Value::Null => &[],
            Value::Scalar(_) | Value::List(_) | Value::Map(_) => tree.entries(&what, faults),
        };
        Self { what, at: tree.at, entries, known: Vec::new() }
    }

    pub(super) fn take(&mut self, key: &'static str) -> Option<&'a Tree> {
        self.known.push(key);
        self.entries.iter().find(|(name, _)| name.text == key).map(|(_, tree)| tree)
    }

    pub(super) fn require(&mut self, key: &'static str, faults: &mut Faults) -> Option<&'a Tree> {
        let found = self.take(key);
        if found.is_none() {
            faults.add(self.at, format!("{} lacks `{key}`", self.what), None);
        }
        found
    }

    pub(super) fn word(&mut self, key: &'static str, faults: &mut Faults) -> Option<Word> {
        self.take(key)?.word(key, faults)
    }

    pub(super) fn required_word(&mut self, key: &'static str, faults: &mut Faults) -> Option<Word> {
        self.require(key, faults)?.word(key, faults)
    }

    /// A word out of a closed list.
    pub(super) fn choice<T: Copy>(&mut self, key: &'static str, of: &[(&'static str, T)], faults: &mut Faults) -> Option<T> {
        let word = self.word(key, faults)?;
        choose(&word, key, of, faults)
    }

    /// Says which keys nobody knows.
    pub(super) fn finish(self, faults: &mut Faults) {
        for (name, _) in self.entries.iter().filter(|(name, _)| !self.known.contains(&name.text.as_str())) {
            let help = suggest(&name.text, self.known.iter().copied());
            faults.add(name.at, format!("{} knows no key `{}`", self.what, name.text), help);
        }
    }
}

/// The meaning of a word out of a closed list.
pub(super) fn choose<T: Copy>(word: &Word, what: &str, of: &[(&'static str, T)], faults: &mut Faults) -> Option<T> {
    let found = of.iter().find(|(name, _)| *name == word.text).map(|(_, meaning)| *meaning);
    if found.is_none() {
        faults.add(word.at, format!("{what}: `{}` is not known", word.text), suggest(&word.text, of.iter().map(|(name, _)| *name)));
    }
    found
}
