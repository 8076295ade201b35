//! What a port hears: packets in, keys and 20 ms frames out.

use std::time::{Duration, Instant};

use super::Format;
use crate::{
    codec::{Codec, CodecKind},
    dtmf::{self, DigitEvent},
    frame::Frame,
    jitter::{Counts, JitterBuffer, Turn},
    rtcp::Reception,
    rtp::Header,
    seq::Place,
};

/// Takes packets as they come. Only while someone listens are they kept and decoded; a relayed stream passes without either.
#[derive(Debug)]
pub struct Inbound {
    format: Format,
    /// Of a plan that is proposed and not yet agreed: understood too (RFC 3264 8.3.1).
    proposed: Option<Format>,
    /// Of the packet that came last.
    codec: CodecKind,
    decoder: Box<dyn Codec>,
    ssrc: Option<u32>,
    reception: Reception,
    jitter: JitterBuffer,
    digits: dtmf::Receiver,
    is_listened_to: bool,
    /// Decoded and not yet pulled.
    samples: Vec<i16>,
    /// Frames made up since the last packet was played.
    starved: u32,
}

/// What a packet was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Sound, fit to be relayed.
    Audio,
    /// Part of a key; see `poll_digit`.
    Key,
}

/// Why a packet was not heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unheard {
    /// Of no payload type that was agreed.
    PayloadType,
    /// Far from its stream: a stray, or a restart that the next packet will prove.
    Astray,
    /// Longer than any packet of voice.
    TooLong,
}

impl Inbound {
    /// Nothing heard yet.
    pub fn new(format: Format) -> Self {
        let clock_rate = format.codec.clock_rate();
        Self {
            format,
            proposed: None,
            codec: format.codec,
            decoder: format.codec.open(),
            ssrc: None,
            reception: Reception::new(clock_rate),
            jitter: JitterBuffer::new(clock_rate),
            digits: dtmf::Receiver::new(format.digits.map_or(clock_rate, |(_, clock_rate)| clock_rate)),
            is_listened_to: false,
            samples: Vec::new(),
            starved: STARVED_MAX,
        }
    }

    /// Takes a packet from a source that is believed.
    pub fn receive(&mut self, now: Instant, header: &Header, payload: &[u8]) -> Result<Heard, Unheard> {
        if payload.len() > PAYLOAD_MAX {
            return Err(Unheard::TooLong);
        }
        let is_key = |format: &Format| format.digits.is_some_and(|(payload_type, _)| payload_type == header.payload_type);
        let formats = [Some(self.format), self.proposed];
        let codec = formats.iter().flatten().find(|format| format.payload_type == header.payload_type).map(|format| format.codec);
        let key = codec.is_none() && formats.iter().flatten().any(is_key);
        if codec.is_none() && !key {
            // Comfort noise that nobody asked for (RFC 3389) is not heard, but it is not lost either.
            if self.ssrc == Some(header.ssrc) {
                self.reception.receive(now, header.ssrc, header.sequence, header.timestamp);
            }
            return Err(Unheard::PayloadType);
        }
        if let Some(codec) = codec.filter(|codec| *codec != self.codec) {
            self.change_codec(codec);
        }
        let sequence = match self.reception.receive(now, header.ssrc, header.sequence, header.timestamp) {
            Place::Astray => return Err(Unheard::Astray),
            Place::At(sequence) if self.ssrc == Some(header.ssrc) => sequence,
            Place::At(sequence) | Place::Restarted(sequence) => {
                self.ssrc = Some(header.ssrc);
                self.jitter.reset();
                sequence
            }
        };
        if key {
            self.digits.receive(now, header, payload);
        }
        if self.is_listened_to {
            // A key takes its place in the stream as a silence.
            self.jitter.insert(now, sequence, header.timestamp, if key { &[] } else { payload });
        }
        Ok(if key { Heard::Key } else { Heard::Audio })
    }

    /// The next 20 ms; `None` while the peer is silent. To be called every 20 ms, and only after `listen`.
    pub fn pull(&mut self, now: Instant) -> Option<Frame> {
        let rate = self.codec.rate();
        let (clock_rate, len) = (self.codec.clock_rate(), rate.frame_len());
        let to_samples = |units: u32| (u64::from(units) * u64::from(rate.hz()) / u64::from(clock_rate)) as usize;
        while self.samples.len() < len {
            match self.jitter.turn(now) {
                Turn::Play([]) => self.samples.resize(self.samples.len() + len, 0),
                Turn::Play(payload) => {
                    if self.decoder.decode(payload, &mut self.samples).is_err() {
                        self.decoder.conceal(len, None, &mut self.samples);
                    }
                    self.starved = 0;
                }
                Turn::Conceal { units, next } => self.decoder.conceal(to_samples(units).max(1), next, &mut self.samples),
                Turn::Wait => break,
            }
        }
        if self.samples.len() < len {
            if self.starved >= STARVED_MAX {
                self.samples.clear();
                return None;
            }
            self.starved += 1;
            self.decoder.conceal(len - self.samples.len(), None, &mut self.samples);
        }
        let frame = Frame::from_samples(rate, &self.samples);
        self.samples.drain(..len.min(self.samples.len()));
        Some(frame)
    }

    /// Whether packets are kept from now on, to be pulled.
    pub fn listen(&mut self, listen: bool) {
        if self.is_listened_to != listen {
            self.is_listened_to = listen;
            self.jitter.reset();
            self.samples.clear();
            self.starved = STARVED_MAX;
        }
    }

    /// Whether packets are kept.
    pub fn is_listened_to(&self) -> bool {
        self.is_listened_to
    }

    /// Understands packets of another format too.
    pub fn propose(&mut self, format: Format) {
        self.proposed = Some(format);
    }

    /// Understands packets of this format alone.
    pub fn agree(&mut self, format: Format) {
        self.proposed = None;
        if self.format.digits.map(|(_, clock_rate)| clock_rate) != format.digits.map(|(_, clock_rate)| clock_rate) {
            self.digits = dtmf::Receiver::new(format.digits.map_or(format.codec.clock_rate(), |(_, clock_rate)| clock_rate));
        }
        self.format = format;
    }

    /// Ends a key whose end was lost.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.digits.handle_timeout(now);
    }

    /// When to call `handle_timeout`.
    pub fn deadline(&self) -> Option<Instant> {
        self.digits.deadline()
    }

    /// The next thing that happened to a key.
    pub fn poll_digit(&mut self) -> Option<DigitEvent> {
        self.digits.poll()
    }

    /// How packets come in.
    pub fn reception(&self) -> &Reception {
        &self.reception
    }

    /// As `reception`, for reports.
    pub fn reception_mut(&mut self) -> &mut Reception {
        &mut self.reception
    }

    /// The codec that the peer uses.
    pub fn codec(&self) -> CodecKind {
        self.codec
    }

    /// The peer's source, once it has sent.
    pub fn ssrc(&self) -> Option<u32> {
        self.ssrc
    }

    /// What became of packets that were kept.
    pub fn counts(&self) -> Counts {
        self.jitter.counts()
    }

    /// Sound that waits to be pulled.
    pub fn depth(&self) -> Duration {
        self.jitter.depth()
    }

    fn change_codec(&mut self, codec: CodecKind) {
        self.codec = codec;
        self.decoder = codec.open();
        self.reception.reclock(codec.clock_rate());
        self.jitter = JitterBuffer::new(codec.clock_rate());
        self.samples.clear();
        self.starved = STARVED_MAX;
    }
}

/// What fits an Ethernet frame: 120 ms of G.711 and any packet of Opus do.
const PAYLOAD_MAX: usize = 1_460;

/// 60 ms without a packet: concealment has faded out by now.
const STARVED_MAX: u32 = 3;
