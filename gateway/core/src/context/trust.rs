//! How sure we are who calls.
//!
//! A signed token proves; a number only suggests, more so when its carrier attests it (RFC 8224, RFC 8588). Prefill and masking follow
//! the level; a level is never raised by what the caller types.

use crate::events::story::Trust;

/// What there is to go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Evidence {
    /// A handoff token of ours was verified.
    pub token: bool,
    /// The number belongs to exactly one customer.
    pub number: bool,
    /// What the carrier attests of the number: `Some('A')` to `Some('C')` (RFC 8588 4).
    pub attestation: Option<char>,
}

/// Weighs it: `token` before `ani` before `none`.
pub fn assess(evidence: Evidence) -> Trust {
    let mut reasons = Vec::new();
    if evidence.token {
        reasons.push("a signed token of ours".to_owned());
    }
    if evidence.number {
        reasons.push("the caller's number is one customer's".to_owned());
    }
    if let Some(level) = evidence.attestation.map(|level| level.to_ascii_uppercase()).filter(|level| matches!(level, 'A'..='C')) {
        reasons.push(format!("the carrier attests the number: {level}"));
    }
    let level = match evidence {
        Evidence { token: true, .. } => "token",
        Evidence { number: true, .. } => "ani",
        Evidence { token: false, number: false, .. } => "none",
    };
    Trust { level: level.to_owned(), evidence: reasons }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_outweighs_a_number() {
        assert_eq!(assess(Evidence { token: true, number: true, attestation: None }).level, "token");
        assert_eq!(assess(Evidence { number: true, ..Evidence::default() }).level, "ani");
    }

    #[test]
    fn an_attested_number_of_nobody_is_still_nobody() {
        let trust = assess(Evidence { attestation: Some('a'), ..Evidence::default() });
        assert_eq!(trust.level, "none");
        assert_eq!(trust.evidence, ["the carrier attests the number: A"]);
    }
}
