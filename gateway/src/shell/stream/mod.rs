//! SIP over streams: listeners, connectors, and one task for each stream.
//!
//! `tcp` opens and accepts, `tls` reads certificates, `web` ends WebSocket, `flow` carries bytes. The Switch's thread holds the sending ends
//! here; what streams hear and suffer reaches it by its mailbox. Nothing here understands SIP.

mod door;
mod flow;
mod reloading;
mod tcp;
#[cfg(test)]
mod tests;
mod tls;
mod trouble;
mod web;

use std::{
    collections::BTreeMap,
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use gateway_core::{
    config::Config,
    events::wire::{Hop, Transport},
    ids::{ConnId, EndpointId},
};
use metrics::{Counter, Gauge, counter, gauge};
use tokio::{
    runtime,
    sync::{Semaphore, mpsc},
    task::AbortHandle,
};

use self::door::Door;
pub(crate) use self::tcp::bind;
pub(in crate::shell) use self::tcp::{open, reach, secure};
pub(crate) use self::tls::{Tls, make_self_signed};
pub(in crate::shell) use self::{flow::Duplex, tls::subject, trouble::Trouble};
use super::{driver::Arrival, ladder::Ends, mailbox::Mailbox};

/// What a stream tells the Switch's thread; `Stands` comes first, and `Gone` last.
#[derive(Debug)]
pub(crate) enum StreamTold {
    /// It can be written to.
    Stands { endpoint: Option<EndpointId>, ends: Ends, subject: Vec<String>, outbox: Outbox },
    /// It did not come about.
    Failed,
    /// Of TCP and TLS as they came, of WebSocket one frame.
    Bytes(Vec<u8>),
    /// It is over.
    Gone,
}

/// What waits to be sent by one stream.
pub(crate) type Outbox = mpsc::Sender<Arc<[u8]>>;

/// The streams of a node, as the Switch's thread sees them.
pub(crate) struct Streams {
    outboxes: BTreeMap<ConnId, Outbox>,
    listeners: Vec<AbortHandle>,
    shared: Arc<Shared>,
    runtime: runtime::Handle,
}

/// What all tasks of streams share.
struct Shared {
    arrivals: Mailbox<Arrival>,
    tls: Tls,
    /// Of streams that peers open.
    door: Arc<Door>,
    /// Of WebSockets: whose pages may connect besides our own.
    origins: BTreeMap<EndpointId, Vec<String>>,
    /// Of streams that we open: peers cannot take them.
    outbound: Semaphore,
    accepted: AtomicU64,
    meters: Meters,
}

struct Meters {
    alive: Gauge,
    failed: Counter,
    refused: Counter,
    slow: Counter,
}

impl Streams {
    /// None yet; tasks will run on `runtime`.
    pub(crate) fn new(runtime: runtime::Handle, arrivals: Mailbox<Arrival>, tls: Tls, config: &Config) -> Self {
        let meters = Meters {
            alive: gauge!("tandem_sip_streams"),
            failed: counter!("tandem_sip_streams_failed_total"),
            refused: counter!("tandem_sip_streams_refused_total"),
            slow: counter!("tandem_sip_streams_closed_slow_total"),
        };
        let (door, outbound) = (Door::new(&config.limits), Semaphore::new(OUTBOUND_MAX));
        let origins = config.endpoints.iter().map(|endpoint| (endpoint.id, endpoint.origins.clone())).collect();
        let shared = Arc::new(Shared { arrivals, tls, door, origins, outbound, accepted: AtomicU64::new(0), meters });
        Self { outboxes: BTreeMap::new(), listeners: Vec::new(), shared, runtime }
    }

    /// Takes in whoever connects, from now on.
    pub(crate) fn listen(&mut self, endpoint: EndpointId, transport: Transport, listener: TcpListener) {
        let task = self.runtime.spawn(tcp::accept(self.shared.clone(), endpoint, transport, listener));
        self.listeners.push(task.abort_handle());
    }

    /// Opens a stream; `Stands` or `Failed` follows.
    pub(crate) fn connect(&self, conn: ConnId, hop: Hop, profile: Option<String>) {
        self.runtime.spawn(tcp::connect(self.shared.clone(), conn, hop, profile));
    }

    /// It stands.
    pub(crate) fn stands(&mut self, conn: ConnId, outbox: Outbox) {
        self.outboxes.insert(conn, outbox);
        self.shared.meters.alive.set(self.outboxes.len() as f64);
    }

    /// Queues bytes; `false` if there is no such stream, or if it is closed now because its peer reads too slowly.
    pub(crate) fn transmit(&mut self, conn: ConnId, bytes: Arc<[u8]>) -> bool {
        let Some(outbox) = self.outboxes.get(&conn) else { return false };
        match outbox.try_send(bytes) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.shared.meters.slow.increment(1);
                self.close(conn);
                false
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        }
    }

    /// Sends what is queued, then closes; `Gone` follows.
    pub(crate) fn close(&mut self, conn: ConnId) {
        self.outboxes.remove(&conn);
        self.shared.meters.alive.set(self.outboxes.len() as f64);
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        self.listeners.iter().for_each(AbortHandle::abort);
    }
}

impl Shared {
    fn next_accepted(&self) -> ConnId {
        ConnId::Accepted(self.accepted.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// `Err` once the Switch's thread is gone: then there is nothing left to do.
    async fn tell(&self, conn: ConnId, told: StreamTold) -> Result<(), ()> {
        self.arrivals.send(Arrival::Stream(conn, told)).await.map_err(drop)
    }
}

/// Streams at once that we open: one for each server of a trunk, and for each phone that is called back.
const OUTBOUND_MAX: usize = 4_096;

/// Messages that wait for one stream; a peer that reads so slowly is closed, and finds its calls by a new one.
const OUTBOX_MAX: usize = 256;
