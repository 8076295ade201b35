//! linphonec as the caller: it plays 440 Hz from a file, and keeps what it hears.

use std::{fs, path::Path, process::Command, time::Duration};

use tests::{authority::Authority, node::Node, program::Program, wav_ears::write_tone};

use super::{
    papers::{Papers, certified},
    talk,
};

/// A running linphonec whose sound card is files, with a home of its own; over TLS it believes in servers that `authority` vouches for.
fn linphone(node: &Node, authority: &Path) -> Program {
    let home = node.directory().join("linphone");
    // Without the folder of its database it opens no port.
    fs::create_dir_all(home.join(".local/share/linphone")).unwrap();
    let ports = &node.ports;
    let config = format!(
        "[sip]\nauto_net_state_mon=0\nuse_ipv6=0\nbind_address=127.0.0.1\nsip_port={sip}\nsip_tcp_port={sip}\nsip_tls_port={tls}\nguess_hostname=0\n\
         root_ca={authority}\nverify_server_certs=1\nverify_server_cn=1\n\
         contact=sip:+380501112233@127.0.0.1\nmedia_encryption=none\n\n[net]\nfirewall_policy=none\n\n\
         [rtp]\nbind_address=127.0.0.1\naudio_rtp_port={rtp}\n\n[sound]\nechocancellation=0\n",
        sip = ports.peer(0),
        tls = ports.peer(1),
        rtp = ports.peer(2),
        authority = authority.display(),
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

/// A call to `uri` until both have heard each other.
fn talks(node: &Node, uri: &str, authority: &Path) {
    let desk = talk::desk(node);
    let mut phone = linphone(node, authority);
    phone.type_in(&format!("call {uri}\n"));
    phone.wait_for("that voices go", Duration::from_secs(30), |said| said.contains("Media streams established").then_some(()));
    phone.type_in("record heard.wav\nplay 440.wav\n");
    talk::through_the_menu(node, &mut phone, |phone| phone.type_in("1\n"));
    phone.type_in("terminate\n");
    phone.wait_for("that the call is over", Duration::from_secs(30), |said| said.contains("ended (No error)").then_some(()));
    phone.type_in("quit\n");
    phone.end(Duration::from_secs(30));
    talk::assert_both_heard(node, desk, &node.directory().join("linphone/heard.wav"));
}

#[test]
fn linphone_by_udp_and_the_desk_hear_each_other() {
    let node = Node::start();
    talks(&node, &format!("{};transport=udp", node.sip_uri("main")), Path::new("/dev/null"));
}

#[test]
fn linphone_by_tcp_and_the_desk_hear_each_other() {
    let node = Node::start();
    talks(&node, &format!("{};transport=tcp", node.sip_uri("main")), Path::new("/dev/null"));
    assert_eq!(node.metric_of("tandem_switch_inputs_total", "kind=\"sip_datagram\""), 0.0, "not a datagram");
}

#[test]
fn linphone_by_tls_believes_our_authority_and_hears_the_desk() {
    let Papers { node, authority } = certified();
    talks(&node, &format!("sip:main@localhost:{};transport=tls", node.ports.peer(10)), &authority.certificate());
    assert_eq!(node.metric_of("tandem_switch_inputs_total", "kind=\"sip_datagram\""), 0.0, "not a datagram");
}

/// Without this the test above would prove no certificate.
#[test]
fn linphone_does_not_speak_with_one_whom_its_authority_does_not_vouch_for() {
    let Papers { node, .. } = certified();
    let elsewhere = node.directory().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let stranger = Authority::found(&elsewhere, "another");
    let mut phone = linphone(&node, &stranger.certificate());
    phone.type_in(&format!("call sip:main@localhost:{};transport=tls\n", node.ports.peer(10)));
    phone.wait_for("that it does not believe", Duration::from_secs(60), |said| {
        said.contains("Certificate verification failed").then_some(())
    });
    phone.type_in("quit\n");
    phone.end(Duration::from_secs(30));
    assert!(node.calls().is_empty());
}
