//! What a trunk is beyond its name: where calls to it go, who proves what to whom, how numbers are written, and how much it may carry.

use std::fmt;

use media::sdp::Digits;

use super::{
    address,
    file::{AuthTable, HeaderTable, NumberTable, PeerTable, RegisterTable, TrunkTable, Word},
    walk::Walk,
};
use crate::{ids::EndpointId, private::Private};

/// The outbound side of a trunk and all that is agreed with its carrier; by default it only calls us.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Peering {
    /// Where calls go: a SIP URI without a user, `sip:sip.carrier.tld;transport=tcp`. Without one the trunk takes no calls from us.
    pub host: Option<String>,
    /// The listener that its traffic leaves by; the first of its transport where it is not set.
    pub endpoint: Option<EndpointId>,
    /// What we prove where it challenges us.
    pub auth: Option<TrunkAuth>,
    /// What it proves to us by digest.
    pub peer_auth: Option<PeerAuth>,
    /// The name in the verified certificate that it shows (mutual TLS, RFC 5922).
    pub subject: Option<String>,
    /// We register with it, and it calls the address that we registered.
    pub register: Option<Registration>,
    /// OPTIONS are sent this often, in seconds; `None` never asks.
    pub probe_s: Option<u32>,
    /// Calls at once, both ways.
    pub calls_max: Option<u32>,
    /// New calls per second, both ways.
    pub cps_max: Option<u32>,
    /// How dialled numbers and callers that come from it are rewritten.
    pub numbers_in: NumberRule,
    /// How it wants numbers written.
    pub numbers_out: NumberRule,
    /// The beginnings of numbers that may be called by it, in E.164; none means that nothing may.
    pub outbound: Vec<String>,
    /// Hosts that it may send our calls on to (3xx), in lower case; none means that it may not.
    pub redirects_to: Vec<String>,
    /// Which digits count.
    pub dtmf: Dtmf,
    /// How a call of its that is handed on to a number reaches it.
    pub refer: Refer,
    /// How calls that we place look.
    pub headers: HeaderProfile,
}

/// Who we are to a carrier that challenges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkAuth {
    pub user: String,
    /// Its challenges must name this realm; to another we prove nothing.
    pub realm: String,
    pub password: Private<String>,
}

/// Who a carrier proves to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerAuth {
    pub user: String,
    pub password: Private<String>,
}

/// Our registration with a carrier (RFC 3261 10.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The user part of the address that we register.
    pub user: String,
    /// What we ask for, in seconds; the carrier has the last word.
    pub expires_s: u32,
    /// The domain of the address of record, where it is not the trunk's host.
    pub domain: Option<String>,
}

/// How a number is rewritten: first `strip`, then `prefix`, then E.164.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NumberRule {
    /// Taken from the beginning, where it stands there.
    pub strip: String,
    /// Put before what is left.
    pub prefix: String,
    /// Written as E.164 by the trunk's `default_region`; what is no number stays.
    pub e164: bool,
}

/// Which digits of a trunk count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dtmf {
    /// RTP events (RFC 4733) and INFO; tones in the sound where no events were agreed.
    #[default]
    Both,
    /// RTP events alone: for carriers whose INFO or sound holds digits that are none.
    Rfc4733,
    /// Tones in the sound, and INFO; events are neither offered nor taken.
    Inband,
    /// All three, whatever was agreed: for carriers that agree on events and send tones all the same.
    Auto,
}

/// How a caller of a trunk is handed on to a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Refer {
    /// We dial the number and stay between the two.
    #[default]
    Bridge,
    /// The carrier is asked to call it (REFER, RFC 3515), and the call leaves us; where the carrier will not, we bridge.
    Send,
}

/// How calls that we place by a trunk look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderProfile {
    /// How `User-to-User` (RFC 7433) is written.
    pub user_to_user: UserToUser,
    /// `Privacy: id` (RFC 3323) on every call.
    pub privacy: bool,
    /// Who calls, as From says it.
    pub from: CallerShown,
}

impl Default for HeaderProfile {
    fn default() -> Self {
        Self { user_to_user: UserToUser::Text, privacy: false, from: CallerShown::Caller }
    }
}

/// How `User-to-User` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserToUser {
    /// Hexadecimal behind the discriminator 04, IA5 text.
    Text,
    /// Hexadecimal behind the discriminator 00, user-specific.
    Specific,
    /// Hexadecimal alone.
    Hex,
    /// As it is.
    Bare,
    /// Not at all.
    Off,
}

/// Who calls, as From of a call that we place says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallerShown {
    /// The caller, where the call has one that is no secret.
    Caller,
    /// The user of `auth` or `register`.
    Account,
    /// Always this number.
    Fixed(String),
}

impl fmt::Display for CallerShown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caller => f.write_str("caller"),
            Self::Account => f.write_str("account"),
            Self::Fixed(number) => f.write_str(number),
        }
    }
}

impl UserToUser {
    const ALL: [(&'static str, Self); 5] =
        [("text", Self::Text), ("specific", Self::Specific), ("hex", Self::Hex), ("bare", Self::Bare), ("off", Self::Off)];

    /// As the file names it.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, form)| *form == self).map_or("text", |(name, _)| name)
    }
}

impl Dtmf {
    const ALL: [(&'static str, Self); 4] =
        [("both", Self::Both), ("rfc4733", Self::Rfc4733), ("inband", Self::Inband), ("auto", Self::Auto)];

    /// As the file names it.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, dtmf)| *dtmf == self).map_or("both", |(name, _)| name)
    }

    /// What of it is the media's.
    pub fn digits(self) -> Digits {
        match self {
            Self::Both => Digits::Agreed,
            Self::Rfc4733 => Digits::Events,
            Self::Inband => Digits::Tones,
            Self::Auto => Digits::Either,
        }
    }
}

impl Refer {
    const ALL: [(&'static str, Self); 2] = [("bridge", Self::Bridge), ("send", Self::Send)];

    /// As the file names it.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, refer)| *refer == self).map_or("bridge", |(name, _)| name)
    }
}

impl Peering {
    /// Signalling to it goes by TLS or WSS, as its host says.
    pub fn is_private(&self) -> bool {
        let Some(host) = self.host.as_deref().map(str::to_ascii_lowercase) else { return false };
        host.starts_with("sips:") || host.split(';').any(|param| matches!(param, "transport=tls" | "transport=wss"))
    }

    /// A peer of this trunk is known by more than its address.
    pub fn is_proven_without_address(&self) -> bool {
        self.peer_auth.is_some() || self.subject.is_some() || self.register.is_some()
    }
}

impl Walk<'_> {
    /// The keys of a `[[trunk]]` that speak of peering; `endpoints` are the names of the listeners, in order.
    pub(super) fn peering(&mut self, table: &TrunkTable, endpoints: &[String], region: Option<&str>) -> Peering {
        let host = table.host.as_ref().and_then(|word| self.trunk_host(word));
        let auth = table.auth.as_ref().map(|auth| self.trunk_auth(auth, host.as_deref()));
        let register = table.register.as_ref().map(|register| self.registration(table, register, auth.as_ref()));
        let peering = Peering {
            endpoint: table.endpoint.as_ref().and_then(|word| {
                let name = self.word(word);
                self.known(word.span(), "[[sip]] endpoint", &name, endpoints.iter().map(String::as_str));
                endpoints.iter().position(|known| *known == name).map(|place| EndpointId(place as u64))
            }),
            peer_auth: table.peer_auth.as_ref().map(|peer| self.peer_auth(peer)),
            subject: table.subject.as_ref().map(|word| self.word(word).to_ascii_lowercase()),
            probe_s: table.probe_s.as_ref().and_then(|probe| {
                if !(PROBE_MIN_S..=PROBE_MAX_S).contains(probe.get_ref()) && *probe.get_ref() != 0 {
                    self.fault(probe.span(), "probes are 5 to 3600 seconds apart", Some("30 is usual; 0 sends none"));
                }
                Some(*probe.get_ref()).filter(|every| *every > 0)
            }),
            calls_max: self.above_zero(table.calls_max.as_ref(), "a trunk of 0 calls carries none"),
            cps_max: self.above_zero(table.cps_max.as_ref(), "a trunk of 0 calls per second carries none"),
            numbers_in: self.number_rule(table.numbers_in.as_ref(), region),
            numbers_out: self.number_rule(table.numbers_out.as_ref(), region),
            outbound: table.outbound.iter().filter_map(|word| self.allowed_prefix(word)).collect(),
            redirects_to: table.redirects_to.iter().filter_map(|word| self.redirect_host(word)).collect(),
            dtmf: self.one_of(table.dtmf.as_ref(), &Dtmf::ALL).unwrap_or_default(),
            refer: self.one_of(table.refer.as_ref(), &Refer::ALL).unwrap_or_default(),
            headers: self.header_profile(table.headers.as_ref(), auth.is_some() || register.is_some()),
            auth,
            register,
            host,
        };
        let needs_host = [
            (peering.register.is_some(), "register"),
            (peering.probe_s.is_some(), "probe_s"),
            (!peering.outbound.is_empty(), "outbound"),
            (peering.refer == Refer::Send, "refer"),
        ];
        for (is_set, key) in needs_host {
            if is_set && table.host.is_none() {
                let message = format!("`{key}` on a trunk that has no host");
                self.fault(table.name.span(), &message, Some("host = \"sip.carrier.tld\", or an address with its port"));
            }
        }
        peering
    }

    /// `carrier.tld`, `10.0.0.5:5080` or a whole `sip:` URI without a user; given back as a URI.
    fn trunk_host(&mut self, word: &Word) -> Option<String> {
        let text = self.word(word);
        let uri = if text.starts_with("sip:") || text.starts_with("sips:") { text } else { format!("sip:{text}") };
        let rest = uri.split_once(':').map_or("", |(_, rest)| rest);
        let place = rest.split(';').next().unwrap_or_default();
        let help = "such as \"sip.carrier.tld\", \"10.0.0.5:5080\" or \"sip:sip.carrier.tld;transport=tls\"";
        let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
        };
        let is_host = host.parse::<std::net::IpAddr>().is_ok()
            || (!host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)));
        if place.contains('@') || !is_host || port.is_some_and(|port| !port.parse().is_ok_and(|port: u16| port > 0)) {
            self.fault(word.span(), "not a place that calls can go to", Some(help));
            return None;
        }
        if host.parse().is_ok_and(address::is_example) {
            self.example(word.span());
        }
        let transport = rest.split(';').skip(1).find_map(|param| param.strip_prefix("transport="));
        if let Some(transport) = transport.filter(|transport| !["udp", "tcp", "tls", "ws", "wss"].contains(transport)) {
            self.fault(word.span(), &format!("no transport is called `{transport}`"), Some("udp, tcp or tls"));
        }
        Some(uri)
    }

    fn trunk_auth(&mut self, table: &AuthTable, host: Option<&str>) -> TrunkAuth {
        let user = self.word(&table.user);
        let realm = match &table.realm {
            Some(realm) => self.word(realm),
            // Most carriers challenge for their own domain.
            None => host.map(host_of).unwrap_or_default(),
        };
        TrunkAuth { user, realm, password: Private(self.word(&table.password)) }
    }

    fn peer_auth(&mut self, table: &PeerTable) -> PeerAuth {
        let password = self.word(&table.password);
        if password.len() < PASSWORD_MIN {
            let help = "a carrier's password is typed once: make a long one, openssl rand -hex 16";
            self.warn(table.password.span(), "a password of fewer than 12 characters can be guessed", Some(help));
        }
        PeerAuth { user: self.word(&table.user), password: Private(password) }
    }

    fn registration(&mut self, trunk: &TrunkTable, table: &RegisterTable, auth: Option<&TrunkAuth>) -> Registration {
        let expires_s = table.expires_s.as_ref().map_or(EXPIRES_S, |expires| {
            if !(EXPIRES_MIN_S..=EXPIRES_MAX_S).contains(expires.get_ref()) {
                self.fault(expires.span(), "a registration lasts 60 to 86400 seconds", Some("3600 is usual"));
            }
            *expires.get_ref()
        });
        let user = match (&table.user, auth) {
            (Some(user), _) => self.word(user),
            (None, Some(auth)) => auth.user.clone(),
            (None, None) => {
                self.fault(trunk.name.span(), "`register` without a user", Some("register = { user = \"..\" }, or set `auth`"));
                String::new()
            }
        };
        Registration { user, expires_s, domain: table.domain.as_ref().map(|word| self.word(word)) }
    }

    fn number_rule(&mut self, table: Option<&NumberTable>, region: Option<&str>) -> NumberRule {
        let Some(table) = table else { return NumberRule::default() };
        let mut affix = |word: &Option<Word>| {
            let Some(word) = word else { return String::new() };
            let text = self.word(word);
            if text.is_empty() || !text.chars().all(|c| c.is_ascii_digit() || "+*#".contains(c)) {
                self.fault(word.span(), "not the beginning of a number", Some("digits, `+`, `*` and `#`"));
            }
            text
        };
        let (strip, prefix) = (affix(&table.strip), affix(&table.prefix));
        let e164 = table.e164.as_ref().is_some_and(|e164| *e164.get_ref());
        if let (true, None, Some(at)) = (e164, region, &table.e164) {
            self.fault(at.span(), "E.164 of national numbers needs a region", Some("default_region = \"NL\" in this trunk"));
        }
        NumberRule { strip, prefix, e164 }
    }

    fn allowed_prefix(&mut self, word: &Word) -> Option<String> {
        let text = self.word(word);
        let is_sound = text == "*" || text.strip_prefix('+').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        if !is_sound {
            let help = "such as \"+380\" or \"+4930\"; \"+\" allows every number there is, \"*\" extensions too";
            self.fault(word.span(), &format!("`{text}` is not the beginning of an international number"), Some(help));
            return None;
        }
        Some(text)
    }

    fn redirect_host(&mut self, word: &Word) -> Option<String> {
        let text = self.word(word).to_ascii_lowercase();
        let is_host = text.parse::<std::net::IpAddr>().is_ok()
            || (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)));
        if !is_host {
            self.fault(word.span(), &format!("`{text}` is no host"), Some("a name or an address alone, such as \"sbc2.carrier.tld\""));
        }
        is_host.then_some(text)
    }

    fn header_profile(&mut self, table: Option<&HeaderTable>, has_account: bool) -> HeaderProfile {
        let usual = HeaderProfile::default();
        let Some(table) = table else { return usual };
        let from = match &table.from {
            None => CallerShown::Caller,
            Some(word) => match self.word(word).as_str() {
                "caller" => CallerShown::Caller,
                "account" => {
                    if !has_account {
                        self.fault(word.span(), "this trunk has no account", Some("set `auth` or `register`, or name a number here"));
                    }
                    CallerShown::Account
                }
                number if !number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || c == '+') => {
                    CallerShown::Fixed(number.to_owned())
                }
                _ => {
                    self.fault(word.span(), "nobody to show as the caller", Some("\"caller\", \"account\" or a number"));
                    CallerShown::Caller
                }
            },
        };
        let user_to_user = self.one_of(table.user_to_user.as_ref(), &UserToUser::ALL).unwrap_or(usual.user_to_user);
        HeaderProfile { user_to_user, privacy: table.privacy, from }
    }

    pub(super) fn one_of<T: Copy>(&mut self, word: Option<&Word>, all: &[(&'static str, T)]) -> Option<T> {
        let word = word?;
        let name = self.word(word);
        let found = all.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        if found.is_none() {
            let known: Vec<&str> = all.iter().map(|(known, _)| *known).collect();
            self.fault(word.span(), &format!("`{name}` is none of the choices"), Some(&format!("one of {}", known.join(", "))));
        }
        found
    }

    fn above_zero(&mut self, given: Option<&toml::Spanned<u32>>, message: &str) -> Option<u32> {
        let given = given?;
        if *given.get_ref() == 0 {
            self.fault(given.span(), message, Some("leave it out for no limit"));
        }
        Some(*given.get_ref())
    }
}

/// `sip:carrier.tld:5061;transport=tls` is at `carrier.tld`.
fn host_of(uri: &str) -> String {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest).split(';').next().unwrap_or_default();
    match rest.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default().to_owned(),
        None => rest.split(':').next().unwrap_or_default().to_owned(),
    }
}

/// More often is a load on a carrier that never asked for it.
const PROBE_MIN_S: u32 = 5;
const PROBE_MAX_S: u32 = 3600;

/// What most carriers grant.
const EXPIRES_S: u32 = 3600;
const EXPIRES_MIN_S: u32 = 60;
const EXPIRES_MAX_S: u32 = 86_400;

/// A guess of a digest costs an attacker a message.
const PASSWORD_MIN: usize = 12;
