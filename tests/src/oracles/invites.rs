//! What became of each INVITE that the gateway sent, as it stands on the wire.

use std::{collections::BTreeSet, time::Instant};

use super::{Verdict, none};
use crate::{sip_text::Seen, world::World};

/// One that began a dialog of ours, with everything that was said in it.
pub(super) struct Invite<'a> {
    pub(super) sent: &'a Seen,
    said: Vec<&'a Seen>,
}

/// All of them, in order.
pub(super) fn all(world: &World) -> Vec<Invite<'_>> {
    let mut named = BTreeSet::new();
    let begins = world.wire.iter().filter(|seen| !seen.inbound && seen.is_request("INVITE") && !seen.is_within());
    let firsts: Vec<&Seen> = begins.filter(|seen| named.insert(seen.call_id().to_owned())).collect();
    firsts
        .into_iter()
        .map(|sent| Invite { sent, said: world.wire.iter().filter(|seen| seen.call_id() == sent.call_id()).collect() })
        .collect()
}

impl<'a> Invite<'a> {
    /// What came back, final or not.
    fn answers(&self, is_final: bool) -> impl Iterator<Item = &'a Seen> {
        let number = self.sent.header("CSeq");
        let is_one = move |seen: &&Seen| {
            seen.inbound && seen.header("CSeq") == number && seen.status().is_some_and(|status| (status >= 200) == is_final)
        };
        self.said.clone().into_iter().filter(is_one)
    }

    /// When it was first said to ring, or to be tried.
    pub(super) fn rung(&self) -> Option<Instant> {
        self.answers(false).next().map(|seen| seen.at)
    }

    /// The first final response.
    pub(super) fn settled(&self) -> Option<&'a Seen> {
        self.answers(true).next()
    }

    /// The CANCELs, but for those that were said again.
    pub(super) fn cancels(&self) -> Vec<&'a Seen> {
        self.firsts(|seen| !seen.inbound && seen.is_request("CANCEL"))
    }

    /// Each transaction once, as it was first seen.
    fn firsts(&self, is_one: impl Fn(&Seen) -> bool) -> Vec<&'a Seen> {
        let mut named = BTreeSet::new();
        self.said.iter().filter(|seen| is_one(seen) && named.insert(seen.transaction())).copied().collect()
    }

    /// What is wrong with how it ended.
    fn fault(&self) -> Option<String> {
        let cancels = self.cancels();
        match (cancels.as_slice(), self.rung(), self.settled()) {
            ([], Some(_), None) => return Some("rings for ever".to_owned()),
            // "If no provisional response has been received, the CANCEL request MUST NOT be sent" (RFC 3261 9.1).
            ([cancel], None, _) => return Some(format!("is taken back at {:?}, before anything was said to it", cancel.at)),
            ([cancel], Some(rung), _) if cancel.at < rung => return Some("is taken back before anything was said to it".to_owned()),
            ([cancel], _, Some(settled)) if cancel.at > settled.at => return Some("is taken back after it was answered".to_owned()),
            ([_, _, ..], ..) => return Some(format!("is taken back {} times", cancels.len())),
            ([], ..) | ([_], Some(_), _) => {}
        }
        let taken = self.answers(true).filter(|seen| seen.status() == Some(200));
        let tags: BTreeSet<&str> = taken.filter_map(|seen| tag(seen.header("To")?)).collect();
        tags.into_iter().find_map(|by| {
            let names = |seen: &Seen, header| seen.header(header).and_then(tag) == Some(by);
            let acked = self.said.iter().any(|seen| !seen.inbound && seen.is_request("ACK") && names(seen, "To"));
            let ours = self.firsts(|seen| !seen.inbound && seen.is_request("BYE") && names(seen, "To")).len();
            let theirs = self.firsts(|seen| seen.inbound && seen.is_request("BYE") && names(seen, "From")).len();
            let is_well = acked && ours <= 1 && ours + theirs >= 1;
            (!is_well).then(|| format!("is taken by {by}: acknowledged {acked}, BYEs of ours {ours}, of theirs {theirs}"))
        })
    }
}

/// RFC 3261 9.1 and 13.2.2: refused, or taken back once, or each 2xx acknowledged and hung up.
pub(super) fn one_end_each(world: &World) -> Verdict {
    none(all(world).iter().filter_map(|invite| Some(format!("{} {}", invite.sent.transaction(), invite.fault()?))))
}

fn tag(party: &str) -> Option<&str> {
    party.split(";tag=").nth(1)?.split(';').next()
}
