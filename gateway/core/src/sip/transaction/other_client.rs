//! Non-INVITE client transaction (RFC 3261 17.1.2).
//!
//! Repeats the request until a final answer comes, slower once a provisional one has.

use super::{
    Effect::{self, Again, Deliver, End, Failed, Resend, Send, Slow, Start, Stop, TimedOut},
    Event,
    Timer::{E, F, K},
};

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Trying,
    Proceeding,
    Completed,
    Ended,
}

impl State {
    /// The user wants a request sent.
    pub const fn begin() -> (Self, &'static [Effect]) {
        (Self::Trying, &[Send, Start(E), Start(F)])
    }

    /// The table of docs/specs/transaction.md 4.
    pub const fn step(self, event: Event) -> (Self, &'static [Effect]) {
        match (self, event) {
            (Self::Trying, Event::Timer(E)) => (Self::Trying, &[Resend, Again(E)]),
            (Self::Proceeding, Event::Timer(E)) => (Self::Proceeding, &[Resend, Slow(E)]),
            (Self::Trying | Self::Proceeding, Event::Timer(F)) => (Self::Ended, &[Stop(E), TimedOut, End]),
            (Self::Trying | Self::Proceeding, Event::Provisional) => (Self::Proceeding, &[Deliver]),
            (Self::Trying | Self::Proceeding, Event::Success | Event::Failure) => (Self::Completed, &[Stop(E), Stop(F), Start(K), Deliver]),
            (Self::Trying | Self::Proceeding, Event::Broken) => (Self::Ended, &[Stop(E), Stop(F), Failed, End]),
            (Self::Completed, Event::Timer(K)) => (Self::Ended, &[End]),
            (state, _) => (state, &[]),
        }
    }
}
