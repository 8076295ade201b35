//! UDP sockets the way that voice wants them, and the rule by which they are read in turns.

use std::{collections::VecDeque, io, net::SocketAddr};

use mio::net::UdpSocket;
use socket2::{Domain, Protocol, Socket, Type};

/// What a socket carries, for routers on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// SIP: class selector 3 (RFC 4594 4.3).
    Signalling,
    /// RTP: expedited forwarding (RFC 4594 4.1).
    Voice,
}

/// Binds, non-blocking, with a buffer that takes a burst of `buffer` bytes while the thread is busy.
pub(crate) fn bind(address: SocketAddr, traffic: Traffic, buffer: usize) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // Both are wishes: the system may cap the one, and a container may forbid the other.
    let _ = socket.set_recv_buffer_size(buffer);
    if address.is_ipv6() && traffic == Traffic::Signalling {
        // An IPv4 peer would look like ::ffff:a.b.c.d, which is no source of any trunk.
        socket.set_only_v6(true)?;
    }
    if address.is_ipv4() {
        let dscp = match traffic {
            Traffic::Signalling => 24,
            Traffic::Voice => 46,
        };
        let _ = socket.set_tos_v4(dscp << 2);
        // A voice packet is never cut in pieces, and asks nobody how long it may be.
        if traffic == Traffic::Voice {
            let _ = rustix::net::sockopt::set_ip_mtu_discover(&socket, rustix::net::sockopt::Ipv4PathMtuDiscovery::PROBE);
        }
    }
    socket.bind(&address.into())?;
    Ok(UdpSocket::from_std(socket.into()))
}

/// Sockets that may have something to read: edge-triggered epoll says it once, so it is remembered here until a read would block.
#[derive(Debug, Default)]
pub(crate) struct Readable {
    waiting: VecDeque<usize>,
    marked: Vec<bool>,
}

impl Readable {
    /// Socket number `socket` may be read.
    pub(crate) fn mark(&mut self, socket: usize) {
        if self.marked.len() <= socket {
            self.marked.resize(socket + 1, false);
        }
        if !std::mem::replace(&mut self.marked[socket], true) {
            self.waiting.push_back(socket);
        }
    }

    /// The next one; whoever does not read it empty marks it again, and it comes after the others.
    pub(crate) fn next(&mut self) -> Option<usize> {
        let socket = self.waiting.pop_front()?;
        self.marked[socket] = false;
        Some(socket)
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_read_in_turn_and_queued_once() {
        let mut readable = Readable::default();
        readable.mark(3);
        readable.mark(0);
        readable.mark(3);
        assert_eq!(readable.len(), 2);
        assert_eq!(readable.next(), Some(3));
        readable.mark(3);
        assert_eq!(readable.next(), Some(0));
        assert_eq!(readable.next(), Some(3));
        assert_eq!(readable.next(), None);
    }
}
