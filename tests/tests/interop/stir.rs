//! Callers' signatures (RFC 8224, 8225, 8588): carriers that sign by openssl, and a certificate host of our own by https on loopback.

use std::{fs, net::TcpListener, path::PathBuf, process::Command, time::Duration};

use serde_json::{Value, json};
use tests::{
    authority::Authority,
    caller::{Caller, NUMBER, status},
    node::{Node, Plan},
    passport::{claims, identity, now_s},
    program::{Program, wait_until},
};

use super::{kinds, on, sip_of};

/// A node that asks one host for certificates; from 127.0.0.2 callers must be signed, from 127.0.0.3 their signature is shown.
struct Bench {
    node: Node,
    host: Program,
    /// A key whose certificate leads to the root that the node trusts, one whose certificate is over, and one of a stranger's.
    key: PathBuf,
    expired_key: PathBuf,
    strange_key: PathBuf,
}

impl Bench {
    fn start() -> Self {
        let mut papers = None;
        let node = Node::prepared(|ports, directory| {
            let folder = |name: &str| {
                let folder = directory.join(name);
                fs::create_dir(&folder).unwrap();
                folder
            };
            let (ours, theirs) = (Authority::found(&folder("ours"), "STI root"), Authority::found(&folder("theirs"), "another"));
            let (web, signer) = (ours.sign("web", "DNS:localhost"), ours.sign("signer", "DNS:sti.carrier.test"));
            let (expired, stranger) = (ours.sign_expired("expired", "DNS:sti.carrier.test"), theirs.sign("stranger", "DNS:sti.else.test"));
            let pages = folder("pages");
            for (page, body) in [
                ("good", fs::read_to_string(&signer.0).unwrap()),
                ("expired", fs::read_to_string(&expired.0).unwrap()),
                ("stranger", fs::read_to_string(&stranger.0).unwrap()),
                ("junk", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned()),
            ] {
                let head = format!("HTTP/1.0 200 OK\r\nCache-Control: max-age=3600\r\nContent-Length: {}\r\n\r\n", body.len());
                fs::write(pages.join(page), head + &body).unwrap();
            }
            fs::write(pages.join("nothing"), "HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n").unwrap();
            let port = ports.peer(20);
            let mut serving = Command::new("openssl");
            serving.args(["s_server", "-HTTP", "-accept", &format!("127.0.0.1:{port}")]);
            serving.arg("-cert").arg(web.0).arg("-key").arg(web.1).current_dir(&pages);
            papers = Some((Program::start(&mut serving), signer.1, expired.1, stranger.1));
            let root = ours.certificate();
            let routes = format!(
                "[stir]\nhosts = [\"localhost:{port}\"]\nroots = \"{0}\"\nweb_roots = \"{0}\"\n\
                 [[trunk]]\nname = \"signed\"\nsources = [\"127.0.0.2/32\"]\nstir = \"require\"\n\
                 [[trunk]]\nname = \"shown\"\nsources = [\"127.0.0.3/32\"]\nstir = \"show\"\n\
                 [[route]]\ndialled = \"{DIALLED}\"\nscript = \"main\"\n",
                root.display()
            );
            Plan { routes, ..Plan::default() }
        });
        let (mut host, key, expired_key, strange_key) = papers.unwrap();
        host.wait_for("that it listens", PATIENCE, |said| said.contains("ACCEPT").then_some(()));
        Self { node, host, key, expired_key, strange_key }
    }

    fn url(&self, page: &str) -> String {
        format!("https://localhost:{}/{page}", self.node.ports.peer(20))
    }

    /// Everything that was asked of the host, in order.
    fn asked(&self) -> Vec<String> {
        self.host.err().lines().filter_map(|line| line.strip_prefix("FILE:")).map(str::to_owned).collect()
    }

    /// What a call from 127.0.0.`host` with this line is answered; one that is taken is hung up.
    fn call(&self, host: u8, line: &str) -> u16 {
        let caller = Caller::at(on(host, self.node.ports.peer(0)), sip_of(&self.node));
        let mut call = caller.invite(DIALLED, line, None);
        let status = status(&call.answered());
        if status == 200 {
            call.hang_up();
        }
        status
    }
}

/// The record of the newest call's signature.
fn proven(node: &Node, count: usize) -> Value {
    let records = node.records(&node.ended_calls(count)[0]["id"]);
    kinds(&records, "proven").first().map_or(Value::Null, |record| Value::clone(record))
}

#[test]
fn a_signed_caller_is_told_by_its_level_and_the_certificate_is_asked_for_once() {
    let bench = Bench::start();
    for (n, level) in ['A', 'B', 'C'].into_iter().enumerate() {
        let line = identity(&bench.key, &bench.url("good"), &claims(level, &NUMBER[1..], &DIALLED[1..]));
        assert_eq!(bench.call(2, &line), 200, "{level}\n{}", bench.node.log());
        let record = proven(&bench.node, n + 1);
        assert_eq!(record["attestation"]["level"], level.to_string(), "{record}");
        assert!(record["attestation"]["signer"].as_str().unwrap().contains("signer"), "{record}");
    }
    assert_eq!(bench.asked(), ["good"]);
}

#[test]
fn the_agent_reads_that_the_carrier_vouches_for_the_caller_and_that_nobody_does() {
    let bench = Bench::start();
    let desk = bench.node.desk("ada", &["--answer-after", "20000"]);
    let good = identity(&bench.key, &bench.url("good"), &claims('A', &NUMBER[1..], &DIALLED[1..]));
    let forged = identity(&bench.strange_key, &bench.url("good"), &claims('A', &NUMBER[1..], &DIALLED[1..]));
    // A number that has called before belongs to somebody, and only such a one can be vouched for.
    assert_eq!(bench.call(3, &good), 200);
    bench.node.ended_calls(1);
    for (n, (line, level, evidence)) in
        [(good, "attested", "the carrier has attested A the number"), (forged, "none", "the call's signature is forged")]
            .into_iter()
            .enumerate()
    {
        let caller = Caller::at(on(3, bench.node.ports.peer(0)), sip_of(&bench.node));
        let mut call = caller.invite(DIALLED, &line, None);
        assert_eq!(status(&call.answered()), 200, "a trunk that is only shown lets it in");
        let card = wait_until(PATIENCE, || {
            let newest = bench.node.calls().first().filter(|_| bench.node.calls().len() == n + 2)?.clone();
            if let Some(offered) = kinds(&bench.node.records(&newest["id"]), "agent_offered").first() {
                return Some(offered["card"].clone());
            }
            call.ask("INFO", "Content-Type: application/dtmf-relay\r\n", "Signal=0\r\nDuration=100\r\n");
            None
        });
        let card = card.unwrap_or_else(|| panic!("no agent was rung\n{}\n{}", desk.story(), bench.node.log()));
        assert_eq!(card["trust"]["level"], level, "{card}");
        assert!(card["trust"]["evidence"].to_string().contains(evidence), "{card}");
        call.hang_up();
        bench.node.ended_calls(n + 2);
    }
}

#[test]
fn a_call_whose_signature_is_not_good_is_refused_with_the_code_of_what_is_wrong() {
    let bench = Bench::start();
    let good = || claims('A', &NUMBER[1..], &DIALLED[1..]);
    let with = |key: &str, value: Value| {
        let mut claims = good();
        claims[key] = value;
        claims
    };
    // Whom nobody named must hear nothing: an address of this machine, of its network, and one that a cloud answers with its secrets.
    let private = TcpListener::bind(("127.0.0.1", bench.node.ports.peer(21))).unwrap();
    private.set_nonblocking(true).unwrap();
    let inside = |scheme: &str, host: &str| format!("{scheme}://{host}:{}/good", bench.node.ports.peer(21));
    let url = bench.url("good");
    let signed = |url: &str, claims: &Value| identity(&bench.key, url, claims);
    let cases = [
        ("none at all", String::new(), 428),
        ("signed a minute and more ago", signed(&url, &with("iat", json!(now_s() - 65))), 403),
        ("signed in the future", signed(&url, &with("iat", json!(now_s() + 120))), 403),
        ("another caller", signed(&url, &with("orig", json!({ "tn": "31200000000" }))), 438),
        ("another called number", signed(&url, &with("dest", json!({ "tn": ["31200000000"] }))), 438),
        ("another key", identity(&bench.strange_key, &url, &good()), 438),
        ("not a token", format!("Identity: a.b.c;info=<{url}>;alg=ES256;ppt=shaken\r\n"), 438),
        ("another kind", signed(&url, &good()).replace("ppt=shaken", "ppt=rph"), 437),
        ("another host", signed("https://certificates.else.test/good", &good()), 436),
        ("no https", signed(&url.replace("https", "http"), &good()), 436),
        ("an address of this machine", signed(&inside("https", "127.0.0.1"), &good()), 436),
        ("the same by IPv6", signed(&inside("https", "[::1]"), &good()), 436),
        ("the listed name at another port", signed(&inside("https", "localhost"), &good()), 436),
        ("the listed name as a user", signed(&inside("https", "localhost@127.0.0.1"), &good()), 436),
        ("a cloud's own address", signed("https://169.254.169.254/latest/meta-data", &good()), 436),
        ("a page that is not there", signed(&bench.url("nothing"), &good()), 436),
        ("an expired certificate", identity(&bench.expired_key, &bench.url("expired"), &good()), 437),
        ("a certificate of nobody's", identity(&bench.strange_key, &bench.url("stranger"), &good()), 437),
        ("no certificate", signed(&bench.url("junk"), &good()), 437),
        ("nothing", signed(&url, &good()), 200),
    ];
    for (wrong, line, status) in &cases {
        assert_eq!(bench.call(2, line), *status, "{wrong}\n{}", bench.node.log());
    }
    assert!(private.accept().is_err(), "an address that nobody named was asked");
    let mut asked = bench.asked();
    asked.sort();
    assert_eq!(asked, ["expired", "good", "junk", "nothing", "stranger"], "each once, and nothing else that is there");
}

/// Behind it is the script `main`.
const DIALLED: &str = "+31201112222";

/// On a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
