//! Kamailio in front, in the route of every dialog: calls go through it both ways, and its probes find out whether we take calls.

use std::{fs, process::Command, time::Duration};

use tests::{
    node::{Node, Plan, root},
    ports::Ports,
    program::Program,
};

use super::{kinds, report};

/// A proxy that runs; it has children, so it is asked to end and not killed.
pub(crate) struct Kamailio(pub(crate) Program);

impl Kamailio {
    /// One that calls this node alone, while it answers.
    fn start(node: &Node) -> Self {
        let list = node.directory().join("dispatcher.list");
        fs::write(&list, format!("1 sip:127.0.0.1:{}\n", node.ports.sip())).unwrap();
        Self::configured(node, "kamailio.cfg", &[format!("DISPATCHER_LIST=\"{}\"", list.display())])
    }

    /// At `peer(0)` of the node's ports, after a file of `tests/peers` and the words in it.
    pub(crate) fn configured(node: &Node, file: &str, words: &[String]) -> Self {
        let folder = node.directory();
        let mut command = Command::new("kamailio");
        command.env("PATH", format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default()));
        command.arg("-f").arg(root().join("tests/peers").join(file)).args(["-DD", "-E", "-m", "32", "-M", "4"]);
        command.arg("-A").arg(format!("PROXY=127.0.0.1:{}", node.ports.peer(0)));
        words.iter().for_each(|word| {
            command.arg("-A").arg(word);
        });
        command.arg("-Y").arg(folder).arg("-w").arg(folder);
        let mut program = Program::start(&mut command);
        program.wait_for("that it listens", Duration::from_secs(30), |said| said.contains("Listening on").then_some(()));
        Self(program)
    }

    pub(crate) fn wait_for(&mut self, words: &str) {
        self.0.wait_for(words, Duration::from_secs(30), |said| said.contains(words).then_some(()));
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        self.0.signal("TERM");
        let _ = tests::program::wait_until(Duration::from_secs(10), || (!self.0.is_running()).then_some(()));
    }
}

/// A call of `main` or another number by way of the proxy.
fn by_proxy(node: &Node, user: &str, more: &[&str]) -> Program {
    let (uri, proxy) = (node.sip_uri(user), format!("127.0.0.1:{}", node.ports.peer(0)));
    let mut arguments = vec![uri.as_str(), "--proxy", &proxy, "--as", "+380501112233"];
    arguments.extend(more);
    node.dial(&arguments)
}

#[test]
fn a_call_by_kamailio_is_hung_up_by_either_side_along_its_record_route() {
    let node =
        Node::with_routes(|ports: &Ports| format!("[[route]]\ndialled = \"desk\"\nbridge = \"sip:uas@127.0.0.1:{}\"\n", ports.peer(10)));
    let mut proxy = Kamailio::start(&node);

    let caller = report(&by_proxy(&node, "main", &["--expect-audio", "--duration", "3"]).end(Duration::from_secs(60)));
    assert_eq!(caller["ok"], true, "{caller}\n{}", proxy.0.story());
    let first = node.ended_calls(1)[0].clone();
    assert_eq!(first["cause"]["fault"], "caller", "{first}");
    let ours = format!("from 127.0.0.1:{} ", node.ports.sip());
    let byes = |proxy: &Kamailio| proxy.0.err().lines().filter(|line| line.contains("within: BYE")).map(str::to_owned).collect::<Vec<_>>();
    assert!(byes(&proxy).iter().any(|bye| !bye.contains(&ours)), "the caller's BYE\n{}", proxy.0.story());

    // The far side hangs up, so the BYE towards the caller is ours.
    let phone = format!("127.0.0.1:{}", node.ports.peer(10));
    let mut callee = node.dial(&["--listen", &phone, "--tone", "880", "--calls", "1", "--duration", "3"]);
    let caller = report(&by_proxy(&node, "desk", &["--expect-tone", "880", "--duration", "30"]).end(Duration::from_secs(60)));
    callee.end(Duration::from_secs(30));
    assert_eq!(caller["ok"], true, "{caller}\n{}", proxy.0.story());
    assert_eq!(node.ended_calls(2).iter().map(|call| kinds(&node.records(&call["id"]), "call_ended").len()).sum::<usize>(), 2);
    assert!(byes(&proxy).iter().any(|bye| bye.contains(&ours)), "our BYE\n{}", proxy.0.story());
    proxy.wait_for("within: ACK");
}

#[test]
fn kamailio_takes_a_node_that_drains_out_of_its_list() {
    let node = Node::with(&Plan { drain_s: 30, ..Plan::default() });
    let mut proxy = Kamailio::start(&node);
    let mut standing = by_proxy(&node, "main", &["--expect-audio", "--duration", "12"]);
    proxy.wait_for("new: main");
    proxy.wait_for("within: ACK");
    node.terminate();
    proxy.wait_for("gateway down");
    let refused = report(&by_proxy(&node, "main", &["--duration", "1"]).end(Duration::from_secs(60)));
    assert_eq!(refused["ok"], false, "{refused}");
    assert!(refused.to_string().contains("503"), "{refused}");
    let standing = report(&standing.end(Duration::from_secs(60)));
    assert_eq!(standing["ok"], true, "what stands goes on: {standing}");
}
