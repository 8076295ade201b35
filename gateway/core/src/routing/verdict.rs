//! What would become of a call, step by step: the same decisions as for a real one, with nobody calling.

use std::{fmt, net::SocketAddr};

use super::{Refusal, numbers::rewritten, route_of, source_of, trunk_of};
use crate::config::{Config, RouteAction, StirPolicy};

/// A call that might come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Who it comes from.
    pub by: By,
    /// The caller as shown; empty where withheld.
    pub caller: String,
    /// The user part of the request-URI.
    pub dialled: String,
    /// It bears a signature (RFC 8224); what that is worth shows only when it is verified.
    pub is_signed: bool,
}

/// Who a call comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// Whoever speaks from here.
    Address(SocketAddr),
    /// This trunk, wherever it speaks from.
    Trunk(String),
    /// A phone of ours that has proved itself, or a page.
    Phone,
}

/// What would become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub asked: Asked,
    /// The trunk that speaks, with the network that says so; `None` for a phone, a page or a stranger.
    pub trunk: Option<(String, Option<String>)>,
    /// The number that routes are compared with.
    pub number: String,
    pub way: Result<Way, Refusal>,
}

/// Where the call would go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// Which `[[route]]`, from 1, as the file has them.
    pub place: usize,
    /// Its `dialled`.
    pub dialled: String,
    pub action: RouteAction,
    pub record: bool,
}

/// Judges a call as the Switch would.
pub fn judge(config: &Config, mut asked: Asked) -> Verdict {
    let trunk = match &asked.by {
        By::Address(from) => trunk_of(config, *from).map(|trunk| {
            let source = source_of(trunk, from.ip()).map(|(network, prefix)| format!("{network}/{prefix}"));
            Some((trunk.name.clone(), source))
        }),
        By::Trunk(name) => Ok(Some((name.clone(), None))),
        By::Phone => Ok(None),
    };
    let trunk = match trunk {
        Ok(trunk) => trunk,
        Err(refusal) => return Verdict { number: asked.dialled.clone(), asked, trunk: None, way: Err(refusal) },
    };
    let known = trunk.as_ref().and_then(|(name, _)| config.trunks.iter().find(|known| known.name == *name));
    let here = |number: &str| match known {
        Some(known) => rewritten(number, &known.peering.numbers_in, known.default_region.as_deref()),
        None => number.to_owned(),
    };
    let number = here(&asked.dialled);
    asked.caller = here(&asked.caller);
    let way = route_of(config, trunk.as_ref().map(|(name, _)| name.as_str()), &number).map(|route| Way {
        place: config.routes.iter().position(|other| std::ptr::eq(other, route)).map_or(0, |place| place + 1),
        dialled: route.dialled.clone(),
        action: route.action.clone(),
        record: route.record,
    });
    let must_prove = known.filter(|known| known.callers.stir == StirPolicy::Require && !asked.is_signed);
    let way = way.and_then(|way| must_prove.map_or(Ok(way), |known| Err(Refusal::unsigned(&known.name))));
    Verdict { asked, trunk, number, way }
}

impl Verdict {
    /// The script that the call would enter.
    pub fn script(&self) -> Option<&str> {
        match &self.way {
            Ok(Way { action: RouteAction::Script(name), .. }) => Some(name),
            Ok(Way { action: RouteAction::Bridge(_) | RouteAction::Number(_), .. }) | Err(_) => None,
        }
    }
}

/// One line for each step, as far as the call would come.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = match (&self.trunk, &self.asked.by) {
            (Some((name, Some(source))), _) => format!("{name}, which speaks from {source}"),
            (Some((name, None)), _) => name.clone(),
            (None, By::Phone) => "none: a phone of ours, or a page".to_owned(),
            (None, By::Address(_) | By::Trunk(_)) => "none".to_owned(),
        };
        writeln!(f, "trunk     {from}")?;
        writeln!(f, "caller    {}", if self.asked.caller.is_empty() { "withheld" } else { &self.asked.caller })?;
        match self.number == self.asked.dialled {
            true => writeln!(f, "number    {}", self.number)?,
            false => writeln!(f, "number    {}, dialled as {}", self.number, self.asked.dialled)?,
        }
        match &self.way {
            Ok(way) => {
                writeln!(f, "route     number {}, dialled = \"{}\"", way.place, way.dialled)?;
                match &way.action {
                    RouteAction::Script(name) => write!(f, "goes to   script {name}")?,
                    RouteAction::Bridge(uri) => write!(f, "goes to   {uri}, with no script")?,
                    RouteAction::Number(to) => write!(f, "goes to   {to}, with no script")?,
                }
                f.write_str(if way.record { ", recorded" } else { "" })
            }
            Err(refusal) => {
                let cause = refusal.cause();
                write!(f, "refused   {} {} (Q.850 {}): {}", cause.sip, refusal.reason.word(), cause.q850, refusal.said)?;
                if let Some(nearest) = &refusal.nearest {
                    write!(f, "\nnearest   {nearest}")?;
                }
                if let Some(differs) = &refusal.differs {
                    write!(f, " {differs}")?;
                }
                let Some(admit) = &refusal.admit else { return Ok(()) };
                match &admit.trunk {
                    Some(trunk) => write!(f, "\nto admit  in [[trunk]] {trunk}:")?,
                    None => f.write_str("\nto admit  at the end of the file:")?,
                }
                admit.toml.lines().try_for_each(|line| write!(f, "\n          {line}"))
            }
        }
    }
}
