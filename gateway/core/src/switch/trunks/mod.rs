//! The trunks as they live: where their servers are, which of them answer, whether we are registered, how much each carries.
//!
//! A name is looked up before it is needed and again when its records expire; while a name server is away, what it said last stays true.
//! Probes (OPTIONS), calls and registrations are all evidence about servers; `health` weighs it. What happens is asked of the user agent
//! and of name servers through `Tools`; when it is due stands in one table of timers.

mod health;
mod line;
mod registration;
mod requests;
mod trial;
mod view;

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    time::{Duration, Instant},
};

pub use health::Sample;
use rand::Rng;
pub use requests::SILENT_AFTER;
pub use trial::{Registering, Step, Trial};
pub use view::{RegistrationView, ServerView, TrunkNews, TrunkView};

use self::{
    line::Line,
    registration::Registration,
    requests::{Kind, Waiting},
};
use super::border::Output;
use crate::{
    config::{Config, Trunk},
    events::{
        ask::{AskFailure, Asks, Finding, Question},
        wire::{Candidate, Hop, Transport},
    },
    ids::{AskId, LegId},
    now::Now,
    routing::{limits::Full, outbound::Hindrance},
    sip::{Credentials, Method, RegisterOutcome, RequestId, UserAgent, locate::Locating},
    timers::TimerTable,
};

/// All trunks of a node.
#[derive(Default)]
pub(super) struct Trunks {
    lines: BTreeMap<String, Line>,
    /// Names that are being looked up.
    asked: BTreeMap<AskId, String>,
    /// Requests of ours that wait for an answer; at most one of each kind for each server.
    waiting: BTreeMap<RequestId, Waiting>,
    /// Legs that go by a trunk, for its limits.
    legs: BTreeMap<LegId, String>,
    timers: TimerTable<Due>,
    draining: bool,
}

/// What a trunk does things with.
pub(super) struct Tools<'a, R> {
    pub(super) user_agent: &'a mut UserAgent<R>,
    pub(super) rng: &'a mut R,
    pub(super) asks: &'a mut Asks,
    pub(super) outputs: &'a mut VecDeque<Output>,
}

/// Where a leg's call may go, in order.
pub(super) enum Ways {
    /// These servers.
    Known(Vec<Hop>),
    /// The name is being looked up; `located` says when it is known.
    Asked(AskId),
    /// Its name leads nowhere, and why.
    Nowhere(String),
}

/// What falls due.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// Its records expire.
    Locate(String),
    /// Its servers are asked whether they are there.
    Probe(String),
    /// Its registration wants a refresh, or another try.
    Register(String),
    /// A request has had long enough to be answered.
    Silent(RequestId),
}

impl Trunks {
    /// Takes a configuration in: what has not changed keeps its state.
    pub(super) fn reconfigure<R: Rng>(&mut self, now: Now, config: &Config, tools: &mut Tools<'_, R>) {
        let kept: Vec<String> = config.trunks.iter().map(|trunk| trunk.name.clone()).collect();
        let gone: Vec<String> = self.lines.keys().filter(|name| !kept.contains(name)).cloned().collect();
        for name in gone {
            self.leave(now, &name, tools);
            self.lines.remove(&name);
        }
        for trunk in &config.trunks {
            if let Some(line) = self.lines.get_mut(&trunk.name) {
                if line.trunk == *trunk {
                    continue;
                }
                let limits = line.limits.clone();
                self.leave(now, &trunk.name, tools);
                let mut line = Line::new(config, trunk, tools);
                line.limits = limits;
                line.limits.change(&trunk.peering);
                self.lines.insert(trunk.name.clone(), line);
            } else {
                self.lines.insert(trunk.name.clone(), Line::new(config, trunk, tools));
            }
            self.look_up(now, &trunk.name, tools);
        }
    }

    /// No more calls are wanted: carriers that we registered with are told.
    pub(super) fn drain<R: Rng>(&mut self, now: Now, tools: &mut Tools<'_, R>) {
        self.draining = true;
        let names: Vec<String> = self.lines.keys().cloned().collect();
        for name in names {
            self.leave(now, &name, tools);
        }
    }

    /// Carriers that have not yet heard that we leave.
    pub(super) fn is_leaving(&self) -> bool {
        self.draining && self.waiting.values().any(|waiting| waiting.kind != Kind::Probe)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    pub(super) fn wake<R: Rng>(&mut self, now: Now, tools: &mut Tools<'_, R>) {
        while let Some(due) = self.timers.pop_due(now.instant) {
            match due {
                Due::Locate(name) => self.look_up(now, &name, tools),
                Due::Probe(name) => self.probe(now, &name, tools),
                Due::Register(name) => self.register(now, &name, tools),
                Due::Silent(request) => {
                    tools.user_agent.forget_request(request);
                    match self.waiting.get(&request).map(|waiting| waiting.kind) {
                        Some(Kind::Probe) => self.probed(now, request, None, tools),
                        Some(Kind::Register | Kind::Farewell) => self.registered(now, request, None, &RegisterOutcome::Silent, tools),
                        None => {}
                    }
                }
            }
        }
    }

    /// A look-up of ours has ended; `false` if it was somebody else's.
    pub(super) fn located<R: Rng>(
        &mut self,
        now: Now,
        ask: AskId,
        finding: &Result<Finding, AskFailure>,
        tools: &mut Tools<'_, R>,
    ) -> bool {
        let Some(name) = self.asked.remove(&ask) else { return false };
        let Some(line) = self.lines.get_mut(&name).filter(|line| line.ask == Some(ask)) else { return true };
        line.ask = None;
        match finding {
            Ok(Finding::Resolved { candidates, ttl }) => {
                self.timers.set(Due::Locate(name.clone()), now.instant + (*ttl).clamp(LOOK_UP_MIN, LOOK_UP_MAX));
                self.settle(now, &name, candidates.clone(), tools);
            }
            failure => {
                let why = match failure {
                    Err(AskFailure::Failed(why)) => why.clone(),
                    Err(AskFailure::Overloaded) => "too many questions are open".to_owned(),
                    Ok(_) | Err(AskFailure::TimedOut) => "the name server did not answer".to_owned(),
                };
                let is_news = line.lost.as_ref() != Some(&why);
                line.lost = Some(why.clone());
                self.timers.set(Due::Locate(name.clone()), now.instant + LOOK_UP_AGAIN);
                if let (true, Some(registration)) = (line.candidates.is_empty(), &mut line.registration) {
                    let at = registration.lost(now.instant, &why, tools.rng.next_u32());
                    self.timers.set(Due::Register(name.clone()), at);
                }
                if is_news {
                    tell(tools, &name, false, format!("its name leads nowhere: {why}"));
                }
            }
        }
        true
    }

    /// The servers of a trunk for one call, those that are down behind the others.
    pub(super) fn ways<R: Rng>(&mut self, now: Now, name: &str, tools: &mut Tools<'_, R>) -> Ways {
        let Some(line) = self.lines.get(name) else { return Ways::Nowhere(format!("no trunk is called {name}")) };
        if line.candidates.is_empty() && line.ask.is_none() {
            self.look_up(now, name, tools);
        }
        let Some(line) = self.lines.get(name) else { return Ways::Nowhere(format!("no trunk is called {name}")) };
        match (line.candidates.is_empty(), line.ask) {
            (true, Some(ask)) => Ways::Asked(ask),
            (true, None) => Ways::Nowhere(line.lost.clone().unwrap_or_else(|| "it has no host".to_owned())),
            (false, _) => Ways::Known(line.hops(tools.rng)),
        }
    }

    /// What keeps a trunk from one more call.
    pub(super) fn hindrance(&self, now: Now, trunk: &Trunk) -> Option<Hindrance> {
        let line = self.lines.get(&trunk.name)?;
        if !line.is_up() {
            return Some(Hindrance::Down(line.trouble()));
        }
        line.limits.look(now.instant).err().map(Hindrance::Full)
    }

    /// A call goes by this trunk from now on.
    pub(super) fn take(&mut self, now: Now, name: &str, leg: LegId) -> Result<(), Full> {
        if let Some(line) = self.lines.get_mut(name) {
            line.limits.take(now.instant)?;
            self.legs.insert(leg, name.to_owned());
        }
        Ok(())
    }

    /// A leg is over; saying so twice does no harm.
    pub(super) fn release(&mut self, leg: LegId) {
        if let Some(line) = self.legs.remove(&leg).and_then(|name| self.lines.get_mut(&name)) {
            line.limits.release();
        }
    }

    /// The trunk that a leg goes by.
    pub(super) fn of_leg(&self, leg: LegId) -> Option<&Trunk> {
        self.legs.get(&leg).and_then(|name| self.lines.get(name)).map(|line| &line.trunk)
    }

    /// The registered trunk whose line is called, or whose registrar this is.
    pub(super) fn registered_line(&self, from: SocketAddr, line: Option<&str>) -> Option<&str> {
        let by_line = |held: &Registration| line.is_some_and(|line| line == held.line);
        let by_flow = |held: &Registration| held.flow.as_ref().is_some_and(|hop| hop.to == from);
        let of = |found: &dyn Fn(&Registration) -> bool| {
            self.lines.iter().find(|(_, line)| line.registration.as_ref().is_some_and(found)).map(|(name, _)| name.as_str())
        };
        of(&by_line).or_else(|| of(&by_flow))
    }

    /// A server answered a call, or did not (`None`).
    pub(super) fn hear_call<R: Rng>(&mut self, now: Now, name: &str, hop: &Hop, status: Option<u16>, ms: u32, tools: &mut Tools<'_, R>) {
        self.weigh(name, hop, Sample { at: now.utc, ms: status.map(|_| ms), status, by: "call" }, tools);
    }

    /// Somebody behind a server of ours challenges a request within a call, where we prove nothing to anybody; an operator hears of it once.
    pub(super) fn challenged<R: Rng>(
        &mut self,
        peer: SocketAddr,
        named: Option<&str>,
        method: &Method,
        status: u16,
        tools: &mut Tools<'_, R>,
    ) {
        let known = self.lines.iter().find(|(_, line)| line.reachable().any(|hop| hop.to == peer)).map(|(name, _)| name.clone());
        let Some(name) = known.or_else(|| named.map(str::to_owned)) else { return };
        let Some(line) = self.lines.get_mut(&name).filter(|line| !line.has_challenged) else { return };
        line.has_challenged = true;
        let what =
            format!("it challenges {method} within a call ({status}), where no credentials are given; it should not ask for them there");
        tell(tools, &name, false, what);
    }

    /// As the operator sees them.
    pub(super) fn views(&self, now: Now) -> Vec<TrunkView> {
        self.lines.values().map(|line| line.view(now)).collect()
    }

    fn look_up<R: Rng>(&mut self, now: Now, name: &str, tools: &mut Tools<'_, R>) {
        let Some(line) = self.lines.get_mut(name) else { return };
        let Some(uri) = line.uri.clone().filter(|_| line.ask.is_none()) else { return };
        match Locating::begin(&uri, &line.spoken) {
            Ok(search) if search.next().is_none() => {
                let (candidates, _) = search.finish();
                self.settle(now, name, candidates, tools);
            }
            Ok(_) => {
                let question = Question::Resolve { uri: uri.to_string(), spoken: line.spoken.clone() };
                let ask = tools.asks.put(question, now.instant + ANSWER_MAX);
                line.ask = Some(ask.id());
                self.asked.insert(ask.id(), name.to_owned());
                tools.outputs.push_back(Output::Ask(ask));
            }
            Err(nowhere) => line.lost = Some(nowhere.to_string()),
        }
    }

    /// The servers are known: probe them and register, if that has not begun.
    fn settle<R: Rng>(&mut self, now: Now, name: &str, candidates: Vec<Candidate>, tools: &mut Tools<'_, R>) {
        let Some(line) = self.lines.get_mut(name) else { return };
        if line.lost.take().is_some() {
            tell(tools, name, true, "its name leads somewhere again".to_owned());
        }
        line.candidates = candidates;
        let known: Vec<_> = line.reachable().map(|hop| (hop.transport, hop.to)).collect();
        line.health.retain(|server, _| known.contains(server));
        for server in known {
            line.health.entry(server).or_default();
        }
        if self.draining {
            return;
        }
        let (probes, registers) = (line.trunk.peering.probe_s.is_some(), line.registration.is_some());
        let is_idle = |due: &Due, timers: &TimerTable<Due>| timers.get(due).is_none();
        if probes && is_idle(&Due::Probe(name.to_owned()), &self.timers) {
            self.probe(now, name, tools);
        }
        let is_registering = self.waiting.values().any(|waiting| waiting.trunk == name && waiting.kind == Kind::Register);
        if registers && !is_registering && is_idle(&Due::Register(name.to_owned()), &self.timers) {
            self.register(now, name, tools);
        }
    }

    fn weigh<R: Rng>(&mut self, name: &str, hop: &Hop, sample: Sample, tools: &mut Tools<'_, R>) {
        let Some(line) = self.lines.get_mut(name) else { return };
        let was_up = line.is_up();
        let Some(health) = line.health.get_mut(&(hop.transport, hop.to)) else { return };
        if !health.hear(sample) {
            return;
        }
        let server = if health.is_down() { "no longer answers" } else { "answers again" };
        let what = format!("{} {} {server}", hop.transport.token(), hop.to);
        let (good, is_up) = (!health.is_down(), line.is_up());
        let what = match (was_up, is_up) {
            (true, false) => format!("down: {what}"),
            (false, true) => format!("up: {what}"),
            (true, true) | (false, false) => what,
        };
        tell(tools, name, good, what);
    }
}

/// What we prove to a trunk that challenges.
pub(super) fn credentials(trunk: &Trunk) -> Option<Credentials> {
    trunk.peering.auth.as_ref().map(|auth| Credentials {
        user: auth.user.clone(),
        realm: auth.realm.clone(),
        password: auth.password.clone(),
    })
}

/// The trunk whose `tls` a secure hop of it is reached by.
pub(super) fn profile(trunk: &Trunk) -> Option<String> {
    trunk.tls.as_ref().map(|_| trunk.name.clone())
}

/// What we speak to servers: UDP where we listen on it, and streams, which can be opened from anywhere.
pub(super) fn spoken(config: &Config) -> Vec<Transport> {
    let listens = config.endpoints.iter().any(|endpoint| endpoint.transport == Transport::Udp);
    listens.then_some(Transport::Udp).into_iter().chain([Transport::Tcp, Transport::Tls]).collect()
}

fn print_host(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

fn tell<R>(tools: &mut Tools<'_, R>, trunk: &str, good: bool, what: String) {
    tools.outputs.push_back(Output::Trunk(TrunkNews { trunk: trunk.to_owned(), good, what }));
}

/// A look-up has this long; a caller waits for it once in a trunk's life.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(5);
/// However short the records live.
const LOOK_UP_MIN: Duration = Duration::from_secs(5);
const LOOK_UP_MAX: Duration = Duration::from_secs(86_400);
/// After a failure; what was known before stays in use.
const LOOK_UP_AGAIN: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
