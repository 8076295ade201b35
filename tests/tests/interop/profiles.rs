//! What a trunk's block says of numbers, codecs, digits and headers, and how it registers; SIPp is the carrier.

use tempfile::TempDir;
use tests::{echo::Echo, node::Node, sipp::Sipp};

use super::{OUT, PATIENCE, kinds, on, report, sip_of, trunks::trunk_once};

#[test]
fn a_trunk_gets_numbers_codecs_and_headers_as_its_block_says() {
    let node = Node::with_routes(|ports| {
        format!(
            "[[trunk]]\nname = \"carrier\"\nhost = \"{}\"\noutbound = [\"+31\"]\nnumbers_out = {{ strip = \"+\", prefix = \"00\" }}\n\
             codecs = [\"pcma\"]\nheaders = {{ user_to_user = \"hex\", privacy = true, from = \"account\" }}\n\
             auth = {{ user = \"acme\", realm = \"carrier.test\", password = \"a long secret\" }}\n{OUT}",
            on(2, ports.peer(0))
        )
    });
    let echo = Echo::on(2);
    let mut carrier = Sipp::listen(node.directory(), "profiled.xml", &echo.words(), on(2, node.ports.peer(0)), 1);
    // The caller speaks another codec.
    let arguments = ["--as", "+31207654321", "--codec", "pcmu", "--tone", "440", "--expect-tone", "440", "--duration", "2"];
    let told = report(&node.dial(&[&[node.sip_uri("out").as_str()], &arguments[..]].concat()).end(PATIENCE));
    assert_eq!(told["ok"], true, "{told}\n{}", node.log());
    assert!(told["media"]["tone_windows"].as_u64().unwrap() >= 15, "{told}");
    carrier.went_well();
}

#[test]
fn numbers_are_read_and_digits_by_info_count_as_the_block_of_their_trunk_says() {
    let node = Node::with_routes(|_| {
        let trunk = |name: &str, host: u8, more: &str| format!("[[trunk]]\nname = \"{name}\"\nsources = [\"127.0.0.{host}/32\"]\n{more}\n");
        let abroad = trunk("abroad", 2, "numbers_in = { strip = \"00\", prefix = \"+\" }");
        abroad + &trunk("strict", 3, "dtmf = \"rfc4733\"")
    });
    let dialled = format!("main@{}", sip_of(&node));
    for (calls, host, caller, chosen) in [(1, 2, "+31207654321", 1), (2, 3, "0031207654321", 0)] {
        let from = on(host, node.ports.peer(host.into()));
        Sipp::call(node.directory(), "presses.xml", &[("DIALLED", dialled.as_str())], from, sip_of(&node)).went_well();
        let call = node.ended_calls(calls).remove(0);
        let records = node.records(&call["id"]);
        assert_eq!((&call["caller"], kinds(&records, "menu_chosen").len()), (&caller.into(), chosen), "{records:?}");
    }
}

#[test]
fn a_registrar_that_fails_is_asked_again_later_and_what_it_grants_is_refreshed_at_85_percent() {
    let directory = TempDir::with_prefix("tandem-carrier-").unwrap();
    let mut registrar = None;
    let node = Node::with_routes(|ports| {
        let address = on(2, ports.peer(0));
        registrar = Some(Sipp::listen(directory.path(), "grants-briefly.xml", &[], address, 1));
        format!(
            "[[trunk]]\nname = \"carrier\"\nhost = \"{address}\"\nregister = {{ expires_s = 600 }}\n\
             auth = {{ user = \"acme\", realm = \"carrier.test\", password = \"a long secret\" }}\n"
        )
    });
    let mut registrar = registrar.unwrap();
    registrar.went_well();
    let told = registrar.log();
    let at = |word: &str| -> u64 { told.lines().find_map(|line| line.strip_prefix(word)?.trim().parse().ok()).unwrap() };
    // Two to four seconds by chance, then 85 % of six; a busy machine adds to them.
    assert!((1900..5000).contains(&(at("granted") - at("refused"))), "{told}");
    assert!((5000..6000).contains(&(at("refreshed") - at("granted"))), "{told}");
    trunk_once(&node, |trunk| trunk["registration"]["left_s"].as_u64().is_some_and(|left| left > 500));
}
