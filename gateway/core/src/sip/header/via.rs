//! Via: the way back (RFC 3261 20.42, RFC 3581).

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use super::{
    Malformed, Params, is_token,
    text::{find_outside, split_once, trim},
    uri::{print_hostport, read_hostport},
};
use crate::sip::Text;

/// Branches of RFC 3261 begin so (8.1.1.7); others are from RFC 2543 and name nothing.
pub const MAGIC_COOKIE: &str = "z9hG4bK";

/// One hop that a request took, and its response will take back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// Upper case: `UDP`, `TCP`, `TLS`, `WS`, `WSS`.
    pub transport: Text,
    /// Sent-by; IPv6 without its brackets.
    pub host: Text,
    pub port: Option<u16>,
    pub params: Params,
}

impl Via {
    /// Our own, asking for `rport`.
    pub fn udp(sent_by: SocketAddr, branch: &str) -> Self {
        let mut params = Params::new();
        params.set("branch", Some(branch));
        params.set("rport", None);
        Self { transport: Text::literal("UDP"), host: sent_by.ip().to_string().into(), port: Some(sent_by.port()), params }
    }

    /// Reads one element; the grammar allows spaces nearly everywhere.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let whole = Text::from(text);
        Self::read(&whole, &whole)
    }

    /// As `parse`; `text` is a part of `whole`, and the result too.
    pub(in crate::sip) fn read(whole: &Text, text: &str) -> Result<Self, Malformed> {
        let (head, params) = match find_outside(text, ';') {
            Some(at) => (&text[..at], Params::read(whole, &text[at + 1..])?),
            None => (text, Params::new()),
        };
        let (protocol, rest) = split_once(head, b'/').ok_or(Malformed)?;
        let (version, rest) = split_once(rest, b'/').ok_or(Malformed)?;
        let (protocol, version, rest) = (trim(protocol), trim(version), trim(rest));
        let blank = rest.bytes().position(|b| matches!(b, b' ' | b'\t')).ok_or(Malformed)?;
        let (transport, sent_by) = rest.split_at(blank);
        if !protocol.eq_ignore_ascii_case("SIP") || version != "2.0" || !is_token(transport) {
            return Err(Malformed);
        }
        let (host, port) = read_hostport(whole, sent_by)?;
        Ok(Self { transport: upper_case(transport), host, port, params })
    }

    /// Names the transaction.
    pub fn branch(&self) -> Option<&str> {
        self.params.value("branch")
    }

    /// Notes where the request came from (RFC 3261 18.2.1, RFC 3581 4): `rport` if asked for, `received` if it is or differs.
    pub fn stamp(&mut self, source: SocketAddr) {
        let wants_port = self.params.has("rport");
        if wants_port {
            self.params.set("rport", Some(&source.port().to_string()));
        }
        match wants_port || self.host.parse() != Ok(source.ip()) {
            true => self.params.set("received", Some(&source.ip().to_string())),
            false => self.params.remove("received"),
        }
    }

    pub(in crate::sip) fn print(&self, out: &mut impl fmt::Write) -> fmt::Result {
        out.write_str("SIP/2.0/")?;
        out.write_str(&self.transport)?;
        out.write_char(' ')?;
        print_hostport(out, &self.host, self.port)?;
        self.params.print(out)
    }

    /// Where the response goes, given the request's source (RFC 3261 18.2.2, RFC 3581 4).
    ///
    /// Always to the address that the request came from; `maddr` is not obeyed, since it would let anyone aim our answers at anyone.
    pub fn reply_to(&self, source: SocketAddr) -> SocketAddr {
        match self.params.has("rport") {
            true => source,
            false => SocketAddr::new(source.ip(), self.port.unwrap_or(5060)),
        }
    }

    /// Was the sender's own idea of its address wrong? Then a NAT stands between, and its Contact is of no use either.
    pub fn is_translated(&self, source: SocketAddr) -> bool {
        self.host.parse::<IpAddr>().is_ok_and(|ip| ip != source.ip())
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(f)
    }
}

fn upper_case(transport: &str) -> Text {
    match TRANSPORTS.iter().find(|known| known.eq_ignore_ascii_case(transport)) {
        Some(known) => Text::literal(known),
        None => transport.to_ascii_uppercase().into(),
    }
}

/// Those that a Via names in our time.
const TRANSPORTS: [&str; 5] = ["UDP", "TCP", "TLS", "WSS", "WS"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_stand_nearly_everywhere() {
        let via = Via::parse("SIP  / 2.0\t/ udp  192.0.2.2 : 4000 ;branch = z9hG4bKkdjuw ; ttl=16").unwrap();
        assert_eq!(
            (via.transport.as_str(), via.host.as_str(), via.port, via.branch()),
            ("UDP", "192.0.2.2", Some(4000), Some("z9hG4bKkdjuw"))
        );
        assert_eq!(Via::parse(&via.to_string()), Ok(via));
    }

    #[test]
    fn an_ipv6_sent_by_keeps_its_brackets_on_the_wire() {
        let via = Via::parse("SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3").unwrap();
        assert_eq!(via.host, "2001:db8::9:1");
        assert_eq!(via.to_string(), "SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3");
    }

    #[test]
    fn the_answer_goes_to_the_source_and_to_its_port_if_rport_asks_so() {
        let source: SocketAddr = "203.0.113.9:4444".parse().unwrap();
        let mut plain = Via::parse("SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bKa;maddr=198.51.100.1").unwrap();
        assert_eq!(plain.reply_to(source), "203.0.113.9:5070".parse::<std::net::SocketAddr>().unwrap());
        plain.stamp(source);
        assert_eq!(plain.params.value("received"), Some("203.0.113.9"));
        let mut asking = Via::parse("SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bKa;rport").unwrap();
        assert_eq!(asking.reply_to(source), source);
        asking.stamp(source);
        assert_eq!(asking.params.value("rport"), Some("4444"));
    }
}
