//! A caller's signature as its carrier makes it (RFC 8224, RFC 8225, RFC 8588), by openssl's command line.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

/// What SHAKEN claims of a call from one number to another, at this moment.
pub fn claims(level: char, orig: &str, dest: &str) -> Value {
    json!({ "attest": level.to_string(), "dest": { "tn": [dest] }, "iat": now_s(), "orig": { "tn": orig }, "origid": "123e4567" })
}

/// Seconds since 1970.
pub fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later").as_secs()
}

/// The line `Identity:` of a call, signed by this key, whose certificate stands at `x5u`.
///
/// # Panics
/// If openssl cannot sign.
pub fn identity(key: &Path, x5u: &str, claims: &Value) -> String {
    let header = json!({ "alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": x5u });
    let part = |value: &Value| base64url(value.to_string().as_bytes());
    let signed = format!("{}.{}", part(&header), part(claims));
    let file = key.with_extension("signed");
    fs::write(&file, &signed).expect("the folder of the key is ours");
    let made = Command::new("openssl").args(["dgst", "-sha256", "-sign"]).args([key, &file]).output().expect("openssl is there");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    format!("Identity: {signed}.{};info=<{x5u}>;alg=ES256;ppt=shaken\r\n", base64url(&plain(&made.stdout)))
}

/// `r` and `s` of 32 bytes each (RFC 7518 3.4), of openssl's SEQUENCE of two INTEGERs.
fn plain(der: &[u8]) -> Vec<u8> {
    let (mut numbers, mut rest) = (Vec::new(), &der[2..]);
    for _ in 0..2 {
        let (number, after) = rest[2..].split_at(rest[1].into());
        let number = number.strip_prefix(&[0]).unwrap_or(number);
        numbers.resize(numbers.len() + 32 - number.len(), 0);
        numbers.extend_from_slice(number);
        rest = after;
    }
    numbers
}

/// RFC 4648 5, without padding.
fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        text.extend((0..=three.len()).map(|n| LETTERS[(word >> (18 - 6 * n) & 63) as usize] as char));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_of_openssl_becomes_two_numbers_of_32_bytes() {
        let mut der = vec![0x30, 6 + 31 + 33, 2, 31];
        der.extend([7; 31]);
        der.extend([2, 33, 0]);
        der.extend([9; 32]);
        assert_eq!(plain(&der), [&[0][..], &[7; 31], &[9; 32]].concat());
    }

    #[test]
    fn bytes_are_written_as_a_url_takes_them() {
        assert_eq!([&b"f"[..], b"fo", b"foo", &[0xfb, 0xff]].map(base64url), ["Zg", "Zm8", "Zm9v", "-_8"]);
    }
}
