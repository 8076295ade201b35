//! SIP, SIPS and tel URIs (RFC 3261 19.1, RFC 3966).

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

use memchr::memchr;

use super::{
    Malformed, Params,
    text::{find_outside, split_once, trim},
};
use crate::sip::Text;

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
    pub userinfo: Option<Text>,
    /// A name or an address; IPv6 without its brackets.
    pub host: Text,
    pub port: Option<u16>,
    pub params: Params,
    /// What follows `?`, as it stands.
    pub headers: Option<Text>,
}

impl Uri {
    /// `sip:user@host:port`; `user` is escaped as needed.
    pub fn sip(user: Option<&str>, address: SocketAddr) -> Self {
        Self {
            scheme: Scheme::Sip,
            userinfo: user.map(|user| escaped(user).into()),
            host: address.ip().to_string().into(),
            port: Some(address.port()),
            params: Params::new(),
            headers: None,
        }
    }

    /// Reads a whole URI, without angle brackets.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let whole = Text::from(text);
        Self::read(&whole, &whole)
    }

    /// As `parse`; `text` is a part of `whole`, and the result too.
    pub(in crate::sip) fn read(whole: &Text, text: &str) -> Result<Self, Malformed> {
        let (scheme, rest) = split_once(text, b':').ok_or(Malformed)?;
        let scheme_is_sound = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        if !scheme_is_sound || rest.is_empty() || text.len() > URI_MAX || !is_unbroken(rest) {
            return Err(Malformed);
        }
        if scheme.eq_ignore_ascii_case("sip") {
            return Self::read_sip(whole, Scheme::Sip, rest);
        }
        match scheme.to_ascii_lowercase().as_str() {
            "sips" => Self::read_sip(whole, Scheme::Sips, rest),
            "tel" => {
                let (number, params) = cut_params(whole, rest)?;
                let number_is_sound = !number.is_empty() && number.bytes().all(|b| b.is_ascii_hexdigit() || b"+-.()*#".contains(&b));
                if !number_is_sound {
                    return Err(Malformed);
                }
                Ok(Self { scheme: Scheme::Tel, userinfo: Some(whole.part(number)), host: Text::EMPTY, port: None, params, headers: None })
            }
            other => Ok(Self {
                scheme: Scheme::Other(other.to_owned()),
                userinfo: None,
                host: whole.part(rest),
                port: None,
                params: Params::new(),
                headers: None,
            }),
        }
    }

    fn read_sip(whole: &Text, scheme: Scheme, rest: &str) -> Result<Self, Malformed> {
        let (userinfo, rest) = match split_once(rest, b'@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, rest),
        };
        if userinfo.is_some_and(|user| user.is_empty() || user.starts_with(':') || !escapes_are_sound(user))
            || memchr(b'@', rest.as_bytes()).is_some()
        {
            return Err(Malformed);
        }
        let (rest, headers) = match split_once(rest, b'?') {
            Some((rest, headers)) => (rest, Some(whole.part(headers))),
            None => (rest, None),
        };
        let (hostport, params) = cut_params(whole, rest)?;
        let (host, port) = read_hostport(whole, hostport)?;
        Ok(Self { scheme, userinfo: userinfo.map(|user| whole.part(user)), host, port, params, headers })
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

    /// In buffers of its own, so that what is kept for long does not keep its message.
    pub(in crate::sip) fn detached(&self) -> Self {
        Self {
            scheme: self.scheme.clone(),
            userinfo: self.userinfo.as_ref().map(Text::detached),
            host: self.host.detached(),
            port: self.port,
            params: self.params.detached(),
            headers: self.headers.as_ref().map(Text::detached),
        }
    }

    pub(in crate::sip) fn print(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match &self.scheme {
            Scheme::Sip => out.write_str("sip:")?,
            Scheme::Sips => out.write_str("sips:")?,
            Scheme::Tel => {
                out.write_str("tel:")?;
                out.write_str(self.userinfo.as_deref().unwrap_or_default())?;
                return self.params.print(out);
            }
            Scheme::Other(scheme) => {
                out.write_str(scheme)?;
                out.write_char(':')?;
                return out.write_str(&self.host);
            }
        }
        if let Some(user) = &self.userinfo {
            out.write_str(user)?;
            out.write_char('@')?;
        }
        print_hostport(out, &self.host, self.port)?;
        self.params.print(out)?;
        match &self.headers {
            Some(headers) => {
                out.write_char('?')?;
                out.write_str(headers)
            }
            None => Ok(()),
        }
    }

    /// The same resource, as RFC 3261 19.1.4 compares: case of host and of parameter names does not count, nor does an unknown
    /// parameter that only one of the two has.
    pub fn is_same(&self, other: &Self) -> bool {
        self.scheme == other.scheme
            && self.userinfo.as_deref().map(unescaped) == other.userinfo.as_deref().map(unescaped)
            && self.host.eq_ignore_ascii_case(&other.host)
            && self.port == other.port
            // A name may stand once (19.1.1); where it stands twice, the first is the one that is read, here as anywhere.
            && self.params.iter().all(|(name, _)| match other.params.has(name) {
                true => same_text(other.params.value(name), self.params.value(name)),
                false => !COMPARED.iter().any(|compared| compared.eq_ignore_ascii_case(name)),
            })
            && other.params.iter().all(|(name, _)| self.params.has(name) || !COMPARED.iter().any(|c| c.eq_ignore_ascii_case(name)))
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(f)
    }
}

/// `host`, `host:port`, `[v6]:port`; spaces around the colon are allowed, as Via allows them.
pub(super) fn read_hostport(whole: &Text, text: &str) -> Result<(Text, Option<u16>), Malformed> {
    let text = trim(text);
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(Malformed)?;
            if host.parse::<Ipv6Addr>().is_err() {
                // The ABNF of RFC 3261 makes three colons of two before an IPv4 part; they are read, and never written (RFC 5118 4.10).
                let mended = host.replacen(":::", "::", 1);
                mended.parse::<Ipv6Addr>().map_err(|_| Malformed)?;
                return Ok((mended.into(), read_port(trim(port))?));
            }
            (host, trim(port))
        }
        None => {
            let at = memchr(b':', text.as_bytes()).unwrap_or(text.len());
            let host = trim(&text[..at]);
            if host.is_empty() || !host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')) {
                return Err(Malformed);
            }
            (host, &text[at..])
        }
    };
    Ok((whole.part(host), read_port(port)?))
}

/// `:port`, or nothing.
fn read_port(text: &str) -> Result<Option<u16>, Malformed> {
    match text.strip_prefix(':').map(trim) {
        None if text.is_empty() => Ok(None),
        Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().map(Some).map_err(|_| Malformed),
        None | Some(_) => Err(Malformed),
    }
}

pub(super) fn print_hostport(out: &mut impl fmt::Write, host: &str, port: Option<u16>) -> fmt::Result {
    match memchr(b':', host.as_bytes()).is_some() {
        true => write!(out, "[{host}]")?,
        false => out.write_str(host)?,
    }
    match port {
        Some(port) => write!(out, ":{port}"),
        None => Ok(()),
    }
}

fn cut_params<'a>(whole: &Text, text: &'a str) -> Result<(&'a str, Params), Malformed> {
    match find_outside(text, ';') {
        Some(at) => Ok((&text[..at], Params::read(whole, &text[at + 1..])?)),
        None => Ok((text, Params::new())),
    }
}

/// Has it neither white space nor a character that ends a URI?
fn is_unbroken(text: &str) -> bool {
    let ends = text.bytes().fold(false, |ends, b| ends | (b <= b' ') | matches!(b, b'<' | b'>' | b'"'));
    !ends && (text.is_ascii() || !text.contains(char::is_whitespace))
}

fn same_text(one: Option<&str>, two: Option<&str>) -> bool {
    match (one, two) {
        (Some(one), Some(two)) => one.eq_ignore_ascii_case(two),
        (one, two) => one == two,
    }
}

fn escapes_are_sound(text: &str) -> bool {
    memchr(b'%', text.as_bytes()).is_none()
        || text.split('%').skip(1).all(|tail| tail.len() >= 2 && tail.bytes().take(2).all(|b| b.is_ascii_hexdigit()))
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

/// A header of a URI with its escapes undone; `None` where one of them is none.
pub(super) fn unescaped_header(text: &str) -> Option<String> {
    escapes_are_sound(text).then(|| unescaped(text))
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

    #[test]
    fn a_parameter_that_stands_twice_counts_as_it_is_read() {
        let twice = uri("sip:a@h;transport=tcp;Transport=udp;x;x=1");
        assert!(twice.is_same(&twice));
        assert!(twice.is_same(&uri("sip:a@h;transport=tcp")) && uri("sip:a@h;transport=tcp").is_same(&twice));
        assert!(!twice.is_same(&uri("sip:a@h;transport=udp")) && !uri("sip:a@h;transport=udp").is_same(&twice));
    }
}
