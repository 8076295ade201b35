//! A block of ports for one test, so that tests may run side by side.

use std::{
    net::{Ipv4Addr, TcpListener, UdpSocket},
    sync::atomic::{AtomicU16, Ordering},
};

/// `BLOCK` neighbouring ports of 127.0.0.1, ours until it is dropped.
#[derive(Debug)]
pub struct Ports {
    first: u16,
    /// Bound to the last port of the block: whoever finds it taken goes elsewhere, in this process or in another.
    _flag: UdpSocket,
}

impl Ports {
    /// The next block in which every port is free.
    pub fn claim() -> Self {
        let start = u16::try_from(std::process::id() % u32::from(BLOCKS)).unwrap_or(0);
        for _ in 0..BLOCKS {
            let block = (start + NEXT.fetch_add(1, Ordering::Relaxed)) % BLOCKS;
            let first = FIRST + block * BLOCK;
            let Ok(flag) = UdpSocket::bind((Ipv4Addr::LOCALHOST, first + BLOCK - 1)) else { continue };
            let is_free =
                |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() && UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
            if (first..first + BLOCK - 1).all(is_free) {
                return Self { first, _flag: flag };
            }
        }
        panic!("no {BLOCK} neighbouring ports are free from {FIRST} on");
    }

    /// The gateway's SIP.
    pub fn sip(&self) -> u16 {
        self.first
    }

    /// The gateway's SIP over TLS.
    pub fn tls(&self) -> u16 {
        self.first + 1
    }

    /// The gateway's SIP over WebSocket.
    pub fn ws(&self) -> u16 {
        self.first + 6
    }

    /// The gateway's pages and API.
    pub fn http(&self) -> u16 {
        self.first + 2
    }

    /// The gateway's one port for browsers.
    pub fn web(&self) -> u16 {
        self.first + 4
    }

    /// The gateway's RTP and RTCP, first and last.
    pub fn media(&self) -> (u16, u16) {
        (self.first + 10, self.first + 149)
    }

    /// The `n`-th port, of 49, for a peer.
    pub fn peer(&self, n: u16) -> u16 {
        assert!(n < 49, "a block has 49 ports for peers");
        self.first + 150 + n
    }
}

static NEXT: AtomicU16 = AtomicU16::new(0);

const BLOCK: u16 = 200;
/// Below the ports that the system gives to clients.
const FIRST: u16 = 10_000;
const BLOCKS: u16 = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_blocks_never_overlap() {
        let (one, two) = (Ports::claim(), Ports::claim());
        assert!(one.sip().abs_diff(two.sip()) >= BLOCK);
    }
}
