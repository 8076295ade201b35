//! `tandem config`: what is in force, and hashes of passwords.

use std::io::Read;

use argon2::{Argon2, PasswordHasher};
use gateway_core::config::{
    Certificate, Config, MasterKey, Naming, NumberRule, Oversize, Place, Rate, Recording, RouteAction, RouteNumber, StirPolicy, Trunk,
};
use media::codec::CodecKind;
use rand::{TryRng, rngs::SysRng};
use serde_json::{Map, Value, json};

use super::{
    File, check,
    report::{self, Failed},
};

/// Every value in force, defaults included, secrets masked.
pub(super) fn show(file: &File, json: bool) -> Result<(), Failed> {
    let view = view(&check::configured(file, json)?);
    if json {
        report::say(&view.to_string());
    } else {
        report::say(toml::to_string_pretty(&view).map_err(|error| error.to_string())?.trim_end());
    }
    Ok(())
}

/// The PHC string of a password on standard input.
pub(super) fn hash(json: bool) -> Result<(), Failed> {
    let mut password = String::new();
    std::io::stdin().take(PASSWORD_MAX).read_to_string(&mut password).map_err(|error| format!("standard input: {error}"))?;
    let password = password.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err("give the password on standard input".to_owned().into());
    }
    let mut salt = [0; 16];
    SysRng.try_fill_bytes(&mut salt).map_err(|error| error.to_string())?;
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt).map_err(|error| error.to_string())?.to_string();
    report::say(&if json { json!({ "password_hash": hash }).to_string() } else { hash });
    Ok(())
}

fn rate(rate: Rate) -> Value {
    json!({ "per_s": rate.per_s, "burst": rate.burst })
}

/// In the words of the file.
fn view(config: &Config) -> Value {
    let queues: Map<String, Value> = config
        .queues
        .iter()
        .map(|(name, queue)| {
            let fields =
                json!({ "music": queue.music, "ring_s": queue.ring_s, "wait_max_s": queue.wait_max_s, "wrapup_s": queue.wrapup_s });
            (name.clone(), fields)
        })
        .collect();
    let mut http = json!({ "listen": config.http.listen, "public_url": config.http.public_url });
    if let Some(tls) = &config.http.tls {
        http["tls_listen"] = json!(tls.listen);
        if let Certificate::Files { chain, key } = &tls.certificate {
            http["certificate"] = json!(chain);
            http["key"] = json!(key);
        }
    }
    if config.http.session_secret.is_some() {
        http["session_secret"] = json!(MASK);
    }
    json!({
        "node": { "name": config.node.name, "data_dir": config.node.data_dir, "drain_s": config.node.drain_s },
        "http": http,
        "sip": config.endpoints.iter().map(|endpoint| {
            let (chain, key) = match endpoint.tls.as_ref().map(|tls| &tls.certificate) {
                Some(Certificate::Files { chain, key }) => (Some(chain), Some(key)),
                Some(Certificate::SelfSigned) | None => (None, None),
            };
            without_nulls(json!({
                "name": endpoint.name, "transport": endpoint.transport.word(), "listen": endpoint.listen, "advertised": endpoint.advertised,
                "certificate": chain, "key": key, "client_ca": endpoint.tls.as_ref().and_then(|tls| tls.client_ca.as_ref()),
                "origins": Some(&endpoint.origins).filter(|origins| !origins.is_empty()),
            }))
        }).collect::<Vec<_>>(),
        "media": {
            "listen": config.media.listen, "advertised": config.media.advertised, "ports": [config.media.ports.0, config.media.ports.1],
            "web_port": config.media.web_port, "shards": config.media.shards, "timeout_s": config.media.timeout_s,
            "tones": config.media.tones.country,
        },
        "session": { "expires_s": config.session.expires_s, "min_s": config.session.min_s },
        "limits": {
            "dialogs": config.limits.dialogs, "transactions": config.limits.transactions,
            "registrations": config.limits.registrations, "contacts": config.limits.contacts,
            "streams": config.limits.streams, "streams_per_source": config.limits.streams_per_source,
            "handshakes": config.limits.handshakes,
            "stranger": rate(config.limits.stranger), "strangers": rate(config.limits.strangers), "trunk": rate(config.limits.trunk),
        },
        "gate": { "ack_ms": config.gate.ack_ms },
        "stir": without_nulls(json!({
            "hosts": config.stir.hosts, "roots": config.stir.roots, "web_roots": config.stir.web_roots,
        })),
        "recording": recording_view(&config.recording),
        "ivr": { "dir": config.ivr.dir, "languages": config.ivr.languages },
        "dns": without_nulls(json!({ "server": config.dns.server })),
        "trunk": config.trunks.iter().map(|trunk| trunk_view(config, trunk)).collect::<Vec<_>>(),
        "phone": config.phones.iter().map(|phone| {
            json!({
                "user": phone.user, "realm": phone.realm, "password": MASK, "transfer": phone.transfer, "codecs": names_of(&phone.codecs),
            })
        }).collect::<Vec<_>>(),
        "route": config.routes.iter().map(|route| {
            let (script, bridge) = match &route.action {
                RouteAction::Script(script) => (Some(script), None),
                RouteAction::Bridge(uri) => (None, Some(uri.clone())),
                RouteAction::Number(RouteNumber { number, trunk }) => {
                    let at = trunk.as_ref().map_or_else(String::new, |trunk| format!("@{trunk}"));
                    (None, Some(format!("{}{at}", number.as_deref().unwrap_or("*"))))
                }
            };
            let fields = json!({ "dialled": route.dialled, "trunk": route.trunk, "script": script, "bridge": bridge, "record": route.record });
            without_nulls(fields)
        }).collect::<Vec<_>>(),
        "agent": config.agents.iter().map(|agent| without_nulls(json!({
            "id": agent.id, "login": agent.login, "name": agent.name, "password_hash": MASK, "skills": agent.skills,
            "languages": agent.languages, "phone": agent.phone, "phone_ready": agent.phone_ready,
        }))).collect::<Vec<_>>(),
        "queue": queues,
    })
}

fn recording_view(recording: &Recording) -> Value {
    let key = |key: &MasterKey| json!({ "id": key.id, "secret": MASK });
    let upload = recording.upload.as_ref().map(|upload| match &upload.place {
        Place::Folder(folder) => json!({ "to": format!("file://{}", folder.display()) }),
        Place::S3(bucket) => without_nulls(json!({
            "to": format!("s3://{}/{}", bucket.name, upload.prefix), "region": bucket.region, "endpoint": bucket.endpoint,
            "access_key": bucket.access_key, "secret_key": MASK, "ca": bucket.ca,
        })),
    });
    let mut view = without_nulls(json!({
        "dir": recording.dir, "on": recording.on, "archive_dir": recording.archive_dir, "format": recording.form.word(),
        "key": recording.key.as_ref().map(key), "keep_days": recording.keep_days, "upload": upload,
    }));
    if !recording.old_keys.is_empty() {
        view["old_keys"] = recording.old_keys.iter().map(key).collect();
    }
    view
}

fn trunk_view(config: &Config, trunk: &Trunk) -> Value {
    let peering = &trunk.peering;
    let endpoint = peering.endpoint.and_then(|id| config.endpoints.iter().find(|endpoint| endpoint.id == id));
    let rule = |rule: &NumberRule| json!({ "strip": rule.strip, "prefix": rule.prefix, "e164": rule.e164 });
    let rule = |given: &NumberRule| (*given != NumberRule::default()).then(|| empty_left_out(rule(given)));
    without_nulls(json!({
        "name": trunk.name, "nat": trunk.nat, "default_region": trunk.default_region, "advertised": trunk.advertised,
        "transfer": trunk.transfer,
        "sources": trunk.sources.iter().map(|(address, length)| format!("{address}/{length}")).collect::<Vec<_>>(),
        "trusted": trunk.callers.trusted, "keep_withheld": trunk.callers.keep_withheld,
        "stir": match trunk.callers.stir { StirPolicy::Off => "off", StirPolicy::Show => "show", StirPolicy::Require => "require" },
        "identity": match trunk.callers.identity { Naming::None => "none", Naming::Asserted => "asserted" },
        "codecs": names_of(&trunk.codecs),
        "oversize": match trunk.oversize { Oversize::Tcp => "tcp", Oversize::Udp => "udp" },
        "tls": trunk.tls.as_ref().map(|tls| without_nulls(json!({
            "certificate": tls.certificate.as_ref().map(|(chain, _)| chain), "key": tls.certificate.as_ref().map(|(_, key)| key),
            "ca": tls.ca, "name": tls.name,
        }))),
        "host": peering.host, "redirects_to": peering.redirects_to, "endpoint": endpoint.map(|endpoint| &endpoint.name), "subject": peering.subject,
        "auth": peering.auth.as_ref().map(|auth| json!({ "user": auth.user, "realm": auth.realm, "password": MASK })),
        "peer_auth": peering.peer_auth.as_ref().map(|peer| json!({ "user": peer.user, "password": MASK })),
        "register": peering.register.as_ref().map(|register| {
            without_nulls(json!({ "user": register.user, "domain": register.domain, "expires_s": register.expires_s }))
        }),
        "probe_s": peering.probe_s, "calls_max": peering.calls_max, "cps_max": peering.cps_max,
        "numbers_in": rule(&peering.numbers_in), "numbers_out": rule(&peering.numbers_out),
        "outbound": peering.outbound, "dtmf": peering.dtmf.name(), "refer": peering.refer.name(),
        "headers": {
            "user_to_user": peering.headers.user_to_user.name(), "privacy": peering.headers.privacy,
            "from": peering.headers.from.to_string(),
        },
    }))
}

/// As `codecs = [..]` spells them.
fn names_of(codecs: &[CodecKind]) -> Vec<String> {
    codecs.iter().map(|codec| format!("{codec:?}").to_lowercase()).collect()
}

/// An empty text is no beginning of a number, and would not read back.
fn empty_left_out(mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, field| field.as_str() != Some(""));
    }
    value
}

/// TOML has no null: what is not set is not there.
fn without_nulls(mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, field| !field.is_null());
    }
    value
}

const MASK: &str = "***";

/// Nobody types more.
const PASSWORD_MAX: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_reads_as_a_configuration_and_holds_no_secret() {
        let mut config = Config::default();
        config.http.session_secret = Some(gateway_core::private::Private("topsecret".into()));
        let text = toml::to_string_pretty(&view(&config)).unwrap();
        assert!(text.contains("listen = \"127.0.0.1:5060\"") && text.contains("session_secret = \"***\""), "{text}");
        assert!(!text.contains("topsecret"));
    }
}
