//! The open ports of a shard, and the sockets that they are on.
//!
//! Each packet looks both up, so they lie in slabs: a lookup costs the same with one call and with a thousand. Nothing walks over them, so
//! that no order is lost.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use media::transmit::Channel;

use super::{SocketId, port::Port};
use crate::ids::PortId;

/// Ports by id.
#[derive(Default)]
pub(super) struct Ports {
    places: HashMap<PortId, usize, BuildHasherDefault<IdHasher>>,
    slots: Vec<Option<Port>>,
    free: Vec<usize>,
}

/// Who listens on which socket; the shell numbers its sockets from 0 without gaps.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    by_number: Vec<Option<(PortId, Channel)>>,
}

/// Spreads ids, which are numbers in a row, over the table; they come from the Switch, so that no stranger can choose them.
#[derive(Default)]
pub(super) struct IdHasher(u64);

impl Ports {
    pub(super) fn get(&self, id: &PortId) -> Option<&Port> {
        self.slots.get(*self.places.get(id)?)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, id: &PortId) -> Option<&mut Port> {
        self.slots.get_mut(*self.places.get(id)?)?.as_mut()
    }

    pub(super) fn contains_key(&self, id: &PortId) -> bool {
        self.places.contains_key(id)
    }

    /// A port under an id that has none.
    pub(super) fn insert(&mut self, id: PortId, port: Port) {
        let place = self.free.pop().unwrap_or(self.slots.len());
        if place == self.slots.len() {
            self.slots.push(None);
        }
        self.slots[place] = Some(port);
        self.places.insert(id, place);
    }

    pub(super) fn remove(&mut self, id: &PortId) -> Option<Port> {
        let place = self.places.remove(id)?;
        self.free.push(place);
        self.slots[place].take()
    }
}

impl Sockets {
    pub(super) fn get(&self, socket: SocketId) -> Option<(PortId, Channel)> {
        *self.by_number.get(socket.0 as usize)?
    }

    pub(super) fn insert(&mut self, socket: SocketId, port: PortId, channel: Channel) {
        let number = socket.0 as usize;
        if self.by_number.len() <= number {
            self.by_number.resize(number + 1, None);
        }
        self.by_number[number] = Some((port, channel));
    }

    pub(super) fn remove(&mut self, socket: SocketId) {
        if let Some(place) = self.by_number.get_mut(socket.0 as usize) {
            *place = None;
        }
    }
}

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        // 2^64 by the golden ratio: numbers in a row fall far apart (Knuth, Sorting and Searching, 6.4).
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        // The table takes its place from the low bits and its tag from the high ones; a product is well mixed above.
        self.0.rotate_left(26)
    }
}
