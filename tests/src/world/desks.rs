//! Desks of the world: their words to the Switch, and their media, on clear ports of their own.

use std::{net::SocketAddr, time::Duration};

use gateway_core::{
    events::media::{MediaCommand, MediaEvent},
    ids::{AgentId, ChannelId, PortId},
    now::Now,
    plane::{ShardInput, SocketId},
    switch::{Input, Page},
};
use media::{
    codec::CodecKind,
    sdp::{
        Digits, Flow, Offer, Srtp,
        negotiate::{self, Terms},
    },
};

use super::{World, desk_hz, joint::Work};
use crate::{
    config::{self, GATEWAY},
    desk::{Desk, DeskDoes},
};

impl World {
    pub fn desk(&mut self, agent: AgentId) {
        let n = self.desks.len();
        let mut desk = Desk::new(agent, ChannelId(n as u64 + 1), config::desk(n), desk_hz(n));
        desk.sit_down(self.instant);
        self.desks.push(desk);
    }

    pub(super) fn drain_desk(&mut self, n: usize) {
        let now = self.now();
        let (does, packets) = self.desks[n].drain();
        packets.into_iter().for_each(|datagram| self.net.send(now.instant, datagram));
        let (channel, agent) = (self.desks[n].channel, self.desks[n].agent);
        for does in does {
            self.note(format!("desk {} > {does:?}", agent.0).chars().take(160).collect::<String>());
            let input = match does {
                DeskDoes::Join => Input::Joined { channel, page: Page::Desk(agent) },
                DeskDoes::Say(message) => Input::Said { channel, message },
                DeskDoes::Leave => Input::Left { channel },
            };
            self.switch.handle(now, input);
            self.poll_switch();
            self.settle();
        }
    }

    pub(super) fn open_desk(&mut self, now: Now, port: PortId, offer: &Offer) {
        let local = match self.desk_places.pop_front() {
            Some(local) => local,
            None => self.place_for_desk(now),
        };
        let terms = Terms {
            codecs: &[CodecKind::Opus, CodecKind::Pcmu, CodecKind::Pcma],
            local,
            advertised: GATEWAY.ip(),
            session_id: port.0,
            previous: None,
            signalled_from: None,
            flow: Flow::SendRecv,
            srtp: Srtp::None,
            keys: None,
            digits: Digits::default(),
        };
        let (answer, plan) = negotiate::answer(offer, &terms).expect("desks of this world offer what the gateway can");
        self.desk_ports.insert(port, local);
        self.shard.handle(now, ShardInput::Command(MediaCommand::Open { port, plan }));
        self.poll_shard();
        self.work.push_back(Work::Event(MediaEvent::PeerAnswered { port, answer }));
        self.delay(Duration::from_millis(15), Work::Event(MediaEvent::PeerConnected { port }));
    }

    /// An address of the desks' own: the Shard is asked as for any lease, and the Switch does not hear of it.
    pub(super) fn place_for_desk(&mut self, now: Now) -> SocketAddr {
        self.leases_for_desk = true;
        self.shard.handle(now, ShardInput::Command(MediaCommand::LeasePorts { count: 1 }));
        self.poll_shard();
        self.leases_for_desk = false;
        self.desk_places.pop_front().expect("a desk has room of its own")
    }

    pub(super) fn bind(&mut self) -> (SocketId, SocketId, SocketAddr) {
        let n = self.sockets.len() as u32;
        let local = SocketAddr::new(GATEWAY.ip(), 20_000 + n as u16);
        let rtcp = SocketAddr::new(GATEWAY.ip(), 20_001 + n as u16);
        for (socket, address) in [(SocketId(n), local), (SocketId(n + 1), rtcp)] {
            self.sockets.insert(socket, address);
            self.homes.insert(address, socket);
        }
        (SocketId(n), SocketId(n + 1), local)
    }
}
