//! Calls that agents took by lifting a phone: which one, when, and whether it was theirs to take.

use std::{collections::BTreeMap, time::Instant};

use gateway_core::{
    events::record::{Happened, Record},
    ids::{AgentId, CallId, LegId, UtcMillis},
};

use super::{Verdict, invites, invites::Invite, none};
use crate::{sip_text::Seen, world::World};

/// One of them, from the wire and from the phone.
pub(super) struct Lifted {
    pub(super) call: CallId,
    /// The phone, and which of its calls.
    pub(super) by: (usize, usize),
    /// The proxy before it was faster with another phone, at the same address.
    pub(super) is_another: bool,
    /// When the gateway heard that it was lifted.
    pub(super) at: Instant,
    /// When its leg was over, to the gateway.
    pub(super) over: Option<Instant>,
    invite: String,
    rang: Instant,
}

/// All of them.
pub(super) fn all(world: &World) -> Vec<Lifted> {
    world.records.iter().filter_map(|record| lifted(world, record)).collect()
}

/// Who lifted a phone at the very moment of this handoff, if nobody took it at a desk.
pub(super) fn lifted(world: &World, handoff: &Record) -> Option<Lifted> {
    let Happened::Handoff { .. } = handoff.happened else { return None };
    let call = handoff.call;
    let mut visits = world.desks.iter().flat_map(|desk| &desk.visits).filter(|visit| visit.call == call);
    if visits.any(|visit| visit.bridged.is_some_and(|(at, _)| world.utc_of(at) == handoff.at)) {
        return None;
    }
    let invites = rung_for(world, call);
    let is_settled = |seen: &&Seen| invites.iter().any(|invite| invite.settled().is_some_and(|settled| std::ptr::eq(settled, *seen)));
    let taken = world.wire.iter().filter(|seen| seen.status() == Some(200) && world.utc_of(seen.at) == handoff.at).find(is_settled)?;
    let invite = invites.iter().find(|invite| invite.sent.call_id() == taken.call_id())?;
    let phones = world.phones.iter().enumerate();
    let mut talks = phones.flat_map(|(p, phone)| phone.talks.iter().enumerate().map(move |(t, talk)| (p, t, talk)));
    let (phone, talk, _) = talks.find(|(_, _, talk)| talk.call_id.as_deref() == Some(taken.call_id()))?;
    let branches = &world.phones[phone].carrier.branches;
    let is_another = taken.header("To").is_some_and(|to| branches.iter().any(|branch| to.contains(&branch.tag)));
    let later = world.records_of(call).filter(|record| record.at > handoff.at);
    let over = later.filter(|record| matches!(record.happened, Happened::LegEnded { .. })).map(|record| world.moment_of(record.at)).next();
    Some(Lifted { call, by: (phone, talk), is_another, at: taken.at, over, invite: taken.call_id().to_owned(), rang: invite.sent.at })
}

/// The INVITEs that say where this call's card is.
fn rung_for(world: &World, call: CallId) -> Vec<Invite<'_>> {
    let story = format!("call={}>", call.0);
    invites::all(world).into_iter().filter(|invite| invite.sent.header("Call-Info").is_some_and(|info| info.contains(&story))).collect()
}

/// Each handoff was taken by somebody whom it was offered to; and when a phone is lifted, no other one goes on to ring.
pub(super) fn as_it_should(world: &World) -> Verdict {
    none(world.records.iter().filter_map(|record| {
        let Happened::Handoff { agent, version, late, .. } = record.happened else { return None };
        let at_desk = world.desks.iter().flat_map(|desk| &desk.visits).any(|visit| visit.call == record.call && visit.bridged.is_some());
        let Some(lift) = lifted(world, record) else {
            return (!at_desk).then(|| format!("{:?} was handed to {agent:?}, and nobody took it", record.call));
        };
        let is_offer = |earlier: &&Record| match &earlier.happened {
            Happened::AgentOffered { agent: whom, card } => *whom == agent && card.version == version && earlier.at <= record.at,
            _ => false,
        };
        if late || !world.records_of(record.call).any(|earlier| is_offer(&earlier)) {
            return Some(format!("{:?} was lifted by {agent:?}, late {late}, and not offered as version {version}", record.call));
        }
        rung_for(world, record.call).iter().find_map(|invite| still_rings(world, &lift, invite))
    }))
}

/// A rival of the phone that was lifted: taken back at once, or as soon as it says that it rings, and told why (RFC 3326).
fn still_rings(world: &World, lift: &Lifted, rival: &Invite<'_>) -> Option<String> {
    let rang = rival.rung().filter(|_| rival.sent.at == lift.rang && rival.sent.call_id() != lift.invite)?;
    if rival.settled().is_some_and(|settled| settled.at <= lift.at) {
        return None;
    }
    let cancels = rival.cancels();
    if cancels.first().is_some_and(|cancel| cancel.at < lift.at) {
        return None;
    }
    let due = rang.max(lift.at);
    let is_well = |cancel: &&Seen| cancel.at == due && cancel.header("Reason").is_some_and(|why| why.contains("elsewhere"));
    let is_settled_first = rival.settled().is_some_and(|settled| settled.at <= due);
    (!is_settled_first && !cancels.first().is_some_and(is_well)).then(|| {
        format!(
            "{} rings on after {:.3}: {:?}",
            rival.sent.call_id(),
            world.seconds_of(lift.at),
            cancels.first().map(|cancel| cancel.header("Reason"))
        )
    })
}

/// A leg to an agent's desk or phone, from its beginning to its end.
struct Rung {
    call: CallId,
    from: UtcMillis,
    to: Option<UtcMillis>,
}

/// By the gateway's own books.
pub(super) fn one_call_per_agent(world: &World) -> Verdict {
    let mut legs: BTreeMap<AgentId, BTreeMap<LegId, Rung>> = BTreeMap::new();
    for record in &world.records {
        match &record.happened {
            Happened::LegStarted { leg, peer, .. } => {
                let Some(agent) = agent_of(world, &peer.0) else { continue };
                legs.entry(agent).or_default().insert(*leg, Rung { call: record.call, from: record.at, to: None });
            }
            Happened::LegEnded { leg, .. } => {
                legs.values_mut().filter_map(|legs| legs.get_mut(leg)).for_each(|rung| rung.to = Some(record.at));
            }
            _ => {}
        }
    }
    let overlap = |one: &Rung, other: &Rung| one.call != other.call && one.from <= other.from && one.to.is_none_or(|to| to > other.from);
    none(legs.iter().filter_map(|(agent, legs)| {
        let one = legs.values().find(|one| legs.values().any(|other| overlap(one, other)))?;
        Some(format!("{agent:?} is rung for another call while in {:?}, from {:?} to {:?}", one.call, one.from, one.to))
    }))
}

fn agent_of(world: &World, peer: &str) -> Option<AgentId> {
    if let Some(id) = peer.strip_prefix("agent:") {
        return id.parse().ok().map(AgentId);
    }
    let user = peer.strip_prefix("phone:")?;
    world.config.agents.iter().find(|agent| agent.phone.as_deref() == Some(user)).map(|agent| agent.id)
}
