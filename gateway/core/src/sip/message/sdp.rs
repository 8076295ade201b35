//! The session description within a body (RFC 3261 7.4, RFC 2046 5.1).

use crate::sip::{
    Headers,
    header::{split_outside, unquoted},
};

/// The SDP of a body: the whole of it, or the first such part of a multipart.
pub(super) fn find(headers: &Headers, body: &[u8]) -> Option<String> {
    let content_type = headers.first("Content-Type")?;
    if body.is_empty() {
        return None;
    }
    if is_sdp(content_type) {
        return std::str::from_utf8(body).ok().map(str::to_owned);
    }
    let mut parts = split_outside(content_type, ';');
    if !parts.next()?.trim().to_ascii_lowercase().starts_with("multipart/") {
        return None;
    }
    let boundary = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| unquoted(value.trim()))?
    })?;
    let text = std::str::from_utf8(body).ok()?;
    let delimiter = format!("--{boundary}");
    // What stands before the first delimiter is a preamble, what follows the last `--` an epilogue.
    text.split(delimiter.as_str()).skip(1).take(PARTS_MAX).find_map(|part| {
        let (head, content) = part.strip_prefix("\r\n")?.split_once("\r\n\r\n")?;
        let is_ours = head.lines().any(|line| {
            line.split_once(':').is_some_and(|(name, value)| name.trim().eq_ignore_ascii_case("Content-Type") && is_sdp(value))
        });
        is_ours.then(|| content.strip_suffix("\r\n").unwrap_or(content).to_owned())
    })
}

fn is_sdp(content_type: &str) -> bool {
    content_type.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/sdp"))
}

/// SDP, ISUP and a location are three; no INVITE has a dozen.
const PARTS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sdp_is_found_behind_another_part() {
        let mut headers = Headers::new();
        headers.push("Content-Type", "Multipart/Mixed; boundary=\"b,1\"");
        let body = b"preamble\r\n--b,1\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b,1\r\ncontent-type: application/SDP\r\n\r\nv=0\r\ns=-\r\n\r\n--b,1--\r\n";
        assert_eq!(find(&headers, body).as_deref(), Some("v=0\r\ns=-\r\n"));
    }
}
