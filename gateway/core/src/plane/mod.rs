//! The media of many calls.

mod border;

pub use border::{RecorderCommand, ShardInput, ShardOutput, SocketId};
