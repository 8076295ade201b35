//! What a ladder does not show: credentials, keys, and what a caller typed.

/// The message, with secrets as `***`.
///
/// Digests (RFC 7616) lose all but their scheme, SDP loses its keys (RFC 4568) and ICE passwords (RFC 8839), and a body that carries digits or
/// words of the caller loses those: INFO (RFC 6086), MESSAGE (RFC 3428), `application/dtmf-relay`.
pub(super) fn masked(text: &str) -> String {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let mut shown = String::with_capacity(text.len());
    let mut secret = false;
    for line in head.split("\r\n") {
        // A folded line goes with the one that it continues (RFC 3261 7.3.1).
        let folded = line.starts_with([' ', '\t']);
        if !folded {
            secret = line.split_once(':').is_some_and(|(name, _)| is_credential(name.trim()));
        }
        match (secret, folded) {
            (true, true) => continue,
            (true, false) => shown.push_str(&without_credential(line)),
            (false, _) => shown.push_str(line),
        }
        shown.push_str("\r\n");
    }
    if text.len() > head.len() {
        shown.push_str("\r\n");
    }
    if is_callers_own(head) && !body.is_empty() {
        shown.push_str("***");
    } else {
        for line in body.split_inclusive('\n') {
            match KEYS.iter().find(|key| line.starts_with(**key)) {
                Some(key) => {
                    shown.push_str(key);
                    shown.push_str("***\r\n");
                }
                None => shown.push_str(line),
            }
        }
    }
    shown
}

fn is_credential(name: &str) -> bool {
    ["Authorization", "Proxy-Authorization", "Authentication-Info"].iter().any(|credential| name.eq_ignore_ascii_case(credential))
}

/// `Authorization: Digest ***`
fn without_credential(line: &str) -> String {
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    let scheme = value.split_whitespace().next().filter(|word| word.chars().all(char::is_alphanumeric)).unwrap_or_default();
    format!("{name}: {scheme} ***")
}

/// The body is what the caller typed or wrote.
fn is_callers_own(head: &str) -> bool {
    let method = |line: &str| ["INFO ", "MESSAGE "].iter().any(|method| line.starts_with(method));
    head.lines().next().is_some_and(method)
        || head.lines().any(|line| {
            let line = line.to_ascii_lowercase();
            (line.starts_with("content-type") || line.starts_with("c:")) && line.contains("dtmf")
        })
}

/// Lines of SDP that open the media to whoever reads them.
const KEYS: [&str; 2] = ["a=crypto:", "a=ice-pwd:"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_keeps_its_scheme_alone_even_where_it_is_folded() {
        let text = "REGISTER sip:a SIP/2.0\r\nauthorization : Digest username=\"100\",\r\n response=\"beef\"\r\nCSeq: 2 REGISTER\r\n\r\n";
        assert_eq!(masked(text), "REGISTER sip:a SIP/2.0\r\nauthorization : Digest ***\r\nCSeq: 2 REGISTER\r\n\r\n");
    }

    #[test]
    fn keys_of_media_are_masked_and_the_rest_of_sdp_stands() {
        let text = "INVITE sip:a SIP/2.0\r\nContent-Type: application/sdp\r\n\r\nv=0\r\na=crypto:1 AES inline:secret\r\na=ice-pwd:secret\r\na=ptime:20\r\n";
        let shown = masked(text);
        assert!(!shown.contains("secret") && shown.contains("a=crypto:***\r\na=ice-pwd:***\r\na=ptime:20\r\n"), "{shown}");
    }

    #[test]
    fn digits_and_words_of_a_caller_are_not_shown() {
        for text in [
            "INFO sip:a SIP/2.0\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=5\r\nDuration=160\r\n",
            "MESSAGE sip:a SIP/2.0\r\nContent-Type: text/plain\r\n\r\nSignal=5",
            "NOTIFY sip:a SIP/2.0\r\nc: application/dtmf\r\n\r\nSignal=5",
        ] {
            let shown = masked(text);
            assert!(!shown.contains("Signal") && shown.ends_with("\r\n\r\n***"), "{shown}");
        }
    }

    #[test]
    fn a_message_without_secrets_stands_as_it_came() {
        let text = "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP a\r\nCall-ID: x\r\n\r\n";
        assert_eq!(masked(text), text);
    }
}
