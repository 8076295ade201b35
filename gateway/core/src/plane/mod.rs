//! The media of many calls: ports, bridges, prompts, keys and recordings, with no socket and no clock.
//!
//! `shard` takes inputs in and gives outputs out; `commands` does what the Switch wants; `packets` takes what comes from the network;
//! `tick` does what is done every 20 ms. The rest are the nouns they work with.

mod border;
mod bridge;
mod broken;
mod commands;
mod lease;
mod packets;
mod play;
mod port;
mod ports;
mod recording;
mod shard;
mod speech;
mod tick;
mod tone_ear;

#[cfg(test)]
mod tests;

pub use border::{RecorderCommand, ShardConfig, ShardInput, ShardOutput, SocketId, WebSocketAddress};
pub use commands::{REST, REST_SLACK};
pub use shard::{Counts, Shard};
