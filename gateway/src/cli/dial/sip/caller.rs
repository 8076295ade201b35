//! The caller: INVITE until an answer, with credentials where asked, CANCEL where it takes too long (RFC 3261 13.2, 17.1.1).

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use rsip::{Header, Method, Request, Response, SipMessage, Uri};
use tokio::{net::UdpSocket, time::Instant};

use super::{
    super::{
        Dial, Interrupt,
        digest::Challenge,
        report::{Failed, Failure, Report},
    },
    T1, at,
    conversation::{Conversation, refusal},
    dialog::{Dialog, contact, resolve},
    line::Line,
    message::{ALLOW, Head, cseq, value, values},
    sdp, token,
    wire::Wire,
};

/// Places the call that `dial` asks for.
pub(in super::super) async fn call(dial: &Dial, report: &mut Report, interrupt: &mut Interrupt) -> Result<(), Failure> {
    let uri = dial.uri()?;
    let first_hop = dial.first_hop()?.unwrap_or_else(|| uri.clone());
    let peer = resolve(&first_hop).await.ok_or_else(|| Failure::new(Failed::Resolve, format!("{} has no address", first_hop.host())))?;
    report.stage("resolve", peer.to_string());
    let ip = match dial.local {
        Some(ip) => ip,
        None => route_to(peer).await?,
    };
    let wire =
        Wire::open(SocketAddr::new(ip, 0)).await.map_err(|error| Failure::new(Failed::Local, format!("no socket on {ip}: {error}")))?;
    let local = wire.local().map_err(|error| Failure::new(Failed::Local, error.to_string()))?;
    let talk = dial.talk(8000)?;
    let line = Line::bind(ip, talk, sdp::EVENT).await.map_err(|error| Failure::new(Failed::Local, error.to_string()))?;
    let head = Head {
        sent_by: local.to_string(),
        branch: token("z9hG4bK"),
        from: format!("<sip:{}@{ip}>;tag={}", dial.caller(), token("")),
        to: format!("<{uri}>"),
        call_id: token(""),
        cseq: 1,
        contact: contact(local),
        routes: Vec::new(),
        uri,
    };
    let sdp = sdp::write(line.local, &dial.laws(), Some(sdp::EVENT), sdp::Direction::Sendrecv);
    let invite = head.request(Method::Invite, extra(dial, None), Some(&sdp));
    let now = Instant::now();
    let inviting = Inviting {
        dial,
        wire,
        line,
        head,
        invite,
        sdp,
        peer,
        report,
        interrupt,
        state: State::Calling,
        ring_until: now + dial.ring_timeout(),
        challenged: 0,
    };
    inviting.run().await
}

/// An INVITE on its way.
struct Inviting<'a> {
    dial: &'a Dial,
    wire: Wire,
    line: Line,
    head: Head,
    invite: Request,
    sdp: String,
    peer: SocketAddr,
    report: &'a mut Report,
    interrupt: &'a mut Interrupt,
    state: State,
    ring_until: Instant,
    /// Times that credentials were sent.
    challenged: u32,
}

/// Where the INVITE stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing has come back.
    Calling,
    /// A provisional response has.
    Proceeding,
    /// We sent CANCEL, for this reason.
    Cancelling(Failed),
}

/// What a final response leads to.
enum Final {
    Answered(Response),
    /// The INVITE was sent again, with credentials.
    Again,
}

impl Inviting<'_> {
    async fn run(mut self) -> Result<(), Failure> {
        self.send();
        // Timer A doubles from T1; Timer B ends it (RFC 3261 17.1.1.2).
        let (mut interval, mut repeat) = (T1, Instant::now() + T1);
        let mut no_reply = Instant::now() + self.dial.reply_timeout();
        let mut closed_port = std::pin::pin!(closed_port(self.peer));
        let mut cancelled_at: Option<Instant> = None;
        loop {
            let calling = self.state == State::Calling;
            tokio::select! {
                received = self.wire.receive() => {
                    let SipMessage::Response(response) = received.message else { continue };
                    match self.receive(response, &received.phrase)? {
                        Some(Final::Answered(ok)) => return self.answered(ok).await,
                        Some(Final::Again) => {
                            (interval, repeat) = (T1, Instant::now() + T1);
                            no_reply = Instant::now() + self.dial.reply_timeout();
                        }
                        None => {}
                    }
                }
                // Early media is heard; nothing is said before the answer.
                noted = self.line.turn() => self.report.note(noted),
                () = at(calling.then_some(repeat)) => {
                    self.wire.request(&self.invite, self.peer);
                    interval *= 2;
                    repeat += interval;
                }
                () = at(calling.then_some(no_reply)) => return Err(Failure::new(Failed::NoReply, format!("{} did not say a word", self.peer))),
                () = &mut closed_port, if calling => return Err(Failure::new(Failed::NoReply, format!("nothing listens at {} (port unreachable)", self.peer))),
                () = at((self.state == State::Proceeding).then_some(self.ring_until)) => cancelled_at = Some(self.cancel(Failed::NoAnswer)),
                () = self.interrupt.pressed(), if !matches!(self.state, State::Cancelling(_)) => {
                    // RFC 3261 9.1: a request that nothing has answered cannot be cancelled yet.
                    if calling {
                        return Err(Failure::new(Failed::Interrupted, "interrupted before any answer"));
                    }
                    cancelled_at = Some(self.cancel(Failed::Interrupted));
                }
                () = at(cancelled_at.map(|at| at + CANCEL_PATIENCE)) => return Err(self.given_up()),
            }
        }
    }

    /// Handles a response to our INVITE; anything else is passed over.
    fn receive(&mut self, response: Response, phrase: &str) -> Result<Option<Final>, Failure> {
        if cseq(&response.headers) != Some((self.head.cseq, "INVITE".to_owned()))
            || value(&response.headers, "Call-ID").as_deref() != Some(&self.head.call_id)
        {
            return Ok(None);
        }
        let status = response.status_code.code();
        if status >= 300 {
            self.ack_refusal(&response);
        }
        match status {
            100..200 => {
                self.progress(status, phrase, &response);
                Ok(None)
            }
            200..300 => Ok(Some(Final::Answered(response))),
            401 | 407 if !matches!(self.state, State::Cancelling(_)) => {
                self.authenticate(status, phrase, &response).map(|()| Some(Final::Again))
            }
            487 if matches!(self.state, State::Cancelling(_)) => Err(self.given_up()),
            // Some say 403 rather than challenge a second time.
            403 if self.challenged > 0 => Err(refusal(Failed::Auth, status, phrase, &response.headers)),
            _ => Err(refusal(Failed::Refused, status, phrase, &response.headers)),
        }
    }

    fn progress(&mut self, status: u16, phrase: &str, response: &Response) {
        if self.state == State::Calling {
            self.state = State::Proceeding;
        }
        let stage = match status {
            100 => "trying",
            180 => "ringing",
            _ => "progress",
        };
        let media = if response.body.is_empty() { "" } else { ", with early media" };
        if self.report.reached(stage).is_none() {
            self.report.stage(stage, format!("{status} {phrase}{media}"));
        }
    }

    /// A new INVITE with credentials, in a transaction of its own.
    fn authenticate(&mut self, status: u16, phrase: &str, response: &Response) -> Result<(), Failure> {
        let (asks, answers) =
            if status == 401 { ("WWW-Authenticate", "Authorization") } else { ("Proxy-Authenticate", "Proxy-Authorization") };
        let fail =
            |text: &str| Failure { text: format!("{status} {phrase}: {text}"), ..refusal(Failed::Auth, status, phrase, &response.headers) };
        let Some(credentials) = self.dial.credentials()? else { return Err(fail("it wants a password, see --auth")) };
        // RFC 8760 2.4: the first challenge that we can answer is the one that the far side likes best.
        let challenges = values(&response.headers, asks);
        let challenge = challenges
            .iter()
            .find_map(|value| Challenge::parse(value).ok())
            .ok_or_else(|| fail("it asks for nothing that we can compute"))?;
        if self.challenged > 0 && !(challenge.stale && self.challenged < 3) {
            return Err(fail("the name or the password is wrong"));
        }
        self.challenged += 1;
        self.head.cseq += 1;
        self.head.branch = token("z9hG4bK");
        let answer = challenge.answer(&credentials, "INVITE", &self.head.uri.to_string(), &token(""), 1);
        self.report.stage("auth", format!("{:?} for realm {}", challenge.algorithm, challenge.realm));
        self.invite = self.head.request(Method::Invite, extra(self.dial, Some((answers, answer))), Some(&self.sdp));
        self.state = State::Calling;
        self.wire.request(&self.invite, self.peer);
        Ok(())
    }

    /// The 2xx: ACK it, open the line, talk.
    async fn answered(mut self, ok: Response) -> Result<(), Failure> {
        let dialog = Dialog::of_caller(&self.head, &ok, self.peer).await;
        let ack = dialog.ack(self.head.cseq);
        self.wire.request(&ack, dialog.peer);
        let cancelled = match self.state {
            State::Cancelling(_) => Some(self.given_up()),
            State::Calling | State::Proceeding => None,
        };
        let laws = self.dial.laws();
        let audio = sdp::read(&ok.body).filter(|audio| self.line.open(audio, &laws));
        let failure = match (&audio, cancelled) {
            (_, Some(failure)) => Some(failure),
            (None, None) => Some(Failure::new(Failed::Media, "the answer has no audio in a codec of ours")),
            (Some(audio), None) => {
                self.report.stage("answered", format!("200, {} to {}", self.line.codec(), audio.address));
                None
            }
        };
        let cseq = self.head.cseq;
        let mut conversation = Conversation {
            dial: self.dial,
            wire: &mut self.wire,
            dialog,
            line: self.line,
            report: self.report,
            interrupt: self.interrupt,
            ack: Some((cseq, ack)),
            unacked: None,
            tag: String::new(),
        };
        match failure {
            None => conversation.hold().await,
            // It crossed our CANCEL, or cannot be talked on: a call that stands must be hung up.
            Some(failure) => {
                conversation.hang_up().await;
                Err(failure)
            }
        }
    }

    fn send(&mut self) {
        self.wire.request(&self.invite, self.peer);
        let laws: Vec<_> = self.dial.laws().iter().map(|law| law.name()).collect();
        self.report.stage("invite", format!("{} from {}", laws.join(" "), self.line.local));
    }

    /// RFC 3261 17.1.1.3: the ACK of a refusal belongs to the INVITE's transaction, so it has its branch.
    fn ack_refusal(&self, response: &Response) {
        let to = value(&response.headers, "To").unwrap_or_else(|| self.head.to.clone());
        self.wire.request(&Head { to, ..self.head.clone() }.request(Method::Ack, Vec::new(), None), self.peer);
    }

    fn cancel(&mut self, why: Failed) -> Instant {
        self.state = State::Cancelling(why);
        self.wire.request(&self.head.request(Method::Cancel, Vec::new(), None), self.peer);
        self.report.stage("cancel", "");
        Instant::now()
    }

    fn given_up(&self) -> Failure {
        match self.state {
            State::Cancelling(Failed::NoAnswer) => {
                Failure::new(Failed::NoAnswer, format!("nobody answered in {} s", self.dial.ring_timeout))
            }
            State::Cancelling(_) | State::Calling | State::Proceeding => Failure::new(Failed::Interrupted, "interrupted before the answer"),
        }
    }
}

/// What an INVITE carries besides its head.
fn extra(dial: &Dial, authorization: Option<(&str, String)>) -> Vec<Header> {
    let mut extra = vec![Header::Allow(ALLOW.into())];
    extra.extend(dial.headers().into_iter().map(|(name, value)| Header::Other(name, value)));
    extra.extend(authorization.map(|(name, value)| Header::Other(name.to_owned(), value)));
    extra
}

/// Our address as the far side sees it, as long as no NAT is between.
async fn route_to(peer: SocketAddr) -> Result<IpAddr, Failure> {
    let probe = async {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
        socket.connect(peer).await?;
        socket.local_addr()
    };
    probe.await.map(|local| local.ip()).map_err(|error| Failure::new(Failed::Local, format!("no way to {peer}: {error}")))
}

/// Ends as soon as the far host says that nothing listens on that port, else never.
///
/// Only a connected socket is told so; ours is not, since the answer may come from elsewhere. Two line ends are what
/// phones send to keep a NAT open, so nobody minds them.
async fn closed_port(peer: SocketAddr) {
    let probe = async {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
        socket.connect(peer).await?;
        socket.send(b"\r\n\r\n").await?;
        socket.recv(&mut [0; 64]).await
    };
    match probe.await {
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {}
        Ok(_) | Err(_) => std::future::pending().await,
    }
}

/// How long a cancelled INVITE may take to say 487.
const CANCEL_PATIENCE: Duration = Duration::from_secs(4);

/// A target as typed to a URI: a number goes to the proxy's host.
pub(in super::super) fn target(text: &str, proxy: Option<&Uri>) -> Option<Uri> {
    if text.starts_with("sip:") {
        return Uri::try_from(text).ok();
    }
    if text.starts_with("sips:") || text.starts_with("tel:") {
        return None;
    }
    if text.contains('@') {
        return Uri::try_from(format!("sip:{text}").as_str()).ok();
    }
    let is_number = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || "+*#".contains(c));
    let proxy = proxy.filter(|_| is_number)?;
    Uri::try_from(format!("sip:{text}@{}", proxy.host_with_port).as_str()).ok()
}
