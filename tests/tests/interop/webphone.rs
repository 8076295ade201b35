//! Phones in browsers: JsSIP in Chromium, by WebSocket and secure WebSocket, with ICE and DTLS-SRTP on the SIP leg.

use std::{
    path::PathBuf,
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tests::{
    node::{DEMO_HASH, Node, root},
    ports::Ports,
    program::Program,
};

use super::{report, talk};

#[test]
fn jssip_by_secure_websocket_and_the_desk_hear_each_other() {
    let _turn = turn();
    let node = Node::with_routes(phones);
    let desk = talk::desk(&node);
    let mut phone = WebPhone::start(&node, &wss(&node), "200", "secret");
    phone.says("registered");
    phone.told(&format!("call {}", node.sip_uri("main")));
    phone.says("peer connected");
    talk::through_the_menu(&node, &mut phone.program, |phone| phone.type_in("info 1\n"));
    phone.told("hangup");
    phone.says("ended by local");
    let heard = phone.quit();
    talk::assert_both_heard(&node, desk, &heard);
}

#[test]
fn jssip_by_websocket_holds_moves_and_is_hung_up_by_the_desk() {
    let _turn = turn();
    let node = Node::with_routes(phones);
    let mut desk = node.desk("ada", &["--tone", "880", "--expect-tone", "440", "--calls", "1", "--answer-after", "0"]);
    // A caller by the trunk, without a registration.
    let mut phone = WebPhone::start(&node, &ws(&node), "+380501112233", "-");
    phone.says("socket open");
    phone.told(&format!("call {}", node.sip_uri("main")));
    phone.says("peer connected");
    talk::through_the_menu(&node, &mut phone.program, |phone| phone.type_in("digit 1\n"));
    phone.hears("880", true);
    phone.told("hold");
    phone.says("hold done");
    phone.hears("880", false);
    phone.told("resume");
    phone.says("resume done");
    phone.hears("880", true);
    phone.told("restart");
    phone.says("restart done");
    phone.hears("880", true);
    desk.signal("INT");
    phone.says("ended by remote");
    phone.quit();
    let desk = report(&desk.end(Duration::from_secs(30)));
    let stages = desk["stages"].to_string();
    assert!(stages.contains("caller_held") && stages.contains("caller_back"), "{desk}");
    assert_eq!(node.ended_calls(1)[0]["cause"]["fault"], "agent", "{:?}", node.ended_calls(1));
}

#[test]
fn jssip_calls_jssip_and_each_hears_the_other_until_the_called_one_hangs_up() {
    let _turn = turn();
    let node = Node::with_routes(phones);
    let mut callee = WebPhone::humming(&node, &ws(&node), "201", "secret", "880");
    let mut caller = WebPhone::start(&node, &wss(&node), "200", "secret");
    callee.says("registered");
    caller.says("registered");
    caller.told(&format!("call {}", node.sip_uri("201")));
    caller.says("progress 180");
    callee.says("called by 200");
    callee.told("answer");
    for phone in [&mut callee, &mut caller] {
        phone.says("peer connected");
    }
    caller.hears("880", true);
    callee.hears("440", true);
    callee.told("hold");
    callee.says("hold done");
    callee.hears("440", false);
    callee.told("resume");
    callee.says("resume done");
    callee.hears("440", true);
    callee.told("hangup");
    caller.says("ended by remote");
    callee.quit();
    caller.quit();
    assert_eq!(node.ended_calls(1)[0]["cause"]["q850"], 16, "{:?}", node.ended_calls(1));
}

#[test]
fn an_agents_phone_in_a_browser_is_rung_and_lifted_for_a_caller_by_rtp() {
    let _turn = turn();
    let node = Node::with_routes(|ports| {
        let skills = "skills = [\"support\", \"billing\", \"delivery\", \"returns\"]\nlanguages = [\"en\", \"uk\", \"ru\"]";
        format!(
            "{}[[agent]]\nid = 3\nlogin = \"web\"\nname = \"web\"\npassword_hash = \"{DEMO_HASH}\"\nphone = \"201\"\n{skills}\n\n",
            phones(ports)
        )
    });
    let mut phone = WebPhone::humming(&node, &wss(&node), "201", "secret", "880");
    phone.says("registered");
    let uri = node.sip_uri("main");
    let tones = ["--tone", "440", "--expect-tone", "880", "--duration", "0", "--stay"];
    let mut caller = node.dial(&[&[uri.as_str(), "--dtmf", "1", "--dtmf-after-voice"][..], &tones].concat());
    phone.says("called by");
    phone.told("answer");
    phone.hears("440", true);
    phone.hears("440", true);
    caller.signal("INT");
    phone.says("ended by remote");
    let caller = report(&caller.end(PATIENCE));
    assert!(caller["media"]["tone_windows"].as_u64().unwrap() >= 10, "{caller}");
    phone.quit();
}

/// A phone in a browser; its voice is 440 Hz, unless it is said otherwise.
struct WebPhone {
    program: Program,
    kept: PathBuf,
}

impl WebPhone {
    fn start(node: &Node, url: &str, user: &str, password: &str) -> Self {
        Self::humming(node, url, user, password, "440")
    }

    fn humming(node: &Node, url: &str, user: &str, password: &str, hz: &str) -> Self {
        let kept = node.directory().join(format!("heard-by-{user}-{hz}.wav"));
        let mut command = Command::new("node");
        command.arg(root().join("tests/browser/webphone.mjs")).args([url, user, password, hz]).arg(&kept);
        Self { program: Program::start(&mut command), kept }
    }

    fn told(&mut self, words: &str) {
        self.program.type_in(&format!("{words}\n"));
    }

    /// Waits until it has said this.
    fn says(&mut self, words: &str) {
        self.program.wait_for(words, PATIENCE, |said| said.lines().any(|line| line.starts_with(words)).then_some(()));
    }

    /// Listens until a tone has been there for all of a second, or for none of it.
    fn hears(&mut self, hz: &str, is_there: bool) {
        let words = format!("hears {hz} ");
        let judged = |said: &str| said.lines().filter_map(|line| line.strip_prefix(&words)?.parse::<f64>().ok()).collect::<Vec<_>>();
        let begun = Instant::now();
        loop {
            let before = judged(&self.program.out()).len();
            self.told(&format!("hears {hz}"));
            let share = self.program.wait_for(&words, PATIENCE, |said| judged(said).get(before).copied());
            if (is_there && share == 1.0) || (!is_there && share == 0.0) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{share} of a second is {hz} Hz\n{}", self.program.story());
        }
    }

    /// Ends it; the file of what it has heard.
    fn quit(mut self) -> PathBuf {
        self.told("quit");
        let ended = self.program.end(PATIENCE);
        assert!(ended.status.success() && !ended.out.contains("trouble"), "{ended:?}");
        self.kept
    }
}

/// Browsers take all that a machine has: one test of them at a time.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Users 200 and 201, and a secure WebSocket for them.
fn phones(ports: &Ports) -> String {
    let phone = |user: u16| format!("[[phone]]\nuser = \"{user}\"\nrealm = \"tandem\"\npassword = \"secret\"\n\n");
    let route = |user: u16| format!("[[route]]\ndialled = \"{user}\"\nbridge = \"sip:{user}@127.0.0.1:{}\"\n\n", ports.sip());
    let wss = format!("[[sip]]\nname = \"test-wss\"\ntransport = \"wss\"\nlisten = \"127.0.0.1:{}\"\n\n", ports.peer(WSS));
    format!("{wss}{}{}{}{}", phone(200), phone(201), route(200), route(201))
}

fn ws(node: &Node) -> String {
    format!("ws://127.0.0.1:{}", node.ports.ws())
}

fn wss(node: &Node) -> String {
    format!("wss://127.0.0.1:{}", node.ports.peer(WSS))
}

/// The port of the secure WebSocket, of those for peers.
const WSS: u16 = 40;
/// Browsers start slowly where others compile.
const PATIENCE: Duration = Duration::from_secs(30);
