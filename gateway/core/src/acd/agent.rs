//! One person who takes calls.

use std::time::Instant;

use crate::{
    config::AgentEntry,
    ids::{AgentId, CallId},
};

/// What an agent is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentState {
    /// At the desk, not taking calls.
    Away,
    /// Waiting for a call.
    Available,
    /// Chosen; the reservation is being asked for.
    Reserved,
    /// The desk rings.
    Offered(CallId),
    /// With a caller.
    Talking(CallId),
    /// Writing down what the call was about.
    WrapUp(CallId),
    /// Let a call ring out, or the browser is lost: taken out of the line until the agent says otherwise.
    Unreachable,
}

/// One person who takes calls: skills, and what they do since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Who.
    pub id: AgentId,
    /// As callers and cards say it.
    pub name: String,
    skills: Vec<String>,
    state: AgentState,
    since: Instant,
}

impl Agent {
    pub(super) fn new(entry: &AgentEntry, now: Instant) -> Self {
        Self { id: entry.id, name: entry.name.clone(), skills: entry.skills.clone(), state: AgentState::Away, since: now }
    }

    /// Table: docs/specs/call.md, "Agent". A busy agent changes only as the call does; whoever asks for more is refused.
    pub(super) fn turn(&mut self, next: AgentState, now: Instant) -> bool {
        use AgentState::{Available, Away, Offered, Reserved, Talking, Unreachable, WrapUp};
        let allowed = match (self.state, next) {
            (Away | Available | Unreachable, Away | Available | Unreachable) => true,
            (Available, Reserved) => true,
            (Reserved, Offered(_) | Available | Away | Unreachable) => true,
            (Offered(held), Talking(next)) => held == next,
            (Offered(_), Available | Away | Unreachable) => true,
            (Talking(held), WrapUp(next)) => held == next,
            (Talking(_), Unreachable) => true,
            (WrapUp(_), Available | Away | Unreachable) => true,
            (Away | Unreachable, Reserved | Offered(_) | Talking(_) | WrapUp(_)) => false,
            (Available, Offered(_) | Talking(_) | WrapUp(_)) => false,
            (Reserved, Reserved | Talking(_) | WrapUp(_)) => false,
            (Offered(_), Reserved | Offered(_) | WrapUp(_)) => false,
            (Talking(_), Away | Available | Reserved | Offered(_) | Talking(_)) => false,
            (WrapUp(_), Reserved | Offered(_) | Talking(_) | WrapUp(_)) => false,
        };
        if allowed && self.state != next {
            self.state = next;
            self.since = now;
        }
        allowed
    }

    /// What they do.
    pub fn state(&self) -> AgentState {
        self.state
    }

    /// Since when.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// Waits for a call.
    pub fn is_available(&self) -> bool {
        self.state == AgentState::Available
    }

    /// Has every skill that is wanted.
    pub fn has_skills(&self, wanted: &[String]) -> bool {
        wanted.iter().all(|skill| self.skills.contains(skill))
    }
}
