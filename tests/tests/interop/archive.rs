//! What becomes of recordings: encrypted Opus that ffmpeg understands, and copies in a bucket of moto's S3.

use std::{fs, process::Command, time::Duration};

use serde_json::Value;
use tests::{
    http,
    node::{Node, Plan, root, tandem},
    ports::Ports,
    program::{Program, wait_until},
    wav_ears::{WavEars, held},
};

use super::kinds;

/// The fourth try of a copy comes within 75 s.
const PATIENCE: Duration = Duration::from_secs(90);

/// Moto wants an account to be named; which one, it asks only where it is strict.
const ANYBODY: &str =
    "Authorization: AWS4-HMAC-SHA256 Credential=tests/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=none";

/// S3 as moto plays it, on the port of this block; `is_strict`: whom it does not know, it refuses.
fn s3(ports: &Ports, is_strict: bool) -> Program {
    let port = ports.peer(0);
    let mut command = Command::new(root().join("tests/peers/.venv/bin/moto_server"));
    command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
    if is_strict {
        command.env("INITIAL_NO_AUTH_ACTION_COUNT", "0");
    }
    let program = Program::start(&mut command);
    let is_up = wait_until(PATIENCE, || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
    assert!(is_up.is_some(), "moto does not listen\n{}", program.story());
    program
}

fn make_bucket(ports: &Ports) {
    let made = http::ask(ports.peer(0), "PUT", "/calls", &[], &[]);
    assert_eq!(made.status, 200, "{}", made.text());
}

fn plan(ports: &Ports) -> Plan {
    let recording = format!(
        "format = \"opus\"\nkey = {{ id = \"first\", secret = \"{}\" }}\n[recording.upload]\nto = \"s3://calls/node-1\"\n\
         endpoint = \"http://127.0.0.1:{}\"\naccess_key = \"tandem\"\nsecret_key = \"none of theirs\"\n",
        "a1".repeat(32),
        ports.peer(0)
    );
    Plan { recording, ..Plan::default() }
}

/// A call of some seconds, recorded; its id.
fn recorded(node: &Node) -> Value {
    let uri = node.sip_uri("main");
    let mut caller = node.dial(&[&uri, "--as", "+380501112233", "--tone", "440", "--duration", "4"]);
    let ended = caller.end(PATIENCE);
    assert!(ended.status.success(), "{}\n{}", caller.story(), node.log());
    node.ended_calls(1)[0]["id"].clone()
}

fn recording(node: &Node, call: &Value) -> Value {
    node.api("GET", &format!("/v1/calls/{call}"), &Value::Null).json()["recordings"][0].clone()
}

/// Waits until a recording is so far.
fn reaches(node: &Node, call: &Value, state: &str) -> Value {
    let reached = wait_until(PATIENCE, || Some(recording(node, call)).filter(|recording| recording["state"] == state));
    reached.unwrap_or_else(|| panic!("not {state}: {}\n{}", recording(node, call), node.log()))
}

#[test]
fn a_call_is_kept_as_encrypted_opus_copied_to_s3_and_erased_everywhere() {
    let mut node = Node::prepared(|ports, _| plan(ports));
    let _s3 = s3(&node.ports, false);
    make_bucket(&node.ports);
    let call = recorded(&node);
    let kept = reaches(&node, &call, "uploaded");
    assert_eq!((&kept["format"], &kept["encrypted"]), (&"opus".into(), &true.into()), "{kept}");
    let folder = node.data().join("recordings");
    let sealed = fs::read(folder.join(format!("{call}.ogg.sealed"))).unwrap();
    assert!(!folder.join(format!("{call}.wav")).exists(), "sound in the clear");
    let object = format!("/calls/node-1/{call}.ogg.sealed");
    assert_eq!(http::ask(node.ports.peer(0), "GET", &object, &[ANYBODY], &[]).body, sealed);

    let heard = node.api("GET", &format!("/v1/calls/{call}/recording"), &Value::Null);
    assert!(heard.status == 200 && heard.head.to_ascii_lowercase().contains("audio/ogg"), "{}", heard.head);
    let [ogg, wav] = ["heard.ogg", "heard.wav"].map(|name| node.directory().join(name));
    fs::write(&ogg, &heard.body).unwrap();
    let ffmpeg = Command::new("ffmpeg").args(["-loglevel", "warning", "-i"]).arg(&ogg).args(["-ar", "8000"]).arg(&wav).output().unwrap();
    assert!(ffmpeg.status.success() && ffmpeg.stderr.is_empty(), "{}", String::from_utf8_lossy(&ffmpeg.stderr));
    let ears = WavEars::of(&wav);
    let told_ms = kept["length_ms"].as_f64().unwrap();
    assert!((ears.length() * 1_000.0 - told_ms).abs() <= 20.0, "{} s of {told_ms} ms", ears.length());
    assert!(held(&ears.tone(0, 440.0)) > 20, "the caller's tone is on the left");
    let peaks = node.api("GET", &format!("/v1/calls/{call}/recording/peaks"), &Value::Null).json();
    assert_eq!(peaks["data"].as_array().map(Vec::len), peaks["length"].as_u64().map(|length| length as usize * 4));

    // A new master key, while the node runs; then a node that knows the new one alone.
    let file = node.directory().join("tandem.toml");
    let (old, new) =
        (format!("id = \"first\", secret = \"{}\"", "a1".repeat(32)), format!("id = \"second\", secret = \"{}\"", "b2".repeat(32)));
    let text = fs::read_to_string(&file).unwrap();
    let both = text.replace(&format!("key = {{ {old} }}"), &format!("key = {{ {new} }}\nold_keys = [{{ {old} }}]"));
    fs::write(&file, &both).unwrap();
    let rewrapped = tandem(&["recordings", "rewrap", "-c", &node.directory().join("tandem.toml").display().to_string()]);
    assert!(rewrapped.status.success() && rewrapped.out.contains("1 recordings are under `second` now"), "{rewrapped:?}");
    node.terminate();
    node.end(PATIENCE);
    fs::write(&file, text.replace(&old, &new)).unwrap();
    node.restart();
    let again = node.api("GET", &format!("/v1/calls/{call}/recording"), &Value::Null);
    assert!(again.status == 200 && again.body == heard.body, "{}", again.head);
    assert_eq!(fs::read(folder.join(format!("{call}.ogg.sealed"))).unwrap(), sealed, "no file was touched");

    let erased = node.api("DELETE", &format!("/v1/calls/{call}/recording"), &Value::Null).json();
    assert_eq!(
        (&erased["recordings"][0]["state"], &erased["recordings"][0]["erased"]["remains"]),
        (&"erased".into(), &false.into()),
        "{erased}"
    );
    assert_eq!(http::ask(node.ports.peer(0), "GET", &object, &[ANYBODY], &[]).status, 404);
    assert_eq!(node.api("GET", &format!("/v1/calls/{call}/recording"), &Value::Null).status, 410);
    let records = node.records(&call);
    assert_eq!((kinds(&records, "recording_ready").len(), kinds(&records, "recording_erased").len()), (1, 1), "{records:?}");
    node.assert_alive();
}

#[test]
fn a_bucket_that_is_not_there_is_named_and_tried_again_over_a_restart() {
    let mut node = Node::prepared(|ports, _| plan(ports));
    let call = recorded(&node);
    let trouble = |node: &Node, words: &str| {
        let told =
            wait_until(PATIENCE, || recording(node, &call)["trouble"].as_str().filter(|told| told.contains(words)).map(str::to_owned));
        told.unwrap_or_else(|| panic!("no word of {words}: {}\n{}", recording(node, &call), node.log()))
    };
    let away = trouble(&node, "it does not answer; check `endpoint`");
    assert!(away.contains("the bucket calls at http://127.0.0.1:"), "{away}");
    let _s3 = s3(&node.ports, false);
    trouble(&node, "there is no such bucket; make it, or mend `to`");
    node.kill();
    make_bucket(&node.ports);
    node.restart();
    reaches(&node, &call, "uploaded");
    assert!(recording(&node, &call)["trouble"].is_null());
}

#[test]
fn an_account_that_the_store_refuses_is_named() {
    let node = Node::prepared(|ports, _| plan(ports));
    let _s3 = s3(&node.ports, true);
    let call = recorded(&node);
    let told = wait_until(PATIENCE, || recording(&node, &call)["trouble"].as_str().map(str::to_owned));
    let told = told.unwrap_or_else(|| panic!("{}\n{}", recording(&node, &call), node.log()));
    assert!(told.contains("it refuses our account; check access_key, secret_key"), "{told}");
    assert!(!told.contains("none of theirs") && !node.log().contains("none of theirs"), "no secret is told");
    assert_eq!(node.api("GET", &format!("/v1/calls/{call}/recording"), &Value::Null).status, 200, "it is heard all the same");
}
