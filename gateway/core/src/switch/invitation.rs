//! What an INVITE outside any dialog says, as the Switch weighs it.

use std::net::SocketAddr;

use media::sdp::{Offer, Refused};
use rand::Rng;

use super::{calling::Claims, sip_leg::SipLegs};
use crate::{
    ids::{EndpointId, LegId},
    sip::{Request, UsageId},
};

/// An INVITE outside any dialog.
pub(super) struct Invitation {
    pub(super) usage: UsageId,
    pub(super) endpoint: EndpointId,
    pub(super) from: SocketAddr,
    /// Proved by digest.
    pub(super) user: Option<String>,
    /// From names a phone of ours.
    pub(super) claims_phone: bool,
    /// It brought a digest that is wrong; one that is merely stale is not.
    pub(super) wrong_digest: bool,
    pub(super) call_id: String,
    /// As Via says.
    pub(super) transport: String,
    /// What it says of its caller.
    pub(super) claims: Claims,
    pub(super) dialled: String,
    /// The leg whose place it asks for (RFC 3891), or the status that says why it cannot have it.
    pub(super) replacing: Option<Result<LegId, u16>>,
    /// The line of ours that the Request-URI names: a carrier calls the address that we registered.
    pub(super) line: Option<String>,
    /// The user part of To: the number, where the Request-URI is what we registered.
    pub(super) to_user: String,
    /// Names of the verified certificate of the stream that it came by.
    pub(super) subjects: Vec<String>,
    /// None: ours is wanted.
    pub(super) offer: Option<Result<Offer, Refused>>,
}

impl<R: Rng> SipLegs<R> {
    pub(super) fn invitation(
        &self,
        usage: UsageId,
        endpoint: EndpointId,
        from: SocketAddr,
        request: &Request,
        user: Option<String>,
    ) -> Invitation {
        let shown = request.from.uri.user().unwrap_or_default();
        Invitation {
            usage,
            endpoint,
            from,
            wrong_digest: user.is_none() && request.headers.first("Authorization").is_some() && !self.user_agent.is_stale(usage),
            user,
            claims_phone: self.here.has_phone(&shown),
            call_id: request.call_id.as_str().to_owned(),
            transport: request.via.transport.as_str().to_owned(),
            claims: Claims::of(request, self.user_agent.session(usage)),
            dialled: request.uri.user().unwrap_or_default(),
            replacing: None,
            line: request.uri.params.value("line").map(str::to_owned),
            to_user: request.to.uri.user().unwrap_or_default(),
            subjects: self.user_agent.subject(usage).to_vec(),
            offer: request.sdp().map(|sdp| Offer::parse(&sdp)),
        }
    }
}
