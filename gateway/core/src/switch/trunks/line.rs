//! One trunk as it lives: its servers and what is known of them, its registration, what it carries.

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, SocketAddr},
};

use rand::Rng;

use super::{
    Tools, credentials,
    health::Health,
    print_host, profile,
    registration::Registration,
    spoken,
    view::{RegistrationView, ServerView, TrunkView},
};
use crate::{
    config::{Config, Endpoint, Trunk},
    events::wire::{Candidate, Hop, Transport},
    ids::{AskId, EndpointId},
    now::Now,
    routing::limits::Limits,
    sip::{ProbeTarget, RegisterTarget, Uri, locate},
};

/// One trunk.
pub(super) struct Line {
    pub(super) trunk: Trunk,
    /// Its host, where it has one.
    pub(super) uri: Option<Uri>,
    pub(super) endpoint: EndpointId,
    /// Servers of the other family cannot be reached from there.
    pub(super) is_ipv4: bool,
    pub(super) spoken: Vec<Transport>,
    pub(super) candidates: Vec<Candidate>,
    /// A look-up under way.
    pub(super) ask: Option<AskId>,
    /// Why the last look-up failed.
    pub(super) lost: Option<String>,
    pub(super) health: BTreeMap<(Transport, SocketAddr), Health>,
    pub(super) registration: Option<Registration>,
    /// Servers that the REGISTER under way has not tried.
    pub(super) untried: VecDeque<Hop>,
    pub(super) limits: Limits,
    /// It has challenged a request within a call, and the operator knows.
    pub(super) has_challenged: bool,
}

impl Line {
    pub(super) fn new<R: Rng>(config: &Config, trunk: &Trunk, tools: &mut Tools<'_, R>) -> Self {
        let peering = &trunk.peering;
        let uri = peering.host.as_ref().and_then(|host| Uri::parse(host).ok());
        let wanted_family = uri.as_ref().and_then(|uri| uri.host.parse::<IpAddr>().ok()).map(|address| address.is_ipv4());
        let fits = |endpoint: &&Endpoint| match peering.endpoint {
            Some(id) => endpoint.id == id,
            None => wanted_family.is_none_or(|four| four == endpoint.listen.is_ipv4()),
        };
        let endpoint = config.endpoints.iter().find(fits).or(config.endpoints.first());
        let registration = peering.register.as_ref().filter(|_| uri.is_some()).map(|register| {
            let line = format!("{:016x}", tools.rng.next_u64());
            Registration::new(line, tools.user_agent.registration_id(), register.expires_s)
        });
        Self {
            trunk: trunk.clone(),
            uri,
            endpoint: endpoint.map_or(EndpointId(0), |endpoint| endpoint.id),
            is_ipv4: endpoint.is_none_or(|endpoint| endpoint.listen.is_ipv4()),
            spoken: spoken(config),
            candidates: Vec::new(),
            ask: None,
            lost: None,
            health: BTreeMap::new(),
            registration,
            untried: VecDeque::new(),
            limits: Limits::new(peering),
            has_challenged: false,
        }
    }

    pub(super) fn reachable(&self) -> impl Iterator<Item = &Hop> {
        self.candidates.iter().flat_map(|candidate| &candidate.hops).filter(|hop| hop.to.is_ipv4() == self.is_ipv4)
    }

    /// In the order for one call.
    pub(super) fn hops(&self, rng: &mut impl Rng) -> Vec<Hop> {
        let mut hops = locate::order(&self.candidates, rng);
        hops.retain(|hop| hop.to.is_ipv4() == self.is_ipv4);
        // A carrier takes calls on the flow that it knows us by.
        let flow = self.registration.as_ref().and_then(|registration| registration.flow.as_ref());
        hops.sort_by_key(|hop| (self.is_down(hop), flow != Some(hop)));
        hops
    }

    pub(super) fn is_down(&self, hop: &Hop) -> bool {
        self.health.get(&(hop.transport, hop.to)).is_some_and(Health::is_down)
    }

    /// Some server may answer; a name that is being looked up may lead to one.
    pub(super) fn is_up(&self) -> bool {
        match self.candidates.is_empty() {
            true => self.lost.is_none(),
            false => self.reachable().any(|hop| !self.is_down(hop)),
        }
    }

    pub(super) fn trouble(&self) -> String {
        match &self.lost {
            Some(why) if self.candidates.is_empty() => why.clone(),
            _ => "none of its servers answers".to_owned(),
        }
    }

    pub(super) fn probe_target(&self, hop: &Hop) -> Option<ProbeTarget> {
        let (profile, advertised) = (profile(&self.trunk), self.trunk.advertised);
        Some(ProbeTarget { uri: self.uri.clone()?, endpoint: self.endpoint, to: hop.clone(), profile, advertised })
    }

    pub(super) fn register_target(&self, hop: &Hop, expires_s: u32) -> Option<RegisterTarget> {
        let (register, held, uri) = (self.trunk.peering.register.as_ref()?, self.registration.as_ref()?, self.uri.as_ref()?);
        let mut registrar = uri.clone();
        if let Some(domain) = &register.domain {
            registrar.host = domain.into();
            registrar.port = None;
        }
        let address = Uri::parse(&format!("sip:{}@{}", register.user, print_host(registrar.host.as_str()))).ok()?;
        Some(RegisterTarget {
            registrar,
            address,
            user: register.user.clone(),
            line: held.line.clone(),
            expires_s,
            call_id: held.call_id.clone(),
            number: held.number,
            endpoint: self.endpoint,
            to: hop.clone(),
            profile: profile(&self.trunk),
            advertised: self.trunk.advertised,
            auth: credentials(&self.trunk),
        })
    }

    pub(super) fn view(&self, now: Now) -> TrunkView {
        let state = match (&self.uri, self.is_up()) {
            (None, _) => "inbound",
            (Some(_), true) => "up",
            (Some(_), false) => "down",
        };
        let server = |hop: &Hop| {
            let health = self.health.get(&(hop.transport, hop.to));
            ServerView {
                address: format!("{} {}", hop.transport.token().to_ascii_lowercase(), hop.to),
                up: !self.is_down(hop),
                probes: health.map(|health| health.recent().cloned().collect()).unwrap_or_default(),
            }
        };
        let registration = self.registration.as_ref().map(|held| RegistrationView {
            registered: held.is_registered(now.instant),
            left_s: held.left_s(now.instant),
            trouble: held.trouble().map(str::to_owned),
        });
        let peering = &self.trunk.peering;
        TrunkView {
            name: self.trunk.name.clone(),
            state,
            host: peering.host.clone(),
            servers: self.reachable().map(server).collect(),
            dns: self.lost.clone(),
            registration,
            calls: self.limits.calls(),
            calls_max: peering.calls_max,
            cps_max: peering.cps_max,
        }
    }
}
