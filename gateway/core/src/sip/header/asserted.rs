//! Who a caller is as the network says: P-Asserted-Identity, P-Preferred-Identity (RFC 3325 9) and the older Remote-Party-ID.
//!
//! What stands here is worth what its sender is worth: whether it may be believed is decided above, by the trunk that it came from.

use super::{Headers, NameAddr, Scheme};

/// The addresses of P-Asserted-Identity that can be read, over all its lines. RFC 3325 allows two, one SIP and one tel.
pub fn asserted(headers: &Headers) -> Vec<NameAddr> {
    headers.list("P-Asserted-Identity").filter_map(|item| NameAddr::parse(item).ok()).take(IDENTITIES_MAX).collect()
}

/// The calling party of Remote-Party-ID, and whether it wants to be kept back (draft-ietf-sip-privacy-04, which many PBXs still speak).
pub fn remote_party(headers: &Headers) -> Option<(NameAddr, bool)> {
    let parties = headers.list("Remote-Party-ID").filter_map(|item| NameAddr::parse(item).ok());
    let is_calling = |party: &NameAddr| party.params.value("party").is_none_or(|party| party.eq_ignore_ascii_case("calling"));
    let party = parties.into_iter().find(is_calling)?;
    let hides = party.params.value("privacy").is_some_and(|wanted| !wanted.trim_matches('"').eq_ignore_ascii_case("off"));
    Some((party, hides))
}

/// Of several addresses the one that names a number: a tel URI first, then a SIP URI whose user is one, then any with a user.
pub fn number_among(addresses: &[NameAddr]) -> Option<&NameAddr> {
    let tel = addresses.iter().find(|address| address.uri.scheme == Scheme::Tel);
    let number = || addresses.iter().find(|address| address.uri.user().is_some_and(|user| looks_like_number(&user)));
    tel.or_else(number).or_else(|| addresses.iter().find(|address| address.uri.user().is_some()))
}

/// `+31 20 123` behind parameters such as `;npdi` or `;phone-context=..`, which RFC 3966 writes into a SIP user as well.
fn looks_like_number(user: &str) -> bool {
    let number = user.split(';').next().unwrap_or_default();
    let digits = number.strip_prefix('+').unwrap_or(number);
    digits.bytes().any(|byte| byte.is_ascii_digit()) && digits.bytes().all(|byte| byte.is_ascii_digit() || b"-.() ".contains(&byte))
}

/// Two are lawful; a proxy that adds a third is looked at, a hundred are not.
const IDENTITIES_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::{Message, parse};

    fn headers(lines: &str) -> Headers {
        let text = format!(
            "INVITE sip:100@h SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:x@h>;tag=1\r\nTo: <sip:100@h>\r\n\
             Call-ID: c\r\nCSeq: 1 INVITE\r\n{lines}\r\n\r\n"
        );
        match parse(text.as_bytes()) {
            Ok(Message::Request(request)) => request.headers,
            Ok(Message::Response(_)) | Err(_) => panic!("{text}"),
        }
    }

    fn user(lines: &str) -> Option<String> {
        number_among(&asserted(&headers(lines))).and_then(|address| address.uri.user())
    }

    #[test]
    fn one_number_is_found_in_every_spelling() {
        for lines in [
            "P-Asserted-Identity: <sip:+31201234567@carrier.example>",
            "p-asserted-IDENTITY   :   <sip:+31201234567@carrier.example;user=phone>",
            "P-Asserted-Identity:\r\n \"Jansen, Piet\"\r\n\t<sip:+31201234567@carrier.example>",
            "P-Asserted-Identity: \"Jansen, <Piet>\" <sip:piet@carrier.example>, <tel:+31201234567>",
            "P-Asserted-Identity: <tel:+31201234567>,<sip:piet@carrier.example>",
            "P-Asserted-Identity: <sip:piet@carrier.example>\r\nP-Asserted-Identity: <tel:+31201234567>",
            "P-Asserted-Identity: tel:+31201234567",
            "P-Asserted-Identity: sip:%2B31201234567@carrier.example",
            "P-Asserted-Identity: <sip:piet@carrier.example>, \"x\" <sip:+31201234567@carrier.example>",
            "P-Asserted-Identity: nonsense, <sip:+31201234567@carrier.example>",
        ] {
            assert_eq!(user(lines).as_deref(), Some("+31201234567"), "{lines}");
        }
    }

    #[test]
    fn where_no_number_is_a_name_will_do() {
        assert_eq!(user("P-Asserted-Identity: \"Piet\" <sip:piet@carrier.example>").as_deref(), Some("piet"));
        assert_eq!(user("P-Asserted-Identity: <sip:carrier.example>"), None);
    }

    #[test]
    fn the_older_field_names_the_calling_party_alone() {
        let lines =
            "Remote-Party-ID: <sip:called@h>;party=called\r\nRemote-Party-ID: \"P\" <sip:+31201@h>;party=calling;screen=yes;privacy=full";
        let (party, hides) = remote_party(&headers(lines)).unwrap();
        assert_eq!((party.uri.user().as_deref(), hides), (Some("+31201"), true));
        assert!(!remote_party(&headers("Remote-Party-ID: <sip:+31201@h>;privacy=off")).unwrap().1);
    }
}
