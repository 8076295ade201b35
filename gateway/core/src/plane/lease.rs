//! Leased addresses: bound ahead of need, rested after use.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
};

use super::SocketId;

/// One bound pair of sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) rtp: SocketId,
    pub(super) rtcp: SocketId,
    pub(super) local: SocketAddr,
}

/// All addresses of a shard that no port uses.
#[derive(Debug, Default)]
pub(super) struct Leases {
    /// Bound, rested and to be leased.
    idle: VecDeque<Lease>,
    /// The Switch may open ports on these.
    leased: BTreeMap<SocketAddr, Lease>,
    /// Media of an old call may still come in here.
    resting: BTreeMap<SocketAddr, Lease>,
    /// Per `Bind` under way, what was idle when it was asked for: both are leased together.
    asked: VecDeque<Vec<Lease>>,
}

/// How a wish for addresses is met.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Grant {
    /// These are leased.
    Leased(Vec<SocketAddr>),
    /// So many must be bound first.
    Bind(u16),
}

impl Leases {
    pub(super) fn lease(&mut self, count: u16) -> Grant {
        let at_hand: Vec<Lease> = self.idle.drain(..self.idle.len().min(count.into())).collect();
        let missing = count - at_hand.len() as u16;
        if missing == 0 {
            return Grant::Leased(self.grant(at_hand));
        }
        self.asked.push_back(at_hand);
        Grant::Bind(missing)
    }

    /// Leases what was bound, with what was at hand when it was asked for.
    pub(super) fn bound(&mut self, sockets: impl Iterator<Item = Lease>) -> Vec<SocketAddr> {
        let mut leases = self.asked.pop_front().unwrap_or_default();
        leases.extend(sockets);
        self.grant(leases)
    }

    /// A port opens here.
    pub(super) fn take(&mut self, local: SocketAddr) -> Option<Lease> {
        self.leased.remove(&local)
    }

    /// A port has closed here.
    pub(super) fn rest(&mut self, lease: Lease) {
        self.resting.insert(lease.local, lease);
    }

    /// Old media has had its time.
    pub(super) fn rested(&mut self, local: SocketAddr) {
        self.idle.extend(self.resting.remove(&local));
    }

    fn grant(&mut self, leases: Vec<Lease>) -> Vec<SocketAddr> {
        self.leased.extend(leases.iter().map(|lease| (lease.local, *lease)));
        leases.iter().map(|lease| lease.local).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(port: u16) -> Lease {
        Lease { rtp: SocketId(port.into()), rtcp: SocketId(u32::from(port) + 1), local: SocketAddr::from(([127, 0, 0, 1], port)) }
    }

    #[test]
    fn an_address_is_leased_again_only_after_it_has_rested() {
        let mut leases = Leases::default();
        assert_eq!(leases.lease(1), Grant::Bind(1));
        assert_eq!(leases.bound([lease(4_000)].into_iter()), [lease(4_000).local]);
        assert_eq!(leases.take(lease(4_000).local), Some(lease(4_000)));
        assert_eq!(leases.take(lease(4_000).local), None);
        leases.rest(lease(4_000));
        assert_eq!(leases.lease(2), Grant::Bind(2));
        leases.rested(lease(4_000).local);
        assert_eq!(leases.lease(1), Grant::Leased(vec![lease(4_000).local]));
        assert_eq!(leases.bound([lease(4_002)].into_iter()), [lease(4_002).local]);
    }
}
