//! Session-ID on every message of a usage (RFC 7989): one name of ours for all legs of a call, and the peer's beside it.

use rand::Rng;

use super::{UsageId, UserAgent};
use crate::sip::{
    Headers, Request, Response,
    header::{SessionId, Uuid},
};

impl<R: Rng> UserAgent<R> {
    /// Both halves of a usage, as we say them.
    pub fn session(&self, usage: UsageId) -> SessionId {
        self.usages.get(&usage).map(|usage| usage.session_id).unwrap_or_default()
    }

    /// A name for a session that begins at us.
    pub(super) fn mint_session(&mut self) -> Uuid {
        Uuid::random(self.rng.next_u64(), self.rng.next_u64())
    }

    /// Our half as the owner's headers of an INVITE name it, so that a call has the same on all its legs.
    pub(super) fn session_of(&mut self, headers: &[(String, String)]) -> Uuid {
        let mut said = Headers::new();
        headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("Session-ID"))
            .for_each(|(name, value)| said.push(name, value.as_str()));
        SessionId::of(&said).map_or_else(|| self.mint_session(), |said| said.local)
    }

    /// The peer's half may change within a dialog: a transfer behind it gives it another end (RFC 7989 7).
    pub(super) fn learn_session(&mut self, usage: UsageId, headers: &Headers) {
        if let (Some(usage), Some(said)) = (self.usages.get_mut(&usage), SessionId::of(headers).filter(|said| !said.local.is_null())) {
            usage.session_id.remote = said.local;
        }
    }

    pub(super) fn stamp_request(&self, usage: UsageId, request: &mut Request) {
        stamp(self.session(usage), &mut request.headers);
    }

    pub(super) fn stamp_response(&self, usage: Option<UsageId>, response: &mut Response) {
        if let Some(usage) = usage {
            stamp(self.session(usage), &mut response.headers);
        }
    }
}

fn stamp(session: SessionId, headers: &mut Headers) {
    if !session.local.is_null() {
        headers.set("Session-ID", session.to_string());
    }
}
