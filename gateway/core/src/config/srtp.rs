//! Whether media to a peer is SRTP, and where its keys may be written.

use media::sdp::Srtp;

use super::{file::Word, walk::Walk};

/// A trunk's or phone's word on SRTP with keys in SDP (RFC 4568).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SrtpPolicy {
    /// None, preferred or required.
    pub wanted: Srtp,
    /// Keys may be written where others can read them: over UDP, TCP and WS.
    pub over_clear: bool,
}

impl SrtpPolicy {
    /// What a phone has that does not say: SRTP where its signalling is private.
    pub const PHONE: Self = Self { wanted: Srtp::Prefer, over_clear: false };

    /// Whether keys may be written into signalling that is `private`, by TLS or WSS, or is not.
    pub const fn may_key(self, private: bool) -> bool {
        private || self.over_clear
    }

    /// As the file names what is wanted.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, wanted)| *wanted == self.wanted).map_or("none", |(name, _)| name)
    }
}

impl Walk<'_> {
    /// The keys `srtp` and `srtp_over_clear` of a trunk or phone.
    pub(super) fn srtp(&mut self, wanted: Option<&Word>, over_clear: bool, usual: SrtpPolicy) -> SrtpPolicy {
        let policy = SrtpPolicy { wanted: self.one_of(wanted, &NAMES).unwrap_or(usual.wanted), over_clear };
        if let (true, Srtp::None, Some(word)) = (over_clear, policy.wanted, wanted) {
            self.warn(word.span(), "`srtp_over_clear` without SRTP changes nothing", Some("srtp = \"prefer\" or \"require\""));
        }
        policy
    }
}

const NAMES: [(&str, Srtp); 3] = [("none", Srtp::None), ("prefer", Srtp::Prefer), ("require", Srtp::Require)];
