//! Diversion: who sent this call on to us, and why (RFC 5806); newest first.

use super::{Headers, NameAddr, unquoted};
use crate::events::story::DivertReason;

/// One who sent the call on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diverter {
    pub address: NameAddr,
    pub because: DivertReason,
    /// Wants not to be shown.
    pub is_private: bool,
}

/// The diverters of Diversion, the latest first: "the most recent diversion is the topmost" (RFC 5806 4.2).
pub fn diversions(headers: &Headers) -> Vec<Diverter> {
    headers.list("Diversion").filter_map(|item| NameAddr::parse(item).ok()).map(diverter).take(DIVERTERS_MAX).collect()
}

fn diverter(address: NameAddr) -> Diverter {
    let param = |name: &str| address.params.value(name).and_then(unquoted);
    let because = param("reason").map_or(DivertReason::Unknown, |reason| of_word(&reason.to_ascii_lowercase()));
    let is_private = param("privacy").is_some_and(|wanted| !wanted.eq_ignore_ascii_case("off"));
    Diverter { because, is_private, address }
}

/// The words of RFC 5806 6.
fn of_word(word: &str) -> DivertReason {
    match word {
        "user-busy" => DivertReason::Busy,
        "no-answer" => DivertReason::NoAnswer,
        "unavailable" => DivertReason::Unavailable,
        "unconditional" => DivertReason::Unconditional,
        "time-of-day" => DivertReason::TimeOfDay,
        "do-not-disturb" => DivertReason::DoNotDisturb,
        "deflection" => DivertReason::Deflection,
        "follow-me" => DivertReason::FollowMe,
        "out-of-service" => DivertReason::OutOfService,
        "away" => DivertReason::Away,
        _ => DivertReason::Unknown,
    }
}

/// A call that was sent on more often runs in a circle.
pub(super) const DIVERTERS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_comes_first_with_its_reason() {
        let mut headers = Headers::new();
        headers.push(
            "Diversion",
            "\"Sales, NL\" <sip:+31207000001@h;user=phone>;reason=user-busy;counter=1;privacy=off, <tel:+31207000002>;reason=\"no-answer\"",
        );
        headers.push("diversion", "<sip:+31207000003@h>;reason=unheard-of;privacy=full");
        let found: Vec<_> = diversions(&headers).into_iter().map(|d| (d.address.uri.user().unwrap(), d.because, d.is_private)).collect();
        assert_eq!(
            found,
            [
                ("+31207000001".to_owned(), DivertReason::Busy, false),
                ("+31207000002".to_owned(), DivertReason::NoAnswer, false),
                ("+31207000003".to_owned(), DivertReason::Unknown, true),
            ]
        );
    }

    #[test]
    fn an_unreadable_one_is_passed_over_and_a_hundred_are_not_read() {
        let mut headers = Headers::new();
        headers.push("Diversion", "<broken");
        (0..100).for_each(|n| headers.push("Diversion", format!("<sip:{n}@h>")));
        assert_eq!(diversions(&headers).len(), DIVERTERS_MAX);
    }
}
