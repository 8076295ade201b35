//! A network of a test's own, in namespaces that end with it: the test runs again in there, and nothing of this machine is reached or touched.
//!
//! Needs no root where the system lets anybody have a user namespace. Addresses are those of test beds (RFC 2544) outside, and private
//! ones (RFC 1918) inside; between them stands a NAT that gives every flow a port of its own and lets nobody in who was not called.

use std::{
    env,
    process::{Command, Stdio},
    time::Duration,
};

use crate::program::{Program, run};

/// Out in the open.
pub const OUTSIDE: &str = "198.18.0.1";
/// The NAT as those outside see it.
pub const NAT: &str = "198.18.0.2";
/// Behind the NAT.
pub const INSIDE: &str = "10.0.0.2";

/// Where the test itself stands; the other side is the namespace `far`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Outside,
    Inside,
}

/// Runs `story` on an island, when called by the test of this name.
///
/// # Panics
/// The system forbids it, and nobody has said by `TANDEM_NO_NAMESPACES=1` that this is known: nothing is proven then.
pub fn on_an_island(test: &str, side: Side, story: impl FnOnce()) {
    if env::var_os(ON_ISLAND).is_some() {
        lay_out(side);
        return story();
    }
    if let Some(reason) = reason_against() {
        let is_known = env::var_os(NO_NAMESPACES).is_some_and(|value| value == "1");
        assert!(is_known, "no network namespace can be made here: {reason}; {NO_NAMESPACES}=1 leaves this test out");
        eprintln!("left out {test}: no network namespace can be made here: {reason}");
        return;
    }
    let test_binary = env::current_exe().expect("a running test has a path");
    let mut command = Command::new("unshare");
    command.args(NAMESPACES).arg(test_binary).args(["--exact", test, "--nocapture", "--test-threads=1"]).env(ON_ISLAND, "yes");
    let ended = Program::start(&mut command).end(Duration::from_secs(180));
    assert!(ended.status.success() && ended.out.contains("1 passed"), "on the island:\n{}\n{}", ended.out, ended.err);
}

/// A program on the other side of the NAT.
pub fn beyond(program: &Command) -> Command {
    let mut there = Command::new("ip");
    there.env("PATH", path()).args(["netns", "exec", "far"]).arg(program.get_program()).args(program.get_args());
    there
}

/// The NAT sends what comes to these UDP ports of it inside, as a router's owner would tell it to.
pub fn forward(first: u16, last: u16) {
    let ports = format!("{first}:{last}");
    shell(&format!("ip netns exec nat iptables -t nat -A PREROUTING -i wan -p udp --dport {ports} -j DNAT --to-destination {INSIDE}"));
}

/// Why this system has no island for us.
fn reason_against() -> Option<String> {
    let tried = Command::new("unshare").args(NAMESPACES).args(["mount", "-t", "tmpfs", "none", "/run"]).stdin(Stdio::null()).output();
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(error.to_string()),
    }
}

fn lay_out(side: Side) {
    let (outside, inside) = match side {
        Side::Outside => ("ip", "ip -n far"),
        Side::Inside => ("ip -n far", "ip"),
    };
    // Names of namespaces lie in /run, which is this island's own.
    shell("mount -t tmpfs none /run && ip netns add far && ip netns add nat");
    shell("for at in '' '-n far' '-n nat'; do ip $at link set lo up; done");
    shell("ip link add outside type veth peer name wan netns nat && ip link add inside type veth peer name lan netns nat");
    shell(match side {
        Side::Outside => "ip link set inside netns far",
        Side::Inside => "ip link set outside netns far",
    });
    shell(&format!("{outside} addr add {OUTSIDE}/24 dev outside && {outside} link set outside up"));
    shell(&format!("{inside} addr add {INSIDE}/24 dev inside && {inside} link set inside up && {inside} route add default via {ROUTER}"));
    shell(&format!("ip -n nat addr add {NAT}/24 dev wan && ip -n nat addr add {ROUTER}/24 dev lan"));
    shell("ip -n nat link set wan up && ip -n nat link set lan up");
    shell("ip netns exec nat sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'");
    shell("ip netns exec nat iptables -t nat -A POSTROUTING -o wan -p udp -j MASQUERADE --to-ports 40000-49999 --random");
    shell("ip netns exec nat iptables -t nat -A POSTROUTING -o wan -j MASQUERADE");
}

fn shell(words: &str) {
    let ended = run("sh", &["-c", &format!("PATH={}; {words}", path())], Duration::from_secs(20));
    assert!(ended.status.success(), "{words}: {ended:?}");
}

/// `ip` and `iptables` lie where a plain user does not look.
fn path() -> String {
    format!("{}:/usr/sbin:/sbin", env::var("PATH").unwrap_or_default())
}

const NO_NAMESPACES: &str = "TANDEM_NO_NAMESPACES";
const ON_ISLAND: &str = "TANDEM_ON_ISLAND";
const NAMESPACES: [&str; 3] = ["--map-root-user", "--net", "--mount"];
/// The NAT as those inside see it.
const ROUTER: &str = "10.0.0.1";
