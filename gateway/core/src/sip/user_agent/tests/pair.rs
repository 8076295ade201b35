//! Two user agents over a line that loses, doubles and swaps datagrams.

use rand::Rng as _;

use super::*;

const ADDRESSES: [&str; 2] = ["192.0.2.1:5060", "192.0.2.2:5060"];

/// To whom, and what.
type Flight = (usize, Arc<[u8]>);

/// The caller is 0, the callee 1.
struct Pair {
    agents: [UserAgent<ChaCha8Rng>; 2],
    chance: ChaCha8Rng,
    loss_percent: u32,
    start: Instant,
    now: Instant,
    /// By arrival; the number keeps two of the same moment apart.
    flying: BTreeMap<(Instant, u64), Flight>,
    sent: u64,
    events: [Vec<UaEvent>; 2],
    transcript: Vec<u8>,
}

impl Pair {
    #[expect(clippy::disallowed_methods, reason = "virtual time must begin somewhere")]
    fn new(seed: u64, loss_percent: u32) -> Self {
        let start = Instant::now();
        let agent = |n: usize| UserAgent::new(ChaCha8Rng::seed_from_u64(seed * 2 + n as u64), settings(ADDRESSES[n]));
        Self {
            agents: [agent(0), agent(1)],
            chance: ChaCha8Rng::seed_from_u64(seed),
            loss_percent,
            start,
            now: start,
            flying: BTreeMap::new(),
            sent: 0,
            events: [Vec::new(), Vec::new()],
            transcript: Vec::new(),
        }
    }

    fn stamp(&self) -> Now {
        let ms = u64::try_from((self.now - self.start).as_millis()).unwrap();
        Now { instant: self.now, utc: UtcMillis(1_800_000_000_000 + ms) }
    }

    fn drain(&mut self) {
        for n in 0..2 {
            while let Some(output) = self.agents[n].poll() {
                match output {
                    UaOutput::Event(event) => self.react(n, event),
                    UaOutput::Transmit { bytes, .. } => self.fly(1 - n, &bytes),
                    UaOutput::Connect { .. } | UaOutput::Disconnect { .. } => panic!("this line is UDP alone"),
                }
            }
        }
    }

    fn fly(&mut self, to: usize, bytes: &Arc<[u8]>) {
        self.transcript.extend_from_slice(bytes);
        let copies = if self.chance.next_u32() % 100 < 5 { 2 } else { 1 };
        for _ in 0..copies {
            if self.chance.next_u32() % 100 < self.loss_percent {
                continue;
            }
            self.sent += 1;
            let delay = Duration::from_millis(u64::from(5 + self.chance.next_u32() % 60));
            self.flying.insert((self.now + delay, self.sent), (to, bytes.clone()));
        }
    }

    /// The callee rings, takes the call, and hangs up once it is acknowledged.
    fn react(&mut self, n: usize, event: UaEvent) {
        let now = self.stamp();
        if let UaEvent::Invited { usage, .. } = event {
            self.agents[n].ring(now, usage);
            self.agents[n].accept(now, usage, ANSWER);
        }
        if let UaEvent::Acked { usage, .. } = event {
            self.agents[n].bye(now, usage, cause(200, 16));
        }
        self.events[n].push(event);
        self.drain();
    }

    fn run(&mut self, length: Duration) {
        let end = self.now + length;
        self.drain();
        loop {
            let flight = self.flying.keys().next().map(|(at, _)| *at);
            let deadline = self.agents.iter().filter_map(UserAgent::deadline).min();
            let Some(next) = flight.into_iter().chain(deadline).min().filter(|next| *next <= end) else { return };
            self.now = self.now.max(next);
            let now = self.stamp();
            while let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let (to, bytes) = entry.remove();
                self.agents[to].receive(now, SIP0, ADDRESSES[1 - to].parse().unwrap(), &bytes);
                self.drain();
            }
            self.agents.iter_mut().for_each(|agent| agent.wake(now));
            self.drain();
        }
    }
}

fn call(seed: u64, loss_percent: u32) -> Pair {
    let mut pair = Pair::new(seed, loss_percent);
    let to = Hop { transport: Transport::Udp, to: ADDRESSES[1].parse().unwrap(), domain: None };
    let target = InviteTarget { uri: Uri::parse("sip:100@192.0.2.2").unwrap(), to, ..target() };
    let now = pair.stamp();
    pair.agents[0].invite(now, &target);
    pair.run(Duration::from_secs(400));
    pair
}

#[test]
fn a_call_stands_and_ends_on_a_line_that_loses_a_third() {
    for seed in 0..200 {
        let pair = call(seed, 33);
        let [caller, callee] = &pair.events;
        assert_eq!(caller.iter().filter(|event| matches!(event, UaEvent::Answered { .. })).count(), 1, "seed {seed}: {caller:?}");
        assert_eq!(callee.iter().filter(|event| matches!(event, UaEvent::Acked { .. })).count(), 1, "seed {seed}: {callee:?}");
        assert_eq!(
            caller.iter().filter(|event| matches!(event, UaEvent::Bye { reason: Some(16), .. })).count(),
            1,
            "seed {seed}: {caller:?}"
        );
        for (agent, events) in pair.agents.iter().zip(&pair.events) {
            assert_eq!((agent.load(), agent.deadline()), ((0, 0), None), "seed {seed}: something is left behind");
            assert!(matches!(events.last(), Some(UaEvent::Gone { .. })), "seed {seed}");
        }
    }
}

#[test]
fn on_a_dead_line_both_ends_give_up_and_forget() {
    for loss in [70, 100] {
        for seed in 0..50 {
            let pair = call(seed, loss);
            let [caller, _] = &pair.events;
            let fates = caller.iter().filter(|event| matches!(event, UaEvent::Answered { .. } | UaEvent::Refused { .. })).count();
            assert_eq!(fates, 1, "seed {seed}: {caller:?}");
            // A caller whose callee vanished in mid-call waits on: session timers or media end that, not signalling.
            assert_eq!(pair.agents[1].load(), (0, 0), "seed {seed}");
        }
    }
}

#[test]
fn the_same_seed_says_the_same_bytes() {
    assert_eq!(call(7, 33).transcript, call(7, 33).transcript);
    assert_ne!(call(7, 33).transcript, call(8, 33).transcript);
}
