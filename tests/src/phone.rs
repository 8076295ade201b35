//! A phone: calls or is called by SIP, hums, presses keys, holds, hangs up.

mod talk;

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    time::{Duration, Instant},
};

use gateway_core::{
    cause::{Cause, Fault},
    config::{Endpoint, Oversize},
    events::wire::{Hop, Path, Transport},
    ids::EndpointId,
    now::Now,
    private::Private,
    sip::{Credentials, InviteTarget, Refusal, Settings, UaEvent, UaOutput, Uri, UsageId, UserAgent},
};
use media::{
    codec::CodecKind,
    sdp::{Flow, Offer, Srtp},
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
pub use talk::Talk;

use crate::{
    carrier::{Carrier, Way},
    config::GATEWAY,
    line::Line,
    net::Datagram,
    sip_text::Seen,
};

/// What a phone does of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Calls this user at the gateway.
    Dial(String),
    /// Presses a key.
    Press(char),
    /// Holds the other side by a re-INVITE, or goes on.
    Hold(bool),
    /// Asks the gateway to connect the other side of the n-th call with this address, or with the other side of another of its calls.
    Refer { call: usize, to: String, replacing: Option<usize> },
    /// Asks for this direction by a re-INVITE, as it sees it: `SendOnly` holds with its own music.
    Direct(Flow),
    /// Goes on at another address, and says so by a re-INVITE.
    Move,
    /// Leaves the offer of a re-INVITE to the gateway, and answers it in the ACK (RFC 3261 14.1).
    AskOffer,
    /// Sends nothing while nobody speaks, and nobody speaks; or hums again.
    Mute(bool),
    /// Says how a call that it was asked to make goes (NOTIFY), in the call that it was asked in last.
    Notify(u16),
    /// CANCEL or BYE, as the state wants it.
    HangUp,
    /// Its power is cut: no goodbye, and nothing it is asked is answered.
    Die,
}

/// What a phone does when it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answering {
    /// Rings, and takes the call after this.
    Take(Duration),
    /// Rings, and refuses with this status after this.
    Refuse(u16, Duration),
    /// Rings for ever.
    Ring,
    /// Speaks after the first, by 183, says 180 a second later, and takes the call after the second.
    Early(Duration, Duration),
}

/// A phone with one line.
pub struct Phone {
    /// What it shows as its number; empty withholds it.
    pub number: String,
    pub sip: SocketAddr,
    pub hz: f64,
    pub codecs: Vec<CodecKind>,
    /// Whether its media is SRTP.
    pub srtp: Srtp,
    pub answering: Answering,
    /// What it does so long after each answer, in order of time.
    pub habits: Vec<(Duration, Act)>,
    /// Proves itself with this password when it is asked.
    pub password: Option<String>,
    /// Further headers of its INVITEs.
    pub headers: Vec<(String, String)>,
    /// What it has heard of its REFERs.
    pub notified: Vec<u16>,
    /// Its re-INVITEs offer this in place of its own codecs.
    pub reencodes: Option<&'static str>,
    /// It lets itself be asked to call others.
    pub follows: bool,
    /// Whom it was asked to call.
    pub referred: Vec<String>,
    /// What stands between it and the gateway.
    pub carrier: Carrier,
    /// It calls without an offer, and answers the gateway's in its ACK (RFC 3261 13.2.1).
    pub offers_late: bool,
    /// What it says first of media leads nowhere (0.0.0.0), until it asks for an offer: it is in the hands of a third party (RFC 3725 4).
    pub is_parked: bool,
    /// All its calls, the last one perhaps alive.
    pub talks: Vec<Talk>,
    is_dead: bool,
    late_answer: Option<String>,
    asks_offer: bool,
    agent: UserAgent<ChaCha8Rng>,
    schedule: BTreeMap<(Instant, u64), Act>,
    due_answers: VecDeque<(Instant, UsageId)>,
    scheduled: u64,
    outbox: Vec<Datagram>,
}

impl Phone {
    /// At rest.
    pub fn new(number: &str, sip: SocketAddr, hz: f64) -> Self {
        let seed = u64::from_be_bytes([0, 0, sip.port().to_be_bytes()[0], sip.port().to_be_bytes()[1], 0, 0, 0, 0]) ^ hz.to_bits();
        let mut settings = Settings::new("phone", [1; 32]);
        settings.endpoints.push(Endpoint::udp(EndpointId(0), "phone", sip));
        Self {
            number: number.to_owned(),
            sip,
            hz,
            codecs: vec![CodecKind::Pcmu, CodecKind::Pcma],
            srtp: Srtp::None,
            answering: Answering::Take(Duration::from_secs(1)),
            habits: Vec::new(),
            password: None,
            headers: Vec::new(),
            notified: Vec::new(),
            reencodes: None,
            follows: false,
            referred: Vec::new(),
            carrier: Carrier::default(),
            offers_late: false,
            is_parked: false,
            talks: Vec::new(),
            is_dead: false,
            late_answer: None,
            asks_offer: false,
            agent: UserAgent::new(ChaCha8Rng::seed_from_u64(seed), settings),
            schedule: BTreeMap::new(),
            due_answers: VecDeque::new(),
            scheduled: 0,
            outbox: Vec::new(),
        }
    }

    /// Plans an act.
    pub fn plan(&mut self, at: Instant, act: Act) {
        self.scheduled += 1;
        self.schedule.insert((at, self.scheduled), act);
    }

    /// Its latest call.
    pub fn talk(&self) -> &Talk {
        self.talks.last().expect("this phone has been in a call")
    }

    /// Transactions and usages alive.
    pub fn load(&self) -> (usize, usize) {
        if self.is_dead { (0, 0) } else { self.agent.load() }
    }

    /// Its power was cut.
    pub const fn is_dead(&self) -> bool {
        self.is_dead
    }

    /// When it wants to do something.
    pub fn deadline(&self) -> Option<Instant> {
        if self.is_dead {
            return None;
        }
        let act = self.schedule.keys().next().map(|(at, _)| *at);
        let answer = self.due_answers.iter().map(|(at, _)| *at).min();
        let lines = self.talks.iter().filter_map(|talk| talk.line.deadline()).min();
        [act, answer, lines, self.agent.deadline(), self.carrier.deadline()].into_iter().flatten().min()
    }

    /// Does what is due.
    pub fn wake(&mut self, now: Now) {
        if self.is_dead {
            return;
        }
        for (way, datagram) in self.carrier.wake(now.instant) {
            self.pass(now, way, datagram);
        }
        self.agent.wake(now);
        while let Some(entry) = self.schedule.first_entry().filter(|entry| entry.key().0 <= now.instant) {
            let act = entry.remove();
            self.act(now, act);
        }
        while let Some(at) = self.due_answers.iter().position(|(at, _)| *at <= now.instant) {
            let due = self.due_answers.remove(at);
            due.into_iter().for_each(|(_, usage)| self.answer(now, usage));
        }
        self.hear(now);
        for talk in &mut self.talks {
            let from = talk.line.address;
            let packets = talk.line.tick(now.instant);
            self.outbox.extend(packets.into_iter().map(|(to, bytes)| Datagram { from, to, bytes }));
        }
    }

    /// Takes a datagram that came to one of its addresses.
    pub fn receive(&mut self, now: Now, datagram: &Datagram) {
        if self.is_dead {
        } else if datagram.to == self.sip {
            for (way, datagram) in self.carrier.carry(now.instant, Way::In, datagram.clone()) {
                self.pass(now, way, datagram);
            }
            self.hear(now);
        } else if let Some(talk) = self.talks.iter_mut().find(|talk| talk.line.address == datagram.to) {
            talk.line.receive(now.instant, &datagram.bytes);
        }
    }

    /// What it sends.
    pub fn drain(&mut self) -> Vec<Datagram> {
        std::mem::take(&mut self.outbox)
    }

    fn pass(&mut self, now: Now, way: Way, datagram: Datagram) {
        match way {
            Way::Out => self.outbox.push(datagram),
            Way::In => self.agent.receive(now, EndpointId(0), datagram.from, &datagram.bytes),
        }
    }

    fn act(&mut self, now: Now, act: Act) {
        match act {
            Act::Dial(user) => self.dial(now, &user),
            Act::Press(key) => {
                if let Some(talk) = self.talks.last_mut() {
                    talk.keys.push(now.instant);
                    talk.line.press(key);
                }
            }
            Act::Mute(muted) => {
                if let Some(talk) = self.talks.last_mut() {
                    talk.line.is_mute = muted;
                }
            }
            Act::Refer { call, to, replacing } => {
                let other = replacing.and_then(|other| self.agent.replaces(self.talks[other].usage));
                let to = other.map_or(to.clone(), |replaces| format!("{to}?Replaces={}", replaces.to_uri_header()));
                self.agent.refer(now, self.talks[call].usage, &to, Some(&format!("<sip:{}>", self.sip)));
            }
            Act::Move => {
                if let Some(talk) = self.talks.last_mut() {
                    talk.line.address.set_port(talk.line.address.port() + MOVED);
                }
                self.direct(now, Flow::SendRecv);
            }
            Act::AskOffer => {
                self.direct(now, Flow::SendRecv);
                (self.asks_offer, self.is_parked) = (true, false);
            }
            Act::Notify(status) => {
                if let Some(talk) = self.talks.last() {
                    self.agent.notify_refer(now, talk.usage, status);
                }
            }
            Act::Direct(flow) => self.direct(now, flow),
            Act::Hold(held) => self.direct(now, if held { Flow::Inactive } else { Flow::SendRecv }),
            Act::Die => {
                self.is_dead = true;
                for talk in self.talks.iter_mut().filter(|talk| talk.ended.is_none()) {
                    talk.line.close();
                    talk.ended = Some(now.instant);
                }
            }
            Act::HangUp => {
                let Some(talk) = self.talks.iter_mut().rev().find(|talk| talk.ended.is_none()) else { return };
                if talk.answered.is_some() {
                    talk.line.close();
                    talk.ended = Some(now.instant);
                }
                self.agent.bye(now, talk.usage, Cause::goodbye(Fault::Caller));
            }
        }
    }

    fn direct(&mut self, now: Now, flow: Flow) {
        let Some(talk) = self.talks.iter_mut().rev().find(|talk| talk.answered.is_some() && talk.ended.is_none()) else { return };
        if talk.reoffer.is_some() {
            // RFC 3261 14.1: one at a time.
            return self.plan(now.instant + Duration::from_millis(500), Act::Direct(flow));
        }
        self.asks_offer = false;
        let offer = talk.line.offer(flow);
        let mut words = offer.to_string();
        if let Some(codecs) = self.reencodes {
            let kept = words.lines().filter(|line| !["a=rtpmap", "a=fmtp"].iter().any(|name| line.starts_with(name)));
            let lines = kept.map(|line| match line.split_once(" RTP/AVP") {
                Some((audio, _)) => format!("{audio} {codecs}\r\n"),
                None => format!("{line}\r\n"),
            });
            words = lines.collect();
        }
        self.agent.reinvite(now, talk.usage, &words);
        talk.reoffer = Some((offer, flow != Flow::SendRecv));
    }

    fn dial(&mut self, now: Now, user: &str) {
        let mut line = self.line();
        let offer = line.offer(Flow::SendRecv);
        let shown = if self.number.is_empty() { "anonymous" } else { &self.number };
        let privacy = self.number.is_empty().then(|| ("Privacy".to_owned(), "id".to_owned()));
        let headers = privacy.into_iter().chain(self.headers.clone()).collect();
        let to = Hop { transport: Transport::Udp, to: GATEWAY, domain: None };
        let (uri, from_uri) = (Uri::sip(Some(user), GATEWAY), Uri::sip(Some(shown), self.sip));
        let auth = self.password.clone().map(|password| Credentials {
            user: self.number.clone(),
            realm: "tandem".to_owned(),
            password: Private(password),
        });
        // The world has no streams; six keys make an INVITE of more than 1300 bytes.
        let oversize = Oversize::Udp;
        let plain = InviteTarget::new(uri, EndpointId(0), to, from_uri, offer.to_string());
        let usage = self.agent.invite(now, &InviteTarget { headers, auth, oversize, ..plain });
        self.begin(now.instant, line, usage, Some(offer), None);
    }

    fn line(&self) -> Line {
        let port = 4_000 + 2 * self.talks.len() as u16;
        Line::new(SocketAddr::new(self.sip.ip(), port), &self.codecs, self.hz).secured(self.srtp)
    }

    fn begin(&mut self, began: Instant, line: Line, usage: UsageId, offer: Option<Offer>, call_id: Option<String>) {
        let (answered, ended, refused, holds, reoffer) = (None, None, None, Vec::new(), None);
        self.talks.push(Talk {
            line,
            began,
            call_id,
            answered,
            spoke_early: None,
            ended,
            refused,
            holds,
            keys: Vec::new(),
            usage,
            offer,
            reoffer,
            early: None,
            rang: false,
            heard: Vec::new(),
        });
    }

    fn answer(&mut self, now: Now, usage: UsageId) {
        match self.answering {
            Answering::Take(_) => {
                let Some(talk) = self.talks.iter_mut().find(|talk| talk.usage == usage && talk.ended.is_none()) else { return };
                let Some(offer) = talk.offer.take() else { return };
                match talk.line.answer(now.instant, &offer.to_string()) {
                    Some(answer) => {
                        talk.answered = Some(now.instant);
                        self.agent.accept(now, usage, &answer);
                        self.plan_habits(now.instant);
                    }
                    None => self.agent.refuse(now, usage, &Refusal::new(488)),
                }
            }
            Answering::Refuse(status, _) => {
                if let Some(talk) = self.talks.iter_mut().find(|talk| talk.usage == usage) {
                    (talk.ended, talk.refused) = (Some(now.instant), Some(status));
                }
                self.agent.refuse(now, usage, &Refusal::new(status));
            }
            Answering::Ring => {}
            Answering::Early(..) => self.speak_early_or_answer(now, usage),
        }
    }

    fn speak_early_or_answer(&mut self, now: Now, usage: UsageId) {
        let Some(talk) = self.talks.iter_mut().find(|talk| talk.usage == usage && talk.ended.is_none()) else { return };
        match (talk.offer.take(), &talk.early) {
            (Some(offer), _) => {
                let answer = talk.line.answer(now.instant, &offer.to_string()).expect("the gateway's offer can be met");
                self.agent.progress(now, usage, &answer);
                talk.early = Some(answer);
                talk.spoke_early = Some(now.instant);
                self.due_answers.push_back((now.instant + Duration::from_secs(1), usage));
            }
            (None, Some(answer)) if talk.rang => {
                talk.answered = Some(now.instant);
                self.agent.accept(now, usage, answer);
                self.plan_habits(now.instant);
            }
            (None, _) => {
                talk.rang = true;
                self.agent.ring(now, usage);
            }
        }
    }

    fn plan_habits(&mut self, now: Instant) {
        for (after, act) in self.habits.clone() {
            self.plan(now + after, act);
        }
    }

    fn hear(&mut self, now: Now) {
        // Events first: an ACK carries the answer to an offer that came with them.
        let mut transmits = Vec::new();
        while let Some(output) = self.agent.poll() {
            match output {
                UaOutput::Transmit { path: Path::Datagram { to, .. }, bytes } => {
                    transmits.push(Datagram { from: self.sip, to, bytes: bytes.to_vec() });
                }
                UaOutput::Transmit { path: Path::Stream(_), .. } | UaOutput::Connect { .. } | UaOutput::Disconnect { .. } => {}
                UaOutput::Event(event) => self.happened(now, event),
            }
        }
        for mut datagram in transmits {
            if self.offers_late || self.is_parked || self.asks_offer {
                datagram.bytes = self.amended(now.instant, datagram.bytes);
            }
            let carried = self.carrier.carry(now.instant, Way::Out, datagram);
            carried.into_iter().for_each(|(way, datagram)| self.pass(now, way, datagram));
        }
    }

    /// Takes the offer out of an INVITE and puts the answer into its ACK, or says of either that it leads nowhere yet.
    fn amended(&self, at: Instant, bytes: Vec<u8>) -> Vec<u8> {
        let text = String::from_utf8(bytes).expect("this phone speaks UTF-8");
        let seen = Seen { at, peer: self.sip, inbound: true, text };
        let leaves_offer = if seen.is_within() { self.asks_offer } else { self.offers_late };
        let body = match &self.late_answer {
            _ if seen.is_request("INVITE") && leaves_offer => String::new(),
            _ if seen.is_request("INVITE") => seen.text.split("\r\n\r\n").nth(1).unwrap_or_default().to_owned(),
            Some(answer) if seen.is_request("ACK") => answer.clone(),
            Some(_) | None => return seen.text.into_bytes(),
        };
        let place = format!("c=IN IP4 {}", self.sip.ip());
        let body = if self.is_parked { body.replace(&place, "c=IN IP4 0.0.0.0") } else { body };
        seen.with_body(&body).into_bytes()
    }

    fn happened(&mut self, now: Now, event: UaEvent) {
        match event {
            UaEvent::Invited { usage, request, .. } => {
                let offer = request.sdp().and_then(|sdp| Offer::parse(&sdp).ok());
                let line = self.line();
                self.begin(now.instant, line, usage, offer, Some(request.call_id.to_string()));
                self.agent.ring(now, usage);
                match self.answering {
                    Answering::Take(after) | Answering::Refuse(_, after) => self.due_answers.push_back((now.instant + after, usage)),
                    Answering::Ring => {}
                    Answering::Early(speaks, takes) => {
                        self.due_answers.extend([(now.instant + speaks, usage), (now.instant + takes, usage)]);
                    }
                }
            }
            UaEvent::Progressed { usage, status, sdp } => {
                let Some(talk) = self.talks.iter_mut().find(|talk| talk.usage == usage) else { return };
                talk.heard.push(status);
                if let (Some(offer), Some(answer)) = (&talk.offer, sdp) {
                    assert!(talk.line.agree(now.instant, offer, &answer), "the gateway's early answer fits the offer");
                }
            }
            UaEvent::Answered { usage, sdp } => {
                let Some(talk) = self.talks.iter_mut().find(|talk| talk.usage == usage) else { return };
                talk.answered = Some(now.instant);
                if self.is_parked {
                    talk.holds.push((now.instant, None));
                }
                let agreed = match (talk.offer.take(), sdp) {
                    (Some(_), Some(offer)) if self.offers_late => {
                        self.late_answer = talk.line.answer(now.instant, &offer);
                        self.late_answer.is_some()
                    }
                    (Some(offer), Some(answer)) => talk.line.agree(now.instant, &offer, &answer),
                    (None, _) | (_, None) => false,
                };
                assert!(agreed, "the gateway's answer fits the offer");
                self.plan_habits(now.instant);
            }
            UaEvent::ReinviteAnswered { usage, sdp } => {
                let Some(talk) = self.talks.iter_mut().find(|talk| talk.usage == usage) else { return };
                let Some(((offer, held), answer)) = talk.reoffer.take().zip(sdp) else { return };
                if self.asks_offer {
                    self.late_answer = talk.line.answer(now.instant, &answer);
                    if let Some(hold) = talk.holds.last_mut() {
                        hold.1.get_or_insert(now.instant);
                    }
                    return;
                }
                if talk.line.agree(now.instant, &offer, &answer) {
                    match (held, talk.holds.last_mut()) {
                        (false, Some(hold)) => hold.1 = Some(now.instant),
                        (false, None) => {}
                        (true, _) => talk.holds.push((now.instant, None)),
                    }
                }
            }
            UaEvent::Reinvited { usage, sdp } => {
                let talk = self.talks.iter_mut().find(|talk| talk.usage == usage);
                match talk.zip(sdp).and_then(|(talk, offer)| talk.line.answer(now.instant, &offer)) {
                    Some(answer) => self.agent.accept_reinvite(now, usage, &answer),
                    None => self.agent.refuse_reinvite(now, usage, &Refusal::new(488)),
                }
            }
            UaEvent::ReinviteRefused { usage, .. } => {
                if let Some(talk) = self.talks.iter_mut().find(|talk| talk.usage == usage) {
                    talk.reoffer = None;
                }
            }
            UaEvent::Refused { usage, status, .. } => self.over(now.instant, usage, Some(status)),
            UaEvent::Bye { usage, .. } | UaEvent::Lost { usage } | UaEvent::Unacked { usage } => self.over(now.instant, usage, None),
            UaEvent::Cancelled { usage, .. } => self.over(now.instant, usage, Some(487)),
            UaEvent::ReferProgressed { status, .. } => self.notified.push(status),
            UaEvent::Referred { usage, referral } => {
                self.referred.push(referral.to.to_string());
                match self.follows {
                    true => self.agent.accept_refer(now, usage),
                    false => self.agent.refuse_refer(now, usage, &Refusal::new(603)),
                }
            }
            UaEvent::Acked { .. }
            | UaEvent::ReinviteCancelled { .. }
            | UaEvent::Redirected { .. }
            | UaEvent::Info { .. }
            | UaEvent::Gone { .. }
            | UaEvent::EarlyAnswered { .. }
            | UaEvent::Registered { .. }
            | UaEvent::Departed { .. }
            | UaEvent::RegisterAnswered { .. }
            | UaEvent::Probed { .. }
            | UaEvent::Challenged { .. } => {}
        }
    }

    fn over(&mut self, now: Instant, usage: UsageId, refused: Option<u16>) {
        if let Some(talk) = self.talks.iter_mut().find(|talk| talk.usage == usage) {
            talk.line.close();
            talk.ended.get_or_insert(now);
            talk.refused = talk.refused.or(refused);
        }
    }
}

/// Between the port that a phone leaves and the one that it moves to; other calls of its lie between.
const MOVED: u16 = 100;
