//! How often one address may try: a token bucket for each.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Mutex, PoisonError},
    time::Instant,
};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{StatusCode, request::Parts},
};

use super::problem::Problem;

/// Where a request comes from. A whole /64 is one source: that is what one IPv6 customer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Source(IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for Source {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical());
        Ok(Self(match peer {
            Some(IpAddr::V6(v6)) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
            Some(v4) => v4,
            None => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        }))
    }
}

/// What is counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deed {
    /// A password was tried.
    Login,
    /// A chat was opened.
    Chat,
    /// A chat line, a handoff.
    Line,
}

#[derive(Debug, Default)]
pub(super) struct Limits(Mutex<BTreeMap<(Deed, Source), Bucket>>);

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Limits {
    /// Takes one, or says when there will be one.
    pub(super) fn take(&self, deed: Deed, source: Source) -> Result<(), Problem> {
        let (most, per_s) = match deed {
            Deed::Login => (8.0, 0.1),
            Deed::Chat => (10.0, 0.2),
            Deed::Line => (30.0, 2.0),
        };
        let now = Instant::now();
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= SOURCES_MAX {
            // A full bucket and none are the same.
            buckets.retain(|_, bucket| now.duration_since(bucket.at).as_secs() < 120);
        }
        if buckets.len() >= SOURCES_MAX {
            buckets.pop_first();
        }
        let bucket = buckets.entry((deed, source)).or_insert(Bucket { left: most, at: now });
        bucket.left = (bucket.left + now.duration_since(bucket.at).as_secs_f64() * per_s).min(most);
        bucket.at = now;
        if bucket.left >= 1.0 {
            bucket.left -= 1.0;
            return Ok(());
        }
        let wait_s = ((1.0 - bucket.left) / per_s).ceil() as u32;
        let detail = format!("Wait {wait_s} s and try again.");
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "Too many tries from this address", detail).after(wait_s))
    }
}

/// Sources remembered; past it those that have been quiet are forgotten first.
const SOURCES_MAX: usize = 10_000;
