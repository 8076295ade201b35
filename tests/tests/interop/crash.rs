//! SIGKILL in the middle of a call: what is on disk, and what the next start makes of it.

use std::{
    fs, thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tests::{
    node::Node,
    program::wait_until,
    wav_ears::{WavEars, held},
};

use super::kinds;

#[test]
fn a_kill_loses_less_than_a_second_of_the_recording_and_the_call_is_closed_as_crashed() {
    let mut node = Node::start();
    let uri = node.sip_uri("main");
    let caller = node.dial(&[&uri, "--as", "+380501112233", "--tone", "440", "--duration", "15"]);
    let answered = wait_until(Duration::from_secs(30), || {
        let call = node.calls().first()?.clone();
        let at = kinds(&node.records(&call["id"]), "menu_presented").first()?["at"].as_u64()?;
        Some((call["id"].clone(), at))
    });
    let (call, menu_at) = answered.expect("the call is answered");
    // Not a whole number of the recorder's half seconds.
    thread::sleep(Duration::from_millis(4270));
    let recorded_for = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64 - menu_at;
    let least = recorded_for();
    node.kill();
    drop(caller);

    let parts: Vec<_> = fs::read_dir(node.data().join("recordings")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(parts.len(), 1, "{parts:?}");
    assert_eq!(parts[0].extension().unwrap(), "part");
    // Readable as it lies, before anybody mends it.
    let ears = WavEars::of(&parts[0]);
    let kept_ms = (ears.length() * 1000.0) as u64;
    assert!(kept_ms + 1000 > least, "{kept_ms} ms are readable of more than {least} ms");

    node.restart();
    let whole = parts[0].with_extension("");
    let ears = WavEars::of(&whole);
    let mended_ms = (ears.length() * 1000.0) as u64;
    assert!(mended_ms + 1000 > least, "{mended_ms} ms were mended of more than {least} ms");
    assert!(held(&ears.tone(0, 440.0)) as u64 * 100 + 1000 > least, "the caller's tone is in it");

    let calls = node.calls();
    assert_eq!((calls.len(), &calls[0]["id"], calls[0]["crashed"].as_bool()), (1, &call, Some(true)), "{calls:?}");
    let records = node.records(&call);
    let ended = kinds(&records, "call_ended");
    assert_eq!(ended.len(), 1, "{records:?}");
    assert_eq!((&ended[0]["crashed"], &ended[0]["cause"]["sip"]), (&true.into(), &500.into()));
    // The next call is served as if nothing had been.
    let mut next = node.dial(&[&uri, "--as", "+380671234567", "--expect-audio", "--duration", "1"]);
    assert!(next.end(Duration::from_secs(30)).status.success(), "{}", next.story());
    assert_eq!(node.ended_calls(2).len(), 2);
}
