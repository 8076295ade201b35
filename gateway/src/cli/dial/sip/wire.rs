//! The UDP socket and what comes in by it, parsed by `rsip`.

use std::{io, net::SocketAddr, sync::Arc};

use rsip::{Request, Response, SipMessage};
use tokio::{net::UdpSocket, sync::mpsc};

use super::message;

/// One end of the signalling: a socket to send by, an inbox that may be a share of it.
pub(super) struct Wire {
    socket: Arc<UdpSocket>,
    inbox: mpsc::Receiver<Received>,
}

/// A message and where it came from.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) message: SipMessage,
    pub(super) source: SocketAddr,
    /// The reason phrase as it came; `rsip` puts its own in its place.
    pub(super) phrase: String,
}

impl Wire {
    /// Opens a socket of its own.
    pub(super) async fn open(local: SocketAddr) -> io::Result<Self> {
        let socket = Arc::new(UdpSocket::bind(local).await?);
        // Until the runtime has seen the socket once, it takes nothing to send, and the first INVITE would wait for its repetition.
        socket.writable().await?;
        let (sender, inbox) = mpsc::channel(INBOX_MAX);
        let reader = Arc::clone(&socket);
        tokio::spawn(async move {
            while let Ok(received) = receive(&reader).await {
                if sender.send(received).await.is_err() {
                    return;
                }
            }
        });
        Ok(Self { socket, inbox })
    }

    /// Shares a socket whose messages someone else sorts.
    pub(super) fn sharing(socket: Arc<UdpSocket>, inbox: mpsc::Receiver<Received>) -> Self {
        Self { socket, inbox }
    }

    pub(super) fn local(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The next message; pending for ever once nothing can come any more.
    pub(super) async fn receive(&mut self) -> Received {
        match self.inbox.recv().await {
            Some(received) => received,
            None => std::future::pending().await,
        }
    }

    /// Sends; a full socket buffer loses the datagram, as the network may, and a timer repeats it.
    pub(super) fn send(&self, octets: &[u8], to: SocketAddr) {
        let _ = self.socket.try_send_to(octets, to);
    }

    pub(super) fn request(&self, request: &Request, to: SocketAddr) {
        self.send(request.to_string().as_bytes(), to);
    }

    pub(super) fn respond(&self, response: &Response, to: SocketAddr) {
        self.send(response.to_string().as_bytes(), to);
    }
}

/// The next SIP message on a socket; keep-alives and junk are passed over.
pub(super) async fn receive(socket: &UdpSocket) -> io::Result<Received> {
    let mut datagram = vec![0; DATAGRAM_MAX];
    loop {
        // A port that is closed on the other side shows as an error of the next receive; the timers find out by themselves.
        let Ok((length, source)) = socket.recv_from(&mut datagram).await else {
            tokio::task::yield_now().await;
            continue;
        };
        if let Some((message, phrase)) = message::parse(&datagram[..length]) {
            return Ok(Received { message, source, phrase });
        }
    }
}

/// The largest UDP payload.
const DATAGRAM_MAX: usize = 65_535;
/// One call says less in a round trip; what does not fit waits in the kernel's buffer.
const INBOX_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn the_first_message_on_a_new_socket_is_sent_at_once() {
        let far = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        far.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let wire = Wire::open("127.0.0.1:0".parse().unwrap()).await.unwrap();
        wire.send(b"first", far.local_addr().unwrap());
        assert_eq!(far.recv(&mut [0; 16]).unwrap(), 5);
    }
}
