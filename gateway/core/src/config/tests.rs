use std::{
    net::{IpAddr, Ipv4Addr},
    path::Path,
};

use super::*;

#[test]
fn an_empty_file_is_a_node_that_answers_its_own_machine() {
    let checked = read_with("", &["main"]).unwrap();
    assert_eq!(checked.warnings, []);
    let config = checked.config;
    assert_eq!(config.endpoints[0].listen.to_string(), "0.0.0.0:5060");
    assert_eq!(config.endpoints[0].advertised.to_string(), "10.9.8.7");
    assert_eq!(config.media.advertised.to_string(), "10.9.8.7");
    assert_eq!(config.trunks[0].sources[0], (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8));
    assert_eq!(config.routes[0].action, RouteAction::Script("main".into()));
    assert!(config.queues.contains_key("support"));
}

#[test]
fn the_example_and_the_bench_run_as_they_are() {
    let example = include_str!("../../../../deploy/tandem.example.toml");
    let checked = read_with(example, &["main", "demo"]).unwrap();
    assert_eq!(checked.warnings, []);
    assert!(checked.config.http.listen.ip().is_loopback());

    let bench = include_str!("../../../../deploy/bench.toml");
    let config = read_with(bench, &["bench-ivr"]).unwrap().config;
    assert_eq!(config.endpoints[0].listen.to_string(), "127.0.0.1:5070");
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    let route = |user: &str| config.routes.iter().find(|route| route.dialled == user).unwrap();
    let uas = RouteAction::Bridge("sip:uas@127.0.0.1:5090".into());
    assert_eq!((&route("relay").action, route("relay").record), (&uas, false));
    assert_eq!((&route("record").action, route("record").record), (&uas, true));
    assert_eq!(route("ivr").action, RouteAction::Script("bench-ivr".into()));
}

#[test]
fn an_unknown_key_is_named_with_its_place_and_the_nearest_one() {
    let faults = faults("[media]\nport = [20000, 20010]\n");
    assert_eq!((faults[0].line, faults[0].column), (2, 1));
    assert!(faults[0].message.starts_with("unknown field `port`"), "{}", faults[0].message);
    assert_eq!(faults[0].help.as_deref(), Some("did you mean `ports`?"));
    assert_eq!(self::faults("[[trunks]]\n")[0].help.as_deref(), Some("did you mean `trunk`?"));
}

#[test]
fn a_fault_of_syntax_has_its_place() {
    let faults = faults("[node]\nname = \n");
    assert_eq!((faults[0].file.as_str(), faults[0].line), ("tandem.toml", 2));
}

#[test]
fn an_address_out_of_a_document_is_refused_wherever_it_stands() {
    for text in [
        "[[sip]]\nlisten = \"192.0.2.1:5060\"",
        "[[sip]]\nlisten = \"0.0.0.0:5060\"\nadvertised = \"203.0.113.9\"",
        "[media]\nadvertised = \"198.51.100.3\"",
        "[[trunk]]\nname = \"carrier\"\nsources = [\"203.0.113.0/24\"]",
        "[[route]]\ndialled = \"1\"\nbridge = \"sip:desk@192.0.2.7:5060\"",
    ] {
        assert_eq!(only(text), "an address out of a document (RFC 5737, RFC 3849)", "{text}");
    }
}

#[test]
fn rtp_ports_are_even_and_in_order() {
    assert_eq!(only("[media]\nports = [20001, 20011]"), "the first RTP port is odd");
    assert_eq!(only("[media]\nports = [20010, 20000]"), "the last RTP port comes before the first");
    assert_eq!(
        only("[[sip]]\nlisten = \"0.0.0.0:20002\"\n[media]\nports = [20000, 20010]"),
        "SIP listens on port 20002, inside the RTP range"
    );
}

#[test]
fn a_name_stands_once() {
    let trunk = "[[trunk]]\nname = \"carrier\"\nsources = [\"10.0.0.0/8\"]\n";
    assert_eq!(only(&format!("{trunk}{trunk}")), "trunk `carrier` stands on line 2 already");
    let agent = format!("[[agent]]\nlogin = \"ada\"\npassword_hash = \"{HASH}\"\n");
    assert_eq!(faults(&format!("{agent}{agent}"))[0].message, "agent `ada` stands on line 2 already");
}

#[test]
fn a_route_names_what_exists() {
    let text =
        "[[trunk]]\nname = \"carrier\"\nsources = [\"10.0.0.0/8\"]\n[[route]]\ndialled = \"1\"\ntrunk = \"carier\"\nscript = \"mian\"\n";
    let faults = faults(text);
    let seen: Vec<_> = faults.iter().map(|fault| (fault.line, fault.message.as_str(), fault.help.as_deref().unwrap_or_default())).collect();
    assert_eq!(seen, [(7, "no script is called `mian`", "known: main"), (6, "no trunk is called `carier`", "did you mean `carrier`?"),]);
}

#[test]
fn a_route_behind_a_catch_all_is_never_reached() {
    let text = "[[route]]\ndialled = \"*\"\nscript = \"main\"\n[[route]]\ndialled = \"100\"\nscript = \"main\"\n";
    assert_eq!(only(text), "this route is never reached: the one on line 2 takes its calls");
}

#[test]
fn a_network_with_host_bits_is_shown_as_it_was_meant() {
    let faults = faults("[[trunk]]\nname = \"carrier\"\nsources = [\"10.0.0.7/8\"]\n");
    assert_eq!(faults[0].help.as_deref(), Some("did you mean `10.0.0.0/8` or `10.0.0.7`?"));
}

#[test]
fn a_public_carrier_that_would_hear_a_private_address_is_warned_of() {
    let carrier = "[[trunk]]\nname = \"carrier\"\nsources = [\"8.8.8.0/24\"]\n";
    let warnings = read_with(carrier, &["main"]).unwrap().warnings;
    assert_eq!((warnings.len(), warnings[0].line), (1, 2));
    let told = format!("{carrier}advertised = \"8.8.4.4\"\n");
    assert_eq!(read_with(&told, &["main"]).unwrap().warnings, []);
}

#[test]
fn a_secret_comes_from_the_environment_or_from_a_file() {
    let phone = |password: &str| format!("[[phone]]\nuser = \"100\"\npassword = \"{password}\"\n");
    let password = |text: &str| read_with(&phone(text), &["main"]).map(|checked| checked.config.phones[0].password.0.clone());
    assert_eq!(password("${SECRET}").unwrap(), "from the environment");
    assert_eq!(password("${file:/run/secret}").unwrap(), "from a file");
    assert_eq!(password("${cred:phone}").unwrap(), "from systemd");
    assert_eq!(password("${NONE:-fallback}").unwrap(), "fallback");
    assert_eq!(password("${NONE}").unwrap_err()[0].message, "the environment has no variable NONE");
    assert_eq!(password("${file:/none}").unwrap_err()[0].message, "/none: not there");
    assert_eq!(password("${NONE").unwrap_err()[0].message, "`${` without `}`");
}

#[test]
fn an_agents_password_is_a_hash_and_the_id_follows_from_the_login() {
    let agent = |hash: &str| format!("[[agent]]\nlogin = \"ada\"\npassword_hash = \"{hash}\"\n");
    assert_eq!(only(&agent("secret")), "not an argon2 PHC string");
    let id = |text: &str| read_with(text, &["main"]).unwrap().config.agents.last().map(|agent| agent.id);
    let before = format!("[[agent]]\nlogin = \"ben\"\nid = 7\npassword_hash = \"{HASH}\"\n");
    assert_eq!(id(&agent(HASH)), id(&format!("{before}{}", agent(HASH))));
    assert_eq!(id(&before), Some(AgentId(7)));
}

#[test]
fn a_trunk_has_an_outbound_side() {
    let text = "[[sip]]\nname = \"public\"\nlisten = \"10.9.8.7:5060\"\n[[trunk]]\nname = \"carrier\"\nhost = \"sip.carrier.tld\"\n\
                endpoint = \"public\"\nauth = { user = \"acme\", password = \"${SECRET}\" }\nregister = {}\nprobe_s = 30\ncalls_max = 60\n\
                numbers_out = { strip = \"+\", prefix = \"00\" }\nrefer = \"send\"\noutbound = [\"+31\"]\nheaders = { user_to_user = \"hex\", from = \"account\" }\n\
                [[route]]\ndialled = \"*\"\nbridge = \"*@carrier\"\n";
    let config = read_with(text, &["main"]).unwrap().config;
    let peering = &config.trunks[0].peering;
    assert_eq!(peering.host.as_deref(), Some("sip:sip.carrier.tld"));
    assert_eq!(peering.endpoint, Some(EndpointId(0)));
    assert_eq!(peering.auth.as_ref().map(|auth| (auth.user.as_str(), auth.realm.as_str())), Some(("acme", "sip.carrier.tld")));
    assert_eq!(peering.register, Some(Registration { user: "acme".into(), expires_s: 3600, domain: None }));
    assert_eq!((peering.probe_s, peering.calls_max, peering.cps_max), (Some(30), Some(60), None));
    assert_eq!((peering.headers.user_to_user, peering.refer), (UserToUser::Hex, Refer::Send));
    assert_eq!(config.routes[0].action, RouteAction::Number(RouteNumber { number: None, trunk: Some("carrier".into()) }));
}

#[test]
fn what_a_trunk_lacks_is_said_with_its_remedy() {
    let trunk = |keys: &str| format!("[[trunk]]\nname = \"carrier\"\nsources = [\"10.0.0.0/8\"]\n{keys}\n");
    for (keys, message) in [
        ("register = { user = \"acme\" }", "`register` on a trunk that has no host"),
        ("outbound = [\"+31\"]", "`outbound` on a trunk that has no host"),
        ("host = \"sip:acme@carrier.tld\"", "not a place that calls can go to"),
        ("host = \"carrier.tld:0\"", "not a place that calls can go to"),
        ("host = \"198.51.100.1\"", "an address out of a document (RFC 5737, RFC 3849)"),
        ("host = \"carrier.tld;transport=smoke\"", "no transport is called `smoke`"),
        ("host = \"carrier.tld\"\nregister = {}", "`register` without a user"),
        ("host = \"carrier.tld\"\noutbound = [\"31\"]", "`31` is not the beginning of an international number"),
        ("host = \"carrier.tld\"\nprobe_s = 1", "probes are 5 to 3600 seconds apart"),
        ("calls_max = 0", "a trunk of 0 calls carries none"),
        ("numbers_in = { e164 = true }", "E.164 of national numbers needs a region"),
        ("headers = { from = \"account\" }", "this trunk has no account"),
        ("dtmf = \"loud\"", "`loud` is none of the choices"),
        ("refer = \"send\"", "`refer` on a trunk that has no host"),
        ("endpoint = \"nowhere\"", "no [[sip]] endpoint is called `nowhere`"),
    ] {
        assert_eq!(only(&trunk(keys)), message, "{keys}");
    }
    assert_eq!(only("[[trunk]]\nname = \"carrier\"\n"), "a trunk with no source never calls");
    let bridge = format!("{}[[route]]\ndialled = \"1\"\nbridge = \"+31201234567@carrier\"\n", trunk(""));
    assert_eq!(only(&bridge), "trunk `carrier` takes no calls from us");
    assert_eq!(only(&bridge.replace("@carrier", "")), "no trunk may be called out on");
}

#[test]
fn limits_are_taken_as_they_stand_and_one_that_cannot_work_is_a_fault() {
    let read = |text: &str| read_with(&format!("[limits]\n{text}"), &["main"]);
    let limits = read("streams = 100\nstranger = { per_s = 5, burst = 9 }").unwrap().config.limits;
    assert_eq!((limits.streams, limits.streams_per_source, limits.handshakes), (100, 100, 100), "a share is never more than all");
    assert_eq!((limits.stranger, limits.trunk), (Rate { per_s: 5, burst: 9 }, Limits::default().trunk));
    for (text, told) in [
        ("dialogs = 0", "a limit is 1 to 1000000"),
        ("streams = 10\nhandshakes = 11", "more than all streams together"),
        ("trunk = { per_s = 0, burst = 1 }", "a rate of nothing turns everybody away"),
    ] {
        assert_eq!(only(&format!("[limits]\n{text}")), told);
    }
}

struct Desk<'a> {
    scripts: &'a [&'a str],
}

impl Outside for Desk<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        match name {
            "SECRET" => Some("from the environment".into()),
            "CREDENTIALS_DIRECTORY" => Some("/run/credentials".into()),
            _ => None,
        }
    }

    fn file(&self, path: &Path) -> Result<String, String> {
        match path.to_str() {
            Some("/run/secret") => Ok("from a file\n".into()),
            Some("/run/credentials/phone") => Ok("from systemd".into()),
            _ => Err(format!("{}: not there", path.display())),
        }
    }

    fn own_address(&self) -> Option<IpAddr> {
        Some(IpAddr::V4(Ipv4Addr::new(10, 9, 8, 7)))
    }

    fn scripts(&self, _: &Path) -> Option<Vec<String>> {
        Some(self.scripts.iter().map(|name| (*name).to_owned()).collect())
    }
}

fn read_with(text: &str, scripts: &[&str]) -> Result<Checked, Vec<ConfigFault>> {
    read("tandem.toml", text, &Desk { scripts })
}

fn faults(text: &str) -> Vec<ConfigFault> {
    read_with(text, &["main"]).unwrap_err()
}

fn only(text: &str) -> String {
    let faults = faults(text);
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults[0].message.clone()
}

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA";

#[test]
fn sdp_says_what_media_was_told_else_the_endpoints_address_unless_rtp_has_one_of_its_own_that_nothing_hides() {
    let cases = [
        // listen and advertised of [[sip]], those of [media], whether the file says the last, and what SDP says
        ("10.0.0.5", "10.0.0.5", "10.0.0.5", "10.0.0.5", false, "10.0.0.5"),
        ("10.0.0.5", "10.0.0.5", "10.0.0.6", "10.0.0.6", false, "10.0.0.6"),
        ("10.0.0.5", "198.18.0.5", "10.0.0.5", "198.18.0.5", false, "198.18.0.5"),
        ("10.0.0.5", "198.18.0.5", "10.0.0.6", "10.0.0.6", false, "198.18.0.5"),
        ("fd00::5", "fd00::5", "::", "10.0.0.5", false, "fd00::5"),
        ("0.0.0.0", "10.0.0.5", "0.0.0.0", "10.0.0.5", false, "10.0.0.5"),
        ("0.0.0.0", "10.0.0.5", "10.0.0.6", "10.0.0.6", false, "10.0.0.6"),
        ("10.0.0.5", "198.18.0.5", "10.0.0.6", "198.18.0.6", true, "198.18.0.6"),
        ("10.0.0.5", "10.0.0.5", "0.0.0.0", "198.18.0.6", true, "198.18.0.6"),
        ("fd00::5", "fd00::5", "::", "198.18.0.6", true, "fd00::5"),
    ];
    for (sip, sip_advertised, rtp, rtp_advertised, is_told, said) in cases {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let endpoint =
            Endpoint { advertised: ip(sip_advertised), ..Endpoint::udp(crate::ids::EndpointId(0), "udp", (ip(sip), 5060).into()) };
        let usual = Config::default();
        let media = Media { listen: ip(rtp), advertised: ip(rtp_advertised), is_told, ..usual.media.clone() };
        let config = Config { media, ..usual };
        assert_eq!(config.media_address(&endpoint), ip(said), "{sip} as {sip_advertised}, {rtp} as {rtp_advertised}");
    }
    let text = "[[sip]]\nname = \"a\"\nlisten = \"10.0.0.5:5060\"\n[media]\n";
    let read = |media: &str| read_with(&format!("{text}{media}"), &["main"]).unwrap().config;
    let said = ["", "advertised = \"198.18.0.6\""].map(|media| {
        let config = read(media);
        config.media_address(&config.endpoints[0]).to_string()
    });
    assert_eq!(said, ["10.0.0.5", "198.18.0.6"]);
}

#[test]
fn tones_are_those_of_a_country_that_we_know() {
    assert_eq!(only("[media]\ntones = \"atlantis\""), "the tones of `atlantis` are not known");
    assert_eq!(read_with("[media]\ntones = \"ua\"", &["main"]).unwrap().config.media.tones.country, "ua");
}

#[test]
fn recordings_are_kept_in_the_clear_and_for_ever_unless_the_file_says_otherwise() {
    let plain = read_with("[node]\ndata_dir = \"/data\"", &["main"]).unwrap().config.recording;
    assert_eq!(plain, Recording::plain("/data/recordings".into()));
    let secret = "00ff".repeat(16);
    let text = format!(
        "[recording]\nformat = \"opus\"\nkeep_days = 90\nkey = {{ id = \"new\", secret = \"{secret}\" }}\n\
         old_keys = [{{ id = \"old\", secret = \"{secret}\" }}]\n[recording.upload]\nto = \"s3://calls/node-1/\"\n\
         access_key = \"us\"\nsecret_key = \"ours\"\nendpoint = \"http://127.0.0.1:9000/\"\n"
    );
    let told = read_with(&text, &["main"]).unwrap().config.recording;
    assert_eq!((told.form, told.keep_days, told.old_keys.len()), (media::recorder::Form::Opus, Some(90), 1));
    assert_eq!(told.key.as_ref().map(|key| key.secret.0[..2].to_vec()), Some(vec![0x00, 0xff]));
    assert!(!format!("{told:?}").contains("ours") && !format!("{told:?}").contains("255"), "no secret is printed");
    let upload = told.upload.unwrap();
    let Place::S3(bucket) = upload.place else { panic!("a bucket") };
    assert_eq!(
        (bucket.name.as_str(), bucket.endpoint.as_deref(), upload.prefix.as_str()),
        ("calls", Some("http://127.0.0.1:9000"), "node-1")
    );
}

#[test]
fn what_is_wrong_with_the_keeping_of_recordings_is_said_with_what_to_do() {
    let good = "a".repeat(64);
    for (text, message) in [
        ("key = { id = \"a\", secret = \"short\" }".to_owned(), "a key is 32 bytes, written as 64 hexadecimal digits"),
        (format!("key = {{ id = \"\", secret = \"{good}\" }}"), "a key's id has 1 to 64 characters"),
        (format!("old_keys = [{{ id = \"a\", secret = \"{good}\" }}]"), "old keys without a new one"),
        (
            format!("key = {{ id = \"a\", secret = \"{good}\" }}\nold_keys = [{{ id = \"a\", secret = \"{good}\" }}]"),
            "two keys are called `a`",
        ),
        ("keep_days = 0".to_owned(), "what is kept 0 days is not kept"),
        ("[recording.upload]\nto = \"calls\"".to_owned(), "not a place that recordings can be copied to"),
        ("[recording.upload]\nto = \"file://calls\"".to_owned(), "not a place that recordings can be copied to"),
        ("[recording.upload]\nto = \"s3://calls\"".to_owned(), "a bucket wants to know who writes"),
        ("[recording.upload]\nto = \"file:///mnt\"\nregion = \"x\"".to_owned(), "a folder has no account"),
    ] {
        assert_eq!(only(&format!("[recording]\n{text}\n")), message, "{text}");
    }
    let unreadable = only("[recording]\nkey = { id = \"a\", secret = \"${file:/nowhere/recordings.key}\" }");
    assert!(unreadable.contains("/nowhere/recordings.key"), "{unreadable}");
}
