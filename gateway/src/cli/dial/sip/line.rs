//! The RTP of a SIP call: a socket, a clock of 20 ms, and the conversation they carry.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use tokio::{
    net::UdpSocket,
    time::{Instant, Interval, MissedTickBehavior},
};

use super::{
    super::{
        g711::Law,
        rtp::Packet,
        talk::{Noted, Say, Talk},
    },
    sdp::Audio,
};

/// One RTP stream each way.
pub(super) struct Line {
    socket: UdpSocket,
    pub(super) local: SocketAddr,
    pub(super) talk: Talk,
    /// What we send; nothing before the answer.
    outward: Option<Outward>,
    tick: Interval,
    datagram: Vec<u8>,
    /// When the line was opened both ways.
    pub(super) opened: Option<Instant>,
    /// Payload type of the far side's keys.
    event: u8,
}

/// The stream as negotiated, towards the far side.
struct Outward {
    to: SocketAddr,
    law: Law,
    event: Option<u8>,
    listened_to: bool,
}

impl Line {
    /// Binds a port; `event` is the payload type that we offer for keys.
    pub(super) async fn bind(ip: IpAddr, talk: Talk, event: u8) -> io::Result<Self> {
        let socket = UdpSocket::bind((ip, 0)).await?;
        let local = socket.local_addr()?;
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        // After a stall the frames that were missed are gone, as on any phone.
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Ok(Self { socket, local, talk, outward: None, tick, datagram: vec![0; 2048], opened: None, event })
    }

    /// Both sides have agreed: speak, or speak to another address from now on. `false`: no law in common.
    pub(super) fn open(&mut self, audio: &Audio, ours: &[Law]) -> bool {
        let Some(&law) = audio.laws.iter().find(|law| ours.contains(law)) else { return false };
        self.outward = Some(Outward { to: audio.address, law, event: audio.event, listened_to: audio.direction.listens() });
        self.opened.get_or_insert_with(Instant::now);
        true
    }

    /// Name of the codec in use.
    pub(super) fn codec(&self) -> &'static str {
        self.outward.as_ref().map_or("nothing", |outward| outward.law.name())
    }

    /// Speaks and hears until something is worth noting. May be dropped at any await: nothing is lost by it.
    pub(super) async fn turn(&mut self) -> Noted {
        loop {
            let noted = tokio::select! {
                _ = self.tick.tick() => self.speak(),
                Ok((length, _)) = self.socket.recv_from(&mut self.datagram) => self.hear(length),
            };
            if let Some(noted) = noted {
                return noted;
            }
        }
    }

    fn speak(&mut self) -> Option<Noted> {
        let outward = self.outward.as_ref()?;
        let units = self.talk.frame_units();
        let (say, noted) = self.talk.speak();
        let sending = &mut self.talk.sending;
        // A full buffer loses the packet, as the network may.
        let send = |packet: Packet<'_>| drop(self.socket.try_send_to(&packet.to_octets(), outward.to));
        match (say, outward.event) {
            _ if !outward.listened_to => {}
            (Say::Voice(samples), _) => {
                let first = sending.packets == 0;
                send(sending.packet(outward.law.payload_type(), first, 0, &outward.law.encode(&samples)));
            }
            (Say::Key(stroke), Some(event)) => {
                for _ in 0..stroke.copies {
                    send(sending.packet(event, stroke.first, stroke.ago, &stroke.payload));
                }
            }
            // The far side takes no keys in RTP; the report shows them as unheard there.
            (Say::Key(_), None) => {}
        }
        sending.advance(units);
        noted
    }

    fn hear(&mut self, length: usize) -> Option<Noted> {
        let packet = Packet::parse(self.datagram.get(..length)?).ok()?;
        let now = std::time::Instant::now();
        if packet.payload_type == self.event {
            return self.talk.hear_key(now, &packet);
        }
        let law = Law::of_payload_type(packet.payload_type)?;
        self.talk.hear(now, &packet, |payload| law.decode(payload))
    }
}
