//! Trunks against carriers: SIPp on both sides, openssl for certificates, a name server of our own.

use std::{
    fs,
    net::{Ipv4Addr, UdpSocket},
    path::Path,
    process::Command,
};

use serde_json::Value;
use tempfile::TempDir;
use tests::{
    authority::Authority,
    name_server::{NameServer, Resource},
    node::{Node, Plan, tandem},
    program::{Program, wait_until},
    sipp::Sipp,
};

use super::{OUT, PATIENCE, on, report, sip_of};

/// A caller who is handed to the carrier by a route, and hangs up after a second.
fn call(node: &Node, dialled: &str) -> Value {
    report(&node.dial(&[&node.sip_uri(dialled), "--as", "+31207654321", "--duration", "1"]).end(PATIENCE))
}

/// The trunk `carrier` as the operator sees it, once it is as `wanted`.
pub(super) fn trunk_once(node: &Node, wanted: impl Fn(&Value) -> bool) -> Value {
    let look = || {
        let told = node.api("GET", "/v1/trunks", &Value::Null).json();
        told["trunks"].as_array()?.iter().find(|trunk| trunk["name"] == "carrier").cloned()
    };
    wait_until(PATIENCE, || look().filter(&wanted)).unwrap_or_else(|| panic!("{:?}\n{}", look(), node.log()))
}

/// The reason of the newest refusal, once there are `count`.
pub(super) fn rejections(node: &Node, count: usize) -> Vec<Value> {
    let rows = || node.api("GET", "/v1/rejections", &Value::Null).json()["rejections"].as_array().cloned().unwrap_or_default();
    wait_until(PATIENCE, || Some(rows()).filter(|rows| rows.len() >= count)).unwrap_or_else(|| panic!("{:?}\n{}", rows(), node.log()))
}

#[test]
fn a_call_goes_to_the_next_server_where_the_first_says_503_and_where_it_says_nothing() {
    let mut names = None;
    let node = Node::with_routes(|ports| {
        let server = NameServer::start(&[
            ("carrier.test", Resource::Naptr(10, 10, "SIP+D2U", "_sip._udp.carrier.test")),
            ("carrier.test", Resource::Naptr(20, 10, "SIP+D2T", "_sip._tcp.carrier.test")),
            ("_sip._udp.carrier.test", Resource::Srv(10, 0, ports.peer(0), "one.carrier.test")),
            ("_sip._udp.carrier.test", Resource::Srv(20, 0, ports.peer(1), "two.carrier.test")),
            ("one.carrier.test", Resource::A(Ipv4Addr::new(127, 0, 0, 2))),
            ("two.carrier.test", Resource::A(Ipv4Addr::new(127, 0, 0, 3))),
        ]);
        let dns = format!("[dns]\nserver = \"{}\"\n", server.address());
        names = Some(server);
        format!("{dns}[[trunk]]\nname = \"carrier\"\nhost = \"carrier.test\"\noutbound = [\"+31\"]\n{OUT}")
    });
    let (one, two) = (on(2, node.ports.peer(0)), on(3, node.ports.peer(1)));
    let mut second = Sipp::listen(node.directory(), "answers.xml", &[], two, 2);
    let mut first = Sipp::listen(node.directory(), "refuses.xml", &[("STATUS", "503 Service Unavailable")], one, 1);
    let told = call(&node, "out");
    assert_eq!(told["ok"], true, "{told}");
    first.went_well();

    // It takes datagrams, and says nothing.
    let silent = UdpSocket::bind(one).unwrap();
    let told = call(&node, "out");
    assert_eq!(told["ok"], true, "{told}");
    second.went_well();
    drop(silent);

    let trunk = trunk_once(&node, |_| true);
    let heard = |server: usize| -> Vec<Value> {
        let samples = trunk["servers"][server]["probes"].as_array().unwrap();
        samples.iter().filter(|sample| sample["by"] == "call").map(|sample| sample["status"].clone()).collect()
    };
    assert_eq!(heard(0), [503.into(), Value::Null], "{trunk}");
    assert_eq!(heard(1), [180, 180], "{trunk}");
    let asked = names.unwrap().asked();
    assert_eq!(asked.iter().filter(|query| query.starts_with("NAPTR")).count(), 1, "records are kept while they are true: {asked:?}");
    assert!(asked.contains(&"SRV _sip._udp.carrier.test".to_owned()) && asked.contains(&"A two.carrier.test".to_owned()), "{asked:?}");
}

#[test]
fn a_carrier_that_challenges_each_call_gets_our_digest_by_401_and_by_407() {
    let node = Node::with_routes(|ports| {
        format!(
            "[[trunk]]\nname = \"carrier\"\nhost = \"{}\"\noutbound = [\"+31\"]\n\
             auth = {{ user = \"acme\", realm = \"carrier.test\", password = \"a long secret\" }}\n{OUT}",
            on(2, ports.peer(0))
        )
    });
    for scenario in ["challenges.xml", "proxy-challenges.xml"] {
        let mut carrier = Sipp::listen(node.directory(), scenario, &[], on(2, node.ports.peer(0)), 1);
        let told = call(&node, "out");
        assert_eq!(told["ok"], true, "{scenario}: {told}");
        carrier.went_well();
    }
}

#[test]
fn a_carrier_proves_itself_by_digest_from_anywhere_and_with_another_password_it_is_nobody() {
    let carrier = "[[trunk]]\nname = \"carrier\"\npeer_auth = { user = \"branch\", password = \"open sesame 1\" }\n";
    let node = Node::with(&Plan { routes: carrier.to_owned(), trunk: ELSEWHERE, ..Plan::default() });
    for (password, is_good) in [("open sesame 1", true), ("open sesame 2", false)] {
        let auth = format!("branch:{password}");
        let told = report(&node.dial(&[&node.sip_uri("main"), "--as", "+31207654321", "--auth", &auth, "--duration", "1"]).end(PATIENCE));
        assert_eq!((&told["ok"], told["failure"]["status"] == 401), (&is_good.into(), !is_good), "{told}");
    }
    let calls = node.ended_calls(1);
    assert_eq!((calls.len(), &calls[0]["caller"]), (1, &"+31207654321".into()), "{calls:?}");
}

#[test]
fn we_register_by_digest_and_the_carrier_calls_from_its_registrar_or_by_our_line() {
    let directory = TempDir::with_prefix("tandem-carrier-").unwrap();
    let mut registrar = None;
    let node = Node::with_routes(|ports| {
        let address = on(2, ports.peer(0));
        registrar = Some(Sipp::listen(directory.path(), "registrar.xml", &[], address, 1));
        format!(
            "[[trunk]]\nname = \"carrier\"\nhost = \"{address}\"\nregister = {{ expires_s = 600 }}\n\
             auth = {{ user = \"acme\", realm = \"carrier.test\", password = \"a long secret\" }}\n\
             [[route]]\ndialled = \"acme\"\nscript = \"main\"\n"
        )
    });
    let mut registrar = registrar.unwrap();
    let trunk = trunk_once(&node, |trunk| trunk["registration"]["registered"] == true);
    assert!(trunk["registration"]["left_s"].as_u64().is_some_and(|left| left > 500), "{trunk}");
    registrar.went_well();
    let contact = registrar.log();
    let contact = contact.trim().trim_start_matches("contact <sip:").trim_end_matches('>');
    assert!(contact.starts_with("acme@127.0.0.1:") && contact.contains(";line="), "{contact}");

    let (plain, _) = contact.split_once(';').unwrap();
    let ways = [
        ("from the address of the registrar", "calls.xml", plain, on(2, node.ports.peer(0))),
        ("from elsewhere, by the line", "calls.xml", contact, on(3, node.ports.peer(1))),
        ("from elsewhere, by nothing", "turned-away.xml", plain, on(3, node.ports.peer(2))),
    ];
    for (way, scenario, dialled, from) in ways {
        let words = [("DIALLED", dialled), ("TALK", "200"), ("STATUS", "403")];
        eprintln!("{way}");
        Sipp::call(node.directory(), scenario, &words, from, sip_of(&node)).went_well();
    }
    assert_eq!(node.ended_calls(2).len(), 2);
}

#[test]
fn a_trunk_is_known_by_its_certificate_and_another_of_the_same_authority_is_nobody() {
    let papers = TempDir::with_prefix("tandem-papers-").unwrap();
    let authority = Authority::found(papers.path(), "authority");
    let (certificate, key) = authority.sign("us", "IP:127.0.0.1");
    let node = Node::prepared(|ports, _| {
        let routes = format!(
            "[[sip]]\nname = \"mutual\"\ntransport = \"tls\"\nlisten = \"127.0.0.1:{}\"\ncertificate = \"{}\"\nkey = \"{}\"\n\
             client_ca = \"{}\"\n[[trunk]]\nname = \"carrier\"\nsubject = \"sbc.carrier.test\"\n",
            ports.peer(20),
            certificate.display(),
            key.display(),
            authority.certificate().display(),
        );
        Plan { routes, trunk: ELSEWHERE, ..Plan::default() }
    });
    for (name, status) in [("sbc.carrier.test", "200"), ("sbc.other.test", "403")] {
        let (certificate, key) = authority.sign(name, &format!("DNS:{name}"));
        let mut carrier = Program::start(
            Command::new("openssl")
                .args(["s_client", "-quiet", "-connect", &format!("127.0.0.1:{}", node.ports.peer(20)), "-CAfile"])
                .arg(authority.certificate())
                .arg("-cert")
                .arg(certificate)
                .arg("-key")
                .arg(key),
        );
        let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=audio 9 RTP/AVP 8\r\n";
        let request = |method: &str, number: u8, to: &str, body: &str| {
            format!(
                "{method} sip:main@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS {name};branch=z9hG4bK-{method}-{number}\r\n\
                 From: <sip:+31207654321@{name}>;tag=1\r\nTo: {to}\r\nCall-ID: {name}\r\nCSeq: {number} {method}\r\nMax-Forwards: 70\r\n\
                 Contact: <sip:{name};transport=tls>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
        };
        carrier.type_in(&request("INVITE", 1, "<sip:main@127.0.0.1>", sdp));
        let to = carrier.wait_for("its final answer", PATIENCE, |said| {
            let answer = &said[said.find(&format!("SIP/2.0 {status}"))?..];
            let to = answer.lines().find_map(|line| line.strip_prefix("To: "))?;
            answer.contains("Content-Length").then(|| to.trim().to_owned())
        });
        carrier.type_in(&request("ACK", 1, &to, ""));
        if status == "200" {
            carrier.type_in(&request("BYE", 2, &to, ""));
            carrier.wait_for("200 to its BYE", PATIENCE, |said| said.contains("CSeq: 2 BYE").then_some(()));
        }
    }
    assert_eq!(node.ended_calls(1).len(), 1);
    assert_eq!(rejections(&node, 1)[0]["reason"], "unknown_source");
}

#[test]
fn probes_take_a_trunk_out_and_bring_it_back_and_calls_meanwhile_are_told_so() {
    let directory = TempDir::with_prefix("tandem-carrier-").unwrap();
    let mut drains = None;
    let node = Node::with_routes(|ports| {
        let address = on(2, ports.peer(0));
        drains = Some(Sipp::listen(directory.path(), "probed.xml", &[("STATUS", "503 Service Unavailable")], address, 3));
        format!("[[trunk]]\nname = \"carrier\"\nhost = \"{address}\"\nprobe_s = 5\noutbound = [\"+31\"]\n{OUT}")
    });
    let trunk = trunk_once(&node, |trunk| trunk["state"] == "down");
    assert_eq!(trunk["servers"][0]["up"], false, "{trunk}");
    drains.unwrap().went_well();
    let told = call(&node, "out");
    assert_eq!((&told["ok"], &told["failure"]["status"]), (&false.into(), &503.into()), "{told}");
    assert_eq!(rejections(&node, 1)[0]["reason"], "trunk_down");

    let mut serves = Sipp::listen(node.directory(), "probed.xml", &[("STATUS", "200 OK")], on(2, node.ports.peer(0)), 2);
    let trunk = trunk_once(&node, |trunk| trunk["state"] == "up");
    let latest: Vec<&Value> =
        trunk["servers"][0]["probes"].as_array().unwrap().iter().rev().take(2).map(|sample| &sample["status"]).collect();
    assert_eq!(latest, [200, 200], "{trunk}");
    serves.went_well();
}

#[test]
fn a_number_that_no_trunk_may_call_is_not_called_and_the_row_has_the_line_that_would_allow_it() {
    let node = Node::with_routes(|ports| {
        format!(
            "[[trunk]]\nname = \"carrier\"\nhost = \"{}\"\noutbound = [\"+380\"]\n\
             [[route]]\ndialled = \"out\"\nbridge = \"+31201234567@carrier\"\n",
            on(2, ports.peer(0))
        )
    });
    let carrier = UdpSocket::bind(on(2, node.ports.peer(0))).unwrap();
    let told = call(&node, "out");
    assert_eq!((&told["ok"], &told["failure"]["status"]), (&false.into(), &403.into()), "{told}");
    let row = rejections(&node, 1).remove(0);
    assert_eq!((&row["reason"], &row["admit"]["toml"]), (&"outbound_closed".into(), &"outbound = [\"+380\", \"+312\"]".into()), "{row}");
    carrier.set_nonblocking(true).unwrap();
    assert!(carrier.recv(&mut [0; 2048]).is_err(), "the carrier has heard of it");
}

#[test]
fn a_trunk_carries_as_many_calls_as_it_may_both_ways_together() {
    let node = Node::with_routes(|ports| {
        let address = on(2, ports.peer(0));
        format!(
            "[[trunk]]\nname = \"carrier\"\nsources = [\"127.0.0.2/32\"]\nhost = \"{address}\"\noutbound = [\"+31\"]\ncalls_max = 1\n{OUT}"
        )
    });
    let mut carrier = Sipp::listen(node.directory(), "answers.xml", &[], on(2, node.ports.peer(0)), 1);
    let mut stays = node.dial(&[&node.sip_uri("out"), "--as", "+31207654321", "--stay", "--duration", "30"]);
    trunk_once(&node, |trunk| trunk["calls"] == 1);
    let told = call(&node, "out");
    assert_eq!(told["failure"]["status"], 503, "{told}");
    let dialled = format!("main@{}", sip_of(&node));
    let words = [("DIALLED", dialled.as_str()), ("STATUS", "503")];
    Sipp::call(node.directory(), "turned-away.xml", &words, on(2, node.ports.peer(1)), sip_of(&node)).went_well();
    let reasons: Vec<Value> = rejections(&node, 2).iter().map(|row| row["reason"].clone()).collect();
    assert_eq!(reasons, ["trunk_full", "trunk_full"]);
    stays.signal("INT");
    stays.end(PATIENCE);
    carrier.went_well();
    trunk_once(&node, |trunk| trunk["calls"] == 0);
}

#[test]
fn a_trunk_takes_as_many_calls_in_a_second_as_it_may() {
    let node = Node::with_routes(|_| "[[trunk]]\nname = \"carrier\"\nsources = [\"127.0.0.2/32\"]\ncps_max = 1\n".to_owned());
    let dialled = format!("main@{}", sip_of(&node));
    let words = [("DIALLED", dialled.as_str()), ("TALK", "200")];
    let mut calls = Sipp::burst(node.directory(), "burst.xml", &words, on(2, node.ports.peer(0)), sip_of(&node), 3);
    calls.went_well();
    let told = calls.log();
    // A busy machine may stretch three calls over more than a second.
    let (taken, away) = (told.matches("taken").count(), told.matches("turned away").count());
    assert!(taken >= 1 && away >= 1 && taken + away == 3, "{told}");
    assert_eq!(rejections(&node, 1)[0]["reason"], "trunk_rate");
}

#[test]
fn a_carrier_sends_a_call_on_to_where_it_may_and_nowhere_else() {
    let node = Node::with_routes(|ports| {
        let trunk = |name: &str, more: &str| {
            let address = on(2, ports.peer(0));
            format!("[[trunk]]\nname = \"{name}\"\nhost = \"{address}\"\noutbound = [\"+31\"]\n{more}\n")
        };
        let (open, closed) = (trunk("carrier", "redirects_to = [\"127.0.0.3\"]"), trunk("closed", ""));
        format!("{open}{closed}{OUT}[[route]]\ndialled = \"out-closed\"\nbridge = \"+31201234567@closed\"\n")
    });
    let (first, second, engaged) = (on(2, node.ports.peer(0)), on(3, node.ports.peer(1)), on(3, node.ports.peer(2)));
    let sends_on = |contacts: &str, dialled: &str| {
        let mut carrier = Sipp::listen(node.directory(), "redirects.xml", &[("CONTACTS", contacts)], first, 1);
        let told = call(&node, dialled);
        carrier.went_well();
        told
    };
    // The one that is wanted most is no host of the carrier's, and the next is busy.
    let mut answers = Sipp::listen(node.directory(), "answers.xml", &[], second, 1);
    let mut busy = Sipp::listen(node.directory(), "refuses.xml", &[("STATUS", "486 Busy Here")], engaged, 1);
    let told =
        sends_on(&format!("<sip:+31201234567@{second}>;q=0.5, <sip:+31201234567@{engaged}>;q=0.9, <sip:+31201234567@127.0.0.9:9>"), "out");
    assert_eq!(told["ok"], true, "{told}");
    answers.went_well();
    busy.went_well();

    let refused = [
        ("out-closed", format!("<sip:+31201234567@{second}>"), "redirects_to = [\"127.0.0.3\"]"),
        ("out", "<sip:+31201234567@127.0.0.9:9>".to_owned(), "redirects_to = [\"127.0.0.3\", \"127.0.0.9\"]"),
        ("out", format!("<sip:+881612345678@{second}>"), "outbound = [\"+31\", \"+881\"]"),
    ];
    for (dialled, contacts, line) in refused {
        let told = sends_on(&contacts, dialled);
        assert_eq!((&told["ok"], &told["failure"]["status"]), (&false.into(), &480.into()), "{contacts}: {told}");
        let is_told = |row: &Value| row["reason"] == "redirect_refused" && row["admit"]["toml"] == line;
        let row = wait_until(PATIENCE, || rejections(&node, 1).into_iter().find(is_told));
        assert!(row.is_some(), "{line}: {:?}", rejections(&node, 1));
    }
}

/// `tandem trunk test carrier` of a configuration that is written for it.
fn tested(directory: &Path, text: &str, more: &[&str]) -> Value {
    let file = directory.join("tested.toml");
    fs::write(&file, format!("{text}\n[[route]]\ndialled = \"*\"\nscript = \"main\"\n[ivr]\ndir = \"{}\"\n", scripts())).unwrap();
    let ended = tandem(&[&["--json", "trunk", "test", "carrier", "-c", &file.to_string_lossy()], more].concat());
    let told: Value = serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    assert_eq!(told["exit"].as_i64(), ended.status.code().map(i64::from), "{told}");
    told
}

fn scripts() -> String {
    tests::node::root().join("ivr-scripts").display().to_string()
}

/// The stages of a test and whether each is as it should be.
fn stages(told: &Value) -> Vec<(&str, bool)> {
    told["stages"].as_array().unwrap().iter().map(|stage| (stage["stage"].as_str().unwrap(), stage["ok"] == true)).collect()
}

#[test]
fn a_test_of_a_trunk_finds_it_registers_calls_and_says_at_which_stage_it_fails() {
    let directory = TempDir::with_prefix("tandem-trunk-test-").unwrap();
    let ports = tests::ports::Ports::claim();
    let address = on(2, ports.peer(0));
    let names = NameServer::start(&[
        ("_sip._udp.carrier.test", Resource::Srv(10, 0, ports.peer(0), "one.carrier.test")),
        ("one.carrier.test", Resource::A(Ipv4Addr::new(127, 0, 0, 2))),
    ]);
    let trunk = |host: &str, more: &str| {
        format!(
            "[dns]\nserver = \"{}\"\n[[sip]]\nlisten = \"127.0.0.1:{}\"\n[media]\nlisten = \"127.0.0.1\"\n\
             [[trunk]]\nname = \"carrier\"\nhost = \"{host}\"\noutbound = [\"+31\"]\n\
             auth = {{ user = \"acme\", realm = \"carrier.test\", password = \"a long secret\" }}\n{more}",
            names.address(),
            ports.sip()
        )
    };
    // OPTIONS, then an INVITE that it challenges.
    let mut carrier = Sipp::listen(directory.path(), "proxy-challenges.xml", &[], address, 2);
    let told = tested(directory.path(), &trunk("carrier.test", ""), &["--to", "+31201234567"]);
    assert_eq!(stages(&told), [("dns", true), ("options", true), ("call", true)], "{told}");
    assert!(told["stages"][0]["said"].as_str().unwrap().contains(&format!("udp {address}")), "{told}");
    carrier.stop();

    let registers = |password: &str| trunk("carrier.test", "register = {}").replace("a long secret", password);
    for (password, is_good, code) in [("a long secret", true, 0), ("another secret", false, 14)] {
        let mut registrar = Sipp::listen(directory.path(), "registrar.xml", &[], address, 3);
        let told = tested(directory.path(), &registers(password), &[]);
        assert_eq!((stages(&told), &told["exit"]), (vec![("dns", true), ("options", true), ("register", is_good)], &code.into()), "{told}");
        registrar.stop();
    }

    let nobody = on(2, ports.peer(9));
    let told = tested(directory.path(), &trunk("nowhere.test", ""), &[]);
    assert_eq!((&told["failed"], &told["exit"]), (&"dns".into(), &10.into()), "{told}");
    let told = tested(directory.path(), &trunk(&format!("sip:{nobody};transport=tcp"), ""), &[]);
    assert_eq!((&told["failed"], &told["exit"]), (&"connect".into(), &11.into()), "{told}");
    assert!(told["stages"][1]["hint"].as_str().unwrap().contains("nobody listens"), "{told}");
    let mut carrier = Sipp::listen(directory.path(), "probed.xml", &[("STATUS", "200 OK")], address, 1);
    let told = tested(directory.path(), &trunk("carrier.test", ""), &["--to", "+881612345678"]);
    assert_eq!((&told["failed"], &told["exit"]), (&"call".into(), &15.into()), "{told}");
    assert!(told["stages"][2]["hint"].as_str().unwrap().contains("outbound = [\"+31\", \"+881\"]"), "{told}");
    carrier.went_well();
}

#[test]
fn a_test_of_a_trunk_by_mutual_tls_says_what_is_wrong_with_whose_certificate() {
    let (papers, strangers) = (TempDir::with_prefix("tandem-papers-").unwrap(), TempDir::with_prefix("tandem-papers-").unwrap());
    let (authority, other) = (Authority::found(papers.path(), "authority"), Authority::found(strangers.path(), "another"));
    let (theirs, our_own) = (authority.sign("theirs", "DNS:sbc.carrier.test"), authority.sign("ours", "DNS:us.test"));
    let node = Node::with_routes(|ports| {
        format!(
            "[[sip]]\nname = \"mutual\"\ntransport = \"tls\"\nlisten = \"127.0.0.1:{}\"\ncertificate = \"{}\"\nkey = \"{}\"\n\
             client_ca = \"{}\"\n[[trunk]]\nname = \"us\"\nsubject = \"us.test\"\n",
            ports.peer(20),
            theirs.0.display(),
            theirs.1.display(),
            authority.certificate().display(),
        )
    });
    let trunk = |authority: &Authority, name: &str, papers: &str| {
        format!(
            "[[sip]]\nlisten = \"127.0.0.1:{}\"\n[media]\nlisten = \"127.0.0.1\"\n[[trunk]]\nname = \"carrier\"\noutbound = [\"*\"]\n\
             host = \"sip:127.0.0.1:{};transport=tls\"\ntls = {{ ca = \"{}\", name = \"{name}\"{papers} }}\n",
            node.ports.peer(30),
            node.ports.peer(20),
            authority.certificate().display()
        )
    };
    let ours = format!(", certificate = \"{}\", key = \"{}\"", our_own.0.display(), our_own.1.display());
    let directory = TempDir::with_prefix("tandem-trunk-test-").unwrap();
    let told = tested(directory.path(), &trunk(&authority, "sbc.carrier.test", &ours), &["--to", "main"]);
    let all = [("dns", true), ("connect", true), ("tls", true), ("options", true), ("call", true)];
    assert_eq!(stages(&told), all, "{told}");
    assert!(told["stages"][2]["said"].as_str().unwrap().contains("bears sbc.carrier.test"), "{told}");

    let wrong = [
        ("tls", trunk(&other, "sbc.carrier.test", &ours), "ca = "),
        ("tls", trunk(&authority, "sbc.other.test", &ours), "name = \"sbc.carrier.test\""),
        // With TLS 1.3 a client hears only afterwards that its certificate was wanted.
        ("options", trunk(&authority, "sbc.carrier.test", ""), "certificate of ours"),
    ];
    for (stage, text, hint) in wrong {
        let told = tested(directory.path(), &text, &[]);
        let failed = told["stages"].as_array().unwrap().last().unwrap();
        assert_eq!((&told["failed"], &failed["stage"]), (&stage.into(), &stage.into()), "{told}");
        assert!(failed["hint"].as_str().unwrap_or_default().contains(hint), "{hint}: {told}");
    }
}

/// Where nobody is, for the trunk that this machine's callers are else taken for.
const ELSEWHERE: &str = "127.0.0.9/32";
