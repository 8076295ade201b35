//! Messages out of a stream of bytes (RFC 3261 18.3), and the keep-alives between them (RFC 5626 3.5.1).
//!
//! Finds where a message ends and nothing more: what it says is for `message::parse`. Bytes may be cut anywhere; a WebSocket needs none of
//! this, since its frames are messages (RFC 7118 5).

use super::message::MESSAGE_MAX;

/// A stream as it comes in; holds at most one unfinished message.
#[derive(Debug, Clone, Default)]
pub struct Framer {
    held: Vec<u8>,
    /// No empty line ends before this place.
    searched: usize,
    /// Our ping is out: one empty line is its pong, and not half a ping.
    awaits_pong: bool,
    /// What follows cannot be told apart.
    is_broken: bool,
}

/// What has been found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Framed {
    /// One message, whole.
    Message(Vec<u8>),
    /// Two empty lines: one is the answer.
    Ping,
    /// The answer to our ping.
    Pong,
    /// The stream cannot be followed any more: answer what can be answered with this status, then close it.
    Broken { head: Vec<u8>, status: u16 },
}

impl Framer {
    /// Nothing has come.
    pub const fn new() -> Self {
        Self { held: Vec::new(), searched: 0, awaits_pong: false, is_broken: false }
    }

    /// Takes in what has come.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.is_broken {
            self.held.extend_from_slice(bytes);
        }
    }

    /// We have sent a ping.
    pub const fn pinged(&mut self) {
        self.awaits_pong = true;
    }

    /// Part of a message has come, and not the rest.
    pub fn is_partial(&self) -> bool {
        !PING.starts_with(&self.held)
    }

    /// The next whole thing; `None` until more comes.
    pub fn next_framed(&mut self) -> Option<Framed> {
        if let Some(between) = self.between() {
            return between;
        }
        let Some(head) = self.head() else {
            return (self.held.len() > MESSAGE_MAX).then(|| self.break_off(0, 513));
        };
        match content_length(&self.held[..head]) {
            Ok(length) if head.saturating_add(length) > MESSAGE_MAX => Some(self.break_off(head, 513)),
            Ok(length) if self.held.len() < head + length => None,
            Ok(length) => {
                let rest = self.held.split_off(head + length);
                self.searched = 0;
                Some(Framed::Message(std::mem::replace(&mut self.held, rest)))
            }
            Err(Unframed) => Some(self.break_off(head, 400)),
        }
    }

    /// Empty lines before a message; `Some(None)` while it cannot be told what they are.
    fn between(&mut self) -> Option<Option<Framed>> {
        loop {
            if self.awaits_pong && self.held.starts_with(EMPTY_LINE) {
                self.awaits_pong = false;
                self.drop_line();
                return Some(Some(Framed::Pong));
            }
            if self.held.starts_with(PING) {
                self.drop_line();
                self.drop_line();
                return Some(Some(Framed::Ping));
            }
            if PING.starts_with(&self.held) {
                return Some(None);
            }
            // "Implementations processing SIP messages over stream-oriented transports MUST ignore any CRLF appearing before the start-line"
            // (RFC 3261 7.5).
            if !self.held.starts_with(EMPTY_LINE) {
                return None;
            }
            self.drop_line();
        }
    }

    fn drop_line(&mut self) {
        self.held.drain(..EMPTY_LINE.len());
        self.searched = 0;
    }

    /// Where the head ends, its empty line included.
    fn head(&mut self) -> Option<usize> {
        let from = self.searched;
        let end = self.held[from..].windows(PING.len()).position(|window| window == PING);
        match end {
            Some(at) => {
                self.searched = from + at;
                Some(from + at + PING.len())
            }
            None => {
                self.searched = self.held.len().saturating_sub(PING.len() - 1).max(from);
                None
            }
        }
    }

    fn break_off(&mut self, head: usize, status: u16) -> Framed {
        self.is_broken = true;
        let mut head_bytes = std::mem::take(&mut self.held);
        head_bytes.truncate(head);
        self.searched = 0;
        Framed::Broken { head: head_bytes, status }
    }
}

/// Content-Length is missing, no number, or stands twice and differs: whoever guesses can be made to see other messages than the peer sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Unframed;

/// "The Content-Length header field MUST be used with stream oriented transports" (RFC 3261 18.3).
fn content_length(head: &[u8]) -> Result<usize, Unframed> {
    let mut found = None;
    let mut lines = lines(head).peekable();
    while let Some(line) = lines.next() {
        let Some(value) = value_of_length(line) else { continue };
        let mut value = value.to_vec();
        // A folded value (7.3.1).
        while let Some(more) = lines.next_if(|line| line.starts_with(b" ") || line.starts_with(b"\t")) {
            value.extend_from_slice(more);
        }
        let digits = value.trim_ascii();
        let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        let length = std::str::from_utf8(digits).ok().filter(|_| is_number).map(|digits| digits.parse().unwrap_or(usize::MAX));
        let length = length.ok_or(Unframed)?;
        if found.is_some_and(|earlier| earlier != length) {
            return Err(Unframed);
        }
        found = Some(length);
    }
    found.ok_or(Unframed)
}

fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// What stands behind the colon, if this is the line.
fn value_of_length(line: &[u8]) -> Option<&[u8]> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = line[..colon].trim_ascii_end();
    (name.eq_ignore_ascii_case(b"Content-Length") || name.eq_ignore_ascii_case(b"l")).then(|| &line[colon + 1..])
}

const EMPTY_LINE: &[u8] = b"\r\n";

/// The answer to a ping (RFC 5626 3.5.1).
pub const PONG: &[u8] = EMPTY_LINE;

/// Two empty lines (RFC 5626 3.5.1).
pub const PING: &[u8] = b"\r\n\r\n";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A compact and folded length, and a body that looks like a head.
    const FIRST: &str = "OPTIONS sip:a@h SIP/2.0\r\nl : \r\n 19\r\n\r\nINVITE x\r\nl: 99\r\n\r\n";
    const SECOND: &str = "SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n";

    /// Keep-alives before, between and behind, and a lone empty line.
    fn capture() -> String {
        format!("\r\n\r\n{FIRST}\r\n\r\n\r\n{SECOND}\r\n\r\n")
    }

    fn all(framer: &mut Framer) -> Vec<Framed> {
        std::iter::from_fn(|| framer.next_framed()).collect()
    }

    fn pieces(cuts: &[usize]) -> Vec<Framed> {
        let bytes = capture().into_bytes();
        let mut framer = Framer::new();
        let mut found = Vec::new();
        let mut from = 0;
        for cut in cuts.iter().copied().chain([bytes.len()]) {
            framer.push(&bytes[from..cut]);
            found.extend(all(&mut framer));
            from = cut;
        }
        found
    }

    fn whole() -> Vec<Framed> {
        let message = |text: &str| Framed::Message(text.as_bytes().to_vec());
        vec![Framed::Ping, message(FIRST), Framed::Ping, message(SECOND), Framed::Ping]
    }

    fn broken(text: &str) -> u16 {
        let mut framer = Framer::new();
        framer.push(text.as_bytes());
        let found = framer.next_framed();
        let Some(Framed::Broken { status, .. }) = found else { panic!("{text:?}: {found:?}") };
        framer.push(b"OPTIONS sip:a@h SIP/2.0\r\nl: 0\r\n\r\n");
        assert_eq!(framer.next_framed(), None, "nothing is heard of a broken stream");
        status
    }

    #[test]
    fn a_capture_is_the_same_messages_wherever_it_is_cut() {
        assert_eq!(pieces(&[]), whole());
        for cut in 0..capture().len() {
            assert_eq!(pieces(&[cut]), whole(), "cut at {cut}");
        }
        assert_eq!(pieces(&(0..capture().len()).collect::<Vec<_>>()), whole(), "byte by byte");
    }

    proptest! {
        #[test]
        fn many_cuts_change_nothing(mut cuts in prop::collection::vec(0..capture().len(), 0..12)) {
            cuts.sort_unstable();
            prop_assert_eq!(pieces(&cuts), whole());
        }

        #[test]
        fn any_bytes_leave_at_most_one_message_behind(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20)) {
            let mut framer = Framer::new();
            for chunk in chunks {
                framer.push(&chunk);
                all(&mut framer);
                prop_assert!(framer.held.len() <= MESSAGE_MAX);
            }
        }
    }

    #[test]
    fn a_length_that_cannot_be_trusted_ends_the_stream() {
        let head = "OPTIONS sip:a@h SIP/2.0\r\n";
        for length in ["", "Content-Length: x\r\n", "Content-Length: -1\r\n", "Content-Length: 3\r\nl: 4\r\n", "Content-Length:\r\n"] {
            assert_eq!(broken(&format!("{head}{length}\r\n")), 400, "{length:?}");
        }
        assert_eq!(broken(&format!("{head}Content-Length: 65536\r\n\r\n")), 513);
        assert_eq!(broken(&format!("{head}Content-Length: 99999999999999999999999\r\n\r\n")), 513);
    }

    #[test]
    fn a_head_without_an_end_is_given_up_at_the_longest_message() {
        let mut framer = Framer::new();
        framer.push(&vec![b'x'; MESSAGE_MAX]);
        assert_eq!(framer.next_framed(), None);
        assert!(framer.is_partial());
        framer.push(b"x");
        assert_eq!(framer.next_framed(), Some(Framed::Broken { head: Vec::new(), status: 513 }));
    }

    #[test]
    fn one_empty_line_is_a_pong_only_when_it_is_awaited() {
        let mut framer = Framer::new();
        framer.push(b"\r\n");
        assert_eq!(framer.next_framed(), None);
        framer.pinged();
        assert_eq!(framer.next_framed(), Some(Framed::Pong));
        framer.push(b"\r\n\r\n");
        assert_eq!(framer.next_framed(), Some(Framed::Ping));
    }
}
