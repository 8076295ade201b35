//! Two phones on loopback. Real sockets and real time, a second or two each: a phone's timing is what is tested.

use std::net::Ipv4Addr;

use clap::{Args as _, FromArgMatches as _};
use tokio::task::JoinHandle;

use super::*;

/// A call between two phones: the caller's exit code and report, and the callee's.
async fn call(caller: &str, callee: &str) -> ((u8, Report), (u8, Report)) {
    let (address, waiting) = callee_at(callee).await;
    let called = place(&format!("sip:demo@{address} {caller}")).await;
    let (code, mut reports) = waiting.await.expect("the callee does not panic");
    (called, (code, reports.pop().expect("one call came")))
}

async fn callee_at(arguments: &str) -> (SocketAddr, JoinHandle<(u8, Vec<Report>)>) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address = socket.local_addr().expect("an address");
    let dial = parsed(&format!("--listen {address} --calls 1 {arguments}"));
    (address, tokio::spawn(async move { sip::listen(&dial, socket, Style::Quiet, &nobody()).await }))
}

async fn place(arguments: &str) -> (u8, Report) {
    place_until(arguments, nobody()).await
}

async fn place_until(arguments: &str, mut interrupt: Interrupt) -> (u8, Report) {
    let dial = parsed(arguments);
    let mut report = Report::new(dial.title(), Style::Quiet);
    let result = sip::call(&dial, &mut report, &mut interrupt).await;
    (report.close(result), report)
}

pub(super) fn parsed(arguments: &str) -> Dial {
    try_parsed(arguments).expect("the arguments make sense")
}

fn try_parsed(arguments: &str) -> Result<Dial, clap::Error> {
    let command = Dial::augment_args(clap::Command::new("dial").no_binary_name(true));
    Dial::from_arg_matches(&command.try_get_matches_from(arguments.split_whitespace())?)
}

/// Nobody presses Ctrl-C.
pub(super) fn nobody() -> Interrupt {
    Interrupt(watch::channel(false).1)
}

fn failure(report: &Report) -> &Failure {
    report.failure.as_ref().expect("the call failed")
}

fn media(report: &Report) -> &Media {
    report.media.as_ref().expect("they talked")
}

#[tokio::test]
async fn two_phones_hear_each_others_tones_and_keys() {
    let folder = tempfile::tempdir().expect("a folder");
    let tape = folder.path().join("heard.wav");
    let caller = format!("--tone 440 --expect-tone 880 --expect-audio --dtmf 12# --duration 2 --record {}", tape.display());
    let ((code, caller), (other, callee)) = call(&caller, "--tone 880 --expect-tone 440 --answer-after 50").await;
    assert_eq!((code, other), (0, 0), "{:?} {:?}", caller.failure, callee.failure);
    let reached: Vec<_> = caller.stages.iter().map(|stage| stage.stage).collect();
    for stage in ["resolve", "invite", "trying", "ringing", "answered", "audio", "keys", "bye"] {
        assert!(reached.contains(&stage), "{stage} in {reached:?}");
    }
    assert!(caller.reached("answered") >= Some(50));
    assert_eq!(media(&callee).keys_heard, "12#");
    assert_eq!((media(&caller).dominant_hz, media(&callee).dominant_hz), (Some(880), Some(440)));
    assert!(media(&caller).tone_share > 0.9 && media(&caller).received > 80, "{:?}", media(&caller));
    assert_eq!(media(&caller).lost, 0);
    let recorded = hound::WavReader::open(&tape).expect("a recording");
    assert!(recorded.duration() > 8000, "{}", recorded.duration());
}

#[tokio::test]
async fn the_callee_may_hang_up_first() {
    let ((code, caller), _) = call("--duration 5", "--duration 1 --tone 880").await;
    assert_eq!(code, 0);
    assert!(caller.stages.last().is_some_and(|stage| stage.detail.contains("far side")));
    let ((code, _), _) = call("--duration 5 --stay", "--duration 1").await;
    assert_eq!(code, Failed::Dropped as u8);
}

#[tokio::test]
async fn an_echo_brings_our_tone_back_in_the_other_law() {
    let ((code, caller), _) = call("--codec pcma --tone 700 --expect-tone 700 --duration 1", "--echo").await;
    assert_eq!((code, media(&caller).codec.as_str()), (0, "PCMA"), "{:?}", caller.failure);
}

#[tokio::test]
async fn silence_is_told_from_a_missing_tone() {
    let ((code, _), _) = call("--expect-audio --duration 1", "--echo").await;
    assert_eq!(code, Failed::NoAudio as u8);
    let ((code, _), _) = call("--expect-tone 880 --duration 1", "--tone 500").await;
    assert_eq!(code, Failed::NoTone as u8);
}

#[tokio::test]
async fn a_refusal_says_its_status_and_its_reasons() {
    let ((code, caller), _) = call("", "--refuse 486").await;
    assert_eq!(code, Failed::Refused as u8);
    let failure = failure(&caller);
    assert_eq!((failure.status, failure.text.as_str()), (Some(486), "486 Busy Here"));
    assert_eq!(failure.reason.as_deref(), Some("SIP;cause=486"));
    assert_eq!(failure.warning.as_deref(), Some(r#"399 tandem "refused by --refuse""#));
}

#[tokio::test]
async fn a_password_is_proven_and_a_wrong_one_is_not() {
    let ((code, caller), _) = call("--auth ada:lovelace --duration 1", "--auth ada:lovelace").await;
    assert_eq!(code, 0, "{:?}", caller.failure);
    assert!(caller.reached("auth").is_some());
    let ((code, _), (other, _)) = call("--auth ada:byron", "--auth ada:lovelace").await;
    assert_eq!((code, other), (Failed::Auth as u8, Failed::Auth as u8));
    let ((code, caller), _) = call("", "--auth ada:lovelace").await;
    assert_eq!((code, failure(&caller).status), (Failed::Auth as u8, Some(401)));
}

#[tokio::test]
async fn a_phone_that_rings_too_long_is_cancelled() {
    let ((code, _), (other, callee)) = call("--ring-timeout 1", "--answer-after 30000").await;
    assert_eq!((code, other), (Failed::NoAnswer as u8, Failed::Dropped as u8));
    assert!(callee.reached("cancelled").is_some());
}

#[tokio::test]
async fn an_impatient_user_cancels_while_it_rings() {
    let (address, _waiting) = callee_at("--answer-after 30000").await;
    let (press, pressed) = watch::channel(false);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        press.send(true)
    });
    let (code, _) = place_until(&format!("sip:demo@{address}"), Interrupt(pressed)).await;
    assert_eq!(code, Failed::Interrupted as u8);
}

#[tokio::test]
async fn a_closed_port_is_told_at_once_and_a_mute_one_after_the_timeout() {
    let (code, report) = place("sip:demo@127.0.0.1:9 --reply-timeout 20").await;
    assert_eq!(code, Failed::NoReply as u8);
    assert!(failure(&report).text.contains("port unreachable"), "{:?}", report.failure);
    let mute = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let (code, _) = place(&format!("sip:demo@{} --reply-timeout 1", mute.local_addr().expect("an address"))).await;
    assert_eq!(code, Failed::NoReply as u8);
}

#[tokio::test]
async fn a_name_without_an_address_does_not_resolve() {
    assert_eq!(place("sip:demo@nowhere.invalid").await.0, Failed::Resolve as u8);
}

#[test]
fn what_makes_no_sense_is_said_before_the_first_packet() {
    for arguments in [
        "",
        "sip:a@b --listen 127.0.0.1:1",
        "sip:a@b --tone 5",
        "sip:a@b --play f --tone 440",
        "--web http://a --desk",
        "sip:a@b --refuse 486",
    ] {
        assert!(try_parsed(arguments).is_err(), "{arguments}");
    }
    for arguments in ["+380501112233", "sips:a@b", "sip:a@b --auth nobody", "sip:a@b --dtmf 12x", "sip:a@b -H nonsense"] {
        assert_eq!(parsed(arguments).check().err().map(|failure| failure.failed), Some(Failed::Usage), "{arguments}");
    }
    for arguments in ["sip:a@b", "a@b:5070", "+380501112233 --proxy 127.0.0.1:5060", "--listen 127.0.0.1:0"] {
        assert_eq!(parsed(arguments).check(), Ok(()), "{arguments}");
    }
}
