//! What is known of a target before it is called: the way that it goes and the security that is prescribed there, so that the first offer fits.

use media::sdp::Srtp;
use rand::Rng;

use super::{sip_leg::SipLegs, trunks::Trunks};
use crate::{
    config::{Config, SrtpPolicy},
    events::{
        leg::{Spoken, Target},
        wire::Transport,
    },
    now::Now,
    routing::{outbound::way_out, trunk_of},
    sip::{Uri, hop_of, registrar::Binding},
};

/// As things stand: by the trunk that would take a number now, or by the contacts of a phone of ours.
pub(super) fn spoken<R: Rng>(config: &Config, sip: &SipLegs<R>, trunks: &Trunks, now: Now, to: &Target) -> Spoken {
    if let Some(address) = sip.here.own_user(to) {
        return sip.spoken_by_phones(config, now, &address);
    }
    match to {
        Target::Number { number, trunk, .. } => {
            let Ok(way) = way_out(config, &number.0, trunk.as_deref(), |one| trunks.hindrance(now, one)) else { return PLAIN };
            let (srtp, may_key) = terms(way.trunk.srtp, way.trunk.peering.is_private());
            Spoken { trunk: Some(way.trunk.name.clone()), srtp, may_key, ..PLAIN }
        }
        Target::Uri(text) => {
            let hop = Uri::parse(text).ok().and_then(|uri| hop_of(&uri, None));
            let Some((hop, trunk)) = hop.and_then(|hop| Some((hop.transport, trunk_of(config, hop.to).ok()?))) else { return PLAIN };
            let (srtp, may_key) = terms(trunk.srtp, hop.is_secure());
            Spoken { srtp, may_key, ..PLAIN }
        }
        Target::Agent(_) => PLAIN,
    }
}

fn terms(policy: SrtpPolicy, is_private: bool) -> (Srtp, bool) {
    (policy.wanted, policy.may_key(is_private))
}

impl<R: Rng> SipLegs<R> {
    /// What the contacts of a phone of ours speak, and what is prescribed for it. One offer goes to all that speak RTP: keys stand in it only where
    /// every one of them is called in private.
    fn spoken_by_phones(&self, config: &Config, now: Now, address: &Uri) -> Spoken {
        let takes_dtls = self.takes_dtls(address);
        let bindings = self.user_agent.targets(address, now);
        if bindings.is_empty() {
            return PLAIN;
        }
        let (in_browsers, others): (Vec<&Binding>, Vec<&Binding>) =
            bindings.iter().partition(|binding| self.is_in_browser(binding, takes_dtls));
        let user = address.user();
        let phone = config.phones.iter().find(|phone| user.as_deref() == Some(phone.user.as_str()));
        let is_private = !others.is_empty() && others.iter().all(|binding| self.user_agent.is_private(binding.flow));
        let (srtp, may_key) = terms(phone.map_or_else(SrtpPolicy::default, |phone| phone.srtp), is_private);
        Spoken { rtp: !others.is_empty(), web: !in_browsers.is_empty(), trunk: None, srtp, may_key }
    }

    pub(super) fn takes_dtls(&self, address: &Uri) -> bool {
        address.user().is_some_and(|user| self.here.takes_dtls(&user))
    }

    /// A WebSocket ends in a browser (RFC 7118 5): here, or at the proxy that sent the phone to us. One whose user wants no DTLS is a phone like
    /// others, by another transport.
    pub(super) fn is_in_browser(&self, binding: &Binding, takes_dtls: bool) -> bool {
        if !takes_dtls {
            return false;
        }
        let said = binding.contact.params.value("transport").and_then(Transport::parse);
        said.is_some_and(Transport::is_web) || self.user_agent.is_web(binding.flow)
    }
}

/// Where nothing is known, the attempt itself says what is wrong.
const PLAIN: Spoken = Spoken { rtp: true, web: false, trunk: None, srtp: Srtp::None, may_key: false };
