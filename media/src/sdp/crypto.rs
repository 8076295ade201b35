//! `a=crypto` (RFC 4568): a suite and its key, written into the description.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};

use super::Media;
use crate::srtp::{MasterKey, Profile};

/// Whether a leg's media is SRTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Srtp {
    /// RTP in the clear alone.
    #[default]
    None,
    /// SRTP where the peer can (RFC 8643), else in the clear.
    Prefer,
    /// SRTP or nothing.
    Require,
}

/// Keys of ours for one leg, one per suite, the same through all its offers and answers: a key that stays keeps its roll-over counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegKeys([MasterKey; Profile::ALL.len()]);

/// The two keys of a session, by direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secrets {
    /// Ours.
    pub send: MasterKey,
    /// The peer's.
    pub receive: MasterKey,
}

/// One `a=crypto` line that we can make use of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crypto {
    /// Which of the lines an answer means.
    pub tag: u32,
    /// As written: an answer repeats it.
    pub suite: String,
    /// What its writer sends with.
    pub key: MasterKey,
    /// Packets that the key may seal, where said (RFC 4568 6.1).
    pub lifetime: Option<u64>,
}

/// Longest master key identifier that is read, in bytes (RFC 4568 6.1 allows 128).
pub const MKI_MAX: usize = 16;

impl LegKeys {
    /// `chance` fills what it is given with random bytes, once per suite.
    pub fn draw(chance: &mut dyn FnMut(&mut [u8])) -> Self {
        Self(Profile::ALL.map(|profile| MasterKey::draw(profile, chance)))
    }

    /// All of them, as an offer has them.
    pub(super) fn lines(&self) -> impl Iterator<Item = Crypto> {
        (1..).zip(&self.0).map(|(tag, key)| Crypto { tag, suite: key.profile().name().to_owned(), key: key.clone(), lifetime: None })
    }

    pub(super) fn of(&self, profile: Profile) -> Option<&MasterKey> {
        self.0.iter().find(|key| key.profile() == profile)
    }
}

impl Crypto {
    /// Reads the value of the attribute. `None` is no error: a line that is not understood, or asks for what we do not do, is one that
    /// is not chosen (RFC 4568 5.1.2).
    pub fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let tag = words.next().filter(|tag| tag.len() <= TAG_DIGITS_MAX).and_then(|tag| tag.parse().ok())?;
        let suite = words.next()?;
        let profile = Profile::named(suite)?;
        // Several keys would have to be told apart by packet.
        let mut parts = words.next()?.strip_prefix("inline:").filter(|key| !key.contains(';'))?.split('|');
        let key = MasterKey::new(profile, &BASE64_STANDARD.decode(parts.next()?).ok()?)?;
        let (mut lifetime, mut mki) = (None, Vec::new());
        for part in parts {
            match part.split_once(':') {
                Some((value, length)) => mki = identifier(value, length)?,
                None => lifetime = Some(packets(part)?),
            }
        }
        // RFC 4568 6.3: a session parameter that is not understood rules the line out, unless it begins with a dash.
        let is_known = |parameter: &str| parameter.starts_with('-') || parameter.starts_with("WSH=") || parameter == "KDR=0";
        words.all(is_known).then(|| Self { tag, suite: suite.to_owned(), key: key.with_mki(mki), lifetime })
    }

    /// The lines of a section that we can make use of, in order of preference.
    pub fn of(media: &Media) -> impl Iterator<Item = Self> {
        let lines = media.attributes.iter().filter(|attribute| attribute.name == NAME);
        lines.filter_map(|attribute| Self::parse(attribute.value.as_deref()?))
    }
}

impl fmt::Display for Crypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} inline:{}", self.tag, self.suite, BASE64_STANDARD.encode(self.key.key_and_salt()))
    }
}

/// `2^20`, or all digits.
fn packets(text: &str) -> Option<u64> {
    match text.strip_prefix("2^") {
        Some(power) => 1_u64.checked_shl(power.parse().ok()?),
        None => text.parse().ok(),
    }
}

/// `1:4`: the number 1 in four bytes.
fn identifier(value: &str, length: &str) -> Option<Vec<u8>> {
    let length: usize = length.parse().ok().filter(|length| (1..=MKI_MAX).contains(length))?;
    let value = value.parse::<u128>().ok()?.to_be_bytes();
    let (cut, kept) = value.split_at(value.len() - length);
    cut.iter().all(|byte| *byte == 0).then(|| kept.to_vec())
}

/// The attribute.
pub(super) const NAME: &str = "crypto";
/// RFC 4568 9.1.
const TAG_DIGITS_MAX: usize = 9;
