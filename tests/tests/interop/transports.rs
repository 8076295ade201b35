//! How requests travel: requests too large for a datagram, streams cut anywhere, keep-alives, `rport` and SNI.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream, UdpSocket},
    process::Command,
    time::Duration,
};

use tempfile::TempDir;
use tests::{authority::Authority, echo::Echo, node::Node, program::Program, sipp::Sipp};

use super::{PATIENCE, on, pjsua, report, sip_of};

/// A trunk whose numbers are a thousand digits longer than others', and whose calls are therefore larger than a datagram may be.
fn node(more: &str) -> Node {
    Node::with_routes(|ports| {
        format!(
            "[[trunk]]\nname = \"carrier\"\nhost = \"{}\"\noutbound = [\"+31\"]\nnumbers_out = {{ prefix = \"{}\" }}\n{more}\n{OUT}",
            on(2, ports.peer(0)),
            "0".repeat(1000),
            OUT = super::OUT
        )
    })
}

/// A caller of the carrier, who hears itself there.
fn call(node: &Node) {
    let arguments = [&node.sip_uri("out"), "--as", "+31207654321", "--tone", "440", "--expect-tone", "440", "--duration", "2"];
    let told = report(&node.dial(&arguments).end(PATIENCE));
    assert_eq!(told["ok"], true, "{told}\n{}", node.log());
    assert!(told["media"]["tone_windows"].as_u64().unwrap() >= 15, "{told}");
}

#[test]
fn a_request_too_large_for_a_datagram_goes_by_tcp() {
    let (node, echo) = (node(""), Echo::on(2));
    let mut carrier = Sipp::listen_by_tcp(node.directory(), "takes-long.xml", &echo.words(), on(2, node.ports.peer(0)), 1);
    call(&node);
    carrier.went_well();
}

#[test]
fn a_request_too_large_for_a_datagram_goes_by_udp_all_the_same_where_tcp_is_refused() {
    let (node, echo) = (node(""), Echo::on(2));
    let mut carrier = Sipp::listen(node.directory(), "takes-long.xml", &echo.words(), on(2, node.ports.peer(0)), 1);
    call(&node);
    carrier.went_well();
}

#[test]
fn a_request_too_large_for_a_datagram_goes_by_udp_all_the_same_where_tcp_is_silent() {
    let (node, echo) = (node(""), Echo::on(2));
    let address = on(2, node.ports.peer(0));
    let _silent = silent(address);
    let mut carrier = Sipp::listen(node.directory(), "takes-long.xml", &echo.words(), address, 1);
    call(&node);
    carrier.went_well();
}

#[test]
fn a_request_too_large_for_a_datagram_goes_in_fragments_to_a_trunk_that_wants_it_so() {
    let (node, echo) = (node("oversize = \"udp\""), Echo::on(2));
    // Whoever waits here waits in vain.
    let tcp = std::net::TcpListener::bind(on(2, node.ports.peer(0))).unwrap();
    let mut carrier = Sipp::listen(node.directory(), "takes-long.xml", &echo.words(), on(2, node.ports.peer(0)), 1);
    call(&node);
    carrier.went_well();
    tcp.set_nonblocking(true).unwrap();
    assert!(tcp.accept().is_err(), "it was tried by TCP");
}

/// A TCP port whose queue is full, so that whoever comes hears nothing.
fn silent(address: SocketAddr) -> Program {
    let script = "import socket, sys\n\
                  at = (sys.argv[1], int(sys.argv[2]))\n\
                  port = socket.socket()\n\
                  port.bind(at)\n\
                  port.listen(0)\n\
                  queue = [socket.socket() for _ in range(4)]\n\
                  for one in queue:\n\
                  \x20   one.setblocking(False)\n\
                  \x20   one.connect_ex(at)\n\
                  print('full', flush=True)\n\
                  sys.stdin.read()\n";
    let mut program = Program::start(pjsua::python().args(["-c", script, &address.ip().to_string(), &address.port().to_string()]));
    program.wait_for("that it is full", PATIENCE, |said| said.contains("full").then_some(()));
    program
}

/// A probe; `n` tells it from others.
fn options(n: u32, via: &str) -> String {
    format!(
        "OPTIONS sip:probe@127.0.0.1 SIP/2.0\r\nVia: {via};branch=z9hG4bK-probe-{n}\r\nFrom: <sip:probe@127.0.0.1>;tag=1\r\n\
         To: <sip:probe@127.0.0.1>\r\nCall-ID: probe-{n}\r\nCSeq: {n} OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
}

fn stream(node: &Node) -> TcpStream {
    let stream = TcpStream::connect(sip_of(node)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Reads until so many answers are there; none has a body.
fn answers(stream: &mut TcpStream, count: usize) -> String {
    let mut text = String::new();
    while text.matches("\r\n\r\n").count() < count {
        let mut bytes = [0; 4096];
        let length = stream.read(&mut bytes).unwrap();
        assert!(length > 0, "the stream was closed after {text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    text
}

#[test]
fn a_stream_may_be_cut_at_every_byte_and_carry_several_messages_at_once() {
    let mut node = Node::start();
    let mut stream = stream(&node);
    for byte in options(1, "SIP/2.0/TCP 127.0.0.1:9").as_bytes() {
        stream.write_all(&[*byte]).unwrap();
    }
    assert!(answers(&mut stream, 1).starts_with("SIP/2.0 200 "));
    let three: String = (2..5).map(|n| options(n, "SIP/2.0/TCP 127.0.0.1:9")).collect();
    let (head, tail) = three.split_at(three.len() - 7);
    stream.write_all(head.as_bytes()).unwrap();
    let two = answers(&mut stream, 2);
    stream.write_all(tail.as_bytes()).unwrap();
    let told = two + &answers(&mut stream, 1);
    assert_eq!(told.matches("SIP/2.0 200 ").count(), 3, "{told}");
    node.assert_alive();
}

#[test]
fn a_ping_on_a_stream_is_answered_and_one_in_a_datagram_is_no_message() {
    let mut node = Node::start();
    let mut stream = stream(&node);
    stream.write_all(b"\r\n\r\n").unwrap();
    let mut pong = [0; 2];
    stream.read_exact(&mut pong).unwrap();
    assert_eq!(&pong, b"\r\n");

    let socket = UdpSocket::bind(on(1, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.send_to(b"\r\n\r\n", sip_of(&node)).unwrap();
    socket.send_to(options(1, "SIP/2.0/UDP 127.0.0.1:9;rport").as_bytes(), sip_of(&node)).unwrap();
    let mut bytes = [0; 4096];
    let length = socket.recv(&mut bytes).unwrap();
    assert!(bytes[..length].starts_with(b"SIP/2.0 200 "), "the first that comes back is for the probe");
    node.assert_alive();
}

#[test]
fn an_answer_goes_to_the_port_of_the_request_where_rport_asks_for_it_and_else_to_that_of_its_via() {
    let node = Node::start();
    let (asks, named) = (UdpSocket::bind(on(1, 0)).unwrap(), UdpSocket::bind(on(1, 0)).unwrap());
    let heard = |socket: &UdpSocket| {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut bytes = [0; 4096];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    };
    asks.send_to(options(1, "SIP/2.0/UDP 192.0.2.1:9;rport").as_bytes(), sip_of(&node)).unwrap();
    let told = heard(&asks);
    let port = asks.local_addr().unwrap().port();
    assert!(told.contains(&format!(";rport={port}")) && told.contains(";received=127.0.0.1"), "{told}");
    let via = format!("SIP/2.0/UDP {}", named.local_addr().unwrap());
    asks.send_to(options(2, &via).as_bytes(), sip_of(&node)).unwrap();
    assert!(heard(&named).contains("CSeq: 2 OPTIONS"));
}

#[test]
fn a_trunk_by_tls_is_asked_for_by_its_name() {
    let papers = TempDir::with_prefix("tandem-papers-").unwrap();
    let authority = Authority::found(papers.path(), "authority");
    let (certificate, key) = authority.sign("carrier", "DNS:sbc.carrier.test");
    let mut carrier = None;
    let node = Node::with_routes(|ports| {
        let address = on(2, ports.peer(0));
        let server = Program::start(
            Command::new("openssl")
                .args(["s_server", "-accept", &address.to_string(), "-servername", "sbc.carrier.test", "-servername_fatal", "-cert"])
                .arg(&certificate)
                .arg("-key")
                .arg(&key)
                .arg("-cert2")
                .arg(&certificate)
                .arg("-key2")
                .arg(&key),
        );
        carrier = Some(server);
        format!(
            "[[trunk]]\nname = \"carrier\"\nhost = \"sip:{address};transport=tls\"\nprobe_s = 5\n\
             tls = {{ ca = \"{}\", name = \"sbc.carrier.test\" }}\n",
            authority.certificate().display()
        )
    });
    let mut carrier = carrier.unwrap();
    carrier.wait_for("the name and a probe", Duration::from_secs(20), |said| {
        (said.contains("Hostname in TLS extension: \"sbc.carrier.test\"") && said.contains("OPTIONS sip:")).then_some(())
    });
    drop(node);
}
