//! pjsua2 as the caller, by a script of its Python binding.

use std::{process::Command, time::Duration};

use tests::{
    node::{Node, root},
    program::{Ended, Program},
    wav_ears::write_tone,
};

use super::{
    papers::{Papers, certified},
    talk::{self, Held},
};

/// One that hums 440 Hz and keeps what it hears in `heard.wav`; its ports are `peer(20)` and `peer(22)` of the node's block.
pub(crate) fn start(node: &Node, command: &mut Command, more: &[&str]) -> Program {
    let peers = root().join("tests/peers");
    write_tone(&node.directory().join("440.wav"), 440.0, 60);
    let (sip, rtp) = (node.ports.peer(20).to_string(), node.ports.peer(22).to_string());
    command.arg(peers.join("pjsua.py")).args([&sip, &rtp, "440.wav", "heard.wav"]).args(more).current_dir(node.directory());
    Program::start(command)
}

/// What runs the script.
pub(crate) fn python() -> Command {
    Command::new(root().join("tests/peers/.venv/bin/python3"))
}

pub(crate) fn wait_for(phone: &mut Program, words: &str) {
    phone.wait_for(words, Duration::from_secs(30), |said| said.contains(words).then_some(()));
}

/// One that calls `uri`, and has been answered.
fn phone(node: &Node, uri: &str, more: &[&str]) -> Program {
    let mut phone = start(node, &mut python(), &[&["--call", uri], more].concat());
    wait_for(&mut phone, "voices go");
    phone
}

pub(crate) fn hang_up(phone: &mut Program) -> Ended {
    phone.type_in("hangup\n");
    let ended = phone.end(Duration::from_secs(30));
    assert!(ended.status.success() && ended.out.contains("state DISCONNECTED 200"), "{ended:?}");
    ended
}

/// A call until both have heard each other.
fn talks(node: &Node, uri: &str) {
    let desk = talk::desk(node);
    let mut phone = phone(node, uri, &[]);
    talk::through_the_menu(node, &mut phone, |phone| phone.type_in("digit 1\n"));
    hang_up(&mut phone);
    talk::assert_both_heard(node, desk, &node.directory().join("heard.wav"));
}

#[test]
fn pjsua_by_udp_and_the_desk_hear_each_other() {
    let node = Node::start();
    talks(&node, &node.sip_uri("main"));
}

/// A call by TLS whose keys are of this suite alone; in the talk the phone holds, and comes back.
fn talks_secured(suite: &str) {
    let Papers { node, authority } = certified();
    let desk = talk::desk_of_a_phone_that_holds(&node);
    let uri = format!("sip:main@127.0.0.1:{};transport=tls", node.ports.peer(10));
    let authority = authority.certificate();
    let mut phone = phone(&node, &uri, &["--transport", "tls", "--authority", &authority.to_string_lossy(), "--srtp", suite]);
    talk::through_the_menu(&node, &mut phone, |phone| phone.type_in("digit 1\n"));
    let turns = |phone: &mut Program, word: &str, what: &str| {
        let before = phone.out().matches(what).count();
        phone.type_in(&format!("{word}\n"));
        phone.wait_for(what, Duration::from_secs(30), |said| (said.matches(what).count() > before).then_some(()));
    };
    turns(&mut phone, "hold", "voices rest");
    std::thread::sleep(Duration::from_secs(1));
    turns(&mut phone, "resume", "voices go");
    std::thread::sleep(Duration::from_secs(3));
    let ended = hang_up(&mut phone);
    assert!(ended.out.contains(&format!("Crypto-suite: {suite}")), "{ended:?}");
    talk::assert_both_heard_around_a_hold(&node, desk, &node.directory().join("heard.wav"), &Held { before_ms: 3500, after_ms: 2500 });
}

#[test]
fn pjsua_with_keys_of_128_bits_alone_is_heard_before_and_after_its_hold() {
    talks_secured("AES_CM_128_HMAC_SHA1_80");
}

#[test]
fn pjsua_with_keys_of_256_bits_alone_is_heard_before_and_after_its_hold() {
    talks_secured("AES_256_CM_HMAC_SHA1_80");
}
