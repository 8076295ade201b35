//! A port: one end of media, over clear RTP or WebRTC, with what plays to it and who hears it.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use media::{
    codec::CodecKind,
    frame::{Frame, SampleRate},
    mixer::Limiter,
    quality::mos_x100,
    resample::Resampler,
    rtp::Header,
    sdp::{Answer, Flow, Refused},
    session::Session,
    stream::{Format, Heard, Inbound, Outbound},
    transmit::Outbox,
    webrtc::Peer,
};

use super::{lease::Lease, play::Play, speech::Speech, tone_ear::ToneEar};
use crate::{
    events::media::Quality,
    ids::{BridgeId, PortId, RecordingId},
};

/// One end of media.
pub(super) struct Port {
    pub(super) line: Line,
    pub(super) play: Option<Play>,
    pub(super) collect: Option<Collect>,
    pub(super) is_muted: bool,
    pub(super) bridge: Option<BridgeId>,
    /// The recording that this port is the caller of.
    pub(super) recording: Option<RecordingId>,
    /// Whom this port hears.
    pub(super) hears: Vec<PortId>,
    /// The one whom it hears packet by packet; else it hears all of `hears` mixed.
    pub(super) relayed: Option<PortId>,
    /// Who hears this port packet by packet.
    pub(super) relays_to: Vec<PortId>,
    /// What it said in this tick.
    pub(super) voice: Voice,
    /// What it was told in this tick, where that was made here.
    pub(super) told: Option<Frame>,
    /// `MediaLost` has been said, and nothing has come since.
    pub(super) is_lost: bool,
    /// Of what is mixed for it.
    pub(super) limiter: Limiter,
    /// Hears keys that come as tones.
    pub(super) tones: ToneEar,
    /// When its line is tended next, as the shard's timers have it.
    pub(super) tended_at: Option<Instant>,
}

/// What `Collect` asked for.
#[derive(Debug)]
pub(super) struct Collect {
    pub(super) keys_interrupt: bool,
    pub(super) speech_interrupts: bool,
    pub(super) speech: Speech,
}

/// The wire that a port is on.
pub(super) enum Line {
    Rtp(Box<RtpLine>),
    Web(Box<WebLine>),
}

pub(super) struct RtpLine {
    pub(super) session: Session,
    pub(super) lease: Lease,
    /// `Settle` has been said of its RTP socket.
    pub(super) is_settled: bool,
}

pub(super) struct WebLine {
    pub(super) peer: Peer,
    inbound: Inbound,
    outbound: Outbound,
    flow: Flow,
    round_trip: Option<Duration>,
    /// Addresses that the demultiplexer knows.
    pub(super) addresses: usize,
}

/// What a port said in one tick, at whatever rate it is wanted.
#[derive(Debug, Default)]
pub(super) struct Voice {
    frame: Option<Frame>,
    /// The same at other rates, of those that were wanted at some time.
    converted: Vec<Converted>,
}

#[derive(Debug)]
struct Converted {
    resampler: Resampler,
    frame: Option<Frame>,
}

impl Port {
    pub(super) fn new(line: Line) -> Self {
        Self {
            line,
            play: None,
            collect: None,
            is_muted: false,
            bridge: None,
            recording: None,
            hears: Vec::new(),
            relayed: None,
            relays_to: Vec::new(),
            voice: Voice::default(),
            told: None,
            is_lost: false,
            limiter: Limiter::default(),
            tones: ToneEar::default(),
            tended_at: None,
        }
    }

    /// Whether every 20 ms something is to be done for it.
    pub(super) fn is_ticking(&self) -> bool {
        let mixes = !self.hears.is_empty() && self.relayed.is_none();
        self.play.is_some()
            || mixes
            || self.recording.is_some()
            || self.listens_for_speech()
            || self.may_hear_tones()
            || self.line.outbound().has_keys()
    }

    pub(super) fn listens_for_speech(&self) -> bool {
        self.collect.as_ref().is_some_and(|collect| collect.speech_interrupts)
    }

    /// Whether tones are keys here. Not in a bridge: the other side hears them itself, and what is relayed is not decoded for them.
    pub(super) fn may_hear_tones(&self) -> bool {
        self.collect.is_some() && self.bridge.is_none() && self.line.hears_tones()
    }

    pub(super) fn listens_for_tones(&self, now: Instant) -> bool {
        self.may_hear_tones() && !self.tones.is_deaf(now)
    }

    pub(super) fn quality(&self) -> Quality {
        let reception = self.line.inbound().reception();
        let (received, lost) = (reception.received(), reception.lost());
        let share = lost as f64 / (received + lost).max(1) as f64;
        let (jitter, round_trip) = (reception.jitter(), self.line.round_trip());
        let ms = |duration: Duration| u16::try_from(duration.as_millis()).unwrap_or(u16::MAX);
        Quality {
            received,
            lost,
            jitter_ms: ms(jitter),
            round_trip_ms: round_trip.map(ms),
            mos_x100: mos_x100(self.line.codec(), share, jitter, round_trip),
        }
    }
}

impl Line {
    pub(super) fn send_frame(&mut self, now: Instant, frame: &Frame, outbox: &mut Outbox) {
        match self {
            Self::Rtp(line) => line.session.send_frame(now, frame, outbox),
            Self::Web(line) if line.flow.sends() => {
                let WebLine { peer, outbound, .. } = line.as_mut();
                outbound.frame(now, frame, &mut |header, payload| peer.send(now, *header, payload));
            }
            Self::Web(_) => {}
        }
    }

    /// No frame follows for a while.
    pub(super) fn end_talk(&mut self, now: Instant, outbox: &mut Outbox) {
        match self {
            Self::Rtp(line) => line.session.end_talk(outbox),
            Self::Web(line) => {
                let WebLine { peer, outbound, .. } = line.as_mut();
                outbound.end_talk(&mut |header, payload| peer.send(now, *header, payload));
            }
        }
    }

    pub(super) fn relay(&mut self, now: Instant, source: u64, header: &Header, payload: &[u8], outbox: &mut Outbox) {
        match self {
            Self::Rtp(line) => line.session.relay(now, source, header, payload, outbox),
            Self::Web(line) if line.flow.sends() => {
                let WebLine { peer, outbound, .. } = line.as_mut();
                outbound.relay(now, source, header, payload, &mut |header, payload| peer.send(now, *header, payload));
            }
            Self::Web(_) => {}
        }
    }

    /// Sends what a key wants sent.
    pub(super) fn tick(&mut self, now: Instant, outbox: &mut Outbox) {
        match self {
            Self::Rtp(line) => line.session.tick(now, outbox),
            Self::Web(line) => {
                let WebLine { peer, outbound, .. } = line.as_mut();
                outbound.tick(now, &mut |header, payload| peer.send(now, *header, payload));
            }
        }
    }

    pub(super) fn direct(&mut self, now: Instant, flow: Flow) {
        match self {
            Self::Rtp(line) => line.session.direct(now, flow),
            Self::Web(line) => {
                line.flow = flow;
                line.outbound.fall_silent();
            }
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, rng: &mut impl rand::Rng, outbox: &mut Outbox) {
        match self {
            Self::Rtp(line) => line.session.handle_timeout(now, rng, outbox),
            Self::Web(line) => {
                line.inbound.handle_timeout(now);
                line.peer.handle_timeout(now);
            }
        }
    }

    pub(super) fn close(&mut self, now: Instant, outbox: &mut Outbox) {
        match self {
            Self::Rtp(line) => line.session.close(now, outbox),
            Self::Web(line) => line.peer.close(now),
        }
    }

    /// When to call `handle_timeout`.
    pub(super) fn deadline(&mut self) -> Option<Instant> {
        match self {
            Self::Rtp(line) => Some(line.session.deadline()),
            Self::Web(line) => [line.peer.deadline(), line.inbound.deadline()].into_iter().flatten().min(),
        }
    }

    /// Asks the stack what is dear to know; every few seconds.
    pub(super) fn survey(&mut self, now: Instant) {
        if let Self::Web(line) = self {
            line.round_trip = line.peer.far_side(now).round_trip;
        }
    }

    pub(super) fn inbound_mut(&mut self) -> &mut Inbound {
        match self {
            Self::Rtp(line) => line.session.inbound_mut(),
            Self::Web(line) => &mut line.inbound,
        }
    }

    pub(super) fn outbound_mut(&mut self) -> &mut Outbound {
        match self {
            Self::Rtp(line) => line.session.outbound_mut(),
            Self::Web(line) => &mut line.outbound,
        }
    }

    pub(super) fn inbound(&self) -> &Inbound {
        match self {
            Self::Rtp(line) => line.session.inbound(),
            Self::Web(line) => &line.inbound,
        }
    }

    pub(super) fn outbound(&self) -> &Outbound {
        match self {
            Self::Rtp(line) => line.session.outbound(),
            Self::Web(line) => &line.outbound,
        }
    }

    /// Tones in its sound are keys, as was agreed.
    fn hears_tones(&self) -> bool {
        match self {
            Self::Rtp(line) => line.session.plan().tones,
            Self::Web(line) => line.peer.digits_payload_type().is_none(),
        }
    }

    /// As agreed, for both directions.
    pub(super) fn codec(&self) -> CodecKind {
        self.outbound().codec()
    }

    pub(super) fn rate(&self) -> SampleRate {
        self.codec().rate()
    }

    fn round_trip(&self) -> Option<Duration> {
        match self {
            Self::Rtp(line) => line.session.round_trip(),
            Self::Web(line) => line.round_trip,
        }
    }
}

impl WebLine {
    /// On a peer that has answered, or made its offer; the numbers its stream begins with are random.
    pub(super) fn new(now: Instant, peer: Peer, ssrc: u32, rng: &mut impl rand::Rng) -> Self {
        let format = format_of(&peer);
        let sequence = (rng.next_u32() & 0x7fff) as u16;
        let outbound = Outbound::new(now, format, PTIME_MS, ssrc, sequence, rng.next_u32());
        Self { flow: Flow::SendRecv, inbound: Inbound::new(format), outbound, round_trip: None, addresses: 0, peer }
    }

    /// The page's answer to the peer's offer.
    pub(super) fn take_answer(&mut self, now: Instant, answer: &Answer) -> Result<(), Refused> {
        self.peer.take_answer(now, answer)?;
        let format = format_of(&self.peer);
        self.inbound.agree(format);
        self.outbound.agree(now, format, PTIME_MS);
        Ok(())
    }

    pub(super) fn receive(&mut self, now: Instant, header: &Header, payload: &[u8]) -> Option<Heard> {
        self.flow.receives().then(|| self.inbound.receive(now, header, payload).ok())?
    }

    /// Verified addresses that the demultiplexer does not know yet.
    pub(super) fn new_addresses(&mut self) -> &[SocketAddr] {
        let known = std::mem::replace(&mut self.addresses, self.peer.addresses().len());
        self.peer.addresses().get(known..).unwrap_or_default()
    }
}

impl Voice {
    pub(super) fn set(&mut self, frame: Option<Frame>) {
        self.frame = frame;
        self.converted.iter_mut().for_each(|converted| converted.frame = None);
    }

    /// Makes `at` ready for this rate.
    pub(super) fn prepare(&mut self, rate: SampleRate) {
        let Some(frame) = self.frame.as_ref().filter(|frame| frame.rate() != rate) else { return };
        let place = self.converted.iter().position(|converted| converted.resampler.to() == rate).unwrap_or_else(|| {
            self.converted.push(Converted { resampler: Resampler::new(frame.rate(), rate), frame: None });
            self.converted.len() - 1
        });
        let Converted { resampler, frame: converted } = &mut self.converted[place];
        converted.get_or_insert_with(|| resampler.convert(frame));
    }

    pub(super) fn at(&self, rate: SampleRate) -> Option<&Frame> {
        let converted = self.converted.iter().filter_map(|converted| converted.frame.as_ref());
        self.frame.iter().chain(converted).find(|frame| frame.rate() == rate)
    }
}

fn format_of(peer: &Peer) -> Format {
    let digits = peer.digits_payload_type().map(|payload_type| (payload_type, CodecKind::Opus.clock_rate()));
    Format { codec: CodecKind::Opus, payload_type: peer.opus_payload_type(), digits }
}

/// What browsers send, and what every decoder takes.
const PTIME_MS: u8 = 20;
