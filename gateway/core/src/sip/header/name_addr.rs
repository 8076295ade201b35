//! A name and an address: From, To, Contact, Route, Record-Route, P-Asserted-Identity (RFC 3261 20.10).

use std::fmt;

use super::{
    Malformed, Params, Uri,
    text::{find_outside, print_quoted, split_once, trim, unquoted_part},
};
use crate::sip::Text;

/// `"display" <uri>;params`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameAddr {
    /// Quotes and escapes taken away.
    pub display: Option<Text>,
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
        let whole = Text::from(text);
        Self::read(&whole, &whole)
    }

    /// As `parse`; `text` is a part of `whole`, and the result too.
    pub(in crate::sip) fn read(whole: &Text, text: &str) -> Result<Self, Malformed> {
        let text = trim(text);
        let Some(open) = find_outside(text, '<') else {
            // "If the URI contains a comma, question mark or semicolon, it must be in angle brackets": parameters are the header's.
            let (uri, params) = split_once(text, b';').map_or((text, None), |(uri, params)| (uri, Some(params)));
            let uri = trim(uri);
            if uri.contains(['?', ',']) {
                return Err(Malformed);
            }
            return Ok(Self {
                display: None,
                uri: Uri::read(whole, uri)?,
                params: params.map_or(Ok(Params::new()), |text| Params::read(whole, text))?,
            });
        };
        let display = trim(&text[..open]);
        if !display.starts_with('"') && display.contains(['"', '>', ':', '@']) {
            return Err(Malformed);
        }
        let display = unquoted_part(whole, display).ok_or(Malformed)?;
        let (uri, rest) = split_once(&text[open + 1..], b'>').ok_or(Malformed)?;
        let params = match trim(rest) {
            "" => Params::new(),
            rest => Params::read(whole, rest.strip_prefix(';').ok_or(Malformed)?)?,
        };
        Ok(Self { display: (!display.is_empty()).then_some(display), uri: Uri::read(whole, uri)?, params })
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

    /// In buffers of its own, so that what is kept for long does not keep its message.
    pub(in crate::sip) fn detached(&self) -> Self {
        Self { display: self.display.as_ref().map(Text::detached), uri: self.uri.detached(), params: self.params.detached() }
    }

    pub(in crate::sip) fn print(&self, out: &mut impl fmt::Write) -> fmt::Result {
        if let Some(display) = &self.display {
            print_quoted(out, display)?;
            out.write_char(' ')?;
        }
        out.write_char('<')?;
        self.uri.print(out)?;
        out.write_char('>')?;
        self.params.print(out)
    }
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(f)
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
