//! Calls that we place: a way out is chosen, its servers are found, and each is tried until one answers (RFC 3263 4.3).

use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng};

use super::{
    Due, Output, Rejection, Switch,
    appearance::{Appearance, further},
    rejection::clipped,
    sip_leg::UNREACHABLE,
    trunks::{self, Tools, Trunks, Ways},
};
use crate::{
    cause::Cause,
    config::{Endpoint, Trunk},
    events::{
        ask::{AskFailure, Finding, Question},
        calling::Presented,
        leg::{LegCommand, LegEvent, Target},
        wire::Hop,
    },
    ids::{AskId, LegId},
    now::Now,
    private::Private,
    routing::{
        Reason, Refusal,
        numbers::rewritten,
        outbound::{limit_refused, sent_on, way_out},
        trunk_of,
    },
    sip::{InviteTarget, Uri, hop_of, locate},
};

/// A call on its way out, until it is answered, or nobody is left to call.
pub(super) struct Attempt {
    /// The trunk that it goes by, if it goes by one.
    trunk: Option<String>,
    /// All but the address that it goes to.
    invite: InviteTarget,
    /// The name is being looked up.
    ask: Option<AskId>,
    /// Servers that have not been tried.
    hops: VecDeque<Hop>,
    /// The one that is being tried, since when.
    trying: Option<(Hop, Instant)>,
    /// Somebody is being rung there: no other server is tried, but a refusal may still send the call on.
    rings: bool,
    /// Where a 3xx sends the call on to, and nobody has been called yet.
    contacts: VecDeque<Uri>,
    /// Whom it has called, the first of its own accord and then as it was sent on: nothing is called twice (RFC 3261 8.1.3.4).
    called: Vec<Uri>,
}

impl Attempt {
    fn new(trunk: Option<String>, invite: InviteTarget, ask: Option<AskId>, hops: VecDeque<Hop>) -> Self {
        let called = vec![invite.uri.clone()];
        Self { trunk, invite, ask, hops, trying: None, rings: false, contacts: VecDeque::new(), called }
    }

    /// It looks for one that it was sent on to, and no longer for its trunk.
    const fn is_sent_on(&self) -> bool {
        self.called.len() > 1
    }

    /// One that it was sent on to is left, and may still be called.
    fn has_contacts(&self) -> bool {
        !self.contacts.is_empty() && self.called.len() <= REDIRECTS_MAX
    }
}

impl<R: Rng + SeedableRng> Switch<R> {
    /// Dials by a trunk or to an address; the command is given back where it is for phones of ours.
    pub(super) fn dial_out(&mut self, now: Now, leg: LegId, command: LegCommand) -> Option<LegCommand> {
        let LegCommand::Dial { to, offers, pointer, replacing, presented, shown } = command else { return Some(command) };
        let Some(offer) = offers.rtp.as_ref().filter(|_| self.sip.here.own_user(&to).is_none()) else {
            return Some(LegCommand::Dial { to, offers, pointer, replacing, presented, shown });
        };
        match to {
            Target::Number { number, trunk, caller } => {
                let (sdp, further) = (offer.to_string(), further(replacing, &shown));
                if let Err(refusal) = self.by_trunk(now, leg, &number.0, trunk.as_deref(), &presented, sdp, pointer, further) {
                    let cause = refusal.cause();
                    self.reject_outgoing(now, trunk, caller, &number.0, refusal);
                    self.sip.say(leg, LegEvent::Refused(cause));
                }
                None
            }
            Target::Uri(text) => {
                let place = Uri::parse(&text).ok().filter(|uri| !uri.host.is_empty()).zip(self.config.endpoints.first().cloned());
                let Some((uri, endpoint)) = place else {
                    self.sip.say(leg, LegEvent::Refused(UNREACHABLE));
                    return None;
                };
                let own = SocketAddr::new(endpoint.advertised, endpoint.listen.port());
                let hop = hop_of(&uri, None);
                let trunk = hop.as_ref().and_then(|hop| trunk_of(&self.config, hop.to).ok());
                let Appearance { from_uri, display, mut headers } = Appearance::of(&presented, pointer, trunk, own);
                headers.extend(further(replacing, &shown));
                let (advertised, nat) = (trunk.and_then(|trunk| trunk.advertised), trunk.is_some_and(|trunk| trunk.nat));
                let plain = blank(uri, &endpoint, offer.to_string());
                let invite = InviteTarget { from_uri, display, headers, advertised, nat, ..plain };
                if let Some(to) = hop {
                    self.sip.place(now, leg, &InviteTarget { to, ..invite });
                    return None;
                }
                let question = Question::Resolve { uri: invite.uri.to_string(), spoken: trunks::spoken(&self.config) };
                let ask = self.asks.put(question, now.instant + trunks::ANSWER_MAX);
                let attempt = Attempt::new(None, invite, Some(ask.id()), VecDeque::new());
                self.attempts.insert(leg, attempt);
                self.outputs.push_back(Output::Ask(ask));
                None
            }
            Target::Agent(_) => Some(LegCommand::Dial { to, offers, pointer, replacing, presented, shown }),
        }
    }

    /// The call wants no more of a leg that it dialled: no other server is tried, and one that was never called is gone at once.
    pub(super) fn give_up_attempt(&mut self, leg: LegId) {
        self.timers.stop(&Due::Attempt(leg));
        if let Some(Attempt { trying: None, .. }) = self.attempts.remove(&leg) {
            self.sip.say(leg, LegEvent::Refused(Cause::CANCELLED));
        }
    }

    /// What a dialled leg says, on its way to its call; `None` where another server is tried instead.
    pub(super) fn weigh_attempt(&mut self, now: Now, leg: LegId, event: LegEvent) -> Option<LegEvent> {
        let redirect = self.sip.take_redirect(leg);
        let Some(attempt) = self.attempts.get(&leg) else { return Some(event) };
        let status = if let LegEvent::Progressed { status, .. } = &event {
            Some(*status)
        } else if let LegEvent::Answered { .. } = &event {
            Some(200)
        } else if let LegEvent::Refused(cause) = &event {
            Some(cause.sip).filter(|status| *status != 408)
        } else {
            return Some(event);
        };
        let (has_others, has_contacts) = (!attempt.hops.is_empty(), attempt.has_contacts());
        let (trunk, trying) = (attempt.trunk.clone(), attempt.trying.clone().filter(|_| !attempt.rings));
        if let (Some(trunk), Some((hop, since))) = (&trunk, &trying) {
            let ms = u32::try_from(now.instant.saturating_duration_since(*since).as_millis()).unwrap_or(u32::MAX);
            let (trunks, mut tools) = self.tools();
            trunks.hear_call(now, trunk, hop, status, ms, &mut tools);
        }
        if status.is_some_and(|status| status < 200) {
            self.timers.stop(&Due::Attempt(leg));
            if let Some(attempt) = self.attempts.get_mut(&leg) {
                attempt.rings = true;
                attempt.hops.clear();
            }
            return Some(event);
        }
        // "If a failure occurs (503, timeout, transport error), the client SHOULD try the next" (RFC 3263 4.3).
        if matches!(status, None | Some(503)) && has_others {
            self.try_next(now, leg);
            return None;
        }
        if let (Some(contacts), Some(trunk)) = (redirect, trunk) {
            match self.redirected(now, leg, &trunk, contacts) {
                Ok(()) => return None,
                Err(refusal) => self.reject_redirect(now, leg, trunk, refusal),
            }
        } else if has_contacts && matches!((&event, status), (LegEvent::Refused(_), None | Some(300..600))) {
            // "failures to contact one are followed by the next"; a 6xx speaks for all (8.1.3.4, 21.6).
            self.try_contact(now, leg);
            return None;
        }
        self.timers.stop(&Due::Attempt(leg));
        self.attempts.remove(&leg);
        Some(event)
    }

    /// A server has had long enough to say anything; where another is left, it is tried.
    pub(super) fn attempt_is_silent(&mut self, now: Now, leg: LegId) {
        let Some(attempt) = self.attempts.get(&leg).filter(|attempt| !attempt.hops.is_empty()) else { return };
        let (trunk, trying) = (attempt.trunk.clone(), attempt.trying.clone());
        if self.sip.is_heard(leg) {
            return;
        }
        if let (Some(trunk), Some((hop, _))) = (trunk, trying) {
            let (trunks, mut tools) = self.tools();
            trunks.hear_call(now, &trunk, &hop, None, 0, &mut tools);
        }
        self.sip.drop_dialled(now, leg);
        self.try_next(now, leg);
    }

    /// A look-up has ended: those who wait for it go on.
    pub(super) fn located(&mut self, now: Now, ask: AskId, finding: Result<Finding, AskFailure>) {
        let (trunks, mut tools) = self.tools();
        trunks.located(now, ask, &finding, &mut tools);
        let waiting: Vec<LegId> = self.attempts.iter().filter(|(_, attempt)| attempt.ask == Some(ask)).map(|(leg, _)| *leg).collect();
        for leg in waiting {
            let Some(attempt) = self.attempts.get_mut(&leg) else { continue };
            attempt.ask = None;
            let trunk = attempt.trunk.clone();
            let ways = match (trunk, &finding) {
                (Some(trunk), _) if !attempt.is_sent_on() => {
                    let (trunks, mut tools) = self.tools();
                    trunks.ways(now, &trunk, &mut tools)
                }
                (_, Ok(Finding::Resolved { candidates, .. })) => Ways::Known(locate::order(candidates, &mut self.rng)),
                (..) => Ways::Nowhere("the name leads nowhere".to_owned()),
            };
            let Some(attempt) = self.attempts.get_mut(&leg) else { continue };
            match ways {
                Ways::Known(hops) => {
                    attempt.hops = hops.into();
                    self.try_next(now, leg);
                }
                Ways::Asked(ask) => attempt.ask = Some(ask),
                Ways::Nowhere(_) => self.try_contact(now, leg),
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "all that an INVITE is made of")]
    fn by_trunk(
        &mut self,
        now: Now,
        leg: LegId,
        number: &str,
        trunk: Option<&str>,
        presented: &Presented,
        sdp: String,
        pointer: Option<String>,
        further: Vec<(String, String)>,
    ) -> Result<(), Refusal> {
        let config = self.config.clone();
        let way = way_out(&config, number, trunk, |candidate| self.trunks.hindrance(now, candidate))?;
        let name = way.trunk.name.clone();
        self.trunks.take(now, &name, leg).map_err(|full| limit_refused(&name, full))?;
        let endpoint = config.endpoints.iter().find(|one| way.trunk.peering.endpoint == Some(one.id)).or(config.endpoints.first());
        let mut invite = endpoint.and_then(|endpoint| invite_by(way.trunk, &way.number, presented, endpoint, sdp, pointer));
        if let Some(invite) = &mut invite {
            invite.headers.extend(further);
        }
        let (trunks, mut tools) = self.tools();
        let ways = trunks.ways(now, &name, &mut tools);
        let refused = |why: &str| Refusal::unlocated(&name, why);
        let (hops, ask) = match ways {
            Ways::Known(hops) => (hops.into(), None),
            Ways::Asked(ask) => (VecDeque::new(), Some(ask)),
            Ways::Nowhere(why) => {
                self.trunks.release(leg);
                return Err(refused(&why));
            }
        };
        let Some(invite) = invite else {
            self.trunks.release(leg);
            return Err(refused("its host is no SIP address"));
        };
        self.attempts.insert(leg, Attempt::new(Some(name), invite, ask, hops));
        if ask.is_none() {
            self.try_next(now, leg);
        }
        Ok(())
    }

    fn try_next(&mut self, now: Now, leg: LegId) {
        let Some(attempt) = self.attempts.get_mut(&leg) else { return };
        let Some(hop) = attempt.hops.pop_front() else { return self.fail_attempt(leg, UNLOCATED) };
        (attempt.trying, attempt.rings) = (Some((hop.clone(), now.instant)), false);
        let invite = InviteTarget { to: hop, ..attempt.invite.clone() };
        if attempt.hops.is_empty() {
            self.timers.stop(&Due::Attempt(leg));
        } else {
            self.timers.set(Due::Attempt(leg), now.instant + NEXT_AFTER);
        }
        self.sip.place(now, leg, &invite);
        self.trace();
    }

    /// A call of ours that no trunk takes, for the log and the console.
    fn reject_outgoing(&mut self, now: Now, trunk: Option<String>, caller: Private<String>, number: &str, refusal: Refusal) {
        let Some(endpoint) = self.config.endpoints.first() else { return };
        let (from, transport) = (endpoint.listen, endpoint.transport.token().to_owned());
        let id = self.next_rejection(now);
        self.outputs.push_back(Output::Rejected(Rejection {
            id,
            at: now.utc,
            from,
            transport,
            trunk,
            caller: Private(clipped(&caller.0)),
            dialled: clipped(number),
            method: "INVITE".to_owned(),
            call_id: String::new(),
            refusal,
        }));
    }

    /// The trunk sends the call on: to those of the contacts that it may, one after the other.
    fn redirected(&mut self, now: Now, leg: LegId, trunk: &str, contacts: Vec<Uri>) -> Result<(), Refusal> {
        let exhausted = |said: &str| Refusal::new(Reason::RedirectRefused, format!("trunk {trunk} {said}"), true);
        let config = self.config.clone();
        let known = config.trunks.iter().find(|known| known.name == trunk);
        let (Some(known), Some(attempt)) = (known, self.attempts.get_mut(&leg)) else { return Err(exhausted("is gone")) };
        if attempt.called.len() > REDIRECTS_MAX {
            return Err(exhausted("sends the call on and on"));
        }
        let number = attempt.invite.uri.user().unwrap_or_default();
        let (mut contacts, mut refused) = (contacts, None);
        contacts.retain(|contact| !attempt.called.iter().chain(&attempt.contacts).any(|known| known.is_same(contact)));
        contacts.retain(|contact| match sent_on(known, &number, contact) {
            Ok(()) => true,
            Err(refusal) => {
                refused.get_or_insert(refusal);
                false
            }
        });
        if contacts.is_empty() && attempt.contacts.is_empty() {
            return Err(refused.unwrap_or_else(|| exhausted("sends the call on to nowhere new")));
        }
        attempt.contacts.extend(contacts);
        attempt.contacts.truncate(REDIRECTS_MAX);
        self.try_contact(now, leg);
        Ok(())
    }

    /// Calls the next of those that a call was sent on to.
    fn try_contact(&mut self, now: Now, leg: LegId) {
        self.timers.stop(&Due::Attempt(leg));
        let Some(attempt) = self.attempts.get_mut(&leg) else { return };
        let next = if attempt.has_contacts() { attempt.contacts.pop_front() } else { None };
        let Some(uri) = next else { return self.fail_attempt(leg, UNLOCATED) };
        attempt.called.push(uri.clone());
        attempt.invite.uri = uri.clone();
        attempt.hops = hop_of(&uri, None).into_iter().collect();
        if !attempt.hops.is_empty() {
            return self.try_next(now, leg);
        }
        let mut spoken = trunks::spoken(&self.config);
        // The offer was made for a way in private: keys may stand in it.
        let trunk = self.config.trunks.iter().find(|known| attempt.trunk.as_ref() == Some(&known.name));
        if trunk.is_none_or(|trunk| trunk.peering.is_private()) {
            spoken.retain(|transport| transport.is_secure());
        }
        let question = Question::Resolve { uri: uri.to_string(), spoken };
        let ask = self.asks.put(question, now.instant + trunks::ANSWER_MAX);
        (attempt.ask, attempt.trying, attempt.rings) = (Some(ask.id()), None, false);
        self.outputs.push_back(Output::Ask(ask));
    }

    fn reject_redirect(&mut self, now: Now, leg: LegId, trunk: String, refusal: Refusal) {
        let Some(attempt) = self.attempts.get(&leg) else { return };
        let (number, caller) = (attempt.invite.uri.user().unwrap_or_default(), attempt.invite.from_uri.user().unwrap_or_default());
        self.reject_outgoing(now, Some(trunk), Private(caller), &number, refusal);
    }

    fn fail_attempt(&mut self, leg: LegId, cause: Cause) {
        self.timers.stop(&Due::Attempt(leg));
        self.attempts.remove(&leg);
        self.sip.say(leg, LegEvent::Refused(cause));
    }

    /// The trunks, and what they do things with.
    pub(super) fn tools(&mut self) -> (&mut Trunks, Tools<'_, R>) {
        let tools = Tools { user_agent: self.sip.user_agent(), rng: &mut self.rng, asks: &mut self.asks, outputs: &mut self.outputs };
        (&mut self.trunks, tools)
    }
}

/// The INVITE of a call by a trunk; it has no address yet.
pub(super) fn invite_by(
    trunk: &Trunk,
    number: &str,
    presented: &Presented,
    endpoint: &Endpoint,
    sdp: String,
    pointer: Option<String>,
) -> Option<InviteTarget> {
    let peering = &trunk.peering;
    let mut uri = Uri::parse(peering.host.as_deref()?).ok()?;
    let own = SocketAddr::new(trunk.advertised.unwrap_or(endpoint.advertised), endpoint.listen.port());
    uri.userinfo = Uri::sip(Some(number), own).userinfo;
    let caller = Private(rewritten(&presented.caller.0, &peering.numbers_out, trunk.default_region.as_deref()));
    let presented = Presented { caller, ..presented.clone() };
    let Appearance { mut from_uri, display, headers } = Appearance::of(&presented, pointer, Some(trunk), own);
    // A carrier that knows us by an account looks for it in its own domain.
    let domain = match (&peering.register, &peering.auth) {
        (Some(register), _) => Some(register.domain.clone().unwrap_or_else(|| uri.host.as_str().to_owned())),
        (None, Some(_)) => Some(uri.host.as_str().to_owned()),
        (None, None) => None,
    };
    if let Some(domain) = domain.filter(|_| display.is_none()) {
        from_uri.host = domain.into();
        from_uri.port = None;
    }
    let auth = trunks::credentials(trunk);
    let (profile, oversize) = (trunks::profile(trunk), trunk.oversize);
    Some(InviteTarget {
        from_uri,
        display,
        headers,
        auth,
        profile,
        oversize,
        advertised: trunk.advertised,
        nat: trunk.nat,
        ..blank(uri, endpoint, sdp)
    })
}

/// An INVITE that leaves by this endpoint, for a server that is still to be found.
fn blank(uri: Uri, endpoint: &Endpoint, sdp: String) -> InviteTarget {
    let own = SocketAddr::new(endpoint.advertised, endpoint.listen.port());
    let to = Hop { transport: endpoint.transport, to: own, domain: None };
    InviteTarget::new(uri, endpoint.id, to, Uri::sip(Some("tandem"), own), sdp)
}

/// A server that has said nothing at all after this, not even 100, is passed over where another is left: a caller hears silence meanwhile.
const NEXT_AFTER: Duration = Duration::from_secs(4);

/// Addresses that one call is sent on to, however often its trunk says so.
const REDIRECTS_MAX: usize = 4;

/// The name leads nowhere.
const UNLOCATED: Cause = Reason::TrunkUnlocated.cause();
