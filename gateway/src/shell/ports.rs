//! The RTP sockets of one shard: even and odd ports in pairs (RFC 3550 11), bound as they are asked for and kept.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use gateway_core::plane::SocketId;
use mio::{Interest, Registry, Token, net::UdpSocket};

use super::udp::{self, Traffic};

/// Where a shard may bind: `first` is even, `last` is the last RTCP port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PortRange {
    pub(crate) listen: IpAddr,
    pub(crate) first: u16,
    pub(crate) last: u16,
}

impl PortRange {
    /// Cuts the range into `shards` pieces of whole pairs.
    pub(crate) fn split(self, shards: u16) -> Vec<Self> {
        let first = self.first.next_multiple_of(2);
        let pairs = (u32::from(self.last) + 1).saturating_sub(u32::from(first)) / 2;
        let each = pairs / u32::from(shards.max(1));
        (0..u32::from(shards))
            .map(|shard| {
                let start = u32::from(first) + 2 * each * shard;
                let end = (start + 2 * each).saturating_sub(1);
                Self { listen: self.listen, first: port(start), last: port(end) }
            })
            .collect()
    }
}

/// A socket's name as a `Token`: number 0 is the browsers' socket, RTP sockets follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SocketName(SocketId);

impl SocketName {
    /// The socket behind a token, if it is one of a bank's.
    pub(crate) fn of(token: usize) -> Option<Self> {
        u32::try_from(token.checked_sub(1)?).ok().map(|number| Self(SocketId(number)))
    }

    /// Its name at the border.
    pub(crate) fn id(self) -> SocketId {
        self.0
    }

    fn token(self) -> Token {
        Token(self.place() + 1)
    }

    fn place(self) -> usize {
        self.0.0 as usize
    }
}

impl From<SocketId> for SocketName {
    fn from(id: SocketId) -> Self {
        Self(id)
    }
}

/// Bound sockets, by `SocketId`: a pair's RTP socket has the even number, its RTCP socket the next.
pub(crate) struct Bank {
    range: PortRange,
    /// The next RTP port to try; past the range when all were tried.
    next: u32,
    sockets: Vec<Bound>,
}

/// One socket.
struct Bound {
    socket: UdpSocket,
    /// The only one it hears and speaks to: the system looks for the way once and not for each packet.
    peer: Option<SocketAddr>,
}

impl Bank {
    pub(crate) fn new(range: PortRange) -> Self {
        Self { range, next: u32::from(range.first), sockets: Vec::new() }
    }

    /// Binds `count` more pairs, fewer if the range has no more; a pair whose ports somebody else holds is passed over.
    pub(crate) fn bind(&mut self, count: u16, registry: &Registry) -> Vec<(SocketId, SocketId, SocketAddr)> {
        let mut bound = Vec::with_capacity(usize::from(count));
        while bound.len() < usize::from(count) && self.next < u32::from(self.range.last) {
            let at = port(self.next);
            self.next += 2;
            match self.bind_pair(at, registry) {
                Ok(pair) => bound.push(pair),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => {
                    tracing::error!(port = at, %error, "RTP ports cannot be bound");
                    break;
                }
            }
        }
        bound
    }

    /// Bound RTP ports.
    pub(crate) fn len(&self) -> usize {
        self.sockets.len() / 2
    }

    pub(crate) fn receive(&self, socket: SocketName, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.sockets.get(socket.place()).ok_or(io::ErrorKind::WouldBlock)?.socket.recv_from(buffer)
    }

    pub(crate) fn send(&self, socket: SocketName, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        let Bound { socket, peer } = self.sockets.get(socket.place()).ok_or(io::ErrorKind::NotFound)?;
        if *peer == Some(to) { socket.send(bytes) } else { socket.send_to(bytes, to) }
    }

    /// Lets one socket hear and speak to this peer alone, or to all again. What others have sent before may still be read from it.
    ///
    /// A socket on all addresses of the machine is left as it is: the system would choose the one that it hears on, and not ask the peer.
    pub(crate) fn settle(&mut self, socket: SocketName, peer: Option<SocketAddr>) {
        let is_on_one_address = !self.range.listen.is_unspecified();
        let Some(bound) = self.sockets.get_mut(socket.place()).filter(|_| is_on_one_address) else { return };
        let settled = match peer {
            Some(peer) => bound.socket.connect(peer),
            None if bound.peer.is_some() => rustix::net::connect_unspec(&bound.socket).map_err(io::Error::from),
            None => Ok(()),
        };
        if let Err(error) = &settled {
            tracing::debug!(?peer, %error, "an RTP socket stays as it was");
        }
        bound.peer = peer.filter(|_| settled.is_ok());
    }

    fn bind_pair(&mut self, port: u16, registry: &Registry) -> io::Result<(SocketId, SocketId, SocketAddr)> {
        let at = |port| SocketAddr::new(self.range.listen, port);
        let mut rtp = udp::bind(at(port), Traffic::Voice, PORT_BUFFER)?;
        let mut rtcp = udp::bind(at(port + 1), Traffic::Voice, PORT_BUFFER)?;
        let number = u32::try_from(self.sockets.len()).map_err(|_| io::ErrorKind::QuotaExceeded)?;
        let (rtp_name, rtcp_name) = (SocketId(number), SocketId(number + 1));
        registry.register(&mut rtp, SocketName(rtp_name).token(), Interest::READABLE)?;
        registry.register(&mut rtcp, SocketName(rtcp_name).token(), Interest::READABLE)?;
        self.sockets.extend([rtp, rtcp].map(|socket| Bound { socket, peer: None }));
        Ok((rtp_name, rtcp_name, at(port)))
    }
}

/// A port number that arithmetic kept in range by construction.
fn port(number: u32) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

/// Half a second of G.711, so that a stall of the thread loses nothing that a jitter buffer would still take.
const PORT_BUFFER: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_range_is_cut_into_whole_pairs_that_do_not_overlap() {
        let pieces = range(20_001, 20_011).split(2);
        assert_eq!(pieces, [range(20_002, 20_005), range(20_006, 20_009)]);
        assert_eq!(range(20_000, 29_999).split(1), [range(20_000, 29_999)]);
    }

    #[test]
    fn a_pair_is_passed_over_when_somebody_holds_one_of_its_ports() {
        let poll = mio::Poll::new().unwrap();
        let holder = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let taken = holder.local_addr().unwrap().port() & !1;
        let mut bank = Bank::new(range(taken, taken.saturating_add(1)));
        assert!(bank.bind(4, poll.registry()).is_empty());
        assert_eq!(bank.len(), 0);
    }

    #[test]
    fn a_socket_that_is_tied_to_its_peer_hears_nobody_else_until_it_is_let_go() {
        let poll = mio::Poll::new().unwrap();
        let [peer, stranger] = [(); 2].map(|()| std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
        let mut bank = Bank::new(range(40_000, 60_000));
        let (name, _, local) = bank.bind(1, poll.registry())[0];
        let (name, peer_address) = (SocketName::from(name), peer.local_addr().unwrap());
        let heard = |bank: &Bank| {
            let mut buffer = [0; 16];
            let from = bank.receive(name, &mut buffer).map(|(_, from)| from);
            from.map_err(|error| error.kind())
        };
        bank.settle(name, Some(peer_address));
        stranger.send_to(b"bleed", local).unwrap();
        peer.send_to(b"voice", local).unwrap();
        assert_eq!(heard(&bank), Ok(peer_address));
        assert_eq!(heard(&bank), Err(io::ErrorKind::WouldBlock));
        assert_eq!(bank.send(name, b"voice", peer_address).unwrap(), 5);
        bank.settle(name, None);
        stranger.send_to(b"other", local).unwrap();
        assert_eq!(heard(&bank), Ok(stranger.local_addr().unwrap()));
        assert_eq!(bank.send(name, b"voice", stranger.local_addr().unwrap()).unwrap(), 5);
    }

    fn range(first: u16, last: u16) -> PortRange {
        PortRange { listen: IpAddr::V4(Ipv4Addr::LOCALHOST), first, last }
    }
}
