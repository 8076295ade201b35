//! The caller in line: a place, music, and the choice of an agent.

use std::time::Duration;

use super::{
    Call, Due, Phase,
    handoff::RELEASE_MAX,
    turn::{Turn, Wish},
};
use crate::{
    acd::{AgentState, Entry, Match},
    cause::Cause,
    config::Queue,
    events::{
        ask::{AskFailure, Finding, Question},
        record::Happened,
    },
    ids::{AgentId, EntryId},
};

impl Call {
    pub(super) fn enqueue(&mut self, queue: String, skills: Vec<String>, priority: u8, turn: &mut Turn<'_>) {
        let id = turn.mint.entry();
        let since = turn.now.instant;
        self.queued_at = Some(since);
        self.routing.queue.clone_from(&queue);
        self.routing.skills.clone_from(&skills);
        turn.write(Happened::Queued { queue: queue.clone(), entry: id });
        turn.wish(Wish::Enqueue(Entry { id, call: self.id, queue, skills, priority, since, offered: false, tried: Vec::new() }));
        self.timers.set(Due::Wait, since + Duration::from_secs(u64::from(self.queue(turn).wait_max_s)));
        self.wait(id, turn);
    }

    fn wait(&mut self, entry: EntryId, turn: &mut Turn<'_>) {
        let music = self.queue(turn).music;
        self.music(&music, turn);
        self.phase = Phase::Queued(entry);
        self.tell_caller("queued", None, turn);
    }

    pub(super) fn matched(&mut self, found: Match, turn: &mut Turn<'_>) {
        let waiting = if let Phase::Queued(entry) = self.phase { Some(entry) } else { None };
        let Some(entry) = waiting.filter(|entry| *entry == found.entry) else {
            turn.wish(Wish::Turn(found.agent, AgentState::Available));
            return;
        };
        let deadline = turn.now.instant + RESERVE_MAX;
        let ask = turn.ask(Question::ReserveAgent { agent: found.agent, call: self.id }, deadline);
        self.phase = Phase::Reserving { entry, agent: found.agent, because: found.because, ask };
    }

    pub(super) fn reserved(&mut self, finding: Result<Finding, AskFailure>, turn: &mut Turn<'_>) {
        let Phase::Reserving { entry, agent, because, .. } = &self.phase else { return };
        let (entry, agent, because) = (*entry, *agent, because.clone());
        match finding {
            Ok(Finding::AgentReserved { .. }) => self.offer_to(entry, agent, because, turn),
            Ok(_) => self.not_reserved(entry, agent, turn),
            Err(_) => {
                // It may have been granted after all; whoever holds nothing is not troubled by a release.
                turn.ask(Question::ReleaseAgent { agent, call: self.id }, turn.now.instant + RELEASE_MAX);
                self.not_reserved(entry, agent, turn);
            }
        }
    }

    /// Taken on another node, or nobody knows: the caller keeps the place, and after a rest the next choice is made anew.
    fn not_reserved(&mut self, entry: EntryId, agent: AgentId, turn: &mut Turn<'_>) {
        turn.wish(Wish::Turn(agent, AgentState::Available));
        self.timers.set(Due::Again(agent), turn.now.instant + TAKEN_REST);
        self.phase = Phase::Queued(entry);
    }

    pub(super) fn choose_again(&mut self, agent: AgentId, turn: &mut Turn<'_>) {
        if let Phase::Queued(entry) = self.phase {
            turn.wish(Wish::Requeue(entry, agent));
        }
    }

    /// The agent did not take the call, or was lost: the caller waits on, in the old place.
    pub(super) fn wait_again(&mut self, entry: EntryId, turn: &mut Turn<'_>) {
        self.wait(entry, turn);
    }

    pub(super) fn waited_too_long(&mut self, turn: &mut Turn<'_>) {
        if let Phase::Queued(_) = self.phase {
            self.end(Cause::NO_ANSWER, turn);
        } else {
            // An agent is being rung just now: the ring's own deadline decides first.
            self.timers.set(Due::Wait, turn.now.instant + Duration::from_secs(5));
        }
    }

    pub(super) fn queue(&self, turn: &Turn<'_>) -> Queue {
        turn.config.queues.get(&self.routing.queue).cloned().unwrap_or_default()
    }
}

/// A reservation is a local table or one database statement; past this the next agent is asked.
const RESERVE_MAX: Duration = Duration::from_secs(1);
/// A table that says no is not asked again before this: a lone agent who is taken would be asked for without end.
const TAKEN_REST: Duration = Duration::from_millis(250);
