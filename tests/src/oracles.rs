//! What must be so whatever happened. Each oracle is one function and one line in `ALL`; each says in words what it found.

mod invites;
mod lifted;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use gateway_core::{
    acd::{Agent, AgentState},
    events::{
        leg::Direction,
        record::{Happened, Record},
    },
    ids::CallId,
};

use crate::{
    desk::Visit,
    ears::{Ear, FAINT, WINDOW},
    line::Line,
    phone::{Phone, Talk},
    shop::{MUSIC_HZ, PROMPT_HZ},
    sip_text::Seen,
    world::World,
};

/// What an oracle found.
pub type Verdict = Result<(), String>;

/// Looks at a whole world.
pub type Oracle = fn(&World) -> Verdict;

/// All of them, to be asked when the world has come to rest.
pub const ALL: [(&str, Oracle); 17] = [
    ("one final response per INVITE", one_final_response),
    ("every request is answered", every_request_answered),
    ("one CallEnded for each call that was answered", one_record_per_answer),
    ("every branch that took a call besides the first is acknowledged and hung up", branches_hung_up),
    ("every INVITE of ours comes to one end, and is taken back at most once", invites::one_end_each),
    ("nothing outlives its call", nothing_outlives_its_call),
    ("one CallEnded per CallStarted, and it is the last word", one_end_per_call),
    ("one LegEnded per LegStarted", one_end_per_leg),
    ("no desk hears anybody before it accepts and the gate opens", nothing_before_the_gate),
    ("no bridge before the card is drawn, but late ones", no_bridge_before_the_card),
    ("who is handed a call by phone was offered it, lifted, and its other phones stop ringing at once", lifted::as_it_should),
    ("everybody hears whom they should and nobody else", hears_whom),
    ("no agent is in two calls", one_call_per_agent),
    ("no agent is rung for two calls", lifted::one_call_per_agent),
    ("every port is closed once, and every lease comes back", every_port_closed),
    ("a recording is as long as the call", recording_length),
    ("notices come in order and make sense", notices_in_order),
];

/// Asks all; panics with what was found and the ladder.
pub fn ask_all(world: &World) {
    let found = verdicts(world);
    assert!(found.is_empty(), "{}\n\n{}", found.join("\n"), world.ladder);
}

/// Asks those that know nothing of desks: what signalling, ports and history owe each other in every call.
pub fn ask_of_wires(world: &World) {
    const OF_WIRES: [Oracle; 6] =
        [one_final_response, invites::one_end_each, nothing_outlives_its_call, one_end_per_call, one_end_per_leg, every_port_closed];
    let found: Vec<String> = OF_WIRES.iter().filter_map(|oracle| oracle(world).err()).collect();
    assert!(found.is_empty(), "{}\n\n{}", found.join("\n"), world.ladder);
}

/// What was found, a line each.
pub fn verdicts(world: &World) -> Vec<String> {
    ALL.iter().filter_map(|(name, oracle)| oracle(world).err().map(|found| format!("{name}: {found}"))).collect()
}

/// RFC 3261 13.3: exactly one final response to each INVITE that came, however often it was sent again.
fn one_final_response(world: &World) -> Verdict {
    let mut finals: BTreeMap<String, BTreeSet<u16>> = BTreeMap::new();
    for seen in world.wire.iter().filter(|seen| seen.inbound && seen.is_request("INVITE")) {
        finals.entry(seen.transaction()).or_default();
    }
    for seen in world.wire.iter().filter(|seen| !seen.inbound && seen.method() == "INVITE") {
        if let (Some(status @ 200..), Some(statuses)) = (seen.status(), finals.get_mut(&seen.transaction())) {
            statuses.insert(status);
        }
    }
    none(finals.iter().filter(|(_, statuses)| statuses.len() != 1).map(|(invite, statuses)| format!("{invite}: {statuses:?}")))
}

/// RFC 3261 17.2: whatever comes but an ACK has its final response, however late.
fn every_request_answered(world: &World) -> Verdict {
    let answered: BTreeSet<String> = world
        .wire
        .iter()
        .filter(|seen| !seen.inbound && seen.status().is_some_and(|status| status >= 200))
        .map(Seen::transaction)
        .collect();
    let asked = world.wire.iter().filter(|seen| seen.inbound && seen.status().is_none() && seen.method() != "ACK");
    none(asked.filter(|seen| !answered.contains(&seen.transaction())).map(|seen| format!("{} was not answered", seen.transaction())))
}

/// Whatever was charged for is in the books, once.
fn one_record_per_answer(world: &World) -> Verdict {
    let mut booked: BTreeMap<&str, u32> = BTreeMap::new();
    for record in world.records.iter().filter(|record| matches!(record.happened, Happened::CallEnded { .. })) {
        if let Some(invite) = invite_of(world, record.call) {
            *booked.entry(invite.call_id()).or_default() += 1;
        }
    }
    let invites: BTreeSet<&str> =
        world.wire.iter().filter(|seen| seen.inbound && seen.is_request("INVITE") && !seen.is_within()).map(Seen::call_id).collect();
    let taken = world.wire.iter().filter(|seen| !seen.inbound && seen.method() == "INVITE" && seen.status() == Some(200));
    let answered: BTreeSet<&str> = taken.map(Seen::call_id).filter(|call_id| invites.contains(call_id)).collect();
    none(answered.into_iter().filter_map(|call_id| {
        let times = booked.get(call_id).copied().unwrap_or_default();
        (times != 1).then(|| format!("{call_id} was answered, and is booked {times} times"))
    }))
}

/// RFC 3261 13.2.2.4.
fn branches_hung_up(world: &World) -> Verdict {
    let branches = world.phones.iter().filter(|phone| !phone.is_dead()).flat_map(|phone| &phone.carrier.branches);
    none(branches.filter(|branch| branch.said && !(branch.acked && branch.over)).map(|branch| format!("{branch:?}")))
}

fn nothing_outlives_its_call(world: &World) -> Verdict {
    let mut left = Vec::new();
    let calls: Vec<_> = world.switch.calls().map(|call| format!("{call:?} is {:?}", world.switch.phase_of(call))).collect();
    left.extend(calls);
    if world.switch.sip_load() != (0, 0) {
        left.push(format!("the gateway holds {:?} transactions and usages", world.switch.sip_load()));
    }
    // A phone that never got the BYE, or the CANCEL, cannot know; and without a 1xx no CANCEL is sent (RFC 3261 9.1).
    let is_told = |phone: &&Phone| !["BYE", "CANCEL", "1xx INVITE"].iter().any(|goodbye| phone.carrier.swallowed(goodbye));
    for phone in world.phones.iter().filter(is_told).filter(|phone| phone.load() != (0, 0)) {
        left.push(format!("phone {} holds {:?} transactions and usages", phone.number, phone.load()));
    }
    if !world.outside.reserved.is_empty() {
        left.push(format!("agents are still reserved: {:?}", world.outside.reserved));
    }
    let is_busy = |agent: &&Agent| matches!(agent.state(), AgentState::Reserved | AgentState::Offered(_) | AgentState::Talking(_));
    left.extend(world.switch.agents().filter(is_busy).map(|agent| format!("{:?} is {:?}", agent.id, agent.state())));
    none(left.into_iter())
}

fn one_end_per_call(world: &World) -> Verdict {
    let mut calls: BTreeMap<CallId, Vec<&Record>> = BTreeMap::new();
    world.records.iter().for_each(|record| calls.entry(record.call).or_default().push(record));
    none(calls.iter().filter_map(|(call, records)| {
        let begins = records.iter().filter(|record| matches!(record.happened, Happened::CallStarted { .. })).count();
        let ends = records.iter().filter(|record| matches!(record.happened, Happened::CallEnded { .. })).count();
        let last_words =
            records.iter().rev().take_while(|record| matches!(record.happened, Happened::WrappedUp { .. } | Happened::FactLearned { .. }));
        let last = records.iter().rev().nth(last_words.count());
        let is_last = last.is_some_and(|record| matches!(record.happened, Happened::CallEnded { crashed: false, .. }));
        let is_first = matches!(records[0].happened, Happened::CallStarted { .. });
        (begins != 1 || ends != 1 || !is_first || !is_last)
            .then(|| format!("{call:?} begins {begins} times and ends {ends} times: {last:?}"))
    }))
}

fn one_end_per_leg(world: &World) -> Verdict {
    let mut legs: BTreeMap<_, (u32, u32)> = BTreeMap::new();
    for record in &world.records {
        if let Happened::LegStarted { leg, .. } = &record.happened {
            legs.entry(*leg).or_default().0 += 1;
        }
        if let Happened::LegEnded { leg, .. } = &record.happened {
            legs.entry(*leg).or_default().1 += 1;
        }
    }
    none(legs.iter().filter(|(_, counts)| **counts != (1, 1)).map(|(leg, counts)| format!("{leg:?} begins and ends {counts:?} times")))
}

/// By the desk's own clock: what it said, and what it heard.
fn nothing_before_the_gate(world: &World) -> Verdict {
    let visits = world.desks.iter().flat_map(|desk| &desk.visits);
    none(visits.filter_map(|visit| {
        let ear = visit.line.ear.as_ref()?;
        let opens = visit.accepted.map(|accepted| {
            let deadline = accepted + Duration::from_millis(world.config.gate.ack_ms.into());
            accepted.max(visit.acked.unwrap_or(deadline).min(deadline))
        });
        let early = |at: Instant| opens.is_none_or(|opens| at + WINDOW <= opens);
        let (at, hz) = voices(world, ear).into_iter().find(|(at, _)| early(*at))?;
        Some(format!(
            "{:?} hears {hz} Hz at {:.3}, the gate opens {:?}",
            visit.call,
            world.seconds_of(at),
            opens.map(|at| world.seconds_of(at))
        ))
    }))
}

fn no_bridge_before_the_card(world: &World) -> Verdict {
    none(world.records.iter().filter_map(|record| {
        let Happened::Handoff { agent, version, late, .. } = &record.happened else { return None };
        if lifted::lifted(world, record).is_some() {
            return None;
        }
        let visits = world.desks.iter().filter(|desk| desk.agent == *agent).flat_map(|desk| &desk.visits);
        let visit = visits.rev().find(|visit| visit.call == record.call && visit.card.version == *version);
        let visit = match visit {
            Some(visit) => visit,
            None => return Some(format!("{:?} was handed to {agent:?}, who was not offered version {version}", record.call)),
        };
        let accepted = visit.accepted.map(|at| world.utc_of(at));
        let acked = visit.acked.map(|at| world.utc_of(at));
        let wait = u64::from(world.config.gate.ack_ms);
        let in_time = match late {
            false => acked.is_some_and(|at| at <= record.at) && accepted.is_some_and(|at| at <= record.at),
            true => accepted.is_some_and(|at| at.0 + wait <= record.at.0),
        };
        (!in_time).then(|| format!("{:?} at {:?}, late {late}: accepted {accepted:?}, drawn {acked:?}", record.call, record.at))
    }))
}

/// Who hears whom, by tone: nobody hears a person outside the time that both ends call a conversation, and within it both hear each other.
fn hears_whom(world: &World) -> Verdict {
    let mut found = Vec::new();
    let mut spoken: BTreeMap<(usize, usize), Vec<Spell>> = BTreeMap::new();
    for (n, desk) in world.desks.iter().enumerate() {
        for (v, visit) in desk.visits.iter().enumerate() {
            let Some((p, t)) = caller_of(world, visit.call) else { continue };
            let talk = &world.phones[p].talks[t];
            let spell = visit.bridged.map(|(from, _)| Spell::of(talk, from, visit.ended, &visit.holds, desk.hz));
            if let Some(ear) = &visit.line.ear {
                let spells: Vec<Spell> = spell.iter().map(|spell| spell.clone().said_by(talk, world.phones[p].hz)).collect();
                found.extend(judge(world, &format!("desk {n} visit {v}"), ear, &spells, &[]));
            }
            spoken.entry((p, t)).or_default().extend(spell);
        }
    }
    for pair in through(world) {
        let ((p, t), (q, u)) = pair;
        let (caller, called) = (&world.phones[p].talks[t], &world.phones[q].talks[u]);
        let taken = caller.answered.zip(called.answered).map(|(one, other)| one.max(other));
        let Some(from) = taken.or(called.spoke_early) else { continue };
        // RFC 3960 3: before anybody answers they may hear each other, and after that they must.
        let may = called.spoke_early.unwrap_or(from).min(from);
        let end = [caller.ended, called.ended].into_iter().flatten().min();
        let spell = |hz| Spell { from: may, ..Spell::of(caller, from, end, &called.holds, hz).late(world, caller, p) };
        spoken.entry((p, t)).or_default().push(spell(world.phones[q].hz));
        spoken.entry((q, u)).or_default().push(spell(0.0).said_by(caller, world.phones[p].hz));
    }
    for lift in lifted::all(world) {
        let ((q, u), Some((p, t))) = (lift.by, caller_of(world, lift.call)) else { continue };
        let (caller, agent) = (&world.phones[p].talks[t], &world.phones[q].talks[u]);
        let end = [agent.ended, lift.over].into_iter().flatten().min();
        let spell = |hz| {
            let spell = Spell::of(caller, lift.at, end, &agent.holds, hz).late(world, caller, p);
            Spell { sure: spell.sure.filter(|_| !lift.is_another), ..spell }
        };
        spoken.entry((p, t)).or_default().push(spell(world.phones[q].hz).said_by(agent, world.phones[q].hz));
        spoken.entry((q, u)).or_default().push(spell(0.0).said_by(caller, world.phones[p].hz));
    }
    for (p, phone) in world.phones.iter().enumerate() {
        for (t, talk) in phone.talks.iter().enumerate() {
            if let Line { ear: Some(ear), .. } = &talk.line {
                let spells = spoken.get(&(p, t)).map(Vec::as_slice).unwrap_or_default();
                found.extend(judge(world, &format!("phone {p} call {t}"), ear, spells, &[PROMPT_HZ, MUSIC_HZ]));
            }
        }
    }
    none(found.into_iter())
}

/// A time in which somebody is heard, but for the holds in it.
#[derive(Debug, Clone)]
struct Spell {
    hz: f64,
    from: Instant,
    /// From here on it is not only allowed to be heard.
    sure: Option<Instant>,
    to: Option<Instant>,
    holds: Vec<(Instant, Option<Instant>)>,
}

impl Spell {
    fn of(talk: &Talk, from: Instant, end: Option<Instant>, holds: &[(Instant, Option<Instant>)], hz: f64) -> Self {
        let to = [talk.ended, end].into_iter().flatten().min();
        Self { hz, from, sure: talk.answered.map(|at| at.max(from)), to, holds: talk.holds.iter().chain(holds).copied().collect() }
    }

    /// The same time, with this phone heard, but for its keys.
    fn said_by(mut self, talk: &Talk, hz: f64) -> Self {
        self.holds.extend(talk.keys.iter().map(|at| (*at, Some(*at + KEY))));
        Self { hz, ..self }
    }

    /// Who left the offer to us is heard, and hears, from the ACK on that brings the answer, if it comes (RFC 3261 13.2.1).
    fn late(self, world: &World, talk: &Talk, phone: usize) -> Self {
        if !world.phones[phone].offers_late {
            return self;
        }
        let is_its = |seen: &&Seen| seen.inbound && seen.is_request("ACK") && seen.peer == world.phones[phone].sip && seen.at >= talk.began;
        let acked = world.wire.iter().find(is_its).map(|ack| ack.at);
        Self { sure: self.sure.zip(acked).map(|(sure, acked)| sure.max(acked)), ..self }
    }

    fn is_held(&self, at: Instant, slack: Duration) -> bool {
        self.holds.iter().any(|(from, to)| at + slack >= *from && to.is_none_or(|to| at <= to + slack))
    }
}

fn judge(world: &World, who: &str, ear: &Ear, spells: &[Spell], always: &[f64]) -> Vec<String> {
    let mut found = Vec::new();
    for (at, hz) in voices(world, ear).into_iter().filter(|(_, hz)| !always.contains(hz)) {
        let may =
            spells.iter().any(|spell| spell.hz == hz && at + WINDOW + SLACK >= spell.from && spell.to.is_none_or(|to| at <= to + SLACK));
        if !may {
            found.push(format!("{who} hears {hz} Hz at {:.3}, and should not", world.seconds_of(at)));
            break;
        }
    }
    for spell in spells {
        let Some(sure) = spell.sure else { continue };
        let (from, to) = (sure + SETTLED, spell.to.unwrap_or(world.instant));
        let windows: Vec<_> = ear
            .windows()
            .filter(|(at, _)| *at >= from && *at + WINDOW + SLACK <= to && !spell.is_held(*at, SETTLED))
            .map(|(_, window)| ear.level(window, spell.hz) > crate::ears::LOUD)
            .collect();
        let heard = windows.iter().filter(|heard| **heard).count();
        if windows.len() >= 5 && heard * 100 < windows.len() * HEARD_PERCENT {
            found.push(format!("{who} hears {} Hz in {heard} of {} windows since {:.3}", spell.hz, windows.len(), world.seconds_of(from)));
        }
    }
    found
}

/// Every tone of a party of this world in this ear, with its window.
fn voices(world: &World, ear: &Ear) -> Vec<(Instant, f64)> {
    let mut tones: Vec<f64> = world.phones.iter().map(|phone| phone.hz).chain(world.desks.iter().map(|desk| desk.hz)).collect();
    tones.sort_by(f64::total_cmp);
    tones.dedup();
    let mut voices = Vec::new();
    for (at, window) in ear.windows().filter(|(_, window)| window.iter().any(|sample| sample.unsigned_abs() > 100)) {
        // A window in which a sound begins or breaks off is full of tones that nobody hums.
        let loudest = tones.iter().map(|hz| ear.level(window, *hz)).fold(0.0, f64::max);
        voices.extend(tones.iter().filter(|hz| ear.level(window, **hz) > FAINT.max(loudest * 0.5)).map(|hz| (at, *hz)));
    }
    voices
}

fn one_call_per_agent(world: &World) -> Verdict {
    none(world.desks.iter().filter_map(|desk| {
        let overlap = |(one, other): (&Visit, &Visit)| one.ended.is_none_or(|ended| ended > other.offered);
        let (one, other) = desk.visits.iter().zip(desk.visits.iter().skip(1)).find(|pair| overlap(*pair))?;
        Some(format!("{:?} is offered {:?} while with {:?}", desk.agent, other.call, one.call))
    }))
}

fn every_port_closed(world: &World) -> Verdict {
    let open = world.ports.iter().filter(|(_, life)| (life.closings, life.closed) != (1, 1));
    let mut left: Vec<String> = open.map(|(port, life)| format!("{port:?} {life:?}")).collect();
    let taken = world.ports.values().filter(|life| life.leased).count();
    if world.leased != taken + world.switch.idle_ports() {
        left.push(format!("{} addresses were leased, {taken} were opened, {} are idle", world.leased, world.switch.idle_ports()));
    }
    none(left.into_iter())
}

/// From our 200, or from the ACK where that brings the answer to our offer, to the BYE, whoever sent it, as both stand on the wire.
fn recording_length(world: &World) -> Verdict {
    none(world.records.iter().filter_map(|record| {
        let Happened::RecordingSealed { length_ms, .. } = &record.happened else { return None };
        let invite = invite_of(world, record.call)?;
        let call_id = invite.call_id();
        let of_call = || world.wire.iter().filter(|seen| seen.call_id() == call_id);
        let answered = match invite.header("Content-Type") {
            Some(_) => of_call().find(|seen| !seen.inbound && seen.method() == "INVITE" && seen.status() == Some(200))?.at,
            None => of_call().find(|seen| seen.is_request("ACK"))?.at,
        };
        let over = of_call().find(|seen| seen.is_request("BYE"))?.at;
        // A BYE of ours waits for an ACK that is lost; the call itself ended when the recording was told to.
        let sealed = world.taped.get(&gateway_core::ids::RecordingId(record.call.0)).and_then(|(_, sealed)| *sealed).unwrap_or(over);
        let wanted = over.min(sealed).saturating_duration_since(answered).as_millis() as u64;
        (wanted.abs_diff(*length_ms) > 20).then(|| format!("{:?} lasted {wanted} ms, its file {length_ms}", record.call))
    }))
}

fn notices_in_order(world: &World) -> Verdict {
    none(world.desks.iter().flat_map(|desk| desk.faults.iter().map(move |fault| format!("desk {:?}: {fault}", desk.agent))))
}

/// The INVITE that a call began with: it came at that very moment, from that number.
fn invite_of(world: &World, call: CallId) -> Option<&Seen> {
    let begun = world.records.iter().find(|record| record.call == call)?.at;
    let number = world.records_of(call).find_map(|record| match &record.happened {
        Happened::LegStarted { direction: Direction::Inbound, peer, .. } => Some(peer.0.as_str()),
        _ => None,
    })?;
    let shown = if number.is_empty() { "anonymous" } else { number };
    world.wire.iter().find(|seen| seen.inbound && seen.is_request("INVITE") && seen.caller() == shown && world.utc_of(seen.at) == begun)
}

/// The phone, and which of its calls, that a call of the gateway's began with.
fn caller_of(world: &World, call: CallId) -> Option<(usize, usize)> {
    let invite = invite_of(world, call)?;
    let phone = world.phones.iter().position(|phone| phone.sip.ip() == invite.peer.ip())?;
    let talk = world.phones[phone].talks.iter().rposition(|talk| talk.began <= invite.at)?;
    Some((phone, talk))
}

/// Calls that were bridged to another phone: both ends, matched by the times of their INVITEs.
fn through(world: &World) -> Vec<((usize, usize), (usize, usize))> {
    let calls: BTreeSet<CallId> = world.records.iter().map(|record| record.call).collect();
    let mut pairs = Vec::new();
    for call in calls {
        let is_through = world.records_of(call).any(|record| match &record.happened {
            Happened::LegStarted { direction: Direction::Outbound, peer, .. } => peer.0.starts_with("sip:"),
            _ => false,
        });
        let Some((caller, invite)) = caller_of(world, call).zip(invite_of(world, call)).filter(|_| is_through) else { continue };
        for (q, phone) in world.phones.iter().enumerate().filter(|(_, phone)| phone.number == "uas") {
            let called = phone.talks.iter().position(|talk| talk.began >= invite.at);
            pairs.extend(called.map(|u| (caller, (q, u))));
        }
    }
    pairs
}

fn none(found: impl Iterator<Item = String>) -> Verdict {
    let found: Vec<String> = found.collect();
    if found.is_empty() { Ok(()) } else { Err(found.join("; ")) }
}

/// The way from one end to the other, a jitter buffer at its longest, and a word to a page.
const SLACK: Duration = Duration::from_millis(500);
/// After this, buffers have found their depth.
const SETTLED: Duration = Duration::from_millis(700);
/// How long a key may keep a voice away: 100 ms down, and its ends told three times.
const KEY: Duration = Duration::from_millis(200);
/// Of the windows of a conversation; bad links lose some.
const HEARD_PERCENT: usize = 80;
