//! Challenges and credentials: WWW-Authenticate, Authorization and their Proxy- twins (RFC 3261 20.7, RFC 8760).

use std::fmt;

use super::{Malformed, is_token, quoted, split_outside, unquoted};

/// `Digest name=value, name="value"`, either a challenge or credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthParams {
    pub scheme: String,
    params: Vec<(String, String)>,
}

impl AuthParams {
    /// A Digest field to be filled.
    pub fn digest() -> Self {
        Self { scheme: "Digest".to_owned(), params: Vec::new() }
    }

    /// Reads one field. Unlike most, it is one element per line: its commas part parameters.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let (scheme, rest) = text.trim().split_once([' ', '\t']).ok_or(Malformed)?;
        if !is_token(scheme) {
            return Err(Malformed);
        }
        let mut params: Vec<(String, String)> = Vec::new();
        for part in split_outside(rest, ',').filter(|part| !part.trim().is_empty()) {
            let (name, value) = part.split_once('=').ok_or(Malformed)?;
            let (name, value) = (name.trim(), unquoted(value.trim()).ok_or(Malformed)?);
            // A parameter said twice leaves open which one was meant: no guess about credentials.
            if !is_token(name) || params.len() == PARAMS_MAX || params.iter().any(|(n, _)| n.eq_ignore_ascii_case(name)) {
                return Err(Malformed);
            }
            params.push((name.to_ascii_lowercase(), value));
        }
        Ok(Self { scheme: scheme.to_owned(), params })
    }

    /// Adds a parameter.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.params.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without its quotes.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Is it the one scheme that we speak?
    pub fn is_digest(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("Digest")
    }
}

impl fmt::Display for AuthParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.scheme)?;
        // In credentials qop is a bare token, in challenges a quoted list (RFC 3261 25.1).
        let is_challenge = self.value("response").is_none();
        for (at, (name, value)) in self.params.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            match matches!(name.as_str(), "algorithm" | "stale" | "nc") || (name == "qop" && !is_challenge) {
                true => write!(f, "{comma}{name}={value}")?,
                false => write!(f, "{comma}{name}={}", quoted(value))?,
            }
        }
        Ok(())
    }
}

/// Digest has a dozen.
const PARAMS_MAX: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_round_trips() {
        let text = r#"Digest realm="a, b", nonce="x=", qop="auth", algorithm=SHA-256, stale=true"#;
        let parsed = AuthParams::parse(text).unwrap();
        assert_eq!(parsed.value("realm"), Some("a, b"));
        assert_eq!(parsed.to_string(), text);
    }

    #[test]
    fn a_parameter_said_twice_is_refused() {
        assert_eq!(AuthParams::parse("Digest username=\"a\", Username=\"b\""), Err(Malformed));
    }
}
