//! What the Switch wants of a shard, and what a shard reports.

use std::{net::SocketAddr, time::Duration};

use media::sdp::{Answer, Flow, MediaPlan, Offer};
use serde::{Deserialize, Serialize};

use crate::{
    cause::Cause,
    events::leg::KeySource,
    ids::{BridgeId, ForkId, PlayId, PortId, RecordingId, ShardId},
    private::Private,
};

/// What the Switch wants of a shard. None is answered by itself, save `OpenPeer`, `OfferPeer` and `RestartIce`: only a WebRTC peer speaks for
/// itself.
#[derive(Debug, Clone, PartialEq)]
pub enum MediaCommand {
    /// Bind this many more RTP addresses ahead of need, so that opening a port is one-way.
    LeasePorts { count: u16 },
    /// Start a port as agreed, on a leased address.
    Open { port: PortId, plan: MediaPlan },
    /// Start a WebRTC peer on the shard's one socket; at `call.offer`, in the caller's shard, so that it is connected before the accept.
    OpenPeer { port: PortId, offer: Offer },
    /// Start a WebRTC peer that makes the offer, for a phone in a browser that is called; `PeerOffered` follows.
    OfferPeer { port: PortId },
    /// What was answered to that offer; the first counts.
    AnswerPeer { port: PortId, answer: Answer },
    /// A re-offer is out: receive by both plans, send by the old one (RFC 3264 8.3.1).
    Replan { port: PortId, plan: MediaPlan },
    /// The re-offer was taken: the new plan alone stands.
    Commit { port: PortId },
    /// The re-offer was not taken: the old plan alone stands, as if nothing had been asked (RFC 3261 14.1).
    Rollback { port: PortId },
    /// Hold, resume: change the flow and nothing else.
    Direct { port: PortId, flow: Flow },
    /// Join ports of this shard, or re-shape the joint; a port not yet connected hears nothing until it is.
    Bridge { bridge: BridgeId, topology: Topology },
    /// Part them; the ports stay open.
    Unbridge { bridge: BridgeId },
    /// Play these clips, in order, to one port; ends in exactly one `PlayDone`.
    Play { port: PortId, play: PlayId, clips: Vec<String>, repeat: bool },
    /// Stop whatever plays.
    Stop { port: PortId },
    /// Report keys and speech from now on; where they interrupt, the play stops within 20 ms of their first packet.
    Collect { port: PortId, keys_interrupt: bool, speech_interrupts: bool },
    /// Send one key, as an RTP event (RFC 4733), or as tones where none was agreed.
    SendDigit { port: PortId, digit: Private<char>, length: Duration },
    /// Record, caller left and agent right; said again, the agent's side changes and the file goes on. When it starts (answer, consent,
    /// bridge) is the script's word.
    Record { recording: RecordingId, caller: PortId, agent: Option<PortId> },
    /// Write silence instead: the file keeps its length, a card number is never in it.
    PauseRecording { recording: RecordingId },
    /// Write again.
    ResumeRecording { recording: RecordingId },
    /// End the file; `Recorded` follows. Closing the caller's port does the same.
    SealRecording { recording: RecordingId },
    /// Let nobody hear this port, or hear it again.
    Mute { port: PortId, muted: bool },
    /// Copy a port's audio to a WebSocket.
    Fork { port: PortId, fork: ForkId, url: String },
    /// End the copy; `ForkClosed` follows.
    Unfork { fork: ForkId },
    /// The browser changed networks: answer its new offer, keep keys and audio (RFC 8445 9).
    RestartIce { port: PortId, offer: Offer },
    /// Lay a pipe of 20 ms frames to a port of another shard, only when calls that live apart merge; closing one end closes both.
    Link { port: PortId, shard: ShardId, twin: PortId },
    /// End a port; `Closed` follows, and its address rests before it is leased again, so no new call hears old media.
    Close { port: PortId },
}

/// Who hears whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topology {
    /// Two, relayed packet by packet where codecs are equal.
    Pair { caller: PortId, agent: PortId },
    /// Each hears all but himself.
    Conference { ports: Vec<PortId> },
    /// The agent also hears the coach; the caller does not.
    Whisper { caller: PortId, agent: PortId, coach: PortId },
    /// The listener hears both and is heard by none.
    Listen { caller: PortId, agent: PortId, listener: PortId },
}

/// What a shard reports.
///
/// When the queue to the Switch is full, `Quality` is dropped, oldest first. Everything else is never dropped: digits, plays, speech,
/// recordings and ends wait in the shard, which takes no new port until the queue drains.
#[derive(Debug, Clone, PartialEq)]
pub enum MediaEvent {
    /// These addresses are bound and idle; fewer than asked means that no more are to be had.
    PortsLeased { locals: Vec<SocketAddr> },
    /// The peer's answer: the one thing that signalling waits for media to say.
    PeerAnswered { port: PortId, answer: Answer },
    /// The peer's own offer, which is to be answered by `AnswerPeer`.
    PeerOffered { port: PortId, offer: Offer },
    /// The peer cannot meet a later offer: what was agreed before stands.
    PeerRefused { port: PortId, cause: Cause },
    /// ICE and DTLS stand; audio may flow.
    PeerConnected { port: PortId },
    /// Its path is lost (RFC 7675), it closed, or its first offer or answer was unfit; where no port was opened, `Closed` follows at once.
    PeerGone { port: PortId, cause: Cause },
    /// A key by RTP event or tone, once, at its end. Told of a port that collects; a key of any other port goes on to its listeners.
    DigitHeard { port: PortId, digit: Private<char>, length: Duration, source: KeySource },
    /// The play is over.
    PlayDone { port: PortId, play: PlayId, end: PlayEnd },
    /// Someone began to speak.
    SpeechStarted { port: PortId },
    /// And has been silent for the configured time.
    SpeechEnded { port: PortId, spoken_ms: u32 },
    /// The file is whole and on disk.
    Recorded { recording: RecordingId, file: String, length_ms: u64 },
    /// What was recorded up to now is kept; no more will be.
    RecordingFailed { recording: RecordingId, reason: String },
    /// A look at one port, every 5 s.
    Quality { port: PortId, quality: Quality },
    /// Nothing has arrived for the configured time, or the shard fell: the call decides whether that ends it.
    MediaLost { port: PortId },
    /// A bug of ours took the port, and it alone; `Closed` follows.
    Broken { port: PortId },
    /// The copy has ended, by either side.
    ForkClosed { fork: ForkId, cause: Cause },
    /// The port's last word, with its totals for the record.
    Closed { port: PortId, quality: Quality },
}

/// How a play ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlayEnd {
    /// To its last sample.
    Finished,
    /// By a key or by speech, as `Collect` allows.
    Interrupted,
    /// By `Stop`, by another `Play`, or because the port closed.
    Stopped,
    /// A clip is missing or unreadable.
    Failed,
}

/// How one port fared: received and lost packets, jitter (RFC 3550 6.4.1) and round trip in ms, estimated MOS times 100.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    pub received: u64,
    pub lost: u64,
    pub jitter_ms: u16,
    pub round_trip_ms: Option<u16>,
    pub mos_x100: u16,
}
