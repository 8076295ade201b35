//! The SIP ladder of a call: what was said, when, and between whom.
//!
//! The switch's thread only hands over what it sends and reads; a thread of its own finds the Call-ID, masks credentials and digits, and keeps
//! the last calls in a book of fixed size. When that thread cannot follow, messages are left out of ladders, and no call waits.

mod book;
mod drawing;
mod mask;

use std::{
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
    ids::{CallId, EndpointId, UtcMillis},
};
use metrics::{Counter, counter};

pub(crate) use book::Ladder;
use book::{Book, Message, Way};

/// Where the switch's thread leaves what it has seen.
pub(crate) struct Tap {
    /// Our own addresses, by `EndpointId`.
    locals: Vec<SocketAddr>,
    seen: SyncSender<Seen>,
    lost: Counter,
}

/// The ladders of the last calls; a cheap clone of one book.
#[derive(Clone, Default)]
pub(crate) struct Ladders(Arc<Mutex<Book>>);

/// What the switch's thread has seen.
enum Seen {
    Bytes { at: UtcMillis, way: Way, local: SocketAddr, remote: SocketAddr, transport: Transport, bytes: Arc<[u8]> },
    Traced { call: CallId, call_id: String },
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
        Ok((Self { locals, seen, lost }, ladders))
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
            self.give(Seen::Bytes { at, way, local, remote, transport: Transport::Udp, bytes });
        }
    }

    /// A leg of this call goes by this Call-ID.
    pub(crate) fn traced(&self, call: CallId, call_id: String) {
        self.give(Seen::Traced { call, call_id });
    }

    fn give(&self, seen: Seen) {
        if self.seen.try_send(seen).is_err() {
            self.lost.increment(1);
        }
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
        while let Ok(first) = waiting.recv() {
            self.take(first);
            // While this thread sleeps, handing over wakes nobody: the switch's thread pays for a push alone.
            thread::sleep(PAUSE);
            while let Ok(next) = waiting.try_recv() {
                self.take(next);
            }
        }
    }

    fn take(&self, seen: Seen) {
        match seen {
            Seen::Bytes { at, way, local, remote, transport, bytes } => {
                if let Some(message) = Message::read(at, way, (local, remote), transport, &bytes) {
                    self.book().note(message);
                }
            }
            Seen::Traced { call, call_id } => self.book().tie(call, &call_id),
        }
    }
}

/// Messages on their way to the book: those of half a second of the busiest node.
const WAITING_MAX: usize = 8192;
/// How old a ladder may be.
const PAUSE: Duration = Duration::from_millis(20);
/// Shorter than any message (RFC 3261 7).
const SIP_MIN: usize = 32;

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn what_is_handed_over_is_in_the_ladder_soon() {
        let (tap, ladders) = Tap::open(vec!["10.0.0.1:5060".parse().unwrap()]).unwrap();
        let (endpoint, remote) = (EndpointId(0), "10.1.0.1:5060".parse().unwrap());
        tap.heard(UtcMillis(1), endpoint, remote, b"INVITE sip:100@a SIP/2.0\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n\r\n");
        tap.heard(UtcMillis(1), endpoint, remote, b"\r\n\r\n");
        tap.traced(CallId(7), "c1".into());
        tap.said(UtcMillis(2), endpoint, remote, &Arc::from(&b"SIP/2.0 100 Trying\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n\r\n"[..]));
        let patience = Instant::now() + Duration::from_secs(10);
        loop {
            let lines = ladders.of(CallId(7)).map_or(0, |ladder| ladder.messages.len());
            if lines == 2 {
                break;
            }
            assert!(Instant::now() < patience, "{lines} messages");
            thread::yield_now();
        }
        assert!(ladders.of(CallId(8)).is_none());
    }
}
