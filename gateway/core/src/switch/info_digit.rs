//! A digit in the body of an INFO (RFC 6086 2, legacy usage): `application/dtmf-relay` and `application/dtmf`.

use std::time::Duration;

/// `Signal=5` and `Duration=160` (ms) in an INFO, as many carriers still send digits.
pub(super) fn digit_of(content_type: &str, body: &[u8]) -> Option<(char, Duration)> {
    if !content_type.trim().to_ascii_lowercase().starts_with("application/dtmf") {
        return None;
    }
    let text = std::str::from_utf8(body).ok()?;
    let field = |name: &str| {
        text.lines().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let signal = field("Signal").unwrap_or(text.trim());
    let mut letters = signal.chars();
    let digit = letters.next().filter(|digit| matches!(digit, '0'..='9' | '*' | '#' | 'A'..='D')).filter(|_| letters.next().is_none())?;
    let length = field("Duration").and_then(|ms| ms.parse().ok()).unwrap_or(160).min(5000);
    Some((digit, Duration::from_millis(length)))
}
