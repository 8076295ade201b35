//! Replaces: which dialog a new call takes the place of (RFC 3891 6.1), as a header and as part of a Refer-To URI.

use std::fmt;

use super::{Malformed, Params};
use crate::sip::dialog::DialogId;

/// A dialog, named from the side of whoever is asked to give it up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaces {
    /// `to-tag` is the local tag of whoever receives it.
    pub dialog: DialogId,
    /// Only while it rings: who has answered keeps the call.
    pub early_only: bool,
}

impl Replaces {
    /// Reads the field's value.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let (call_id, rest) = text.trim().split_once(';').ok_or(Malformed)?;
        let params = Params::parse(rest)?;
        let tag = |name: &str| params.value(name).map(str::to_owned).ok_or(Malformed);
        let call_id = call_id.trim();
        if call_id.is_empty() || call_id.contains(char::is_whitespace) {
            return Err(Malformed);
        }
        let dialog = DialogId { call_id: call_id.to_owned(), local_tag: tag("to-tag")?, remote_tag: tag("from-tag")? };
        Ok(Self { dialog, early_only: params.has("early-only") })
    }

    /// From the headers of a URI (`?Replaces=..`, RFC 3261 19.1.1), its escapes undone; `None` where there is none.
    pub fn of_uri_headers(headers: &str) -> Option<Result<Self, Malformed>> {
        let mut fields = headers.split('&').filter_map(|field| field.split_once('='));
        let (_, value) = fields.find(|(name, _)| name.eq_ignore_ascii_case("Replaces"))?;
        Some(super::uri::unescaped_header(value).ok_or(Malformed).and_then(|value| Self::parse(&value)))
    }

    /// As it stands after `?Replaces=`.
    pub fn to_uri_header(&self) -> String {
        let escape = |byte: u8| match byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        };
        self.to_string().bytes().map(escape).collect()
    }
}

impl fmt::Display for Replaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DialogId { call_id, local_tag, remote_tag } = &self.dialog;
        write!(f, "{call_id};to-tag={local_tag};from-tag={remote_tag}")?;
        if self.early_only { f.write_str(";early-only") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_from_a_header_and_from_a_uri() {
        let value = "425928@bobster.example.org;to-tag=7743;from-tag=6472;early-only";
        let replaces = Replaces::parse(value).unwrap();
        assert_eq!((replaces.dialog.local_tag.as_str(), replaces.early_only), ("7743", true));
        assert_eq!(replaces.to_string(), value);
        let headers = format!("Require=replaces&replaces={}", replaces.to_uri_header());
        assert_eq!(Replaces::of_uri_headers(&headers), Some(Ok(replaces)));
        assert_eq!(Replaces::of_uri_headers("Subject=x"), None);
    }

    #[test]
    fn half_a_dialog_is_none() {
        for bad in ["", "c", "c;to-tag=1", ";to-tag=1;from-tag=2", "a b;to-tag=1;from-tag=2"] {
            assert_eq!(Replaces::parse(bad), Err(Malformed), "{bad}");
        }
        assert_eq!(Replaces::of_uri_headers("Replaces=%zz"), Some(Err(Malformed)));
    }
}
