//! Names of things: numbers that cannot be swapped by mistake.

use serde::{Deserialize, Serialize};

macro_rules! ids { ($($(#[$doc:meta])+ $name:ident)+) => { $($(#[$doc])+
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)] pub struct $name(pub u64);)+ } }

ids! {
    /// Milliseconds since 1970-01-01 UTC.
    UtcMillis
    /// One conversation; unique over all nodes, and below 2^53 so that a page can hold it.
    CallId
    /// One participant's signalling life within a call.
    LegId
    /// A person who takes calls.
    AgentId
    /// A caller's place in a queue.
    EntryId
    /// A customer in the store.
    CustomerId
    /// A case in the store.
    CaseId
    /// An interaction in the store.
    InteractionId
    /// A listening address from the configuration.
    EndpointId
    /// A desk's or caller page's session; named by the shell after login, it outlives a lost WebSocket until `Left`.
    ChannelId
    /// One media thread; all ports of a call live in one.
    ShardId
    /// One end of media; named by the Switch, a shard never invents one.
    PortId
    /// Ports joined; saying `Bridge` again under the same id re-shapes it between two frames.
    BridgeId
    /// One `Play`, so that a late `PlayDone` is not taken for the next one's.
    PlayId
    /// One recording.
    RecordingId
    /// Audio copied to a WebSocket.
    ForkId
    /// One call that was not let in; grows with time, and fits 53 bits.
    RejectionId
    /// Names an open question; the right to answer it is the `AskToken`.
    AskId
}

/// A stream connection, named by the side that opened it, so that shell and Switch never mint the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConnId {
    /// A peer connected to us; numbered by the shell.
    Accepted(u64),
    /// We connect; numbered by the Switch.
    Opened(u64),
}
