//! REFER at the border of the calls: who may ask for a transfer, what its target means here, and how ours is worded.

use rand::{Rng, SeedableRng};

use super::{Switch, appearance::form, sip_leg::SipLegs};
use crate::{
    cause::{Cause, Fault},
    context::pointer,
    events::leg::{LegEvent, Target},
    ids::LegId,
    now::Now,
    private::Private,
    routing::{outbound::way_out, trunk_of},
    sip::{Referral, Refusal, Uri, UsageId, hop_of},
};

impl<R: Rng + SeedableRng> Switch<R> {
    /// A referrer chooses among our peers, not the world's: an address is called only where it is a phone of ours. One that a trunk speaks for is a
    /// number by that trunk, which goes the way of all calls by it: under its `outbound`, its limits and its health.
    pub(super) fn judge_refer(&self, event: &mut LegEvent) -> Result<(), Cause> {
        let LegEvent::Referred { to, .. } = event else { return Ok(()) };
        let Target::Uri(address) = &*to else { return Ok(()) };
        let address = Uri::parse(address).map_err(|_| FORBIDDEN)?;
        if self.sip.here.is_phone(&address) {
            return Ok(());
        }
        let trunk = hop_of(&address, None).and_then(|hop| trunk_of(&self.config, hop.to).ok()).ok_or(FORBIDDEN)?;
        let number = Private(address.user().ok_or(FORBIDDEN)?);
        *to = Target::Number { number, trunk: Some(trunk.name.clone()), caller: Private(String::new()) };
        Ok(())
    }

    /// Asks the carrier of a leg to call a number, as it wants numbers written, and only one that its `outbound` allows.
    pub(super) fn refer_out(&mut self, now: Now, leg: LegId, number: &str, pointer: Option<String>, by: Option<&str>) {
        match self.carriers_address(leg, number, pointer) {
            Ok(to) => self.sip.refer(now, leg, &to, by),
            Err(cause) => self.sip.say(leg, LegEvent::ReferProgressed { status: cause.sip }),
        }
    }

    /// The pointer goes along in the URI (RFC 3261 19.1.1), so that the story does too.
    fn carriers_address(&self, leg: LegId, number: &str, pointer: Option<String>) -> Result<String, Cause> {
        let trunk = self.trunks.of_leg(leg).ok_or(Cause::DECLINED)?;
        let way = way_out(&self.config, number, Some(&trunk.name), |_| None).map_err(|refusal| refusal.cause())?;
        let host = way.trunk.peering.host.as_deref().and_then(|host| Uri::parse(host).ok()).ok_or(Cause::DECLINED)?;
        let (_, local) = self.sip.here.outbound.ok_or(Cause::DECLINED)?;
        let mut uri = Uri { userinfo: Uri::sip(Some(&way.number), local).userinfo, ..host };
        // How it is reached is the carrier's own affair.
        uri.params.remove("transport");
        let mut to = uri.to_string();
        if let (Some(token), Some(form)) = (pointer, form(Some(way.trunk.peering.headers.user_to_user))) {
            let value = pointer::user_to_user(&token, form);
            to.push_str(&format!("?User-to-User={}", value.replace(';', "%3B").replace('=', "%3D")));
        }
        Ok(to)
    }
}

impl<R: Rng> SipLegs<R> {
    /// What a REFER means to its call; `None` where it has been refused here, because its sender may not hand calls on.
    pub(super) fn referred(&mut self, now: Now, usage: UsageId, referral: Referral) -> Option<LegEvent> {
        let held = self.legs.get(&usage).and_then(|leg| self.usages.get(leg));
        if !held.is_some_and(|held| held.may_transfer) {
            self.user_agent.refuse_refer(now, usage, &Refusal::because(603, "transfer is not set for this trunk or phone"));
            return None;
        }
        let Referral { to, replaces, replacing, referred_by } = referral;
        let replacing = replacing.and_then(|usage| self.legs.get(&usage).copied());
        let replaces = replaces.filter(|_| replacing.is_none()).map(|replaces| replaces.to_string());
        Some(LegEvent::Referred { to: self.meant(&to), replacing, replaces, by: referred_by })
    }

    fn refer(&mut self, now: Now, leg: LegId, to: &str, by: Option<&str>) {
        if let Some(held) = self.usages.get(&leg) {
            self.user_agent.refer(now, held.usage, to, by);
        }
    }

    /// A number dialled here, a phone of ours, or an address elsewhere.
    fn meant(&self, to: &Uri) -> Target {
        match to.user() {
            Some(number) if to.host.is_empty() || (self.here.is_here(to) && !self.here.is_phone(to)) => {
                Target::Number { number: Private(number), trunk: None, caller: Private(String::new()) }
            }
            Some(_) | None => Target::Uri(to.to_string()),
        }
    }
}

/// Nobody of ours lives there.
pub(super) const FORBIDDEN: Cause = Cause { sip: 403, q850: 21, fault: Fault::Carrier, retry: false };
