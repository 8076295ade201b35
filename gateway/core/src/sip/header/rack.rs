//! RSeq and RAck: which provisional response is meant (RFC 3262 7.1, 7.2).

use super::{CSeq, Headers, Malformed};
use crate::sip::Method;

/// What a PRACK acknowledges: the response's number, and the request that it answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RAck {
    pub rseq: u32,
    pub cseq: CSeq,
}

impl RAck {
    /// `776656 1 INVITE`.
    ///
    /// # Errors
    /// Not two numbers and a method.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut words = text.split_ascii_whitespace();
        let (Some(rseq), Some(number), Some(method), None) = (words.next(), words.next(), words.next(), words.next()) else {
            return Err(Malformed);
        };
        let number_of = |word: &str| word.parse().map_err(|_| Malformed);
        Ok(Self { rseq: number_of(rseq)?, cseq: CSeq { number: number_of(number)?, method: Method::from_token(method) } })
    }
}

impl std::fmt::Display for RAck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.rseq, self.cseq.number, self.cseq.method)
    }
}

/// The number of a provisional response that wants a PRACK; `None` where it wants none.
pub fn rseq(headers: &Headers) -> Option<u32> {
    headers.first("RSeq").filter(|_| headers.lists("Require", "100rel"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_back() {
        let rack = RAck { rseq: 776_656, cseq: CSeq { number: 1, method: Method::Invite } };
        assert_eq!(RAck::parse(&rack.to_string()), Ok(rack));
        for junk in ["", "1 2", "1 2 INVITE 3", "x 2 INVITE", "1 -2 INVITE", "4294967296 1 INVITE"] {
            assert_eq!(RAck::parse(junk), Err(Malformed), "{junk}");
        }
    }

    #[test]
    fn a_number_without_require_asks_for_nothing() {
        let mut headers = Headers::new();
        headers.push("RSeq", "7");
        assert_eq!(rseq(&headers), None);
        headers.push("Require", "timer, 100rel");
        assert_eq!(rseq(&headers), Some(7));
    }
}
