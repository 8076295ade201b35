//! The book of ladders: the last calls' messages, within a fixed number of bytes.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use gateway_core::ids::{CallId, UtcMillis};
use serde_json::{Value, json};

use super::{Ends, mask::masked};

/// Which way a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    In,
    Out,
}

/// One message, masked.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) at: UtcMillis,
    pub(crate) way: Way,
    pub(crate) ends: Ends,
    pub(crate) call_id: Arc<str>,
    pub(crate) text: String,
}

/// All that is kept of what was said in one call, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ladder {
    pub(crate) messages: Vec<Message>,
    /// Messages in the middle of a long dialog that are not kept.
    pub(crate) left_out: u64,
}

#[derive(Debug, Default)]
pub(super) struct Book {
    tracks: HashMap<Arc<str>, Track>,
    calls: BTreeMap<CallId, Vec<Arc<str>>>,
    /// Tracks that no call has claimed, oldest first: strangers, and what is claimed in a moment.
    unclaimed: VecDeque<Arc<str>>,
    /// Calls, oldest first.
    order: VecDeque<CallId>,
    bytes: usize,
}

/// The messages of one Call-ID: the first, and the latest.
#[derive(Debug, Default)]
struct Track {
    call: Option<CallId>,
    first: Vec<Message>,
    latest: VecDeque<Message>,
    left_out: u64,
}

impl Message {
    /// Reads what is needed; `None` where the bytes name no Call-ID.
    pub(super) fn read(at: UtcMillis, way: Way, ends: Ends, bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(TEXT_MAX)]);
        let call_id: Arc<str> = field(&text, "call-id", "i").filter(|id| id.len() <= CALL_ID_MAX)?.into();
        Some(Self { at, way, ends, call_id, text: masked(&text) })
    }

    /// The first line: `INVITE sip:100@host SIP/2.0`, `SIP/2.0 180 Ringing`.
    pub(crate) fn first_line(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }

    /// As a ladder writes it above the arrow: `INVITE (sdp)`, `180 Ringing`.
    pub(crate) fn label(&self) -> String {
        let line = self.first_line();
        let name = line.strip_prefix("SIP/2.0 ").unwrap_or_else(|| line.split(' ').next().unwrap_or_default());
        let has_sdp = self.text.contains("\r\n\r\nv=0");
        format!("{}{}", name.trim_end(), if has_sdp { " (sdp)" } else { "" })
    }

    fn begins_a_call(&self) -> bool {
        self.text.starts_with("INVITE ")
    }
}

impl Book {
    /// Notes one message; only those that an INVITE began, for a ladder is of a call.
    pub(super) fn note(&mut self, message: Message) {
        let call_id = message.call_id.clone();
        if !self.tracks.contains_key(&call_id) {
            if !message.begins_a_call() {
                return;
            }
            if self.unclaimed.len() >= UNCLAIMED_MAX
                && let Some(oldest) = self.unclaimed.pop_front()
            {
                self.drop_track(&oldest);
            }
            self.tracks.insert(call_id.clone(), Track::default());
            self.unclaimed.push_back(call_id.clone());
        }
        let Some(track) = self.tracks.get_mut(&call_id) else { return };
        self.bytes += message.text.len();
        if track.first.len() < FIRST_MAX {
            track.first.push(message);
        } else {
            if track.latest.len() >= LATEST_MAX
                && let Some(gone) = track.latest.pop_front()
            {
                self.bytes -= gone.text.len();
                track.left_out += 1;
            }
            track.latest.push_back(message);
        }
        while self.bytes > BYTES_MAX && self.drop_oldest() {}
    }

    /// A call claims a Call-ID.
    pub(super) fn tie(&mut self, call: CallId, call_id: &str) {
        // What we send ourselves may be claimed before its first byte is noted.
        let name: Arc<str> = call_id.into();
        let track = self.tracks.entry(name.clone()).or_default();
        if track.call.replace(call).is_some() {
            return;
        }
        self.unclaimed.retain(|other| *other != name);
        let tracks = self.calls.entry(call).or_default();
        if tracks.is_empty() {
            self.order.push_back(call);
        }
        tracks.push(name);
        if self.order.len() > CALLS_MAX {
            self.drop_oldest();
        }
    }

    pub(super) fn ladder(&self, call: CallId) -> Option<Ladder> {
        let mut ladder = Ladder::default();
        for track in self.calls.get(&call)?.iter().filter_map(|name| self.tracks.get(name)) {
            ladder.messages.extend(track.first.iter().chain(&track.latest).cloned());
            ladder.left_out += track.left_out;
        }
        // Stable: within a millisecond, each dialog keeps its own order.
        ladder.messages.sort_by_key(|message| message.at);
        Some(ladder)
    }

    fn drop_oldest(&mut self) -> bool {
        match self.order.pop_front() {
            Some(call) => self.calls.remove(&call).unwrap_or_default().iter().for_each(|name| self.drop_track(name)),
            None => match self.unclaimed.pop_front() {
                Some(name) => self.drop_track(&name),
                None => return false,
            },
        }
        true
    }

    fn drop_track(&mut self, name: &str) {
        if let Some(track) = self.tracks.remove(name) {
            let gone: usize = track.first.iter().chain(&track.latest).map(|message| message.text.len()).sum();
            self.bytes -= gone;
        }
    }
}

impl Ladder {
    /// For programs; `drawn` is the same for a terminal.
    pub(crate) fn json(&self, call: CallId) -> Value {
        let began = self.messages.first().map_or(0, |message| message.at.0);
        let messages: Vec<Value> = self
            .messages
            .iter()
            .map(|message| {
                json!({
                    "at": message.at, "ms": message.at.0 - began, "way": if message.way == Way::In { "in" } else { "out" },
                    "local": message.ends.local, "remote": message.ends.remote, "transport": message.ends.transport.token(),
                    "call_id": &*message.call_id, "label": message.label(), "text": message.text,
                })
            })
            .collect();
        json!({ "call": call, "messages": messages, "left_out": self.left_out })
    }
}

/// The value of a header, by its long or short name (RFC 3261 7.3.3).
fn field<'a>(text: &'a str, long: &str, short: &str) -> Option<&'a str> {
    text.lines().skip(1).take_while(|line| !line.is_empty()).find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let name = name.trim_end();
        (name.eq_ignore_ascii_case(long) || name.eq_ignore_ascii_case(short)).then(|| value.trim())
    })
}

/// Of all messages together; some six hundred calls with both their legs.
const BYTES_MAX: usize = 6 << 20;
/// Calls, should their messages be few and short.
const CALLS_MAX: usize = 2_000;
/// Dialogs that nobody has claimed: an INVITE is claimed within the same turn, unless it is a stranger's.
const UNCLAIMED_MAX: usize = 128;
/// Of one dialog: its beginning is kept for good.
const FIRST_MAX: usize = 40;
/// And its end.
const LATEST_MAX: usize = 24;
/// Of one message; what is longer is cut.
const TEXT_MAX: usize = 8_192;
/// A longer Call-ID is not followed.
const CALL_ID_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use gateway_core::events::wire::Transport;

    use super::*;

    fn said(at: u64, line: &str, call_id: &str) -> Message {
        let text = format!("{line}\r\nVia: SIP/2.0/UDP 10.1.0.1\r\ni : {call_id}\r\nCSeq: 1 INVITE\r\n\r\n");
        let [local, remote] = ["10.0.0.1:5060", "10.1.0.1:5060"].map(|address| address.parse().unwrap());
        let ends = Ends { local, remote, transport: Transport::Udp };
        Message::read(UtcMillis(at), Way::In, ends, text.as_bytes()).unwrap()
    }

    fn invite(at: u64, call_id: &str) -> Message {
        said(at, "INVITE sip:100@tandem SIP/2.0", call_id)
    }

    #[test]
    fn both_legs_of_a_call_stand_on_one_ladder_in_time() {
        let mut book = Book::default();
        book.note(invite(1, "in"));
        book.tie(CallId(7), "in");
        // The far leg is claimed before its first byte is seen.
        book.tie(CallId(7), "out");
        book.note(invite(3, "out"));
        book.note(said(2, "SIP/2.0 100 Trying", "in"));
        book.note(said(9, "BYE sip:a SIP/2.0", "stranger"));
        let ladder = book.ladder(CallId(7)).unwrap();
        assert_eq!(ladder.messages.iter().map(Message::label).collect::<Vec<_>>(), ["INVITE", "100 Trying", "INVITE"]);
        assert!(book.ladder(CallId(8)).is_none());
    }

    #[test]
    fn a_long_dialog_keeps_its_beginning_and_its_end() {
        let mut book = Book::default();
        book.tie(CallId(1), "c");
        for n in 0..1_000 {
            book.note(invite(n, "c"));
        }
        let ladder = book.ladder(CallId(1)).unwrap();
        assert_eq!((ladder.messages.len(), ladder.left_out), (FIRST_MAX + LATEST_MAX, 1_000 - 64));
        assert_eq!((ladder.messages[39].at.0, ladder.messages[40].at.0, ladder.messages[63].at.0), (39, 976, 999));
    }

    #[test]
    fn however_many_calls_come_the_book_stays_within_its_bytes() {
        let mut book = Book::default();
        let long = format!("INVITE sip:100@tandem SIP/2.0\r\nX: {}", "x".repeat(1_500));
        for n in 0..20_000u64 {
            let name = n.to_string();
            book.note(said(n, &long, &name));
            // Every other one is a stranger's scan.
            if n % 2 == 0 {
                book.tie(CallId(n), &name);
            }
        }
        let held: usize = book.tracks.values().flat_map(|track| &track.first).map(|message| message.text.len()).sum();
        assert_eq!(book.bytes, held);
        assert!(book.bytes <= BYTES_MAX && book.unclaimed.len() <= UNCLAIMED_MAX && book.order.len() <= CALLS_MAX);
        assert_eq!((book.tracks.len(), book.calls.len()), (book.order.len() + book.unclaimed.len(), book.order.len()));
        assert!(book.ladder(CallId(19_998)).is_some() && book.ladder(CallId(0)).is_none());
    }

    #[test]
    fn strangers_push_out_each_other_and_no_call() {
        let mut book = Book::default();
        book.note(invite(1, "mine"));
        book.tie(CallId(1), "mine");
        for n in 0..10_000 {
            book.note(invite(n, &format!("scan-{n}")));
        }
        assert_eq!(book.ladder(CallId(1)).unwrap().messages.len(), 1);
    }
}
