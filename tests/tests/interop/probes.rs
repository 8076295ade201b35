//! What comes by before any call: carriers' probes by sipsak, and a scanner's guesses by sipvicious.

use std::{process::Command, time::Duration};

use tests::{
    node::{Node, Plan, root},
    program::{Ended, Program, run, wait_until},
};

use super::report;

/// sipsak's answer to one OPTIONS; its exit code is 0 for a 2xx alone.
fn sipsak(node: &Node) -> Ended {
    run("sipsak", &["-vv", "-s", &node.sip_uri("probe")], Duration::from_secs(30))
}

#[test]
fn sipsak_is_told_what_we_can_do_and_503_while_the_node_drains() {
    let mut node = Node::with(&Plan { drain_s: 30, ..Plan::default() });
    let open = sipsak(&node);
    assert_eq!(open.status.code(), Some(0), "{open:?}");
    assert!(open.out.contains("SIP/2.0 200 OK") && open.out.contains("Allow: INVITE") && open.out.contains("Accept: application/sdp"));

    // The call that stands keeps the node there.
    let uri = node.sip_uri("main");
    let mut caller = node.dial(&[&uri, "--as", "+380501112233", "--expect-audio", "--duration", "6"]);
    let begun = wait_until(Duration::from_secs(30), || (!node.calls().is_empty()).then_some(()));
    assert!(begun.is_some(), "no call\n{}\n{}", caller.story(), node.log());
    node.terminate();
    let closed = wait_until(Duration::from_secs(5), || {
        let told = sipsak(&node);
        told.out.contains("SIP/2.0 503").then_some(told)
    });
    let closed = closed.unwrap_or_else(|| panic!("it still says that it is open\n{}", node.log()));
    assert_ne!(closed.status.code(), Some(0), "{closed:?}");
    let caller = report(&caller.end(Duration::from_secs(30)));
    assert_eq!(caller["ok"], true, "the call goes on: {caller}");
    assert!(node.end(Duration::from_secs(40)).status.success());
}

/// What a scan of 98 to 103 by a method finds; the exit code is 40 if it found anything.
fn scan(node: &Node, method: &str) -> Ended {
    let (to, from) = (node.ports.sip().to_string(), node.ports.peer(0).to_string());
    let scanner = root().join("tests/peers/.venv/bin/sipvicious_svwar");
    let mut command = Command::new(scanner);
    // By --force it goes on where the answers tell existing from missing by nothing. Its sessions are kept in the home directory.
    command.args(["--force", "-m", method, "-e", "98-103", "-P", &from, "-p", &to, "127.0.0.1"]).env("HOME", node.directory());
    Program::start(command.current_dir(node.directory())).end(Duration::from_secs(60))
}

#[test]
fn sipvicious_finds_no_extension_neither_the_phone_that_is_there_nor_one_that_is_not() {
    let phone = "[[phone]]\nuser = \"100\"\nrealm = \"tandem\"\npassword = \"a long password\"\n".to_owned();
    // The scanner is a stranger.
    let mut node = Node::with(&Plan { routes: phone, trunk: "127.0.0.9/32", ..Plan::default() });
    for method in ["REGISTER", "INVITE", "OPTIONS"] {
        let ended = scan(&node, method);
        assert_eq!(ended.status.code(), Some(0), "{method}: {ended:?}");
        assert!(ended.err.contains("found nothing"), "{method}: {ended:?}");
    }
    node.assert_alive();
}
