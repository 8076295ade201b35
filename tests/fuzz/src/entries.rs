//! What is done with bytes from a stranger: one function for each parser, with what must hold of any input.
//!
//! Fuzz targets and `tests/tests/corpus.rs` call the same functions, so that what one has found the other keeps.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use gateway_core::{
    config::Endpoint,
    ids::{EndpointId, UtcMillis},
    ivr::{Action, Event, PromptBook, Script, Session, Start},
    now::Now,
    private::Private,
    sip::{
        Message, NameAddr, Settings, UaOutput, Uri, UserAgent, Via, parse,
        stream::{Framed, Framer},
    },
};
use media::{
    codec::CodecKind,
    rtcp::Packet,
    rtp::Header,
    sdp::{Answer, Digits, Flow, LegKeys, Offer, Srtp, negotiate},
    srtp,
    webrtc::Demux,
};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

/// One parser, by the name of its corpus.
pub type Entry = fn(&[u8]);

/// All of them.
pub const ENTRIES: [(&str, Entry); 11] = [
    ("sip", sip),
    ("stream", stream),
    ("uri", uri),
    ("name-addr", name_addr),
    ("via", via),
    ("sdp", sdp),
    ("rtp", rtp),
    ("srtp", srtp),
    ("rtcp", rtcp),
    ("stun", stun),
    ("script", script),
];

/// A URI that is read is printed as one that is the same.
pub fn uri(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(uri) = Uri::parse(text) {
        assert_eq!(Uri::parse(&uri.to_string()).as_ref(), Ok(&uri), "{text}");
        assert!(uri.is_same(&uri), "{text}");
        // Whoever reads the user gets no control character, however it was escaped.
        assert!(uri.user().is_none_or(|user| !user.contains(|c: char| c.is_control())), "{text}");
    }
}

/// An address that is read is printed as one that is the same.
pub fn name_addr(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(address) = NameAddr::parse(text) {
        assert_eq!(NameAddr::parse(&address.to_string()), Ok(address), "{text}");
    }
}

/// A hop that is read is printed as one that is the same, and is answered where its request came from.
pub fn via(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(mut via) = Via::parse(text) {
        assert_eq!(Via::parse(&via.to_string()).as_ref(), Ok(&via), "{text}");
        assert_eq!(via.reply_to(PEER).ip(), PEER.ip(), "{text}");
        via.stamp(PEER);
        assert_eq!(Via::parse(&via.to_string()), Ok(via), "{text}");
    }
}

/// A message that is read, prints as one that prints the same; all that the user agent says to it can be read, and has an end.
pub fn sip(bytes: &[u8]) {
    let parsed = parse(bytes);
    if let Ok(message) = &parsed {
        let printed = print(message);
        let again = parse(&printed).map(|message| print(&message));
        assert_eq!(again.as_ref(), Ok(&printed), "{}", String::from_utf8_lossy(&printed));
    }
    let mut agent =
        UserAgent::new(ChaCha20Rng::seed_from_u64(1), Settings { endpoints: vec![endpoint()], ..Settings::new("fuzz", [7; 32]) });
    let mut now = Now { instant: Instant::now(), utc: UtcMillis(1_795_000_000_000) };
    agent.receive(now, EndpointId(0), PEER, bytes);
    for _ in 0..WAKES_MAX {
        while let Some(output) = agent.poll() {
            if let UaOutput::Transmit { bytes, .. } = output {
                // The 400 to what is no message echoes what there was, and may lack the same.
                assert!(parsed.is_err() || parse(&bytes).is_ok(), "{}", String::from_utf8_lossy(&bytes));
            }
        }
        let Some(deadline) = agent.deadline() else { return };
        now.instant = deadline;
        agent.wake(now);
    }
    assert_eq!(agent.load().0, 0, "a transaction that nobody answers must end");
}

/// A stream says the same wherever it is cut; nothing is made up, and nothing is heard behind its break.
pub fn stream(bytes: &[u8]) {
    let whole = framed(&[bytes]);
    // The first byte is a place like any other: the cut depends on the input alone.
    let (front, back) = bytes.split_at(bytes.first().map_or(0, |first| usize::from(*first).min(bytes.len())));
    assert_eq!(framed(&[front, back]), whole, "cut at {}", front.len());
    let middle = bytes.split_at(bytes.len() / 2);
    assert_eq!(framed(&[middle.0, middle.1]), whole, "cut in the middle");
    let length = |thing: &Framed| match thing {
        Framed::Message(message) => message.len(),
        Framed::Broken { head, .. } => head.len(),
        Framed::Ping | Framed::Pong => 2,
    };
    assert!(whole.iter().map(length).sum::<usize>() <= bytes.len(), "{whole:?}");
    assert!(whole.iter().rev().skip(1).all(|thing| !matches!(thing, Framed::Broken { .. })), "{whole:?}");
}

fn framed(pieces: &[&[u8]]) -> Vec<Framed> {
    let mut framer = Framer::new();
    let mut found = Vec::new();
    for piece in pieces {
        framer.push(piece);
        found.extend(std::iter::from_fn(|| framer.next_framed()));
    }
    found
}

fn print(message: &Message) -> Arc<[u8]> {
    match message {
        Message::Request(request) => request.to_bytes(),
        Message::Response(response) => response.to_bytes(),
    }
}

/// A description that is read, is read again as the same once printed; one that is answered, is answered with as many media lines.
pub fn sdp(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(offer) = Offer::parse(text) else { return };
    let printed = offer.to_string();
    assert_eq!(Offer::parse(&printed).as_ref(), Ok(&offer), "{printed}");
    let keys = LegKeys::draw(&mut |bytes| bytes.fill(7));
    let terms = negotiate::Terms {
        codecs: &[CodecKind::Opus, CodecKind::Pcma, CodecKind::Pcmu],
        local: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 20_000),
        advertised: IpAddr::V4(Ipv4Addr::LOCALHOST),
        session_id: 1,
        previous: None,
        signalled_from: None,
        flow: Flow::SendRecv,
        srtp: Srtp::Prefer,
        keys: Some(&keys),
        digits: Digits::default(),
    };
    if let Ok((answer, plan)) = negotiate::answer(&offer, &terms) {
        assert_eq!(answer.description().media.len(), offer.description().media.len(), "RFC 3264 6: every line keeps its place");
        assert!((1..=60).contains(&plan.ptime_ms), "{plan:?}");
        assert_eq!(Answer::parse(&answer.to_string()).as_ref(), Ok(&answer));
    }
}

/// Nothing that was not made with the key is opened, by any suite, and what was read is not longer than it came.
pub fn srtp(bytes: &[u8]) {
    for profile in srtp::Profile::ALL {
        let key = srtp::MasterKey::draw(profile, &mut |material| material.fill(7)).with_mki(vec![0; bytes.len() % 5]);
        let mut receiver = srtp::Receiver::new(key.clone(), srtp::Guards::default());
        assert!(receiver.open(&mut bytes.to_vec()).is_err());
        assert!(receiver.open_report(&mut bytes.to_vec()).is_err());
        let (mut sender, mut sealed) = (srtp::Sender::new(key.clone()), bytes.to_vec());
        if bytes.len().is_multiple_of(5) && sender.seal(&mut sealed) {
            assert_eq!(receiver.open(&mut sealed), Ok(()));
            assert_eq!(sealed, bytes);
        }
        let _ = srtp::Receiver::new(key, srtp::Guards { authentication: false, ..srtp::Guards::default() }).open(&mut bytes.to_vec());
    }
}

/// The payload lies within the packet, and a packet of ours with the same header is read back.
pub fn rtp(bytes: &[u8]) {
    let Ok((header, payload)) = Header::parse(bytes) else { return };
    assert!(payload.len() + RTP_HEADER <= bytes.len());
    let mut written = Vec::new();
    header.write(payload, &mut written);
    assert_eq!(Header::parse(&written), Ok((header, payload)));
}

/// A compound that is read, is read again as the same once written.
pub fn rtcp(bytes: &[u8]) {
    let Ok(packets) = Packet::parse_compound(bytes) else { return };
    if packets.is_empty() {
        return;
    }
    let mut written = Vec::new();
    for packet in &packets {
        packet.write(&mut written);
    }
    assert_eq!(Packet::parse_compound(&written), Ok(packets));
}

/// A datagram reaches a peer only by that peer's ufrag, or from an address that was verified before.
pub fn stun(bytes: &[u8]) {
    let mut demux = Demux::new();
    assert!(demux.insert_ufrag(UFRAG, 1_u8));
    if demux.route(PEER, bytes).is_some() {
        assert!(bytes.windows(UFRAG.len()).any(|window| window == UFRAG.as_bytes()), "nobody named the peer");
    }
    assert!(demux.insert_address(PEER, 2));
    assert!(demux.route(PEER, bytes).is_some(), "a verified address is heard, whatever it says");
}

/// Every fault names a place within the file; a script that passes leads every caller to an end, whatever is pressed.
pub fn script(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut prompts = PromptBook::new();
    prompts.assume_clips();
    match Script::check("fuzz.yaml", text, &prompts) {
        Err(faults) => {
            assert!(!faults.is_empty());
            let lines = text.lines().count().max(1);
            assert!(faults.iter().all(|fault| (1..=lines + 1).contains(&fault.line)), "{faults:?}");
        }
        Ok(script) => walk(Arc::new(script), Arc::new(prompts)),
    }
}

/// A caller who presses what the length of the script says, and then falls silent.
fn walk(script: Arc<Script>, prompts: Arc<PromptBook>) {
    let mut now = Now { instant: Instant::now(), utc: UtcMillis(1_795_000_000_000) };
    let mut session = Session::begin(script, prompts, Start::default(), now);
    for turn in 0..TURNS_MAX {
        while let Some(action) = session.poll() {
            if matches!(action, Action::Enqueue { .. } | Action::Dial { .. } | Action::Hangup(_)) {
                assert_eq!(session.poll(), None, "nothing is said after the last action");
                return;
            }
        }
        let event = match (KEYS.get(turn), session.deadline()) {
            (Some(key), _) => Event::Digit(Private(char::from(*key))),
            (None, Some(deadline)) => {
                now.instant = deadline;
                Event::TimeReached
            }
            (None, None) => panic!("a session that waits for nothing"),
        };
        session.handle(now, event);
        now.instant += Duration::from_millis(10);
    }
    panic!("a silent caller is never let go");
}

fn endpoint() -> Endpoint {
    Endpoint::udp(EndpointId(0), "fuzz", SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5060))
}

const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9)), 5060);
/// In the corpus of `stun`.
const UFRAG: &str = "tandemufrag";
const RTP_HEADER: usize = 12;
/// What a caller presses before silence: nonsense first, then the first items.
const KEYS: &[u8] = b"7#*12";
/// Timers of one request: 100 repeated every 55 s is the only one without an end, and the owner never answers here.
const WAKES_MAX: usize = 64;
/// 200 steps are the most that a script walks, each with two retries.
const TURNS_MAX: usize = 2_000;
