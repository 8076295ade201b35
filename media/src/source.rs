//! The source lock: whose packets an RTP port believes.
//!
//! A port that learns its peer from whatever arrives first can be bled and can be fed. So a packet counts only if it comes from the address
//! in the peer's SDP, from any port of it, or, where the endpoint is marked as behind NAT, from the address that its signalling came from.
//! The first packets are a probation in which that address may still change its port; then the lock closes until a new plan comes.

use std::net::{IpAddr, SocketAddr};

use crate::sdp::MediaPlan;

/// One plan's sources.
#[derive(Debug, Clone)]
pub struct SourceLock {
    remote: SocketAddr,
    signalled_from: Option<IpAddr>,
    state: State,
    guard: bool,
    /// The source has proved that it holds the peer's key.
    authentic: bool,
    foreign: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// So many packets have been believed, the last from here.
    Probation { packets: u8, from: Option<SocketAddr> },
    /// Only this source, until a new plan.
    Locked(SocketAddr),
}

impl SourceLock {
    /// For the peer of `plan`. `guard` is always on but in a test that shows what it is good for: without it every source is believed and
    /// answered.
    pub fn new(plan: &MediaPlan, guard: bool) -> Self {
        let state = State::Probation { packets: 0, from: None };
        Self { remote: plan.remote, signalled_from: plan.signalled_from, state, guard, authentic: false, foreign: 0 }
    }

    /// Whether a packet from here is believed; one that is not is counted.
    pub fn admit(&mut self, from: SocketAddr) -> bool {
        if !self.guard {
            self.state = State::Locked(from);
            return true;
        }
        let from = canonical(from);
        let admitted = match self.state {
            State::Locked(source) => source == from,
            State::Probation { .. } => self.is_allowed(from.ip()),
        };
        if !admitted {
            self.foreign += 1;
            return false;
        }
        if let State::Probation { packets, .. } = self.state {
            let is_expected = from == canonical(self.remote);
            self.state = if is_expected || packets + 1 >= PROBATION_MAX {
                State::Locked(from)
            } else {
                State::Probation { packets: packets + 1, from: Some(from) }
            };
        }
        true
    }

    /// A packet from here has proved by its tag that it is the peer's: this is its source from now on, whatever the SDP says.
    pub fn admit_authentic(&mut self, from: SocketAddr) {
        (self.state, self.authentic) = (State::Locked(canonical(from)), true);
    }

    /// Whether RTCP from here is believed: it has a port of its own, so only the address counts.
    pub fn admits_reports(&self, from: SocketAddr) -> bool {
        !self.guard || self.is_allowed(canonical(from).ip())
    }

    /// Where to send: what the SDP says, since a peer may send from another port than it listens on; behind NAT, where packets came from.
    /// A peer that proves itself from another address than its SDP's is behind one.
    pub fn target(&self) -> SocketAddr {
        let is_elsewhere = |source: SocketAddr| self.authentic && source.ip() != self.remote.ip().to_canonical();
        let learns = self.signalled_from.is_some() || !self.guard || self.source().is_some_and(is_elsewhere);
        match self.state {
            State::Locked(source) | State::Probation { from: Some(source), .. } if learns => source,
            State::Locked(_) | State::Probation { .. } => self.remote,
        }
    }

    /// The source that alone is believed, once it is known.
    pub fn source(&self) -> Option<SocketAddr> {
        match self.state {
            State::Locked(source) => Some(source),
            State::Probation { .. } => None,
        }
    }

    /// Whether the source that alone is believed is also the one that is sent to.
    pub fn is_settled(&self) -> bool {
        self.source() == Some(canonical(self.target()))
    }

    /// Packets that were not believed.
    pub fn foreign(&self) -> u64 {
        self.foreign
    }

    fn is_allowed(&self, ip: IpAddr) -> bool {
        ip == self.remote.ip().to_canonical() || self.signalled_from.is_some_and(|signalled| ip == signalled.to_canonical())
    }
}

/// A dual-stack socket sees IPv4 peers under mapped addresses.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Enough for a NAT to settle, 100 ms at 20 ms a packet.
const PROBATION_MAX: u8 = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::tests::plan;

    fn from(address: &str) -> SocketAddr {
        address.parse().unwrap()
    }

    fn lock(signalled_from: Option<&str>, guard: bool) -> SourceLock {
        let signalled_from = signalled_from.map(|ip| ip.parse().unwrap());
        SourceLock::new(&MediaPlan { signalled_from, ..plan() }, guard)
    }

    #[test]
    fn the_address_of_the_sdp_is_believed_and_locked_at_once_where_its_port_fits() {
        let mut lock = lock(None, true);
        assert!(!lock.admit(from("192.0.2.66:4000")));
        assert!(lock.admit(from("[::ffff:192.0.2.1]:4000")));
        assert_eq!(lock.source(), Some(from("192.0.2.1:4000")));
        assert!(!lock.admit(from("192.0.2.1:4002")));
        assert_eq!((lock.foreign(), lock.target()), (2, from("192.0.2.1:4000")));
    }

    #[test]
    fn another_port_of_the_address_is_locked_after_five_packets_and_not_sent_to() {
        let mut lock = lock(None, true);
        for port in [5_000, 5_002, 5_000, 5_000, 5_000] {
            assert!(lock.admit(from(&format!("192.0.2.1:{port}"))));
        }
        assert!(!lock.admit(from("192.0.2.1:4000")));
        assert_eq!(lock.target(), from("192.0.2.1:4000"));
    }

    #[test]
    fn behind_nat_the_address_of_the_signalling_is_believed_and_sent_to() {
        let mut lock = lock(Some("203.0.113.7"), true);
        assert_eq!(lock.target(), from("192.0.2.1:4000"));
        assert!(lock.admit(from("203.0.113.7:61000")));
        assert_eq!(lock.target(), from("203.0.113.7:61000"));
        assert!(!lock.admit(from("203.0.113.8:61000")));
    }

    #[test]
    fn who_proves_itself_is_believed_from_anywhere_and_sent_to_where_its_sdp_is_not_reached() {
        let mut lock = lock(None, true);
        lock.admit_authentic(from("203.0.113.7:61000"));
        assert_eq!((lock.source(), lock.target()), (Some(from("203.0.113.7:61000")), from("203.0.113.7:61000")));
        lock.admit_authentic(from("203.0.113.7:62000"));
        assert_eq!(lock.target(), from("203.0.113.7:62000"));
        lock.admit_authentic(from("192.0.2.1:5000"));
        assert_eq!(lock.target(), from("192.0.2.1:4000"));
    }

    #[test]
    fn without_the_guard_whoever_comes_is_believed_and_sent_to() {
        let mut lock = lock(None, false);
        assert!(lock.admit(from("192.0.2.66:4000")));
        assert_eq!(lock.target(), from("192.0.2.66:4000"));
    }
}
