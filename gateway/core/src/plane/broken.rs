//! A port that fell over a bug of ours: it alone is gone, with an event, and no other call of the shard notices.
//!
//! All work for a port runs here. The port is removed without another word of its line, which nobody can trust any more; what was recorded
//! of it is kept.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

use super::Shard;
use crate::{
    events::media::{MediaEvent, PlayEnd, Quality},
    ids::PortId,
};

impl<R: rand::Rng> Shard<R> {
    /// Works for one port; if that panics, the port is gone.
    pub(super) fn alone(&mut self, now: Instant, id: PortId, work: impl FnOnce(&mut Self)) {
        self.together(now, &[id], work);
    }

    /// Works for several ports of one call; if that panics, all of them are gone, since nobody knows which of them it was.
    pub(super) fn together(&mut self, now: Instant, ids: &[PortId], work: impl FnOnce(&mut Self)) {
        if catch_unwind(AssertUnwindSafe(|| work(self))).is_err() {
            ids.iter().for_each(|id| self.broke(now, *id));
        }
    }

    fn broke(&mut self, now: Instant, id: PortId) {
        // What it has made and not sent would leave by another port's socket.
        while let Some(unsent) = self.outbox.poll() {
            self.outbox.recycle(unsent.bytes);
        }
        self.tell(MediaEvent::Broken { port: id });
        let mut port = self.remove(now, id);
        if let Some(play) = port.as_mut().and_then(|port| port.play.take()) {
            self.tell(MediaEvent::PlayDone { port: id, play: play.id, end: PlayEnd::Stopped });
        }
        self.seal_all_of(now, id);
        // Its last figures, and its end, may fall over the same.
        let quality = catch_unwind(AssertUnwindSafe(move || port.map(|port| port.quality())));
        let quality: Option<Quality> = quality.unwrap_or_default();
        self.tell(MediaEvent::Closed { port: id, quality: quality.unwrap_or_default() });
    }
}
