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
