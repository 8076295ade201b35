//! Reason: why a request was sent (RFC 3326, RFC 6432).

use super::{Headers, Params, quoted, unquoted};

/// The first Q.850 value that Reason gives, 1 to 127.
pub fn q850(headers: &Headers) -> Option<u8> {
    headers.list("Reason").find_map(|item| {
        let (protocol, params) = item.split_once(';')?;
        let cause = Params::parse(params).ok()?.value("cause")?.parse().ok()?;
        (protocol.trim().eq_ignore_ascii_case("Q.850") && (1..=127).contains(&cause)).then_some(cause)
    })
}

/// The first SIP status that Reason gives, 200 to 699.
pub fn sip(headers: &Headers) -> Option<u16> {
    headers.list("Reason").find_map(|item| {
        let (protocol, params) = item.split_once(';')?;
        let cause = Params::parse(params).ok()?.value("cause")?.parse().ok()?;
        (protocol.trim().eq_ignore_ascii_case("SIP") && (200..700).contains(&cause)).then_some(cause)
    })
}

/// The first text that Reason gives, at most `TEXT_MAX` letters of it.
pub fn text(headers: &Headers) -> Option<String> {
    let text = headers.list("Reason").find_map(|item| {
        let (_, params) = item.split_once(';')?;
        unquoted(Params::parse(params).ok()?.value("text")?)
    })?;
    Some(text.chars().take(TEXT_MAX).collect())
}

/// The field's value for a SIP status, as 487 to losing forks and 200 "completed elsewhere" want it (RFC 3326 2).
pub fn print_sip(status: u16, text: &str) -> String {
    let text: String = text.chars().take(TEXT_MAX).collect();
    format!("SIP;cause={status};text={}", quoted(&text))
}

/// The field's value for a Q.850 cause.
pub fn print_q850(cause: u8) -> String {
    match q850_text(cause) {
        Some(text) => format!("Q.850;cause={cause};text={}", quoted(text)),
        None => format!("Q.850;cause={cause}"),
    }
}

/// For the CANCEL of a phone that was too late: it shows no missed call then (RFC 3326 2).
pub const ELSEWHERE: &str = "SIP;cause=200;text=\"Call completed elsewhere\"";

/// Q.850: another phone took the call.
pub const NON_SELECTED_USER: u8 = 26;

/// The names of Q.850 table 1 that a gateway meets.
fn q850_text(cause: u8) -> Option<&'static str> {
    Some(match cause {
        1 => "Unallocated number",
        3 => "No route to destination",
        16 => "Normal call clearing",
        17 => "User busy",
        18 => "No user responding",
        19 => "No answer from user",
        21 => "Call rejected",
        26 => "Non-selected user clearing",
        27 => "Destination out of order",
        28 => "Invalid number format",
        31 => "Normal, unspecified",
        34 => "No circuit available",
        38 => "Network out of order",
        41 => "Temporary failure",
        42 => "Switching equipment congestion",
        65 => "Bearer capability not implemented",
        88 => "Incompatible destination",
        102 => "Recovery on timer expiry",
        127 => "Interworking, unspecified",
        _ => return None,
    })
}

/// Words for a log; longer is a novel.
const TEXT_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_q850_value_is_found_among_others() {
        let mut headers = Headers::new();
        headers.push("Reason", r#"SIP ;cause=200 ;text="Call completed, elsewhere", q.850 ; cause=17"#);
        assert_eq!(q850(&headers), Some(17));
        headers.set("Reason", "Q.850;cause=999");
        assert_eq!(q850(&headers), None);
        headers.set("Reason", print_q850(16));
        assert_eq!(q850(&headers), Some(16));
    }

    #[test]
    fn status_and_text_are_found_and_bounded() {
        let mut headers = Headers::new();
        headers.push("Reason", format!("Q.850;cause=16, {}", print_sip(200, &"Call completed \"elsewhere\" ".repeat(20))));
        assert_eq!((sip(&headers), q850(&headers)), (Some(200), Some(16)));
        let text = text(&headers).unwrap();
        assert!(text.starts_with("Call completed \"elsewhere\"") && text.chars().count() == TEXT_MAX, "{text}");
    }
}
