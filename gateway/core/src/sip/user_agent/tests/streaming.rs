//! Over TCP, TLS and WebSocket: ways there and back, and what happens when a stream goes.

use super::*;
use crate::sip::stream::{PING, PONG};

const TCP: EndpointId = EndpointId(1);
const WS: EndpointId = EndpointId(2);
const TLS: EndpointId = EndpointId(3);
const PHONE: ConnId = ConnId::Accepted(1);

/// Listens by UDP, TCP, WebSocket and TLS.
fn scene() -> Scene {
    scene_with(Limits::default())
}

fn scene_with(limits: Limits) -> Scene {
    Scene::with(|settings| {
        settings.limits = limits;
        for (id, transport, port) in [(TCP, Transport::Tcp, 5060), (WS, Transport::Ws, 8088), (TLS, Transport::Tls, 5061)] {
            let listen = SocketAddr::new("192.0.2.2".parse().unwrap(), port);
            settings.endpoints.push(Endpoint { transport, ..Endpoint::udp(id, transport.word(), listen) });
        }
    })
}

impl Scene {
    fn accepts(&mut self, conn: ConnId, endpoint: EndpointId, from: &str) {
        self.does(|agent, now| agent.connected(now, conn, Some(endpoint), from.parse().unwrap(), Vec::new()));
    }

    fn stands(&mut self, conn: ConnId) {
        self.does(|agent, now| agent.connected(now, conn, None, "192.0.2.1:5060".parse().unwrap(), Vec::new()));
    }

    fn goes(&mut self, conn: ConnId) {
        self.does(|agent, now| agent.disconnected(now, conn));
    }

    fn hears_on(&mut self, conn: ConnId, bytes: &[u8]) {
        self.does(|agent, now| agent.receive_stream(now, conn, bytes));
    }

    /// The next message on a stream.
    fn on(&mut self, conn: ConnId) -> Message {
        let (by, bytes) = self.streamed.pop_front().expect("something was sent by a stream");
        assert_eq!(by, conn, "{}", String::from_utf8_lossy(&bytes));
        parse(&bytes).unwrap()
    }

    fn words_on(&mut self, conn: ConnId) -> Vec<String> {
        let mut words = Vec::new();
        while !self.streamed.is_empty() {
            words.push(word(&self.on(conn)));
        }
        words
    }
}

fn by(transport: &str, text: &str) -> String {
    text.replace("SIP/2.0/UDP", &format!("SIP/2.0/{transport}"))
}

fn towards(transport: Transport, to: &str) -> InviteTarget {
    InviteTarget { to: Hop { transport, to: to.parse().unwrap(), domain: None }, ..target() }
}

/// A call that came by this stream, taken and acknowledged.
fn talking(scene: &mut Scene, conn: ConnId, transport: &str) -> (UsageId, Response) {
    scene.hears_on(conn, by(transport, &asks("INVITE", 1, "i1", "", OFFER)).as_bytes());
    let usage = scene.invited();
    scene.does(|agent, now| agent.accept(now, usage, ANSWER));
    assert_eq!(word(&scene.on(conn)), "100 INVITE");
    let Message::Response(response) = scene.on(conn) else { panic!("a 200 was due") };
    let tag = format!(";tag={}", response.to.tag().unwrap());
    scene.hears_on(conn, by(transport, &asks_within("ACK", 1, "a1", &tag, "", "")).as_bytes());
    assert_eq!(scene.event(), UaEvent::Acked { usage, sdp: None });
    (usage, response)
}

#[test]
fn a_call_by_tcp_is_answered_on_its_own_connection_wherever_its_bytes_are_cut() {
    let text = by("TCP", &asks("INVITE", 1, "i1", "", OFFER));
    for cut in 0..text.len() {
        let mut scene = scene();
        scene.accepts(PHONE, TCP, "192.0.2.1:49152");
        scene.hears_on(PHONE, &text.as_bytes()[..cut]);
        scene.hears_on(PHONE, &text.as_bytes()[cut..]);
        assert_eq!(scene.words_on(PHONE), ["100 INVITE"], "cut at {cut}");
        scene.invited();
    }
}

#[test]
fn contact_says_by_what_we_are_reached() {
    let mut scene = scene();
    scene.accepts(PHONE, TCP, "192.0.2.1:49152");
    let (_, response) = talking(&mut scene, PHONE, "TCP");
    assert_eq!(response.headers.first("Contact"), Some("<sip:192.0.2.2:5060;transport=tcp>"));
    scene.accepts(ConnId::Accepted(2), WS, "192.0.2.1:49153");
    let (_, response) = {
        let text = by("WS", &asks("INVITE", 1, "w1", "", OFFER)).replace("call-1", "call-2");
        scene.hears_on(ConnId::Accepted(2), text.as_bytes());
        let usage = scene.invited();
        scene.does(|agent, now| agent.accept(now, usage, ANSWER));
        scene.on(ConnId::Accepted(2));
        let Message::Response(response) = scene.on(ConnId::Accepted(2)) else { panic!("a 200 was due") };
        (usage, response)
    };
    assert_eq!(response.headers.first("Contact"), Some("<sip:192.0.2.2:8088;transport=ws>"));
    scene.accepts(ConnId::Accepted(3), TLS, "192.0.2.1:49154");
    let text = by("TLS", &asks("INVITE", 1, "s1", "", OFFER)).replace("call-1", "call-3").replacen("sip:100", "sips:100", 1);
    scene.hears_on(ConnId::Accepted(3), text.as_bytes());
    let usage = scene.invited();
    scene.does(|agent, now| agent.accept(now, usage, ANSWER));
    scene.on(ConnId::Accepted(3));
    let Message::Response(response) = scene.on(ConnId::Accepted(3)) else { panic!("a 200 was due") };
    assert_eq!(response.headers.first("Contact"), Some("<sips:192.0.2.2:5061>"), "a SIPS dialog has a SIPS target (12.1.1)");
}

#[test]
fn our_bye_takes_the_connection_that_the_call_came_by() {
    let mut scene = scene();
    scene.accepts(PHONE, TCP, "192.0.2.1:49152");
    let (usage, _) = talking(&mut scene, PHONE, "TCP");
    scene.does(|agent, now| agent.bye(now, usage, cause(200, 16)));
    let Message::Request(bye) = scene.on(PHONE) else { panic!("a BYE was due") };
    assert_eq!((bye.via.transport.as_str(), bye.via.port), ("TCP", Some(5060)));
    scene.pass(31_000);
    assert!(scene.streamed.is_empty(), "what TCP carries is not repeated");
}

#[test]
fn a_browser_is_reached_by_its_websocket_alone() {
    let mut scene = scene();
    scene.accepts(PHONE, WS, "192.0.2.9:49152");
    let text = by("WS", &asks("INVITE", 1, "i1", "", OFFER)).replace("<sip:ada@192.0.2.1:5060>", "<sip:k3j@df7jal.invalid;transport=ws>");
    scene.hears_on(PHONE, text.replace("192.0.2.1:5060;branch", "df7jal.invalid;branch").as_bytes());
    let usage = scene.invited();
    scene.does(|agent, now| agent.accept(now, usage, ANSWER));
    scene.streamed.clear();
    scene.does(|agent, now| agent.bye(now, usage, cause(200, 16)));
    scene.goes(PHONE);
    assert!(scene.connects.is_empty(), "nobody listens behind a browser");
}

#[test]
fn a_response_finds_a_new_connection_when_the_old_one_is_gone() {
    let mut scene = scene();
    scene.accepts(PHONE, TCP, "192.0.2.1:49152");
    scene.hears_on(PHONE, by("TCP", &asks("INVITE", 1, "i1", "", OFFER)).as_bytes());
    let usage = scene.invited();
    scene.streamed.clear();
    scene.goes(PHONE);
    scene.does(|agent, now| agent.accept(now, usage, ANSWER));
    let (again, hop) = scene.connects.pop_front().expect("18.2.2: a connection to sent-by");
    assert_eq!((hop.transport, hop.to), (Transport::Tcp, "192.0.2.1:5060".parse().unwrap()));
    assert!(scene.streamed.is_empty());
    scene.stands(again);
    assert_eq!(scene.words_on(again), ["200 INVITE"]);
    scene.pass(500);
    assert_eq!(scene.words_on(again), ["200 INVITE"], "the repetition finds it too");
    assert!(scene.connects.is_empty());
}

#[test]
fn a_call_waits_for_its_connection_and_the_next_one_takes_the_same() {
    let mut scene = scene();
    let target = towards(Transport::Tcp, "192.0.2.1:5060");
    let usage = scene.does(|agent, now| agent.invite(now, &target));
    let (conn, hop) = scene.connects.pop_front().unwrap();
    assert_eq!((hop.transport, hop.to), (Transport::Tcp, "192.0.2.1:5060".parse().unwrap()));
    assert!(scene.streamed.is_empty());
    scene.stands(conn);
    let Message::Request(invite) = scene.on(conn) else { panic!("an INVITE was due") };
    assert_eq!((invite.via.transport.as_str(), invite.via.port), ("TCP", Some(5060)));
    assert_eq!(invite.headers.first("Contact"), Some("<sip:192.0.2.2:5060;transport=tcp>"));
    scene.hears_on(conn, &answers(&invite, 200, "callee", Some(ANSWER)).to_bytes());
    assert_eq!(scene.event(), UaEvent::Answered { usage, sdp: Some(ANSWER.to_owned()) });
    let Message::Request(ack) = scene.on(conn) else { panic!("an ACK was due") };
    assert_eq!((ack.method.clone(), ack.via.transport.as_str()), (Method::Ack, "TCP"));
    scene.does(|agent, now| agent.invite(now, &target));
    assert_eq!(scene.words_on(conn), ["INVITE"]);
    assert!(scene.connects.is_empty());
}

#[test]
fn a_refused_connection_refuses_the_call_at_once() {
    let mut scene = scene();
    let usage = scene.does(|agent, now| agent.invite(now, &towards(Transport::Tls, "192.0.2.1:5061")));
    let (conn, _) = scene.connects.pop_front().unwrap();
    scene.does(|agent, now| agent.connect_failed(now, conn));
    let event = scene.event();
    assert!(matches!(&event, UaEvent::Refused { usage: refused, status: 503, .. } if *refused == usage), "{event:?}");
    assert_eq!(scene.event(), UaEvent::Gone { usage });
    assert_eq!(scene.agent.connections(), 0);
}

#[test]
fn a_connection_that_had_died_unseen_costs_a_new_one_and_no_call() {
    let mut scene = scene();
    let target = towards(Transport::Tcp, "192.0.2.1:5060");
    scene.does(|agent, now| agent.invite(now, &target));
    let (old, _) = scene.connects.pop_front().unwrap();
    scene.stands(old);
    scene.does(|agent, now| agent.invite(now, &target));
    assert_eq!(scene.words_on(old), ["INVITE", "INVITE"]);
    scene.goes(old);
    // The first had a fresh connection: its loss is the peer's answer. The second took what stood there.
    assert!(matches!(scene.event(), UaEvent::Refused { status: 503, .. }));
    let (new, _) = scene.connects.pop_front().unwrap();
    scene.stands(new);
    assert_eq!(scene.words_on(new), ["INVITE"]);
    scene.goes(new);
    assert!(scene.events.iter().any(|event| matches!(event, UaEvent::Refused { status: 503, .. })), "once is enough");
}

#[test]
fn a_large_request_goes_by_tcp_and_by_udp_after_all_where_tcp_is_refused() {
    let mut scene = scene();
    let large = InviteTarget { sdp: format!("{OFFER}a=x:{}\r\n", "x".repeat(1_300)), ..target() };
    let usage = scene.does(|agent, now| agent.invite(now, &large));
    assert!(scene.sent.is_empty());
    let (conn, hop) = scene.connects.pop_front().unwrap();
    assert_eq!((hop.transport, hop.to), (Transport::Tcp, "192.0.2.1:5060".parse().unwrap()));
    scene.does(|agent, now| agent.connect_failed(now, conn));
    let (to, invite) = scene.request();
    assert_eq!((to, invite.via.transport.as_str()), ("192.0.2.1:5060".parse().unwrap(), "UDP"));
    scene.pass(500);
    assert_eq!(scene.said(), ["INVITE"], "UDP repeats");
    scene.hears_message(&answers(&invite, 200, "callee", Some(ANSWER)));
    assert_eq!(scene.event(), UaEvent::Answered { usage, sdp: Some(ANSWER.to_owned()) });
    assert_eq!(scene.said(), ["ACK"]);
    assert!(scene.connects.is_empty(), "TCP is not tried again in this call");
}

#[test]
fn a_large_request_goes_by_udp_where_the_trunk_says_so() {
    let mut scene = scene();
    let large = InviteTarget { sdp: format!("{OFFER}a=x:{}\r\n", "x".repeat(1_300)), oversize: Oversize::Udp, ..target() };
    scene.does(|agent, now| agent.invite(now, &large));
    assert_eq!(scene.said(), ["INVITE"]);
    assert!(scene.connects.is_empty());
}

#[test]
fn the_cancel_of_a_large_request_goes_the_same_way() {
    let mut scene = scene();
    let large = InviteTarget { sdp: format!("{OFFER}a=x:{}\r\n", "x".repeat(1_300)), ..target() };
    let usage = scene.does(|agent, now| agent.invite(now, &large));
    let (conn, _) = scene.connects.pop_front().unwrap();
    scene.stands(conn);
    let Message::Request(invite) = scene.on(conn) else { panic!("an INVITE was due") };
    assert_eq!(invite.via.transport, "TCP");
    scene.hears_on(conn, &answers(&invite, 180, "callee", None).to_bytes());
    scene.does(|agent, now| agent.cancel(now, usage, cause(487, 16)));
    let Message::Request(cancel) = scene.on(conn) else { panic!("a CANCEL was due") };
    assert_eq!((cancel.method.clone(), &cancel.via), (Method::Cancel, &invite.via));
    assert!(scene.sent.is_empty());
}

#[test]
fn junk_on_a_stream_is_answered_and_the_stream_closed() {
    let mut scene = scene();
    scene.accepts(PHONE, TCP, "192.0.2.1:49152");
    let headless = by("TCP", &asks("OPTIONS", 1, "o1", "", "")).replace("Content-Length: 0\r\n", "");
    scene.hears_on(PHONE, headless.as_bytes());
    assert_eq!(scene.words_on(PHONE), ["400 OPTIONS"]);
    assert_eq!(scene.disconnects, [PHONE]);
    scene.hears_on(PHONE, by("TCP", &asks("OPTIONS", 1, "o2", "", "")).as_bytes());
    assert!(scene.streamed.is_empty(), "nothing more is heard of it");
}

#[test]
fn junk_in_a_websocket_frame_is_answered_and_the_next_frame_heard() {
    let mut scene = scene();
    scene.accepts(PHONE, WS, "192.0.2.1:49152");
    let junk = by("WS", &asks("OPTIONS", 1, "o1", "", "")).replace("Max-Forwards: 70", "Max-Forwards: seventy");
    scene.hears_on(PHONE, junk.as_bytes());
    assert_eq!(scene.words_on(PHONE), ["400 OPTIONS"]);
    // RFC 7118 5.3: a frame needs no Content-Length.
    scene.hears_on(PHONE, by("WS", &asks("OPTIONS", 1, "o2", "", "")).replace("Content-Length: 0\r\n", "").as_bytes());
    assert_eq!(scene.words_on(PHONE), ["200 OPTIONS"]);
    assert!(scene.disconnects.is_empty());
}

#[test]
fn a_ping_is_answered_on_tcp_and_on_websocket() {
    let mut scene = scene();
    for (conn, endpoint) in [(PHONE, TCP), (ConnId::Accepted(2), WS)] {
        scene.accepts(conn, endpoint, "192.0.2.1:49152");
        scene.hears_on(conn, PING);
        assert_eq!(scene.streamed.pop_front(), Some((conn, PONG.to_vec())));
    }
}

/// Opened by us and answered once, so that it is of some use.
fn flow(scene: &mut Scene) -> ConnId {
    let path = scene.does(|agent, _| agent.way(TCP, &towards(Transport::Tcp, "192.0.2.1:5060").to, None));
    scene.does(|agent, _| agent.keep(path, true));
    let (conn, _) = scene.connects.pop_front().unwrap();
    scene.stands(conn);
    conn
}

#[test]
fn a_flow_of_ours_is_kept_alive_and_given_up_when_its_peer_falls_silent() {
    let mut scene = scene();
    let conn = flow(&mut scene);
    let next_ping = |scene: &mut Scene| {
        let waited = (0..121).find(|_| {
            scene.pass(1_000);
            scene.streamed.pop_front() == Some((conn, PING.to_vec()))
        });
        assert!(waited.is_some_and(|seconds| seconds >= 90), "{waited:?}");
    };
    next_ping(&mut scene);
    scene.hears_on(conn, PONG);
    next_ping(&mut scene);
    assert!(scene.disconnects.is_empty());
    scene.pass(10_000);
    assert_eq!(scene.disconnects, [conn]);
}

#[test]
fn a_peer_that_knows_no_pongs_keeps_its_flow() {
    let mut scene = scene();
    let conn = flow(&mut scene);
    scene.pass(7_200_000);
    assert!(scene.streamed.len() >= 60 && scene.streamed.iter().all(|(by, bytes)| *by == conn && bytes == PING));
    assert!(scene.disconnects.is_empty());
}

#[test]
fn whoever_connects_must_speak_and_whoever_begins_must_end() {
    let mut scene = scene();
    scene.accepts(PHONE, TCP, "192.0.2.1:49152");
    scene.pass(30_000);
    assert_eq!(scene.disconnects.pop_front(), Some(PHONE));
    let slow = ConnId::Accepted(2);
    scene.accepts(slow, TCP, "192.0.2.1:49153");
    scene.hears_on(slow, by("TCP", &asks("OPTIONS", 1, "o1", "", "")).as_bytes());
    scene.hears_on(slow, b"OPTIONS sip:a@h SIP/2.0\r\n");
    for _ in 0..6 {
        scene.pass(5_000);
        scene.hears_on(slow, b"X: y\r\n");
    }
    assert_eq!(scene.disconnects, [slow]);
}

#[test]
fn an_idle_stream_is_closed_and_one_with_a_call_is_not() {
    let mut scene = scene();
    scene.accepts(PHONE, TCP, "192.0.2.1:49152");
    let (_, _) = talking(&mut scene, PHONE, "TCP");
    let idle = ConnId::Accepted(2);
    scene.accepts(idle, TCP, "192.0.2.1:49153");
    scene.hears_on(idle, by("TCP", &asks("OPTIONS", 1, "o1", "", "")).as_bytes());
    // Past the idle time of both, and before a call that nobody refreshes is given up (RFC 4028 10).
    scene.pass(931_000);
    assert_eq!(scene.disconnects, [idle]);
}

#[test]
fn one_address_cannot_take_all_streams() {
    let mut scene = scene_with(Limits { streams_per_source: 3, ..Limits::default() });
    for n in 0..=3 {
        scene.accepts(ConnId::Accepted(n), TCP, "192.0.2.1:49152");
    }
    assert_eq!(scene.disconnects, [ConnId::Accepted(3)]);
    assert_eq!(scene.agent.turned_away().collect::<Vec<_>>(), [(TurnedAway::Streams, 1)]);
    scene.accepts(ConnId::Accepted(90_000), TCP, "192.0.2.7:49152");
    assert_eq!(scene.disconnects.len(), 1);
    scene.goes(ConnId::Accepted(0));
    scene.accepts(ConnId::Accepted(90_001), TCP, "192.0.2.1:49152");
    assert_eq!(scene.disconnects.len(), 1, "a place has come free");
}

#[test]
fn a_failure_over_tcp_is_neither_repeated_nor_lingered_over() {
    let mut scene = scene();
    scene.accepts(PHONE, TCP, "192.0.2.1:49152");
    scene.hears_on(PHONE, by("TCP", &asks("INVITE", 1, "i1", "", OFFER)).as_bytes());
    let usage = scene.invited();
    scene.does(|agent, now| agent.refuse(now, usage, &Refusal::new(486)));
    assert_eq!(scene.words_on(PHONE), ["100 INVITE", "486 INVITE"]);
    scene.pass(5_000);
    assert!(scene.streamed.is_empty(), "no timer G");
    scene.hears_on(PHONE, by("TCP", &asks_within("ACK", 1, "i1", ";tag=x", "", "")).as_bytes());
    scene.pass(0);
    assert_eq!(scene.agent.load(), (0, 0), "timer I is zero");
}

#[test]
fn the_names_of_a_certificate_stay_with_the_call() {
    let mut scene = scene();
    scene.does(|agent, now| {
        agent.connected(now, PHONE, Some(TLS), "192.0.2.1:49152".parse().unwrap(), vec!["sbc.carrier.example".to_owned()]);
    });
    scene.hears_on(PHONE, by("TLS", &asks("INVITE", 1, "i1", "", OFFER)).as_bytes());
    let usage = scene.invited();
    assert_eq!(scene.agent.subject(usage), ["sbc.carrier.example"]);
}
