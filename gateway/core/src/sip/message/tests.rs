//! Hard messages, in the spirit of RFC 4475 (bytes our own), and properties over random ones.

use proptest::prelude::*;

use super::{
    parse::{Fields, lines as lines_of, name_and_value},
    *,
};
use crate::sip::{CSeq, Headers, NameAddr, Params, Text, Via, header::Scheme};

fn request(text: &str) -> Request {
    match parse(text.as_bytes()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

/// A sound request with further lines.
fn with_lines(lines: &str) -> String {
    format!(
        "OPTIONS sip:u@h SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:u@h>\r\n\
         Call-ID: c\r\nCSeq: 1 OPTIONS\r\n{lines}\r\n"
    )
}

const TORTUOUS: &str = "\r\n\r\nINVITE sip:vivekg@chair.example.com;unknownparam SIP/2.0\r\n\
    TO :\r\n sip:vivekg@chair.example.com ;   tag    = 1918181833n\r\n\
    f   : \"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = 98asjd8\r\n\
    MaX-fOrWaRdS: 0068\r\n\
    i: wsinv.ndaksdj@192.0.2.1\r\n\
    Content-Length   : 5\r\n\
    cseq: 0009\r\n  INVITE\r\n\
    v: SIP  / 2.0\r\n  /UDP\r\n    192.0.2.2;branch=390skdjuw , SIP/2.0/TCP [2001:db8::2]:5061 ;branch=z9hG4bK9\r\n\
    s :\r\n\
    NewFangledHeader:   newfangled value\r\n continued newfangled value\r\n\
    UnknownHeaderWithUnusualValue: ;;,,;;,;\r\n\
    m:\"Quoted \\\"string\\\" \\\"\\\" a, b\" <sip:jdrosen@example.com;lr?X=%21> ; newparam = newvalue ; q = 0.33 , tel:+31\r\n\
    \r\nv=0\r\nbehind the end";

#[test]
fn folding_compact_names_and_odd_spaces_are_read() {
    let request = request(TORTUOUS);
    assert_eq!(request.to.tag(), Some("1918181833n"));
    assert_eq!(request.from.display.as_deref(), Some("J Rosenberg \\\""));
    assert_eq!(request.max_forwards(), 68);
    assert_eq!(request.cseq, CSeq { number: 9, method: Method::Invite });
    assert_eq!((request.via.branch(), request.vias_below.len()), (Some("390skdjuw"), 1));
    assert_eq!((request.vias_below[0].host.as_str(), request.vias_below[0].port), ("2001:db8::2", Some(5061)));
    assert_eq!(request.headers.first("newfangledheader"), Some("newfangled value continued newfangled value"));
    assert_eq!(request.headers.first("Subject"), Some(""));
    let contacts = request.headers.addresses("Contact").unwrap();
    assert_eq!(contacts[0].display.as_deref(), Some("Quoted \"string\" \"\" a, b"));
    assert_eq!((&contacts[1].uri.scheme, contacts.len()), (&Scheme::Tel, 2));
    assert_eq!(request.body, b"v=0\r\n", "what follows Content-Length is cut off");
}

#[test]
fn any_token_is_a_method_and_any_scheme_a_uri() {
    let text = "!interesting-Method0123456789_*+`.%indeed'~ nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0\r\n\
        Via: SIP/2.0/UDP h.example;branch=z9hG4bK1\r\nFrom: sip:a@h;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: (%Z)<:>\\/\"[]?{}`~\r\n\
        CSeq: 139122385 !interesting-Method0123456789_*+`.%indeed'~\r\n\r\n";
    let request = request(text);
    assert_eq!(request.uri.scheme, Scheme::Other("nobodyknowsthisscheme".to_owned()));
    assert!(matches!(request.method, Method::Other(_)));
}

#[test]
fn a_response_may_lack_its_words_and_may_say_them_in_any_tongue() {
    for (line, words) in
        [("SIP/2.0 100 ", ""), ("SIP/2.0 200", ""), ("SIP/2.0 200 = 2**3 * 5**2 но сто девяносто", "= 2**3 * 5**2 но сто девяносто")]
    {
        let text = with_lines("").replace("OPTIONS sip:u@h SIP/2.0", line);
        match parse(text.as_bytes()) {
            Ok(Message::Response(response)) => assert_eq!(response.phrase, words),
            other => panic!("{line}: {other:?}"),
        }
    }
}

#[test]
fn ambiguous_or_broken_messages_are_none() {
    let sound = with_lines("");
    let broken = |from: &str, to: &str| sound.replacen(from, to, 1);
    for (text, why) in [
        (broken("OPTIONS sip", "OPTIONS  sip"), Dropped::StartLine),
        (broken("u@h SIP", "u@h; lr SIP"), Dropped::StartLine),
        (broken("sip:u@h SIP", "<sip:u@h> SIP"), Dropped::RequestUri),
        (broken("SIP/2.0\r\n", "SIP/7.0\r\n"), Dropped::Version),
        (broken("SIP/2.0\r\n", "SIP/2.0 \r\n"), Dropped::StartLine),
        (broken("1 OPTIONS", "1 INVITE"), Dropped::CSeqMethod),
        (broken("1 OPTIONS", "4294967296 OPTIONS"), Dropped::Essential),
        (broken("Call-ID: c\r\n", ""), Dropped::Essential),
        (broken("Via: SIP/2.0/UDP", "Via: SIP/2.0"), Dropped::Essential),
        (broken("<sip:a@h>;tag=1", "\"Bell, Alexander <sip:a@h>;tag=1"), Dropped::Essential),
        (broken("\r\n\r\n", "\r\n"), Dropped::Unterminated),
        (with_lines("From: <sip:evil@h>;tag=2\r\n"), Dropped::Repeated),
        (with_lines("i: other\r\n"), Dropped::Repeated),
        (with_lines("Content-Length: 0\r\nl: 10\r\n"), Dropped::Repeated),
        (with_lines("Content-Length: 10\r\n"), Dropped::ContentLength),
        (with_lines("Content-Length: -999\r\n"), Dropped::ContentLength),
        (with_lines("Content-Length: +0\r\n"), Dropped::ContentLength),
        (with_lines("Max-Forwards: 300\r\n"), Dropped::MaxForwards),
        (with_lines("X: a\nP-Asserted-Identity: <sip:ceo@h>\r\n"), Dropped::Control),
        (with_lines("X: a\rY: b\r\n"), Dropped::Control),
        (with_lines("X: a\0\r\n"), Dropped::Control),
        (with_lines("X Y: a\r\n"), Dropped::HeaderLine),
        (with_lines("no colon\r\n"), Dropped::HeaderLine),
        (with_lines(&"X: y\r\n".repeat(HEADERS_MAX)), Dropped::TooManyHeaders),
        ("\r\n\r\n".to_owned(), Dropped::KeepAlive),
        (String::new(), Dropped::KeepAlive),
        ("x".repeat(MESSAGE_MAX + 1), Dropped::TooLong),
    ] {
        assert_eq!(parse(text.as_bytes()), Err(why), "{}", text.get(..300).unwrap_or(&text));
    }
}

#[test]
fn a_trust_header_is_found_in_every_spelling() {
    for line in [
        "P-Asserted-Identity: <sip:x@h>\r\n",
        "p-asserted-IDENTITY \t: <sip:x@h>\r\n",
        "P-Asserted-Identity:\r\n <sip:x@h>\r\n",
        "X: y\r\nP-Asserted-Identity\t:\r\n\t<sip:x@h>\r\n",
    ] {
        let mut request = request(&with_lines(line));
        assert_eq!(request.headers.all("P-Asserted-Identity").count(), 1, "{line}");
        request.headers.remove("p-asserted-identity");
        assert!(!String::from_utf8_lossy(&request.to_bytes()).contains("x@h"), "{line}");
    }
}

#[test]
fn what_the_owner_says_cannot_add_a_line() {
    let mut request = request(&with_lines(""));
    request.headers.push("X-Note", "a\r\nX-Evil: b\0");
    request.headers.push("X-Bad\r\nX-Evil", "b");
    let printed = request.to_bytes();
    let text = String::from_utf8_lossy(&printed);
    assert!(text.contains("X-Note: a  X-Evil: b\r\n") && !text.contains("\r\nX-Evil"), "{text}");
}

#[test]
fn a_broken_request_with_a_way_back_is_answered_400() {
    let source = "203.0.113.5:4000".parse().unwrap();
    let text = with_lines("Max-Forwards: 300\r\n").replace("branch=z9hG4bK1", "branch=z9hG4bK1;rport");
    let (to, bytes) = answer_broken(text.as_bytes(), source).unwrap();
    let Ok(Message::Response(response)) = parse(&bytes) else { panic!("{}", String::from_utf8_lossy(&bytes)) };
    assert_eq!((response.status, to), (400, source));
    assert_eq!((response.via.params.value("received"), response.via.params.value("rport")), (Some("203.0.113.5"), Some("4000")));
    let version = with_lines("").replace("SIP/2.0\r\nVia", "SIP/7.0\r\nVia");
    assert!(answer_broken(version.as_bytes(), source).is_some_and(|(_, bytes)| bytes.starts_with(b"SIP/2.0 505 ")));
}

#[test]
fn neither_a_broken_ack_nor_a_broken_response_nor_a_sound_request_is_answered() {
    let source = "203.0.113.5:4000".parse().unwrap();
    for (from, to) in [("OPTIONS", "ACK"), ("OPTIONS sip:u@h SIP/2.0", "SIP/2.0 200 OK")] {
        let text = with_lines("Max-Forwards: 300\r\n").replace(from, to);
        assert_eq!(answer_broken(text.as_bytes(), source), None, "{text}");
    }
    assert_eq!(answer_broken(with_lines("").as_bytes(), source), None);
}

fn params() -> impl Strategy<Value = Params> {
    proptest::collection::vec(("[a-z][a-z0-9.-]{0,6}", proptest::option::of("[A-Za-z0-9.+-]{1,8}")), 0..4).prop_map(|pairs| {
        let mut params = Params::new();
        pairs.iter().for_each(|(name, value)| params.set(name, value.as_deref()));
        params
    })
}

fn uri() -> impl Strategy<Value = Uri> {
    let user = proptest::option::of("([a-zA-Z0-9+._-]|%[0-9A-F]{2}){1,8}");
    let host = prop_oneof!["[a-z0-9-]{1,8}(\\.[a-z]{2,3})?", Just("192.0.2.33".to_owned()), Just("2001:db8::1".to_owned())];
    let scheme = prop_oneof![Just(Scheme::Sip), Just(Scheme::Sips)];
    (scheme, user, host, proptest::option::of(1..=u16::MAX), params(), proptest::option::of("[a-z]{1,4}=[a-z%0-9]{0,4}")).prop_map(
        |(scheme, user, host, port, params, headers): (_, Option<String>, String, _, _, Option<String>)| Uri {
            scheme,
            userinfo: user.map(Text::from),
            host: host.into(),
            port,
            params,
            headers: headers.map(Text::from),
        },
    )
}

fn name_addr() -> impl Strategy<Value = NameAddr> {
    let display = proptest::option::of("[ -~äß中]{0,11}[!-~]");
    (display, uri(), params()).prop_map(|(display, uri, params): (Option<String>, _, _)| NameAddr {
        display: display.map(Text::from),
        uri,
        params,
    })
}

fn via() -> impl Strategy<Value = Via> {
    ("UDP|TCP|WSS", "[a-z]{1,5}|192\\.0\\.2\\.1", proptest::option::of(1..=u16::MAX), params(), "[a-z0-9]{1,9}").prop_map(
        |(transport, host, port, mut params, branch): (String, String, _, Params, String)| {
            params.set("branch", Some(&branch));
            Via { transport: transport.into(), host: host.into(), port, params }
        },
    )
}

fn any_request() -> impl Strategy<Value = Request> {
    let method = prop_oneof![Just("INVITE"), Just("BYE"), Just("REGISTER"), Just("x-New!")].prop_map(Method::from_token);
    let lines = proptest::collection::vec(("X-[A-Za-z]{1,8}", "([!-~ä][ -~]{0,20}[!-~])?"), 0..5);
    let dialog = (name_addr(), name_addr(), "[!-~]{1,12}", 0..0x8000_0000u32);
    (method, uri(), proptest::collection::vec(via(), 1..4), dialog, lines, proptest::collection::vec(any::<u8>(), 0..64)).prop_map(
        |(method, uri, mut vias, (from, to, call_id, number), lines, body)| {
            let mut headers = Headers::new();
            lines.into_iter().for_each(|(name, value)| headers.push(&name, value));
            let vias_below = vias.split_off(1);
            let (via, cseq, call_id) = (vias.remove(0), CSeq { number, method: method.clone() }, Text::from(call_id));
            Request { method, uri, via, vias_below, from, to, call_id, cseq, headers, body }
        },
    )
}

/// Does `part` lie within `whole`, as the same memory?
fn lies_in(whole: &Text, part: &str) -> bool {
    let whole = whole.as_bytes().as_ptr_range();
    part.is_empty() || (whole.contains(&part.as_ptr()) && part.as_bytes().as_ptr_range().end <= whole.end)
}

#[test]
fn no_value_is_copied_on_the_way_in() {
    let lines = "Max-Forwards: 70\r\nContact: <sip:ada@192.0.2.1;transport=udp>\r\nX-Customer: \"gold\"; since=2019\r\nk: timer, path\r\n";
    let head = Text::from(with_lines(lines).trim_end());
    let mut fields = Fields::default();
    lines_of(&head).skip(1).for_each(|line| {
        let (name, value) = name_and_value(line.unwrap()).unwrap();
        fields.take(&head, name, value).unwrap();
    });
    let (via, from, to) = (fields.via.unwrap(), fields.from.unwrap(), fields.to.unwrap());
    let contact = fields.headers.addresses("Contact").unwrap().remove(0);
    let values = fields.headers.iter().map(|(_, value)| value);
    let parts = [via.host.as_str(), via.branch().unwrap(), from.tag().unwrap(), &to.uri.host, to.uri.userinfo.as_deref().unwrap()];
    let parts = parts.into_iter().chain([contact.uri.host.as_str(), contact.uri.params.value("transport").unwrap()]);
    for part in values.chain(parts).chain([fields.call_id.as_deref().unwrap(), fields.headers.iter().nth(2).unwrap().0]) {
        assert!(lies_in(&head, part), "{part} was copied");
    }
    assert!(!lies_in(&head, &contact.detached().uri.host), "what is detached lies elsewhere");
}

#[test]
fn a_name_in_latin_1_goes_out_as_it_came() {
    let mut bytes = with_lines("X-Note: na\u{10fd80}ve\r\nSubject: caf?\r\n").replace("<sip:a@h>", "\"Andr?\" <sip:a@h>").into_bytes();
    bytes.iter_mut().filter(|b| **b == b'?').for_each(|b| *b = 0xe9);
    let Ok(Message::Request(request)) = parse(&bytes) else { panic!("not taken") };
    assert_eq!(readable(request.from.display.as_deref().unwrap()), "André");
    let holds = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    let (again, answer) = (request.to_bytes(), request.answer(200, None).to_bytes());
    assert!(holds(&again, b"\"Andr\xe9\" <sip:a@h>") && holds(&answer, b"\"Andr\xe9\" <sip:a@h>"));
    assert!(holds(&again, b"Subject: caf\xe9\r\n") && holds(&again, "X-Note: na\u{10fd80}ve\r\n".as_bytes()));
    let broken = [&b"OPTIONS sip:u@h SIP/2.0\r\nMax-Forwards: 300\r\n"[..], &bytes[25..]].concat();
    let (_, refusal) = answer_broken(&broken, ([192, 0, 2, 1], 5060).into()).unwrap();
    assert!(holds(&refusal, b"\"Andr\xe9\" <sip:a@h>"));
}

proptest! {
    #[test]
    fn a_control_character_is_found_wherever_it_stands(mut line in "[ -~ä]{1,40}", at in any::<prop::sample::Index>(), control in 0..0x20u8) {
        prop_assert_eq!(lines_of(&line).next(), Some(Ok(line.as_str())));
        let at = at.index(line.len());
        prop_assume!(control != b'\t' && line.is_char_boundary(at) && !line[..at].ends_with('\\'));
        line.insert(at, control.into());
        prop_assert!(lines_of(&line).any(|line| line == Err(Dropped::Control)));
        let del = line.replace(char::from(control), "\u{7f}");
        prop_assert!(lines_of(&del).any(|line| line == Err(Dropped::Control)));
    }

    #[test]
    fn what_is_printed_is_read_back(request in any_request(), status in 100..700u16) {
        prop_assert_eq!(parse(&request.to_bytes()), Ok(Message::Request(request.clone())), "{}", String::from_utf8_lossy(&request.to_bytes()));
        let response = request.answer(status, Some("t"));
        prop_assert_eq!(parse(&response.to_bytes()), Ok(Message::Response(response.clone())));
    }

    #[test]
    fn no_bytes_make_the_parser_fall(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes);
        let _ = answer_broken(&bytes, ([192, 0, 2, 1], 5060).into());
    }

    #[test]
    fn a_mangled_message_is_read_the_same_twice_or_not_at_all(
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), prop::sample::select(b"\r\n :;,<>\"\\@%=[]/\0\x7f\xff0aZ".to_vec())), 1..6),
        end in any::<prop::sample::Index>(),
    ) {
        let mut bytes = TORTUOUS.as_bytes().to_vec();
        for (at, byte) in cuts {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(bytes.len() - end.index(bytes.len()) / 20);
        let _ = answer_broken(&bytes, ([192, 0, 2, 1], 5060).into());
        if let Ok(message) = parse(&bytes) {
            let again = parse(&message.to_bytes());
            prop_assert_eq!(again.as_ref(), Ok(&message), "{}", String::from_utf8_lossy(&message.to_bytes()));
        }
    }
}
