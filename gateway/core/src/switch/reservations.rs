//! Reservations of agents that were asked for: one that is granted after its call has gone on is given back as it comes.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};

use super::{Switch, carry::is_with};
use crate::{
    acd::Agent,
    call::Phase,
    events::ask::{Finding, Reply},
    ids::{AgentId, AskId, CallId},
    now::Now,
};

/// Which agent each open question is about, and for which call.
#[derive(Debug, Default)]
pub(super) struct Reservations {
    asked: BTreeMap<AskId, (AgentId, CallId)>,
}

impl Reservations {
    /// A call asks for an agent.
    pub(super) fn asked(&mut self, ask: AskId, agent: AgentId, call: CallId) {
        self.asked.insert(ask, (agent, call));
        if self.asked.len() > RESERVATIONS_MAX {
            self.asked.pop_first();
        }
    }

    fn answered(&mut self, ask: AskId) -> Option<(AgentId, CallId)> {
        self.asked.remove(&ask)
    }
}

impl<R: Rng + SeedableRng> Switch<R> {
    /// A release that was asked for meanwhile may have overtaken the reservation; whoever holds nothing is not troubled by another.
    pub(super) fn take_reservation(&mut self, now: Now, reply: &Reply) {
        if let Some((agent, call)) = self.reservations.answered(reply.ask())
            && let Ok(Finding::AgentReserved { .. }) = reply.finding
            && !self.is_wanted(agent, call)
        {
            self.release_agent(now, agent, call);
        }
    }

    /// The call waits for this agent, or has this agent, by this reservation or a later one.
    fn is_wanted(&self, agent: AgentId, call: CallId) -> bool {
        let phase = self.calls.get(&call).and_then(|slot| slot.call.as_ref()).map(|call| call.phase());
        matches!(phase, Some(Phase::Reserving { agent: awaited, .. }) if *awaited == agent)
            || self.acd.agent(agent).map(Agent::state).is_some_and(|state| is_with(state, call))
    }
}

/// What is asked is answered, but for a fault of the shell: then the oldest are forgotten, and their leases run out by themselves.
const RESERVATIONS_MAX: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_that_are_never_answered_do_not_pile_up() {
        let mut reservations = Reservations::default();
        for ask in 0..2_000 {
            reservations.asked(AskId(ask), AgentId(1), CallId(ask));
        }
        assert_eq!(reservations.asked.len(), RESERVATIONS_MAX);
        assert_eq!(reservations.answered(AskId(0)), None);
        assert_eq!(reservations.answered(AskId(1_999)), Some((AgentId(1), CallId(1_999))));
        assert_eq!(reservations.answered(AskId(1_999)), None, "once");
    }
}
