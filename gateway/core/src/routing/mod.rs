//! Which trunk is speaking, what the dialled number does, and which trunk a call goes out by.
//!
//! A refusal knows the rule that came nearest and the field that differed: the log, the peer's `Warning` and the console say the same words.

pub mod limits;
pub mod numbers;
pub mod outbound;
mod refusal;

use std::net::{IpAddr, SocketAddr};

pub use refusal::Refusal;

use crate::{
    cause::Cause,
    config::{Config, Route, Trunk},
};

/// The trunk that speaks from this address: the one with the longest prefix.
///
/// # Errors
/// Nobody we know: a bare code for the peer, the nearest trunk for the log.
pub fn trunk_of(config: &Config, from: SocketAddr) -> Result<&Trunk, Refusal> {
    let best = config
        .trunks
        .iter()
        .filter_map(|trunk| {
            Some((trunk.sources.iter().filter(|source| contains(**source, from.ip())).map(|source| source.1).max()?, trunk))
        })
        .max_by_key(|(prefix, _)| *prefix);
    match best {
        Some((_, trunk)) => Ok(trunk),
        None => Err(Refusal::unknown_source(from.ip(), nearest_trunk(config, from.ip()))),
    }
}

/// What the dialled user part does; `trunk` is `None` for a phone of ours.
///
/// # Errors
/// No route fits: 404 with the route that came nearest.
pub fn route_of<'a>(config: &'a Config, trunk: Option<&str>, dialled: &str) -> Result<&'a Route, Refusal> {
    let fits_trunk = |route: &&Route| route.trunk.as_deref().is_none_or(|wanted| Some(wanted) == trunk);
    config
        .routes
        .iter()
        .find(|route| (route.dialled == "*" || same_number(&route.dialled, dialled)) && fits_trunk(route))
        .ok_or_else(|| Refusal::no_route(dialled, config.routes.iter().find(|route| same_number(&route.dialled, dialled)), trunk))
}

/// Numbers are the same with and without their `+`; names are left alone.
fn same_number(rule: &str, dialled: &str) -> bool {
    rule.strip_prefix('+').unwrap_or(rule) == dialled.strip_prefix('+').unwrap_or(dialled)
}

/// Whether `address` lies in the network; an IPv4 address mapped into IPv6 counts as IPv4.
fn contains((network, prefix): (IpAddr, u8), address: IpAddr) -> bool {
    shared_bits(network, address.to_canonical()).is_some_and(|bits| bits >= u32::from(prefix))
}

/// How many leading bits two addresses of one family share.
fn shared_bits(one: IpAddr, other: IpAddr) -> Option<u32> {
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => Some((one.to_bits() ^ other.to_bits()).leading_zeros()),
        (IpAddr::V6(one), IpAddr::V6(other)) => Some((one.to_bits() ^ other.to_bits()).leading_zeros()),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => None,
    }
}

fn nearest_trunk(config: &Config, address: IpAddr) -> Option<(&str, (IpAddr, u8))> {
    config
        .trunks
        .iter()
        .flat_map(|trunk| trunk.sources.iter().map(move |source| (trunk.name.as_str(), *source)))
        .max_by_key(|(_, source)| shared_bits(source.0, address.to_canonical()))
}

/// No one may speak from here.
const FORBIDDEN: Cause = Cause { sip: 403, q850: 21, fault: crate::cause::Fault::Carrier, retry: false };

#[cfg(test)]
mod tests;
