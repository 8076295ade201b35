//! Streams over real sockets on loopback, with an echo in the place of the Switch.

#![expect(clippy::wildcard_enum_match_arm, reason = "a stand-in answers what its test says and lets the rest pass")]

mod papers;

use std::{
    collections::VecDeque,
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use gateway_core::{
    config::{Certificate, Config, Endpoint, EndpointTls, Limits, Trunk, TrunkTls},
    events::{
        ask::AskFailure,
        record::Record,
        story::Story,
        wire::{Hop, Path, Transport},
    },
    ids::{ConnId, EndpointId},
    now::Now,
    private::Private,
    switch::{AdminCommand, Input, Output, Rejection},
};
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest, http::HeaderValue};

use self::papers::Papers;
use super::*;
use crate::shell::{Answers, Asks, Brain, Driver, Handle, Ledger, Names, Snapshot};

#[test]
fn bytes_come_back_on_ipv4_and_on_ipv6() {
    let scene = Scene::start(|_| {});
    for endpoint in [TCP, TCP6] {
        let mut phone = scene.connect(endpoint);
        phone.write_all(b"hello").unwrap();
        assert_eq!(hear(&mut phone, 5), b"hello");
    }
}

#[test]
fn what_the_switch_closes_is_flushed_first() {
    let scene = Scene::start(|_| {});
    let mut phone = scene.connect(TCP);
    phone.write_all(b"close").unwrap();
    let mut all = Vec::new();
    phone.read_to_end(&mut all).unwrap();
    assert_eq!(all, b"close");
    scene.until(|told| told.contains(&Told::Gone));
}

#[test]
fn a_connection_is_opened_and_one_that_nobody_takes_has_failed() {
    let scene = Scene::start(|_| {});
    let callee = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (mut peer, _) = {
        scene.dials(Transport::Tcp, callee.local_addr().unwrap(), None);
        callee.accept().unwrap()
    };
    peer.set_read_timeout(Some(MOST)).unwrap();
    scene.until(|told| told.contains(&Told::Connected(Vec::new())));
    peer.write_all(b"hello").unwrap();
    assert_eq!(hear(&mut peer, 5), b"hello");
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    scene.dials(Transport::Tcp, nobody, None);
    scene.until(|told| told.contains(&Told::Failed));
}

#[test]
fn peers_that_never_shake_hands_keep_nobody_out() {
    let papers = Papers::new();
    let phone_is_served = |handshakes| {
        let scene = Scene::start(|config| {
            config.limits = Limits { handshakes, streams: 24, ..Limits::default() };
            config.endpoints[TLS.0 as usize].tls = Some(EndpointTls { certificate: papers.pair("node"), client_ca: None });
        });
        // As many as there are places, a few from each of several addresses, and none of them says a word.
        let held: Vec<TcpStream> = (0..24).map(|n| scene.connect_from(Ipv4Addr::new(127, 0, 1, 1 + n % 6), TLS)).collect();
        let mut phone = papers.client(None).over(scene.connect_from(Ipv4Addr::LOCALHOST, TLS));
        let served = phone.write_all(b"hello").and_then(|()| phone.read_exact(&mut [0; 5])).is_ok();
        drop(held);
        served
    };
    assert!(phone_is_served(8));
    assert!(!phone_is_served(1_000), "without places of their own, handshakes take those of all streams");
}

#[test]
fn one_address_has_its_share_from_the_first_packet_on_and_has_it_again_when_time_is_over() {
    let scene = Scene::start(|config| config.limits.streams_per_source = 3);
    let greedy = Ipv4Addr::new(127, 0, 1, 9);
    let mut held: Vec<TcpStream> = (0..3).map(|_| scene.connect_from(greedy, WS)).collect();
    let mut fourth = scene.connect_from(greedy, TCP);
    assert!(!matches!(fourth.read(&mut [0; 1]), Ok(1..)), "one too many");
    let mut other = scene.connect(TCP);
    other.write_all(b"hello").unwrap();
    assert_eq!(hear(&mut other, 5), b"hello", "others are served");
    for silent in &mut held {
        assert!(!matches!(silent.read(&mut [0; 1]), Ok(1..)), "a handshake has its time");
    }
    let again = until(|| {
        let mut again = scene.connect_from(greedy, TCP);
        again.write_all(b"hello").ok()?;
        (again.read(&mut [0; 5]).ok()? > 0).then_some(())
    });
    assert!(again.is_some(), "its places have come free");
}

#[test]
fn peers_cannot_take_the_streams_that_we_open() {
    let scene = Scene::start(|config| config.limits = Limits { streams: 1, ..Limits::default() });
    let mut phone = scene.connect(TCP);
    phone.write_all(b"hello").unwrap();
    assert_eq!(hear(&mut phone, 5), b"hello");
    let callee = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    scene.dials(Transport::Tcp, callee.local_addr().unwrap(), None);
    let (mut peer, _) = callee.accept().unwrap();
    peer.set_read_timeout(Some(MOST)).unwrap();
    peer.write_all(b"hello").unwrap();
    assert_eq!(hear(&mut peer, 5), b"hello");
}

#[test]
fn a_frame_is_a_message_text_where_it_is_text() {
    let scene = Scene::start(|_| {});
    scene.runtime.block_on(async {
        let mut socket = scene.web_socket("sip").await.unwrap();
        for message in [Message::text("hello"), Message::binary(vec![b'h', 0xff])] {
            socket.send(message.clone()).await.unwrap();
            let heard = tokio::time::timeout(MOST, socket.next()).await.unwrap().unwrap().unwrap();
            assert_eq!(heard, message);
        }
        assert!(scene.web_socket("mqtt").await.is_err(), "RFC 7118 4.1 asks for the subprotocol `sip`");
    });
}

#[test]
fn a_browser_on_a_page_of_nobody_we_know_is_403_and_what_is_no_browser_may_connect() {
    let status = |origins: &[&str], origin: Option<&str>| {
        let scene = Scene::start(|config| config.endpoints[WS.0 as usize].origins = origins.iter().map(|one| (*one).to_owned()).collect());
        scene.runtime.block_on(async {
            match scene.web_socket_from("sip", origin).await {
                Ok(_) => 101,
                Err(tokio_tungstenite::tungstenite::Error::Http(refusal)) => refusal.status().as_u16(),
                Err(error) => panic!("{error}"),
            }
        })
    };
    for own in [None, Some("http://127.0.0.1:8080"), Some("https://127.0.0.1")] {
        assert_eq!(status(&[], own), 101, "{own:?}");
    }
    let shop = Some("https://Shop.example");
    assert_eq!((status(&[], shop), status(&["https://shop.example"], shop)), (403, 101));
    for stranger in
        ["https://shop.example.evil.tld", "http://shop.example", "https://shop.example:8443", "null", "", "https://127.0.0.1@evil.tld"]
    {
        assert_eq!(status(&["https://shop.example"], Some(stranger)), 403, "{stranger}");
    }
}

#[test]
fn a_peer_that_never_reads_is_closed_and_the_others_go_on() {
    let scene = Scene::start(|_| {});
    let mut deaf = scene.connect(TCP);
    deaf.write_all(b"flood").unwrap();
    scene.until(|told| told.contains(&Told::Gone));
    let mut phone = scene.connect(TCP);
    phone.write_all(b"hello").unwrap();
    assert_eq!(hear(&mut phone, 5), b"hello");
}

#[test]
fn tls_talks_to_whom_it_trusts_and_shows_a_renewed_certificate_to_the_next() {
    let papers = Papers::new();
    let scene = Scene::start(|config| {
        config.endpoints[TLS.0 as usize].tls = Some(EndpointTls { certificate: papers.pair("node"), client_ca: None });
    });
    let mut first = papers.client(None).connect(scene.address(TLS));
    first.write_all(b"hello").unwrap();
    let before = first.peer();
    assert_eq!(hear(&mut first, 5), b"hello");

    papers.renew("node");
    let renewed = until(|| {
        let again = papers.client(None).connect(scene.address(TLS)).peer();
        (again != before).then_some(())
    });
    assert!(renewed.is_some(), "the old certificate is still shown");
    first.write_all(b"still").unwrap();
    assert_eq!(hear(&mut first, 5), b"still", "a stream that stands outlives the change");
}

#[test]
fn a_broken_renewal_leaves_the_old_certificate_in_place() {
    let papers = Papers::new();
    let scene = Scene::start(|config| {
        config.endpoints[TLS.0 as usize].tls = Some(EndpointTls { certificate: papers.pair("node"), client_ca: None });
    });
    fs::write(papers.file("node.key"), "half a ke").unwrap();
    std::thread::sleep(Duration::from_millis(1_200));
    let mut phone = papers.client(None).connect(scene.address(TLS));
    phone.write_all(b"hello").unwrap();
    assert_eq!(hear(&mut phone, 5), b"hello");
}

#[test]
fn a_client_without_the_right_certificate_is_not_let_in_and_one_with_it_is_named() {
    let papers = Papers::new();
    let strangers = Papers::new();
    let scene = Scene::start(|config| {
        let client_ca = Some(papers.file("ca.crt"));
        config.endpoints[TLS.0 as usize].tls = Some(EndpointTls { certificate: papers.pair("node"), client_ca });
    });
    for wrong in [papers.client(None), papers.client(Some((&strangers, "carrier")))] {
        let mut stream = wrong.connect(scene.address(TLS));
        let refused = stream.write_all(b"hello").and_then(|()| stream.read_exact(&mut [0; 5]));
        assert!(refused.is_err());
    }
    assert_eq!(scene.told(), [], "nothing of a stranger reaches the switch");
    let mut carrier = papers.client(Some((&papers, "carrier"))).connect(scene.address(TLS));
    carrier.write_all(b"hello").unwrap();
    assert_eq!(hear(&mut carrier, 5), b"hello");
    scene.until(|told| told.contains(&Told::Connected(vec!["carrier.test".to_owned()])));
}

#[test]
fn a_trunk_is_shown_our_certificate_and_must_bear_its_name() {
    let papers = Papers::new();
    let ours = Papers::new();
    let profile = |name: &str| TrunkTls {
        certificate: Some((ours.file("node.crt"), ours.file("node.key"))),
        ca: Some(papers.file("ca.crt")),
        name: Some(name.to_owned()),
    };
    let (right, wrong) = (profile("carrier.test"), profile("other.test"));
    let scene = Scene::start(|config| {
        config.trunks = [("right", right), ("wrong", wrong)]
            .into_iter()
            .map(|(name, tls)| Trunk { name: name.to_owned(), tls: Some(tls), ..Trunk::default() })
            .collect();
    });
    let carrier = papers.server("carrier", &ours);
    let to = carrier.local_addr().unwrap();
    let shown = std::thread::spawn(move || {
        let (shown, held) = carrier.accept_one();
        let _ = carrier.accept_one();
        drop(held);
        shown
    });
    scene.dials(Transport::Tls, to, Some("right"));
    scene.until(|told| told.contains(&Told::Connected(vec!["carrier.test".to_owned()])));
    scene.dials(Transport::Tls, to, Some("wrong"));
    scene.until(|told| told.contains(&Told::Failed));
    assert_eq!(shown.join().unwrap(), vec!["node.test".to_owned()]);
}

#[test]
fn a_certificate_that_is_missing_is_told_at_the_start() {
    let mut config = Config::default();
    let files = Certificate::Files { chain: "nowhere.crt".into(), key: "nowhere.key".into() };
    config.endpoints[0].tls = Some(EndpointTls { certificate: files, client_ca: None });
    let fault = Tls::read(&config).err().unwrap().to_string();
    assert!(fault.contains("udp") && fault.contains("nowhere.crt"), "{fault}");
}

const TCP: EndpointId = EndpointId(0);
const TCP6: EndpointId = EndpointId(1);
const WS: EndpointId = EndpointId(2);
const TLS: EndpointId = EndpointId(3);

/// Streams to be opened: where, and by which TLS profile.
type Dialled = Arc<Mutex<VecDeque<(Hop, Option<String>)>>>;

/// A driver with an echo for a brain, listening by all transports.
struct Scene {
    addresses: Vec<SocketAddr>,
    told: Arc<Mutex<Vec<Told>>>,
    handle: Handle,
    dialled: Dialled,
    mailbox: Mailbox<Arrival>,
    runtime: tokio::runtime::Runtime,
    _data: TempDir,
}

/// What the echo has heard of streams.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    Connected(Vec<String>),
    Failed,
    Gone,
}

impl Scene {
    fn start(change: impl FnOnce(&mut Config)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.node.data_dir = data.path().to_owned();
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let local6 = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
        let places = [(Transport::Tcp, local), (Transport::Tcp, local6), (Transport::Ws, local), (Transport::Tls, local)];
        config.endpoints = (0u64..)
            .zip(places)
            .map(|(id, (transport, listen))| Endpoint { transport, ..Endpoint::udp(EndpointId(id), transport.word(), listen) })
            .collect();
        config.endpoints[TLS.0 as usize].tls = Some(EndpointTls { certificate: Certificate::SelfSigned, client_ca: None });
        change(&mut config);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let driver = Driver::bind(&places).unwrap();
        let (addresses, mailbox, handle) = (driver.local_addresses().unwrap(), driver.mailbox(), driver.handle());
        let asks = Asks::new(Arc::new(Nobody), Names::new(None), runtime.handle().clone(), mailbox.clone());
        let streams = Streams::new(runtime.handle().clone(), mailbox.clone(), Tls::read(&config).unwrap(), &config);
        let echo = Echo::default();
        let (told, dialled) = (echo.told.clone(), echo.dialled.clone());
        driver.spawn(echo, Vec::new(), asks, streams, Nobody).unwrap();
        Self { addresses, told, handle, dialled, mailbox, runtime, _data: data }
    }

    fn address(&self, endpoint: EndpointId) -> SocketAddr {
        self.addresses[endpoint.0 as usize]
    }

    fn connect(&self, endpoint: EndpointId) -> TcpStream {
        let stream = TcpStream::connect(self.address(endpoint)).unwrap();
        stream.set_read_timeout(Some(MOST)).unwrap();
        stream
    }

    /// From an address of its own.
    fn connect_from(&self, source: Ipv4Addr, endpoint: EndpointId) -> TcpStream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
        socket.connect(&self.address(endpoint).into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(MOST)).unwrap();
        stream
    }

    async fn web_socket(
        &self,
        protocol: &'static str,
    ) -> Result<tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>, tokio_tungstenite::tungstenite::Error> {
        self.web_socket_from(protocol, None).await
    }

    /// The same for a page of this origin.
    async fn web_socket_from(
        &self,
        protocol: &'static str,
        origin: Option<&str>,
    ) -> Result<tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>, tokio_tungstenite::tungstenite::Error> {
        let mut request = format!("ws://{}/", self.address(WS)).into_client_request().unwrap();
        request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static(protocol));
        if let Some(origin) = origin {
            request.headers_mut().insert("Origin", origin.parse().unwrap());
        }
        let stream = tokio::net::TcpStream::connect(self.address(WS)).await.unwrap();
        tokio_tungstenite::client_async(request, stream).await.map(|(socket, _)| socket)
    }

    /// The echo opens a stream.
    fn dials(&self, transport: Transport, to: SocketAddr, profile: Option<&str>) {
        let hop = Hop { transport, to, domain: None };
        self.dialled.lock().unwrap().push_back((hop, profile.map(str::to_owned)));
        self.runtime.block_on(self.handle.tell(AdminCommand::Drain)).unwrap();
    }

    fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap().clone()
    }

    fn until(&self, wished: impl Fn(&[Told]) -> bool) {
        assert!(until(|| wished(&self.told()).then_some(())).is_some(), "{:?}", self.told());
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = self.mailbox.blocking_send(Arrival::Stop);
    }
}

/// Sends back what it hears; `close` makes it close, `flood` makes it send without an end in sight.
#[derive(Default)]
struct Echo {
    outputs: VecDeque<Output>,
    told: Arc<Mutex<Vec<Told>>>,
    dialled: Dialled,
    opened: u64,
}

impl Brain for Echo {
    fn handle(&mut self, _: Now, input: Input<'_>) {
        let tell = |told| self.told.lock().unwrap().push(told);
        match input {
            Input::Connected { subject, .. } => tell(Told::Connected(subject)),
            Input::ConnectFailed { .. } => tell(Told::Failed),
            Input::Disconnected { .. } => tell(Told::Gone),
            Input::Stream { conn, bytes } => {
                let copies = if bytes == b"flood" { 4 * OUTBOX_MAX } else { 1 };
                let bytes: Arc<[u8]> = if bytes == b"flood" { vec![b'x'; 60_000].into() } else { bytes.into() };
                let path = Path::Stream(conn);
                self.outputs.extend((0..copies).map(|_| Output::Transmit { path, bytes: bytes.clone() }));
                if *bytes == *b"close" {
                    self.outputs.push_back(Output::Disconnect { conn });
                }
            }
            Input::Told(AdminCommand::Drain) => {
                while let Some((hop, profile)) = self.dialled.lock().unwrap().pop_front() {
                    self.opened += 1;
                    self.outputs.push_back(Output::Connect { conn: ConnId::Opened(self.opened), hop, profile });
                }
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
        Snapshot::default()
    }
}

struct Nobody;

impl Answers for Nobody {
    async fn identify(&self, _: Option<Private<String>>, _: Option<String>, _: Option<Private<String>>) -> Result<Story, AskFailure> {
        Err(AskFailure::Failed("nobody is known here".to_owned()))
    }
}

impl Ledger for Nobody {
    fn write(&mut self, _: Record) {}

    fn reject(&mut self, _: Rejection) -> u64 {
        1
    }

    fn lag(&self) -> usize {
        0
    }
}

fn hear(stream: &mut impl Read, length: usize) -> Vec<u8> {
    let mut heard = vec![0; length];
    stream.read_exact(&mut heard).unwrap();
    heard
}

fn until<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + MOST;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() > deadline {
            return None;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// More than any of this takes on a busy machine.
const MOST: Duration = Duration::from_secs(30);
