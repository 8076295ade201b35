//! The whole border of a Shard.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use media::clip::ClipBook;

use crate::{
    events::media::{MediaCommand, MediaEvent},
    ids::RecordingId,
};

/// One bound RTP socket, named by the shell; RTCP's socket, on the next port, has a name of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u32);

/// What a shard is told at its start.
#[derive(Debug, Clone)]
pub struct ShardConfig {
    /// The shard's WebRTC socket; without one, every `OpenPeer` ends in `PeerGone`.
    pub web: Option<WebSocketAddress>,
    /// How long an RTP peer may send neither RTP nor RTCP before `MediaLost` is reported.
    pub media_lost_after: Duration,
    /// Packets of foreign sources are neither heard nor answered. Only a test that shows what this is good for turns it off.
    pub guard: bool,
}

/// Where the shard's one UDP socket for all browsers is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebSocketAddress {
    /// As it is bound.
    pub local: SocketAddr,
    /// What pages are told to send to.
    pub advertised: IpAddr,
}

/// All that can reach a Shard.
#[derive(Debug)]
pub enum ShardInput<'a> {
    /// The Switch wants something.
    Command(MediaCommand),
    /// One datagram on an RTP or RTCP socket.
    Received { socket: SocketId, from: SocketAddr, bytes: &'a [u8] },
    /// One datagram on the shard's WebRTC socket.
    WebReceived { from: SocketAddr, bytes: &'a [u8] },
    /// Answer to `Bind`: pairs of RTP and RTCP sockets with the RTP socket's address; fewer than asked means that no more are to be had.
    Bound { sockets: Vec<(SocketId, SocketId, SocketAddr)> },
    /// The recorder has closed a file.
    Recorded { recording: RecordingId, file: String, length_ms: u64 },
    /// The recorder cannot go on; what was written is kept.
    RecordingFailed { recording: RecordingId, reason: String },
    /// Other clips from now on; what plays goes on.
    Clips(Arc<ClipBook>),
    /// `deadline()` has come.
    Woke,
}

/// All that a Shard can want.
#[derive(Debug)]
pub enum ShardOutput {
    /// Send this datagram; give `bytes` back by `Shard::recycle`, so that no packet costs an allocation.
    Transmit { socket: SocketId, to: SocketAddr, bytes: Vec<u8> },
    /// Send this datagram from the WebRTC socket; give `bytes` back likewise.
    WebTransmit { to: SocketAddr, bytes: Vec<u8> },
    /// Only this peer is heard on this socket from now on, and all that is sent goes to it: the system may be told so. With `None`, others may
    /// be heard again.
    Settle { socket: SocketId, peer: Option<SocketAddr> },
    /// Bind this many more RTP/RTCP socket pairs; `Bound` follows.
    Bind { count: u16 },
    /// Tell the Switch.
    Event(MediaEvent),
    /// Tell the recorder's thread.
    Record(RecorderCommand),
}

/// What the recorder's thread does; it is behind a bounded queue, and a full queue loses frames of the file, never of the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecorderCommand {
    /// Open a stereo file of 16-bit samples at this rate in Hz, caller left, agent right.
    Start { recording: RecordingId, rate: u32 },
    /// Append interleaved samples that belong at `position`, counted in stereo samples from the start: what a full queue has lost before
    /// them becomes silence (`media::recorder::Recorder::append`).
    Append { recording: RecordingId, position: u64, samples: Vec<i16> },
    /// Flush, repair the header, close; `Recorded` follows.
    Seal { recording: RecordingId },
}
