//! User-to-User: what one end wants the other to have (RFC 7433).

use super::{Headers, Params, quoted, split_outside, unquoted};

/// One piece of user-to-user information.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserToUser {
    /// As bytes, whatever the encoding on the wire.
    pub content: Vec<u8>,
    /// `encoding=hex`; else text.
    pub is_hex: bool,
    /// The package, `isdn-uui` (RFC 7434) where nothing is said.
    pub purpose: Option<String>,
    /// The kind of content within the package.
    pub kind: Option<String>,
}

impl UserToUser {
    /// All that a message carries and that can be read.
    pub fn all(headers: &Headers) -> Vec<Self> {
        headers.list("User-to-User").filter_map(Self::parse).take(PIECES_MAX).collect()
    }

    /// One element: a token or a quoted string, with its parameters.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > TEXT_MAX {
            return None;
        }
        let mut parts = split_outside(text, ';');
        let content = unquoted(parts.next()?.trim())?;
        let rest: Vec<&str> = parts.collect();
        let params = if rest.is_empty() { Params::new() } else { Params::parse(&rest.join(";")).ok()? };
        let word = |name: &str| params.value(name).and_then(unquoted);
        let is_hex = word("encoding").is_some_and(|encoding| encoding.eq_ignore_ascii_case("hex"));
        let content = if is_hex { unhex(&content)? } else { content.into_bytes() };
        (!content.is_empty()).then(|| Self { content, is_hex, purpose: word("purpose"), kind: word("content") })
    }

    /// As words for a person, if it is any: behind the protocol discriminator of Q.931 4.5.30 (text 04, user's own 00) or bare.
    pub fn text(&self) -> Option<String> {
        let bytes = match self.content.as_slice() {
            [0x04 | 0x00, rest @ ..] if self.is_hex => rest,
            all => all,
        };
        let text = std::str::from_utf8(bytes).ok()?.trim();
        (!text.is_empty() && !text.contains(char::is_control)).then(|| text.to_owned())
    }

    /// As a header's value.
    pub fn print(&self) -> String {
        let mut value = if self.is_hex {
            let hex: String = self.content.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{hex};encoding=hex")
        } else {
            quoted(&String::from_utf8_lossy(&self.content))
        };
        for (name, word) in [("purpose", &self.purpose), ("content", &self.kind)] {
            if let Some(word) = word {
                let word = if super::is_token(word) { word.clone() } else { quoted(word) };
                value.push_str(&format!(";{name}={word}"));
            }
        }
        value
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let nibble = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    text.as_bytes().chunks(2).map(|pair| Some((nibble(*pair.first()?)? << 4) | nibble(*pair.get(1)?)?)).collect()
}

/// RFC 7433 allows several, of different packages.
const PIECES_MAX: usize = 4;
/// ISDN carries 128 bytes (RFC 7434 4), which are 256 digits, and their parameters.
const TEXT_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_is_read_in_every_form() {
        let all = |line: &str| {
            let mut headers = Headers::new();
            headers.push("user-TO-user", line);
            UserToUser::all(&headers)
        };
        // The examples of RFC 7433 4.1.
        let hex = all("56a390f3d2b7310023a2;encoding=hex;purpose=foo;content=bar");
        assert_eq!((hex[0].content.len(), hex[0].purpose.as_deref(), hex[0].kind.as_deref()), (10, Some("foo"), Some("bar")));
        assert_eq!(
            all("56a390f3d2b7310023a2;encoding=hex;purpose=foo;content=bar, \"a;b, c\";encoding=text")[1].text().as_deref(),
            Some("a;b, c")
        );
        assert_eq!(all("04616263;ENCODING=HEX")[0].text().as_deref(), Some("abc"));
        assert_eq!(all("00616263 ; encoding = hex")[0].text().as_deref(), Some("abc"));
        assert_eq!(all("order-1017")[0].text().as_deref(), Some("order-1017"));
        assert_eq!(all("04ff;encoding=hex")[0].text(), None);
        assert!(all("abc;encoding=hex").is_empty() && all(";encoding=hex").is_empty() && all("\"open").is_empty());
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(content in proptest::collection::vec(any::<u8>(), 1..100), purpose in proptest::option::of("[a-z ]{1,9}")) {
            let piece = UserToUser { content, is_hex: true, purpose, kind: None };
            prop_assert_eq!(UserToUser::parse(&piece.print()), Some(piece));
        }

        #[test]
        fn junk_never_panics(text in ".{0,600}") {
            if let Some(piece) = UserToUser::parse(&text) {
                let _ = (piece.text(), piece.print());
            }
        }
    }
}
