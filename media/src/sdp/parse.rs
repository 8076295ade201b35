//! Reads a [`Description`] from text (RFC 8866 9).
//!
//! Strict where a misreading would move media (versions, ports, addresses, limits), lenient where phones differ: bare LF, lines out
//! of order, no `s=` or `t=`. Letters of no known type are kept, not acted upon. Memory is bounded by the length of the text.

use super::{
    FORMATS_MAX, MEDIA_LINES_MAX, Refused, SDP_BYTES_MAX,
    description::{Attribute, Connection, Description, Host, Line, Media, MediaKind, Origin, Protocol, rank},
};

impl Description {
    /// Reads a whole description; refuses with 400 what is not SDP or is too much of it.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        if text.len() > SDP_BYTES_MAX {
            return Err(Refused::malformed("SDP is longer than 64 KiB"));
        }
        let mut lines = text.lines().filter(|line| !line.is_empty()).map(type_and_value);
        if lines.next().transpose()? != Some(('v', "0")) {
            return Err(Refused::malformed("SDP does not begin with v=0"));
        }
        let mut origin = None;
        let mut name = None;
        let mut session = Section::default();
        let mut media: Vec<Media> = Vec::new();
        for line in lines {
            match (line?, media.last_mut()) {
                (('m', value), _) => {
                    if media.len() == MEDIA_LINES_MAX {
                        return Err(Refused::malformed("SDP has more than 32 media lines"));
                    }
                    media.push(media_line(value)?);
                }
                ((kind, value), Some(media)) => body_line(kind, value, &mut media.connection, &mut media.lines, &mut media.attributes)?,
                (('o', value), None) => origin = Some(origin_line(value)?),
                (('s', value), None) => name = Some(value.to_owned()),
                ((kind, value), None) => body_line(kind, value, &mut session.connection, &mut session.lines, &mut session.attributes)?,
            }
        }
        if !session.lines.iter().any(|line| line.kind == 't') {
            session.lines.push(Line { kind: 't', value: "0 0".to_owned() });
        }
        session.lines.sort_by_key(|line| rank(line.kind));
        media.iter_mut().for_each(|media| media.lines.sort_by_key(|line| rank(line.kind)));
        Ok(Self {
            origin: origin.ok_or(Refused::malformed("SDP has no o="))?,
            name: name.unwrap_or_else(|| "-".to_owned()),
            connection: session.connection,
            lines: session.lines,
            attributes: session.attributes,
            media,
        })
    }
}

#[derive(Default)]
struct Section {
    connection: Option<Connection>,
    lines: Vec<Line>,
    attributes: Vec<Attribute>,
}

fn type_and_value(line: &str) -> Result<(char, &str), Refused> {
    // A bare CR or NUL would let a value end its line in another parser than ours.
    if line.contains(['\r', '\0']) {
        return Err(Refused::malformed("SDP line holds CR or NUL"));
    }
    let (kind, value) = line.split_once('=').ok_or(Refused::malformed("SDP line without ="))?;
    let mut letters = kind.chars();
    match (letters.next(), letters.next()) {
        (Some(letter), None) if letter.is_ascii_alphabetic() => Ok((letter, value)),
        _ => Err(Refused::malformed("SDP line type is not one letter")),
    }
}

fn body_line(
    kind: char,
    value: &str,
    connection: &mut Option<Connection>,
    lines: &mut Vec<Line>,
    attributes: &mut Vec<Attribute>,
) -> Result<(), Refused> {
    match kind {
        // A second c= in a section lists more multicast groups (RFC 8866 5.7): the first is as good.
        'c' => *connection = connection.take().or(Some(connection_line(value)?)),
        'a' => attributes.push(attribute(value)),
        'v' => return Err(Refused::malformed("SDP has a second v=")),
        _ => lines.push(Line { kind, value: value.to_owned() }),
    }
    Ok(())
}

fn attribute(value: &str) -> Attribute {
    match value.split_once(':') {
        Some((name, value)) => Attribute::new(name, value),
        None => Attribute::flag(value),
    }
}

fn origin_line(value: &str) -> Result<Origin, Refused> {
    const WHY: Refused = Refused::malformed("SDP o= is not understood");
    let mut words = value.split_ascii_whitespace();
    let username = words.next().ok_or(WHY)?.to_owned();
    let id = number(words.next()).ok_or(WHY)?;
    let version = number(words.next()).ok_or(WHY)?;
    let (host, scope) = address(words).ok_or(WHY)?;
    if scope.is_some() { Err(WHY) } else { Ok(Origin { username, id, version, host }) }
}

/// RFC 8866 sets no width for a session id: what is past 64 bits is held at the largest, since we only compare it.
fn number(word: Option<&str>) -> Option<u64> {
    let word = word.filter(|word| word.bytes().all(|byte| byte.is_ascii_digit()))?;
    Some(word.parse().unwrap_or(u64::MAX))
}

fn connection_line(value: &str) -> Result<Connection, Refused> {
    let (host, scope) = address(value.split_ascii_whitespace()).ok_or(Refused::malformed("SDP c= is not understood"))?;
    Ok(Connection { host, scope })
}

/// `IN IP4 192.0.2.1` and what may follow a slash.
fn address<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<(Host, Option<String>)> {
    words.next().filter(|word| word.eq_ignore_ascii_case("IN"))?;
    let family = words.next()?;
    let v6 = family.eq_ignore_ascii_case("IP6");
    if !v6 && !family.eq_ignore_ascii_case("IP4") {
        return None;
    }
    let (host, scope) = words.next().map(|word| word.split_once('/').map_or((word, None), |(host, scope)| (host, Some(scope))))?;
    if words.next().is_some() || host.is_empty() {
        return None;
    }
    let host = host.parse().map_or_else(|_| Host::Name { name: host.to_owned(), v6 }, Host::Ip);
    Some((host, scope.map(str::to_owned)))
}

fn media_line(value: &str) -> Result<Media, Refused> {
    const WHY: Refused = Refused::malformed("SDP m= is not understood");
    let mut words = value.split_ascii_whitespace();
    let kind = match words.next().ok_or(WHY)? {
        "audio" => MediaKind::Audio,
        "video" => MediaKind::Video,
        other => MediaKind::Other(other.to_owned()),
    };
    let (port, ports) =
        words.next().map(|word| word.split_once('/').map_or((word, None), |(port, ports)| (port, Some(ports)))).ok_or(WHY)?;
    let port = port.parse().map_err(|_| WHY)?;
    let ports = ports.map(str::parse).transpose().map_err(|_| WHY)?;
    let protocol = protocol(words.next().ok_or(WHY)?);
    let formats: Vec<String> = words.by_ref().take(FORMATS_MAX).map(str::to_owned).collect();
    if words.next().is_some() {
        return Err(Refused::malformed("SDP m= has more than 128 formats"));
    }
    if formats.is_empty() {
        return Err(Refused::malformed("SDP m= has no format"));
    }
    Ok(Media { kind, port, ports, protocol, formats, connection: None, lines: Vec::new(), attributes: Vec::new() })
}

fn protocol(word: &str) -> Protocol {
    let known =
        [Protocol::RtpAvp, Protocol::RtpAvpf, Protocol::RtpSavp, Protocol::RtpSavpf, Protocol::UdpTlsRtpSavp, Protocol::UdpTlsRtpSavpf];
    known.into_iter().find(|protocol| protocol.name().eq_ignore_ascii_case(word)).unwrap_or_else(|| Protocol::Other(word.to_owned()))
}
