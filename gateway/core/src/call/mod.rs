//! One conversation: legs, phase, context, journal. Legs are coupled here and nowhere else.
//!
//! A call knows no SIP and no browser: it hears `Stimulus` and says `Wish`es, in the order they must be done. All branching on the phase
//! is the one `match` of `Call::handle`; the files beside this one hold what its arms do. States: docs/specs/call.md.

mod arriving;
mod ending;
mod handoff;
mod leg;
mod phase;
mod phones;
mod placing;
mod presses;
mod referring;
mod serving;
mod silent;
mod talking;
#[cfg(test)]
mod tests;
mod through;
mod transferring;
mod turn;
mod waiting;

use std::time::Instant;

pub use leg::{LegMedia, RtpTerms};
use media::sdp::Offer;
pub use phase::{Phase, Ringing};
pub use transferring::GivenLeg;
pub use turn::{Mint, Stimulus, Turn, Wish, agent_name};

use self::{leg::Leg, transferring::Wanted};
use crate::{
    cause::{Cause, Fault},
    config::RouteAction,
    events::{
        calling::{Calling, Proof},
        leg::{LegCommand, LegEvent},
        media::MediaEvent,
        story::{Exit, Fact, Handover, Medium, Routing, Story, Walk},
    },
    ids::{AgentId, BridgeId, CallId, LegId, PlayId, PortId, RecordingId},
    private::Private,
    timers::TimerTable,
};

/// How a caller came in, as the leg's channel and routing see it.
#[derive(Debug)]
pub struct Arrival {
    /// The number or name that the caller shows; empty where it is withheld.
    pub caller: Private<String>,
    /// What else its signalling says of it.
    pub calling: Calling,
    /// The user part that was dialled.
    pub dialled: String,
    /// By which trunk, if any.
    pub trunk: Option<String>,
    /// ISO 3166 region of numbers without a country code.
    pub region: Option<String>,
    /// What a verified handoff token names.
    pub token: Option<Private<String>>,
    /// Phone call or page.
    pub medium: Medium,
    /// How the caller's audio travels.
    pub media: LegMedia,
    /// The caller's offer; `None` where ours is wanted.
    pub offer: Option<Offer>,
    /// What the dialled number does.
    pub action: RouteAction,
    /// Whether the call is recorded.
    pub record: bool,
}

/// What falls due in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// A leg that was answered is not ready: no ACK, or no connected peer.
    Ready,
    /// The dialled leg did not answer.
    Answer,
    /// The tone that tells of a refusal has been heard.
    Refused,
    /// A carrier that was asked to call somebody has not done so.
    Referred,
    /// The agent let it ring.
    Ring,
    /// The gate opens without an ack.
    Gate,
    /// The caller has waited too long.
    Wait,
    /// The media path of a peer is gone, and no goodbye has come.
    Lost(LegId),
    /// A silent leg is asked again whether it is there.
    Silent(LegId),
    /// An agent could not be reserved; the choice is made anew.
    Again(AgentId),
    /// Ports or the recording do not end.
    Ending,
}

/// One conversation.
pub struct Call {
    id: CallId,
    context_id: String,
    session_id: String,
    arrival: Arrival,
    phase: Phase,
    caller: Leg,
    /// The agent's leg, or the one dialled for the caller.
    far: Option<Leg>,
    /// The agent's phone, while it rings.
    handset: Option<phones::Handset>,
    /// Whom a transfer calls, until that party has answered.
    third: Option<Leg>,
    /// The recording is of the leg that is the caller's now.
    taped: bool,
    /// Legs that did not come about and whose ports are still closing.
    parting: Vec<Leg>,
    story: Story,
    /// What came of the caller's signature.
    proof: Option<Proof>,
    walk: Walk,
    routing: Routing,
    handovers: Vec<Handover>,
    exit: Option<Exit>,
    slots: Vec<Fact>,
    /// Grows with each card that is sent.
    version: u32,
    recording: Option<RecordingId>,
    playing: Option<PlayId>,
    timers: TimerTable<Due>,
    queued_at: Option<Instant>,
    talk_began: Option<Instant>,
    talked_ms: u64,
    waited_ms: u64,
    /// The last agent who talked.
    agent: Option<AgentId>,
}

impl Call {
    /// A caller's leg is offered.
    pub fn begin(id: CallId, ids: (String, String), caller: LegId, arrival: Arrival, turn: &mut Turn<'_>) -> Self {
        arriving::begin(id, ids, caller, arrival, turn)
    }

    /// Takes one thing in; what follows from it stands in `turn.wishes`.
    pub fn handle(&mut self, stimulus: Stimulus, turn: &mut Turn<'_>) {
        match stimulus {
            Stimulus::Leg(leg, LegEvent::DigitHeard { ref digit, length, source }) if self.is_repeat(leg, digit, length, source, turn) => {}
            Stimulus::Leg(leg, event) if leg == self.caller.id => self.caller_did(event, turn),
            Stimulus::Leg(leg, event) => self.far_did(leg, event, turn),
            Stimulus::Media(event) => self.media_did(event, turn),
            Stimulus::Replied { ask, finding, late } => self.replied(ask, finding, late, turn),
            Stimulus::Matched(found) => self.matched(found, turn),
            Stimulus::Placed(place) => self.tell_caller("queued", Some(place.to_string()), turn),
            Stimulus::RecordingPaused(paused) => self.pause_recording(paused, turn),
            Stimulus::TookOver { by, given, from } => self.take_over(by, given, from, turn),
            Stimulus::Replaced { old, by, media, offer } => self.replaced(old, by, media, &offer, turn),
            Stimulus::HungUpByOperator => self.end(Cause::goodbye(Fault::Gateway), turn),
            Stimulus::Woke => self.woke(turn),
        }
    }

    /// When to say `Woke`.
    pub fn deadline(&self) -> Option<Instant> {
        let session = if let Phase::Serving(session) = &self.phase { session.deadline() } else { None };
        self.timers.next().into_iter().chain(session).min()
    }

    /// Its name.
    pub fn id(&self) -> CallId {
        self.id
    }

    /// Where it is.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// All is written: it may leave memory.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Ended)
    }

    /// The latest fact of this key, told in this call or before.
    pub fn fact(&self, key: &str) -> Option<Fact> {
        self.slots.iter().chain(&self.story.facts).filter(|fact| fact.key == key).max_by_key(|fact| fact.at).cloned()
    }

    fn caller_did(&mut self, event: LegEvent, turn: &mut Turn<'_>) {
        match (&mut self.phase, event) {
            (Phase::Ending(_) | Phase::Ended, _) => {}
            (_, LegEvent::HungUp(cause)) => {
                let cause = self.caller.why_lost(cause);
                self.caller_left(cause, turn);
            }
            // A browser hears us once its peer is connected, however its signalling travels.
            (_, LegEvent::Ready) if self.caller.media == LegMedia::Web => {}
            (_, LegEvent::Ready) => self.caller_ready(turn),
            (_, LegEvent::Referred { to, replaces, by, .. }) => self.referred(self.caller.id, Wanted { to, replaces, by }, turn),
            (Phase::Transferring { .. }, LegEvent::ReferProgressed { status }) => self.refer_progressed(status, turn),
            (_, LegEvent::Reoffered { offer }) => self.caller_reoffered(offer, turn),
            (_, LegEvent::ReofferAnswered { answer }) => self.caller_agreed(&answer, turn),
            (_, LegEvent::ReofferRefused(cause)) => self.caller_disagreed(cause, turn),
            (Phase::Serving(_), LegEvent::DigitHeard { digit, .. }) => self.key(digit, turn),
            (Phase::Talking { .. } | Phase::Dialling { .. } | Phase::Through { .. }, LegEvent::DigitHeard { digit, length, .. }) => {
                self.pass_key(digit, length, turn);
            }
            _ => {}
        }
    }

    fn far_did(&mut self, leg: LegId, event: LegEvent, turn: &mut Turn<'_>) {
        if let LegEvent::Located { advertised, signalled_from } = event {
            let dialled = self.far.iter_mut().chain(&mut self.third).chain(self.handset.as_mut().map(phones::Handset::leg_mut));
            return dialled.filter(|one| one.id == leg).for_each(|one| one.locate(advertised, signalled_from));
        }
        if self.is_handset(leg) {
            return self.handset_did(event, turn);
        }
        if self.is_third(leg) {
            return self.third_did(event, turn);
        }
        if self.far.as_ref().is_none_or(|far| far.id != leg) {
            return;
        }
        match (&self.phase, event) {
            (Phase::Ending(_) | Phase::Ended, _) => {}
            (Phase::Offering(_) | Phase::Gate { .. }, LegEvent::MediaOffered { offer }) => self.agent_offers_media(&offer, turn),
            (Phase::Offering(_) | Phase::Gate { .. }, LegEvent::CardDrawn { version, .. }) => self.card_drawn(version, turn),
            (Phase::Offering(_), LegEvent::Accepted) => self.accepted(turn),
            (Phase::Offering(_) | Phase::Gate { .. }, LegEvent::Refused(cause) | LegEvent::HungUp(cause)) => self.not_taken(cause, turn),
            (Phase::Talking { .. }, LegEvent::Held { held }) => self.hold(held, turn),
            (Phase::Talking { .. } | Phase::Dialling { .. } | Phase::Through { .. }, LegEvent::DigitHeard { digit, length, .. }) => {
                self.send_key(digit, length, turn);
            }
            (Phase::Talking { .. }, LegEvent::HungUp(cause)) => self.agent_left(cause, turn),
            (_, LegEvent::Referred { to, replaces, by, .. }) => self.referred(leg, Wanted { to, replaces, by }, turn),
            (Phase::Transferring { .. }, LegEvent::HungUp(cause)) => self.referrer_left(cause, turn),
            (Phase::Talking { .. } | Phase::Transferring { .. }, LegEvent::Reoffered { offer }) => self.far_reoffered(offer, turn),
            (Phase::Talking { .. } | Phase::Transferring { .. }, LegEvent::ReofferAnswered { answer }) => self.far_agreed(&answer, turn),
            (Phase::Dialling { .. }, LegEvent::Progressed { answer, .. }) => self.dialled_progressed(answer.as_ref(), turn),
            (Phase::Dialling { .. }, LegEvent::Answered { answer }) => self.dialled_answered(&answer, turn),
            (Phase::Dialling { .. }, LegEvent::Refused(cause) | LegEvent::HungUp(cause)) => self.dialled_refused(cause, turn),
            (Phase::Dialling { .. } | Phase::Through { .. }, LegEvent::Reoffered { offer }) => self.far_reoffered(offer, turn),
            (Phase::Dialling { .. } | Phase::Through { .. }, LegEvent::ReofferAnswered { answer }) => self.far_agreed(&answer, turn),
            (Phase::Through { .. }, LegEvent::HungUp(cause)) => self.far_left(cause, turn),
            _ => {}
        }
    }

    fn media_did(&mut self, event: MediaEvent, turn: &mut Turn<'_>) {
        match event {
            MediaEvent::PeerAnswered { port, answer } => self.peer_answered(port, answer, turn),
            MediaEvent::PeerOffered { port, offer } => self.peer_offered(port, offer, turn),
            MediaEvent::PeerRefused { port, cause } => self.peer_refused(port, cause, turn),
            MediaEvent::PeerConnected { port } => self.peer_connected(port, turn),
            MediaEvent::Broken { port } => self.port_broke(port, turn),
            MediaEvent::PeerGone { port, cause } => self.peer_gone(port, cause, turn),
            MediaEvent::DigitHeard { port, digit, length, source } => {
                if let Some(leg) = self.leg_of(port) {
                    self.handle(Stimulus::Leg(leg, LegEvent::DigitHeard { digit, length, source }), turn);
                }
            }
            MediaEvent::PlayDone { play, end, .. } => self.played(play, end, turn),
            MediaEvent::Recorded { file, length_ms, .. } => self.recorded(Ok((file, length_ms)), turn),
            MediaEvent::RecordingFailed { reason, .. } => self.recorded(Err(reason), turn),
            MediaEvent::Closed { port, quality } => self.port_closed(port, quality, turn),
            MediaEvent::MediaLost { port } => self.fell_silent(port, turn),
            MediaEvent::Quality { port, quality } => self.heard(port, quality),
            MediaEvent::SpeechStarted { .. }
            | MediaEvent::SpeechEnded { .. }
            | MediaEvent::ForkClosed { .. }
            | MediaEvent::PortsLeased { .. } => {}
        }
    }

    fn woke(&mut self, turn: &mut Turn<'_>) {
        while let Some(due) = self.timers.pop_due(turn.now.instant) {
            match due {
                Due::Ready => self.end(Cause::TIMED_OUT, turn),
                Due::Answer if matches!(self.phase, Phase::Transferring { .. }) => self.transfer_failed(Cause::NO_ANSWER, turn),
                Due::Answer => self.dialled_refused(Cause::NO_ANSWER, turn),
                Due::Refused => self.refusal_heard(turn),
                Due::Referred => self.dial_instead(turn),
                Due::Ring => self.not_taken(Cause::NO_ANSWER, turn),
                Due::Gate => self.bridge_agent(turn),
                Due::Wait => self.waited_too_long(turn),
                Due::Lost(leg) => self.path_lost(leg, Cause::MEDIA_LOST, turn),
                Due::Silent(leg) => self.still_silent(leg, turn),
                Due::Again(agent) => self.choose_again(agent, turn),
                Due::Ending => self.give_up_waiting(turn),
            }
        }
        self.session_woke(turn);
    }

    fn tell_caller(&self, state: &str, detail: Option<String>, turn: &mut Turn<'_>) {
        turn.leg(self.caller.id, LegCommand::Status { state: state.to_owned(), detail });
    }

    /// What both sides with a screen should know.
    fn tell_all(&self, state: &str, turn: &mut Turn<'_>) {
        for leg in std::iter::once(&self.caller).chain(&self.far) {
            turn.leg(leg.id, LegCommand::Status { state: state.to_owned(), detail: None });
        }
    }

    fn leg_of(&self, port: PortId) -> Option<LegId> {
        self.legs().find(|leg| leg.port == Some(port)).map(|leg| leg.id)
    }

    fn legs(&self) -> impl Iterator<Item = &Leg> {
        std::iter::once(&self.caller).chain(&self.far).chain(&self.third).chain(&self.parting)
    }

    fn bridge(&self) -> Option<BridgeId> {
        match &self.phase {
            Phase::Talking { bridge, .. } | Phase::Through { bridge } => Some(*bridge),
            Phase::Dialling { early, .. } => *early,
            Phase::Arriving { .. }
            | Phase::Connecting
            | Phase::Serving(_)
            | Phase::Queued(_)
            | Phase::Reserving { .. }
            | Phase::Offering(_)
            | Phase::Gate { .. }
            | Phase::Transferring { .. }
            | Phase::Refused(_)
            | Phase::Ending(_)
            | Phase::Ended => None,
        }
    }
}
