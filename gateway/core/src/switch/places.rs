//! Pages and desks coming, speaking and going; callers' places in line.

use rand::{Rng, SeedableRng};

use super::{Page, Switch, refers::FORBIDDEN, web_leg::Meaning};
use crate::{
    acd::{Agent, AgentState},
    call::Stimulus,
    cause::Cause,
    events::{
        leg::{LegCommand, LegEvent},
        page::{ClientMessage, Notice},
        record::Happened,
    },
    ids::{AgentId, CallId, ChannelId, LegId},
    now::Now,
};

impl<R: Rng + SeedableRng> Switch<R> {
    pub(super) fn joined(&mut self, now: Now, channel: ChannelId, page: Page) {
        if let Page::Desk(agent) = page {
            match self.config.agents.iter().find(|entry| entry.id == agent) {
                Some(entry) => self.acd.seat(entry, now.instant),
                // The shell logs in only whom the configuration knows; one removed since finds an honest desk.
                None => return,
            }
        }
        self.web.join(channel, page, &mut self.outputs);
    }

    pub(super) fn said(&mut self, now: Now, channel: ChannelId, message: ClientMessage) {
        match self.web.said(channel, message, &mut self.outputs) {
            Meaning::Leg(leg, event) => self.leg_did(now, leg, event),
            Meaning::Call { channel, token, dialled, offer } => self.page_calls(now, channel, token, &dialled, offer),
            Meaning::Wants { agent, available } => self.agent_wants(now, agent, available),
            Meaning::WrappedUp { agent, call, disposition, tags, resolved, note } => {
                self.write(now, call, Happened::WrappedUp { agent, disposition, tags, resolved, note });
                self.wrap_up_over(now, agent, call, AgentState::Available);
            }
            Meaning::Confirmed { call, key } => self.confirm(now, call, &key),
            Meaning::Pause { call, paused } => self.step(now, call, Stimulus::RecordingPaused(paused)),
            Meaning::Nothing => {}
        }
    }

    pub(super) fn left(&mut self, now: Now, channel: ChannelId) {
        let (agent, legs) = self.web.leave(channel);
        for leg in legs {
            self.leg_did(now, leg, LegEvent::HungUp(Cause::MEDIA_LOST));
        }
        if let Some(agent) = agent {
            if let Some(AgentState::WrapUp(call)) = self.acd.agent(agent).map(Agent::state) {
                self.wrap_up_over(now, agent, call, AgentState::Unreachable);
            }
            if !self.has_phone(now, agent) {
                self.acd.unseat(agent);
            }
        }
    }

    /// A participant did something: their call takes it in.
    pub(super) fn leg_did(&mut self, now: Now, leg: LegId, mut event: LegEvent) {
        if let Some(call) = self.by_leg.get(&leg).copied() {
            if let LegEvent::Referred { replacing: Some(other), .. } = &event
                && let Some(theirs) = self.by_leg.get(other).copied()
            {
                // Nobody takes a place in the call that they are in.
                if theirs == call {
                    return self.tell_leg(now, leg, LegCommand::RejectRefer(FORBIDDEN));
                }
                return self.merge(now, (call, leg), (theirs, *other));
            }
            if let Err(cause) = self.judge_refer(&mut event) {
                return self.tell_leg(now, leg, LegCommand::RejectRefer(cause));
            }
            self.step(now, call, Stimulus::Leg(leg, event));
        }
    }

    /// Tells callers in line whose place has changed.
    pub(super) fn tell_places(&mut self, now: Now) {
        let changed: Vec<_> = self
            .acd
            .entries()
            .filter_map(|entry| Some((entry.id, entry.call, self.acd.place(entry.id)?)))
            .filter(|(entry, _, place)| self.told.get(entry) != Some(place))
            .collect();
        for (entry, call, place) in changed {
            self.told.insert(entry, place);
            self.step(now, call, Stimulus::Placed(place));
        }
    }

    fn confirm(&mut self, now: Now, call: CallId, key: &str) {
        let fact = self.calls.get(&call).and_then(|slot| slot.call.as_ref()).and_then(|call| call.fact(key));
        if let Some(mut fact) = fact {
            fact.confirmed = true;
            fact.confidence = 100;
            fact.at = now.utc;
            "agent".clone_into(&mut fact.source);
            self.write(now, call, Happened::FactLearned { fact });
        }
    }

    /// A desk's own word counts only while no call has its agent: a call lets go of the agent itself.
    fn agent_wants(&mut self, now: Now, agent: AgentId, available: bool) {
        let next = if available { AgentState::Available } else { AgentState::Away };
        match self.acd.agent(agent).map(Agent::state) {
            Some(AgentState::Away | AgentState::Available | AgentState::Unreachable) => self.turn_agent(now, agent, next),
            Some(AgentState::WrapUp(call)) => self.wrap_up_over(now, agent, call, next),
            Some(AgentState::Reserved | AgentState::Offered(_) | AgentState::Talking(_)) | None => {}
        }
    }

    /// Says to a page why its call did not come about.
    pub(super) fn refuse_page(&mut self, channel: ChannelId, what: &str) {
        self.web.push(channel, Notice::Problem { call: None, what: what.to_owned() }, &mut self.outputs);
    }
}
