//! A phone: calls or is called by SIP, hums, presses keys, holds, hangs up.

mod act;
mod hearing;
mod talk;

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    time::{Duration, Instant},
};

pub use act::Act;
use gateway_core::{
    config::{Endpoint, Oversize},
    events::wire::{Hop, Transport},
    ids::EndpointId,
    now::Now,
    private::Private,
    sip::{Credentials, InviteTarget, Refusal, Settings, Uri, UsageId, UserAgent},
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
};

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
}
