//! Agents' phones coming and going: an agent is there while the phone is registered, desk or no desk.

use std::time::Duration;

use rand::{Rng, SeedableRng};

use super::{Due, Switch};
use crate::{
    acd::{Agent, AgentState},
    ids::AgentId,
    now::Now,
};

impl<R: Rng + SeedableRng> Switch<R> {
    /// A phone has registered, or is gone: so is its agent, where no desk says otherwise.
    pub(super) fn phone_moved(&mut self, now: Now, user: &str, is_here: bool) {
        let Some(entry) = self.config.agents.iter().find(|agent| agent.phone.as_deref() == Some(user)).cloned() else { return };
        let state = self.acd.agent(entry.id).map(Agent::state);
        match (is_here, state) {
            (true, None) => {
                self.acd.seat(&entry, now.instant);
                if entry.phone_ready {
                    self.turn_agent(now, entry.id, AgentState::Available);
                }
            }
            (true, Some(AgentState::Unreachable)) if entry.phone_ready => self.turn_agent(now, entry.id, AgentState::Available),
            (false, Some(AgentState::Away | AgentState::Available | AgentState::Unreachable)) if !self.has_desk(entry.id) => {
                self.acd.unseat(entry.id);
            }
            // A call lets go of its agent by itself; who is called in vain afterwards is unreachable.
            (true | false, _) => {}
        }
    }

    /// Is a phone of this agent's registered?
    pub(super) fn has_phone(&self, now: Now, agent: AgentId) -> bool {
        let entry = self.config.agents.iter().find(|entry| entry.id == agent);
        entry.and_then(|entry| entry.phone.as_deref()).is_some_and(|user| self.sip.is_registered(now, user))
    }

    /// A phone cannot say that its agent is back: whoever let it ring is called again after a while, not at once and without end.
    pub(super) fn rest_phone(&mut self, now: Now, agent: AgentId, state: AgentState) {
        if state == AgentState::Unreachable && !self.has_desk(agent) && self.has_phone(now, agent) {
            self.timers.set(Due::RestedPhone(agent), now.instant + PHONE_REST);
        } else {
            self.timers.stop(&Due::RestedPhone(agent));
        }
    }

    pub(super) fn phone_rested(&mut self, now: Now, agent: AgentId) {
        let is_still = self.acd.agent(agent).is_some_and(|agent| agent.state() == AgentState::Unreachable);
        if is_still && self.has_phone(now, agent) {
            self.turn_agent(now, agent, AgentState::Available);
        }
    }

    fn has_desk(&self, agent: AgentId) -> bool {
        self.web.desks().contains_key(&agent)
    }
}

/// Long enough for a caller to reach another agent first, short enough for one who was at the door.
const PHONE_REST: Duration = Duration::from_secs(30);
