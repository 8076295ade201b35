//! One leg, several phones: all of a user's contacts ring, the first to answer has the call.
//!
//! Each phone is an INVITE of its own. The losers are told that the call was taken elsewhere (RFC 3326), so that none shows a missed call;
//! an answer that crosses the CANCEL is acknowledged and hung up by the user agent.

use rand::Rng;

use super::{
    appearance::Appearance,
    sip_leg::{SipEvent, SipLeg, SipLegs},
};
use crate::{
    cause::Cause,
    events::{
        calling::Presented,
        leg::{LegEvent, Offers},
        wire::{Hop, Path, Transport},
    },
    ids::{EndpointId, LegId},
    now::Now,
    sip::{InviteTarget, Uri, UsageId, hop_of, registrar::Binding},
};

/// What the phones of one leg are doing, save the one that speaks for it.
#[derive(Debug, Default)]
pub(super) struct Forks {
    rivals: Vec<UsageId>,
    /// The refusal that counts most so far.
    refusal: Option<Cause>,
}

impl Forks {
    /// All of them, to be taken back.
    pub(super) fn withdraw(&mut self) -> Vec<UsageId> {
        std::mem::take(&mut self.rivals)
    }

    /// One said no: what the leg says, or who speaks for it from now on while others still ring.
    fn refused(&mut self, cause: Cause) -> Result<UsageId, Cause> {
        let refusal = match self.refusal {
            Some(earlier) if weight(earlier) >= weight(cause) => earlier,
            Some(_) | None => cause,
        };
        self.refusal = Some(refusal);
        // "6xx: the called party does not want to be reached anywhere" (RFC 3261 21.6).
        match self.rivals.is_empty() || cause.sip >= 600 {
            true => Err(refusal),
            false => Ok(self.rivals.remove(0)),
        }
    }
}

/// Which of several refusals tells the caller most (RFC 3261 16.7, step 6): a word for all phones, then of a person, then of a phone.
const fn weight(cause: Cause) -> u8 {
    match cause.sip {
        600.. => 4,
        486 => 3,
        408 | 480 | 487 => 1,
        500.. => 0,
        _ => 2,
    }
}

impl<R: Rng> SipLegs<R> {
    /// Rings all contacts of a phone of ours.
    #[expect(clippy::too_many_arguments, reason = "all that an INVITE is made of")]
    pub(super) fn ring_phones(
        &mut self,
        now: Now,
        leg: LegId,
        address: &Uri,
        offers: &Offers,
        pointer: Option<String>,
        presented: &Presented,
        further: &[(String, String)],
    ) {
        let bindings = self.user_agent.targets(address, now);
        let takes_dtls = self.takes_dtls(address);
        let Some((endpoint, local)) = self.here.outbound.filter(|_| !bindings.is_empty()) else {
            self.events.push_back(SipEvent::Leg(leg, Box::new(LegEvent::Refused(Cause::ABSENT))));
            return;
        };
        let Appearance { mut headers, .. } = Appearance::of(presented, pointer, None, local);
        headers.extend(further.iter().cloned());
        let caller = if presented.caller.0.is_empty() { "anonymous" } else { &presented.caller.0 };
        let from_uri = Uri::sip(Some(caller), local);
        let mut usages = Vec::with_capacity(bindings.len());
        for binding in bindings {
            let offer = if self.is_in_browser(&binding, takes_dtls) { &offers.web } else { &offers.rtp };
            let Some(offer) = offer else { continue };
            let routes = binding.path.iter().map(|hop| ("Route".to_owned(), hop.to_string()));
            let (endpoint, to) = way_to(&binding, endpoint);
            let plain = InviteTarget::new(binding.contact.clone(), endpoint, to, from_uri.clone(), offer.to_string());
            let headers = routes.chain(headers.iter().cloned()).collect();
            let target = InviteTarget { headers, nat: binding.nat, ..plain };
            let usage = self.invite(now, target, Some(binding.flow));
            self.trace(leg, usage);
            self.legs.insert(usage, leg);
            usages.push(usage);
        }
        let Some((first, rivals)) = usages.split_first() else {
            self.say(leg, LegEvent::Refused(Cause::NOT_ACCEPTABLE));
            return;
        };
        let may_transfer = address.user().is_some_and(|user| self.here.is_transferring(&user));
        let forks = Forks { rivals: rivals.to_vec(), refusal: None };
        self.usages.insert(leg, SipLeg { forks, may_transfer, ..SipLeg::outbound(*first) });
    }

    /// Another phone was faster, or nobody is wanted any more: whatever this one still says is no news to the call.
    pub(super) fn dismiss(&mut self, now: Now, usage: UsageId, cause: Cause) {
        self.legs.remove(&usage);
        self.user_agent.cancel(now, usage, cause);
    }

    /// One phone took the call: the others stop ringing.
    pub(super) fn fork_answered(&mut self, now: Now, winner: UsageId) {
        let Some(held) = self.legs.get(&winner).and_then(|leg| self.usages.get_mut(leg)) else { return };
        let first = std::mem::replace(&mut held.usage, winner);
        let losers = held.forks.withdraw();
        losers.into_iter().chain([first]).filter(|usage| *usage != winner).for_each(|usage| self.dismiss(now, usage, Cause::ELSEWHERE));
    }

    /// One phone will not: what the leg says of it, once none is left that rings.
    pub(super) fn fork_refused(&mut self, now: Now, usage: UsageId, cause: Cause) -> Option<Cause> {
        let leg = *self.legs.get(&usage)?;
        let held = self.usages.get_mut(&leg)?;
        if usage != held.usage {
            // A rival: it takes the place of the one that speaks, so that both ways are one.
            held.forks.rivals.retain(|rival| *rival != usage);
            held.forks.rivals.insert(0, held.usage);
        }
        match held.forks.refused(cause) {
            Ok(next) => {
                held.usage = next;
                self.legs.remove(&usage);
                None
            }
            Err(refusal) => {
                held.usage = usage;
                let others = held.forks.withdraw();
                others.into_iter().for_each(|other| self.dismiss(now, other, refusal));
                Some(refusal)
            }
        }
    }
}

/// By the recorded path where there is one; to the source where the phone is behind NAT, or says a name; else to the Contact. A stream leads
/// there by itself, and `endpoint` is where the call says that it comes from.
fn way_to(binding: &Binding, endpoint: EndpointId) -> (EndpointId, Hop) {
    let next = binding.path.first().map_or(&binding.contact, |hop| &hop.uri);
    let said = hop_of(next, None).filter(|hop| hop.to.port() != 0 && hop.to.is_ipv4() == binding.source.is_ipv4());
    let is_direct = binding.path.is_empty() && (binding.nat || binding.reg_id.is_some());
    let source = Hop { transport: Transport::Udp, to: binding.source, domain: None };
    match binding.flow {
        Path::Datagram { endpoint, .. } => (endpoint, said.filter(|_| !is_direct).unwrap_or(source)),
        Path::Stream(_) => (endpoint, source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cause::Fault;

    fn status(sip: u16) -> Cause {
        Cause::of_status(sip, Fault::Carrier)
    }

    #[test]
    fn a_leg_speaks_when_its_last_phone_has_refused_and_says_what_tells_most() {
        let mut forks = Forks { rivals: vec![UsageId(2), UsageId(3)], refusal: None };
        assert_eq!(forks.refused(status(486)), Ok(UsageId(2)));
        assert_eq!(forks.refused(status(404)), Ok(UsageId(3)));
        assert_eq!(forks.refused(status(480)), Err(status(486)));
    }

    #[test]
    fn a_no_for_all_phones_ends_the_ringing_of_the_others() {
        let mut forks = Forks { rivals: vec![UsageId(2), UsageId(3)], refusal: None };
        assert_eq!(forks.refused(status(480)), Ok(UsageId(2)));
        assert_eq!(forks.refused(status(603)), Err(status(603)));
        assert_eq!(forks.withdraw(), [UsageId(3)]);
    }
}
