//! SIP usages as participants: what peers do, as leg events; what calls want, as requests and answers.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    time::Instant,
};

use rand::Rng;

use super::{appearance::further, border::Output, directory::Directory, forks::Forks, invitation::Invitation};
use crate::{
    cause::{Cause, Fault},
    config::{Config, Phone, SrtpPolicy, Trunk},
    events::leg::{LegCommand, LegEvent},
    ids::{ConnId, EndpointId, LegId},
    now::Now,
    sip::{
        AnswerBy, InviteTarget, Method, Refusal, RegisterOutcome, RequestId, SessionTimer, Settings, TurnedAway, UaOutput, Uri, UsageId,
        UserAgent,
    },
};

/// What SIP has understood.
pub(super) enum SipEvent {
    /// Someone calls; answered by `hold`, `refuse` or `challenge`.
    Invited(Box<Invitation>),
    /// A participant did something.
    Leg(LegId, Box<LegEvent>),
    /// A phone of ours has come or gone; so many of its user's remain.
    Phone { user: String, bindings: usize },
    /// A REGISTER of ours has its answer; `number` is the last CSeq that it used.
    RegisterAnswered { request: RequestId, number: u32, outcome: RegisterOutcome },
    /// Whoever is behind this address challenges a request of ours within a call.
    Challenged { peer: SocketAddr, method: Method, status: u16 },
    /// An OPTIONS of ours has its answer, or none.
    Probed { request: RequestId, status: Option<u16> },
}

/// The SIP side of all legs.
pub(super) struct SipLegs<R> {
    pub(super) user_agent: UserAgent<R>,
    pub(super) usages: BTreeMap<LegId, SipLeg>,
    pub(super) legs: BTreeMap<UsageId, LegId>,
    pub(super) here: Directory,
    pub(super) events: VecDeque<SipEvent>,
    /// Where calls of ours are sent on to, until their refusal is weighed.
    pub(super) redirects: BTreeMap<LegId, Vec<Uri>>,
    outbox: VecDeque<Output>,
    /// Usages that have become legs, for whoever watches the wire.
    traced: VecDeque<(LegId, String)>,
}

pub(super) struct SipLeg {
    /// The usage that speaks for it; while several phones ring, the first of them.
    pub(super) usage: UsageId,
    pub(super) inbound: bool,
    /// A 2xx has gone either way.
    pub(super) answered: bool,
    /// The other phones that ring for it, and what those said that will not.
    pub(super) forks: Forks,
    /// May hand its call on (REFER).
    pub(super) may_transfer: bool,
    /// Our offer went out in a response; the ACK or PRACK brings the answer.
    pub(super) offering: bool,
}

impl SipLeg {
    /// A call that we have placed.
    pub(super) fn outbound(usage: UsageId) -> Self {
        Self { usage, inbound: false, answered: false, offering: false, forks: Forks::default(), may_transfer: false }
    }
}

impl<R: Rng> SipLegs<R> {
    pub(super) fn new(config: &Config, mut rng: R) -> Self {
        let mut nonce_key = [0; 32];
        rng.fill_bytes(&mut nonce_key);
        let realm = realm_of(config);
        let settings = Settings {
            endpoints: config.endpoints.clone(),
            phones: config.phones.clone(),
            session_timer: session_timer(config),
            digest_guard: config.guards.digest,
            limits: config.limits,
            wall_guard: config.guards.wall,
            ..Settings::new(realm, nonce_key)
        };
        let mut legs = Self {
            user_agent: UserAgent::new(rng, settings),
            usages: BTreeMap::new(),
            legs: BTreeMap::new(),
            here: Directory::default(),
            events: VecDeque::new(),
            redirects: BTreeMap::new(),
            outbox: VecDeque::new(),
            traced: VecDeque::new(),
        };
        legs.reconfigure(config);
        legs
    }

    pub(super) fn reconfigure(&mut self, config: &Config) {
        self.user_agent.set_session_timer(session_timer(config));
        self.here = Directory::of(config);
        self.user_agent.set_trunk_networks(config.trunks.iter().flat_map(|trunk| trunk.sources.iter().copied()));
        // A trunk that proves itself by digest is challenged as a phone is.
        let realm = realm_of(config);
        let peers = config.trunks.iter().filter_map(|trunk| trunk.peering.peer_auth.as_ref());
        let peers = peers.map(|peer| Phone {
            user: peer.user.clone(),
            realm: realm.to_owned(),
            password: peer.password.clone(),
            // It registers nothing: the trunk's own policy and codecs count for its calls.
            srtp: SrtpPolicy::default(),
            transfer: false,
            codecs: Vec::new(),
        });
        self.user_agent.set_phones(&config.phones.iter().cloned().chain(peers).collect::<Vec<_>>());
    }

    pub(super) fn drain(&mut self) {
        self.user_agent.set_options_status(503);
    }

    pub(super) fn receive(&mut self, now: Now, endpoint: EndpointId, from: SocketAddr, bytes: &[u8]) {
        self.user_agent.receive(now, endpoint, from, bytes);
    }

    pub(super) fn connected(&mut self, now: Now, conn: ConnId, endpoint: Option<EndpointId>, from: SocketAddr, subject: Vec<String>) {
        self.user_agent.connected(now, conn, endpoint, from, subject);
    }

    pub(super) fn connect_failed(&mut self, now: Now, conn: ConnId) {
        self.user_agent.connect_failed(now, conn);
    }

    pub(super) fn receive_stream(&mut self, now: Now, conn: ConnId, bytes: &[u8]) {
        self.user_agent.receive_stream(now, conn, bytes);
    }

    pub(super) fn disconnected(&mut self, now: Now, conn: ConnId) {
        self.user_agent.disconnected(now, conn);
    }

    pub(super) fn dropped(&self) -> u64 {
        self.user_agent.dropped().map(|(_, count)| count).sum()
    }

    pub(super) fn turned_away(&self) -> impl Iterator<Item = (TurnedAway, u64)> {
        self.user_agent.turned_away()
    }

    pub(super) fn wake(&mut self, now: Now) {
        self.user_agent.wake(now);
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.user_agent.deadline()
    }

    pub(super) fn load(&self) -> (usize, usize) {
        self.user_agent.load()
    }

    /// Can this user be called?
    pub(super) fn is_registered(&self, now: Now, user: &str) -> bool {
        !self.user_agent.bindings(user, now).is_empty()
    }

    /// The next thing understood; bytes to send stay behind for `flush`.
    pub(super) fn next_event(&mut self, now: Now) -> Option<SipEvent> {
        while let Some(output) = self.user_agent.poll() {
            match output {
                UaOutput::Transmit { path, bytes } => self.outbox.push_back(Output::Transmit { path, bytes }),
                UaOutput::Connect { conn, hop, profile } => self.outbox.push_back(Output::Connect { conn, hop, profile }),
                UaOutput::Disconnect { conn } => self.outbox.push_back(Output::Disconnect { conn }),
                UaOutput::Event(event) => self.hear(now, event),
            }
        }
        self.events.pop_front()
    }

    /// Bytes to send, in order; to be called when `next_event` has none left.
    pub(super) fn flush(&mut self, outputs: &mut VecDeque<Output>) {
        outputs.append(&mut self.outbox);
    }

    /// Ties a leg to the usage that invited us.
    pub(super) fn hold(&mut self, leg: LegId, usage: UsageId) {
        self.trace(leg, usage);
        self.legs.insert(usage, leg);
        self.usages.insert(leg, SipLeg { inbound: true, ..SipLeg::outbound(usage) });
    }

    /// What we say of ourselves within this usage, and where its requests go, is as the trunk prescribes.
    pub(super) fn behave(&mut self, usage: UsageId, trunk: &Trunk) {
        self.user_agent.advertise(usage, trunk.advertised);
        if trunk.nat {
            self.user_agent.pin(usage);
        }
    }

    /// This peer may hand its call on.
    pub(super) fn let_transfer(&mut self, leg: LegId) {
        if let Some(held) = self.usages.get_mut(&leg) {
            held.may_transfer = true;
        }
    }

    /// To be said wherever a leg gets a usage.
    pub(super) fn trace(&mut self, leg: LegId, usage: UsageId) {
        if let Some(call_id) = self.user_agent.call_id(usage) {
            self.traced.push_back((leg, call_id.to_owned()));
        }
    }

    /// The next leg that has got a Call-ID.
    pub(super) fn next_traced(&mut self) -> Option<(LegId, String)> {
        self.traced.pop_front()
    }

    /// Does not let a caller in; `why` goes only to trunks that we know (RFC 3261 20.43, RFC 6432).
    pub(super) fn refuse(&mut self, now: Now, usage: UsageId, cause: Cause, why: Option<&str>) {
        let refusal = match why {
            Some(why) => Refusal::because(cause.sip, why).with_q850(cause.q850),
            None => Refusal::new(cause.sip),
        };
        self.user_agent.refuse(now, usage, &refusal);
    }

    /// Asks for a digest; the next INVITE brings it.
    pub(super) fn challenge(&mut self, now: Now, usage: UsageId) {
        self.user_agent.challenge(now, usage, AnswerBy::UserAgent);
    }

    /// What a call wants of a participant; what a phone cannot show is left out.
    pub(super) fn command(&mut self, now: Now, leg: LegId, command: LegCommand) {
        if let LegCommand::Dial { to, offers, pointer, replacing, presented, shown } = command {
            let further = further(replacing, &shown);
            match self.here.own_user(&to) {
                Some(address) => self.ring_phones(now, leg, &address, &offers, pointer, &presented, &further),
                None => self.say(leg, LegEvent::Refused(UNREACHABLE)),
            }
            return;
        }
        let Some(held) = self.usages.get_mut(&leg) else { return };
        let usage = held.usage;
        match command {
            LegCommand::Ring => self.user_agent.ring(now, usage),
            LegCommand::Progress { answer } => self.user_agent.progress(now, usage, &answer.to_string()),
            LegCommand::Answer { answer } => {
                held.answered = true;
                self.user_agent.accept(now, usage, &answer.to_string());
            }
            LegCommand::Propose { offer } => {
                held.offering = true;
                match std::mem::replace(&mut held.answered, true) {
                    true => self.user_agent.accept_reinvite(now, usage, &offer.to_string()),
                    false => self.user_agent.accept(now, usage, &offer.to_string()),
                }
            }
            LegCommand::Probe => self.user_agent.ask_alive(now, usage),
            LegCommand::AcceptReoffer { answer } => self.user_agent.accept_reinvite(now, usage, &answer.to_string()),
            LegCommand::RejectReoffer(cause) => self.user_agent.refuse_reinvite(now, usage, &Refusal::new(cause.sip)),
            LegCommand::Reoffer { offer } => self.user_agent.reinvite(now, usage, &offer.to_string()),
            LegCommand::Refuse(cause) | LegCommand::Hangup(cause) => match (held.answered, held.inbound) {
                (true, _) => self.user_agent.bye(now, usage, cause),
                (false, false) => {
                    self.user_agent.cancel(now, usage, cause);
                    let rivals = held.forks.withdraw();
                    rivals.into_iter().for_each(|rival| self.dismiss(now, rival, cause));
                }
                (false, true) => self.user_agent.refuse(now, usage, &refusal(cause)),
            },
            LegCommand::AcceptRefer => self.user_agent.accept_refer(now, usage),
            LegCommand::NotifyRefer { status } => self.user_agent.notify_refer(now, usage, status),
            LegCommand::RejectRefer(cause) => self.user_agent.refuse_refer(now, usage, &Refusal::new(cause.sip).with_q850(cause.q850)),
            LegCommand::Dial { .. }
            | LegCommand::Refer { .. }
            | LegCommand::Present { .. }
            | LegCommand::AnswerMedia { .. }
            | LegCommand::Bridged { .. }
            | LegCommand::ShowMenu { .. }
            | LegCommand::Caption { .. }
            | LegCommand::Status { .. } => {}
        }
    }

    /// Places a call for a leg; one that the leg placed before is nobody's from now on.
    pub(super) fn place(&mut self, now: Now, leg: LegId, target: &InviteTarget) {
        if let Some(before) = self.usages.remove(&leg) {
            self.legs.remove(&before.usage);
        }
        let usage = self.invite(now, target.clone(), None);
        self.trace(leg, usage);
        self.legs.insert(usage, leg);
        self.usages.insert(leg, SipLeg::outbound(usage));
    }

    /// Takes back what a leg dialled, and lets nobody hear of its fate.
    pub(super) fn drop_dialled(&mut self, now: Now, leg: LegId) {
        if let Some(dialled) = self.usages.remove(&leg) {
            self.legs.remove(&dialled.usage);
            self.user_agent.cancel(now, dialled.usage, Cause::CANCELLED);
        }
    }

    /// Anything at all has come back for what the leg dialled.
    pub(super) fn is_heard(&self, leg: LegId) -> bool {
        self.usages.get(&leg).is_some_and(|dialled| self.user_agent.is_heard(dialled.usage))
    }

    /// Where the refusal that comes now sends the leg's call on to; `None` where it is no 3xx.
    pub(super) fn take_redirect(&mut self, leg: LegId) -> Option<Vec<Uri>> {
        self.redirects.remove(&leg)
    }

    /// Something that a leg does before it has a usage.
    pub(super) fn say(&mut self, leg: LegId, event: LegEvent) {
        self.events.push_back(SipEvent::Leg(leg, Box::new(event)));
    }

    /// For requests outside calls.
    pub(super) fn user_agent(&mut self) -> &mut UserAgent<R> {
        &mut self.user_agent
    }
}

/// Whom our challenges speak for.
fn realm_of(config: &Config) -> &str {
    config.phones.first().map_or(config.node.name.as_str(), |phone| phone.realm.as_str())
}

fn session_timer(config: &Config) -> SessionTimer {
    SessionTimer { expires_s: config.session.expires_s, min_s: config.session.min_s }
}

/// A caller who is in already is a peer that we know, and may hear why its offer is of no use (RFC 3261 21.4.26).
fn refusal(cause: Cause) -> Refusal {
    match failure(cause) {
        status @ (400 | 488) => Refusal::because(status, "the offer holds no audio that can be spoken here").with_q850(cause.q850),
        status => Refusal::new(status).with_q850(cause.q850),
    }
}

/// A final status must say that the call did not come about; an ordinary goodbye before the answer means that nobody is there.
fn failure(cause: Cause) -> u16 {
    if cause.sip >= 300 { cause.sip } else { 480 }
}

/// The address names no host that we can reach from here (Q.850 3, no route to destination).
pub(super) const UNREACHABLE: Cause = Cause { sip: 404, q850: 3, fault: Fault::Gateway, retry: false };
