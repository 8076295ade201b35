//! The page is called: the offer is ours, its answer comes later than its checks.

use super::*;
use crate::sdp::Answer;

/// A phone is lifted after a while, and its answer takes as long again to be here.
const SIGNALLING: Duration = Duration::from_millis(100);

impl World {
    /// Our offer, taken by a page; its answer, changed by `change`, comes when `SIGNALLING` is over.
    fn called(change: impl FnOnce(String) -> String) -> (Self, String) {
        let now = start();
        let (peer, offer) = Peer::offer(now, local(), advertised().ip(), SSRC).unwrap();
        let offer = offer.to_string();
        let mut browser = browser(now);
        let answer = browser.sdp_api().accept_offer(SdpOffer::from_sdp_string(&offer).unwrap()).unwrap();
        let mut world = Self::of(now, browser, Mid::from("0"), peer, offer);
        world.drain();
        world.run(SIGNALLING);
        (world, change(answer.to_sdp_string()))
    }

    fn lifted() -> Self {
        let (mut world, answer) = Self::called(|answer| answer);
        world.peer.take_answer(world.now, &Answer::parse(&answer).unwrap()).unwrap();
        world.drain();
        world
    }
}

#[test]
fn our_offer_is_what_a_page_expects_of_a_page() {
    let (peer, offer) = Peer::offer(start(), local(), advertised().ip(), SSRC).unwrap();
    let text = offer.to_string();
    assert!(offer.is_webrtc() && text.contains("m=audio 40000 UDP/TLS/RTP/SAVPF 111 110\r\n"), "{text}");
    for said in ["a=setup:actpass", "a=group:BUNDLE 0", "a=mid:0", "a=rtcp-mux", "a=sendrecv", "c=IN IP4 198.51.100.7"] {
        assert_eq!(text.matches(&format!("{said}\r\n")).count(), 1, "{said}: {text}");
    }
    assert_eq!(text.matches("a=candidate:").count(), 1, "{text}");
    assert!(text.contains(" 198.51.100.7 40000 typ host") && text.contains("a=fingerprint:sha-256 "), "{text}");
    assert!(text.contains(&format!("a=ice-ufrag:{}\r\n", peer.ufrag())) && !text.contains("ice-lite"), "{text}");
}

#[test]
fn a_page_that_was_called_is_connected_as_soon_as_its_answer_is_here() {
    let mut world = World::lifted();
    let lifted = world.now;
    world.run(Duration::from_secs(1));
    let took = world.connected_at.unwrap() - lifted;
    // A nomination that waits for a tick costs 200 ms.
    assert!(took < Duration::from_millis(60), "{took:?}");
    assert!(world.browser.is_connected());
    assert_eq!(world.talk(50), (50, 50));
    assert_eq!(world.peer.faults(), Faults::default());
}

#[test]
fn a_page_that_was_called_holds_and_resumes() {
    let mut world = World::lifted();
    world.run(Duration::from_secs(1));
    for (asked, answered, heard) in
        [(Direction::SendOnly, "a=recvonly\r\n", (true, false)), (Direction::SendRecv, "a=sendrecv\r\n", (true, true))]
    {
        let answer = world.renegotiate(|api, mid| api.set_direction(mid, asked));
        assert!(answer.contains(answered), "{asked:?}: {answer}");
        let (ours, theirs) = world.talk(10);
        assert_eq!((ours > 8, theirs > 8), heard, "{asked:?}: {ours} {theirs}");
    }
}

#[test]
fn who_begins_dtls_is_what_the_answer_said_ever_after() {
    for (said, ours) in [("active", "passive"), ("passive", "active")] {
        let (mut world, answer) = World::called(|answer| answer.replace("a=setup:passive", &format!("a=setup:{said}")));
        world.peer.take_answer(world.now, &Answer::parse(&answer).unwrap()).unwrap();
        world.drain();
        let answer = world.renegotiate(|api, mid| api.set_direction(mid, Direction::SendOnly));
        assert!(answer.contains(&format!("a=setup:{ours}\r\n")), "{answer}");
    }
}

#[test]
fn a_second_answer_and_one_that_cannot_be_met_are_refused_and_harm_nothing() {
    let (mut world, answer) = World::called(|answer| answer);
    for (from, to) in [
        ("UDP/TLS/RTP/SAVPF", "RTP/SAVPF"),
        ("a=setup:passive", "a=setup:actpass"),
        ("a=fingerprint", "a=x"),
        ("opus/48000", "opus/8000"),
        ("a=mid:0", "a=mid:7"),
    ] {
        assert!(answer.contains(from), "{from}: {answer}");
        let unfit = Answer::parse(&answer.replace(from, to)).unwrap();
        assert_eq!(world.peer.take_answer(world.now, &unfit).unwrap_err().status, 488, "{to}");
    }
    let answer = Answer::parse(&answer).unwrap();
    world.peer.take_answer(world.now, &answer).unwrap();
    assert!(world.peer.take_answer(world.now, &answer).is_err());
    world.drain();
    world.run(Duration::from_secs(1));
    assert_eq!(world.talk(10), (10, 10));
}

#[test]
fn an_offer_that_nobody_answers_waits_and_is_taken_back() {
    let mut now = start();
    let (mut peer, _) = Peer::offer(now, local(), advertised().ip(), SSRC).unwrap();
    for _ in 0..600 {
        now += Duration::from_millis(200);
        peer.handle_timeout(now);
    }
    assert_eq!((peer.poll_event(), peer.poll_transmit()), (None, None));
    assert!(peer.deadline().is_none_or(|at| at > now), "it does not spin");
    peer.close(now);
    assert_eq!((peer.deadline(), peer.poll_event()), (None, None));
}
