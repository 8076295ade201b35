//! Registrar (RFC 3261 10.3): where the phones are, by which proxies (RFC 3327) and over which flows (RFC 5626).
//!
//! Holds bindings and decides; it neither authenticates nor answers, the user agent does. Of RFC 5627 it gives public GRUUs and no temporary
//! ones: a name that hides its user is of no use to a gateway that puts its own Contact on every call.

mod binding;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, net::SocketAddr, time::Instant};

pub use binding::Binding;
use binding::seconds;

use super::{Request, Uri};
use crate::events::wire::Path;

/// All bindings, by user.
#[derive(Debug, Clone)]
pub struct Registrar {
    users: BTreeMap<String, Vec<Binding>>,
    /// Bindings of all users.
    count: usize,
    bindings_max: usize,
    per_user_max: usize,
}

/// Why a REGISTER changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declined {
    /// 400: a Contact, Path or Expires that cannot be read, or `*` with company.
    Malformed,
    /// 423: under `EXPIRES_MIN`.
    TooBrief,
    /// 439: a flow through a proxy that does not know flows (RFC 5626 6).
    NoOutbound,
    /// 500: older than what we know, by the same Call-ID (10.3, step 7).
    OutOfOrder,
    /// 403: over `Limits::contacts`.
    TooMany,
    /// 503: over `Limits::registrations`.
    Full,
}

/// Where a REGISTER came in and from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The way back to `source`.
    pub flow: Path,
    pub source: SocketAddr,
}

impl Registrar {
    /// Nobody is here; so many bindings have room, and so many of one user.
    pub const fn new(bindings_max: usize, per_user_max: usize) -> Self {
        Self { users: BTreeMap::new(), count: 0, bindings_max, per_user_max }
    }

    /// Changes the bindings of an authenticated user, all or none.
    ///
    /// # Errors
    /// The first rule that the request breaks.
    pub fn register(&mut self, now: Instant, user: &str, origin: &Origin, request: &Request) -> Result<(), Declined> {
        let mut bindings = self.bindings(user, now);
        let wildcard = request.headers.list("Contact").any(|item| item == "*");
        let default = match request.headers.first("Expires") {
            Some(text) => Some(seconds(text)?),
            None => None,
        };
        let is_stale = |binding: &Binding| binding.call_id == request.call_id && binding.cseq >= request.cseq.number;
        if wildcard {
            if request.headers.list("Contact").count() != 1 || default != Some(0) {
                return Err(Declined::Malformed);
            }
            if bindings.iter().any(is_stale) {
                return Err(Declined::OutOfOrder);
            }
            self.put(user, Vec::new());
            return Ok(());
        }
        for contact in request.headers.addresses("Contact").map_err(|_| Declined::Malformed)? {
            let (binding, lifetime) = Binding::read(contact, default, origin, request, now)?;
            if binding.reg_id.is_some() && !is_first_hop_outbound(request) {
                return Err(Declined::NoOutbound);
            }
            let known = bindings.iter().position(|known| known.is_again(&binding));
            if known.is_some_and(|at| is_stale(&bindings[at])) {
                return Err(Declined::OutOfOrder);
            }
            if let Some(at) = known {
                bindings.remove(at);
            }
            if lifetime.is_zero() {
                continue;
            }
            if bindings.len() >= self.per_user_max {
                return Err(Declined::TooMany);
            }
            bindings.push(binding);
        }
        let before = self.users.get(user).map_or(0, Vec::len);
        if self.count - before + bindings.len() > self.bindings_max {
            return Err(Declined::Full);
        }
        self.put(user, bindings);
        Ok(())
    }

    /// Where a user can be reached now, newest last.
    pub fn bindings(&self, user: &str, now: Instant) -> Vec<Binding> {
        self.users.get(user).into_iter().flatten().filter(|binding| binding.expires > now).cloned().collect()
    }

    /// Is anybody reached this way, who has not left?
    pub fn is_bound_by(&self, flow: Path, now: Instant) -> bool {
        self.users.values().flatten().any(|binding| binding.flow == flow && binding.expires > now)
    }

    /// Where a call to this address goes: the preferred first, one flow of each device, the newest (RFC 5626 5.3); with `gr`, that device
    /// alone (RFC 5627 5.1).
    pub fn targets(&self, address: &Uri, now: Instant) -> Vec<Binding> {
        let Some(user) = address.user() else { return Vec::new() };
        let wanted = address.params.value("gr");
        let mut targets: Vec<Binding> = Vec::new();
        for binding in self.bindings(&user, now).into_iter().rev() {
            let is_wanted = wanted.is_none_or(|gr| binding.gr().is_some_and(|own| own.eq_ignore_ascii_case(gr)));
            let is_other_flow = |known: &Binding| binding.instance.is_some() && known.instance == binding.instance;
            if is_wanted && !targets.iter().any(is_other_flow) {
                targets.push(binding);
            }
        }
        targets.sort_by_key(|binding| std::cmp::Reverse(binding.q));
        targets
    }

    /// The Contact lines of a 200: all that stands, with the seconds that are left; `address` is the user's, for the GRUU of who asks for it.
    pub fn contacts(&self, user: &str, now: Instant, address: Option<&Uri>) -> Vec<String> {
        let gruu = |binding: &Binding| {
            let mut gruu = Uri { port: None, headers: None, ..address?.clone() };
            gruu.params.set("gr", Some(binding.gr()?));
            Some(gruu.to_string())
        };
        self.bindings(user, now).iter().map(|binding| binding.to_contact(now, gruu(binding).as_deref())).collect()
    }

    /// When the next binding runs out.
    pub fn deadline(&self) -> Option<Instant> {
        self.users.values().flatten().map(|binding| binding.expires).min()
    }

    /// Takes out what has run out; whom it was about, with the bindings that remain.
    pub fn expire(&mut self, now: Instant) -> Vec<(String, usize)> {
        self.drop_where(|binding| binding.expires <= now)
    }

    /// A stream is gone, and what was reached over it (RFC 5626 4.2.1); whom it was about, with the bindings that remain.
    pub fn lose(&mut self, flow: Path) -> Vec<(String, usize)> {
        self.drop_where(|binding| binding.flow == flow)
    }

    fn drop_where(&mut self, is_gone: impl Fn(&Binding) -> bool) -> Vec<(String, usize)> {
        let concerned = |(user, bindings): (&String, &Vec<Binding>)| bindings.iter().any(&is_gone).then(|| user.clone());
        let users: Vec<String> = self.users.iter().filter_map(concerned).collect();
        let mut left = Vec::with_capacity(users.len());
        for user in users {
            let bindings: Vec<_> = self.users.get(&user).into_iter().flatten().filter(|binding| !is_gone(binding)).cloned().collect();
            left.push((user.clone(), bindings.len()));
            self.put(&user, bindings);
        }
        left
    }

    fn put(&mut self, user: &str, bindings: Vec<Binding>) {
        self.count += bindings.len();
        let before = match bindings.is_empty() {
            true => self.users.remove(user),
            false => self.users.insert(user.to_owned(), bindings),
        };
        self.count -= before.map_or(0, |before| before.len());
    }
}

/// The phone speaks to us itself, or through a proxy that says `ob` in the first Path (RFC 5626 6).
fn is_first_hop_outbound(request: &Request) -> bool {
    let first = request.headers.addresses("Path").ok().and_then(|path| path.last().cloned());
    request.vias_below.is_empty() || first.is_some_and(|first| first.uri.params.has("ob"))
}

/// Seconds. A phone that asks for less would spend its day registering.
pub const EXPIRES_MIN: u32 = 60;

/// Seconds; also what a phone gets that does not say. A phone that vanished is called in vain for no longer.
pub const EXPIRES_MAX: u32 = 3600;
