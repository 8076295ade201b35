//! From bytes to a message (RFC 3261 7, 18.3).
//!
//! Liberal where RFC 4475 asks for it (folding, compact names, spaces before colons), and strict where two readers could see two
//! messages: a bare CR or LF, a NUL, a repeated From or Content-Length is no message at all.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter, memmem};

use super::{Dropped, HEADERS_MAX, MESSAGE_MAX, Message, Request, Response, VIAS_MAX, octets};
use crate::sip::{
    CSeq, Headers, Method, NameAddr, Text, Uri, Via,
    header::{canonical, is_token, split_at_colon, split_outside, trim},
};

/// Reads one whole message: a datagram, or what framing cut out of a stream.
///
/// Its header is taken into one buffer; all that the message says points into that.
pub fn parse(bytes: &[u8]) -> Result<Message, Dropped> {
    let (head, rest) = cut(bytes)?;
    let head = Text::from(&*unfolded(head)?);
    let mut lines = lines(&head);
    let start = StartLine::read(&head, lines.next().ok_or(Dropped::StartLine)?)?;
    let mut fields = Fields::default();
    for line in lines {
        let (name, value) = name_and_value(line).ok_or(Dropped::HeaderLine)?;
        fields.take(&head, name, value)?;
    }
    let body = fields.body(rest)?.to_vec();
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
    let end = memmem::find(bytes, b"\r\n\r\n").ok_or(Dropped::Unterminated)?;
    Ok((&bytes[..end], &bytes[end + 4..]))
}

/// The header's text, its folded lines joined by a space (7.3.1).
pub(super) fn unfolded(head: &[u8]) -> Result<Cow<'_, str>, Dropped> {
    let (mut breaks, mut own_lines, mut first_is_folded) = (0, 1, false);
    for at in memchr_iter(b'\n', head) {
        if at == 0 || head[at - 1] != b'\r' {
            return Err(Dropped::Control);
        }
        breaks += 1;
        match head.get(at + 1) {
            // A folded request line would be no request line.
            Some(b' ' | b'\t') => first_is_folded |= own_lines == 1,
            Some(_) | None => own_lines += 1,
        }
    }
    let returns = head.iter().filter(|b| **b == b'\r').count();
    // A tab may stand anywhere, a CR only before an LF.
    let others = head.iter().filter(|b| (**b < b' ' && !matches!(**b, b'\r' | b'\n' | b'\t')) || **b == 0x7f).count();
    if returns != breaks || (others > 0 && !controls_are_sound(head)) {
        return Err(Dropped::Control);
    }
    if first_is_folded || head.first().is_some_and(|b| matches!(b, b' ' | b'\t')) {
        return Err(Dropped::StartLine);
    }
    if own_lines > HEADERS_MAX + 1 {
        return Err(Dropped::TooManyHeaders);
    }
    let text = octets::from_wire(head);
    if own_lines == breaks + 1 {
        return Ok(text);
    }
    let mut joined = String::with_capacity(text.len());
    for line in lines(&text) {
        match line.starts_with([' ', '\t']) {
            true => joined.push(' '),
            false if joined.is_empty() => {}
            false => joined.push_str("\r\n"),
        }
        joined.push_str(if line.starts_with([' ', '\t']) { trim(line) } else { line });
    }
    Ok(Cow::Owned(joined))
}

/// The lines of a header whose every LF follows a CR.
pub(super) fn lines(head: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(head);
    std::iter::from_fn(move || {
        let text = rest?;
        match memchr(b'\n', text.as_bytes()) {
            Some(at) => {
                rest = Some(&text[at + 1..]);
                Some(&text[..at.saturating_sub(1)])
            }
            None => {
                rest = None;
                Some(text)
            }
        }
    })
}

/// Other control characters stand only behind a backslash, as a quoted pair (25.1).
fn controls_are_sound(head: &[u8]) -> bool {
    let mut before = 0;
    head.iter().all(|b| {
        let is_sound = !b.is_ascii_control() || matches!(b, b'\t' | b'\r' | b'\n') || before == b'\\';
        before = *b;
        is_sound
    })
}

enum StartLine {
    Request { method: Method, uri: Uri },
    Response { status: u16, phrase: Text },
}

impl StartLine {
    fn read(head: &Text, line: &str) -> Result<Self, Dropped> {
        if line.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("SIP/")) {
            let (version, rest) = line.split_once(' ').ok_or(Dropped::StartLine)?;
            check_version(version)?;
            let (status, phrase) = rest.split_once(' ').unwrap_or((rest, ""));
            let status = status.parse().ok().filter(|status| status_is_sound(rest, *status)).ok_or(Dropped::StartLine)?;
            return Ok(Self::Response { status, phrase: head.part(phrase) });
        }
        let mut words = line.split(' ');
        let (Some(method), Some(uri), Some(version), None) = (words.next(), words.next(), words.next(), words.next()) else {
            return Err(Dropped::StartLine);
        };
        if !is_token(method) {
            return Err(Dropped::StartLine);
        }
        check_version(version)?;
        Ok(Self::Request { method: Method::from_token(method), uri: Uri::read(head, uri).map_err(|_| Dropped::RequestUri)? })
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
pub(super) struct Fields {
    pub(super) via: Option<Via>,
    vias_below: Vec<Via>,
    pub(super) from: Option<NameAddr>,
    pub(super) to: Option<NameAddr>,
    pub(super) call_id: Option<Text>,
    cseq: Option<CSeq>,
    content_length: Option<usize>,
    pub(super) headers: Headers,
}

impl Fields {
    /// Takes one line, whose name and value are parts of `head`.
    pub(super) fn take(&mut self, head: &Text, name: &str, value: &str) -> Result<(), Dropped> {
        let known = canonical(name);
        match known.unwrap_or_default() {
            "Via" => {
                for item in split_outside(value, ',') {
                    let via = Via::read(head, item).map_err(|_| Dropped::Essential)?;
                    match self.via {
                        None => self.via = Some(via),
                        Some(_) if self.vias_below.len() < VIAS_MAX => self.vias_below.push(via),
                        Some(_) => return Err(Dropped::TooManyHeaders),
                    }
                }
                return Ok(());
            }
            "From" => return once(&mut self.from, NameAddr::read(head, value).ok(), Dropped::Essential),
            "To" => return once(&mut self.to, NameAddr::read(head, value).ok(), Dropped::Essential),
            "CSeq" => return once(&mut self.cseq, CSeq::parse(value).ok(), Dropped::Essential),
            "Call-ID" => {
                let is_word = !value.is_empty() && !value.contains(char::is_whitespace);
                return once(&mut self.call_id, is_word.then(|| head.part(value)), Dropped::Essential);
            }
            "Content-Length" => {
                let digits = value.bytes().all(|b| b.is_ascii_digit()).then(|| value.parse().ok()).flatten();
                return once(&mut self.content_length, digits, Dropped::ContentLength);
            }
            "Max-Forwards" => {
                if self.headers.first("Max-Forwards").is_some() {
                    return Err(Dropped::Repeated);
                }
                value.parse::<u8>().map_err(|_| Dropped::MaxForwards)?;
            }
            _ => {}
        }
        self.headers.push_parsed(known.map_or_else(|| head.part(name), Text::literal), head.part(value));
        Ok(())
    }

    /// What Content-Length leaves of the rest: more is cut off, less is an error (18.3).
    fn body<'a>(&self, rest: &'a [u8]) -> Result<&'a [u8], Dropped> {
        match self.content_length {
            None => Ok(rest),
            Some(length) => rest.get(..length).ok_or(Dropped::ContentLength),
        }
    }
}

/// `name : value` as they stand; spaces may stand before the colon (7.3.1).
pub(super) fn name_and_value(line: &str) -> Option<(&str, &str)> {
    let (name, value) = split_at_colon(line)?;
    let name = trim(name);
    (is_token(name) && !line.starts_with([' ', '\t'])).then(|| (name, trim(value)))
}

fn once<T>(place: &mut Option<T>, value: Option<T>, unreadable: Dropped) -> Result<(), Dropped> {
    if place.is_some() {
        return Err(Dropped::Repeated);
    }
    *place = Some(value.ok_or(unreadable)?);
    Ok(())
}
