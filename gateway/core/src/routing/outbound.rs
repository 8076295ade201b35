//! Which trunk a number goes out by, and how the carrier wants it written.
//!
//! Closed by default: a number that no trunk's `outbound` allows is not called, so a stolen password or a careless script costs nothing.

use super::{
    Admit, Reason, Refusal,
    limits::Full,
    numbers::{international, rewritten},
};
use crate::{
    config::{Config, Trunk},
    sip::{Uri, hop_of},
};

/// A way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayOut<'a> {
    pub trunk: &'a Trunk,
    /// As the carrier wants it.
    pub number: String,
}

/// What keeps a trunk from taking one more call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hindrance {
    /// It does not answer; since when and how is told by the text.
    Down(String),
    /// One of its limits is reached.
    Full(Full),
}

/// The way out for `number`: by `trunk`, or by the one whose `outbound` fits it best. `hindered` says what a trunk's state is.
///
/// # Errors
/// No trunk of that name, none that may call the number, or none that can now; each with a cause of its own.
pub fn way_out<'a>(
    config: &'a Config,
    number: &str,
    trunk: Option<&str>,
    hindered: impl Fn(&Trunk) -> Option<Hindrance>,
) -> Result<WayOut<'a>, Refusal> {
    let mut fit: Vec<(usize, &Trunk)> = config
        .trunks
        .iter()
        .filter(|candidate| candidate.peering.host.is_some() && trunk.is_none_or(|wanted| wanted == candidate.name))
        .filter_map(|candidate| Some((allowed(candidate, number)?, candidate)))
        .collect();
    // The longest beginning first; of equals, the one that stands first in the file.
    fit.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
    let mut first_hindrance = None;
    for (_, candidate) in fit {
        match hindered(candidate) {
            None => {
                let whole = international(number, candidate.default_region.as_deref());
                let number = rewritten(&whole, &candidate.peering.numbers_out, candidate.default_region.as_deref());
                return Ok(WayOut { trunk: candidate, number });
            }
            Some(hindrance) => {
                first_hindrance.get_or_insert((candidate.name.clone(), hindrance));
            }
        }
    }
    Err(match first_hindrance {
        Some((name, hindrance)) => hindrance_refused(&name, &hindrance),
        None => not_allowed(config, number, trunk),
    })
}

/// May a trunk send our call to `number`, as it reads it, on to there (3xx, RFC 3261 8.1.3.4)?
///
/// To its `redirects_to` alone, and to another number only where `outbound` allows that: who answers for a carrier must not choose what we pay for.
///
/// # Errors
/// It may not.
pub fn sent_on(trunk: &Trunk, number: &str, contact: &Uri) -> Result<(), Refusal> {
    let (host, hosts) = (contact.host.as_str().to_ascii_lowercase(), &trunk.peering.redirects_to);
    let name = &trunk.name;
    if !hosts.contains(&host) {
        let widened: Vec<String> = hosts.iter().chain([&host]).map(|host| format!("\"{host}\"")).collect();
        let wanted = if hosts.is_empty() { "none".to_owned() } else { hosts.join(", ") };
        // A stranger's word goes into nobody's configuration as it is.
        let is_plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte));
        let line = admit(name, &format!("redirects_to = [{}]", widened.join(", "))).filter(|_| is_plain);
        return Err(Refusal::new(Reason::RedirectRefused, format!("trunk {name} sends the call on to another host"), true)
            .beside(format!("trunk {name}"), "redirects_to", wanted, host)
            .admitted_by(line));
    }
    // The offer goes along as it was made for the trunk, and may hold the keys of the media.
    if trunk.peering.is_private() && hop_of(contact, None).is_some_and(|hop| !hop.transport.is_secure()) {
        let ours = trunk.peering.host.clone().unwrap_or_default();
        return Err(Refusal::new(Reason::RedirectRefused, format!("trunk {name} sends a call by TLS on in the clear"), true).beside(
            format!("trunk {name}"),
            "host",
            ours,
            host,
        ));
    }
    match contact.user().filter(|user| user != number) {
        Some(other) if allowed(trunk, &other).is_none() => {
            let begins = international(&other, trunk.default_region.as_deref()).chars().take(4).collect::<String>();
            Err(Refusal::new(Reason::RedirectRefused, format!("trunk {name} sends the call on to another number"), true)
                .beside(format!("trunk {name}"), "outbound", trunk.peering.outbound.join(", "), &begins)
                .admitted_by(admit(name, &widened(trunk, &begins))))
        }
        Some(_) | None => Ok(()),
    }
}

/// A call that a trunk's limit keeps out, in either direction.
pub fn limit_refused(trunk: &str, full: Full) -> Refusal {
    hindrance_refused(trunk, &Hindrance::Full(full))
}

/// How many characters of the number one of the trunk's `outbound` covers.
fn allowed(trunk: &Trunk, number: &str) -> Option<usize> {
    let whole = international(number, trunk.default_region.as_deref());
    let fits = |prefix: &&String| prefix.as_str() == "*" || whole.starts_with(prefix.as_str());
    let length = |prefix: &String| if prefix == "*" { 0 } else { prefix.len() };
    trunk.peering.outbound.iter().filter(fits).map(length).max()
}

fn not_allowed(config: &Config, number: &str, trunk: Option<&str>) -> Refusal {
    let begins = international(number, None).chars().take(4).collect::<String>();
    let named = trunk.and_then(|name| config.trunks.iter().find(|trunk| trunk.name == name));
    let closed = |said: String| Refusal::new(Reason::OutboundClosed, said, true);
    match (named, trunk) {
        (None, Some(name)) => closed(format!("no trunk is called {name}")),
        (Some(known), _) if known.peering.host.is_none() => {
            closed(format!("trunk {} takes no calls from us", known.name)).admitted_by(admit(&known.name, "host = \"sip.carrier.tld\""))
        }
        (Some(known), _) => closed(format!("trunk {} may not call this number", known.name))
            .beside(format!("trunk {}", known.name), "outbound", known.peering.outbound.join(", "), &begins)
            .admitted_by(admit(&known.name, &widened(known, &begins))),
        (None, None) => {
            let refusal = closed("no trunk may call this number".to_owned());
            match config.trunks.iter().find(|trunk| trunk.peering.host.is_some()) {
                Some(first) => refusal
                    .beside(format!("trunk {}", first.name), "outbound", first.peering.outbound.join(", "), &begins)
                    .admitted_by(admit(&first.name, &widened(first, &begins))),
                None => refusal,
            }
        }
    }
}

/// The trunk's `outbound` with one more beginning; a number of the world begins with `+`.
fn widened(trunk: &Trunk, begins: &str) -> String {
    let more = if begins.starts_with('+') { begins } else { "*" };
    let all: Vec<String> = trunk.peering.outbound.iter().map(String::as_str).chain([more]).map(|one| format!("\"{one}\"")).collect();
    format!("outbound = [{}]", all.join(", "))
}

fn admit(trunk: &str, toml: &str) -> Option<Admit> {
    Some(Admit { trunk: Some(trunk.to_owned()), toml: toml.to_owned() })
}

fn hindrance_refused(name: &str, hindrance: &Hindrance) -> Refusal {
    match hindrance {
        Hindrance::Down(why) => Refusal::new(Reason::TrunkDown, format!("trunk {name} is down: {why}"), true),
        Hindrance::Full(Full::Calls(most)) => {
            Refusal::new(Reason::TrunkFull, format!("trunk {name} carries its {most} calls already"), true)
                .admitted_by(admit(name, &format!("calls_max = {}", most.saturating_add(1))))
        }
        Hindrance::Full(Full::Rate(most)) => {
            Refusal::new(Reason::TrunkRate, format!("trunk {name} has had its {most} new calls of this second"), true)
                .admitted_by(admit(name, &format!("cps_max = {}", most.saturating_add(1))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{NumberRule, Peering};

    fn trunk(name: &str, outbound: &[&str]) -> Trunk {
        let peering = Peering {
            host: Some("sip:10.0.0.1".to_owned()),
            outbound: outbound.iter().map(|prefix| (*prefix).to_owned()).collect(),
            ..Peering::default()
        };
        Trunk { name: name.to_owned(), peering, ..Trunk::default() }
    }

    fn config(trunks: Vec<Trunk>) -> Config {
        Config { trunks, ..Config::default() }
    }

    fn name_of(config: &Config, number: &str, trunk: Option<&str>, down: &[&str]) -> Result<String, (u16, u8)> {
        let hindered = |trunk: &Trunk| down.contains(&trunk.name.as_str()).then(|| Hindrance::Down("silent".to_owned()));
        way_out(config, number, trunk, hindered)
            .map(|way| way.trunk.name.clone())
            .map_err(|refusal| (refusal.cause().sip, refusal.cause().q850))
    }

    #[test]
    fn nothing_goes_out_until_somebody_allows_it() {
        let config = config(vec![trunk("closed", &[]), trunk("dutch", &["+31"])]);
        assert_eq!(name_of(&config, "+31201234567", None, &[]), Ok("dutch".to_owned()));
        assert_eq!(name_of(&config, "+31201234567", Some("closed"), &[]), Err((403, 57)));
        assert_eq!(name_of(&config, "+882161234567", None, &[]), Err((403, 57)));
        assert_eq!(name_of(&config, "+31201234567", Some("nobody"), &[]), Err((403, 57)));
        let refusal = way_out(&config, "+882161234567", None, |_| None).unwrap_err();
        assert!(
            refusal.to_string().contains("outbound = [\"+31\", \"+882\"] in [[trunk]] dutch") || refusal.to_string().contains("closed"),
            "{refusal}"
        );
    }

    #[test]
    fn the_longest_beginning_wins_and_the_next_one_takes_over_when_it_is_down() {
        let config = config(vec![trunk("world", &["+"]), trunk("dutch", &["+31"]), trunk("amsterdam", &["+3120"])]);
        let by = |down: &[&str]| name_of(&config, "+31201234567", None, down);
        assert_eq!(by(&[]), Ok("amsterdam".to_owned()));
        assert_eq!(by(&["amsterdam"]), Ok("dutch".to_owned()));
        assert_eq!(by(&["amsterdam", "dutch"]), Ok("world".to_owned()));
        assert_eq!(by(&["amsterdam", "dutch", "world"]), Err((503, 38)));
    }

    #[test]
    fn each_hindrance_has_a_cause_of_its_own() {
        let config = config(vec![trunk("dutch", &["+31"])]);
        let refused = |hindrance: Hindrance| way_out(&config, "+31201234567", None, |_| Some(hindrance.clone())).unwrap_err();
        let causes =
            [Hindrance::Down("silent".to_owned()), Hindrance::Full(Full::Calls(2)), Hindrance::Full(Full::Rate(5))].map(|hindrance| {
                let refusal = refused(hindrance);
                (refusal.cause().sip, refusal.cause().q850, refusal.to_string())
            });
        assert_eq!(causes[0], (503, 38, "trunk dutch is down: silent".to_owned()));
        assert_eq!((causes[1].0, causes[1].1), (503, 44));
        assert_eq!((causes[2].0, causes[2].1), (503, 42));
        assert!(causes[1].2.contains("calls_max") && causes[2].2.contains("cps_max"));
    }

    #[test]
    fn a_national_number_is_compared_as_the_world_knows_it_and_sent_as_the_carrier_wants_it() {
        let mut dutch = trunk("dutch", &["+31"]);
        dutch.default_region = Some("NL".to_owned());
        dutch.peering.numbers_out = NumberRule { strip: "+".to_owned(), prefix: "00".to_owned(), e164: false };
        let config = config(vec![dutch]);
        assert_eq!(way_out(&config, "020 1234567", None, |_| None).unwrap().number, "0031201234567");
        assert_eq!(name_of(&config, "112", None, &[]), Err((403, 57)));
    }

    #[test]
    fn a_star_allows_extensions_too() {
        let config = config(vec![trunk("pbx", &["*"])]);
        assert_eq!(name_of(&config, "112", None, &[]), Ok("pbx".to_owned()));
    }

    #[test]
    fn a_call_is_sent_on_to_listed_hosts_alone_and_to_other_numbers_only_where_they_are_allowed() {
        let peering = crate::config::Peering {
            outbound: vec!["+31".to_owned()],
            redirects_to: vec!["sbc2.carrier.tld".to_owned()],
            ..crate::config::Peering::default()
        };
        let trunk = Trunk { name: "carrier".to_owned(), default_region: Some("NL".to_owned()), peering, ..Trunk::default() };
        let to = |uri: &str| sent_on(&trunk, "0031201234567", &Uri::parse(uri).unwrap()).map_err(|refusal| refusal.admit.unwrap().toml);
        assert_eq!(to("sip:0031201234567@SBC2.carrier.tld:5080;transport=tcp"), Ok(()));
        assert_eq!(to("sip:+31207654321@sbc2.carrier.tld"), Ok(()), "another number that may be called");
        assert_eq!(to("sip:0031201234567@10.9.9.9"), Err("redirects_to = [\"sbc2.carrier.tld\", \"10.9.9.9\"]".to_owned()));
        assert_eq!(to("sip:+881612345678@sbc2.carrier.tld"), Err("outbound = [\"+31\", \"+881\"]".to_owned()));
    }

    #[test]
    fn a_call_by_tls_is_sent_on_by_tls_alone() {
        let sent = |host: &str, contact: &str| {
            let peering = crate::config::Peering {
                host: Some(host.to_owned()),
                redirects_to: vec!["10.0.0.2".to_owned()],
                ..crate::config::Peering::default()
            };
            sent_on(&Trunk { name: "carrier".to_owned(), peering, ..Trunk::default() }, "112", &Uri::parse(contact).unwrap())
        };
        for host in ["sips:10.0.0.1", "sip:10.0.0.1;transport=TLS"] {
            for clear in ["sip:112@10.0.0.2", "sip:112@10.0.0.2;transport=tcp"] {
                assert_eq!(sent(host, clear).unwrap_err().reason, Reason::RedirectRefused, "{host} {clear}");
                assert_eq!(sent("sip:10.0.0.1", clear), Ok(()), "nothing is lost that was never had");
            }
            for private in ["sips:112@10.0.0.2", "sip:112@10.0.0.2;transport=tls"] {
                assert_eq!(sent(host, private), Ok(()), "{host} {private}");
            }
        }
    }
}
