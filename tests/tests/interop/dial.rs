//! The built-in phone on both ends: caller by SIP or by web, agent at a desk.

use std::time::Duration;

use serde_json::Value;
use tests::node::Node;

/// From a key in the menu to the agent's ear.
#[test]
fn a_caller_goes_through_menu_and_queue_to_the_desk() {
    let node = Node::start();
    let mut desk = node.desk("ada", &["--tone", "880", "--expect-tone", "440", "--expect-share", "95", "--calls", "1"]);
    let mut caller = node.dial(&[&node.sip_uri("main"), "--as", "+380501112233", "--tone", "440", "--dtmf", "w1", "--dtmf-after-voice", "--duration", "9"]);
    let (caller, desk) = (caller.end(Duration::from_secs(18)), desk.end(Duration::from_secs(5)));
    println!("{}\n{}", caller.out, desk.out);
    let desk: Value = serde_json::from_str(&desk.out).unwrap();
    assert_eq!(desk["ok"], true, "{desk}");
    let calls = node.ended_calls(1);
    for record in node.records(&calls[0]["id"]) { println!("{record}"); }
    panic!("look");
}
