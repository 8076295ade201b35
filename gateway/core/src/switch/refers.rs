//! REFER at the border of the calls: who may ask for a transfer, what its target means here, and how ours is worded.

use rand::Rng;

use super::sip_leg::SipLegs;
use crate::{
    context::pointer,
    events::leg::{LegEvent, Target},
    now::Now,
    private::Private,
    sip::{Referral, Refusal, Uri, UsageId},
};

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

    /// Asks the far end to call someone itself; the pointer goes along in the URI (RFC 3261 19.1.1), so that the story does too.
    pub(super) fn refer(&mut self, now: Now, usage: UsageId, to: Target, pointer: Option<String>) {
        let mut uri = match to {
            Target::Uri(uri) => uri,
            Target::Number { number, .. } => match self.outbound {
                Some((_, local)) => Uri::sip(Some(&number.0), local).to_string(),
                None => return,
            },
            // A desk has no address that a phone could call.
            Target::Agent(_) => return,
        };
        if let Some(token) = pointer {
            let value = pointer::user_to_user(&token, pointer::Form::default());
            let separator = if uri.contains('?') { '&' } else { '?' };
            uri.push_str(&format!("{separator}User-to-User={}", value.replace(';', "%3B").replace('=', "%3D")));
        }
        self.user_agent.refer(now, usage, &uri, None);
    }

    /// A number dialled here, a phone of ours, or an address elsewhere.
    fn meant(&self, to: &Uri) -> Target {
        match to.user() {
            Some(number) if to.host.is_empty() || (self.is_here(to) && !self.is_phone(to)) => {
                Target::Number { number: Private(number), trunk: None, caller: Private(String::new()) }
            }
            Some(_) | None => Target::Uri(to.to_string()),
        }
    }
}
