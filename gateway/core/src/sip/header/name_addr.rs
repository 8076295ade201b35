//! A name and an address: From, To, Contact, Route, Record-Route, P-Asserted-Identity (RFC 3261 20.10).

use std::fmt;

use super::{Malformed, Params, Uri, quoted, text::find_outside, unquoted};

/// `"display" <uri>;params`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameAddr {
    /// Quotes and escapes taken away.
    pub display: Option<String>,
    pub uri: Uri,
    /// The header's, not the URI's.
    pub params: Params,
}

impl NameAddr {
    /// An address alone.
    pub const fn new(uri: Uri) -> Self {
        Self { display: None, uri, params: Params::new() }
    }

    /// Reads one element.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let text = text.trim();
        let Some(open) = find_outside(text, '<') else {
            // "If the URI contains a comma, question mark or semicolon, it must be in angle brackets": parameters are the header's.
            let (uri, params) = text.split_once(';').map_or((text, None), |(uri, params)| (uri, Some(params)));
            let uri = uri.trim();
            if uri.contains(['?', ',']) {
                return Err(Malformed);
            }
            return Ok(Self { display: None, uri: Uri::parse(uri)?, params: params.map_or(Ok(Params::new()), Params::parse)? });
        };
        let display = text[..open].trim();
        if !display.starts_with('"') && display.contains(['"', '>', ':', '@']) {
            return Err(Malformed);
        }
        let display = unquoted(display).ok_or(Malformed)?;
        let (uri, rest) = text[open + 1..].split_once('>').ok_or(Malformed)?;
        let params = match rest.trim_start() {
            "" => Params::new(),
            rest => Params::parse(rest.strip_prefix(';').ok_or(Malformed)?)?,
        };
        Ok(Self { display: (!display.is_empty()).then_some(display), uri: Uri::parse(uri)?, params })
    }

    /// The dialog's tag (RFC 3261 19.3).
    pub fn tag(&self) -> Option<&str> {
        self.params.value("tag")
    }

    /// The same address under another tag.
    pub fn with_tag(mut self, tag: &str) -> Self {
        self.params.set("tag", Some(tag));
        self
    }
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(display) = &self.display {
            write!(f, "{} ", quoted(display))?;
        }
        write!(f, "<{}>{}", self.uri, self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_brackets_parameters_belong_to_the_header() {
        let parsed = NameAddr::parse("sip:alice@h ;   tag   = 88x").unwrap();
        assert_eq!(parsed.tag(), Some("88x"));
        assert_eq!(parsed.uri.to_string(), "sip:alice@h");
    }

    #[test]
    fn a_quoted_name_may_hold_anything() {
        let parsed = NameAddr::parse(r#""J. \"Q\" <Doe>, \\" <sip:q@h;lr>;tag=1"#).unwrap();
        assert_eq!(parsed.display.as_deref(), Some(r#"J. "Q" <Doe>, \"#));
        assert!(parsed.uri.params.has("lr"));
        assert_eq!(NameAddr::parse(&parsed.to_string()), Ok(parsed));
    }

    #[test]
    fn half_an_address_is_refused() {
        for text in ["", "<sip:a@h", "\"never <sip:a@h>", "Bob <>", "<sip:a@h>x", "\"Bob\" sip:a@h"] {
            assert_eq!(NameAddr::parse(text), Err(Malformed), "{text}");
        }
    }
}
