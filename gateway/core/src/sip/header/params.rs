//! `;name=value` parameters.

use std::fmt;

use super::{
    Malformed, is_token, split_outside,
    text::{ends_its_quotes, split_once, trim},
};
use crate::sip::Text;

/// Parameters in their order; names compare without case, values are kept as they stand on the wire, quotes included.
///
/// Kept as one text, `name=value;name`: few are ever asked for, and a look at the text costs less than a list of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params(Text);

impl Params {
    /// None.
    pub const fn new() -> Self {
        Self(Text::EMPTY)
    }

    /// Reads what follows the first `;`, which is not part of `text`.
    pub(super) fn parse(text: &str) -> Result<Self, Malformed> {
        let whole = Text::from(text);
        Self::read(&whole, &whole)
    }

    /// As `parse`; `text` is a part of `whole`.
    pub(super) fn read(whole: &Text, text: &str) -> Result<Self, Malformed> {
        let (mut is_tight, mut count) = (true, 0);
        for part in split_outside(text, ';') {
            let (name, value) = match split_once(part, b'=') {
                Some((name, value)) => (trim(name), Some(trim(value))),
                None => (trim(part), None),
            };
            is_tight &= part.len() == name.len() + value.map_or(0, |value| value.len() + 1);
            let value_is_sound = value.is_none_or(|v| match v.as_bytes() {
                [] => false,
                [b'"', ..] => ends_its_quotes(v),
                bytes => !bytes.iter().any(|b| matches!(b, b'"' | b'<' | b'>' | b' ' | b'\t')),
            });
            // URI parameters allow more than tokens do in names ("[]/:&$").
            let name_is_sound =
                is_token(name) || (!name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>,;=@?".contains(&b)));
            if !name_is_sound || !value_is_sound || count == PARAMS_MAX {
                return Err(Malformed);
            }
            count += 1;
        }
        if is_tight {
            return Ok(Self(whole.part(text)));
        }
        let mut params = String::with_capacity(text.len());
        for part in split_outside(text, ';') {
            let (name, value) = split_once(part, b'=').map_or((part, None), |(name, value)| (name, Some(value)));
            add(&mut params, trim(name), value.map(trim));
        }
        Ok(Self(params.into()))
    }

    /// The value as it stands; `None` also for a parameter without value.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).and_then(|(_, value)| value)
    }

    /// Is it there, with a value or without?
    pub fn has(&self, name: &str) -> bool {
        self.iter().any(|(n, _)| n.eq_ignore_ascii_case(name))
    }

    /// Sets or adds.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        let mut params = String::with_capacity(self.0.len() + name.len() + value.map_or(0, str::len) + 2);
        let mut is_set = false;
        for (n, old) in self.iter() {
            let is_it = !is_set && n.eq_ignore_ascii_case(name);
            add(&mut params, n, if is_it { value } else { old });
            is_set |= is_it;
        }
        if !is_set {
            add(&mut params, name, value);
        }
        self.0 = params.into();
    }

    /// Takes it away.
    pub fn remove(&mut self, name: &str) {
        if !self.has(name) {
            return;
        }
        let mut params = String::with_capacity(self.0.len());
        self.iter().filter(|(n, _)| !n.eq_ignore_ascii_case(name)).for_each(|(n, value)| add(&mut params, n, value));
        self.0 = params.into();
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let text = self.0.as_str();
        let parts = (!text.is_empty()).then(|| split_outside(text, ';'));
        parts.into_iter().flatten().map(|part| split_once(part, b'=').map_or((part, None), |(name, value)| (name, Some(value))))
    }

    /// In buffers of their own.
    pub(in crate::sip) fn detached(&self) -> Self {
        Self(self.0.detached())
    }

    pub(super) fn print(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self.0.is_empty() {
            true => Ok(()),
            false => {
                out.write_char(';')?;
                out.write_str(&self.0)
            }
        }
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(f)
    }
}

fn add(params: &mut String, name: &str, value: Option<&str>) {
    if !params.is_empty() {
        params.push(';');
    }
    params.push_str(name);
    if let Some(value) = value {
        params.push('=');
        params.push_str(value);
    }
}

/// More parameters than this on one address is an attack, not a phone.
const PARAMS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_replaces_and_what_is_removed_is_gone() {
        let mut params = Params::parse(" a = 1 ;b; c=\"x;y\"").unwrap();
        assert_eq!(params.to_string(), ";a=1;b;c=\"x;y\"");
        params.set("B", Some("2"));
        params.set("d", None);
        params.remove("A");
        assert_eq!(params.iter().collect::<Vec<_>>(), [("b", Some("2")), ("c", Some("\"x;y\"")), ("d", None)]);
        assert_eq!((params.has("a"), params.value("C")), (false, Some("\"x;y\"")));
    }
}
