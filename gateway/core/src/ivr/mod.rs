//! The next step of self-service: scripts, personal order, a caller's place in a script, in any channel.
//!
//! A `Session` is pure: it takes events and time, and says what it wants done as `Action`s, in order. It knows no leg, no port and no page.

mod border;

pub use border::{Action, Event, Utterance};
