//! From bytes to a message (RFC 3261 7, 18.3).
//!
//! Liberal where RFC 4475 asks for it (folding, compact names, spaces before colons), and strict where two readers could see two
//! messages: a bare CR or LF, a NUL, a repeated From or Content-Length is no message at all.

use memchr::{memchr, memchr_iter, memmem};

use super::{Dropped, HEADERS_MAX, MESSAGE_MAX, Message, Request, Response, VIAS_MAX, octets};
use crate::sip::{
    CSeq, Headers, Method, NameAddr, Text, Uri, Via,
    header::{canonical, is_token, split_once, split_outside, trim},
};

/// Reads one whole message: a datagram, or what framing cut out of a stream.
///
/// Its header is taken into one buffer; all that the message says points into that.
pub fn parse(bytes: &[u8]) -> Result<Message, Dropped> {
    let (head, rest) = cut(bytes)?;
    let head = Text::from(&*octets::from_wire(head));
    match read(&head, rest) {
        // A line that goes on in the next one was read by halves.
        Err(_) if is_folded(&head) => read(&Text::from(unfolded(&head)?), rest),
        outcome => outcome,
    }
}

/// Reads a header none of whose lines is folded, so that each value lies in one piece.
fn read(head: &Text, rest: &[u8]) -> Result<Message, Dropped> {
    let mut lines = lines(head);
    let start = StartLine::read(head, lines.next().ok_or(Dropped::StartLine)??)?;
    let mut fields = Fields { headers: Headers::with_capacity(HEADERS_USUAL), ..Fields::default() };
    for (at, line) in lines.enumerate() {
        let line = line?;
        if at == HEADERS_MAX {
            return Err(Dropped::TooManyHeaders);
        }
        let (name, value) = name_and_value(line).ok_or(Dropped::HeaderLine)?;
        fields.take(head, name, value)?;
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

/// Does any line go on the one before (7.3.1)?
fn is_folded(head: &str) -> bool {
    memchr_iter(b'\n', head.as_bytes()).any(|at| head[at + 1..].starts_with(FOLD))
}

/// A header's folded lines joined by a space (7.3.1).
pub(super) fn unfolded(head: &str) -> Result<String, Dropped> {
    let mut joined = String::with_capacity(head.len());
    for (at, line) in lines(head).enumerate() {
        let line = line?;
        match (line.starts_with(FOLD), at) {
            // A folded request line would be no request line.
            (true, 0 | 1) => return Err(Dropped::StartLine),
            (true, _) => {
                joined.push(' ');
                joined.push_str(trim(line));
            }
            (false, 0) => joined.push_str(line),
            (false, _) => {
                joined.push_str("\r\n");
                joined.push_str(line);
            }
        }
    }
    Ok(joined)
}

/// The lines of a header, without their CRLF; an error for a bare CR or LF, or another character that may not stand there.
pub(super) fn lines(head: &str) -> impl Iterator<Item = Result<&str, Dropped>> {
    let mut rest = Some(head);
    std::iter::from_fn(move || {
        let text = rest?;
        let line = match memchr(b'\n', text.as_bytes()) {
            Some(at) => {
                rest = Some(&text[at + 1..]);
                text[..at].strip_suffix('\r')
            }
            None => {
                rest = None;
                Some(text)
            }
        };
        Some(line.filter(|line| !holds_control(line.as_bytes()) || controls_are_sound(line)).ok_or(Dropped::Control))
    })
}

/// Is any byte below a space, or DEL? Eight at a time, since every byte of every message is asked.
fn holds_control(line: &[u8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    // The borrow of a byte that is below reaches the next one, which does no harm where only "any" is asked.
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES.wrapping_mul(bound)) & !word & ONES.wrapping_mul(0x80);
    let (words, tail) = line.as_chunks::<8>();
    let found = words.iter().fold(0, |found, word| {
        let word = u64::from_ne_bytes(*word);
        found | below(word, 0x20) | below(word ^ ONES.wrapping_mul(0x7f), 1)
    });
    found != 0 || tail.iter().any(u8::is_ascii_control)
}

/// A tab may stand anywhere; other control characters only behind a backslash, as a quoted pair (25.1) but never as CR or LF.
fn controls_are_sound(line: &str) -> bool {
    let mut before = 0;
    line.bytes().all(|b| {
        let is_sound = !b.is_ascii_control() || b == b'\t' || (before == b'\\' && b != b'\r' && b != b'\n');
        before = b;
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
        let (method, rest) = split_once(line, b' ').ok_or(Dropped::StartLine)?;
        let (uri, version) = split_once(rest, b' ').ok_or(Dropped::StartLine)?;
        if uri.is_empty() || version.contains(' ') {
            return Err(Dropped::StartLine);
        }
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
    if version == "SIP/2.0" {
        return Ok(());
    }
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
                let is_word =
                    !value.is_empty() && if value.is_ascii() { !value.contains(FOLD) } else { !value.contains(char::is_whitespace) };
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
    let (name, value) = split_once(line, b':')?;
    let name = trim(name);
    (is_token(name) && !line.starts_with(FOLD)).then(|| (name, trim(value)))
}

fn once<T>(place: &mut Option<T>, value: Option<T>, unreadable: Dropped) -> Result<(), Dropped> {
    if place.is_some() {
        return Err(Dropped::Repeated);
    }
    *place = Some(value.ok_or(unreadable)?);
    Ok(())
}

/// What starts a line that goes on the one before.
const FOLD: [char; 2] = [' ', '\t'];

/// Lines that most messages have besides the essential ones.
const HEADERS_USUAL: usize = 16;
