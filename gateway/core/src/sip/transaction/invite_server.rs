//! INVITE server transaction (RFC 3261 17.2.1, corrected by RFC 6026 7.1).
//!
//! Absorbs retransmitted INVITEs, repeats a failure until its ACK comes, and after a success lingers so that late INVITEs find a home.
//! The 2xx is repeated by the user above (13.3.1.4), never from here.

use super::{
    Effect::{self, Again, Deliver, End, Failed, Resend, Send, Start, Stop, TimedOut},
    Event,
    Timer::{G, H, I, L},
};

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Proceeding,
    Completed,
    Confirmed,
    /// A 2xx has gone out (RFC 6026).
    Accepted,
    Ended,
}

impl State {
    /// An INVITE has come.
    pub const fn begin() -> (Self, &'static [Effect]) {
        (Self::Proceeding, &[Deliver])
    }

    /// The table of docs/specs/transaction.md 1.
    pub const fn step(self, event: Event) -> (Self, &'static [Effect]) {
        match (self, event) {
            (Self::Proceeding, Event::Request) => (Self::Proceeding, &[Resend]),
            (Self::Proceeding, Event::Provisional) => (Self::Proceeding, &[Send]),
            (Self::Proceeding, Event::Success) => (Self::Accepted, &[Send, Start(L)]),
            (Self::Proceeding, Event::Failure) => (Self::Completed, &[Send, Start(G), Start(H)]),
            (Self::Completed, Event::Request) => (Self::Completed, &[Resend]),
            (Self::Completed, Event::Timer(G)) => (Self::Completed, &[Resend, Again(G)]),
            (Self::Completed, Event::Timer(H)) => (Self::Ended, &[Stop(G), TimedOut, End]),
            (Self::Completed, Event::Ack) => (Self::Confirmed, &[Stop(G), Stop(H), Start(I)]),
            (Self::Completed, Event::Broken) => (Self::Ended, &[Stop(G), Stop(H), Failed, End]),
            (Self::Confirmed, Event::Timer(I)) => (Self::Ended, &[End]),
            (Self::Accepted, Event::Success) => (Self::Accepted, &[Send]),
            (Self::Accepted, Event::Ack) => (Self::Accepted, &[Deliver]),
            (Self::Accepted, Event::Timer(L)) => (Self::Ended, &[End]),
            (state, _) => (state, &[]),
        }
    }
}
