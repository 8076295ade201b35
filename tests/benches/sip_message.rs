//! Parse and print of one INVITE of 1,200 bytes: ours beside `rsip` and `rsipstack`, in one run on one machine.
//!
//! `rsip` and `rsipstack` keep header values as they stand and read none; ours reads Via, From, To, CSeq and the Request-URI on the way.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gateway_core::sip;

/// What a carrier sends: two hops, a route record, an identity, an offer of three codecs.
fn invite() -> Vec<u8> {
    let sdp = "v=0\r\no=carrier 1769000000 1 IN IP4 203.0.113.20\r\ns=call\r\nc=IN IP4 203.0.113.20\r\nt=0 0\r\n\
        m=audio 30000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
        a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";
    let head = format!(
        "INVITE sip:+31201234567@gateway.example.net:5060;user=phone SIP/2.0\r\n\
         Via: SIP/2.0/UDP 203.0.113.10:5060;branch=z9hG4bKc1f2e3d4a5b6;rport\r\n\
         Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK77ef4c2312983.1;received=198.51.100.7\r\n\
         Record-Route: <sip:203.0.113.10;lr;ftag=9fxced76sl>\r\n\
         Max-Forwards: 68\r\n\
         From: \"Ada Lovelace\" <sip:+31612345678@carrier.example.com;user=phone>;tag=9fxced76sl\r\n\
         To: <sip:+31201234567@gateway.example.net;user=phone>\r\n\
         Call-ID: 3848276298220188511@carrier.example.com\r\n\
         CSeq: 102 INVITE\r\n\
         Contact: <sip:+31612345678@198.51.100.7:5060;transport=udp>\r\n\
         P-Asserted-Identity: <sip:+31612345678@carrier.example.com>\r\n\
         Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO\r\n\
         Supported: 100rel, timer, replaces\r\n\
         Session-Expires: 1800;refresher=uac\r\n\
         Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000\r\n\
         Privacy: none\r\n\
         User-Agent: Carrier SBC 7.2\r\n\
         Content-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n",
        sdp.len()
    );
    (head + sdp).into_bytes()
}

fn parse_and_print(c: &mut Criterion) {
    let bytes = invite();
    assert!((1150..=1250).contains(&bytes.len()), "{} bytes", bytes.len());
    let mut group = c.benchmark_group("parse and print of a 1,200-byte INVITE");
    group.throughput(Throughput::Elements(1));
    group.bench_function("tandem", |b| b.iter(|| sip::parse(black_box(&bytes)).expect("ours reads it").to_bytes()));
    group.bench_function("rsip", |b| {
        b.iter(|| Vec::<u8>::from(rsip::SipMessage::try_from(black_box(&bytes[..])).expect("rsip reads it")));
    });
    group.bench_function("rsipstack", |b| {
        b.iter(|| Vec::<u8>::from(rsipstack::sip::parser::parse_message(black_box(&bytes)).expect("rsipstack reads it")));
    });
    group.finish();
}

criterion_group!(benches, parse_and_print);
criterion_main!(benches);
