//! OPTIONS, sent: is a carrier there? (RFC 3261 11)

use std::net::IpAddr;

use rand::Rng;

use super::{RequestId, UaEvent, UserAgent, outside::Draft};
use crate::{
    events::wire::Hop,
    ids::EndpointId,
    now::Now,
    sip::{Headers, Method, Response, Uri},
};

/// Whom to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeTarget {
    /// Request-URI and To.
    pub uri: Uri,
    pub endpoint: EndpointId,
    /// The resolved next hop.
    pub to: Hop,
    /// The trunk whose `tls` a secure hop is reached by.
    pub profile: Option<String>,
    /// In Via and Contact, where it differs from the endpoint's.
    pub advertised: Option<IpAddr>,
}

impl<R: Rng> UserAgent<R> {
    /// Asks. `Probed` follows; `None` means that there is no room, and nothing follows.
    pub fn ask_options(&mut self, now: Now, target: &ProbeTarget) -> Option<RequestId> {
        let endpoint = self.endpoint_for(target.endpoint, &target.to);
        let from = Uri::sip(Some("tandem"), self.our_address(endpoint, target.advertised));
        let mut headers = Headers::new();
        headers.push("Max-Forwards", "70");
        headers.push("Contact", self.our_contact(endpoint, target.advertised));
        headers.push("Accept", "application/sdp");
        let call_id = self.mint_call_id();
        let draft = Draft {
            method: Method::Options,
            uri: target.uri.clone(),
            from,
            to: target.uri.clone(),
            call_id,
            number: 1,
            headers,
            endpoint: target.endpoint,
            target: target.to.clone(),
            profile: target.profile.clone(),
            advertised: target.advertised,
            // An OPTIONS that is challenged has been answered: the carrier is there.
            credentials: None,
        };
        self.send_probe(now, draft)
    }
}

pub(super) fn outcome(request: RequestId, response: &Response, heard: bool) -> UaEvent {
    UaEvent::Probed { request, status: heard.then_some(response.status) }
}
