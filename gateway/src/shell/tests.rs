//! The threads over real sockets on loopback, with stand-ins of a few lines for what they drive.

#![expect(clippy::wildcard_enum_match_arm, reason = "a stand-in answers what its test says and lets the rest pass")]

use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    sync::Arc,
    time::{Duration, Instant},
};

use gateway_core::{
    config::Config,
    events::{
        ask::{AskFailure, Asks as OpenAsks, Finding, Question},
        media::{MediaCommand, MediaEvent},
        page::{ClientMessage, Notice, ServerMessage},
        record::{Happened, Record},
        story::Story,
        wire::{Path, Transport},
    },
    ids::{AgentId, CallId, ChannelId, ShardId, UtcMillis},
    now::Now,
    plane::{ShardInput, ShardOutput, SocketId},
    private::Private,
    switch::{AdminCommand, Input, Output, Page, Rejection},
};
use tokio::sync::mpsc;

use super::{
    Answers, Arrival, Asks, Brain, Driver, Ledger, MediaThread, Names, Plane, PortRange, Recorder, ShardTold, Snapshot, Streams, Tls,
    mailbox::Mailbox,
};

#[test]
fn a_datagram_is_answered_from_the_socket_that_it_came_to() {
    let node = Node::start();
    let phone = phone();
    phone.send_to(b"one", node.sip).unwrap();
    phone.send_to(b"two", node.sip).unwrap();
    assert_eq!(hear(&phone), (b"one".to_vec(), node.sip));
    assert_eq!(hear(&phone), (b"two".to_vec(), node.sip));
}

#[test]
fn a_page_is_told_what_the_switch_pushes() {
    let node = Node::start();
    let handle = node.handle.clone();
    let said = node.runtime.block_on(async {
        let mut joined = handle.join(Page::Caller(None)).await.unwrap();
        handle.say(joined.channel, ClientMessage::Status { state: "hello".into() }).unwrap();
        (joined.channel, joined.messages.recv().await.unwrap())
    });
    let notice = Notice::Status { call: None, state: "hello".into(), detail: None };
    assert_eq!(said, (ChannelId(1), ServerMessage { seq: 1, notice }));
}

#[test]
fn an_agent_is_reserved_by_this_node_and_a_caller_identified_by_the_store() {
    let mut node = Node::start();
    let handle = node.handle.clone();
    node.runtime.block_on(handle.tell(AdminCommand::Hangup { call: CallId(9) })).unwrap();
    let calls: Vec<CallId> = (0..2).map(|_| node.written.blocking_recv().unwrap().call).collect();
    assert_eq!(calls, [RESERVED, IDENTIFIED]);
}

#[test]
fn draining_shows_in_the_snapshot() {
    let node = Node::start();
    let handle = node.handle.clone();
    node.runtime.block_on(handle.tell(AdminCommand::Drain)).unwrap();
    wait_until(|| handle.snapshot().draining);
}

#[test]
fn a_command_reaches_the_shard_and_its_report_the_switch() {
    let mut node = Node::start();
    let Some(ShardTold::Command(MediaCommand::LeasePorts { count })) = node.shard.blocking_recv() else { panic!("no command") };
    assert_eq!(count, 4);
    let report = MediaEvent::PortsLeased { locals: Vec::new() };
    node.mailbox.blocking_send(Arrival::Media(ShardId(0), report)).unwrap();
    assert_eq!(node.written.blocking_recv().unwrap().call, LEASED);
}

#[test]
fn a_leased_port_carries_packets_and_the_browsers_socket_too() {
    let directory = tempfile::tempdir().unwrap();
    let recorder = Recorder::start(directory.path()).unwrap();
    let ports = PortRange { listen: IpAddr::V4(Ipv4Addr::LOCALHOST), first: 41_000, last: 41_999 };
    let thread = MediaThread::bind(ShardId(0), localhost(0), ports).unwrap();
    let (web, shard) = (thread.web_address().unwrap(), thread.mailbox());
    let (switch, mut reports) = Mailbox::new(16);
    let tape = recorder.tape(shard.clone());
    let running = thread.spawn(Echo::default(), switch, tape).unwrap();

    shard.blocking_send(ShardTold::Command(MediaCommand::LeasePorts { count: 2 })).unwrap();
    let Some(Arrival::Media(ShardId(0), MediaEvent::PortsLeased { locals })) = reports.blocking_recv() else { panic!("no ports") };
    assert_eq!(locals.len(), 2);
    assert!(locals.iter().all(|local| local.port() % 2 == 0));
    let phone = phone();
    for target in [locals[1], SocketAddr::new(locals[1].ip(), locals[1].port() + 1), web, locals[0]] {
        phone.send_to(b"voice", target).unwrap();
        assert_eq!(hear(&phone), (b"voice".to_vec(), target));
    }
    shard.blocking_send(ShardTold::Stop).unwrap();
    running.join().unwrap();
    recorder.stop();
}

/// A driver that runs a `Parrot`.
struct Node {
    sip: SocketAddr,
    handle: super::Handle,
    mailbox: Mailbox<Arrival>,
    shard: mpsc::Receiver<ShardTold>,
    written: mpsc::Receiver<Record>,
    runtime: tokio::runtime::Runtime,
}

impl Node {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let driver = Driver::bind(&[(Transport::Udp, localhost(0))]).unwrap();
        let (sip, handle, mailbox) = (driver.local_addresses().unwrap()[0], driver.handle(), driver.mailbox());
        let (to_shard, shard) = Mailbox::new(4);
        let (records, written) = mpsc::channel(16);
        let streams = Streams::new(runtime.handle().clone(), mailbox.clone(), Tls::default(), &Config::default());
        let asks = Asks::new(Arc::new(Nobody), Names::new(None), runtime.handle().clone(), mailbox.clone());
        let _ended = driver.spawn(Parrot::default(), vec![to_shard], asks, streams, Book(records)).unwrap();
        Self { sip, handle, mailbox, shard, written, runtime }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.mailbox.blocking_send(Arrival::Stop);
    }
}

/// Says what it hears.
#[derive(Default)]
struct Parrot {
    outputs: VecDeque<Output>,
    asks: OpenAsks,
    live: Snapshot,
    begun: bool,
}

impl Brain for Parrot {
    fn handle(&mut self, now: Now, input: Input<'_>) {
        match input {
            Input::Received { endpoint, from, bytes } => {
                self.outputs.push_back(Output::Transmit { path: Path::Datagram { endpoint, to: from }, bytes: bytes.into() });
            }
            Input::Said { channel, message: ClientMessage::Status { state } } => {
                let notice = Notice::Status { call: None, state, detail: None };
                self.outputs.push_back(Output::Push { channel, message: ServerMessage { seq: 1, notice } });
            }
            Input::Told(AdminCommand::Drain) => self.live.draining = true,
            Input::Told(_) => {
                let late = now.instant + Duration::from_secs(5);
                let identify = Question::Identify { token: None, context: None, number: Some(Private("+31201234567".into())) };
                let reserve = Question::ReserveAgent { agent: AgentId(1), call: CallId(9) };
                self.outputs.extend([identify, reserve].map(|question| Output::Ask(self.asks.put(question, late))));
            }
            Input::Replied(reply) => {
                assert!(self.asks.settle(&reply));
                let call = match reply.finding {
                    Ok(Finding::AgentReserved { .. }) => RESERVED,
                    Ok(Finding::Identified(_)) => IDENTIFIED,
                    other => panic!("{other:?}"),
                };
                self.write(call);
            }
            Input::Media { event: MediaEvent::PortsLeased { .. }, .. } => self.write(LEASED),
            Input::Woke if !self.begun => {
                self.begun = true;
                self.outputs.push_back(Output::Media { shard: ShardId(0), command: MediaCommand::LeasePorts { count: 4 } });
            }
            _ => {}
        }
    }

    fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn live(&self) -> Snapshot {
        self.live.clone()
    }
}

impl Parrot {
    fn write(&mut self, call: CallId) {
        let happened = Happened::Identified { customer: None, late: false };
        self.outputs.push_back(Output::Write(Record { at: UtcMillis(0), call, happened }));
    }
}

/// Sends every packet back.
#[derive(Default)]
struct Echo {
    outputs: VecDeque<ShardOutput>,
}

impl Plane for Echo {
    fn handle(&mut self, _: Now, input: ShardInput<'_>) {
        match input {
            ShardInput::Command(MediaCommand::LeasePorts { count }) => self.outputs.push_back(ShardOutput::Bind { count }),
            ShardInput::Bound { sockets } => {
                assert_eq!(sockets.first().map(|(rtp, rtcp, _)| (*rtp, *rtcp)), Some((SocketId(0), SocketId(1))));
                let locals = sockets.iter().map(|(_, _, local)| *local).collect();
                self.outputs.push_back(ShardOutput::Event(MediaEvent::PortsLeased { locals }));
            }
            ShardInput::Received { socket, from, bytes } => {
                self.outputs.push_back(ShardOutput::Transmit { socket, to: from, bytes: bytes.to_vec() });
            }
            ShardInput::WebReceived { from, bytes } => {
                self.outputs.push_back(ShardOutput::WebTransmit { to: from, bytes: bytes.to_vec() });
            }
            _ => {}
        }
    }

    fn poll(&mut self) -> Option<ShardOutput> {
        self.outputs.pop_front()
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn recycle(&mut self, _: Vec<u8>) {}

    fn dropped(&self) -> u64 {
        0
    }
}

struct Nobody;

impl Answers for Nobody {
    async fn identify(&self, _: Option<Private<String>>, _: Option<String>, _: Option<Private<String>>) -> Result<Story, AskFailure> {
        Ok(Story::default())
    }
}

struct Book(mpsc::Sender<Record>);

impl Ledger for Book {
    fn write(&mut self, record: Record) {
        self.0.try_send(record).unwrap();
    }

    fn lag(&self) -> usize {
        0
    }

    fn reject(&mut self, _: Rejection) -> u64 {
        1
    }
}

fn phone() -> UdpSocket {
    let socket = UdpSocket::bind(localhost(0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    socket
}

fn hear(phone: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 100];
    let (length, from) = phone.recv_from(&mut buffer).unwrap();
    (buffer[..length].to_vec(), from)
}

fn wait_until(mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(30), "waited in vain");
        std::thread::yield_now();
    }
}

fn localhost(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

const RESERVED: CallId = CallId(1);
const IDENTIFIED: CallId = CallId(2);
const LEASED: CallId = CallId(3);
