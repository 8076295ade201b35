//! One place where a user can be reached: a Contact, the way it came by, and how long it holds.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::{Declined, EXPIRES_MAX, EXPIRES_MIN, Origin};
use crate::{
    events::wire::Path,
    sip::{NameAddr, Request, Uri, header::unquoted},
};

/// Where one user's phone can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    pub contact: Uri,
    /// The way that the REGISTER came by; behind NAT, and over a stream, the only one that works.
    pub flow: Path,
    /// Where it came from.
    pub source: SocketAddr,
    /// The phone's own idea of its address is not where it sends from.
    pub nat: bool,
    /// The proxies between us, nearest first (RFC 3327): they become the Route of whatever goes to this contact.
    pub path: Vec<NameAddr>,
    /// Preference in thousandths (RFC 3261 20.10); the higher is rung first in a list.
    pub q: u16,
    /// Which device it is, whatever its address (`+sip.instance`, RFC 5626 4.1).
    pub instance: Option<String>,
    /// Which of the device's flows, 1 and up (RFC 5626 4.2); only with an instance.
    pub reg_id: Option<u32>,
    pub expires: Instant,
    pub(super) call_id: String,
    pub(super) cseq: u32,
}

impl Binding {
    /// What one Contact of a REGISTER asks for, and for how long; no time means that it is to go.
    pub(super) fn read(
        contact: NameAddr,
        default: Option<u32>,
        origin: &Origin,
        request: &Request,
        now: Instant,
    ) -> Result<(Self, Duration), Declined> {
        let lifetime = lifetime(&contact, default)?;
        let instance = contact.params.value("+sip.instance").and_then(unquoted);
        let reg_id = match contact.params.value("reg-id").filter(|_| instance.is_some()) {
            Some(text) => Some(text.parse().ok().filter(|id| *id > 0).ok_or(Declined::Malformed)?),
            None => None,
        };
        let binding = Self {
            q: contact.params.value("q").map_or(Ok(1000), thousandths)?,
            contact: contact.uri.detached(),
            flow: origin.flow,
            source: origin.source,
            nat: request.via.is_translated(origin.source),
            path: request.headers.addresses("Path").map_err(|_| Declined::Malformed)?,
            instance,
            reg_id,
            expires: now + lifetime,
            call_id: request.call_id.to_string(),
            cseq: request.cseq.number,
        };
        Ok((binding, lifetime))
    }

    /// The same place said again: a flow is known by its device and number, not by its address (RFC 5626 6), all else by its address.
    pub(super) fn is_again(&self, newer: &Self) -> bool {
        match newer.reg_id {
            Some(_) => self.reg_id == newer.reg_id && self.instance == newer.instance,
            None => self.contact.is_same(&newer.contact),
        }
    }

    /// The Contact of a 200, with the seconds that are left.
    pub(super) fn to_contact(&self, now: Instant, gruu: Option<&str>) -> String {
        let mut contact = NameAddr::new(self.contact.clone());
        let left = self.expires.saturating_duration_since(now).as_secs().to_string();
        contact.params.set("expires", Some(&left));
        if self.q < 1000 {
            contact.params.set("q", Some(&format!("0.{:03}", self.q)));
        }
        if let Some(instance) = &self.instance {
            contact.params.set("+sip.instance", Some(&format!("\"{instance}\"")));
        }
        if let Some(id) = self.reg_id {
            contact.params.set("reg-id", Some(&id.to_string()));
        }
        if let Some(gruu) = gruu {
            contact.params.set("pub-gruu", Some(&format!("\"{gruu}\"")));
        }
        contact.to_string()
    }

    /// What `gr` of this device's public GRUU says: the instance without its brackets (RFC 5627 3.2).
    pub(super) fn gr(&self) -> Option<&str> {
        self.instance.as_deref().map(|instance| instance.trim_matches(['<', '>']))
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
pub(super) fn seconds(text: &str) -> Result<u32, Declined> {
    match !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        true => Ok(text.parse().unwrap_or(u32::MAX)),
        false => Err(Declined::Malformed),
    }
}

/// `qvalue`: 0 to 1 with at most three decimals (RFC 3261 25.1).
fn thousandths(text: &str) -> Result<u16, Declined> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let is_sound = decimals.len() <= 3 && decimals.bytes().all(|b| b.is_ascii_digit());
    let thousandths: u16 = format!("{decimals:0<3}").parse().map_err(|_| Declined::Malformed)?;
    match whole {
        "0" if is_sound => Ok(thousandths),
        "1" if is_sound && thousandths == 0 => Ok(1000),
        _ => Err(Declined::Malformed),
    }
}
