//! The world itself: owns everyone, and lets time pass.

mod desks;
mod joint;
mod registered;

use std::{
    collections::{BTreeMap, VecDeque, hash_map::DefaultHasher},
    hash::Hasher,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use gateway_core::{
    config::Config,
    events::{media::MediaEvent, record::Record},
    ids::{EndpointId, PortId, RecordingId, ShardId, UtcMillis},
    now::Now,
    plane::{Shard, ShardConfig, ShardInput, SocketId, WebSocketAddress},
    switch::{AdminCommand, Input, Rejection, Setup, Switch},
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use self::joint::Work;
use crate::{
    config::{self, GATEWAY, UAS},
    desk::Desk,
    ladder::Ladder,
    net::{Datagram, Link, Net},
    outside::Outside,
    phone::{Act, Phone},
    recorder::{Disk, Recorder},
    shop,
    sip_text::Seen,
};

/// A port's life as commands and events tell it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct PortLife {
    pub closings: u32,
    pub closed: u32,
    /// On an address that the Switch was leased.
    pub leased: bool,
}

/// A day, or a moment, of one gateway.
pub struct World {
    pub zero: Instant,
    pub instant: Instant,
    pub config: Arc<Config>,
    pub switch: Switch<ChaCha8Rng>,
    pub shard: Shard<ChaCha8Rng>,
    pub net: Net,
    pub phones: Vec<Phone>,
    pub desks: Vec<Desk>,
    pub outside: Outside,
    pub recorder: Recorder,
    pub disk: Disk,
    pub records: Vec<Record>,
    pub rejections: Vec<Rejection>,
    pub wire: Vec<Seen>,
    pub ports: BTreeMap<PortId, PortLife>,
    /// When each recording was begun and sealed by the Switch.
    pub taped: BTreeMap<RecordingId, (Instant, Option<Instant>)>,
    pub ladder: Ladder,
    /// RTP addresses that the gateway may bind for the Switch; desks have room of their own.
    pub ports_max: usize,
    /// Of `ports_max`, how many the Switch was ever leased anew.
    pub bound: usize,
    /// How often the Switch asked for addresses.
    pub asked_for_ports: usize,
    pub leased: usize,
    sockets: BTreeMap<SocketId, SocketAddr>,
    homes: BTreeMap<SocketAddr, SocketId>,
    desk_places: VecDeque<SocketAddr>,
    leases_for_desk: bool,
    desk_ports: BTreeMap<PortId, SocketAddr>,
    work: VecDeque<Work>,
    later: BTreeMap<(Instant, u64), Work>,
    delayed: u64,
    heard: DefaultHasher,
}

impl World {
    /// The usual gateway with so many agents at their desks, available from the first moment.
    pub fn new(seed: u64, agents: usize) -> Self {
        Self::with(seed, config::usual(agents))
    }

    /// A gateway of this configuration, its agents at their desks.
    pub fn with(seed: u64, config: Config) -> Self {
        Self::bound_to(seed, config, 2_000)
    }

    /// The same, with so many RTP addresses.
    pub fn bound_to(seed: u64, config: Config, ports_max: usize) -> Self {
        let zero = Instant::now();
        let guard = config.guards.source_lock;
        let config = Arc::new(config);
        let setup = Setup { config: config.clone(), library: shop::library(), secret: vec![7; 32], shards: vec![ShardId(0)] };
        // Desks' peers are clear ports here; only a phone in a browser that is called has one that offers.
        let web = Some(WebSocketAddress { local: SocketAddr::new(GATEWAY.ip(), 40_000), advertised: GATEWAY.ip() });
        let shard = ShardConfig { web, media_lost_after: Duration::from_secs(10), guard };
        let mut world = Self {
            zero,
            instant: zero,
            switch: Switch::new(ChaCha8Rng::seed_from_u64(seed), setup),
            shard: Shard::new(shard, ChaCha8Rng::seed_from_u64(seed ^ 1)),
            net: Net::new(seed ^ 2),
            phones: Vec::new(),
            desks: Vec::new(),
            outside: Outside::default(),
            recorder: Recorder::default(),
            disk: Disk::Good,
            records: Vec::new(),
            rejections: Vec::new(),
            wire: Vec::new(),
            ports: BTreeMap::new(),
            taped: BTreeMap::new(),
            ladder: Ladder::default(),
            ports_max,
            bound: 0,
            asked_for_ports: 0,
            leased: 0,
            sockets: BTreeMap::new(),
            homes: BTreeMap::new(),
            desk_places: VecDeque::new(),
            leases_for_desk: false,
            desk_ports: BTreeMap::new(),
            work: VecDeque::new(),
            later: BTreeMap::new(),
            delayed: 0,
            heard: DefaultHasher::new(),
            config,
        };
        world.shard.handle(world.now(), ShardInput::Clips(shop::clips()));
        // Whoever has a phone sits down only when told to.
        for entry in world.config.agents.clone().into_iter().filter(|entry| entry.phone.is_none()) {
            world.desk(entry.id);
        }
        world.poll_switch();
        world.settle();
        world
    }

    /// The stamp of this moment.
    pub fn now(&self) -> Now {
        Now { instant: self.instant, utc: self.utc_of(self.instant) }
    }

    /// What the gateway's records call a moment.
    pub fn utc_of(&self, instant: Instant) -> UtcMillis {
        UtcMillis(UTC + instant.saturating_duration_since(self.zero).as_millis() as u64)
    }

    /// The moment that the gateway's records call so.
    pub fn moment_of(&self, utc: UtcMillis) -> Instant {
        self.at(utc.0.saturating_sub(UTC))
    }

    /// So many ms after the beginning.
    pub fn at(&self, ms: u64) -> Instant {
        self.zero + Duration::from_millis(ms)
    }

    /// Seconds from the beginning, for words.
    pub fn seconds_of(&self, instant: Instant) -> f64 {
        instant.saturating_duration_since(self.zero).as_secs_f64()
    }

    /// Adds a caller behind the carrier's trunk; its place in `phones`.
    pub fn caller(&mut self) -> usize {
        let n = self.phones.len();
        self.add_phone(Phone::new(&config::number(n), config::caller(n), caller_hz(n)))
    }

    /// Adds the phone that calls to 200 are bridged to.
    pub fn uas(&mut self) -> usize {
        self.add_phone(Phone::new("uas", UAS, UAS_HZ))
    }

    /// Adds the n-th phone of an agent; nobody rings it before it is registered.
    pub fn handset(&mut self, agent: usize, n: usize) -> usize {
        let hz = caller_hz(self.phones.len());
        self.add_phone(Phone::new(&format!("{}-{n}", config::phone_user(agent)), config::handset(agent, n), hz))
    }

    /// Adds a phone.
    pub fn add_phone(&mut self, phone: Phone) -> usize {
        self.phones.push(phone);
        self.phones.len() - 1
    }

    /// Plans what a phone does, so many ms from now.
    pub fn plan(&mut self, phone: usize, after_ms: u64, act: Act) {
        self.phones[phone].plan(self.instant + Duration::from_millis(after_ms), act);
    }

    /// Dials now.
    pub fn dial(&mut self, phone: usize, user: &str) {
        self.plan(phone, 0, Act::Dial(user.to_owned()));
    }

    /// Connects a phone in another way.
    pub fn connect(&mut self, phone: usize, link: Link) {
        self.net.connect(self.phones[phone].sip.ip(), link);
    }

    /// An operator says something.
    pub fn tell(&mut self, command: AdminCommand) {
        let now = self.now();
        self.switch.handle(now, Input::Told(command));
        self.poll_switch();
        self.settle();
    }

    /// The shard finds the media path of the desk gone that connected last.
    pub fn lose_path(&mut self) {
        let Some(port) = self.desk_ports.keys().next_back().copied() else { return };
        self.work.push_back(Work::Event(MediaEvent::PeerGone { port, cause: gateway_core::cause::Cause::MEDIA_LOST }));
        self.settle();
    }

    /// The work for a port falls over a bug of ours; the shard's part in that is proven in the shard.
    pub fn break_port(&mut self, port: PortId) {
        self.work.push_back(Work::Event(MediaEvent::Broken { port }));
        self.settle();
    }

    /// Someone sends bytes from anywhere to anywhere.
    pub fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.net.send(self.instant, Datagram { from, to, bytes: bytes.to_vec() });
    }

    /// Lets so many ms pass.
    pub fn run(&mut self, ms: u64) {
        let end = self.instant + Duration::from_millis(ms);
        self.run_to(end);
    }

    /// Lets time pass until a moment.
    pub fn run_to(&mut self, end: Instant) {
        let mut stuck = 0;
        while let Some(at) = self.deadline().filter(|at| *at <= end) {
            stuck = if at <= self.instant { stuck + 1 } else { 0 };
            assert!(stuck < STUCK_MAX, "time stands still\n{}", self.ladder);
            self.instant = self.instant.max(at);
            self.step();
        }
        self.instant = end;
    }

    /// Lets time pass until something is so, at most so many ms.
    pub fn run_until(&mut self, ms: u64, what: &str, is_so: impl Fn(&Self) -> bool) {
        for _ in 0..ms / 10 {
            if is_so(self) {
                return;
            }
            self.run(10);
        }
        assert!(is_so(self), "within {ms} ms: {what}\n{}", self.ladder);
    }

    /// A number that stands for everything that came out of Switch and Shard, with its time.
    pub fn digest(&self) -> u64 {
        self.heard.finish()
    }

    /// Everything that happened in one call, in order.
    pub fn records_of(&self, call: gateway_core::ids::CallId) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(move |record| record.call == call)
    }

    fn deadline(&self) -> Option<Instant> {
        let desks = self.desks.iter().filter_map(Desk::deadline);
        let phones = self.phones.iter().filter_map(Phone::deadline);
        let own = [self.switch.deadline(), self.shard.deadline(), self.net.deadline(), self.later.keys().next().map(|(at, _)| *at)];
        own.into_iter().flatten().chain(desks).chain(phones).min()
    }

    fn step(&mut self) {
        let now = self.now();
        while let Some(datagram) = self.net.receive(self.instant) {
            self.arrive(now, datagram);
            self.settle();
        }
        while let Some(entry) = self.later.first_entry().filter(|entry| entry.key().0 <= now.instant) {
            let work = entry.remove();
            self.work.push_back(work);
            self.settle();
        }
        for n in 0..self.desks.len() {
            self.desks[n].wake(now.instant);
            self.drain_desk(n);
        }
        for phone in &mut self.phones {
            phone.wake(now);
            phone.drain().into_iter().for_each(|datagram| self.net.send(now.instant, datagram));
        }
        if self.switch.deadline().is_some_and(|at| at <= now.instant) {
            self.switch.handle(now, Input::Woke);
            self.poll_switch();
        }
        if self.shard.deadline().is_some_and(|at| at <= now.instant) {
            self.shard.handle(now, ShardInput::Woke);
            self.poll_shard();
        }
        self.settle();
    }

    fn arrive(&mut self, now: Now, datagram: Datagram) {
        if datagram.to == GATEWAY {
            self.see(datagram.from, true, &datagram.bytes);
            let input = Input::Received { endpoint: EndpointId(0), from: datagram.from, bytes: &datagram.bytes };
            self.switch.handle(now, input);
            self.poll_switch();
        } else if let Some(socket) = self.homes.get(&datagram.to) {
            self.shard.handle(now, ShardInput::Received { socket: *socket, from: datagram.from, bytes: &datagram.bytes });
            self.poll_shard();
        } else if let Some(phone) = self.phones.iter_mut().find(|phone| phone.sip.ip() == datagram.to.ip()) {
            phone.receive(now, &datagram);
            phone.drain().into_iter().for_each(|datagram| self.net.send(now.instant, datagram));
        } else {
            self.desks.iter_mut().for_each(|desk| desk.receive(now.instant, &datagram));
        }
    }
}

/// What the n-th phone hums, in Hz: on a grid of 100, so that no two are taken for each other.
pub fn caller_hz(n: usize) -> f64 {
    500.0 + 100.0 * (n % 14) as f64
}

/// What the n-th desk hums, in Hz.
pub fn desk_hz(n: usize) -> f64 {
    2_050.0 + 100.0 * (n % 10) as f64
}

/// What the bridged-to phone hums, in Hz.
pub const UAS_HZ: f64 = 1_950.0;
/// A Sunday in November 2026.
const UTC: u64 = 1_795_000_000_000;
/// Rounds at one moment, past which the gateway is spinning.
const STUCK_MAX: u32 = 10_000;
