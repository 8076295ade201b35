//! Networks, and addresses that cannot be meant.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why a network is not usable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Neither an address nor an address with a prefix length.
    Unreadable,
    /// The prefix is longer than the address.
    TooLong(u8),
    /// It is everyone.
    Everyone,
    /// Bits are set behind the prefix; this was meant.
    HostBits(IpAddr, u8),
}

/// `10.0.0.0/8`, or one address.
pub(super) fn network(text: &str) -> Result<(IpAddr, u8), Unfit> {
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let address: IpAddr = address.parse().map_err(|_| Unfit::Unreadable)?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let length: u8 = length.map_or(Ok(longest), str::parse).map_err(|_| Unfit::Unreadable)?;
    if length > longest {
        return Err(Unfit::TooLong(longest));
    }
    if length == 0 {
        return Err(Unfit::Everyone);
    }
    let base = masked(address, length);
    if base == address { Ok((address, length)) } else { Err(Unfit::HostBits(base, length)) }
}

/// An address of RFC 5737 or RFC 3849, which stand in documents and nowhere else.
pub(super) fn is_example(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => matches!(address.octets(), [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _]),
        IpAddr::V6(address) => matches!(address.segments(), [0x2001, 0xdb8, ..]),
    }
}

/// Not to be reached from the public network: loopback, RFC 1918, RFC 3927, RFC 6598, RFC 4193, RFC 4291 2.5.6.
pub(super) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_loopback() || address.is_private() || address.is_link_local() || matches!(address.octets(), [100, 64..=127, ..])
        }
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
    }
}

fn masked(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(u32::from(32 - length)).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(u32::from(128 - length)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_told_from_what_cannot_be_meant() {
        assert_eq!(network("10.0.0.0/8"), Ok((ip("10.0.0.0"), 8)));
        assert_eq!(network("10.1.2.3"), Ok((ip("10.1.2.3"), 32)));
        assert_eq!(network("2001:db9::/32"), Ok((ip("2001:db9::"), 32)));
        assert_eq!(network("10.0.0.7/8"), Err(Unfit::HostBits(ip("10.0.0.0"), 8)));
        assert_eq!(network("10.0.0.0/33"), Err(Unfit::TooLong(32)));
        assert_eq!(network("0.0.0.0/0"), Err(Unfit::Everyone));
        assert_eq!(network("carrier"), Err(Unfit::Unreadable));
        assert_eq!(network("10.0.0.0/x"), Err(Unfit::Unreadable));
    }

    #[test]
    fn examples_and_private_addresses_are_known() {
        assert!(["192.0.2.1", "198.51.100.9", "203.0.113.255", "2001:db8::1"].map(ip).into_iter().all(is_example));
        assert!(!is_example(ip("192.0.3.1")));
        assert!(
            ["127.0.0.1", "10.1.1.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.1.1", "::1", "fd00::1", "fe80::1"]
                .map(ip)
                .into_iter()
                .all(is_private)
        );
        assert!(!is_private(ip("100.128.0.1")));
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }
}
