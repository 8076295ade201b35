use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;

use super::{negotiate::*, *};
use crate::codec::CodecKind::{self, G722, Opus, Pcma, Pcmu};

const CHROMIUM: &str = include_str!("../../fixtures/chromium-156-offer.sdp");

/// A desk phone with hold, video and fax to be refused.
const PHONE: &str = "v=0\r\no=alice 2890844526 7 IN IP4 phone.example\r\ns=call\r\ni=odd\r\nc=IN IP4 192.0.2.9\r\nb=AS:84\r\nt=0 0\r\n\
    m=video 49172 RTP/AVP 98 99\r\na=rtpmap:98 H264/90000\r\n\
    m=audio 49170 RTP/AVP 107 0 8 101\r\na=rtpmap:107 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:40\r\na=x-odd:1:2\r\n\
    m=image 49174 udptl t38\r\n";

fn phone(from: &str, to: &str) -> Offer {
    assert!(PHONE.contains(from), "{from}");
    Offer::parse(&PHONE.replace(from, to)).expect("a phone's offer")
}

fn terms(codecs: &[CodecKind]) -> Terms<'_> {
    Terms {
        codecs,
        local: "10.0.0.5:30000".parse().unwrap(),
        advertised: "198.51.100.7".parse().unwrap(),
        session_id: 42,
        previous: None,
        signalled_from: None,
        flow: Flow::SendRecv,
        srtp: Srtp::None,
        keys: None,
        digits: Digits::default(),
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn what_a_peer_said_is_printed_back() {
    for text in [PHONE, CHROMIUM] {
        assert_eq!(Description::parse(text).unwrap().to_string(), text);
    }
}

#[test]
fn a_browsers_offer_is_a_job_for_a_peer() {
    let offer = Offer::parse(CHROMIUM).unwrap();
    assert!(offer.is_webrtc());
    assert!(!phone("s=call", "s=call").is_webrtc());
    let media = &offer.description().media[0];
    assert_eq!(media.rtp_map(111), Some(RtpMap { payload_type: 111, encoding: "opus", clock_rate: 48_000, channels: 2 }));
    assert_eq!(media.fmtp(111), Some("minptime=10;useinbandfec=1"));
    assert_eq!(offer.description().attribute_of(media, "ice-ufrag").unwrap().value.as_deref(), Some("zcXU"));
    assert_eq!(answer(&offer, &terms(&[Opus])).unwrap_err().status, 488);
}

#[test]
fn the_answer_keeps_every_line_in_its_place() {
    let (answer, plan) = answer(&phone("s=call", "s=call"), &terms(&[Pcma, Pcmu])).unwrap();
    assert_eq!(
        answer.to_string(),
        "v=0\r\no=- 42 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n\
         m=video 0 RTP/AVP 98 99\r\n\
         m=audio 30000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n\
         a=sendrecv\r\na=rtcp:30001\r\n\
         m=image 0 udptl t38\r\n"
    );
    assert_eq!(
        plan,
        MediaPlan {
            local: address("10.0.0.5:30000"),
            remote: address("192.0.2.9:49170"),
            signalled_from: None,
            rtcp_mux: false,
            codec: Pcma,
            payload_type: 8,
            receive_payload_type: 8,
            digits: Some(DigitPlan { send: 101, receive: 101, clock_rate: 8000 }),
            tones: false,
            ptime_ms: 40,
            flow: Flow::SendRecv,
            secrets: None,
        }
    );
}

#[test]
fn a_codec_without_digits_at_its_clock_gives_way() {
    let codec = |offer: &Offer| answer(offer, &terms(&[Opus, Pcmu])).unwrap().1;
    assert_eq!(codec(&phone("s=call", "s=call")).codec, Pcmu);
    let wide = codec(&phone("a=ptime", "a=rtpmap:8 telephone-event/48000\r\na=ptime"));
    assert_eq!((wide.codec, wide.payload_type), (Opus, 107));
    assert_eq!(wide.digits, Some(DigitPlan { send: 8, receive: 8, clock_rate: 48_000 }));
    let neither = codec(&phone("telephone-event", "x-event"));
    assert_eq!((neither.codec, neither.digits), (Opus, None));
}

#[test]
fn hold_is_answered_by_its_mirror_in_all_its_spellings() {
    let line = "a=ptime:40\r\n";
    let cases = [
        ("a=sendonly\r\n", Flow::RecvOnly),
        ("a=recvonly\r\n", Flow::SendOnly),
        ("a=inactive\r\n", Flow::Inactive),
        ("c=IN IP4 0.0.0.0\r\n", Flow::RecvOnly),
        ("a=recvonly\r\na=ptime:20\r\n", Flow::SendOnly),
    ];
    for (spelling, expected) in cases {
        let place = if spelling.starts_with('c') { ("c=IN IP4 192.0.2.9\r\n", spelling) } else { (line, spelling) };
        let (answer, plan) = answer(&phone(place.0, place.1), &terms(&[Pcmu])).unwrap();
        assert_eq!(plan.flow, expected, "{spelling}");
        assert!(answer.to_string().contains(&format!("a={}\r\n", expected.name())));
    }
}

#[test]
fn our_own_hold_narrows_the_answer() {
    let held = Terms { flow: Flow::SendOnly, ..terms(&[Pcmu]) };
    assert_eq!(answer(&phone("s=call", "s=call"), &held).unwrap().1.flow, Flow::SendOnly);
    assert_eq!(answer(&phone("t=0 0", "t=0 0\r\na=sendonly"), &held).unwrap().1.flow, Flow::Inactive);
}

#[test]
fn what_we_cannot_do_is_refused_with_488_and_what_is_not_sdp_with_400() {
    let refusals = [
        ("m=audio 49170 RTP/AVP", "m=audio 49170 RTP/SAVP", 488),
        ("m=audio 49170", "m=audio 0", 488),
        ("107 0 8 101", "9 18 101", 488),
        ("IN IP4 192.0.2.9", "IN IP4 media.example", 488),
        ("IN IP4 192.0.2.9", "IN IP4 224.2.1.1/127", 488),
        ("IN IP4 192.0.2.9", "IN IP4 255.255.255.255", 488),
        ("IN IP4 192.0.2.9", "IN IP6 2001:db8::9", 488),
        ("c=IN IP4 192.0.2.9\r\n", "", 400),
    ];
    for (from, to, status) in refusals {
        assert_eq!(answer(&phone(from, to), &terms(&[Pcmu])).unwrap_err().status, status, "{to}");
    }
    let broken = [
        ("", ""),
        ("", "v=1\r\n"),
        ("v=0", "hello"),
        ("o=alice", "q=alice"),
        ("49170", "65536"),
        ("t38", ""),
        ("s=call", "s=a\0b"),
        ("IN IP4 192", "IN IP9 192"),
        ("b=AS:84", "nonsense"),
    ];
    for (from, to) in broken {
        let text = if from.is_empty() { to.to_owned() } else { PHONE.replace(from, to) };
        assert_eq!(Offer::parse(&text).unwrap_err().status, 400, "{to}");
    }
}

#[test]
fn size_is_bounded() {
    let line = "m=audio 1 RTP/AVP 0\r\n";
    let head = "v=0\no=- 1 1 IN IP4 192.0.2.1\n";
    assert!(Offer::parse(&format!("{head}{}", line.repeat(32))).is_ok());
    assert!(Offer::parse(&format!("{head}{}", line.repeat(33))).is_err());
    assert!(Offer::parse(&format!("{head}m=audio 1 RTP/AVP{}", " 0".repeat(128))).is_ok());
    assert!(Offer::parse(&format!("{head}m=audio 1 RTP/AVP{}", " 0".repeat(129))).is_err());
    assert!(Offer::parse(&format!("{head}a={}", "x".repeat(SDP_BYTES_MAX))).is_err());
}

#[test]
fn the_first_audio_line_that_we_can_serve_wins() {
    let offer = phone("m=video 49172 RTP/AVP 98 99", "m=audio 49172 RTP/SAVP 0");
    let (answer, plan) = answer(&offer, &terms(&[Pcmu])).unwrap();
    assert_eq!(plan.remote.port(), 49170);
    assert_eq!(answer.description().media.iter().map(|media| media.port).collect::<Vec<_>>(), [0, 30000, 0]);
}

#[test]
fn rtcp_is_muxed_where_offered() {
    let (answer, plan) = answer(&phone("a=ptime:40", "a=rtcp-mux"), &terms(&[Pcmu])).unwrap();
    assert!(plan.rtcp_mux && answer.to_string().contains("a=rtcp-mux\r\n") && !answer.to_string().contains("a=rtcp:"));
    let media = &phone("a=ptime:40", "a=rtcp:53020 IN IP4 192.0.2.9");
    assert_eq!(media.description().media[1].rtcp_port(), Some(53020));
}

#[test]
fn ipv6_is_offered_and_answered() {
    let six = Terms { local: address("[::]:30000"), advertised: "2001:db8::7".parse().unwrap(), ..terms(&[Pcmu]) };
    let ours = offer(&six);
    assert!(ours.to_string().contains("c=IN IP6 2001:db8::7\r\n"));
    let far = Terms { local: address("[2001:db8::9]:4000"), advertised: "2001:db8::9".parse().unwrap(), ..six };
    let (answered, plan) = answer(&ours, &far).unwrap();
    assert_eq!(plan.remote, address("[2001:db8::7]:30000"));
    assert_eq!(accept(&ours, &answered, &six).unwrap().remote, address("[2001:db8::9]:4000"));
}

#[test]
fn each_leg_keeps_its_own_payload_types() {
    let ours = offer(&terms(&[Opus, Pcma]));
    let text = ours.to_string();
    assert!(text.contains("m=audio 30000 RTP/AVP 111 8 101 110\r\n"), "{text}");
    // A peer may answer with numbers of its own (RFC 3264 6.1): each side sends what the other named.
    let theirs = Answer::parse(
        "v=0\no=- 1 1 IN IP4 192.0.2.9\ns=-\nt=0 0\nm=audio 9000 RTP/AVP 96 97\nc=IN IP4 192.0.2.9\na=rtpmap:96 OPUS/48000/2\n\
         a=rtpmap:97 telephone-event/48000\na=rtcp-mux\na=recvonly\n",
    )
    .unwrap();
    let plan = accept(&ours, &theirs, &terms(&[Opus, Pcma])).unwrap();
    assert_eq!((plan.codec, plan.payload_type, plan.receive_payload_type), (Opus, 96, 111));
    assert_eq!(plan.digits, Some(DigitPlan { send: 97, receive: 110, clock_rate: 48_000 }));
    assert!(plan.rtcp_mux);
    assert_eq!(plan.flow, Flow::SendOnly);
}

#[test]
fn an_answer_without_our_audio_is_refused() {
    let ours = offer(&terms(&[Pcmu]));
    let head = "v=0\no=- 1 1 IN IP4 192.0.2.9\ns=-\nc=IN IP4 192.0.2.9\nt=0 0\n";
    for media in ["", "m=audio 0 RTP/AVP 0\n", "m=video 9 RTP/AVP 0\n", "m=audio 9 RTP/AVP 8\n", "m=audio 9 RTP/SAVP 0\n"] {
        let theirs = Answer::parse(&format!("{head}{media}")).unwrap();
        assert_eq!(accept(&ours, &theirs, &terms(&[Pcmu])).unwrap_err().status, 488, "{media}");
    }
}

#[test]
fn the_version_grows_when_and_only_when_something_changed() {
    let first = answer(&phone("s=call", "s=call"), &terms(&[Pcmu])).unwrap().0;
    let again = Terms { previous: Some(first.description()), ..terms(&[Pcmu]) };
    assert_eq!(answer(&phone("o=alice 2890844526 7", "o=alice 2890844526 8"), &again).unwrap().0, first);
    let held = answer(&phone("a=ptime:40", "a=sendonly"), &again).unwrap().0;
    assert_eq!(held.description().origin.version, 2);
}

#[test]
fn a_reoffer_keeps_lines_and_numbers() {
    let first = answer(&phone("101", "0"), &terms(&[Opus])).unwrap().0;
    let again = Terms { previous: Some(first.description()), flow: Flow::SendOnly, ..terms(&[Opus, Pcmu]) };
    let re = offer(&again);
    let text = re.to_string();
    assert!(text.starts_with("v=0\r\no=- 42 2 "), "{text}");
    assert!(text.contains("m=video 0 RTP/AVP 98 99\r\nm=audio 30000 RTP/AVP 107 0 101 110\r\n"), "{text}");
    assert!(text.contains("a=sendonly\r\n") && text.ends_with("m=image 0 udptl t38\r\n"), "{text}");
}

#[test]
fn packet_length_follows_the_peers_wish_in_whole_frames() {
    for (asked, expected) in
        [("a=ptime:20", 20), ("a=ptime:10", 20), ("a=ptime:30", 20), ("a=ptime:60", 60), ("a=ptime:200", 60), ("a=x", 20)]
            .into_iter()
            .chain([("a=ptime:60\r\na=maxptime:40", 40), ("a=ptime:-1", 20)])
    {
        assert_eq!(answer(&phone("a=ptime:40", asked), &terms(&[Pcmu])).unwrap().1.ptime_ms, expected, "{asked}");
    }
}

#[test]
fn g722_is_known_by_its_number_alone_and_counts_at_8_khz() {
    let text = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 9 0\r\n";
    let (said, plan) = answer(&Offer::parse(text).unwrap(), &terms(&[G722, Pcmu])).unwrap();
    assert_eq!((plan.codec, plan.payload_type), (G722, 9));
    assert!(said.to_string().contains("a=rtpmap:9 G722/8000\r\n"), "{said}");
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC*|(([vosicbtam]=[ -~]{0,30}|m=audio [0-9/]{1,5} RTP/AVP( [0-9]{1,3}){0,5}|c=IN IP[46] [0-9.:/]{1,12}|a=[a-z]{1,8}:?[ -~]{0,20})\r?\n){0,20}") {
        let head = format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n{text}");
        for text in [text, head] {
            if let Ok(offer) = Offer::parse(&text) {
                prop_assert_eq!(&Offer::parse(&offer.to_string()).unwrap(), &offer);
                let _ = answer(&offer, &terms(&[Opus, Pcmu, Pcma]));
                let _ = accept(&super::negotiate::offer(&terms(&[Opus, Pcmu])), &Answer::parse(&text).unwrap(), &terms(&[Opus, Pcmu]));
            }
        }
    }

    #[test]
    fn a_broken_real_offer_is_refused_or_read_but_never_panics(at in 0..CHROMIUM.len(), byte in any::<u8>(), phone in any::<bool>()) {
        let mut bytes = if phone { PHONE } else { CHROMIUM }.as_bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(offer) = Offer::parse(&String::from_utf8_lossy(&bytes)) {
            prop_assert_eq!(&Offer::parse(&offer.to_string()).unwrap(), &offer);
            let _ = answer(&offer, &terms(&[Opus, Pcmu, Pcma]));
        }
    }

    #[test]
    fn both_ends_of_an_agreement_agree(
        ours in proptest::sample::subsequence(vec![Opus, G722, Pcma, Pcmu], 1..=4).prop_shuffle(),
        theirs in proptest::sample::subsequence(vec![Opus, G722, Pcma, Pcmu], 1..=4).prop_shuffle(),
        flows in (0..4_usize, 0..4_usize),
    ) {
        let flow = |index: usize| [Flow::SendRecv, Flow::SendOnly, Flow::RecvOnly, Flow::Inactive][index];
        let near = Terms { flow: flow(flows.0), ..terms(&ours) };
        let far = Terms { flow: flow(flows.1), local: address("192.0.2.9:4000"), advertised: IpAddr::from([192, 0, 2, 9]), ..terms(&theirs) };
        let proposal = offer(&near);
        match answer(&proposal, &far) {
            Err(refused) => {
                prop_assert_eq!(refused.status, 488);
                prop_assert!(ours.iter().all(|codec| !theirs.contains(codec)));
            }
            Ok((reply, plan)) => {
                let mine = accept(&proposal, &reply, &near).unwrap();
                prop_assert_eq!((mine.codec, mine.digits, mine.rtcp_mux), (plan.codec, plan.digits, plan.rtcp_mux));
                prop_assert_eq!(mine.flow, plan.flow.mirrored());
                prop_assert_eq!(mine.remote, address("192.0.2.9:4000"));
            }
        }
    }
}
