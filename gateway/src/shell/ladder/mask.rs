//! What a ladder does not show: credentials, keys, and what a caller typed.

/// The message, with secrets as `***`.
///
/// Digests (RFC 7616) lose all but their scheme, SDP loses its keys (RFC 4568) and ICE passwords (RFC 8839), and a body that carries digits or
/// words of the caller loses those: INFO (RFC 6086), MESSAGE (RFC 3428), `application/dtmf-relay`. A credential is one wherever it stands: a
/// message may hold another (`message/sipfrag`), and a broken one may end its lines as it likes.
pub(super) fn masked(text: &str) -> String {
    // Empty lines before a message are no part of it (RFC 3261 7.5); its head ends at the first one after, however its lines end.
    let start = text.len() - text.trim_start_matches(['\r', '\n']).len();
    let ends = ["\n\n", "\n\r\n"].map(|blank| text[start..].find(blank).map(|at| start + at));
    let end = ends.into_iter().flatten().min().unwrap_or(text.len());
    let head = &text[start..end];
    let mut shown = String::with_capacity(text.len());
    let (mut secret, mut at) = (false, 0);
    for line in text.split_inclusive('\n') {
        let words = line.trim_end_matches(['\r', '\n']);
        if at > end && !words.is_empty() && is_callers_own(head) {
            shown.push_str("***");
            break;
        }
        at += line.len();
        // A folded line goes with the one that it continues (RFC 3261 7.3.1).
        if line.starts_with([' ', '\t']) && secret {
            continue;
        }
        secret = words.split_once(':').is_some_and(|(name, _)| is_credential(name.trim()));
        match masked_line(words, secret) {
            Some(masked) => {
                shown.push_str(&masked);
                shown.push_str(&line[words.len()..]);
            }
            None => shown.push_str(line),
        }
    }
    shown
}

/// `None` where a line has no secret.
fn masked_line(line: &str, is_credential: bool) -> Option<String> {
    if is_credential {
        return Some(without_credential(line));
    }
    if let Some(password) = line.strip_prefix(ICE_PASSWORD) {
        return (!password.is_empty()).then(|| format!("{ICE_PASSWORD}***"));
    }
    line.starts_with(CRYPTO).then(|| without_keys(line))
}

/// `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:***`: the suite tells why a call could not be secured.
fn without_keys(line: &str) -> String {
    let words = line.split(' ').map(|word| match word.get(..INLINE.len()) {
        Some(method) if method.eq_ignore_ascii_case(INLINE) => "inline:***",
        _ if word.len() > WORD_MAX => "***",
        _ => word,
    });
    words.collect::<Vec<_>>().join(" ")
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
const CRYPTO: &str = "a=crypto:";
const ICE_PASSWORD: &str = "a=ice-pwd:";

/// The one way of RFC 4568 to say a key (6.1).
const INLINE: &str = "inline:";

/// The longest name of a suite or session parameter; what is longer may be a key in a spelling of its own. The shortest key has 40.
const WORD_MAX: usize = 32;

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
        let text = "INVITE sip:a SIP/2.0\r\nContent-Type: application/sdp\r\n\r\nv=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 INLINE:secret|2^20|1:4 UNENCRYPTED_SRTCP\r\na=ice-pwd:secret\r\na=ptime:20\r\n";
        let shown = masked(text);
        let rest = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:*** UNENCRYPTED_SRTCP\r\na=ice-pwd:***\r\na=ptime:20\r\n";
        assert!(!shown.contains("secret") && shown.ends_with(rest), "{shown}");
        let odd = format!("INVITE sip:a SIP/2.0\r\n\r\na=crypto:1 AES {}\r\n", "k".repeat(40));
        assert!(masked(&odd).ends_with("a=crypto:1 AES ***\r\n"));
    }

    #[test]
    fn a_credential_is_masked_in_a_body_and_in_a_message_of_bare_line_feeds() {
        for text in [
            "NOTIFY sip:a SIP/2.0\r\nContent-Type: message/sipfrag\r\n\r\nREGISTER sip:b SIP/2.0\r\nAuthorization: Digest secret\r\n",
            "REGISTER sip:a SIP/2.0\nProxy-Authorization: Digest u=\"1\",\n\tresponse=\"secret\"\nCSeq: 1 REGISTER\n\n",
            "INFO sip:a SIP/2.0\nContent-Type: application/dtmf-relay\n\nSignal=secret",
        ] {
            let shown = masked(text);
            assert!(!shown.contains("secret") && shown.contains("***"), "{shown}");
        }
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
        for text in [
            "INFO sip:a SIP/2.0\nCall-ID: x\n\nSignal=5\r\n\r\n",
            "INFO sip:a SIP/2.0\r\nCall-ID: x\r\n\nSignal=5\r\n\r\n",
            "INFO sip:a SIP/2.0\nCall-ID: x\n\r\nSignal=5\r\n\r\n",
            "\r\n\r\nINFO sip:a SIP/2.0\r\nCall-ID: x\r\n\r\nSignal=5\r\n",
        ] {
            let shown = masked(text);
            assert!(!shown.contains("Signal") && shown.contains("Call-ID: x") && shown.ends_with("\n***"), "{shown}");
        }
    }

    #[test]
    fn a_message_without_secrets_stands_as_it_came() {
        let text = "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP a\r\nCall-ID: x\r\n\r\n";
        assert_eq!(masked(text), text);
    }
}
