use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;

const ALL: [Transport; 3] = [Transport::Udp, Transport::Tcp, Transport::Tls];

#[test]
fn an_address_needs_no_name_server() {
    assert_eq!(found("sip:10.0.0.5", &ALL, &[]), ["udp 10.0.0.5:5060"]);
    assert_eq!(found("sip:10.0.0.5:5080;transport=tcp", &ALL, &[]), ["tcp 10.0.0.5:5080"]);
    assert_eq!(found("sips:[::1]", &ALL, &[]), ["tls [::1]:5061"]);
}

#[test]
fn the_services_preference_chooses_the_transport_and_its_servers_follow_in_order() {
    let zone = [
        ("carrier.tld", naptr(50, 50, "SIPS+D2T", "_sips._tcp.carrier.tld.")),
        ("carrier.tld", naptr(90, 50, "SIP+D2T", "_sip._tcp.carrier.tld.")),
        ("carrier.tld", naptr(100, 50, "SIP+D2U", "_sip._udp.carrier.tld.")),
        ("_sip._tcp.carrier.tld", srv(20, 0, 5062, "second.carrier.tld.")),
        ("_sip._tcp.carrier.tld", srv(10, 0, 5060, "first.carrier.tld.")),
        ("first.carrier.tld", address("10.0.0.1")),
        ("second.carrier.tld", address("10.0.0.2")),
        ("_sips._tcp.carrier.tld", srv(1, 0, 5061, "safe.carrier.tld.")),
        ("safe.carrier.tld", address("10.0.0.3")),
    ];
    assert_eq!(found("sip:carrier.tld", &ALL, &zone), ["tls 10.0.0.3:5061"]);
    // What we do not speak is discarded first (4.1).
    assert_eq!(found("sip:carrier.tld", &[Transport::Udp, Transport::Tcp], &zone), ["tcp 10.0.0.1:5060", "tcp 10.0.0.2:5062"]);
    assert_eq!(found("sips:carrier.tld", &ALL, &zone), ["tls 10.0.0.3:5061"]);
}

#[test]
fn without_services_each_transport_is_asked_for_and_without_servers_the_domain_itself() {
    let zone = [("_sip._tcp.carrier.tld", srv(1, 0, 5070, "host.carrier.tld.")), ("host.carrier.tld", address("10.0.0.9"))];
    assert_eq!(found("sip:carrier.tld", &ALL, &zone), ["tcp 10.0.0.9:5070"]);
    let bare = [("carrier.tld", address("10.0.0.8"))];
    assert_eq!(found("sip:carrier.tld", &ALL, &bare), ["udp 10.0.0.8:5060"]);
    assert_eq!(found("sips:carrier.tld", &ALL, &bare), ["tls 10.0.0.8:5061"]);
    assert_eq!(found("sip:carrier.tld;transport=tcp", &ALL, &bare), ["tcp 10.0.0.8:5060"]);
    assert_eq!(found("sip:nobody.tld", &ALL, &bare), [""; 0]);
}

#[test]
fn a_port_asks_for_addresses_alone() {
    let zone = [
        ("carrier.tld", naptr(1, 1, "SIP+D2T", "_sip._tcp.carrier.tld.")),
        ("carrier.tld", address("10.0.0.8")),
        ("carrier.tld", address("::1")),
    ];
    assert_eq!(found("sip:carrier.tld:5080", &ALL, &zone), ["udp 10.0.0.8:5080", "udp [::1]:5080"]);
}

#[test]
fn a_service_that_is_decidedly_not_there_is_not_looked_for_elsewhere() {
    let zone = [("_sip._udp.carrier.tld", srv(0, 0, 0, ".")), ("carrier.tld", address("10.0.0.8"))];
    assert_eq!(found("sip:carrier.tld", &ALL, &zone), [""; 0]);
}

#[test]
fn what_nothing_here_speaks_is_said() {
    let begun = |uri: &str, spoken: &[Transport]| Locating::begin(&Uri::parse(uri).unwrap(), spoken).unwrap_err().to_string();
    assert_eq!(begun("sip:carrier.tld;transport=tls", &[Transport::Udp]), "nothing here speaks tls; add a [[sip]] block for it");
    assert_eq!(begun("sips:carrier.tld", &[Transport::Udp]), "nothing here speaks TLS; add a [[sip]] block for it");
    assert_eq!(begun("tel:+31201234567", &ALL), "tel:+31201234567 is not a sip: or sips: address");
}

#[test]
fn the_shortest_life_of_a_record_is_that_of_the_whole() {
    let mut search = Locating::begin(&Uri::parse("sip:carrier.tld;transport=udp").unwrap(), &ALL).unwrap();
    search.answer(&[srv(1, 0, 5060, "host.carrier.tld")], Duration::from_secs(300));
    search.answer(&[address("10.0.0.1")], Duration::from_secs(30));
    assert_eq!(search.next(), None);
    assert_eq!(search.finish().1, Duration::from_secs(30));
}

#[test]
fn weights_share_the_calls_and_ranks_come_first() {
    let server = |address: &str, rank, weight| Candidate {
        hops: vec![Hop { transport: Transport::Udp, to: address.parse().unwrap(), domain: None }],
        rank,
        weight,
    };
    let candidates =
        [server("10.0.0.3:5060", 20, 0), server("10.0.0.1:5060", 10, 30), server("10.0.0.2:5060", 10, 10), server("10.0.0.4:5060", 10, 0)];
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut first = [0_u32; 3];
    for _ in 0..4000 {
        let hops = order(&candidates, &mut rng);
        assert_eq!(hops.len(), 4);
        assert_eq!(hops[3].to.to_string(), "10.0.0.3:5060");
        match hops[0].to.to_string().as_str() {
            "10.0.0.1:5060" => first[0] += 1,
            "10.0.0.2:5060" => first[1] += 1,
            _ => first[2] += 1,
        }
    }
    // 30 to 10, and a small share for weight 0: 41 draws, of which one is its.
    assert!((2750..3150).contains(&first[0]), "{first:?}");
    assert!((850..1150).contains(&first[1]), "{first:?}");
    assert!((40..180).contains(&first[2]), "{first:?}");
}

fn naptr(order: u16, preference: u16, service: &str, replacement: &str) -> Record {
    Record::Naptr { order, preference, flags: "s".to_owned(), service: service.to_owned(), replacement: replacement.to_owned() }
}

fn srv(priority: u16, weight: u16, port: u16, target: &str) -> Record {
    Record::Srv { priority, weight, port, target: target.to_owned() }
}

fn address(text: &str) -> Record {
    Record::Address(text.parse().unwrap())
}

/// Every hop in order of rank, as text, with the zone as name server.
fn found(uri: &str, spoken: &[Transport], zone: &[(&str, Record)]) -> Vec<String> {
    let mut search = Locating::begin(&Uri::parse(uri).unwrap(), spoken).unwrap();
    let mut asked = 0;
    while let Some(query) = search.next() {
        let records: Vec<Record> = zone
            .iter()
            .filter(|(name, record)| match (&query, record) {
                (Query::Naptr(asked), Record::Naptr { .. }) | (Query::Srv(asked), Record::Srv { .. }) => asked == name,
                (Query::Address(asked), Record::Address(_)) => asked == name,
                _ => false,
            })
            .map(|(_, record)| record.clone())
            .collect();
        search.answer(&records, Duration::from_secs(60));
        asked += 1;
        assert!(asked < 20, "a search ends");
    }
    let (candidates, _) = search.finish();
    let hops = candidates.iter().flat_map(|candidate| &candidate.hops);
    hops.map(|hop| format!("{} {}", hop.transport.token().to_ascii_lowercase(), hop.to)).collect()
}
