//! Transcripts: one user agent against a script, or two of them over a bad line, in virtual time.

mod called;
mod calling;
mod challenged;
mod door;
mod forking;
mod outside;
mod pair;
mod races;
mod referring;
mod registering;
mod reinviting;
mod reliable;
mod streaming;
mod timing;
mod walls;

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::{
    cause::{Cause, Fault},
    config::Oversize,
    events::wire::Hop,
    ids::UtcMillis,
    sip::{Method, Request, Response},
};

const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n";
const ANSWER: &str = "v=0\r\no=- 2 1 IN IP4 192.0.2.2\r\ns=-\r\nt=0 0\r\n";
const SIP0: EndpointId = EndpointId(0);

/// One user agent at 192.0.2.2:5060 and what it has said.
struct Scene {
    agent: UserAgent<ChaCha8Rng>,
    start: Instant,
    ms: u64,
    sent: VecDeque<(SocketAddr, Message)>,
    events: VecDeque<UaEvent>,
    streamed: VecDeque<(ConnId, Vec<u8>)>,
    connects: VecDeque<(ConnId, Hop)>,
    disconnects: VecDeque<ConnId>,
}

impl Scene {
    fn new() -> Self {
        Self::with(|_| {})
    }

    #[expect(clippy::disallowed_methods, reason = "virtual time must begin somewhere")]
    fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = settings("192.0.2.2:5060");
        change(&mut settings);
        let agent = UserAgent::new(ChaCha8Rng::seed_from_u64(1), settings);
        Self {
            agent,
            start: Instant::now(),
            ms: 1_000_000,
            sent: VecDeque::new(),
            events: VecDeque::new(),
            streamed: VecDeque::new(),
            connects: VecDeque::new(),
            disconnects: VecDeque::new(),
        }
    }

    fn now(&self) -> Now {
        Now { instant: self.start + Duration::from_millis(self.ms), utc: UtcMillis(1_800_000_000_000 + self.ms) }
    }

    /// Runs all timers of the next `ms`.
    fn pass(&mut self, ms: u64) {
        let end = self.now().instant + Duration::from_millis(ms);
        let target = self.ms + ms;
        while let Some(due) = self.agent.deadline().filter(|due| *due <= end) {
            self.ms = u64::try_from((due - self.start).as_millis()).unwrap();
            self.agent.wake(self.now());
            self.drain();
        }
        self.ms = target;
    }

    fn hears(&mut self, text: &str) {
        self.hears_from("192.0.2.1:5060", text.as_bytes());
    }

    fn hears_message(&mut self, message: &Response) {
        self.hears_from("192.0.2.1:5060", &message.to_bytes());
    }

    fn hears_from(&mut self, from: &str, bytes: &[u8]) {
        self.agent.receive(self.now(), SIP0, from.parse().unwrap(), bytes);
        self.drain();
    }

    fn does<T>(&mut self, action: impl FnOnce(&mut UserAgent<ChaCha8Rng>, Now) -> T) -> T {
        let now = self.now();
        let result = action(&mut self.agent, now);
        self.drain();
        result
    }

    fn drain(&mut self) {
        while let Some(output) = self.agent.poll() {
            match output {
                UaOutput::Event(event) => self.events.push_back(event),
                UaOutput::Transmit { path: Path::Datagram { to, .. }, bytes } => self.sent.push_back((to, parse(&bytes).unwrap())),
                UaOutput::Transmit { path: Path::Stream(conn), bytes } => self.streamed.push_back((conn, bytes.to_vec())),
                UaOutput::Connect { conn, hop, .. } => self.connects.push_back((conn, hop)),
                UaOutput::Disconnect { conn } => self.disconnects.push_back(conn),
            }
        }
    }

    /// What has been sent since last asked: methods and statuses.
    fn said(&mut self) -> Vec<String> {
        self.sent.drain(..).map(|(_, message)| word(&message)).collect()
    }

    /// The next response sent.
    fn response(&mut self) -> Response {
        match self.sent.pop_front() {
            Some((_, Message::Response(response))) => response,
            other => panic!("{other:?}"),
        }
    }

    /// The next request sent, and where to.
    fn request(&mut self) -> (SocketAddr, Request) {
        match self.sent.pop_front() {
            Some((to, Message::Request(request))) => (to, request),
            other => panic!("{other:?}"),
        }
    }

    fn event(&mut self) -> UaEvent {
        self.events.pop_front().expect("something has happened")
    }

    /// The usage of the next event, which must be `Invited`.
    fn invited(&mut self) -> UsageId {
        let event = self.event();
        let UaEvent::Invited { usage, .. } = event else { panic!("{event:?}") };
        usage
    }

    fn quiet(&mut self) {
        assert_eq!((self.said(), &self.events), (Vec::new(), &VecDeque::new()));
    }
}

fn settings(listen: &str) -> Settings {
    let listen: SocketAddr = listen.parse().unwrap();
    let mut settings = Settings::new("tandem", [9; 32]);
    settings.endpoints.push(Endpoint::udp(SIP0, "sip0", listen));
    settings.phones.push(Phone {
        user: "ada".to_owned(),
        realm: "tandem".to_owned(),
        password: Private("sesame".to_owned()),
        srtp: crate::config::SrtpPolicy::PHONE,
        transfer: true,
        codecs: Vec::new(),
    });
    settings
}

fn word(message: &Message) -> String {
    match message {
        Message::Request(request) => request.method.to_string(),
        Message::Response(response) => format!("{} {}", response.status, response.cseq.method),
    }
}

/// A request from 192.0.2.1 outside dialogs; `lines` and the rest may add to it.
fn asks(method: &str, number: u32, branch: &str, lines: &str, body: &str) -> String {
    asks_within(method, number, branch, "", lines, body)
}

/// The same within a dialog, when `to_tag` is `;tag=..`.
fn asks_within(method: &str, number: u32, branch: &str, to_tag: &str, lines: &str, body: &str) -> String {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "{method} sip:100@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{branch};rport\r\nMax-Forwards: 70\r\n\
         From: \"Caller\" <sip:ada@192.0.2.1>;tag=caller\r\nTo: <sip:ada@192.0.2.2>{to_tag}\r\nCall-ID: call-1\r\nCSeq: {number} {method}\r\n\
         Contact: <sip:ada@192.0.2.1:5060>\r\n{lines}{kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn cause(sip: u16, q850: u8) -> Cause {
    Cause { sip, q850, fault: Fault::Unknown, retry: false }
}

/// A call from 192.0.2.1 that has been taken and acknowledged; our tag as `;tag=..`.
fn established(scene: &mut Scene) -> (UsageId, String) {
    scene.hears(&asks("INVITE", 1, "i1", "", OFFER));
    let usage = scene.invited();
    scene.does(|agent, now| agent.accept(now, usage, ANSWER));
    let Some((_, Message::Response(response))) = scene.sent.pop_back() else { panic!("a 200 was due") };
    let tag = format!(";tag={}", response.to.tag().unwrap());
    scene.hears(&asks_within("ACK", 1, "a1", &tag, "", ""));
    assert_eq!(scene.event(), UaEvent::Acked { usage, sdp: None });
    scene.sent.clear();
    (usage, tag)
}

fn target() -> InviteTarget {
    InviteTarget {
        uri: Uri::parse("sip:200@192.0.2.1").unwrap(),
        endpoint: SIP0,
        to: Hop { transport: Transport::Udp, to: "192.0.2.1:5060".parse().unwrap(), domain: None },
        profile: None,
        oversize: Oversize::Tcp,
        from_uri: Uri::parse("sip:100@192.0.2.2").unwrap(),
        display: Some("Tandem".to_owned()),
        headers: vec![("User-to-User".to_owned(), "t0".to_owned())],
        sdp: OFFER.to_owned(),
        auth: None,
        advertised: None,
        nat: false,
    }
}

/// The peer's answer to a request of ours.
fn answers(request: &Request, status: u16, tag: &str, sdp: Option<&str>) -> Response {
    let mut response = request.answer(status, Some(tag));
    response.headers.push("Contact", "<sip:200@192.0.2.1:5060>");
    if let Some(sdp) = sdp {
        response.set_sdp(sdp);
    }
    response
}
