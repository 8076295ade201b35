//! Calls with a browser, for which another WebRTC stack stands in.

use media::sdp::{Answer, Offer};
use str0m::{
    Candidate, Event, Input, Output, Rtc,
    change::{SdpAnswer, SdpOffer, SdpPendingOffer},
    format::{Codec, FormatParams},
    media::{Direction, Frequency, MediaKind, Mid},
    net::{Protocol, Receive},
    rtp::RtpWrite,
};

use super::*;

/// A page that hums once it is connected, and keeps what it hears.
struct Page {
    rtc: Rtc,
    wakes: Instant,
    mid: Mid,
    /// What it offers, where it does.
    offer: Option<Offer>,
    pending: Option<SdpPendingOffer>,
    sequence: u64,
    tone: Tone,
    outbound: Outbound,
    inbound: Inbound,
    heard: Vec<Option<Frame>>,
}

fn address() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 50], 50_000))
}

fn format() -> Format {
    Format { codec: CodecKind::Opus, payload_type: 111, digits: Some((110, 48_000)) }
}

fn browser(now: Instant) -> Rtc {
    let crypto = str0m::crypto::from_feature_flags().into();
    let mut config = Rtc::builder().set_crypto_provider(crypto).set_rtp_mode(true).enable_opus(true, false);
    config.codec_config().add_config(110.into(), None, Codec::Tele, Frequency::FORTY_EIGHT_KHZ, None, FormatParams::default());
    let mut rtc = config.build(now);
    rtc.add_local_candidate(Candidate::host(address(), "udp").unwrap());
    rtc
}

impl Page {
    fn new(now: Instant, hz: f64) -> Self {
        let mut rtc = browser(now);
        let mut change = rtc.sdp_api();
        let mid = change.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
        let (offer, pending) = change.apply().unwrap();
        let offer = Offer::parse(&offer.to_sdp_string()).unwrap();
        Self { offer: Some(offer), pending: Some(pending), ..Self::of(now, rtc, mid, hz) }
    }

    /// One that is called, and the answer that it gives.
    fn called(now: Instant, hz: f64, offer: &Offer) -> (Self, Answer) {
        let mut rtc = browser(now);
        let answer = rtc.sdp_api().accept_offer(SdpOffer::from_sdp_string(&offer.to_string()).unwrap()).unwrap();
        (Self::of(now, rtc, Mid::from("0"), hz), Answer::parse(&answer.to_sdp_string()).unwrap())
    }

    fn offer(&self) -> Offer {
        self.offer.clone().unwrap()
    }

    fn of(now: Instant, rtc: Rtc, mid: Mid, hz: f64) -> Self {
        let mut inbound = Inbound::new(format());
        inbound.listen(true);
        Self {
            rtc,
            wakes: now,
            mid,
            offer: None,
            pending: None,
            sequence: 1_000,
            tone: Tone::new(SampleRate::Full, &[hz], 8_000),
            outbound: Outbound::new(now, format(), 20, 5, 5, 9),
            inbound,
            heard: Vec::new(),
        }
    }

    fn step(&mut self, bench: &mut Bench) {
        let now = bench.now().instant;
        let answer = bench.events.iter().find_map(|(_, event)| {
            let MediaEvent::PeerAnswered { answer, .. } = event else { return None };
            Some(answer.to_string())
        });
        if let Some(pending) = answer.is_some().then(|| self.pending.take()).flatten() {
            let answer = SdpAnswer::from_sdp_string(&answer.unwrap()).unwrap();
            self.rtc.sdp_api().accept_answer(pending, answer).unwrap();
        }
        for (to, bytes) in std::mem::take(&mut bench.web_sent) {
            assert_eq!(to, address(), "nobody else is spoken to");
            let source = SocketAddr::from(([198, 51, 100, 7], 40_000));
            let contents = bytes.as_slice().try_into().unwrap();
            let receive = Receive { proto: Protocol::Udp, source, destination: address(), contents };
            self.rtc.handle_input(Input::Receive(now, receive)).unwrap();
            self.drain(bench);
        }
        if bench.ms.is_multiple_of(20) && self.rtc.is_connected() {
            self.speak(now);
        }
        if self.wakes <= now {
            self.rtc.handle_input(Input::Timeout(now)).unwrap();
        }
        self.drain(bench);
        if bench.ms % 20 == 13 {
            self.heard.push(self.inbound.pull(now));
        }
    }

    fn speak(&mut self, now: Instant) {
        let frame = self.tone.frame();
        let mut packets = Vec::new();
        self.outbound.tick(now, &mut |header, payload| packets.push((*header, payload.to_vec())));
        self.outbound.frame(now, &frame, &mut |header, payload| packets.push((*header, payload.to_vec())));
        for (header, payload) in packets {
            let mut api = self.rtc.direct_api();
            let stream = api.stream_tx_by_mid(self.mid, None).unwrap();
            let write = RtpWrite::new(header.payload_type.into(), self.sequence.into(), header.timestamp, now, payload);
            stream.write_rtp(write);
            self.sequence += 1;
        }
    }

    fn drain(&mut self, bench: &mut Bench) {
        let now = bench.now().instant;
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(at) => {
                    self.wakes = at;
                    return;
                }
                Output::Transmit(out) => bench.give(ShardInput::WebReceived { from: address(), bytes: &out.contents }),
                Output::Event(Event::RtpPacket(packet)) => {
                    let header = Header {
                        marker: packet.header.marker,
                        payload_type: *packet.header.payload_type,
                        sequence: packet.header.sequence_number,
                        timestamp: packet.header.timestamp,
                        ssrc: *packet.header.ssrc,
                    };
                    let _ = self.inbound.receive(now, &header, &packet.payload);
                }
                Output::Event(_) => {}
            }
        }
    }

    fn hears(&self, frames: usize, hz: f64) -> f64 {
        let silence = Frame::silence(SampleRate::Full);
        let last = &self.heard[self.heard.len().saturating_sub(frames)..];
        let samples: Vec<i16> = last.iter().flat_map(|frame| frame.as_ref().unwrap_or(&silence).samples().to_vec()).collect();
        level(&samples, 48_000, hz)
    }
}

fn run(bench: &mut Bench, ms: u64, page: &mut Page, phone: &mut Phone) {
    for _ in 0..ms {
        page.step(bench);
        bench.run(1, &mut [&mut *phone]);
    }
}

#[test]
fn a_caller_by_phone_and_an_agent_in_a_browser_talk_and_are_recorded() {
    let mut bench = Bench::new(true);
    let mut caller = bench.phone(CALLER, CodecKind::Pcmu, CALLER_HZ);
    let mut agent = Page::new(bench.zero, AGENT_HZ);
    bench.tell(MediaCommand::OpenPeer { port: AGENT, offer: agent.offer() });
    bench.tell(MediaCommand::Collect { port: AGENT, keys_interrupt: false, speech_interrupts: false });
    run(&mut bench, 500, &mut agent, &mut caller);
    let connected = |bench: &Bench| bench.events.iter().any(|(_, event)| matches!(event, MediaEvent::PeerConnected { port: AGENT }));
    assert!(connected(&bench));
    assert!(caller.hears(20, AGENT_HZ) < FAINT, "nobody is heard before the bridge");
    bench.tell(MediaCommand::Record { recording: RecordingId(1), caller: CALLER, agent: Some(AGENT) });
    bench.bridge(CALLER, AGENT);
    run(&mut bench, 2_000, &mut agent, &mut caller);
    assert!(caller.hears(50, AGENT_HZ) > LOUD, "{}", caller.hears(50, AGENT_HZ));
    assert!(agent.hears(50, CALLER_HZ) > LOUD, "{}", agent.hears(50, CALLER_HZ));
    agent.outbound.press('7', Duration::from_millis(100));
    run(&mut bench, 600, &mut agent, &mut caller);
    assert!(bench.events.iter().any(|(_, event)| matches!(event, MediaEvent::DigitHeard { port: AGENT, digit: Private('7'), .. })));
    assert_eq!(caller.inbound.poll_digit(), None, "where it goes on is its call's word");
    bench.tell(MediaCommand::SealRecording { recording: RecordingId(1) });
    let (left, right) = bench.recorded();
    assert!(level(&left[4_000..16_000], 8_000, CALLER_HZ) > LOUD && level(&right[4_000..16_000], 8_000, AGENT_HZ) > LOUD);
    agent.rtc.close().unwrap();
    run(&mut bench, 200, &mut agent, &mut caller);
    let gone = bench.events.iter().filter(|(_, event)| matches!(event, MediaEvent::PeerGone { port: AGENT, .. })).count();
    assert_eq!(gone, 1);
    bench.tell(MediaCommand::Close { port: AGENT });
    assert!(matches!(bench.events.last(), Some((_, MediaEvent::Closed { port: AGENT, .. }))));
}

#[test]
fn a_caller_by_opus_is_relayed_to_a_browser_without_being_decoded() {
    let mut bench = Bench::new(true);
    let mut caller = bench.phone(CALLER, CodecKind::Opus, CALLER_HZ);
    let mut agent = Page::new(bench.zero, AGENT_HZ);
    bench.tell(MediaCommand::OpenPeer { port: AGENT, offer: agent.offer() });
    bench.bridge(CALLER, AGENT);
    run(&mut bench, 2_500, &mut agent, &mut caller);
    assert!(bench.shard.tick_at.is_none());
    assert!(caller.hears(50, AGENT_HZ) > LOUD && agent.hears(50, CALLER_HZ) > LOUD);
}

#[test]
fn a_page_that_is_called_answers_the_peers_offer_and_talks_with_a_phone() {
    let mut bench = Bench::new(true);
    let mut caller = bench.phone(CALLER, CodecKind::Pcmu, CALLER_HZ);
    bench.tell(MediaCommand::OfferPeer { port: AGENT });
    let Some((_, MediaEvent::PeerOffered { port: AGENT, offer })) = bench.events.last().cloned() else { panic!("no offer") };
    let (mut agent, answer) = Page::called(bench.zero, AGENT_HZ, &offer);
    bench.bridge(CALLER, AGENT);
    bench.tell(MediaCommand::AnswerPeer { port: AGENT, answer: answer.clone() });
    run(&mut bench, 2_500, &mut agent, &mut caller);
    assert!(bench.events.iter().any(|(_, event)| matches!(event, MediaEvent::PeerConnected { port: AGENT })));
    assert!(caller.hears(50, AGENT_HZ) > LOUD && agent.hears(50, CALLER_HZ) > LOUD);
    agent.outbound.press('7', Duration::from_millis(100));
    run(&mut bench, 600, &mut agent, &mut caller);
    assert_eq!(std::iter::from_fn(|| caller.inbound.poll_digit()).count(), 2, "a key goes on to the caller");
    // A later offer that cannot be met changes nothing.
    bench.tell(MediaCommand::RestartIce { port: AGENT, offer: Offer::parse(PLAIN).unwrap() });
    assert!(matches!(bench.events.last(), Some((_, MediaEvent::PeerRefused { port: AGENT, cause })) if cause.sip == 488));
    run(&mut bench, 1_000, &mut agent, &mut caller);
    assert!(caller.hears(40, AGENT_HZ) > LOUD);
}

#[test]
fn an_answer_without_webrtc_ends_the_peer_that_offered() {
    let mut bench = Bench::new(true);
    bench.tell(MediaCommand::OfferPeer { port: AGENT });
    bench.tell(MediaCommand::AnswerPeer { port: AGENT, answer: Answer::parse(PLAIN).unwrap() });
    assert!(matches!(bench.events.last(), Some((_, MediaEvent::PeerGone { port: AGENT, cause })) if cause.sip == 488));
    bench.tell(MediaCommand::Close { port: AGENT });
    assert!(matches!(bench.events.last(), Some((_, MediaEvent::Closed { port: AGENT, .. }))));
}

#[test]
fn an_offer_without_webrtc_is_refused_and_strangers_are_not_answered() {
    let mut bench = Bench::new(true);
    bench.tell(MediaCommand::OpenPeer { port: AGENT, offer: Offer::parse(PLAIN).unwrap() });
    let [(_, MediaEvent::PeerGone { port: AGENT, cause }), (_, MediaEvent::Closed { port: AGENT, .. })] = &bench.events[..] else {
        panic!("{:?}", bench.events)
    };
    assert_eq!(cause.sip, 488);
    bench.give(ShardInput::WebReceived { from: address(), bytes: &[22, 254, 253, 0, 0] });
    assert!(bench.web_sent.is_empty() && bench.shard.counts().homeless == 1);
}

const PLAIN: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
