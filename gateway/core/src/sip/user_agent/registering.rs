//! REGISTER, sent: we tell a carrier where we are (RFC 3261 10.2).
//!
//! One request at a time, with its digest; when to send the next is the owner's business.

use std::net::IpAddr;

use rand::Rng;

use super::{Credentials, RequestId, UaEvent, UserAgent, outside::Draft};
use crate::{
    events::wire::Hop,
    ids::EndpointId,
    now::Now,
    sip::{Headers, Method, NameAddr, Request, Response, Uri, header::auth::AuthParams},
};

/// What we register, where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterTarget {
    /// Request-URI: the registrar's domain, without a user (10.2).
    pub registrar: Uri,
    /// The address of record, in To and From.
    pub address: Uri,
    /// The user part of our Contact.
    pub user: String,
    /// Stands in our Contact as `line`, so that a call to it is known to be the carrier's whatever address it comes from.
    pub line: String,
    /// What we ask for, in seconds; 0 takes the registration back.
    pub expires_s: u32,
    /// "All registrations from a UAC SHOULD use the same Call-ID" (10.2).
    pub call_id: String,
    /// Grows from one to the next; the outcome says how far it has come.
    pub number: u32,
    pub endpoint: EndpointId,
    /// The resolved next hop.
    pub to: Hop,
    /// The trunk whose `tls` a secure hop is reached by.
    pub profile: Option<String>,
    /// In Via and Contact, where it differs from the endpoint's.
    pub advertised: Option<IpAddr>,
    /// For a challenge of this realm, and of no other.
    pub auth: Option<Credentials>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegisterOutcome {
    /// We are registered for so many seconds.
    Granted { expires_s: u32 },
    /// 423: the carrier wants us to ask for at least so many seconds (10.2.8).
    TooBrief { min_s: u32 },
    /// The carrier will not, for now; `retry_after` is its own word on when to come again. Where it challenged for a realm that is not that
    /// of our credentials, `realm` names it.
    Refused { status: u16, retry_after: Option<u32>, realm: Option<String> },
    /// Nobody answered, or nothing could be sent.
    Silent,
}

/// What an answer is compared with.
#[derive(Debug)]
pub(super) struct Asked {
    line: String,
    expires_s: u32,
    realm: Option<String>,
}

impl Asked {
    /// It is not the one that takes the registration back.
    pub(super) const fn is_wanted(&self) -> bool {
        self.expires_s > 0
    }
}

impl<R: Rng> UserAgent<R> {
    /// Registers, refreshes, or takes back. `RegisterAnswered` follows; `None` means that there is no room, and nothing follows.
    pub fn register(&mut self, now: Now, target: &RegisterTarget) -> Option<RequestId> {
        let endpoint = self.endpoint_for(target.endpoint, &target.to);
        let mut contact = self.our_uri(endpoint, target.advertised);
        contact.userinfo = Uri::sip(Some(&target.user), self.our_address(endpoint, target.advertised)).userinfo;
        contact.params.set("line", Some(&target.line));
        let mut headers = Headers::new();
        headers.push("Max-Forwards", "70");
        headers.push("Contact", format!("{};expires={}", NameAddr::new(contact), target.expires_s));
        headers.push("Expires", target.expires_s.to_string());
        let draft = Draft {
            method: Method::Register,
            uri: target.registrar.clone(),
            from: target.address.clone(),
            to: target.address.clone(),
            call_id: target.call_id.clone(),
            number: target.number,
            headers,
            endpoint: target.endpoint,
            target: target.to.clone(),
            profile: target.profile.clone(),
            advertised: target.advertised,
            credentials: target.auth.clone(),
        };
        let asked =
            Asked { line: target.line.clone(), expires_s: target.expires_s, realm: target.auth.as_ref().map(|auth| auth.realm.clone()) };
        self.send_register(now, draft, asked)
    }

    /// A Call-ID for the registrations of one trunk, for as long as we run.
    pub fn registration_id(&mut self) -> String {
        self.mint_call_id()
    }
}

pub(super) fn outcome(request: RequestId, asked: &Asked, sent: &Request, response: &Response, heard: bool) -> UaEvent {
    let seconds = |name: &str| response.headers.first(name).and_then(|value| value.trim().split([' ', ';', '(']).next()?.parse().ok());
    let outcome = match response.status {
        _ if !heard => RegisterOutcome::Silent,
        200..300 => {
            RegisterOutcome::Granted { expires_s: granted(asked, response).or_else(|| seconds("Expires")).unwrap_or(asked.expires_s) }
        }
        423 => RegisterOutcome::TooBrief { min_s: seconds("Min-Expires").unwrap_or(asked.expires_s.saturating_mul(2)) },
        status => RegisterOutcome::Refused { status, retry_after: seconds("Retry-After"), realm: foreign_realm(asked, response) },
    };
    UaEvent::RegisterAnswered { request, number: sent.cseq.number, outcome }
}

/// The answer lists every binding of the address; ours bears our line, or is the only one (10.2.4).
fn granted(asked: &Asked, response: &Response) -> Option<u32> {
    let contacts = response.headers.addresses("Contact").ok()?;
    let ours = contacts.iter().find(|contact| contact.uri.params.value("line") == Some(&asked.line)).or(match contacts.as_slice() {
        [alone] => Some(alone),
        _ => None,
    })?;
    ours.params.value("expires")?.parse().ok()
}

/// A challenge that our credentials are not for.
fn foreign_realm(asked: &Asked, response: &Response) -> Option<String> {
    if !matches!(response.status, 401 | 407) {
        return None;
    }
    let fields = response.headers.all("WWW-Authenticate").chain(response.headers.all("Proxy-Authenticate"));
    let realms: Vec<String> =
        fields.filter_map(|field| AuthParams::parse(field).ok()?.value("realm").map(str::to_owned)).take(REALMS_MAX).collect();
    match &asked.realm {
        Some(ours) if realms.contains(ours) => None,
        Some(_) | None => realms.into_iter().next(),
    }
}

/// Challenges that are looked at for their realm.
const REALMS_MAX: usize = 8;
