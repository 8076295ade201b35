//! baresip as the caller: it plays 440 Hz, and keeps what it hears.

use std::{
    fs,
    io::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    path::PathBuf,
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};
use tests::{
    node::{Node, Plan},
    program::{Program, run, wait_until},
    wav_ears::{WavEars, held, share_between, write_tone},
};

use super::{assert_heard_through, kinds, report};

/// A running baresip with a configuration of its own.
struct Baresip {
    program: Program,
    control: TcpStream,
    directory: PathBuf,
}

impl Baresip {
    /// Uses the ports `peer(0)` to `peer(19)` of the node's block at `address`; `media` is what the account says of encryption.
    fn start(node: &Node, address: IpAddr, transport: &str, media: &str) -> Self {
        let directory = node.directory().join("baresip");
        fs::create_dir(&directory).unwrap();
        let tone = directory.join("440.wav");
        let host = if address.is_ipv6() { format!("[{address}]") } else { address.to_string() };
        write_tone(&tone, 440.0, 30);
        let ports = &node.ports;
        let config = format!(
            "poll_method epoll\nnet_interface {address}\nsip_listen {sip}\nrtp_ports {first}-{last}\n\
             audio_source aufile,{tone}\naudio_player aubridge,nil\naudio_alert aubridge,nil\nsnd_path {directory}\n\
             module_path {modules}\nmodule g711.so\nmodule aufile.so\nmodule aubridge.so\nmodule sndfile.so\nmodule srtp.so\n\
             sip_cafile {authority}\nmodule_app account.so\nmodule_app menu.so\nmodule ctrl_tcp.so\nctrl_tcp_listen 127.0.0.1:{control}\n",
            sip = SocketAddr::new(address, ports.peer(0)),
            control = ports.peer(4),
            first = ports.peer(6),
            last = ports.peer(19),
            tone = tone.display(),
            directory = directory.display(),
            modules = modules(),
            authority = node.data().join("sip.crt").display(),
        );
        fs::write(directory.join("config"), config).unwrap();
        fs::write(
            directory.join("accounts"),
            format!("<sip:+380501112233@{host};transport={transport}>;regint=0;audio_codecs=PCMU{media}\n"),
        )
        .unwrap();
        fs::write(directory.join("contacts"), "").unwrap();
        let mut program = Program::start(Command::new("baresip").arg("-f").arg(&directory).current_dir(&directory));
        program.wait_for("that it is ready", Duration::from_secs(30), |said| said.contains("baresip is ready").then_some(()));
        let control = wait_until(Duration::from_secs(30), || TcpStream::connect((Ipv4Addr::LOCALHOST, ports.peer(4))).ok());
        let control = control.unwrap_or_else(|| panic!("baresip takes no commands\n{}", program.story()));
        Self { program, control, directory }
    }

    /// A command as a netstring with JSON in it, which is what its `ctrl_tcp` speaks.
    fn tell(&mut self, command: &str, params: &str) {
        let word = json!({ "command": command, "params": params }).to_string();
        write!(self.control, "{}:{word},", word.len()).unwrap();
    }

    /// What it heard.
    fn heard(&self) -> WavEars {
        let dumps = || fs::read_dir(&self.directory).unwrap().map(|entry| entry.unwrap().path());
        let heard = dumps().find(|path| path.to_string_lossy().ends_with("-dec.wav"));
        WavEars::of(&heard.unwrap_or_else(|| panic!("baresip kept nothing\n{}", self.program.story())))
    }
}

/// Debian keeps them by architecture or not, by release.
fn modules() -> &'static str {
    [
        "/usr/lib/baresip/modules",
        "/usr/lib/x86_64-linux-gnu/baresip/modules",
        "/usr/lib/aarch64-linux-gnu/baresip/modules",
        "/usr/local/lib/baresip/modules",
    ]
    .into_iter()
    .find(|place| fs::exists(place).unwrap_or(false))
    .expect("baresip-core is installed by deploy/setup.sh")
}

#[test]
fn baresip_and_the_desk_hear_each_other_and_the_recording_holds_both() {
    let node = Node::start();
    talks(&node, "udp", &node.sip_uri("main"), || {});
}

#[test]
fn baresip_by_tcp_and_the_desk_hear_each_other() {
    let node = Node::start();
    talks(&node, "tcp", &format!("{};transport=tcp", node.sip_uri("main")), || {});
    assert_eq!(node.metric_of("tandem_switch_inputs_total", "kind=\"sip_datagram\""), 0.0, "not a datagram");
}

#[test]
fn baresip_by_tls_talks_on_while_the_certificate_changes() {
    let node = Node::start();
    let before = shown(&node);
    talks(&node, "tls", &format!("sip:main@127.0.0.1:{};transport=tls", node.ports.tls()), || renew(&node));
    let renewed = wait_until(Duration::from_secs(20), || (shown(&node) != before).then_some(()));
    assert!(renewed.is_some(), "the old certificate is still shown\n{}", node.log());
}

/// It hangs up by itself where its media would be in the clear.
#[test]
fn baresip_with_srtp_alone_and_the_desk_hear_each_other() {
    let node = Node::start();
    let uri = format!("sip:main@127.0.0.1:{};transport=tls", node.ports.tls());
    talks_with(&node, Ipv4Addr::LOCALHOST.into(), "tls", ";mediaenc=srtp-mand", &uri, || {});
    let path = format!("/v1/calls/{}/ladder", node.ended_calls(1)[0]["id"]);
    let ladder = wait_until(Duration::from_secs(30), || {
        let ladder = node.api("GET", &path, &Value::Null).json();
        let is_whole = ladder["messages"].as_array()?.iter().any(|message| message["label"] == "BYE");
        is_whole.then(|| ladder.to_string())
    });
    let ladder = ladder.unwrap_or_else(|| panic!("no ladder\n{}", node.log()));
    assert!(ladder.contains("\"transport\":\"TLS\"") && !ladder.contains("\"transport\":\"UDP\""), "{ladder}");
    assert!(ladder.contains("inline:***") && ladder.matches("inline:").count() == ladder.matches("inline:***").count(), "{ladder}");
}

/// Besides what is usual, it listens on ::1 at `peer(30)`, by UDP and TCP; its RTP ports take IPv4 and IPv6.
fn node_of_both_families() -> Node {
    Node::prepared(|ports, _| {
        let listener = |transport: &str| {
            format!("[[sip]]\nname = \"{transport}6\"\ntransport = \"{transport}\"\nlisten = \"[::1]:{}\"\n\n", ports.peer(30))
        };
        let trunk = "[[trunk]]\nname = \"loopback6\"\nsources = [\"::1/128\"]\n\n".to_owned();
        Plan {
            media: "listen = \"::\"\nadvertised = \"127.0.0.1\"",
            routes: [listener("udp"), listener("tcp"), trunk].concat(),
            ..Plan::default()
        }
    })
}

#[test]
fn baresip_by_udp_over_ipv6_and_the_desk_hear_each_other() {
    let node = node_of_both_families();
    talks_with(&node, Ipv6Addr::LOCALHOST.into(), "udp", "", &format!("sip:main@[::1]:{}", node.ports.peer(30)), || {});
}

#[test]
fn baresip_by_tcp_over_ipv6_and_the_desk_hear_each_other() {
    let node = node_of_both_families();
    let uri = format!("sip:main@[::1]:{};transport=tcp", node.ports.peer(30));
    talks_with(&node, Ipv6Addr::LOCALHOST.into(), "tcp", "", &uri, || {});
    assert_eq!(node.metric_of("tandem_switch_inputs_total", "kind=\"sip_datagram\""), 0.0, "not a datagram");
}

#[test]
fn baresip_over_ipv4_is_heard_on_ports_that_take_ipv6_too() {
    let node = node_of_both_families();
    talks(&node, "udp", &node.sip_uri("main"), || {});
}

/// The certificate that the node shows to whoever connects by TLS.
fn shown(node: &Node) -> String {
    let command = format!("openssl s_client -connect 127.0.0.1:{} -showcerts < /dev/null", node.ports.tls());
    let ended = run("sh", &["-c", &command], Duration::from_secs(20));
    let from = ended.out.find("-----BEGIN CERTIFICATE-----").unwrap_or_else(|| panic!("no certificate: {ended:?}"));
    ended.out[from..].split("-----END").next().unwrap_or_default().to_owned()
}

/// Puts another certificate in the place of the node's.
fn renew(node: &Node) {
    let (certificate, key) = (node.data().join("sip.crt"), node.data().join("sip.key"));
    let (certificate, key) = (certificate.to_string_lossy(), key.to_string_lossy());
    let made = run(
        "openssl",
        &[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=renewed",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            &key,
            "-out",
            &certificate,
        ],
        Duration::from_secs(20),
    );
    assert!(made.status.success(), "{made:?}");
}

/// baresip calls the script, is given to the desk, and both hear each other for the whole talk.
fn talks(node: &Node, transport: &str, uri: &str, meanwhile: impl FnOnce()) {
    talks_with(node, Ipv4Addr::LOCALHOST.into(), transport, "", uri, meanwhile);
}

fn talks_with(node: &Node, address: IpAddr, transport: &str, media: &str, uri: &str, meanwhile: impl FnOnce()) {
    let mut desk =
        node.desk("ada", &["--tone", "880", "--expect-tone", "440", "--expect-share", "95", "--calls", "1", "--answer-after", "700"]);
    let mut baresip = Baresip::start(node, address, transport, media);
    baresip.tell("dial", uri);
    let seen = |kind: &str| {
        let calls = node.calls();
        calls.first().is_some_and(|call| !kinds(&node.records(&call["id"]), kind).is_empty()).then_some(())
    };
    let presented = wait_until(Duration::from_secs(30), || seen("menu_presented"));
    assert!(presented.is_some(), "no menu\n{}\n{}", baresip.program.story(), node.log());
    baresip.tell("sndcode", "1");
    let bridged = wait_until(Duration::from_secs(30), || seen("handoff"));
    assert!(bridged.is_some(), "no agent\n{}\n{}", baresip.program.story(), node.log());
    meanwhile();
    std::thread::sleep(Duration::from_secs(4));
    baresip.tell("hangup", "");
    let call = node.ended_calls(1)[0].clone();
    let desk = report(&desk.end(Duration::from_secs(30)));
    assert_eq!(desk["ok"], true, "{desk}");

    let talked_ms = call["talked_ms"].as_u64().unwrap();
    assert!(talked_ms >= 3900, "{call}");
    assert_heard_through("the desk hears 440 Hz", desk["media"]["tone_windows"].as_u64().unwrap(), talked_ms);

    let heard = baresip.heard();
    let agent = heard.tone(0, 880.0);
    assert_heard_through("baresip hears 880 Hz", held(&agent) as u64, talked_ms);
    assert!(share_between(&agent) >= 0.95, "{agent:?}");

    let records = node.records(&call["id"]);
    let file = kinds(&records, "recording_sealed")[0]["file"].as_str().unwrap().to_owned();
    let recording = WavEars::of(&node.data().join("recordings").join(file));
    assert_eq!(recording.channels.len(), 2);
    let (left, right) = (recording.tone(0, 440.0), recording.tone(1, 880.0));
    assert_heard_through("880 Hz is right in the recording", held(&right) as u64, talked_ms);
    assert!(share_between(&right) >= 0.95, "{right:?}");
    let from = right.iter().position(|holds| *holds).unwrap();
    let to = right.iter().rposition(|holds| *holds).unwrap();
    let talk = &left[from..=to];
    assert!(held(talk) as f64 / talk.len() as f64 >= 0.95, "440 Hz is left in the recording: {left:?}");
    assert_eq!((held(&recording.tone(0, 880.0)[from..=to]), held(&recording.tone(1, 440.0))), (0, 0), "the sides are kept apart");
    assert_eq!(kinds(&records, "call_ended").len(), 1, "{}", Value::from(records.clone()));
}
