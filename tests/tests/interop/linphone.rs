//! linphonec as the caller: it plays 440 Hz from a file, and keeps what it hears.

use std::{fs, process::Command, time::Duration};

use tests::{node::Node, program::Program, wav_ears::write_tone};

use super::talk;

/// A running linphonec whose sound card is files, with a home of its own.
fn linphone(node: &Node) -> Program {
    let home = node.directory().join("linphone");
    // Without the folder of its database it opens no port.
    fs::create_dir_all(home.join(".local/share/linphone")).unwrap();
    let ports = &node.ports;
    let config = format!(
        "[sip]\nauto_net_state_mon=0\nuse_ipv6=0\nbind_address=127.0.0.1\nsip_port={sip}\nsip_tcp_port={sip}\nsip_tls_port=0\nguess_hostname=0\n\
         contact=sip:+380501112233@127.0.0.1\nmedia_encryption=none\n\n[net]\nfirewall_policy=none\n\n\
         [rtp]\nbind_address=127.0.0.1\naudio_rtp_port={rtp}\n\n[sound]\nechocancellation=0\n",
        sip = ports.peer(0),
        rtp = ports.peer(2),
    );
    fs::write(home.join("linphonerc"), config).unwrap();
    write_tone(&home.join("440.wav"), 440.0, 60);
    let mut program = Program::start(
        Command::new("linphonec").args(["-c", "linphonerc"]).env("HOME", &home).env_remove("XDG_DATA_HOME").current_dir(&home),
    );
    program.type_in("soundcard use files\n");
    program.wait_for("that files are its sound card", Duration::from_secs(30), |said| {
        said.contains("Using wav files instead of soundcard").then_some(())
    });
    program
}

fn talks(transport: &str) -> Node {
    let node = Node::start();
    let desk = talk::desk(&node);
    let mut phone = linphone(&node);
    phone.type_in(&format!("call {};transport={transport}\n", node.sip_uri("main")));
    phone.wait_for("that voices go", Duration::from_secs(30), |said| said.contains("Media streams established").then_some(()));
    phone.type_in("record heard.wav\nplay 440.wav\n");
    talk::through_the_menu(&node, &mut phone, |phone| phone.type_in("1\n"));
    phone.type_in("terminate\n");
    phone.wait_for("that the call is over", Duration::from_secs(30), |said| said.contains("ended (No error)").then_some(()));
    phone.type_in("quit\n");
    phone.end(Duration::from_secs(30));
    talk::assert_both_heard(&node, desk, &node.directory().join("linphone/heard.wav"));
    node
}

#[test]
fn linphone_by_udp_and_the_desk_hear_each_other() {
    talks("udp");
}

#[test]
fn linphone_by_tcp_and_the_desk_hear_each_other() {
    let node = talks("tcp");
    assert_eq!(node.metric_of("tandem_switch_inputs_total", "kind=\"sip_datagram\""), 0.0, "not a datagram");
}
