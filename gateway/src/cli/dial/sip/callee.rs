//! The callee: waits for calls, asks for credentials, rings, refuses or answers (RFC 3261 13.3).

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use rsip::{Header, Method, Request, SipMessage};
use tokio::{net::UdpSocket, sync::mpsc, task::JoinSet, time::Instant};

use super::{
    super::{
        Dial, Interrupt,
        digest::{Algorithm, Challenge},
        report::{Failed, Failure, Report, Style},
    },
    T1, at,
    conversation::{Conversation, Unacked},
    dialog::{Dialog, contact},
    line::Line,
    message::{self, ALLOW, cseq, uri_of, value},
    sdp, token,
    wire::{self, Received, Wire},
};

/// Waits for calls on `socket` until `--calls` of them are over; each has a report of its own. The worst exit code.
pub(in super::super) async fn listen(dial: &Dial, socket: UdpSocket, style: Style, interrupt: &Interrupt) -> (u8, Vec<Report>) {
    let socket = Arc::new(socket);
    let mut calls: BTreeMap<String, mpsc::Sender<Received>> = BTreeMap::new();
    let mut ringing: JoinSet<Report> = JoinSet::new();
    let mut over: Vec<Report> = Vec::new();
    let mut taken = 0;
    let mut pressed = interrupt.clone();
    loop {
        tokio::select! {
            Some(ended) = ringing.join_next() => {
                over.extend(ended.ok());
                calls.retain(|_, inbox| !inbox.is_closed());
            }
            Ok(received) = wire::receive(&socket) => {
                let Some(call_id) = call_id(&received) else { continue };
                if let Some(inbox) = calls.get(&call_id) {
                    // A full inbox loses the message, as the network may.
                    let _ = inbox.try_send(received);
                    continue;
                }
                let SipMessage::Request(request) = &received.message else { continue };
                let free = dial.calls.is_none_or(|most| taken < most) && calls.len() < CALLS_MAX;
                let method = request.method;
                if method == Method::Invite && free {
                    taken += 1;
                    let (inbox, incoming) = mpsc::channel(64);
                    let _ = inbox.try_send(received);
                    calls.insert(call_id, inbox);
                    let (dial, wire, interrupt) = (dial.clone(), Wire::sharing(Arc::clone(&socket), incoming), interrupt.clone());
                    ringing.spawn(take(dial, wire, style, interrupt));
                } else if method != Method::Ack {
                    let (status, phrase) = if method == Method::Options {
                        (200, "OK")
                    } else if method == Method::Invite {
                        (486, "Busy Here")
                    } else {
                        (481, "Call/Transaction Does Not Exist")
                    };
                    let answer = message::response(request, status, phrase, &token(""), vec![Header::Allow(ALLOW.into())], None);
                    let _ = socket.try_send_to(answer.to_string().as_bytes(), received.source);
                }
            }
            () = pressed.pressed(), if ringing.is_empty() => break,
        }
        if ringing.is_empty() && dial.calls.is_some_and(|most| taken >= most) {
            break;
        }
    }
    (over.iter().map(Report::exit_code).max().unwrap_or(0), over)
}

/// One call, from its INVITE to its report.
async fn take(dial: Dial, mut wire: Wire, style: Style, mut interrupt: Interrupt) -> Report {
    let received = wire.receive().await;
    let SipMessage::Request(invite) = received.message else { return Report::new("not a call".to_owned(), Style::Quiet) };
    let caller = value(&invite.headers, "From").unwrap_or_default();
    let mut report = Report::new(format!("call from {} to {}", uri_of(&caller), invite.uri), style);
    report.stage("invite", received.source.to_string());
    let ringing = Ringing {
        dial: &dial,
        tag: token(""),
        source: received.source,
        invite,
        wire: &mut wire,
        report: &mut report,
        interrupt: &mut interrupt,
    };
    let result = ringing.run().await;
    report.close(result);
    report
}

/// A call that we have not answered.
struct Ringing<'a> {
    dial: &'a Dial,
    tag: String,
    source: SocketAddr,
    invite: Request,
    wire: &'a mut Wire,
    report: &'a mut Report,
    interrupt: &'a mut Interrupt,
}

impl Ringing<'_> {
    async fn run(mut self) -> Result<(), Failure> {
        self.say(100, "Trying", Vec::new());
        if let Some(credentials) = self.dial.credentials()? {
            let challenge = Challenge {
                realm: "tandem dial".to_owned(),
                nonce: token(""),
                opaque: None,
                algorithm: Algorithm::Sha256,
                qop_auth: true,
                stale: false,
            };
            let asks = Header::Other("WWW-Authenticate".to_owned(), challenge.header());
            self.refuse(401, "Unauthorized", vec![asks]).await;
            self.invite = self.next_invite().await?;
            let given = value(&self.invite.headers, "Authorization").unwrap_or_default();
            if !challenge.is_met_by(&given, &credentials, "INVITE") {
                self.refuse(403, "Forbidden", Vec::new()).await;
                return Err(Failure::new(Failed::Auth, "the caller did not know the password"));
            }
            self.report.stage("auth", "the password is right");
        }
        if let Some(status) = self.dial.refuse {
            let warning = Header::Other("Warning".to_owned(), r#"399 tandem "refused by --refuse""#.to_owned());
            let reason = Header::Other("Reason".to_owned(), format!("SIP;cause={status}"));
            self.refuse(status, phrase_of(status), vec![reason, warning]).await;
            self.report.stage("refused", status.to_string());
            return Ok(());
        }
        let Some(offered) = sdp::read(&self.invite.body) else {
            self.refuse(488, "Not Acceptable Here", Vec::new()).await;
            return Err(Failure::new(Failed::Media, "the INVITE offers no audio"));
        };
        self.ring().await?;
        let ip = self.wire.local().map_or(Ipv4Addr::LOCALHOST.into(), |local| local.ip());
        let line = Line::bind(ip, self.dial.talk(8000)?, offered.event.unwrap_or(sdp::EVENT)).await;
        let mut line = line.map_err(|error| Failure::new(Failed::Local, error.to_string()))?;
        if !line.open(&offered, &self.dial.laws()) {
            self.refuse(488, "Not Acceptable Here", Vec::new()).await;
            return Err(Failure::new(Failed::Media, "the INVITE offers no codec of ours"));
        }
        self.answer(line, &offered).await
    }

    async fn answer(self, line: Line, offered: &sdp::Audio) -> Result<(), Failure> {
        let local = self.wire.local().map_err(|error| Failure::new(Failed::Local, error.to_string()))?;
        // RFC 3264 6.1: among what was offered, in the order of the offer.
        let ours = self.dial.laws();
        let laws: Vec<_> = offered.laws.iter().copied().filter(|law| ours.contains(law)).collect();
        let body = sdp::write(line.local, &laws, offered.event, offered.direction.mirrored());
        let extra = vec![Header::Contact(contact(local).into()), Header::Allow(ALLOW.into())];
        let ok = message::response(&self.invite, 200, "OK", &self.tag, extra, Some(&body));
        self.wire.respond(&ok, self.source);
        self.report.stage("answered", format!("200, {} to {}", line.codec(), offered.address));
        let number = cseq(&self.invite.headers).map_or(0, |(number, _)| number);
        let conversation = Conversation {
            dial: self.dial,
            dialog: Dialog::of_callee(&self.invite, &self.tag, local, self.source).await,
            unacked: Some(Unacked::new(number, ok.to_string().into_bytes(), self.source)),
            wire: self.wire,
            line,
            report: self.report,
            interrupt: self.interrupt,
            ack: None,
            tag: self.tag,
        };
        conversation.hold().await
    }

    /// Rings for `--answer-after`; a CANCEL ends it.
    async fn ring(&mut self) -> Result<(), Failure> {
        self.say(180, "Ringing", Vec::new());
        self.report.stage("ringing", "");
        let until = Instant::now() + Duration::from_millis(self.dial.answer_after);
        loop {
            tokio::select! {
                () = at(Some(until)) => return Ok(()),
                received = self.wire.receive() => {
                    let SipMessage::Request(request) = received.message else { continue };
                    if request.method == Method::Cancel {
                        let ok = message::response(&request, 200, "OK", &self.tag, Vec::new(), None);
                        self.wire.respond(&ok, received.source);
                        self.refuse(487, "Request Terminated", Vec::new()).await;
                        self.report.stage("cancelled", "by the caller");
                        return Err(Failure::new(Failed::Dropped, "the caller gave up"));
                    }
                    // It comes again when our 180 was lost.
                    if request.method == Method::Invite {
                        self.say(180, "Ringing", Vec::new());
                    }
                }
                () = self.interrupt.pressed() => {
                    self.refuse(480, "Temporarily Unavailable", Vec::new()).await;
                    return Err(Failure::new(Failed::Interrupted, "interrupted before the answer"));
                }
            }
        }
    }

    /// Says a final refusal until its ACK comes, at most a few seconds.
    async fn refuse(&mut self, status: u16, phrase: &str, extra: Vec<Header>) {
        let answer = message::response(&self.invite, status, phrase, &self.tag, extra, None);
        let give_up = Instant::now() + 8 * T1;
        let (mut next, mut interval) = (Instant::now(), T1);
        loop {
            tokio::select! {
                () = at(Some(give_up)) => return,
                () = at(Some(next)) => {
                    self.wire.respond(&answer, self.source);
                    next += interval;
                    interval *= 2;
                }
                received = self.wire.receive() => {
                    if matches!(&received.message, SipMessage::Request(request) if request.method == Method::Ack) {
                        return;
                    }
                }
            }
        }
    }

    /// The INVITE that follows our challenge.
    async fn next_invite(&mut self) -> Result<Request, Failure> {
        let give_up = Instant::now() + 8 * T1;
        loop {
            tokio::select! {
                () = at(Some(give_up)) => return Err(Failure::new(Failed::Auth, "the caller has no password")),
                received = self.wire.receive() => match received.message {
                    SipMessage::Request(request) if request.method == Method::Invite && cseq(&request.headers) != cseq(&self.invite.headers) => return Ok(request),
                    SipMessage::Request(_) | SipMessage::Response(_) => {}
                },
            }
        }
    }

    fn say(&self, status: u16, phrase: &str, extra: Vec<Header>) {
        self.wire.respond(&message::response(&self.invite, status, phrase, &self.tag, extra, None), self.source);
    }
}

fn call_id(received: &Received) -> Option<String> {
    value(rsip::prelude::HasHeaders::headers(&received.message), "Call-ID")
}

fn phrase_of(status: u16) -> &'static str {
    match status {
        403 => "Forbidden",
        404 => "Not Found",
        480 => "Temporarily Unavailable",
        486 => "Busy Here",
        503 => "Service Unavailable",
        603 => "Decline",
        _ => "Refused",
    }
}

/// Calls at once; one more hears 486.
const CALLS_MAX: usize = 256;
