//! The node minus I/O: signalling, IVR, context, routing, agents.

mod border;

use std::{collections::VecDeque, time::Instant};

pub use border::{AdminCommand, Attendance, Input, Output, Page};

use crate::now::Now;

/// The node minus I/O: signalling, IVR, context, routing, agents.
///
/// **The law:** one `handle`, then `poll` until `None`, then wait for the next input or for `deadline()`, which is said as `Input::Woke`.
/// Outputs are carried out in the order they come: all media commands to one shard, and all bytes to one peer, keep it.
/// `handle` never blocks and never fails: junk is counted, and a call's fate is a `Cause`.
/// Same seed, same inputs, same stamps: same outputs, byte for byte.
pub struct Switch<R> {
    /// Chance: tags, branches, Call-IDs and SDES keys. A stream cipher, seeded by the system in the shell and by a number in tests.
    #[expect(dead_code, reason = "the skeleton draws nothing yet")]
    rng: R,
    outputs: VecDeque<Output>,
}

impl<R> Switch<R> {
    /// A node at rest. (`R` is a `rand` generator.)
    pub fn new(rng: R) -> Self {
        Self { rng, outputs: VecDeque::new() }
    }

    /// Takes one input in; whatever follows from it waits in `poll`.
    pub fn handle(&mut self, _now: Now, _input: Input<'_>) {
        todo!("sip > leg > call > ivr, routing, acd")
    }

    /// The next thing to be done, in the order it must be done.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to say `Woke` if nothing else happens first; `None` while nothing is awaited.
    pub fn deadline(&self) -> Option<Instant> {
        todo!("the earliest of the timer table")
    }
}
