//! Requests of ours that belong to no call: REGISTER and OPTIONS, with the digest that they are asked for.

use std::{net::IpAddr, sync::Arc};

use rand::Rng;

use super::{Credentials, RequestId, TxId, UsageId, UserAgent, clients::Role, registering, trunk_probe};
use crate::{
    events::wire::{Hop, Path},
    ids::EndpointId,
    now::Now,
    sip::{CSeq, Headers, Method, NameAddr, Request, Response, Uri},
};

/// One that waits for its answer.
#[derive(Debug)]
pub(super) struct Outside {
    kind: Kind,
    tx: TxId,
    path: Path,
    endpoint: EndpointId,
    advertised: Option<IpAddr>,
    credentials: Option<Credentials>,
    /// Times that it was challenged: once for the first nonce, once more for a stale one.
    challenges: u8,
}

/// What it is for.
#[derive(Debug)]
enum Kind {
    Register(registering::Asked),
    Probe,
}

/// How one is made and where it goes.
pub(super) struct Draft {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) from: Uri,
    pub(super) to: Uri,
    pub(super) call_id: String,
    pub(super) number: u32,
    pub(super) headers: Headers,
    pub(super) endpoint: EndpointId,
    pub(super) target: Hop,
    pub(super) profile: Option<String>,
    pub(super) advertised: Option<IpAddr>,
    pub(super) credentials: Option<Credentials>,
}

impl<R: Rng> UserAgent<R> {
    /// Nothing more is wanted of this request; its answer, if one comes, tells nobody.
    pub fn forget_request(&mut self, request: RequestId) {
        if let Some(outside) = self.outside.remove(&request) {
            self.abandon_client(outside.tx);
        }
    }

    pub(super) fn send_register(&mut self, now: Now, draft: Draft, asked: registering::Asked) -> Option<RequestId> {
        self.send_outside(now, draft, Kind::Register(asked))
    }

    pub(super) fn send_probe(&mut self, now: Now, draft: Draft) -> Option<RequestId> {
        self.send_outside(now, draft, Kind::Probe)
    }

    /// `None` where there is no room or no such endpoint.
    fn send_outside(&mut self, now: Now, draft: Draft, kind: Kind) -> Option<RequestId> {
        let Draft { method, uri, from, to, call_id, number, headers, endpoint, target, profile, advertised, credentials } = draft;
        let endpoint = self.endpoint_for(endpoint, &target);
        if self.servers.len() + self.clients.len() >= self.limits.transactions || !self.endpoints.contains_key(&endpoint) {
            return None;
        }
        let tag = self.mint_tag();
        let via = self.mint_via(endpoint, advertised);
        let request = Request {
            cseq: CSeq { number, method: method.clone() },
            method,
            uri,
            via,
            vias_below: Vec::new(),
            from: NameAddr::new(from).with_tag(&tag),
            to: NameAddr::new(to),
            call_id: call_id.into(),
            headers,
            body: Vec::new(),
        };
        let id = RequestId(self.mint());
        let path = self.way(endpoint, &target, profile.as_deref());
        // A registration's flow stays open: the carrier calls by it (RFC 5626 4.2).
        if let Kind::Register(asked) = &kind {
            self.keep(path, asked.is_wanted());
        }
        let tx = self.open_client(now, Arc::new(request), path, UsageId(id.0), Role::Outside);
        self.outside.insert(id, Outside { kind, tx, path, endpoint, advertised, credentials, challenges: 0 });
        Some(id)
    }

    /// `heard` is false where silence or a broken transport made the answer up.
    pub(super) fn outside_answered(&mut self, now: Now, id: RequestId, request: &Request, response: &Response, heard: bool) {
        if response.is_provisional() {
            return;
        }
        let Some(mut outside) = self.outside.remove(&id) else { return };
        if heard && outside.challenges < CHALLENGES_MAX {
            let again = outside.credentials.as_ref().and_then(|credentials| self.with_credentials(request, response, credentials));
            if let Some(mut again) = again {
                again.cseq.number = request.cseq.number + 1;
                again.via = self.mint_via(outside.endpoint, outside.advertised);
                outside.challenges += 1;
                outside.tx = self.open_client(now, Arc::new(again), outside.path, UsageId(id.0), Role::Outside);
                self.outside.insert(id, outside);
                return;
            }
        }
        let event = match &outside.kind {
            Kind::Register(asked) => registering::outcome(id, asked, request, response, heard),
            Kind::Probe => trunk_probe::outcome(id, response, heard),
        };
        self.tell(event);
    }
}

/// A nonce may be stale once; a second refusal means that the password is wrong.
const CHALLENGES_MAX: u8 = 2;
