//! `[limits]`: how much of everything a node holds, and how fast strangers may ask for more.

use serde::Deserialize;
use toml::Spanned;

use super::walk::Walk;

/// How many at once, and how fast. Over a bound, new things are turned away and counted by their cause; what stands is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Legs by SIP, in either direction and in any state.
    pub dialogs: usize,
    /// SIP transactions of all kinds; requests within dialogs have a quarter more room.
    pub transactions: usize,
    /// Contacts of all phones together.
    pub registrations: usize,
    /// Contacts of one phone's user.
    pub contacts: usize,
    /// TCP, TLS and WebSocket streams that peers open.
    pub streams: usize,
    /// Of those, from one address (IPv6: one /64).
    pub streams_per_source: usize,
    /// Of those, still in the handshake of TLS or WebSocket; over this, the oldest gives way.
    pub handshakes: usize,
    /// Requests outside calls, from one address (IPv6: one /64) that is no trunk's.
    pub stranger: Rate,
    /// From all of those together.
    pub strangers: Rate,
    /// From one network of a trunk.
    pub trunk: Rate,
}

/// Requests a second, and how many at once after a silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    pub per_s: u32,
    pub burst: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LimitsTable {
    dialogs: Option<Spanned<usize>>,
    transactions: Option<Spanned<usize>>,
    registrations: Option<Spanned<usize>>,
    contacts: Option<Spanned<usize>>,
    streams: Option<Spanned<usize>>,
    streams_per_source: Option<Spanned<usize>>,
    handshakes: Option<Spanned<usize>>,
    stranger: Option<Spanned<Rate>>,
    strangers: Option<Spanned<Rate>>,
    trunk: Option<Spanned<Rate>>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // More than a node has ports for.
            dialogs: 32_768,
            // A call leaves about three behind for half a minute: room for 600 calls a second, or for all that strangers may ask.
            transactions: 65_536,
            registrations: 65_536,
            // A desk phone, a mobile, a laptop, and what each of them forgot to take back.
            contacts: 8,
            streams: 16_384,
            // All phones of a large office behind one NAT, or of a proxy that ends WebSocket for us.
            streams_per_source: 1_024,
            // Ten thousand phones that come back within ten seconds shake hands in a tenth of one each.
            handshakes: 1_024,
            // An office of sixty phones logs in again after a power cut within its burst: two requests each.
            stranger: Rate { per_s: 30, burst: 120 },
            strangers: Rate { per_s: 1_000, burst: 2_000 },
            // Over what one core can set up, so that a trunk meets its own limits first.
            trunk: Rate { per_s: 2_000, burst: 4_000 },
        }
    }
}

impl Walk<'_> {
    pub(super) fn limits(&mut self, table: LimitsTable) -> Limits {
        let defaults = Limits::default();
        let streams = self.count(table.streams.as_ref(), defaults.streams);
        let within = |wish: &Option<Spanned<usize>>, usual: usize| if wish.is_none() { usual.min(streams) } else { usual };
        let limits = Limits {
            dialogs: self.count(table.dialogs.as_ref(), defaults.dialogs),
            transactions: self.count(table.transactions.as_ref(), defaults.transactions),
            registrations: self.count(table.registrations.as_ref(), defaults.registrations),
            contacts: self.count(table.contacts.as_ref(), defaults.contacts),
            streams,
            streams_per_source: self
                .count(table.streams_per_source.as_ref(), within(&table.streams_per_source, defaults.streams_per_source)),
            handshakes: self.count(table.handshakes.as_ref(), within(&table.handshakes, defaults.handshakes)),
            stranger: self.rate(table.stranger.as_ref(), defaults.stranger),
            strangers: self.rate(table.strangers.as_ref(), defaults.strangers),
            trunk: self.rate(table.trunk.as_ref(), defaults.trunk),
        };
        for part in [&table.streams_per_source, &table.handshakes].into_iter().flatten() {
            if *part.get_ref() > streams {
                self.fault(part.span(), "more than all streams together", Some(&format!("`streams` is {streams}")));
            }
        }
        limits
    }

    fn count(&mut self, given: Option<&Spanned<usize>>, usual: usize) -> usize {
        let Some(given) = given else { return usual };
        if !(1..=COUNT_MAX).contains(given.get_ref()) {
            self.fault(given.span(), "a limit is 1 to 1000000", Some(&format!("{usual} is usual")));
        }
        *given.get_ref()
    }

    fn rate(&mut self, given: Option<&Spanned<Rate>>, usual: Rate) -> Rate {
        let Some(given) = given else { return usual };
        let rate = *given.get_ref();
        if rate.per_s == 0 || rate.burst == 0 {
            let help = format!("{{ per_s = {}, burst = {} }} is usual", usual.per_s, usual.burst);
            self.fault(given.span(), "a rate of nothing turns everybody away", Some(&help));
        }
        rate
    }
}

/// What one machine can hold of anything that costs a few kilobytes.
const COUNT_MAX: usize = 1_000_000;
