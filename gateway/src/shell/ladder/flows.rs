//! Messages out of what streams bring, for ladders alone: the user agent frames what it reads by itself, on another thread.

use std::collections::VecDeque;

use gateway_core::{
    ids::ConnId,
    sip::stream::{Framed, Framer},
};

/// The messages that have begun and are not whole, the oldest first; a stream between two messages costs nothing here.
#[derive(Default)]
pub(super) struct Flows {
    begun: VecDeque<(ConnId, Framer)>,
}

impl Flows {
    /// Takes in a piece; `is_torn` says that what came before it was left out.
    pub(super) fn take(&mut self, conn: ConnId, is_torn: bool, bytes: &[u8], mut tell: impl FnMut(&[u8])) {
        let begun = self.begun.iter().position(|(other, _)| *other == conn).and_then(|at| self.begun.remove(at));
        let mut framer = match begun {
            Some((_, framer)) if !is_torn => framer,
            // In the midst of a message that nobody has the beginning of: what is masked in a body might stand unmasked.
            _ if !begins(bytes) => return,
            _ => Framer::new(),
        };
        framer.push(bytes);
        while let Some(framed) = framer.next_framed() {
            match framed {
                Framed::Message(message) => tell(&message),
                Framed::Ping | Framed::Pong => {}
                Framed::Broken { .. } => return,
            }
        }
        if framer.is_partial() {
            if self.begun.len() >= BEGUN_MAX {
                self.begun.pop_front();
            }
            self.begun.push_back((conn, framer));
        }
    }

    pub(super) fn forget(&mut self, conn: ConnId) {
        self.begun.retain(|(other, _)| *other != conn);
    }
}

/// The first line of a message (RFC 3261 7), maybe cut, maybe behind empty lines.
fn begins(bytes: &[u8]) -> bool {
    let text = bytes.trim_ascii_start();
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let word = line.split(|byte| *byte == b' ').next().unwrap_or_default();
    let is_cut = line.len() == text.len() && (word.iter().all(u8::is_ascii_uppercase) || b"SIP/2.0".starts_with(word));
    is_cut || line.starts_with(b"SIP/2.0 ") || line.trim_ascii_end().ends_with(b" SIP/2.0")
}

/// Messages that come in pieces at once; the oldest is left out of its ladder. At most 64 KB each.
const BEGUN_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &[u8] = b"INVITE sip:100@a SIP/2.0\r\nCall-ID: c1\r\nContent-Length: 3\r\n\r\nv=0";

    fn messages(pieces: &[(u64, bool, &[u8])]) -> Vec<Vec<u8>> {
        let (mut flows, mut messages) = (Flows::default(), Vec::new());
        for (conn, is_torn, bytes) in pieces {
            flows.take(ConnId::Accepted(*conn), *is_torn, bytes, |message| messages.push(message.to_vec()));
        }
        assert!(flows.begun.len() <= BEGUN_MAX);
        messages
    }

    #[test]
    fn a_message_is_found_wherever_it_is_cut() {
        for at in 1..INVITE.len() {
            let (head, tail) = INVITE.split_at(at);
            assert_eq!(messages(&[(1, false, head), (2, false, INVITE), (1, false, tail)]), [INVITE, INVITE], "cut at {at}");
        }
    }

    #[test]
    fn several_messages_in_one_piece_with_pings_between_them_are_told_apart() {
        let piece = [b"\r\n\r\n", INVITE, b"\r\n", INVITE].concat();
        assert_eq!(messages(&[(1, false, &piece)]), [INVITE, INVITE]);
    }

    #[test]
    fn behind_a_gap_only_the_beginning_of_a_message_is_believed() {
        let (head, tail) = INVITE.split_at(30);
        assert_eq!(messages(&[(1, false, head), (1, true, b"Signal=5\r\n"), (1, false, tail), (1, false, INVITE)]), [INVITE]);
    }

    #[test]
    fn however_many_messages_are_begun_few_are_held() {
        let (head, tail) = INVITE.split_at(30);
        let count = BEGUN_MAX as u64 + 10;
        let begun = (0..count).map(|conn| (conn, false, head));
        let ended = (0..count).map(|conn| (conn, false, tail));
        let pieces: Vec<_> = begun.chain(ended).collect();
        assert_eq!(messages(&pieces).len(), BEGUN_MAX);
    }
}
