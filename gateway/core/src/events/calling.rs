//! What signalling says of a caller besides the number, and what a signature over it is worth.
//!
//! Said by a channel to a call, and between a call and whoever verifies; knows no header and no certificate.

use serde::{Deserialize, Serialize};

use super::story::Diversion;
use crate::{ids::UtcMillis, private::Private};

/// What a caller's leg brings, as far as its peer is believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calling {
    /// The caller does not want to be shown (RFC 3323): the number is empty wherever it would be read.
    pub is_withheld: bool,
    /// The number all the same, for the record and for nothing else; only where the trunk's `keep_withheld` says so.
    pub withheld: Option<Private<String>>,
    /// Who sent the call on to us, the latest first; at most 16.
    pub diverted: Vec<Diversion>,
    /// The other end's words, if its user-to-user information is any (RFC 7433).
    pub note: Option<Private<String>>,
    /// `User-to-User` values that are not ours, to be handed on as they are; at most 4.
    pub information: Vec<String>,
    /// The context that a verified pointer of ours names.
    pub context: Option<String>,
    /// Our half of Session-ID (RFC 7989), 32 hexadecimal digits; empty where the leg has none.
    pub session: String,
    /// The peer's half, if it has one.
    pub peer_session: Option<String>,
    /// What is signed, where the trunk wants signatures looked at.
    pub signed: Option<Signed>,
    /// Without a good signature the call is not taken.
    pub must_prove: bool,
    /// Hops that the call may still go beyond us (Max-Forwards, RFC 3261 20.22), where its leg counts them.
    pub forwards: Option<u8>,
}

/// How a caller appears on a leg that we place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Presented {
    /// Empty where there is none, or where it is withheld.
    pub caller: Private<String>,
    pub is_withheld: bool,
    /// Our half of Session-ID, the same on all legs of a call.
    pub session: String,
    /// `User-to-User` values to hand on.
    pub information: Vec<String>,
    /// Hops that it may still go: a call that leaves us and comes in again has an end (RFC 7332 4).
    pub forwards: Option<u8>,
}

/// A caller's signatures and what they must say (RFC 8224 6.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// At most 4; the first that speaks of the caller counts.
    pub passports: Vec<Passport>,
    /// The caller's number as its canonical digits, or its address.
    pub orig: Private<String>,
    /// What was dialled, in each form that the INVITE says it.
    pub dest: Vec<Private<String>>,
    /// When the INVITE came.
    pub at: UtcMillis,
    /// The INVITE's Date, in seconds since 1970: a compact token has no other time (RFC 8224 4.1).
    pub date: Option<u64>,
    /// Region of numbers without a country code.
    pub region: Option<String>,
}

/// One signature as it came (RFC 8224 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passport {
    pub token: String,
    /// The certificate's address.
    pub info: String,
    pub alg: Option<String>,
    pub ppt: Option<String>,
}

/// What a good signature says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attestation {
    /// RFC 8588 4: `A` its own customer's number, `B` its customer, `C` passed on; none of a plain signature.
    pub level: Option<char>,
    /// What the signer names the origin, for tracing back (RFC 8588 5).
    pub origid: Option<String>,
    /// Whom the certificate names: its service provider codes (RFC 8226 9), else its subject.
    pub signer: String,
}

/// Why a signature proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unproven {
    /// There is none (RFC 8224 6.2.2: 428).
    Missing,
    /// It cannot be read, or contradicts itself (438).
    Unreadable,
    /// Signed more than a minute before or after the call (403).
    Stale,
    /// It is for another caller (438).
    OtherCaller,
    /// It is for another called number (438).
    OtherDialled,
    /// The bytes were not signed with that certificate's key (438).
    Forged,
    /// Another algorithm or extension than ours (437).
    Unsupported,
    /// The certificate stands at a host that is not on `[stir] hosts`, or not behind https (436).
    OtherHost,
    /// The certificate was not to be had (436).
    Unreachable,
    /// It is no certificate that can be used (437).
    BadCertificate,
    /// It is not valid now (437).
    Expired,
    /// It leads to no root of ours (437).
    Untrusted,
    /// Nobody could say in time (436).
    Unanswered,
}

impl Unproven {
    /// What a trunk that must prove its callers is answered (RFC 8224 6.2.2, 6.2.4).
    pub const fn status(self) -> u16 {
        match self {
            Self::Missing => 428,
            Self::Stale => 403,
            Self::OtherHost | Self::Unreachable | Self::Unanswered => 436,
            Self::Unsupported | Self::BadCertificate | Self::Expired | Self::Untrusted => 437,
            Self::Unreadable | Self::OtherCaller | Self::OtherDialled | Self::Forged => 438,
        }
    }

    /// It speaks against the caller, and does not merely say nothing.
    pub const fn accuses(self) -> bool {
        matches!(self, Self::OtherCaller | Self::OtherDialled | Self::Forged)
    }

    /// For an agent or an engineer.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Missing => "the call is not signed",
            Self::Unreadable => "the call's signature cannot be read",
            Self::Stale => "the call's signature is too old",
            Self::OtherCaller => "the call's signature is for another caller",
            Self::OtherDialled => "the call's signature is for another called number",
            Self::Forged => "the call's signature is forged",
            Self::Unsupported => "the call's signature is of a kind that we do not know",
            Self::OtherHost => "the signature's certificate stands at a host that we do not ask",
            Self::Unreachable => "the signature's certificate was not to be had",
            Self::BadCertificate => "the signature's certificate cannot be used",
            Self::Expired => "the signature's certificate has expired",
            Self::Untrusted => "the signature's certificate leads to no root that we trust",
            Self::Unanswered => "the call's signature was not verified in time",
        }
    }
}

/// What came of a caller's signatures.
pub type Proof = Result<Attestation, Unproven>;
