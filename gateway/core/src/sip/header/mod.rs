//! Header fields: an ordered list of lines, and types for those whose parts matter (RFC 3261 20).

pub mod asserted;
pub mod auth;
mod cseq;
mod date;
mod diversion;
pub mod history;
mod identity;
mod name;
mod name_addr;
mod params;
mod privacy;
mod rack;
pub mod reason;
pub mod replaces;
mod session_expires;
mod session_id;
mod text;
mod uri;
mod user_to_user;
mod via;
pub mod warning;

pub use cseq::CSeq;
pub use date::date;
pub use diversion::{Diverter, diversions};
pub use identity::Identity;
pub(in crate::sip) use name::canonical;
pub use name_addr::NameAddr;
pub use params::Params;
pub use privacy::Privacy;
pub use rack::{RAck, rseq};
pub use session_expires::{Refresher, SessionExpires, min_se};
pub use session_id::{SessionId, Uuid};
pub(in crate::sip) use text::{is_token, quoted, split_once, split_outside, trim, unquoted};
pub use uri::{Scheme, Uri};
pub use user_to_user::UserToUser;
pub use via::{MAGIC_COOKIE, Via};

use super::Text;

/// A header field that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// Header lines in their order, names in their long form.
///
/// The six fields that every message has (Via, From, To, Call-ID, CSeq, Content-Length) are not here: `Request` and `Response` own them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers {
    lines: Vec<(Text, Text)>,
}

impl Headers {
    /// No line.
    pub const fn new() -> Self {
        Self { lines: Vec::new() }
    }

    /// No line, and room for `lines`.
    pub(in crate::sip) fn with_capacity(lines: usize) -> Self {
        Self { lines: Vec::with_capacity(lines) }
    }

    /// Adds a line at the end.
    ///
    /// Control characters in `value` become spaces, so that no caller can smuggle a second line in; a `name` that is no token is left out.
    pub fn push(&mut self, name: &str, value: impl Into<Text>) {
        if !is_token(name) {
            return;
        }
        let mut value: Text = value.into();
        if value.contains(|c: char| c.is_control()) {
            value = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().into();
        }
        let value = value.part(value.trim());
        self.lines.push((canonical(name).map_or_else(|| name.into(), Text::literal), value));
    }

    /// As it came from the wire, already unfolded and checked.
    pub(in crate::sip) fn push_parsed(&mut self, name: Text, value: Text) {
        self.lines.push((name, value));
    }

    /// Replaces all lines of this name by one.
    pub fn set(&mut self, name: &str, value: impl Into<Text>) {
        self.remove(name);
        self.push(name, value);
    }

    /// Takes all lines of this name out.
    pub fn remove(&mut self, name: &str) {
        self.lines.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    /// The first line's value; `name` is the long form, in any case.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.lines.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Each line's value.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.lines.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Each element of a comma-separated field, over all its lines (RFC 3261 7.3.1).
    pub fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.all(name).flat_map(|value| split_outside(value, ',')).map(str::trim).filter(|item| !item.is_empty())
    }

    /// Each address of Contact, Route, Record-Route, P-Asserted-Identity and their like; an unreadable one ends the list with an error.
    pub fn addresses(&self, name: &str) -> Result<Vec<NameAddr>, Malformed> {
        let lines = self.lines.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        let items = lines.flat_map(|(_, value)| split_outside(value, ',').map(move |item| (value, item.trim())));
        items.filter(|(_, item)| !item.is_empty()).map(|(value, item)| NameAddr::read(value, item)).collect()
    }

    /// Does a list of tokens (Require, Supported, Allow) hold `token`, in any case?
    pub fn lists(&self, name: &str, token: &str) -> bool {
        self.list(name).any(|item| item.eq_ignore_ascii_case(token))
    }

    /// All lines, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// How many lines.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Is there no line?
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}
