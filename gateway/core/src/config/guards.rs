//! Switches that only tests turn.

/// The guards whose proofs must be able to fail; no file can turn them off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guards {
    /// Media joins only when the agent has the card, or late at the gate's deadline.
    pub gate: bool,
    /// RTP is taken from, and sent to, allowed sources alone.
    pub source_lock: bool,
    /// Whoever claims to be a phone of ours proves it by digest.
    pub digest: bool,
    /// Requests outside calls come no faster than `Limits` allows.
    pub wall: bool,
    /// What a peer asserts of a caller is believed of trusted trunks alone.
    pub trust: bool,
}

impl Default for Guards {
    fn default() -> Self {
        Self { gate: true, source_lock: true, digest: true, wall: true, trust: true }
    }
}
