//! Which agent: the people who take calls, and the callers who wait for them.
//!
//! Owns both sides, so that an agent never has two callers and a caller never two agents. Decides by `matches`; whoever calls it carries the
//! decision out and says how it went.

mod agent;
mod queue;

use std::{collections::BTreeMap, time::Instant};

pub use agent::{Agent, AgentState};
pub use queue::Entry;

use crate::{
    config::AgentEntry,
    ids::{AgentId, CallId, EntryId},
};

/// A caller and the agent who should be rung for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// Whose place in the queue.
    pub entry: EntryId,
    /// The waiting call.
    pub call: CallId,
    /// Who should take it.
    pub agent: AgentId,
    /// In words, for the card.
    pub because: String,
}

/// The agents and the queues of one node.
#[derive(Debug, Default)]
pub struct Acd {
    agents: BTreeMap<AgentId, Agent>,
    entries: BTreeMap<EntryId, Entry>,
}

impl Acd {
    /// An agent sits down at a desk; one who was seated before keeps state.
    pub fn seat(&mut self, entry: &AgentEntry, now: Instant) {
        self.agents.entry(entry.id).or_insert_with(|| Agent::new(entry, now));
    }

    /// An agent leaves the desk for good; a call they had is told by the caller of this.
    pub fn unseat(&mut self, agent: AgentId) {
        self.agents.remove(&agent);
    }

    /// Puts a caller in line.
    pub fn enqueue(&mut self, entry: Entry) {
        self.entries.insert(entry.id, entry);
    }

    /// Takes a caller out of line: answered, gone or sent elsewhere.
    pub fn dequeue(&mut self, entry: EntryId) -> Option<Entry> {
        self.entries.remove(&entry)
    }

    /// Takes whatever place a call has out of line.
    pub fn dequeue_call(&mut self, call: CallId) {
        self.entries.retain(|_, entry| entry.call != call);
    }

    /// Marks a caller as waiting again after an agent did not take the call; that agent is not chosen again for this caller.
    pub fn requeue(&mut self, entry: EntryId, tried: AgentId) {
        if let Some(entry) = self.entries.get_mut(&entry) {
            entry.offered = false;
            if !entry.tried.contains(&tried) {
                entry.tried.push(tried);
            }
        }
    }

    /// Changes what an agent does; an impossible change is refused and told as `false`.
    pub fn turn(&mut self, agent: AgentId, state: AgentState, now: Instant) -> bool {
        self.agents.get_mut(&agent).is_some_and(|agent| agent.turn(state, now))
    }

    /// The next caller who can be served now, with the agent to ring; both are taken until `requeue`, `dequeue` or `turn` frees them.
    ///
    /// Callers by priority, then by waiting time; for each the agent with all skills wanted who has been idle longest. An agent whom this
    /// caller has tried before comes last, so that a lone agent who missed a ring can still be reached.
    pub fn next_match(&mut self, now: Instant) -> Option<Match> {
        let mut waiting: Vec<&Entry> = self.entries.values().filter(|entry| !entry.offered).collect();
        waiting.sort_by_key(|entry| (std::cmp::Reverse(entry.priority), entry.since, entry.id));
        let (entry, agent) = waiting.into_iter().find_map(|entry| Some((entry.id, self.best_for(entry)?)))?;
        let idle = self.agents.get(&agent).map_or(0, |agent| now.saturating_duration_since(agent.since()).as_secs());
        self.agents.get_mut(&agent)?.turn(AgentState::Reserved, now);
        let entry = self.entries.get_mut(&entry)?;
        entry.offered = true;
        let skills = if entry.skills.is_empty() { "no skill wanted".to_owned() } else { entry.skills.join(", ") };
        Some(Match { entry: entry.id, call: entry.call, agent, because: format!("{skills}; idle longest, {idle} s") })
    }

    /// A caller's place, counted from 1, among those who wait in the same queue.
    pub fn place(&self, entry: EntryId) -> Option<usize> {
        let own = self.entries.get(&entry)?;
        let rank = |entry: &Entry| (std::cmp::Reverse(entry.priority), entry.since, entry.id);
        Some(1 + self.entries.values().filter(|other| other.queue == own.queue && rank(other) < rank(own)).count())
    }

    /// All who are in line.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// How many wait in each queue, with the earliest arrival.
    pub fn waiting(&self) -> BTreeMap<&str, (usize, Instant)> {
        let mut queues = BTreeMap::new();
        for entry in self.entries.values() {
            let queue = queues.entry(entry.queue.as_str()).or_insert((0, entry.since));
            queue.0 += 1;
            queue.1 = queue.1.min(entry.since);
        }
        queues
    }

    /// A seated agent.
    pub fn agent(&self, agent: AgentId) -> Option<&Agent> {
        self.agents.get(&agent)
    }

    /// All seated agents.
    pub fn agents(&self) -> impl Iterator<Item = &Agent> {
        self.agents.values()
    }

    fn best_for(&self, entry: &Entry) -> Option<AgentId> {
        self.agents
            .values()
            .filter(|agent| agent.is_available() && agent.has_skills(&entry.skills))
            .min_by_key(|agent| (entry.tried.contains(&agent.id), agent.since(), agent.id))
            .map(|agent| agent.id)
    }
}

#[cfg(test)]
mod tests;
