//! The causes for which a call is not let in, each with a code of its own.

use serde::{Deserialize, Serialize};

use crate::cause::{Cause, Fault};

/// Why a call was not let in; each has its own pair of SIP status and Q.850 value, so that a capture alone tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No trunk speaks from the address.
    UnknownSource,
    /// It says that it is a phone of ours, and its digest is wrong.
    WrongDigest,
    /// The trunk must prove its callers, and this one is not signed.
    Unsigned,
    /// No route fits the number.
    NoRoute,
    /// A route fits the number, for another trunk.
    RouteOfAnotherTrunk,
    /// The offer breaks the grammar of SDP.
    UnreadableOffer,
    /// The offer can be read and holds nothing for us.
    UnusableOffer,
    /// The security of its media is not what is prescribed, or its keys came where others can read them.
    Security,
    /// No codec in common.
    NoCodec,
    /// No RTP port is free.
    NoPort,
    /// Records wait for a store that cannot keep up.
    HistoryBehind,
    /// The node is about to stop.
    Draining,
    /// No trunk may call the number.
    OutboundClosed,
    /// The trunk has sent our call on, to where it may not.
    RedirectRefused,
    /// The trunk's servers do not answer.
    TrunkDown,
    /// The trunk's name leads nowhere.
    TrunkUnlocated,
    /// The trunk carries as many calls as it may.
    TrunkFull,
    /// The trunk has had as many new calls in this second as it may.
    TrunkRate,
}

impl Reason {
    /// All of them, as docs/operate.md lists them.
    pub const ALL: [Self; 18] = [
        Self::UnknownSource,
        Self::WrongDigest,
        Self::Unsigned,
        Self::NoRoute,
        Self::RouteOfAnotherTrunk,
        Self::UnreadableOffer,
        Self::UnusableOffer,
        Self::Security,
        Self::NoCodec,
        Self::NoPort,
        Self::HistoryBehind,
        Self::Draining,
        Self::OutboundClosed,
        Self::RedirectRefused,
        Self::TrunkDown,
        Self::TrunkUnlocated,
        Self::TrunkFull,
        Self::TrunkRate,
    ];

    /// The word by which logs, API and documents name it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::UnknownSource => "unknown_source",
            Self::WrongDigest => "wrong_digest",
            Self::Unsigned => "unsigned",
            Self::NoRoute => "no_route",
            Self::RouteOfAnotherTrunk => "route_of_another_trunk",
            Self::UnreadableOffer => "unreadable_offer",
            Self::UnusableOffer => "unusable_offer",
            Self::Security => "security",
            Self::NoCodec => "no_codec",
            Self::NoPort => "no_port",
            Self::HistoryBehind => "history_behind",
            Self::Draining => "draining",
            Self::OutboundClosed => "outbound_closed",
            Self::RedirectRefused => "redirect_refused",
            Self::TrunkDown => "trunk_down",
            Self::TrunkUnlocated => "trunk_unlocated",
            Self::TrunkFull => "trunk_full",
            Self::TrunkRate => "trunk_rate",
        }
    }

    /// What the peer is answered (RFC 3261 21) and what Reason says to a trunk (RFC 6432).
    pub const fn cause(self) -> Cause {
        match self {
            // Call rejected.
            Self::UnknownSource => Cause { sip: 403, q850: 21, fault: Fault::Carrier, retry: false },
            Self::WrongDigest => Cause { sip: 401, q850: 21, fault: Fault::Caller, retry: false },
            // Call rejected; RFC 8224 6.2.2.
            Self::Unsigned => Cause { sip: 428, q850: 21, fault: Fault::Carrier, retry: false },
            // Unallocated number.
            Self::NoRoute => Cause { sip: 404, q850: 1, fault: Fault::Carrier, retry: false },
            // No route to destination: the number is there, and not by this way.
            Self::RouteOfAnotherTrunk => Cause { sip: 404, q850: 3, fault: Fault::Carrier, retry: false },
            // Invalid message.
            Self::UnreadableOffer => Cause { sip: 400, q850: 95, fault: Fault::Carrier, retry: false },
            Self::UnusableOffer => Cause::NOT_ACCEPTABLE,
            // Bearer capability not authorized.
            Self::Security => Cause { sip: 488, q850: 57, fault: Fault::Carrier, retry: false },
            // Bearer capability not implemented.
            Self::NoCodec => Cause { sip: 488, q850: 65, fault: Fault::Carrier, retry: false },
            Self::NoPort => Cause::NO_CIRCUIT,
            // Resource unavailable.
            Self::HistoryBehind => Cause { sip: 503, q850: 47, fault: Fault::Gateway, retry: true },
            Self::Draining => Cause::DRAINING,
            // Bearer capability not authorized.
            Self::OutboundClosed => Cause { sip: 403, q850: 57, fault: Fault::Gateway, retry: false },
            // Redirection to new destination (RFC 4497 8.4.4).
            Self::RedirectRefused => Cause { sip: 480, q850: 23, fault: Fault::Carrier, retry: false },
            // Network out of order.
            Self::TrunkDown => Cause { sip: 503, q850: 38, fault: Fault::Carrier, retry: true },
            // Destination out of order.
            Self::TrunkUnlocated => Cause { sip: 503, q850: 27, fault: Fault::Carrier, retry: true },
            // Requested circuit or channel not available.
            Self::TrunkFull => Cause { sip: 503, q850: 44, fault: Fault::Gateway, retry: true },
            // Switching equipment congestion.
            Self::TrunkRate => Cause { sip: 503, q850: 42, fault: Fault::Gateway, retry: true },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_reasons_have_one_pair_of_codes_or_one_word() {
        let codes: BTreeSet<_> = Reason::ALL.iter().map(|reason| (reason.cause().sip, reason.cause().q850)).collect();
        let words: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.word()).collect();
        assert_eq!((codes.len(), words.len()), (Reason::ALL.len(), Reason::ALL.len()));
    }

    #[test]
    fn the_word_is_the_one_on_the_wire() {
        for reason in Reason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.word());
        }
    }

    /// docs/operate.md has a row for each reason, and no row for another.
    #[test]
    fn the_operators_table_has_these_reasons_and_these_codes() {
        let page = include_str!("../../../../docs/operate.md");
        let rows: BTreeSet<String> = page
            .lines()
            .filter_map(|line| {
                let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
                let word = cells.first()?.strip_prefix('`')?.strip_suffix('`')?;
                let (status, q850) = (cells.get(1)?.parse::<u16>().ok()?, cells.get(2)?.parse::<u8>().ok()?);
                Some(format!("{word} {status} {q850}"))
            })
            .collect();
        let told: BTreeSet<String> =
            Reason::ALL.iter().map(|reason| format!("{} {} {}", reason.word(), reason.cause().sip, reason.cause().q850)).collect();
        assert_eq!(rows, told);
    }
}
