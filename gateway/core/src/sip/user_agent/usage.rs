//! One call as the user agent holds it.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use super::{
    Credentials, TxId,
    refer::{Referred, Referring},
};
use crate::{
    events::wire::Path,
    ids::EndpointId,
    sip::{Request, dialog::Dialog},
};

/// An INVITE, its dialog, and what is going on within it.
#[derive(Debug)]
pub(super) struct Usage {
    pub(super) endpoint: EndpointId,
    /// Where the peer's signalling came from, or where ours first went.
    pub(super) peer: SocketAddr,
    /// All goes to `peer`, whatever Contact and Record-Route say.
    pub(super) nat: bool,
    pub(super) advertised: Option<IpAddr>,
    pub(super) phase: Phase,
    pub(super) dialog: Option<Dialog>,
    /// Transactions alive; `Gone` waits for the last.
    pub(super) transactions: u32,
    /// Our 2xx whose ACK has not come.
    pub(super) unacked: Option<Unacked>,
    /// Our ACKs, by the answering fork and the INVITE's number, for 2xx that are repeated; at most `FORKS_MAX`.
    pub(super) acks: Vec<SentAck>,
    /// The peer's re-INVITE or UPDATE that the owner has not answered.
    pub(super) asked: Option<Asked>,
    /// Our re-INVITE.
    pub(super) asking: Option<Asking>,
    /// We called, so we own the Call-ID (14.1).
    pub(super) is_caller: bool,
    pub(super) credentials: Option<Credentials>,
    /// A digest was right but for its nonce.
    pub(super) is_stale: bool,
    /// A BYE to be sent once the ACK has come (15): its Q.850 value.
    pub(super) farewell: Option<u8>,
    /// The peer's REFER, until its end has been told.
    pub(super) referral: Option<Referred>,
    /// How many REFERs the peer has sent.
    pub(super) referrals: u32,
    /// Our last REFER.
    pub(super) referring: Referring,
}

impl Usage {
    /// Nothing has happened yet.
    pub(super) const fn new(endpoint: EndpointId, peer: SocketAddr) -> Self {
        Self {
            endpoint,
            peer,
            nat: false,
            advertised: None,
            phase: Phase::Ended,
            dialog: None,
            transactions: 0,
            unacked: None,
            acks: Vec::new(),
            asked: None,
            asking: None,
            is_caller: false,
            credentials: None,
            is_stale: false,
            farewell: None,
            referral: None,
            referrals: 0,
            referring: Referring::Never,
        }
    }
}

/// How far it has come.
#[derive(Debug)]
pub(super) enum Phase {
    /// We are called, and have not finally answered.
    Invited { tx: TxId, request: Arc<Request>, tag: String },
    /// We call, and have no final answer; `rings` once anything at all came back.
    Inviting { tx: TxId, request: Arc<Request>, cancel: Cancel, rings: bool, challenged: bool },
    /// A 2xx has gone one way or the other.
    Confirmed,
    /// Nothing more will happen, save that transactions run out.
    Ended,
}

/// What has become of the wish to take our INVITE back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cancel {
    Unwanted,
    /// "If no provisional response has been received, the CANCEL request MUST NOT be sent" (9.1): it waits.
    Wanted(u8),
    Sent,
}

/// A 2xx of ours, repeated until its ACK comes (13.3.1.4).
#[derive(Debug)]
pub(super) struct Unacked {
    pub(super) cseq: u32,
    pub(super) bytes: Arc<[u8]>,
    pub(super) reply: Path,
    pub(super) pause: Duration,
}

/// An ACK of ours, sent again for each repetition of its 2xx (13.2.2.4).
#[derive(Debug)]
pub(super) struct SentAck {
    pub(super) fork: String,
    pub(super) cseq: u32,
    pub(super) bytes: Arc<[u8]>,
    pub(super) path: Path,
}

/// A re-INVITE or UPDATE that waits for the owner.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) tx: TxId,
    pub(super) request: Arc<Request>,
}

/// A re-INVITE of ours.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) sdp: String,
    /// Times that it met one of the peer's.
    pub(super) glares: u8,
    /// Times that it was challenged.
    pub(super) challenges: u8,
    /// Its transaction is running; otherwise it waits, for a timer or for a pending one to end.
    pub(super) is_running: bool,
    /// The running transaction.
    pub(super) tx: Option<TxId>,
}

/// Phones that may answer one INVITE of ours and be hung up on politely; further ones are left to time out.
pub(super) const FORKS_MAX: usize = 8;
