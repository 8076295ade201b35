//! The answer to a request that cannot be read as a whole but whose way back can (RFC 3261 8.2.6, RFC 4475 3.3).

use std::net::SocketAddr;

use super::{
    Dropped, octets,
    parse::{cut, lines, name_and_value, parse, unfolded},
    phrase,
};
use crate::sip::{
    Via,
    header::{canonical, split_outside},
};

/// 400, 505 or 513 for a broken request from `source`, and where to send it; `None` for what is no request, has no way back, or is an ACK.
///
/// What the peer said of itself is given back as it came, so that it knows which of its requests failed.
pub fn answer_broken(bytes: &[u8], source: SocketAddr) -> Option<(SocketAddr, Vec<u8>)> {
    let status = match parse(bytes).err()? {
        Dropped::KeepAlive | Dropped::TooLong | Dropped::Unterminated | Dropped::Control => return None,
        Dropped::Version => 505,
        Dropped::TooManyHeaders => 513,
        Dropped::StartLine
        | Dropped::RequestUri
        | Dropped::HeaderLine
        | Dropped::Essential
        | Dropped::Repeated
        | Dropped::MaxForwards
        | Dropped::CSeqMethod
        | Dropped::ContentLength => 400,
    };
    answer_head(bytes, source, status)
}

/// The same for a request whose end in a stream cannot be told (RFC 3261 18.3): `bytes` need hold its head alone.
pub fn answer_head(bytes: &[u8], source: SocketAddr, status: u16) -> Option<(SocketAddr, Vec<u8>)> {
    let (head, _) = cut(bytes).ok()?;
    let head = unfolded(&octets::from_wire(head)).ok()?;
    let mut lines = lines(&head).map_while(Result::ok);
    let start = lines.next()?;
    if start.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("SIP/")) || start.starts_with("ACK ") || !start.contains(' ') {
        return None;
    }
    let mut reply_to = None;
    let mut text = format!("SIP/2.0 {status} {}\r\n", if status == 400 { "Bad Request" } else { phrase(status) });
    for (name, value) in lines.filter_map(name_and_value) {
        let name = canonical(name).unwrap_or_default();
        match name {
            "Via" if reply_to.is_none() => {
                let mut items = split_outside(value, ',');
                let Ok(mut via) = Via::parse(items.next()?) else {
                    // "Respond with a 400 if it can" (RFC 4475 3.1.2.1): the source is all that is known of the way back.
                    reply_to = Some(source);
                    text.push_str(&format!("Via: {value}\r\n"));
                    continue;
                };
                reply_to = Some(via.reply_to(source));
                via.stamp(source);
                text.push_str(&format!("Via: {via}\r\n"));
                items.for_each(|item| text.push_str(&format!("Via: {}\r\n", item.trim())));
            }
            "Via" | "From" | "To" | "Call-ID" | "CSeq" => text.push_str(&format!("{name}: {value}\r\n")),
            _ => {}
        }
    }
    text.push_str("Content-Length: 0\r\n\r\n");
    Some((reply_to?, octets::to_wire(text)))
}
