//! The shard itself: what it owns, and the law by which it is driven.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    sync::Arc,
    time::Instant,
};

use media::{
    clip::ClipBook,
    frame::SampleRate,
    mixer::Mix,
    rtp::Header,
    transmit::{Channel, Outbox, Transmit},
    webrtc::Demux,
};

use super::{
    RecorderCommand, ShardConfig, ShardInput, ShardOutput, SocketId,
    commands::{QUALITY_EVERY, QUALITY_SLACK},
    lease::{Lease, Leases},
    port::{Line, Port},
    ports::{Ports, Sockets},
    recording::Recording,
};
use crate::{
    events::media::{MediaEvent, Topology},
    ids::{BridgeId, PortId, RecordingId, UtcMillis},
    now::Now,
    timers::TimerTable,
};

/// The media of many calls on one core.
///
/// **The law:** one `handle`, then `poll` until `None`, then wait for the next input or for `deadline()`, which is said as
/// `ShardInput::Woke`. `handle` never blocks and never fails: junk from the network is counted, and a port's fate is an event.
///
/// **Work:** a packet of one port is relayed to the other of equal codec within the same `handle`, neither kept nor decoded. Everything
/// made here, a prompt, a mix, a transcoded voice, a key, a frame of a recording, is made on one tick of 20 ms, which runs only while some
/// port needs it. Ticks keep to their grid: a late wake is caught up, and time that is given up is silence in every recording.
///
/// **Memory:** `recycle` takes the bytes of a `Transmit` back once they are sent; then relaying a packet allocates nothing.
///
/// **Bugs:** a panic in the work for one port takes that port alone; its call is told `Broken` and `Closed`.
///
/// Same seed, same inputs, same stamps: same outputs, but for WebRTC peers, whose stack draws from the system.
pub struct Shard<R> {
    pub(super) config: ShardConfig,
    /// Chance: SSRCs, first sequence numbers and timestamps, times of reports.
    pub(super) rng: R,
    pub(super) ports: Ports,
    pub(super) sockets: Sockets,
    pub(super) leases: Leases,
    pub(super) demux: Demux<PortId>,
    pub(super) bridges: BTreeMap<BridgeId, Topology>,
    /// Bridges that were said before their ports were opened.
    pub(super) awaited: BTreeMap<PortId, BridgeId>,
    pub(super) recordings: BTreeMap<RecordingId, Recording>,
    /// Who is the caller of which recording.
    pub(super) recorded: BTreeSet<(PortId, RecordingId)>,
    pub(super) clips: Arc<ClipBook>,
    /// Conferences of this tick, summed at the rates that were asked for.
    pub(super) mixes: BTreeMap<(BridgeId, SampleRate), Box<Mix>>,
    pub(super) timers: TimerTable<Timer>,
    /// Ports that need the tick, and some that no longer do.
    pub(super) beating: BTreeSet<PortId>,
    /// The next tick, while some port needs one.
    pub(super) tick_at: Option<Instant>,
    pub(super) outbox: Outbox,
    /// Memory for the packet that is being opened.
    pub(super) clear: Vec<u8>,
    outputs: VecDeque<ShardOutput>,
    /// Where a bug is put on purpose: the next work of this kind for this port panics.
    #[cfg(test)]
    pub(super) tripwire: Option<(PortId, Wire)>,
    /// Of the last input: `Now.utc` less the instant it was stamped with.
    pub(super) utc: UtcMillis,
    pub(super) counts: Counts,
}

/// What falls due, beside the tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A session's report, a lost key's end, a peer's checks.
    Line(PortId),
    /// A look at a port's quality.
    Quality(PortId),
    /// A look at whether a port has fallen silent.
    Silence(PortId),
    /// An address has rested.
    Rest(SocketAddr),
}

/// A kind of work for a port, for a bug that is put there on purpose.
#[cfg(test)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    Command,
    Packet,
    Relay,
    Tick,
    Tape,
    Timer,
}

/// What was dropped, for the metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Datagrams on sockets that no port is on: rests of old calls, scanners.
    pub homeless: u64,
    /// Datagrams that a port did not take: foreign, malformed, of no agreed payload type, or held.
    pub dropped: u64,
    /// Ticks given up after a wake that came too late.
    pub ticks_missed: u64,
}

impl<R: rand::Rng> Shard<R> {
    /// A shard without ports.
    pub fn new(config: ShardConfig, rng: R) -> Self {
        Self {
            config,
            rng,
            ports: Ports::default(),
            sockets: Sockets::default(),
            leases: Leases::default(),
            demux: Demux::new(),
            bridges: BTreeMap::new(),
            awaited: BTreeMap::new(),
            recordings: BTreeMap::new(),
            recorded: BTreeSet::new(),
            clips: Arc::default(),
            mixes: BTreeMap::new(),
            timers: TimerTable::new(),
            beating: BTreeSet::new(),
            tick_at: None,
            outbox: Outbox::default(),
            clear: Vec::new(),
            outputs: VecDeque::new(),
            #[cfg(test)]
            tripwire: None,
            utc: UtcMillis(0),
            counts: Counts::default(),
        }
    }

    /// Takes one input in; whatever follows from it waits in `poll`.
    pub fn handle(&mut self, now: Now, input: ShardInput<'_>) {
        self.utc = now.utc;
        let now = now.instant;
        match input {
            ShardInput::Command(command) => self.obey(now, command),
            ShardInput::Received { socket, from, bytes } => self.receive(now, socket, from, bytes),
            ShardInput::WebReceived { from, bytes } => self.receive_web(now, from, bytes),
            ShardInput::Bound { sockets } => {
                let locals = self.leases.bound(sockets.into_iter().map(|(rtp, rtcp, local)| Lease { rtp, rtcp, local }));
                self.tell(MediaEvent::PortsLeased { locals });
            }
            ShardInput::Recorded { recording, file, length_ms } => self.tell(MediaEvent::Recorded { recording, file, length_ms }),
            ShardInput::RecordingFailed { recording, reason } => {
                if let Some(failed) = self.drop_recording(recording) {
                    self.reroute_around(now, failed.caller);
                }
                self.tell(MediaEvent::RecordingFailed { recording, reason });
            }
            ShardInput::Clips(clips) => self.clips = clips,
            ShardInput::Woke => {}
        }
        self.run_due(now);
    }

    /// The next thing to be done, in the order it must be done.
    pub fn poll(&mut self) -> Option<ShardOutput> {
        self.outputs.pop_front()
    }

    /// Takes the memory of a sent datagram back.
    pub fn recycle(&mut self, bytes: Vec<u8>) {
        self.outbox.recycle(bytes);
    }

    /// When to say `Woke` if nothing else happens first; `None` while nothing is awaited.
    pub fn deadline(&self) -> Option<Instant> {
        self.tick_at.into_iter().chain(self.timers.next()).min()
    }

    /// What was dropped so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    #[cfg(test)]
    pub(super) fn trip(&mut self, id: PortId, wire: Wire) {
        if self.tripwire.take_if(|tripwire| *tripwire == (id, wire)).is_some() {
            panic!("a bug that was put here");
        }
    }

    pub(super) fn tell(&mut self, event: MediaEvent) {
        self.outputs.push_back(ShardOutput::Event(event));
    }

    pub(super) fn record(&mut self, command: RecorderCommand) {
        self.outputs.push_back(ShardOutput::Record(command));
    }

    pub(super) fn settle(&mut self, socket: SocketId, peer: Option<SocketAddr>) {
        self.outputs.push_back(ShardOutput::Settle { socket, peer });
    }

    pub(super) fn bind(&mut self, count: u16) {
        self.outputs.push_back(ShardOutput::Bind { count });
    }

    /// Hands a port's datagrams out and notes when it wants to be woken. To be called after anything was done to its line.
    pub(super) fn flush(&mut self, id: PortId) {
        let Self { ports, outbox, outputs, timers, .. } = self;
        let Some(port) = ports.get_mut(&id) else { return };
        hand_out(port, outbox, outputs);
        let deadline = port.line.deadline();
        if deadline != port.tended_at {
            port.tended_at = deadline;
            match deadline {
                Some(at) => timers.set(Timer::Line(id), at),
                None => drop(timers.stop(&Timer::Line(id))),
            }
        }
    }

    /// Sends a listener a packet of `speaker`, unless a play goes before.
    pub(super) fn relay_to(&mut self, now: Instant, listener: PortId, source: u64, header: &Header, payload: &[u8]) {
        let Self { ports, outbox, outputs, .. } = self;
        let Some(port) = ports.get_mut(&listener).filter(|port| port.play.is_none()) else { return };
        port.line.relay(now, source, header, payload, outbox);
        let is_rtp = matches!(port.line, Line::Rtp(_));
        hand_out(port, outbox, outputs);
        #[cfg(test)]
        self.trip(listener, Wire::Relay);
        if !is_rtp {
            // Only a browser's stack waits for something that a packet changes.
            self.flush(listener);
        }
    }

    fn run_due(&mut self, now: Instant) {
        loop {
            let timer_at = self.timers.next().filter(|at| *at <= now);
            match self.tick_at.filter(|at| *at <= now) {
                Some(tick_at) if timer_at.is_none_or(|at| tick_at <= at) => self.tick(now, tick_at),
                Some(_) | None => match self.timers.pop_due(now) {
                    Some(timer) => self.fire(now, timer),
                    None => return,
                },
            }
        }
    }

    fn fire(&mut self, now: Instant, timer: Timer) {
        match timer {
            Timer::Line(id) => self.alone(now, id, |shard| shard.tend_line(now, id)),
            Timer::Quality(id) => self.alone(now, id, |shard| shard.look_at_quality(now, id)),
            Timer::Silence(id) => self.alone(now, id, |shard| shard.look_for_silence(now, id)),
            Timer::Rest(local) => self.leases.rested(local),
        }
    }

    fn tend_line(&mut self, now: Instant, id: PortId) {
        if let Some(port) = self.ports.get_mut(&id) {
            port.tended_at = None;
            port.line.handle_timeout(now, &mut self.rng, &mut self.outbox);
            self.flush(id);
            self.drain(now, id);
        }
    }

    fn look_at_quality(&mut self, now: Instant, id: PortId) {
        #[cfg(test)]
        self.trip(id, Wire::Timer);
        let Some(port) = self.ports.get_mut(&id) else { return };
        port.line.survey(now);
        let quality = port.quality();
        self.timers.set_about(Timer::Quality(id), now + QUALITY_EVERY, QUALITY_SLACK);
        self.tell(MediaEvent::Quality { port: id, quality });
    }

    fn look_for_silence(&mut self, now: Instant, id: PortId) {
        let after = self.config.media_lost_after;
        let Some(port) = self.ports.get_mut(&id) else { return };
        // A browser's silence shows in its checks: the peer itself says that it is gone.
        let Line::Rtp(line) = &port.line else { return };
        let silent = now.saturating_duration_since(line.session.heard_at());
        let is_lost = silent >= after && line.session.plan().flow.receives();
        let is_news = is_lost && !port.is_lost;
        port.is_lost = is_lost;
        self.timers.set(Timer::Silence(id), now + after.saturating_sub(silent).max(after / 8));
        if is_news {
            self.tell(MediaEvent::MediaLost { port: id });
        }
    }
}

/// Hands out what a port wants sent.
fn hand_out(port: &mut Port, outbox: &mut Outbox, outputs: &mut VecDeque<ShardOutput>) {
    match &mut port.line {
        Line::Rtp(line) => {
            while let Some(Transmit { channel, to, bytes }) = outbox.poll() {
                let socket = match channel {
                    Channel::Rtp => line.lease.rtp,
                    Channel::Rtcp => line.lease.rtcp,
                };
                outputs.push_back(ShardOutput::Transmit { socket, to, bytes });
            }
        }
        Line::Web(line) => {
            while let Some((to, datagram)) = line.peer.poll_transmit() {
                let mut bytes = outbox.memory();
                bytes.extend_from_slice(&datagram);
                outputs.push_back(ShardOutput::WebTransmit { to, bytes });
            }
        }
    }
}
