//! Our OPTIONS and REGISTERs to the trunks' servers: when each goes out, and what its answer changes.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use rand::Rng;

use super::{Due, Sample, Tools, Trunks, health::Health, registration::Next, tell};
use crate::{
    events::wire::Hop,
    now::Now,
    sip::{ProbeTarget, RegisterOutcome, RequestId},
};

/// What an answer is for.
pub(super) struct Waiting {
    pub(super) trunk: String,
    pub(super) hop: Hop,
    pub(super) since: Instant,
    pub(super) kind: Kind,
}

/// Which request of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Probe,
    Register,
    /// Takes a registration back; whoever bears the trunk's name by the time of its answer has nothing to do with it.
    Farewell,
}

impl Trunks {
    /// Our OPTIONS has its answer.
    pub(in crate::switch) fn probed<R: Rng>(&mut self, now: Now, request: RequestId, status: Option<u16>, tools: &mut Tools<'_, R>) {
        self.timers.stop(&Due::Silent(request));
        let Some(Waiting { trunk, hop, since, .. }) = self.waiting.remove(&request) else { return };
        let ms = u32::try_from(now.instant.saturating_duration_since(since).as_millis()).unwrap_or(u32::MAX);
        self.weigh(&trunk, &hop, Sample { at: now.utc, ms: status.map(|_| ms), status, by: "probe" }, tools);
        // Callers meet it meanwhile: what is in doubt is settled before the next round.
        let line = self.lines.get(&trunk).filter(|line| line.trunk.peering.probe_s.is_some());
        if line.and_then(|line| line.health.get(&(hop.transport, hop.to))).is_some_and(Health::is_in_doubt) {
            let (due, again) = (Due::Probe(trunk), now.instant + DOUBT_AGAIN);
            if self.timers.get(&due).is_none_or(|at| at > again) {
                self.timers.set(due, again);
            }
        }
    }

    /// Our REGISTER has its answer; `number` is the last CSeq that it used.
    pub(in crate::switch) fn registered<R: Rng>(
        &mut self,
        now: Now,
        request: RequestId,
        number: Option<u32>,
        outcome: &RegisterOutcome,
        tools: &mut Tools<'_, R>,
    ) {
        self.timers.stop(&Due::Silent(request));
        let Some(Waiting { trunk: name, hop, kind: Kind::Register, .. }) = self.waiting.remove(&request) else { return };
        let draining = self.draining;
        let Some(line) = self.lines.get_mut(&name) else { return };
        let others = !line.untried.is_empty();
        let Some(registration) = &mut line.registration else { return };
        registration.number = number.unwrap_or(registration.number + CHALLENGES) + 1;
        if draining {
            return;
        }
        let (was, had) = (registration.is_registered(now.instant), registration.trouble().map(str::to_owned));
        let next = registration.hear(now.instant, outcome, &hop, others, tools.rng.next_u32());
        let trouble = registration.trouble().map(str::to_owned);
        match next {
            Next::At(at) => self.timers.set(Due::Register(name.clone()), at),
            Next::Now => self.send_register(now, &name, &hop, tools),
            Next::Elsewhere => {
                if let Some(next) = line.untried.pop_front() {
                    self.send_register(now, &name, &next, tools);
                }
            }
            Next::Over => {}
        }
        match (outcome, trouble) {
            (RegisterOutcome::Granted { expires_s: 1.. }, _) if !was || had.is_some() => tell(tools, &name, true, "registered".to_owned()),
            (_, Some(trouble)) if had.as_ref() != Some(&trouble) => tell(tools, &name, false, format!("not registered: {trouble}")),
            _ => {}
        }
    }

    pub(super) fn probe<R: Rng>(&mut self, now: Now, name: &str, tools: &mut Tools<'_, R>) {
        let Some(line) = self.lines.get(name) else { return };
        let Some(every) = line.trunk.peering.probe_s else { return };
        let targets: Vec<ProbeTarget> = line.reachable().filter_map(|hop| line.probe_target(hop)).collect();
        for target in targets {
            if let Some(request) = tools.user_agent.ask_options(now, &target) {
                self.wait(now, request, Waiting { trunk: name.to_owned(), hop: target.to, since: now.instant, kind: Kind::Probe });
            }
        }
        self.timers.set(Due::Probe(name.to_owned()), now.instant + Duration::from_secs(every.into()));
    }

    pub(super) fn register<R: Rng>(&mut self, now: Now, name: &str, tools: &mut Tools<'_, R>) {
        let Some(line) = self.lines.get_mut(name) else { return };
        // What granted us last is asked first (RFC 5626 4.4: a flow is kept while it works).
        let flow = line.registration.as_ref().and_then(|registration| registration.flow.clone());
        let mut hops: VecDeque<Hop> = line.hops(tools.rng).into();
        if let Some(flow) = flow.filter(|flow| hops.contains(flow)) {
            hops.retain(|hop| *hop != flow);
            hops.push_front(flow);
        }
        let Some(first) = hops.pop_front() else { return self.look_up(now, name, tools) };
        line.untried = hops;
        self.send_register(now, name, &first, tools);
    }

    fn send_register<R: Rng>(&mut self, now: Now, name: &str, hop: &Hop, tools: &mut Tools<'_, R>) {
        let Some(line) = self.lines.get(name) else { return };
        let asked = line.registration.as_ref().map(|registration| registration.expires_s);
        let Some(target) = asked.and_then(|expires_s| line.register_target(hop, expires_s)) else { return };
        match tools.user_agent.register(now, &target) {
            Some(request) => {
                self.wait(now, request, Waiting { trunk: name.to_owned(), hop: hop.clone(), since: now.instant, kind: Kind::Register })
            }
            None => self.timers.set(Due::Register(name.to_owned()), now.instant + NO_ROOM),
        }
    }

    /// Takes a registration back, and asks nothing more of this trunk's servers.
    pub(super) fn leave<R: Rng>(&mut self, now: Now, name: &str, tools: &mut Tools<'_, R>) {
        for due in [Due::Locate(name.to_owned()), Due::Probe(name.to_owned()), Due::Register(name.to_owned())] {
            self.timers.stop(&due);
        }
        let open: Vec<RequestId> = self.waiting.iter().filter(|(_, waiting)| waiting.trunk == name).map(|(request, _)| *request).collect();
        for request in open {
            self.waiting.remove(&request);
            self.timers.stop(&Due::Silent(request));
            tools.user_agent.forget_request(request);
        }
        let Some(line) = self.lines.get(name) else { return };
        let registered = line.registration.as_ref().filter(|registration| registration.is_registered(now.instant));
        let Some(flow) = registered.and_then(|registration| registration.flow.clone()) else { return };
        if let Some(request) = line.register_target(&flow, 0).and_then(|target| tools.user_agent.register(now, &target)) {
            self.wait(now, request, Waiting { trunk: name.to_owned(), hop: flow, since: now.instant, kind: Kind::Farewell });
        }
    }

    fn wait(&mut self, now: Now, request: RequestId, waiting: Waiting) {
        self.waiting.insert(request, waiting);
        self.timers.set(Due::Silent(request), now.instant + SILENT_AFTER);
    }
}

/// A server that takes longer to answer OPTIONS or REGISTER is of no use to a caller.
pub const SILENT_AFTER: Duration = Duration::from_secs(4);
/// A server of which the last answer, or silence, was a surprise is asked again after this.
const DOUBT_AGAIN: Duration = Duration::from_secs(1);
/// The transactions' table is full.
const NO_ROOM: Duration = Duration::from_secs(10);
/// A REGISTER that was given up may have used so many numbers.
const CHALLENGES: u32 = 3;
