//! Moves bytes and runs effects: sockets, clock, threads, outside questions.

mod handle;

pub use handle::{Away, Handle, Joined, Snapshot};
