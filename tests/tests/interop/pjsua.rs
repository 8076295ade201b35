//! pjsua2 as the caller, by a script of its Python binding.

use std::{process::Command, time::Duration};

use tests::{
    node::{Node, root},
    program::Program,
    wav_ears::write_tone,
};

use super::talk;

#[test]
fn pjsua_by_udp_and_the_desk_hear_each_other() {
    let node = Node::start();
    let desk = talk::desk(&node);
    let peers = root().join("tests/peers");
    write_tone(&node.directory().join("440.wav"), 440.0, 60);
    let (sip, rtp) = (node.ports.peer(0).to_string(), node.ports.peer(2).to_string());
    let mut phone = Program::start(
        Command::new(peers.join(".venv/bin/python3"))
            .arg(peers.join("pjsua.py"))
            .args([&node.sip_uri("main"), &sip, &rtp, "440.wav", "heard.wav"])
            .current_dir(node.directory()),
    );
    phone.wait_for("that voices go", Duration::from_secs(30), |said| said.contains("voices go").then_some(()));
    talk::through_the_menu(&node, &mut phone, |phone| phone.type_in("digit 1\n"));
    phone.type_in("hangup\n");
    let ended = phone.end(Duration::from_secs(30));
    assert!(ended.status.success() && ended.out.contains("state DISCONNECTED 200"), "{ended:?}");
    talk::assert_both_heard(&node, desk, &node.directory().join("heard.wav"));
}
