//! Non-INVITE server transaction (RFC 3261 17.2.2).
//!
//! Answers a repeated request with the answer already given.

use super::{
    Effect::{self, Deliver, End, Failed, Resend, Send, Start, Stop},
    Event,
    Timer::J,
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
    /// A request has come.
    pub const fn begin() -> (Self, &'static [Effect]) {
        (Self::Trying, &[Deliver])
    }

    /// The table of docs/specs/transaction.md 3.
    pub const fn step(self, event: Event) -> (Self, &'static [Effect]) {
        match (self, event) {
            (Self::Trying | Self::Proceeding, Event::Provisional) => (Self::Proceeding, &[Send]),
            (Self::Trying | Self::Proceeding, Event::Success | Event::Failure) => (Self::Completed, &[Send, Start(J)]),
            (Self::Proceeding, Event::Request) => (Self::Proceeding, &[Resend]),
            (Self::Proceeding, Event::Broken) => (Self::Ended, &[Failed, End]),
            (Self::Completed, Event::Request) => (Self::Completed, &[Resend]),
            (Self::Completed, Event::Timer(J)) => (Self::Ended, &[End]),
            (Self::Completed, Event::Broken) => (Self::Ended, &[Stop(J), Failed, End]),
            (state, _) => (state, &[]),
        }
    }
}
