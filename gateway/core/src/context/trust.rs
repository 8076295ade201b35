//! How sure we are who calls.
//!
//! A signed token of ours proves; a number only suggests, more so when its carrier attests it (RFC 8224, RFC 8588), and nothing at all when
//! its signature accuses the caller. Prefill and masking follow the level; a level is never raised by what the caller types.

use crate::events::{calling::Proof, story::Trust};

/// Lays a signature's proof beside what the store found: `token`, `attested`, `ani` or `none`.
pub fn weigh(trust: &mut Trust, proof: &Proof) {
    match proof {
        Ok(attestation) => {
            let level = attestation.level.map_or_else(|| "signed".to_owned(), |level| format!("attested {level}"));
            trust.evidence.push(format!("the carrier has {level} the number ({})", attestation.signer));
            // Only `A` says that the caller may use the number (RFC 8588 4).
            if trust.level == ANI && attestation.level == Some('A') {
                ATTESTED.clone_into(&mut trust.level);
            }
        }
        Err(why) => {
            trust.evidence.push(why.words().to_owned());
            if trust.level == ANI && why.accuses() {
                NONE.clone_into(&mut trust.level);
            }
        }
    }
}

const ATTESTED: &str = "attested";
const ANI: &str = "ani";
const NONE: &str = "none";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::calling::{Attestation, Unproven};

    fn weighed(level: &str, proof: &Proof) -> (String, String) {
        let mut trust = Trust { level: level.to_owned(), evidence: vec!["calling number".to_owned()] };
        weigh(&mut trust, proof);
        (trust.level, trust.evidence[1..].join("; "))
    }

    fn attested(level: Option<char>) -> Proof {
        Ok(Attestation { level, origid: None, signer: "SPC 1234".to_owned() })
    }

    #[test]
    fn only_full_attestation_raises_a_number_that_is_known() {
        assert_eq!(weighed("ani", &attested(Some('A'))), ("attested".into(), "the carrier has attested A the number (SPC 1234)".into()));
        assert_eq!(weighed("ani", &attested(Some('B'))).0, "ani");
        assert_eq!(weighed("ani", &attested(None)).1, "the carrier has signed the number (SPC 1234)");
        assert_eq!(weighed("none", &attested(Some('A'))).0, "none");
        assert_eq!(weighed("token", &attested(Some('A'))).0, "token");
    }

    #[test]
    fn an_accusing_signature_takes_the_number_away_and_a_silent_one_does_not() {
        for (why, level) in [
            (Unproven::Forged, "none"),
            (Unproven::OtherCaller, "none"),
            (Unproven::Unreachable, "ani"),
            (Unproven::Expired, "ani"),
            (Unproven::Stale, "ani"),
        ] {
            assert_eq!(weighed("ani", &Err(why)), (level.to_owned(), why.words().to_owned()));
        }
        assert_eq!(weighed("token", &Err(Unproven::Forged)).0, "token");
    }
}
