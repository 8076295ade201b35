//! TCP: listening, accepting, connecting, and the handshakes on top of it.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use gateway_core::{
    events::wire::{Hop, Transport},
    ids::{ConnId, EndpointId},
};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    net::TcpStream,
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_rustls::client::TlsStream;

use super::{
    Ends, OUTBOX_MAX, Shared, StreamTold,
    door::{Place, Pressed},
    flow::{self, Duplex},
    tls::{self, Tls},
    trouble::Trouble,
    web,
};

/// Listens; an IPv6 address takes IPv6 alone, so that `0.0.0.0` and `[::]` stand side by side.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // The port of a node that has just ended is ours at once.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Takes in whoever connects; never ends by itself.
pub(super) async fn accept(shared: Arc<Shared>, endpoint: EndpointId, transport: Transport, listener: TcpListener) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "SIP's listener is lost"),
    };
    loop {
        match listener.accept().await {
            Ok((stream, from)) => match shared.door.enter(from.ip()) {
                Some(entered) => {
                    let shared = shared.clone();
                    tokio::spawn(async move { serve(&shared, endpoint, transport, stream, from, entered).await });
                }
                None => {
                    shared.meters.refused.increment(1);
                    tracing::debug!(%from, transport = transport.token(), "a SIP connection found no place");
                }
            },
            Err(error) => {
                tracing::warn!(%error, "a SIP connection could not be taken in");
                sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

/// Opens a stream, and carries it to its end.
pub(super) async fn connect(shared: Arc<Shared>, conn: ConnId, hop: Hop, profile: Option<String>) {
    let opened = match shared.outbound.try_acquire() {
        Ok(place) => open(&shared.tls, &hop, profile.as_deref()).await.map(|opened| (place, opened)),
        Err(_) => Err(Trouble::new("too many streams")),
    };
    match opened {
        Ok((_place, (stream, local, subject))) => {
            let ends = Ends { local, remote: hop.to, transport: hop.transport };
            carry(&shared, conn, None, ends, subject, Ready::Bytes(stream)).await;
        }
        Err(error) => {
            shared.meters.failed.increment(1);
            tracing::info!(to = %hop.to, transport = hop.transport.token(), %error, "a SIP stream did not come about");
            let _ = shared.tell(conn, StreamTold::Failed).await;
        }
    }
}

/// A stream whose handshakes are over.
enum Ready {
    Bytes(Box<dyn Duplex>),
    Frames(Box<web::Frames>),
}

async fn serve(
    shared: &Shared,
    endpoint: EndpointId,
    transport: Transport,
    stream: TcpStream,
    from: SocketAddr,
    (mut place, pressed): (Place, Pressed),
) {
    let Ok(local) = stream.local_addr() else { return };
    let shaken = async {
        tokio::select! {
            shaken = shake_hands(shared, endpoint, transport, stream) => shaken,
            _ = pressed => Err("younger handshakes needed its place".to_owned()),
        }
    };
    match timeout(HANDSHAKE_MAX, shaken).await {
        Ok(Ok((subject, ready))) => {
            if !place.shaken() {
                return;
            }
            let ends = Ends { local, remote: from, transport };
            carry(shared, shared.next_accepted(), Some(endpoint), ends, subject, ready).await;
        }
        Ok(Err(error)) => {
            shared.meters.failed.increment(1);
            tracing::debug!(%from, transport = transport.token(), error, "a SIP handshake failed");
        }
        Err(_) => {
            shared.meters.failed.increment(1);
            tracing::debug!(%from, transport = transport.token(), "a SIP handshake took too long");
        }
    }
}

async fn shake_hands(
    shared: &Shared,
    endpoint: EndpointId,
    transport: Transport,
    stream: TcpStream,
) -> Result<(Vec<String>, Ready), String> {
    let _ = stream.set_nodelay(true);
    let (subject, stream): (Vec<String>, Box<dyn Duplex>) = if transport.is_secure() {
        let stream = shared.tls.acceptor(endpoint)?.accept(stream).await.map_err(|error| error.to_string())?;
        (tls::subject(stream.get_ref().1.peer_certificates()), Box::new(stream))
    } else {
        (Vec::new(), Box::new(stream))
    };
    if !transport.is_web() {
        return Ok((subject, Ready::Bytes(stream)));
    }
    let origins = shared.origins.get(&endpoint).map_or(&[][..], Vec::as_slice);
    let ready = Ready::Frames(Box::new(web::accept(stream, origins).await?));
    Ok((subject, ready))
}

/// A stream to a hop, our own address of it, and the names of its certificate.
pub(in crate::shell) async fn open(
    tls: &Tls,
    hop: &Hop,
    profile: Option<&str>,
) -> Result<(Box<dyn Duplex>, SocketAddr, Vec<String>), Trouble> {
    let stream = reach(hop).await?;
    let local = stream.local_addr().map_err(|error| Trouble::unreached(&error))?;
    if !hop.transport.is_secure() {
        return Ok((Box::new(stream), local, Vec::new()));
    }
    let stream = secure(tls, hop, profile, stream).await?;
    let subject = tls::subject(stream.get_ref().1.peer_certificates());
    Ok((Box::new(stream), local, subject))
}

/// TCP to a hop.
pub(in crate::shell) async fn reach(hop: &Hop) -> Result<TcpStream, Trouble> {
    if hop.transport.is_web() {
        return Err(Trouble::new("nobody can be called by WebSocket: browsers connect to us"));
    }
    let connected = timeout(CONNECT_MAX, TcpStream::connect(hop.to)).await;
    let stream = connected.map_err(|_| Trouble::silent())?.map_err(|error| Trouble::unreached(&error))?;
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// TLS over it, by the trunk of that name.
pub(in crate::shell) async fn secure(
    tls: &Tls,
    hop: &Hop,
    profile: Option<&str>,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, Trouble> {
    let (connector, name) = tls.connector(profile, hop).map_err(Trouble::new)?;
    let shaken = timeout(HANDSHAKE_MAX, connector.connect(name, stream)).await;
    shaken.map_err(|_| Trouble::new("the TLS handshake took too long"))?.map_err(|error| Trouble::unsecured(&error))
}

async fn carry(shared: &Shared, conn: ConnId, endpoint: Option<EndpointId>, ends: Ends, subject: Vec<String>, ready: Ready) {
    let (outbox, waiting) = mpsc::channel(OUTBOX_MAX);
    if shared.tell(conn, StreamTold::Stands { endpoint, ends, subject, outbox }).await.is_err() {
        return;
    }
    match ready {
        Ready::Bytes(stream) => flow::carry(stream, conn, shared, waiting).await,
        Ready::Frames(frames) => web::carry(*frames, conn, shared, waiting).await,
    }
    let _ = shared.tell(conn, StreamTold::Gone).await;
}

/// Connections that the system holds while we are busy.
const BACKLOG: i32 = 1024;

/// Out of file handles, most likely: some come free.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Where nobody answers for so long, a large request goes by UDP after all, and another target is tried (RFC 3261 18.1.1, RFC 3263 4.3).
const CONNECT_MAX: Duration = Duration::from_secs(3);

/// TLS takes two round trips and WebSocket one.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);
