//! The network: datagrams under way, on links that lose, delay and reorder by the seed.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How one party is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// One way.
    pub delay: Duration,
    /// Added to the delay by chance, from nothing to this: more than 20 ms reorders packets of voice.
    pub jitter: Duration,
    /// Datagrams lost, in a thousand.
    pub loss: u32,
}

impl Link {
    /// A cable.
    pub const GOOD: Self = Self { delay: Duration::from_millis(5), jitter: Duration::ZERO, loss: 0 };
    /// A phone in a train.
    pub const BAD: Self = Self { delay: Duration::from_millis(40), jitter: Duration::from_millis(30), loss: 50 };
}

/// One datagram.
#[derive(Debug, Clone)]
pub struct Datagram {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub bytes: Vec<u8>,
}

/// All links, and what is on them.
#[derive(Debug)]
pub struct Net {
    rng: ChaCha8Rng,
    links: BTreeMap<IpAddr, Link>,
    under_way: BTreeMap<(Instant, u64), Datagram>,
    sent: u64,
}

impl Net {
    /// All links good.
    pub fn new(seed: u64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), links: BTreeMap::new(), under_way: BTreeMap::new(), sent: 0 }
    }

    /// Connects a party in this way, in both directions.
    pub fn connect(&mut self, party: IpAddr, link: Link) {
        self.links.insert(party, link);
    }

    /// Sends a datagram off.
    pub fn send(&mut self, now: Instant, datagram: Datagram) {
        let link = [datagram.from, datagram.to].iter().find_map(|address| self.links.get(&address.ip())).copied().unwrap_or(Link::GOOD);
        // Chance is drawn for good links too, so that one party's link does not change another's fate.
        let (lost, late) = (self.rng.random_range(0..1_000) < link.loss, self.rng.random_range(0.0..1.0));
        if lost {
            return;
        }
        self.sent += 1;
        self.under_way.insert((now + link.delay + link.jitter.mul_f64(late), self.sent), datagram);
    }

    /// The next one to arrive.
    pub fn deadline(&self) -> Option<Instant> {
        self.under_way.keys().next().map(|(at, _)| *at)
    }

    /// What has arrived.
    pub fn receive(&mut self, now: Instant) -> Option<Datagram> {
        let first = self.under_way.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(first.remove())
    }
}
