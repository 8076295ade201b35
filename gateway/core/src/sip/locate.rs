//! Where a SIP URI leads (RFC 3263 4): which transport, which port, which addresses, in which order.
//!
//! Asks for records and is told them, so it holds no socket: `next` names the next query, `answer` takes what was found, and when there is
//! no query left `finish` has the servers. Chance comes in with [`order`], once for each call, so that weights (RFC 2782) share the calls.

use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use rand::Rng;

use super::{Uri, header::Scheme};
use crate::events::wire::{Candidate, Hop, Transport};

/// What to ask the name server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// Which services has this domain? (RFC 3263 4.1)
    Naptr(String),
    /// Which servers has this service? (RFC 2782)
    Srv(String),
    /// Which addresses has this host, of either family?
    Address(String),
}

/// What the name server knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    Naptr { order: u16, preference: u16, flags: String, service: String, replacement: String },
    Srv { priority: u16, weight: u16, port: u16, target: String },
    Address(IpAddr),
}

/// A search under way.
#[derive(Debug, Clone)]
pub struct Locating {
    domain: String,
    /// What is left of the domain's own address, where nothing says more.
    usual: Transport,
    spoken: Vec<Transport>,
    tasks: VecDeque<Task>,
    found: Vec<Candidate>,
    ttl: Duration,
}

/// One step of it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Task {
    Naptr,
    /// `others` are services that are tried where this one has no record.
    Srv {
        name: String,
        transport: Transport,
        others: Vec<(String, Transport)>,
    },
    Address {
        host: String,
        port: u16,
        transport: Transport,
        rank: u16,
        weight: u16,
    },
}

/// The URI leads nowhere that we can speak to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Nowhere {
    /// It is no SIP address.
    #[error("{0} is not a sip: or sips: address")]
    Scheme(String),
    /// It asks for a transport that has no listener here.
    #[error("nothing here speaks {0}; add a [[sip]] block for it")]
    Transport(String),
}

impl Locating {
    /// Begins at a URI; `spoken` are our transports, the favourite first.
    pub fn begin(uri: &Uri, spoken: &[Transport]) -> Result<Self, Nowhere> {
        let secure = match uri.scheme {
            Scheme::Sip => false,
            Scheme::Sips => true,
            Scheme::Tel | Scheme::Other(_) => return Err(Nowhere::Scheme(uri.to_string())),
        };
        let usable: Vec<Transport> = spoken.iter().copied().filter(|transport| !secure || is_secure(*transport)).collect();
        let asked = match uri.params.value("transport") {
            Some(word) => Some(named(word, secure).filter(|asked| usable.contains(asked)).ok_or(Nowhere::Transport(word.to_owned()))?),
            None => None,
        };
        let favourite = if secure { Transport::Tls } else { Transport::Udp };
        let usual = usable.iter().copied().find(|transport| *transport == favourite).or(usable.first().copied());
        let usual = asked.or(usual).ok_or_else(|| Nowhere::Transport(favourite.token().to_owned()))?;
        let mut search =
            Self { domain: uri.host.as_str().to_owned(), usual, spoken: usable, tasks: VecDeque::new(), found: Vec::new(), ttl: TTL_MAX };
        // "If TARGET is a numeric IP address, the client uses that address" (4.2).
        if let Ok(address) = uri.host.parse() {
            let to = SocketAddr::new(address, uri.port.unwrap_or(usual.default_port()));
            search.found.push(Candidate { hops: vec![Hop { transport: usual, to, domain: None }], rank: 0, weight: 0 });
        } else if let Some(port) = uri.port {
            search.ask_address(&uri.host, port, usual, 0, 0);
        } else if let Some(asked) = asked {
            search.ask_services(vec![asked]);
        } else {
            search.tasks.push_back(Task::Naptr);
        }
        Ok(search)
    }

    /// The next query; `None` when nothing is left to ask.
    pub fn next(&self) -> Option<Query> {
        self.tasks.front().map(|task| match task {
            Task::Naptr => Query::Naptr(self.domain.clone()),
            Task::Srv { name, .. } => Query::Srv(name.clone()),
            Task::Address { host, .. } => Query::Address(host.clone()),
        })
    }

    /// What that query found, which may be nothing; the records stay true for `ttl`.
    pub fn answer(&mut self, records: &[Record], ttl: Duration) {
        let Some(task) = self.tasks.pop_front() else { return };
        if !records.is_empty() {
            self.ttl = self.ttl.min(ttl);
        }
        match task {
            Task::Naptr => self.choose_service(records),
            Task::Srv { transport, others, .. } => self.choose_servers(records, transport, others),
            Task::Address { port, transport, rank, weight, .. } => {
                let domain = Some(self.domain.clone());
                let addresses = records.iter().filter_map(|record| match record {
                    Record::Address(address) => Some(*address),
                    Record::Naptr { .. } | Record::Srv { .. } => None,
                });
                let hop = |address| Hop { transport, to: SocketAddr::new(address, port), domain: domain.clone() };
                let hops: Vec<Hop> = addresses.take(ADDRESSES_MAX).map(hop).collect();
                if !hops.is_empty() {
                    self.found.push(Candidate { hops, rank, weight });
                }
            }
        }
    }

    /// The servers, best rank first, and how long they are true.
    pub fn finish(mut self) -> (Vec<Candidate>, Duration) {
        self.found.sort_by_key(|candidate| candidate.rank);
        (self.found, self.ttl)
    }

    /// "The most preferred transport protocol of the server that is supported by the client" (4.1).
    fn choose_service(&mut self, records: &[Record]) {
        let mut services: Vec<_> = records
            .iter()
            .filter_map(|record| match record {
                Record::Naptr { order, preference, flags, service, replacement } if flags.eq_ignore_ascii_case("s") => {
                    let transport = self.transport_of(service)?;
                    Some((*order, *preference, transport, replacement.trim_end_matches('.').to_owned()))
                }
                Record::Naptr { .. } | Record::Srv { .. } | Record::Address(_) => None,
            })
            .collect();
        services.sort_by_key(|(order, preference, ..)| (*order, *preference));
        match services.into_iter().next() {
            Some((_, _, transport, name)) => self.tasks.push_back(Task::Srv { name, transport, others: Vec::new() }),
            None => self.ask_services(self.spoken.clone()),
        }
    }

    fn choose_servers(&mut self, records: &[Record], transport: Transport, mut others: Vec<(String, Transport)>) {
        let mut servers: Vec<_> = records
            .iter()
            .filter_map(|record| match record {
                Record::Srv { priority, weight, port, target } => Some((*priority, *weight, *port, target.trim_end_matches('.'))),
                Record::Naptr { .. } | Record::Address(_) => None,
            })
            .collect();
        if servers.is_empty() {
            if others.is_empty() {
                // "If no SRV records were found, the client performs an A or AAAA record lookup of the domain name" (4.2).
                let domain = self.domain.clone();
                self.ask_address(&domain, self.usual.default_port(), self.usual, 0, 0);
            } else {
                let (name, transport) = others.remove(0);
                self.tasks.push_back(Task::Srv { name, transport, others });
            }
            return;
        }
        servers.sort_by_key(|(priority, weight, ..)| (*priority, u16::MAX - *weight));
        for (priority, weight, port, target) in servers.into_iter().take(SERVERS_MAX) {
            // "A Target of "." means that the service is decidedly not available at this domain" (RFC 2782).
            if !target.is_empty() {
                self.ask_address(target, port, transport, priority, weight);
            }
        }
    }

    fn ask_services(&mut self, transports: Vec<Transport>) {
        let mut services: Vec<_> = transports.into_iter().map(|transport| (service_name(transport, &self.domain), transport)).collect();
        if !services.is_empty() {
            let (name, transport) = services.remove(0);
            self.tasks.push_back(Task::Srv { name, transport, others: services });
        }
    }

    fn ask_address(&mut self, host: &str, port: u16, transport: Transport, rank: u16, weight: u16) {
        self.tasks.push_back(Task::Address { host: host.to_owned(), port, transport, rank, weight });
    }

    fn transport_of(&self, service: &str) -> Option<Transport> {
        let transport = match service.to_ascii_uppercase().as_str() {
            "SIP+D2U" => Transport::Udp,
            "SIP+D2T" => Transport::Tcp,
            "SIPS+D2T" => Transport::Tls,
            "SIP+D2W" => Transport::Ws,
            "SIPS+D2W" => Transport::Wss,
            _ => return None,
        };
        self.spoken.contains(&transport).then_some(transport)
    }
}

/// The addresses to try for one call, in order: lower ranks first, and within a rank each server as often first as its weight asks.
pub fn order(candidates: &[Candidate], rng: &mut impl Rng) -> Vec<Hop> {
    let mut left: Vec<&Candidate> = candidates.iter().collect();
    // Those of weight 0 come first, so that the draw can give them a small share (RFC 2782).
    left.sort_by_key(|candidate| (candidate.rank, candidate.weight));
    let mut hops = Vec::new();
    while let Some(rank) = left.first().map(|candidate| candidate.rank) {
        let same = left.iter().take_while(|candidate| candidate.rank == rank).count();
        let total: u64 = left[..same].iter().map(|candidate| u64::from(candidate.weight)).sum();
        let draw = rng.next_u64() % (total + 1);
        let mut sum = 0;
        let chosen = left[..same]
            .iter()
            .position(|candidate| {
                sum += u64::from(candidate.weight);
                sum >= draw
            })
            .unwrap_or(0);
        hops.extend(left.remove(chosen).hops.iter().cloned());
    }
    hops
}

const fn is_secure(transport: Transport) -> bool {
    matches!(transport, Transport::Tls | Transport::Wss)
}

/// As a URI's `transport` spells it (19.1.1); under `sips`, TCP means TLS (26.2.2) and WebSocket the one over TLS.
fn named(word: &str, secure: bool) -> Option<Transport> {
    match (word.to_ascii_lowercase().as_str(), secure) {
        ("udp", false) => Some(Transport::Udp),
        ("tcp", false) => Some(Transport::Tcp),
        ("tls", _) | ("tcp", true) => Some(Transport::Tls),
        ("ws", false) => Some(Transport::Ws),
        ("wss", _) | ("ws", true) => Some(Transport::Wss),
        _ => None,
    }
}

/// `_sip._udp.carrier.tld` (4.2); WebSocket's services are those of RFC 7118 only by NAPTR, so by name they look like TCP's.
fn service_name(transport: Transport, domain: &str) -> String {
    let prefix = match transport {
        Transport::Udp => "_sip._udp",
        Transport::Tcp | Transport::Ws => "_sip._tcp",
        Transport::Tls | Transport::Wss => "_sips._tcp",
    };
    format!("{prefix}.{domain}")
}

/// However long the records say: a day.
const TTL_MAX: Duration = Duration::from_secs(86_400);

/// Servers of one service that are worth trying before the caller has hung up.
const SERVERS_MAX: usize = 8;

/// Addresses of one server.
const ADDRESSES_MAX: usize = 4;

#[cfg(test)]
mod tests;
