//! Digest authentication (RFC 8760, RFC 7616 for SIP): both ends of it.
//!
//! SHA-256 is offered first, MD5 for phones that know no better; `qop=auth` always. Nonces carry their own proof, so nothing is stored
//! until a digest was right; then the nonce count is, so that nothing passes twice.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha2::{Digest, Sha256};

use super::{Method, header::auth::AuthParams};
use crate::{ids::UtcMillis, private::Private};

/// Challenges, and checks what comes back.
#[derive(Debug, Clone)]
pub struct Verifier {
    key: [u8; 32],
    realm: String,
    /// The highest count seen of each nonce that carried a right digest; a nonce begins with its time, so the first is the oldest.
    counts: BTreeMap<String, u32>,
    /// Nonces of this time or older have been forgotten, and pass no more.
    forgotten: u64,
}

/// What a digest proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Right,
    /// The password is right; the nonce is too old, unknown, or was used before. Ask again with `stale=true`.
    Stale,
    /// Wrong password, or nobody has this name: the two look alike.
    Wrong,
}

impl Verifier {
    /// Signs nonces with `key`.
    pub const fn new(realm: String, key: [u8; 32]) -> Self {
        Self { key, realm, counts: BTreeMap::new(), forgotten: 0 }
    }

    /// What to ask, best first; for a peer at `source`.
    pub fn challenge(&self, now: UtcMillis, source: IpAddr, stale: bool) -> [AuthParams; 2] {
        let nonce = self.nonce(now.0, source);
        [Algorithm::Sha256, Algorithm::Md5].map(|algorithm| {
            let challenge = AuthParams::digest()
                .with("realm", &self.realm)
                .with("nonce", &nonce)
                .with("qop", "auth")
                .with("algorithm", algorithm.name());
            if stale { challenge.with("stale", "true") } else { challenge }
        })
    }

    /// Is this the digest of someone who knows `password` (`None`: there is no such user)?
    pub fn verify(
        &mut self,
        now: UtcMillis,
        source: IpAddr,
        method: &Method,
        answer: &AuthParams,
        password: Option<&Private<String>>,
    ) -> Verdict {
        let Some(given) = Given::read(answer).filter(|given| answer.is_digest() && given.realm == self.realm) else {
            return Verdict::Wrong;
        };
        // An unknown user costs as much as a wrong password, so that nobody can tell them apart by the clock.
        let expected = given.response(method, password.map_or("", |password| &password.0));
        if !is_equal(expected.as_bytes(), given.response.as_bytes()) || password.is_none() {
            return Verdict::Wrong;
        }
        match self.take_nonce(now.0, source, given.nonce, given.count) {
            true => Verdict::Right,
            false => Verdict::Stale,
        }
    }

    /// A word that only we can make of `text`, and make again: for tags of answers that leave no state.
    pub fn sign(&self, text: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        mac.update(b"tag");
        mac.update(text.as_bytes());
        hex(&mac.finalize().into_bytes()[..8])
    }

    /// The realm that it guards.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    fn take_nonce(&mut self, now: u64, source: IpAddr, nonce: &str, count: u32) -> bool {
        let Some(born) = nonce.get(..16).and_then(|time| u64::from_str_radix(time, 16).ok()) else {
            return false;
        };
        let life = u64::try_from(NONCE_LIFE.as_millis()).unwrap_or(u64::MAX);
        let is_ours = is_equal(self.nonce(born, source).as_bytes(), nonce.as_bytes());
        if !is_ours || born > now || now - born > life || born <= self.forgotten {
            return false;
        }
        if self.counts.get(nonce).is_some_and(|last| count <= *last) {
            return false;
        }
        self.counts.insert(nonce.to_owned(), count);
        if self.counts.len() > NONCES_MAX
            && let Some((oldest, _)) = self.counts.pop_first()
        {
            self.forgotten = u64::from_str_radix(&oldest[..16], 16).unwrap_or(self.forgotten);
        }
        true
    }

    fn nonce(&self, born: u64, source: IpAddr) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        mac.update(&born.to_be_bytes());
        mac.update(source.to_string().as_bytes());
        mac.update(self.realm.as_bytes());
        format!("{born:016x}{}", hex(&mac.finalize().into_bytes()[..16]))
    }
}

/// Answers a challenge; `None` if it asks for what we cannot do. `count` starts at 1 for each nonce.
pub fn authorize(
    challenge: &AuthParams,
    method: &Method,
    uri: &str,
    user: &str,
    password: &Private<String>,
    cnonce: &str,
    count: u32,
) -> Option<AuthParams> {
    let algorithm = Algorithm::named(challenge.value("algorithm"))?;
    let (realm, nonce) = (challenge.value("realm")?, challenge.value("nonce")?);
    let qop = challenge.value("qop");
    if !challenge.is_digest() || qop.is_some_and(|qop| !qop.split(',').any(|word| word.trim().eq_ignore_ascii_case("auth"))) {
        return None;
    }
    let count_text = format!("{count:08x}");
    let given = Given { user, realm, nonce, uri, count, count_text: &count_text, cnonce, response: "", algorithm, has_qop: qop.is_some() };
    let response = given.response(method, &password.0);
    let mut answer = AuthParams::digest()
        .with("username", user)
        .with("realm", realm)
        .with("nonce", nonce)
        .with("uri", uri)
        .with("response", &response)
        .with("algorithm", algorithm.name());
    if qop.is_some() {
        answer = answer.with("qop", "auth").with("nc", &count_text).with("cnonce", cnonce);
    }
    match challenge.value("opaque") {
        Some(opaque) => Some(answer.with("opaque", opaque)),
        None => Some(answer),
    }
}

/// Of the challenges for one realm, the first that we can answer: the peer's favourite (RFC 8760 2.4).
pub fn choose<'a>(challenges: impl IntoIterator<Item = &'a AuthParams>, realm: &str) -> Option<&'a AuthParams> {
    challenges.into_iter().find(|challenge| {
        challenge.is_digest() && challenge.value("realm") == Some(realm) && Algorithm::named(challenge.value("algorithm")).is_some()
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Md5,
    Sha256,
}

impl Algorithm {
    /// None said means MD5 (RFC 7616 3.3).
    fn named(name: Option<&str>) -> Option<Self> {
        match name {
            None => Some(Self::Md5),
            Some(name) if name.eq_ignore_ascii_case("MD5") => Some(Self::Md5),
            Some(name) if name.eq_ignore_ascii_case("SHA-256") => Some(Self::Sha256),
            Some(_) => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    fn hash(self, text: &str) -> String {
        match self {
            Self::Md5 => hex(&Md5::digest(text)),
            Self::Sha256 => hex(&Sha256::digest(text)),
        }
    }
}

/// The parts that a digest is made of.
struct Given<'a> {
    user: &'a str,
    realm: &'a str,
    nonce: &'a str,
    uri: &'a str,
    count: u32,
    count_text: &'a str,
    cnonce: &'a str,
    response: &'a str,
    algorithm: Algorithm,
    has_qop: bool,
}

impl<'a> Given<'a> {
    /// Without `qop=auth` a digest can be replayed, so it is not taken.
    fn read(answer: &'a AuthParams) -> Option<Self> {
        let count_text = answer.value("nc").filter(|count| count.len() == 8)?;
        answer.value("qop").filter(|qop| qop.eq_ignore_ascii_case("auth"))?;
        Some(Self {
            user: answer.value("username")?,
            realm: answer.value("realm")?,
            nonce: answer.value("nonce").filter(|nonce| nonce.is_ascii() && nonce.len() <= NONCE_LENGTH_MAX)?,
            uri: answer.value("uri")?,
            count: u32::from_str_radix(count_text, 16).ok()?,
            count_text,
            cnonce: answer.value("cnonce")?,
            response: answer.value("response")?,
            algorithm: Algorithm::named(answer.value("algorithm"))?,
            has_qop: true,
        })
    }

    fn response(&self, method: &Method, password: &str) -> String {
        let secret = self.algorithm.hash(&format!("{}:{}:{password}", self.user, self.realm));
        let asked = self.algorithm.hash(&format!("{method}:{}", self.uri));
        match self.has_qop {
            true => self.algorithm.hash(&format!("{secret}:{}:{}:{}:auth:{asked}", self.nonce, self.count_text, self.cnonce)),
            false => self.algorithm.hash(&format!("{secret}:{}:{asked}", self.nonce)),
        }
    }
}

/// In a time that does not depend on where the two differ.
fn is_equal(one: &[u8], two: &[u8]) -> bool {
    one.len() == two.len() && one.iter().zip(two).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A phone that registers every few minutes keeps its nonce; a captured one is soon of no use.
const NONCE_LIFE: Duration = Duration::from_secs(300);

/// Nonces in use at once. The oldest is forgotten first, and is then taken for stale.
const NONCES_MAX: usize = 8192;

/// Ours have 48 characters.
const NONCE_LENGTH_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

    fn verifier() -> Verifier {
        Verifier::new("tandem".to_owned(), [7; 32])
    }

    fn secret() -> Private<String> {
        Private("open sesame".to_owned())
    }

    fn answer(challenge: &AuthParams, password: &str, count: u32) -> AuthParams {
        authorize(challenge, &Method::Register, "sip:tandem", "ada", &Private(password.to_owned()), "c0", count).unwrap()
    }

    #[test]
    fn both_algorithms_pass_and_sha_256_comes_first() {
        let mut verifier = verifier();
        let challenges = verifier.challenge(UtcMillis(1000), SOURCE, false);
        assert_eq!(challenges[0].value("algorithm"), Some("SHA-256"));
        for (count, challenge) in (1..).zip(&challenges) {
            let answer = AuthParams::parse(&answer(challenge, "open sesame", count).to_string()).unwrap();
            assert_eq!(verifier.verify(UtcMillis(1500), SOURCE, &Method::Register, &answer, Some(&secret())), Verdict::Right);
        }
    }

    #[test]
    fn a_right_digest_passes_once() {
        let mut verifier = verifier();
        let [challenge, _] = verifier.challenge(UtcMillis(1000), SOURCE, false);
        let first = answer(&challenge, "open sesame", 1);
        let mut verify =
            |answer: &AuthParams, at, source| verifier.verify(UtcMillis(at), source, &Method::Register, answer, Some(&secret()));
        assert_eq!(verify(&first, 1500, SOURCE), Verdict::Right);
        assert_eq!(verify(&first, 1500, SOURCE), Verdict::Stale);
        assert_eq!(verify(&answer(&challenge, "open sesame", 2), 1500, "192.0.2.8".parse().unwrap()), Verdict::Stale);
        assert_eq!(verify(&answer(&challenge, "open sesame", 2), 1500, SOURCE), Verdict::Right);
        assert_eq!(verify(&answer(&challenge, "open sesame", 3), 302_000, SOURCE), Verdict::Stale);
    }

    #[test]
    fn a_wrong_password_an_unknown_user_and_another_method_look_alike() {
        let mut verifier = verifier();
        let [challenge, _] = verifier.challenge(UtcMillis(1000), SOURCE, false);
        let wrong = answer(&challenge, "guess", 1);
        let right = answer(&challenge, "open sesame", 1);
        assert_eq!(verifier.verify(UtcMillis(1001), SOURCE, &Method::Register, &wrong, Some(&secret())), Verdict::Wrong);
        assert_eq!(verifier.verify(UtcMillis(1001), SOURCE, &Method::Register, &right, None), Verdict::Wrong);
        assert_eq!(verifier.verify(UtcMillis(1001), SOURCE, &Method::Invite, &right, Some(&secret())), Verdict::Wrong);
    }

    #[test]
    fn a_forgotten_nonce_does_not_pass_again() {
        let mut verifier = verifier();
        let [first, _] = verifier.challenge(UtcMillis(1000), SOURCE, false);
        let replay = answer(&first, "open sesame", 1);
        assert_eq!(verifier.verify(UtcMillis(1000), SOURCE, &Method::Register, &replay, Some(&secret())), Verdict::Right);
        for at in 0..NONCES_MAX as u64 {
            let nonce = verifier.nonce(1001 + at, SOURCE);
            assert!(verifier.take_nonce(1001 + at, SOURCE, &nonce, 1));
        }
        assert_eq!(verifier.counts.len(), NONCES_MAX);
        assert_eq!(verifier.verify(UtcMillis(9500), SOURCE, &Method::Register, &replay, Some(&secret())), Verdict::Stale);
    }

    /// RFC 7616 3.9.1: the one example that gives numbers for both algorithms.
    #[test]
    fn the_example_of_rfc_7616_comes_out() {
        let challenge = |algorithm| {
            AuthParams::digest()
                .with("realm", "http-auth@example.org")
                .with("nonce", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v")
                .with("qop", "auth, auth-int")
                .with("algorithm", algorithm)
        };
        let response = |algorithm| {
            let password = Private("Circle of Life".to_owned());
            let method = Method::from_token("GET");
            let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
            authorize(&challenge(algorithm), &method, "/dir/index.html", "Mufasa", &password, cnonce, 1)
                .unwrap()
                .value("response")
                .unwrap()
                .to_owned()
        };
        assert_eq!(response("MD5"), "8ca523f5e9506fed4657c9700eebdbec");
        assert_eq!(response("SHA-256"), "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
    }
}
