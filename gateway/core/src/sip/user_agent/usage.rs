//! One call as the user agent holds it.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use super::{
    Credentials, TxId,
    refer::{Referred, Referring},
    reliable::Reliable,
    session_timer::Session,
};
use crate::{
    config::Oversize,
    events::wire::{Hop, Path},
    ids::{ConnId, EndpointId},
    sip::{
        Request,
        dialog::Dialog,
        header::{SessionId, Uuid},
    },
};

/// An INVITE, its dialog, and what is going on within it.
#[derive(Debug)]
pub(super) struct Usage {
    pub(super) endpoint: EndpointId,
    /// Where the peer's signalling came from, or where ours first went.
    pub(super) peer: SocketAddr,
    /// The stream that the call came by, or went by first.
    pub(super) flow: Option<ConnId>,
    /// Where ours went: the resolved next hop.
    pub(super) hop: Option<Hop>,
    /// The trunk whose `tls` counts.
    pub(super) profile: Option<String>,
    pub(super) oversize: Oversize,
    /// No proxy stands between the peer and us.
    pub(super) is_direct: bool,
    /// The dialog is of SIPS (12.1.1), so our Contact is.
    pub(super) is_sips: bool,
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
    /// Our BYE is out: one of the peer's that crosses it finds its dialog still (RFC 5407 3.2.1).
    pub(super) said_bye: bool,
    /// Provisional responses of ours that must arrive.
    pub(super) reliable: Reliable,
    /// Those who answered our INVITE provisionally, each with an early dialog that is served; at most `FORKS_MAX`.
    pub(super) forks: Vec<Fork>,
    /// When the session must be renewed, and by whom.
    pub(super) session: Session,
    /// The SDP that we said last, for a refresh that must repeat it.
    pub(super) said: Option<String>,
    /// The SDP that the peer said last.
    pub(super) heard: Option<String>,
    /// An OPTIONS of ours is out, to see whether the peer lives.
    pub(super) is_asked_alive: bool,
    /// The peer has challenged a request of ours within the dialog, and the owner knows.
    pub(super) has_challenged: bool,
    /// Ours and the peer's half of Session-ID (RFC 7989), on every message of this usage.
    pub(super) session_id: SessionId,
}

impl Usage {
    /// Nothing has happened yet.
    pub(super) fn new(endpoint: EndpointId, peer: SocketAddr) -> Self {
        Self {
            endpoint,
            peer,
            flow: None,
            hop: None,
            profile: None,
            oversize: Oversize::Tcp,
            is_direct: false,
            is_sips: false,
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
            said_bye: false,
            reliable: Reliable::default(),
            forks: Vec::new(),
            session: Session::default(),
            said: None,
            heard: None,
            is_asked_alive: false,
            has_challenged: false,
            session_id: SessionId { local: Uuid(0), remote: Uuid(0) },
        }
    }

    /// The dialog with whoever goes by this tag: the usage's own, or the early one of another fork.
    pub(super) fn dialog_with(&mut self, tag: &str) -> Option<&mut Dialog> {
        let own = self.dialog.as_mut().filter(|dialog| dialog.id().remote_tag == tag);
        own.or_else(|| self.forks.iter_mut().find(|fork| fork.tag == tag)?.dialog.as_mut())
    }

    /// What is agreed with a fork before anybody has answered: the SDP that it said last.
    pub(super) fn agree_early(&mut self, tag: &str, sdp: &str) {
        if let Some(fork) = self.forks.iter_mut().find(|fork| fork.tag == tag) {
            fork.sdp = Some(sdp.to_owned());
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
    /// It carries our offer, and the ACK brings the answer.
    pub(super) offers: bool,
}

/// A phone that answered our INVITE provisionally.
#[derive(Debug)]
pub(super) struct Fork {
    /// Its To tag.
    pub(super) tag: String,
    /// Its early dialog, where that is not the usage's own.
    pub(super) dialog: Option<Dialog>,
    /// The INVITE's number, and RSeq, of its last reliable response.
    pub(super) rseq: Option<(u32, u32)>,
    /// What it said last of media: its answer, reliable or not, or what an UPDATE has made of it.
    pub(super) sdp: Option<String>,
    /// It answered reliably.
    pub(super) is_agreed: bool,
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
    /// It only renews the session: the owner did not ask for it.
    pub(super) is_refresh: bool,
    /// What the owner wants once the refresh is over.
    pub(super) next: Option<String>,
}

/// Phones that may answer one INVITE of ours and be hung up on politely; further ones are left to time out.
pub(super) const FORKS_MAX: usize = 8;
