//! A caller's place in a queue.

use std::time::Instant;

use crate::ids::{AgentId, CallId, EntryId};

/// A caller's place in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub id: EntryId,
    /// Who waits.
    pub call: CallId,
    /// In which queue.
    pub queue: String,
    /// All of these are wanted of the agent.
    pub skills: Vec<String>,
    /// Higher is served first.
    pub priority: u8,
    /// In line since.
    pub since: Instant,
    /// An agent is being rung for this caller.
    pub offered: bool,
    /// Agents who did not take the call.
    pub tried: Vec<AgentId>,
}
