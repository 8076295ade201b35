//! Rules of the caller's story: identity, facts, card, merge.

pub mod card;
pub mod sums;
pub mod understanding;
mod words;
