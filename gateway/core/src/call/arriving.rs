//! From the first leg's offer to the first word: who is it, and can we hear each other?

use std::time::Duration;

use media::sdp::{Answer, Offer};

use super::{Arrival, Call, Due, Phase, leg::Leg, turn::Turn};
use crate::{
    cause::{Cause, Fault},
    config::{RouteAction, RouteNumber},
    context::{identity::Who, trust},
    events::{
        ask::{AskFailure, Finding, Question},
        calling::{Calling, Proof, Unproven},
        leg::{Direction, LegCommand, Target},
        media::MediaCommand,
        record::Happened,
        story::{Came, Routing, Story, Walk},
    },
    ids::{AskId, CallId, LegId, PortId, RecordingId},
    private::Private,
    timers::TimerTable,
};

pub(super) fn begin(id: CallId, ids: (String, String), caller: LegId, arrival: Arrival, turn: &mut Turn<'_>) -> Call {
    let (context_id, session_id) = ids;
    turn.write(Happened::CallStarted { context_id: context_id.clone(), session_id: session_id.clone(), previous: None });
    turn.write(Happened::LegStarted { leg: caller, direction: Direction::Inbound, peer: arrival.caller.clone() });
    let mut call = Call {
        id,
        context_id,
        session_id,
        caller: Leg::new(caller, arrival.media.clone()).by(arrival.trunk.clone()),
        far: None,
        handset: None,
        third: None,
        taped: true,
        parting: Vec::new(),
        story: Story::default(),
        proof: None,
        walk: Walk { flow: String::new(), version: 0, path: Vec::new(), menu: None },
        routing: Routing { queue: String::new(), skills: Vec::new(), waited_ms: 0, tried: Vec::new(), chosen_because: String::new() },
        handovers: Vec::new(),
        exit: None,
        slots: Vec::new(),
        version: 0,
        recording: None,
        playing: None,
        timers: TimerTable::new(),
        queued_at: None,
        talk_began: None,
        talked_ms: 0,
        waited_ms: 0,
        agent: None,
        phase: Phase::Connecting,
        arrival,
    };
    call.note_arrival(turn);
    call.identify(turn);
    call
}

impl Call {
    fn identify(&mut self, turn: &mut Turn<'_>) {
        let deadline = turn.now.instant + IDENTIFY_MAX;
        let verify = self.arrival.calling.signed.take().map(|signed| turn.ask(Question::Verify(Box::new(signed)), deadline));
        if matches!(self.arrival.action, RouteAction::Bridge(_) | RouteAction::Number(_)) {
            self.phase = Phase::Arriving { identify: None, verify };
            return self.arrived(turn);
        }
        let number = match Who::of(&self.arrival.caller.0, self.arrival.region.as_deref()) {
            Who::Tel(number) => Some(number),
            Who::Sip(_) | Who::Withheld => None,
        };
        let (token, context) = (self.arrival.token.clone(), self.arrival.calling.context.clone());
        let ask = turn.ask(Question::Identify { token, context, number }, deadline);
        self.phase = Phase::Arriving { identify: Some(ask), verify };
        // A browser's connection takes as long as the look-up: both at once.
        if self.caller.media == super::LegMedia::Web {
            self.open_caller(turn);
        }
    }

    pub(super) fn replied(&mut self, ask: AskId, finding: Result<Finding, AskFailure>, late: bool, turn: &mut Turn<'_>) {
        match (&self.phase, finding) {
            (Phase::Arriving { identify: Some(asked), verify }, finding) if *asked == ask => {
                self.phase = Phase::Arriving { identify: None, verify: *verify };
                let story = if let Ok(Finding::Identified(story)) = finding { *story } else { Story::default() };
                self.identified(story, turn);
            }
            (Phase::Arriving { identify, verify: Some(asked) }, finding) if *asked == ask => {
                self.phase = Phase::Arriving { identify: *identify, verify: None };
                let proof = if let Ok(Finding::Verified(proof)) = finding { proof } else { Err(Unproven::Unanswered) };
                self.proven(proof, turn);
            }
            (Phase::Reserving { ask: asked, .. }, finding) if *asked == ask => self.reserved(finding, turn),
            (_, Ok(Finding::Identified(story))) if late => self.identified_late(*story, turn),
            (_, Ok(Finding::Verified(proof))) if late => self.weigh_proof(proof, true, turn),
            _ => {}
        }
    }

    fn identified(&mut self, story: Story, turn: &mut Turn<'_>) {
        turn.write(Happened::Identified { customer: story.customer.as_ref().map(|customer| customer.id), late: false });
        self.tell_story(story);
        self.arrived(turn);
    }

    /// A signature has been verified, or not in time.
    fn proven(&mut self, proof: Proof, turn: &mut Turn<'_>) {
        let refused = proof.as_ref().err().copied().filter(|_| self.arrival.calling.must_prove);
        self.weigh_proof(proof, false, turn);
        match refused {
            Some(why) => self.end(Cause { sip: why.status(), ..Cause::of_status(403, Fault::Carrier) }, turn),
            None => self.arrived(turn),
        }
    }

    fn weigh_proof(&mut self, proof: Proof, late: bool, turn: &mut Turn<'_>) {
        let (attestation, unproven) = (proof.as_ref().ok().cloned(), proof.as_ref().err().copied());
        turn.write(Happened::Proven { attestation, unproven, late });
        // A late one replaces what its deadline said.
        if late {
            self.story.trust.evidence.retain(|said| said != Unproven::Unanswered.words());
        }
        trust::weigh(&mut self.story.trust, &proof);
        self.story.came.attestation = proof.as_ref().ok().and_then(|attestation| attestation.level);
        self.proof = Some(proof);
    }

    /// The store's story, with what the call itself knows laid beside it.
    fn tell_story(&mut self, story: Story) {
        self.story = story;
        if let Some(proof) = &self.proof {
            trust::weigh(&mut self.story.trust, proof);
        }
        let Arrival { dialled, trunk, calling, .. } = &self.arrival;
        self.story.came = Came {
            dialled: dialled.clone(),
            trunk: trunk.clone(),
            diverted: calling.diverted.first().cloned(),
            is_withheld: calling.is_withheld,
            attestation: self.proof.as_ref().and_then(|proof| proof.as_ref().ok()?.level),
            note: calling.note.clone(),
        };
    }

    /// History has what came with the caller, where anything did.
    fn note_arrival(&self, turn: &mut Turn<'_>) {
        let Calling { diverted, withheld, peer_session, note, .. } = self.arrival.calling.clone();
        if !diverted.is_empty() || withheld.is_some() || peer_session.is_some() || note.is_some() {
            turn.write(Happened::Arrived { diverted, withheld, peer_session, note });
        }
    }

    /// Nothing is awaited any more: the call begins.
    fn arrived(&mut self, turn: &mut Turn<'_>) {
        if !matches!(self.phase, Phase::Arriving { identify: None, verify: None }) {
            return;
        }
        match self.arrival.action.clone() {
            RouteAction::Bridge(uri) => return self.dial_through(Target::Uri(uri), turn),
            RouteAction::Number(RouteNumber { number, trunk }) => {
                let number = Private(number.unwrap_or_else(|| self.arrival.dialled.clone()));
                let caller = self.arrival.caller.clone();
                return self.dial_through(Target::Number { number, trunk, caller }, turn);
            }
            RouteAction::Script(_) => {}
        }
        self.phase = Phase::Connecting;
        match (&self.caller.media, self.caller.ready) {
            (super::LegMedia::Web, true) => self.serve(turn),
            (super::LegMedia::Web, false) => {}
            (super::LegMedia::Rtp(_), _) => self.open_caller(turn),
        }
    }

    fn identified_late(&mut self, story: Story, turn: &mut Turn<'_>) {
        turn.write(Happened::Identified { customer: story.customer.as_ref().map(|customer| customer.id), late: true });
        self.tell_story(story);
        self.story_arrived(self.story.clone(), turn);
    }

    /// Answers the caller's offer, and starts the recording with the answer.
    fn open_caller(&mut self, turn: &mut Turn<'_>) {
        let Some(offer) = self.arrival.offer.clone() else { return self.propose_to_caller(turn) };
        match self.caller.open(&offer, turn) {
            Ok(Some(answer)) => self.answer_caller(answer, turn),
            Ok(None) => self.timers.set(Due::Ready, turn.now.instant + READY_MAX),
            Err(cause) => self.end(cause, turn),
        }
    }

    /// Takes a call that came without an offer by ours; its ACK brings the answer, and only then is there anything to hear (RFC 3725).
    pub(super) fn propose_to_caller(&mut self, turn: &mut Turn<'_>) {
        match self.caller.offer(turn) {
            Ok(offer) => {
                self.caller.answered = true;
                turn.leg(self.caller.id, LegCommand::Propose { offer });
                self.timers.set(Due::Ready, turn.now.instant + READY_MAX);
            }
            Err(cause) => self.end(cause, turn),
        }
    }

    /// The caller has answered an offer of ours: the first one opens its port, a later one changes it.
    pub(super) fn caller_agreed(&mut self, answer: &Answer, turn: &mut Turn<'_>) {
        let is_first = self.caller.port.is_none();
        if let Err(cause) = self.caller.settle(answer, turn) {
            return self.end(cause, turn);
        }
        if is_first {
            self.record(turn);
            self.join(turn);
        }
        self.tell_hold_of_caller(turn);
    }

    /// A call without any media is none; otherwise what was agreed before stands.
    pub(super) fn caller_disagreed(&mut self, cause: Cause, turn: &mut Turn<'_>) {
        if self.caller.port.is_none() {
            self.end(cause, turn);
        }
    }

    pub(super) fn answer_caller(&mut self, answer: Answer, turn: &mut Turn<'_>) {
        self.caller.answered = true;
        self.record(turn);
        turn.leg(self.caller.id, LegCommand::Answer { answer });
        if self.recording.is_some() {
            self.tell_caller("recording", None, turn);
        }
        self.timers.set(Due::Ready, turn.now.instant + READY_MAX);
    }

    fn record(&mut self, turn: &mut Turn<'_>) {
        if let (true, Some(caller)) = (self.arrival.record, self.caller.port) {
            let recording = RecordingId(self.id.0);
            self.recording = Some(recording);
            turn.media(MediaCommand::Record { recording, caller, agent: None });
        }
    }

    pub(super) fn peer_answered(&mut self, port: PortId, answer: Answer, turn: &mut Turn<'_>) {
        if self.caller.port == Some(port) && self.caller.reoffer_met() {
            turn.leg(self.caller.id, LegCommand::AcceptReoffer { answer });
            self.tell_hold_of_caller(turn);
        } else if self.caller.port == Some(port) {
            self.answer_caller(answer, turn);
        } else if let Some(far) = self.far.as_mut().filter(|far| far.port == Some(port)) {
            let is_again = far.reoffer_met();
            turn.leg(far.id, if is_again { LegCommand::AcceptReoffer { answer } } else { LegCommand::AnswerMedia { answer } });
            self.tell_hold_of_far(turn);
        }
    }

    /// The peer could not meet a re-offer: what stands shall stand.
    pub(super) fn peer_refused(&mut self, port: PortId, cause: Cause, turn: &mut Turn<'_>) {
        let leg = std::iter::once(&mut self.caller).chain(&mut self.far).find(|leg| leg.port == Some(port));
        if let Some(leg) = leg
            && leg.reoffer_unmet()
        {
            turn.leg(leg.id, LegCommand::RejectReoffer(cause));
        }
    }

    /// The caller hears us from here on, so the first word is not cut.
    pub(super) fn caller_ready(&mut self, turn: &mut Turn<'_>) {
        if self.caller.ready {
            return;
        }
        self.caller.ready = true;
        self.timers.stop(&Due::Ready);
        if matches!(self.phase, Phase::Connecting) {
            self.serve(turn);
        }
    }

    pub(super) fn caller_reoffered(&mut self, offer: Option<Offer>, turn: &mut Turn<'_>) {
        if let Some(command) = self.caller.reoffered(offer.as_ref(), turn) {
            turn.leg(self.caller.id, command);
        }
        self.tell_hold_of_caller(turn);
    }

    /// The agent's desk shows that the caller is away, and back.
    fn tell_hold_of_caller(&mut self, turn: &mut Turn<'_>) {
        let Some(holds) = self.caller.hold_changed() else { return };
        if let Some(far) = &self.far {
            let state = if holds { "caller_held" } else { "caller_back" };
            turn.leg(far.id, LegCommand::Status { state: state.to_owned(), detail: None });
        }
    }
}

/// Past it the call goes on as anonymous, and the story joins when it comes (ivr.md, `identify`).
const IDENTIFY_MAX: Duration = Duration::from_millis(400);
/// 64*T1, after which a peer that has not acknowledged is dead (RFC 3261 13.3.1.4).
const READY_MAX: Duration = Duration::from_secs(32);
