//! Moves bytes and runs effects: sockets, clock, threads, outside questions.
//!
//! `driver` is the Switch's thread and `shard` a media thread; each sleeps in epoll and is woken by its `mailbox`. Neither decides anything:
//! the pure core does, and both obey the same law of one `handle`, then `poll` until `None`.

mod asks;
pub(crate) mod clips;
mod clock;
mod driver;
mod effects;
mod handle;
mod ladder;
pub(crate) mod library;
mod mailbox;
mod meters;
mod names;
mod pages;
mod ports;
mod private_file;
mod recorder;
pub(crate) mod route_test;
mod shard;
mod stir;
mod stream;
#[cfg(test)]
mod tests;
pub(crate) mod trunk_test;
mod udp;

pub(crate) use asks::{Answers, Asks};
pub(crate) use driver::{Arrival, Brain, Driver};
pub(crate) use effects::Ledger;
#[cfg(test)]
pub(crate) use handle::Told;
pub(crate) use handle::{Away, Handle, Joined, Snapshot};
pub(crate) use mailbox::Mailbox;
pub(crate) use names::Names;
pub(crate) use ports::PortRange;
pub(crate) use private_file::private_file;
pub(crate) use recorder::Recorder;
pub(crate) use shard::{MediaThread, Plane, ShardTold};
pub(crate) use stir::Verifier;
pub(crate) use stream::{Streams, Tls, make_self_signed};
