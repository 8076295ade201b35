//! The Switch's thread: one wake, one stamp, then every input that waits, each with all that it causes.
//!
//! SIP sockets are read here and not in tasks of their own, so that a message costs no hop between threads.

use std::{
    io::{self, ErrorKind},
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use gateway_core::{
    events::{ask::Reply, media::MediaEvent, wire::Transport},
    ids::{ConnId, EndpointId, ShardId},
    now::Now,
    switch::{AdminCommand, Input, Output},
};
use mio::{Events, Interest, Poll, Token, net::UdpSocket};
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    asks::{Answers, Asks},
    clock,
    effects::{Echo, Effects, Ledger},
    handle::{Handle, Snapshot, Told},
    ladder::Tap,
    mailbox::{Bell, Mailbox},
    shard::ShardTold,
    stream::{self, StreamTold, Streams},
    udp::{self, Readable, Traffic},
};

/// What the driver drives: the Switch, or a stand-in with a few lines in tests.
pub(crate) trait Brain: Send + 'static {
    /// Takes one input in.
    fn handle(&mut self, now: Now, input: Input<'_>);
    /// The next thing to be done, until `None`.
    fn poll(&mut self) -> Option<Output>;
    /// When to say `Woke`.
    fn deadline(&self) -> Option<Instant>;
    /// What is live, for the API and for draining.
    fn live(&self) -> Snapshot;
}

/// What reaches the switch's thread from other threads.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// A stream reports.
    Stream(ConnId, StreamTold),
    /// A shard reports.
    Media(ShardId, MediaEvent),
    /// A question is answered.
    Replied(Reply),
    /// End the thread.
    Stop,
}

/// The switch's thread before it runs: sockets are bound, queues stand, so that shards and pages can be wired to it.
pub(crate) struct Driver {
    poll: Poll,
    endpoints: Vec<Bound>,
    arrivals: mpsc::Receiver<Arrival>,
    told: mpsc::Receiver<Told>,
    snapshots: watch::Sender<Arc<Snapshot>>,
    bell: Arc<Bell>,
    mailbox: Mailbox<Arrival>,
    handle: Handle,
    tap: Tap,
}

/// A socket of one endpoint.
enum Bound {
    Datagrams(UdpSocket),
    Streams(Transport, TcpListener),
}

/// The thread as it runs.
struct Turns<B, A, L> {
    brain: B,
    effects: Effects<A, L>,
    poll: Poll,
    arrivals: mpsc::Receiver<Arrival>,
    told: mpsc::Receiver<Told>,
    snapshots: watch::Sender<Arc<Snapshot>>,
    bell: Arc<Bell>,
    readable: Readable,
    buffer: Vec<u8>,
    /// Something happened since the last snapshot, which was then.
    changed: bool,
    published: Instant,
    store_behind: bool,
    stopped: bool,
}

impl Bound {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Datagrams(socket) => socket.local_addr(),
            Self::Streams(_, listener) => listener.local_addr(),
        }
    }
}

impl Driver {
    /// Binds the SIP sockets; `EndpointId` is the place in `listen`.
    pub(crate) fn bind(listen: &[(Transport, SocketAddr)]) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut endpoints = Vec::with_capacity(listen.len());
        for (number, (transport, address)) in listen.iter().enumerate() {
            let named = |error: io::Error| io::Error::new(error.kind(), format!("SIP on {address} by {}: {error}", transport.token()));
            if transport.is_reliable() {
                endpoints.push(Bound::Streams(*transport, stream::bind(*address).map_err(named)?));
                continue;
            }
            let mut socket = udp::bind(*address, Traffic::Signalling, SIP_BUFFER).map_err(named)?;
            poll.registry().register(&mut socket, Token(number), Interest::READABLE)?;
            endpoints.push(Bound::Datagrams(socket));
        }
        let bell = Bell::new(poll.registry(), BELL)?;
        let (tap, ladders) = Tap::open(endpoints.iter().map(Bound::local_addr).collect::<io::Result<_>>()?)?;
        let (mailbox, arrivals) = Mailbox::new(ARRIVALS_MAX);
        let (inputs, told) = mpsc::channel(TOLD_MAX);
        let (snapshots, snapshot) = watch::channel(Arc::new(Snapshot::default()));
        let handle = Handle::new(inputs, snapshot).waking(bell.clone()).showing(ladders);
        Ok(Self { poll, endpoints, arrivals, told, snapshots, mailbox: mailbox.waking(bell.clone()), bell, handle, tap })
    }

    /// Where the sockets stand, ports chosen by the system included.
    pub(crate) fn local_addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.endpoints.iter().map(Bound::local_addr).collect()
    }

    /// The way in for shards and answers.
    pub(crate) fn mailbox(&self) -> Mailbox<Arrival> {
        self.mailbox.clone()
    }

    /// The way in for pages and operators.
    pub(crate) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Starts the thread. The receiver ends when the thread does, by `Arrival::Stop` or by a panic.
    pub(crate) fn spawn<B: Brain, A: Answers, L: Ledger + 'static>(
        self,
        brain: B,
        shards: Vec<Mailbox<ShardTold>>,
        asks: Asks<A>,
        mut streams: Streams,
        ledger: L,
    ) -> io::Result<oneshot::Receiver<()>> {
        let (ending, ended) = oneshot::channel();
        let Self { poll, endpoints, arrivals, told, snapshots, bell, mailbox: _, handle: _, tap } = self;
        let mut sockets = Vec::with_capacity(endpoints.len());
        for (number, bound) in endpoints.into_iter().enumerate() {
            match bound {
                Bound::Datagrams(socket) => sockets.push(Some(socket)),
                Bound::Streams(transport, listener) => {
                    streams.listen(EndpointId(number as u64), transport, listener);
                    sockets.push(None);
                }
            }
        }
        let turns = Turns {
            brain,
            effects: Effects::new(sockets, streams, shards, asks, ledger, tap),
            poll,
            arrivals,
            told,
            snapshots,
            bell,
            readable: Readable::default(),
            buffer: vec![0; DATAGRAM_MAX],
            changed: true,
            published: Instant::now(),
            store_behind: false,
            stopped: false,
        };
        thread::Builder::new().name("switch".into()).spawn(move || {
            // Whoever waits for the end finds the queues closed: what is declared last is dropped first.
            let _ending = ending;
            let mut turns = turns;
            if let Err(error) = turns.run() {
                tracing::error!(%error, "the switch's thread ends");
            }
        })?;
        Ok(ended)
    }
}

impl<B: Brain, A: Answers, L: Ledger> Turns<B, A, L> {
    fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        // The first turn lets the brain say what it wants from the start.
        self.input(clock::stamp(), Input::Woke);
        while !self.stopped {
            self.sleep(&mut events)?;
            let now = clock::stamp();
            if self.brain.deadline().is_some_and(|deadline| deadline <= now.instant) {
                self.input(now, Input::Woke);
            }
            self.read_arrivals(now);
            self.read_told(now);
            self.read_sockets(now)?;
            self.watch_store(now);
            self.publish(now.instant);
        }
        self.publish(Instant::now() + SNAPSHOT_EVERY);
        Ok(())
    }

    /// Until a socket or a queue has something, or a time has come.
    fn sleep(&mut self, events: &mut Events) -> io::Result<()> {
        let backlog = self.effects.flush();
        self.bell.arm();
        let busy = self.readable.len() > 0 || !self.arrivals.is_empty() || !self.told.is_empty();
        let timeout = if busy { Some(Duration::ZERO) } else { self.patience(backlog) };
        let polled = self.poll.poll(events, timeout);
        self.bell.disarm();
        match polled {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            Err(_) => return Ok(()),
            Ok(()) => {}
        }
        for event in events.iter().filter(|event| event.token() != BELL) {
            self.readable.mark(event.token().0);
        }
        Ok(())
    }

    fn patience(&self, backlog: bool) -> Option<Duration> {
        let retry = backlog.then(|| Instant::now() + BACKLOG_RETRY);
        let publish = self.changed.then(|| self.published + SNAPSHOT_EVERY);
        let wake = [self.brain.deadline(), retry, publish].into_iter().flatten().min()?;
        Some(wake.saturating_duration_since(Instant::now()))
    }

    fn read_arrivals(&mut self, now: Now) {
        for _ in 0..TURN_MAX {
            match self.arrivals.try_recv() {
                Ok(Arrival::Media(shard, event)) => self.input(now, Input::Media { shard, event }),
                Ok(Arrival::Replied(reply)) => self.input(now, Input::Replied(reply)),
                Ok(Arrival::Stream(conn, told)) => self.stream_told(now, conn, told),
                Ok(Arrival::Stop) => self.stopped = true,
                Err(_) => return,
            }
        }
    }

    fn stream_told(&mut self, now: Now, conn: ConnId, told: StreamTold) {
        match told {
            StreamTold::Stands { endpoint, ends, subject, outbox } => {
                self.effects.streams.stands(conn, outbox);
                self.effects.tap.stands(conn, ends);
                self.input(now, Input::Connected { conn, endpoint, from: ends.remote, subject });
            }
            StreamTold::Failed => self.input(now, Input::ConnectFailed { conn }),
            StreamTold::Bytes(bytes) => {
                let bytes = Arc::from(bytes);
                self.effects.tap.heard_by(now.utc, conn, &bytes);
                self.input(now, Input::Stream { conn, bytes: &bytes });
            }
            StreamTold::Gone => {
                self.effects.tap.gone(conn);
                self.effects.streams.close(conn);
                self.input(now, Input::Disconnected { conn });
            }
        }
    }

    fn read_told(&mut self, now: Now) {
        for _ in 0..TURN_MAX {
            match self.told.try_recv() {
                Ok(Told::Join { page, messages, joined }) => {
                    let channel = self.effects.pages.open(messages);
                    if joined.send(channel).is_ok() {
                        self.input(now, Input::Joined { channel, page });
                    } else {
                        self.effects.pages.close(channel);
                    }
                }
                Ok(Told::Said { channel, message }) => self.input(now, Input::Said { channel, message }),
                Ok(Told::Left { channel }) => {
                    if self.effects.pages.close(channel) {
                        self.input(now, Input::Left { channel });
                    }
                }
                Ok(Told::Admin(command)) => self.input(now, Input::Told(command)),
                Err(_) => return,
            }
        }
    }

    fn read_sockets(&mut self, now: Now) -> io::Result<()> {
        for _ in 0..self.readable.len() {
            let Some(socket) = self.readable.next() else { break };
            self.read_socket(now, socket)?;
        }
        Ok(())
    }

    fn read_socket(&mut self, now: Now, number: usize) -> io::Result<()> {
        // Taken out for the turn, so that the bytes can be lent to the brain.
        let mut buffer = std::mem::take(&mut self.buffer);
        for left in (0..TURN_MAX).rev() {
            let Some(socket) = &self.effects.endpoints[number] else { break };
            match socket.recv_from(&mut buffer) {
                Ok((length, from)) => {
                    let endpoint = EndpointId(number as u64);
                    self.effects.tap.heard(now.utc, endpoint, from, &buffer[..length]);
                    self.input(now, Input::Received { endpoint, from, bytes: &buffer[..length] });
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // An ICMP error of an earlier send; the datagrams behind it are good (RFC 3261 18.4 lets the transaction time out).
                Err(_) => {}
            }
            if left == 0 {
                self.readable.mark(number);
            }
        }
        self.buffer = buffer;
        Ok(())
    }

    /// One input with all that it causes.
    fn input(&mut self, now: Now, input: Input<'_>) {
        self.changed = true;
        self.step(now, input);
        while let Some(echo) = self.effects.echoes.pop_front() {
            let input = match echo {
                Echo::Replied(reply) => Input::Replied(reply),
                Echo::Left(channel) => Input::Left { channel },
            };
            self.step(now, input);
        }
    }

    /// The law: one `handle`, then `poll` until `None`.
    fn step(&mut self, now: Now, input: Input<'_>) {
        self.effects.meters.input(&input);
        let begun = Instant::now();
        self.brain.handle(now, input);
        self.effects.meters.handle.record(begun.elapsed().as_secs_f64());
        while let Some(output) = self.brain.poll() {
            self.effects.carry_out(now, output);
        }
        self.effects.ring();
    }

    /// Records are never dropped: while too many wait for the store, the switch takes no new calls.
    fn watch_store(&mut self, now: Now) {
        let behind = self.effects.lag() > if self.store_behind { LAG_MAX / 2 } else { LAG_MAX };
        if behind != self.store_behind {
            self.store_behind = behind;
            tracing::warn!(behind, records = self.effects.lag(), "history and its store");
            self.step(now, Input::Told(AdminCommand::StoreBehind(behind)));
        }
    }

    fn publish(&mut self, now: Instant) {
        if !self.changed || now < self.published + SNAPSHOT_EVERY {
            return;
        }
        let live = self.brain.live();
        let meters = &self.effects.meters;
        meters.calls.set(live.calls.len() as f64);
        meters.pages.set(self.effects.pages.len() as f64);
        meters.dropped.absolute(live.sip_dropped);
        super::meters::turned_away(live.turned_away.iter().map(|(cause, count)| (*cause, *count)));
        super::meters::trunks(&live.trunks);
        meters.store_lag.set(self.effects.lag() as f64);
        self.snapshots.send_replace(Arc::new(live));
        self.changed = false;
        self.published = now;
    }
}

/// Records that may wait for the store: some seconds of the busiest node, 20 MB at most.
const LAG_MAX: usize = 16_384;

const BELL: Token = Token(usize::MAX);

/// Events of one wake; more come with the next.
const EVENTS: usize = 64;

/// Inputs of one kind in one turn, so that a flood on one socket delays the others by milliseconds only.
const TURN_MAX: usize = 64;

/// Reports and replies that wait. When it is full, a shard keeps its reports and drops `Quality`, and a reply waits in its task.
const ARRIVALS_MAX: usize = 8192;

/// What pages and operators have said and the switch has not heard. When it is full, a page is told to try again.
const TOLD_MAX: usize = 4096;

/// The longest that UDP can carry.
const DATAGRAM_MAX: usize = 65_535;

/// Holds a burst of 2,000 INVITEs of 2 KB.
const SIP_BUFFER: usize = 4 << 20;

/// The API's view of what is live is at most this old.
const SNAPSHOT_EVERY: Duration = Duration::from_millis(100);

/// A shard that would not take a command drains 64 in a turn of well under this.
const BACKLOG_RETRY: Duration = Duration::from_millis(1);
