//! What a session wants sent, in memory that is used again.

use std::{collections::VecDeque, net::SocketAddr};

/// Which of a session's two sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// RTP's, and RTCP's where they share it.
    Rtp,
    /// RTCP's.
    Rtcp,
}

/// One datagram to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// From there.
    pub channel: Channel,
    /// To this address.
    pub to: SocketAddr,
    /// Give it back by `Outbox::recycle`.
    pub bytes: Vec<u8>,
}

/// Datagrams on their way out; in steady state it allocates nothing.
#[derive(Debug, Default)]
pub struct Outbox {
    waiting: VecDeque<Transmit>,
    spare: Vec<Vec<u8>>,
}

impl Outbox {
    /// Queues a datagram that `fill` writes; `false` from it, and there is none.
    pub fn write(&mut self, channel: Channel, to: SocketAddr, fill: impl FnOnce(&mut Vec<u8>) -> bool) {
        let mut bytes = self.memory();
        if fill(&mut bytes) {
            self.waiting.push_back(Transmit { channel, to, bytes });
        } else {
            self.recycle(bytes);
        }
    }

    /// The next datagram.
    pub fn poll(&mut self) -> Option<Transmit> {
        self.waiting.pop_front()
    }

    /// Empty memory for a datagram, used before where possible.
    pub fn memory(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_else(|| Vec::with_capacity(MEMORY_LEN))
    }

    /// Takes memory back; beyond `SPARE_MAX` it is freed.
    pub fn recycle(&mut self, mut bytes: Vec<u8>) {
        if self.spare.len() < SPARE_MAX {
            bytes.clear();
            self.spare.push(bytes);
        }
    }
}

/// A packet of G.711 at 20 ms is 172 bytes, one of Opus less.
const MEMORY_LEN: usize = 256;

/// What a shard has under way at most between two turns.
const SPARE_MAX: usize = 1_024;
