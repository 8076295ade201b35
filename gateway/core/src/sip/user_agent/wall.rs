//! The wall: how many requests outside calls one source may send.
//!
//! A bucket of tokens for each stranger, one for all strangers together, and one of its own for each network that a trunk speaks from: so a
//! flood of strangers, under however many forged addresses, leaves the trunks what is theirs. Nobody is banned, since a UDP source can be
//! forged and a ban would be a weapon: a bucket that is empty fills again. What belongs to a call never comes here.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    time::{Duration, Instant},
};

use crate::config::{Limits, Rate};

/// May a request come in?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    Open,
    /// Answer 503 and say when to come again.
    Refused,
    /// Say nothing: it has been told within the last second, and answers to a flood are a flood.
    Ignored,
}

/// All buckets.
#[derive(Debug)]
pub(super) struct Wall {
    limits: Limits,
    /// `true`, always; tests switch it off to see their proof fail.
    guard: bool,
    trunks: Vec<((IpAddr, u8), Bucket)>,
    strangers: BTreeMap<IpAddr, Stranger>,
    /// The stranger that was silent for longest comes first.
    by_use: BTreeMap<u64, IpAddr>,
    uses: u64,
    together: Bucket,
}

#[derive(Debug, Clone, Copy)]
struct Stranger {
    bucket: Bucket,
    used: u64,
    told: Option<Instant>,
}

impl Wall {
    pub(super) const fn new(limits: Limits, guard: bool) -> Self {
        let together = Bucket::full(limits.strangers);
        Self { limits, guard, trunks: Vec::new(), strangers: BTreeMap::new(), by_use: BTreeMap::new(), uses: 0, together }
    }

    /// The networks that trunks speak from, each as address and prefix length; those that stay keep their buckets.
    pub(super) fn set_trunks(&mut self, networks: impl Iterator<Item = (IpAddr, u8)>) {
        let known: BTreeMap<_, _> = self.trunks.drain(..).collect();
        let fresh = Bucket::full(self.limits.trunk);
        self.trunks = networks.map(|network| (network, known.get(&network).copied().unwrap_or(fresh))).collect();
    }

    /// One request outside calls has come from `source`.
    pub(super) fn admit(&mut self, now: Instant, source: IpAddr) -> Entry {
        if !self.guard {
            return Entry::Open;
        }
        if let Some((_, bucket)) = self.trunks.iter_mut().find(|(network, _)| contains(*network, source)) {
            return if bucket.take(now, self.limits.trunk) { Entry::Open } else { Entry::Refused };
        }
        self.uses += 1;
        let (limits, used) = (self.limits, self.uses);
        let source = household(source);
        let stranger = self.strangers.entry(source).or_insert(Stranger { bucket: Bucket::full(limits.stranger), used: 0, told: None });
        self.by_use.remove(&stranger.used);
        stranger.used = used;
        self.by_use.insert(used, source);
        let entry = if stranger.bucket.take(now, limits.stranger) {
            if self.together.take(now, limits.strangers) { Entry::Open } else { Entry::Ignored }
        } else if stranger.told.is_some_and(|told| now.saturating_duration_since(told) < TOLD_AGAIN) {
            Entry::Ignored
        } else {
            stranger.told = Some(now);
            Entry::Refused
        };
        if self.strangers.len() > STRANGERS_MAX
            && let Some((_, silent)) = self.by_use.pop_first()
        {
            self.strangers.remove(&silent);
        }
        entry
    }

    /// A digest from `source` was right: its two requests (the first was challenged) count no more.
    pub(super) fn refund(&mut self, source: IpAddr) {
        if let Some(stranger) = self.strangers.get_mut(&household(source)) {
            stranger.bucket.put_back(2, self.limits.stranger);
            self.together.put_back(2, self.limits.strangers);
        }
    }

    #[cfg(test)]
    pub(super) fn strangers(&self) -> (usize, usize) {
        (self.strangers.len(), self.by_use.len())
    }
}

/// Thousandths of a token, as of a time.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    thousandths: u64,
    at: Option<Instant>,
}

impl Bucket {
    const fn full(rate: Rate) -> Self {
        Self { thousandths: rate.burst as u64 * 1000, at: None }
    }

    fn take(&mut self, now: Instant, rate: Rate) -> bool {
        let passed = self.at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        // A thousandth of a token for each millisecond and each request a second.
        let refill = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX).saturating_mul(rate.per_s.into());
        if refill > 0 || self.at.is_none() {
            self.at = Some(now);
        }
        self.thousandths = self.thousandths.saturating_add(refill).min(u64::from(rate.burst) * 1000);
        match self.thousandths.checked_sub(1000) {
            Some(left) => {
                self.thousandths = left;
                true
            }
            None => false,
        }
    }

    fn put_back(&mut self, tokens: u64, rate: Rate) {
        self.thousandths = (self.thousandths + tokens * 1000).min(u64::from(rate.burst) * 1000);
    }
}

/// One customer's network: an IPv6 host has 2^64 addresses to send from.
pub fn household(source: IpAddr) -> IpAddr {
    match source {
        IpAddr::V4(_) => source,
        IpAddr::V6(address) => address.to_ipv4_mapped().map_or(IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)), IpAddr::V4),
    }
}

fn contains((network, length): (IpAddr, u8), address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            (network.to_bits() ^ address.to_bits()).checked_shr(32 - u32::from(length.min(32))).unwrap_or(0) == 0
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            (network.to_bits() ^ address.to_bits()).checked_shr(128 - u32::from(length.min(128))).unwrap_or(0) == 0
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

/// Strangers remembered at once. The one that was silent for longest is forgotten first, and then has a full bucket again.
pub(super) const STRANGERS_MAX: usize = 4096;

/// How often a stranger whose bucket is empty hears so.
const TOLD_AGAIN: Duration = Duration::from_secs(1);
