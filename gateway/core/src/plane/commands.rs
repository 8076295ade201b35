//! What the Switch wants, done.

use std::time::{Duration, Instant};

use media::{
    sdp::{Answer, MediaPlan, Offer},
    session::{Session, Start},
    transmit::Channel,
    webrtc::Peer,
};

#[cfg(test)]
use super::shard::Wire;
use super::{
    Shard, bridge,
    lease::Grant,
    play::Play,
    port::{Collect, Line, Port, RtpLine, WebLine},
    recording::Recording,
    shard::Timer,
    speech::Speech,
};
use crate::{
    cause::{Cause, Fault},
    events::media::{MediaCommand, MediaEvent, PlayEnd, Quality, Topology},
    ids::{BridgeId, PlayId, PortId, RecordingId},
    private::Private,
};

impl<R: rand::Rng> Shard<R> {
    pub(super) fn obey(&mut self, now: Instant, command: MediaCommand) {
        let concerned = self.concerned(&command);
        self.together(now, &concerned, |shard| shard.carry_out(now, command));
    }

    /// The ports that a command is about.
    fn concerned(&self, command: &MediaCommand) -> Vec<PortId> {
        match command {
            MediaCommand::Open { port, .. }
            | MediaCommand::OpenPeer { port, .. }
            | MediaCommand::OfferPeer { port }
            | MediaCommand::AnswerPeer { port, .. }
            | MediaCommand::Replan { port, .. }
            | MediaCommand::Commit { port }
            | MediaCommand::Rollback { port }
            | MediaCommand::Direct { port, .. }
            | MediaCommand::Play { port, .. }
            | MediaCommand::Stop { port }
            | MediaCommand::Collect { port, .. }
            | MediaCommand::SendDigit { port, .. }
            | MediaCommand::Mute { port, .. }
            | MediaCommand::Fork { port, .. }
            | MediaCommand::RestartIce { port, .. }
            | MediaCommand::Link { port, .. }
            | MediaCommand::Close { port }
            | MediaCommand::Record { caller: port, .. } => vec![*port],
            MediaCommand::Bridge { topology, .. } => bridge::members(topology),
            MediaCommand::Unbridge { bridge } => self.bridges.get(bridge).map(bridge::members).unwrap_or_default(),
            MediaCommand::PauseRecording { recording }
            | MediaCommand::ResumeRecording { recording }
            | MediaCommand::SealRecording { recording } => {
                self.recordings.get(recording).map(|recording| vec![recording.caller]).unwrap_or_default()
            }
            MediaCommand::LeasePorts { .. } | MediaCommand::Unfork { .. } => Vec::new(),
        }
    }

    fn carry_out(&mut self, now: Instant, command: MediaCommand) {
        match command {
            MediaCommand::LeasePorts { count } => match self.leases.lease(count) {
                Grant::Leased(locals) => self.tell(MediaEvent::PortsLeased { locals }),
                Grant::Bind(count) => self.bind(count),
            },
            MediaCommand::Open { port, plan } => self.open(now, port, plan),
            MediaCommand::OpenPeer { port, offer } => self.open_peer(now, port, &offer),
            MediaCommand::OfferPeer { port } => self.offer_peer(now, port),
            MediaCommand::AnswerPeer { port, answer } => self.answer_peer(now, port, &answer),
            MediaCommand::Replan { port, plan } => self.with_session(port, |session| session.propose(plan)),
            MediaCommand::Commit { port } => {
                self.with_session(port, |session| session.commit(now));
                self.reroute_around(now, port);
            }
            MediaCommand::Rollback { port } => self.with_session(port, Session::roll_back),
            MediaCommand::Direct { port, flow } => {
                if let Some(port) = self.ports.get_mut(&port) {
                    port.line.direct(now, flow);
                }
            }
            MediaCommand::Bridge { bridge, topology } => self.bridge(now, bridge, topology),
            MediaCommand::Unbridge { bridge } => self.unbridge(now, bridge),
            MediaCommand::Play { port, play, clips, repeat } => self.play(now, port, play, &clips, repeat),
            MediaCommand::Stop { port } => self.stop(port),
            MediaCommand::Collect { port, keys_interrupt, speech_interrupts } => {
                if let Some(port) = self.ports.get_mut(&port) {
                    port.collect = Some(Collect { keys_interrupt, speech_interrupts, speech: Speech::new() });
                }
                self.reroute_around(now, port);
            }
            MediaCommand::SendDigit { port, digit: Private(digit), length } => {
                if let Some(port) = self.ports.get_mut(&port) {
                    port.line.outbound_mut().press(digit, length);
                }
                self.keep_beat(now, port);
            }
            // What is recorded is what the caller hears, whoever says it: see `recording`.
            MediaCommand::Record { recording, caller, agent: _ } => self.start_recording(now, recording, caller),
            MediaCommand::PauseRecording { recording } => {
                if let Some(recording) = self.recordings.get_mut(&recording) {
                    recording.pause();
                }
            }
            MediaCommand::ResumeRecording { recording } => {
                if let Some(recording) = self.recordings.get_mut(&recording) {
                    recording.resume(now);
                }
            }
            MediaCommand::SealRecording { recording } => self.seal(now, recording),
            MediaCommand::Mute { port, muted } => {
                if let Some(port) = self.ports.get_mut(&port) {
                    port.is_muted = muted;
                }
            }
            // No copy is ever made, so each has ended before it can be told to.
            MediaCommand::Fork { fork, .. } => self.tell(MediaEvent::ForkClosed { fork, cause: NOT_IMPLEMENTED }),
            MediaCommand::Unfork { .. } => {}
            MediaCommand::RestartIce { port, offer } => self.restart_ice(now, port, &offer),
            MediaCommand::Link { port, .. } => self.tell(MediaEvent::PeerGone { port, cause: NOT_IMPLEMENTED }),
            MediaCommand::Close { port } => self.close(now, port),
        }
    }

    fn open(&mut self, now: Instant, id: PortId, plan: MediaPlan) {
        // The Switch opens only what it was leased; if it errs, the call sees a port that nothing comes to.
        let Some(lease) = self.leases.take(plan.local).filter(|_| !self.ports.contains_key(&id)) else {
            self.tell(MediaEvent::MediaLost { port: id });
            return;
        };
        let start = Start { instant: now, unix_ms: self.utc.0, guard: self.config.guard };
        let session = Session::new(start, plan, &mut self.rng);
        self.sockets.insert(lease.rtp, id, Channel::Rtp);
        self.sockets.insert(lease.rtcp, id, Channel::Rtcp);
        self.admit(now, id, Line::Rtp(Box::new(RtpLine { session, lease, is_settled: false })));
        self.timers.set(Timer::Silence(id), now + self.config.media_lost_after);
    }

    fn open_peer(&mut self, now: Instant, id: PortId, offer: &Offer) {
        let Some(web) = self.config.web.filter(|_| !self.ports.contains_key(&id)) else {
            return self.refuse_peer(id, NOT_IMPLEMENTED);
        };
        let ssrc = self.rng.next_u32();
        let accepted = Peer::accept(now, web.local, web.advertised, offer, ssrc);
        let Some((peer, answer)) = accepted.ok().filter(|(peer, _)| self.demux.insert_ufrag(peer.ufrag(), id)) else {
            return self.refuse_peer(id, UNFIT);
        };
        let line = WebLine::new(now, peer, ssrc, &mut self.rng);
        self.tell(MediaEvent::PeerAnswered { port: id, answer });
        self.admit(now, id, Line::Web(Box::new(line)));
    }

    /// Where nothing was opened, nothing closes later: the call that waits for it is told now.
    fn refuse_peer(&mut self, id: PortId, cause: Cause) {
        self.tell(MediaEvent::PeerGone { port: id, cause });
        if !self.ports.contains_key(&id) {
            self.tell(MediaEvent::Closed { port: id, quality: Quality::default() });
        }
    }

    fn offer_peer(&mut self, now: Instant, id: PortId) {
        let Some(web) = self.config.web.filter(|_| !self.ports.contains_key(&id)) else {
            return self.refuse_peer(id, NOT_IMPLEMENTED);
        };
        let ssrc = self.rng.next_u32();
        let offered = Peer::offer(now, web.local, web.advertised, ssrc);
        let Some((peer, offer)) = offered.ok().filter(|(peer, _)| self.demux.insert_ufrag(peer.ufrag(), id)) else {
            return self.refuse_peer(id, UNFIT);
        };
        let line = WebLine::new(now, peer, ssrc, &mut self.rng);
        self.tell(MediaEvent::PeerOffered { port: id, offer });
        self.admit(now, id, Line::Web(Box::new(line)));
    }

    fn answer_peer(&mut self, now: Instant, id: PortId, answer: &Answer) {
        let Some(Port { line: Line::Web(line), .. }) = self.ports.get_mut(&id) else { return };
        if line.take_answer(now, answer).is_err() {
            self.tell(MediaEvent::PeerGone { port: id, cause: UNFIT });
        }
        self.after_web(now, id);
    }

    /// A refused offer leaves the connection as it stood.
    fn restart_ice(&mut self, now: Instant, id: PortId, offer: &Offer) {
        let Some(Port { line: Line::Web(line), .. }) = self.ports.get_mut(&id) else {
            self.tell(MediaEvent::PeerGone { port: id, cause: UNFIT });
            return;
        };
        match line.peer.reoffer(now, offer) {
            Ok(answer) => {
                self.demux.insert_ufrag(line.peer.ufrag(), id);
                self.tell(MediaEvent::PeerAnswered { port: id, answer });
            }
            Err(_) => self.tell(MediaEvent::PeerRefused { port: id, cause: UNFIT }),
        }
        self.flush(id);
        self.drain(now, id);
    }

    fn admit(&mut self, now: Instant, id: PortId, line: Line) {
        self.ports.insert(id, Port::new(line));
        #[cfg(test)]
        self.trip(id, Wire::Command);
        self.timers.set_about(Timer::Quality(id), now + QUALITY_EVERY, QUALITY_SLACK);
        self.flush(id);
        if let Some(port) = self.ports.get_mut(&id) {
            port.bridge = self.awaited.remove(&id);
        }
        self.reroute_around(now, id);
    }

    fn close(&mut self, now: Instant, id: PortId) {
        self.stop(id);
        self.seal_all_of(now, id);
        let Some(port) = self.ports.get_mut(&id) else { return };
        port.line.close(now, &mut self.outbox);
        let quality = port.quality();
        self.flush(id);
        self.remove(now, id);
        self.tell(MediaEvent::Closed { port: id, quality });
    }

    /// Takes a port out of all that knows it.
    pub(super) fn remove(&mut self, now: Instant, id: PortId) -> Option<Port> {
        let port = self.ports.remove(&id)?;
        for timer in [Timer::Line(id), Timer::Quality(id), Timer::Silence(id)] {
            self.timers.stop(&timer);
        }
        match &port.line {
            Line::Rtp(line) => {
                if line.is_settled {
                    self.settle(line.lease.rtp, None);
                }
                self.sockets.remove(line.lease.rtp);
                self.sockets.remove(line.lease.rtcp);
                self.timers.set_about(Timer::Rest(line.lease.local), now + REST, REST_SLACK);
                self.leases.rest(line.lease);
            }
            Line::Web(_) => self.demux.remove(id),
        }
        if let Some(bridge) = port.bridge {
            self.reroute(now, bridge);
        }
        Some(port)
    }

    pub(super) fn seal_all_of(&mut self, now: Instant, caller: PortId) {
        while let Some(recording) = self.recording_of(caller) {
            self.seal(now, recording);
        }
    }

    fn bridge(&mut self, now: Instant, id: BridgeId, topology: Topology) {
        self.unbridge(now, id);
        for member in bridge::members(&topology) {
            let Some(port) = self.ports.get_mut(&member) else {
                self.awaited.insert(member, id);
                continue;
            };
            // A port is in one bridge at a time: the younger one has it.
            if let Some(former) = port.bridge.replace(id).filter(|former| *former != id) {
                self.reroute(now, former);
            }
        }
        self.bridges.insert(id, topology);
        self.reroute(now, id);
    }

    fn unbridge(&mut self, now: Instant, id: BridgeId) {
        let Some(topology) = self.bridges.remove(&id) else { return };
        for member in bridge::members(&topology) {
            if self.awaited.get(&member) == Some(&id) {
                self.awaited.remove(&member);
            }
            if let Some(port) = self.ports.get_mut(&member).filter(|port| port.bridge == Some(id)) {
                port.bridge = None;
                port.line.outbound_mut().fall_silent();
                self.reroute_around(now, member);
            }
        }
    }

    fn play(&mut self, now: Instant, id: PortId, play: PlayId, clips: &[String], repeat: bool) {
        self.stop(id);
        let clips = clips.iter().map(|name| self.clips.clips.get(name).cloned()).collect::<Option<Vec<_>>>();
        let (Some(port), Some(clips)) = (self.ports.get_mut(&id), clips) else {
            self.tell(MediaEvent::PlayDone { port: id, play, end: PlayEnd::Failed });
            return;
        };
        let mut play = Play::new(play, clips, repeat);
        let is_silent = port.told.is_none() && port.relayed.is_none() && port.hears.is_empty() && !port.line.outbound_mut().has_keys();
        if is_silent
            && self.tick_at.is_some()
            && let Some(frame) = play.head_start(port.line.rate())
        {
            port.line.send_frame(now, &frame, &mut self.outbox);
        }
        port.play = Some(play);
        self.flush(id);
        self.keep_beat(now, id);
    }

    fn stop(&mut self, id: PortId) {
        if let Some(play) = self.ports.get_mut(&id).and_then(|port| port.play.take()) {
            self.break_off(id);
            self.tell(MediaEvent::PlayDone { port: id, play: play.id, end: PlayEnd::Stopped });
        }
    }

    fn start_recording(&mut self, now: Instant, id: RecordingId, caller: PortId) {
        let Some(rate) = self.ports.get(&caller).map(|port| port.line.rate()) else {
            // A file that goes on without its caller would never be sealed.
            if !self.recordings.contains_key(&id) {
                self.tell(MediaEvent::RecordingFailed { recording: id, reason: "the caller's port is not open".into() });
            }
            return;
        };
        let former = match self.recordings.get_mut(&id) {
            Some(recording) => std::mem::replace(&mut recording.caller, caller),
            None => {
                let recording = Recording::new(id, caller, rate);
                self.record(recording.start());
                self.recordings.insert(id, recording);
                caller
            }
        };
        self.recorded.remove(&(former, id));
        self.recorded.insert((caller, id));
        self.reroute_around(now, former);
        self.reroute_around(now, caller);
    }

    fn seal(&mut self, now: Instant, id: RecordingId) {
        let Some(recording) = self.drop_recording(id) else { return };
        let caller = recording.caller;
        recording.seal().into_iter().for_each(|command| self.record(command));
        self.reroute_around(now, caller);
    }

    pub(super) fn drop_recording(&mut self, id: RecordingId) -> Option<Recording> {
        let recording = self.recordings.remove(&id)?;
        self.recorded.remove(&(recording.caller, id));
        Some(recording)
    }

    /// The oldest recording of which a port is the caller.
    fn recording_of(&self, caller: PortId) -> Option<RecordingId> {
        let first = self.recorded.range((caller, RecordingId(0))..).next();
        first.filter(|(port, _)| *port == caller).map(|(_, recording)| *recording)
    }

    fn with_session(&mut self, id: PortId, act: impl FnOnce(&mut Session)) {
        if let Some(Port { line: Line::Rtp(line), .. }) = self.ports.get_mut(&id) {
            act(&mut line.session);
            self.unsettle(id);
        }
    }

    /// Another source may be believed on this port's socket from now on.
    fn unsettle(&mut self, id: PortId) {
        let Some(Port { line: Line::Rtp(line), .. }) = self.ports.get_mut(&id) else { return };
        if std::mem::take(&mut line.is_settled) {
            let socket = line.lease.rtp;
            self.settle(socket, None);
        }
    }

    /// Settles anew who hears whom around a port, and how.
    pub(super) fn reroute_around(&mut self, now: Instant, id: PortId) {
        let Some(port) = self.ports.get_mut(&id) else { return };
        match port.bridge {
            Some(bridge) => self.reroute(now, bridge),
            None => {
                (port.hears, port.relayed, port.relays_to) = (Vec::new(), None, Vec::new());
                self.listen(now, &[id]);
            }
        }
    }

    fn reroute(&mut self, now: Instant, id: BridgeId) {
        let Some(topology) = self.bridges.get(&id) else { return };
        let mut members = bridge::members(topology);
        members.retain(|member| self.ports.get(member).is_some_and(|port| port.bridge == Some(id)));
        for &member in &members {
            let mut hears = bridge::speakers(topology, member);
            hears.retain(|speaker| members.contains(speaker));
            let codec_of = |port: PortId| self.ports.get(&port).map(|port| port.line.codec());
            let relayed = match hears.as_slice() {
                [speaker] if codec_of(*speaker) == codec_of(member) => Some(*speaker),
                _ => None,
            };
            if let Some(port) = self.ports.get_mut(&member) {
                (port.hears, port.relayed) = (hears, relayed);
            }
        }
        for &member in &members {
            let relays_to = members.iter().copied().filter(|other| self.ports.get(other).is_some_and(|port| port.relayed == Some(member)));
            let relays_to = relays_to.collect();
            if let Some(port) = self.ports.get_mut(&member) {
                port.relays_to = relays_to;
            }
        }
        self.listen(now, &members);
    }

    /// Packets are kept only of those whom someone needs as sound: a mix, a recording, an ear for speech.
    fn listen(&mut self, now: Instant, members: &[PortId]) {
        for &member in members {
            let recording = self.recording_of(member);
            if let Some(port) = self.ports.get_mut(&member) {
                port.recording = recording;
            }
        }
        for &member in members {
            let hears_as_sound = |port: &Port| port.hears.contains(&member) && (port.relayed.is_none() || port.recording.is_some());
            let is_heard = members.iter().filter_map(|other| self.ports.get(other)).any(hears_as_sound);
            if let Some(port) = self.ports.get_mut(&member) {
                let listen = is_heard || port.recording.is_some() || port.listens_for_speech() || port.may_hear_tones();
                port.line.inbound_mut().listen(listen);
            }
            self.keep_beat(now, member);
        }
    }
}

pub(super) const QUALITY_EVERY: Duration = Duration::from_secs(5);

/// Ports are looked at together.
pub(super) const QUALITY_SLACK: Duration = Duration::from_millis(250);

/// How long the address of a closed port rests: the far end may send for a while after it was told to stop, and no new call shall hear that.
pub const REST: Duration = Duration::from_secs(5);

/// An address may rest this much longer, so that many come back at once.
pub const REST_SLACK: Duration = Duration::from_millis(250);

/// The page's offer holds nothing that we can do; Q.850 88, incompatible destination.
const UNFIT: Cause = Cause { sip: 488, q850: 88, fault: Fault::Unknown, retry: false };

/// Q.850 79, service or option not implemented.
const NOT_IMPLEMENTED: Cause = Cause { sip: 501, q850: 79, fault: Fault::Gateway, retry: false };
