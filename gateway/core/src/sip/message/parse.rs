//! From bytes to a message (RFC 3261 7, 18.3).
//!
//! Liberal where RFC 4475 asks for it (folding, compact names, spaces before colons), and strict where two readers could see two
//! messages: a bare CR or LF, a NUL, a repeated From or Content-Length is no message at all.

use std::borrow::Cow;

use super::{Dropped, HEADERS_MAX, MESSAGE_MAX, Message, Request, Response, VIAS_MAX};
use crate::sip::{
    CSeq, Headers, Method, NameAddr, Uri, Via,
    header::{canonical, is_token, split_outside},
};

/// Reads one whole message: a datagram, or what framing cut out of a stream.
pub fn parse(bytes: &[u8]) -> Result<Message, Dropped> {
    let (head, body) = cut(bytes)?;
    let lines = unfold(head)?;
    let (start, lines) = lines.split_first().ok_or(Dropped::StartLine)?;
    let start = StartLine::parse(start)?;
    let fields = Fields::collect(lines)?;
    let body = fields.body(body)?.to_vec();
    let Fields { via, vias_below, from, to, call_id, cseq, headers, .. } = fields;
    let (Some(via), Some(from), Some(to), Some(call_id), Some(cseq)) = (via, from, to, call_id, cseq) else {
        return Err(Dropped::Essential);
    };
    match start {
        StartLine::Request { method, uri } => {
            if cseq.method != method {
                return Err(Dropped::CSeqMethod);
            }
            Ok(Message::Request(Request { method, uri, via, vias_below, from, to, call_id, cseq, headers, body }))
        }
        StartLine::Response { status, phrase } => {
            Ok(Message::Response(Response { status, phrase, via, vias_below, from, to, call_id, cseq, headers, body }))
        }
    }
}

/// Header and what follows it; leading empty lines are ignored (7.5).
pub(super) fn cut(bytes: &[u8]) -> Result<(&[u8], &[u8]), Dropped> {
    if bytes.len() > MESSAGE_MAX {
        return Err(Dropped::TooLong);
    }
    let mut bytes = bytes;
    while let Some(rest) = bytes.strip_prefix(b"\r\n") {
        bytes = rest;
    }
    if bytes.iter().all(|b| matches!(b, b'\r' | b'\n' | b' ' | b'\t' | 0)) {
        return Err(Dropped::KeepAlive);
    }
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").ok_or(Dropped::Unterminated)?;
    Ok((&bytes[..end], &bytes[end + 4..]))
}

/// Lines, with folded ones joined by a space (7.3.1).
pub(super) fn unfold(head: &[u8]) -> Result<Vec<Cow<'_, str>>, Dropped> {
    let head = std::str::from_utf8(head).map_err(|_| Dropped::NotUtf8)?;
    let mut lines: Vec<Cow<'_, str>> = Vec::new();
    for line in head.split("\r\n") {
        if !controls_are_sound(line) {
            return Err(Dropped::Control);
        }
        if !line.starts_with([' ', '\t']) {
            if lines.len() > HEADERS_MAX {
                return Err(Dropped::TooManyHeaders);
            }
            lines.push(Cow::Borrowed(line));
            continue;
        }
        // A folded request line would be no request line.
        let (is_first, last) = (lines.len() <= 1, lines.last_mut().ok_or(Dropped::StartLine)?);
        if is_first {
            return Err(Dropped::StartLine);
        }
        let last = last.to_mut();
        last.push(' ');
        last.push_str(line.trim());
    }
    Ok(lines)
}

/// A tab may stand anywhere; other control characters only behind a backslash, as a quoted pair (25.1) but never as CR or LF.
fn controls_are_sound(line: &str) -> bool {
    let mut before = '\0';
    line.chars().all(|c| {
        let is_sound = !c.is_ascii_control() || c == '\t' || (before == '\\' && c != '\r' && c != '\n');
        before = c;
        is_sound
    })
}

enum StartLine {
    Request { method: Method, uri: Uri },
    Response { status: u16, phrase: String },
}

impl StartLine {
    fn parse(line: &str) -> Result<Self, Dropped> {
        if line.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("SIP/")) {
            let (version, rest) = line.split_once(' ').ok_or(Dropped::StartLine)?;
            check_version(version)?;
            let (status, phrase) = rest.split_once(' ').unwrap_or((rest, ""));
            let status = status.parse().ok().filter(|status| status_is_sound(rest, *status)).ok_or(Dropped::StartLine)?;
            return Ok(Self::Response { status, phrase: phrase.to_owned() });
        }
        let mut words = line.split(' ');
        let (Some(method), Some(uri), Some(version), None) = (words.next(), words.next(), words.next(), words.next()) else {
            return Err(Dropped::StartLine);
        };
        if !is_token(method) {
            return Err(Dropped::StartLine);
        }
        check_version(version)?;
        Ok(Self::Request { method: Method::from_token(method), uri: Uri::parse(uri).map_err(|_| Dropped::RequestUri)? })
    }
}

fn status_is_sound(digits: &str, status: u16) -> bool {
    (100..700).contains(&status) && digits.bytes().take(3).all(|b| b.is_ascii_digit())
}

fn check_version(version: &str) -> Result<(), Dropped> {
    match version.split_once('/') {
        Some((protocol, "2.0")) if protocol.eq_ignore_ascii_case("SIP") => Ok(()),
        Some((protocol, _)) if protocol.eq_ignore_ascii_case("SIP") => Err(Dropped::Version),
        Some(_) | None => Err(Dropped::StartLine),
    }
}

/// Header fields, as far as they are told apart.
#[derive(Default)]
struct Fields {
    via: Option<Via>,
    vias_below: Vec<Via>,
    from: Option<NameAddr>,
    to: Option<NameAddr>,
    call_id: Option<String>,
    cseq: Option<CSeq>,
    content_length: Option<usize>,
    headers: Headers,
}

impl Fields {
    fn collect(lines: &[Cow<'_, str>]) -> Result<Self, Dropped> {
        let mut fields = Self::default();
        for line in lines {
            let (name, value) = name_and_value(line).ok_or(Dropped::HeaderLine)?;
            fields.take(name, value)?;
        }
        Ok(fields)
    }

    fn take(&mut self, name: Cow<'static, str>, value: &str) -> Result<(), Dropped> {
        match name.as_ref() {
            "Via" => {
                for item in split_outside(value, ',') {
                    let via = Via::parse(item).map_err(|_| Dropped::Essential)?;
                    match self.via {
                        None => self.via = Some(via),
                        Some(_) if self.vias_below.len() < VIAS_MAX => self.vias_below.push(via),
                        Some(_) => return Err(Dropped::TooManyHeaders),
                    }
                }
                Ok(())
            }
            "From" => once(&mut self.from, NameAddr::parse(value).ok(), Dropped::Essential),
            "To" => once(&mut self.to, NameAddr::parse(value).ok(), Dropped::Essential),
            "CSeq" => once(&mut self.cseq, CSeq::parse(value).ok(), Dropped::Essential),
            "Call-ID" => {
                let is_word = !value.is_empty() && !value.contains(char::is_whitespace);
                once(&mut self.call_id, is_word.then(|| value.to_owned()), Dropped::Essential)
            }
            "Content-Length" => {
                let digits = value.bytes().all(|b| b.is_ascii_digit()).then(|| value.parse().ok()).flatten();
                once(&mut self.content_length, digits, Dropped::ContentLength)
            }
            "Max-Forwards" => {
                if self.headers.first("Max-Forwards").is_some() {
                    return Err(Dropped::Repeated);
                }
                value.parse::<u8>().map_err(|_| Dropped::MaxForwards)?;
                self.headers.push_parsed(name, value.to_owned());
                Ok(())
            }
            _ => {
                self.headers.push_parsed(name, value.to_owned());
                Ok(())
            }
        }
    }

    /// What Content-Length leaves of the rest: more is cut off, less is an error (18.3).
    fn body<'a>(&self, rest: &'a [u8]) -> Result<&'a [u8], Dropped> {
        match self.content_length {
            None => Ok(rest),
            Some(length) => rest.get(..length).ok_or(Dropped::ContentLength),
        }
    }
}

/// `name : value`; spaces may stand before the colon (7.3.1).
pub(super) fn name_and_value(line: &str) -> Option<(Cow<'static, str>, &str)> {
    let (name, value) = line.split_once(':')?;
    let name = name.trim_end();
    is_token(name).then(|| (canonical(name), value.trim()))
}

fn once<T>(place: &mut Option<T>, value: Option<T>, unreadable: Dropped) -> Result<(), Dropped> {
    if place.is_some() {
        return Err(Dropped::Repeated);
    }
    *place = Some(value.ok_or(unreadable)?);
    Ok(())
}
