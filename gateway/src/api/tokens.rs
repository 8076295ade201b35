//! What we sign and what we mint: chat and handoff tokens (RFC 7519, HS256), and unguessable words.

use std::{fs, path::Path};

use gateway_core::{ids::UtcMillis, private::Private};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use rand::{TryRng, rngs::SysRng};
use serde::{Deserialize, Serialize};

use super::Error;
use crate::{shell::private_file, store::utc_now};

/// Signs with the secret of the data directory.
pub(super) struct Signer {
    signing: EncodingKey,
    checking: DecodingKey,
}

/// What a token is for; one is never taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Purpose {
    /// Write to a chat.
    Chat,
    /// Tie one call to a chat, once.
    Handoff,
}

/// What a token proves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    /// `chat:<id>`
    pub(super) sub: String,
    pub(super) purpose: Purpose,
    /// Seconds since 1970 UTC.
    pub(super) exp: u64,
    pub(super) jti: String,
}

impl Claims {
    /// The chat that it is about.
    pub(super) fn chat(&self) -> Option<u64> {
        self.sub.strip_prefix("chat:")?.parse().ok()
    }

    /// When it ends.
    pub(super) fn expires(&self) -> UtcMillis {
        UtcMillis(self.exp.saturating_mul(1_000))
    }
}

impl Signer {
    /// Signs by this secret.
    pub(super) fn new(secret: &Private<String>) -> Self {
        let secret = secret.0.as_bytes();
        Self { signing: EncodingKey::from_secret(secret), checking: DecodingKey::from_secret(secret) }
    }

    /// A token about a chat.
    pub(super) fn sign(&self, chat: u64, purpose: Purpose) -> String {
        let life_s = match purpose {
            Purpose::Chat => CHAT_LIFE_S,
            Purpose::Handoff => HANDOFF_LIFE_S,
        };
        let claims = Claims { sub: format!("chat:{chat}"), purpose, exp: utc_now().0 / 1_000 + life_s, jti: random_hex::<16>() };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.signing).expect("plain claims and an HMAC key always sign")
    }

    /// The claims, if it is ours, for this, and still good.
    pub(super) fn check(&self, token: &str, purpose: Purpose) -> Option<Claims> {
        if token.len() > TOKEN_MAX {
            return None;
        }
        // The one algorithm is fixed here, whatever the token's header says (RFC 8725 3.1).
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.checking, &validation).ok()?.claims;
        (claims.purpose == purpose).then_some(claims)
    }
}

/// The secret that stands in the data directory, made at the first start so that only we can read it.
pub(super) fn own_secret(data: &Path) -> Result<Private<String>, Error> {
    kept(&data.join(SECRET)).map(Private)
}

/// The API key that stands in the data directory, made at the first start.
pub(super) fn api_key(data: &Path) -> Result<Private<String>, Error> {
    kept(&data.join(API_KEY)).map(Private)
}

/// A word of 32 bytes in hex, made at the first start, that only we can read.
fn kept(path: &Path) -> Result<String, Error> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    match fs::read_to_string(path) {
        Ok(word) if word.trim().len() >= 32 => Ok(word.trim().to_owned()),
        Ok(_) => Err(failed(std::io::Error::other("it is shorter than 32 characters; remove it, and a new one is made"))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let word = random_hex::<32>();
            private_file(path, word.as_bytes()).map_err(failed)?;
            Ok(word)
        }
        Err(error) => Err(failed(error)),
    }
}

/// Bytes that nobody can guess.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SysRng.try_fill_bytes(&mut bytes).expect("the system's source of chance is always there; without it nothing here is safe");
    bytes
}

/// A word that nobody can guess.
pub(super) fn random_hex<const N: usize>() -> String {
    random::<N>().iter().map(|byte| format!("{byte:02x}")).collect()
}

const SECRET: &str = "session.secret";
const API_KEY: &str = "api.key";
/// Longer than any of ours.
const TOKEN_MAX: usize = 1_024;
/// A chat is over in a day.
const CHAT_LIFE_S: u64 = 24 * 3_600;
/// From the click to the call.
const HANDOFF_LIFE_S: u64 = 300;
