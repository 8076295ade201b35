//! User agent (RFC 3261 8, 13): owns all transactions and dialogs, and speaks with its owner in calls.
//!
//! Each verb has a file: [`invited`] is being called, [`inviting`] is calling, [`reinvite`] changes a call, [`bye`] ends it,
//! [`reliable`] and [`prack`] see to provisional responses that must arrive, [`session_timer`] to calls whose peer is dead
//! and [`alive`] to those whose media fell silent. [`register`] and [`options`] stand outside calls, as do [`registering`] and
//! [`trunk_probe`], which we send. [`servers`] and [`clients`] run the transactions that those need;
//! [`ways`] and [`streams`] know how their messages travel.

mod alive;
mod bye;
mod clients;
mod connection;
mod digests;
mod index;
mod invited;
mod inviting;
mod options;
mod output;
mod outside;
mod prack;
mod refer;
mod register;
mod registering;
mod reinvite;
mod reliable;
mod screen;
mod servers;
mod session_timer;
mod sessions;
mod streams;
#[cfg(test)]
mod tests;
mod trunk_probe;
mod turned_away;
mod usage;
mod wall;
mod ways;
mod within;

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

pub use output::{AnswerBy, Credentials, InviteTarget, Refusal, RequestId, Settings, UaEvent, UaOutput, UsageId};
use rand::Rng;
pub use refer::Referral;
pub use registering::{RegisterOutcome, RegisterTarget};
pub use session_timer::SessionTimer;
pub use trunk_probe::ProbeTarget;
pub use turned_away::TurnedAway;
pub use wall::household;
pub use ways::hop_of;

use self::{
    clients::{Client, ClientKey},
    connection::{Connections, StreamTimer},
    index::{Index, Keyed},
    servers::{MergeKey, Server, ServerKey},
    usage::{Phase, Usage},
    wall::{Entry, Wall},
};
use super::{
    Dropped, Message, NameAddr, Uri, Via,
    dialog::DialogId,
    digest::Verifier,
    header::{MAGIC_COOKIE, Scheme},
    message::{answer_broken, parse},
    registrar::{Binding, Registrar},
    transaction::Timer,
};
use crate::{
    config::{Endpoint, Limits, Phone},
    events::wire::{Path, Transport},
    ids::{ConnId, EndpointId},
    now::Now,
    private::Private,
    timers::TimerTable,
};

/// All of a node's SIP, pure.
///
/// **The law:** one `receive`, `wake` or other call with `now`; then `poll` until `None`; then wait for the next, or for `deadline()`,
/// which is said as `wake`. Same seed, same inputs, same stamps: same outputs, byte for byte.
///
/// A call that does not fit its usage's state (an `accept` that crossed a CANCEL) changes nothing: the event that explains it is on its way.
#[derive(Debug)]
pub struct UserAgent<R> {
    rng: R,
    endpoints: BTreeMap<EndpointId, Endpoint>,
    phones: BTreeMap<String, Private<String>>,
    verifier: Verifier,
    registrar: Registrar,
    options_status: u16,
    session_timer: SessionTimer,
    digest_guard: bool,
    limits: Limits,
    wall: Wall,
    servers: BTreeMap<TxId, Server>,
    server_index: Index<ServerKey, TxId>,
    merges: Index<MergeKey, TxId>,
    clients: BTreeMap<TxId, Client>,
    client_index: Index<ClientKey, TxId>,
    /// Boxed: a map moves its neighbours about when one comes or goes.
    usages: BTreeMap<UsageId, Box<Usage>>,
    outside: BTreeMap<RequestId, outside::Outside>,
    dialogs: Index<DialogId, UsageId>,
    connections: Connections,
    timers: TimerTable<TimerKey>,
    outputs: VecDeque<UaOutput>,
    dropped: BTreeMap<Dropped, u64>,
    turned_away: BTreeMap<TurnedAway, u64>,
    minted: u64,
}

/// A transaction of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct TxId(u64);

/// What falls due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum TimerKey {
    /// A server transaction's timer.
    Server(TxId, Timer),
    /// A client transaction's timer.
    Client(TxId, Timer),
    /// Our 2xx goes out again.
    Repeat(UsageId),
    /// Our 2xx was never acknowledged.
    AckWait(UsageId),
    /// Proxies forget a call that says nothing (13.3.1.1): our provisional response goes out again.
    Remind(UsageId),
    /// The peer answered our CANCEL but never the INVITE (9.1).
    CancelWait(UsageId),
    /// Our INVITE rings, and nothing has been heard of it for three minutes.
    AnswerWait(UsageId),
    /// Our re-INVITE was received and never answered.
    ReinviteWait(UsageId),
    /// The glare is over: our re-INVITE goes out again.
    Retry(UsageId),
    /// The referrer has not heard how its REFER ended.
    Referral(UsageId),
    /// A phone's binding runs out.
    Expiry,
    /// Our reliable provisional response goes out again.
    ReliableRepeat(UsageId),
    /// Our reliable provisional response was never acknowledged.
    ReliableWait(UsageId),
    /// It is our turn to renew the session.
    Refresh(UsageId),
    /// The session has not been renewed.
    Expire(UsageId),
    /// A stream's.
    Stream(ConnId, StreamTimer),
}

impl<R: Rng> UserAgent<R> {
    /// A user agent at rest; `rng` draws tags, branches and Call-IDs.
    pub fn new(rng: R, settings: Settings) -> Self {
        let keyed = Keyed::new(&settings.nonce_key);
        let mut agent = Self {
            rng,
            endpoints: settings.endpoints.into_iter().map(|endpoint| (endpoint.id, endpoint)).collect(),
            phones: BTreeMap::new(),
            verifier: Verifier::new(settings.realm, settings.nonce_key),
            registrar: Registrar::new(settings.limits.registrations, settings.limits.contacts),
            options_status: settings.options_status,
            session_timer: settings.session_timer,
            digest_guard: settings.digest_guard,
            limits: settings.limits,
            wall: Wall::new(settings.limits, settings.wall_guard),
            servers: BTreeMap::new(),
            server_index: Index::with_hasher(keyed),
            merges: Index::with_hasher(keyed),
            clients: BTreeMap::new(),
            client_index: Index::with_hasher(keyed),
            usages: BTreeMap::new(),
            outside: BTreeMap::new(),
            dialogs: Index::with_hasher(keyed),
            connections: Connections::new(settings.limits.streams, settings.limits.streams_per_source),
            timers: TimerTable::new(),
            outputs: VecDeque::new(),
            dropped: BTreeMap::new(),
            turned_away: BTreeMap::new(),
            minted: 0,
        };
        agent.set_phones(&settings.phones);
        agent
    }

    /// Takes one whole UDP datagram in.
    pub fn receive(&mut self, now: Now, endpoint: EndpointId, from: SocketAddr, bytes: &[u8]) {
        if !self.endpoints.contains_key(&endpoint) || from.port() == 0 {
            return;
        }
        match parse(bytes) {
            Ok(Message::Request(request)) => self.receive_request(now, endpoint, from, None, request),
            Ok(Message::Response(response)) => self.receive_response(now, &response),
            Err(why) => {
                *self.dropped.entry(why).or_default() += 1;
                if let Some((to, bytes)) = answer_broken(bytes, from)
                    && self.admit(now, from) == Entry::Open
                {
                    self.transmit(Path::Datagram { endpoint, to }, bytes.into());
                }
            }
        }
    }

    /// `deadline()` has come.
    pub fn wake(&mut self, now: Now) {
        while let Some(key) = self.timers.pop_due(now.instant) {
            match key {
                TimerKey::Server(tx, timer) => self.server_timer(now, tx, timer),
                TimerKey::Client(tx, timer) => self.client_timer(now, tx, timer),
                TimerKey::Repeat(usage) => self.repeat_success(now, usage),
                TimerKey::AckWait(usage) => self.give_up_ack(now, usage),
                TimerKey::Remind(usage) => self.remind(now, usage),
                TimerKey::CancelWait(usage) => self.give_up_cancel(usage),
                TimerKey::AnswerWait(usage) => self.give_up_answer(now, usage),
                TimerKey::ReinviteWait(usage) => self.give_up_reinvite(now, usage),
                TimerKey::Retry(usage) => self.start_reinvite(now, usage),
                TimerKey::Referral(usage) => self.give_up_referral(usage),
                TimerKey::Expiry => self.expire_bindings(now),
                TimerKey::ReliableRepeat(usage) => self.repeat_provisional(now, usage),
                TimerKey::ReliableWait(usage) => self.give_up_prack(now, usage),
                TimerKey::Refresh(usage) => self.refresh_session(now, usage),
                TimerKey::Expire(usage) => self.expire_session(now, usage),
                TimerKey::Stream(conn, timer) => self.stream_timer(now, conn, timer),
            }
        }
    }

    /// The next thing to be done, in the order it must be done.
    pub fn poll(&mut self) -> Option<UaOutput> {
        self.outputs.pop_front()
    }

    /// When to `wake` if nothing else happens first.
    pub fn deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// All of this usage goes where its signalling came from, whatever Contact says: its endpoint is marked as behind NAT.
    pub fn pin(&mut self, usage: UsageId) {
        if let Some(usage) = self.usages.get_mut(&usage) {
            usage.nat = true;
        }
    }

    /// The address in Via and Contact of this usage, where it differs from the endpoint's.
    pub fn advertise(&mut self, usage: UsageId, advertised: Option<IpAddr>) {
        if let Some(usage) = self.usages.get_mut(&usage) {
            usage.advertised = advertised;
        }
    }

    /// Who may log in from now on; bindings stand until they expire.
    pub fn set_phones(&mut self, phones: &[Phone]) {
        let ours = phones.iter().filter(|phone| phone.realm == self.verifier.realm());
        self.phones = ours.map(|phone| (phone.user.clone(), phone.password.clone())).collect();
    }

    /// Our answer to OPTIONS outside dialogs: 503 tells the balancer in front of us to send its calls elsewhere.
    pub fn set_options_status(&mut self, status: u16) {
        self.options_status = status;
    }

    /// How long calls of now on live without a sign of life.
    pub fn set_session_timer(&mut self, timer: SessionTimer) {
        self.session_timer = timer;
    }

    /// Where a registered user can be reached now, newest last.
    pub fn bindings(&self, user: &str, now: Now) -> Vec<Binding> {
        self.registrar.bindings(user, now.instant)
    }

    /// Where a call to this address of ours goes: the preferred contact first.
    pub fn targets(&self, address: &Uri, now: Now) -> Vec<Binding> {
        self.registrar.targets(address, now.instant)
    }

    /// How many datagrams were no message, by reason.
    pub fn dropped(&self) -> impl Iterator<Item = (Dropped, u64)> {
        self.dropped.iter().map(|(why, count)| (*why, *count))
    }

    /// Something has come back for an INVITE of ours that waits for its final answer: whoever it went to is alive.
    pub fn is_heard(&self, usage: UsageId) -> bool {
        matches!(self.usages.get(&usage).map(|usage| &usage.phase), Some(Phase::Inviting { rings: true, .. }))
    }

    /// The networks that trunks speak from, each as address and prefix length: their requests outside calls have a measure of their own.
    pub fn set_trunk_networks(&mut self, networks: impl Iterator<Item = (IpAddr, u8)>) {
        self.wall.set_trunks(networks);
    }

    /// What was not taken in because there was too much of it, by cause.
    pub fn turned_away(&self) -> impl Iterator<Item = (TurnedAway, u64)> {
        self.turned_away.iter().map(|(cause, count)| (*cause, *count))
    }

    /// Transactions and usages alive.
    pub fn load(&self) -> (usize, usize) {
        (self.servers.len() + self.clients.len(), self.usages.len())
    }

    fn tell(&mut self, event: UaEvent) {
        self.outputs.push_back(UaOutput::Event(event));
    }

    fn set_timer(&mut self, now: Now, key: TimerKey, after: Duration) {
        self.timers.set(key, now.instant + after);
    }

    /// Starts a transaction's timer. Those that only wait for stragglers are many, one for each message, and nobody minds when they are late.
    fn start_timer(&mut self, now: Now, key: TimerKey, timer: Timer, length: Duration) {
        let slack = if timer.ends_quietly() && length > Duration::ZERO { STRAGGLERS_SLACK } else { Duration::ZERO };
        match slack {
            Duration::ZERO => self.timers.set(key, now.instant + length),
            slack => self.timers.set_about(key, now.instant + length, slack),
        }
    }

    fn mint(&mut self) -> u64 {
        self.minted += 1;
        self.minted
    }

    /// "globally unique and cryptographically random with at least 32 bits" (19.3): 64.
    fn mint_tag(&mut self) -> String {
        format!("{:016x}", self.rng.next_u64())
    }

    fn mint_call_id(&mut self) -> String {
        format!("{:016x}{:016x}", self.rng.next_u64(), self.rng.next_u64())
    }

    fn mint_via(&mut self, endpoint: EndpointId, advertised: Option<IpAddr>) -> Via {
        let branch = format!("{MAGIC_COOKIE}{:016x}", self.rng.next_u64());
        let mut via = Via::udp(self.our_address(endpoint, advertised), &branch);
        if let Some(endpoint) = self.endpoints.get(&endpoint) {
            via.transport = endpoint.transport.token().into();
        }
        via
    }

    /// What we say of ourselves at an endpoint.
    fn our_address(&self, endpoint: EndpointId, advertised: Option<IpAddr>) -> SocketAddr {
        match self.endpoints.get(&endpoint) {
            Some(endpoint) => SocketAddr::new(advertised.unwrap_or(endpoint.advertised), endpoint.listen.port()),
            None => SocketAddr::new(advertised.unwrap_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED)), 5060),
        }
    }

    fn our_contact(&self, endpoint: EndpointId, advertised: Option<IpAddr>) -> String {
        NameAddr::new(self.our_uri(endpoint, advertised)).to_string()
    }

    /// The same in a usage: of SIPS where its dialog is (12.1.1).
    fn contact_of(&self, usage: &Usage) -> String {
        if !usage.is_sips {
            return self.our_contact(usage.endpoint, usage.advertised);
        }
        let mut uri = self.our_uri(usage.endpoint, usage.advertised);
        uri.scheme = Scheme::Sips;
        // "sips:" means TLS by itself (RFC 5630 3.1.4); a browser must still be told of WebSocket (RFC 7118 5.2).
        if uri.params.value("transport") == Some(Transport::Tls.word()) {
            uri.params.remove("transport");
        }
        NameAddr::new(uri).to_string()
    }

    fn our_uri(&self, endpoint: EndpointId, advertised: Option<IpAddr>) -> Uri {
        let mut uri = Uri::sip(None, self.our_address(endpoint, advertised));
        let transport = self.endpoints.get(&endpoint).map_or(Transport::Udp, |endpoint| endpoint.transport);
        let word = match transport {
            Transport::Udp => return uri,
            // There is no `transport=wss` (RFC 7118 5.1).
            Transport::Wss => Transport::Ws.word(),
            Transport::Tcp | Transport::Tls | Transport::Ws => transport.word(),
        };
        uri.params.set("transport", Some(word));
        uri
    }

    /// Nothing more will happen in this usage, save that its transactions run out.
    fn end(&mut self, id: UsageId) {
        let Some(usage) = self.usages.get_mut(&id) else { return };
        usage.phase = Phase::Ended;
        usage.unacked = None;
        usage.asked = None;
        // It stays until its last transaction has run out, half a minute; what nobody will read need not.
        (usage.said, usage.heard) = (None, None);
        if !usage.said_bye {
            self.forget_dialog(id);
        }
        for timer in USAGE_TIMERS {
            self.timers.stop(&timer(id));
        }
        self.forget_if_over(id);
    }

    /// A request that names it is 481 from now on.
    fn forget_dialog(&mut self, id: UsageId) {
        self.forget_early(id);
        let Some(dialog) = self.usages.get(&id).and_then(|usage| usage.dialog.as_ref()) else { return };
        if self.dialogs.get(dialog.id()) == Some(&id) {
            self.dialogs.remove(dialog.id());
        }
    }

    fn forget_if_over(&mut self, id: UsageId) {
        let is_over = self
            .usages
            .get(&id)
            .is_some_and(|usage| usage.transactions == 0 && usage.referral.is_none() && matches!(usage.phase, Phase::Ended));
        if is_over {
            self.forget_dialog(id);
            self.usages.remove(&id);
            self.tell(UaEvent::Gone { usage: id });
        }
    }

    fn transaction_ended(&mut self, usage: Option<UsageId>) {
        let Some(id) = usage else { return };
        if let Some(usage) = self.usages.get_mut(&id) {
            usage.transactions = usage.transactions.saturating_sub(1);
        }
        self.forget_if_over(id);
    }
}

/// What an ended usage waits for no more; a re-INVITE still out is given up in its own time, or `Gone` would never come.
const USAGE_TIMERS: [fn(UsageId) -> TimerKey; 10] = [
    TimerKey::Repeat,
    TimerKey::AckWait,
    TimerKey::Remind,
    TimerKey::CancelWait,
    TimerKey::AnswerWait,
    TimerKey::Retry,
    TimerKey::ReliableRepeat,
    TimerKey::ReliableWait,
    TimerKey::Refresh,
    TimerKey::Expire,
];

/// By how much a finished transaction may outlive its time.
const STRAGGLERS_SLACK: Duration = Duration::from_millis(250);

/// The methods that we serve, as Allow says them.
const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE, REGISTER, REFER, NOTIFY";

/// The extensions that we speak in calls, as Supported says them.
const SUPPORTED: &str = "100rel, timer, replaces, norefersub";
