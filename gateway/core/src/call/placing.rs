//! A leg on its way out: called at once by RTP, and once a WebRTC peer has made its offer where a contact is a phone in a browser.
//!
//! Where contacts of both kinds ring, both offers go out, each to its own; whoever answers decides how the leg's audio travels.

use media::{
    codec::CodecKind,
    sdp::{Answer, Offer},
};

use super::{
    Call, RtpTerms,
    leg::{Leg, LegMedia},
    turn::Turn,
};
use crate::{
    cause::Cause,
    events::{
        calling::Presented,
        leg::{LegCommand, LegEvent, Offers, Shown, Spoken, Target},
        media::MediaCommand,
    },
    ids::{LegId, PortId},
};

/// All that a leg is called with, save the offers.
#[derive(Debug)]
pub(super) struct Placing {
    pub(super) to: Target,
    pub(super) pointer: Option<String>,
    pub(super) replacing: Option<String>,
    pub(super) presented: Presented,
    pub(super) shown: Shown,
}

/// A peer that has been asked for its offer, or has made it and may be answered.
#[derive(Debug)]
pub(super) struct Proposed {
    port: PortId,
    /// What goes out with the offer, and the other offer beside it.
    waiting: Option<Box<(Placing, Option<Offer>)>>,
}

impl Leg {
    /// Calls whom it is for.
    ///
    /// # Errors
    /// No port is to be had, or no offer can be made on these terms.
    pub(super) fn place(&mut self, placing: Placing, turn: &mut Turn<'_>) -> Result<(), Cause> {
        let spoken = (turn.spoken)(&placing.to);
        let rtp = match spoken.rtp.then(|| self.offer(turn)) {
            // Its other phones may not be called by RTP; DTLS brings its keys by itself.
            Some(Err(_)) if spoken.web => None,
            offered => offered.transpose()?,
        };
        if spoken.web {
            let port = turn.mint.port();
            turn.media(MediaCommand::OfferPeer { port });
            self.proposed = Some(Proposed { port, waiting: Some(Box::new((placing, rtp))) });
        } else {
            self.dial(placing, Offers { rtp, web: None }, turn);
        }
        Ok(())
    }

    /// The final answer: what it agrees on stands, and a peer that it does not answer is not wanted.
    pub(super) fn conclude(&mut self, answer: &Answer, turn: &mut Turn<'_>) -> Result<(), Cause> {
        self.settle(answer, turn)?;
        self.withdraw_peer(turn);
        Ok(())
    }

    /// An answer to the peer's offer: from here on this leg's audio is WebRTC.
    pub(super) fn settle_web(&mut self, answer: &Answer, turn: &mut Turn<'_>) -> Result<(), Cause> {
        let Some(Proposed { port, .. }) = self.proposed.take() else { return Err(Cause::NOT_ACCEPTABLE) };
        // Another phone of the leg's may have been heard early, by RTP.
        if let Some(early) = self.port.replace(port) {
            turn.media(MediaCommand::Close { port: early });
        }
        self.media = LegMedia::Web;
        turn.media(MediaCommand::AnswerPeer { port, answer: answer.clone() });
        Ok(())
    }

    /// Its peer is not wanted, for there is no answer to it.
    pub(super) fn withdraw_peer(&mut self, turn: &mut Turn<'_>) {
        if let Some(Proposed { port, .. }) = self.proposed.take() {
            turn.media(MediaCommand::Close { port });
        }
    }

    fn has_proposed(&self, port: PortId) -> bool {
        self.proposed.as_ref().is_some_and(|proposed| proposed.port == port)
    }

    fn dial(&self, placing: Placing, offers: Offers, turn: &mut Turn<'_>) {
        let Placing { to, pointer, replacing, presented, shown } = placing;
        let (presented, shown) = (Box::new(presented), Box::new(shown));
        turn.leg(self.id, LegCommand::Dial { to, offers: Box::new(offers), pointer, replacing, presented, shown });
    }
}

impl Call {
    /// A leg for a target that we dial, on the terms of whoever takes it there: the trunk is chosen before the offer is made, for the offer must
    /// be what that trunk wants.
    pub(super) fn leg_to(&self, id: LegId, to: Target, turn: &Turn<'_>) -> (Target, Leg) {
        let Spoken { trunk, srtp, may_key, .. } = (turn.spoken)(&to);
        // As the caller has them, so that a relay need not decode, and as the trunk takes them.
        let codecs = match &self.caller.media {
            LegMedia::Rtp(terms) => terms.codecs.clone(),
            LegMedia::Web => OF_PAGES.to_vec(),
        };
        let named = trunk.as_ref().and_then(|name| turn.config.trunks.iter().find(|trunk| trunk.name == *name));
        let codecs = in_common(codecs, named.map_or(&[], |trunk| &trunk.codecs));
        let digits = named.map(|trunk| trunk.peering.dtmf.digits()).unwrap_or_default();
        let terms = RtpTerms { codecs, advertised: turn.config.media.advertised, signalled_from: None, srtp, may_key, digits };
        let to = if trunk.is_some() { to.by(trunk.clone()) } else { to };
        (to, Leg::new(id, LegMedia::Rtp(terms)).by(trunk))
    }

    /// A peer has made its offer: the leg that asked for it goes out.
    pub(super) fn peer_offered(&mut self, port: PortId, offer: Offer, turn: &mut Turn<'_>) {
        let Some(leg) = self.leg_proposing(port) else { return };
        let waiting = leg.proposed.as_mut().and_then(|proposed| proposed.waiting.take());
        if let Some((placing, rtp)) = waiting.map(|waiting| *waiting) {
            leg.dial(placing, Offers { rtp, web: Some(offer) }, turn);
        }
    }

    /// No peer can be had: the leg goes out to its other phones, if it has any. False where the port is no such peer's.
    pub(super) fn peer_not_offered(&mut self, port: PortId, cause: Cause, turn: &mut Turn<'_>) -> bool {
        let Some(leg) = self.leg_proposing(port) else { return false };
        let waiting = leg.proposed.take().and_then(|proposed| proposed.waiting);
        match waiting.map(|waiting| *waiting) {
            Some((placing, Some(rtp))) => leg.dial(placing, Offers { rtp: Some(rtp), web: None }, turn),
            Some((_, None)) | None => {
                let id = leg.id;
                self.far_did(id, LegEvent::Refused(cause), turn);
            }
        }
        true
    }

    fn leg_proposing(&mut self, port: PortId) -> Option<&mut Leg> {
        let handset = self.handset.as_mut().map(|handset| &mut handset.leg);
        self.far.as_mut().into_iter().chain(handset).chain(&mut self.third).find(|leg| leg.has_proposed(port))
    }
}

/// Those of the caller's codecs that a trunk takes, in the caller's order; all that the trunk takes where that is none of them, and the caller's
/// where the trunk says nothing.
fn in_common(callers: Vec<CodecKind>, trunks: &[CodecKind]) -> Vec<CodecKind> {
    if trunks.is_empty() {
        return callers;
    }
    let both: Vec<_> = callers.into_iter().filter(|codec| trunks.contains(codec)).collect();
    if both.is_empty() { trunks.to_vec() } else { both }
}

/// What a page speaks, and what every phone does.
const OF_PAGES: [CodecKind; 4] = [CodecKind::Opus, CodecKind::Pcma, CodecKind::Pcmu, CodecKind::G722];
