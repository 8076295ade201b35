//! Two calls become one: an attended transfer (RFC 5589 7), or an INVITE that asks for another's place (RFC 3891).

use rand::{Rng, SeedableRng};

use super::{Switch, invitation::Invitation, leg_media::leg_media};
use crate::{
    call::{GivenLeg, Stimulus},
    cause::Cause,
    config::Trunk,
    events::leg::LegCommand,
    ids::{CallId, LegId},
    now::Now,
};

impl<R: Rng + SeedableRng> Switch<R> {
    /// The referrer, who has two calls through us, wants those at their other ends joined.
    pub(super) fn merge(&mut self, now: Now, (taking, by): (CallId, LegId), (giving, other): (CallId, LegId)) {
        let slots = (self.calls.get(&taking), self.calls.get(&giving));
        let is_fit = slots.0.zip(slots.1).is_some_and(|(taker, giver)| {
            // Ports of two shards cannot hear each other.
            taker.shard == giver.shard && taker.call.as_ref().is_some_and(|call| call.can_refer(by))
        });
        let given = if is_fit { self.given(now, giving, other) } else { None };
        let Some(given) = given else { return self.tell_leg(now, by, LegCommand::RejectRefer(Cause::DECLINED)) };
        let (leg, port) = given.ids();
        self.by_leg.insert(leg, taking);
        if let Some(port) = port {
            self.by_port.insert(port, taking);
        }
        if let Some(slot) = self.calls.get_mut(&giving) {
            slot.legs.retain(|known| *known != leg);
            slot.ports.retain(|known| Some(*known) != port);
        }
        if let Some(slot) = self.calls.get_mut(&taking) {
            slot.legs.push(leg);
            slot.ports.extend(port);
        }
        self.step(now, taking, Stimulus::TookOver { by, given, from: giving });
    }

    fn given(&mut self, now: Now, giving: CallId, other: LegId) -> Option<GivenLeg> {
        let mut call = self.calls.get_mut(&giving)?.call.take()?;
        let stepped = self.within(now, giving, |turn| {
            let given = call.give_away(other, turn);
            (call, given)
        });
        match stepped {
            Some((call, given)) => {
                self.put_back(giving, call);
                given
            }
            None => {
                self.broken(now, giving);
                None
            }
        }
    }

    /// A peer that may do so asks for the place of a leg of ours.
    pub(super) fn take_place(&mut self, now: Now, invitation: &Invitation, old: LegId, trunk: Option<&Trunk>) {
        let Some(Ok(offer)) = &invitation.offer else {
            return self.sip.refuse(now, invitation.usage, Cause::NOT_ACCEPTABLE, None);
        };
        let Some(call) = self.by_leg.get(&old).copied() else {
            let gone = Cause { sip: 481, ..Cause::ABSENT };
            return self.sip.refuse(now, invitation.usage, gone, None);
        };
        let media = match leg_media(&self.config, trunk, invitation, Some(offer)) {
            Ok(media) => media,
            Err(refusal) => return self.refuse(now, invitation, trunk.map(|trunk| trunk.name.clone()), refusal),
        };
        let leg = self.mint.leg();
        self.sip.hold(leg, invitation.usage);
        self.sip.let_transfer(leg);
        self.own_leg(call, leg);
        self.step(now, call, Stimulus::Replaced { old, by: leg, media, offer: offer.clone() });
    }
}
