//! Session-ID: one name for a conversation on all its legs (RFC 7989).

use std::fmt;

use super::{Headers, Params};

/// One end's half; the null UUID, 32 zeros, where it is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Uuid(pub u128);

impl Uuid {
    /// 32 hexadecimal digits; capitals, which RFC 7989 5 forbids to write, are read.
    pub fn parse(text: &str) -> Option<Self> {
        let is_sound = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_sound.then(|| u128::from_str_radix(text, 16).ok().map(Self)).flatten()
    }

    /// From chance, as RFC 4122 4.4 shapes it (version 4).
    pub fn random(high: u64, low: u64) -> Self {
        let bits = (u128::from(high) << 64) | u128::from(low);
        Self(bits & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62))
    }

    /// Nobody's.
    pub const fn is_null(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Both halves, as seen by who sends the message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SessionId {
    pub local: Uuid,
    pub remote: Uuid,
}

impl SessionId {
    /// What a message says; a field without `remote` is that of RFC 7329, whose one half is its sender's (RFC 7989 11).
    pub fn of(headers: &Headers) -> Option<Self> {
        let value = headers.first("Session-ID")?;
        let (local, params) = value.split_once(';').map_or((value, None), |(local, params)| (local, Some(params)));
        let params = params.map_or(Some(Params::new()), |params| Params::parse(params).ok())?;
        let remote = params.value("remote").and_then(Uuid::parse).unwrap_or_default();
        Some(Self { local: Uuid::parse(local.trim())?, remote })
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};remote={}", self.local, self.remote)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<SessionId> {
        let mut headers = Headers::new();
        headers.push("session-id", value);
        SessionId::of(&headers)
    }

    #[test]
    fn both_halves_are_read_and_printed() {
        // The example of RFC 7989 5.
        let text = "ab30317f1a784dc48ff824d0d3715d86;remote=47755a9de7794ba387653f2099600ef2";
        assert_eq!(read(text).unwrap().to_string(), text);
        assert_eq!(read(&text.to_uppercase().replace("REMOTE", "remote")).unwrap().to_string(), text);
        let begun = read("ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000").unwrap();
        assert!(begun.remote.is_null() && !begun.local.is_null());
    }

    #[test]
    fn an_older_peer_says_its_half_alone() {
        assert!(read("AB30317f1a784dc48ff824d0d3715d86").unwrap().remote.is_null());
        for broken in ["", "x", "ab30317f1a784dc48ff824d0d3715d8", "+b30317f1a784dc48ff824d0d3715d86", "{ab};remote=1"] {
            assert_eq!(read(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_random_one_has_the_shape_of_version_four() {
        let text = Uuid::random(u64::MAX, 0).to_string();
        assert_eq!((&text[12..13], &text[16..17]), ("4", "8"));
        assert_eq!(Uuid::parse(&text), Some(Uuid::random(u64::MAX, 0)));
    }
}
