//! `;name=value` parameters.

use std::fmt;

use super::{Malformed, is_token, split_outside, unquoted};

/// Parameters in their order; names compare without case, values are kept as they stand on the wire, quotes included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, Option<String>)>);

impl Params {
    /// None.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Reads what follows the first `;`, which is not part of `text`.
    pub(super) fn parse(text: &str) -> Result<Self, Malformed> {
        let mut params = Vec::new();
        for part in split_outside(text, ';') {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name.trim(), Some(value.trim())),
                None => (part.trim(), None),
            };
            let value_is_sound = value.is_none_or(|v| !v.is_empty() && (v.starts_with('"') || !v.contains(['"', '<', '>', ' ', '\t'])));
            let value_ends = value.is_none_or(|v| unquoted(v).is_some());
            // URI parameters allow more than tokens do in names ("[]/:&$").
            let name_is_sound =
                is_token(name) || (!name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>,;=@?".contains(&b)));
            if !name_is_sound || !value_is_sound || !value_ends || params.len() == PARAMS_MAX {
                return Err(Malformed);
            }
            params.push((name.to_owned(), value.map(str::to_owned)));
        }
        Ok(Self(params))
    }

    /// The value as it stands; `None` also for a parameter without value.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).and_then(|(_, value)| value.as_deref())
    }

    /// Is it there, with a value or without?
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(n, _)| n.eq_ignore_ascii_case(name))
    }

    /// Sets or adds.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        let value = value.map(str::to_owned);
        match self.0.iter_mut().find(|(n, _)| n.eq_ignore_ascii_case(name)) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Takes it away.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_deref()))
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.0 {
            match value {
                Some(value) => write!(f, ";{name}={value}")?,
                None => write!(f, ";{name}")?,
            }
        }
        Ok(())
    }
}

/// More parameters than this on one address is an attack, not a phone.
const PARAMS_MAX: usize = 64;
