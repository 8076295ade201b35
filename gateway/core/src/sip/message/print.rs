//! From a message to bytes: long names, one Via a line, Content-Length last.

use std::{fmt, fmt::Write, sync::Arc};

use super::{Message, Request, Response};
use crate::sip::{CSeq, Headers, NameAddr, Via};

impl Request {
    /// The bytes for the wire; shared, since a retransmission sends them again.
    pub fn to_bytes(&self) -> Arc<[u8]> {
        print(
            format_args!("{} {} SIP/2.0", self.method, self.uri),
            Essentials {
                via: &self.via,
                below: &self.vias_below,
                from: &self.from,
                to: &self.to,
                call_id: &self.call_id,
                cseq: &self.cseq,
            },
            &self.headers,
            &self.body,
        )
    }
}

impl Response {
    /// The bytes for the wire; shared, since a retransmission sends them again.
    pub fn to_bytes(&self) -> Arc<[u8]> {
        let phrase: String = self.phrase.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        print(
            format_args!("SIP/2.0 {} {phrase}", self.status),
            Essentials {
                via: &self.via,
                below: &self.vias_below,
                from: &self.from,
                to: &self.to,
                call_id: &self.call_id,
                cseq: &self.cseq,
            },
            &self.headers,
            &self.body,
        )
    }
}

impl Message {
    /// The bytes for the wire.
    pub fn to_bytes(&self) -> Arc<[u8]> {
        match self {
            Self::Request(request) => request.to_bytes(),
            Self::Response(response) => response.to_bytes(),
        }
    }
}

struct Essentials<'a> {
    via: &'a Via,
    below: &'a [Via],
    from: &'a NameAddr,
    to: &'a NameAddr,
    call_id: &'a str,
    cseq: &'a CSeq,
}

fn print(start: fmt::Arguments<'_>, essentials: Essentials<'_>, headers: &Headers, body: &[u8]) -> Arc<[u8]> {
    let Essentials { via, below, from, to, call_id, cseq } = essentials;
    let mut text = String::with_capacity(1024);
    let mut line = |arguments: fmt::Arguments<'_>| {
        // Writing to a String cannot fail.
        let _ = text.write_fmt(arguments);
        text.push_str("\r\n");
    };
    line(start);
    line(format_args!("Via: {via}"));
    for via in below {
        line(format_args!("Via: {via}"));
    }
    line(format_args!("From: {from}"));
    line(format_args!("To: {to}"));
    line(format_args!("Call-ID: {call_id}"));
    line(format_args!("CSeq: {cseq}"));
    for (name, value) in headers.iter() {
        line(format_args!("{name}: {value}"));
    }
    line(format_args!("Content-Length: {}", body.len()));
    line(format_args!(""));
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(body);
    bytes.into()
}
