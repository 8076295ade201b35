//! The torture messages of RFC 4475 and RFC 5118, row by row of `tests/fixtures/torture.tsv`, against the parser and the user agent.

#![expect(clippy::unwrap_used, reason = "whatever cannot be looked at fails its test")]

use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    time::{Duration, Instant},
};

use gateway_core::{
    config::Endpoint,
    events::wire::Transport,
    ids::{ConnId, EndpointId, UtcMillis},
    now::Now,
    sip::{Message, NameAddr, Settings, UaEvent, UaOutput, UserAgent, parse},
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

#[test]
fn every_message_meets_its_verdict() {
    let wrong: Vec<String> = rows()
        .iter()
        .filter_map(|row| {
            let seen = verdict(row);
            (seen != row.verdict)
                .then(|| format!("{} by {}: {seen} and not {} ({})", row.message, row.transport, row.verdict, row.paragraph))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_value_is_read_as_its_row_says() {
    for row in rows().iter().filter(|row| !row.values.is_empty()) {
        let message = parse(&bytes(&row.message)).unwrap_or_else(|why| panic!("{}: {why:?}", row.message));
        for (key, expected) in row.values.split('|').map(|pair| pair.split_once('=').unwrap()) {
            // The key may itself hold =, as no name of a header can.
            assert_eq!(value(&message, key).as_deref(), Some(expected), "{}: {key}", row.message);
        }
        assert_eq!(parse(&message.to_bytes()), Ok(message), "{}: what is printed is read back", row.message);
    }
}

#[test]
fn every_message_has_a_row_for_each_transport() {
    let rows: BTreeSet<(String, String)> = rows().into_iter().map(|row| (row.message, row.transport)).collect();
    let files = fs::read_dir(fixtures().join("torture")).unwrap().map(|file| file.unwrap().path());
    let messages: BTreeSet<String> = files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(messages.len(), 49 + 12, "49 messages of RFC 4475 and 12 of RFC 5118");
    let expected: BTreeSet<(String, String)> =
        messages.iter().flat_map(|message| TRANSPORTS.map(|transport| (message.clone(), transport.to_owned()))).collect();
    assert_eq!(rows, expected);
}

/// What becomes of one message: the statuses that we answer, in order, and `close` where its stream ends.
fn verdict(row: &Row) -> String {
    let transport = transport(&row.transport);
    let mut agent = agent(transport);
    let (from, mut now) = ("192.0.2.200:5060".parse().unwrap(), now());
    if transport == Transport::Udp {
        agent.receive(now, EndpointId(0), from, &bytes(&row.message));
    } else {
        agent.connected(now, CONN, Some(EndpointId(0)), from, Vec::new());
        agent.receive_stream(now, CONN, &bytes(&row.message));
    }
    let (mut said, mut is_taken) = hear(&mut agent);
    assert_eq!(agent.load() != (0, 0), is_taken, "{}: what is turned away leaves no state", row.message);
    // A stream that stands and has heard nothing whole is not waited for without end.
    if said.is_empty() && transport != Transport::Udp {
        now.instant += PATIENCE;
        agent.wake(now);
        let (later, is_taken_later) = hear(&mut agent);
        (said, is_taken) = (later, is_taken_later);
    }
    assert_eq!(said.contains(&"100".to_owned()), is_taken, "{}", row.message);
    if said.is_empty() { "-".to_owned() } else { said.join(" ") }
}

/// What the agent says now, and whether it has taken a call.
fn hear(agent: &mut UserAgent<ChaCha8Rng>) -> (Vec<String>, bool) {
    let (mut said, mut is_taken) = (Vec::new(), false);
    while let Some(output) = agent.poll() {
        match output {
            UaOutput::Transmit { bytes, .. } => {
                let line = String::from_utf8_lossy(&bytes).into_owned();
                let status = line.strip_prefix("SIP/2.0 ").map(|line| line.split(' ').next().unwrap());
                said.push(status.unwrap_or_else(|| if line == "\r\n" { "pong" } else { panic!("{line}") }).to_owned());
            }
            UaOutput::Disconnect { conn } => {
                assert_eq!(conn, CONN);
                said.push("close".to_owned());
            }
            UaOutput::Connect { .. } => panic!("nobody is called back"),
            UaOutput::Event(event) => is_taken |= matches!(event, UaEvent::Invited { .. }),
        }
    }
    (said, is_taken)
}

fn agent(transport: Transport) -> UserAgent<ChaCha8Rng> {
    let mut settings = Settings::new("tandem", [7; 32]);
    let advertised = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
    settings.endpoints.push(Endpoint { transport, ..Endpoint::udp(EndpointId(0), "lab", (advertised, 5060).into()) });
    UserAgent::new(ChaCha8Rng::seed_from_u64(1), settings)
}

fn transport(name: &str) -> Transport {
    match name {
        "udp" => Transport::Udp,
        "tcp" => Transport::Tcp,
        "ws" => Transport::Ws,
        other => panic!("{other}"),
    }
}

fn now() -> Now {
    Now { instant: Instant::now(), utc: UtcMillis(1_800_000_000_000) }
}

fn value(message: &Message, key: &str) -> Option<String> {
    let (via, below, from, to, cseq, headers, body) = match message {
        Message::Request(r) => (&r.via, &r.vias_below, &r.from, &r.to, &r.cseq, &r.headers, &r.body),
        Message::Response(r) => (&r.via, &r.vias_below, &r.from, &r.to, &r.cseq, &r.headers, &r.body),
    };
    let text = |text: Option<&str>| Some(text.unwrap_or_default().to_owned());
    let port = |port: Option<u16>| Some(port.map_or_else(String::new, |port| port.to_string()));
    match (message, key) {
        (Message::Request(request), "method") => Some(request.method.to_string()),
        (Message::Request(request), "max-forwards") => Some(request.max_forwards().to_string()),
        (Message::Request(request), "uri") => Some(request.uri.to_string()),
        (Message::Request(request), "uri.user") => request.uri.user(),
        (Message::Request(request), "uri.host") => text(Some(&request.uri.host)),
        (Message::Request(request), "uri.port") => port(request.uri.port),
        (Message::Response(response), "status") => Some(response.status.to_string()),
        (Message::Response(response), "phrase") => text(Some(&response.phrase)),
        (_, "cseq") => Some(cseq.to_string()),
        (_, "vias") => Some((below.len() + 1).to_string()),
        (_, "via.host") => text(Some(&via.host)),
        (_, "via.port") => port(via.port),
        (_, "via.branch") => text(via.branch()),
        (_, "via.received") => text(via.params.value("received")),
        (_, "body") => Some(body.len().to_string()),
        (_, "contacts") => Some(headers.addresses("Contact").unwrap().len().to_string()),
        (_, key) => match key.split_once('.') {
            Some(("from", part)) => of_address(from, part),
            Some(("to", part)) => of_address(to, part),
            Some(("contact", part)) => of_address(&headers.addresses("Contact").unwrap()[0], part),
            Some(_) | None => headers.first(key).map(str::to_owned),
        },
    }
}

fn of_address(address: &NameAddr, part: &str) -> Option<String> {
    match part {
        "display" => address.display.as_deref().map(str::to_owned),
        "uri" => Some(address.uri.to_string()),
        "user" => address.uri.user(),
        "tag" => address.tag().map(str::to_owned),
        "param" => address.params.iter().next().map(|(name, _)| name.to_owned()),
        _ => None,
    }
}

struct Row {
    message: String,
    transport: String,
    verdict: String,
    values: String,
    paragraph: String,
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(fixtures().join("torture.tsv")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#')).skip(1);
    let rows = lines.map(|line| {
        let [message, transport, verdict, values, paragraph] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let [message, transport, verdict, values, paragraph] = [message, transport, verdict, values, paragraph].map(str::to_owned);
        Row { message, transport, verdict, values, paragraph }
    });
    rows.collect()
}

fn bytes(message: &str) -> Vec<u8> {
    fs::read(fixtures().join("torture").join(message).with_extension("sip")).unwrap()
}

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// A datagram; bytes of TCP or TLS; a frame of a WebSocket.
const TRANSPORTS: [&str; 3] = ["udp", "tcp", "ws"];

/// The peer's stream.
const CONN: ConnId = ConnId::Accepted(1);

/// Longer than a message may take from its first byte to its last.
const PATIENCE: Duration = Duration::from_secs(31);
