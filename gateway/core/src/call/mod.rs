//! One conversation.

mod phase;

pub use phase::Phase;
