//! Whose a datagram is, on a UDP socket that many peers share.
//!
//! A connectivity check names its peer by our ufrag; everything else is known by its source address alone, and an address enters the
//! table only after a check from it has proved that it knows the peer's password.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
};

use super::{ADDRESSES_MAX, stun};

/// Ufrags kept per peer: one more with each ICE restart, so that checks under way still find home. Past it the oldest is forgotten.
const UFRAGS_MAX: usize = 8;

/// The table; `K` names a peer.
#[derive(Debug, Clone)]
pub struct Demux<K> {
    by_ufrag: HashMap<String, K>,
    by_address: HashMap<SocketAddr, K>,
    owned: BTreeMap<K, Owned>,
}

#[derive(Debug, Clone, Default)]
struct Owned {
    ufrags: Vec<String>,
    addresses: Vec<SocketAddr>,
}

impl<K: Copy + Ord> Demux<K> {
    /// Empty.
    pub fn new() -> Self {
        Self { by_ufrag: HashMap::new(), by_address: HashMap::new(), owned: BTreeMap::new() }
    }

    /// Lets checks for `ufrag` reach `key`. False if another peer has it, which is chance of one in 2^80 and a reason to refuse the peer.
    pub fn insert_ufrag(&mut self, ufrag: &str, key: K) -> bool {
        if let Some(owner) = self.by_ufrag.get(ufrag) {
            return *owner == key;
        }
        let owned = self.owned.entry(key).or_default();
        if owned.ufrags.len() == UFRAGS_MAX {
            self.by_ufrag.remove(&owned.ufrags.remove(0));
        }
        owned.ufrags.push(ufrag.to_owned());
        self.by_ufrag.insert(ufrag.to_owned(), key);
        true
    }

    /// Lets everything from a verified address reach `key`. The first owner keeps it until removed; false if that is another, or if
    /// `key` has [`ADDRESSES_MAX`] already.
    pub fn insert_address(&mut self, address: SocketAddr, key: K) -> bool {
        if let Some(owner) = self.by_address.get(&address) {
            return *owner == key;
        }
        let owned = self.owned.entry(key).or_default();
        if owned.addresses.len() == ADDRESSES_MAX {
            return false;
        }
        owned.addresses.push(address);
        self.by_address.insert(address, key);
        true
    }

    /// Forgets a peer.
    pub fn remove(&mut self, key: K) {
        let Some(owned) = self.owned.remove(&key) else { return };
        for ufrag in &owned.ufrags {
            self.by_ufrag.remove(ufrag);
        }
        for address in &owned.addresses {
            self.by_address.remove(address);
        }
    }

    /// Whose datagram this is; `None` is nobody's, to be dropped without a reply.
    pub fn route(&self, from: SocketAddr, bytes: &[u8]) -> Option<K> {
        let by_ufrag = stun::local_ufrag(bytes).and_then(|ufrag| self.by_ufrag.get(ufrag));
        by_ufrag.or_else(|| self.by_address.get(&from)).copied()
    }
}

impl<K: Copy + Ord> Default for Demux<K> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn check(ufrag: &str) -> Vec<u8> {
        let username = format!("{ufrag}:far");
        let mut bytes = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        bytes.extend([7; 12]);
        bytes.extend([0, 6, 0, u8::try_from(username.len()).unwrap()]);
        bytes.extend(username.bytes());
        bytes
    }

    #[test]
    fn a_check_is_routed_by_ufrag_and_the_rest_by_verified_address() {
        let mut demux = Demux::new();
        assert!(demux.insert_ufrag("aaaa", 1) && demux.insert_ufrag("bbbb", 2));
        assert!(demux.insert_address(from(1), 1));
        assert_eq!(demux.route(from(9), &check("bbbb")), Some(2));
        assert_eq!(demux.route(from(1), &check("bbbb")), Some(2));
        assert_eq!(demux.route(from(1), &[0x80, 111]), Some(1));
        assert_eq!(demux.route(from(9), &[22, 254, 253]), None);
        demux.remove(1);
        assert_eq!(demux.route(from(1), &[0x80, 111]), None);
        assert_eq!(demux.route(from(9), &check("aaaa")), None);
    }

    #[test]
    fn the_first_owner_keeps_what_it_has() {
        let mut demux = Demux::new();
        assert!(demux.insert_address(from(1), 1) && !demux.insert_address(from(1), 2) && demux.insert_address(from(1), 1));
        assert!(demux.insert_ufrag("aaaa", 1) && !demux.insert_ufrag("aaaa", 2));
        assert_eq!(demux.route(from(1), &[]), Some(1));
    }

    #[test]
    fn tables_are_bounded_per_peer() {
        let mut demux = Demux::new();
        assert_eq!((1..100).filter(|port| demux.insert_address(from(*port), 1)).count(), ADDRESSES_MAX);
        for restart in 0..100 {
            assert!(demux.insert_ufrag(&format!("u{restart:03}"), 1));
        }
        assert_eq!(demux.by_ufrag.len(), UFRAGS_MAX);
        assert_eq!(demux.route(from(200), &check("u000")), None);
        assert_eq!(demux.route(from(200), &check("u099")), Some(1));
        demux.remove(1);
        assert!(demux.by_ufrag.is_empty() && demux.by_address.is_empty());
    }
}
