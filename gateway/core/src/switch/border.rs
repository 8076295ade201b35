//! The whole border of the pure world: all that can reach the Switch, all that it can want.

use std::{net::SocketAddr, sync::Arc};

use super::{Rejection, trunks::TrunkNews};
use crate::{
    config::Config,
    events::{
        ask::{Ask, Reply},
        media::{MediaCommand, MediaEvent},
        page::{ClientMessage, ServerMessage},
        record::Record,
        wire::{Hop, Path},
    },
    ids::{AgentId, CallId, ChannelId, ConnId, EndpointId, ShardId},
    private::Private,
};

/// All that can reach the Switch.
#[derive(Debug)]
pub enum Input<'a> {
    /// One whole UDP datagram.
    Received { endpoint: EndpointId, from: SocketAddr, bytes: &'a [u8] },
    /// A stream stands: one we asked for, or one a peer opened at `endpoint`; `subject` holds the names of its verified certificate, if any.
    Connected { conn: ConnId, endpoint: Option<EndpointId>, from: SocketAddr, subject: Vec<String> },
    /// A stream that we asked for did not come about; try the next target (RFC 3263 4.3).
    ConnectFailed { conn: ConnId },
    /// Bytes of a stream: the shell ends TLS and WebSocket. Those of TCP and TLS are cut anywhere, and the Switch finds the messages
    /// (RFC 3261 18.3); those of a WebSocket are one whole message (RFC 7118 5).
    Stream { conn: ConnId, bytes: &'a [u8] },
    /// The stream is gone; this name is never used again.
    Disconnected { conn: ConnId },
    /// A page has logged in; the shell has proved who it is.
    Joined { channel: ChannelId, page: Page },
    /// A desk or caller page said something.
    Said { channel: ChannelId, message: ClientMessage },
    /// The page has been away longer than its resume time, or logged out.
    Left { channel: ChannelId },
    /// A shard reports.
    Media { shard: ShardId, event: MediaEvent },
    /// A slow system has answered, or will not.
    Replied(Reply),
    /// An operator wants something.
    Told(AdminCommand),
    /// `deadline()` has come.
    Woke,
}

/// All that the Switch can want.
#[derive(Debug)]
pub enum Output {
    /// Send these bytes; a retransmission shares them.
    Transmit { path: Path, bytes: Arc<[u8]> },
    /// Open a stream by TCP or TLS; `Connected` or `ConnectFailed` follows. `profile` names the trunk whose `tls` counts.
    Connect { conn: ConnId, hop: Hop, profile: Option<String> },
    /// Flush, then close the stream; `Disconnected` follows.
    Disconnect { conn: ConnId },
    /// Tell a shard.
    Media { shard: ShardId, command: MediaCommand },
    /// Put a question to a slow system; exactly one reply, or none and the deadline decides.
    Ask(Ask),
    /// Tell a page; the last `REPLAY_MAX` of each channel are kept for `resume`, an older gap is mended by a whole new card.
    Push { channel: ChannelId, message: ServerMessage },
    /// Someone was not let in: for the log and the console.
    Rejected(Rejection),
    /// A trunk has come, gone, or cannot register: for the log.
    Trunk(TrunkNews),
    /// A leg of this call goes by this Call-ID: whoever watches the wire can tell whose messages are whose.
    Traced { call: CallId, call_id: String },
    /// Append to history; never dropped: a full store queue makes the node refuse new calls.
    Write(Record),
}

/// Who looks at a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// An agent's desk.
    Desk(AgentId),
    /// A caller page, with what its handoff token proves.
    Caller(Option<Private<String>>),
}

/// An operator's wish, from the command line or the API.
#[derive(Debug, Clone, PartialEq)]
pub enum AdminCommand {
    /// Refuse new calls with 503, and end when the last call has.
    Drain,
    /// Use this configuration from the next call on; calls in progress keep theirs.
    Reload(Arc<Config>),
    /// History cannot keep up (`true`), or can again: while it cannot, new calls are refused, for none may go unrecorded.
    StoreBehind(bool),
    /// End one call.
    Hangup { call: CallId },
}
