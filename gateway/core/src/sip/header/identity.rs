//! Identity: a caller's number, signed (RFC 8224 4); the signature is weighed elsewhere.

use super::{Headers, Params, split_outside, unquoted};

/// One Identity field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Full form `header.claims.signature`, or compact `..signature` (RFC 8225 7).
    pub token: String,
    /// Where the certificate stands; the angle brackets taken away.
    pub info: String,
    /// ES256 where nothing is said.
    pub alg: Option<String>,
    /// `shaken`, `div`, or none.
    pub ppt: Option<String>,
}

impl Identity {
    /// All that a message carries and that can be read, in order.
    pub fn all(headers: &Headers) -> Vec<Self> {
        headers.list("Identity").filter_map(Self::parse).take(SIGNATURES_MAX).collect()
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = split_outside(text, ';');
        let token = parts.next()?.trim();
        let is_sound = token.len() <= TOKEN_MAX && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.=".contains(&byte));
        if !is_sound || token.matches('.').count() != 2 {
            return None;
        }
        // `info=<https://..>` is no lawful generic parameter: its brackets hold what they like.
        let (mut info, mut others) = (None, Vec::new());
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            match name.trim().eq_ignore_ascii_case("info") {
                true => info = Some(value.trim().trim_start_matches('<').trim_end_matches('>').trim().to_owned()),
                false => others.push(part),
            }
        }
        let params = if others.is_empty() { Params::new() } else { Params::parse(&others.join(";")).ok()? };
        let word = |name: &str| params.value(name).and_then(unquoted);
        let info = info.filter(|info| !info.is_empty() && info.len() <= INFO_MAX)?;
        Some(Self { token: token.to_owned(), info, alg: word("alg"), ppt: word("ppt") })
    }
}

/// One of the caller's carrier, and one for each diversion on the way (RFC 8946).
const SIGNATURES_MAX: usize = 4;
const TOKEN_MAX: usize = 4096;
const INFO_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn all(lines: &[&str]) -> Vec<Identity> {
        let mut headers = Headers::new();
        lines.iter().for_each(|line| headers.push("Identity", *line));
        Identity::all(&headers)
    }

    #[test]
    fn the_token_and_its_parameters_are_told_apart() {
        let found = all(&["aa.bb.cc-_;info=<https://cert.example.org/passport.cer?a=1;b=2>;alg=ES256;ppt=\"shaken\""]);
        assert_eq!((found[0].token.as_str(), found[0].info.as_str()), ("aa.bb.cc-_", "https://cert.example.org/passport.cer?a=1;b=2"));
        assert_eq!((found[0].alg.as_deref(), found[0].ppt.as_deref()), (Some("ES256"), Some("shaken")));
    }

    #[test]
    fn a_compact_one_and_a_second_in_the_same_line_are_read() {
        let found = all(&["..cc ; info = <https://h/c> , aa.bb.cc;info=https://h/d;ppt=div"]);
        assert_eq!(found.iter().map(|one| one.info.as_str()).collect::<Vec<_>>(), ["https://h/c", "https://h/d"]);
        assert_eq!(found[1].ppt.as_deref(), Some("div"));
    }

    #[test]
    fn what_has_no_certificate_or_is_no_token_is_left_out() {
        assert!(all(&["aa.bb.cc", "aa.bb.cc;info=<>", "aa.bb;info=<https://h>", "a b.c.d;info=<https://h>"]).is_empty());
        assert_eq!(all(&["a.b.c;info=<https://h>"; 9]).len(), SIGNATURES_MAX);
    }
}
