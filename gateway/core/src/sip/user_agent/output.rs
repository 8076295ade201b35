//! What the user agent says, and what it is told.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use super::RegisterOutcome;
use crate::{
    config::{Endpoint, Limits, Oversize, Phone},
    events::wire::{Hop, Path},
    ids::{ConnId, EndpointId},
    private::Private,
    sip::{Method, Request, SessionTimer, Uri, message::phrase, user_agent::Referral},
};

/// One call as the user agent sees it: an INVITE, its dialog and all that happens within; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UsageId(pub u64);

/// A request of ours outside dialogs: REGISTER or OPTIONS; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// What the user agent wants done, or wants known.
#[derive(Debug, Clone, PartialEq)]
pub enum UaOutput {
    /// Send these bytes; a retransmission shares them.
    Transmit { path: Path, bytes: Arc<[u8]> },
    /// Open a stream; `connected` or `connect_failed` follows. `profile` names the trunk whose `tls` counts.
    Connect { conn: ConnId, hop: Hop, profile: Option<String> },
    /// Flush, then close it; `disconnected` follows.
    Disconnect { conn: ConnId },
    /// Tell the owner.
    Event(UaEvent),
}

/// What happened. Every usage ends with exactly one `Gone`, after which its id means nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum UaEvent {
    /// Someone calls; 100 has been sent. `authenticated` is the user whose digest was right, if the INVITE carried one.
    ///
    /// Answer by `ring`, `progress`, `accept`, `refuse` or `challenge`. The request's topmost Via is stamped with its source.
    ///
    /// `replacing` is what its Replaces asks for (RFC 3891 3), if it has one: the usage whose place it would take, or the status of the refusal.
    /// Whoever may not know is not told.
    Invited {
        usage: UsageId,
        endpoint: EndpointId,
        from: SocketAddr,
        request: Arc<Request>,
        authenticated: Option<String>,
        replacing: Option<Result<UsageId, u16>>,
    },
    /// The caller gave up before our final answer; 487 has been sent. `reason` is its Q.850 value (RFC 3326).
    Cancelled { usage: UsageId, reason: Option<u8> },
    /// Our 2xx, to the first INVITE or to a re-INVITE, has been acknowledged; `sdp` is the answer when ours was the offer.
    Acked { usage: UsageId, sdp: Option<String> },
    /// Our 2xx or our reliable provisional response never was acknowledged (64*T1); BYE or 504 has been sent.
    Unacked { usage: UsageId },
    /// The peer has answered the offer of our reliable provisional response, by its PRACK; `None` is no answer at all.
    EarlyAnswered { usage: UsageId, sdp: Option<String> },
    /// The peer wants other media (re-INVITE, UPDATE or PRACK with SDP); `sdp: None` asks for our offer.
    ///
    /// Answer by `accept_reinvite` or `refuse_reinvite`.
    Reinvited { usage: UsageId, sdp: Option<String> },
    /// The peer took its re-INVITE back; 487 has been sent and the session stands as before.
    ReinviteCancelled { usage: UsageId },
    /// A provisional response other than 100.
    Progressed { usage: UsageId, status: u16, sdp: Option<String> },
    /// The peer took our call; ACK has been sent. Another fork's 2xx is acknowledged and hung up without a word.
    Answered { usage: UsageId, sdp: Option<String> },
    /// The peer did not take our call: its final answer, 408 for silence, 487 after `cancel` whatever the peer says.
    Refused { usage: UsageId, status: u16, reason: String, q850: Option<u8> },
    /// The peer sends our call on (3xx, RFC 3261 8.1.3.4), to these addresses, the most wanted first; `Refused` follows.
    Redirected { usage: UsageId, contacts: Vec<Uri> },
    /// The peer took our re-INVITE; ACK has been sent.
    ReinviteAnswered { usage: UsageId, sdp: Option<String> },
    /// It did not, and the session stands as before (RFC 3261 14.1); glare has been waited out and tried again.
    ReinviteRefused { usage: UsageId, status: u16 },
    /// The peer hung up; `reason` is its Q.850 value (RFC 3326).
    Bye { usage: UsageId, reason: Option<u8> },
    /// The peer wants us to call someone (RFC 3515). Answer by `accept_refer` or `refuse_refer`, then tell it by `notify_refer`.
    Referred { usage: UsageId, referral: Box<Referral> },
    /// What became of our REFER: provisional states, then one final status; its refusal is one too.
    ReferProgressed { usage: UsageId, status: u16 },
    /// Somebody behind `peer` challenges a request of ours within a dialog, and gets no credentials there; told once a usage. What was asked
    /// counts as refused: a BYE has ended the call all the same, a session is renewed by another method or runs out.
    Challenged { usage: UsageId, peer: SocketAddr, method: Method, status: u16 },
    /// The peer of a standing call does not answer, knows nothing of it any more, or let its session expire; BYE has been sent.
    Lost { usage: UsageId },
    /// An INFO came and has been answered 200 (RFC 6086, legacy usage): often a digit.
    Info { usage: UsageId, content_type: String, body: Private<Vec<u8>> },
    /// All of its transactions are over.
    Gone { usage: UsageId },
    /// A phone proved itself and changed its bindings; `bindings` remain, 0 means that it left.
    Registered { user: String, endpoint: EndpointId, from: SocketAddr, bindings: usize },
    /// A phone has not registered again in time, or its stream is gone; `bindings` of its user remain.
    Departed { user: String, bindings: usize },
    /// Our REGISTER has its answer; `number` is the last CSeq that it used.
    RegisterAnswered { request: RequestId, number: u32, outcome: RegisterOutcome },
    /// Our OPTIONS has its answer, whatever it says; `None` is silence, or a transport that failed.
    Probed { request: RequestId, status: Option<u16> },
}

/// What a user agent is given at its birth.
#[derive(Debug, Clone)]
pub struct Settings {
    pub endpoints: Vec<Endpoint>,
    /// Who may register, or prove itself by digest.
    pub phones: Vec<Phone>,
    /// In our challenges; phones of other realms cannot log in.
    pub realm: String,
    /// Signs nonces; nodes that share it accept each other's.
    pub nonce_key: [u8; 32],
    /// Our answer to OPTIONS outside dialogs: 200, or 503 while draining.
    pub options_status: u16,
    /// Session timers (RFC 4028).
    pub session_timer: SessionTimer,
    /// `true`, always; tests switch it off to see their proof fail, and then any digest passes.
    pub digest_guard: bool,
    /// How many of everything, and how fast requests outside calls may come.
    pub limits: Limits,
    /// `true`, always; tests switch it off to see their proof fail, and then requests come as fast as they like.
    pub wall_guard: bool,
}

impl Settings {
    /// The usual, with nothing to listen on and nobody to trust.
    pub fn new(realm: &str, nonce_key: [u8; 32]) -> Self {
        Self {
            endpoints: Vec::new(),
            phones: Vec::new(),
            realm: realm.to_owned(),
            nonce_key,
            options_status: 200,
            session_timer: SessionTimer::default(),
            digest_guard: true,
            limits: Limits::default(),
            wall_guard: true,
        }
    }
}

/// Whom to call, and how to appear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteTarget {
    /// Request-URI and To.
    pub uri: Uri,
    pub endpoint: EndpointId,
    /// Where the INVITE goes: the resolved next hop.
    pub to: Hop,
    /// The trunk whose `tls` a secure hop is reached by.
    pub profile: Option<String>,
    /// How it goes where it is too large for a hop of UDP.
    pub oversize: Oversize,
    pub from_uri: Uri,
    /// The name in From.
    pub display: Option<String>,
    /// Further headers, as they shall stand.
    pub headers: Vec<(String, String)>,
    /// Our offer.
    pub sdp: String,
    /// For a challenge of this realm, and of no other.
    pub auth: Option<Credentials>,
    /// In Via and Contact, where it differs from the endpoint's.
    pub advertised: Option<IpAddr>,
    /// The peer is behind NAT: all goes to `to`, whatever its Contact says.
    pub nat: bool,
}

impl InviteTarget {
    /// An INVITE that says only what every one says.
    pub fn new(uri: Uri, endpoint: EndpointId, to: Hop, from_uri: Uri, sdp: String) -> Self {
        Self {
            uri,
            endpoint,
            to,
            profile: None,
            oversize: Oversize::default(),
            from_uri,
            display: None,
            headers: Vec::new(),
            sdp,
            auth: None,
            advertised: None,
            nat: false,
        }
    }
}

/// Who we are to a peer that challenges; never shown to another realm (CVE-2021-41158).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    pub user: String,
    pub realm: String,
    pub password: Private<String>,
}

/// A final answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// 300 to 699.
    pub status: u16,
    /// The usual words where there is none.
    pub phrase: Option<String>,
    /// Text of a Warning 399: why, for whoever reads the capture.
    pub warning: Option<String>,
    /// Q.850 value for Reason (RFC 6432).
    pub q850: Option<u8>,
    /// Seconds.
    pub retry_after: Option<u32>,
}

impl Refusal {
    /// The bare status.
    pub const fn new(status: u16) -> Self {
        Self { status, phrase: None, warning: None, q850: None, retry_after: None }
    }

    /// With a reason that a person can read.
    pub fn because(status: u16, warning: impl Into<String>) -> Self {
        Self { warning: Some(warning.into()), ..Self::new(status) }
    }

    /// With a Q.850 value.
    pub fn with_q850(mut self, cause: u8) -> Self {
        self.q850 = Some(cause);
        self
    }

    /// The words of the status line.
    pub fn phrase(&self) -> &str {
        self.phrase.as_deref().unwrap_or_else(|| phrase(self.status))
    }
}

/// How an INVITE is asked for its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerBy {
    /// 401, WWW-Authenticate.
    UserAgent,
    /// 407, Proxy-Authenticate.
    Proxy,
}
