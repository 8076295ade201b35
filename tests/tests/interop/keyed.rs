//! Media security by trunk (RFC 4568, RFC 8643): what each policy takes of a caller's offer, and what it offers to a carrier.

use std::time::Duration;

use tests::{
    caller::{Call, Caller, status},
    node::Node,
    program::wait_until,
    sipp::Sipp,
};

use super::{on, report, sip_of, trunks::rejections};

const POLICIES: [&str; 3] = ["require", "prefer", "none"];

/// 127.0.0.2 to .4 call under one policy each, and numbers of +311, +312 and +313 go to them; their networks are as private as TLS.
fn node() -> Node {
    Node::with_routes(|ports| {
        let trunk = |(n, policy): (u8, &str)| {
            format!(
                "[[trunk]]\nname = \"{policy}\"\nsources = [\"127.0.0.{0}/32\"]\nhost = \"{1}\"\noutbound = [\"+31{n}\"]\n\
                 srtp = \"{policy}\"\nsrtp_over_clear = {2}\n[[route]]\ndialled = \"out-{policy}\"\nbridge = \"+31{n}01234567\"\n",
                n + 1,
                on(n + 1, ports.peer(n.into())),
                policy != "none",
            )
        };
        let open: String = (1..).zip(POLICIES).map(trunk).collect();
        format!("{open}[[trunk]]\nname = \"overheard\"\nsources = [\"127.0.0.5/32\"]\nsrtp = \"require\"\n")
    })
}

/// A key, as an offer and an answer of AES-128 say it.
const KEY: &str = "AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";

/// What is answered to an offer: its status, the profile of its audio, and whether a key stands in it.
fn said(text: &str) -> (u16, Option<&'static str>, bool) {
    let profile = text.split_once("m=audio ").and_then(|(_, rest)| rest.split(' ').nth(1));
    let profile = profile.map(|profile| if profile.contains("SAVP") { "SAVP" } else { "AVP" });
    (status(text), profile, text.contains("a=crypto:"))
}

#[test]
fn what_a_trunk_prescribes_is_what_its_callers_offer_is_measured_by() {
    let node = node();
    let key = format!("a=crypto:1 {KEY}\r\n");
    // Require, prefer, none; then one that requires keys and must not be told them in the clear.
    let cases = [
        ("RTP/SAVP", key.as_str(), [(200, Some("SAVP"), true), (200, Some("SAVP"), true), (488, None, false), (488, None, false)]),
        ("RTP/AVP", "", [(488, None, false), (200, Some("AVP"), false), (200, Some("AVP"), false), (488, None, false)]),
        ("RTP/AVP", key.as_str(), [(200, Some("AVP"), true), (200, Some("AVP"), true), (200, Some("AVP"), false), (488, None, false)]),
        ("RTP/SAVP", "", [(488, None, false); 4]),
    ];
    for (profile, lines, wanted) in cases {
        for (host, wanted) in (2..).zip(wanted) {
            let caller = Caller::at(on(host, node.ports.peer(10)), sip_of(&node));
            let mut call = caller.invite("main", "", Some(&caller.offer(profile, lines)));
            let answer = call.answered();
            assert_eq!(said(&answer), wanted, "{profile} {lines}from 127.0.0.{host}\n{answer}\n{}", node.log());
            if status(&answer) == 200 {
                stays_as_agreed(&mut call, &caller.offer(profile, lines), &answer);
                call.hang_up();
            }
        }
    }
    assert!(rejections(&node, 1).iter().all(|row| row["reason"] == "security"), "{:?}", rejections(&node, 1));
}

/// A re-INVITE with the same offer is answered under the same key: a counter that began anew under it would give the audio away (RFC 3711 9.1).
fn stays_as_agreed(call: &mut Call<'_>, offer: &str, answer: &str) {
    let again = call.ask("INVITE", "", offer);
    let key = |text: &str| text.lines().find(|line| line.starts_with("a=crypto:")).map(str::to_owned);
    assert_eq!((status(&again), key(&again)), (200, key(answer)), "{again}");
}

#[test]
fn a_carrier_that_routing_finds_is_offered_what_its_trunk_prescribes() {
    let node = node();
    // The fourth of our suites is the one that everybody has.
    let crypto = format!("a=crypto:4 {KEY}");
    let cases = [
        ("require", "RTP/SAVP", crypto.as_str(), "SAVP", true, 200),
        ("require", "RTP/AVP", "", "SAVP", true, 488),
        ("prefer", "RTP/AVP", crypto.as_str(), "AVP", true, 200),
        ("prefer", "RTP/AVP", "", "AVP", true, 200),
        ("none", "RTP/AVP", "", "AVP", false, 200),
    ];
    for (policy, profile, crypto, offered, is_keyed, wanted) in cases {
        let n = (1..).zip(POLICIES).find(|(_, name)| *name == policy).map(|(n, _)| n).unwrap();
        let line = if crypto.is_empty() { String::new() } else { format!("      {crypto}\n") };
        let words = [("PROFILE", profile), ("      CRYPTO\n", line.as_str())];
        let mut carrier = Sipp::listen(node.directory(), "answers-keyed.xml", &words, on(n + 1, node.ports.peer(n.into())), 1);
        let told = report(&node.dial(&[&node.sip_uri(&format!("out-{policy}")), "--as", "+31207654321", "--duration", "1"]).end(PATIENCE));
        carrier.went_well();
        let heard = carrier.messages();
        let (_, seen, has_key) = said(&heard[0]);
        assert_eq!((seen, has_key), (Some(offered), is_keyed), "{policy} {profile}\n{}", heard[0]);
        let status = told["failure"]["status"].as_u64().unwrap_or(200);
        assert_eq!(status, wanted, "{policy} {profile}: {told}\n{}", node.log());
    }
    let over = wait_until(PATIENCE, || (node.metric("tandem_calls").unwrap_or_default() == 0.0).then_some(()));
    assert!(over.is_some(), "{}", node.log());
}

/// On a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
