//! Sockets and streams of a trunk under test: what a node's threads are to its Switch, in one task.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use gateway_core::{
    config::Endpoint,
    events::wire::{Hop, Path, Transport},
    ids::{ConnId, EndpointId},
    sip::{UaEvent, UaOutput, UserAgent},
};
use rand::Rng;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf},
    net::UdpSocket,
    sync::mpsc,
    time::{sleep_until, timeout},
};

use crate::shell::{
    clock::stamp,
    stream::{self, Duplex, Tls, Trouble},
};

/// All that carries bytes.
pub(super) struct Wire {
    sockets: BTreeMap<EndpointId, Arc<UdpSocket>>,
    /// Endpoints of UDP without a socket, and why.
    unbound: BTreeMap<EndpointId, String>,
    writers: BTreeMap<ConnId, WriteHalf<Box<dyn Duplex>>>,
    /// Opened ahead of the user agent's wish, so that each of its handshakes is a stage of its own.
    ready: Option<(Hop, Box<dyn Duplex>)>,
    tls: Tls,
    tell: mpsc::Sender<Heard>,
    heard: mpsc::Receiver<Heard>,
    /// Why the last stream ended.
    lost: Option<Trouble>,
}

enum Heard {
    Datagram(EndpointId, SocketAddr, Vec<u8>),
    Bytes(ConnId, Vec<u8>),
    Gone(ConnId, Option<io::Error>),
}

impl Wire {
    /// Binds the endpoints of UDP, on another port where a node already serves on its own; the endpoints say where afterwards. One whose
    /// address is not up is nothing to a trunk that leaves by another.
    pub(super) async fn bind(endpoints: &mut [Endpoint], tls: Tls) -> Self {
        let (tell, heard) = mpsc::channel(HEARD_MAX);
        let (mut sockets, mut unbound) = (BTreeMap::new(), BTreeMap::new());
        for endpoint in endpoints.iter_mut().filter(|endpoint| endpoint.transport == Transport::Udp) {
            match bound(endpoint.listen).await {
                Ok((socket, listen)) => {
                    endpoint.listen = listen;
                    let socket = Arc::new(socket);
                    tokio::spawn(hear_datagrams(endpoint.id, socket.clone(), tell.clone()));
                    sockets.insert(endpoint.id, socket);
                }
                Err(error) => drop(unbound.insert(endpoint.id, format!("{}: {error}", endpoint.listen))),
            }
        }
        Self { sockets, unbound, writers: BTreeMap::new(), ready: None, tls, tell, heard, lost: None }
    }

    /// Why this endpoint has no socket.
    pub(super) fn unbound(&self, endpoint: EndpointId) -> Option<&str> {
        self.unbound.get(&endpoint).map(String::as_str)
    }

    pub(super) fn tls(&self) -> &Tls {
        &self.tls
    }

    /// The next stream that is wanted to this hop.
    pub(super) fn keep_ready(&mut self, hop: Hop, stream: Box<dyn Duplex>) {
        self.ready = Some((hop, stream));
    }

    /// Why the last stream ended, told once.
    pub(super) fn take_lost(&mut self) -> Option<Trouble> {
        self.lost.take()
    }

    /// Carries bytes until an event is what is wanted; `None` after `most`.
    pub(super) async fn until<R: Rng, T>(
        &mut self,
        user_agent: &mut UserAgent<R>,
        most: Duration,
        mut wanted: impl FnMut(UaEvent) -> Option<T>,
    ) -> Option<T> {
        let end = Instant::now() + most;
        loop {
            while let Some(output) = user_agent.poll() {
                if let Some(event) = self.carry_out(user_agent, output).await
                    && let Some(found) = wanted(event)
                {
                    return Some(found);
                }
            }
            let wake = user_agent.deadline().map_or(end, |deadline| deadline.min(end));
            tokio::select! {
                Some(heard) = self.heard.recv() => self.hear(user_agent, heard),
                () = sleep_until(wake.into()) => {
                    if Instant::now() >= end {
                        return None;
                    }
                    user_agent.wake(stamp());
                }
            }
        }
    }

    async fn carry_out<R: Rng>(&mut self, user_agent: &mut UserAgent<R>, output: UaOutput) -> Option<UaEvent> {
        match output {
            UaOutput::Transmit { path: Path::Datagram { endpoint, to }, bytes } => {
                if let Some(socket) = self.sockets.get(&endpoint) {
                    // What cannot be sent is as lost as what a network drops.
                    let _ = socket.send_to(&bytes, to).await;
                }
            }
            UaOutput::Transmit { path: Path::Stream(conn), bytes } => {
                if let Some(writer) = self.writers.get_mut(&conn) {
                    let written = timeout(WRITE_MAX, async {
                        writer.write_all(&bytes).await?;
                        writer.flush().await
                    });
                    if let Ok(Err(error)) = written.await {
                        self.lost = Some(Trouble::unsecured(&error));
                    }
                }
            }
            UaOutput::Connect { conn, hop, profile } => self.connect(user_agent, conn, &hop, profile.as_deref()).await,
            UaOutput::Disconnect { conn } => {
                self.writers.remove(&conn);
                user_agent.disconnected(stamp(), conn);
            }
            UaOutput::Event(event) => return Some(event),
        }
        None
    }

    async fn connect<R: Rng>(&mut self, user_agent: &mut UserAgent<R>, conn: ConnId, hop: &Hop, profile: Option<&str>) {
        let opened = match self.ready.take() {
            Some((to, stream)) if to == *hop => Ok(stream),
            Some(_) | None => stream::open(&self.tls, hop, profile).await.map(|(stream, ..)| stream),
        };
        match opened {
            Ok(stream) => {
                let (reader, writer) = tokio::io::split(stream);
                self.writers.insert(conn, writer);
                tokio::spawn(hear_stream(conn, reader, self.tell.clone()));
                user_agent.connected(stamp(), conn, None, hop.to, Vec::new());
            }
            Err(trouble) => {
                self.lost = Some(trouble);
                user_agent.connect_failed(stamp(), conn);
            }
        }
    }

    fn hear<R: Rng>(&mut self, user_agent: &mut UserAgent<R>, heard: Heard) {
        match heard {
            Heard::Datagram(endpoint, from, bytes) => user_agent.receive(stamp(), endpoint, from, &bytes),
            Heard::Bytes(conn, bytes) => user_agent.receive_stream(stamp(), conn, &bytes),
            Heard::Gone(conn, error) => {
                self.writers.remove(&conn);
                self.lost = error.map(|error| Trouble::unsecured(&error));
                user_agent.disconnected(stamp(), conn);
            }
        }
    }
}

async fn bound(listen: SocketAddr) -> io::Result<(UdpSocket, SocketAddr)> {
    let socket = match UdpSocket::bind(listen).await {
        Ok(socket) => socket,
        Err(_) => UdpSocket::bind((listen.ip(), 0)).await?,
    };
    let listen = socket.local_addr()?;
    Ok((socket, listen))
}

async fn hear_datagrams(endpoint: EndpointId, socket: Arc<UdpSocket>, tell: mpsc::Sender<Heard>) {
    let mut buffer = vec![0; READ_MAX];
    let mut errors = 0;
    while errors < ERRORS_MAX {
        // An ICMP error of an earlier datagram comes back as an error of reading: the socket itself is well.
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
            errors += 1;
            continue;
        };
        errors = 0;
        if tell.send(Heard::Datagram(endpoint, from, buffer[..length].to_vec())).await.is_err() {
            return;
        }
    }
}

async fn hear_stream(conn: ConnId, mut reader: ReadHalf<Box<dyn Duplex>>, tell: mpsc::Sender<Heard>) {
    let mut buffer = vec![0; READ_MAX];
    let error = loop {
        match reader.read(&mut buffer).await {
            Ok(0) => break Some(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) if tell.send(Heard::Bytes(conn, buffer[..length].to_vec())).await.is_err() => return,
            Ok(_) => {}
            Err(error) => break Some(error),
        }
    };
    // Nobody is left to hear it once the test is over.
    let _ = tell.send(Heard::Gone(conn, error)).await;
}

/// The longest datagram.
const READ_MAX: usize = 65_535;

/// Messages that wait to be understood; a peer that sends faster waits for us.
const HEARD_MAX: usize = 64;

/// As of a node's streams.
const WRITE_MAX: Duration = Duration::from_secs(10);

/// Errors in a row after which a socket is no longer read; each request that comes back leaves one.
const ERRORS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use gateway_core::config::Config;

    use super::*;

    #[tokio::test]
    async fn a_listener_whose_address_is_not_up_leaves_the_others_to_be_tested() {
        // 192.0.2.0/24 is on no machine (RFC 5737).
        let listens = ["192.0.2.77:5060", "127.0.0.1:0"].map(|listen| listen.parse::<SocketAddr>().unwrap());
        let mut endpoints = [0, 1].map(|at| Endpoint::udp(EndpointId(at as u64), "udp", listens[at]));
        let wire = Wire::bind(&mut endpoints, Tls::read(&Config::default()).unwrap()).await;
        assert!(wire.unbound(EndpointId(0)).is_some_and(|why| why.starts_with("192.0.2.77:5060: ")));
        assert!(wire.unbound(EndpointId(1)).is_none() && endpoints[1].listen.port() != 0);
    }
}
