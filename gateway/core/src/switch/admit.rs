//! Who may call, where the call goes, and its beginning.

use media::sdp::Offer;
use rand::{Rng, SeedableRng};

use super::{
    Output, Rejection, Switch,
    calling::{Believed, Judge},
    invitation::Invitation,
    leg_media::leg_media,
    rejection::clipped,
    sip_leg::SipEvent,
    slot::Slot,
};
use crate::{
    call::{Arrival, Call, LegMedia},
    cause::Cause,
    config::{Dtmf, Route, Trunk},
    context::pointer,
    events::{calling::Calling, leg::LegEvent, story::Medium},
    ids::{CallId, ChannelId, LegId, RejectionId, ShardId},
    now::Now,
    private::Private,
    routing::{self, Reason, Refusal, numbers::rewritten, outbound::limit_refused},
    sip::header::Uuid,
};

impl<R: Rng + SeedableRng> Switch<R> {
    /// Takes in what SIP has understood of the bytes.
    pub(super) fn hear_sip(&mut self, now: Now) {
        while let Some(event) = self.sip.next_event(now) {
            match event {
                SipEvent::Phone { user, bindings } => self.phone_moved(now, &user, bindings > 0),
                SipEvent::Invited(invitation) => self.invited(now, *invitation),
                SipEvent::Leg(leg, event) => self.sip_leg_did(now, leg, *event),
                SipEvent::RegisterAnswered { request, number, outcome } => {
                    let (trunks, mut tools) = self.tools();
                    trunks.registered(now, request, Some(number), &outcome, &mut tools);
                }
                SipEvent::Challenged { peer, method, status } => {
                    let named = routing::trunk_of(&self.config, peer).ok().map(|trunk| trunk.name.clone());
                    let (trunks, mut tools) = self.tools();
                    trunks.challenged(peer, named.as_deref(), &method, status, &mut tools);
                }
                SipEvent::Probed { request, status } => {
                    let (trunks, mut tools) = self.tools();
                    trunks.probed(now, request, status, &mut tools);
                }
            }
        }
    }

    fn invited(&mut self, now: Now, invitation: Invitation) {
        let trunk = match self.speaker(&invitation) {
            Speaker::Phone => None,
            Speaker::Unproven => {
                if invitation.wrong_digest {
                    self.reject(now, &invitation, None, Refusal::new(Reason::WrongDigest, "the digest is wrong", false));
                }
                self.sip.challenge(now, invitation.usage);
                return;
            }
            Speaker::Trunk(trunk) => Some(*trunk),
            // Whoever is not in `[[phone]]` is challenged like those who are, or a scan would find out their names.
            Speaker::Nobody(refusal) if self.config.guards.digest && !self.config.phones.is_empty() => {
                self.reject(now, &invitation, None, refusal);
                self.sip.challenge(now, invitation.usage);
                return;
            }
            Speaker::Nobody(refusal) => return self.refuse(now, &invitation, None, refusal),
        };
        let invitation = match &trunk {
            Some(trunk) => as_written_here(trunk, invitation),
            None => invitation,
        };
        let may_transfer = match (&trunk, &invitation.user) {
            (Some(trunk), _) => trunk.transfer,
            (None, Some(user)) => self.sip.here.is_transferring(user),
            (None, None) => false,
        };
        // Whoever may not take calls over does not learn which there are.
        match invitation.replacing {
            Some(_) if !may_transfer => return self.sip.refuse(now, invitation.usage, Cause::DECLINED, None),
            Some(Err(status)) => return self.sip.refuse(now, invitation.usage, Cause { sip: status, ..Cause::DECLINED }, None),
            Some(Ok(old)) => return self.take_place(now, &invitation, old, trunk.as_ref()),
            None => {}
        }
        if let Some(trunk) = &trunk {
            self.sip.behave(invitation.usage, trunk);
        }
        let name = trunk.as_ref().map(|trunk| trunk.name.clone());
        let admitted = self.admitted(&invitation, trunk.as_ref());
        let (route, offer, shard, media) = match admitted {
            Ok(admitted) => admitted,
            Err(refusal) => return self.refuse(now, &invitation, name, refusal),
        };
        let believed = self.believe(now, &invitation, trunk.as_ref());
        if believed.calling.must_prove && believed.calling.signed.is_none() {
            let refusal = Refusal::unsigned(name.as_deref().unwrap_or_default());
            return self.refuse(now, &invitation, name, refusal);
        }
        let leg = self.mint.leg();
        if let Some(Err(full)) = name.as_ref().map(|name| self.trunks.take(now, name, leg)) {
            let refusal = limit_refused(name.as_deref().unwrap_or_default(), full);
            return self.refuse(now, &invitation, name, refusal);
        }
        let caller = match &trunk {
            Some(trunk) => Private(rewritten(&believed.caller.0, &trunk.peering.numbers_in, trunk.default_region.as_deref())),
            None => believed.caller,
        };
        let arrival = Arrival {
            caller,
            calling: believed.calling,
            dialled: invitation.dialled.clone(),
            trunk: name,
            region: trunk.and_then(|trunk| trunk.default_region),
            token: None,
            medium: Medium::Call,
            media,
            offer,
            action: route.action,
            record: route.record,
        };
        self.sip.hold(leg, invitation.usage);
        if may_transfer {
            self.sip.let_transfer(leg);
        }
        self.begin(now, shard, leg, arrival);
    }

    /// A phone of ours proves itself, wherever it speaks from; a trunk is known by the line that it calls, by its digest, or by its address,
    /// and by both where both are configured.
    fn speaker(&self, invitation: &Invitation) -> Speaker {
        let peer_of = |trunk: &&Trunk, user: &str| trunk.peering.peer_auth.as_ref().is_some_and(|peer| peer.user == user);
        let by_address = routing::trunk_of(&self.config, invitation.from);
        if let Some(user) = &invitation.user {
            // A trunk that has sources speaks from them alone, whatever it can prove.
            let peer = self.config.trunks.iter().find(|trunk| peer_of(trunk, user));
            return match (peer, by_address) {
                (None, _) => Speaker::Phone,
                (Some(peer), _) if peer.sources.is_empty() => Speaker::Trunk(Box::new(peer.clone())),
                (Some(peer), Ok(known)) if known.name == peer.name => Speaker::Trunk(Box::new(peer.clone())),
                (Some(peer), Ok(known)) => {
                    let said = format!("trunk {} has proved itself, and speaks from an address of {}", peer.name, known.name);
                    Speaker::Nobody(Refusal::new(Reason::UnknownSource, said, false))
                }
                (Some(_), Err(refusal)) => Speaker::Nobody(refusal),
            };
        }
        let guard = self.config.guards.digest;
        if invitation.claims_phone && guard {
            return Speaker::Unproven;
        }
        // A certificate names a trunk wherever it speaks from (RFC 5922 7.1).
        let bears = |trunk: &&Trunk| {
            let wanted = trunk.peering.subject.as_deref();
            wanted.is_some_and(|wanted| invitation.subjects.iter().any(|name| name.eq_ignore_ascii_case(wanted)))
        };
        if let Some(trunk) = self.config.trunks.iter().find(bears) {
            return Speaker::Trunk(Box::new(trunk.clone()));
        }
        let registered = self.trunks.registered_line(invitation.from, invitation.line.as_deref());
        if let Some(trunk) = registered.and_then(|name| self.config.trunks.iter().find(|trunk| trunk.name == name)) {
            return Speaker::Trunk(Box::new(trunk.clone()));
        }
        match by_address {
            Ok(trunk) if trunk.peering.peer_auth.is_some() && guard => Speaker::Unproven,
            Ok(trunk) if trunk.peering.subject.is_some() => {
                let said = format!("trunk {} shows no certificate of its name", trunk.name);
                Speaker::Nobody(Refusal::new(Reason::UnknownSource, said, false))
            }
            Ok(trunk) => Speaker::Trunk(Box::new(trunk.clone())),
            // Somebody out there may prove to be a trunk of any address.
            Err(_) if guard && self.config.trunks.iter().any(|trunk| trunk.peering.peer_auth.is_some() && trunk.sources.is_empty()) => {
                Speaker::Unproven
            }
            Err(refusal) => Speaker::Nobody(refusal),
        }
    }

    /// What a SIP participant did; some of it is for the trunk that it goes by.
    fn sip_leg_did(&mut self, now: Now, leg: LegId, event: LegEvent) {
        let dtmf = self.trunks.of_leg(leg).map(|trunk| trunk.peering.dtmf);
        if matches!((&event, dtmf), (LegEvent::DigitHeard { .. }, Some(Dtmf::Rfc4733))) {
            return;
        }
        let Some(event) = self.weigh_attempt(now, leg, event) else { return };
        if matches!(event, LegEvent::Refused(_) | LegEvent::HungUp(_)) {
            self.trunks.release(leg);
        }
        self.leg_did(now, leg, event);
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
            calling: Calling::default(),
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

    fn begin(&mut self, now: Now, shard: ShardId, leg: LegId, arrival: Arrival) {
        let id = self.next_call(now);
        self.begin_as(now, id, shard, leg, arrival);
    }

    fn begin_as(&mut self, now: Now, id: CallId, shard: ShardId, leg: LegId, arrival: Arrival) {
        self.calls.insert(id, Slot { call: None, config: self.config.clone(), shard, legs: Vec::new(), ports: Vec::new() });
        if let Some(places) = self.places.get_mut(&shard) {
            places.calls += 1;
        }
        self.own_leg(id, leg);
        // A call that comes back by a pointer of ours goes on in its context; one that came by SIP has its session's name from there.
        let context = arrival.calling.context.clone().unwrap_or_else(|| pointer::context_id(now.utc, &mut self.rng));
        let session = Some(arrival.calling.session.clone()).filter(|session| !session.is_empty());
        let ids = (context, session.unwrap_or_else(|| Uuid::random(self.rng.next_u64(), self.rng.next_u64()).to_string()));
        let begun = self.within(now, id, |turn| Box::new(Call::begin(id, ids, leg, arrival, turn)));
        match begun {
            Some(call) => self.put_back(id, call),
            None => self.broken(now, id),
        }
    }

    /// What of an INVITE's words on its caller is believed.
    fn believe(&self, now: Now, invitation: &Invitation, trunk: Option<&Trunk>) -> Believed {
        // A trunk that has proved itself by digest is a trunk all the same.
        if let (None, Some(user)) = (trunk, &invitation.user) {
            return invitation.claims.of_phone(user);
        }
        let mut rules = trunk.map(|trunk| trunk.callers).unwrap_or_default();
        rules.trusted |= !self.config.guards.trust;
        let region = trunk.and_then(|trunk| trunk.default_region.as_deref());
        invitation.claims.of_trunk(&Judge { rules, region, secret: &self.secret, now: now.utc })
    }

    /// The shard with the fewest calls, among those with an address to spare.
    fn place(&self) -> Option<ShardId> {
        self.places.iter().filter(|(_, places)| !places.free.is_empty()).min_by_key(|(_, places)| places.calls).map(|(shard, _)| *shard)
    }

    /// What a call needs to begin, or what it lacks.
    fn admitted(&self, invitation: &Invitation, trunk: Option<&Trunk>) -> Result<(Route, Option<Offer>, ShardId, LegMedia), Refusal> {
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
        let media = leg_media(&self.config, trunk, invitation, offer)?;
        if let (LegMedia::Rtp(terms), Some(offer)) = (&media, offer) {
            routing::codec_of(trunk, &terms.codecs, offer)?;
        }
        let Some(shard) = self.place() else { return refused(Reason::NoPort, "all media threads are full") };
        Ok((route.clone(), offer.cloned(), shard, media))
    }

    pub(super) fn refuse(&mut self, now: Now, invitation: &Invitation, trunk: Option<String>, refusal: Refusal) {
        self.sip.refuse(now, invitation.usage, refusal.cause(), refusal.to_peer.then_some(refusal.said.as_str()));
        self.reject(now, invitation, trunk, refusal);
    }

    fn reject(&mut self, now: Now, invitation: &Invitation, trunk: Option<String>, refusal: Refusal) {
        let id = self.next_rejection(now);
        self.outputs.push_back(Output::Rejected(Rejection {
            id,
            at: now.utc,
            from: invitation.from,
            transport: clipped(&invitation.transport),
            trunk,
            caller: Private(clipped(&invitation.claims.shown().0)),
            dialled: clipped(&invitation.dialled),
            method: "INVITE".to_owned(),
            call_id: clipped(&invitation.call_id),
            refusal,
        }));
    }

    /// As a call's.
    pub(super) fn next_rejection(&mut self, now: Now) -> RejectionId {
        self.last_rejection = RejectionId((now.utc.0 << 10).max(self.last_rejection.0 + 1));
        self.last_rejection
    }

    /// Milliseconds since 1970 with ten bits of count: grows, fits 53 bits until the year 2248.
    fn next_call(&mut self, now: Now) -> CallId {
        self.last_call = CallId((now.utc.0 << 10).max(self.last_call.0 + 1));
        self.last_call
    }
}

/// Who speaks.
enum Speaker {
    Phone,
    Trunk(Box<Trunk>),
    /// Whoever it is must prove it first.
    Unproven,
    Nobody(Refusal),
}

/// Numbers by the trunk's rules; and a call to the address that we registered is a call to whom To names.
fn as_written_here(trunk: &Trunk, invitation: Invitation) -> Invitation {
    let (rule, region) = (&trunk.peering.numbers_in, trunk.default_region.as_deref());
    let registered = trunk.peering.register.as_ref().map(|register| register.user.as_str());
    let dialled = if registered == Some(&invitation.dialled) { &invitation.to_user } else { &invitation.dialled };
    Invitation { dialled: rewritten(dialled, rule, region), ..invitation }
}
