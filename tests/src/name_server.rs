//! A name server of our own on loopback: NAPTR, SRV and A records of one test, by UDP (RFC 1035, 2782, 3403).
//!
//! Written from the RFCs rather than on the resolver's own crate, so that the two do not share a mistake.

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// What stands under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// A service of a domain: `order` and `preference`, `SIP+D2U` or the like, and the name of its SRV records.
    Naptr(u16, u16, &'static str, &'static str),
    /// A server of a service: priority, weight, port, host.
    Srv(u16, u16, u16, &'static str),
    /// A host's address.
    A(Ipv4Addr),
}

/// Answers until it is dropped.
#[derive(Debug)]
pub struct NameServer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl NameServer {
    /// Serves these records from a free port.
    pub fn start(zone: &[(&'static str, Resource)]) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        socket.set_read_timeout(Some(TURN)).expect("a turn is not zero");
        let address = socket.local_addr().expect("it is bound");
        let (asked, ends) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (zone, heard, end) = (zone.to_vec(), asked.clone(), ends.clone());
        let thread = thread::spawn(move || {
            let mut buffer = [0; 1500];
            while !end.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
                let Some((name, kind, question)) = question(&buffer[..length]) else { continue };
                heard.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{} {name}", word(kind)));
                let _ = socket.send_to(&answer(&buffer[..2], question, &name, kind, &zone), from);
            }
        });
        Self { address, asked, ends, thread: Some(thread) }
    }

    /// For `[dns] server`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was asked so far, as `SRV _sip._udp.carrier.test`.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The name in small letters, the type, and the question as it stands in the query (RFC 1035 4.1.2).
fn question(query: &[u8]) -> Option<(String, u16, &[u8])> {
    let (mut at, mut labels) = (HEADER, Vec::new());
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes(query.get(at..at + 2)?.try_into().ok()?);
    Some((labels.join("."), kind, query.get(HEADER..at + 4)?))
}

/// All records of that name and type; NXDOMAIN where the name has none of any type (RFC 1035 4.1.1).
fn answer(id: &[u8], question: &[u8], name: &str, kind: u16, zone: &[(&'static str, Resource)]) -> Vec<u8> {
    let known: Vec<&Resource> = zone.iter().filter(|(owner, _)| *owner == name).map(|(_, resource)| resource).collect();
    let found: Vec<&&Resource> = known.iter().filter(|resource| type_of(resource) == kind).collect();
    let code = if known.is_empty() { NAME_ERROR } else { 0 };
    let mut reply = id.to_vec();
    // A response, authoritative, recursion available.
    reply.extend([0x84, 0x80 | code]);
    for count in [1, found.len(), 0, 0] {
        reply.extend(u16::try_from(count).expect("a small zone").to_be_bytes());
    }
    reply.extend(question);
    for resource in found {
        let data = data_of(resource);
        // Its owner is the name at the beginning of the question.
        reply.extend([0xC0, HEADER as u8]);
        reply.extend(kind.to_be_bytes());
        reply.extend(INTERNET.to_be_bytes());
        reply.extend(TTL_S.to_be_bytes());
        reply.extend(u16::try_from(data.len()).expect("a short record").to_be_bytes());
        reply.extend(data);
    }
    reply
}

fn data_of(resource: &Resource) -> Vec<u8> {
    match resource {
        Resource::A(address) => address.octets().to_vec(),
        Resource::Srv(priority, weight, port, target) => {
            [priority, weight, port].iter().flat_map(|number| number.to_be_bytes()).chain(labels(target)).collect()
        }
        Resource::Naptr(order, preference, service, replacement) => {
            let numbers = [order, preference].into_iter().flat_map(|number| number.to_be_bytes());
            // Flags "s": what follows is the name of SRV records; the regular expression is empty (RFC 3403 4.1).
            numbers.chain(text("s")).chain(text(service)).chain(text("")).chain(labels(replacement)).collect()
        }
    }
}

fn labels(name: &str) -> Vec<u8> {
    name.split('.').flat_map(text).chain([0]).collect()
}

fn text(word: &str) -> Vec<u8> {
    [u8::try_from(word.len()).expect("a label of at most 63 letters")].into_iter().chain(word.bytes()).collect()
}

const fn type_of(resource: &Resource) -> u16 {
    match resource {
        Resource::A(_) => 1,
        Resource::Srv(..) => 33,
        Resource::Naptr(..) => 35,
    }
}

const fn word(kind: u16) -> &'static str {
    match kind {
        1 => "A",
        28 => "AAAA",
        33 => "SRV",
        35 => "NAPTR",
        _ => "?",
    }
}

/// Octets before the question.
const HEADER: usize = 12;
const INTERNET: u16 = 1;
const NAME_ERROR: u8 = 3;
/// Longer than any test.
const TTL_S: u32 = 300;
/// How often it looks whether it is to end.
const TURN: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_answered_with_its_own_id_and_question() {
        let server = NameServer::start(&[("sip.carrier.test", Resource::A(Ipv4Addr::LOCALHOST))]);
        let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let query = [&[7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], &labels("SIP.carrier.test"), &[0, 1, 0, 1]].concat();
        client.send_to(&query, server.address()).unwrap();
        let mut reply = [0; 512];
        let length = client.recv(&mut reply).unwrap();
        assert_eq!((&reply[..2], &reply[6..8], &reply[length - 4..length]), (&[7, 9][..], &[0, 1][..], &[127, 0, 0, 1][..]));
        assert_eq!(server.asked(), ["A sip.carrier.test"]);
    }
}
