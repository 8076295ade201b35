//! CSeq: a request's number and method (RFC 3261 20.16).

use std::fmt;

use super::{Malformed, is_token, text::trim};
use crate::sip::Method;

/// A request's place in its dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CSeq {
    /// Below 2^31.
    pub number: u32,
    pub method: Method,
}

impl CSeq {
    /// Reads the field.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let text = trim(text);
        let (number, method) = text.split_at(text.bytes().position(|b| matches!(b, b' ' | b'\t')).ok_or(Malformed)?);
        let method = trim(method);
        if !number.bytes().all(|b| b.is_ascii_digit()) || !is_token(method) {
            return Err(Malformed);
        }
        let number: u32 = number.parse().map_err(|_| Malformed)?;
        if number > CSEQ_MAX {
            return Err(Malformed);
        }
        Ok(Self { number, method: Method::from_token(method) })
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.method)
    }
}

/// "The sequence number MUST be less than 2**31" (8.1.1.5).
const CSEQ_MAX: u32 = 0x7fff_ffff;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_zeros_are_fine_and_too_big_is_not() {
        assert_eq!(CSeq::parse("0009\t INVITE"), Ok(CSeq { number: 9, method: Method::Invite }));
        for text in ["2147483648 INVITE", "36893488147419103232 REGISTER", "-1 BYE", "1", "x BYE", "1 B Y E"] {
            assert_eq!(CSeq::parse(text), Err(Malformed), "{text}");
        }
    }
}
