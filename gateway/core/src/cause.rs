//! Why something ended.

use serde::{Deserialize, Serialize};

/// Why something ended: SIP status (RFC 3261 21), Q.850 value (RFC 3326), who is at fault, whether another try may succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    pub sip: u16,
    pub q850: u8,
    pub fault: Fault,
    pub retry: bool,
}

impl Cause {
    /// An ordinary goodbye by this party (Q.850 16, normal call clearing).
    pub const fn goodbye(fault: Fault) -> Self {
        Self { sip: 200, q850: 16, fault, retry: false }
    }

    /// The caller gave up before an answer (RFC 3261 15.1.2: 487; Q.850 16).
    pub const CANCELLED: Self = Self { sip: 487, q850: 16, fault: Fault::Caller, retry: false };
    /// Another device took the call (RFC 3326 2: SIP 200; Q.850 26, non-selected user clearing).
    pub const ELSEWHERE: Self = Self { sip: 200, q850: 26, fault: Fault::Unknown, retry: false };
    /// No codec, transport or direction in common (Q.850 88, incompatible destination).
    pub const NOT_ACCEPTABLE: Self = Self { sip: 488, q850: 88, fault: Fault::Carrier, retry: false };
    /// We have no port, or no room (Q.850 34, no circuit available).
    pub const NO_CIRCUIT: Self = Self { sip: 503, q850: 34, fault: Fault::Gateway, retry: true };
    /// We are about to stop (Q.850 41, temporary failure).
    pub const DRAINING: Self = Self { sip: 503, q850: 41, fault: Fault::Gateway, retry: true };
    /// The script, the agent or the address that should take the call is not there (Q.850 20, subscriber absent).
    pub const ABSENT: Self = Self { sip: 480, q850: 20, fault: Fault::Gateway, retry: true };
    /// Nobody took the call in time (Q.850 19, no answer from user).
    pub const NO_ANSWER: Self = Self { sip: 480, q850: 19, fault: Fault::Agent, retry: true };
    /// Whoever was rung said no (Q.850 21, call rejected).
    pub const DECLINED: Self = Self { sip: 603, q850: 21, fault: Fault::Agent, retry: true };
    /// The media path broke (Q.850 31, normal unspecified).
    pub const MEDIA_LOST: Self = Self { sip: 200, q850: 31, fault: Fault::Unknown, retry: true };
    /// A bug of ours took the call (Q.850 41, temporary failure).
    pub const BROKEN: Self = Self { sip: 500, q850: 41, fault: Fault::Gateway, retry: true };
    /// The far end was not reached in time (Q.850 102, recovery on timer expiry).
    pub const TIMED_OUT: Self = Self { sip: 408, q850: 102, fault: Fault::Carrier, retry: true };

    /// The Q.850 value of a SIP status (RFC 3398 8.2.6.1).
    pub const fn of_status(status: u16, fault: Fault) -> Self {
        let q850 = match status {
            200..300 => 16,
            404 | 485 | 604 => 1,
            408 | 480 => 19,
            410 => 22,
            484 => 28,
            486 | 600 => 17,
            401..=403 | 407 | 603 => 21,
            415 | 488 | 606 => 88,
            503 => 41,
            504 => 102,
            _ => 31,
        };
        Self { sip: status, q850, fault, retry: matches!(status, 408 | 480 | 486 | 500..600) }
    }
}

/// The party at fault; an ordinary goodbye is on whoever said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The caller, or the caller's phone or browser.
    Caller,
    /// A trunk, or what lies behind it.
    Carrier,
    /// The agent, or the agent's phone or browser.
    Agent,
    /// We ourselves; each one is looked into.
    Gateway,
    /// No evidence either way.
    Unknown,
}
