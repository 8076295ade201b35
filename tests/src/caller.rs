//! A caller written by hand: it says by UDP what no phone would, and hears each answer as text.

use std::{
    net::{SocketAddr, UdpSocket},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

/// One that speaks from an address of its own.
#[derive(Debug)]
pub struct Caller {
    socket: UdpSocket,
    gateway: SocketAddr,
}

/// One call of it, from its INVITE on.
#[derive(Debug)]
pub struct Call<'a> {
    caller: &'a Caller,
    id: String,
    dialled: String,
    number: u32,
    /// What was sent last, save an ACK.
    sent: String,
    /// With the tag of whoever answered.
    to: String,
}

impl Caller {
    pub fn at(address: SocketAddr, gateway: SocketAddr) -> Self {
        let socket = UdpSocket::bind(address).unwrap_or_else(|error| panic!("{address}: {error}"));
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout that is not zero");
        Self { socket, gateway }
    }

    /// Calls with more header lines, each ending in CRLF, and an offer of G.711 unless `sdp` is another.
    pub fn invite(&self, dialled: &str, lines: &str, sdp: Option<&str>) -> Call<'_> {
        let to = format!("<sip:{dialled}@{}>", self.gateway);
        let mut call = Call { caller: self, id: fresh(), dialled: dialled.to_owned(), number: 1, sent: String::new(), to };
        let offer = self.offer("RTP/AVP", "");
        call.request("INVITE", lines, sdp.unwrap_or(&offer));
        call
    }

    /// An offer of G.711 under this profile, with more lines.
    pub fn offer(&self, profile: &str, lines: &str) -> String {
        let ip = self.own().ip();
        format!("v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 9 {profile} 8\r\na=rtpmap:8 PCMA/8000\r\n{lines}")
    }

    /// One request outside a call, and its final answer.
    ///
    /// # Panics
    /// If there is none.
    pub fn ask(&self, method: &str, user: &str, lines: &str) -> String {
        let (id, text) = self.written(method, user, lines);
        self.send(text.as_bytes());
        self.insist(&text, &format!("Call-ID: {id}\r\n"), "", PATIENCE).unwrap_or_else(|| panic!("no answer to {method}"))
    }

    /// The same, and nobody waits for what comes back.
    pub fn tell(&self, method: &str, user: &str, lines: &str) {
        self.send(self.written(method, user, lines).1.as_bytes());
    }

    pub fn send(&self, bytes: &[u8]) {
        self.socket.send_to(bytes, self.gateway).expect("loopback takes it");
    }

    /// The next datagram; `None` after 50 ms without one.
    pub fn hear(&self) -> Option<String> {
        let mut bytes = [0; 65_536];
        let (length, _) = self.socket.recv_from(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes[..length]).into_owned())
    }

    /// The final answer with both of these lines; the request is sent again as long as there is none, and all else that comes is let go.
    fn insist(&self, text: &str, call: &str, number: &str, most: Duration) -> Option<String> {
        let begun = Instant::now();
        while begun.elapsed() < most {
            let sent = Instant::now();
            while sent.elapsed() < AGAIN {
                let heard = self.hear().filter(|heard| status(heard) >= 200 && heard.contains(call) && heard.contains(number));
                if heard.is_some() {
                    return heard;
                }
            }
            self.send(text.as_bytes());
        }
        None
    }

    /// A request outside a call, and its Call-ID.
    fn written(&self, method: &str, user: &str, lines: &str) -> (String, String) {
        let (id, own, at) = (fresh(), self.own(), self.gateway);
        let text = format!(
            "{method} sip:{at} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{id}\r\nMax-Forwards: 70\r\nFrom: <sip:{user}@{at}>;tag={id}\r\n\
             To: <sip:{user}@{at}>\r\nCall-ID: {id}\r\nCSeq: 1 {method}\r\nContact: <sip:{user}@{own}>\r\n{lines}Content-Length: 0\r\n\r\n"
        );
        (id, text)
    }

    fn own(&self) -> SocketAddr {
        self.socket.local_addr().expect("it is bound")
    }
}

impl Call<'_> {
    /// The final answer to its INVITE, which is acknowledged.
    ///
    /// # Panics
    /// If there is none.
    pub fn answered(&mut self) -> String {
        self.answered_within(PATIENCE).unwrap_or_else(|| panic!("no answer to INVITE {}", self.number))
    }

    /// The same; `None` where it is passed over in silence for so long.
    pub fn answered_within(&mut self, most: Duration) -> Option<String> {
        let text = self.answer("INVITE", most)?;
        value(&text, "To").expect("every answer has one").clone_into(&mut self.to);
        // The ACK of a refusal is of the same transaction, that of a 2xx is not (RFC 3261 17.1.1.3).
        let branch = if status(&text) < 300 { self.branch(0) } else { self.branch(self.number) };
        let ack = self.written("ACK", &branch, "", "");
        self.caller.send(ack.as_bytes());
        Some(text)
    }

    /// A request within the call, with a body or none, which is SDP where `lines` do not say otherwise; its final answer.
    pub fn ask(&mut self, method: &str, lines: &str, body: &str) -> String {
        self.number += 1;
        self.request(method, lines, body);
        if method == "INVITE" {
            return self.answered();
        }
        self.answer(method, PATIENCE).unwrap_or_else(|| panic!("no answer to {method} {}", self.number))
    }

    /// Takes it back before its answer: CANCEL, and the 487 that follows.
    pub fn cancel(&mut self, lines: &str) {
        let cancel = self.written("CANCEL", &self.branch(self.number), lines, "");
        self.caller.send(cancel.as_bytes());
        assert_eq!(status(&self.answered()), 487);
    }

    /// Waits until it rings.
    pub fn rings(&self) {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if self.caller.hear().is_some_and(|text| text.contains(&self.id) && status(&text) == 180) {
                return;
            }
        }
        panic!("it does not ring");
    }

    /// BYE, which is answered.
    pub fn hang_up(mut self) {
        let said = self.ask("BYE", "", "");
        assert_eq!(status(&said), 200, "{said}");
    }

    fn answer(&self, method: &str, most: Duration) -> Option<String> {
        let (call, number) = (format!("Call-ID: {}\r\n", self.id), format!("CSeq: {} {method}\r\n", self.number));
        self.caller.insist(&self.sent, &call, &number, most)
    }

    fn request(&mut self, method: &str, lines: &str, body: &str) {
        self.sent = self.written(method, &self.branch(self.number), lines, body);
        self.caller.send(self.sent.as_bytes());
    }

    fn written(&self, method: &str, branch: &str, lines: &str, body: &str) -> String {
        let (id, own, at, to, dialled, number) = (&self.id, self.caller.own(), self.caller.gateway, &self.to, &self.dialled, self.number);
        let kind = if body.is_empty() || lines.contains("Content-Type:") { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} sip:{dialled}@{at} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch={branch}\r\nMax-Forwards: 70\r\nFrom: <sip:{NUMBER}@{}>;tag={id}\r\n\
             To: {to}\r\nCall-ID: {id}\r\nCSeq: {number} {method}\r\nContact: <sip:caller@{own}>\r\n{lines}{kind}Content-Length: {}\r\n\r\n{body}",
            own.ip(),
            body.len()
        )
    }

    fn branch(&self, number: u32) -> String {
        format!("z9hG4bK{}-{number}", self.id)
    }
}

/// Of an answer; 0 of a request.
pub fn status(text: &str) -> u16 {
    text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)?.parse().ok()).unwrap_or(0)
}

/// The first header of this name, as it is written there.
pub fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let head = text.split("\r\n\r\n").next()?;
    head.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// The user in its From.
pub const NUMBER: &str = "+31207654321";

fn fresh() -> String {
    static LAST: AtomicU32 = AtomicU32::new(0);
    format!("{}.{}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed))
}

/// Timer A and E at their beginning (RFC 3261 17.1.1.2).
const AGAIN: Duration = Duration::from_millis(500);
/// On a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
