use std::path::Path;

use super::*;
use crate::config::{self, Outside, RouteAction};

/// A configuration as an operator writes it; scripts `main` and `demo` are there.
const FILE: &str = r#"
[[sip]]
listen = "10.0.0.1:5060"

[[trunk]]
name = "near"
sources = ["10.1.2.0/24"]
codecs = ["pcma"]

[[trunk]]
name = "wide"
sources = ["10.0.0.0/9", "fd00:1::/32"]

[[route]]
dialled = "+380441112233"
script = "main"

[[route]]
dialled = "100"
trunk = "wide"
script = "demo"

[[route]]
dialled = "demo"
script = "demo"
"#;

struct Shop;

impl Outside for Shop {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, _: &Path) -> Result<String, String> {
        Err("not there".to_owned())
    }

    fn own_address(&self) -> Option<IpAddr> {
        Some(IpAddr::from([10, 0, 0, 1]))
    }

    fn scripts(&self, _: &Path) -> Option<Vec<String>> {
        Some(["main", "demo"].map(str::to_owned).to_vec())
    }
}

fn read(text: &str) -> Config {
    config::read("tandem.toml", text, &Shop).unwrap_or_else(|faults| panic!("{faults:?}\n{text}")).config
}

fn asked(by: By, dialled: &str) -> Asked {
    Asked { by, caller: "+380501112233".to_owned(), dialled: dialled.to_owned(), is_signed: false }
}

fn from(address: &str) -> By {
    By::Address(address.parse().unwrap())
}

fn refused(text: &str, by: By, dialled: &str) -> Refusal {
    judge(&read(text), asked(by, dialled)).way.expect_err("the call is refused")
}

/// Does to the file what the refusal says, as an operator would.
fn mended(text: &str, admit: &Admit) -> String {
    let Some(trunk) = &admit.trunk else { return format!("{text}\n{}\n", admit.toml) };
    let key = admit.toml.split(" = ").next().unwrap();
    let (before, behind) = text.split_once(&format!("name = \"{trunk}\"\n")).expect("the trunk is in the file");
    let (block, rest) = behind.split_once("\n\n").unwrap_or((behind, ""));
    let kept: Vec<&str> = block.lines().filter(|line| !line.starts_with(&format!("{key} ="))).collect();
    format!("{before}name = \"{trunk}\"\n{}\n{}\n\n{rest}", kept.join("\n"), admit.toml)
}

/// What the refusal tells the operator to write does let the call in.
#[track_caller]
fn is_let_in_by_its_own_line(by: By, dialled: &str) -> Way {
    let refusal = refused(FILE, by.clone(), dialled);
    let mut text = mended(FILE, refusal.admit.as_ref().expect("a line"));
    // A stranger with a wrong number is told one thing at a time.
    if let Err(next) = &judge(&read(&text), asked(by.clone(), dialled)).way {
        assert_ne!(next.reason, refusal.reason, "{text}");
        text = mended(&text, next.admit.as_ref().expect("a line"));
    }
    judge(&read(&text), asked(by, dialled)).way.unwrap_or_else(|still| panic!("{still}\n{text}"))
}

#[test]
fn the_longest_prefix_speaks_for_an_address() {
    let config = read(FILE);
    assert_eq!(trunk_of(&config, "10.1.2.3:5060".parse().unwrap()).unwrap().name, "near");
    assert_eq!(trunk_of(&config, "10.9.2.3:5060".parse().unwrap()).unwrap().name, "wide");
    assert_eq!(trunk_of(&config, "[::ffff:10.9.2.3]:5060".parse().unwrap()).unwrap().name, "wide");
}

#[test]
fn a_stranger_gets_a_bare_403_and_the_log_names_the_nearest_trunk() {
    let refusal = refused(FILE, from("10.129.2.3:5060"), "100");
    assert_eq!((refusal.cause().sip, refusal.cause().q850, refusal.to_peer), (403, 21, false));
    assert_eq!(
        refusal.to_string(),
        "no trunk speaks from 10.129.2.3; nearest is trunk near with sources 10.1.2.0/24 and not 10.129.2.3; \
         to admit it: [[trunk]] name = \"from-10-129-2-3\" sources = [\"10.129.2.3\"]"
    );
    assert_eq!(is_let_in_by_its_own_line(from("10.129.2.3:5060"), "demo").dialled, "demo");
}

#[test]
fn a_new_host_of_a_known_carrier_is_added_to_its_trunk() {
    let text = FILE.replace("10.0.0.0/9", "10.200.0.0/24");
    let refusal = refused(&text, from("10.1.3.7:5060"), "demo");
    let admit = refusal.admit.as_ref().unwrap();
    assert_eq!(admit.to_string(), "sources = [\"10.1.2.0/24\", \"10.1.3.7\"] in [[trunk]] near");
    let mended = mended(&text, admit);
    assert_eq!(judge(&read(&mended), asked(from("10.1.3.7:5060"), "demo")).trunk.unwrap().0, "near", "{mended}");
}

#[test]
fn a_stranger_by_ipv6_is_let_in_by_its_own_line() {
    is_let_in_by_its_own_line(from("[fd77::5]:5060"), "demo");
    is_let_in_by_its_own_line(from("[::ffff:172.16.0.9]:5060"), "demo");
}

#[test]
fn a_node_with_no_trunk_says_so() {
    let refusal = trunk_of(&Config::default(), "10.1.1.1:5060".parse().unwrap()).unwrap_err();
    assert!(refusal.to_string().contains("; no trunk is configured; to admit it: [[trunk]]"), "{refusal}");
}

#[test]
fn a_number_with_no_route_is_404_beside_the_nearest_one() {
    let refusal = refused(FILE, from("10.1.2.3:5060"), "0441112233");
    assert_eq!((refusal.cause().sip, refusal.cause().q850, refusal.to_peer), (404, 1, true));
    assert_eq!(
        refusal.to_string(),
        "no route for 0441112233; nearest is route +380441112233 with dialled +380441112233 and not 0441112233; \
         to admit it: [[route]] dialled = \"0441112233\" script = \"main\""
    );
    assert_eq!(is_let_in_by_its_own_line(from("10.1.2.3:5060"), "0441112233").place, 4);
}

#[test]
fn whatever_was_dialled_the_line_reads_back_and_admits_it() {
    for dialled in ["Demo", "*31#", "a\"b", "back\\slash", "новий", "]]\n[[trunk]]", ""] {
        is_let_in_by_its_own_line(By::Phone, dialled);
    }
    assert_eq!(refused(FILE, By::Phone, "${HOME}").admit, None, "no line can say this");
}

#[test]
fn a_number_as_long_as_a_datagram_is_cut_and_gets_no_line() {
    let refusal = refused(FILE, By::Phone, &"9".repeat(60_000));
    assert!(refusal.to_string().len() < 400 && refusal.admit.is_none(), "{refusal}");
}

#[test]
fn a_route_of_another_trunk_is_named_and_one_for_this_trunk_is_proposed() {
    let refusal = refused(FILE, By::Trunk("near".to_owned()), "100");
    assert_eq!((refusal.cause().sip, refusal.cause().q850), (404, 3));
    assert_eq!(
        refusal.to_string(),
        "no route for 100 by near; nearest is route 100 with trunk wide and not near; \
         to admit it: [[route]] dialled = \"100\" trunk = \"near\" script = \"main\""
    );
    is_let_in_by_its_own_line(By::Trunk("near".to_owned()), "100");
    is_let_in_by_its_own_line(By::Phone, "100");
}

#[test]
fn what_the_peer_hears_names_no_other_customer() {
    let refusal = refused(FILE, By::Trunk("near".to_owned()), "100");
    assert!(refusal.to_peer && !refusal.said.contains("wide"), "{}", refusal.said);
}

#[test]
fn a_plus_does_not_matter_and_a_name_is_left_alone() {
    let config = read(FILE);
    assert!(route_of(&config, None, "380441112233").is_ok());
    assert!(route_of(&config, None, "demo").is_ok());
    assert!(route_of(&config, None, "Demo").is_err());
}

/// An offer of these encodings.
fn offer(maps: &[(u8, &str)]) -> Offer {
    let numbers: Vec<String> = maps.iter().map(|(number, _)| number.to_string()).collect();
    let lines: String = maps.iter().map(|(number, map)| format!("a=rtpmap:{number} {map}\r\n")).collect();
    let head = "v=0\r\no=- 1 1 IN IP4 10.1.2.3\r\ns=-\r\nc=IN IP4 10.1.2.3\r\nt=0 0\r\n";
    Offer::parse(&format!("{head}m=audio 4000 RTP/AVP {}\r\n{lines}", numbers.join(" "))).unwrap()
}

#[test]
fn a_codec_that_the_trunk_does_not_take_is_named_with_the_line_that_takes_it() {
    let judged = |text: &str, offer: &Offer| {
        let config = read(text);
        let trunk = &config.trunks[0];
        codec_of(Some(trunk), &trunk.codecs, offer)
    };
    let offer = offer(&[(0, "PCMU/8000"), (18, "G729/8000"), (101, "telephone-event/8000")]);
    let refusal = judged(FILE, &offer).unwrap_err();
    assert_eq!((refusal.cause().sip, refusal.cause().q850), (488, 65));
    assert_eq!(
        refusal.to_string(),
        "no codec in common; nearest is trunk near with codecs pcma and not PCMU, G729; to admit it: codecs = [\"pcma\", \"pcmu\"] in [[trunk]] near"
    );
    judged(&mended(FILE, &refusal.admit.unwrap()), &offer).unwrap();
}

#[test]
fn a_codec_that_nobody_here_speaks_has_no_line() {
    let config = read(FILE);
    let refusal = codec_of(config.trunks.first(), &config.trunks[0].codecs, &offer(&[(18, "G729/8000")])).unwrap_err();
    assert_eq!((refusal.reason, refusal.admit), (Reason::NoCodec, None));
}

#[test]
fn the_verdict_tells_each_step() {
    let config = read(FILE);
    let verdict = judge(&config, asked(from("10.1.2.3:5060"), "380441112233"));
    assert_eq!(
        verdict.to_string(),
        "trunk     near, which speaks from 10.1.2.0/24\ncaller    +380501112233\nnumber    380441112233\n\
         route     number 1, dialled = \"+380441112233\"\ngoes to   script main"
    );
    assert_eq!(verdict.script(), Some("main"));
    let refused = judge(&config, asked(By::Trunk("near".to_owned()), "100")).to_string();
    assert!(refused.contains("refused   404 route_of_another_trunk (Q.850 3): no route for 100 by near\nnearest   route 100"), "{refused}");
    assert!(refused.ends_with("to admit  at the end of the file:\n          [[route]]\n          dialled = \"100\"\n          trunk = \"near\"\n          script = \"main\""), "{refused}");
}

#[test]
fn a_bridge_is_told_with_its_target() {
    let config = Config {
        routes: vec![Route { dialled: "*".into(), trunk: None, action: RouteAction::Bridge("sip:uas@10.3.0.1".into()), record: true }],
        ..read(FILE)
    };
    let verdict = judge(&config, asked(By::Phone, "7"));
    assert!(verdict.to_string().ends_with("goes to   sip:uas@10.3.0.1, with no script, recorded"), "{verdict}");
}

#[test]
fn numbers_are_judged_as_the_trunks_rules_write_them_here() {
    let text = FILE.replace("codecs = [\"pcma\"]", "numbers_in = { strip = \"00\", prefix = \"+\" }");
    let asked = Asked { caller: "0031201234567".to_owned(), ..asked(By::Trunk("near".to_owned()), "00380441112233") };
    let verdict = judge(&read(&text), asked);
    assert_eq!((verdict.number.as_str(), verdict.asked.caller.as_str()), ("+380441112233", "+31201234567"));
    assert_eq!(verdict.script(), Some("main"));
    assert!(verdict.to_string().contains("+380441112233, dialled as 00380441112233"), "{verdict}");
}

#[test]
fn a_trunk_that_must_sign_is_refused_where_it_does_not_and_the_line_lets_it_in() {
    let stir = "[stir]\nhosts = [\"certificates.carrier.tld\"]\nroots = \"/etc/tandem/stir-roots.pem\"\n";
    let text = format!("{stir}{}", FILE.replace("codecs = [\"pcma\"]", "stir = \"require\""));
    let plain = asked(By::Trunk("near".to_owned()), "demo");
    let refusal = judge(&read(&text), plain.clone()).way.unwrap_err();
    assert_eq!((refusal.reason, refusal.cause().sip), (Reason::Unsigned, 428));
    assert!(judge(&read(&text), Asked { is_signed: true, ..plain.clone() }).way.is_ok());
    assert!(judge(&read(&text.replace("stir = \"require\"", &refusal.admit.unwrap().toml)), plain).way.is_ok());
}
