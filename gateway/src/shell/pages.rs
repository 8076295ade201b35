//! The pages that listen: a bounded queue for each.

use std::collections::BTreeMap;

use gateway_core::{events::page::ServerMessage, ids::ChannelId};
use tokio::sync::mpsc;

/// Queues to the pages, by channel.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    last: u64,
    queues: BTreeMap<ChannelId, mpsc::Sender<ServerMessage>>,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// Queued.
    Queued,
    /// The page reads too slowly or is gone: its channel is closed, and the switch is to hear that it left.
    Closed,
    /// There is no such channel any more.
    Unknown,
}

impl Pages {
    /// A page joins; names are never used again.
    pub(crate) fn open(&mut self, queue: mpsc::Sender<ServerMessage>) -> ChannelId {
        self.last += 1;
        self.queues.insert(ChannelId(self.last), queue);
        ChannelId(self.last)
    }

    /// A message for a page.
    pub(crate) fn push(&mut self, channel: ChannelId, message: ServerMessage) -> Pushed {
        let Some(queue) = self.queues.get(&channel) else { return Pushed::Unknown };
        match queue.try_send(message) {
            Ok(()) => Pushed::Queued,
            Err(_) => {
                self.queues.remove(&channel);
                Pushed::Closed
            }
        }
    }

    /// A page leaves; `false` if it has left before.
    pub(crate) fn close(&mut self, channel: ChannelId) -> bool {
        self.queues.remove(&channel).is_some()
    }

    /// Pages that listen.
    pub(crate) fn len(&self) -> usize {
        self.queues.len()
    }
}

#[cfg(test)]
mod tests {
    use gateway_core::events::page::Notice;

    use super::*;

    #[test]
    fn a_page_that_does_not_read_is_closed_once() {
        let mut pages = Pages::default();
        let (queue, mut messages) = mpsc::channel(1);
        let channel = pages.open(queue);
        assert_eq!(pages.push(channel, status(1)), Pushed::Queued);
        assert_eq!(pages.push(channel, status(2)), Pushed::Closed);
        assert_eq!(pages.push(channel, status(3)), Pushed::Unknown);
        assert_eq!(messages.try_recv().map(|message| message.seq), Ok(1));
        assert_eq!(messages.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
        assert!(!pages.close(channel));
    }

    fn status(seq: u64) -> ServerMessage {
        ServerMessage { seq, notice: Notice::Status { call: None, state: "queued".into(), detail: None } }
    }
}
