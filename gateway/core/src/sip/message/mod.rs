//! Requests and responses as values, from bytes and to bytes (RFC 3261 7).
//!
//! What every message must have is a field of its type, so that nothing later asks whether it is there.

mod broken;
mod octets;
mod parse;
mod print;
mod sdp;
#[cfg(test)]
mod tests;

pub use broken::{answer_broken, answer_head};
pub use octets::readable;
pub use parse::parse;

use super::{CSeq, Headers, Method, NameAddr, Text, Uri, Via};

/// What a datagram holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    Request(Request),
    Response(Response),
}

/// What a peer asks of us, or we of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: Method,
    /// Request-URI.
    pub uri: Uri,
    /// The topmost Via: the last hop.
    pub via: Via,
    /// The hops before it, nearest first.
    pub vias_below: Vec<Via>,
    pub from: NameAddr,
    pub to: NameAddr,
    pub call_id: Text,
    pub cseq: CSeq,
    /// All the others, save Content-Length.
    pub headers: Headers,
    pub body: Vec<u8>,
}

/// What a peer answers, or we.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// 100 to 699.
    pub status: u16,
    pub phrase: Text,
    /// The topmost Via: ours, when the response comes to us.
    pub via: Via,
    pub vias_below: Vec<Via>,
    pub from: NameAddr,
    pub to: NameAddr,
    pub call_id: Text,
    pub cseq: CSeq,
    /// All the others, save Content-Length.
    pub headers: Headers,
    pub body: Vec<u8>,
}

/// Why bytes were not taken for a message; counted, never answered by itself (see [`answer_broken`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dropped {
    /// Empty lines: a keep-alive (RFC 5626 4.4.1), not a fault.
    KeepAlive,
    /// Over `MESSAGE_MAX`.
    TooLong,
    /// No empty line ends the header.
    Unterminated,
    /// A CR, LF or other control character where none may stand.
    Control,
    /// Neither a request line nor a status line.
    StartLine,
    /// Another version than SIP/2.0.
    Version,
    /// The Request-URI cannot be read.
    RequestUri,
    /// Over `HEADERS_MAX` lines.
    TooManyHeaders,
    /// A line without name or colon.
    HeaderLine,
    /// Via, From, To, Call-ID or CSeq is missing or cannot be read.
    Essential,
    /// A field that may stand once stands twice.
    Repeated,
    /// Max-Forwards is no number of 0 to 255.
    MaxForwards,
    /// CSeq names another method than the request line.
    CSeqMethod,
    /// Content-Length is no number, or more than came.
    ContentLength,
}

/// As much as a UDP datagram can carry; also the bound on one message of a stream.
pub const MESSAGE_MAX: usize = 65_535;

/// Header lines of one message. A long way through many proxies adds some tens.
pub const HEADERS_MAX: usize = 256;

/// Hops of one message: more than Max-Forwards usually allows (70).
pub const VIAS_MAX: usize = 80;

impl Request {
    /// An answer to this request: Via, From, To, Call-ID and CSeq copied (RFC 3261 8.2.6.2), `to_tag` added where To has none.
    pub fn answer(&self, status: u16, to_tag: Option<&str>) -> Response {
        let to = match to_tag {
            Some(tag) if self.to.tag().is_none() => self.to.clone().with_tag(tag),
            Some(_) | None => self.to.clone(),
        };
        Response {
            status,
            phrase: Text::literal(phrase(status)),
            via: self.via.clone(),
            vias_below: self.vias_below.clone(),
            from: self.from.clone(),
            to,
            call_id: self.call_id.clone(),
            cseq: self.cseq.clone(),
            headers: Headers::new(),
            body: Vec::new(),
        }
    }

    /// The SDP that it carries, alone or as a part of a multipart body.
    pub fn sdp(&self) -> Option<String> {
        sdp::find(&self.headers, &self.body)
    }

    /// Puts an SDP body in.
    pub fn set_sdp(&mut self, sdp: &str) {
        self.headers.set("Content-Type", "application/sdp");
        self.body = sdp.as_bytes().to_vec();
    }

    /// As RFC 3261 20.22; 70 where it is missing.
    pub fn max_forwards(&self) -> u8 {
        self.headers.first("Max-Forwards").and_then(|value| value.parse().ok()).unwrap_or(70)
    }
}

impl Response {
    /// Between 200 and 299?
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// Below 200?
    pub const fn is_provisional(&self) -> bool {
        self.status < 200
    }

    /// The SDP that it carries, alone or as a part of a multipart body.
    pub fn sdp(&self) -> Option<String> {
        sdp::find(&self.headers, &self.body)
    }

    /// Puts an SDP body in.
    pub fn set_sdp(&mut self, sdp: &str) {
        self.headers.set("Content-Type", "application/sdp");
        self.body = sdp.as_bytes().to_vec();
    }
}

/// The usual words for a status (RFC 3261 21 and its extensions).
pub const fn phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        183 => "Session Progress",
        200 => "OK",
        202 => "Accepted",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        428 => "Use Identity Header",
        436 => "Bad Identity Info",
        437 => "Unsupported Credential",
        438 => "Invalid Identity Header",
        439 => "First Hop Lacks Outbound Support",
        469 => "Bad Info Package",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        489 => "Bad Event",
        491 => "Request Pending",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        606 => "Not Acceptable",
        _ => match status / 100 {
            1 => "Progress",
            2 => "Success",
            3 => "Redirection",
            4 => "Request Failure",
            5 => "Server Failure",
            _ => "Global Failure",
        },
    }
}
