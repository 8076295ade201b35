//! From a message to bytes: long names, one Via a line, Content-Length last.

use std::{fmt, fmt::Write, sync::Arc};

use super::{Message, Request, Response, octets};
use crate::sip::{CSeq, Headers, NameAddr, Via};

impl Request {
    /// The bytes for the wire; shared, since a retransmission sends them again.
    pub fn to_bytes(&self) -> Arc<[u8]> {
        let mut text = page(self.body.len());
        // Writing to a String cannot fail, here and below.
        let _ = self.print_head(&mut text);
        finished(text, &self.body)
    }

    fn print_head(&self, out: &mut String) -> fmt::Result {
        out.push_str(self.method.as_str());
        out.push(' ');
        self.uri.print(out)?;
        out.push_str(" SIP/2.0\r\n");
        let Self { via, vias_below, from, to, call_id, cseq, headers, body, .. } = self;
        Essentials { via, vias_below, from, to, call_id, cseq }.print(out)?;
        print_rest(out, headers, body.len())
    }
}

impl Response {
    /// The bytes for the wire; shared, since a retransmission sends them again.
    pub fn to_bytes(&self) -> Arc<[u8]> {
        let mut text = page(self.body.len());
        let _ = self.print_head(&mut text);
        finished(text, &self.body)
    }

    fn print_head(&self, out: &mut String) -> fmt::Result {
        write!(out, "SIP/2.0 {} ", self.status)?;
        out.extend(self.phrase.chars().map(|c| if c.is_control() { ' ' } else { c }));
        out.push_str("\r\n");
        let Self { via, vias_below, from, to, call_id, cseq, headers, body, .. } = self;
        Essentials { via, vias_below, from, to, call_id, cseq }.print(out)?;
        print_rest(out, headers, body.len())
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
    vias_below: &'a [Via],
    from: &'a NameAddr,
    to: &'a NameAddr,
    call_id: &'a str,
    cseq: &'a CSeq,
}

impl Essentials<'_> {
    fn print(&self, out: &mut String) -> fmt::Result {
        for via in std::iter::once(self.via).chain(self.vias_below) {
            out.push_str("Via: ");
            via.print(out)?;
            out.push_str("\r\n");
        }
        out.push_str("From: ");
        self.from.print(out)?;
        out.push_str("\r\nTo: ");
        self.to.print(out)?;
        out.push_str("\r\nCall-ID: ");
        out.push_str(self.call_id);
        write!(out, "\r\nCSeq: {} ", self.cseq.number)?;
        out.push_str(self.cseq.method.as_str());
        out.push_str("\r\n");
        Ok(())
    }
}

fn print_rest(out: &mut String, headers: &Headers, length: usize) -> fmt::Result {
    for (name, value) in headers.iter() {
        out.push_str(name);
        out.push_str(": ");
        out.push_str(value);
        out.push_str("\r\n");
    }
    write!(out, "Content-Length: {length}\r\n\r\n")
}

fn page(body: usize) -> String {
    String::with_capacity(HEAD_USUAL + body)
}

fn finished(text: String, body: &[u8]) -> Arc<[u8]> {
    let mut bytes = octets::to_wire(text);
    bytes.extend_from_slice(body);
    bytes.into()
}

/// Bytes that most headers fit in; longer ones cost one more allocation.
const HEAD_USUAL: usize = 1536;
