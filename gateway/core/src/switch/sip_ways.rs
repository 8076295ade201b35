//! By which of our addresses the peer of a dialled leg is spoken with: said in our offer, and told to the call before its answer.

use std::net::IpAddr;

use media::sdp::Offer;
use rand::Rng;

use super::sip_leg::{SipEvent, SipLegs};
use crate::{
    events::{leg::LegEvent, wire::Path},
    ids::EndpointId,
    now::Now,
    sip::{InviteTarget, UsageId},
};

impl<R: Rng> SipLegs<R> {
    /// Sends an INVITE, by a phone's own flow where there is one; its offer says the address that is right for its way.
    pub(super) fn invite(&mut self, now: Now, mut target: InviteTarget, flow: Option<Path>) -> UsageId {
        let address = target.advertised.or_else(|| self.media_address(self.user_agent.leaves_by(&target, flow)));
        // A browser finds us by the candidates in it.
        let offer = Offer::parse(&target.sdp).ok().filter(|offer| !offer.is_webrtc());
        if let Some((offer, address)) = offer.zip(address) {
            target.sdp = offer.said_from(address).to_string();
        }
        self.user_agent.invite_by(now, &target, flow)
    }

    /// Before a leg that we dialled answers, its call learns the way to it.
    pub(super) fn locate(&mut self, usage: UsageId) {
        let Some(leg) = self.legs.get(&usage).copied().filter(|leg| self.usages.get(leg).is_some_and(|held| !held.inbound)) else { return };
        let Some((endpoint, advertised, signalled_from)) = self.user_agent.spoken_by(usage) else { return };
        if let Some(advertised) = advertised.or_else(|| self.media_address(endpoint)) {
            self.events.push_back(SipEvent::Leg(leg, Box::new(LegEvent::Located { advertised, signalled_from })));
        }
    }

    /// What SDP says by this endpoint.
    fn media_address(&self, endpoint: EndpointId) -> Option<IpAddr> {
        self.here.media.get(&endpoint).copied()
    }
}
