//! Text: a piece of a message, shared with it and never copied.
//!
//! A message comes in as one buffer, and all that is read out of it points into that buffer. The price: a piece keeps its whole message
//! alive, so what outlives the message is [`detached`](Text::detached).

use std::{borrow::Borrow, cmp::Ordering, fmt, hash, ops::Deref, sync::Arc};

/// A `str` that is cheap to clone: a literal, or a range of a shared buffer.
#[derive(Clone)]
pub struct Text(Piece);

#[derive(Clone)]
enum Piece {
    Literal(&'static str),
    Shared { whole: Arc<str>, start: u32, end: u32 },
}

impl Text {
    /// No character.
    pub const EMPTY: Self = Self::literal("");

    /// A text that the program holds anyway.
    pub const fn literal(text: &'static str) -> Self {
        Self(Piece::Literal(text))
    }

    /// The `part` of `whole`, without a copy; where `part` lies elsewhere, it is copied.
    pub(in crate::sip) fn part_of(whole: &Arc<str>, part: &str) -> Self {
        if part.is_empty() {
            return Self::EMPTY;
        }
        let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
        let end = start.wrapping_add(part.len());
        match (u32::try_from(start), u32::try_from(end)) {
            (Ok(from), Ok(to)) if whole.get(start..end).is_some() => Self(Piece::Shared { whole: Arc::clone(whole), start: from, end: to }),
            _ => Self::from(part),
        }
    }

    /// The `part` of this text, without a copy.
    pub(in crate::sip) fn part(&self, part: &str) -> Self {
        match &self.0 {
            Piece::Shared { whole, .. } => Self::part_of(whole, part),
            Piece::Literal(_) => Self::from(part),
        }
    }

    /// The characters.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Piece::Literal(text) => text,
            Piece::Shared { whole, start, end } => whole.get(*start as usize..*end as usize).unwrap_or_default(),
        }
    }

    /// The same characters in a buffer of their own, so that a piece that is kept for long does not keep its message.
    pub fn detached(&self) -> Self {
        match &self.0 {
            Piece::Shared { whole, start, end } if whole.len() > (*end - *start) as usize => Self::from(self.as_str()),
            Piece::Shared { .. } | Piece::Literal(_) => self.clone(),
        }
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        // No text of ours comes near 4 GiB; what did would be cut, not wrapped.
        let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
        if end == 0 { Self::EMPTY } else { Self(Piece::Shared { whole: text.into(), start: 0, end }) }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&Self> for Text {
    fn from(text: &Self) -> Self {
        text.clone()
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.as_str().to_owned()
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other)
    }
}

impl hash::Hash for Text {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<String> for Text {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<Text> for str {
    fn eq(&self, other: &Text) -> bool {
        self == other.as_str()
    }
}

impl PartialEq<Text> for &str {
    fn eq(&self, other: &Text) -> bool {
        *self == other.as_str()
    }
}

impl PartialEq<Text> for String {
    fn eq(&self, other: &Text) -> bool {
        self == other.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_lies_in_its_whole() {
        let whole: Arc<str> = "Via: here".into();
        let part = Text::part_of(&whole, &whole[5..]);
        assert_eq!((part.as_str(), part.as_ptr()), ("here", whole[5..].as_ptr()));
        assert_eq!(part.part(&part[1..3]).as_ptr(), whole[6..].as_ptr());
        assert_eq!(Text::part_of(&whole, "elsewhere"), "elsewhere");
    }

    #[test]
    fn a_detached_piece_lets_its_message_go() {
        let whole: Arc<str> = "Call-ID: c".into();
        let piece = Text::part_of(&whole, &whole[9..]);
        assert_eq!(Arc::strong_count(&whole), 2);
        let kept = piece.detached();
        drop(piece);
        assert_eq!((kept.as_str(), Arc::strong_count(&whole)), ("c", 1));
    }
}
