//! Rules of the caller's story: identity, facts, card, merge.

pub mod card;
pub mod identity;
pub mod passport;
pub mod pointer;
pub mod sums;
pub mod trust;
pub mod understanding;
pub(crate) mod words;
