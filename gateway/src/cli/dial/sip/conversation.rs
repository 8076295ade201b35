//! From the answer to the end: what caller and callee do alike.

use std::{net::SocketAddr, time::Duration};

use rsip::{Header, Method, Request, SipMessage};
use tokio::time::Instant;

use super::{
    super::{
        Dial, Interrupt,
        report::{Failed, Failure, Media, Report},
    },
    T1, T2, at,
    dialog::Dialog,
    line::Line,
    message::{self, ALLOW, cseq, value},
    sdp,
    wire::{Received, Wire},
};

/// A call in progress.
pub(super) struct Conversation<'a> {
    pub(super) dial: &'a Dial,
    pub(super) wire: &'a mut Wire,
    pub(super) dialog: Dialog,
    pub(super) line: Line,
    pub(super) report: &'a mut Report,
    pub(super) interrupt: &'a mut Interrupt,
    /// As the caller: the CSeq of our INVITE and its ACK, said again for each 2xx that comes again.
    pub(super) ack: Option<(u32, Request)>,
    /// As the callee, or after a re-INVITE: our 2xx until its ACK comes.
    pub(super) unacked: Option<Unacked>,
    /// Our tag, for responses.
    pub(super) tag: String,
}

/// A 2xx that waits for its ACK (RFC 3261 13.3.1.4).
pub(super) struct Unacked {
    cseq: u32,
    octets: Vec<u8>,
    to: SocketAddr,
    next: Instant,
    interval: Duration,
    give_up: Instant,
}

/// Who ended it.
enum Ended {
    Us(&'static str),
    FarSide(String),
}

impl Unacked {
    pub(super) fn new(cseq: u32, octets: Vec<u8>, to: SocketAddr) -> Self {
        let now = Instant::now();
        Self { cseq, octets, to, next: now + T1, interval: T1, give_up: now + 64 * T1 }
    }
}

impl Conversation<'_> {
    /// Talks until either side hangs up or the time is over, then gives the account.
    pub(super) async fn hold(mut self) -> Result<(), Failure> {
        let began = Instant::now();
        let ends = self.dial.talk_for().map(|length| began + length);
        let ended = self.talk(ends).await;
        let early = match &ended {
            Ended::FarSide(_) => ends.is_some_and(|ends| Instant::now() < ends),
            Ended::Us(_) => false,
        };
        match ended {
            Ended::Us(why) => {
                let status = self.hang_up().await;
                self.report.stage("bye", format!("{why}, {status}"));
            }
            Ended::FarSide(reason) => self.report.stage("bye", format!("the far side hung up{reason}")),
        }
        let length = self.line.opened.map_or(Duration::ZERO, |opened| opened.elapsed());
        let mut media = Media::of(&self.line.talk, self.line.codec(), length, self.dial.expect_tone);
        let kept = self.dial.keep(self.line.talk.tape.as_ref());
        media.recorded = kept.clone().ok().flatten();
        let judged = self.dial.judge(&media, early);
        self.report.account(media);
        kept?;
        judged
    }

    async fn talk(&mut self, ends: Option<Instant>) -> Ended {
        loop {
            tokio::select! {
                noted = self.line.turn() => self.report.note(noted),
                received = self.wire.receive() => {
                    if let Some(ended) = self.receive(received) {
                        return ended;
                    }
                }
                () = at(self.unacked.as_ref().map(|unacked| unacked.next)) => {
                    if !self.repeat_answer() {
                        return Ended::Us("no ACK came");
                    }
                }
                () = at(ends) => return Ended::Us("we hung up"),
                () = self.interrupt.pressed() => return Ended::Us("interrupted"),
            }
        }
    }

    fn receive(&mut self, received: Received) -> Option<Ended> {
        let source = received.source;
        match received.message {
            SipMessage::Response(response) => {
                // RFC 3261 13.2.2.4: each 2xx that comes again is acknowledged again.
                if let (Some((number, ack)), Some((cseq, method))) = (&self.ack, cseq(&response.headers))
                    && cseq == *number
                    && method == "INVITE"
                {
                    self.wire.request(ack, self.dialog.peer);
                }
                None
            }
            SipMessage::Request(request) => self.receive_request(&request, source),
        }
    }

    fn receive_request(&mut self, request: &Request, source: SocketAddr) -> Option<Ended> {
        if value(&request.headers, "Call-ID").as_deref() != Some(&self.dialog.head.call_id) {
            if request.method != Method::Ack {
                self.respond(request, source, 481, "Call/Transaction Does Not Exist");
            }
            return None;
        }
        match request.method {
            Method::Ack => {
                if self.unacked.as_ref().map(|unacked| unacked.cseq) == cseq(&request.headers).map(|(number, _)| number) {
                    self.unacked = None;
                }
                None
            }
            Method::Bye => {
                self.respond(request, source, 200, "OK");
                Some(Ended::FarSide(value(&request.headers, "Reason").map_or_else(String::new, |reason| format!(" ({reason})"))))
            }
            Method::Invite | Method::Update => {
                self.renegotiate(request, source);
                None
            }
            Method::Cancel => {
                self.respond(request, source, 481, "Call/Transaction Does Not Exist");
                None
            }
            Method::Options
            | Method::Info
            | Method::Notify
            | Method::Message
            | Method::PRack
            | Method::Publish
            | Method::Refer
            | Method::Register
            | Method::Subscribe => {
                let known = matches!(request.method, Method::Options | Method::Info | Method::Notify);
                let (status, phrase) = if known { (200, "OK") } else { (405, "Method Not Allowed") };
                self.respond(request, source, status, phrase);
                None
            }
        }
    }

    /// A re-INVITE or UPDATE: hold, a new address, or only a session refresh.
    fn renegotiate(&mut self, request: &Request, source: SocketAddr) {
        let number = cseq(&request.headers).map_or(0, |(number, _)| number);
        if let Some(unacked) = self.unacked.as_ref().filter(|unacked| unacked.cseq == number) {
            self.wire.send(&unacked.octets, source);
            return;
        }
        let offered = sdp::read(&request.body);
        let direction = offered.as_ref().map_or(sdp::Direction::Sendrecv, |audio| audio.direction.mirrored());
        let ours = self.dial.laws();
        if let Some(audio) = &offered
            && !self.line.open(audio, &ours)
        {
            self.respond(request, source, 488, "Not Acceptable Here");
            return;
        }
        let refresh = request.method == Method::Update && offered.is_none();
        let body = sdp::write(self.line.local, &ours, Some(sdp::EVENT), direction);
        let extra = vec![Header::Contact(self.dialog.head.contact.as_str().into()), Header::Allow(ALLOW.into())];
        let answer = message::response(request, 200, "OK", &self.tag, extra, (!refresh).then_some(body.as_str()));
        self.wire.respond(&answer, source);
        if request.method == Method::Invite {
            self.report.stage("re-invite", format!("{direction:?}"));
            self.unacked = Some(Unacked::new(number, answer.to_string().into_bytes(), source));
        }
    }

    fn respond(&self, request: &Request, to: SocketAddr, status: u16, phrase: &str) {
        self.wire.respond(&message::response(request, status, phrase, &self.tag, Vec::new(), None), to);
    }

    /// Says our 2xx again; `false` once 64*T1 have gone by.
    fn repeat_answer(&mut self) -> bool {
        let Some(unacked) = &mut self.unacked else { return true };
        if Instant::now() >= unacked.give_up {
            return false;
        }
        self.wire.send(&unacked.octets, unacked.to);
        unacked.interval = (unacked.interval * 2).min(T2);
        unacked.next += unacked.interval;
        true
    }

    /// Sends BYE until it is answered; what came of it, in words.
    pub(super) async fn hang_up(&mut self) -> String {
        let bye = self.dialog.request(Method::Bye, Vec::new());
        let number = self.dialog.head.cseq;
        let give_up = Instant::now() + BYE_PATIENCE;
        let (mut next, mut interval) = (Instant::now(), T1);
        loop {
            tokio::select! {
                () = at(Some(give_up)) => return "nobody answered the BYE".to_owned(),
                () = at(Some(next)) => {
                    self.wire.request(&bye, self.dialog.peer);
                    next += interval;
                    interval = (interval * 2).min(T2);
                }
                received = self.wire.receive() => match received.message {
                    SipMessage::Response(ref response) => {
                        let ours = cseq(&response.headers) == Some((number, "BYE".to_owned()));
                        if ours && response.status_code.code() >= 200 {
                            return format!("{} {}", response.status_code.code(), received.phrase);
                        }
                    }
                    // Both hung up at once: theirs is answered, ours will be.
                    SipMessage::Request(request) => drop(self.receive_request(&request, received.source)),
                },
            }
        }
    }
}

/// Far less than Timer F: whoever types a command does not wait 32 s for a goodbye.
const BYE_PATIENCE: Duration = Duration::from_secs(4);

/// A refusal with all that it says of its reasons.
pub(super) fn refusal(failed: Failed, status: u16, phrase: &str, headers: &rsip::Headers) -> Failure {
    Failure {
        status: Some(status),
        reason: value(headers, "Reason"),
        warning: value(headers, "Warning"),
        ..Failure::new(failed, format!("{status} {phrase}"))
    }
}
