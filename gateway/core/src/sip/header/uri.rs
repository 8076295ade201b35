//! SIP, SIPS and tel URIs (RFC 3261 19.1, RFC 3966).

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

use super::{Malformed, Params, text::find_outside};

/// The part before the first colon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheme {
    Sip,
    Sips,
    /// A telephone number: it stands in `user`, and there is no host.
    Tel,
    /// Anything else, lower case; what follows the colon stands in `host`.
    Other(String),
}

/// Whom or where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uri {
    pub scheme: Scheme,
    /// As it stands on the wire, escapes and password included; `user()` decodes it.
    pub userinfo: Option<String>,
    /// A name or an address; IPv6 without its brackets.
    pub host: String,
    pub port: Option<u16>,
    pub params: Params,
    /// What follows `?`, as it stands.
    pub headers: Option<String>,
}

impl Uri {
    /// `sip:user@host:port`; `user` is escaped as needed.
    pub fn sip(user: Option<&str>, address: SocketAddr) -> Self {
        Self {
            scheme: Scheme::Sip,
            userinfo: user.map(escaped),
            host: address.ip().to_string(),
            port: Some(address.port()),
            params: Params::new(),
            headers: None,
        }
    }

    /// Reads a whole URI, without angle brackets.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let (scheme, rest) = text.split_once(':').ok_or(Malformed)?;
        let scheme_is_sound = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        if !scheme_is_sound || rest.is_empty() || text.len() > URI_MAX || rest.contains(|c: char| c.is_whitespace() || "<>\"".contains(c)) {
            return Err(Malformed);
        }
        match scheme.to_ascii_lowercase().as_str() {
            "sip" => Self::parse_sip(Scheme::Sip, rest),
            "sips" => Self::parse_sip(Scheme::Sips, rest),
            "tel" => {
                let (number, params) = cut_params(rest)?;
                let number_is_sound = !number.is_empty() && number.bytes().all(|b| b.is_ascii_hexdigit() || b"+-.()*#".contains(&b));
                if !number_is_sound {
                    return Err(Malformed);
                }
                Ok(Self { scheme: Scheme::Tel, userinfo: Some(number.to_owned()), host: String::new(), port: None, params, headers: None })
            }
            other => Ok(Self {
                scheme: Scheme::Other(other.to_owned()),
                userinfo: None,
                host: rest.to_owned(),
                port: None,
                params: Params::new(),
                headers: None,
            }),
        }
    }

    fn parse_sip(scheme: Scheme, rest: &str) -> Result<Self, Malformed> {
        let (userinfo, rest) = match rest.split_once('@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, rest),
        };
        if userinfo.is_some_and(|user| user.is_empty() || user.starts_with(':') || !escapes_are_sound(user)) || rest.contains('@') {
            return Err(Malformed);
        }
        let (rest, headers) = match rest.split_once('?') {
            Some((rest, headers)) => (rest, Some(headers.to_owned())),
            None => (rest, None),
        };
        let (hostport, params) = cut_params(rest)?;
        let (host, port) = parse_hostport(hostport)?;
        Ok(Self { scheme, userinfo: userinfo.map(str::to_owned), host, port, params, headers })
    }

    /// The user or the telephone number, escapes decoded, without password; control characters are left out.
    pub fn user(&self) -> Option<String> {
        let user = self.userinfo.as_deref()?;
        let user = user.split_once(':').map_or(user, |(user, _)| user);
        Some(unescaped(user).chars().filter(|c| !c.is_control()).collect())
    }

    /// A header that stands, escaped, behind `?` (19.1.1).
    pub fn header(&self, name: &str) -> Option<String> {
        let headers = self.headers.as_deref()?;
        headers.split('&').find_map(|item| {
            let (key, value) = item.split_once('=')?;
            unescaped(key).eq_ignore_ascii_case(name).then(|| unescaped(value).chars().filter(|c| !c.is_control()).collect())
        })
    }

    /// Where to send, if the host is an address; port 5060, or 5061 for SIPS, unless said (RFC 3263 4.2).
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        let ip: IpAddr = self.host.parse().ok()?;
        Some(SocketAddr::new(ip, self.port.unwrap_or(if self.scheme == Scheme::Sips { 5061 } else { 5060 })))
    }

    /// The same resource, as RFC 3261 19.1.4 compares: case of host and of parameter names does not count, nor does an unknown
    /// parameter that only one of the two has.
    pub fn is_same(&self, other: &Self) -> bool {
        self.scheme == other.scheme
            && self.userinfo.as_deref().map(unescaped) == other.userinfo.as_deref().map(unescaped)
            && self.host.eq_ignore_ascii_case(&other.host)
            && self.port == other.port
            && self.params.iter().all(|(name, value)| match other.params.has(name) {
                true => same_text(other.params.value(name), value),
                false => !COMPARED.iter().any(|compared| compared.eq_ignore_ascii_case(name)),
            })
            && other.params.iter().all(|(name, _)| self.params.has(name) || !COMPARED.iter().any(|c| c.eq_ignore_ascii_case(name)))
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scheme {
            Scheme::Sip => f.write_str("sip:")?,
            Scheme::Sips => f.write_str("sips:")?,
            Scheme::Tel => return write!(f, "tel:{}{}", self.userinfo.as_deref().unwrap_or_default(), self.params),
            Scheme::Other(scheme) => return write!(f, "{scheme}:{}", self.host),
        }
        if let Some(user) = &self.userinfo {
            write!(f, "{user}@")?;
        }
        print_hostport(f, &self.host, self.port)?;
        write!(f, "{}", self.params)?;
        match &self.headers {
            Some(headers) => write!(f, "?{headers}"),
            None => Ok(()),
        }
    }
}

/// `host`, `host:port`, `[v6]:port`; spaces around the colon are allowed, as Via allows them.
pub(super) fn parse_hostport(text: &str) -> Result<(String, Option<u16>), Malformed> {
    let text = text.trim();
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(Malformed)?;
            host.parse::<Ipv6Addr>().map_err(|_| Malformed)?;
            (host, port.trim())
        }
        None => {
            let at = text.find(':').unwrap_or(text.len());
            let host = text[..at].trim();
            if host.is_empty() || !host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)) {
                return Err(Malformed);
            }
            (host, &text[at..])
        }
    };
    let port = match port.strip_prefix(':').map(str::trim) {
        None if port.is_empty() => None,
        Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.parse().map_err(|_| Malformed)?),
        None | Some(_) => return Err(Malformed),
    };
    Ok((host.to_owned(), port))
}

pub(super) fn print_hostport(f: &mut fmt::Formatter<'_>, host: &str, port: Option<u16>) -> fmt::Result {
    match host.contains(':') {
        true => write!(f, "[{host}]")?,
        false => f.write_str(host)?,
    }
    match port {
        Some(port) => write!(f, ":{port}"),
        None => Ok(()),
    }
}

fn cut_params(text: &str) -> Result<(&str, Params), Malformed> {
    match find_outside(text, ';') {
        Some(at) => Ok((&text[..at], Params::parse(&text[at + 1..])?)),
        None => Ok((text, Params::new())),
    }
}

fn same_text(one: Option<&str>, two: Option<&str>) -> bool {
    match (one, two) {
        (Some(one), Some(two)) => one.eq_ignore_ascii_case(two),
        (one, two) => one == two,
    }
}

fn escapes_are_sound(text: &str) -> bool {
    text.split('%').skip(1).all(|tail| tail.len() >= 2 && tail.bytes().take(2).all(|b| b.is_ascii_hexdigit()))
}

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = match (first, tail) {
            (b'%', [high, low, ..]) => hex_digit(*high).zip(hex_digit(*low)),
            _ => None,
        };
        match hex {
            Some((high, low)) => {
                bytes.push(high * 16 + low);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn escaped(user: &str) -> String {
    let mut out = String::with_capacity(user.len());
    for byte in user.bytes() {
        match byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte) {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// No number, name or token of ours comes near this length.
const URI_MAX: usize = 2048;

/// Parameters that make two URIs differ when only one has them.
const COMPARED: [&str; 5] = ["transport", "user", "ttl", "method", "maddr"];

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        Uri::parse(text).unwrap()
    }

    #[test]
    fn every_part_is_found_and_printed_back() {
        let text = "sips:alice%20b:secret@[2001:db8::10]:5070;transport=tcp;lr?Subject=hi";
        let parsed = uri(text);
        assert_eq!(parsed.user().as_deref(), Some("alice b"));
        assert_eq!(parsed.host, "2001:db8::10");
        assert_eq!(parsed.port, Some(5070));
        assert!(parsed.params.has("LR"));
        assert_eq!(parsed.to_string(), text);
    }

    #[test]
    fn a_user_may_hold_semicolons_and_question_marks() {
        assert_eq!(uri("sip:+1;phone-context=x?y@h.example").user().as_deref(), Some("+1;phone-context=x?y"));
    }

    #[test]
    fn a_tel_uri_has_a_number_and_no_host() {
        let parsed = uri("tel:+31-20-123;phone-context=nl");
        assert_eq!(parsed.user().as_deref(), Some("+31-20-123"));
        assert_eq!(parsed.socket_addr(), None);
    }

    #[test]
    fn an_escaped_nul_never_reaches_the_reader() {
        assert_eq!(uri("sip:null-%00-null@h").user().as_deref(), Some("null--null"));
    }

    #[test]
    fn broken_uris_are_refused() {
        for text in [
            "",
            "sip:",
            "sip:@h",
            "sip:a@",
            "sip:a@b@c",
            "sip:a@h:99999",
            "sip:a@[::1",
            "sip:a@h:",
            "sip:%4@h",
            "sip:a b@h",
            "a@h",
            "sip:a@h;;x",
        ] {
            assert_eq!(Uri::parse(text), Err(Malformed), "{text}");
        }
    }

    #[test]
    fn sameness_follows_rfc_3261_19_1_4() {
        assert!(uri("sip:%61lice@atlanta.com;transport=TCP").is_same(&uri("sip:alice@AtLanTa.CoM;Transport=tcp")));
        assert!(uri("sip:carol@chicago.com").is_same(&uri("sip:carol@chicago.com;newparam=5")));
        assert!(!uri("sip:bob@biloxi.com").is_same(&uri("sip:bob@biloxi.com:5060")));
        assert!(!uri("sip:bob@biloxi.com").is_same(&uri("sip:bob@biloxi.com;transport=udp")));
        assert!(!uri("sip:ALICE@a.com").is_same(&uri("sip:alice@a.com")));
    }
}
