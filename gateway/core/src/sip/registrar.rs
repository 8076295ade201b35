//! Registrar (RFC 3261 10.3): where the phones are.
//!
//! Holds bindings and decides; it neither authenticates nor answers, the user agent does.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::{NameAddr, Request, Uri};
use crate::ids::EndpointId;

/// Where one user's phone can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    pub contact: Uri,
    /// Where the REGISTER came in.
    pub endpoint: EndpointId,
    /// Where it came from; behind NAT the only address that works.
    pub source: SocketAddr,
    /// The phone's own idea of its address is not where it sends from.
    pub nat: bool,
    pub expires: Instant,
    call_id: String,
    cseq: u32,
}

/// All bindings, by user.
#[derive(Debug, Clone, Default)]
pub struct Registrar {
    users: BTreeMap<String, Vec<Binding>>,
}

/// Why a REGISTER changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declined {
    /// 400: a Contact or Expires that cannot be read, or `*` with company.
    Malformed,
    /// 423: under `EXPIRES_MIN`.
    TooBrief,
    /// 500: older than what we know, by the same Call-ID (10.3, step 7).
    OutOfOrder,
    /// 403: over `BINDINGS_MAX`.
    TooMany,
}

/// Where a REGISTER came in and from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    pub endpoint: EndpointId,
    pub source: SocketAddr,
}

impl Registrar {
    /// Nobody is here.
    pub const fn new() -> Self {
        Self { users: BTreeMap::new() }
    }

    /// Changes the bindings of an authenticated user, all or none.
    pub fn register(&mut self, now: Instant, user: &str, origin: Origin, request: &Request) -> Result<(), Declined> {
        let mut bindings = self.bindings(user, now);
        let wildcard = request.headers.list("Contact").any(|item| item == "*");
        let default = match request.headers.first("Expires") {
            Some(text) => Some(seconds(text)?),
            None => None,
        };
        if wildcard {
            if request.headers.list("Contact").count() != 1 || default != Some(0) {
                return Err(Declined::Malformed);
            }
            if bindings.iter().any(|binding| binding.call_id == request.call_id && binding.cseq >= request.cseq.number) {
                return Err(Declined::OutOfOrder);
            }
            self.users.remove(user);
            return Ok(());
        }
        for contact in request.headers.addresses("Contact").map_err(|_| Declined::Malformed)? {
            let lifetime = lifetime(&contact, default)?;
            let known = bindings.iter().position(|binding| binding.contact.is_same(&contact.uri));
            if known.is_some_and(|at| bindings[at].call_id == request.call_id && bindings[at].cseq >= request.cseq.number) {
                return Err(Declined::OutOfOrder);
            }
            if let Some(at) = known {
                bindings.remove(at);
            }
            if lifetime.is_zero() {
                continue;
            }
            if bindings.len() == BINDINGS_MAX {
                return Err(Declined::TooMany);
            }
            bindings.push(Binding {
                contact: contact.uri.detached(),
                endpoint: origin.endpoint,
                source: origin.source,
                nat: request.via.is_translated(origin.source),
                expires: now + lifetime,
                call_id: request.call_id.to_string(),
                cseq: request.cseq.number,
            });
        }
        match bindings.is_empty() {
            true => self.users.remove(user),
            false => self.users.insert(user.to_owned(), bindings),
        };
        Ok(())
    }

    /// Where a user can be reached now, newest last.
    pub fn bindings(&self, user: &str, now: Instant) -> Vec<Binding> {
        self.users.get(user).into_iter().flatten().filter(|binding| binding.expires > now).cloned().collect()
    }

    /// Has somebody registered from this address, and not left?
    pub fn is_bound_by(&self, endpoint: EndpointId, source: SocketAddr, now: Instant) -> bool {
        let stands = |binding: &Binding| binding.endpoint == endpoint && binding.source == source && binding.expires > now;
        self.users.values().flatten().any(stands)
    }

    /// The Contact lines of a 200: all that stands, with the seconds that are left.
    pub fn contacts(&self, user: &str, now: Instant) -> Vec<String> {
        let left = |binding: &Binding| binding.expires.saturating_duration_since(now).as_secs();
        self.bindings(user, now).iter().map(|binding| format!("<{}>;expires={}", binding.contact, left(binding))).collect()
    }
}

fn lifetime(contact: &NameAddr, default: Option<u32>) -> Result<Duration, Declined> {
    let asked = match contact.params.value("expires") {
        Some(text) => seconds(text)?,
        None => default.unwrap_or(EXPIRES_MAX),
    };
    match asked {
        1..EXPIRES_MIN => Err(Declined::TooBrief),
        asked => Ok(Duration::from_secs(asked.min(EXPIRES_MAX).into())),
    }
}

/// "Malformed values SHOULD be treated as equivalent to 3600" (20.10) is for lookups; what is no number at all we refuse, what is huge is cut.
fn seconds(text: &str) -> Result<u32, Declined> {
    match !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        true => Ok(text.parse().unwrap_or(u32::MAX)),
        false => Err(Declined::Malformed),
    }
}

/// Seconds. A phone that asks for less would spend its day registering.
pub const EXPIRES_MIN: u32 = 60;

/// Seconds; also what a phone gets that does not say. A phone that vanished is called in vain for no longer.
pub const EXPIRES_MAX: u32 = 3600;

/// Devices of one user.
pub const BINDINGS_MAX: usize = 8;
