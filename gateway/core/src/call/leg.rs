//! One participant of a call: its signalling life and its port.

use std::net::{IpAddr, SocketAddr};

use media::{
    codec::CodecKind,
    sdp::{
        Answer, Description, Digits, Flow, LegKeys, MediaPlan, Offer, Srtp,
        negotiate::{self, Terms},
    },
};

use super::{placing::Proposed, presses::Presses, turn::Turn};
use crate::{
    cause::Cause,
    events::{
        leg::LegCommand,
        media::{MediaCommand, Quality},
        record::Happened,
    },
    ids::{LegId, PortId},
};

/// How a participant's audio travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LegMedia {
    /// RTP on a leased address, by offer and answer of ours.
    Rtp(RtpTerms),
    /// A WebRTC peer, which answers for itself.
    Web,
}

/// What the endpoint and the trunk of a leg prescribe for its audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpTerms {
    /// In order of preference.
    pub codecs: Vec<CodecKind>,
    /// The address in our SDP.
    pub advertised: IpAddr,
    /// Where the signalling came from, only where the peer is behind NAT.
    pub signalled_from: Option<IpAddr>,
    /// Whether its audio is SRTP.
    pub srtp: Srtp,
    /// Keys may be written into its signalling.
    pub may_key: bool,
    /// By which ways its digits come.
    pub digits: Digits,
}

/// One participant.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) id: LegId,
    pub(super) media: LegMedia,
    /// The trunk that it is known to go by.
    pub(super) trunk: Option<String>,
    pub(super) port: Option<PortId>,
    /// Hears us: ACK or a connected peer.
    pub(super) ready: bool,
    /// The call was taken towards this leg, or our offer to take it is out.
    pub(super) answered: bool,
    /// Our answer that the leg has had early; the final one repeats it.
    pub(super) early: Option<Answer>,
    /// Signalling is over.
    pub(super) over: Option<Cause>,
    /// Nothing has been heard of it for the configured time.
    pub(super) is_silent: bool,
    /// Packets that had come when it was looked at last.
    pub(super) received: u64,
    local: Option<SocketAddr>,
    /// The address is the shard's now: it rests there before it is leased again.
    opened: bool,
    /// What we said last on this leg: fixes version and payload types of what we say next (RFC 3264 8).
    said: Option<Description>,
    /// The offer of our INVITE, which each of its forks answers, whatever an UPDATE has made of the session with another since.
    offered: Option<Description>,
    /// What was agreed last.
    plan: Option<MediaPlan>,
    /// Which way its audio goes, seen from us.
    flow: Flow,
    /// It holds us, as the other side was told.
    holds: bool,
    quality: Option<Quality>,
    told: bool,
    /// Its SRTP keys, drawn at their first need and kept: a re-INVITE under the same key keeps its roll-over counter.
    keys: Option<LegKeys>,
    /// The peer has been given a re-offer of this leg's, and has not answered it: the flow that stands once it has.
    answering: Option<Flow>,
    /// While phones in browsers ring for it: the peer that one of them may answer.
    pub(super) proposed: Option<Proposed>,
    /// ICE and DTLS have stood.
    pub(super) connected: bool,
    /// The keys that it has pressed of late.
    pub(super) presses: Presses,
}

impl Leg {
    pub(super) fn new(id: LegId, media: LegMedia) -> Self {
        Self {
            id,
            media,
            trunk: None,
            port: None,
            ready: false,
            answered: false,
            early: None,
            over: None,
            is_silent: false,
            received: 0,
            local: None,
            opened: false,
            said: None,
            offered: None,
            plan: None,
            flow: Flow::SendRecv,
            holds: false,
            quality: None,
            told: false,
            keys: None,
            answering: None,
            proposed: None,
            connected: false,
            presses: Presses::default(),
        }
    }

    /// The same, by this trunk.
    pub(super) fn by(self, trunk: Option<String>) -> Self {
        Self { trunk, ..self }
    }

    /// Opens a port for an offer of this leg's; a WebRTC peer answers later by `PeerAnswered`, RTP at once.
    ///
    /// # Errors
    /// No port is to be had, or nothing is in common with the offer.
    pub(super) fn open(&mut self, offer: &Offer, turn: &mut Turn<'_>) -> Result<Option<Answer>, Cause> {
        match &self.media {
            LegMedia::Web => {
                let port = turn.mint.port();
                self.port = Some(port);
                turn.media(MediaCommand::OpenPeer { port, offer: offer.clone() });
                Ok(None)
            }
            LegMedia::Rtp(_) => {
                let (answer, plan) = self.negotiate(offer, turn)?;
                self.open_port(plan, turn);
                Ok(Some(answer))
            }
        }
    }

    /// Answers a re-offer of this leg's within its session: hold, resume, codec or address (RFC 3264 8).
    fn reopen(&mut self, offer: &Offer, turn: &mut Turn<'_>) -> Result<Answer, Cause> {
        let (answer, plan) = self.negotiate(offer, turn)?;
        self.replan(plan, turn);
        Ok(answer)
    }

    /// What is said to a re-offer of this leg's: our answer, our own offer where it made none, or that what stands shall stand.
    /// A WebRTC peer answers later by `PeerAnswered`.
    pub(super) fn reoffered(&mut self, offer: Option<&Offer>, turn: &mut Turn<'_>) -> Option<LegCommand> {
        if let (LegMedia::Web, Some(port), Some(offer)) = (&self.media, self.port, offer) {
            self.answering = Some(offer.flow().mirrored());
            turn.media(MediaCommand::RestartIce { port, offer: offer.clone() });
            return None;
        }
        let said = match offer {
            Some(offer) => self.reopen(offer, turn).map(|answer| LegCommand::AcceptReoffer { answer }),
            None => self.offer(turn).map(|offer| LegCommand::Propose { offer }),
        };
        Some(said.unwrap_or_else(LegCommand::RejectReoffer))
    }

    /// The peer has answered a re-offer of this leg's, which stands from here on. False where it was given none.
    pub(super) fn reoffer_met(&mut self) -> bool {
        let flow = self.answering.take();
        self.flow = flow.unwrap_or(self.flow);
        flow.is_some()
    }

    /// The peer cannot meet a re-offer of this leg's: nothing changes. False where it was given none.
    pub(super) fn reoffer_unmet(&mut self) -> bool {
        self.answering.take().is_some()
    }

    /// It holds us now (`true`), or no more, and the other side does not know yet.
    ///
    /// A peer that does not want to hear us holds us, whatever it plays meanwhile (RFC 6337 5.3).
    pub(super) fn hold_changed(&mut self) -> Option<bool> {
        let holds = !self.flow.sends();
        (std::mem::replace(&mut self.holds, holds) != holds).then_some(holds)
    }

    /// Why it is gone: one that fell silent before its signalling did has lost its network.
    pub(super) fn why_lost(&self, cause: Cause) -> Cause {
        if self.is_silent && cause == Cause::TIMED_OUT { Cause::MEDIA_LOST } else { cause }
    }

    /// Our offer for a leg that we dial, or that leaves the offer to us.
    pub(super) fn offer(&mut self, turn: &mut Turn<'_>) -> Result<Offer, Cause> {
        let LegMedia::Rtp(terms) = &self.media else { return Err(Cause::NOT_ACCEPTABLE) };
        let terms = terms.clone();
        if terms.srtp == Srtp::Require && !terms.may_key {
            return Err(Cause::NOT_ACCEPTABLE);
        }
        let local = self.local(turn)?;
        self.draw_keys(&terms, turn);
        let offer = negotiate::offer(&self.terms(&terms, local));
        let is_first = self.said.is_none();
        self.said = Some(offer.description().clone());
        self.offered = self.said.clone().filter(|_| is_first);
        Ok(offer)
    }

    /// What is agreed from here on is said from this address, and the peer is where this says.
    pub(super) fn locate(&mut self, advertised: IpAddr, signalled_from: Option<IpAddr>) {
        if let LegMedia::Rtp(terms) = &mut self.media {
            (terms.advertised, terms.signalled_from) = (advertised, signalled_from);
        }
    }

    /// Opens the port of this leg by the answer to our offer, or changes what was agreed before: an early answer, or another fork's.
    pub(super) fn settle(&mut self, answer: &Answer, turn: &mut Turn<'_>) -> Result<(), Cause> {
        if answer.is_webrtc() {
            return self.settle_web(answer, turn);
        }
        let LegMedia::Rtp(terms) = &self.media else { return Err(Cause::NOT_ACCEPTABLE) };
        let terms = terms.clone();
        let local = self.local(turn)?;
        let said = self.said.clone().ok_or(Cause::NOT_ACCEPTABLE)?;
        let met = |offer: Description| negotiate::accept(&Offer::from(offer), answer, &self.terms(&terms, local));
        let by_first = self.offered.clone().and_then(|offer| met(offer).ok());
        let plan = match by_first {
            Some(plan) => plan,
            None => met(said).map_err(|refused| not_acceptable(refused.status))?,
        };
        match self.port {
            Some(_) => self.replan(plan, turn),
            None => self.open_port(plan, turn),
        }
        Ok(())
    }

    /// Says goodbye in signalling, once.
    pub(super) fn hang_up(&mut self, cause: Cause, turn: &mut Turn<'_>) {
        if self.over.is_none() {
            self.over = Some(cause);
            turn.leg(self.id, LegCommand::Hangup(cause));
        }
    }

    /// Closes the port, once; `Closed` follows where there is one.
    pub(super) fn close(&mut self, turn: &mut Turn<'_>) {
        self.withdraw_peer(turn);
        if let Some(port) = self.port
            && !self.told
        {
            self.told = true;
            turn.media(MediaCommand::Close { port });
        }
    }

    /// The shard has closed the port.
    pub(super) fn closed(&mut self, quality: Quality, turn: &mut Turn<'_>) {
        self.port = None;
        self.quality = Some(quality);
        self.end(turn);
    }

    /// Writes the leg's last record, and gives back an address that no port was opened on; the cause is why its signalling ended.
    pub(super) fn end(&mut self, turn: &mut Turn<'_>) {
        self.withdraw_peer(turn);
        if !self.opened {
            turn.leases.extend(self.local.take());
        }
        let cause = self.over.unwrap_or(Cause::BROKEN);
        turn.write(Happened::LegEnded { leg: self.id, cause, quality: self.quality });
    }

    fn negotiate(&mut self, offer: &Offer, turn: &mut Turn<'_>) -> Result<(Answer, MediaPlan), Cause> {
        let LegMedia::Rtp(terms) = &self.media else { return Err(Cause::NOT_ACCEPTABLE) };
        let terms = terms.clone();
        let local = self.local(turn)?;
        self.draw_keys(&terms, turn);
        match negotiate::answer(offer, &self.terms(&terms, local)) {
            Ok((answer, plan)) => {
                self.said = Some(answer.description().clone());
                Ok((answer, plan))
            }
            Err(refused) => {
                if !self.opened {
                    turn.leases.extend(self.local.take());
                }
                Err(not_acceptable(refused.status))
            }
        }
    }

    fn open_port(&mut self, plan: MediaPlan, turn: &mut Turn<'_>) {
        let port = turn.mint.port();
        (self.port, self.opened, self.flow, self.plan) = (Some(port), true, plan.flow, Some(plan.clone()));
        turn.media(MediaCommand::Open { port, plan });
    }

    /// What is agreed anew stands at once, for both sides have said so; nothing new troubles nobody.
    fn replan(&mut self, plan: MediaPlan, turn: &mut Turn<'_>) {
        let is_news = self.plan.as_ref() != Some(&plan);
        if let Some(port) = self.port.filter(|_| is_news) {
            turn.media(MediaCommand::Replan { port, plan: plan.clone() });
            turn.media(MediaCommand::Commit { port });
        }
        (self.flow, self.plan) = (plan.flow, Some(plan));
    }

    /// The leased address of this leg, taken at its first need.
    fn local(&mut self, turn: &mut Turn<'_>) -> Result<SocketAddr, Cause> {
        if self.local.is_none() {
            self.local = turn.leases.pop_front();
        }
        self.local.ok_or(Cause::NO_CIRCUIT)
    }

    fn draw_keys(&mut self, terms: &RtpTerms, turn: &mut Turn<'_>) {
        if self.keys.is_none() && terms.srtp != Srtp::None && terms.may_key {
            self.keys = Some(LegKeys::draw(&mut |bytes| turn.rng.fill_bytes(bytes)));
        }
    }

    fn terms<'a>(&'a self, terms: &'a RtpTerms, local: SocketAddr) -> Terms<'a> {
        Terms {
            codecs: &terms.codecs,
            local,
            advertised: terms.advertised,
            session_id: self.id.0,
            previous: self.said.as_ref(),
            signalled_from: terms.signalled_from,
            flow: Flow::SendRecv,
            srtp: terms.srtp,
            keys: self.keys.as_ref(),
            digits: terms.digits,
        }
    }
}

/// The peer's description cannot be met; its status is 400 or 488.
fn not_acceptable(status: u16) -> Cause {
    Cause { sip: status, ..Cause::NOT_ACCEPTABLE }
}
