//! The joint of Switch and Shard: what each half wants, carried out as the shell does it, and written on the ladder.

use std::{hash::Hash, net::SocketAddr, time::Duration};

use gateway_core::{
    events::{
        ask::Reply,
        media::{MediaCommand, MediaEvent},
        wire::Path,
    },
    ids::{ChannelId, ConnId, RecordingId, ShardId},
    now::Now,
    plane::{RecorderCommand, ShardInput, ShardOutput},
    switch::{Input, Output},
};

use super::{PortLife, World};
use crate::{config::GATEWAY, net::Datagram, recorder::Disk, sip_text::Seen};

/// What one half of the gateway has for the other.
pub(super) enum Work {
    Command(MediaCommand),
    Event(MediaEvent),
    Reply(Reply),
    Recorded(RecordingId),
    Pushed(ChannelId, String),
    /// Nobody here takes a stream.
    Unconnected(ConnId),
}

impl World {
    /// Carries out what each half has for the other, until neither has anything.
    pub(super) fn settle(&mut self) {
        while let Some(work) = self.work.pop_front() {
            let now = self.now();
            match work {
                Work::Command(command) => self.command(now, command),
                Work::Event(event) => {
                    self.switch.handle(now, Input::Media { shard: ShardId(0), event });
                    self.poll_switch();
                }
                Work::Unconnected(conn) => {
                    self.switch.handle(now, Input::ConnectFailed { conn });
                    self.poll_switch();
                }
                Work::Reply(reply) => {
                    self.outside.answered(reply.ask());
                    self.switch.handle(now, Input::Replied(reply));
                    self.poll_switch();
                }
                Work::Recorded(recording) => {
                    let tape = self.recorder.tapes.get(&recording);
                    let input = match self.disk {
                        Disk::Full => ShardInput::RecordingFailed { recording, reason: "no space left".to_owned() },
                        Disk::Good | Disk::Hangs => ShardInput::Recorded {
                            recording,
                            file: format!("{}.wav", recording.0),
                            length_ms: tape.map_or(0, crate::recorder::Tape::length_ms),
                        },
                    };
                    self.shard.handle(now, input);
                    self.poll_shard();
                }
                Work::Pushed(channel, json) => {
                    if let Some(n) = self.desks.iter().position(|desk| desk.channel == channel) {
                        self.desks[n].hear(now.instant, &json);
                        self.drain_desk(n);
                    }
                }
            }
        }
    }

    /// Tells the Shard, but for a desk's peer: that is a clear port here, so that its sound is really carried and follows from the seed.
    pub(super) fn command(&mut self, now: Now, command: MediaCommand) {
        self.watch(&command);
        if let MediaCommand::OpenPeer { port, offer } = command {
            self.open_desk(now, port, &offer);
            return;
        }
        self.asked_for_ports += usize::from(matches!(command, MediaCommand::LeasePorts { .. }));
        self.shard.handle(now, ShardInput::Command(command));
        self.poll_shard();
    }

    pub(super) fn watch(&mut self, command: &MediaCommand) {
        if let MediaCommand::Open { port, .. } = command {
            self.ports.insert(*port, PortLife { leased: true, ..PortLife::default() });
        }
        if let MediaCommand::OpenPeer { port, .. } | MediaCommand::OfferPeer { port } = command {
            self.ports.insert(*port, PortLife::default());
        }
        if let MediaCommand::Close { port } = command {
            self.ports.entry(*port).or_default().closings += 1;
        }
        if let MediaCommand::Record { recording, agent: None, .. } = command {
            self.taped.entry(*recording).or_insert((self.instant, None));
        }
        if let MediaCommand::SealRecording { recording } = command
            && let Some(tape) = self.taped.get_mut(recording)
        {
            tape.1.get_or_insert(self.instant);
        }
    }

    pub(super) fn poll_switch(&mut self) {
        while let Some(output) = self.switch.poll() {
            self.instant.saturating_duration_since(self.zero).hash(&mut self.heard);
            match output {
                Output::Transmit { path: Path::Datagram { to, .. }, bytes } => {
                    bytes.hash(&mut self.heard);
                    self.see(to, false, &bytes);
                    self.net.send(self.instant, Datagram { from: GATEWAY, to, bytes: bytes.to_vec() });
                }
                // What is too long for a datagram goes by one all the same, once TCP is refused (RFC 3261 18.1.1).
                Output::Connect { conn, .. } => self.work.push_back(Work::Unconnected(conn)),
                Output::Transmit { path: Path::Stream(_), .. } | Output::Disconnect { .. } => panic!("no stream ever stood here"),
                Output::Media { command, .. } => {
                    let words = format!("{command:?}");
                    words.hash(&mut self.heard);
                    self.note(format!("   media < {}", words.chars().take(100).collect::<String>()));
                    self.work.push_back(Work::Command(command));
                }
                Output::Ask(ask) => {
                    let words = format!("{:?}", ask.question);
                    words.hash(&mut self.heard);
                    self.note(format!("   ask {words}"));
                    let utc = self.now().utc;
                    match self.outside.answer(ask, utc) {
                        Some((Duration::ZERO, reply)) => self.work.push_back(Work::Reply(reply)),
                        Some((after, reply)) => self.delay(after, Work::Reply(reply)),
                        None => {}
                    }
                }
                Output::Trunk(news) => self.note(format!("   trunk {} {}", news.trunk, news.what)),
                Output::Push { channel, message } => {
                    let json = serde_json::to_string(&message).expect("a notice is JSON");
                    json.hash(&mut self.heard);
                    self.note(format!("   push {} {}", channel.0, json.chars().take(120).collect::<String>()));
                    self.work.push_back(Work::Pushed(channel, json));
                }
                Output::Traced { .. } => {}
                Output::Rejected(rejection) => {
                    self.note(format!("   rejected {} {}", rejection.refusal.cause().sip, rejection.refusal));
                    self.rejections.push(rejection);
                }
                Output::Write(record) => {
                    let json = serde_json::to_string(&record).expect("a record is JSON");
                    json.hash(&mut self.heard);
                    self.note(format!("   write {}", json.chars().take(140).collect::<String>()));
                    self.outside.learn(&record);
                    self.records.push(record);
                }
            }
        }
    }

    pub(super) fn poll_shard(&mut self) {
        let mut binds: Vec<Vec<_>> = Vec::new();
        while let Some(output) = self.shard.poll() {
            self.instant.saturating_duration_since(self.zero).hash(&mut self.heard);
            match output {
                ShardOutput::Transmit { socket, to, bytes } => {
                    bytes.hash(&mut self.heard);
                    let from = self.sockets[&socket];
                    self.net.send(self.instant, Datagram { from, to, bytes: bytes.clone() });
                    self.shard.recycle(bytes);
                }
                ShardOutput::WebTransmit { .. } => panic!("no browser is here"),
                // The simulated network lets every datagram through; what the port itself believes is what counts here.
                ShardOutput::Settle { .. } => {}
                ShardOutput::Bind { count } => {
                    let room = if self.leases_for_desk { 1 } else { self.ports_max - self.bound };
                    let count = usize::from(count).min(room);
                    self.bound += if self.leases_for_desk { 0 } else { count };
                    binds.push((0..count).map(|_| self.bind()).collect());
                }
                ShardOutput::Event(MediaEvent::PortsLeased { locals }) if self.leases_for_desk => self.desk_places.extend(locals),
                ShardOutput::Event(event) => {
                    if !matches!(event, MediaEvent::Quality { .. }) {
                        self.note(format!("   media > {event:?}").chars().take(120).collect::<String>());
                    }
                    self.take_note(&event);
                    self.work.push_back(Work::Event(event));
                }
                ShardOutput::Record(command) => self.record(command),
            }
        }
        for sockets in binds {
            let now = self.now();
            self.shard.handle(now, ShardInput::Bound { sockets });
            self.poll_shard();
        }
    }

    pub(super) fn take_note(&mut self, event: &MediaEvent) {
        if let MediaEvent::PortsLeased { locals } = event {
            self.leased += locals.len();
        }
        if let MediaEvent::Closed { port, .. } = event {
            self.ports.entry(*port).or_default().closed += 1;
            self.desk_ports.remove(port);
        }
    }

    pub(super) fn record(&mut self, command: RecorderCommand) {
        if let Some(recording) = self.recorder.obey(command)
            && self.disk != Disk::Hangs
        {
            self.delay(Duration::from_millis(30), Work::Recorded(recording));
        }
    }

    pub(super) fn delay(&mut self, after: Duration, work: Work) {
        self.delayed += 1;
        self.later.insert((self.instant + after, self.delayed), work);
    }

    pub(super) fn see(&mut self, peer: SocketAddr, inbound: bool, bytes: &[u8]) {
        let seen = Seen { at: self.instant, peer, inbound, text: String::from_utf8_lossy(bytes).into_owned() };
        let arrow = if inbound { "-->" } else { "<--" };
        let line = format!("{:<21} {arrow} {} ({})", peer.to_string(), seen.start_line(), seen.method());
        self.note(line);
        self.wire.push(seen);
    }

    pub(super) fn note(&mut self, line: impl Into<String>) {
        self.ladder.note(self.instant.saturating_duration_since(self.zero), line);
    }
}
