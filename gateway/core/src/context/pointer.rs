//! T0, the pointer: an opaque context id with a MAC, small enough for any header and empty of any story.
//!
//! `c1.<26 characters>.<16 characters>`: the id is 128 bits, time first, in Crockford's base 32; the MAC is the first 80 bits of
//! HMAC-SHA-256 (RFC 2104, RFC 6234) over `c1.<id>`, in the same letters. It travels in `X-Context-Ref` as it is and in `User-to-User`
//! (RFC 7433) as hexadecimal behind the protocol discriminator of Q.931.

use hmac::{Hmac, KeyInit, Mac};
use rand::Rng;
use sha2::Sha256;

use crate::ids::UtcMillis;

/// A new context id: 48 bits of time, 80 of chance.
pub fn context_id(at: UtcMillis, rng: &mut impl Rng) -> String {
    let mut chance = [0; 10];
    rng.fill_bytes(&mut chance);
    let chance = chance.iter().fold(0_u128, |sum, byte| (sum << 8) | u128::from(*byte));
    letters((u128::from(at.0) << 80) | chance, ID_LETTERS)
}

/// The token that points at this context.
pub fn make(context_id: &str, key: &[u8]) -> String {
    let body = format!("{VERSION}.{context_id}");
    let mac = mac(&body, key);
    format!("{body}.{mac}")
}

/// The context id of a token that is ours; compared in constant time.
pub fn verify<'a>(token: &'a str, key: &[u8]) -> Result<&'a str, Dropped> {
    if token.len() != TOKEN_LETTERS || !token.is_ascii() {
        return Err(Dropped::Form);
    }
    let (body, given) = token.rsplit_once('.').ok_or(Dropped::Form)?;
    let id = body.strip_prefix(VERSION).and_then(|rest| rest.strip_prefix('.')).ok_or(Dropped::Form)?;
    if id.len() != ID_LETTERS || !id.bytes().all(|byte| ALPHABET.contains(&byte)) {
        return Err(Dropped::Form);
    }
    let ours = mac(body, key);
    let differing = ours.bytes().zip(given.bytes()).fold(usize::from(ours.len() != given.len()), |sum, (x, y)| sum | usize::from(x ^ y));
    if differing == 0 { Ok(id) } else { Err(Dropped::Mac) }
}

/// When a context was begun: the first 48 of its 128 bits.
pub fn born(context_id: &str) -> Option<UtcMillis> {
    if context_id.len() != ID_LETTERS {
        return None;
    }
    let bits = context_id.bytes().try_fold(0_u128, |bits, letter| {
        let value = ALPHABET.iter().position(|known| *known == letter)?;
        Some((bits << 5) | u128::try_from(value).ok()?)
    })?;
    u64::try_from(bits >> 80).ok().map(UtcMillis)
}

/// How a peer wants `User-to-User` written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// Protocol discriminator of Q.931 4.5.30: 04 is text, 00 user-specific, `None` for peers that want bare data.
    pub discriminator: Option<u8>,
    /// Hexadecimal with `encoding=hex` (RFC 7433 4.1); else the token as it is.
    pub hex: bool,
}

impl Default for Form {
    fn default() -> Self {
        Self { discriminator: Some(IA5), hex: true }
    }
}

/// The value of a `User-to-User` header: with the usual form 107 characters, under the 128 that peers keep.
pub fn user_to_user(token: &str, form: Form) -> String {
    if !form.hex {
        return token.to_owned();
    }
    let bytes = form.discriminator.into_iter().chain(token.bytes());
    let hex: String = bytes.map(|byte| format!("{byte:02x}")).collect();
    format!("{hex};encoding=hex")
}

/// The token in a `User-to-User` value, in any form that peers send back. Not yet verified.
pub fn from_user_to_user(value: &str) -> Result<String, Dropped> {
    if value.len() > HEADER_MAX || !value.is_ascii() {
        return Err(Dropped::Form);
    }
    let content = value.split(';').next().unwrap_or_default().trim();
    if content.starts_with(VERSION) && content.len() == TOKEN_LETTERS {
        return Ok(content.to_owned());
    }
    let bytes = unhex(content).ok_or(Dropped::Form)?;
    let text = match bytes.as_slice() {
        [IA5 | 0, rest @ ..] => rest,
        all => all,
    };
    let token = std::str::from_utf8(text).map_err(|_| Dropped::Form)?;
    if token.starts_with(VERSION) && token.len() == TOKEN_LETTERS { Ok(token.to_owned()) } else { Err(Dropped::Form) }
}

/// Why a pointer is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// Not of our form: somebody else's user-to-user information.
    Form,
    /// Of our form, but not ours: forged, cut or of another key.
    Mac,
}

fn mac(body: &str, key: &[u8]) -> String {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    hmac.update(body.as_bytes());
    let whole = hmac.finalize().into_bytes();
    letters(whole.iter().take(10).fold(0_u128, |sum, byte| (sum << 8) | u128::from(*byte)), MAC_LETTERS)
}

/// The lowest `5 * count` bits, five to a letter, the highest first.
fn letters(bits: u128, count: usize) -> String {
    (0..count).rev().map(|place| char::from(ALPHABET[usize::try_from((bits >> (5 * place)) & 31).unwrap_or(0)])).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let nibble = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some((nibble(*pair.first()?)? << 4) | nibble(*pair.get(1)?)?)).collect()
}

/// Crockford's base 32: no I, L, O or U to be misread.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const VERSION: &str = "c1";
const ID_LETTERS: usize = 26;
const MAC_LETTERS: usize = 16;
const TOKEN_LETTERS: usize = 2 + 1 + ID_LETTERS + 1 + MAC_LETTERS;
/// IA5 characters (Q.931 4.5.30).
const IA5: u8 = 0x04;
/// Twice what we ever send; longer is not ours.
const HEADER_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

    use super::*;

    fn token() -> String {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        make(&context_id(UtcMillis(1_750_000_000_000), &mut rng), b"key")
    }

    #[test]
    fn a_pointer_is_followed_by_who_made_it_alone() {
        let token = token();
        assert_eq!(token.len(), 46);
        assert_eq!(verify(&token, b"key"), Ok(&token[3..29]));
        assert_eq!(verify(&token, b"another"), Err(Dropped::Mac));
        assert_eq!(born(&token[3..29]), Some(UtcMillis(1_750_000_000_000)));
        let forged = token.replacen(&token[28..29], if &token[28..29] == "0" { "1" } else { "0" }, 1);
        assert!(verify(&forged, b"key").is_err());
    }

    #[test]
    fn it_fits_the_header_of_the_strictest_peer() {
        let value = user_to_user(&token(), Form::default());
        assert_eq!(value.len(), 107);
        assert!(value.starts_with("0463312e") && value.ends_with(";encoding=hex"));
    }

    #[test]
    fn it_comes_back_in_every_form() {
        let token = token();
        for discriminator in [None, Some(0), Some(4)] {
            let sent = user_to_user(&token, Form { discriminator, hex: true });
            assert_eq!(from_user_to_user(&sent).as_deref(), Ok(token.as_str()));
            assert_eq!(
                from_user_to_user(&format!("{};purpose=isdn-uui", sent.to_uppercase().replace("ENCODING=HEX", "encoding=hex"))).as_deref(),
                Ok(token.as_str())
            );
        }
        assert_eq!(from_user_to_user(&user_to_user(&token, Form { discriminator: None, hex: false })).as_deref(), Ok(token.as_str()));
    }

    #[test]
    fn another_ones_information_is_left_alone() {
        assert_eq!(from_user_to_user("56a390f3d2b7310023a2;encoding=hex"), Err(Dropped::Form));
        assert_eq!(from_user_to_user(""), Err(Dropped::Form));
    }

    proptest! {
        #[test]
        fn junk_never_panics(text in ".{0,300}") {
            let _ = from_user_to_user(&text);
            prop_assert!(verify(&text, b"key").is_err());
        }
    }
}
