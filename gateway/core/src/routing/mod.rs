//! Which trunk is speaking, what the dialled number does, and which trunk a call goes out by.
//!
//! A refusal knows the rule that came nearest, the field that differed and the line that would admit the call; the log, the console,
//! `GET /v1/rejections` and `tandem route-test` all say it in the same words, for they ask the same functions.

pub mod limits;
mod near;
pub mod numbers;
pub mod outbound;
mod quote;
mod reason;
mod refusal;
mod verdict;

use std::net::{IpAddr, SocketAddr};

use media::{
    codec::CodecKind,
    sdp::{MediaKind, Offer},
};

pub use reason::Reason;
pub use refusal::{Admit, Differs, Refusal};
pub use verdict::{Asked, By, Verdict, Way, judge};

use crate::config::{Config, Route, Trunk};

/// The trunk that speaks from this address: the one with the longest prefix.
///
/// # Errors
/// Nobody we know: a bare code for the peer, the nearest trunk for the log.
pub fn trunk_of(config: &Config, from: SocketAddr) -> Result<&Trunk, Refusal> {
    let best = config.trunks.iter().filter_map(|trunk| Some((source_of(trunk, from.ip())?.1, trunk))).max_by_key(|(prefix, _)| *prefix);
    match best {
        Some((_, trunk)) => Ok(trunk),
        None => Err(Refusal::unknown_source(from.ip(), near::nearest_trunk(config, from.ip()))),
    }
}

/// What the dialled user part does; `trunk` is `None` for a phone of ours.
///
/// # Errors
/// No route fits: 404 with the route that came nearest.
pub fn route_of<'a>(config: &'a Config, trunk: Option<&str>, dialled: &str) -> Result<&'a Route, Refusal> {
    let fits_number = |route: &&Route| route.dialled == "*" || same_number(&route.dialled, dialled);
    let fits_trunk = |route: &&Route| route.trunk.as_deref().is_none_or(|wanted| Some(wanted) == trunk);
    if let Some(route) = config.routes.iter().find(|route| fits_number(route) && fits_trunk(route)) {
        return Ok(route);
    }
    Err(match config.routes.iter().find(fits_number) {
        Some(route) => Refusal::route_of_another_trunk(config, dialled, route, trunk),
        None => Refusal::no_route(config, dialled, near::nearest_route(config, dialled)),
    })
}

/// Whether one of our codecs is in the offer's audio; `trunk` is `None` for a phone of ours. An offer with no audio is for others to judge.
///
/// # Errors
/// 488 with the codecs on both sides, and the line that would add one that we could speak.
pub fn codec_of(trunk: Option<&Trunk>, ours: &[CodecKind], offer: &Offer) -> Result<(), Refusal> {
    let lines = offer.description().media.iter().filter(|media| media.kind == MediaKind::Audio && media.port != 0);
    let maps: Vec<_> = lines.flat_map(|media| media.payload_types().filter_map(|number| media.rtp_map(number))).collect();
    let known: Vec<CodecKind> = maps.iter().filter_map(|map| CodecKind::named(map.encoding, map.clock_rate)).collect();
    if maps.is_empty() || known.iter().any(|codec| ours.contains(codec)) {
        return Ok(());
    }
    let is_voice = |name: &str| !name.eq_ignore_ascii_case("telephone-event") && !name.eq_ignore_ascii_case("CN");
    let offered: Vec<String> =
        maps.iter().map(|map| map.encoding).filter(|name| is_voice(name)).take(OFFERED_MAX).map(str::to_owned).collect();
    Err(Refusal::no_codec(trunk, ours, &offered, &known))
}

/// The narrowest network of a trunk that holds an address.
fn source_of(trunk: &Trunk, address: IpAddr) -> Option<(IpAddr, u8)> {
    trunk.sources.iter().copied().filter(|source| contains(*source, address)).max_by_key(|source| source.1)
}

/// Numbers are the same with and without their `+`; names are left alone.
fn same_number(rule: &str, dialled: &str) -> bool {
    rule.strip_prefix('+').unwrap_or(rule) == dialled.strip_prefix('+').unwrap_or(dialled)
}

/// Whether `address` lies in the network; an IPv4 address mapped into IPv6 counts as IPv4.
fn contains((network, prefix): (IpAddr, u8), address: IpAddr) -> bool {
    near::shared_bits(network, address.to_canonical()).is_some_and(|bits| bits >= u32::from(prefix))
}

/// Codecs of an offer that a refusal names.
const OFFERED_MAX: usize = 8;

#[cfg(test)]
mod tests;
