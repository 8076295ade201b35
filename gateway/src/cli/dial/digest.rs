//! Digest access authentication (RFC 8760 for SIP, RFC 7616): MD5 and SHA-256, with `qop=auth` or without.
//!
//! Deliberately lacks `auth-int` and the `-sess` variants: no carrier asks for them.

use md5::Md5;
use sha2::{Digest, Sha256};

/// A name and its password.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: String,
}

/// What the far side wants proven, one `WWW-Authenticate` or `Proxy-Authenticate` value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) realm: String,
    pub(super) nonce: String,
    pub(super) opaque: Option<String>,
    pub(super) algorithm: Algorithm,
    /// `qop` lists `auth`; RFC 2069 style without.
    pub(super) qop_auth: bool,
    /// The password was right, only the nonce had aged.
    pub(super) stale: bool,
}

/// The hash that a challenge asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Md5,
    Sha256,
}

/// Why a challenge or credentials were not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dropped {
    /// Not the Digest scheme.
    OtherScheme,
    /// A hash that we do not compute.
    UnknownAlgorithm,
    /// `realm`, `nonce` or another needed parameter is missing.
    Incomplete,
    /// Longer than 4 KiB.
    TooLong,
}

impl Credentials {
    /// `user:password`; the password may hold further colons.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (user, password) = text.split_once(':')?;
        (!user.is_empty()).then(|| Self { user: user.to_owned(), password: password.to_owned() })
    }
}

impl Challenge {
    /// Reads one header value.
    pub(super) fn parse(value: &str) -> Result<Self, Dropped> {
        let parameters = parameters(value)?;
        let algorithm = match parameters.value("algorithm") {
            None => Algorithm::Md5,
            Some(name) if name.eq_ignore_ascii_case("MD5") => Algorithm::Md5,
            Some(name) if name.eq_ignore_ascii_case("SHA-256") => Algorithm::Sha256,
            Some(_) => return Err(Dropped::UnknownAlgorithm),
        };
        Ok(Self {
            realm: parameters.value("realm").ok_or(Dropped::Incomplete)?.to_owned(),
            nonce: parameters.value("nonce").ok_or(Dropped::Incomplete)?.to_owned(),
            opaque: parameters.value("opaque").map(str::to_owned),
            algorithm,
            qop_auth: parameters.value("qop").is_some_and(|qop| qop.split(',').any(|one| one.trim().eq_ignore_ascii_case("auth"))),
            stale: parameters.value("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }

    /// The value of `Authorization` or `Proxy-Authorization`; `count` is the times this nonce was used, from 1.
    pub(super) fn answer(&self, credentials: &Credentials, method: &str, uri: &str, cnonce: &str, count: u32) -> String {
        let response = self.response(credentials, method, uri, cnonce, count);
        let Self { realm, nonce, .. } = self;
        let user = &credentials.user;
        let algorithm = self.algorithm.name();
        let mut value = format!(
            r#"Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{response}", algorithm={algorithm}"#
        );
        if self.qop_auth {
            value.push_str(&format!(r#", qop=auth, cnonce="{cnonce}", nc={count:08x}"#));
        }
        if let Some(opaque) = &self.opaque {
            value.push_str(&format!(r#", opaque="{opaque}""#));
        }
        value
    }

    /// Whether `authorization`, a header value, proves the credentials to us who asked this challenge.
    pub(super) fn is_met_by(&self, authorization: &str, credentials: &Credentials, method: &str) -> bool {
        let Ok(parameters) = parameters(authorization) else { return false };
        let given = |name: &str| parameters.value(name).unwrap_or_default();
        let count = u32::from_str_radix(given("nc"), 16).unwrap_or(0);
        given("username") == credentials.user
            && given("nonce") == self.nonce
            && given("response") == self.response(credentials, method, given("uri"), given("cnonce"), count)
    }

    /// The value of `WWW-Authenticate` when we ask.
    pub(super) fn header(&self) -> String {
        let Self { realm, nonce, .. } = self;
        let algorithm = self.algorithm.name();
        format!(r#"Digest realm="{realm}", nonce="{nonce}", algorithm={algorithm}, qop="auth""#)
    }

    fn response(&self, credentials: &Credentials, method: &str, uri: &str, cnonce: &str, count: u32) -> String {
        let hash = |text: String| self.algorithm.hash(&text);
        let nonce = &self.nonce;
        let secret = hash(format!("{}:{}:{}", credentials.user, self.realm, credentials.password));
        let request = hash(format!("{method}:{uri}"));
        if self.qop_auth {
            hash(format!("{secret}:{nonce}:{count:08x}:{cnonce}:auth:{request}"))
        } else {
            hash(format!("{secret}:{nonce}:{request}"))
        }
    }
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    fn hash(self, text: &str) -> String {
        match self {
            Self::Md5 => hex(&Md5::digest(text)),
            Self::Sha256 => hex(&Sha256::digest(text)),
        }
    }
}

/// The `name=value` pairs of a Digest header, in order.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(candidate, _)| candidate.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

fn parameters(value: &str) -> Result<Parameters, Dropped> {
    if value.len() > VALUE_MAX {
        return Err(Dropped::TooLong);
    }
    let (scheme, list) = value.trim().split_once(' ').ok_or(Dropped::OtherScheme)?;
    if !scheme.eq_ignore_ascii_case("Digest") {
        return Err(Dropped::OtherScheme);
    }
    let mut found = Vec::new();
    let mut rest = list;
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches(|c: char| c == ',' || c.is_whitespace()).to_owned();
        let (value, tail) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => after.split_once(',').map_or((after.trim().to_owned(), ""), |(value, tail)| (value.trim().to_owned(), tail)),
        };
        found.push((name, value));
        rest = tail;
    }
    Ok(Parameters(found))
}

/// The text up to the closing quote with its escapes taken away, and what follows.
fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            _ => value.push(c),
        }
    }
    (value, "")
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// No honest challenge is longer.
const VALUE_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7616 3.9.1: one challenge, both hashes.
    const RFC_7616: &str = r#"Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=ALG,
        nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#;

    fn mufasa() -> Credentials {
        Credentials::parse("Mufasa:Circle of Life").expect("has a colon")
    }

    #[test]
    fn the_examples_of_rfc_7616_come_out() {
        for (name, response) in
            [("MD5", "8ca523f5e9506fed4657c9700eebdbec"), ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1")]
        {
            let challenge = Challenge::parse(&RFC_7616.replace("ALG", name)).expect("well formed");
            let answer = challenge.answer(&mufasa(), "GET", "/dir/index.html", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", 1);
            assert!(answer.contains(&format!(r#"response="{response}""#)), "{answer}");
            assert!(answer.contains(r#"nc=00000001"#) && answer.contains(r#"opaque="FQhe/"#), "{answer}");
            assert!(challenge.is_met_by(&answer, &mufasa(), "GET"));
            assert!(!challenge.is_met_by(&answer, &mufasa(), "POST"));
        }
    }

    #[test]
    fn a_challenge_without_qop_is_answered_as_rfc_2069_would() {
        let challenge = Challenge::parse(r#"Digest realm="sip.example", nonce="84a4cc6f3082121f32b42a2187831a9e""#).expect("well formed");
        let answer = challenge.answer(&mufasa(), "INVITE", "sip:demo@sip.example", "unused", 1);
        assert!(!answer.contains("cnonce"), "{answer}");
        assert!(challenge.is_met_by(&answer, &mufasa(), "INVITE"));
    }

    #[test]
    fn junk_is_dropped_and_never_panics() {
        assert_eq!(Challenge::parse("Basic realm=\"x\""), Err(Dropped::OtherScheme));
        assert_eq!(Challenge::parse(""), Err(Dropped::OtherScheme));
        assert_eq!(Challenge::parse("Digest realm=\"x"), Err(Dropped::Incomplete));
        assert_eq!(Challenge::parse(r#"Digest realm="x", nonce="y", algorithm=SHA-512-256"#), Err(Dropped::UnknownAlgorithm));
        assert_eq!(Challenge::parse(&format!("Digest {}", "x".repeat(5000))), Err(Dropped::TooLong));
        assert_eq!(
            Challenge::parse(r#"Digest realm="a\"b", nonce="\"#),
            Ok(Challenge {
                realm: "a\"b".into(),
                nonce: String::new(),
                opaque: None,
                algorithm: Algorithm::Md5,
                qop_auth: false,
                stale: false
            })
        );
    }
}
