//! Keys in descriptions: who answers what under which policy.

use proptest::prelude::*;

use super::{negotiate::*, *};
use crate::{codec::CodecKind::Pcmu, srtp::Profile};

const CODECS: [CodecKind; 1] = [Pcmu];

/// Printed with RFC 4568 9.1's shape in mind; the keys are of this test.
const KEY_128: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd";
const OTHER_128: &str = "////////////////////////////////////////";

fn keys(seed: u8) -> LegKeys {
    let mut next = seed;
    LegKeys::draw(&mut |bytes| {
        bytes.fill(next);
        next = next.wrapping_add(1);
    })
}

fn terms(srtp: Srtp, keys: Option<&LegKeys>) -> Terms<'_> {
    Terms {
        codecs: &CODECS,
        local: "10.0.0.5:30000".parse().unwrap(),
        advertised: "198.51.100.7".parse().unwrap(),
        session_id: 42,
        previous: None,
        signalled_from: None,
        flow: Flow::SendRecv,
        srtp,
        keys,
        digits: Digits::default(),
    }
}

fn offering(protocol: &str, lines: &str) -> Offer {
    let text = format!("v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 {protocol} 0 101\r\n{lines}");
    Offer::parse(&text).unwrap()
}

fn line(tag: u32, suite: &str, key: &str) -> String {
    format!("a=crypto:{tag} {suite} inline:{key}\r\n")
}

#[test]
fn an_offered_key_is_answered_by_tag_and_suite_with_a_key_of_ours() {
    let ours = keys(7);
    let lines = [line(1, "F8_128_HMAC_SHA1_80", KEY_128), line(4, "AES_CM_128_HMAC_SHA1_80", &format!("{KEY_128}|2^20|1:4"))].concat();
    let (answer, plan) = answer(&offering("RTP/SAVP", &lines), &terms(Srtp::Prefer, Some(&ours))).unwrap();
    let text = answer.to_string();
    assert!(text.contains("m=audio 30000 RTP/SAVP 0"), "{text}");
    let secrets = plan.secrets.unwrap();
    let said = Crypto::of(&answer.description().media[0]).collect::<Vec<_>>();
    assert_eq!((said.len(), said[0].tag, said[0].suite.as_str(), &said[0].key), (1, 4, "AES_CM_128_HMAC_SHA1_80", &secrets.send));
    assert_eq!(secrets.send.profile(), Profile::Aes128CmSha1Tag80);
    assert_eq!(secrets.receive.key_and_salt(), (0..30).collect::<Vec<u8>>());
    assert_ne!(secrets.send.key_and_salt(), secrets.receive.key_and_salt());
}

#[test]
fn policy_and_offer_decide_between_srtp_clear_and_488() {
    let ours = keys(7);
    let key = line(1, "AES_CM_128_HMAC_SHA1_80", KEY_128);
    let foreign = line(1, "F8_128_HMAC_SHA1_80", KEY_128);
    // Profile, lines, then what none, prefer and require come to, and prefer and require over clear signalling.
    let cases = [
        ("RTP/AVP", "", ["clear", "clear", "488", "clear", "488"]),
        ("RTP/AVP", key.as_str(), ["clear", "srtp", "srtp", "clear", "488"]),
        ("RTP/AVPF", key.as_str(), ["clear", "srtp", "srtp", "clear", "488"]),
        ("RTP/AVP", foreign.as_str(), ["clear", "clear", "488", "clear", "488"]),
        ("RTP/SAVP", key.as_str(), ["488", "srtp", "srtp", "488", "488"]),
        ("RTP/SAVPF", key.as_str(), ["488", "srtp", "srtp", "488", "488"]),
        ("RTP/SAVP", foreign.as_str(), ["488", "488", "488", "488", "488"]),
        ("RTP/SAVP", "", ["488", "488", "488", "488", "488"]),
    ];
    for (protocol, lines, expected) in cases {
        let offer = offering(protocol, lines);
        let policies = [(Srtp::None, true), (Srtp::Prefer, true), (Srtp::Require, true), (Srtp::Prefer, false), (Srtp::Require, false)];
        for ((policy, private), expected) in policies.into_iter().zip(expected) {
            let terms = terms(policy, private.then_some(&ours));
            let came = match answer(&offer, &terms) {
                Ok((answer, plan)) => {
                    let said = answer.to_string();
                    assert!(said.contains(protocol), "{said}");
                    assert_eq!(said.contains("a=crypto"), plan.secrets.is_some(), "a key is said where it is used, and nowhere else");
                    if plan.secrets.is_some() { "srtp" } else { "clear" }
                }
                Err(refused) => {
                    assert_eq!(refused.status, 488);
                    "488"
                }
            };
            assert_eq!(came, expected, "{protocol} {lines} {policy:?} {private}");
            assert_eq!(screen(&offer, policy, private).is_ok(), expected != "488", "the door says the same");
        }
    }
}

#[test]
fn each_refusal_says_what_would_help() {
    let ours = keys(7);
    let key = line(1, "AES_CM_128_HMAC_SHA1_80", KEY_128);
    let why = |protocol, lines: &str, policy, private: bool| {
        answer(&offering(protocol, lines), &terms(policy, private.then_some(&ours))).unwrap_err().why
    };
    assert!(why("RTP/SAVP", &key, Srtp::None, true).contains("srtp = \"prefer\""));
    assert!(why("RTP/SAVP", &key, Srtp::Prefer, false).contains("TLS"));
    assert!(why("RTP/SAVP", &key.replace("AES", "XES"), Srtp::Prefer, true).contains("no SRTP suite in common"));
    assert!(why("RTP/AVP", "", Srtp::Require, true).contains("required"));
}

#[test]
fn of_a_stream_offered_clear_and_secured_the_secured_one_is_taken() {
    let ours = keys(7);
    let secured = format!("m=audio 4002 RTP/SAVP 0\r\n{}", line(1, "AES_CM_128_HMAC_SHA1_80", KEY_128));
    let both = offering("RTP/AVP", &secured);
    let ports = |policy| {
        let (answer, plan) = answer(&both, &terms(policy, Some(&ours))).unwrap();
        (answer.description().media.iter().map(|media| media.port).collect::<Vec<_>>(), plan.remote.port())
    };
    assert_eq!(ports(Srtp::None), (vec![30000, 0], 4000));
    assert_eq!(ports(Srtp::Prefer), (vec![0, 30000], 4002));
    assert_eq!(ports(Srtp::Require), (vec![0, 30000], 4002));
}

#[test]
fn our_offer_is_of_the_profile_that_the_policy_asks_for() {
    let ours = keys(7);
    let said = |policy, keys| offer(&terms(policy, keys)).to_string();
    let lines = |text: &str| text.matches("a=crypto:").count();
    let (none, prefer, require) = (said(Srtp::None, Some(&ours)), said(Srtp::Prefer, Some(&ours)), said(Srtp::Require, Some(&ours)));
    assert!(none.contains("RTP/AVP ") && lines(&none) == 0);
    assert!(prefer.contains("RTP/AVP ") && lines(&prefer) == 6, "{prefer}");
    assert!(require.contains("RTP/SAVP ") && lines(&require) == 6);
    assert!(require.find("AEAD_AES_256_GCM") < require.find("AES_CM_128_HMAC_SHA1_80"), "the strongest first");
    assert_eq!(lines(&said(Srtp::Prefer, None)), 0, "no key over clear signalling");
}

#[test]
fn the_answer_to_our_offer_names_one_of_our_keys() {
    let ours = keys(7);
    let answered = |policy, protocol: &str, lines: &str| {
        let terms = terms(policy, Some(&ours));
        let theirs = Answer::parse(&offering(protocol, lines).to_string()).unwrap();
        accept(&offer(&terms), &theirs, &terms)
    };
    let good = line(4, "AES_CM_128_HMAC_SHA1_80", KEY_128);
    let secrets = answered(Srtp::Prefer, "RTP/AVP", &good).unwrap().secrets.unwrap();
    assert_eq!(Some(&secrets.send), ours.of(Profile::Aes128CmSha1Tag80));
    assert_eq!(secrets.receive.key_and_salt(), (0..30).collect::<Vec<u8>>());
    assert_eq!(answered(Srtp::Prefer, "RTP/AVP", "").unwrap().secrets, None, "who does not know keys talks in the clear (RFC 8643)");
    assert!(answered(Srtp::Require, "RTP/SAVP", &good).unwrap().secrets.is_some());
    let refused = [
        (Srtp::Require, "RTP/SAVP", String::new()),
        (Srtp::Require, "RTP/AVP", good.clone()),
        (Srtp::Prefer, "RTP/SAVP", good),
        (Srtp::Prefer, "RTP/AVP", line(9, "AES_CM_128_HMAC_SHA1_80", KEY_128)),
        (Srtp::Prefer, "RTP/AVP", line(4, "AES_CM_128_HMAC_SHA1_32", KEY_128)),
    ];
    for (policy, protocol, lines) in refused {
        assert_eq!(answered(policy, protocol, &lines).unwrap_err().status, 488, "{policy:?} {protocol} {lines}");
    }
}

#[test]
fn keys_stay_through_reoffers_of_both_sides() {
    let ours = keys(7);
    let first = answer(&offering("RTP/SAVP", &line(3, "AES_CM_128_HMAC_SHA1_32", KEY_128)), &terms(Srtp::Require, Some(&ours))).unwrap();
    let again = Terms { previous: Some(first.0.description()), ..terms(Srtp::Require, Some(&ours)) };
    let held = answer(&offering("RTP/SAVP", &format!("{}a=sendonly\r\n", line(3, "AES_CM_128_HMAC_SHA1_32", KEY_128))), &again).unwrap();
    assert_eq!(held.1.secrets, first.1.secrets);
    let rekeyed = answer(&offering("RTP/SAVP", &line(3, "AES_CM_128_HMAC_SHA1_32", OTHER_128)), &again).unwrap().1.secrets.unwrap();
    assert_eq!(rekeyed.send, first.1.secrets.clone().unwrap().send);
    assert_ne!(rekeyed.receive, first.1.secrets.unwrap().receive);
    let re = offer(&Terms { previous: Some(held.0.description()), ..again });
    let said: Vec<_> = Crypto::of(&re.description().media[0]).map(|crypto| (crypto.tag, crypto.key)).collect();
    assert_eq!(said, [(3, rekeyed.send)]);
    assert!(re.to_string().contains("RTP/SAVP"));
}

#[test]
fn what_a_line_asks_beyond_us_rules_it_out() {
    let good = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_128}");
    let accepted = ["", "|2^31", "|1048576", "|2^20|1:4", "|1:4", " WSH=64", " KDR=0", " -UNKNOWN=1"];
    for rest in accepted {
        assert!(Crypto::parse(&format!("{good}{rest}")).is_some(), "{rest}");
    }
    let refused =
        [" UNENCRYPTED_SRTP", " UNAUTHENTICATED_SRTP", " KDR=1", " FEC_ORDER=FEC_SRTP", "|2^64", "|x", "|300:1", "|1:17", "A", "=="];
    for rest in refused {
        assert!(Crypto::parse(&format!("{good}{rest}")).is_none(), "{rest}");
    }
    assert!(Crypto::parse(&format!("{good};inline:{OTHER_128}")).is_none(), "several keys in one line");
    assert!(Crypto::parse(&good.replace("1 AES_CM_128", "1 AES_256_CM")).is_none(), "a key too short for its suite");
    assert_eq!(Crypto::parse(&format!("{good}|2^20|1:4")).unwrap().lifetime, Some(1 << 20));
}

#[test]
fn a_key_in_a_description_is_on_the_wire_and_in_no_log() {
    let offer = offering("RTP/SAVP", &line(1, "AES_CM_128_HMAC_SHA1_80", KEY_128));
    assert!(offer.to_string().contains(KEY_128));
    let plan = answer(&offer, &terms(Srtp::Prefer, Some(&keys(1)))).unwrap().1;
    assert!(!format!("{offer:?} {plan:?} {:?}", keys(1)).contains(&KEY_128[..10]));
}

proptest! {
    #[test]
    fn no_line_makes_the_reader_panic(value in "\\PC{0,80}|[0-9]{1,10} (AES_CM_128_HMAC_SHA1_80|AEAD_AES_128_GCM) inline:[A-Za-z0-9+/=|^:;]{0,60}( [A-Z_=0-9-]{1,12}){0,2}") {
        if let Some(crypto) = Crypto::parse(&value) {
            let again = Crypto::parse(&crypto.to_string()).unwrap();
            prop_assert_eq!(again.key.key_and_salt(), crypto.key.key_and_salt());
        }
    }

    #[test]
    fn both_ends_of_a_secured_agreement_hold_the_same_keys(policies in (0..3_usize, 0..3_usize), private in (any::<bool>(), any::<bool>())) {
        let policy = |index: usize| [Srtp::None, Srtp::Prefer, Srtp::Require][index];
        let (near_keys, far_keys) = (keys(1), keys(100));
        let near = terms(policy(policies.0), private.0.then_some(&near_keys));
        let far = terms(policy(policies.1), private.1.then_some(&far_keys));
        let proposal = offer(&near);
        if let Ok((reply, plan)) = answer(&proposal, &far) {
            match accept(&proposal, &reply, &near) {
                Ok(mine) => {
                    let crossed = mine.secrets.map(|keys| Box::new(Secrets { send: keys.receive, receive: keys.send }));
                    prop_assert_eq!(crossed, plan.secrets.clone());
                    prop_assert!(plan.secrets.is_some() || (near.srtp != Srtp::Require && far.srtp != Srtp::Require));
                }
                // Keys that are required and may not be written: the leg is refused before it offers.
                Err(_) => prop_assert!(near.srtp == Srtp::Require && near.keys.is_none()),
            }
        }
    }
}
