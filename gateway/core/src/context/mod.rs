//! Rules of the caller's story: identity, facts, card, merge.
