//! PASSporT: what a caller's signature claims, and whether it fits the call (RFC 8225, RFC 8224 6.2, RFC 8588).
//!
//! All but the signature itself: certificates are fetched and signatures reckoned where there are sockets. What must be signed, by the key of
//! which certificate, is what [`Checked`] says.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::identity;
use crate::events::calling::{Passport, Signed, Unproven};

/// A signature whose claims fit the call; what is left is the signature itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Where the certificate stands.
    pub info: String,
    /// The bytes that were signed.
    pub signed: Vec<u8>,
    /// 64 bytes, `r` and `s` (RFC 7518 3.4).
    pub signature: Vec<u8>,
    /// `A`, `B` or `C`.
    pub level: Option<char>,
    pub origid: Option<String>,
}

/// The first signature that speaks of the caller; those over diversions (`div`, RFC 8946) speak of others and are passed over.
pub fn check(call: &Signed) -> Result<Checked, Unproven> {
    let own = call.passports.iter().find(|passport| passport.ppt.as_deref().is_none_or(|ppt| !ppt.eq_ignore_ascii_case("div")));
    check_one(own.ok_or(Unproven::Missing)?, call)
}

/// A number as signatures say it: digits of E.164 without the plus (RFC 8224 8.3); what is no number stays as it is.
pub fn canonical(address: &str, region: Option<&str>) -> String {
    let user = address.split(';').next().unwrap_or_default();
    if let Some(number) = identity::e164(user, region) {
        return number.trim_start_matches('+').to_owned();
    }
    let plain: String = user.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
    let digits = plain.strip_prefix('+').unwrap_or(&plain);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'*' || byte == b'#');
    if is_number { digits.to_owned() } else { user.to_owned() }
}

fn check_one(passport: &Passport, call: &Signed) -> Result<Checked, Unproven> {
    if passport.alg.as_deref().is_some_and(|alg| !alg.eq_ignore_ascii_case("ES256")) {
        return Err(Unproven::Unsupported);
    }
    if passport.ppt.as_deref().is_some_and(|ppt| !ppt.eq_ignore_ascii_case("shaken")) {
        return Err(Unproven::Unsupported);
    }
    let mut parts = passport.token.split('.');
    let (Some(header), Some(claims), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(Unproven::Unreadable);
    };
    let signature = decode(signature)?;
    if signature.len() != SIGNATURE_BYTES {
        return Err(Unproven::Unreadable);
    }
    if header.is_empty() && claims.is_empty() {
        return compact(passport, call, signature);
    }
    let (head, body) = (object(header)?, object(claims)?);
    let is_passport = head["typ"].as_str().is_some_and(|typ| typ.eq_ignore_ascii_case("passport"));
    // "The 'x5u' ... corresponds to the 'info' parameter" (RFC 8224 4.1): two that differ would be two signers.
    if !is_passport || head["x5u"].as_str() != Some(passport.info.as_str()) {
        return Err(Unproven::Unreadable);
    }
    if head["alg"].as_str() != Some("ES256") || !matches!(head["ppt"].as_str(), None | Some("shaken")) {
        return Err(Unproven::Unsupported);
    }
    // RFC 8224 4.1: the header's `ppt` and the parameter say the same.
    if passport.ppt.is_some() && head["ppt"].is_null() {
        return Err(Unproven::Unreadable);
    }
    is_fresh(body["iat"].as_u64().ok_or(Unproven::Unreadable)?, call)?;
    let region = call.region.as_deref();
    let is_caller = names(&body["orig"]).iter().any(|name| canonical_of(name, region) == call.orig.0);
    if !is_caller {
        return Err(Unproven::OtherCaller);
    }
    let dialled = names(&body["dest"]);
    if !dialled.iter().any(|name| call.dest.iter().any(|dest| canonical_of(name, region) == dest.0)) {
        return Err(Unproven::OtherDialled);
    }
    let level = level(&head, &body)?;
    let origid = body["origid"].as_str().map(|id| id.chars().take(ORIGID_MAX).collect());
    let signed = format!("{header}.{claims}").into_bytes();
    Ok(Checked { info: passport.info.clone(), signed, signature, level, origid })
}

/// The compact form leaves out what the call itself says: it is put together again, keys in order and without a space (RFC 8225 7, 9).
fn compact(passport: &Passport, call: &Signed, signature: Vec<u8>) -> Result<Checked, Unproven> {
    // "SHAKEN ... MUST use the full form" (RFC 8588 4): its claims stand in no header.
    if passport.ppt.is_some() {
        return Err(Unproven::Unreadable);
    }
    let iat = call.date.ok_or(Unproven::Unreadable)?;
    is_fresh(iat, call)?;
    let name = |address: &str| match address.bytes().all(|byte| byte.is_ascii_digit()) {
        true => ("tn", address.to_owned()),
        false => ("uri", address.to_owned()),
    };
    let dest = call.dest.first().ok_or(Unproven::Unreadable)?;
    let ((orig_kind, orig), (dest_kind, dest)) = (name(&call.orig.0), name(&dest.0));
    let header = json!({ "alg": "ES256", "typ": "passport", "x5u": passport.info });
    let claims = json!({ "dest": { dest_kind: [dest] }, "iat": iat, "orig": { orig_kind: orig } });
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(&header), encode(&claims)).into_bytes();
    Ok(Checked { info: passport.info.clone(), signed, signature, level: None, origid: None })
}

fn is_fresh(iat: u64, call: &Signed) -> Result<(), Unproven> {
    if (call.at.0 / 1000).abs_diff(iat) > FRESH_S { Err(Unproven::Stale) } else { Ok(()) }
}

/// SHAKEN says how sure the signer is; a plain signature says nothing of it.
fn level(head: &Value, body: &Value) -> Result<Option<char>, Unproven> {
    if head["ppt"].is_null() {
        return Ok(None);
    }
    match body["attest"].as_str() {
        Some("A") => Ok(Some('A')),
        Some("B") => Ok(Some('B')),
        Some("C") => Ok(Some('C')),
        Some(_) | None => Err(Unproven::Unreadable),
    }
}

/// `{"tn": "1"}`, `{"tn": ["1", "2"]}` or `{"uri": ".."}`: at most `NAMES_MAX` of them.
fn names(value: &Value) -> Vec<&str> {
    [&value["tn"], &value["uri"]].into_iter().flat_map(one_or_many).take(NAMES_MAX).collect()
}

fn one_or_many(value: &Value) -> Vec<&str> {
    match value {
        Value::String(name) => vec![name.as_str()],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    }
}

/// A name in a claim: numbers are international by their nature, with or without a plus.
fn canonical_of(name: &str, region: Option<&str>) -> String {
    if name.bytes().all(|byte| byte.is_ascii_digit()) { name.to_owned() } else { canonical(name, region) }
}

fn object(part: &str) -> Result<Value, Unproven> {
    let value: Value = serde_json::from_slice(&decode(part)?).map_err(|_| Unproven::Unreadable)?;
    if value.is_object() { Ok(value) } else { Err(Unproven::Unreadable) }
}

fn decode(part: &str) -> Result<Vec<u8>, Unproven> {
    URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).map_err(|_| Unproven::Unreadable)
}

/// "A verification service ... SHOULD NOT accept ... a skew of more than sixty seconds" (RFC 8224 6.2.4, RFC 8588's profile).
const FRESH_S: u64 = 60;
/// ES256 (RFC 7518 3.4).
const SIGNATURE_BYTES: usize = 64;
/// Of called numbers in one signature.
const NAMES_MAX: usize = 32;
/// A UUID has 36; kept for the log, not for novels.
const ORIGID_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ids::UtcMillis, private::Private};

    const INFO: &str = "https://cert.example.org/passport.cer";
    const IAT: u64 = 1_443_208_345;

    fn token(head: &Value, body: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.{}", part(head), part(body), URL_SAFE_NO_PAD.encode([7; 64]))
    }

    fn head() -> Value {
        json!({ "alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": INFO })
    }

    fn body() -> Value {
        json!({ "attest": "A", "dest": { "tn": ["12155550113"] }, "iat": IAT, "orig": { "tn": "12155550112" }, "origid": "123e4567" })
    }

    fn call(token: String, ppt: Option<&str>) -> Signed {
        Signed {
            passports: vec![Passport { token, info: INFO.into(), alg: Some("ES256".into()), ppt: ppt.map(str::to_owned) }],
            orig: Private("12155550112".into()),
            dest: vec![Private("12155550113".into())],
            at: UtcMillis((IAT + 3) * 1000),
            date: None,
            region: None,
        }
    }

    fn verdict(head: &Value, body: &Value) -> Result<Checked, Unproven> {
        check(&call(token(head, body), Some("shaken")))
    }

    fn with(mut value: Value, key: &str, new: Value) -> Value {
        value[key] = new;
        value
    }

    #[test]
    fn a_fitting_token_says_what_must_be_signed() {
        let checked = verdict(&head(), &body()).unwrap();
        assert_eq!((checked.level, checked.origid.as_deref(), checked.info.as_str()), (Some('A'), Some("123e4567"), INFO));
        assert!(checked.signed.iter().filter(|byte| **byte == b'.').count() == 1 && checked.signature == [7; 64]);
    }

    #[test]
    fn each_claim_that_does_not_fit_the_call_is_named() {
        let cases = [
            (head(), with(body(), "iat", json!(IAT - 58)), Unproven::Stale),
            (head(), with(body(), "iat", json!(IAT + 64)), Unproven::Stale),
            (head(), with(body(), "iat", json!("soon")), Unproven::Unreadable),
            (head(), with(body(), "orig", json!({ "tn": "12155550199" })), Unproven::OtherCaller),
            (head(), with(body(), "orig", json!([])), Unproven::OtherCaller),
            (head(), with(body(), "dest", json!({ "tn": ["12155550199"] })), Unproven::OtherDialled),
            (head(), with(body(), "attest", json!("D")), Unproven::Unreadable),
            (with(head(), "alg", json!("none")), body(), Unproven::Unsupported),
            (with(head(), "alg", json!("HS256")), body(), Unproven::Unsupported),
            (with(head(), "ppt", json!("rph")), body(), Unproven::Unsupported),
            (with(head(), "x5u", json!("https://elsewhere.example/c")), body(), Unproven::Unreadable),
            (with(head(), "typ", json!("JWT")), body(), Unproven::Unreadable),
        ];
        for (head, body, expected) in cases {
            assert_eq!(verdict(&head, &body), Err(expected), "{head} {body}");
        }
        assert!(verdict(&head(), &with(body(), "iat", json!(IAT - 57))).is_ok(), "sixty seconds are fresh");
    }

    #[test]
    fn the_other_forms_of_a_number_are_the_same_number() {
        for dest in [json!({ "tn": ["19", "+1 215-555-0113"] }), json!({ "tn": "12155550113" })] {
            assert!(verdict(&head(), &with(body(), "dest", dest.clone())).is_ok(), "{dest}");
        }
        assert_eq!(canonical("020 123 4567", Some("NL")), "31201234567");
        assert_eq!(canonical("+31201234567;npdi", None), "31201234567");
        assert_eq!((canonical("100", None).as_str(), canonical("alice", None).as_str()), ("100", "alice"));
    }

    /// The key, header and claims of RFC 8225 appendix A are for another purpose; the strings to sign of its compact form (7) are these.
    #[test]
    fn a_compact_token_is_put_together_from_the_call_and_its_date() {
        let mut call = call(format!("..{}", URL_SAFE_NO_PAD.encode([7; 64])), None);
        assert_eq!(check(&call), Err(Unproven::Unreadable), "no Date");
        call.date = Some(IAT);
        let signed = String::from_utf8(check(&call).unwrap().signed).unwrap();
        let parts: Vec<String> = signed.split('.').map(|part| String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()).collect();
        assert_eq!(parts[0], format!(r#"{{"alg":"ES256","typ":"passport","x5u":"{INFO}"}}"#));
        assert_eq!(parts[1], format!(r#"{{"dest":{{"tn":["12155550113"]}},"iat":{IAT},"orig":{{"tn":"12155550112"}}}}"#));
        call.passports[0].ppt = Some("shaken".into());
        assert_eq!(check(&call), Err(Unproven::Unreadable), "shaken is never compact");
    }

    #[test]
    fn a_signature_over_a_diversion_is_passed_over() {
        let mut call = call("a.b.c".into(), Some("div"));
        assert_eq!(check(&call), Err(Unproven::Missing));
        call.passports.push(self::call(token(&head(), &body()), Some("shaken")).passports.remove(0));
        assert_eq!(check(&call).unwrap().level, Some('A'));
    }

    #[test]
    fn junk_is_unreadable_and_never_panics() {
        for token in ["", "..", "...", "a.b.c", "!.!.!", "....", "e30.e30.e30"] {
            assert!(check(&call(token.into(), None)).is_err(), "{token}");
        }
    }
}
