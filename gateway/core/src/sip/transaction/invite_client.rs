//! INVITE client transaction (RFC 3261 17.1.1, corrected by RFC 6026 7.2).
//!
//! Repeats the INVITE until something comes back, acknowledges failures itself, and after a success stays for the 2xx of other forks.
//! The 2xx is acknowledged by the user above (13.2.2.4).

use super::{
    Effect::{self, Ack, Again, Deliver, End, Failed, Resend, Send, Start, Stop, TimedOut},
    Event,
    Timer::{A, B, D, M},
};

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Calling,
    Proceeding,
    Completed,
    /// A 2xx has come (RFC 6026).
    Accepted,
    Ended,
}

impl State {
    /// The user wants an INVITE sent.
    pub const fn begin() -> (Self, &'static [Effect]) {
        (Self::Calling, &[Send, Start(A), Start(B)])
    }

    /// The table of docs/specs/transaction.md 2.
    pub const fn step(self, event: Event) -> (Self, &'static [Effect]) {
        match (self, event) {
            (Self::Calling, Event::Timer(A)) => (Self::Calling, &[Resend, Again(A)]),
            (Self::Calling, Event::Timer(B)) => (Self::Ended, &[Stop(A), TimedOut, End]),
            (Self::Calling, Event::Provisional) => (Self::Proceeding, &[Stop(A), Stop(B), Deliver]),
            (Self::Calling, Event::Success) => (Self::Accepted, &[Stop(A), Stop(B), Start(M), Deliver]),
            (Self::Calling, Event::Failure) => (Self::Completed, &[Stop(A), Stop(B), Ack, Start(D), Deliver]),
            (Self::Calling, Event::Broken) => (Self::Ended, &[Stop(A), Stop(B), Failed, End]),
            (Self::Proceeding, Event::Provisional) => (Self::Proceeding, &[Deliver]),
            (Self::Proceeding, Event::Success) => (Self::Accepted, &[Start(M), Deliver]),
            (Self::Proceeding, Event::Failure) => (Self::Completed, &[Ack, Start(D), Deliver]),
            (Self::Completed, Event::Failure) => (Self::Completed, &[Ack]),
            (Self::Completed, Event::Timer(D)) => (Self::Ended, &[End]),
            (Self::Completed, Event::Broken) => (Self::Ended, &[Stop(D), Failed, End]),
            (Self::Accepted, Event::Success) => (Self::Accepted, &[Deliver]),
            (Self::Accepted, Event::Timer(M)) => (Self::Ended, &[End]),
            (state, _) => (state, &[]),
        }
    }
}
