//! The door of the stream listeners: who may come in, counted from the moment that a connection is taken in.
//!
//! A peer that connects and never shakes hands costs a place until its time is over; so handshakes have places of their own, and when those
//! are full the oldest gives way: an honest one is over within a round trip or three. One address has a share of all places.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use gateway_core::{config::Limits, sip::household};
use tokio::sync::oneshot;

/// All places.
pub(super) struct Door {
    limits: Limits,
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    by_source: BTreeMap<IpAddr, usize>,
    all: usize,
    /// The oldest first; dropping the sender ends the handshake.
    shaking: BTreeMap<u64, (IpAddr, oneshot::Sender<()>)>,
    came: u64,
}

/// One peer's place; it comes free when this is dropped.
pub(super) struct Place {
    door: Arc<Door>,
    source: IpAddr,
    number: u64,
    is_shaken: bool,
}

/// Resolves when a handshake has to give way.
pub(super) type Pressed = oneshot::Receiver<()>;

impl Door {
    pub(super) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self { limits: *limits, inside: Mutex::default() })
    }

    /// A peer has connected; `None` if it may not come in.
    pub(super) fn enter(self: &Arc<Self>, source: IpAddr) -> Option<(Place, Pressed)> {
        let source = household(source);
        let (shakes, pressed) = oneshot::channel();
        let mut inside = self.inside();
        if inside.share(source) >= self.limits.streams_per_source {
            return None;
        }
        if inside.shaking.len() >= self.limits.handshakes
            && let Some((_, (oldest, _))) = inside.shaking.pop_first()
        {
            inside.leave(oldest);
        }
        if inside.all >= self.limits.streams {
            return None;
        }
        *inside.by_source.entry(source).or_default() += 1;
        inside.all += 1;
        inside.came += 1;
        let number = inside.came;
        inside.shaking.insert(number, (source, shakes));
        drop(inside);
        Some((Place { door: self.clone(), number, source, is_shaken: false }, pressed))
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn share(&self, source: IpAddr) -> usize {
        self.by_source.get(&source).copied().unwrap_or_default()
    }

    fn leave(&mut self, source: IpAddr) {
        self.all -= 1;
        match self.share(source) {
            0 | 1 => drop(self.by_source.remove(&source)),
            share => drop(self.by_source.insert(source, share - 1)),
        }
    }
}

impl Place {
    /// The handshake is over; `false` if it had to give way in the same moment.
    pub(super) fn shaken(&mut self) -> bool {
        self.is_shaken = self.door.inside().shaking.remove(&self.number).is_some();
        self.is_shaken
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.door.inside();
        // Whoever had to give way has left already.
        if inside.shaking.remove(&self.number).is_some() || self.is_shaken {
            inside.leave(self.source);
        }
    }
}
