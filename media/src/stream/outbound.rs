//! What a port sends: frames, relayed packets and keys, as one stream without a seam.

use std::time::{Duration, Instant};

use super::Format;
use crate::{
    codec::{Codec, CodecKind},
    dtmf,
    frame::{FRAME, Frame},
    resample::Resampler,
    rtp::Header,
    seq::{distance, timestamp_distance},
    time::{span, units},
};

/// Sends under one SSRC, with sequence numbers and timestamps that go on whoever speaks: a prompt, the far end of a bridge, a key.
///
/// Losses and reordering of a relayed source stay visible to the peer, who can mend them best.
#[derive(Debug)]
pub struct Outbound {
    format: Format,
    /// Of a packet that we make.
    packet_time: Duration,
    ssrc: u32,
    /// Of the next packet.
    sequence: u16,
    clock: Clock,
    encoder: Box<dyn Codec>,
    resampler: Option<Resampler>,
    keys: dtmf::Sender,
    /// Keys where no telephone-event was agreed.
    tones: dtmf::ToneSender,
    /// Sound that waits to fill a packet, and the timestamp of its first sample.
    pending: Vec<i16>,
    pending_timestamp: u32,
    payload: Vec<u8>,
    relay: Option<Relay>,
    /// Nothing was sent just now, so that the next packet begins a talk (RFC 3551 4.1).
    is_silent: bool,
    packets: u64,
    octets: u64,
}

/// The stream's own time.
#[derive(Debug, Clone, Copy)]
struct Clock {
    rate: u32,
    /// This timestamp was at this time.
    origin: (Instant, u32),
    /// The timestamp after the last packet: nothing new may begin before it.
    end: u32,
}

/// How a source's numbers become ours.
#[derive(Debug, Clone, Copy)]
struct Relay {
    source: u64,
    sequence_offset: u16,
    timestamp_offset: u32,
    /// Where the splice was: packets from before it come too late.
    first: u16,
    /// A key has gone out in between and has taken sequence numbers.
    is_interrupted: bool,
}

/// Takes a packet's header and payload to the wire.
pub type Sink<'a> = dyn FnMut(&Header, &[u8]) + 'a;

impl Outbound {
    /// A stream that has not begun; `sequence` and `timestamp` are random (RFC 3550 5.1).
    pub fn new(now: Instant, format: Format, ptime_ms: u8, ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        let rate = format.codec.clock_rate();
        Self {
            format,
            packet_time: packet_time(format.codec, ptime_ms),
            ssrc,
            sequence,
            clock: Clock { rate, origin: (now, timestamp), end: timestamp },
            encoder: format.codec.open(),
            resampler: None,
            keys: dtmf::Sender::new(format.digits.map_or(rate, |(_, clock_rate)| clock_rate)),
            tones: dtmf::ToneSender::new(format.codec.rate()),
            pending: Vec::new(),
            pending_timestamp: timestamp,
            payload: Vec::new(),
            relay: None,
            is_silent: true,
            packets: 0,
            octets: 0,
        }
    }

    /// Sends 20 ms of sound, at whatever rate it is. To be called every 20 ms while there is any.
    pub fn frame(&mut self, now: Instant, frame: &Frame, sink: &mut Sink<'_>) {
        if self.keys.is_down() {
            self.pending.clear();
            return;
        }
        if !self.tones.is_down() {
            self.sound(now, frame, sink);
        }
    }

    fn sound(&mut self, now: Instant, frame: &Frame, sink: &mut Sink<'_>) {
        self.relay = None;
        let rate = self.format.codec.rate();
        if self.pending.is_empty() {
            self.pending_timestamp = self.clock.next(now);
        }
        if frame.rate() == rate {
            self.pending.extend_from_slice(frame.samples());
        } else {
            let resampler = self.resampler.get_or_insert_with(|| Resampler::new(frame.rate(), rate));
            self.pending.extend_from_slice(resampler.convert(frame).samples());
        }
        self.packetise(sink);
    }

    /// The talk is over: sends what waits to fill a packet, filled up with silence.
    pub fn end_talk(&mut self, sink: &mut Sink<'_>) {
        if !self.pending.is_empty() {
            self.pending.resize(self.packet_len(), 0);
            self.packetise(sink);
        }
        self.is_silent = true;
    }

    /// Sends a packet of another port as it is, but for its header. `source` names the stream that it is part of.
    pub fn relay(&mut self, now: Instant, source: u64, header: &Header, payload: &[u8], sink: &mut Sink<'_>) {
        if self.keys.is_down() || self.tones.is_down() {
            return;
        }
        self.pending.clear();
        let Relay { sequence_offset, timestamp_offset, first, .. } = self.splice(now, source, header);
        if distance(first, header.sequence) < 0 {
            return;
        }
        let sequence = header.sequence.wrapping_add(sequence_offset);
        let timestamp = header.timestamp.wrapping_add(timestamp_offset);
        let end = timestamp.wrapping_add(units(FRAME, self.clock.rate));
        if timestamp_distance(self.clock.end, end) > 0 {
            self.clock.end = end;
        }
        if distance(self.sequence, sequence) >= 0 {
            self.sequence = sequence.wrapping_add(1);
        }
        let marker = std::mem::take(&mut self.is_silent) || header.marker;
        self.count(payload.len());
        sink(&Header { marker, payload_type: self.format.payload_type, sequence, timestamp, ssrc: self.ssrc }, payload);
    }

    /// Sends what a key wants sent. To be called every 20 ms, before `frame`, while `has_keys`.
    pub fn tick(&mut self, now: Instant, sink: &mut Sink<'_>) {
        let Some((payload_type, _)) = self.format.digits else {
            if let Some(frame) = self.tones.frame() {
                self.sound(now, &frame, sink);
            }
            return;
        };
        let clock = self.clock.peek(now);
        let Some(packet) = self.keys.tick(FRAME, clock) else { return };
        let header = self.header(payload_type, packet.timestamp, packet.marker);
        self.sequence = self.sequence.wrapping_add(1);
        self.clock.end = clock;
        if let Some(relay) = &mut self.relay {
            relay.is_interrupted = true;
        }
        self.count(packet.payload.len());
        sink(&header, &packet.payload);
    }

    /// Queues a key; without telephone-event it is heard as tones.
    pub fn press(&mut self, digit: char, length: Duration) {
        match self.format.digits {
            Some(_) => self.keys.press(digit, length),
            None => self.tones.press(digit, length),
        }
    }

    /// Whether `tick` has something to do.
    pub fn has_keys(&self) -> bool {
        self.keys.is_busy() || self.tones.is_busy()
    }

    /// The talk is broken off; the next packet begins another.
    pub fn fall_silent(&mut self) {
        self.is_silent = true;
        self.pending.clear();
    }

    /// Sends by another format from now on, under the same SSRC.
    pub fn agree(&mut self, now: Instant, format: Format, ptime_ms: u8) {
        self.packet_time = packet_time(format.codec, ptime_ms);
        if format.codec != self.format.codec {
            let timestamp = self.clock.next(now);
            let rate = format.codec.clock_rate();
            self.clock = Clock { rate, origin: (now, timestamp), end: timestamp };
            self.encoder = format.codec.open();
            self.tones = dtmf::ToneSender::new(format.codec.rate());
            self.resampler = None;
            self.pending.clear();
            self.relay = None;
            self.is_silent = true;
        }
        if format.digits != self.format.digits {
            self.tones = dtmf::ToneSender::new(format.codec.rate());
            self.keys = dtmf::Sender::new(format.digits.map_or(self.clock.rate, |(_, clock_rate)| clock_rate));
        }
        self.format = format;
    }

    /// The stream's timestamp at `now` (RFC 3550 6.4.1).
    pub fn timestamp(&self, now: Instant) -> u32 {
        self.clock.at(now)
    }

    /// Our source.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The codec we send.
    pub fn codec(&self) -> CodecKind {
        self.format.codec
    }

    /// Packets sent, and octets of their payloads.
    pub fn sent(&self) -> (u64, u64) {
        (self.packets, self.octets)
    }

    /// The splice that this packet belongs to, made anew where its source is.
    fn splice(&mut self, now: Instant, source: u64, header: &Header) -> Relay {
        let last = self.sequence.wrapping_sub(1);
        let known = self.relay.filter(|relay| {
            let sequence_jump = distance(last, header.sequence.wrapping_add(relay.sequence_offset));
            let timestamp = header.timestamp.wrapping_add(relay.timestamp_offset);
            let timestamp_jump = timestamp_distance(self.clock.end, timestamp);
            let is_near = relay.is_interrupted || sequence_jump.unsigned_abs() < SEQUENCE_JUMP_MAX;
            relay.source == source && is_near && span(timestamp_jump.unsigned_abs(), self.clock.rate) < TIMESTAMP_JUMP_MAX
        });
        let relay = match known {
            Some(relay) if !relay.is_interrupted => return relay,
            Some(relay) => Relay {
                sequence_offset: self.sequence.wrapping_sub(header.sequence),
                first: header.sequence,
                is_interrupted: false,
                ..relay
            },
            None => {
                self.is_silent = true;
                Relay {
                    source,
                    sequence_offset: self.sequence.wrapping_sub(header.sequence),
                    timestamp_offset: self.clock.next(now).wrapping_sub(header.timestamp),
                    first: header.sequence,
                    is_interrupted: false,
                }
            }
        };
        self.relay = Some(relay);
        relay
    }

    fn packetise(&mut self, sink: &mut Sink<'_>) {
        let len = self.packet_len();
        while self.pending.len() >= len {
            self.payload.clear();
            let encoded = self.encoder.encode(&self.pending[..len], &mut self.payload);
            self.pending.drain(..len);
            let timestamp = self.pending_timestamp;
            self.pending_timestamp = timestamp.wrapping_add(units(self.packet_time, self.clock.rate));
            self.clock.end = self.pending_timestamp;
            if encoded.is_ok() {
                let marker = std::mem::take(&mut self.is_silent);
                let header = self.header(self.format.payload_type, timestamp, marker);
                self.sequence = self.sequence.wrapping_add(1);
                self.count(self.payload.len());
                sink(&header, &self.payload);
            }
        }
    }

    /// In samples.
    fn packet_len(&self) -> usize {
        units(self.packet_time, self.format.codec.rate().hz()) as usize
    }

    fn header(&self, payload_type: u8, timestamp: u32, marker: bool) -> Header {
        Header { marker, payload_type, sequence: self.sequence, timestamp, ssrc: self.ssrc }
    }

    fn count(&mut self, octets: usize) {
        self.packets += 1;
        self.octets += octets as u64;
    }
}

impl Clock {
    fn at(&self, now: Instant) -> u32 {
        let (origin, timestamp) = self.origin;
        timestamp.wrapping_add(units(now.saturating_duration_since(origin), self.rate))
    }

    /// The timestamp for what begins now: the time's own, or the end of the last packet where that is later.
    fn peek(&self, now: Instant) -> u32 {
        let timestamp = self.at(now);
        if timestamp_distance(timestamp, self.end) > 0 { self.end } else { timestamp }
    }

    /// As `peek`; where a relayed source was ahead of our time, our time is set by it.
    fn next(&mut self, now: Instant) -> u32 {
        let timestamp = self.peek(now);
        self.origin = (now.max(self.origin.0), timestamp);
        timestamp
    }
}

/// What the codec can make of what was agreed.
fn packet_time(codec: CodecKind, ptime_ms: u8) -> Duration {
    let ms = match codec {
        CodecKind::Pcmu | CodecKind::Pcma | CodecKind::G722 => ptime_ms.clamp(10, 60) / 10 * 10,
        // RFC 6716 2.1.4 knows no 30 or 50 ms.
        CodecKind::Opus => match ptime_ms {
            ..=10 => 10,
            11..=20 => 20,
            21..=40 => 40,
            41.. => 60,
        },
    };
    Duration::from_millis(u64::from(ms))
}

/// A jump that is no loss: the source has begun anew.
const SEQUENCE_JUMP_MAX: u16 = 3_000;

/// Longer than the silence of a caller who has muted the phone.
const TIMESTAMP_JUMP_MAX: Duration = Duration::from_secs(600);
