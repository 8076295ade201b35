//! The SIP ladder of a call: what was said, when, and between whom.
//!
//! The switch's thread only hands over what it sends and reads; a thread of its own finds the Call-ID, masks credentials and digits, and keeps
//! the last calls in a book of fixed size. When that thread cannot follow, messages are left out of ladders, and no call waits.

mod book;
mod drawing;
mod flows;
mod mask;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use gateway_core::{
    events::wire::Transport,
    ids::{CallId, ConnId, EndpointId, UtcMillis},
};
use metrics::{Counter, counter};

pub(crate) use book::Ladder;
use book::{Book, Message, Way};
use flows::Flows;

/// Where the switch's thread leaves what it has seen.
pub(crate) struct Tap {
    /// Our own addresses, by `EndpointId`.
    locals: Vec<SocketAddr>,
    /// The streams that stand.
    streams: BTreeMap<ConnId, Stream>,
    seen: SyncSender<Seen>,
    lost: Counter,
}

/// The ladders of the last calls; a cheap clone of one book.
#[derive(Clone, Default)]
pub(crate) struct Ladders(Arc<Mutex<Book>>);

/// Between whom a message goes, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    pub(crate) transport: Transport,
}

/// A stream that stands.
struct Stream {
    ends: Ends,
    /// Something that it brought was left out: where the next message begins must be found anew.
    is_torn: bool,
}

/// What the switch's thread has seen.
enum Seen {
    /// One message.
    Bytes {
        at: UtcMillis,
        way: Way,
        ends: Ends,
        bytes: Arc<[u8]>,
    },
    /// Part of what a stream brings, cut anywhere.
    Piece {
        at: UtcMillis,
        conn: ConnId,
        ends: Ends,
        is_torn: bool,
        bytes: Arc<[u8]>,
    },
    Gone(ConnId),
    Traced {
        call: CallId,
        call_id: String,
    },
}

impl Tap {
    /// A tap, and the book that fills from it; the thread ends when the tap is dropped.
    pub(crate) fn open(locals: Vec<SocketAddr>) -> std::io::Result<(Self, Ladders)> {
        let (seen, waiting) = sync_channel(WAITING_MAX);
        let ladders = Ladders::default();
        let book = ladders.clone();
        thread::Builder::new().name("ladders".into()).spawn(move || book.fill(&waiting))?;
        let lost = counter!("tandem_ladder_lost_total");
        lost.increment(0);
        Ok((Self { locals, streams: BTreeMap::new(), seen, lost }, ladders))
    }

    /// A datagram came in.
    pub(crate) fn heard(&self, at: UtcMillis, endpoint: EndpointId, remote: SocketAddr, bytes: &[u8]) {
        // Keep-alives, and what cannot be SIP.
        if bytes.len() >= SIP_MIN && bytes.first().is_some_and(u8::is_ascii_alphabetic) {
            self.note(at, Way::In, endpoint, remote, bytes.into());
        }
    }

    /// A message goes out; its bytes are shared, not copied.
    pub(crate) fn said(&self, at: UtcMillis, endpoint: EndpointId, remote: SocketAddr, bytes: &Arc<[u8]>) {
        self.note(at, Way::Out, endpoint, remote, bytes.clone());
    }

    fn note(&self, at: UtcMillis, way: Way, endpoint: EndpointId, remote: SocketAddr, bytes: Arc<[u8]>) {
        let local = usize::try_from(endpoint.0).ok().and_then(|number| self.locals.get(number));
        if let Some(local) = local.copied() {
            let ends = Ends { local, remote, transport: Transport::Udp };
            let _ = self.give(Seen::Bytes { at, way, ends, bytes });
        }
    }

    /// A stream stands.
    pub(crate) fn stands(&mut self, conn: ConnId, ends: Ends) {
        self.streams.insert(conn, Stream { ends, is_torn: false });
    }

    /// A stream is gone.
    pub(crate) fn gone(&mut self, conn: ConnId) {
        if self.streams.remove(&conn).is_some() {
            let _ = self.give(Seen::Gone(conn));
        }
    }

    /// A stream has brought this, cut anywhere; of WebSocket, one message.
    pub(crate) fn heard_by(&mut self, at: UtcMillis, conn: ConnId, bytes: &Arc<[u8]>) {
        let Some(Stream { ends, is_torn }) = self.streams.get(&conn) else { return };
        let (ends, is_torn, bytes) = (*ends, *is_torn, bytes.clone());
        let is_given = match ends.transport.is_web() {
            true => self.give(Seen::Bytes { at, way: Way::In, ends, bytes }),
            false => self.give(Seen::Piece { at, conn, ends, is_torn, bytes }),
        };
        if let Some(stream) = self.streams.get_mut(&conn) {
            stream.is_torn = !is_given;
        }
    }

    /// A message goes out by a stream.
    pub(crate) fn said_by(&self, at: UtcMillis, conn: ConnId, bytes: &Arc<[u8]>) {
        // Pings and pongs are no messages.
        if let Some(Stream { ends, .. }) = self.streams.get(&conn).filter(|_| bytes.len() >= SIP_MIN) {
            let _ = self.give(Seen::Bytes { at, way: Way::Out, ends: *ends, bytes: bytes.clone() });
        }
    }

    /// A leg of this call goes by this Call-ID.
    pub(crate) fn traced(&self, call: CallId, call_id: String) {
        let _ = self.give(Seen::Traced { call, call_id });
    }

    fn give(&self, seen: Seen) -> bool {
        let is_given = self.seen.try_send(seen).is_ok();
        if !is_given {
            self.lost.increment(1);
        }
        is_given
    }
}

impl Ladders {
    /// What was said in a call; `None` when nothing is known of it, or not any more.
    pub(crate) fn of(&self, call: CallId) -> Option<Ladder> {
        self.book().ladder(call)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fill(&self, waiting: &Receiver<Seen>) {
        let mut flows = Flows::default();
        while let Ok(first) = waiting.recv() {
            self.take(&mut flows, first);
            // While this thread sleeps, handing over wakes nobody: the switch's thread pays for a push alone.
            thread::sleep(PAUSE);
            while let Ok(next) = waiting.try_recv() {
                self.take(&mut flows, next);
            }
        }
    }

    fn take(&self, flows: &mut Flows, seen: Seen) {
        match seen {
            Seen::Bytes { at, way, ends, bytes } => self.note(at, way, ends, &bytes),
            Seen::Piece { at, conn, ends, is_torn, bytes } => {
                flows.take(conn, is_torn, &bytes, |message| self.note(at, Way::In, ends, message));
            }
            Seen::Gone(conn) => flows.forget(conn),
            Seen::Traced { call, call_id } => self.book().tie(call, &call_id),
        }
    }

    fn note(&self, at: UtcMillis, way: Way, ends: Ends, bytes: &[u8]) {
        if let Some(message) = Message::read(at, way, ends, bytes) {
            self.book().note(message);
        }
    }
}

/// Messages on their way to the book: those of half a second of the busiest node.
const WAITING_MAX: usize = 8192;
/// How old a ladder may be.
const PAUSE: Duration = Duration::from_millis(100);
/// Shorter than any message (RFC 3261 7).
const SIP_MIN: usize = 32;

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn what_streams_bring_and_take_is_in_the_ladder_too() {
        let (mut tap, ladders) = Tap::open(Vec::new()).unwrap();
        let invite = b"INVITE sip:100@a SIP/2.0\r\nCall-ID: c1\r\nContent-Length: 0\r\n\r\n";
        for (n, transport) in (1..).zip([Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss]) {
            let [local, remote] = ["10.0.0.1:5060", "10.1.0.1:40000"].map(|address| address.parse().unwrap());
            let conn = ConnId::Accepted(n);
            tap.stands(conn, Ends { local, remote, transport });
            let cut = if transport.is_web() { invite.len() } else { 40 };
            for piece in [&invite[..cut], &invite[cut..]] {
                tap.heard_by(UtcMillis(1), conn, &piece.into());
            }
            tap.said_by(UtcMillis(2), conn, &Arc::from(&b"SIP/2.0 100 Trying\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n\r\n"[..]));
            tap.said_by(UtcMillis(3), conn, &Arc::from(&b"\r\n"[..]));
            tap.gone(conn);
            tap.said_by(UtcMillis(4), conn, &Arc::from(&b"SIP/2.0 200 OK\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n\r\n"[..]));
        }
        tap.traced(CallId(7), "c1".into());
        let ladder = until(&ladders, 8);
        for transport in ["TCP", "TLS", "WS", "WSS"] {
            let labels =
                ladder.messages.iter().filter(|message| message.ends.transport.token() == transport).map(|message| message.label());
            assert_eq!(labels.collect::<Vec<_>>(), ["INVITE", "100 Trying"], "{transport}");
        }
    }

    #[test]
    fn what_is_handed_over_is_in_the_ladder_soon() {
        let (tap, ladders) = Tap::open(vec!["10.0.0.1:5060".parse().unwrap()]).unwrap();
        let (endpoint, remote) = (EndpointId(0), "10.1.0.1:5060".parse().unwrap());
        tap.heard(UtcMillis(1), endpoint, remote, b"INVITE sip:100@a SIP/2.0\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n\r\n");
        tap.heard(UtcMillis(1), endpoint, remote, b"\r\n\r\n");
        tap.traced(CallId(7), "c1".into());
        tap.said(UtcMillis(2), endpoint, remote, &Arc::from(&b"SIP/2.0 100 Trying\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n\r\n"[..]));
        until(&ladders, 2);
        assert!(ladders.of(CallId(8)).is_none());
    }

    /// The ladder of call 7, once it has so many messages.
    fn until(ladders: &Ladders, messages: usize) -> Ladder {
        let patience = Instant::now() + Duration::from_secs(30);
        loop {
            let ladder = ladders.of(CallId(7)).unwrap_or_default();
            if ladder.messages.len() == messages {
                return ladder;
            }
            assert!(Instant::now() < patience, "{ladder:?}");
            thread::yield_now();
        }
    }
}
