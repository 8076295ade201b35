//! A media thread: moves datagrams between the sockets of many calls and their Shard.
//!
//! Sleeps in edge-triggered epoll until a packet, a command or the Shard's own deadline; there is no tick. Commands come before packets.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind},
    net::SocketAddr,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use gateway_core::{
    events::media::{MediaCommand, MediaEvent},
    ids::{RecordingId, ShardId},
    now::Now,
    plane::{ShardInput, ShardOutput},
};
use media::clip::ClipBook;
use mio::{Events, Interest, Poll, Token, net::UdpSocket};
use tokio::sync::mpsc;

use super::{
    clock,
    driver::Arrival,
    mailbox::{Bell, Mailbox, Refused},
    meters::ShardMeters,
    ports::{Bank, PortRange, SocketName},
    recorder::Tape,
    udp::{self, Readable, Traffic},
};

/// What the thread drives: `plane::Shard`, or a stand-in with a few lines in tests.
pub(crate) trait Plane: Send + 'static {
    /// Takes one input in.
    fn handle(&mut self, now: Now, input: ShardInput<'_>);
    /// The next thing to be done, until `None`.
    fn poll(&mut self) -> Option<ShardOutput>;
    /// When to say `Woke`.
    fn deadline(&self) -> Option<Instant>;
    /// Takes a sent datagram's buffer back.
    fn recycle(&mut self, bytes: Vec<u8>);
    /// Datagrams that no port took, since the start.
    fn dropped(&self) -> u64;
}

/// What reaches a media thread from other threads.
#[derive(Debug)]
pub(crate) enum ShardTold {
    /// The Switch wants something.
    Command(MediaCommand),
    /// The recorder has closed a file.
    Recorded { recording: RecordingId, file: String, length_ms: u64 },
    /// The recorder cannot go on with a file.
    RecordingFailed { recording: RecordingId, reason: String },
    /// Other clips from now on.
    Clips(Arc<ClipBook>),
    /// End the thread.
    Stop,
}

/// A media thread before it runs: the browsers' socket is bound, so that its address can be said in SDP.
pub(crate) struct MediaThread {
    shard: ShardId,
    poll: Poll,
    web: UdpSocket,
    inbox: mpsc::Receiver<ShardTold>,
    bell: Arc<Bell>,
    mailbox: Mailbox<ShardTold>,
    ports: PortRange,
}

/// The thread as it runs.
struct Turns<P> {
    shard: ShardId,
    plane: P,
    poll: Poll,
    web: UdpSocket,
    bank: Bank,
    inbox: mpsc::Receiver<ShardTold>,
    bell: Arc<Bell>,
    switch: Mailbox<Arrival>,
    /// Reports that the Switch's queue would not take; never `Quality`.
    reports: VecDeque<MediaEvent>,
    /// Something was laid into the Switch's queue, and its bell has not been rung.
    has_reported: bool,
    tape: Tape,
    meters: ShardMeters,
    readable: Readable,
    buffer: Vec<u8>,
    /// `Bind` asks that are answered once the outputs are drained.
    binds: Vec<u16>,
    stopped: bool,
}

impl MediaThread {
    /// Binds the socket of all browsers of this shard; its RTP ports are bound as the Switch asks for them, within `ports`.
    pub(crate) fn bind(shard: ShardId, web: SocketAddr, ports: PortRange) -> io::Result<Self> {
        let poll = Poll::new()?;
        let named = |error: io::Error| io::Error::new(error.kind(), format!("WebRTC on {web}: {error}"));
        let mut web = udp::bind(web, Traffic::Voice, WEB_BUFFER).map_err(named)?;
        poll.registry().register(&mut web, WEB, Interest::READABLE)?;
        let bell = Bell::new(poll.registry(), BELL)?;
        let (mailbox, inbox) = Mailbox::new(TOLD_MAX);
        Ok(Self { shard, poll, web, inbox, mailbox: mailbox.waking(bell.clone()), bell, ports })
    }

    /// Where browsers send.
    pub(crate) fn web_address(&self) -> io::Result<SocketAddr> {
        self.web.local_addr()
    }

    /// The way in for the Switch and the recorder.
    pub(crate) fn mailbox(&self) -> Mailbox<ShardTold> {
        self.mailbox.clone()
    }

    /// Starts the thread.
    pub(crate) fn spawn<P: Plane>(self, plane: P, switch: Mailbox<Arrival>, tape: Tape) -> io::Result<thread::JoinHandle<()>> {
        let Self { shard, poll, web, inbox, bell, mailbox: _, ports } = self;
        let mut turns = Turns {
            shard,
            plane,
            poll,
            web,
            bank: Bank::new(ports),
            inbox,
            bell,
            switch,
            reports: VecDeque::new(),
            has_reported: false,
            tape,
            meters: ShardMeters::new(shard.0),
            readable: Readable::default(),
            buffer: vec![0; DATAGRAM_MAX],
            binds: Vec::new(),
            stopped: false,
        };
        thread::Builder::new().name(format!("media-{}", shard.0)).spawn(move || {
            if let Err(error) = turns.run() {
                tracing::error!(shard = turns.shard.0, %error, "a media thread ends");
            }
        })
    }
}

impl<P: Plane> Turns<P> {
    fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        while !self.stopped {
            self.sleep(&mut events)?;
            let now = clock::stamp();
            self.read_inbox(now);
            if self.plane.deadline().is_some_and(|deadline| deadline <= now.instant) {
                self.input(now, ShardInput::Woke);
            }
            self.read_sockets(now);
            self.meters.turn.record(now.instant.elapsed().as_secs_f64());
            self.meters.dropped.absolute(self.plane.dropped());
        }
        Ok(())
    }

    /// Until a socket or the queue has something, or a time has come.
    fn sleep(&mut self, events: &mut Events) -> io::Result<()> {
        self.flush_reports();
        self.bell.arm();
        let busy = self.readable.len() > 0 || !self.inbox.is_empty();
        let timeout = if busy { Some(Duration::ZERO) } else { self.patience() };
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

    fn patience(&self) -> Option<Duration> {
        let retry = (!self.reports.is_empty()).then(|| Instant::now() + REPORT_RETRY);
        let wake = [self.plane.deadline(), retry].into_iter().flatten().min()?;
        Some(wake.saturating_duration_since(Instant::now()))
    }

    fn read_inbox(&mut self, now: Now) {
        for _ in 0..COMMANDS_A_TURN {
            match self.inbox.try_recv() {
                Ok(ShardTold::Command(command)) => self.input(now, ShardInput::Command(command)),
                Ok(ShardTold::Recorded { recording, file, length_ms }) => {
                    self.input(now, ShardInput::Recorded { recording, file, length_ms });
                }
                Ok(ShardTold::RecordingFailed { recording, reason }) => {
                    self.input(now, ShardInput::RecordingFailed { recording, reason });
                }
                Ok(ShardTold::Clips(book)) => self.input(now, ShardInput::Clips(book)),
                Ok(ShardTold::Stop) => self.stopped = true,
                Err(_) => return,
            }
        }
    }

    fn read_sockets(&mut self, now: Now) {
        for _ in 0..self.readable.len() {
            match self.readable.next() {
                Some(number) if number == WEB.0 => self.read_web(now),
                Some(number) => self.read_port(now, number),
                None => return,
            }
        }
    }

    fn read_web(&mut self, now: Now) {
        // Taken out for the turn, so that the bytes can be lent to the plane.
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut received = 0;
        while received < WEB_A_TURN {
            match self.web.recv_from(&mut buffer) {
                Ok((length, from)) => self.input(now, ShardInput::WebReceived { from, bytes: &buffer[..length] }),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // An ICMP error of an earlier send: the next datagram is good.
                Err(_) => {}
            }
            received += 1;
        }
        if received == WEB_A_TURN {
            self.readable.mark(WEB.0);
        }
        self.meters.web_received.increment(received as u64);
        self.buffer = buffer;
    }

    fn read_port(&mut self, now: Now, number: usize) {
        let Some(socket) = SocketName::of(number) else { return };
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut received = 0;
        while received < PORT_A_TURN {
            match self.bank.receive(socket, &mut buffer) {
                Ok((length, from)) => {
                    self.input(now, ShardInput::Received { socket: socket.id(), from, bytes: &buffer[..length] });
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // As above.
                Err(_) => {}
            }
            received += 1;
        }
        if received == PORT_A_TURN {
            self.readable.mark(number);
        }
        self.meters.received.increment(received as u64);
        self.buffer = buffer;
    }

    /// One input with all that it causes.
    fn input(&mut self, now: Now, input: ShardInput<'_>) {
        self.step(now, input);
        while let Some(count) = self.binds.pop() {
            let sockets = self.bank.bind(count, self.poll.registry());
            self.meters.ports.set(self.bank.len() as f64);
            self.step(now, ShardInput::Bound { sockets });
        }
        if std::mem::take(&mut self.has_reported) {
            self.switch.ring();
        }
    }

    /// The law: one `handle`, then `poll` until `None`.
    fn step(&mut self, now: Now, input: ShardInput<'_>) {
        self.plane.handle(now, input);
        while let Some(output) = self.plane.poll() {
            match output {
                ShardOutput::Transmit { socket, to, bytes } => {
                    let sent = self.bank.send(SocketName::from(socket), &bytes, to);
                    self.sent(sent);
                    self.plane.recycle(bytes);
                }
                ShardOutput::WebTransmit { to, bytes } => {
                    let sent = self.web.send_to(&bytes, to);
                    self.sent(sent);
                    self.plane.recycle(bytes);
                }
                ShardOutput::Settle { socket, peer } => self.bank.settle(SocketName::from(socket), peer),
                ShardOutput::Bind { count } => self.binds.push(count),
                ShardOutput::Event(event) => self.report(event),
                ShardOutput::Record(command) => {
                    let lost = self.tape.put(command);
                    if lost > 0 {
                        self.meters.lost_samples.increment(lost as u64);
                    }
                }
            }
        }
    }

    /// A datagram that the system does not take is lost like one on the way: late voice is worth nothing.
    fn sent(&self, sent: io::Result<usize>) {
        match sent {
            Ok(_) => self.meters.sent.increment(1),
            Err(_) => self.meters.unsent.increment(1),
        }
    }

    fn report(&mut self, event: MediaEvent) {
        self.has_reported = true;
        if let MediaEvent::Broken { port } = &event {
            tracing::error!(
                shard = self.shard.0,
                port = port.0,
                "a port fell over a bug and is closed; the words of the panic stand above"
            );
            self.meters.broken.increment(1);
        }
        if self.reports.is_empty() {
            match self.switch.lay(Arrival::Media(self.shard, event)) {
                Ok(()) | Err(Refused::Gone(_)) => {}
                Err(Refused::Full(Arrival::Media(_, event))) => self.keep(event),
                Err(Refused::Full(_)) => {}
            }
        } else {
            self.keep(event);
        }
    }

    fn keep(&mut self, event: MediaEvent) {
        if matches!(event, MediaEvent::Quality { .. }) {
            self.meters.lost_quality.increment(1);
        } else {
            self.reports.push_back(event);
        }
    }

    fn flush_reports(&mut self) {
        while let Some(event) = self.reports.pop_front() {
            if let Err(Refused::Full(Arrival::Media(_, event))) = self.switch.try_send(Arrival::Media(self.shard, event)) {
                self.reports.push_front(event);
                return;
            }
        }
    }
}

const WEB: Token = Token(0);
const BELL: Token = Token(usize::MAX);

/// Events of one wake; more come with the next.
const EVENTS: usize = 256;

/// Commands before packets, but not for so long that a frame is late.
const COMMANDS_A_TURN: usize = 64;

/// A port hears 50 packets a second; more than this in a turn is a burst after a stall, and other ports come first.
const PORT_A_TURN: usize = 8;

/// All browsers share one socket.
const WEB_A_TURN: usize = 256;

/// Commands and the recorder's words that wait. What the Switch cannot queue waits on its side.
const TOLD_MAX: usize = 8192;

/// The longest that UDP can carry.
const DATAGRAM_MAX: usize = 65_535;

/// 100 ms of 2,000 browsers.
const WEB_BUFFER: usize = 4 << 20;

/// How soon a full queue of the Switch is tried again.
const REPORT_RETRY: Duration = Duration::from_millis(2);
