//! What comes from the network: packets to be relayed, keys to be reported.

use std::{net::SocketAddr, time::Instant};

use media::{dtmf::DigitEvent, rtp::Header, session::Received, stream::Heard, transmit::Channel, webrtc::PeerEvent};

#[cfg(test)]
use super::shard::Wire;
use super::{
    Shard, SocketId,
    port::{Line, Port},
};
use crate::{
    cause::{Cause, Fault},
    events::{
        leg::KeySource,
        media::{MediaEvent, PlayEnd},
    },
    ids::PortId,
    private::Private,
};

impl<R: rand::Rng> Shard<R> {
    pub(super) fn receive(&mut self, now: Instant, socket: SocketId, from: SocketAddr, bytes: &[u8]) {
        let Some((id, channel)) = self.sockets.get(socket) else {
            self.counts.homeless += 1;
            return;
        };
        self.alone(now, id, |shard| shard.receive_on(now, id, channel, from, bytes));
    }

    fn receive_on(&mut self, now: Instant, id: PortId, channel: Channel, from: SocketAddr, bytes: &[u8]) {
        let Some(Port { line: Line::Rtp(line), .. }) = self.ports.get_mut(&id) else { return };
        let mut clear = std::mem::take(&mut self.clear);
        let received = match channel {
            Channel::Rtp => line.session.receive(now, from, bytes, &mut clear),
            Channel::Rtcp => line.session.receive_report(now, from, bytes, &mut clear).map(|()| Received::Report),
        };
        match received {
            Ok(Received::Audio { header, payload }) => {
                if !line.is_settled
                    && let Some(peer) = line.session.settled()
                {
                    line.is_settled = true;
                    let socket = line.lease.rtp;
                    self.settle(socket, Some(peer));
                }
                self.relay(now, id, &header, payload);
            }
            Ok(Received::Key) => {
                self.flush(id);
                self.drain(now, id);
            }
            Ok(Received::Report) => {}
            Err(_) => self.counts.dropped += 1,
        }
        self.clear = clear;
        #[cfg(test)]
        self.trip(id, Wire::Packet);
    }

    pub(super) fn receive_web(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        let Some(id) = self.demux.route(from, bytes) else {
            self.counts.homeless += 1;
            return;
        };
        self.alone(now, id, |shard| shard.receive_web_on(now, id, from, bytes));
    }

    fn receive_web_on(&mut self, now: Instant, id: PortId, from: SocketAddr, bytes: &[u8]) {
        let Some(Port { line: Line::Web(line), .. }) = self.ports.get_mut(&id) else { return };
        line.peer.handle_datagram(now, from, bytes);
        self.after_web(now, id);
    }

    /// What follows from whatever a peer has taken in.
    pub(super) fn after_web(&mut self, now: Instant, id: PortId) {
        let Some(Port { line: Line::Web(line), .. }) = self.ports.get_mut(&id) else { return };
        for &address in line.new_addresses() {
            self.demux.insert_address(address, id);
        }
        self.flush(id);
        self.drain(now, id);
    }

    /// Takes what a port's line has to say: a peer's packets and fate, keys.
    pub(super) fn drain(&mut self, now: Instant, id: PortId) {
        while let Some(event) = self.next_peer_event(id) {
            match event {
                PeerEvent::Connected => self.tell(MediaEvent::PeerConnected { port: id }),
                PeerEvent::Rtp { header, payload } => {
                    let Some(Port { line: Line::Web(line), .. }) = self.ports.get_mut(&id) else { return };
                    match line.receive(now, &header, &payload) {
                        Some(Heard::Audio) => self.relay(now, id, &header, &payload),
                        Some(Heard::Key) => self.flush(id),
                        None => self.counts.dropped += 1,
                    }
                }
                PeerEvent::Gone => {
                    self.demux.remove(id);
                    self.tell(MediaEvent::PeerGone { port: id, cause: PATH_LOST });
                }
            }
        }
        while let Some(event) = self.ports.get_mut(&id).and_then(|port| port.line.inbound_mut().poll_digit()) {
            if let Some(port) = self.ports.get_mut(&id) {
                port.tones.event_heard(now, &event);
            }
            self.key_did(now, id, &event, KeySource::Event);
        }
    }

    /// A key of a port that collects is told, and its call says where it goes; that of any other port goes on at once.
    pub(super) fn key_did(&mut self, now: Instant, id: PortId, event: &DigitEvent, source: KeySource) {
        match *event {
            DigitEvent::Began { .. } => self.interrupt(id, |port| port.collect.as_ref().is_some_and(|collect| collect.keys_interrupt)),
            DigitEvent::Ended { digit, length } if self.ports.get(&id).is_some_and(|port| port.collect.is_some()) => {
                self.tell(MediaEvent::DigitHeard { port: id, digit: Private(digit), length, source });
            }
            DigitEvent::Ended { digit, length } => self.pass_key(now, id, digit, length),
        }
    }

    /// Ends the play of a port at once, if `may` says so.
    pub(super) fn interrupt(&mut self, id: PortId, may: impl FnOnce(&Port) -> bool) {
        let play = self.ports.get_mut(&id).filter(|port| may(port)).and_then(|port| port.play.take());
        if let Some(play) = play {
            self.break_off(id);
            self.tell(MediaEvent::PlayDone { port: id, play: play.id, end: PlayEnd::Interrupted });
        }
    }

    /// What has been made for a port and not been sent is not sent any more.
    pub(super) fn break_off(&mut self, id: PortId) {
        if let Some(port) = self.ports.get_mut(&id) {
            port.line.outbound_mut().fall_silent();
        }
    }

    fn next_peer_event(&mut self, id: PortId) -> Option<PeerEvent> {
        match &mut self.ports.get_mut(&id)?.line {
            Line::Web(line) => line.peer.poll_event(),
            Line::Rtp(_) => None,
        }
    }

    /// Hands a packet on to all who hear this port packet by packet; a play to one of them goes before.
    fn relay(&mut self, now: Instant, speaker: PortId, header: &Header, payload: &[u8]) {
        let Some(port) = self.ports.get(&speaker).filter(|port| !port.is_muted) else { return };
        // Under another codec than agreed, as a re-offer may allow for a while, it cannot be relayed as it is.
        if port.line.inbound().codec() != port.line.codec() {
            return;
        }
        for place in 0..port.relays_to.len() {
            let Some(&listener) = self.ports.get(&speaker).and_then(|port| port.relays_to.get(place)) else { return };
            self.alone(now, listener, |shard| shard.relay_to(now, listener, stream(speaker, header.ssrc), header, payload));
        }
    }

    /// A key goes to the listeners as a key of our own: payload types and clocks may differ between them, and repeats are already sorted out.
    fn pass_key(&mut self, now: Instant, speaker: PortId, digit: char, length: std::time::Duration) {
        let Some(port) = self.ports.get(&speaker).filter(|port| !port.is_muted) else { return };
        let Some(topology) = port.bridge.and_then(|bridge| self.bridges.get(&bridge)) else { return };
        for listener in super::bridge::members(topology) {
            if let Some(port) = self.ports.get_mut(&listener).filter(|port| port.hears.contains(&speaker)) {
                port.line.outbound_mut().press(digit, length);
                self.keep_beat(now, listener);
            }
        }
    }
}

/// Names a relayed stream: a speaker's new source is a new stream.
fn stream(speaker: PortId, ssrc: u32) -> u64 {
    speaker.0 << 32 ^ u64::from(ssrc)
}

/// RFC 7675: nobody at the other end agrees to be sent to any more; Q.850 41, temporary failure.
const PATH_LOST: Cause = Cause { sip: 480, q850: 41, fault: Fault::Unknown, retry: true };
