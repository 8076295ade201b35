//! Who may call, where the call goes, and its beginning.

use media::{codec::CodecKind, sdp::Offer};
use rand::{Rng, SeedableRng};

use super::{
    Output, Rejection, Switch,
    rejection::clipped,
    sip_leg::{Invitation, SipEvent},
    slot::Slot,
};
use crate::{
    call::{Arrival, Call, LegMedia, RtpTerms},
    cause::Cause,
    config::{Route, Trunk},
    events::story::Medium,
    ids::{CallId, ChannelId, RejectionId, ShardId},
    now::Now,
    private::Private,
    routing::{self, Reason, Refusal},
};

impl<R: Rng + SeedableRng> Switch<R> {
    /// Takes in what SIP has understood of the bytes.
    pub(super) fn hear_sip(&mut self, now: Now) {
        while let Some(event) = self.sip.next_event(now) {
            match event {
                SipEvent::Phone { user, bindings } => self.phone_moved(now, &user, bindings > 0),
                SipEvent::Invited(invitation) => self.invited(now, *invitation),
                SipEvent::Leg(leg, event) => self.leg_did(now, leg, *event),
            }
        }
    }

    fn invited(&mut self, now: Now, invitation: Invitation) {
        // A phone of ours proves itself, wherever it speaks from; a trunk is known by its address.
        let trunk = if invitation.user.is_some() {
            None
        } else if invitation.claims_phone && self.config.guards.digest {
            if invitation.wrong_digest {
                self.reject(now, &invitation, None, Refusal::new(Reason::WrongDigest, "the digest is wrong", false));
            }
            self.sip.challenge(now, invitation.usage);
            return;
        } else {
            match routing::trunk_of(&self.config, invitation.from) {
                Ok(trunk) => Some(trunk.clone()),
                Err(refusal) => return self.refuse(now, &invitation, None, refusal),
            }
        };
        let may_transfer = match (&invitation.user, &trunk) {
            (Some(user), _) => self.sip.is_transferring(user),
            (None, trunk) => trunk.as_ref().is_some_and(|trunk| trunk.transfer),
        };
        // Whoever may not take calls over does not learn which there are.
        match invitation.replacing {
            Some(_) if !may_transfer => return self.sip.refuse(now, invitation.usage, Cause::DECLINED, None),
            Some(Err(status)) => return self.sip.refuse(now, invitation.usage, Cause { sip: status, ..Cause::DECLINED }, None),
            Some(Ok(old)) => return self.take_place(now, &invitation, old, trunk.as_ref()),
            None => {}
        }
        let name = trunk.as_ref().map(|trunk| trunk.name.clone());
        let admitted = self.admitted(&invitation, trunk.as_ref());
        let (route, offer, shard, codecs) = match admitted {
            Ok(admitted) => admitted,
            Err(refusal) => return self.refuse(now, &invitation, name, refusal),
        };
        let endpoint = self.config.endpoints.iter().find(|endpoint| endpoint.id == invitation.endpoint);
        let advertised = trunk.as_ref().and_then(|trunk| trunk.advertised).or(endpoint.map(|endpoint| endpoint.advertised));
        let nat = trunk.as_ref().is_none_or(|trunk| trunk.nat);
        let arrival = Arrival {
            caller: invitation.caller.clone(),
            dialled: invitation.dialled.clone(),
            trunk: name,
            region: trunk.and_then(|trunk| trunk.default_region),
            token: None,
            medium: Medium::Call,
            media: LegMedia::Rtp(RtpTerms {
                codecs,
                advertised: advertised.unwrap_or(self.config.media.advertised),
                signalled_from: nat.then(|| invitation.from.ip()),
            }),
            offer,
            action: route.action,
            record: route.record,
        };
        let leg = self.mint.leg();
        self.sip.hold(leg, invitation.usage);
        if may_transfer {
            self.sip.let_transfer(leg);
        }
        self.begin(now, shard, leg, arrival);
    }

    pub(super) fn page_calls(&mut self, now: Now, channel: ChannelId, token: Option<Private<String>>, dialled: &str, offer: Offer) {
        if self.draining {
            return self.refuse_page(channel, "This line is about to close. Call again in a minute.");
        }
        if self.store_behind {
            return self.refuse_page(channel, "All lines are busy. Call again in a minute.");
        }
        let route = match routing::route_of(&self.config, None, dialled) {
            Ok(route) => route.clone(),
            Err(refusal) => return self.refuse_page(channel, &refusal.said),
        };
        let Some(shard) = self.place() else {
            return self.refuse_page(channel, "All lines are busy. Call again in a minute.");
        };
        let arrival = Arrival {
            caller: Private(String::new()),
            dialled: dialled.to_owned(),
            trunk: None,
            region: None,
            token,
            medium: Medium::Call,
            media: LegMedia::Web,
            offer: Some(offer),
            action: route.action,
            record: route.record,
        };
        let leg = self.mint.leg();
        let id = self.next_call(now);
        self.web.hold(leg, channel, id);
        self.begin_as(now, id, shard, leg, arrival);
    }

    fn begin(&mut self, now: Now, shard: ShardId, leg: crate::ids::LegId, arrival: Arrival) {
        let id = self.next_call(now);
        self.begin_as(now, id, shard, leg, arrival);
    }

    fn begin_as(&mut self, now: Now, id: CallId, shard: ShardId, leg: crate::ids::LegId, arrival: Arrival) {
        self.calls.insert(id, Slot { call: None, config: self.config.clone(), shard, legs: Vec::new(), ports: Vec::new() });
        if let Some(places) = self.places.get_mut(&shard) {
            places.calls += 1;
        }
        self.own_leg(id, leg);
        let ids = (crate::context::pointer::context_id(now.utc, &mut self.rng), session_id(&mut self.rng));
        let begun = self.within(now, id, |turn| Call::begin(id, ids, leg, arrival, turn));
        match begun {
            Some(call) => self.put_back(id, call),
            None => self.broken(now, id),
        }
    }

    /// The shard with the fewest calls, among those with an address to spare.
    fn place(&self) -> Option<ShardId> {
        self.places.iter().filter(|(_, places)| !places.free.is_empty()).min_by_key(|(_, places)| places.calls).map(|(shard, _)| *shard)
    }

    /// What a call needs to begin, or what it lacks.
    fn admitted(&self, invitation: &Invitation, trunk: Option<&Trunk>) -> Result<(Route, Option<Offer>, ShardId, Vec<CodecKind>), Refusal> {
        let refused = |reason, said: &str| Err(Refusal::new(reason, said, true));
        let route = routing::route_of(&self.config, trunk.map(|trunk| trunk.name.as_str()), &invitation.dialled)?;
        if self.draining {
            return refused(Reason::Draining, "this node is about to stop; try another");
        }
        if self.store_behind {
            return refused(Reason::HistoryBehind, "history cannot keep up; try again");
        }
        let offer = match &invitation.offer {
            Some(Ok(offer)) => Some(offer),
            Some(Err(bad)) if bad.status == 400 => return refused(Reason::UnreadableOffer, bad.why),
            Some(Err(bad)) => return refused(Reason::UnusableOffer, bad.why),
            // The caller wants ours (RFC 3261 13.2.1): a call that a third party arranges (RFC 3725).
            None => None,
        };
        let codecs = match trunk {
            Some(trunk) if !trunk.codecs.is_empty() => trunk.codecs.clone(),
            _ => CODECS.to_vec(),
        };
        if let Some(offer) = offer {
            routing::codec_of(trunk, &codecs, offer)?;
        }
        let Some(shard) = self.place() else { return refused(Reason::NoPort, "all media threads are full") };
        Ok((route.clone(), offer.cloned(), shard, codecs))
    }

    fn refuse(&mut self, now: Now, invitation: &Invitation, trunk: Option<String>, refusal: Refusal) {
        self.sip.refuse(now, invitation.usage, refusal.cause(), refusal.to_peer.then_some(refusal.said.as_str()));
        self.reject(now, invitation, trunk, refusal);
    }

    fn reject(&mut self, now: Now, invitation: &Invitation, trunk: Option<String>, refusal: Refusal) {
        self.last_rejection = RejectionId((now.utc.0 << 10).max(self.last_rejection.0 + 1));
        self.outputs.push_back(Output::Rejected(Rejection {
            id: self.last_rejection,
            at: now.utc,
            from: invitation.from,
            transport: clipped(&invitation.transport),
            trunk,
            caller: Private(clipped(&invitation.caller.0)),
            dialled: clipped(&invitation.dialled),
            method: "INVITE".to_owned(),
            call_id: clipped(&invitation.call_id),
            refusal,
        }));
    }

    /// Milliseconds since 1970 with ten bits of count: grows, fits 53 bits until the year 2248.
    fn next_call(&mut self, now: Now) -> CallId {
        self.last_call = CallId((now.utc.0 << 10).max(self.last_call.0 + 1));
        self.last_call
    }
}

/// RFC 7989 4.1: 32 lower-case hexadecimal digits.
fn session_id(rng: &mut impl Rng) -> String {
    format!("{:016x}{:016x}", rng.next_u64(), rng.next_u64())
}

/// Where neither trunk nor phone says otherwise.
pub(super) const CODECS: [CodecKind; 2] = [CodecKind::Pcma, CodecKind::Pcmu];
