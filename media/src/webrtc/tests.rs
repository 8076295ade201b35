//! Our peer against another stack's, in memory and on virtual time.

mod offering;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use str0m::{
    Candidate, Event, Input, Output, Rtc,
    change::{SdpAnswer, SdpOffer},
    format::{Codec, FormatParams},
    media::{Direction, Frequency, MediaKind, Mid, Pt},
    net::{Protocol, Receive},
    rtp::{RtpPacket, RtpWrite},
};

use super::*;
use crate::{
    rtp::Header,
    sdp::{Flow, Offer},
};

const CHROMIUM: &str = include_str!("../../fixtures/chromium-156-offer.sdp");
const SSRC: u32 = 0x1234_5678;
/// One way, each way.
const PATH_DELAY: Duration = Duration::from_millis(1);
const FRAME: Duration = Duration::from_millis(20);

fn browser_address() -> SocketAddr {
    "192.0.2.50:50000".parse().unwrap()
}

/// Bound behind a NAT that shows another IP.
fn local() -> SocketAddr {
    "10.0.0.5:40000".parse().unwrap()
}

fn advertised() -> SocketAddr {
    "198.51.100.7:40000".parse().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "an Instant has no other origin")]
fn start() -> Instant {
    Instant::now()
}

/// Another stack, as a browser is set up.
fn browser(now: Instant) -> Rtc {
    let mut config =
        Rtc::builder().set_crypto_provider(str0m::crypto::from_feature_flags().into()).set_rtp_mode(true).enable_opus(true, false);
    config.codec_config().add_config(110.into(), None, Codec::Tele, Frequency::FORTY_EIGHT_KHZ, None, FormatParams::default());
    config.codec_config().add_config(126.into(), None, Codec::Tele, Frequency::EIGHT_KHZ, None, FormatParams::default());
    let mut browser = config.build(now);
    browser.add_local_candidate(Candidate::host(browser_address(), "udp").unwrap());
    browser
}

/// One browser, one peer, one path.
struct World {
    now: Instant,
    browser: Rtc,
    browser_wakes: Instant,
    mid: Mid,
    peer: Peer,
    answer: String,
    demux: Demux<u8>,
    /// Due time, to the browser or to us, the bytes.
    flying: Vec<(Instant, bool, Vec<u8>)>,
    is_cut: bool,
    browser_sequence: u64,
    our_sequence: u16,
    browser_heard: Vec<RtpPacket>,
    browser_closed: bool,
    heard: Vec<(Header, Bytes)>,
    connected_at: Option<Instant>,
    gone_at: Option<Instant>,
}

impl World {
    fn new() -> Self {
        Self::with(|_| ())
    }

    /// `extra` adds to the browser's offer.
    fn with(extra: impl FnOnce(&mut str0m::change::SdpApi<'_>)) -> Self {
        let now = start();
        let mut browser = browser(now);
        let mut change = browser.sdp_api();
        let mid = change.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
        extra(&mut change);
        let (offer, pending) = change.apply().unwrap();
        let offer = Offer::parse(&offer.to_sdp_string()).unwrap();
        let (peer, answer) = Peer::accept(now, local(), advertised().ip(), &offer, SSRC).unwrap();
        let answer = answer.to_string();
        browser.sdp_api().accept_answer(pending, SdpAnswer::from_sdp_string(&answer).unwrap()).unwrap();
        let mut world = Self::of(now, browser, mid, peer, answer);
        world.drain();
        world
    }

    fn of(now: Instant, browser: Rtc, mid: Mid, peer: Peer, answer: String) -> Self {
        let mut demux = Demux::new();
        demux.insert_ufrag(peer.ufrag(), 1);
        Self {
            now,
            browser,
            browser_wakes: now,
            mid,
            peer,
            answer,
            demux,
            flying: Vec::new(),
            is_cut: false,
            browser_sequence: 1000,
            our_sequence: 7,
            browser_heard: Vec::new(),
            browser_closed: false,
            heard: Vec::new(),
            connected_at: None,
            gone_at: None,
        }
    }

    fn connected() -> Self {
        let mut world = Self::new();
        world.run(Duration::from_secs(1));
        assert!(world.connected_at.is_some() && world.browser.is_connected());
        world
    }

    fn run(&mut self, length: Duration) {
        let until = self.now + length;
        loop {
            let flying = self.flying.iter().map(|(due, ..)| *due).min();
            let next = flying.into_iter().chain([self.browser_wakes]).chain(self.peer.deadline()).min().unwrap();
            if next > until {
                self.now = until;
                return;
            }
            self.now = self.now.max(next);
            if let Some(at) = self.flying.iter().position(|(due, ..)| *due <= self.now) {
                let (_, to_browser, bytes) = self.flying.remove(at);
                if to_browser { self.browser_hears(&bytes) } else { self.we_hear(browser_address(), &bytes) }
            } else if self.browser_wakes <= self.now {
                self.browser.handle_input(Input::Timeout(self.now)).unwrap();
            } else {
                self.peer.handle_timeout(self.now);
            }
            self.drain();
        }
    }

    fn browser_hears(&mut self, bytes: &[u8]) {
        let contents = bytes.try_into().unwrap();
        let receive = Receive { proto: Protocol::Udp, source: advertised(), destination: browser_address(), contents };
        self.browser.handle_input(Input::Receive(self.now, receive)).unwrap();
    }

    fn we_hear(&mut self, from: SocketAddr, bytes: &[u8]) {
        if self.demux.route(from, bytes) == Some(1) {
            self.peer.handle_datagram(self.now, from, bytes);
        }
    }

    fn drain(&mut self) {
        let due = self.now + PATH_DELAY;
        loop {
            match self.browser.poll_output().unwrap() {
                Output::Timeout(at) => {
                    // A deadline in the past would stop the clock.
                    self.browser_wakes = at.max(self.now + Duration::from_micros(100));
                    break;
                }
                Output::Transmit(out) if self.is_cut => drop(out),
                Output::Transmit(out) => self.flying.push((due, false, out.contents.to_vec())),
                Output::Event(Event::RtpPacket(packet)) => self.browser_heard.push(packet),
                Output::Event(Event::Closed) => self.browser_closed = true,
                Output::Event(_) => {}
            }
        }
        while let Some((to, bytes)) = self.peer.poll_transmit() {
            assert_eq!(to, browser_address(), "nobody else is spoken to");
            if !self.is_cut {
                self.flying.push((due, true, bytes.to_vec()));
            }
        }
        for address in self.peer.addresses() {
            self.demux.insert_address(*address, 1);
        }
        while let Some(event) = self.peer.poll_event() {
            match event {
                PeerEvent::Connected => assert_eq!(self.connected_at.replace(self.now), None),
                PeerEvent::Rtp { header, payload } => self.heard.push((header, payload)),
                PeerEvent::Gone => assert_eq!(self.gone_at.replace(self.now), None),
            }
        }
    }

    /// Both talk, 20 ms a packet; returns how many packets each heard, we first.
    fn talk(&mut self, frames: usize) -> (usize, usize) {
        let before = (self.heard.len(), self.browser_heard.len());
        for _ in 0..frames {
            self.browser_says(111.into(), b"from the page");
            let header = Header {
                marker: false,
                payload_type: 111,
                sequence: self.our_sequence,
                timestamp: u32::from(self.our_sequence) * 960,
                ssrc: 0,
            };
            self.peer.send(self.now, header, b"from the gateway");
            self.our_sequence += 1;
            self.drain();
            self.run(FRAME);
        }
        (self.heard.len() - before.0, self.browser_heard.len() - before.1)
    }

    fn browser_says(&mut self, payload_type: Pt, payload: &'static [u8]) {
        let sequence = self.browser_sequence;
        self.browser_sequence += 1;
        let time = u32::try_from(sequence).unwrap() * 960;
        let mut api = self.browser.direct_api();
        let stream = api.stream_tx_by_mid(self.mid, None).unwrap();
        stream.write_rtp(RtpWrite::new(payload_type, sequence.into(), time, self.now, payload));
        self.browser.handle_input(Input::Timeout(self.now)).unwrap();
    }

    /// The page asks for another direction or path; returns our answer.
    fn renegotiate(&mut self, change: impl FnOnce(&mut str0m::change::SdpApi<'_>, Mid)) -> String {
        let mut api = self.browser.sdp_api();
        change(&mut api, self.mid);
        let (offer, pending): (SdpOffer, _) = api.apply().unwrap();
        let answer = self.peer.reoffer(self.now, &Offer::parse(&offer.to_sdp_string()).unwrap()).unwrap().to_string();
        self.demux.insert_ufrag(self.peer.ufrag(), 1);
        self.browser.sdp_api().accept_answer(pending, SdpAnswer::from_sdp_string(&answer).unwrap()).unwrap();
        self.drain();
        answer
    }
}

#[test]
fn a_page_is_connected_without_waiting_for_a_repeated_hello_or_nomination() {
    let mut world = World::new();
    let begun = world.now;
    world.run(Duration::from_secs(1));
    let took = world.connected_at.unwrap() - begun;
    // Some nine flights of 1 ms; a lost nomination or ClientHello costs 500 ms and more with this stack.
    assert!(took < Duration::from_millis(50), "{took:?}");
    assert_eq!(world.peer.addresses(), [browser_address()]);
    assert_eq!(world.peer.faults(), Faults::default());
}

#[test]
fn audio_and_digits_flow_both_ways() {
    let mut world = World::connected();
    assert_eq!((world.peer.opus_payload_type(), world.peer.digits_payload_type()), (111, Some(110)));
    assert_eq!(world.talk(50), (50, 50));
    let (header, payload) = world.heard.last().unwrap();
    assert_eq!((header.payload_type, header.sequence, &payload[..]), (111, 1049, &b"from the page"[..]));
    let packet = world.browser_heard.last().unwrap();
    assert_eq!((*packet.header.ssrc, packet.header.sequence_number, &packet.payload[..]), (SSRC, 56, &b"from the gateway"[..]));
    world.browser_says(110.into(), &[5, 0x8a, 0, 0]);
    let header = Header { marker: true, payload_type: 110, sequence: 57, timestamp: 57 * 960, ssrc: 0 };
    world.peer.send(world.now, header, &[7, 0x0a, 0, 0]);
    world.drain();
    world.run(FRAME);
    assert_eq!(world.heard.last().map(|(header, payload)| (header.payload_type, payload[0])), Some((110, 5)));
    assert_eq!(world.browser_heard.last().map(|packet| (*packet.header.payload_type, packet.payload[0])), Some((110, 7)));
    assert_eq!(world.peer.faults(), Faults::default());
}

#[test]
fn hold_is_mirrored_and_obeyed_and_resume_brings_both_ways_back() {
    let mut world = World::connected();
    let mut version = 1;
    for (asked, answered, flow, heard) in [
        (Direction::SendOnly, "a=recvonly\r\n", Flow::RecvOnly, (true, false)),
        (Direction::SendRecv, "a=sendrecv\r\n", Flow::SendRecv, (true, true)),
        (Direction::Inactive, "a=inactive\r\n", Flow::Inactive, (false, false)),
        (Direction::RecvOnly, "a=sendonly\r\n", Flow::SendOnly, (false, true)),
        (Direction::SendRecv, "a=sendrecv\r\n", Flow::SendRecv, (true, true)),
    ] {
        let answer = world.renegotiate(|api, mid| api.set_direction(mid, asked));
        assert!(answer.contains(answered), "{asked:?}: {answer}");
        version += 1;
        assert_eq!(crate::sdp::Answer::parse(&answer).unwrap().description().origin.version, version);
        assert_eq!(world.peer.flow(), flow);
        let (ours, theirs) = world.talk(10);
        assert_eq!((ours > 8, theirs > 8), heard, "{asked:?}: {ours} {theirs}");
    }
    assert_eq!(world.gone_at, None);
}

#[test]
fn a_page_that_closes_is_gone_at_once() {
    let mut world = World::connected();
    let closed = world.now;
    world.browser.close().unwrap();
    world.drain();
    world.run(Duration::from_secs(1));
    assert!(world.gone_at.unwrap() - closed < Duration::from_millis(50));
    assert_eq!(world.peer.deadline(), None);
}

#[test]
fn our_close_is_told_to_the_page() {
    let mut world = World::connected();
    world.peer.close(world.now);
    world.drain();
    world.run(Duration::from_secs(1));
    assert!(world.browser_closed);
    assert_eq!(world.gone_at, None, "we know already");
}

#[test]
fn a_lost_path_ends_the_peer_within_twenty_seconds() {
    let mut world = World::connected();
    world.talk(10);
    world.is_cut = true;
    let cut = world.now;
    world.run(Duration::from_secs(30));
    let took = world.gone_at.unwrap() - cut;
    assert!((Duration::from_secs(15)..=Duration::from_millis(20_500)).contains(&took), "{took:?}");
}

#[test]
fn a_page_that_never_comes_is_given_up() {
    let mut world = World::new();
    world.is_cut = true;
    world.flying.clear();
    let begun = world.now;
    world.run(Duration::from_secs(30));
    assert_eq!(world.gone_at.unwrap() - begun, Duration::from_secs(20));
    assert_eq!(world.connected_at, None);
}

#[test]
fn a_strangers_hello_and_junk_never_reach_dtls() {
    let mut world = World::new();
    let stranger: SocketAddr = "203.0.113.66:6666".parse().unwrap();
    let ufrag = world.peer.ufrag().to_owned();
    let mut forged = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    forged.extend([9; 12]);
    let username = format!("{ufrag}:xxxx");
    forged.extend([0, 6, 0, u8::try_from(username.len()).unwrap()]);
    forged.extend(username.bytes());
    forged.resize(forged.len().next_multiple_of(4), 0);
    forged.extend([0, 0x25, 0, 0]);
    let body = u16::try_from(forged.len() - 20).unwrap().to_be_bytes();
    forged[2..4].copy_from_slice(&body);
    // A hello, an alert, a fragment, junk and a check without the password, every 5 ms from before the page's first until 1 s after.
    let junk: [&[u8]; 5] =
        [&[22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1], &[21, 254, 253, 0, 2, 2, 40], &[22], &[0x80, 111, 0, 1], &forged];
    for _ in 0..200 {
        for bytes in junk {
            assert_eq!(world.demux.route(stranger, bytes).is_some(), bytes.len() == forged.len());
            world.peer.handle_datagram(world.now, stranger, bytes);
            world.drain();
        }
        world.run(Duration::from_millis(5));
    }
    assert!(world.connected_at.is_some());
    assert_eq!(world.talk(10), (10, 10));
    assert_eq!(world.peer.faults().strays, 800);
    assert_eq!(world.peer.addresses(), [browser_address()]);
}

#[test]
fn an_ice_restart_changes_the_ufrag_and_keeps_the_audio() {
    let mut world = World::connected();
    assert_eq!(world.talk(5), (5, 5));
    let before = world.peer.ufrag().to_owned();
    world.renegotiate(|api, _| {
        api.ice_restart(true);
    });
    assert_ne!(world.peer.ufrag(), before);
    world.run(Duration::from_secs(1));
    assert_eq!(world.talk(10), (10, 10));
    assert_eq!(world.gone_at, None);
}

#[test]
fn other_sections_are_refused_in_their_places() {
    let mut world = World::with(|api| {
        api.add_media(MediaKind::Video, Direction::SendRecv, None, None, None);
        api.add_channel("chat".to_owned());
    });
    let answer = crate::sdp::Answer::parse(&world.answer).unwrap();
    let ports: Vec<_> = answer.description().media.iter().map(|media| (media.kind.name(), media.port == 0)).collect();
    assert_eq!(ports, [("audio", false), ("video", true), ("application", true)]);
    world.run(Duration::from_secs(1));
    assert_eq!(world.talk(10), (10, 10));
}

#[test]
fn chromiums_offer_is_answered_with_one_candidate_and_each_number_once() {
    let offer = Offer::parse(CHROMIUM).unwrap();
    let (peer, answer) = Peer::accept(start(), local(), advertised().ip(), &offer, SSRC).unwrap();
    let answer = answer.to_string();
    assert!(answer.contains(" UDP/TLS/RTP/SAVPF 111 110\r\n"), "{answer}");
    assert!(answer.contains("a=setup:active\r\n") && answer.contains("a=group:BUNDLE 0\r\n"), "{answer}");
    assert_eq!(answer.matches("a=candidate:").count(), 1, "{answer}");
    assert!(answer.contains(" 198.51.100.7 40000 typ host"), "{answer}");
    assert!(answer.contains(&format!("a=ice-ufrag:{}\r\n", peer.ufrag())));
    assert!(!answer.contains("ice-lite") && !answer.contains("extmap:"), "{answer}");
}

#[test]
fn firefoxes_numbers_are_taken_as_offered() {
    let offer = CHROMIUM.replace(":111 ", ":109 ").replace(" 111 63", " 109 63").replace(":110 ", ":101 ").replace(" 110 126", " 101 126");
    let (peer, answer) = Peer::accept(start(), local(), advertised().ip(), &Offer::parse(&offer).unwrap(), SSRC).unwrap();
    assert_eq!((peer.opus_payload_type(), peer.digits_payload_type()), (109, Some(101)));
    assert!(answer.to_string().contains(" UDP/TLS/RTP/SAVPF 109 101\r\n"), "{answer}");
}

#[test]
fn reports_tell_how_the_page_hears_us() {
    let mut world = World::connected();
    assert_eq!(world.peer.far_side(world.now).lost, None);
    world.talk(1000);
    let far = world.peer.far_side(world.now);
    assert_eq!(far.lost, Some(0.0), "{far:?}");
    assert!(far.round_trip.is_some_and(|round_trip| round_trip < Duration::from_millis(10)), "{far:?}");
}
