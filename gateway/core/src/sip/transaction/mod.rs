//! Transactions (RFC 3261 17, corrected by RFC 6026): one request, made reliable.
//!
//! Four machines, each a pure `step(state, event) -> (state, effects)`. Effects are carried out in the order they come; timers are
//! values. The tables are docs/specs/transaction.md; a test walks them row by row, and where table and code differ, the table is right.

pub mod invite_client;
pub mod invite_server;
pub mod other_client;
pub mod other_server;
#[cfg(test)]
mod tests;

use std::time::Duration;

/// What reaches a transaction. At a client, the three classes of response come from the wire; at a server, from the user above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The request again (server).
    Request,
    /// The ACK (INVITE server).
    Ack,
    /// 1xx.
    Provisional,
    /// 2xx.
    Success,
    /// 300 to 699.
    Failure,
    /// A timer fell due.
    Timer(Timer),
    /// The transport says that it cannot send.
    Broken,
}

/// What a transaction wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Send what the user gave: a request at the start, a response later.
    Send,
    /// Send the same bytes again.
    Resend,
    /// Acknowledge a final response of 300 to 699 (17.1.1.3).
    Ack,
    /// Hand what came to the user.
    Deliver,
    /// Start a timer at its first length.
    Start(Timer),
    /// Start it at twice its last length, E and G at most `T2`.
    Again(Timer),
    /// Start it at `T2`.
    Slow(Timer),
    /// Stop it.
    Stop(Timer),
    /// Tell the user that no answer, or no ACK, came in time.
    TimedOut,
    /// Tell the user that the transport failed.
    Failed,
    /// Forget the transaction.
    End,
}

/// The timers of RFC 3261 table 4 and RFC 6026 7.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// INVITE sent again.
    A,
    /// INVITE given up.
    B,
    /// A repeated failure is still acknowledged.
    D,
    /// Other request sent again.
    E,
    /// Other request given up.
    F,
    /// Failure of an INVITE sent again.
    G,
    /// ACK given up.
    H,
    /// Repeated ACKs are still absorbed.
    I,
    /// A repeated other request is still answered.
    J,
    /// A repeated answer is still absorbed.
    K,
    /// Repeated INVITEs are still absorbed after a 2xx.
    L,
    /// More 2xx of other forks are still taken.
    M,
}

impl Timer {
    /// How long at first; `None` if it is not used over a reliable transport.
    pub const fn length(self, reliable: bool) -> Option<Duration> {
        match self {
            Self::A | Self::E | Self::G if reliable => None,
            Self::A | Self::E | Self::G => Some(T1),
            Self::D | Self::I | Self::J | Self::K if reliable => Some(Duration::ZERO),
            Self::D | Self::B | Self::F | Self::H | Self::J | Self::L | Self::M => Some(T1_64),
            Self::I | Self::K => Some(T4),
        }
    }

    /// All is said, and only what still lingers in the network is waited for.
    pub const fn ends_quietly(self) -> bool {
        matches!(self, Self::D | Self::I | Self::J | Self::K | Self::L | Self::M)
    }

    /// How long after `last`: doubled, E and G up to `T2`.
    pub fn again(self, last: Duration) -> Duration {
        match self {
            Self::E | Self::G => T2.min(last * 2),
            Self::A | Self::B | Self::D | Self::F | Self::H | Self::I | Self::J | Self::K | Self::L | Self::M => last * 2,
        }
    }
}

/// A round trip, as RFC 3261 17.1.1.1 guesses it.
pub const T1: Duration = Duration::from_millis(500);
/// The longest pause between retransmissions, save those of an INVITE.
pub const T2: Duration = Duration::from_secs(4);
/// How long a message may linger in the network.
pub const T4: Duration = Duration::from_secs(5);
/// 64*T1: the time after which a silent peer is given up.
pub const T1_64: Duration = Duration::from_secs(32);
