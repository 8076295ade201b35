//! Which rule a call came nearest to.

use std::net::IpAddr;

use crate::config::{Config, Route, Trunk};

/// The trunk and network that share most leading bits with an address, and how many.
pub(super) fn nearest_trunk(config: &Config, address: IpAddr) -> Option<(&Trunk, (IpAddr, u8), u32)> {
    config
        .trunks
        .iter()
        .flat_map(|trunk| trunk.sources.iter().map(move |source| (trunk, *source)))
        .filter_map(|(trunk, source)| Some((trunk, source, shared_bits(source.0, address.to_canonical())?)))
        // Of equals the first, as the file has them.
        .rev()
        .max_by_key(|(_, _, bits)| *bits)
}

/// The route whose number shares most digits with what was dialled, from either end: a country code too much or a wrong extension.
pub(super) fn nearest_route<'a>(config: &'a Config, dialled: &str) -> Option<&'a Route> {
    let near = |route: &Route| shared_letters(&route.dialled, dialled);
    config.routes.iter().rev().filter(|route| near(route) >= SHARED_MIN).max_by_key(|route| near(route))
}

/// How many leading bits two addresses of one family share.
pub(super) fn shared_bits(one: IpAddr, other: IpAddr) -> Option<u32> {
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => Some((one.to_bits() ^ other.to_bits()).leading_zeros()),
        (IpAddr::V6(one), IpAddr::V6(other)) => Some((one.to_bits() ^ other.to_bits()).leading_zeros()),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => None,
    }
}

/// The longer of the common beginning and the common end, without regard to case and to a `+`.
fn shared_letters(rule: &str, dialled: &str) -> usize {
    let letters = |text: &str| text.trim_start_matches('+').to_ascii_lowercase().chars().collect::<Vec<_>>();
    let (rule, dialled) = (letters(rule), letters(dialled));
    let same = |pairs: &mut dyn Iterator<Item = (&char, &char)>| pairs.take_while(|(one, other)| one == other).count();
    same(&mut rule.iter().zip(&dialled)).max(same(&mut rule.iter().rev().zip(dialled.iter().rev())))
}

/// Fewer letters in common are chance.
const SHARED_MIN: usize = 2;
