//! Who lives at this node: the users of our phones, the phones of agents, and the names that stand for us in a URI.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use media::sdp::Srtp;

use crate::{
    config::Config,
    events::leg::Target,
    ids::{AgentId, EndpointId},
    sip::Uri,
};

/// All of them, as configured.
#[derive(Debug, Default)]
pub(super) struct Directory {
    phones: Vec<String>,
    /// Those that may hand their calls on.
    transferring: Vec<String>,
    /// Those that want no SRTP.
    clear: Vec<String>,
    /// Names and addresses that stand for this node in a URI of a phone of ours.
    domains: Vec<String>,
    /// The phones of agents.
    agents: BTreeMap<AgentId, String>,
    /// Where calls go out, and what we say of ourselves there.
    pub(super) outbound: Option<(EndpointId, SocketAddr)>,
    /// What SDP says by each listener.
    pub(super) media: BTreeMap<EndpointId, IpAddr>,
}

impl Directory {
    pub(super) fn of(config: &Config) -> Self {
        let addresses = config.endpoints.iter().flat_map(|endpoint| [endpoint.advertised.to_string(), endpoint.listen.ip().to_string()]);
        let first = config.endpoints.first();
        Self {
            phones: config.phones.iter().map(|phone| phone.user.clone()).collect(),
            transferring: config.phones.iter().filter(|phone| phone.transfer).map(|phone| phone.user.clone()).collect(),
            clear: config.phones.iter().filter(|phone| phone.srtp.wanted == Srtp::None).map(|phone| phone.user.clone()).collect(),
            domains: config.phones.iter().map(|phone| phone.realm.clone()).chain(addresses).collect(),
            agents: config.agents.iter().filter_map(|agent| Some((agent.id, agent.phone.clone()?))).collect(),
            outbound: first.map(|endpoint| (endpoint.id, SocketAddr::new(endpoint.advertised, endpoint.listen.port()))),
            media: config.endpoints.iter().map(|endpoint| (endpoint.id, config.media_address(endpoint))).collect(),
        }
    }

    /// Is this a user of a phone of ours?
    pub(super) fn has_phone(&self, user: &str) -> bool {
        self.phones.iter().any(|known| known == user)
    }

    /// May the phone of this user hand its calls on?
    pub(super) fn is_transferring(&self, user: &str) -> bool {
        self.transferring.iter().any(|known| known == user)
    }

    /// May the phone of this user be called by DTLS-SRTP? Whoever wants no SRTP has none by that either.
    pub(super) fn takes_dtls(&self, user: &str) -> bool {
        self.has_phone(user) && !self.clear.iter().any(|known| known == user)
    }

    /// The address of a phone of ours that is meant, if one is.
    pub(super) fn own_user(&self, to: &Target) -> Option<Uri> {
        let (_, local) = self.outbound?;
        match to {
            Target::Agent(agent) => Some(Uri::sip(Some(self.agents.get(agent).map_or("", String::as_str)), local)),
            Target::Uri(uri) => Uri::parse(uri).ok().filter(|uri| self.is_phone(uri)),
            Target::Number { .. } => None,
        }
    }

    /// Does this name a phone of ours, at this node?
    pub(super) fn is_phone(&self, uri: &Uri) -> bool {
        self.is_here(uri) && uri.user().is_some_and(|user| self.has_phone(&user))
    }

    /// Does this name something at this node?
    pub(super) fn is_here(&self, uri: &Uri) -> bool {
        let is_own_port = uri.port.is_none_or(|port| self.outbound.is_some_and(|(_, local)| local.port() == port));
        is_own_port && self.domains.iter().any(|domain| domain.eq_ignore_ascii_case(&uri.host))
    }
}
