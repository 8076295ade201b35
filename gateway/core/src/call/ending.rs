//! The end: legs are told, ports close, the recording seals, and exactly one `CallEnded` is written.

use std::time::Duration;

use super::{
    Call, Due, Phase,
    turn::{Turn, Wish},
};
use crate::{
    acd::AgentState,
    cause::Cause,
    events::{
        leg::LegCommand,
        media::{MediaCommand, Quality},
        record::Happened,
        story::{Cursor, ExitReason},
    },
    ids::PortId,
    timers::TimerTable,
};

impl Call {
    /// The caller is gone, in whatever phase.
    pub(super) fn caller_left(&mut self, cause: Cause, turn: &mut Turn<'_>) {
        self.caller.over.get_or_insert(cause);
        // Hanging up on a busy tone is no other fate than to hear it to its end.
        let cause = if let Phase::Refused(why) = self.phase { why } else { cause };
        self.end(cause, turn);
    }

    /// Ends the call; whoever is still there is told.
    pub(super) fn end(&mut self, cause: Cause, turn: &mut Turn<'_>) {
        if matches!(self.phase, Phase::Ending(_) | Phase::Ended) {
            return;
        }
        self.leave_phase(turn);
        self.stop_talking(turn);
        self.playing = None;
        self.phase = Phase::Ending(cause);
        self.timers = TimerTable::new();
        self.timers.set(Due::Ending, turn.now.instant + ENDING_MAX);
        self.caller.hang_up(cause, turn);
        if let Some(recording) = self.recording {
            turn.media(MediaCommand::SealRecording { recording });
        }
        self.part_far(cause, turn);
        self.part_handset(cause, turn);
        self.part_third(cause, turn);
        self.caller.close(turn);
        if self.caller.port.is_none() {
            self.caller.end(turn);
        }
        self.finish_if_done(turn);
    }

    /// Gives back what the phase holds: a place in line, an agent.
    fn leave_phase(&mut self, turn: &mut Turn<'_>) {
        match &self.phase {
            Phase::Queued(entry) => turn.wish(Wish::Dequeue(*entry)),
            Phase::Reserving { entry, agent, .. } => {
                let (entry, agent) = (*entry, *agent);
                turn.wish(Wish::Dequeue(entry));
                self.free(agent, AgentState::Available, turn);
            }
            Phase::Offering(ringing) | Phase::Gate { ringing, .. } => {
                let (entry, agent) = (ringing.entry, ringing.agent);
                turn.wish(Wish::Dequeue(entry));
                self.free(agent, AgentState::Available, turn);
            }
            Phase::Talking { agent, .. } => {
                let agent = *agent;
                let length = Duration::from_secs(u64::from(self.queue(turn).wrapup_s));
                turn.wish(Wish::WrapUp(agent, length));
            }
            Phase::Transferring { by, agent, .. } => {
                let (by, agent) = (*by, *agent);
                turn.leg(by, LegCommand::NotifyRefer { status: 487 });
                if let Some(agent) = agent.filter(|_| self.far.is_some()) {
                    let length = Duration::from_secs(u64::from(self.queue(turn).wrapup_s));
                    turn.wish(Wish::WrapUp(agent, length));
                }
            }
            Phase::Serving(session) => {
                let Cursor { node, .. } = session.cursor();
                let walk = session.walk();
                self.walk = walk;
                if self.exit.is_none() {
                    turn.write(Happened::ScriptLeft { reason: ExitReason::Completed, node });
                }
            }
            Phase::Arriving { .. }
            | Phase::Connecting
            | Phase::Dialling { .. }
            | Phase::Through { .. }
            | Phase::Refused(_)
            | Phase::Ending(_)
            | Phase::Ended => {}
        }
        if self.waited_ms == 0 {
            self.waited_ms = self.waited(turn);
        }
    }

    pub(super) fn port_closed(&mut self, port: PortId, quality: Quality, turn: &mut Turn<'_>) {
        if self.caller.port == Some(port) {
            self.caller.closed(quality, turn);
        } else if let Some(at) = self.parting.iter().position(|leg| leg.port == Some(port)) {
            self.parting.remove(at).closed(quality, turn);
        }
        self.finish_if_done(turn);
    }

    /// What the call agreed and what is heard differ from here on, so all of it ends; a leg that was leaving leaves.
    pub(super) fn port_broke(&mut self, port: PortId, turn: &mut Turn<'_>) {
        if self.parting.iter().all(|leg| leg.port != Some(port)) {
            self.end(Cause::BROKEN, turn);
        }
    }

    pub(super) fn recorded(&mut self, outcome: Result<(String, u64), String>, turn: &mut Turn<'_>) {
        let Some(recording) = self.recording.take() else { return };
        match outcome {
            Ok((file, length_ms)) => turn.write(Happened::RecordingSealed { recording, file, length_ms }),
            Err(reason) => {
                turn.write(Happened::RecordingFailed { recording, reason });
                self.tell_all("recording_failed", turn);
            }
        }
        self.finish_if_done(turn);
    }

    /// Ports or the recorder do not answer: what is known is written all the same.
    pub(super) fn give_up_waiting(&mut self, turn: &mut Turn<'_>) {
        if self.caller.port.take().is_some() {
            self.caller.end(turn);
        }
        for mut leg in std::mem::take(&mut self.parting) {
            leg.end(turn);
        }
        if let Some(recording) = self.recording.take() {
            turn.write(Happened::RecordingFailed { recording, reason: "the recorder did not close the file in time".to_owned() });
        }
        self.finish_if_done(turn);
    }

    fn finish_if_done(&mut self, turn: &mut Turn<'_>) {
        let Phase::Ending(cause) = self.phase else { return };
        if self.caller.port.is_none() && self.parting.is_empty() && self.recording.is_none() {
            let (waited_ms, talked_ms) = (self.waited_ms, self.talked_ms);
            turn.write(Happened::CallEnded { cause, agent: self.agent, waited_ms, talked_ms, crashed: false });
            self.timers = TimerTable::new();
            self.phase = Phase::Ended;
        }
    }
}

/// Ports close at once and a file within a flush; past this the disk is ill, and the record must not wait for it.
const ENDING_MAX: Duration = Duration::from_secs(5);
