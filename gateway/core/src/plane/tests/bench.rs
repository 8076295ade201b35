//! A shard on a bench, and phones that hum at its ports.

use super::*;

/// A shard, the sockets it was given, and everything it has said.
pub(super) struct Bench {
    pub(super) shard: Shard<ChaCha8Rng>,
    pub(super) zero: Instant,
    pub(super) ms: u64,
    pub(super) locals: Vec<SocketAddr>,
    pub(super) sent: Vec<Sent>,
    pub(super) web_sent: Vec<(SocketAddr, Vec<u8>)>,
    pub(super) events: Vec<(u64, MediaEvent)>,
    pub(super) recorder: Vec<RecorderCommand>,
    pub(super) settled: Vec<(SocketId, Option<SocketAddr>)>,
}

pub(super) struct Sent {
    pub(super) ms: u64,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) bytes: Vec<u8>,
}

/// A far end of plain RTP that hums while `hums`, and keeps what it hears.
pub(super) struct Phone {
    pub(super) address: SocketAddr,
    pub(super) plan: MediaPlan,
    pub(super) tone: Tone,
    pub(super) hums: bool,
    pub(super) outbound: Outbound,
    pub(super) inbound: Inbound,
    pub(super) heard: Vec<Option<Frame>>,
    pub(super) headers: Vec<Header>,
}

#[expect(clippy::disallowed_methods, reason = "an Instant has no other origin")]
pub(super) fn zero() -> Instant {
    Instant::now()
}

impl Bench {
    pub(super) fn new(guard: bool) -> Self {
        let web = Some(WebSocketAddress { local: SocketAddr::from(([10, 0, 0, 5], 40_000)), advertised: [198, 51, 100, 7].into() });
        let config = ShardConfig { web, media_lost_after: Duration::from_secs(10), guard };
        let mut bench = Self {
            shard: Shard::new(config, ChaCha8Rng::seed_from_u64(7)),
            zero: zero(),
            ms: 0,
            locals: Vec::new(),
            sent: Vec::new(),
            web_sent: Vec::new(),
            events: Vec::new(),
            recorder: Vec::new(),
            settled: Vec::new(),
        };
        let prompt = Tone::new(SampleRate::Full, &[PROMPT_HZ], 8_000).samples(48_000);
        let clips = [("en/welcome".to_owned(), Arc::new(Clip::from_mono(&prompt, 48_000)))].into();
        bench.give(ShardInput::Clips(Arc::new(ClipBook { clips })));
        bench.tell(MediaCommand::LeasePorts { count: 4 });
        bench
    }

    pub(super) fn now(&self) -> Now {
        Now { instant: self.zero + Duration::from_millis(self.ms), utc: UtcMillis(1_700_000_000_000 + self.ms) }
    }

    pub(super) fn tell(&mut self, command: MediaCommand) {
        self.give(ShardInput::Command(command));
    }

    pub(super) fn give(&mut self, input: ShardInput<'_>) {
        self.shard.handle(self.now(), input);
        while let Some(output) = self.shard.poll() {
            match output {
                ShardOutput::Transmit { socket, to, bytes } => {
                    let from = SocketAddr::from(([198, 51, 100, 1], 20_000 + socket.0 as u16));
                    self.sent.push(Sent { ms: self.ms, from, to, bytes: bytes.clone() });
                    self.shard.recycle(bytes);
                }
                ShardOutput::WebTransmit { to, bytes } => self.web_sent.push((to, bytes)),
                ShardOutput::Settle { socket, peer } => self.settled.push((socket, peer)),
                ShardOutput::Bind { count } => {
                    let socket =
                        |n: u32| (SocketId(n * 2), SocketId(n * 2 + 1), SocketAddr::from(([198, 51, 100, 1], 20_000 + n as u16 * 2)));
                    let first = self.locals.len() as u32;
                    let sockets = (first..first + u32::from(count)).map(socket).collect();
                    self.give(ShardInput::Bound { sockets });
                }
                ShardOutput::Event(MediaEvent::PortsLeased { locals }) => self.locals.extend(locals),
                ShardOutput::Event(event) => self.events.push((self.ms, event)),
                ShardOutput::Record(command) => self.recorder.push(command),
            }
        }
    }

    /// A phone with a port of its own.
    pub(super) fn phone(&mut self, port: PortId, codec: CodecKind, hz: f64) -> Phone {
        self.phone_on(port, self.plan(port, codec), hz)
    }

    /// What is agreed with a phone, where nothing else is said.
    pub(super) fn plan(&self, port: PortId, codec: CodecKind) -> MediaPlan {
        let address = SocketAddr::from(([192, 0, 2, port.0 as u8], 4_000));
        let payload_type = codec.description().static_payload_type.unwrap_or(111);
        let digits = 100 + port.0 as u8;
        MediaPlan {
            local: self.locals[port.0 as usize - 1],
            remote: address,
            signalled_from: None,
            rtcp_mux: false,
            codec,
            payload_type,
            receive_payload_type: payload_type,
            digits: Some(DigitPlan { send: digits, receive: digits, clock_rate: codec.clock_rate() }),
            tones: false,
            ptime_ms: 20,
            flow: Flow::SendRecv,
            secrets: None,
        }
    }

    pub(super) fn phone_on(&mut self, port: PortId, plan: MediaPlan, hz: f64) -> Phone {
        self.tell(MediaCommand::Open { port, plan: plan.clone() });
        let mut inbound = Inbound::new(Format::received(&plan));
        inbound.listen(true);
        Phone {
            address: plan.remote,
            tone: Tone::new(SampleRate::Narrow, &[hz], 8_000),
            hums: true,
            outbound: Outbound::new(self.zero, Format::sent(&plan), 20, 77 + port.0 as u32, 5, 9),
            inbound,
            heard: Vec::new(),
            headers: Vec::new(),
            plan,
        }
    }

    pub(super) fn bridge(&mut self, caller: PortId, agent: PortId) {
        self.tell(MediaCommand::Bridge { bridge: BridgeId(1), topology: Topology::Pair { caller, agent } });
    }

    pub(super) fn play(&mut self, port: PortId, repeat: bool) {
        self.tell(MediaCommand::Play { port, play: PlayId(9), clips: vec!["en/welcome".into()], repeat });
    }

    /// Lets time pass in steps of 1 ms: phones send every 20 ms, the shard wakes when it wants to.
    pub(super) fn run(&mut self, ms: u64, phones: &mut [&mut Phone]) {
        for _ in 0..ms {
            let now = self.now().instant;
            if self.shard.deadline().is_some_and(|deadline| deadline <= now) {
                self.give(ShardInput::Woke);
            }
            if self.ms.is_multiple_of(20) {
                for phone in phones.iter_mut() {
                    phone.speak(self);
                }
            }
            for phone in phones.iter_mut() {
                phone.take(now, &self.sent);
                if self.ms % 20 == 13 {
                    phone.heard.push(phone.inbound.pull(now));
                }
            }
            self.sent.retain(|sent| sent.ms == u64::MAX || !phones.iter().any(|phone| phone.address == sent.to));
            self.ms += 1;
        }
    }

    pub(super) fn ends(&self) -> Vec<(u64, PlayEnd)> {
        let end = |(ms, event): &(u64, MediaEvent)| {
            let MediaEvent::PlayDone { end, .. } = event else { return None };
            Some((*ms, *end))
        };
        self.events.iter().filter_map(end).collect()
    }

    /// The file as the recorder would have it: left and right.
    pub(super) fn recorded(&self) -> (Vec<i16>, Vec<i16>) {
        let samples: Vec<i16> = self
            .recorder
            .iter()
            .flat_map(|command| match command {
                RecorderCommand::Append { samples, .. } => samples.clone(),
                RecorderCommand::Start { .. } | RecorderCommand::Seal { .. } => Vec::new(),
            })
            .collect();
        samples.chunks(2).map(|pair| (pair[0], pair[1])).unzip()
    }
}

impl Phone {
    pub(super) fn speak(&mut self, bench: &mut Bench) {
        let (now, frame) = (bench.now().instant, self.tone.frame());
        let mut packets = Vec::new();
        let mut sink = |header: &Header, payload: &[u8]| {
            let mut bytes = Vec::new();
            header.write(payload, &mut bytes);
            packets.push(bytes);
        };
        self.outbound.tick(now, &mut sink);
        if self.hums {
            self.outbound.frame(now, &frame, &mut sink);
        }
        let socket = SocketId(u32::from(self.plan.local.port() - 20_000));
        for bytes in packets {
            bench.give(ShardInput::Received { socket, from: self.address, bytes: &bytes });
        }
    }

    pub(super) fn take(&mut self, now: Instant, sent: &[Sent]) {
        for sent in sent.iter().filter(|sent| sent.to == self.address) {
            assert_eq!(sent.from, self.plan.local);
            let (header, payload) = Header::parse(&sent.bytes).unwrap();
            let _ = self.inbound.receive(now, &header, payload);
            self.headers.push(header);
        }
    }

    /// How loud it heard a tone in its last `frames` frames.
    pub(super) fn hears(&self, frames: usize, hz: f64) -> f64 {
        let from = self.heard.len().saturating_sub(frames);
        let rate = self.plan.codec.rate();
        let silence = Frame::silence(rate);
        let samples: Vec<i16> = self.heard[from..].iter().flat_map(|frame| frame.as_ref().unwrap_or(&silence).samples().to_vec()).collect();
        level(&samples, rate.hz(), hz)
    }
}

pub(super) const LOUD: f64 = 5_000.0;
pub(super) const FAINT: f64 = 250.0;

pub(super) fn bench_phone_of(bench: &Bench, plan: &MediaPlan, hz: f64) -> Phone {
    let mut inbound = Inbound::new(Format::received(plan));
    inbound.listen(true);
    Phone {
        address: plan.remote,
        tone: Tone::new(SampleRate::Narrow, &[hz], 8_000),
        hums: true,
        outbound: Outbound::new(bench.now().instant, Format::sent(plan), 20, 900, 5, 9),
        inbound,
        heard: Vec::new(),
        headers: Vec::new(),
        plan: plan.clone(),
    }
}
