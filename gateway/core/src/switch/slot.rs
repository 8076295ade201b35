//! What the Switch keeps beside a call, and beside a shard.

use std::{collections::VecDeque, net::SocketAddr, sync::Arc};

use crate::{
    call::Call,
    config::Config,
    ids::{LegId, PortId, ShardId},
};

/// A call, and what of the node belongs to it.
pub(super) struct Slot {
    /// Taken out while it runs, so that a panic takes this call alone; boxed, since it is large and goes out and in with each step.
    pub(super) call: Option<Box<Call>>,
    /// The configuration that it began with.
    pub(super) config: Arc<Config>,
    /// All its ports live here.
    pub(super) shard: ShardId,
    /// Its legs and ports, for the day when it breaks.
    pub(super) legs: Vec<LegId>,
    pub(super) ports: Vec<PortId>,
}

/// RTP addresses that a shard has bound ahead of need.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) free: VecDeque<SocketAddr>,
    /// Asked for and not yet had.
    asked: bool,
    /// The last answer was short: there is nothing more to be had until an address has rested.
    dry: bool,
    pub(super) calls: usize,
}

impl Places {
    /// How many to ask for now, if any.
    pub(super) fn want(&mut self) -> Option<u16> {
        if self.asked || self.free.len() >= LEASES_MIN || self.dry {
            return None;
        }
        self.asked = true;
        Some(LEASES_BATCH)
    }

    /// The shard has bound these.
    pub(super) fn leased(&mut self, locals: &[SocketAddr]) {
        self.asked = false;
        self.dry = locals.len() < usize::from(LEASES_BATCH);
        self.free.extend(locals);
    }

    /// The address of a closed port has rested: it can be had again.
    pub(super) fn rested(&mut self) {
        self.dry = false;
    }
}

/// Below this many free addresses, more are asked for: a burst of calls within one turn of a shard must not find none.
const LEASES_MIN: usize = 64;
/// Asked for at a time.
const LEASES_BATCH: u16 = 64;
