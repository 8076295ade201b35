//! Digests, given and asked for (RFC 3261 22, RFC 8760).

use std::net::SocketAddr;

use rand::Rng;

use super::{Credentials, UsageId, UserAgent, usage::Phase};
use crate::{
    now::Now,
    sip::{
        Request, Response, Uri,
        digest::{Verdict, authorize, choose},
        header::auth::AuthParams,
    },
};

/// What a request's digest proves.
pub(super) struct Proof {
    pub(super) user: Option<String>,
    /// The password was right: ask again with `stale=true`.
    pub(super) is_stale: bool,
}

impl<R: Rng> UserAgent<R> {
    /// Who sent this, if it proves to be a phone of ours. An unknown user and a wrong password look alike.
    pub(super) fn authenticate(&mut self, now: Now, from: SocketAddr, request: &Request) -> Proof {
        let nobody = Proof { user: None, is_stale: false };
        let fields = request.headers.all("Authorization").chain(request.headers.all("Proxy-Authorization"));
        let given: Vec<_> = fields.take(DIGESTS_MAX).filter_map(|field| AuthParams::parse(field).ok()).collect();
        let Some(answer) = choose(&given, self.verifier.realm()) else { return nobody };
        let Some(user) = answer.value("username") else { return nobody };
        if !self.digest_guard {
            return Proof { user: Some(user.to_owned()), is_stale: false };
        }
        // A digest made for another address must not open this one (RFC 7616 3.4.6).
        let is_for_us = answer.value("uri").and_then(|uri| Uri::parse(uri).ok()).is_some_and(|uri| is_same_place(&uri, &request.uri));
        let verdict = self.verifier.verify(now.utc, from.ip(), &request.method, answer, self.phones.get(user));
        match verdict {
            Verdict::Right if is_for_us => Proof { user: Some(user.to_owned()), is_stale: false },
            Verdict::Stale if is_for_us => Proof { user: None, is_stale: true },
            Verdict::Right | Verdict::Stale | Verdict::Wrong => nobody,
        }
    }

    /// The Call-ID that a usage goes by.
    pub fn call_id(&self, usage: UsageId) -> Option<&str> {
        let usage = self.usages.get(&usage)?;
        match &usage.phase {
            Phase::Invited { request, .. } | Phase::Inviting { request, .. } => Some(&request.call_id),
            Phase::Confirmed | Phase::Ended => usage.dialog.as_ref().map(|dialog| dialog.id().call_id.as_str()),
        }
    }

    /// The digest of this INVITE was right once, for a nonce that is over: the next try brings a new one.
    pub fn is_stale(&self, usage: UsageId) -> bool {
        self.usages.get(&usage).is_some_and(|usage| usage.is_stale)
    }

    /// Puts our challenge into a 401 or 407.
    pub(super) fn put_challenge(&self, now: Now, from: SocketAddr, response: &mut Response, is_stale: bool) {
        let name = if response.status == 407 { "Proxy-Authenticate" } else { "WWW-Authenticate" };
        for challenge in self.verifier.challenge(now.utc, from.ip(), is_stale) {
            response.headers.push(name, challenge.to_string());
        }
    }

    /// The same request again, with what the challenge asks for; `None` where it is not for this usage's credentials.
    ///
    /// Credentials are bound to their realm and to the calls that we placed to their peer. Within a dialog none are given at all: whoever
    /// answered may be anybody behind the trunk, and a challenge of our BYE is how a digest is fished for (CVE-2021-41158).
    pub(super) fn authorized(&mut self, id: UsageId, request: &Request, response: &Response) -> Option<Request> {
        if self.digest_guard && request.to.tag().is_some() {
            return None;
        }
        let credentials = self.usages.get(&id)?.credentials.clone()?;
        let mut again = self.with_credentials(request, response, &credentials)?;
        let usage = self.usages.get_mut(&id)?;
        again.cseq.number = match &mut usage.dialog {
            Some(dialog) if request.to.tag().is_some() => dialog.next_number(),
            Some(_) | None => request.cseq.number + 1,
        };
        let (endpoint, advertised) = (usage.endpoint, usage.advertised);
        again.via = self.mint_via(endpoint, advertised);
        Some(again)
    }

    /// The request with the digest that a 401 or 407 asks for; its Via and number are still those of the first try.
    pub(super) fn with_credentials(&mut self, request: &Request, response: &Response, credentials: &Credentials) -> Option<Request> {
        let (challenge, answer) = match response.status {
            401 => ("WWW-Authenticate", "Authorization"),
            407 => ("Proxy-Authenticate", "Proxy-Authorization"),
            _ => return None,
        };
        let cnonce = self.mint_tag();
        let fields = response.headers.all(challenge).take(DIGESTS_MAX);
        let challenges: Vec<_> = fields.filter_map(|field| AuthParams::parse(field).ok()).collect();
        let challenge = choose(&challenges, &credentials.realm)?;
        let uri = request.uri.to_string();
        let value = authorize(challenge, &request.method, &uri, &credentials.user, &credentials.password, &cnonce, 1)?;
        let mut again = request.clone();
        again.headers.set(answer, value.to_string());
        Some(again)
    }
}

/// Phones differ in the parameters that they sign, so only user and host count.
fn is_same_place(signed: &Uri, asked: &Uri) -> bool {
    signed.user() == asked.user() && signed.host.eq_ignore_ascii_case(&asked.host)
}

/// Digest fields of one message that are looked at: two algorithms in a few realms.
const DIGESTS_MAX: usize = 8;
