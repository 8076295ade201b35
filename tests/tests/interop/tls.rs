//! Who may speak by TLS and secure WebSocket, asked by openssl: versions, certificates of clients, handshakes that never end, pages of strangers.

use std::{
    io::Write,
    net::{Ipv4Addr, TcpStream},
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tests::{
    authority::Authority,
    node::{Node, Plan},
    program::{Program, run, wait_until},
};

use super::papers::{Papers, certified};

/// A client of this port that says nothing by itself.
fn client(port: u16, arguments: &[&str]) -> Program {
    Program::start(Command::new("openssl").args(["s_client", "-quiet", "-connect", &format!("127.0.0.1:{port}")]).args(arguments))
}

/// Whether a client with these arguments comes through the handshake.
fn shakes(port: u16, arguments: &[&str]) -> bool {
    let address = format!("127.0.0.1:{port}");
    let all = [&["-c", "exec openssl s_client -connect \"$@\" </dev/null", "sh", address.as_str()][..], arguments].concat();
    run("sh", &all, PATIENCE).status.success()
}

/// The answer to an OPTIONS, or `None` from one that hangs up.
fn options(client: &mut Program) -> Option<String> {
    client.type_in(
        "OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS client.test;branch=z9hG4bKo\r\nMax-Forwards: 70\r\nFrom: <sip:o@client.test>;tag=1\r\n\
         To: <sip:127.0.0.1>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
    );
    let heard = wait_until(PATIENCE, || {
        let said = client.out();
        let line = said.lines().find(|line| line.starts_with("SIP/2.0 ")).map(str::to_owned);
        if line.is_none() && client.is_running() { None } else { Some(line) }
    });
    heard.unwrap_or_else(|| panic!("neither an answer nor an end\n{}", client.story()))
}

#[test]
fn old_versions_of_tls_are_refused_and_those_of_today_are_spoken() {
    let Papers { node, authority } = certified();
    let port = node.ports.peer(10);
    let weak = ["-cipher", "DEFAULT@SECLEVEL=0"];
    for (version, is_spoken) in [("-tls1", false), ("-tls1_1", false), ("-tls1_2", true), ("-tls1_3", true)] {
        assert_eq!(shakes(port, &[&[version][..], &weak].concat()), is_spoken, "{version}");
    }
    // The same client does come through where somebody speaks them.
    let (chain, key) = authority.sign("old", "DNS:old.test");
    let old = node.ports.peer(11);
    let mut server = Program::start(
        Command::new("openssl")
            .args(["s_server", "-accept", &format!("127.0.0.1:{old}")])
            .args(weak)
            .arg("-cert")
            .arg(chain)
            .arg("-key")
            .arg(key),
    );
    server.wait_for("that it listens", PATIENCE, |said| said.contains("ACCEPT").then_some(()));
    for version in ["-tls1", "-tls1_1"] {
        assert!(shakes(old, &[&[version][..], &weak].concat()), "{version}\n{}", server.story());
    }
}

#[test]
fn a_client_without_a_certificate_that_is_valid_and_of_our_authority_says_nothing_to_us() {
    let strangers = TempDir::with_prefix("tandem-papers-").unwrap();
    let stranger = Authority::found(strangers.path(), "another");
    let mut founded = None;
    let node = Node::prepared(|ports, directory| {
        let authority = Authority::found(directory, "our own");
        let (chain, key) = authority.sign("node", "IP:127.0.0.1");
        let routes = format!(
            "[[sip]]\nname = \"mutual\"\ntransport = \"tls\"\nlisten = \"127.0.0.1:{}\"\ncertificate = \"{}\"\nkey = \"{}\"\nclient_ca = \"{}\"\n",
            ports.peer(10),
            chain.display(),
            key.display(),
            authority.certificate().display()
        );
        founded = Some(authority);
        Plan { routes, ..Plan::default() }
    });
    let authority = founded.unwrap();
    let shown = |(chain, key): (PathBuf, PathBuf)| {
        vec!["-cert".to_owned(), chain.display().to_string(), "-key".to_owned(), key.display().to_string()]
    };
    let name = "DNS:sbc.carrier.test";
    for (what, papers, is_let_in) in [
        ("none", Vec::new(), false),
        ("expired", shown(authority.sign_expired("expired", name)), false),
        ("of another authority", shown(stranger.sign("stranger", name)), false),
        ("good", shown(authority.sign("good", name)), true),
    ] {
        let papers: Vec<&str> = papers.iter().map(String::as_str).collect();
        let said = options(&mut client(node.ports.peer(10), &papers));
        assert_eq!(said.as_deref(), is_let_in.then_some("SIP/2.0 200 OK"), "{what}\n{}", node.log());
    }
}

#[test]
fn a_thousand_handshakes_that_never_end_do_not_hinder_one_that_does() {
    let Papers { node, .. } = certified();
    let port = node.ports.peer(10);
    let served = || {
        let begun = Instant::now();
        assert_eq!(options(&mut client(port, &[])).as_deref(), Some("SIP/2.0 200 OK"));
        begun.elapsed()
    };
    let (alone, again) = (served(), served());
    let held: Vec<TcpStream> = (0..1_000)
        .map(|n| {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
            if n % 2 == 0 {
                // The head of a ClientHello that never comes.
                stream.write_all(&[22, 3, 1, 2, 0]).unwrap();
            }
            stream
        })
        .collect();
    let beside = served();
    assert!(beside < alone.max(again) + Duration::from_millis(500), "{beside:?} beside {} half-open ones, {alone:?} alone", held.len());
    drop(held);
}

#[test]
fn a_page_of_a_stranger_may_not_speak_by_secure_websocket() {
    let node = Node::with_routes(|ports| {
        format!(
            "[[sip]]\nname = \"wss\"\ntransport = \"wss\"\nlisten = \"127.0.0.1:{}\"\norigins = [\"https://shop.example\"]\n",
            ports.peer(10)
        )
    });
    let port = node.ports.peer(10);
    let status = |origin: &str| {
        let mut client = client(port, &[]);
        client.type_in(&format!(
            "GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n{origin}\r\n"
        ));
        client.wait_for("a status", PATIENCE, |said| said.split_once("HTTP/1.1 ")?.1.get(..3)?.parse::<u16>().ok())
    };
    let page = node.ports.http();
    for own in [String::new(), format!("Origin: https://127.0.0.1:{page}\r\n"), "Origin: https://shop.example\r\n".to_owned()] {
        assert_eq!(status(&own), 101, "{own}");
    }
    for stranger in ["https://evil.tld", "https://shop.example.evil.tld", "http://shop.example", "null"] {
        assert_eq!(status(&format!("Origin: {stranger}\r\n")), 403, "{stranger}");
    }
}

/// On a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
