//! Junk on every door of a running node while a call is on: each is refused in words, counted, and disturbs nobody.

use std::{
    net::{Ipv4Addr, TcpStream, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tests::{
    http,
    node::Node,
    pcap,
    program::{Program, wait_until},
    wav_ears::{WavEars, held, tone},
};
use tungstenite::{Message, WebSocket};

use super::{kinds, report};

/// A caller and a desk that talk for `seconds`; returns when they do.
fn talking(node: &Node, seconds: &str) -> (Program, Program) {
    let tone = ["--tone", "880", "--expect-tone", "440", "--expect-share", "95", "--calls", "1", "--answer-after", "700"];
    let desk = node.desk("ada", &tone);
    let uri = node.sip_uri("main");
    let caller = node.dial(&[
        &uri,
        "--as",
        "+380501112233",
        "--tone",
        "440",
        "--dtmf",
        "1",
        "--dtmf-after-voice",
        "--expect-tone",
        "880",
        "--stay",
        "--duration",
        seconds,
    ]);
    let handed = wait_until(Duration::from_secs(30), || {
        let call = node.calls().first()?.clone();
        (!kinds(&node.records(&call["id"]), "handoff").is_empty()).then_some(())
    });
    assert!(handed.is_some(), "no handoff\n{}\n{}\n{}", caller.story(), desk.story(), node.log());
    (caller, desk)
}

/// Both were satisfied, and lost no packet worth a word.
fn undisturbed(node: &Node, caller: &mut Program, desk: &mut Program) {
    let (caller, desk) = (report(&caller.end(Duration::from_secs(30))), report(&desk.end(Duration::from_secs(30))));
    assert_eq!((&caller["ok"], &desk["ok"]), (&true.into(), &true.into()), "{caller}\n{desk}");
    assert_eq!((&caller["media"]["lost"], &desk["media"]["lost"]), (&0.into(), &0.into()), "{caller}\n{desk}");
    let records = node.records(&node.ended_calls(1)[0]["id"]);
    assert_eq!(kinds(&records, "call_ended")[0]["cause"]["fault"], "caller", "{records:?}");
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(1500))).unwrap();
    socket
}

/// The final answer to one datagram, provisional ones passed over; empty where none comes.
fn answer(node: &Node, datagram: &[u8]) -> String {
    let socket = socket();
    socket.send_to(datagram, (Ipv4Addr::LOCALHOST, node.ports.sip())).unwrap();
    let mut page = [0; 4096];
    while let Ok(length) = socket.recv(&mut page) {
        let text = String::from_utf8_lossy(&page[..length]).into_owned();
        if !text.starts_with("SIP/2.0 1") {
            return text;
        }
    }
    String::new()
}

/// Numbers without a pattern, the same in every run.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..length).map(|_| (next() >> 24) as u8).collect()
}

fn invite(number: u32, body: &str) -> Vec<u8> {
    format!(
        "INVITE sip:main@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;rport;branch=z9hG4bK-junk-{number}\r\n\
         From: <sip:+380671234567@127.0.0.1>;tag={number}\r\nTo: <sip:main@127.0.0.1>\r\nCall-ID: junk-{number}\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:junk@127.0.0.1:9>\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[test]
fn malformed_sip_is_refused_or_dropped_and_counted() {
    let mut node = Node::start();
    let before = node.metric("tandem_sip_dropped_total").unwrap_or(0.0);
    let whole = String::from_utf8(invite(1, "")).unwrap();
    let no_call_id = whole.replace("Call-ID: junk-1\r\n", "");
    assert!(answer(&node, no_call_id.as_bytes()).starts_with("SIP/2.0 400"), "a request without a Call-ID");
    let other_version = whole.replace(" SIP/2.0\r\nVia", " SIP/7.0\r\nVia");
    assert!(answer(&node, other_version.as_bytes()).starts_with("SIP/2.0 505"), "another version");
    let cut = invite(2, "v=0\r\n");
    assert!(answer(&node, &cut[..cut.len() - 3]).starts_with("SIP/2.0 400"), "a body shorter than its Content-Length");
    let sender = socket();
    for seed in 1..=200 {
        sender.send_to(&noise(seed, 20 + seed as usize * 6), (Ipv4Addr::LOCALHOST, node.ports.sip())).unwrap();
    }
    let counted = wait_until(Duration::from_secs(30), || (node.metric("tandem_sip_dropped_total")? >= before + 203.0).then_some(()));
    assert!(counted.is_some(), "{:?} of 203 were counted", node.metric("tandem_sip_dropped_total"));
    node.assert_alive();
    assert_eq!(node.calls(), Vec::<Value>::new());
}

#[test]
fn a_broken_offer_is_refused_with_the_reason() {
    let mut node = Node::start();
    let offers = [
        ("no media at all", "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"),
        (
            "no codec of ours",
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 18\r\na=rtpmap:18 G729/8000\r\n",
        ),
        (
            "video alone",
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 4000 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n",
        ),
        ("no SDP but words", "hello, hello\r\n"),
        ("a port that is none", "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 99999 RTP/AVP 0\r\n"),
    ];
    for (number, (what, offer)) in (100..).zip(offers) {
        let refused = answer(&node, &invite(number, offer));
        assert!(refused.starts_with("SIP/2.0 400") || refused.starts_with("SIP/2.0 488"), "{what}: {refused:?}");
        assert!(refused.contains("Warning: 399 ") || refused.contains("Warning: 3"), "{what}: {refused}");
    }
    // At the door where it cannot be read, else as a call that ended without an answer.
    let told = || node.ended_calls(0).len() as f64 + node.metric_of("tandem_switch_outputs_total", "kind=\"rejected\"");
    assert!(wait_until(Duration::from_secs(30), || (told() >= 5.0).then_some(())).is_some(), "{} calls", told());
    node.assert_alive();
}

#[test]
fn garbage_on_the_media_ports_disturbs_no_call() {
    let mut node = Node::start();
    let (mut caller, mut desk) = talking(&node, "6");
    let before = node.metric_of("tandem_media_packets_total", "way=\"dropped\"");
    let sender = socket();
    let (first, last) = node.ports.media();
    let mut sent = 0;
    for seed in 1..=40 {
        for port in [first, first + 1, first + 2, last - 1, node.ports.web()] {
            // Once at random, once dressed as STUN (RFC 7983: first byte 0), as DTLS (22) and as RTP (128).
            for dress in [None, Some(0), Some(22), Some(0x80)] {
                let mut datagram = noise(seed * u64::from(port), 12 + seed as usize * 7);
                if let Some(dress) = dress {
                    datagram[0] = dress;
                }
                sender.send_to(&datagram, (Ipv4Addr::LOCALHOST, port)).unwrap();
                sent += 1;
            }
        }
        thread::sleep(Duration::from_millis(2));
    }
    let counted = wait_until(Duration::from_secs(30), || {
        (node.metric_of("tandem_media_packets_total", "way=\"dropped\"") > before + 40.0).then_some(())
    });
    assert!(counted.is_some(), "of {sent} datagrams hardly any was counted as dropped");
    undisturbed(&node, &mut caller, &mut desk);
    node.assert_alive();
}

#[test]
fn what_the_api_does_not_understand_it_says_so_of() {
    let mut node = Node::start();
    let port = node.ports.http();
    let key = format!("Authorization: Bearer {}", node.key());
    let post = |path: &str, headers: &[&str], body: &[u8]| {
        let mut all = vec!["Content-Type: application/json"];
        all.extend(headers);
        http::ask(port, "POST", path, &all, body)
    };
    let known = json!({ "customer": "tel:+380501112233", "medium": "chat", "gist": "a line" });
    let with = |name: &str, value: Value| {
        let mut body = known.clone();
        body[name] = value;
        body.to_string().into_bytes()
    };
    let refused = [
        ("no key", post("/v1/interactions", &[], known.to_string().as_bytes()), 401..=401),
        ("another key", post("/v1/interactions", &["Authorization: Bearer nonsense"], known.to_string().as_bytes()), 401..=401),
        ("no JSON", post("/v1/interactions", &[&key], b"{\"customer\": "), 400..=422),
        ("no UTF-8", post("/v1/interactions", &[&key], &[b'"', 0xff, 0xfe, b'"']), 400..=422),
        ("a key that is not known", post("/v1/interactions", &[&key], &with("gits", "x".into())), 400..=422),
        ("a medium that is none", post("/v1/interactions", &[&key], &with("medium", "pigeon".into())), 400..=422),
        ("a gist of a megabyte", post("/v1/interactions", &[&key], &with("gist", "x".repeat(1 << 20).into())), 413..=413),
        ("deep nesting", post("/v1/interactions", &[&key], "[".repeat(100_000).as_bytes()), 400..=422),
        ("a login of numbers", post("/v1/login", &[], b"{\"login\": 1, \"password\": 2}"), 400..=422),
        ("no such place", http::ask(port, "GET", "/v1/nowhere", &[&key], &[]), 404..=404),
        ("a call that is none", http::ask(port, "GET", "/v1/calls/../../etc/passwd", &[&key], &[]), 400..=404),
        ("another method", http::ask(port, "DELETE", "/v1/calls", &[&key], &[]), 405..=405),
    ];
    for (what, answer, expected) in &refused {
        assert!(expected.contains(&answer.status), "{what}: {} {}", answer.status, answer.text());
        let problem = answer.json();
        assert_eq!(problem["status"], answer.status, "{what}: {problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{what}: {problem}");
    }
    assert!(
        node.metric("tandem_api_problems_total").unwrap_or(0.0) >= refused.len() as f64,
        "{:?}",
        node.metric("tandem_api_problems_total")
    );
    node.assert_alive();
}

fn page(node: &Node) -> WebSocket<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, node.ports.http())).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    let url = format!("ws://127.0.0.1:{}/v1/caller?resume=0", node.ports.http());
    let (mut page, _) = tungstenite::client(url, stream).unwrap_or_else(|error| panic!("{error}\n{}", node.log()));
    assert_eq!(next(&mut page)["type"], "hello");
    page
}

fn next(page: &mut WebSocket<TcpStream>) -> Value {
    loop {
        match page.read().unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Ping(_) | Message::Pong(_) => {}
            other @ (Message::Binary(_) | Message::Close(_) | Message::Frame(_)) => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_page_that_talks_nonsense_is_told_and_stays() {
    let mut node = Node::start();
    let mut page = page(&node);
    let nonsense = [
        Message::text("{"),
        Message::text("[]"),
        Message::text("{\"type\": \"call.fly\"}"),
        Message::text("{\"type\": \"key\", \"call\": \"x\", \"key\": \"1\"}"),
        Message::text("[".repeat(30_000)),
        Message::binary(vec![1, 2, 3]),
    ];
    let count = nonsense.len();
    for message in nonsense {
        page.send(message).unwrap();
        let told = next(&mut page);
        assert_eq!(told["type"], "problem", "{told}");
        assert!(told["what"].as_str().is_some_and(|what| what.len() > 10), "{told}");
    }
    assert!(node.metric("tandem_page_problems_total").unwrap_or(0.0) >= count as f64);
    // An offer that is none refuses the call, not the page.
    page.send(Message::text(json!({ "type": "call.start", "dialled": "main", "sdp": "v=0" }).to_string())).unwrap();
    let told = next(&mut page);
    assert!(["problem", "call.ended", "status"].contains(&told["type"].as_str().unwrap()), "{told}");
    // A call that is somebody else's, or nobody's, is not ours to end.
    page.send(Message::text(json!({ "type": "call.hangup", "call": 1 }).to_string())).unwrap();
    // A message larger than the bound closes this page, and only this one.
    page.send(Message::text("x".repeat(100_000))).unwrap();
    let begun = Instant::now();
    while page.read().is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(30), "a page of 100 kB messages is kept");
    }
    let mut another = self::page(&node);
    another.send(Message::text("{")).unwrap();
    assert_eq!(next(&mut another)["type"], "problem");
    node.assert_alive();
}

/// The port of the call is known to the attacker, and its packets are flawless; only their source is another.
#[test]
fn a_foreign_source_neither_hears_the_call_nor_is_heard() {
    let node = Node::start();
    let (mut caller, mut desk) = talking(&node, "7");
    let foreign = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, 3), 0)).unwrap();
    foreign.set_nonblocking(true).unwrap();
    let before = node.metric_of("tandem_media_packets_total", "way=\"dropped\"");
    let voice: Vec<u8> = tone(1400.0, 8000, 160 * 100).map(pcap::ulaw).collect();
    let (first, last) = node.ports.media();
    let mut heard = 0;
    for (frame, payload) in (0_u16..).zip(voice.chunks_exact(160)) {
        for payload_type in [0, 8] {
            let packet = pcap::rtp(payload_type, false, frame, u32::from(frame) * 160, 0x0bad, payload);
            for port in (first..=last).step_by(2) {
                // A port that nobody has bound says so to later sends; that is not what is tested.
                let _ = foreign.send_to(&packet, (Ipv4Addr::LOCALHOST, port));
            }
        }
        thread::sleep(Duration::from_millis(20));
        while foreign.recv_from(&mut [0; 2048]).is_ok() {
            heard += 1;
        }
    }
    assert_eq!(heard, 0, "a foreign source was sent something");
    assert!(node.metric_of("tandem_media_packets_total", "way=\"dropped\"") >= before + 200.0, "the spray did not reach the call's port");
    undisturbed(&node, &mut caller, &mut desk);
    let records = node.records(&node.ended_calls(1)[0]["id"]);
    let file = kinds(&records, "recording_sealed")[0]["file"].as_str().unwrap().to_owned();
    let recording = WavEars::of(&node.data().join("recordings").join(file));
    for channel in 0..2 {
        assert_eq!(held(&recording.tone(channel, 1400.0)), 0, "the foreign tone is in channel {channel} of the recording");
    }
    assert!(held(&recording.tone(0, 440.0)) > 30 && held(&recording.tone(1, 880.0)) > 30, "the tones of the call are");
}
