//! The built-in phone on both ends: caller by SIP or by web, agent at a desk.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{
    node::{Node, tandem},
    program::Ended,
};

use super::{assert_heard_through, kinds, report};

#[test]
fn a_caller_goes_through_menu_and_queue_to_the_desk_and_they_hear_each_other() {
    let node = Node::start();
    let mut desk =
        node.desk("ada", &["--tone", "880", "--expect-tone", "440", "--expect-share", "95", "--calls", "1", "--answer-after", "700"]);
    let uri = node.sip_uri("main");
    let mut caller = node.dial(&[
        &uri,
        "--as",
        "+380501112233",
        "--tone",
        "440",
        "--dtmf",
        "w1",
        "--dtmf-after-voice",
        "--expect-tone",
        "880",
        "--duration",
        "7",
    ]);
    let (caller, desk) = (ok(&caller.end(Duration::from_secs(30))), ok(&desk.end(Duration::from_secs(30))));
    let talked_ms = node.ended_calls(1)[0]["talked_ms"].as_u64().unwrap();
    // The caller hears prompts before it, so its share is taken of the talk alone.
    assert_heard_through("the caller hears 880 Hz", caller["media"]["tone_windows"].as_u64().unwrap(), talked_ms);
    assert_heard_through("the desk hears 440 Hz", desk["media"]["tone_windows"].as_u64().unwrap(), talked_ms);
}

#[test]
fn a_chat_goes_with_the_web_call_and_stands_on_the_desks_card() {
    let node = Node::start();
    let mut desk =
        node.desk("ada", &["--tone", "880", "--expect-tone", "440", "--expect-share", "95", "--calls", "1", "--answer-after", "700"]);
    let url = node.url();
    let line = "my parcel is late, where is it";
    let mut caller = node.dial(&[
        "--web",
        &url,
        "--chat",
        line,
        "--tone",
        "440",
        "--dtmf",
        "w0",
        "--dtmf-after-voice",
        "--expect-tone",
        "880",
        "--duration",
        "7",
    ]);
    let (caller, desk) = (ok(&caller.end(Duration::from_secs(30))), ok(&desk.end(Duration::from_secs(30))));
    // The reason was on the desk's card before the agent accepted.
    let offer = stage(&desk, "offer");
    assert!(offer["detail"].as_str().unwrap().contains("Parcel is late"), "{desk}");
    assert!(offer["ms"].as_u64() <= stage(&desk, "accept")["ms"].as_u64(), "{desk}");
    let call = &node.ended_calls(1)[0]["id"];
    let records = node.records(call);
    let card = &kinds(&records, "agent_offered")[0]["card"];
    assert!(card["chat"].as_array().unwrap().iter().any(|said| said["text"] == line), "{card}");
    assert_eq!(card["reason"]["intent"], "parcel_late", "{card}");
    // What the chat was about came first in the menu, and was shown as the first button.
    assert_eq!(kinds(&records, "menu_presented")[0]["order"][0]["item"], "delivery", "{records:?}");
    assert!(stage(&caller, "menu")["detail"].as_str().unwrap().starts_with("3 Delivery"), "{caller}");
}

/// Explained without a call, and the same in the calls' own records.
#[test]
fn a_caller_hears_another_order_on_the_second_call_and_nobody_else_does() {
    let node = Node::start();
    let (caller, bystander) = ("+380501112233", "+380671234567");
    for (number, name) in [(caller, "Olena"), (bystander, "Andrei")] {
        let named = node.api("PUT", &format!("/v1/customers/tel:{number}/facts"), &json!({ "facts": [], "name": name, "language": "en" }));
        assert_eq!(named.status, 200, "{}", named.text());
    }
    let first = heard(&node, caller);
    let before = heard(&node, bystander);
    assert_eq!(explained(&node, caller), first);
    let told =
        json!({ "customer": format!("tel:{caller}"), "medium": "chat", "gist": "asked where the parcel is", "intent": "parcel_late" });
    let told = node.api("POST", "/v1/interactions", &told);
    assert_eq!(told.status, 201, "{}", told.text());
    assert_eq!(explained(&node, caller)[0], "delivery");
    let second = heard(&node, caller);
    assert_eq!(second[0], "delivery");
    assert_ne!(second, first);
    assert_eq!(heard(&node, bystander), before);
    assert_eq!(explained(&node, bystander), before);
}

/// A short call, and the order in which it heard the menu.
fn heard(node: &Node, number: &str) -> Vec<String> {
    let before = node.calls().len();
    let mut call = node.dial(&[&node.sip_uri("main"), "--as", number, "--expect-audio", "--duration", "1"]);
    ok(&call.end(Duration::from_secs(30)));
    let call = &node.ended_calls(before + 1)[0];
    assert_eq!(call["caller"], number, "{call}");
    let records = node.records(&call["id"]);
    items(&kinds(&records, "menu_presented")[0]["order"])
}

fn explained(node: &Node, number: &str) -> Vec<String> {
    let (data, scripts) = (node.data(), tests::node::root().join("ivr-scripts"));
    let ended =
        tandem(&["ivr", "explain", "--json", "--caller", number, "--data", data.to_str().unwrap(), "--scripts", scripts.to_str().unwrap()]);
    let told: Value = serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    assert_eq!(told["caller"], number);
    assert!(told["why"].as_str().is_some_and(|why| !why.is_empty()), "{told}");
    items(&told["menu"]["order"])
}

fn items(order: &Value) -> Vec<String> {
    order
        .as_array()
        .unwrap_or_else(|| panic!("no order: {order}"))
        .iter()
        .map(|scored| scored["item"].as_str().unwrap().to_owned())
        .collect()
}

fn ok(ended: &Ended) -> Value {
    let report = report(ended);
    assert_eq!((&report["ok"], ended.status.code()), (&Value::Bool(true), Some(0)), "{report}");
    report
}

fn stage<'a>(report: &'a Value, name: &str) -> &'a Value {
    let stages = report["stages"].as_array().expect("a report has stages");
    stages.iter().find(|stage| stage["stage"] == name).unwrap_or_else(|| panic!("no stage {name} in {report}"))
}
